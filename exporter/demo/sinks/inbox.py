"""What arrived, by channel, newest first, in bounded memory."""

import re
import time
from collections import deque
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

Channel = Literal["pagerduty", "slack", "email", "sms", "statuspage", "heartbeat"]
CHANNELS: tuple[str, ...] = get_args(Channel)
KEPT_PER_CHANNEL = 200


@dataclass(frozen=True, slots=True)
class Notification:
    """One delivery. `status` is firing, resolved, or what the channel said otherwise; `received_at` is Unix time."""

    channel: Channel
    received_at: float
    status: str
    body: dict[str, Any]


class Inbox:
    """Keeps the last deliveries of each channel, so that frequent heartbeats never push out a page."""

    def __init__(self, kept: int = KEPT_PER_CHANNEL) -> None:
        self._kept = {channel: deque[Notification](maxlen=kept) for channel in CHANNELS}

    def put(self, channel: Channel, status: str, body: dict[str, Any]) -> None:
        """Record a delivery that was accepted."""
        self._kept[channel].appendleft(Notification(channel, time.time(), status, body))

    def newest(self, channel: str | None = None) -> list[Notification]:
        """Return the deliveries of one channel, or of all of them; an unknown channel has none."""
        if channel is not None:
            return list(self._kept.get(channel, ()))
        found = [notification for kept in self._kept.values() for notification in kept]
        return sorted(found, key=lambda notification: -notification.received_at)

    def documents(self, channel: str | None = None) -> list[dict[str, Any]]:
        """Return `newest` as JSON objects."""
        return [asdict(notification) for notification in self.newest(channel)]


def status_in(text: str, otherwise: str = "posted") -> str:
    """Return the state that a title such as `[FIRING:1] DatabaseDown` or `RESOLVED DatabaseDown` speaks of."""
    words = set(re.findall(r"\w+", text.lower()))  # "Unresolved" is the name of an alert
    return "resolved" if "resolved" in words else "firing" if "firing" in words else otherwise
