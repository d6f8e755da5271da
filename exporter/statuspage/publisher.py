"""Takes the state machine's steps at Statuspage, in words that customers may read."""

from typing import Any

from exporter.engine.source import Gap, SourceError
from exporter.logs import Log
from exporter.platform.model import Platform
from exporter.platform.status_page import StatusPage
from exporter.statuspage.client import StatuspageClient
from exporter.statuspage.levels import Level
from exporter.statuspage.machine import Open, Publish, Resolve, Step

_LONGEST_NAME = 255

_WORDS: dict[Level, str] = {
    "operational": "works",
    "degraded_performance": "slower than usual",
    "partial_outage": "fails for some of you",
    "major_outage": "not available",
}

log = Log()


class Publisher:
    """The page of a platform. In a dry run it only logs what it would do."""

    def __init__(self, platform: Platform, page: StatusPage, api: StatuspageClient) -> None:
        self._platform, self._page, self._api = platform, page, api

    async def close(self) -> None:
        """Close the connections."""
        await self._api.close()

    async def inspect(self) -> tuple[str, list[Gap]]:
        """Read the page and each of its components; nothing is changed."""
        gaps: list[Gap] = []
        try:
            await self._api.unresolved()
        except SourceError as error:
            return "", [Gap(f"{error.reason}: {error}", error.remedy)]
        shown = {name: self._page.components[name] for name in self._page.shown_as()}
        for name, component in shown.items():
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
        return f"page {self._page.page}, {len(shown)} components{rehearsal}", gaps

    async def take(self, step: Step) -> str:
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
                shown = await self._api.component(component)
                if shown.get("group"):
                    raise SourceError(
                        "rejected",
                        f"{component} is a group: Statuspage computes its status",
                        remedy=f"Give alerting.status_page.components.{name} the id of a component in it.",
                    )
                if shown["status"] not in (level, "under_maintenance"):  # the latter is a person's own word
                    await self._api.set_component(component, level)
                return ""
            case Open():
                return await self._tell(step)
            case Resolve(incident_id):
                if (found := await self._ours(incident_id or None)) is not None:
                    await self._api.update_incident(
                        found,
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
        source, _, check = name.partition("/")
        if check:
            return check[:1].upper() + check[1:].replace("_", " ")
        kind, _, key = source.partition(".")
        return str(getattr(self._platform.section(kind).get(key), "title", None) or key)


def _about(step: Step) -> str:
    match step:
        case Publish(component, level):
            return f"{component}: {level}"
        case Open(levels, _, _):
            return ", ".join(f"{name}: {level}" for name, level in levels.items())
        case Resolve(incident_id):
            return incident_id
