"""What a web configuration asks of each request: the rate limit, then the user, as exporter-toolkit has it."""

import time
from collections.abc import Callable

from exporter.server.auth import Users, Verdict
from exporter.server.webconfig import WebConfig

Headers = list[tuple[bytes, bytes]]

_CHALLENGE = (b"www-authenticate", b'Basic realm="platform-exporter", charset="UTF-8"')


class Policy:
    """The part of a web configuration that is looked at request by request.

    One that takes the place of `before` goes on with its counts and its proved users, where their part is the same.
    """

    def __init__(self, config: WebConfig, before: "Policy | None" = None) -> None:
        self.config: WebConfig = config
        self.users = Users(config.basic_auth_users) if config.basic_auth_users else None
        rate = config.rate_limit
        self.bucket = Bucket(rate.interval, rate.burst) if rate.interval else None
        if before is not None and before.config.basic_auth_users == config.basic_auth_users:
            self.users = before.users
        if before is not None and before.config.rate_limit == rate:
            self.bucket = before.bucket
        headers = config.http_server_config.headers.model_dump(by_alias=True, exclude_none=True)
        self.headers: Headers = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        self.open = self.users is None and self.bucket is None

    async def refusal(
        self, authorization: bytes | None, address: str, *, users: bool = True
    ) -> tuple[int, bytes, Headers] | None:
        """Return status, body and headers of the answer that turns the request away, or None to let it in.

        Without `users` only the rate limit counts: the page has a login of its own.
        """
        if self.bucket is not None and not self.bucket.take():
            return 429, b"Too Many Requests\n", [(b"retry-after", b"1")]
        if self.users is None or not users:
            return None
        if authorization is None:
            return 401, b"Unauthorized\n", [_CHALLENGE]
        match await self.users.check(authorization, address):
            case Verdict.RIGHT:
                return None
            case Verdict.WRONG:
                return 401, b"Unauthorized\n", [_CHALLENGE]
            case Verdict.BUSY:
                return 503, b"Too many passwords to look at.\n", [(b"retry-after", b"1")]


class Bucket:
    """A token bucket, full at first: `burst` tokens at most, a new one each `interval` seconds."""

    def __init__(self, interval: float, burst: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._interval, self._burst, self._clock = interval, burst, clock
        self._tokens, self._at = float(burst), clock()

    def take(self) -> bool:
        """Take a token if there is one."""
        now = self._clock()
        self._tokens = min(self._burst, self._tokens + (now - self._at) / self._interval)
        self._at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True
