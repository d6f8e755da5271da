"""What is known of one source, and what is shown of it.

What a source said last is taken out of the snapshot when it is too old to be true. Its failures are counted by reason.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass, field

from exporter.engine.budget import Budget
from exporter.engine.families import Collected, Family
from exporter.engine.freshness import (
    CIRCUIT_OPEN,
    DURATION,
    FAILING,
    FAILURES,
    INTERVAL,
    LAST_SUCCESS,
    SERVED_AGE,
    UP,
    stale_after,
)
from exporter.engine.result import Result
from exporter.engine.source import REASONS, Reason, Source, SourceError
from exporter.logs import Log
from exporter.platform.values import redact

_PATIENT_FAILURES = 3
"""So many failures in a row are asked again at the usual interval; then the circuit is open, and the wait between the
single collections that probe it doubles up to _longest_wait."""

_LONGEST_RETRY_AFTER = 3600.0
"""The longest that a source is believed when it says how long to wait, in seconds."""

UNHEARD = SourceError(
    "state",
    "the state has no young result of whoever asks it",
    remedy="Wait for the source to answer. Where another exporter leads, see whether it runs, with this platform file.",
)

log = Log()


def _longest_wait(every: float) -> float:
    return 4 * every if every <= 15 else max(60.0, 2 * every)


@dataclass(slots=True)
class Known:
    """What is known of a source. Times are Unix seconds."""

    source: Source
    max_series_per_family: int
    on_change: Callable[[], None]
    on_drop: Callable[[Family, int], None]
    _: KW_ONLY
    data: Collected = field(default_factory=Collected)
    down: Collected = field(default_factory=Collected)
    last_success: float | None = None
    last_duration: float = 0.0
    served_age: float | None = None
    error: SourceError | None = None
    failures_in_a_row: int = 0
    failures: dict[Reason, int] = field(default_factory=lambda: dict.fromkeys(REASONS, 0))
    budget: Budget = field(init=False)
    _succeeded: float | None = None
    # By the clock that nobody sets: when the source may be asked again, and when it was asked for what is shown.
    _held_until: float = float("-inf")
    _asked: float = float("-inf")
    # What the log was told last of the source, if that is that it fails: why (None: before a reload changed it), and
    # how often it has in a row since.
    _told: tuple[Reason | None, int] | None = None
    _expiry: asyncio.TimerHandle | None = None

    def __post_init__(self) -> None:
        self.budget = Budget(self.max_series_per_family, self.on_drop)

    @property
    def fresh(self) -> bool:
        """Whether the data are young enough to be shown."""
        return self.age is not None and self.age <= stale_after(self.source.every, self.source.timeout)

    @property
    def age(self) -> float | None:
        """Seconds since the last success, by a clock that nobody sets; None before the first."""
        return None if self._succeeded is None else time.monotonic() - self._succeeded

    @property
    def circuit_open(self) -> bool:
        """Whether the source failed so often that it is only probed now and then, until a collection succeeds."""
        return self.failures_in_a_row > _PATIENT_FAILURES and self.failing is not UNHEARD

    @property
    def failing(self) -> SourceError | None:
        """Why nothing new is shown: its last failure; else None."""
        return self.error

    @property
    def heard(self) -> bool:
        """Whether what is known is young: the data; or a failure, which grows older while the source is asked less."""
        if self.error is None:
            return self.fresh
        if self.error.reason == "state":  # of our own, whoever asks the source
            return True
        due = max(self._asked + self.pause, self._held_until)
        every = self.source.every
        return time.monotonic() <= due - every + stale_after(every, self.source.timeout)

    @property
    def pause(self) -> float:
        """The seconds between two collections as things are, longer while the source fails."""
        every = self.source.every
        doublings = max(0, self.failures_in_a_row - _PATIENT_FAILURES)
        return min(every * 2.0 ** min(doublings, 10), _longest_wait(every))

    def scraped(self) -> None:
        """Note how old the data are that a scraper is given now."""
        self.served_age = self.age

    def snapshot(self) -> list[Collected]:
        """Return what is to be shown of this source now: its data while they are fresh, and its state always."""
        name, state = self.source.name, Collected()
        failing = self.failing
        state.set(INTERVAL, self.source.every, name)
        state.families[FAILURES] = {(name, reason): float(count) for reason, count in self.failures.items()}
        if self.last_success is not None or failing is not None:
            state.set(UP, failing is None, name)
            state.set(DURATION, self.last_duration, name)
            state.set(CIRCUIT_OPEN, self.circuit_open, name)
        state.set(LAST_SUCCESS, self.last_success, name)
        state.set(SERVED_AGE, self.served_age, name)
        shown = Collected(self.data)
        if self.fresh:
            shown.update(self.data)
        if failing is not None:
            state.set(FAILING, 1, name, failing.reason)
        if failing is not None and failing is self.error:  # one of which the state says nothing may be well
            shown.update(self.down)
        return [state, shown]

    def _result(self) -> Result:
        held = self._held_until - time.monotonic()
        return Result(
            self.data,
            self.last_success,
            self.age or 0.0,
            self.last_duration,
            self.failures,
            self.error,
            self.failures_in_a_row,
            held if held > 0 else self.pause if self.error is not None else 0.0,
            time.monotonic() - self._asked,
            self.down,
            self.source.fingerprint,
        )

    def _show(self, result: Result, *, data_alone: bool = False) -> None:
        now = time.monotonic()
        self._succeeded = None if result.succeeded is None else now - result.age
        self.data, self.last_success, self.last_duration = result.data, result.succeeded, result.duration
        for reason, count in result.failures.items():
            self.failures[reason] = max(self.failures[reason], count)
        self._withdraw_in_time()
        if data_alone:
            return
        self.error, self.failures_in_a_row, self.down = result.error, result.failures_in_a_row, result.down
        self._held_until = now + min(result.wait, _LONGEST_RETRY_AFTER) if result.wait > 0 else float("-inf")
        self._asked = now - result.asked

    def _failed(self, error: SourceError) -> None:
        self.failures[error.reason] += 1
        self.failures_in_a_row += 1
        self.error = error
        if error.retry_after:
            wait = max(self.pause, min(error.retry_after, _LONGEST_RETRY_AFTER))
            self._held_until = time.monotonic() + wait
        try:
            self.down = self.source.down()
        except Exception:  # a defect of its own, which must not hide the others
            self.down = Collected()
            log.exception("source.defect", source=self.source.name)
        if error.reason != "state":  # which says nothing of the source
            self._asked = time.monotonic()

    def _tell(self) -> None:
        """Tell the log once that the source fails, and once that it is well again."""
        failing = self.failing
        if failing is not None:
            if self._told is None or failing.reason != self._told[0]:
                error = redact(str(failing))
                log.warning("source.failed", source=self.source.name, reason=failing.reason, error=error)
            self._told = failing.reason, self.failures_in_a_row
        elif self._told is not None and self.last_success is not None:
            log.info("source.recovered", source=self.source.name, failures=self._told[1])
            self._told = None

    def _withdraw_in_time(self) -> None:
        """Have the data withdrawn when they become too old, whatever the source or the state is doing then."""
        if self._expiry is not None:
            self._expiry.cancel()
            self._expiry = None
        if self.age is not None and self.data.families:
            left = stale_after(self.source.every, self.source.timeout) - self.age
            if left > 0:
                self._expiry = asyncio.get_running_loop().call_later(left + 0.01, self.on_change)
