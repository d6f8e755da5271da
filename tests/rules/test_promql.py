"""PromQL that the platform file takes makes rules that Prometheus takes, however it is written."""

import json
import subprocess
from pathlib import Path

import pytest

from exporter.generate import catalogue, files
from exporter.platform.problems import PlatformError

SELECTORS = [
    "calls_seconds",
    ' calls_seconds {job = "api", } \n',
    "calls_seconds{}",
    "+calls_seconds",
    "calls_seconds # all of them",
    r'calls_seconds{path=~"/v\\d+/.*", user!="a\"}\\", at="#1"}',
    r"""calls_seconds{path=~`/v\d+/[^"']*#`}""",
    "calls_seconds{name='ünïcode ☃ {#'}",
    "team:calls_seconds:all",
]
EXPRESSIONS = [
    *SELECTORS,
    "max(calls) # a comment",
    "# a comment\nmax(\n  calls # another\n)\n",
    "max_over_time(calls[1h:5m])",
    "calls offset 5m @ end()",
    r"count(calls{path=~`\w+#`}) or vector(0)",
    "1",
    "histogram_quantile(0.9, sum by (le) (rate(calls_bucket[5m])))",
]
NO_SELECTORS = [
    "calls offset 5m",
    "calls @ 5",
    "rate(calls[5m])",
    "calls[5m]",
    "(calls)",
    "-calls",
    '{__name__="calls"}',
    '{job="api"}',
    "calls{",
    "`calls`",
    "# nothing",
    "",
]
NO_NUMBERS = ["calls[5m]", "((calls[5m]))", "calls[1h:5m]", "(calls[1h:5m])", '"calls"', '("calls")', "#", ""]


def written(folder: Path, **keys: object) -> Path:
    """Write a platform file; JSON is YAML."""
    file = folder / "shop.yml"
    file.write_text(json.dumps({"platform": "shop", **keys}))
    return file


def with_signals(*selectors: str) -> dict[str, object]:
    return {
        "services": {
            f"calls{number}": {
                "title": f"Calls {number}",
                "question": "Can customers call?",
                "signals": {"metrics": {"total": selector, "bad": selector, "duration": selector}},
                "objectives": {"availability": "99%", "latency": {"p95": "500ms"}},
            }
            for number, selector in enumerate(selectors)
        }
    }


def with_figures(*expressions: str) -> dict[str, object]:
    return {
        "quotas": {
            f"calls{number}": {"title": "Calls", "used": expression, "limit": "1000", "resets": "monthly"}
            for number, expression in enumerate(expressions)
        },
        "kpis": [
            {"title": f"Calls {number}", "help": "Calls.", "expr": expression, "target": "> 1"}
            for number, expression in enumerate(expressions)
        ],
    }


def test_prometheus_takes_what_is_made_of_it(tmp_path: Path, promtool: Path) -> None:
    rules = []
    file = written(tmp_path, **with_signals(*SELECTORS), **with_figures(*EXPRESSIONS))
    for path, text in files(catalogue(file)).items():
        if path.startswith("prometheus/rules/"):
            rules.append(tmp_path / Path(path).name)
            rules[-1].write_text(text)
    done = subprocess.run([promtool, "check", "rules", *rules], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    "keys",
    [*map(with_signals, NO_SELECTORS), *map(with_figures, NO_NUMBERS)],
    ids=[*(f"signal {each!r}" for each in NO_SELECTORS), *(f"figure {each!r}" for each in NO_NUMBERS)],
)
def test_what_is_none_is_refused_where_it_stands(keys: dict[str, object], tmp_path: Path) -> None:
    with pytest.raises(PlatformError) as caught:
        catalogue(written(tmp_path, **keys))
    assert {problem.key.rsplit(".", 1)[-1] for problem in caught.value.problems} in (
        {"total", "bad", "duration"},
        {"used", "expr"},
    )
