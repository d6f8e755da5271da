"""Cloudflare Workers: what was invoked, how it ended, how long it took (dataset `workersInvocationsAdaptive`).

Sums are asked by script and status, quantiles by script alone: a quantile of a part says nothing of the whole. Times
are microseconds in the API. `sum.duration` is GB·s, not a time, and is left alone.
Sources: https://developers.cloudflare.com/analytics/graphql-api/ and the published GraphQL schema.
"""

from typing import Any

from exporter.engine.families import Collected, Family
from exporter.engine.source import Gap, Source, SourceError
from exporter.engine.state import StateStore
from exporter.engine.windows import Window, WindowedCounters, grown
from exporter.platform.base import Interval, Part
from exporter.platform.values import Duration
from exporter.sources._http import prepare
from exporter.sources.cloudflare.client import GraphqlClient

_BY_STATUS = ("script_name", "status")
_BY_QUANTILE = ("script_name", "quantile")
_LAG_NOTE = "By Cloudflare's analytics, minutes late and sampled."

REQUESTS = Family("cloudflare_workers_requests_total", "counter", f"Invocations. {_LAG_NOTE}", _BY_STATUS)
ERRORS = Family(
    "cloudflare_workers_errors_total", "counter", f"Invocations that failed. {_LAG_NOTE}", _BY_STATUS
)
SUBREQUESTS = Family(
    "cloudflare_workers_subrequests_total", "counter", f"Requests made by Workers. {_LAG_NOTE}", _BY_STATUS
)
DISCONNECTS = Family(
    "cloudflare_workers_client_disconnects_total",
    "counter",
    f"Invocations whose client went away. {_LAG_NOTE}",
    _BY_STATUS,
)
CPU = Family("cloudflare_workers_cpu_seconds_total", "counter", f"CPU time. {_LAG_NOTE}", _BY_STATUS)
WALL = Family("cloudflare_workers_wall_seconds_total", "counter", f"Wall time. {_LAG_NOTE}", _BY_STATUS)
BODY = Family(
    "cloudflare_workers_response_body_bytes_total",
    "counter",
    f"Bytes of bodies sent. {_LAG_NOTE}",
    _BY_STATUS,
)
CPU_TIME = Family(
    "cloudflare_workers_cpu_time_seconds", "summary", f"CPU time of one invocation. {_LAG_NOTE}", _BY_QUANTILE
)
WALL_TIME = Family(
    "cloudflare_workers_wall_time_seconds",
    "summary",
    f"Wall time of one invocation. {_LAG_NOTE}",
    _BY_QUANTILE,
)
REQUEST_DURATION = Family(
    "cloudflare_workers_request_duration_seconds",
    "summary",
    f"Time from request to answer. {_LAG_NOTE}",
    _BY_QUANTILE,
)
WINDOW_END = Family(
    "cloudflare_window_end_timestamp_seconds",
    "gauge",
    "End of the last window that was counted, Unix time.",
    ("dataset",),
)
FAMILIES = (
    REQUESTS,
    ERRORS,
    SUBREQUESTS,
    DISCONNECTS,
    CPU,
    WALL,
    BODY,
    CPU_TIME,
    WALL_TIME,
    REQUEST_DURATION,
    WINDOW_END,
)

_SUMS = (
    ("requests", REQUESTS, 1.0),
    ("errors", ERRORS, 1.0),
    ("subrequests", SUBREQUESTS, 1.0),
    ("clientDisconnects", DISCONNECTS, 1.0),
    ("cpuTimeUs", CPU, 1e-6),
    ("wallTime", WALL, 1e-6),
    ("responseBodySize", BODY, 1.0),
)
_QUANTILES = (("P50", "0.5"), ("P75", "0.75"), ("P90", "0.9"), ("P95", "0.95"), ("P99", "0.99"))
_QUANTILE_FIELDS = (("cpuTime", CPU_TIME), ("wallTime", WALL_TIME), ("requestDuration", REQUEST_DURATION))

KNOWN_STATUSES = (
    "success",
    "clientDisconnected",
    "scriptThrewException",
    "exceededResources",
    "internalError",
)
"""Statuses that Cloudflare documents; others are passed on as they come."""

LIMIT = 10_000
KEEPS = 30 * 86400
LONGEST_WINDOW = 3600

QUERY = """
query Workers($account: string!, $from: Time!, $to: Time!, $limit: uint64!%(variables)s) {
  viewer {
    accounts(filter: {accountTag: $account}) {
      sums: workersInvocationsAdaptive(
        limit: $limit, filter: {datetime_geq: $from, datetime_lt: $to%(filter)s}, orderBy: [sum_requests_DESC]
      ) {
        dimensions { scriptName status }
        sum { %(sums)s }
      }
      quantiles: workersInvocationsAdaptive(
        limit: $limit, filter: {datetime_geq: $from, datetime_lt: $to%(filter)s}, orderBy: [sum_requests_DESC]
      ) {
        dimensions { scriptName }
        quantiles { %(quantiles)s }
      }
    }
  }
}
"""


class Workers(Part):
    """The Workers of the account."""

    scripts: list[str] = []
    """Scripts to ask for; all of the account when left out."""
    every: Interval = Duration(60)
    timeout: Interval = Duration(20)
    lag: Duration = Duration(300)
    """How long Cloudflare takes to have all invocations of a moment; a younger window comes out too small."""


def query_text(*, scripts: bool) -> str:
    """Return the GraphQL text, with or without a filter by script."""
    return QUERY % {
        "variables": ", $scripts: [string!]" if scripts else "",
        "filter": ", scriptName_in: $scripts" if scripts else "",
        "sums": " ".join(name for name, _, _ in _SUMS),
        "quantiles": " ".join(
            f"{field}{suffix}" for field, _ in _QUANTILE_FIELDS for suffix, _ in _QUANTILES
        ),
    }


class WorkersSource(Source):
    """Asks for contiguous windows and adds them up."""

    def __init__(self, account: str, client: GraphqlClient, config: Workers) -> None:
        spec = account, client.url, client.token, config
        name = "cloudflare.workers"
        super().__init__(name, every=config.every, timeout=config.timeout, spec=spec, exclusive=True)
        self._account, self._client, self._config = account, client, config
        self._step = max(1, min(60, int(config.every)))
        self._counters = WindowedCounters(
            f"windows/{name}/{account}",
            (family for _, family, _ in _SUMS),
            lag=int(config.lag),
            step=self._step,
            longest=LONGEST_WINDOW,
            keeps=KEEPS,
        )
        self._quantiles = Collected()
        self._measured: int | None = None  # the end of the window that they are of
        self._query = query_text(scripts=bool(config.scripts))
        for script in config.scripts:
            for status in KNOWN_STATUSES:
                for family in (REQUESTS, ERRORS):
                    self._counters.known(family, script, status)

    @property
    def facts(self) -> dict[str, list[str]]:
        """The scripts asked for; none when it is all of the account."""
        return {"scripts": list(self._config.scripts)}

    def prepare(self) -> None:
        """Load what it takes to speak HTTP."""
        prepare()

    def keep_in(self, store: StateStore) -> None:
        """Keep cursor and counters in `store`."""
        self._counters.store = store

    async def collect(self) -> Collected:
        """Ask for the next window, if one is complete; and for the quantiles of the last, if another process has them.

        Without that they would be gone after each start, until a window is over.
        """
        window = await self._counters.next(self._client.now(), sure=self._client.heard)
        if window is not None:
            rows = await self._ask(window)
            sums, quantiles = _sums(rows), _quantiles(rows)
            await self._counters.add(window, sums, as_of=self._client.answered)
            if self._counters.cursor == window.end:
                self._quantiles, self._measured = quantiles, window.end
        if (end := self._counters.cursor) is not None and end != self._measured:
            rows = await self._ask(Window(end - self._step, end))
            self._quantiles, self._measured = _quantiles(rows), end
        out = self._counters.collected()
        out.update(self._quantiles)
        out.set(WINDOW_END, self._counters.cursor, "workers")
        return out

    async def inspect(self) -> tuple[str, list[Gap]]:
        """Say which account was asked, and which of the scripts had no invocation."""
        seen = {labels[0] for labels, value in self._counters.values.get(REQUESTS, {}).items() if value}
        silent = sorted(set(self._config.scripts) - seen)
        note = f"; no invocation of {', '.join(silent)} in the last window" if silent else ""
        return f"account {self._account[:6]}… at {self._client.url}{note}", []

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def _ask(self, window: Window) -> dict[str, Any]:
        variables: dict[str, Any] = {
            "account": self._account,
            "from": window.start_text,
            "to": window.end_text,
            "limit": LIMIT,
        }
        if self._config.scripts:
            variables["scripts"] = self._config.scripts
        answer = await self._client.query(self._query, variables)
        if len(answer.get("sums") or []) >= LIMIT:
            raise SourceError(
                "rejected",
                f"more than {LIMIT} rows in one window",
                remedy="Name the scripts that matter under sources.cloudflare.workers.scripts.",
            )
        return answer


def _sums(answer: dict[str, Any]) -> dict[Family, dict[tuple[str, ...], float]]:
    out: dict[Family, dict[tuple[str, ...], float]] = {family: {} for _, family, _ in _SUMS}
    try:
        for row in answer["sums"]:
            labels = (str(row["dimensions"]["scriptName"]), str(row["dimensions"]["status"]))
            for field, family, factor in _SUMS:
                value = row["sum"][field]
                count = 0.0 if value is None else grown(family, 0.0, value)
                out[family][labels] = out[family].get(labels, 0.0) + count * factor
    except (KeyError, TypeError, ValueError) as error:
        raise SourceError("parse", f"a row of sums is not as the schema says: {error!r}") from error
    return out


def _quantiles(answer: dict[str, Any]) -> Collected:
    out = Collected()
    try:
        for row in answer["quantiles"]:
            script = str(row["dimensions"]["scriptName"])
            for field, family in _QUANTILE_FIELDS:
                for suffix, quantile in _QUANTILES:
                    value = row["quantiles"][f"{field}{suffix}"]
                    out.set(family, None if value is None else float(value) * 1e-6, script, quantile)
    except (KeyError, TypeError, ValueError) as error:
        raise SourceError("parse", f"a row of quantiles is not as the schema says: {error!r}") from error
    return out
