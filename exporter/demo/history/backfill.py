"""Writes the past as OpenMetrics text, and has promtool make blocks of it for Prometheus' storage."""

import re
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import yaml
from prometheus_client.parser import text_string_to_metric_families

from exporter.demo.history.pasts import Values, invocations, past
from exporter.demo.history.recorded import REQUESTS, Recorded
from exporter.demo.history.story import DAY, DAYS, HOUR, Story

# How far back dashboards of a range look, offsets included; panels compare with a week before.
_REACH = {"now-6h": 6.3 * HOUR, "now-24h": 25 * HOUR, "now-7d": 15 * DAY, "now-30d": DAYS * DAY}
# The nearer, the denser: (seconds before the start, step). Rates over a minute need several samples in it.
_STEPS = ((DAYS * DAY, 300), (25 * HOUR, 60), (6.3 * HOUR, 10))
# Averages over a month weigh samples, not time: what they read is written in one density throughout.
_EVEN = re.compile(r"slo:events_(bad|total):rate5m")
_EVEN_STEP = 60
_MOST_SERIES = 30
"""Of one metric: the past of a hundred tables tells no more than that of thirty."""
_WORD = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]{4,}")
_WORKERS = {"demo-api": REQUESTS, "demo-webhooks": 0.7}
_EXPORTER = "platform-exporter"


@dataclass(frozen=True, slots=True)
class Present:
    """What the past must lead to: the exporter's page now, the generated folder, and labels of Prometheus' targets."""

    page: str
    generated: Path
    catalogue: Mapping[str, Any]
    instances: Mapping[str, str]
    """Job → instance."""


def write(present: Present, file: Path, now: float | None = None) -> int:
    """Write the past of everything that dashboards show to `file`; return the number of samples."""
    end = float(int(now or time.time()) // 60 * 60)
    moments = [
        at
        for (ago, step), (until, _) in zip(_STEPS, [*_STEPS[1:], (0, 0)], strict=True)
        for at in _range(end - ago, end - until, step)
    ]
    story = Story(end, moments)
    reach = _reach(present.generated)
    samples = 0
    with file.open("w", encoding="utf-8") as out:
        for labels, values in _all(present, story, reach):
            samples += _write(out.write, story, labels, values, reach.get(labels["__name__"], DAYS * DAY))
        out.write("# EOF\n")
    return samples


def _range(start: float, end: float, step: float) -> Iterator[float]:
    for number in range(int((end - start) / step)):
        yield start + number * step


def _reach(generated: Path) -> dict[str, float]:
    """Return metric → seconds that the dashboards which name it look back."""
    found: dict[str, float] = {}
    for path in (generated / "dashboards").rglob("*.json"):
        document = orjson.loads(path.read_bytes())
        back = _REACH[document["time"]["from"]]
        texts = [
            target.get("expr", "")
            for panel in _panels(document["panels"])
            for target in panel.get("targets", ())
        ]
        texts += [annotation["expr"] for annotation in document["annotations"]["list"]]
        for text in texts:
            for word in _WORD.findall(text):
                found[word] = max(back, found.get(word, 0.0))
    return found


def _panels(panels: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for panel in panels:
        yield panel
        yield from _panels(panel.get("panels", ()))


def _all(
    present: Present, story: Story, reach: Mapping[str, float]
) -> Iterator[tuple[dict[str, str], Values]]:
    identity = {
        "platform": str(present.catalogue["platform"]),
        "environment": str(present.catalogue["environment"]),
    }
    target = {"job": _EXPORTER, "instance": present.instances[_EXPORTER], **identity}
    yield from _served(present.page, story, reach, target)
    for script, pace in _WORKERS.items():
        for name, status in (
            ("cloudflare_workers_requests_total", "success"),
            ("cloudflare_workers_requests_total", "scriptThrewException"),
            ("cloudflare_workers_errors_total", "scriptThrewException"),
        ):
            yield (
                {"__name__": name, "script_name": script, "status": status, **target},
                invocations(story, pace, status),
            )
    for job, instance in present.instances.items():
        for name, value in (("up", 1.0), ("scrape_duration_seconds", 0.004)):
            labels = {"__name__": name, "job": job, "instance": instance, **identity}
            yield labels, past(story, name, {}, value, counter=False)
    recorded = Recorded(story, _rules(present.generated), _requests(present.catalogue))
    yield from recorded.series()
    yield from recorded.key_figures(present.catalogue["kpis"])
    for labels, begins, ends in recorded.alerts():
        yield labels, [1.0 if begins <= at <= ends else None for at in story.times]


def _served(
    page: str, story: Story, reach: Mapping[str, float], target: Mapping[str, str]
) -> Iterator[tuple[dict[str, str], Values]]:
    written = {"cloudflare_workers_requests_total", "cloudflare_workers_errors_total"}
    for family in text_string_to_metric_families(page):
        count = 0
        for sample in family.samples:
            if sample.name not in reach or sample.name in written or count >= _MOST_SERIES:
                continue
            count += 1
            counter = family.type == "counter"
            labels = {"__name__": sample.name, **sample.labels, **target}
            yield labels, past(story, sample.name, sample.labels, sample.value, counter)


def _rules(generated: Path) -> list[dict[str, Any]]:
    return [
        rule
        for path in sorted((generated / "prometheus" / "rules").glob("*.yml"))
        for group in yaml.load(path.read_bytes(), Loader=yaml.CSafeLoader)["groups"]
        for rule in group["rules"]
    ]


def _requests(catalogue: Mapping[str, Any]) -> dict[str, float]:
    """Return service → requests per second; the others are checked, which is less often."""
    return {
        service["name"]: _WORKERS.get(signal["script_name"], REQUESTS)
        for service in catalogue["services"]
        for signal in service["signals"]
        if signal["kind"] == "cloudflare_worker"
    }


def _write(put: Any, story: Story, labels: Mapping[str, str], values: Values, back: float) -> int:
    name = labels["__name__"]
    inner = ",".join(f'{key}="{_escaped(value)}"' for key, value in labels.items() if key != "__name__")
    head = f"{name}{{{inner}}} "
    start = story.since(story.now - back)
    if _EVEN.fullmatch(name):
        lines = _evenly(story, values, head)
    else:
        rare = not name.endswith("_total")  # levels need fewer samples than rates
        dense = story.since(story.now - _STEPS[-1][0])
        chosen = [*range(start, dense), *range(max(dense, start), len(story.times), 2 if rare else 1)]
        lines = [
            f"{head}{value:.8g} {story.times[at]:.0f}\n" for at in chosen if (value := values[at]) is not None
        ]
    put("".join(lines))
    return len(lines)


def _evenly(story: Story, values: Values, head: str) -> list[str]:
    lines, at = [], 0
    for moment in _range(story.times[0], story.now, _EVEN_STEP):
        while at + 1 < len(story.times) and story.times[at + 1] <= moment:
            at += 1
        lines.append(f"{head}{values[at]:.8g} {moment:.0f}\n")
    return lines


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
