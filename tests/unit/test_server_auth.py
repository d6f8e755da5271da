"""Basic auth: unknown users cost what wrong passwords cost, each pair is worked out once, guesses are bounded."""

import asyncio
import base64

import bcrypt
import pytest

from exporter.server import auth
from exporter.server.auth import Users, Verdict
from exporter.server.policy import Bucket


def header(name: str, password: str) -> bytes:
    return b"Basic " + base64.b64encode(f"{name}:{password}".encode())


def hashed(password: str, cost: int = 4) -> str:
    return bcrypt.hashpw(password.encode()[:72], bcrypt.gensalt(cost)).decode()


@pytest.fixture
def users() -> Users:
    return Users({"alice": hashed("a"), "bob": hashed("b", 5)})


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Every hash that bcrypt was asked for, in order."""
    hashes: list[bytes] = []
    real = bcrypt.checkpw

    def checkpw(password: bytes, against: bytes) -> bool:
        hashes.append(against)
        return real(password, against)

    monkeypatch.setattr(bcrypt, "checkpw", checkpw)
    return hashes


@pytest.mark.parametrize(
    ("authorization", "verdict"),
    [
        (header("alice", "a"), Verdict.RIGHT),
        (b"bAsIc  " + base64.b64encode(b"bob:b"), Verdict.RIGHT),
        (header("alice", "b"), Verdict.WRONG),
        (header("alice", ""), Verdict.WRONG),
        (header("carol", "a"), Verdict.WRONG),
        (header("", ""), Verdict.WRONG),
        (b"Basic " + base64.b64encode(b"alice"), Verdict.WRONG),
        (b"Basic !!!", Verdict.WRONG),
        (b"Basic", Verdict.WRONG),
        (b"Bearer " + base64.b64encode(b"alice:a"), Verdict.WRONG),
        (b"", Verdict.WRONG),
        (header("alice", "a\0"), Verdict.WRONG),
    ],
)
async def test_verdicts(users: Users, authorization: bytes, verdict: Verdict) -> None:
    assert await users.check(authorization, "::1") is verdict
    assert await users.check(authorization, "::1") is verdict, "remembered"


async def test_a_password_may_hold_colons_and_be_longer_than_bcrypt_reads() -> None:
    long = "p:q" * 40
    users = Users({"alice": hashed(long)})
    assert await users.check(header("alice", long), "::1") is Verdict.RIGHT


async def test_an_unknown_user_costs_one_users_hash_and_always_the_same(
    users: Users, computed: list[bytes]
) -> None:
    for name in ("carol", "dave", "erin", "frank"):
        computed.clear()
        for password in ("a", "b", "c"):
            assert await users.check(header(name, password), "::1") is Verdict.WRONG
        assert len(computed) == 3, "as often as for a known user with wrong passwords"
        assert len(set(computed)) == 1
        assert computed[0] in set(users._users.values())


async def test_each_pair_is_worked_out_once_also_at_the_same_time(
    users: Users, computed: list[bytes]
) -> None:
    pairs = [header("alice", "a"), header("alice", "wrong")] * 20
    verdicts = await asyncio.gather(*(users.check(pair, "::1") for pair in pairs))
    assert verdicts == [Verdict.RIGHT, Verdict.WRONG] * 20
    assert len(computed) == 2


async def test_no_two_pairs_share_a_mark(users: Users) -> None:
    marks = {
        users._mark(name, hash_, password)
        for name, hash_, password in [
            (b"a", b"b", b"c"), (b"ab", b"", b"c"), (b"a", b"bc", b""), (b"", b"abc", b""), (b"abc", b"", b""),
            (b"a:b", b"", b"c"), (b"a", b":b", b"c"),
        ]
    }  # fmt: skip
    assert len(marks) == 7


async def test_one_address_cannot_take_all_places_and_proved_users_pass_at_once(users: Users) -> None:
    assert await users.check(header("alice", "a"), "::1") is Verdict.RIGHT
    guesses = [asyncio.create_task(users.check(header("alice", str(n)), "192.0.2.1")) for n in range(100)]
    await asyncio.sleep(0)
    proved = asyncio.create_task(users.check(header("alice", "a"), "::1"))
    await asyncio.sleep(0)
    assert proved.done(), "it waits for nothing"
    assert proved.result() is Verdict.RIGHT
    assert await users.check(header("bob", "b"), "::1") is Verdict.RIGHT, "another address has places left"
    verdicts = await asyncio.gather(*guesses)
    assert verdicts.count(Verdict.BUSY) == 96
    assert verdicts.count(Verdict.WRONG) == 4
    assert not users._waiting
    assert not users._running


async def test_wrong_guesses_push_out_wrong_guesses_only(
    monkeypatch: pytest.MonkeyPatch, computed: list[bytes], users: Users
) -> None:
    monkeypatch.setattr(auth, "_MOST_WRONG", 3)
    await users.check(header("alice", "a"), "::1")
    for number in range(5):
        await users.check(header("alice", str(number)), "::1")
    computed.clear()
    assert await users.check(header("alice", "a"), "::1") is Verdict.RIGHT
    assert await users.check(header("alice", "4"), "::1") is Verdict.WRONG
    assert not computed
    await users.check(header("alice", "0"), "::1")
    assert len(computed) == 1


def test_a_bucket_gives_its_burst_and_then_one_an_interval() -> None:
    now = 0.0
    bucket = Bucket(0.5, 3, clock=lambda: now)
    assert [bucket.take() for _ in range(4)] == [True, True, True, False]
    now = 0.5
    assert [bucket.take() for _ in range(2)] == [True, False]
    now = 100.0
    assert [bucket.take() for _ in range(4)] == [True, True, True, False]
