"""Brings the status page in line with the alerts: Alertmanager's calls come in, one step after the other goes out.

Calls and collections both end in the state store before anything else, so that what was heard is not lost, what was
published is not published again, and several exporters that share their state work on one page.
"""

import hmac
import time
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

import orjson

from exporter.engine.families import Collected, Family
from exporter.engine.source import Gap, Source, SourceError
from exporter.engine.state import Conflict, MemoryStore, StateError, StateStore
from exporter.logs import Log
from exporter.platform.model import Platform
from exporter.platform.status_page import StatusPage
from exporter.statuspage.alertmanager import Alert, Alertmanager
from exporter.statuspage.checks import missing_checks
from exporter.statuspage.client import StatuspageClient
from exporter.statuspage.levels import (
    LEVELS,
    Level,
    component_levels,
    group_key,
    group_labels,
    level_of,
)
from exporter.statuspage.machine import (
    Group,
    State,
    begin,
    done,
    next_step,
    pending,
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

_TICK = 60.0
"""Seconds between Alertmanager's calls about a group that fires."""

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
            labels = call["groupLabels"]
            group, level = group_key(labels), self._level(labels, call["alerts"])
        except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
            raise ValueError("this is no call of Alertmanager about a service and a priority") from error
        await self._change(lambda state: _hear(state, group, level))

    async def collect(self) -> Collected:
        """Take every step that is due, one request a second, and tell what the page says now."""
        state = await self._change(lambda state: None)
        for group in [name for name, each in state.groups.items() if time.time() - each.heard > _SILENCE]:
            state = await self._ask(group, state)
        for document in {group_labels(name)["source"] for name in state.groups} & self._page.documents():
            state = await self._ask_document(document, state)
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
        labels = group_labels(group)
        try:
            alerts = await self._alertmanager.alerts(labels)
        except SourceError as error:
            log.warning("status_page.unsure", group=group, error=str(error))
            return state
        level = self._level(labels, [alert.as_sent() for alert in alerts])
        return await self._change(lambda state: _hear(state, group, level))

    async def _ask_document(self, document: str, state: State) -> State:
        """Ask Alertmanager about all groups of a health document in trouble.

        It says nothing of the checks while the document's own alert keeps theirs back, neither that they fire nor that
        they are over. What was heard of before it was silenced counts until it ends.
        """
        try:
            alerts = await self._alertmanager.alerts({"source": document})
        except SourceError as error:
            log.warning("status_page.unsure", group=document, error=str(error))
            return state
        found: dict[str, list[Alert]] = {}
        for alert in alerts:
            found.setdefault(group_key(alert.labels), []).append(alert)
        levels = {
            group: self._level(group_labels(group), [alert.as_sent() for alert in members])
            for group, members in found.items()
            if group in state.groups or any(alert.told(alerts) for alert in members)
        }
        return await self._change(lambda state: _hear_document(state, document, levels))

    def _level(self, labels: Mapping[str, str], alerts: Iterable[Mapping[str, Any]]) -> Level:
        """Return how bad a group's alerts say that it is."""
        return level_of(alerts, part=self._page.has_check(labels.get("source", ""), labels.get("check", "")))

    async def inspect(self) -> tuple[str, list[Gap]]:
        """Read the page, each of its components, and the documents of its checks; nothing is changed."""
        reached, gaps = await self._publisher.inspect()
        return reached, [*gaps, *await missing_checks(self._platform, self._page)]

    async def _change(self, change: Callable[[State], None]) -> State:
        """Apply a change to the state, whoever else changes it meanwhile, and return the state."""
        for _ in range(_WRITES):
            state, version = await self._read()
            before = state.dump()
            change(state)
            levels = {name: group.level for name, group in state.groups.items()}
            want(state, component_levels(self._platform, levels), time.time())
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
        for name in self._page.shown_as():
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


def _hear_document(state: State, document: str, levels: Mapping[str, Level]) -> None:
    """Take the levels of all groups of a document.

    What is not new is noted as often as the calls would do it. What is missing is over when it still is a minute later:
    Prometheus has then told an Alertmanager that was started anew of all that fires.
    """
    now = time.time()
    for group, known in list(state.groups.items()):
        if group_labels(group)["source"] != document or group in levels:
            continue
        if now - known.heard > 2 * _TICK:
            del state.groups[group]
    for group, level in levels.items():
        heard = state.groups.get(group)
        if heard is None or heard.level != level or now - heard.heard > _TICK:
            _hear(state, group, level)


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
