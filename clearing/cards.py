"""The card line: what the node knows of one card, in 64 bytes, little-endian.

The line is the cache that the kernels move; the database is the truth it is rebuilt from. A card's
key is bytes 0-13 without kind: family, issuer number, serial.
"""

import struct
from typing import Final

import msgspec

SIZE: Final = 64
LAYOUT: Final = struct.Struct("<BBH10sHHHHBBQiiIIIHHII")
assert LAYOUT.size == SIZE

REGISTERED: Final = 1
"""The issuer's registry has the card."""
BALANCE_KNOWN: Final = 2
"""``stated_balance_fen`` is a balance that the card itself stated, or its opening position."""
JOURNEY_OPEN: Final = 4
"""An entry without an exit: ``entry_*`` are set."""

STATUS_GOOD: Final = 0
STATUS_CLOSED: Final = 1
"""Closed before it came to this node: whatever it does is too late."""
STATUS_REFUNDED: Final = 2
"""Refunded at ``entry_at_s``: what it did later is too late. It has no journey."""

STATUS_SHIFT: Final = 6
"""A line's byte of flags has the status in its two highest bits."""
OPERATOR_MAX: Final = 0xFFFF
"""Highest operator number that a line can hold; one above it is 0 there, as if nobody knew it."""
DAY_SPENT_MAX: Final = 0xFFFF
MONTH_SPENT_MAX: Final = 0xFFFF_FFFF


class CardLine(msgspec.Struct, kw_only=True):
    """One card line. Times are local seconds, ``expires_day`` days since 2000 (0 = never).

    ``counter_window`` bit *i*: debit counter ``offline_highest`` − *i* was used.
    ``stated_balance_fen``: the balance that the card stated last in its own order;
    ``book_balance_fen``: opening + loads − debits as booked. Their difference is what is pending.
    ``day_spent_fen`` and ``month_spent_fen``: what came to an accumulation in the day and the month of
    ``last_tap_s``; they stop at their 16 and 32 bits. ``entry_operator`` and ``transfer_operator``: see
    ``OPERATOR_MAX``.
    """

    family: int
    card_kind: int = 0
    issuer_number: int
    serial: bytes
    status: int = STATUS_GOOD
    transfers_used: int = 0
    offline_highest: int = 0
    online_highest: int = 0
    expires_day: int = 0
    flags: int = 0
    counter_window: int = 0
    stated_balance_fen: int = 0
    book_balance_fen: int = 0
    last_tap_s: int = 0
    entry_at_s: int = 0
    entry_station: int = 0
    entry_operator: int = 0
    transfer_base_s: int = 0
    transfer_operator: int = 0
    day_spent_fen: int = 0
    month_spent_fen: int = 0


FIELDS: Final = CardLine.__struct_fields__

_IN_LINE: Final = (
    "family", "card_kind", "issuer_number", "serial", "day_spent_fen", "offline_highest",
    "online_highest", "expires_day", "flags", "transfers_used", "counter_window", "stated_balance_fen",
    "book_balance_fen", "last_tap_s", "entry_at_s", "entry_station", "entry_operator",
    "transfer_operator", "transfer_base_s", "month_spent_fen",
)  # fmt: skip
"""The fields in the order of ``LAYOUT``; ``flags`` there has the status in it."""

_FLAGS_MAX: Final = (1 << STATUS_SHIFT) - 1


def pack(line: CardLine) -> bytes:
    """The 64 bytes of a line. Raises ``ValueError`` for flags that it has no room for."""
    if not 0 <= line.flags <= _FLAGS_MAX:
        raise ValueError(f"flags are {line.flags}; there is room up to {_FLAGS_MAX}")
    values = {name: getattr(line, name) for name in _IN_LINE}
    values["flags"] |= line.status << STATUS_SHIFT
    return LAYOUT.pack(*values.values())


def unpack(data: bytes) -> CardLine:
    """The line of 64 bytes."""
    values = dict(zip(_IN_LINE, LAYOUT.unpack(data), strict=True))
    values["status"], values["flags"] = (
        values["flags"] >> STATUS_SHIFT,
        values["flags"] & _FLAGS_MAX,
    )
    return CardLine(**values)


def key_of(data: bytes) -> bytes:
    """The key of a packed line (13 bytes: family, issuer number, serial), which lines sort by."""
    return data[0:1] + data[2:14]


def operator_in_line(number: int) -> int:
    """An operator's number as a line holds it."""
    return number if number <= OPERATOR_MAX else 0
