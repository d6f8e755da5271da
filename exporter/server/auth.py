"""Basic auth against bcrypt hashes, off the event loop, each pair of name and password worked out once.

A wrong password costs as much as an unknown user: for a name that is not there, some user's hash is computed all the
same. What was found out is remembered under an HMAC of name, hash and password with a key of this process, parts
preceded by their lengths, so that no two different pairs share one (CVE-2022-46146 was that). Right and wrong ones are
kept apart: a flood of guesses pushes out other guesses only.
"""

import asyncio
import base64
import binascii
import hmac
import secrets
import struct
from collections import OrderedDict
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from enum import Enum

_MOST_WAITING = 32
"""So many pairs may wait for bcrypt in all, and …"""
_MOST_WAITING_OF_ONE = 4
"""… so many from one address: a guesser fills its own share."""
_MOST_WRONG = 4096
_LONGEST = 72
"""bcrypt reads no further; other programs ignore the rest of a password, so do we."""

# One thread: bcrypt leaves the interpreter to others while it computes, and a second core to them as well.
_worker = ThreadPoolExecutor(1, thread_name_prefix="bcrypt")


class Verdict(Enum):
    """What came of looking at an Authorization header."""

    RIGHT = "right"
    WRONG = "wrong"
    BUSY = "busy"
    """Too many are being looked at; try again later."""


class Users:
    """The users of one configuration: names and bcrypt hashes."""

    def __init__(self, users: Mapping[str, str]) -> None:
        self._users = {name.encode(): hashed.encode() for name, hashed in users.items()}
        self._hashes = sorted(self._users.values())
        self._key = secrets.token_bytes(32)
        self._right: set[bytes] = set()
        self._wrong: OrderedDict[bytes, None] = OrderedDict()
        self._running: dict[bytes, asyncio.Future[bool]] = {}
        self._waiting: dict[str, int] = {}

    async def check(self, authorization: bytes, address: str) -> Verdict:
        """Say whether an Authorization header from `address` names a user with the right password."""
        if (pair := _credentials(authorization)) is None:
            return Verdict.WRONG
        name, password = pair
        known = self._users.get(name)
        hashed = known if known is not None else self._stand_in(name)
        mark = self._mark(name, hashed, password)
        if mark in self._right:
            return Verdict.RIGHT
        if mark in self._wrong:
            self._wrong.move_to_end(mark)
            return Verdict.WRONG
        if (running := self._running.get(mark)) is None:
            if len(self._running) >= _MOST_WAITING or self._waiting.get(address, 0) >= _MOST_WAITING_OF_ONE:
                return Verdict.BUSY
            running = self._start(mark, hashed, password, known is not None, address)
        return Verdict.RIGHT if await asyncio.shield(running) else Verdict.WRONG

    def _start(
        self, mark: bytes, hashed: bytes, password: bytes, known: bool, address: str
    ) -> "asyncio.Future[bool]":
        async def work() -> bool:
            try:
                same = await loop.run_in_executor(_worker, _same, password, hashed)
                self._remember(mark, right := same and known)
            finally:
                del self._running[mark]
                if left := self._waiting[address] - 1:
                    self._waiting[address] = left
                else:
                    del self._waiting[address]
            return right

        loop = asyncio.get_running_loop()
        self._waiting[address] = self._waiting.get(address, 0) + 1
        self._running[mark] = running = loop.create_task(work())
        return running

    def _remember(self, mark: bytes, right: bool) -> None:
        if right:
            self._right.add(mark)  # one a user at most: bounded by the file
            return
        self._wrong[mark] = None
        if len(self._wrong) > _MOST_WRONG:
            self._wrong.popitem(last=False)

    def _stand_in(self, name: bytes) -> bytes:
        """Return a user's hash for a name that nobody has; the same one each time, so that its cost tells nothing."""
        draw = hmac.digest(self._key, name, "sha256")
        return self._hashes[int.from_bytes(draw[:8]) % len(self._hashes)]

    def _mark(self, name: bytes, hashed: bytes, password: bytes) -> bytes:
        lengths = struct.pack(">QQQ", len(name), len(hashed), len(password))
        return hmac.digest(self._key, lengths + name + hashed + password, "sha256")


def _same(password: bytes, hashed: bytes) -> bool:
    import bcrypt  # in the worker's thread, and where there are users alone

    return bcrypt.checkpw(password[:_LONGEST], hashed)


def _credentials(authorization: bytes) -> tuple[bytes, bytes] | None:
    """Return name and password of a Basic header, or None when it is none."""
    scheme, _, encoded = authorization.partition(b" ")
    if scheme.lower() != b"basic":
        return None
    try:
        decoded = base64.b64decode(encoded.strip(), validate=True)
    except binascii.Error:
        return None
    name, colon, password = decoded.partition(b":")
    return (name, password) if colon else None
