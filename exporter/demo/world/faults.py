"""The switches behind `demo break` and `demo mend`, and the product's own vendors, which one of them stops."""

import psycopg
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from exporter.demo.world.misuse import MISUSES, Misuse

VENDORS = ("telnyx", "retell", "google_calendar", "supabase")
SWITCHES = ("api", "api-slow", "delivery", "health")


class Faults:
    """What is broken on purpose.

    `api` makes handlers throw, `api-slow` makes them wait, `health` makes three of four vendors fail, `delivery` has
    the far end of the heartbeat refuse it; the others are what the product does to its database (see `MISUSES`).
    """

    def __init__(self, misuse: Misuse) -> None:
        self._misuse = misuse
        self._on: set[str] = set()

    def __contains__(self, name: str) -> bool:
        """Return whether one of `SWITCHES` is on."""
        return name in self._on

    def routes(self) -> list[Route]:
        """Return the switches and the vendors' status pages."""
        return [
            Route("/demo/faults", self._show, methods=["GET"]),
            Route("/demo/faults/{name}", self._set, methods=["POST", "DELETE"]),
            Route("/demo/vendors/{name}", self._vendor, methods=["GET"]),
        ]

    def _document(self) -> dict[str, bool]:
        return {name: name in self._on or name in self._misuse for name in (*SWITCHES, *MISUSES)}

    async def _show(self, request: Request) -> Response:
        return JSONResponse(self._document())

    async def _set(self, request: Request) -> Response:
        name, broken = request.path_params["name"], request.method == "POST"
        if name in MISUSES:
            try:
                await (self._misuse.begin(name) if broken else self._misuse.end(name))
            except psycopg.Error as error:
                return JSONResponse({"error": f"the database says: {error}"}, status_code=503)
        elif name in SWITCHES:
            (self._on.add if broken else self._on.discard)(name)
        else:
            names = ", ".join(self._document())
            return JSONResponse({"error": f"no fault {name!r}: {names}"}, status_code=404)
        return JSONResponse(self._document())

    async def _vendor(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name not in VENDORS:
            return JSONResponse({"error": "no such vendor"}, status_code=404)
        if "health" in self._on and name != VENDORS[-1]:
            return JSONResponse({"status": "major_outage"}, status_code=503)
        return JSONResponse({"status": "operational"})
