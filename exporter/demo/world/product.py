"""The product's API: organizations sign up, place calls, change plans and file tickets.

A handler that cannot reach the database raises; the Recorder around the app answers 500 and counts the
invocation as failed, as the Workers runtime does.
"""

import asyncio
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from exporter.demo.names import API_SCRIPT, WEBHOOK_SCRIPT
from exporter.demo.world.faults import Faults
from exporter.demo.world.store import Store

PRICES = {"starter": 4900, "team": 19900, "enterprise": 89900}
SLOW_SECONDS = 2.4
CALL_ENDINGS = frozenset({"completed", "failed", "missed"})


class ProductFaultError(RuntimeError):
    """The handler was told to fail: `demo break api`."""


def script_of(path: str) -> str | None:
    """Return the Worker that serves `path`; the demo's own switches are served by none."""
    if path.startswith("/demo/"):
        return None
    return WEBHOOK_SCRIPT if path.startswith("/webhooks/") else API_SCRIPT


class Product:
    """Handlers over the store; the faults `api` and `api-slow` make every one of them throw or wait."""

    def __init__(self, store: Store, faults: Faults) -> None:
        self._store = store
        self._faults = faults

    def routes(self) -> list[Route]:
        """Return the routes of the product."""
        return [
            Route("/api/organizations", self.sign_up, methods=["POST"]),
            Route("/api/organizations", self.list_organizations, methods=["GET"]),
            Route("/api/organizations/{id:int}", self.organization, methods=["GET"]),
            Route("/api/organizations/{id:int}", self.cancel, methods=["DELETE"]),
            Route("/api/organizations/{id:int}/plan", self.change_plan, methods=["PUT"]),
            Route("/api/calls", self.start_call, methods=["POST"]),
            Route("/api/features/{feature}", self.use_feature, methods=["POST"]),
            Route("/api/tickets", self.open_ticket, methods=["POST"]),
            Route("/api/tickets/close-oldest", self.close_ticket, methods=["POST"]),
            Route("/webhooks/telephony", self.end_call, methods=["POST"]),
        ]

    async def sign_up(self, request: Request) -> Response:
        """Create an organization with its first user and subscription."""
        body = await self._body(request)
        plan = str(body.get("plan"))
        if plan not in PRICES or not body.get("name"):
            return _refuse("name and plan (starter, team or enterprise) are required")
        rows = await self._rows(
            request,
            """
            with organization as (
                insert into organizations (name, plan) values (%(name)s, %(plan)s) returning id
            ), member as (
                insert into users (organization_id, email)
                select id, 'user1@org' || id || '.example' from organization returning id, organization_id
            ), subscription as (
                insert into subscriptions (organization_id, plan, monthly_cents)
                select id, %(plan)s, %(cents)s from organization
            ), rollup as (
                insert into daily_customers as d (day, signups) values (current_date, 1)
                on conflict (day) do update set signups = d.signups + 1
            )
            select organization_id as id, id as user_id from member
            """,
            {"name": str(body["name"]), "plan": plan, "cents": PRICES[plan]},
        )
        return JSONResponse(rows[0], status_code=201)

    async def list_organizations(self, request: Request) -> Response:
        """List live organizations, newest first, each with the ids of some of its users."""
        await self._check()
        rows = await self._rows(
            request,
            """
            select o.id, o.plan, array_agg(u.id) as users
            from (
                select id, plan from organizations where cancelled_at is null order by id desc limit 400
            ) as o
            join users as u on u.organization_id = o.id
            group by o.id, o.plan
            """,
            {},
        )
        return JSONResponse(rows)

    async def organization(self, request: Request) -> Response:
        """Show one organization with its last calls, from the cache when it is there."""
        await self._check()
        key = f"organization:{request.path_params['id']}"
        request.scope["subrequests"] += 1
        document = await self._store.cached(key)
        if document is not None:
            return Response(document, media_type="application/json", headers={"x-cache": "hit"})
        rows = await self._rows(
            request,
            """
            select o.id, o.name, o.plan, count(c.id) as calls, max(c.started_at)::text as last_call
            from organizations as o
            left join lateral (
                select id, started_at from calls where organization_id = o.id order by started_at desc limit 20
            ) as c on true
            where o.id = %(id)s
            group by o.id
            """,
            {"id": request.path_params["id"]},
        )
        if not rows:
            return _refuse("no such organization", 404)
        document = orjson.dumps(rows[0]).decode()
        request.scope["subrequests"] += 1
        await self._store.remember(key, document)
        return Response(document, media_type="application/json", headers={"x-cache": "miss"})

    async def cancel(self, request: Request) -> Response:
        """End an organization's contract."""
        await self._check()
        rows = await self._rows(
            request,
            """
            with ended as (
                update organizations set cancelled_at = now()
                where id = %(id)s and cancelled_at is null returning id
            ), subscription as (
                update subscriptions set ended_at = now()
                where organization_id in (select id from ended) and ended_at is null
            ), rollup as (
                insert into daily_customers as d (day, cancellations)
                select current_date, 1 from ended
                on conflict (day) do update set cancellations = d.cancellations + 1
            )
            select id from ended
            """,
            {"id": request.path_params["id"]},
        )
        return JSONResponse(rows[0]) if rows else _refuse("no such organization", 404)

    async def change_plan(self, request: Request) -> Response:
        """Move an organization to another plan: one subscription ends, the next begins."""
        body = await self._body(request)
        plan = str(body.get("plan"))
        if plan not in PRICES:
            return _refuse("plan must be starter, team or enterprise")
        parameters = {"id": request.path_params["id"], "plan": plan, "cents": PRICES[plan]}
        request.scope["subrequests"] += 1
        async with self._store.transaction() as connection:
            cursor = await connection.execute(
                "update organizations set plan = %(plan)s where id = %(id)s and cancelled_at is null returning id",
                parameters,
            )
            if await cursor.fetchone() is None:
                return _refuse("no such organization", 404)
            await connection.execute(
                "update subscriptions set ended_at = now() where organization_id = %(id)s and ended_at is null",
                parameters,
            )
            await connection.execute(
                "insert into subscriptions (organization_id, plan, monthly_cents)"
                " values (%(id)s, %(plan)s, %(cents)s)",
                parameters,
            )
        return JSONResponse({"id": parameters["id"], "plan": plan})

    async def start_call(self, request: Request) -> Response:
        """Place a call for a user."""
        body = await self._body(request)
        rows = await self._rows(
            request,
            """
            with seen as (
                update users set last_seen_at = now() where id = %(user)s returning id, organization_id
            )
            insert into calls (organization_id, user_id)
            select organization_id, id from seen returning id
            """,
            {"user": body.get("user_id")},
        )
        return JSONResponse(rows[0], status_code=201) if rows else _refuse("no such user", 404)

    async def end_call(self, request: Request) -> Response:
        """Take the carrier's word that a call ended: its status and its length in seconds."""
        body = await self._body(request)
        if body.get("status") not in CALL_ENDINGS:
            return _refuse("status must be completed, failed or missed")
        rows = await self._rows(
            request,
            """
            with ended as (
                update calls set status = %(status)s, ended_at = now(), duration_seconds = %(seconds)s
                where id = %(call)s and status = 'in_progress'
                returning id, status, duration_seconds
            ), rollup as (
                insert into daily_calls as d (day, status, calls, seconds)
                select current_date, status, 1, duration_seconds from ended
                on conflict (day, status) do update
                set calls = d.calls + 1, seconds = d.seconds + excluded.seconds
            )
            select id, status from ended
            """,
            {
                "call": body.get("call_id"),
                "status": body["status"],
                "seconds": int(body.get("duration_seconds", 0)),
            },
        )
        return JSONResponse(rows[0]) if rows else _refuse("no such call in progress", 404)

    async def use_feature(self, request: Request) -> Response:
        """Count one use of a feature by a user."""
        body = await self._body(request)
        await self._rows(
            request,
            """
            insert into feature_use as f (user_id, feature)
            select id, %(feature)s from users where id = %(user)s
            on conflict (user_id, feature, day) do update set uses = f.uses + 1
            returning user_id
            """,
            {"user": body.get("user_id"), "feature": request.path_params["feature"]},
        )
        return JSONResponse({"ok": True})

    async def open_ticket(self, request: Request) -> Response:
        """File a support ticket for an organization."""
        body = await self._body(request)
        rows = await self._rows(
            request,
            """
            insert into support_tickets (organization_id, subject)
            select id, %(subject)s from organizations where id = %(organization)s returning id
            """,
            {"organization": body.get("organization_id"), "subject": str(body.get("subject", "Question"))},
        )
        return JSONResponse(rows[0], status_code=201) if rows else _refuse("no such organization", 404)

    async def close_ticket(self, request: Request) -> Response:
        """Answer the ticket that has waited longest."""
        await self._check()
        rows = await self._rows(
            request,
            """
            update support_tickets set closed_at = now()
            where id = (
                select id from support_tickets where closed_at is null order by opened_at limit 1 for update skip locked
            )
            returning id
            """,
            {},
        )
        return JSONResponse({"closed": [row["id"] for row in rows]})

    async def _rows(self, request: Request, query: str, parameters: dict[str, Any]) -> list[dict[str, Any]]:
        request.scope["subrequests"] += 1
        return await self._store.rows(query, parameters)

    async def _body(self, request: Request) -> dict[str, Any]:
        await self._check()
        try:
            body = orjson.loads(await request.body())
        except orjson.JSONDecodeError:
            return {}
        return body if isinstance(body, dict) else {}

    async def _check(self) -> None:
        if "api-slow" in self._faults:
            await asyncio.sleep(SLOW_SECONDS)
        if "api" in self._faults:
            raise ProductFaultError("broken on purpose")


def _refuse(reason: str, status: int = 400) -> JSONResponse:
    return JSONResponse({"error": reason}, status_code=status)
