"""How the sources are, as data: for the landing page and for /api/v1/sources."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from exporter.engine.engine import Engine
from exporter.engine.runner import Runner
from exporter.engine.source import Reason
from exporter.platform.values import redact

State = Literal["waiting", "up", "failing", "stale"]

_LONGEST_ERROR = 500


class _Answer(BaseModel):
    """Part of an answer; every field is always there."""

    model_config = ConfigDict(
        frozen=True, use_attribute_docstrings=True, json_schema_serialization_defaults_required=True
    )


class SourceFailure(_Answer):
    """Why the last collection of a source failed. Secrets are taken out."""

    reason: Reason
    message: str
    remedy: str


class SourceStatus(_Answer):
    """One source."""

    name: str = Field(examples=["postgres.main"])
    """Kind and key in the platform file."""
    state: State
    """`waiting`: not asked yet; `failing`: the last collection failed, and what is known is still young enough to be
    shown; `stale`: it is not, and its series are withdrawn."""
    last_success_timestamp_seconds: float | None
    """Unix time, null before the first success."""
    age_seconds: float | None
    """Since the last success, null before it."""
    interval_seconds: float
    duration_seconds: float
    """Of the last collection."""
    series: int
    """Exported now."""
    failures: dict[Reason, int]
    """Failed collections by reason; reasons that never occurred are left out."""
    failures_in_a_row: int
    circuit: Literal["closed", "open"]
    """`open`: it failed so often in a row that it is only probed, ever less often; a success closes the circuit."""
    due_timestamp_seconds: float | None
    """When it is asked next, Unix time; null while it is asked for the first time."""
    error: SourceFailure | None
    """Null when the last collection succeeded, of whichever exporter asks it."""


class Sources(_Answer):
    """Every source of the platform, failing ones first."""

    platform: str
    environment: str
    series: int
    """In the snapshot that /metrics answers with."""
    snapshot_timestamp_seconds: float
    dropped: dict[str, int]
    """Samples not exported because a bound was reached, by name of the family."""
    sources: list[SourceStatus]


def sources(engine: Engine) -> Sources:
    """Return how the sources of `engine` are now."""
    snapshot = engine.snapshot
    runners = sorted(
        engine.scheduler.runners.values(), key=lambda runner: (runner.failing is None, runner.source.name)
    )
    return Sources(
        platform=engine.platform.platform,
        environment=engine.platform.environment,
        series=snapshot.series,
        snapshot_timestamp_seconds=snapshot.made,
        dropped=engine.publisher.dropped,
        sources=[status(runner) for runner in runners],
    )


def status(runner: Runner) -> SourceStatus:
    """Return how one source is now: as /metrics says it."""
    age = runner.age
    error = runner.failing
    return SourceStatus(
        name=runner.source.name,
        state=_state(runner),
        last_success_timestamp_seconds=runner.last_success,
        age_seconds=age,
        interval_seconds=runner.source.every,
        duration_seconds=runner.last_duration,
        series=len(runner.data) if runner.fresh else 0,
        failures={reason: count for reason, count in runner.failures.items() if count},
        failures_in_a_row=runner.failures_in_a_row,
        circuit="open" if runner.circuit_open else "closed",
        due_timestamp_seconds=runner.due,
        error=None
        if error is None
        else SourceFailure(
            reason=error.reason,
            message=redact(str(error))[:_LONGEST_ERROR],
            remedy=redact(error.remedy)[:_LONGEST_ERROR],
        ),
    )


def _state(runner: Runner) -> State:
    if runner.failing is None:
        return "waiting" if runner.last_success is None else "up"
    return "failing" if runner.fresh else "stale"
