"""The tap index, and records read out of COPY tuples by planes and one by one."""

from __future__ import annotations

import random
import struct

import pytest

from clearing.kernel import COPY_COLUMNS
from clearing.store.batches import _canonical, _canonical_of_any
from schemas import record
from settlement import tap_index


def tuples(count: int, seed: int = 1) -> bytes:
    source = random.Random(seed)
    parts = []
    for _ in range(count):
        parts.append(struct.pack("!H", len(COPY_COLUMNS)))
        parts += [struct.pack("!i", size) + source.randbytes(size) for size in tap_index.SIZES]
    return b"".join(parts)


@pytest.mark.parametrize("count", [0, 1, 7, 300])
def test_records_come_out_the_same_both_ways(count: int) -> None:
    body = tuples(count)
    assert _canonical(body) == _canonical_of_any(body)
    assert len(_canonical(body)) == count * record.SIZE


def test_values_of_wrong_lengths_are_read_too() -> None:
    rows = tap_index.split(tuples(5))
    values = tap_index.values(rows[2])
    short = values["identity"][:-1]
    rows[2] = rows[2].replace(
        struct.pack("!i", 37) + values["identity"], struct.pack("!i", 36) + short
    )
    body = b"".join(rows)
    assert tap_index.split(body) == rows
    assert len(_canonical(body)) == 5 * record.SIZE
    was, now = tap_index.of_batch(1, tuples(5)), tap_index.of_batch(1, body)
    assert tap_index.changed(was, now) == ([2], ["identity"])


def test_every_flipped_byte_is_found_in_its_row_and_column() -> None:
    body = tuples(4)
    was = tap_index.of_batch(9, body)
    at = 2 * tap_index.STRIDE + 2
    for name, size in zip(COPY_COLUMNS, tap_index.SIZES, strict=True):
        for byte in range(at + 4, at + 4 + size):
            damaged = bytearray(body)
            damaged[byte] ^= 1
            assert tap_index.changed(was, tap_index.of_batch(9, bytes(damaged))) == ([2], [name])
        at += 4 + size


def test_the_paper_gives_the_index_back() -> None:
    index = [tap_index.of_batch(seq, tuples(seq, seq)) for seq in (1, 2, 30)]
    paper = tap_index.pack(index)
    assert tap_index.unpack(paper) == {batch.batch_seq: batch for batch in index}
    # A damaged paper is read as far as it goes.
    assert 1 in tap_index.unpack(paper[:-40])
