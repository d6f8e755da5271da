"""What Prometheus' own rules would have recorded in the past: services, service levels, key figures, alerts."""

import re
from collections.abc import Iterator
from itertools import accumulate
from typing import Any

from exporter.demo.history.pasts import Values, pace_of, since_midnight
from exporter.demo.history.story import DAY, INCIDENTS, MINUTE, USUAL_FAILURES, Story
from exporter.platform.values import Duration

Series = tuple[dict[str, str], Values]
"""Labels, the name among them, and the value at each moment of the story."""

REQUESTS = 3.0
"""Requests per second on the demo's API at its start; checks come less often."""
_CHECKS = 0.2
_STORED = 13e6  # bytes in the demo's database
_P95 = 0.02


class Recorded:
    """The past of each recorded series, of rules as Prometheus reads them."""

    def __init__(
        self, story: Story, rules: list[dict[str, Any]], requests: dict[str, float], endpoints: list[str]
    ) -> None:
        self._story = story
        self._endpoints = endpoints
        self._rules = rules
        self._requests = requests
        self._objectives = {
            rule["labels"]["slo"]: float(_constant(rule["expr"]))
            for rule in rules
            if rule.get("record") == "slo:objective:ratio"
        }
        # Sums over time up to each moment, to average over windows of any length.
        spans = [b - a for a, b in zip(story.times, [*story.times[1:], story.now], strict=True)]
        self._bad = list(accumulate(v * s for v, s in zip(story.failed, spans, strict=True)))
        self._all = list(accumulate(v * s for v, s in zip(story.traffic, spans, strict=True)))

    def series(self) -> Iterator[Series]:
        """Yield each recorded series whose past is known."""
        for rule in self._rules:
            if "record" in rule:
                labels = {"__name__": rule["record"], **rule.get("labels", {})}
                if "slo" not in labels and rule["record"].startswith("slo:"):
                    for level in self._labels("slo:objective:ratio"):
                        yield from self._one(rule, {**labels, **level})
                elif "anomaly" not in labels and rule["record"].startswith("anomaly:"):
                    for level in self._labels("anomaly:level"):
                        yield from self._one(rule, {**labels, **level})
                elif quota := re.search(r'quota="([^"]+)"', rule["expr"]):
                    yield from self._one(rule, {**labels, "quota": quota[1]})
                elif rule["record"] == "health:state:code":
                    for endpoint in self._endpoints:
                        yield from self._one(rule, {**labels, "target": endpoint})
                else:
                    yield from self._one(rule, labels)

    def alerts(self) -> Iterator[tuple[dict[str, str], float, float]]:
        """Yield the labels of each alert that fired, with the beginning and the end of its firing."""
        for incident in INCIDENTS:
            begins = self._story.now - incident.ago
            for name, service in incident.alerts:
                for rule in self._rules:
                    if rule.get("alert") == name and rule["labels"].get("service") == service:
                        labels = {key: str(value) for key, value in rule["labels"].items()}
                        shown = {"__name__": "ALERTS", "alertname": name, "alertstate": "firing", **labels}
                        yield shown, begins + incident.after, begins + incident.lasted + MINUTE
                        break  # of several rules of one name and service, one is enough to tell the story

    def _labels(self, record: str) -> Iterator[dict[str, str]]:
        for rule in self._rules:
            if rule.get("record") == record:
                yield dict(rule["labels"])

    def _one(self, rule: dict[str, Any], labels: dict[str, str]) -> Iterator[Series]:
        values = self._values(rule, labels)
        if values is not None:
            yield labels, values

    def _values(self, rule: dict[str, Any], labels: dict[str, str]) -> Values | None:
        story, name = self._story, rule["record"]
        pace = self._requests.get(labels.get("service", ""), _CHECKS)
        budget = 1 - self._objectives.get(labels.get("slo", ""), 0.0)
        if name.startswith("anomaly:"):
            counted = labels["anomaly"]
            return self._anomaly(name, pace if counted == "traffic" else pace_of(counted))
        if name.startswith("quota:"):
            return self._quota(name, labels["quota"])
        match name:
            case "service:requests:rate5m" | "slo:events_total:rate5m":
                return [pace * traffic for traffic in story.traffic]
            case "service:errors:rate5m" | "slo:events_bad:rate5m":
                return [pace * failed for failed in story.failed]
            case "service:error_ratio:rate5m":
                return story.failing
            case "service:latency_seconds:p50" | "service:latency_seconds:mean":
                return [0.4 * _P95 * slower for slower in story.slower]
            case "service:latency_seconds:p95":
                return [_P95 * slower for slower in story.slower]
            case "service:latency_seconds:p99":
                return [2.1 * _P95 * slower for slower in story.slower]
            case "slo:objective:ratio" | "slo:error_budget:ratio" | "kpi_target":
                return [float(_constant(rule["expr"]))] * len(story.times)
            case "slo:current_burn_rate:ratio":
                return [failing / budget for failing in story.failing]
            case "slo:period_error_budget_remaining:ratio":
                return [1 - ratio / budget for ratio in self._ratio(30 * DAY)]
            case "health:state:code":
                return [float(code) for code in story.statuses()]
        if window := re.fullmatch(r"slo:sli_error:ratio_rate(\w+)", name):
            return self._ratio(float(Duration.parse(window[1])))
        return None

    def _quota(self, name: str, quota: str) -> Values | None:
        """Of the demo's two quotas one is storage, and the other the calls of a day."""
        (expr,) = (
            rule["expr"]
            for rule in self._rules
            if rule.get("record") == "quota:used:ratio" and rule["labels"]["quota"] == quota
        )
        resets = (rule["expr"] for rule in self._rules if rule.get("record") == "quota:pace:ratio")
        limit = float(expr.rpartition("/ ")[2])
        if not any(f'quota="{quota}"' in text for text in resets):
            return [_STORED * growth / limit for growth in self._story.growth]
        calls = since_midnight(self._story, pace_of("business_calls_total"))
        if name == "quota:used:ratio":
            return [count / limit for count in calls]
        return [
            count / limit / max(time % DAY / DAY, 0.02)
            for count, time in zip(calls, self._story.times, strict=True)
        ]

    def _anomaly(self, name: str, pace: float) -> Values | None:
        story = self._story
        factor = {"anomaly:expected": 1.0, "anomaly:upper": 1.5, "anomaly:lower": 0.5}.get(name)
        if name == "anomaly:level":
            return [pace * traffic for traffic in story.traffic]
        if name == "anomaly:residual":
            return [pace * (now - usual) for now, usual in zip(story.traffic, story.usual, strict=True)]
        return None if factor is None else [factor * pace * usual for usual in story.usual]

    def key_figures(self, kpis: list[dict[str, Any]]) -> Iterator[Series]:
        """Yield value and verdict of each key figure: met on most days, missed during incidents."""
        for kpi in kpis:
            target, more = float(kpi["target"]), kpi["op"].startswith(">")
            labels = {"kpi": kpi["kpi"], "view": kpi["view"]}
            best = target + 0.4 * (1 - target) if target < 1 else 1.3 * target
            values = [
                (best - 0.25 * abs(best - target) * abs(wobble) - 0.8 * best * failing)
                if more
                else target * (0.62 + 0.06 * wobble + 8 * failing)
                for wobble, failing in zip(self._story.noise, self._story.failing, strict=True)
            ]
            yield {"__name__": "kpi_value", **labels}, values
            met = [float(value >= target) if more else float(value <= target) for value in values]
            yield {"__name__": "kpi_met", **labels}, met

    def _ratio(self, window: float) -> list[float]:
        """Failed by all over a window before each moment; before the story, days were ordinary."""
        story, ratios, begin = self._story, [], 0
        for at, time in enumerate(story.times):
            while story.times[begin] < time - window:
                begin += 1
            before = max(0.0, window - (time - story.times[0])) * 0.9
            bad = self._bad[at] - (self._bad[begin - 1] if begin else 0.0) + before * USUAL_FAILURES
            every = self._all[at] - (self._all[begin - 1] if begin else 0.0) + before
            ratios.append(bad / every if every else 0.0)
        return ratios


def _constant(expr: str) -> str:
    found = re.fullmatch(r"vector\(([^)]+)\)", expr.strip())
    if found is None:
        raise ValueError(f"want vector(number), have {expr}")
    return found[1]
