"""A scraper that costs little itself: one keep-alive socket, latencies in seconds, CPU time of the server's process."""

import os
import socket
import time
from dataclasses import dataclass
from pathlib import Path

_TICK = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Load:
    """What a run of scrapes gave: sorted latencies in seconds, CPU seconds of the server per scrape, body bytes."""

    latencies: list[float]
    cpu_per_scrape: float
    body_bytes: int

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


def load(port: int, pid: int, scrapes: int, path: str = "/metrics", *, gzip: bool = False) -> Load:
    """Scrape so many times, one after another."""
    scraper = Scraper(port, path, gzip=gzip)
    body = b""
    for _ in range(min(20, scrapes)):
        body = scraper.scrape()
    latencies = []
    before = cpu_seconds(pid)
    for _ in range(scrapes):
        started = time.perf_counter()
        scraper.scrape()
        latencies.append(time.perf_counter() - started)
    spent = cpu_seconds(pid) - before
    scraper.close()
    return Load(sorted(latencies), spent / scrapes, len(body))


def cpu_seconds(pid: int) -> float:
    """Return user and system time of a process and of its living children."""
    total = 0.0
    pids = [pid, *map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())]
    for each in pids:
        fields = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
        total += (int(fields[11]) + int(fields[12])) / _TICK
    return total


def resident_bytes(pid: int) -> int:
    """Return the resident memory of a process."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")


def open_files(pid: int) -> int:
    """Return how many descriptors a process holds."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))
