"""A name is looked up once at a time, however many ask and however many give up."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from exporter.engine.loop import Loop


def run(main: Coroutine[Any, Any, None]) -> None:
    with asyncio.Runner(loop_factory=Loop) as runner:
        runner.run(main)


def test_who_asks_for_the_same_name_shares_one_look_up() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, Loop)
        waiters = [asyncio.create_task(loop.getaddrinfo("localhost", 80)) for _ in range(5)]
        await asyncio.sleep(0)
        assert len(loop.__dict__["_pending"]) == 1
        waiters[0].cancel()
        answers = await asyncio.gather(*waiters, return_exceptions=True)
        assert isinstance(answers[0], asyncio.CancelledError)
        assert all(answer == answers[1] and answer for answer in answers[1:])
        assert loop.__dict__["_pending"] == {}

    run(main())


def test_a_name_that_does_not_exist_is_told_to_each_and_asked_again() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        for _ in range(2):
            asked = [loop.getaddrinfo("nothing.invalid", 80) for _ in range(3)]
            answers = await asyncio.gather(*asked, return_exceptions=True)
            assert all(isinstance(answer, OSError) for answer in answers)

    run(main())
