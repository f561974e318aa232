"""The canonical record: layout, struct and bytes say the same, and no byte is lost."""

import struct
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import record
from schemas.record import FIELDS, RecordError, Tap, pack, pack_values, unpack
from tests.schemas.taps import TAP, any_record, digits, numbers


@given(any_record)
def test_every_record_has_a_tap_and_the_tap_gives_it_back(raw: bytes) -> None:
    assert pack(unpack(raw)) == raw


any_tap = st.builds(
    Tap, **{f.name: digits(f.size) if f.type == "hex" else numbers(f.type) for f in FIELDS}
)


@given(any_tap)
def test_every_tap_that_fits_is_given_back(tap: Tap) -> None:
    assert unpack(pack(tap)) == tap


def test_the_layout_has_no_gap_and_no_overlap() -> None:
    end = 0
    for field in FIELDS:
        assert field.offset == end
        end = field.end
    assert end == record.SIZE == 144


def test_the_struct_has_the_layout_s_fields_in_its_order_with_its_types() -> None:
    fields = msgspec.structs.fields(Tap)
    assert [field.name for field in fields] == [field.name for field in FIELDS]
    for mine, theirs in zip(FIELDS, fields, strict=True):
        assert theirs.type is (str if mine.type == "hex" else int)
        if isinstance(theirs.default, str):
            assert len(theirs.default) == 2 * mine.size


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: field.name)
def test_each_field_lies_where_the_layout_says(field: record.Field) -> None:
    raw = bytes(range(1, 145))
    value = getattr(unpack(raw), field.name)
    piece = raw[field.offset : field.end]
    if field.type == "hex":
        assert value == piece.hex().upper()
    else:
        assert value == int.from_bytes(piece, "big", signed=field.type == "i32")


def test_the_identity_is_card_terminal_time_and_type() -> None:
    names = [
        "family",
        "issuer",
        "serial",
        "terminal_id",
        "terminal_number",
        "tapped_at",
        "type_byte",
    ]
    assert slice(1, 38) == record.IDENTITY
    assert [f.name for f in FIELDS if 1 <= f.offset < 38] == names
    assert slice(1, 20) == record.CARD
    assert record.REST == record.OFFSET["card_kind"] == 51


def test_lower_case_is_another_spelling_of_the_same_bytes() -> None:
    assert pack(msgspec.structs.replace(TAP, tac="cc583207")) == pack(TAP)


WRONG: list[tuple[str, Any]] = [
    ("version", -1), ("version", 256), ("family", 10**400), ("terminal_number", 2**32),
    ("amount_fen", 2**31), ("amount_fen", -(2**31) - 1), ("amount_fen", 1.0), ("amount_fen", "1"),
    ("device", 2**64), ("offline_counter", 65536), ("tac", ""), ("tac", "CC5832"),
    ("tac", "CC58320700"), ("tac", "CC58320"), ("tac", "CC 58 32"), ("tac", "GC583207"),
    ("tac", "１２３４５６７８"), ("tac", "0xCC5832"), ("tac", 5), ("tac", None), ("tac", "\ud800" * 8),
    ("serial", "0" * 10_000_000), ("kind", None), ("line", [1]),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value"), WRONG)
def test_what_does_not_fit_is_named_and_never_quoted_at_length(name: str, value: object) -> None:
    tap = msgspec.structs.replace(TAP, **{name: value})
    with pytest.raises(RecordError) as caught:
        pack(tap)
    assert caught.value.field == name
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize("size", [0, 1, 143, 145, 288])
def test_a_record_of_another_length_has_no_tap(size: int) -> None:
    with pytest.raises(RecordError):
        unpack(bytes(size))


def test_values_pack_as_their_tap_does() -> None:
    assert pack_values(msgspec.structs.astuple(TAP)) == pack(TAP)


def test_what_may_be_left_out_is_what_has_a_default() -> None:
    required = {field.name for field in msgspec.structs.fields(Tap) if field.required}
    assert {name for name in record.NAMES if record.default_of(name) is None} == required
    assert record.default_of("algorithm") == 255


def test_bounds_are_those_of_the_machine_types() -> None:
    for kind, letter in {
        "u8": "B",
        "u16": "H",
        "u32": "I",
        "u64": "Q",
        "i32": "i",
        "i64": "q",
    }.items():
        for bound in record.BOUNDS[kind]:
            struct.pack(f">{letter}", bound)
        with pytest.raises(struct.error):
            struct.pack(f">{letter}", record.BOUNDS[kind][1] + 1)
