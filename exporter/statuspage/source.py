"""Brings the status page in line with the alerts: Alertmanager's calls come in, one step after the other goes out.

Calls and collections both end in the state store before anything else, so that what was heard is not lost, what was
published is not published again, and several exporters that share their state work on one page.
"""

import hmac
import time
from collections.abc import Callable
from functools import partial

import orjson

from exporter.engine.families import Collected, Family
from exporter.engine.source import Gap, Source, SourceError
from exporter.engine.state import Conflict, MemoryStore, StateError, StateStore
from exporter.logs import Log
from exporter.platform.model import Platform
from exporter.platform.status_page import StatusPage
from exporter.statuspage.alertmanager import Alertmanager
from exporter.statuspage.client import StatuspageClient
from exporter.statuspage.levels import LEVELS, Level, component_levels, level_of
from exporter.statuspage.machine import (
    Group,
    State,
    begin,
    done,
    next_step,
    pending,
    services,
    want,
)
from exporter.statuspage.publisher import Publisher

NAME = "status_page"
LEVEL = Family(
    "platform_exporter_status_page_level",
    "gauge",
    "What the status page says of a component: 0 operational, 1 degraded, 2 partial outage, 3 major outage.",
    ("component",),
)
PENDING = Family(
    "platform_exporter_status_page_pending",
    "gauge",
    "Whether a component's level has lasted long enough and is not published yet.",
    ("component",),
)
INCIDENT = Family(
    "platform_exporter_status_page_incident_open", "gauge", "Whether an incident of ours is open."
)
FAMILIES = (LEVEL, PENDING, INCIDENT)

_EVERY = 5.0
_TIMEOUT = 30.0
_REQUEST_TIMEOUT = 10.0
_SILENCE = 300.0
"""A group that fires is told anew each minute; after so long without a word Alertmanager is asked."""

_STEPS = 8
"""So many steps are taken in one collection, each of at most three requests, one a second."""

_WRITES = 20
"""So often a change is tried anew when another exporter was faster."""

log = Log()


class StatusPageSource(Source):
    """Publishes in `collect`; `receive` takes Alertmanager's calls at any time."""

    def __init__(
        self, platform: Platform, page: StatusPage, api: StatuspageClient, alertmanager: Alertmanager
    ) -> None:
        super().__init__(
            NAME,
            every=_EVERY,
            timeout=_TIMEOUT,
            spec=(page, platform.platform, platform.services, platform.monitoring.alertmanager),
            exclusive=True,
        )
        self._platform, self._page, self._alertmanager = platform, page, alertmanager
        self._publisher = Publisher(platform, page, api)
        self._store: StateStore = MemoryStore()
        # A rehearsal has a state of its own: when it ends, nothing has been published yet.
        self._key = f"status_page.{page.page}" + (".dry_run" if page.dry_run else "")

    def keep_in(self, store: StateStore) -> None:
        """Take the store."""
        self._store = store

    async def close(self) -> None:
        """Close the connections."""
        await self._publisher.close()
        await self._alertmanager.close()

    def knows(self, token: str) -> bool:
        """Tell whether a caller is Alertmanager. Raises PydanticCustomError when the secret cannot be read."""
        return hmac.compare_digest(token.encode(), self._page.token.reveal().encode())

    async def receive(self, body: bytes) -> None:
        """Take one call of Alertmanager. Raises ValueError for what is none, StateError when it cannot be kept."""
        try:
            call = orjson.loads(body)
            group = f"{call['groupLabels']['service']} {call['groupLabels']['priority']}"
            level = level_of(call["alerts"])
        except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
            raise ValueError("this is no call of Alertmanager about a service and a priority") from error
        await self._change(lambda state: _hear(state, group, level))

    async def collect(self) -> Collected:
        """Take every step that is due, one request a second, and tell what the page says now."""
        state = await self._change(lambda state: None)
        for group in [name for name, each in state.groups.items() if time.time() - each.heard > _SILENCE]:
            state = await self._ask(group, state)
        for _ in range(_STEPS):
            step = next_step(state, self._page.after, time.time())
            if step is None:
                break
            await self._change(partial(begin, step=step))
            made = await self._publisher.take(step)
            state = await self._change(partial(done, step=step, incident_id=made))
        return self._told(state)

    async def _ask(self, group: str, state: State) -> State:
        """Ask Alertmanager about a group that it is silent of; while it does not answer, what it said last holds."""
        service, _, priority = group.rpartition(" ")
        try:
            level = await self._alertmanager.level({"service": service, "priority": priority})
        except SourceError as error:
            log.warning("status_page.unsure", group=group, error=str(error))
            return state
        return await self._change(lambda state: _hear(state, group, level))

    async def inspect(self) -> tuple[str, list[Gap]]:
        """Read the page and each of its components; nothing is changed."""
        return await self._publisher.inspect()

    async def _change(self, change: Callable[[State], None]) -> State:
        """Apply a change to the state, whoever else changes it meanwhile, and return the state."""
        for _ in range(_WRITES):
            state, version = await self._read()
            before = state.dump()
            change(state)
            want(state, component_levels(self._platform, services(state)), time.time())
            if state.dump() == before:
                return state
            try:
                await self._store.write(self._key, orjson.dumps(state.dump()), version)
            except Conflict:
                continue
            return state
        raise StateError("the state of the status page changes too fast")

    def _told(self, state: State) -> Collected:
        out = Collected()
        for name, waits in pending(state, self._page.after, time.time()).items():
            out.set(LEVEL, LEVELS.index(state.components[name].shown), name)
            out.set(PENDING, waits, name)
        out.set(INCIDENT, state.incident is not None)
        return out

    def down(self) -> Collected:
        """While the page's vendor does not answer, everything may be behind."""
        out = Collected()
        for name in self._page.components:
            out.set(PENDING, 1, name)
        return out

    async def _read(self) -> tuple[State, int]:
        entry = await self._store.read(self._key)
        if entry is None:
            return State(), 0
        try:
            return State.load(orjson.loads(entry.value)), entry.version
        except (orjson.JSONDecodeError, KeyError, TypeError, ValueError) as error:
            raise StateError(
                f"the state of {self._key} cannot be read: {error!r}",
                "Update the exporter if a newer one wrote it; else remove it, and set the page by hand once.",
            ) from error


def _hear(state: State, group: str, level: Level) -> None:
    if level == "operational":
        state.groups.pop(group, None)
    else:
        state.groups[group] = Group(level, time.time())


def build(platform: Platform) -> list[Source]:
    """Return the source, when the platform file has a page."""
    page = platform.alerting.status_page
    if page is None:
        return []
    api = StatuspageClient(page, _REQUEST_TIMEOUT)
    return [
        StatusPageSource(
            platform, page, api, Alertmanager(platform.monitoring.alertmanager, _REQUEST_TIMEOUT)
        )
    ]
