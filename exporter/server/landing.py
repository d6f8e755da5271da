"""The rows of the landing page: every source with its state, its age and its last error."""

import time
from collections.abc import Iterable
from html import escape

from exporter.engine.scheduler import Runner
from exporter.platform.values import Duration, redact


def rows(runners: Iterable[Runner]) -> str:
    """Return one table row a source, failing ones first."""
    ordered = sorted(runners, key=lambda runner: (runner.error is None, runner.source.name))
    return "\n".join(_row(runner) for runner in ordered)


def _row(runner: Runner) -> str:
    kind, word = _state(runner)
    age = "never" if runner.last_success is None else f"{_ago(time.time() - runner.last_success)} ago"
    error = ""
    if runner.error is not None:
        remedy = f"<br><em>{escape(runner.error.remedy)}</em>" if runner.error.remedy else ""
        error = f"<code>{escape(redact(str(runner.error))[:500])}</code>{remedy}"
    cells = (
        f'<span class="{kind}">{escape(word)}</span>',
        age,
        str(Duration(runner.source.every)),
        f"{runner.last_duration * 1000:,.0f} ms",
        f"{len(runner.data) if runner.fresh else 0:,}",
        f"{sum(runner.failures.values()):,}",
        error,
    )
    return f'<tr><th scope="row">{escape(runner.source.name)}</th><td>{"</td><td>".join(cells)}</td></tr>'


def _state(runner: Runner) -> tuple[str, str]:
    if not runner.runs:
        return "waiting", "… waiting"
    if runner.error is None:
        return "good", "✓ up"
    return (
        ("bad", f"✗ {runner.error.reason}, stale")
        if not runner.fresh
        else ("warn", f"! {runner.error.reason}")
    )


def _ago(seconds: float) -> str:
    return str(Duration(round(seconds))) if seconds >= 1 else "less than 1s"
