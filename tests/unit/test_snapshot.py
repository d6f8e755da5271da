"""What all sources say together is bounded, has each series once, and can be written whatever a source says."""

import gzip
import itertools
import json
import math
import threading
from types import SimpleNamespace
from typing import Any

import pytest

from exporter.engine import freshness as engine
from exporter.engine import pauses
from exporter.engine.families import Collected, Exemplar, Family, Samples
from exporter.engine.runner import Runner
from exporter.engine.snapshot import SnapshotPublisher
from exporter.logs import Log
from tests.support.logged import said
from tests.support.scripted import ALIVE, VALUE, Scripted, fine, running

EVENTS = Family("events_total", "counter", "Events.", ("kind",))


async def test_a_family_over_its_bound_is_cut_and_counted() -> None:
    class Wide(Scripted):
        async def collect(self) -> Collected:
            out = Collected()
            for number in range(50):
                out.set(VALUE, number, str(number))
            return out

    dropped: dict[str, int] = {}
    runner = Runner(
        Wide("wide", fine), 10, lambda: None, lambda family, count: dropped.update({family.name: count})
    )
    await runner.collect()
    assert len(runner.data) == 10
    assert dropped == {"value": 40}


async def test_rendering_does_not_hold_up_the_event_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    publisher, threads = SnapshotPublisher(list, max_series=100), []
    render = publisher._renderer.render

    def rendered(*given: Any) -> Any:
        threads.append(threading.current_thread().name)
        return render(*given)

    monkeypatch.setattr(publisher._renderer, "render", rendered)
    await publisher.publish()
    assert threads == ["snapshot_0"]


async def test_rendering_pauses_so_that_the_event_loop_gets_its_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    out = Collected()
    for number in range(30):
        out.families[Family(f"family_{number}", "gauge", "A family.", ("at",))] = {
            (str(at),): float(at) for at in range(300)
        }
    asleep: list[tuple[float, str]] = []
    clock = SimpleNamespace(
        perf_counter=itertools.count(0, 1 / 16384).__next__,  # 0.06 ms from one look at it to the next
        sleep=lambda seconds: asleep.append((seconds, threading.current_thread().name)),
    )
    monkeypatch.setattr(pauses, "time", clock)
    publisher = SnapshotPublisher(lambda: [out], max_series=10_000)
    await publisher.publish()
    assert len(asleep) >= 10, "while it merges 30 families, writes them, and compresses as many pieces"
    assert {thread for _, thread in asleep} == {"snapshot_0"}
    assert all(0 < seconds < 0.001 for seconds, _ in asleep)
    assert publisher.current.text.count(b"\nfamily_") == 9000


async def test_what_reads_files_is_gathered_beside_the_event_loop() -> None:
    threads, own = [], Collected()
    own.set(VALUE, 1, "own")

    def gathered() -> list[Collected]:
        threads.append(threading.current_thread().name)
        return [own]

    publisher = SnapshotPublisher(list, max_series=100, in_thread=gathered)
    await publisher.publish()
    assert threads == ["snapshot_0"]
    assert b'value{source="own"} 1.0' in publisher.current.text


async def test_a_plain_body_that_was_asked_for_is_put_together_with_the_next_snapshot() -> None:
    publisher = SnapshotPublisher(list, max_series=100)
    await publisher.publish()
    assert not publisher.current.plain, "nobody has asked"
    text = publisher.current.text
    assert publisher.current.text is text
    await publisher.publish()
    assert list(publisher.current.plain) == [False]
    assert publisher.current.plain[False] == gzip.decompress(publisher.current.text_gzip) != text
    await publisher.publish()
    assert not publisher.current.plain, "nobody asked for the last one"


async def test_a_series_that_two_sources_claim_is_shown_once_and_counted() -> None:
    one, two = Collected(), Collected()
    one.set(VALUE, 1, "same")
    two.set(VALUE, 2, "same")
    two.set(VALUE, 3, "other")
    publisher = SnapshotPublisher(lambda: [one, two], max_series=100)
    await publisher.publish()
    assert b'value{source="same"} 1.0\nvalue{source="other"} 3.0\n' in publisher.current.text
    assert b'platform_exporter_series_dropped_total{family="value"} 1.0' in publisher.current.text


async def test_the_overall_bound_holds() -> None:
    wide = Collected()
    for number in range(500):
        wide.set(VALUE, number, str(number))
    publisher = SnapshotPublisher(lambda: [wide], max_series=100)
    await publisher.publish()
    assert publisher.current.text.count(b"\nvalue{") == 100
    assert b'platform_exporter_series_dropped_total{family="value"} 400.0' in publisher.current.text


async def test_the_overall_bound_cuts_what_is_largest_and_nothing_of_our_own() -> None:
    def said(name: str, count: int) -> Collected:
        out = Collected()
        for number in range(count):
            out.set(VALUE, number, f"{name} {number}")
        out.set(ALIVE, 1, name)
        out.set(engine.UP, 1, name)
        return out

    parts = [said("explodes", 500), *(said(f"source {number}", 5) for number in range(10))]
    publisher = SnapshotPublisher(lambda: parts, max_series=100, unbounded=engine.FAMILIES)
    await publisher.publish()
    text = publisher.current.text
    assert text.count(b'\nvalue{source="explodes') == 100 - 10 * 5 - 11
    assert text.count(b'\nvalue{source="source') == 50
    assert text.count(b"\nalive{") == text.count(b"\nplatform_exporter_source_up{") == 11
    shown = {line.rsplit(b" ", 1)[0] for line in text.splitlines() if line.startswith(b"value{")}
    parts[0].families[VALUE] = dict(reversed(parts[0].families[VALUE].items()))
    await publisher.publish()
    lines = publisher.current.text.splitlines()
    assert {line.rsplit(b" ", 1)[0] for line in lines if line.startswith(b"value{")} == shown, "the same stay"


async def test_an_overall_bound_below_the_number_of_families_is_used_up() -> None:
    parts = [Collected() for _ in range(20)]
    for number, part in enumerate(parts):
        part.set(VALUE, number, str(number))
    publisher = SnapshotPublisher(lambda: parts, max_series=7)
    await publisher.publish()
    assert publisher.current.text.count(b"\nvalue{") == 7


async def test_the_overall_bound_leaves_histograms_whole() -> None:
    took = Family("took_seconds", "histogram", "Time.", ("path",))
    out = Collected()
    for path in "ab":
        out.observe(took, {0.1: 1, 1.0: 2, math.inf: 3}, 3.0, path)
    publisher = SnapshotPublisher(lambda: [out], max_series=7)
    await publisher.publish()
    assert publisher.current.text.count(b'path="a"') == 5
    assert b'path="b"' not in publisher.current.text
    assert publisher.dropped == {"took_seconds": 5}


async def test_what_is_beyond_the_overall_bound_is_counted_once_a_collection() -> None:
    def collected(count: int) -> Collected:
        out = Collected()
        for number in range(count):
            out.set(VALUE, number, str(number))
        return out

    now = collected(500)
    publisher = SnapshotPublisher(lambda: [now], max_series=100)
    for _ in range(5):
        await publisher.publish()
    assert publisher.dropped == {"value": 400}
    publisher.bound(50)
    await publisher.publish()
    assert publisher.dropped == {"value": 450}
    now = collected(200)
    await publisher.publish()
    assert publisher.dropped == {"value": 600}


async def test_what_a_source_gathers_itself_is_counted_too() -> None:
    class Gathering(Scripted):
        async def collect(self) -> Collected:
            out = await super().collect()
            out.dropped[VALUE] = 7
            return out

    dropped: list[tuple[str, int]] = []
    runner = Runner(
        Gathering("s", fine), 10, lambda: None, lambda family, count: dropped.append((family.name, count))
    )
    await runner.collect()
    assert dropped == [("value", 7)]


async def test_a_source_may_fill_the_same_again() -> None:
    class Reusing(Scripted):
        kept = Collected()

        async def collect(self) -> Collected:
            self.runs += 1
            self.kept.set(VALUE, self.runs, self.name)
            return self.kept

    runner = Runner(Reusing("s", fine), 10, lambda: None, lambda *_: None)
    publisher = SnapshotPublisher(runner.snapshot, max_series=100)
    for number in (1, 2):
        await runner.collect()
        await publisher.publish()
        assert f'value{{source="s"}} {number}.0\n'.encode() in publisher.current.text


@pytest.mark.parametrize(
    "rubbish",
    [
        {("a", "b"): 1.0},
        {(1,): 1.0},
        {("\ud800",): 1.0},
        {("a",): 10**400},
        {("a",): "1"},
        {("a",): "x 1\nalive 2"},
        {("a",): [1]},
        {("a",): {}},
        {("a",): {1: 2}},
        {("a",): None},
    ],
)
async def test_what_cannot_be_written_is_left_out_and_the_others_are_shown(rubbish: Samples) -> None:
    good, bad = Collected(), Collected()
    good.set(ALIVE, 1, "good")
    bad.families[VALUE] = rubbish
    publisher = SnapshotPublisher(lambda: [good, bad], max_series=100)
    for _ in range(3):
        await publisher.publish()
        assert b'alive{source="good"} 1.0' in publisher.current.text
        assert b"\nvalue{" not in publisher.current.text
    assert publisher.dropped == {"value": 1}, "counted once, and looked for once"


async def test_true_and_false_are_numbers() -> None:
    out = Collected()
    out.families[VALUE] = {("yes",): True, ("no",): False}
    publisher = SnapshotPublisher(lambda: [out], max_series=100)
    await publisher.publish()
    assert b'value{source="yes"} 1.0\nvalue{source="no"} 0.0\n' in publisher.current.text


async def test_half_a_surrogate_becomes_a_question_mark() -> None:
    out = Collected()
    out.set(VALUE, 1, "a\ud800b")
    took = Family("took_seconds", "histogram", "Time.", ("route",))
    out.observe(took, {math.inf: 1}, 2.5, "/\udfff", exemplars={math.inf: Exemplar((("id", "\ud800"),), 1)})
    publisher = SnapshotPublisher(lambda: [out], max_series=100)
    await publisher.publish()
    assert b'value{source="a?b"} 1.0' in publisher.current.text
    assert b'took_seconds_sum{route="/?"} 2.5' in publisher.current.text
    assert b'# {id="?"} 1.0' in publisher.current.openmetrics


async def test_a_bound_can_change_while_sources_run() -> None:
    async with running(Scripted("s", fine)) as scheduler:
        scheduler.bound(7)
        assert scheduler.runners["s"].budget.most == 7


async def test_a_raised_bound_that_takes_a_restart_says_so(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    class Counting(Scripted):
        async def collect(self) -> Collected:
            out = Collected()
            for number in range(5):
                out.set(EVENTS, 1, str(number))
            return out

    monkeypatch.setattr(Log, "least", 30)
    async with running(Scripted("within", fine), Counting("beyond", fine)) as scheduler:
        scheduler.bound(3)
        await scheduler.runners["beyond"].collect()
        await scheduler.runners["within"].collect()
        said(capfd)
        scheduler.bound(2)
        assert said(capfd) == "", "lowered"
        scheduler.bound(10)
        line = json.loads(said(capfd))
        assert (line["action"], line["sources"]) == ("limits.other_stays", ["beyond"])
        assert line["remedy"].startswith("Restart the exporter")
        scheduler.bound(10)
        assert said(capfd) == "", "the same"


async def test_samples_that_come_again_are_counted_with_each_collection() -> None:
    class Same(Scripted):
        told = Collected()

        async def collect(self) -> Collected:
            out = Collected()
            out.update(self.told)
            out.final = True
            return out

    for number in range(30):
        Same.told.set(VALUE, number, str(number))
    runner = Runner(Same("s", fine), 100, lambda: None, lambda *_: None)
    publisher = SnapshotPublisher(runner.snapshot, max_series=10)
    counts = []
    for _ in range(3):
        await runner.collect()
        assert runner.data.families[VALUE] is Same.told.families[VALUE], "held once"
        for _ in range(2):
            await publisher.publish()
        counts.append(publisher.dropped["value"])
    assert counts == [counts[0], 2 * counts[0], 3 * counts[0]]
