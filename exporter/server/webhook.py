"""Alertmanager's calls for the status page: the one thing that the exporter's own listener takes in."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from exporter.engine.engine import Engine
from exporter.engine.state import StateError
from exporter.logs import Log
from exporter.server.openapi import Answer, Operation
from exporter.statuspage.source import NAME, StatusPageSource

PATH = "/api/v1/status-page"

log = Log()


class WebhookAlert(BaseModel):
    """One alert of a call."""

    status: Literal["firing", "resolved"]
    labels: dict[str, str]


class GroupLabels(BaseModel):
    """What a group of alerts is about: a service with a priority, or a source of it, or a check of that."""

    model_config = ConfigDict(extra="allow")

    service: str
    priority: str
    source: str = ""
    check: str = ""


class WebhookCall(BaseModel):
    """A call of Alertmanager's webhook, version 4, as far as it is read; the other keys may be there.

    https://prometheus.io/docs/alerting/latest/configuration/#webhook_config
    """

    version: Literal["4"] = "4"
    group_labels: GroupLabels = Field(alias="groupLabels")
    alerts: list[WebhookAlert]


def status_page(engine: Engine) -> Operation:
    """Return the call. It has a token of its own, so the users of the web configuration are not asked for."""

    async def take(request: Request) -> Response:
        runner = engine.scheduler.runners.get(NAME)
        if runner is None or not isinstance(source := runner.source, StatusPageSource):
            return PlainTextResponse("The platform file has no alerting.status_page.\n", status_code=404)
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        try:
            if scheme.lower() != "bearer" or not source.knows(token.strip()):
                return PlainTextResponse("Unauthorized\n", status_code=401)
            await source.receive(await request.body())
        except (PydanticCustomError, StateError) as error:  # its secret, or its store
            log.warning("status_page.not_taken", error=str(error))
            return PlainTextResponse("Not now; send it again.\n", status_code=503)
        except ValueError as error:
            return PlainTextResponse(f"{error}\n", status_code=400)
        return PlainTextResponse("Taken.\n")

    return Operation(
        PATH,
        "statusPage",
        "Take a call of Alertmanager for the status page.",
        take,
        {
            200: Answer("Taken."),
            400: Answer("It is no call of Alertmanager about a service and a priority."),
            401: Answer("The token is missing or wrong."),
            404: Answer("The platform file has no status page."),
            408: Answer("The body did not arrive in time."),
            413: Answer("The body is too large."),
            503: Answer("It cannot be kept now; Alertmanager sends it again."),
        },
        method="POST",
        body=WebhookCall,
        bearer="The `alerting.status_page.token` of the platform file, which Alertmanager has as well.",
    )
