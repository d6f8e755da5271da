"""Who may be connected: a bound on all connections, and fairness between addresses when it is reached."""

from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import IPv6Address

MOST_CONNECTIONS = 512


@dataclass(eq=False, slots=True)
class Seat:
    """The place of one connection.

    Attributes:
        address: whom it counts for.
        leave: ends the connection at once.
        busy: a request is being answered; such a connection is never asked to give way.
        served: a request was answered.
    """

    address: str
    leave: Callable[[], object] = field(default=lambda: None)
    busy: bool = False
    served: bool = False


class Seats:
    """All connections. When no seat is free, the address with most of them gives way to one that has fewer."""

    def __init__(self, most: int = MOST_CONNECTIONS) -> None:
        self._most = most
        self._by_address: dict[str, dict[Seat, None]] = {}
        self._taken = 0

    def __len__(self) -> int:
        return self._taken

    def take(self, host: str) -> Seat | None:
        """Return a seat for a connection from `host`, or None when there is none to be had."""
        address = _group(host)
        if self._taken >= self._most and not self._make_room(address):
            return None
        seat = Seat(address)
        self._by_address.setdefault(address, {})[seat] = None
        self._taken += 1
        return seat

    def free(self, seat: Seat) -> None:
        """Give the seat back; again does no harm."""
        seats = self._by_address.get(seat.address, {})
        if seat not in seats:
            return
        del seats[seat]
        self._taken -= 1
        if not seats:
            del self._by_address[seat.address]

    def _make_room(self, address: str) -> bool:
        """End a connection of the address that has most: an idle one, or, of a greedier one, one that says nothing."""
        greediest = max(self._by_address, key=lambda each: len(self._by_address[each]))
        own = len(self._by_address.get(address, ()))
        seats = self._by_address[greediest]
        if len(seats) <= own:
            seats = self._by_address[address]
        waiting = [seat for seat in seats if not seat.busy]
        idle = [seat for seat in waiting if seat.served]
        candidates = idle or (waiting if len(seats) > own + 1 else [])
        if not candidates:
            return False
        self.free(candidates[0])
        candidates[0].leave()
        return True


def _group(host: str) -> str:
    """Return what an address counts as: of IPv6 the network, since a host has 2^64 addresses in it."""
    if ":" not in host:
        return host
    address = IPv6Address(host.partition("%")[0])
    return str(address.ipv4_mapped or IPv6Address(int(address) >> 64 << 64))
