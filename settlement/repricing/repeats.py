"""Which stored taps repeat a sealed one, by what they were judged as.

Rules decide no duplicate: a tap holds its identity unless it is rejected without having moved money, and
what rules say of a tap rejects none. So only those that were duplicates are looked up again.
"""

from collections.abc import Iterator
from typing import Final

from clearing.kernel import COPY_COLUMNS
from clearing.store import StoredTaps
from schemas import record
from schemas.reasons import Reason
from settlement import tap_index

_REPEATS: Final = (
    Reason.DUPLICATE_OTHER_DATE,
    Reason.DUPLICATE_OTHER_CITY,
    Reason.DUPLICATE_ALTERED,
)


def identities(taps: StoredTaps) -> list[bytes]:
    """The identities of a batch's taps that were judged to repeat one of another date, city or content."""
    if len(taps.copy_rows) % tap_index.STRIDE:
        return []  # damaged, which shows when it is judged again
    return [
        taps.records[row * record.SIZE + record.IDENTITY.start :][
            : record.IDENTITY.stop - record.IDENTITY.start
        ]
        for row in sorted(set(_rows(taps.copy_rows)))
    ]


def _rows(body: bytes) -> Iterator[int]:
    """Rows whose reason, or one of whose flags, is one of these; by planes of bytes, no row is cut up."""
    yield from _positions(body[_end_of("reason") - 1 :: tap_index.STRIDE], _REASONS)
    for reason in _REPEATS:
        plane = body[_end_of("flags") - 1 - reason // 8 :: tap_index.STRIDE]
        yield from _positions(plane, bytes(byte >> reason % 8 & 1 for byte in range(256)))


def _end_of(column: str) -> int:
    """Where a column's value ends in a COPY tuple."""
    before = COPY_COLUMNS.index(column) + 1
    return 2 + sum(4 + size for size in tap_index.SIZES[:before])


_REASONS: Final = bytes(byte in _REPEATS for byte in range(256))


def _positions(plane: bytes, marked: bytes) -> Iterator[int]:
    """Where a byte stands that ``marked`` has 1 for."""
    found = plane.translate(marked)
    at = found.find(1)
    while at >= 0:
        yield at
        at = found.find(1, at + 1)
