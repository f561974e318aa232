"""The issuer: a presentment is judged by the engine, and its answer is written in that transaction."""

from collections.abc import Iterator
from typing import Final

from clearing.engine import Along, Engine, Judged
from clearing.errors import ClearingError
from clearing.node import Node
from clearing.store import Connection
from schemas import batch as envelope_of_taps
from schemas import exchange as words
from schemas import record
from schemas.cities import PROVINCE
from schemas.codes import LOAD_KINDS, Check, Verdict
from schemas.exchange import Answer, Code, Envelope, MessageError, MessageKind, Presentment, Refused
from schemas.reasons import RECORD_LEVEL, Reason
from settlement.exchange import codec, post, store
from settlement.exchange.codec import Keys
from settlement.exchange.errors import AlreadyApplied, ExchangeError

_AMOUNT: Final = record.FIELD["amount_fen"]
_REJECTING: Final = {row.reason for row in RECORD_LEVEL if row.outcome == Verdict.REJECTED}
_REJECTED: Final = bytes(number in _REJECTING for number in range(256))
"""By reason number: 1 where the reason rejects a tap."""
CHECKS: Final = Check.ALL
"""What another city's taps are checked for: the acquirer's contract does not bind the issuer."""


async def check(connection: Connection, node: Node, keys: Keys, envelope: Envelope) -> Presentment:
    """The presentment inside a forwarded one, if it is ours to answer. Raises ``MessageError``."""
    inner = codec.read_forwarded(envelope, PROVINCE, keys)
    presentment = words.decode(inner.body, Presentment)
    if presentment.acquirer != inner.sender or presentment.issuer != node.city:
        raise MessageError(Code.REFUSED, f"{presentment.presentment_id} is not for {node.city}")
    if await store.read_presentments(connection, "presentment_id = $1", presentment.presentment_id):
        raise MessageError(Code.DUPLICATE, f"{presentment.presentment_id} was answered")
    return presentment


async def clear(engine: Engine, node: Node, envelope: Envelope, presentment: Presentment) -> None:
    """Judge and book a presentment's taps on the open date, and answer. Raises ``ClearingError``."""
    declared = envelope_of_taps.digits_of(presentment.business_date)
    made = envelope_of_taps.make(0, presentment.part, declared, presentment.records)
    receipt = await engine.clear_presentment(
        made, presentment.presentment_id, CHECKS, _along(node, envelope, presentment)
    )
    if receipt is None:
        raise ExchangeError(
            f"The taps of {presentment.presentment_id} were booked and not answered.",
            "Run onecard verify on the open date; this must not happen.",
        )


def _along(node: Node, envelope: Envelope, presentment: Presentment) -> Along:
    """What is written with the taps: the presentment, the refusals, the answer."""

    async def write(connection: Connection, judged: Judged) -> None:
        sender, number = envelope.sender, envelope.number
        if await store.lock_waiting(connection, sender, number) is None:
            raise AlreadyApplied(f"Message {number} of {sender} was applied meanwhile.")
        answer = make_answer(presentment, judged)
        await store.add_presentment(connection, _row(presentment, answer))
        await store.add_refusals(
            connection,
            presentment.presentment_id,
            answer.refused,
            [(None, None)] * len(answer.refused),
        )
        await store.close_incoming(connection, sender, number, judged.row.business_date)
        await post.send(
            connection,
            node,
            PROVINCE,
            MessageKind.ANSWER,
            presentment.presentment_id,
            words.encode(answer),
        )

    return write


def make_answer(presentment: Presentment, judged: Judged) -> Answer:
    """The answer that a judgement gives: exceptions by position.

    A tap is not paid if it was rejected, or if nothing of its amount was booked for the province.
    """
    refused: list[Refused] = []
    debit_fen = load_fen = 0
    for position in _unpaid(judged):
        kind, amount = _kind_and_amount(presentment.records, position)
        reason = Reason(judged.judgement.reasons[position])
        if amount or reason in _REJECTING:
            refused.append(Refused(position, reason, amount))
            if kind in LOAD_KINDS:
                load_fen += amount
            else:
                debit_fen += amount
    paid_fen = sum(memoryview(judged.judgement.credited_fen).cast("i"))
    confirmed = presentment.debit_fen - debit_fen, presentment.load_fen - load_fen
    if sum(confirmed) != paid_fen:
        raise ClearingError(
            f"{presentment.presentment_id}: {paid_fen} fen were booked, {sum(confirmed)} confirmed.",
            "This is a defect of the engine: a tap of another city is paid whole or not at all.",
        )
    return Answer(
        presentment_id=presentment.presentment_id,
        acquirer=presentment.acquirer,
        issuer=presentment.issuer,
        business_date=judged.row.business_date,
        tap_count=presentment.tap_count,
        confirmed_debit_fen=confirmed[0],
        confirmed_load_fen=confirmed[1],
        refused_debit_fen=debit_fen,
        refused_load_fen=load_fen,
        refused=tuple(refused),
    )


def _unpaid(judged: Judged) -> Iterator[int]:
    """Positions of taps that were rejected or booked nothing; most taps are neither."""
    rejected = judged.judgement.reasons.translate(_REJECTED)
    credited = memoryview(judged.judgement.credited_fen).cast("i")
    return (
        position
        for position, (unpaid, fen) in enumerate(zip(rejected, credited, strict=True))
        if unpaid or not fen
    )


def _kind_and_amount(records: bytes, position: int) -> tuple[int, int]:
    at = position * record.SIZE
    amount = records[at + _AMOUNT.offset : at + _AMOUNT.end]
    return records[at + record.OFFSET["kind"]], int.from_bytes(amount, "big", signed=True)


def _row(presentment: Presentment, answer: Answer) -> store.PresentmentRow:
    return store.PresentmentRow(
        presentment_id=presentment.presentment_id,
        direction="in",
        acquirer=presentment.acquirer,
        issuer=presentment.issuer,
        business_date=presentment.business_date,
        tap_count=presentment.tap_count,
        debit_fen=presentment.debit_fen,
        load_fen=presentment.load_fen,
        state="answered",
        refused_count=len(answer.refused),
        refused_debit_fen=answer.refused_debit_fen,
        refused_load_fen=answer.refused_load_fen,
    )
