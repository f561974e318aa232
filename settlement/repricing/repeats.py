"""Which stored taps repeat a sealed one, by what they were judged as.

Rules decide no duplicate: a tap holds its identity unless it is rejected without having moved money, and
what rules say of a tap rejects none. So only those that were duplicates are looked up again.
"""

from collections.abc import Iterator
from typing import Final

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
    yield from tap_index.positions(tap_index.plane(body, "reason"), _REASONS)
    for reason in _REPEATS:
        flags = tap_index.plane(body, "flags", reason // 8)
        marked = bytes(byte >> reason % 8 & 1 for byte in range(256))
        yield from tap_index.positions(flags, marked)


_REASONS: Final = bytes(byte in _REPEATS for byte in range(256))
