"""The tap index: what each stored tap looked like when it was audited, to name a changed one.

The roots prove that nothing changed; they cannot say what did. The index can: for each batch, eight
bytes of SHA-256 over every column, and the CRC-32 of every row as PostgreSQL copies it. It is a paper,
so ``papers_root`` and the seal cover it.

    per batch   batch_seq u64 | taps u32 | 18 × 8 bytes (columns, in COPY order) | taps × u32 (rows)
"""

import hashlib
import struct
import zlib
from collections.abc import Iterator
from typing import Final

import msgspec

from clearing.kernel import COPY_COLUMNS
from schemas import record

PAPER: Final = "proof/taps.index"

_HEAD: Final = struct.Struct(">QI")
_DIGEST_SIZE: Final = 8
_FIXED_SIZES: Final = {
    "business_date": 4,
    "batch_seq": 8,
    "row_no": 4,
    "verdict": 2,
    "reason": 2,
    "flags": 8,
    "kind": 2,
    "operator_no": 8,
    "issuer_no": 2,
    "tapped_at": 8,
    "debit_proven": 1,
    "identity": record.IDENTITY.stop - record.IDENTITY.start,
    "rest": 1 + record.SIZE - record.REST,
}
SIZES: Final = tuple(_FIXED_SIZES.get(name, 4) for name in COPY_COLUMNS)
"""Bytes of each column's value."""

STRIDE: Final = 2 + sum(4 + size for size in SIZES)
"""Bytes of one COPY tuple."""


def plane(body: bytes, column: str, byte: int = 0) -> bytes:
    """One byte of a column of every COPY tuple of proper lengths; ``byte`` 0 is the lowest of its value."""
    return body[_ENDS[column] - 1 - byte :: STRIDE]


def number(body: bytes, row: int, column: str) -> int:
    """The value of a column of numbers in a row of COPY tuples of proper lengths."""
    end = row * STRIDE + _ENDS[column]
    return int.from_bytes(body[end - _WIDTHS[column] : end], "big", signed=True)


_WIDTHS: Final = dict(zip(COPY_COLUMNS, SIZES, strict=True))
_ENDS: Final = {
    name: 2 + sum(4 + size for size in SIZES[: at + 1]) for at, name in enumerate(COPY_COLUMNS)
}
"""Where a column's value ends in a COPY tuple."""


def positions(bytes_: bytes, marked: bytes) -> Iterator[int]:
    """Where bytes stand that ``marked``, a table of all 256, has 1 for."""
    found = bytes_.translate(marked)
    at = found.find(1)
    while at >= 0:
        yield at
        at = found.find(1, at + 1)


def _fixed_bytes() -> list[tuple[int, int]]:
    """(place, byte) of the count of columns and of every length word of a tuple of proper lengths."""
    found = list(enumerate(len(COPY_COLUMNS).to_bytes(2, "big")))
    at = 2
    for size in SIZES:
        found += [(at + n, byte) for n, byte in enumerate(size.to_bytes(4, "big"))]
        at += 4 + size
    return found


_FIXED_BYTES: Final = _fixed_bytes()


class BatchIndex(msgspec.Struct, frozen=True):
    """The index of one batch."""

    batch_seq: int
    columns: tuple[bytes, ...]
    rows: tuple[int, ...]


def split(body: bytes) -> list[bytes]:
    """The COPY tuples of a body, whatever the lengths of their values."""
    count, odd = divmod(len(body), STRIDE)
    if not odd and all(body[at::STRIDE] == bytes([byte]) * count for at, byte in _FIXED_BYTES):
        return [body[at : at + STRIDE] for at in range(0, len(body), STRIDE)]
    found: list[bytes] = []
    at = 0
    while at < len(body):
        start, count = at, int.from_bytes(body[at : at + 2], "big")
        at += 2
        for _ in range(count):
            at += 4 + max(0, int.from_bytes(body[at : at + 4], "big", signed=True))
        found.append(body[start:at])
    return found


def values(row: bytes) -> dict[str, bytes]:
    """The column values of one COPY tuple."""
    found: dict[str, bytes] = {}
    at = 2
    for name in COPY_COLUMNS:
        size = max(0, int.from_bytes(row[at : at + 4], "big", signed=True))
        found[name] = row[at + 4 : at + 4 + size]
        at += 4 + size
    return found


def of_batch(batch_seq: int, body: bytes) -> BatchIndex:
    """The index of a batch whose taps are stored as these COPY tuples."""
    rows = split(body)
    return BatchIndex(batch_seq, _columns(body, rows), tuple(map(zlib.crc32, rows)))


def _columns(body: bytes, rows: list[bytes]) -> tuple[bytes, ...]:
    """The digest of each column: byte planes of fixed-width values, so that no row is cut up."""
    if len(body) != STRIDE * len(rows) or any(len(row) != STRIDE for row in rows):
        body = b"".join(map(_squared, rows))
    found: list[bytes] = []
    at = 2
    for size in SIZES:
        hasher = hashlib.sha256()
        for plane in range(at, at + 4 + size):
            hasher.update(body[plane::STRIDE])
        found.append(hasher.digest()[:_DIGEST_SIZE])
        at += 4 + size
    return tuple(found)


def _squared(row: bytes) -> bytes:
    """A tuple with values of wrong lengths, made to fit; its length words still tell."""
    parts = [row[:2]]
    for value, size in zip(values(row).values(), SIZES, strict=True):
        parts.append(len(value).to_bytes(4, "big") + value[:size].ljust(size, b"\0"))
    return b"".join(parts)


def pack(batches: list[BatchIndex]) -> bytes:
    """The paper of a date's batches, in order."""
    return b"".join(
        _HEAD.pack(batch.batch_seq, len(batch.rows))
        + b"".join(batch.columns)
        + struct.pack(f">{len(batch.rows)}I", *batch.rows)
        for batch in batches
    )


def unpack(paper: bytes) -> dict[int, BatchIndex]:
    """The batches of a paper, by batch_seq; as many as can be read where it is damaged."""
    found: dict[int, BatchIndex] = {}
    at = 0
    try:
        while at < len(paper):
            batch_seq, count = _HEAD.unpack_from(paper, at)
            at += _HEAD.size
            columns = tuple(
                paper[at + _DIGEST_SIZE * n : at + _DIGEST_SIZE * (n + 1)]
                for n in range(len(COPY_COLUMNS))
            )
            at += _DIGEST_SIZE * len(COPY_COLUMNS)
            found[batch_seq] = BatchIndex(
                batch_seq, columns, struct.unpack_from(f">{count}I", paper, at)
            )
            at += 4 * count
    except struct.error:
        pass
    return found


def changed(was: BatchIndex, now: BatchIndex) -> tuple[list[int], list[str]]:
    """Which rows, and which columns, are not as they were."""
    count = max(len(was.rows), len(now.rows))
    rows = [
        row
        for row in range(count)
        if row >= len(was.rows) or row >= len(now.rows) or was.rows[row] != now.rows[row]
    ]
    columns = [
        name
        for name, old, new in zip(COPY_COLUMNS, was.columns, now.columns, strict=True)
        if old != new
    ]
    return rows, columns
