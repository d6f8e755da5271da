"""The switches behind `demo break` and `demo mend`, and the product's own vendors, which one of them stops."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

VENDORS = ("telnyx", "retell", "google_calendar", "supabase")


class Faults:
    """What is broken on purpose: `api` makes handlers throw, `health` makes three of four vendors fail."""

    def __init__(self) -> None:
        self.api = False
        self.health = False

    def routes(self) -> list[Route]:
        """Return the switches and the vendors' status pages."""
        return [
            Route("/demo/faults", self._show, methods=["GET"]),
            Route("/demo/faults/{name}", self._set, methods=["POST", "DELETE"]),
            Route("/demo/vendors/{name}", self._vendor, methods=["GET"]),
        ]

    def _document(self) -> dict[str, bool]:
        return {"api": self.api, "health": self.health}

    async def _show(self, request: Request) -> Response:
        return JSONResponse(self._document())

    async def _set(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name not in self._document():
            return JSONResponse({"error": f"no fault {name!r}: api or health"}, status_code=404)
        setattr(self, name, request.method == "POST")
        return JSONResponse(self._document())

    async def _vendor(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name not in VENDORS:
            return JSONResponse({"error": "no such vendor"}, status_code=404)
        if self.health and name != VENDORS[-1]:
            return JSONResponse({"status": "major_outage"}, status_code=503)
        return JSONResponse({"status": "operational"})
