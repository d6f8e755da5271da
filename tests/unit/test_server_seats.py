"""Who may be connected: a bound, and fairness between addresses when it is reached."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.server.seats import Seat, Seats


class Room:
    """Seats, and who had to leave."""

    def __init__(self, most: int) -> None:
        self.seats = Seats(most)
        self.left: list[Seat] = []

    def take(self, host: str, *, busy: bool = False, served: bool = False) -> Seat | None:
        seat = self.seats.take(host)
        if seat is not None:
            seat.busy, seat.served = busy, served
            seat.leave = lambda: self.left.append(seat)
        return seat


def test_when_full_the_address_with_most_gives_way() -> None:
    room = Room(4)
    oldest, *_ = [room.take("192.0.2.1") for _ in range(4)]
    assert room.take("198.51.100.1") is not None
    assert room.left == [oldest]
    assert len(room.seats) == 4


def test_idle_connections_go_first_and_busy_ones_never() -> None:
    room = Room(3)
    room.take("192.0.2.1", busy=True)
    room.take("192.0.2.1")
    idle = room.take("192.0.2.1", served=True)
    assert room.take("198.51.100.1") is not None
    assert room.left == [idle]
    room = Room(2)
    room.take("192.0.2.1", busy=True)
    room.take("192.0.2.1", busy=True)
    assert room.take("198.51.100.1") is None


def test_one_address_alone_gets_what_it_left_idle_and_no_more() -> None:
    room = Room(2)
    idle = room.take("192.0.2.1", served=True)
    room.take("192.0.2.1")
    assert room.take("192.0.2.1") is not None
    assert room.left == [idle]
    assert room.take("192.0.2.1") is None, (
        "connections that never asked are not thrown out for their own kind"
    )


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8:0:1::1", "2001:db8:0:1:ffff::2", True),
        ("2001:db8:0:1::1", "2001:db8:0:2::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
        ("fe80::1%eth0", "fe80::2%eth0", True),
    ],
)
def test_ipv6_counts_by_network(one: str, other: str, same: bool) -> None:
    seats = Seats(10)
    first, second = seats.take(one), seats.take(other)
    assert first is not None
    assert second is not None
    assert (first.address == second.address) is same


@given(st.lists(st.tuples(st.sampled_from("abc"), st.booleans(), st.booleans(), st.booleans()), max_size=60))
def test_the_count_is_true_and_within_the_bound(steps: list[tuple[str, bool, bool, bool]]) -> None:
    room, held = Room(5), list[Seat]()
    for host, busy, served, free in steps:
        if free and held:
            room.seats.free(held[0])
            room.seats.free(held.pop(0))
        elif (seat := room.take(host, busy=busy, served=served)) is not None:
            held.append(seat)
        held = [seat for seat in held if seat not in room.left]
        assert len(room.seats) == len(held) <= 5
        assert not any(seat.busy for seat in room.left)
