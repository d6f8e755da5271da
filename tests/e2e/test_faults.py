"""Real faults in the real chain: the right alert, the right receivers, the right words, and word of the end.

What each fault must lead to stands beside it in exporter/demo/native/faults.py.
"""

import asyncio
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path

import httpx
import pytest

from exporter.demo.names import Ports
from exporter.demo.native.faults import FAULTS
from exporter.demo.native.proofs import summary
from exporter.demo.native.prove import Proof, prove
from exporter.demo.native.state import RunningDemo, State
from tests.e2e.test_demo import demo, until_all_runs

pytestmark = pytest.mark.e2e

# Of two demos, because the error budget of the API remembers for five minutes, and the database is stopped meanwhile.
OF_THE_PRODUCT = ("api", "api-slow", "health", "delivery")
OF_THE_DATABASE = tuple(name for name in FAULTS if name not in OF_THE_PRODUCT)
SECONDS_BETWEEN_TEXT_MESSAGES = 300


@pytest.fixture
def folders() -> Iterator[tuple[Path, Path]]:
    """Two folders to be, that PostgreSQL's user can enter."""
    with ExitStack() as stack:
        names = [stack.enter_context(tempfile.TemporaryDirectory(prefix="faults-")) for _ in range(2)]
        for name in names:
            Path(name).chmod(0o755)
        yield Path(names[0]) / "state", Path(names[1]) / "state"


async def _prove(product: RunningDemo, database: RunningDemo) -> list[Proof]:
    halves = await asyncio.gather(prove(product, OF_THE_PRODUCT), prove(database, OF_THE_DATABASE))
    return [proof for half in halves for proof in half]


def test_every_fault_is_told_to_the_right_people_and_so_is_its_end(
    folders: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    with ExitStack() as stack:
        started = [stack.enter_context(demo(folder)) for folder in folders]
        for process, _, log in started:
            until_all_runs(process, log)
        proofs = asyncio.run(_prove(*(State(folder).running() for folder in folders)))
        texts = [text_messages(ports) for _, ports, _ in started]
    with capsys.disabled():
        print("", *(summary(proof) for proof in proofs), sep="\n")
    assert {proof.fault: proof.problems for proof in proofs} == {name: [] for name in FAULTS}
    for times in texts:
        assert times, "no page came with a text message"
        gaps = [after - before for before, after in pairwise(times)]
        assert all(gap > SECONDS_BETWEEN_TEXT_MESSAGES - 1 for gap in gaps), gaps


def text_messages(ports: Ports) -> list[float]:
    """Return when text messages arrived, drills left aside, which come each for itself."""
    items = httpx.get(
        ports.url("sinks", "/api/notifications"), params={"channel": "sms"}, timeout=30, trust_env=False
    ).json()
    return sorted(item["received_at"] for item in items if "Drill" not in item["body"]["message"])
