"""One gzip member of pieces: every reader reads the whole of it, and only new pieces are compressed."""

import subprocess
import zlib

from hypothesis import given
from hypothesis import strategies as st

from exporter.engine.exposition import Part, Renderer
from exporter.engine.families import Family
from exporter.engine.packing import Packer, member, unpacked

GZIP = 16 + zlib.MAX_WBITS


def read_by_zlib(body: bytes) -> bytes:
    """Read as a client that knows one member only."""
    reader = zlib.decompressobj(GZIP)
    text = reader.decompress(body)
    assert reader.eof
    assert reader.unused_data == b""
    return text


texts = st.lists(st.binary(max_size=300), max_size=5)


@given(st.lists(texts, min_size=1, max_size=4))
def test_any_pieces_come_out_as_they_went_in(generations: list[list[bytes]]) -> None:
    packer = Packer()
    for pieces in generations:
        packed = [packer.pack(text) for text in pieces]
        for order in (packed, packed[::-1], packed * 2):
            body = member(order)
            assert read_by_zlib(body) == unpacked(body)
        assert unpacked(member(packed)) == b"".join(pieces)
        assert unpacked(member(packed[::-1])) == b"".join(pieces[::-1])


def test_gzip_itself_reads_it() -> None:
    pieces, packer = [b"a" * 70_000, b"", bytes(range(256)) * 400 + b"end\n"], Packer()
    body = member([packer.pack(text) for text in pieces])
    read = subprocess.run(["gzip", "-dc"], input=body, capture_output=True, check=True)
    assert read.stdout == b"".join(pieces)


def rendering(changed: float) -> list[tuple[Family, list[Part]]]:
    """Twenty families, gauges and counters in turn, a hundred series each; the first one's values are `changed`."""
    return [
        (
            Family(f"family_{number:02}_total", "counter" if number % 2 else "gauge", "A family.", ("one",)),
            [Part({(f"value-{at}",): changed if not number else float(at) for at in range(100)})],
        )
        for number in range(20)
    ]


def test_what_did_not_change_is_neither_joined_nor_compressed_again() -> None:
    renderer = Renderer()
    before, after = renderer.render(rendering(1.0)), renderer.render(rendering(2.0))
    assert before.text != after.text
    assert len(after.text_pieces) > 5
    assert [one is other for one, other in zip(before.text_pieces, after.text_pieces, strict=True)] == [
        number > 0 for number in range(len(after.text_pieces))
    ]


def test_the_same_values_under_new_keys_are_the_same_pieces() -> None:
    renderer = Renderer()
    before, after = renderer.render(rendering(1.0)), renderer.render(rendering(1.0))
    assert all(one is other for one, other in zip(before.text_pieces, after.text_pieces, strict=True))


def test_gauges_are_one_piece_in_both_formats() -> None:
    gauges = [(family, parts) for family, parts in rendering(1.0) if family.type == "gauge"]
    out = Renderer().render(gauges)
    assert all(
        one is other for one, other in zip(out.text_pieces[:-1], out.openmetrics_pieces[:-1], strict=True)
    )


def test_a_value_that_changes_back_is_written_as_it_was() -> None:
    renderer = Renderer()
    before, changed, after = (renderer.render(rendering(value)) for value in (1.0, 2.0, 1.0))
    assert before == after != changed
