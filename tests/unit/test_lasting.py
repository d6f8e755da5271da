"""Work that ends by a defect is begun again, and a defect that comes at once does not fill the log."""

import asyncio

import pytest

from exporter.engine.lasting import lasting


def test_failing_work_is_begun_again_ever_less_often(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []

    async def pause(seconds: float) -> None:
        pauses.append(seconds)

    async def work() -> None:
        if len(pauses) < 9:
            raise ZeroDivisionError

    monkeypatch.setattr("exporter.engine.lasting.asyncio.sleep", pause)
    asyncio.run(lasting(work))
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_it_ends_at_once_when_cancelled_in_a_pause() -> None:
    async def work() -> None:
        raise ZeroDivisionError

    async def main() -> None:
        task = asyncio.create_task(lasting(work))
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(task, 0.5)

    asyncio.run(main())
