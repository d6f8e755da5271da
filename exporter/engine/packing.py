"""gzip of bodies of which most pieces are those of last time: only what is new is compressed.

Each piece is compressed to deflate blocks that end at a byte and refer to nothing before them (a full flush, RFC 1951
and zlib's manual), so they can stand beside any others. A body is one gzip member (RFC 1952) all the same: clients that
read the first member only, as curl does, read everything.

Pieces are kept compressed alone: as text they would be a tenth of all memory, and Prometheus does not ask for it.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass

from isal import isal_zlib

_GZIP = 16 + isal_zlib.MAX_WBITS
_HEADER = b"\x1f\x8b\x08\0\0\0\0\0\0\xff"
_LAST_BLOCK = b"\x03\0"
"""An empty block that is marked as the last."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of a body as deflate blocks, with the CRC-32 and the bytes of what they hold."""

    packed: bytes
    checksum: int
    size: int


class Packer:
    """Compresses pieces. What it works with is larger than most bodies: keep none."""

    def __init__(self) -> None:
        self._deflate = isal_zlib.compressobj(1, isal_zlib.DEFLATED, -isal_zlib.MAX_WBITS)

    def pack(self, text: bytes) -> Piece:
        """Compress a piece."""
        blocks = self._deflate.compress(text) + self._deflate.flush(isal_zlib.Z_FULL_FLUSH)
        return Piece(blocks, isal_zlib.crc32(text), len(text))


def member(pieces: Sequence[Piece]) -> bytes:
    """Return the gzip member of a body in pieces."""
    checksum = size = 0
    for piece in pieces:
        checksum = isal_zlib.crc32_combine(checksum, piece.checksum, piece.size)
        size += piece.size
    tail = struct.pack("<LL", checksum, size & 0xFFFFFFFF)
    return b"".join([_HEADER, *(piece.packed for piece in pieces), _LAST_BLOCK, tail])


def packed(body: bytes) -> bytes:
    """Return the gzip member of a body as a whole."""
    return bytes(isal_zlib.compress(body, 1, _GZIP))


def unpacked(body: bytes) -> bytes:
    """Return what a gzip member holds."""
    return bytes(isal_zlib.decompress(body, _GZIP))
