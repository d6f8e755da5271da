"""The landing page: every source with its state, its age and its last error."""

import time
from html import escape
from importlib.resources import files
from string import Template

from exporter import __version__
from exporter.engine.engine import Engine
from exporter.platform.values import Duration
from exporter.server.status import SourceStatus, sources

_PAGE = Template((files("exporter.server") / "landing.html").read_text(encoding="utf-8"))
_MOST_DROPPED = 10


def page(engine: Engine) -> str:
    """Return the page as HTML."""
    now = sources(engine)
    return _PAGE.substitute(
        title=escape(engine.platform.title or now.platform),
        platform=escape(now.platform),
        environment=escape(now.environment),
        version=escape(__version__),
        series=f"{now.series:,}",
        bound=f"{engine.platform.limits.series:,}",
        dropped=_dropped(now.dropped),
        rows="\n".join(_row(source) for source in now.sources),
    )


def _dropped(dropped: dict[str, int]) -> str:
    """Return a line about samples that are not exported, or nothing."""
    if not dropped:
        return ""
    most = sorted(dropped.items(), key=lambda item: (-item[1], item[0]))
    named = ", ".join(f"<code>{escape(name)}</code> {count:,}" for name, count in most[:_MOST_DROPPED])
    rest = f" and {len(most) - _MOST_DROPPED} more" if len(most) > _MOST_DROPPED else ""
    return (
        f'<p class="dropped"><span class="warn">! {sum(dropped.values()):,} samples dropped</span> so far: '
        f"{named}{rest}. Raise <code>limits:</code> in the platform file, or ask for fewer label values.</p>"
    )


def _row(source: SourceStatus) -> str:
    kind, word = _word(source)
    age = "never" if source.age_seconds is None else f"{_ago(source.age_seconds)} ago"
    error = ""
    if source.error is not None:
        remedy = f"<br><em>{escape(source.error.remedy)}</em>" if source.error.remedy else ""
        error = f"<code>{escape(source.error.message)}</code>{remedy}{_probed(source)}"
    cells = (
        f'<span class="{kind}">{escape(word)}</span>',
        age,
        str(Duration(source.interval_seconds)),
        f"{source.duration_seconds * 1000:,.0f} ms",
        f"{source.series:,}",
        f"{sum(source.failures.values()):,}",
        error,
    )
    return f'<tr><th scope="row">{escape(source.name)}</th><td>{"</td><td>".join(cells)}</td></tr>'


def _probed(source: SourceStatus) -> str:
    """Return a line about the circuit when it is open."""
    if source.circuit == "closed" or source.due_timestamp_seconds is None:
        return ""
    wait = Duration(round(max(0.0, source.due_timestamp_seconds - time.time())))
    return f"<br>Circuit open after {source.failures_in_a_row:,} failures in a row; probed again in {wait}."


def _word(source: SourceStatus) -> tuple[str, str]:
    if source.state == "waiting":
        return "waiting", "… waiting"
    if source.error is None:
        return "good", "✓ up"
    if source.state == "stale":
        return "bad", f"✗ {source.error.reason}, stale"
    return "warn", f"! {source.error.reason}"


def _ago(seconds: float) -> str:
    return str(Duration(round(seconds))) if seconds >= 1 else "less than 1s"
