"""The transport of the GraphQL Analytics API: one request, its errors told apart.

An answer of HTTP 200 may still be a failure, and the HTTP status need not equal the error's; the message decides.
Source: https://developers.cloudflare.com/analytics/graphql-api/errors/
"""

import time
from contextlib import suppress
from email.utils import parsedate_to_datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

import orjson

from exporter.engine.source import Reason, SourceError
from exporter.platform.values import Secret
from exporter.sources._http import client, retry_after, send

if TYPE_CHECKING:
    import httpx

MAX_BODY = 16 << 20
"""An answer holds at most 10,000 rows of under 1 KiB."""

_BUDGET_WINDOW = 300.0
"""Seconds after which a depleted budget of 300 queries is full again."""

_BY_MESSAGE: tuple[tuple[str, Reason, str], ...] = (
    (
        "rate limiter budget depleted",
        "rate_limited",
        "Ask less often: the limit is 300 queries in 5 minutes for all of a user's tokens.",
    ),
    ("unauthorized", "auth", "Create a token with the permission Account Analytics: Read."),
    ("authentication error", "auth", "Create a token with the permission Account Analytics: Read."),
    (
        "not authorized for that account",
        "permission",
        "Check the account id, and that the token covers the account.",
    ),
    (
        "does not have access to the path",
        "permission",
        "The plan or the token does not include this dataset.",
    ),
    ("too many queries in progress", "rate_limited", ""),
    ("queries too many nodes", "rejected", ""),
    ("consumed excessive resources", "rejected", ""),
)

_BY_STATUS: dict[int, Reason] = {401: "auth", 403: "permission", 429: "rate_limited"}


class GraphqlClient:
    """Sends queries with the account's token. The token is read for each request, so a rotated one is taken up."""

    def __init__(self, url: str, token: Secret, *, timeout: float) -> None:
        self.url = url
        self.token = token
        self.answered: float | None = None
        """When the last answer was given, Unix time by Cloudflare's clock; None when it did not say."""
        self.heard = False
        """Whether an answer came at all, so that `now` is as good as it gets."""
        self._ahead: float | None = None
        self._timeout = timeout

    @cached_property
    def _client(self) -> "httpx.AsyncClient":
        return client(self._timeout)

    async def query(self, text: str, variables: dict[str, Any]) -> dict[str, Any]:
        """Return `data.viewer.accounts[0]` of the answer.

        Raises:
            SourceError: no answer, or an answer with errors.
        """
        request = self._client.build_request(
            "POST",
            self.url,
            json={"query": text, "variables": variables},
            headers={"Authorization": f"Bearer {self.token.reveal()}"},
        )
        response = await send(self._client, request, max_body=MAX_BODY)
        self._learn_time(response)
        try:
            answer = orjson.loads(response.content)
        except orjson.JSONDecodeError as error:
            raise _status_failure(response) or SourceError("parse", "the answer is not JSON") from error
        if errors := answer.get("errors") if isinstance(answer, dict) else None:
            raise _failure(errors, response)
        if failed := _status_failure(response):
            raise failed
        try:
            accounts = answer["data"]["viewer"]["accounts"]
        except (KeyError, TypeError) as error:
            raise SourceError("parse", "the answer has no data.viewer.accounts") from error
        if not accounts:
            raise SourceError(
                "permission",
                "the account is not visible",
                remedy="Check the account id and the token's account.",
            )
        return dict(accounts[0])

    def now(self) -> float:
        """Return Unix time by Cloudflare's clock, never ahead of it; by ours until the first answer.

        It is carried on by the monotonic clock, so that setting this machine's clock changes nothing.
        """
        return time.time() if self._ahead is None else time.monotonic() + self._ahead

    def _learn_time(self, response: "httpx.Response") -> None:
        """Read the answer's Date: whole seconds, cut off, and older by the way here."""
        self.heard, self.answered = True, None
        with suppress(ValueError, TypeError):
            self.answered = parsedate_to_datetime(response.headers.get("date")).timestamp()
            self._ahead = self.answered - time.monotonic()

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()


def _failure(errors: Any, response: "httpx.Response") -> SourceError:
    first = errors[0] if isinstance(errors, list) and errors and isinstance(errors[0], dict) else {}
    message = str(first.get("message", errors))[:500]
    for text, reason, remedy in _BY_MESSAGE:
        if text in message.lower():
            waits = retry_after(response) or (_BUDGET_WINDOW if "budget depleted" in text else None)
            return SourceError(reason, message, remedy=remedy, retry_after=waits)
    return SourceError(
        _BY_STATUS.get(response.status_code, "rejected"), message, retry_after=retry_after(response)
    )


def _status_failure(response: "httpx.Response") -> SourceError | None:
    if response.is_success:
        return None
    reason = _BY_STATUS.get(response.status_code, "http_status")
    return SourceError(reason, f"HTTP {response.status_code}", retry_after=retry_after(response))
