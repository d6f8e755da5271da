"""Customers, arriving all the time: each kind of visit is a Poisson process of real requests on the API."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable

import httpx

logger = logging.getLogger(__name__)

FEATURES = ("recording", "transcription", "live_translation", "crm_sync")
PLANS = ("starter", "starter", "starter", "team", "team", "enterprise")
COLOS = ("FRA", "FRA", "FRA", "AMS", "CDG", "LHR", "EWR", "SIN")
STEADY_CUSTOMERS = 250
MAX_OPEN_CALLS = 60
ATTEMPTS = 3
"""How often a customer tries before giving up, when the API fails."""


class Workload:
    """Drives the API at about four requests a second; an API that fails loses visits, never the workload."""

    def __init__(self, api_url: str, seed: int = 7) -> None:
        self._random = random.Random(seed)  # noqa: S311 - customers need chance, not secrecy
        self._client = httpx.AsyncClient(base_url=api_url, timeout=5.0, trust_env=False)
        self._users: dict[int, list[int]] = {}
        self._open_calls: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Send customers until cancelled."""
        visits: tuple[tuple[float, Callable[[], Awaitable[None]]], ...] = (
            (1.6, self._browse),
            (0.7, self._call),
            (0.5, self._use_feature),
            # Customers come and go at the pace of the tables' half year, not at that of calls.
            (0.0001, self._sign_up),
            (0.0001, self._cancel),
            (0.002, self._change_plan),
            (0.01, self._open_ticket),
            (0.01, self._close_ticket),
        )
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._keep_directory())
                for per_second, visit in visits:
                    group.create_task(self._arrive(per_second, visit))
        finally:
            for call in self._open_calls:
                call.cancel()
            await self._client.aclose()

    async def _arrive(self, per_second: float, visit: Callable[[], Awaitable[None]]) -> None:
        while True:
            await asyncio.sleep(self._random.expovariate(per_second))
            if self._users:
                await visit()

    async def _keep_directory(self) -> None:
        while True:
            rows = await self._request("GET", "/api/organizations")
            if isinstance(rows, list) and rows:
                self._users = {row["id"]: row["users"] for row in rows}
            await asyncio.sleep(20.0 if self._users else 1.0)

    async def _browse(self) -> None:
        await self._request("GET", f"/api/organizations/{self._organization()}")

    async def _call(self) -> None:
        if len(self._open_calls) < MAX_OPEN_CALLS:
            task = asyncio.create_task(self._whole_call())
            self._open_calls.add(task)
            task.add_done_callback(self._open_calls.discard)

    async def _whole_call(self) -> None:
        call = await self._request("POST", "/api/calls", {"user_id": self._user()})
        if not isinstance(call, dict):
            return
        # The demo's clock runs faster than the carrier's: a call of minutes is over after seconds.
        await asyncio.sleep(self._random.uniform(2.0, 30.0))
        status = self._random.choices(("completed", "failed", "missed"), (980, 13, 7))[0]
        seconds = 0 if status == "missed" else round(self._random.lognormvariate(5.0, 0.7))
        ending = {"call_id": call["id"], "status": status, "duration_seconds": min(seconds, 3600)}
        await self._request("POST", "/webhooks/telephony", ending)

    async def _use_feature(self) -> None:
        feature = self._random.choices(FEATURES, (5, 4, 2, 1))[0]
        await self._request("POST", f"/api/features/{feature}", {"user_id": self._user()})

    async def _sign_up(self) -> None:
        body = {"name": f"Newcomer {self._random.randrange(10**6)}", "plan": self._random.choice(PLANS)}
        row = await self._request("POST", "/api/organizations", body)
        if isinstance(row, dict):
            self._users[row["id"]] = [row["user_id"]]

    async def _cancel(self) -> None:
        # The more customers there are, the more of them leave: the count settles instead of growing for ever.
        if self._random.random() < len(self._users) / STEADY_CUSTOMERS - 0.2:
            organization = self._organization()
            if await self._request("DELETE", f"/api/organizations/{organization}") is not None:
                self._users.pop(organization, None)

    async def _change_plan(self) -> None:
        await self._request(
            "PUT", f"/api/organizations/{self._organization()}/plan", {"plan": self._random.choice(PLANS)}
        )

    async def _open_ticket(self) -> None:
        body = {"organization_id": self._organization(), "subject": "Cannot hear the other side"}
        await self._request("POST", "/api/tickets", body)

    async def _close_ticket(self) -> None:
        await self._request("POST", "/api/tickets/close-oldest", {})

    def _organization(self) -> int:
        return self._random.choice(tuple(self._users))

    def _user(self) -> int:
        return self._random.choice(self._users[self._organization()])

    async def _request(self, method: str, path: str, body: object = None) -> object:
        headers = {"cf-ray": f"{self._random.getrandbits(64):016x}-{self._random.choice(COLOS)}"}
        for _ in range(ATTEMPTS):
            try:
                response = await self._client.request(method, path, json=body, headers=headers)
            except httpx.HTTPError as error:
                logger.info("%s %s: %s", method, path, type(error).__name__)
                return None
            if not response.is_server_error:
                return response.json() if response.is_success else None
        return None
