"""What Prometheus' own rules would have recorded in the past: services, service levels, key figures, alerts."""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import accumulate
from typing import Any

from exporter.demo.history.customers import still_to_come
from exporter.demo.history.pasts import Values, calls, open_tickets, today
from exporter.demo.history.story import DAY, HOUR, INCIDENTS, MINUTE, USUAL_FAILURES, Story
from exporter.platform.values import Duration

Series = tuple[dict[str, str], Values]
"""Labels, the name among them, and the value at each moment of the story."""

REQUESTS = 3.2
"""Requests per second on the demo's API at its start; checks come less often."""
_CHECKS = 0.2
_LATENCY = {"p50": 0.0028, "mean": 0.005, "p95": 0.014, "p99": 0.022}  # seconds
_CALLS = ("completed", "failed", "missed")
_COMING_AND_GOING = {"business_signups_total": 1, "business_subscriptions_cancelled_total": -1}
_BURN = re.compile(r"slo:sli_error:ratio_rate(\w+)\{slo=\"([^\"]+)\"\} > ([0-9.e-]+)")


class Recorded:
    """The past of each recorded series, of rules as Prometheus reads them."""

    def __init__(
        self,
        story: Story,
        rules: list[dict[str, Any]],
        requests: Mapping[str, float],
        endpoints: Sequence[str],
        present: Mapping[str, float],
    ) -> None:
        """`requests` a second by service; `present` is the sum of each metric that is served now."""
        self._story = story
        self._present = present
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
                        yield _firing(rule), begins + incident.after, begins + incident.lasted + MINUTE
                        break  # of several rules of one name and service, one is enough to tell the story
        for rule in self._rules:
            for begins, ends in self._burning(rule):
                yield _firing(rule), begins, ends

    def _burning(self, rule: dict[str, Any]) -> Iterator[tuple[float, float]]:
        """Yield when a burn alert fired: both of its windows were above the limit for as long as it waits.

        A window of hours is above it long after customers are served again; then it tells nothing of the story.
        """
        windows = _BURN.findall(rule["expr"]) if "alert" in rule else []
        if not windows or len({slo for _, slo, _ in windows}) > 1:
            return
        ratios = [self._ratio(float(Duration.parse(window))) for window, _, _ in windows]
        limits = [float(limit) for _, _, limit in windows]
        budget = 1 - self._objectives[windows[0][1]]
        wait, since = float(Duration.parse(rule.get("for", "0s"))), None
        for at, time in enumerate(self._story.times):
            above = self._story.failing[at] > budget
            above = above and all(ratio[at] > limit for ratio, limit in zip(ratios, limits, strict=True))
            if above and since is None:
                since = time
            elif since is not None and not above:
                if time - since > wait:
                    yield since + wait, time
                since = None

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
            return self._anomaly(name, labels["anomaly"], pace)
        if name.startswith("quota:"):
            return self._quota(name, labels["quota"])
        match name:
            case "service:requests:rate5m" | "slo:events_total:rate5m":
                return [pace * traffic for traffic in story.traffic]
            case "service:errors:rate5m" | "slo:events_bad:rate5m":
                return [pace * failed for failed in story.failed]
            case "service:error_ratio:rate5m":
                return story.failing
            case "slo:objective:ratio" | "slo:error_budget:ratio" | "kpi_target":
                return [float(_constant(rule["expr"]))] * len(story.times)
            case "slo:current_burn_rate:ratio":
                return [failing / budget for failing in story.failing]
            case "slo:period_error_budget_remaining:ratio":
                return [1 - ratio / budget for ratio in self._ratio(30 * DAY)]
            case "health:state:code":
                return [float(code) for code in story.statuses()]
        if latency := re.fullmatch(r"service:latency_seconds:(\w+)", name):
            return [_LATENCY[latency[1]] * slower for slower in story.slower]
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
            stored = self._present.get("pg_database_size_bytes:max", 0.0)
            return [stored * growth / limit for growth in self._story.growth]
        counted = today(self._story, self._all_calls(), self._present.get("business_calls_today", 0.0))
        if name == "quota:used:ratio":
            return [count / limit for count in counted]
        return [
            count / limit / max(time % DAY / DAY, 0.02)
            for count, time in zip(counted, self._story.times, strict=True)
        ]

    def _all_calls(self) -> list[float]:
        return [sum(rates) for rates in zip(*(calls(self._story, status) for status in _CALLS), strict=True)]

    def _anomaly(self, name: str, counted: str, pace: float) -> Values | None:
        """Level, band and surprise of what has a rhythm; of what comes one by one, the level alone."""
        story = self._story
        if counted in _COMING_AND_GOING:
            if name != "anomaly:level":
                return None
            left = still_to_come(story, _COMING_AND_GOING[counted])
            return self._mean([abs(number) for number in left], 0.5 * HOUR)
        level = [pace * traffic for traffic in story.traffic] if counted == "traffic" else self._all_calls()
        usual = [level[-1] * usual for usual in story.usual]
        factor = {"anomaly:expected": 1.0, "anomaly:upper": 1.5, "anomaly:lower": 0.5}.get(name)
        if name == "anomaly:level":
            return level
        if name == "anomaly:residual":
            return [now - expected for now, expected in zip(level, usual, strict=True)]
        return None if factor is None else [factor * expected for expected in usual]

    def _mean(self, to_come: Sequence[float], window: float) -> list[float]:
        """Return the pace of what is still to come, over a window before each moment."""
        times, begin, paces = self._story.times, 0, []
        for at, time in enumerate(times):
            while times[begin] < time - window:
                begin += 1
            paces.append((to_come[begin] - to_come[at]) / window)
        return paces

    def key_figures(self, kpis: Sequence[Mapping[str, Any]]) -> Iterator[Series]:
        """Yield value and verdict of each key figure whose parts are known here, as its expression would have it."""
        known = {
            "call-completion": self._completion,
            "open-tickets-per-100-customers": self._tickets_per_100_customers,
        }
        for kpi in kpis:
            if kpi["kpi"] in known:
                target, more = float(kpi["target"]), kpi["op"].startswith(">")
                labels, values = {"kpi": kpi["kpi"], "view": kpi["view"]}, known[kpi["kpi"]]()
                yield {"__name__": "kpi_value", **labels}, values
                met = [float(value >= target) if more else float(value <= target) for value in values]
                yield {"__name__": "kpi_met", **labels}, met

    def _completion(self) -> list[float]:
        completed, every = (
            self._mean(self._story.until_now(rates), 15 * MINUTE)
            for rates in (calls(self._story, "completed"), self._all_calls())
        )
        usual = calls(self._story, "completed")[-1] / self._all_calls()[-1]
        return [part / whole if whole else usual for part, whole in zip(completed, every, strict=True)]

    def _tickets_per_100_customers(self) -> list[float]:
        tickets = open_tickets(self._story, self._present.get("business_support_tickets_open", 0.0))
        customers = self._present.get("business_organizations", 0.0)
        return [
            100 * waiting / max(1.0, customers - left)
            for waiting, left in zip(tickets, still_to_come(self._story), strict=True)
        ]

    @cache  # noqa: B019 - one story is told once
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


def _firing(rule: dict[str, Any]) -> dict[str, str]:
    labels = {key: str(value) for key, value in rule["labels"].items()}
    return {"__name__": "ALERTS", "alertname": rule["alert"], "alertstate": "firing", **labels}


def _constant(expr: str) -> str:
    found = re.fullmatch(r"vector\(([^)]+)\)", expr.strip())
    if found is None:
        raise ValueError(f"want vector(number), have {expr}")
    return found[1]
