"""Brings the status page in line with the alerts: Alertmanager's calls come in, one step after the other goes out.

Calls and collections both end in the state store before anything else, so that what was heard is not lost, what was
published is not published again, and several exporters that share their state work on one page.
"""

import hmac
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import orjson
import structlog

from exporter.engine.families import Collected, Family
from exporter.engine.source import Gap, Source, SourceError
from exporter.engine.state import Conflict, MemoryStore, StateError, StateStore
from exporter.platform.model import Platform
from exporter.platform.status_page import StatusPage
from exporter.statuspage.alertmanager import Alertmanager
from exporter.statuspage.client import StatuspageClient
from exporter.statuspage.levels import LEVELS, Level, component_levels, level_of
from exporter.statuspage.machine import (
    Group,
    Open,
    Publish,
    Resolve,
    State,
    Step,
    done,
    next_step,
    pending,
    services,
    want,
)

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

_LONGEST_NAME = 255

_WRITES = 20
"""So often a change is tried anew when another exporter was faster."""

log = structlog.get_logger()


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
        self._platform, self._page, self._api, self._alertmanager = platform, page, api, alertmanager
        self._store: StateStore = MemoryStore()
        # A rehearsal has a state of its own: when it ends, nothing has been published yet.
        self._key = f"status_page.{page.page}" + (".dry_run" if page.dry_run else "")

    def keep_in(self, store: StateStore) -> None:
        """Take the store."""
        self._store = store

    async def close(self) -> None:
        """Close the connections."""
        await self._api.close()
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
            made = await self._take(step)
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
        gaps: list[Gap] = []
        try:
            await self._api.unresolved()
        except SourceError as error:
            return "", [Gap(f"{error.reason}: {error}", error.remedy)]
        for name, component in self._page.components.items():
            try:
                found = await self._api.component(component)
            except SourceError as error:
                gaps.append(Gap(f"component {component} of {name}: {error}", error.remedy))
                continue
            if found.get("group"):
                gaps.append(
                    Gap(
                        f"{component} of {name} is a group",
                        "Name a component in it: a group's status is computed.",
                    )
                )
        rehearsal = ", dry run" if self._page.dry_run else ""
        return f"page {self._page.page}, {len(self._page.components)} components{rehearsal}", gaps

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

    async def _take(self, step: Step) -> str:
        """Take a step; return the id of the incident that it is about, "" for none."""
        log.info(
            "status_page.step",
            dry_run=self._page.dry_run,
            step=type(step).__name__.lower(),
            about=_about(step),
        )
        if self._page.dry_run:
            return "dry-run"
        match step:
            case Publish(name, level):
                component = self._page.components[name]
                found = await self._api.component(component)
                if found.get("group"):
                    raise SourceError(
                        "rejected",
                        f"{component} is a group: Statuspage computes its status",
                        remedy=f"Give alerting.status_page.components.{name} the id of a component in it.",
                    )
                if found["status"] not in (level, "under_maintenance"):  # the latter is a person's own word
                    await self._api.set_component(component, level)
                return ""
            case Open():
                return await self._tell(step)
            case Resolve(incident_id):
                if await self._ours(incident_id) is not None:
                    await self._api.update_incident(
                        incident_id,
                        {
                            "status": "resolved",
                            "body": "This is resolved.",
                            "deliver_notifications": self._page.notify,
                        },
                    )
                return ""

    async def _tell(self, step: Open) -> str:
        """Open the incident, or tell the open one; find the one that was opened just before a crash.

        Return its id; "" when somebody has closed it.
        """
        found = await self._ours(step.update)
        titles = [self._title(name) for name in step.levels]
        state = "not available" if step.impact == "critical" else "partly unavailable"
        incident: dict[str, Any] = {
            "name": f"{' and '.join(titles)}: {state}"[:_LONGEST_NAME],
            "status": "investigating",
            "impact_override": step.impact,
            "body": "; ".join(f"{self._title(name)}: {_WORDS[level]}" for name, level in step.levels.items())
            + ". We are looking into it.",
            "component_ids": [self._page.components[name] for name in step.levels],
            "deliver_notifications": self._page.notify,
        }
        if found is not None:
            await self._api.update_incident(found, incident)
            return found
        if step.update is not None:  # somebody closed it: that person knows better, until all is well again
            log.warning("status_page.closed_by_somebody", incident=step.update)
            return ""
        metadata = {"platform_exporter": {"platform": self._platform.platform}}
        return await self._api.open_incident({**incident, "metadata": metadata})

    async def _ours(self, incident_id: str | None) -> str | None:
        """Return the id of our open incident: the one with this id, else one that carries our name; None without."""
        for incident in await self._api.unresolved():
            mine = (incident.get("metadata") or {}).get("platform_exporter", {}).get("platform")
            if incident["id"] == incident_id or (incident_id is None and mine == self._platform.platform):
                return str(incident["id"])
        return None

    def _title(self, name: str) -> str:
        service = self._platform.services.get(name)
        if service is not None:
            return service.title
        kind, _, key = name.partition(".")
        return str(getattr(self._platform.section(kind).get(key), "title", None) or key)

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


_WORDS: dict[Level, str] = {
    "operational": "works",
    "degraded_performance": "slower than usual",
    "partial_outage": "fails for some of you",
    "major_outage": "not available",
}


def _about(step: Step) -> str:
    match step:
        case Publish(component, level):
            return f"{component}: {level}"
        case Open(levels, _, _):
            return ", ".join(f"{name}: {level}" for name, level in levels.items())
        case Resolve(incident_id):
            return incident_id


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
