"""Whether a Neon database may be asked now: a compute that sleeps is not woken, one that would fall asleep is let.

Every statement counts as activity, and activity keeps a compute awake for its suspend time-out. So a scraper keeps the
computes it watches awake for ever, unless it looks first. The control plane can be looked at without waking anything:

1. The compute is suspended: do not connect.
2. Somebody else was active after this exporter's last collection: collect. Their activity keeps it awake anyway.
3. Nobody else was active lately: do not connect until it suspends, or until somebody comes.
4. The control plane does not answer: what `on_api_error` says.

Who was active last is known from two sides. The control plane's `last_active` cannot tell others from this exporter,
so it counts only if it is later than the last collection's echo. The database can: `OTHERS` asks it while the
connection is there anyway, so that a busy database is collected from without a gap.
"""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Literal, LiteralString, get_args

from exporter.engine.families import Collected, Family
from exporter.engine.source import SourceError
from exporter.engine.trace import note
from exporter.platform.base import Part, matching
from exporter.platform.values import Secret, Url
from exporter.sources.postgres.dsn import settings
from exporter.sources.postgres.neon_api import ControlPlane, Endpoint, Listing, control_plane

Skip = Literal["suspended", "only_self_active", "api_error"]
"""Why a collection is left out."""

STATES = ("init", "active", "idle", "degraded")

STATE = Family(
    "neon_endpoint_state",
    "gauge",
    "1 for the state of the database's compute, 0 for the others; idle is suspended.",
    ("target", "endpoint", "state"),
)
LAST_ACTIVE = Family(
    "neon_endpoint_last_active_timestamp_seconds",
    "gauge",
    "When the compute was last active, Unix time; this exporter's statements count too.",
    ("target", "endpoint"),
)
SUSPEND_TIMEOUT = Family(
    "neon_endpoint_suspend_timeout_seconds",
    "gauge",
    "After how long without activity the compute is suspended; absent if it never is.",
    ("target", "endpoint"),
)
AUTOSCALING_LIMIT = Family(
    "neon_endpoint_autoscaling_limit_cu",
    "gauge",
    "Least and most compute units of the compute.",
    ("target", "endpoint", "bound"),
)
SKIPPED = Family(
    "pg_scrape_skipped",
    "gauge",
    "1 with the reason while the database is left alone, 0 for the other reasons.",
    ("target", "reason"),
)
LAST_SUCCESS = Family(
    "pg_scrape_last_success_timestamp_seconds",
    "gauge",
    "When the database itself was last asked with success, Unix time.",
    ("target",),
)
FAMILIES = (STATE, LAST_ACTIVE, SUSPEND_TIMEOUT, AUTOSCALING_LIMIT, SKIPPED, LAST_SUCCESS)

OTHERS: LiteralString = (
    "select extract(epoch from clock_timestamp() - max(case when state = 'idle' then state_change "
    "else clock_timestamp() end))::float8 from pg_stat_activity "
    "where backend_type = 'client backend' and state is not null "
    "and usename <> current_user and usename <> 'cloud_admin'"
)
"""Seconds since a client of another role was active; NULL when none is connected. Neon's own role does not count, nor
does this exporter's, under which other exporters may ask too. Needs pg_monitor: otherwise it is NULL as well."""

_SLACK = 0.2
"""Collecting goes on for this share of the suspend time-out after the last activity of others was seen, in seconds
within _LEAST_SLACK and _MOST_SLACK. So much longer a burst keeps the compute awake than without this exporter."""
_LEAST_SLACK = 30.0
_MOST_SLACK = 60.0

_ECHO = 15.0
"""For so many seconds after a collection `last_active` may be this exporter's own: a session's statistics are written
up to 10 s after it went idle, the compute looks every 0.5 s, and the clocks are compared by whole seconds."""
_LONGEST_ECHO = 240.0


NeonId = Annotated[
    str,
    matching(
        r"[a-z0-9]+(-[a-z0-9]+)*",
        "neon_id",
        "no id of Neon's",
        "Copy it from Neon's console, such as late-sun-10203040.",
    ),
]


class Neon(Part):
    """Neon's control plane, asked before the database is, so that a compute that sleeps is not woken."""

    project: NeonId
    """The project's id, such as late-sun-10203040."""
    endpoint: NeonId | None = None
    """Id of the compute, ep-…; found by the host of the connection string when left out."""
    api_key: Secret
    """An API key of Neon's console, by reference. One that is bound to the project is enough."""
    on_api_error: Literal["skip", "scrape"] = "skip"
    """Whether the database is asked while the control plane does not answer, which may wake it."""
    url: Url = Url("https://console.neon.tech/api/v2")
    """Address of the API, for a proxy or for tests."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether to connect, and if not why. `error` says why the control plane gave no answer, in either case."""

    connect: bool
    reason: Skip | None = None
    error: SourceError | None = None
    metrics: Collected = field(default_factory=Collected)


class Gate:
    """Decides for one database. Moments are of the monotonic clock."""

    def __init__(
        self,
        target: str,
        config: Neon,
        dsn: Secret,
        *,
        plane: ControlPlane | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._target, self._config, self._dsn, self._clock = target, config, dsn, clock
        self._plane = plane or control_plane(str(config.url), config.project, config.api_key)
        self._scraped: float | None = None
        self._others: float | None = None
        self._echo = _ECHO
        self._hearsay = False
        self._slept = False
        self._succeeded: float | None = None

    async def look(self) -> Verdict:
        """Say whether to collect now. Never raises SourceError: what failed is in the verdict."""
        metrics = Collected()
        metrics.set(LAST_SUCCESS, self._succeeded, self._target)
        try:
            listing = await self._plane.endpoints()
            endpoint = self._find(listing)
            self._describe(endpoint, metrics)
        except SourceError as error:
            connect = self._config.on_api_error == "scrape"
            return self._verdict(connect, "api_error", metrics, error)
        if endpoint.disabled or endpoint.state in ("idle", "init") or endpoint.pending == "idle":
            self._slept = True
            return self._verdict(False, "suspended", metrics)
        return self._verdict(self._anyone(endpoint, listing), "only_self_active", metrics)

    def scraped(self, at: float, *, others: float | None = None, succeeded: bool = True) -> None:
        """Note that the database was connected to, successfully or not, until `at`.

        `others` is what the statement OTHERS returned: seconds since somebody else was active, None if unknown.
        """
        if others is not None and self._scraped is not None and at - others > self._scraped:
            self._echo = _ECHO
        elif self._hearsay:  # perhaps the control plane is slow to tell, and what it told was an echo
            self._echo = min(2 * self._echo, _LONGEST_ECHO)
        self._hearsay = self._slept = False
        if others is not None:
            self._see(at - others)
        self._scraped = at
        if succeeded:
            self._succeeded = time.time()

    def _anyone(self, endpoint: Endpoint, listing: Listing) -> bool:
        """Say whether others keep the compute awake, or nothing can send it to sleep."""
        if endpoint.suspend_timeout is None or self._scraped is None:
            return True
        active = max(endpoint.last_active or 0.0, endpoint.started or 0.0) - listing.ahead
        if self._slept or active > self._scraped + self._echo:
            self._hearsay = not self._slept
            self._see(active)
            return True
        slack = min(max(_SLACK * endpoint.suspend_timeout, _LEAST_SLACK), _MOST_SLACK)
        return self._others is not None and self._clock() - self._others <= slack

    def _see(self, others: float) -> None:
        self._others = others if self._others is None else max(others, self._others)

    def _find(self, listing: Listing) -> Endpoint:
        wanted = self._config.endpoint or self._endpoint_of_dsn()
        for endpoint in listing.endpoints:
            if wanted in (endpoint.id, endpoint.host.partition(".")[0]):
                return endpoint
        known = ", ".join(sorted(endpoint.id for endpoint in listing.endpoints)) or "none"
        raise SourceError(
            "rejected",
            f"project {self._config.project} has no endpoint {wanted or 'that the connection string names'}",
            remedy=f"Name it with `endpoint:`. It has: {known}.",
        )

    def _endpoint_of_dsn(self) -> str:
        """Return the endpoint's id by the host's first label, or by the option for clients without SNI."""
        parts = settings(self._dsn)
        if option := re.search(r"\b(?:endpoint|project)=(ep-[a-z0-9-]+)", str(parts.get("options", ""))):
            return option[1].removesuffix("-pooler")
        return str(parts.get("host", "")).partition(".")[0].removesuffix("-pooler")

    def _describe(self, endpoint: Endpoint, metrics: Collected) -> None:
        target, name = self._target, endpoint.id
        for word in (*STATES, "unknown"):
            known = word == endpoint.state or (word == "unknown" and endpoint.state not in STATES)
            metrics.set(STATE, known, target, name, word)
        metrics.set(LAST_ACTIVE, endpoint.last_active, target, name)
        metrics.set(SUSPEND_TIMEOUT, endpoint.suspend_timeout, target, name)
        metrics.set(AUTOSCALING_LIMIT, endpoint.min_cu, target, name, "min")
        metrics.set(AUTOSCALING_LIMIT, endpoint.max_cu, target, name, "max")
        if endpoint.state not in STATES:
            raise SourceError("parse", f"Neon calls the compute {endpoint.state!r}, a word not known here")

    def _verdict(
        self, connect: bool, otherwise: Skip, metrics: Collected, error: SourceError | None = None
    ) -> Verdict:
        reason = None if connect else otherwise
        for each in get_args(Skip):
            metrics.set(SKIPPED, each == reason, self._target, each)
        note("Neon: " + ("collect" if connect else f"leave it alone, {reason}"), str(error or ""))
        return Verdict(connect, reason, error, metrics)
