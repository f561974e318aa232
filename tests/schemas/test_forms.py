"""Four forms, one batch: nothing is lost, and the digest is the same."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import batch as envelope
from schemas import record
from schemas.batch import Batch, EnvelopeError, KindSum, digest_of, signing_input, tally
from schemas.forms import Form, decode, detect, encode, taps_of
from tests.schemas.taps import BATCH, TAP, any_batch, any_record

FORMS = pytest.mark.parametrize("form", Form)


@FORMS
@given(batch=any_batch())
def test_every_form_gives_every_batch_back(form: Form, batch: Batch) -> None:
    body = encode(batch, form)
    assert detect(body) is form
    assert decode(body) == batch
    assert decode(body, form) == batch


@given(batch=any_batch())
def test_every_form_has_the_same_digest(batch: Batch) -> None:
    digests = {
        digest_of(read.header, read.records)
        for read in (decode(encode(batch, form)) for form in Form)
    }
    assert digests == {digest_of(batch.header, batch.records)}


@given(records=st.lists(any_record, max_size=5).map(b"".join), number=st.integers(0, 2**64 - 1))
def test_a_batch_that_was_made_describes_itself(records: bytes, number: int) -> None:
    made = envelope.make(12, number, "20240115", records, profile="shenzhen-2018")
    assert made.header.count == len(records) // 144
    assert made.header.sums == tally(records)
    assert made.header.digest == digest_of(made.header, made.records)
    assert decode(encode(made, Form.CSV)) == made


@given(st.lists(any_record, max_size=20).map(b"".join))
def test_the_tally_counts_as_a_person_would(records: bytes) -> None:
    taps = taps_of(records)
    expected = tuple(
        KindSum(
            kind,
            sum(tap.kind == kind for tap in taps),
            sum(tap.amount_fen for tap in taps if tap.kind == kind),
        )
        for kind in sorted({tap.kind for tap in taps})
    )
    assert tally(records) == expected


@pytest.mark.parametrize("size", [1, 143, 145])
def test_only_whole_records_are_counted_and_made(size: int) -> None:
    with pytest.raises(EnvelopeError):
        tally(bytes(size))
    with pytest.raises(EnvelopeError):
        envelope.make(12, 1, "20240115", bytes(size))


@given(batch=any_batch(), data=st.data())
def test_a_changed_byte_of_core_sums_or_records_changes_the_digest(
    batch: Batch, data: st.DataObject
) -> None:
    body = bytearray(envelope.to_binary(batch))
    tail = 45 + 13 * len(batch.header.sums)
    at = data.draw(st.integers(4, len(body) - 1).filter(lambda at: not tail <= at < tail + 96))
    body[at] ^= data.draw(st.integers(1, 255))
    try:
        changed = decode(bytes(body), Form.BINARY)
    except EnvelopeError:
        return
    assert digest_of(changed.header, changed.records) != digest_of(batch.header, batch.records)


def test_the_digest_covers_neither_itself_nor_the_signature() -> None:
    other = msgspec.structs.replace(BATCH.header, digest="AB" * 32, signature="CD" * 64)
    assert digest_of(other, BATCH.records) == BATCH.header.digest


def test_a_known_digest_stays() -> None:
    """One value, written down: a change of layout or digest shows here first."""
    assert BATCH.header.digest == "CA15D745AA20DDE0E1539D4D9FE7A21E995E82EBC70CB09B4D0D04603C06C4EF"


def test_what_is_signed_is_a_line_and_the_digest() -> None:
    message = signing_input(BATCH.header.digest)
    assert message == b"onecard batch 1\n" + bytes.fromhex(BATCH.header.digest)


def test_a_signature_is_carried_and_has_64_bytes() -> None:
    signed = envelope.signed(BATCH, bytes(range(64)))
    for form in Form:
        assert decode(encode(signed, form)).header.signature == bytes(range(64)).hex().upper()
    with pytest.raises(EnvelopeError):
        envelope.signed(BATCH, bytes(63))


@FORMS
def test_a_spelling_in_lower_case_is_read_as_the_same_batch(form: Form) -> None:
    header = msgspec.structs.replace(
        BATCH.header, digest=BATCH.header.digest.lower(), signature="ab" * 64
    )
    signed = envelope.signed(BATCH, b"\xab" * 64)
    assert decode(encode(Batch(header, BATCH.records), form)) == signed


IMPOSSIBLE = [
    ("version", 256), ("operator", -1), ("operator", 2**32), ("number", 2**64), ("number", 10**400),
    ("count", -1), ("declared_date", ""), ("declared_date", "2024-1-1"), ("declared_date", "2024 1 1"),
    ("declared_date", "２０２４０１１５"), ("profile", "seventeen-letters"), ("profile", "西安"), ("profile", "a\0"),
    ("profile", "a b"), ("digest", ""), ("digest", "00"), ("digest", "G" * 64), ("digest", "0 " * 32),
    ("signature", "00" * 63), ("signature", "-" * 128), ("digest_algorithm", 256),
    ("signature_algorithm", -1), ("sums", (KindSum(256, 1, 1),)), ("sums", (KindSum(1, -1, 1),)),
    ("sums", (KindSum(1, 1, 2**63),)), ("sums", (KindSum(1, 1, 1),) * 256),
]  # fmt: skip


@FORMS
@pytest.mark.parametrize(("name", "value"), IMPOSSIBLE)
def test_a_header_that_no_envelope_holds_is_not_written(
    form: Form, name: str, value: object
) -> None:
    header = msgspec.structs.replace(BATCH.header, **{name: value})
    with pytest.raises(EnvelopeError) as caught:
        encode(Batch(header, BATCH.records), form)
    assert caught.value.where == "header"


@given(any_record)
def test_defaults_are_left_out_of_the_text(raw: bytes) -> None:
    tap = record.unpack(raw)
    written = msgspec.json.decode(msgspec.json.encode(tap))
    for name in record.NAMES:
        assert (name in written) == (getattr(tap, name) != record.default_of(name))


def test_a_column_that_is_left_out_has_its_default_and_their_order_is_free() -> None:
    body = encode(BATCH, Form.CSV).decode()
    head, names, *rows = body.splitlines()
    kept = [
        name for name in reversed(names.split(",")) if getattr(TAP, name) != record.default_of(name)
    ]
    place = {name: at for at, name in enumerate(names.split(","))}
    table = [[row.split(",")[place[name]] for name in kept] for row in rows]
    text = "\n".join([head, ",".join(kept), *(",".join(row) for row in table)])
    assert len(kept) < len(record.NAMES)
    assert decode(text.encode()) == BATCH
