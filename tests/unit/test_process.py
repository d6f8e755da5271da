"""What the exporter says of its own process is what prometheus-client says of it."""

from pathlib import Path

import pytest
from prometheus_client import ProcessCollector
from prometheus_client.registry import CollectorRegistry

from exporter.engine import process
from exporter.engine.process import OwnMetrics


def test_the_process_is_told_as_prometheus_client_tells_it() -> None:
    told = {family.name: samples for family, samples in OwnMetrics("hash", 0.0).collected()}
    reader = ProcessCollector(registry=CollectorRegistry())
    theirs = {sample.name: sample.value for metric in reader.collect() for sample in metric.samples}
    assert theirs.keys() == {name for name in told if name.startswith("process_")}
    for name in ("process_start_time_seconds", "process_max_fds"):
        assert told[name] == {(): theirs[name]}
    assert 0 < told["process_cpu_seconds_total"][()] <= theirs["process_cpu_seconds_total"]
    for name in ("process_virtual_memory_bytes", "process_resident_memory_bytes", "process_open_fds"):
        assert 0.5 < told[name][()] / theirs[name] < 2


def test_there_is_nothing_to_tell_where_there_is_no_proc(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(process, "_PROC", tmp_path)
    assert "process_open_fds" not in {family.name for family, _ in OwnMetrics("hash", 0.0).collected()}
