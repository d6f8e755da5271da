"""Writes the past as OpenMetrics text, and has promtool make blocks of it for Prometheus' storage."""

import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import yaml
from prometheus_client.parser import text_string_to_metric_families

from exporter.demo.history.others import TOLD, Past, scraped, sources, workers
from exporter.demo.history.pasts import Values, past
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
_NAME = re.compile(r"^[a-zA-Z_:][a-zA-Z0-9_:]*", re.MULTILINE)
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
        for item in _all(present, story, reach):
            samples += _write(out.write, story, item, reach.get(item[0]["__name__"], DAYS * DAY))
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


def _all(present: Present, story: Story, reach: Mapping[str, float]) -> Iterator[Past]:
    catalogue = present.catalogue
    identity = {"platform": str(catalogue["platform"]), "environment": str(catalogue["environment"])}
    targets = {job: {"job": job, "instance": at, **identity} for job, at in present.instances.items()}
    yield from _served(present.page, story, reach, targets[_EXPORTER])
    for past_ in (*workers(story, _WORKERS), *sources(story, catalogue["sources"])):
        yield _at(targets[_EXPORTER], past_)
    for job, labels in targets.items():
        for past_ in scraped(story, job):
            yield _at(labels, past_)
    endpoints = [source["target"] for source in catalogue["sources"] if source["kind"] == "health"]
    recorded = Recorded(story, _rules(present.generated), _requests(catalogue), endpoints)
    for labels, values in (*recorded.series(), *recorded.key_figures(catalogue["kpis"])):
        yield labels, values, False
    for labels, begins, ends in recorded.alerts():
        yield labels, [1.0 if begins <= at <= ends else None for at in story.times], False


def _at(target: Mapping[str, str], past_: Past) -> Past:
    """Add the labels of the target; one's own of the same name are kept apart, as Prometheus does."""
    labels, values, counter = past_
    own = {f"exported_{key}" if key in target else key: value for key, value in labels.items()}
    return {**own, **target}, values, counter


def _served(page: str, story: Story, reach: Mapping[str, float], target: Mapping[str, str]) -> Iterator[Past]:
    names = set(_NAME.findall(page))
    for family in text_string_to_metric_families(page):
        count = 0
        for sample in family.samples:
            # The parser gives every counter its suffix, those of postgres_exporter too, which have none.
            name = sample.name if sample.name in names else sample.name.removesuffix("_total")
            if name in reach and name not in TOLD and count < _MOST_SERIES:
                count += 1
                counter = family.type == "counter"
                labels = {"__name__": name, **sample.labels}
                value = page.count("\n") if name == "platform_exporter_snapshot_series" else sample.value
                values = past(story, name, sample.labels, value, counter)
                # Ages are drawn from times: those need as many samples as rates.
                yield _at(target, (labels, values, counter or name.endswith("_timestamp_seconds")))


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


def _write(put: Callable[[str], object], story: Story, item: Past, back: float) -> int:
    labels, values, counter = item
    name = labels["__name__"]
    inner = ",".join(f'{key}="{_escaped(value)}"' for key, value in labels.items() if key != "__name__")
    head = f"{name}{{{inner}}} "
    if _EVEN.fullmatch(name):
        lines = _evenly(story, values, head)
    else:
        start, dense = story.since(story.now - back), story.since(story.now - _STEPS[-1][0])
        # Rates over half a minute need all of the nearest samples, levels half of them.
        near = range(max(dense, start), len(story.times), 1 if counter else 2)
        lines = [
            f"{head}{value:.8g} {story.times[at]:.0f}\n"
            for at in (*range(start, dense), *near)
            if (value := values[at]) is not None
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
