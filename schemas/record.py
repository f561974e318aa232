"""The canonical tap record: one fixed-length, big-endian layout, published and versioned.

``FIELDS`` is the single description. The struct ``Tap``, ``pack``, ``unpack``, the JSON Schema and
the layout table in ``schemas/published`` are made from it or held to it, and so are both kernels.

BCD fields are hexadecimal text in ``Tap`` (``"20240115083015"``) so that a record with bytes that
are no digits is carried as it came and can be judged *malformed* without losing a byte.
"""

import struct
from binascii import unhexlify
from collections.abc import Sequence
from typing import Any, Final, Literal

import msgspec

VERSION: Final = 1
SIZE: Final = 144
"""Bytes of one record."""

FieldType = Literal["u8", "u16", "u32", "u64", "i32", "i64", "hex", "ascii"]


class Field(msgspec.Struct, frozen=True):
    """One field of the record: where it lies, how it is written, what it means."""

    name: str
    offset: int
    size: int
    type: FieldType
    meaning: str

    @property
    def end(self) -> int:
        """The offset of the first byte after the field."""
        return self.offset + self.size


_SIZES: Final[dict[str, int]] = {"u8": 1, "u16": 2, "u32": 4, "u64": 8, "i32": 4}


def _lay_out(rows: list[tuple[str, FieldType, int, str]]) -> tuple[Field, ...]:
    fields: list[Field] = []
    offset = 0
    for name, kind, size, meaning in rows:
        length = size or _SIZES[kind]
        fields.append(Field(name, offset, length, kind, meaning))
        offset += length
    assert offset == SIZE, offset
    return tuple(fields)


FIELDS: Final = _lay_out(
    [
        ("version", "u8", 0, "version of this layout: 1"),
        ("family", "u8", 0, "card family (CardFamily)"),
        ("issuer", "hex", 8, "issuer code, BCD"),
        ("serial", "hex", 10, "card serial, BCD, 8-byte serials after two zero bytes"),
        ("terminal_id", "hex", 6, "terminal (PSAM) id"),
        ("terminal_number", "u32", 0, "terminal's own running number of the transaction"),
        ("tapped_at", "hex", 7, "YYYYMMDDHHMMSS, BCD, Asia/Shanghai"),
        ("type_byte", "u8", 0, "signed transaction type (TypeByte)"),
        ("operator", "u32", 0, "operator number in the acquiring city's registry"),
        ("kind", "u8", 0, "what happened (TapKind)"),
        ("amount_fen", "i32", 0, "amount signed by the TAC, fen"),
        ("gross_fen", "i32", 0, "fare before discounts, as the device computed it, fen"),
        ("card_kind", "u8", 0, "class of the holder as the device read it (CardKind)"),
        ("physical_type", "u8", 0, "plastic, phone, wearable, as the card states"),
        ("card_version", "u8", 0, "application version on the card"),
        ("offline_counter", "u16", 0, "the card's debit counter after this tap; 0 = not given"),
        ("online_counter", "u16", 0, "the card's load counter after this tap; 0 = not given"),
        ("balance_before_fen", "i32", 0, "card balance before, fen; may be negative"),
        ("balance_after_fen", "i32", 0, "card balance after, fen; may be negative"),
        ("city", "hex", 2, "UnionPay area code of the city where the tap was taken, BCD"),
        ("industry", "u8", 0, "industry code (Industry)"),
        ("mode", "u8", 0, "normal or degraded (Mode)"),
        ("line", "u32", 0, "line or bus route number"),
        ("station", "u32", 0, "station or stop number; 0 = none"),
        ("vehicle", "u32", 0, "vehicle number; 0 = none"),
        ("direction", "u8", 0, "0 none, 1 up, 2 down"),
        ("driver", "u32", 0, "driver number; 0 = none"),
        ("device", "u64", 0, "device (gate, validator, meter) number"),
        ("entry_operator", "u32", 0, "journey: operator of the entry; 0 = none"),
        ("entry_line", "u32", 0, "journey: line of the entry; 0 = none"),
        ("entry_station", "u32", 0, "journey: station of the entry; 0 = none"),
        ("entry_at", "hex", 7, "journey: time of the entry, BCD; zeros = none"),
        ("transfer_operator", "u32", 0, "transfer from this operator; 0 = none"),
        ("transfer_at", "hex", 7, "time of the leg transferred from, BCD; zeros = none"),
        ("discount_claimed", "u8", 0, "discounts that the device gave (Discount bits)"),
        ("key_version", "u8", 0, "version of the TAC key"),
        ("key_index", "u8", 0, "index of the TAC key"),
        ("algorithm", "u8", 0, "00 DES, 01 SM4, FF no TAC (Algorithm)"),
        ("tac", "hex", 4, "transaction authentication code; FFFFFFFF = torn card"),
        ("distance_m", "u32", 0, "metered distance, metres; 0 = none"),
        ("duration_s", "u32", 0, "metered waiting or hire time, seconds; 0 = none"),
        ("reserved", "hex", 3, "zeros"),
    ]
)

FIELD: Final[dict[str, Field]] = {field.name: field for field in FIELDS}
OFFSET: Final[dict[str, int]] = {field.name: field.offset for field in FIELDS}

CARD: Final = slice(FIELD["family"].offset, FIELD["serial"].end)
"""The 19 bytes that name a card: family, issuer, serial."""

IDENTITY: Final = slice(FIELD["family"].offset, FIELD["type_byte"].end)
"""The 37 bytes that name a tap: card, terminal id and number, time, type (domain §3)."""

REST: Final = FIELD["gross_fen"].end
"""Bytes from here on (and byte 0) are stored as they came; those before are columns."""


class Tap(
    msgspec.Struct,
    frozen=True,
    forbid_unknown_fields=True,
    omit_defaults=True,
    kw_only=True,
):
    """One tap as text forms carry it. Units are in the names; hex fields are upper-case digits.

    The field order and meanings are those of ``FIELDS`` (a test holds the two together).
    """

    version: int = VERSION
    family: int
    issuer: str
    serial: str
    terminal_id: str
    terminal_number: int = 0
    tapped_at: str
    type_byte: int
    operator: int
    kind: int
    amount_fen: int
    gross_fen: int
    card_kind: int = 0
    physical_type: int = 0
    card_version: int = 0
    offline_counter: int = 0
    online_counter: int = 0
    balance_before_fen: int = 0
    balance_after_fen: int = 0
    city: str = "0000"
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
    entry_at: str = "00000000000000"
    transfer_operator: int = 0
    transfer_at: str = "00000000000000"
    discount_claimed: int = 0
    key_version: int = 0
    key_index: int = 0
    algorithm: int = 255
    tac: str = "00000000"
    distance_m: int = 0
    duration_s: int = 0
    reserved: str = "000000"


class RecordError(ValueError):
    """A tap that the canonical record cannot hold: ``field``, ``value`` and the ``bound`` it broke."""

    def __init__(self, field: str, value: object, bound: str) -> None:
        self.field, self.value, self.bound = field, value, bound
        super().__init__(f"{field} is {shown(value)}; it must be {bound}")


BOUNDS: Final[dict[str, tuple[int, int]]] = {
    "u8": (0, 0xFF),
    "u16": (0, 0xFFFF),
    "u32": (0, 0xFFFF_FFFF),
    "u64": (0, 0xFFFF_FFFF_FFFF_FFFF),
    "i32": (-(2**31), 2**31 - 1),
    "i64": (-(2**63), 2**63 - 1),
}
"""Smallest and largest number of each type; ``hex`` fields have twice as many digits as bytes."""

_CODES: Final = {"u8": "B", "u16": "H", "u32": "I", "u64": "Q", "i32": "i"}
_STRUCT: Final = struct.Struct(">" + "".join(_CODES.get(f.type, f"{f.size}s") for f in FIELDS))
_HEX_PLACES: Final = tuple((at, 2 * f.size) for at, f in enumerate(FIELDS) if f.type == "hex")
_DEFAULTS: Final[dict[str, object]] = {
    field.name: field.default
    for field in msgspec.structs.fields(Tap)
    if field.default is not msgspec.NODEFAULT
}
_DEFAULT_TEXTS: Final = {
    at: text
    for at, field in enumerate(FIELDS)
    if isinstance(text := _DEFAULTS.get(field.name), str)
}
NAMES: Final = Tap.__struct_fields__
assert tuple(field.name for field in FIELDS) == NAMES


def default_of(name: str) -> object:
    """What a field holds where a text form leaves it out; None: it may not be left out."""
    return _DEFAULTS.get(name)


def shown(value: object) -> str:
    """A value as a message may hold it: never long, whatever came."""
    if isinstance(value, int) and value.bit_length() > 128:
        return f"a number of {value.bit_length()} bits"
    text = value[:44] if isinstance(value, str | bytes) else value
    return f"{text!r}"[:48]


def _explain(values: Sequence[object]) -> RecordError:
    """The first of a record's values that could not be packed."""
    for field, value in zip(FIELDS, values, strict=True):
        if field.type == "hex":
            try:
                good = isinstance(value, str) and len(unhexlify(value)) == field.size
            except ValueError:
                good = False
            if not good:
                return RecordError(field.name, value, f"{2 * field.size} hexadecimal digits")
        else:
            low, high = BOUNDS[field.type]
            if not (isinstance(value, int) and low <= value <= high):
                return RecordError(field.name, value, f"a whole number from {low} to {high}")
    raise AssertionError("every field of the tap fits")


def pack(tap: Tap) -> bytes:
    """The 144 bytes of a tap.

    Raises ``RecordError`` naming the field whose value the layout cannot hold.
    """
    return pack_values(msgspec.structs.astuple(tap))


def pack_values(values: Sequence[Any]) -> bytes:
    """The 144 bytes of one value for each of ``FIELDS``, in their order; hex fields are text.

    Raises ``RecordError`` like ``pack``.
    """
    row = list(values)
    try:
        for at, digits in _HEX_PLACES:
            text = row[at]
            # struct would fill up what is too short, and cut what is too long, without a word.
            if len(text) != digits:
                raise ValueError
            row[at] = unhexlify(text)
        return _STRUCT.pack(*row)
    except (struct.error, ValueError, TypeError):
        raise _explain(values) from None


def unpack(record: bytes) -> Tap:
    """The tap of 144 bytes. Every record has one, whatever its bytes; ``pack`` gives them back."""
    if len(record) != SIZE:
        raise RecordError("record", len(record), f"{SIZE} bytes long")
    row: list[Any] = list(_STRUCT.unpack(record))
    for at, _ in _HEX_PLACES:
        row[at] = row[at].hex().upper()
    for at, text in _DEFAULT_TEXTS.items():
        # The encoders leave a text out if it is the default itself, not if it equals the default.
        if row[at] == text:
            row[at] = text
    return Tap(**dict(zip(NAMES, row, strict=True)))
