"""A tap while it is being made: every field of the canonical record, and its 144 bytes."""

import struct
from typing import Final

import msgspec

from schemas import record
from schemas.codes import TapKind, TypeByte

_CODES: Final = {"u8": "B", "u16": "H", "u32": "I", "u64": "Q", "i32": "i"}
_RECORD: Final = struct.Struct(
    ">" + "".join(_CODES.get(field.type, f"{field.size}s") for field in record.FIELDS)
)
_PURCHASE: Final = struct.Struct(">iB6sI7s")
_LOAD: Final = struct.Struct(">iHiB6s7s")
_NO_TIME: Final = bytes(7)


class Draft(msgspec.Struct, gc=False):
    """The fields of a record in the record's order (a test holds the two together)."""

    version: int = record.VERSION
    family: int = 0
    issuer: bytes = bytes(8)
    serial: bytes = bytes(10)
    terminal_id: bytes = bytes(6)
    terminal_number: int = 0
    tapped_at: bytes = _NO_TIME
    type_byte: int = TypeByte.PURCHASE
    operator: int = 0
    kind: int = 0
    amount_fen: int = 0
    gross_fen: int = 0
    card_kind: int = 0
    physical_type: int = 0
    card_version: int = 1
    offline_counter: int = 0
    online_counter: int = 0
    balance_before_fen: int = 0
    balance_after_fen: int = 0
    city: bytes = bytes(2)
    industry: int = 0
    mode: int = 0
    line: int = 0
    station: int = 0
    vehicle: int = 0
    direction: int = 0
    driver: int = 0
    device: int = 0
    entry_operator: int = 0
    entry_line: int = 0
    entry_station: int = 0
    entry_at: bytes = _NO_TIME
    transfer_operator: int = 0
    transfer_at: bytes = _NO_TIME
    discount_claimed: int = 0
    key_version: int = 0
    key_index: int = 0
    algorithm: int = 255
    tac: bytes = bytes(4)
    distance_m: int = 0
    duration_s: int = 0
    reserved: bytes = bytes(3)


def packed(draft: Draft) -> bytes:
    """The 144 bytes of the record."""
    return _RECORD.pack(*msgspec.structs.astuple(draft))


def tac_input(draft: Draft) -> bytes:
    """What the card signs: 24 bytes for a load, 22 for everything else (domain §4)."""
    if draft.kind in {TapKind.TOP_UP, TapKind.TOP_UP_REVERSAL}:
        return _LOAD.pack(
            draft.balance_after_fen,
            draft.online_counter,
            draft.amount_fen,
            draft.type_byte,
            draft.terminal_id,
            draft.tapped_at,
        )
    return _PURCHASE.pack(
        draft.amount_fen,
        draft.type_byte,
        draft.terminal_id,
        draft.terminal_number,
        draft.tapped_at,
    )


def unpacked(record_bytes: bytes) -> Draft:
    """The draft of a record's 144 bytes."""
    return Draft(*_RECORD.unpack(record_bytes))
