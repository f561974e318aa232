"""Messages between nodes: one spelling, nothing unknown, no bytes that do more than be refused."""

from contextlib import suppress
from datetime import date
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas import exchange as words
from schemas import record
from schemas.codes import TapKind, TypeByte
from schemas.exchange import (
    Acknowledgement,
    Answer,
    ClearedPresentment,
    ClearingTotal,
    Code,
    DayComplete,
    Envelope,
    MessageError,
    MessageKind,
    Objection,
    Presentment,
    PullRequest,
    Refused,
)
from schemas.record import Tap

DAY = date(2026, 1, 5)


def tap(amount_fen: int, kind: TapKind = TapKind.BUS_FLAT) -> bytes:
    return record.pack(
        Tap(
            family=1,
            issuer="0000000000007130",
            serial="00007130000000000001",
            terminal_id="710000110001",
            tapped_at="20260105083015",
            type_byte=TypeByte.PURCHASE,
            operator=11,
            kind=kind,
            amount_fen=amount_fen,
            gross_fen=amount_fen,
        )
    )


PRESENTMENT = words.make_presentment(
    "7910", "7930", DAY, 1, tap(100) + tap(0) + tap(2_000, TapKind.TOP_UP)
)
ANSWER = Answer(
    presentment_id=PRESENTMENT.presentment_id,
    acquirer="7910",
    issuer="7930",
    business_date=DAY,
    tap_count=3,
    confirmed_debit_fen=0,
    confirmed_load_fen=2_000,
    refused_debit_fen=100,
    refused_load_fen=0,
    refused=(Refused(0, 6, 100), Refused(1, 6, 0)),
)
TOTAL = ClearingTotal(
    cycle=DAY,
    city="7910",
    amount_fen=-2_000,
    presentments=(
        ClearedPresentment(
            presentment_id=PRESENTMENT.presentment_id,
            confirmed_debit_fen=0,
            confirmed_load_fen=2_000,
        ),
    ),
)
OTHERS: tuple[Any, ...] = (
    DayComplete(business_date=DAY, presentments=1),
    Objection(number=3, kind="answer", subject="x", code=Code.MISMATCH, detail="why"),
    Acknowledgement(
        sender="0000", receiver="7910", number=3, digest=bytes(32), code=Code.REFUSED, want=2
    ),
    PullRequest(sender="7910", receiver="0000", counter=5, after=2),
)


def envelope(body: bytes) -> Envelope:
    return Envelope(
        sender="7910",
        receiver="0000",
        number=1,
        kind=MessageKind.PRESENTMENT,
        subject=PRESENTMENT.presentment_id,
        digest=words.digest_of(body),
        body=body,
    )


ENVELOPE = envelope(words.encode(PRESENTMENT))


@pytest.mark.parametrize("message", [PRESENTMENT, ANSWER, TOTAL, ENVELOPE, *OTHERS])
def test_a_message_comes_back_as_it_was(message: Any) -> None:
    data = words.encode(message)
    assert words.decode(data, type(message)) == message
    assert words.encode(words.decode(data, type(message))) == data


@pytest.mark.parametrize("message", [PRESENTMENT, ANSWER, TOTAL, ENVELOPE, *OTHERS])
def test_another_spelling_is_refused(message: Any) -> None:
    """The same map with its keys the other way round, and one with a key too many."""
    fields = msgspec.msgpack.decode(words.encode(message))
    turned = msgspec.msgpack.encode(dict(reversed(fields.items())))
    more = msgspec.msgpack.encode({**fields, "colour": "red"})
    for data in (turned, more, words.encode(message) + b"\x00"):
        with pytest.raises(MessageError) as refused:
            words.decode(data, type(message))
        assert refused.value.code == Code.BAD_SCHEMA


def test_another_version_is_told_from_bad_bytes() -> None:
    fields = msgspec.msgpack.decode(words.encode(ENVELOPE))
    later = msgspec.msgpack.encode({**fields, "version": 2, "colour": "red"})
    for data, code in (
        (later, Code.VERSION),
        (b"", Code.BAD_HEADER),
        (b"\xdd\xff\xff\xff\xff", Code.BAD_HEADER),
        (b"\x82\xa1x" + b"\x91" * 100_000, Code.BAD_HEADER),
        (bytes(words.MESSAGE_BYTES_MAX + 1), Code.BAD_HEADER),
    ):
        with pytest.raises(MessageError) as refused:
            words.decode_versioned(data, Envelope)
        assert refused.value.code == code


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=400))
def test_any_bytes_are_a_message_or_refused(data: bytes) -> None:
    for of in (Envelope, Acknowledgement, PullRequest):
        with pytest.raises(MessageError):
            words.decode_versioned(data, of)
    for kind in set(words.BODIES.values()):
        with pytest.raises(MessageError):
            words.decode(data, kind)
    with suppress(MessageError):
        assert isinstance(words.decode_pulled(data), list)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from([PRESENTMENT, ANSWER, TOTAL, ENVELOPE, *OTHERS]), st.data())
def test_a_changed_byte_is_seen_or_is_another_message(message: Any, data: st.DataObject) -> None:
    good = words.encode(message)
    at = data.draw(st.integers(0, len(good) - 1))
    bad = good[:at] + bytes([good[at] ^ data.draw(st.integers(1, 255))]) + good[at + 1 :]
    with suppress(MessageError):
        assert words.decode(bad, type(message)) != message


def test_every_field_but_the_signature_is_signed() -> None:
    """For an envelope the body is signed through its digest."""
    changed = {
        "version": 2, "digest_algorithm": 2, "signature_algorithm": 2, "sender": "7950",
        "receiver": "7950", "number": 9, "counter": 9, "after": 9, "kind": "answer",
        "subject": "other", "digest": b"d" * 32, "code": Code.ACCEPTED, "want": 7, "detail": "no",
    }  # fmt: skip
    for message in (ENVELOPE, OTHERS[2], OTHERS[3]):
        for name in set(message.__struct_fields__) - {"signature", "body"}:
            other = msgspec.structs.replace(message, **{name: changed[name]})
            assert words.signing_input(other) != words.signing_input(message), name
        signed = msgspec.structs.replace(message, signature=b"s" * 64)
        assert words.signing_input(signed) == words.signing_input(message)


def test_no_two_kinds_of_message_sign_the_same_bytes() -> None:
    prefixes = {
        words.signing_input(message).split(b"\n")[0] for message in (ENVELOPE, OTHERS[2], OTHERS[3])
    }
    assert len(prefixes) == 3


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"presentment_id": "7910-7930-20260105-2"}, Code.MISMATCH),
        ({"part": 2}, Code.MISMATCH),
        ({"tap_count": 2}, Code.MISMATCH),
        ({"debit_fen": 101}, Code.MISMATCH),
        ({"load_fen": 0}, Code.MISMATCH),
        ({"sums": ()}, Code.MISMATCH),
        ({"records": PRESENTMENT.records[:-144]}, Code.MISMATCH),
        ({"records": PRESENTMENT.records[:-1]}, Code.BAD_SCHEMA),
        ({"records": b""}, Code.BAD_SCHEMA),
        ({"records": tap(-100)}, Code.BAD_SCHEMA),
        ({"records": tap(100, TapKind.CARD_REFUND)}, Code.BAD_SCHEMA),
    ],
)
def test_a_presentment_agrees_with_its_records(change: dict[str, Any], code: Code) -> None:
    words.check_presentment(PRESENTMENT)
    with pytest.raises(MessageError) as refused:
        words.check_presentment(msgspec.structs.replace(PRESENTMENT, **change))
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"refused": ANSWER.refused[::-1]}, Code.BAD_SCHEMA),
        ({"refused": ANSWER.refused[:1] * 2}, Code.BAD_SCHEMA),
        ({"refused": (Refused(3, 6, 100),)}, Code.BAD_SCHEMA),
        ({"refused": (Refused(0, 6, 99),)}, Code.MISMATCH),
        ({"refused_load_fen": 1}, Code.MISMATCH),
    ],
)
def test_an_answer_agrees_with_itself(change: dict[str, Any], code: Code) -> None:
    words.check_answer(ANSWER)
    with pytest.raises(MessageError) as refused:
        words.check_answer(msgspec.structs.replace(ANSWER, **change))
    assert refused.value.code == code


def test_a_total_lists_each_presentment_once() -> None:
    words.check_total(TOTAL)
    twice = msgspec.structs.replace(TOTAL, presentments=TOTAL.presentments * 2)
    with pytest.raises(MessageError):
        words.check_total(twice)


def test_a_full_presentment_fits_into_two_envelopes() -> None:
    records = tap(100) * words.PART_TAPS_MAX
    full = words.make_presentment("7910", "7930", DAY, 1, records)
    assert isinstance(full, Presentment)
    words.check_presentment(full)
    outer = words.encode(envelope(words.encode(envelope(words.encode(full)))))
    assert 2 * len(outer) < words.MESSAGE_BYTES_MAX


@pytest.mark.parametrize(
    ("refused", "sums"),
    [
        (words.Refused(0, 6, 1), (1, 0)),  # another amount
        (words.Refused(0, 0, 100), (100, 0)),  # clean
        (words.Refused(0, 255, 100), (100, 0)),  # no reason at all
        (words.Refused(0, 31, 100), (100, 0)),  # a reason that lets a tap be paid
        (words.Refused(0, 6, 100), (0, 100)),  # a fare counted as a top-up
        (words.Refused(1, 6, 200), (200, 0)),  # a top-up counted as a fare
    ],
)
def test_a_refusal_that_the_presentment_does_not_bear_is_a_mismatch(
    refused: words.Refused, sums: tuple[int, int]
) -> None:
    records = tap(100) + tap(200, TapKind.TOP_UP)
    presentment = words.make_presentment("7910", "7930", date(2026, 1, 5), 1, records)
    answer = msgspec.structs.replace(
        ANSWER, refused=(refused,), refused_debit_fen=sums[0], refused_load_fen=sums[1]
    )
    with pytest.raises(words.MessageError) as error:
        words.check_refusals(presentment, answer)
    assert error.value.code == Code.MISMATCH


def test_a_refusal_that_the_presentment_bears_is_taken() -> None:
    records = tap(100) + tap(200, TapKind.TOP_UP)
    presentment = words.make_presentment("7910", "7930", date(2026, 1, 5), 1, records)
    refused = (words.Refused(0, 6, 100), words.Refused(1, 7, 200))
    words.check_refusals(
        presentment,
        msgspec.structs.replace(
            ANSWER, refused=refused, refused_debit_fen=100, refused_load_fen=200
        ),
    )
