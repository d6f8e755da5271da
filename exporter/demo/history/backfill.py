"""Writes the past as OpenMetrics text, and has promtool make blocks of it for Prometheus' storage."""

import re
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import yaml
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from exporter.demo.history.others import TOLD, Past, scraped, sources, workers
from exporter.demo.history.pasts import Values, past, shares
from exporter.demo.history.recorded import REQUESTS, Recorded
from exporter.demo.history.story import DAY, DAYS, HOUR, Story, moments, nearest

# How far back dashboards of a range look, offsets included; panels compare with a week before.
_REACH = {"now-6h": 6.3 * HOUR, "now-24h": 25 * HOUR, "now-7d": 15 * DAY, "now-30d": DAYS * DAY}
# What is looked at for hours may be looked at for a week: fewer series of it, and fewer samples.
_A_WEEK = 7.1 * DAY
_SERIES_OF_A_WEEK = 10
# The nearer, the denser: (seconds before the start, step). Rates over a minute need several samples in it.
_STEPS = ((DAYS * DAY, 300), (25 * HOUR, 60), (6.3 * HOUR, 10))
# Averages over a month weigh samples, not time: what they read is written in one density throughout.
_AVERAGED = ("slo:events_bad:rate5m", "slo:events_total:rate5m")
_EVEN_STEP = 60
_EXACT_FROM = 1e5
_PAST = re.compile(r"\[|\boffset\b")
_TIMES = "_timestamp_seconds"
"""Ages are drawn from times: those need as many samples as rates, all of their digits, and mean nothing from afar."""
_LOOKBACK = 300
"""Seconds for which Prometheus takes the last value of a series for that of now."""
_UNSEEN: dict[str, float] = {
    "anomaly:level": 22 * DAY,
    "anomaly:expected": 25 * HOUR,
    "anomaly:residual": 25 * HOUR,
}
"""How far rules look back at what no dashboard shows."""
_MOST_SERIES = 12
"""Of one metric: the past of a hundred tables tells no more than that of a few."""
_EACH_COUNTS = ("pg_scrape_collector_success",)
"""Whose every series is asked for by itself: whether nobody waits, or nobody was asked."""
_WORD = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]+")
_RANGED = re.compile(r"([a-zA-Z_:][a-zA-Z0-9_:]+)(?:\{[^{}]*\})?\[\$__rate_interval")
"""What is looked at over a few seconds."""
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
    end = float(int(now or time.time()))
    story = Story(end, moments(end, _STEPS))
    reach: dict[str, float] = dict.fromkeys(_AVERAGED, float(DAYS * DAY)) | _UNSEEN
    drawn: set[str] = set()
    for back, name, needs_many in _asked(present.generated):
        reach[name] = max(back, reach.get(name, 0.0))
        if needs_many:
            drawn.add(name)
    samples = 0
    series: Counter[str] = Counter()
    with file.open("w", encoding="utf-8") as out:
        for item in _all(present, story, reach):
            name = item[0]["__name__"]
            if asked_for := reach.get(name):
                time_of = name.endswith(_TIMES)
                a_week = (series[name] < _SERIES_OF_A_WEEK or name in _EACH_COUNTS) and not time_of
                known_for = max(asked_for, _A_WEEK if a_week else 0.0)
                samples += _write(out.write, story, item, known_for, asked_for, name in drawn or time_of)
                series[name] += 1
        out.write("# EOF\n")
    return samples


def _range(start: float, end: float, step: float) -> Iterator[float]:
    for number in range(int((end - start) / step)):
        yield start + number * step


def _asked(generated: Path) -> Iterator[tuple[float, str, bool]]:
    """Yield, for each word of each query: how far its dashboard looks back, the word, whether it needs many samples."""
    for path in (generated / "dashboards").rglob("*.json"):
        document = orjson.loads(path.read_bytes())
        back = _REACH[document["time"]["from"]]
        for annotation in document["annotations"]["list"]:
            for word in _WORD.findall(annotation["expr"]):
                yield back, word, word in _RANGED.findall(annotation["expr"])
        for panel in _panels(document["panels"]):
            for target in panel.get("targets", ()):
                # A query about this very moment needs no past.
                if not target["instant"] or _PAST.search(target["expr"]):
                    ranged = _RANGED.findall(target["expr"])
                    for word in _WORD.findall(target["expr"]):
                        yield back, word, not target["instant"] and word in ranged


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
    rules, requests = _rules(present.generated), _requests(catalogue)
    recorded = Recorded(story, rules, requests, endpoints, _sums(present.page))
    for labels, values in (*recorded.series(), *recorded.key_figures(catalogue["kpis"])):
        yield labels, values, False
    for labels, begins, ends in recorded.alerts():
        yield labels, _fired(story.times, begins, ends), False


def _fired(times: Sequence[float], begins: float, ends: float) -> Values:
    """Return 1 while an alert fires. A past has no marks of an end: Prometheus goes on with each last value."""
    first = min((at for at in times if at >= begins), default=begins)
    last = max(first, ends - _LOOKBACK)
    return [1.0 if first <= at <= last else None for at in times]


def _at(target: Mapping[str, str], past_: Past) -> Past:
    """Add the labels of the target; one's own of the same name are kept apart, as Prometheus does."""
    labels, values, counter = past_
    own = {f"exported_{key}" if key in target else key: value for key, value in labels.items()}
    return {**own, **target}, values, counter


def _served(page: str, story: Story, reach: Mapping[str, float], target: Mapping[str, str]) -> Iterator[Past]:
    names = set(_NAME.findall(page))
    for family in text_string_to_metric_families(page):
        by_name: dict[str, list[Sample]] = defaultdict(list)
        for sample in family.samples:
            # The parser gives every counter its suffix, those of postgres_exporter too, which have none.
            name = sample.name if sample.name in names else sample.name.removesuffix("_total")
            template = sample.labels.get("datname", "").startswith("template")
            if (
                name in reach
                and name not in TOLD
                and not template
                and _lasts(sample.labels)
                and (len(by_name[name]) < _MOST_SERIES or name in _EACH_COUNTS)
            ):
                by_name[name].append(sample)
        counter = family.type == "counter"
        for name, served in by_name.items():
            parts = shares(name, [sample.labels for sample in served])
            for sample, share in zip(served, parts, strict=True):
                value = _series(page) if name == "platform_exporter_snapshot_series" else sample.value
                values = past(story, name, sample.labels, value, counter, share)
                labels = {"__name__": name, **sample.labels}
                yield _at(target, (labels, values, counter or name.endswith(_TIMES)))


def _lasts(labels: Mapping[str, str]) -> bool:
    """Whether a statement, if it is one, is the product's: others run often only while the demo starts.

    Soon they are none of those that take most, and then nobody knows their text.
    """
    return "queryid" not in labels or labels.get("user") == "product"


def _sums(page: str) -> dict[str, float]:
    """Return the sum of the samples of each gauge that is served, and the largest as `name:max`."""
    found: dict[str, float] = defaultdict(float)
    for family in text_string_to_metric_families(page):
        for sample in family.samples if family.type == "gauge" else ():
            found[sample.name] += sample.value
            largest = f"{sample.name}:max"
            found[largest] = max(found[largest], sample.value)
    return dict(found)


def _series(page: str) -> float:
    return float(sum(not line.startswith("#") for line in page.splitlines()))


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


def _write(
    put: Callable[[str], object], story: Story, item: Past, known_for: float, asked_for: float, drawn: bool
) -> int:
    """Write one series, as far back as it is `known_for`, densely where its dashboard asks for it; both in seconds."""
    labels, values, counter = item
    name = labels["__name__"]
    inner = ",".join(f'{key}="{_escaped(value)}"' for key, value in labels.items() if key != "__name__")
    head = f"{name}{{{inner}}} "
    if name in _AVERAGED:
        lines = _evenly(story, values, head)
    else:
        start, day, dense = (
            story.since(nearest(story.now) - ago) for ago in (known_for, _STEPS[1][0], _STEPS[-1][0])
        )
        # Of what is not looked at over a few seconds, each minute's is enough.
        every = 1 if drawn else 6
        # Levels are rough; times, counts and customers are not.
        digits = ".6g" if not counter and abs(values[-1] or 0.0) < _EXACT_FROM else ""
        lines = [
            f"{head}{value:{digits}} {story.times[at]:.0f}\n"
            for at in (
                *range(start, day),
                *range(max(day, start), dense, 1 if asked_for > _STEPS[-1][0] else 2),
                *range(max(dense, start), len(story.times), every),
            )
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
