"""Messages between cities: what they say, the signed envelope, acknowledgements, the signed pull.

Everything travels as MessagePack in one spelling: a map in the order of the fields, so that whoever
decodes a message and encodes it again gets the same bytes, and anything else is refused. Records are
the canonical 144 bytes of ``schemas.record``. Amounts are integer fen.

A city speaks to the province only. The province passes a presentment on to the issuer, and an answer
on to the acquirer, as it came: the city's whole envelope is the body of the province's. So each end
checks both signatures, and has the other's word in hand.
"""

import hashlib
import struct
from datetime import date
from enum import IntEnum, StrEnum
from typing import Annotated, Final, TypeVar

import msgspec

from schemas import batch, record
from schemas.batch import KindSum
from schemas.codes import DEBIT_KINDS, LOAD_KINDS, DigestAlgorithm, SignatureAlgorithm, Verdict
from schemas.reasons import RECORD_LEVEL

VERSION: Final = 1
PART_TAPS_MAX: Final = 20_000
"""Most taps in one presentment; a day with more is presented in parts."""
MESSAGE_BYTES_MAX: Final = 8 * 1024 * 1024
"""Largest envelope that is read at all; a full presentment inside two envelopes has less than half."""

_MESSAGE_PREFIX: Final = b"onecard message 1\n"
_ACKNOWLEDGEMENT_PREFIX: Final = b"onecard acknowledgement 1\n"
_PULL_PREFIX: Final = b"onecard pull 1\n"
_INT64_MAX: Final = 2**63 - 1
_AMOUNT: Final = struct.Struct(
    f">{record.OFFSET['amount_fen']}xi{record.SIZE - record.OFFSET['amount_fen'] - 4}x"
)

_REFUSING: Final = frozenset(row.reason for row in RECORD_LEVEL if row.outcome != Verdict.ACCEPTED)
"""Reasons for which an issuer may leave a tap unpaid."""

City = Annotated[str, msgspec.Meta(pattern="^[0-9]{4}$")]
Name = Annotated[str, msgspec.Meta(max_length=64)]
Text = Annotated[str, msgspec.Meta(max_length=256)]
Number = Annotated[int, msgspec.Meta(ge=1, le=_INT64_MAX)]
Natural = Annotated[int, msgspec.Meta(ge=0, le=_INT64_MAX)]
Count = Annotated[int, msgspec.Meta(ge=0, le=PART_TAPS_MAX)]
Amount = Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]
Sum = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
SignedSum = Annotated[int, msgspec.Meta(ge=-(2**53), le=2**53)]
Digest = Annotated[bytes, msgspec.Meta(min_length=32, max_length=32)]
Signature = Annotated[bytes, msgspec.Meta(min_length=64, max_length=64)]


class MessageKind(StrEnum):
    """What a message is about, and so which struct its body holds."""

    PRESENTMENT = "presentment"
    """City to province: taps of another city's cards."""
    PRESENTMENT_FORWARDED = "presentment_forwarded"
    """Province to issuer: the body is the acquirer's envelope."""
    ANSWER = "answer"
    """City to province: which taps of a presentment are not paid."""
    ANSWER_FORWARDED = "answer_forwarded"
    """Province to acquirer: the body is the issuer's envelope."""
    DAY_COMPLETE = "day_complete"
    """City to province: everything of a business date has been presented."""
    CLEARING_TOTAL = "clearing_total"
    """Province to city: a cycle's total and the presentments in it."""
    OBJECTION = "objection"
    """Either way: a message of yours that was received is not taken, and why."""


class Code(IntEnum):
    """What a receiver makes of a message (domain §8)."""

    ACCEPTED = 0
    BAD_HEADER = 1
    BAD_SCHEMA = 2
    MISMATCH = 3
    DUPLICATE = 4
    REFUSED = 5
    VERSION = 6
    TOTAL_DISAGREEMENT = 7


class MessageError(ValueError):
    """Bytes that are not the message they should be: ``code`` and a ``detail`` for a person."""

    def __init__(self, code: Code, detail: str) -> None:
        self.code, self.detail = code, detail
        super().__init__(f"{code.name.lower().replace('_', ' ')}: {detail}")


class _Message(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What all structs of this file have in common: one spelling, nothing unknown."""


class Presentment(_Message, frozen=True, kw_only=True):
    """All claims of one acquirer against one issuer's city of one business date, or a part of them.

    ``debit_fen``: fares that the issuer owes; ``load_fen``: top-ups that the acquirer owes.
    """

    presentment_id: Name
    acquirer: City
    issuer: City
    business_date: date
    part: Number
    tap_count: Count
    debit_fen: Sum
    load_fen: Sum
    sums: tuple[KindSum, ...]
    records: bytes


class Refused(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A tap that the issuer does not pay: its position in the presentment, from 0, and why."""

    position: Count
    reason: Annotated[int, msgspec.Meta(ge=0, le=255)]
    amount_fen: Amount


class Answer(_Message, frozen=True, kw_only=True):
    """The issuer's one answer to a presentment: the taps not paid, in order; all others are paid.

    ``business_date`` is the issuer's, on which it booked the taps.
    """

    presentment_id: Name
    acquirer: City
    issuer: City
    business_date: date
    tap_count: Count
    confirmed_debit_fen: Sum
    confirmed_load_fen: Sum
    refused_debit_fen: Sum
    refused_load_fen: Sum
    refused: tuple[Refused, ...]


class DayComplete(_Message, frozen=True, kw_only=True):
    """Every off-us tap of this business date has been presented, in so many presentments."""

    business_date: date
    presentments: Natural


class ClearedPresentment(_Message, frozen=True, kw_only=True):
    """A presentment of a cycle and what was confirmed of it."""

    presentment_id: Name
    confirmed_debit_fen: Sum
    confirmed_load_fen: Sum


class ClearingTotal(_Message, frozen=True, kw_only=True):
    """A city's total of one cycle; immutable, the basis of payment. Positive: it is to be paid.

    ``presentments``: all of the cycle in which the city is acquirer or issuer, by id.
    """

    cycle: date
    city: City
    amount_fen: SignedSum
    presentments: tuple[ClearedPresentment, ...]


class Objection(_Message, frozen=True, kw_only=True):
    """A received message that is not taken: its number, kind and subject, the code, a detail."""

    number: Number
    kind: Name
    subject: Name
    code: Code
    detail: Text


class Envelope(_Message, frozen=True, kw_only=True):
    """A message on its way. ``number`` is gapless per (sender, receiver), from 1.

    ``signature`` is the sender's over everything else; of the body it covers ``digest``.
    """

    version: int = VERSION
    digest_algorithm: int = DigestAlgorithm.SHA256
    signature_algorithm: int = SignatureAlgorithm.ED25519
    sender: City
    receiver: City
    number: Number
    kind: Name
    subject: Name
    digest: Digest
    signature: Signature = bytes(64)
    body: bytes


class Acknowledgement(_Message, frozen=True, kw_only=True):
    """The receiver's answer to one envelope that was sent to it.

    ``number`` and ``digest`` (SHA-256 of the whole envelope) say which one. ``want`` is the number
    that the receiver waits for next, where a message came before an earlier one.
    """

    version: int = VERSION
    signature_algorithm: int = SignatureAlgorithm.ED25519
    sender: City
    receiver: City
    number: Natural
    digest: Digest
    code: Code
    want: Natural = 0
    detail: Text = ""
    signature: Signature = bytes(64)


class PullRequest(_Message, frozen=True, kw_only=True):
    """A city asks the province for its messages after a number, and so acknowledges those up to it.

    ``counter`` rises with each request of the sender, so that a request heard on the way cannot be
    used again, without a clock and without a challenge.
    """

    version: int = VERSION
    signature_algorithm: int = SignatureAlgorithm.ED25519
    sender: City
    receiver: City
    counter: Number
    after: Natural
    signature: Signature = bytes(64)


class _AnyVersion(msgspec.Struct):
    version: int


BODIES: Final[dict[str, type[_Message]]] = {
    MessageKind.PRESENTMENT: Presentment,
    MessageKind.PRESENTMENT_FORWARDED: Envelope,
    MessageKind.ANSWER: Answer,
    MessageKind.ANSWER_FORWARDED: Envelope,
    MessageKind.DAY_COMPLETE: DayComplete,
    MessageKind.CLEARING_TOTAL: ClearingTotal,
    MessageKind.OBJECTION: Objection,
}
"""The struct of each kind's body."""

_Struct = TypeVar("_Struct", bound=_Message)
_Signed = TypeVar("_Signed", Envelope, Acknowledgement, PullRequest)


def encode(message: msgspec.Struct) -> bytes:
    """The one spelling of a message of this file."""
    return msgspec.msgpack.encode(message)


def decode(data: bytes, of: type[_Struct], code: Code = Code.BAD_SCHEMA) -> _Struct:
    """The message in ``data``. Raises ``MessageError`` with ``code``, whatever the bytes are."""
    try:
        message = msgspec.msgpack.decode(data, type=of)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise MessageError(code, str(error)[:200]) from error
    if encode(message) != data:
        raise MessageError(code, "it is not written in its one spelling")
    return message


def decode_versioned(data: bytes, of: type[_Signed]) -> _Signed:
    """An envelope, acknowledgement or pull request; another version is told apart from bad bytes.

    Raises ``MessageError``: bad header, version.
    """
    if len(data) > MESSAGE_BYTES_MAX:
        raise MessageError(Code.BAD_HEADER, f"more than {MESSAGE_BYTES_MAX} bytes")
    try:
        version = msgspec.msgpack.decode(data, type=_AnyVersion).version
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise MessageError(Code.BAD_HEADER, str(error)[:200]) from error
    if version != VERSION:
        raise MessageError(Code.VERSION, f"version {version} came, {VERSION} is spoken here")
    return decode(data, of, Code.BAD_HEADER)


def signing_input(message: Envelope | Acknowledgement | PullRequest) -> bytes:
    """The bytes that the sender signs: everything but the signature, and of a body its digest."""
    unsigned = msgspec.structs.replace(message, signature=bytes(64))
    match unsigned:
        case Envelope():
            return _MESSAGE_PREFIX + encode(msgspec.structs.replace(unsigned, body=b""))
        case Acknowledgement():
            return _ACKNOWLEDGEMENT_PREFIX + encode(unsigned)
        case PullRequest():
            return _PULL_PREFIX + encode(unsigned)


def digest_of(data: bytes) -> bytes:
    """The digest of a body or an envelope: SHA-256, 32 bytes."""
    return hashlib.sha256(data).digest()


def encode_pulled(envelopes: list[bytes]) -> bytes:
    """What the province answers to a pull: envelopes in number order."""
    return msgspec.msgpack.encode(envelopes)


def decode_pulled(data: bytes) -> list[bytes]:
    """The envelopes of an answer to a pull. Raises ``MessageError``."""
    try:
        return msgspec.msgpack.decode(data, type=list[bytes])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise MessageError(Code.BAD_SCHEMA, str(error)[:200]) from error


def presentment_name(acquirer: str, issuer: str, business_date: date, part: int) -> str:
    """The id of a presentment: 7910-7930-20260105-1."""
    return f"{acquirer}-{issuer}-{batch.digits_of(business_date)}-{part}"


def make_presentment(
    acquirer: str, issuer: str, business_date: date, part: int, records: bytes
) -> Presentment:
    """A presentment over whole records, with its id, count and sums."""
    sums = batch.tally(records)
    return Presentment(
        presentment_id=presentment_name(acquirer, issuer, business_date, part),
        acquirer=acquirer,
        issuer=issuer,
        business_date=business_date,
        part=part,
        tap_count=len(records) // record.SIZE,
        debit_fen=sum(row.amount_fen for row in sums if row.kind in DEBIT_KINDS),
        load_fen=sum(row.amount_fen for row in sums if row.kind in LOAD_KINDS),
        sums=sums,
        records=records,
    )


def check_presentment(presentment: Presentment) -> None:
    """Whether header and records agree. Raises ``MessageError``: bad schema, mismatch."""
    if len(presentment.records) % record.SIZE or not presentment.records:
        raise MessageError(Code.BAD_SCHEMA, f"the records are no multiple of {record.SIZE} bytes")
    made = make_presentment(
        presentment.acquirer,
        presentment.issuer,
        presentment.business_date,
        presentment.part,
        presentment.records,
    )
    strange = {row.kind for row in made.sums} - (DEBIT_KINDS | LOAD_KINDS)
    if strange:
        raise MessageError(Code.BAD_SCHEMA, f"taps of kind {min(strange)} are not presented")
    if min(_AMOUNT.iter_unpack(presentment.records))[0] < 0:
        raise MessageError(Code.BAD_SCHEMA, "an amount is negative")
    for name in ("presentment_id", "tap_count", "debit_fen", "load_fen", "sums"):
        stated, true = getattr(presentment, name), getattr(made, name)
        if stated != true:
            raise MessageError(Code.MISMATCH, f"{name} is {stated}, the records give {true}"[:200])


def check_answer(answer: Answer) -> None:
    """Whether an answer agrees with itself. Raises ``MessageError``: bad schema, mismatch."""
    positions = [row.position for row in answer.refused]
    if positions != sorted(set(positions)) or (positions and positions[-1] >= answer.tap_count):
        raise MessageError(Code.BAD_SCHEMA, "refused positions are not rising, or not taps of it")
    listed = sum(row.amount_fen for row in answer.refused)
    if listed != answer.refused_debit_fen + answer.refused_load_fen:
        raise MessageError(
            Code.MISMATCH, f"the refused taps sum to {listed} fen, the header differs"
        )


def check_total(total: ClearingTotal) -> None:
    """Whether a clearing total lists each presentment once, by id. Raises ``MessageError``."""
    ids = [row.presentment_id for row in total.presentments]
    if ids != sorted(set(ids)):
        raise MessageError(Code.BAD_SCHEMA, "presentments are not listed once each, by id")


def check_refusals(presentment: Presentment, answer: Answer) -> None:
    """Whether what an answer refuses is what was presented, for a reason that refuses a tap.

    Raises ``MessageError``: an amount or kind is another one, or the reason lets a tap be paid.
    """
    refused_fen = {False: 0, True: 0}
    for row in answer.refused:
        at = row.position * record.SIZE
        (amount,) = _AMOUNT.unpack_from(presentment.records, at)
        if row.amount_fen != amount:
            raise MessageError(Code.MISMATCH, f"tap {row.position} has {amount} fen")
        if row.reason not in _REFUSING:
            raise MessageError(
                Code.MISMATCH, f"reason {row.reason} does not refuse tap {row.position}"
            )
        refused_fen[presentment.records[at + record.OFFSET["kind"]] in LOAD_KINDS] += amount
    if (refused_fen[False], refused_fen[True]) != (
        answer.refused_debit_fen,
        answer.refused_load_fen,
    ):
        raise MessageError(Code.MISMATCH, "the refused taps have other sums")
