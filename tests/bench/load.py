"""A scraper that costs little itself: one keep-alive socket, latencies in seconds, CPU time of the server's process."""

import os
import random
import socket
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tests.bench.table import spread

_ENOUGH = 100
"""Scrapes that a 99th percentile takes."""


@dataclass(frozen=True, slots=True)
class Load:
    """What a run of scrapes gave: sorted latencies in seconds, CPU seconds of the server per scrape, body bytes.

    `changes` is how many bodies differed from the one before.
    """

    latencies: list[float]
    cpu_per_scrape: float
    body_bytes: int
    changes: int

    def quantile(self, share: float) -> float:
        """Return the latency that `share` of the scrapes stayed within."""
        return self.latencies[min(len(self.latencies) - 1, int(share * len(self.latencies)))]


class Scraper:
    """One keep-alive connection to 127.0.0.1:`port`, asking as Prometheus does."""

    def __init__(self, port: int, path: str = "/metrics", *, gzip: bool = False, timeout: float = 60) -> None:
        encoding = "gzip" if gzip else "identity"
        self._request = (
            f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUser-Agent: Prometheus/2.42.0\r\n"
            f"Accept: text/plain;version=0.0.4\r\nAccept-Encoding: {encoding}\r\n\r\n"
        ).encode()
        self._port, self._timeout = port, timeout
        self._socket = self._connect()

    def scrape(self) -> bytes:
        """Ask once and return the body; connect anew for a server that closes after each answer, as HTTP/1.0 does.

        Raises RuntimeError for an answer that is not 200.
        """
        try:
            self._socket.sendall(self._request)
            data = self._socket.recv(1 << 20)
        except ConnectionError:
            data = b""
        if not data:
            self._socket = self._connect()
            self._socket.sendall(self._request)
        while b"\r\n\r\n" not in data:
            data += self._receive()
        head, _, rest = data.partition(b"\r\n\r\n")
        if b" 200 " not in head.partition(b"\r\n")[0]:
            raise RuntimeError(head.decode())
        lines = head.lower().split(b"\r\n")
        if b"transfer-encoding: chunked" in lines:
            return self._chunks(rest)
        length = next(int(line[15:]) for line in lines if line.startswith(b"content-length:"))
        chunks, got = [rest], len(rest)
        while got < length:
            chunks.append(self._receive())
            got += len(chunks[-1])
        return b"".join(chunks)

    def _chunks(self, rest: bytes) -> bytes:
        """Read a body that is sent in chunks, of which `rest` has come already."""
        body = bytearray()
        while True:
            while b"\r\n" not in rest:
                rest += self._receive()
            size, _, rest = rest.partition(b"\r\n")
            length = int(size, 16)
            while len(rest) < length + 2:
                rest += self._receive()
            body += rest[:length]
            rest = rest[length + 2 :]
            if length == 0:
                return bytes(body)

    def _connect(self) -> socket.socket:
        made = socket.create_connection(("127.0.0.1", self._port), timeout=self._timeout)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return made

    def _receive(self) -> bytes:
        chunk = self._socket.recv(1 << 20)
        if not chunk:
            raise RuntimeError("the server closed in the middle of an answer")
        return chunk

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()


def load(port: int, pid: int, scrapes: int, *, gzip: bool = False, warm_up: int = 20) -> Load:
    """Scrape so many times, one after another, after `warm_up` that do not count."""
    scraper = Scraper(port, gzip=gzip)
    for _ in range(warm_up):
        scraper.scrape()
    latencies, bodies = [], Bodies()
    before = cpu_seconds(pid)
    for _ in range(scrapes):
        started = time.perf_counter()
        body = scraper.scrape()
        latencies.append(time.perf_counter() - started)
        bodies.see(body)
    spent = cpu_seconds(pid) - before
    scraper.close()
    return Load(sorted(latencies), spent / scrapes, len(bodies.last), bodies.changes)


def paced(port: int, pid: int, seconds: float, *, gzip: bool = False, pause: float = 0.006) -> Load:
    """Scrape for so long at moments that do not wait for the answers, `pause` seconds apart in the mean.

    What is due while an answer is awaited counts from when it was due, so that one stall makes all late that would
    have fallen into it. What this process itself wakes up late for is not the server's.
    """
    scraper = Scraper(port, gzip=gzip)
    scraper.scrape()
    latencies, bodies = [], Bodies()
    before, begin = cpu_seconds(pid), time.perf_counter()
    due = ended = begin
    while due < begin + seconds:
        started = due
        if ended < due:
            time.sleep(max(0.0, due - time.perf_counter()))
            started = time.perf_counter()
        body = scraper.scrape()
        ended = time.perf_counter()
        latencies.append(ended - started)
        bodies.see(body)
        due += random.uniform(pause / 3, pause * 5 / 3)
    spent = cpu_seconds(pid) - before
    scraper.close()
    return Load(sorted(latencies), spent / len(latencies), len(bodies.last), bodies.changes)


class Bodies:
    """Counts how often a page changed from one scrape to the next."""

    def __init__(self) -> None:
        self.last, self.changes = b"", 0

    def see(self, body: bytes) -> None:
        """Take note of the next page."""
        self.changes += bool(self.last) and body != self.last
        self.last = body


def tail(runs: Sequence[Load]) -> str:
    """Write the 99th percentile of each run; of runs too short for one, the longest, and of how many."""
    count = min(len(run.latencies) for run in runs)
    if count >= _ENOUGH:
        return spread([run.quantile(0.99) for run in runs], "ms", 1000)
    return f"{spread([run.latencies[-1] for run in runs], 'ms', 1000)}, longest of {count}"


def cpu_seconds(pid: int) -> float:
    """Return user and system time of a process, threads that ended included, and of its living children."""
    total = 0.0
    for each in (pid, *map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())):
        with suppress(OSError):  # it ended just now
            total += time.clock_gettime(
                (~each << 3) | 2
            )  # as clock_getcpuclockid makes it: nanoseconds, not ticks
    return total


def resident_bytes(pid: int) -> int:
    """Return the resident memory of a process."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")


def open_files(pid: int) -> int:
    """Return how many descriptors a process holds."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))
