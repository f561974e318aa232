"""The card line: what the node knows of one card, in 64 bytes, little-endian.

The line is the cache that the kernels move; the database is the truth it is rebuilt from. A card's
key is bytes 0–15 without kind and status: family, issuer number, serial.
"""

import struct
from typing import Final

import msgspec

SIZE: Final = 64
LAYOUT: Final = struct.Struct("<BBH10sBBHHHHQiiIIIIII")
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


class CardLine(msgspec.Struct, kw_only=True):
    """One card line. Times are local seconds, ``expires_day`` days since 2000 (0 = never).

    ``counter_window`` bit *i*: debit counter ``offline_highest`` − *i* was used.
    ``stated_balance_fen``: the balance that the card stated last in its own order;
    ``book_balance_fen``: opening + loads − debits as booked. Their difference is what is pending.
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


FIELDS: Final = CardLine.__struct_fields__


def pack(line: CardLine) -> bytes:
    """The 64 bytes of a line."""
    return LAYOUT.pack(*msgspec.structs.astuple(line))


def unpack(data: bytes) -> CardLine:
    """The line of 64 bytes."""
    return CardLine(**dict(zip(FIELDS, LAYOUT.unpack(data), strict=True)))


def key_of(data: bytes) -> bytes:
    """The key of a packed line (13 bytes: family, issuer number, serial), which lines sort by."""
    return data[0:1] + data[2:14]
