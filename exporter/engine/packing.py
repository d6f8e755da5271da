"""gzip of bodies of which most pieces are those of last time: only what is new is compressed.

Each piece is compressed to deflate blocks that end at a byte and refer to nothing before them (a full flush, RFC 1951
and zlib's manual), so they can stand beside any others. A body is one gzip member (RFC 1952) all the same: clients that
read the first member only, as curl does, read everything.
"""

import struct
from collections.abc import Callable, Sequence

from isal import isal_zlib

from exporter.engine.exposition import Piece
from exporter.engine.pauses import never

_HEADER = b"\x1f\x8b\x08\0\0\0\0\0\0\xff"
_LAST_BLOCK = b"\x03\0"
"""An empty block that is marked as the last."""


class Packer:
    """Compresses bodies; remembers the pieces of the last ones. `pause` is called after each piece."""

    def __init__(self, pause: Callable[[], None] = never) -> None:
        self._pause = pause
        self._packed: dict[int, tuple[Piece, bytes]] = {}

    def pack(self, *bodies: Sequence[Piece]) -> list[bytes]:
        """Return the gzip of each body, which is given in pieces. A piece that is the same object costs nothing."""
        deflate = isal_zlib.compressobj(1, isal_zlib.DEFLATED, -isal_zlib.MAX_WBITS)
        packed: dict[int, tuple[Piece, bytes]] = {}  # by identity; holding the piece keeps that its own
        for pieces in bodies:
            for piece in pieces:
                if id(piece) not in packed:
                    known = self._packed.get(id(piece))
                    packed[id(piece)] = known or (
                        piece,
                        deflate.compress(b"".join(piece)) + deflate.flush(isal_zlib.Z_FULL_FLUSH),
                    )
                    self._pause()
        self._packed = packed
        return [self._member(pieces) for pieces in bodies]

    def _member(self, pieces: Sequence[Piece]) -> bytes:
        checksum = size = 0
        for piece in pieces:
            for chunk in piece:
                checksum, size = isal_zlib.crc32(chunk, checksum), size + len(chunk)
            self._pause()
        tail = struct.pack("<LL", checksum, size & 0xFFFFFFFF)
        return b"".join([_HEADER, *(self._packed[id(piece)][1] for piece in pieces), _LAST_BLOCK, tail])
