"""What the engine needs of a source, and how a source says that it failed."""

import hashlib
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal, get_args

from pydantic import BaseModel

from exporter.engine.families import Collected

if TYPE_CHECKING:
    from exporter.engine.state import StateStore

Reason = Literal[
    "dns",  # the host name does not resolve
    "connect",  # nobody listens, or the network refuses
    "tls",  # no handshake, or a certificate that cannot be trusted
    "auth",  # the credentials are refused
    "timeout",  # no answer within the time allowed
    "too_many_connections",  # the server has no connection left
    "starting_up",  # the server is starting, stopping or recovering
    "pooler",  # a connection pooler refuses what a server would accept
    "permission",  # known, but not allowed
    "rate_limited",  # asked too often
    "http_status",  # an HTTP status that is no answer
    "rejected",  # the other side refuses the request as it is, or cannot carry it out
    "parse",  # the answer is not what it should be
    "state",  # the state store fails, and the source needs it
    "internal",  # a defect of this program
]
"""Why a collection failed. Closed: a label value in `…_failures_total{reason}`."""

_HOW = {"title", "every", "timeout", "phase_lock"}
"""What the platform file says of a source for people and of when to ask it."""

REASONS: tuple[Reason, ...] = get_args(Reason)


class SourceError(Exception):
    """A collection failed in a known way. `retry_after` is in seconds, as the other side asked."""

    def __init__(
        self, reason: Reason, message: str, *, remedy: str = "", retry_after: float | None = None
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.remedy = remedy
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class Gap:
    """Something a source would export but may not: what is missing, and the statement or setting that mends it.

    What is `optional` may be left as it is: the exporter works as it is meant to without it.
    """

    missing: str
    remedy: str
    optional: bool = False


def _asked(spec: object) -> object:
    if isinstance(spec, tuple):
        return tuple(_asked(part) for part in spec)
    return [pair for pair in spec if pair[0] not in _HOW] if isinstance(spec, BaseModel) else spec


class Source(ABC):
    """One thing that is asked on a schedule.

    Attributes:
        name: identity, kind and key: `postgres.main`.
        every: seconds between collections.
        timeout: seconds that one collection may take; then it is interrupted.
        spec: all it was built from; a reload leaves a source alone whose spec stays equal.
        phase_lock: whether its collections may be moved to end just before Prometheus scrapes; for two or three
            scrapers it is asked up to as many times as often.
        exclusive: whether one of several exporters is to ask it for all: APIs and probes, not a server's statistics.
    """

    def __init__(
        self,
        name: str,
        *,
        every: float,
        timeout: float,
        spec: object = None,
        phase_lock: bool = False,
        exclusive: bool = False,
    ) -> None:
        self.name = name
        self.every = every
        self.timeout = timeout
        self.spec = spec
        self.phase_lock = phase_lock
        self.exclusive = exclusive

    @cached_property
    def asks(self) -> object:
        """The spec without what says nothing of what is asked: what is known holds while this stays equal."""
        return _asked(self.spec)

    @cached_property
    def fingerprint(self) -> str:
        """Tell what it asks in other processes too. Secrets are references there: it says nothing of them."""
        return hashlib.sha256(repr(self.asks).encode()).hexdigest()[:16]

    @property
    def facts(self) -> dict[str, list[str]]:
        """Names that dashboards lay out by, such as the scripts that a Workers source asks for."""
        return {}

    def keep_in(self, store: "StateStore") -> None:  # noqa: B027  # most sources keep nothing
        """Take the store for what must survive a restart. Called before the first collection, by `run` alone."""

    def prepare(self) -> None:  # noqa: B027  # most sources need nothing more
        """Load what is slow to load, such as a library or certificates. Called by `run`, in a thread, before
        the first collection: on the event loop scrapes would have to wait for it."""

    @abstractmethod
    async def collect(self) -> Collected:
        """Ask once. Raises SourceError when there is no answer; any other exception counts as `internal`."""

    def down(self) -> Collected:
        """Return what is true while the last collection failed, such as `pg_up 0`. It replaces what was said before."""
        return Collected()

    async def inspect(self) -> tuple[str, list[Gap]]:
        """Say what was reached, in words, and what is missing. Called by `check` after a collection."""
        return "", []

    async def close(self) -> None:  # noqa: B027  # a source may hold nothing
        """Give back what the source holds. Called once, after its last collection."""
