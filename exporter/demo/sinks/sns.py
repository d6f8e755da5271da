"""Amazon SNS, as far as text messages go: its query protocol, signed requests, one message per call.

Source: https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
"""

import re
import secrets
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from exporter.demo.names import SNS_PATH
from exporter.demo.sinks.inbox import Inbox

NAMESPACE = "http://sns.amazonaws.com/doc/2010-03-31/"
MAX_MESSAGE = 1600
_SIGNED = re.compile(
    r"AWS4-HMAC-SHA256 Credential=[^/]+/\d{8}/(?P<region>[a-z0-9-]+)/sns/aws4_request, ?SignedHeaders="
)
_PHONE = re.compile(r"\+[1-9][0-9]{6,14}")


class TextMessages:
    """Takes messages to telephone numbers and records them."""

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox

    def routes(self) -> list[Route]:
        """Return the one address of the API, with and without the slash that programs add."""
        return [Route(path, self.receive, methods=["POST"]) for path in (SNS_PATH, f"{SNS_PATH}/")]

    async def receive(self, request: Request) -> Response:
        """Take one message: 200 with its id, or the error that SNS gives."""
        form = {
            key: values[0]
            for key, values in parse_qs((await request.body()).decode("utf-8", "replace")).items()
        }
        if _SIGNED.match(request.headers.get("authorization", "")) is None:
            return _error(403, "MissingAuthenticationToken", "Request is missing Authentication Token")
        if form.get("Action") != "Publish":
            return _error(400, "InvalidAction", "Could not find operation")
        number, message = form.get("PhoneNumber", ""), form.get("Message", "")
        if _PHONE.fullmatch(number) is None:
            return _error(400, "InvalidParameter", "Invalid parameter: PhoneNumber")
        if not message or len(message) > MAX_MESSAGE:
            return _error(400, "InvalidParameter", "Invalid parameter: Message")
        self._inbox.put("sms", "firing", {"to": number, "message": message})
        return _answer(
            200,
            f"<PublishResponse xmlns='{NAMESPACE}'><PublishResult><MessageId>{secrets.token_hex(16)}</MessageId>"
            f"</PublishResult>{_metadata()}</PublishResponse>",
        )


def _metadata() -> str:
    return f"<ResponseMetadata><RequestId>{secrets.token_hex(16)}</RequestId></ResponseMetadata>"


def _error(status: int, code: str, message: str) -> Response:
    return _answer(
        status,
        f"<ErrorResponse xmlns='{NAMESPACE}'><Error><Type>Sender</Type><Code>{code}</Code>"
        f"<Message>{escape(message)}</Message></Error><RequestId>{secrets.token_hex(16)}</RequestId></ErrorResponse>",
    )


def _answer(status: int, body: str) -> Response:
    return Response(body, status_code=status, media_type="text/xml")
