"""A vendor's rate limit: so many requests in so many seconds."""

import time
from collections import deque


class WindowLimiter:
    """Sliding window: `allow()` is False once `limit` requests were allowed within the last `seconds`."""

    def __init__(self, limit: int, seconds: float) -> None:
        self._limit = limit
        self._seconds = seconds
        self._allowed: deque[float] = deque()

    def allow(self, now: float | None = None) -> bool:
        """Count one request at `now` (monotonic seconds); say whether the vendor would serve it."""
        moment = time.monotonic() if now is None else now
        while self._allowed and self._allowed[0] <= moment - self._seconds:
            self._allowed.popleft()
        if len(self._allowed) >= self._limit:
            return False
        self._allowed.append(moment)
        return True
