"""The acquirer: what an issuer refused is taken back from the operators, on the open date."""

from collections.abc import Iterable
from datetime import date

import msgspec

from clearing.node import Node
from clearing.plan import Purpose
from clearing.store import Connection, Entry, add_entries
from schemas import exchange as words
from schemas import record
from schemas.accounts import AccountKind
from schemas.cities import PROVINCE
from schemas.codes import Verdict
from schemas.exchange import Answer, Code, Envelope, MessageError, MessageKind, Presentment
from settlement.exchange import codec, store
from settlement.exchange.books import Lines, account_no
from settlement.exchange.codec import Keys
from settlement.exchange.released import Released, read_released
from settlement.exchange.shares import TAP_COLUMNS, Credit, Shares, Tap, tap_of


async def apply_answer(
    connection: Connection, node: Node, keys: Keys, envelope: Envelope, open_date: date
) -> None:
    """Store the refusals of an answer and take their credits back.

    One entry for each of our batches that has a refused tap; it names the batch. Raises
    ``MessageError``: duplicate, mismatch, refused.
    """
    inner = codec.read_forwarded(envelope, PROVINCE, keys)
    answer = words.decode(inner.body, Answer)
    row = await store.lock_presentment(connection, answer.presentment_id)
    _check(answer, inner.sender, row)
    assert row is not None
    released = {
        each.tap.identity: each for each in await read_released(connection, row.business_date)
    }
    taps = await _refused_taps(connection, row, answer, released)
    taken_back = await _take_back(connection, node, row, taps, released, open_date)
    await store.add_refusals(
        connection,
        row.presentment_id,
        answer.refused,
        [(tap.batch_seq, tap.row_no) for tap in taps],
    )
    left = {account: fen - taken_back.get(account, 0) for account, fen in row.credits.items()}
    await store.change_presentment(
        connection,
        msgspec.structs.replace(
            row,
            state="answered",
            credits=left,
            refused_count=len(answer.refused),
            refused_debit_fen=answer.refused_debit_fen,
            refused_load_fen=answer.refused_load_fen,
        ),
    )


def _check(answer: Answer, sender: str, row: store.PresentmentRow | None) -> None:
    """Whether this is the issuer's answer to a presentment of ours that waits for one."""
    if row is None or row.direction != "out" or row.issuer != sender:
        raise MessageError(Code.REFUSED, f"{answer.presentment_id} is no presentment to {sender}")
    if row.state != "presented":
        raise MessageError(Code.DUPLICATE, f"{answer.presentment_id} was answered before")
    sums = (
        answer.confirmed_debit_fen + answer.refused_debit_fen,
        answer.confirmed_load_fen + answer.refused_load_fen,
    )
    if sums != (row.debit_fen, row.load_fen) or answer.tap_count != row.tap_count:
        raise MessageError(Code.MISMATCH, f"{answer.presentment_id} has other totals")


async def _refused_taps(
    connection: Connection,
    row: store.PresentmentRow,
    answer: Answer,
    released: dict[bytes, Released],
) -> list[Tap]:
    """The taps at the refused positions, found by the identity that stands in the presentment."""
    if not answer.refused:
        return []
    sent = await store.find_outgoing(
        connection, PROVINCE, MessageKind.PRESENTMENT, row.presentment_id
    )
    assert sent is not None
    body = words.decode(sent, Envelope).body
    presentment = words.decode(body, Presentment)
    words.check_refusals(presentment, answer)
    identities = list(_identities(presentment, answer))
    rows = await connection.fetch(
        f"SELECT {TAP_COLUMNS} FROM clearing.tap t WHERE t.business_date = $1 AND t.verdict = $2"
        " AND t.identity = ANY($3)",
        row.business_date, int(Verdict.ACCEPTED), identities,
    )  # fmt: skip
    found = {identity: each.tap for identity, each in released.items()}
    found |= {tap.identity: tap for tap in map(tap_of, rows)}
    taps = [found[identity] for identity in identities]
    loads = sum(tap.amount_fen for tap in taps if tap.is_load)
    amounts = [tap.amount_fen for tap in taps]
    if loads != answer.refused_load_fen or amounts != [r.amount_fen for r in answer.refused]:
        raise MessageError(Code.MISMATCH, f"{row.presentment_id}: refused taps have other amounts")
    return taps


def _identities(presentment: Presentment, answer: Answer) -> Iterable[bytes]:
    for refused in answer.refused:
        at = refused.position * record.SIZE
        yield presentment.records[at + record.IDENTITY.start : at + record.IDENTITY.stop]


async def _take_back(
    connection: Connection,
    node: Node,
    row: store.PresentmentRow,
    taps: list[Tap],
    released: dict[bytes, Released],
    open_date: date,
) -> dict[int, int]:
    """Book the refused taps' credits back; returns what that takes off the unconfirmed ones."""
    if not taps:
        return {}
    shares = Shares(node)
    await shares.know(connection, row.business_date)
    pending = await account_no(connection, AccountKind.PROVINCE_PENDING)
    batches: dict[int, Lines] = {}
    taken_back: dict[int, int] = {}
    for tap in taps:
        lines = batches.setdefault(tap.batch_seq, Lines())
        given = released.get(tap.identity)
        for credit in shares.of(tap) if given is None else given.credits:
            lines.move(credit.account, pending, _purpose(credit), credit.amount_fen)
            if credit.purpose == Purpose.FARE_UNCONFIRMED:
                fen = taken_back.get(credit.account, 0) + credit.amount_fen
                taken_back[credit.account] = fen
    await add_entries(
        connection,
        open_date,
        [
            Entry(
                entry_id=f"exchange/{row.presentment_id}/refused/{batch_seq}",
                narrative=f"refused by {row.issuer}",
                postings=lines.postings(),
                corrects=f"batch/{batch_seq}",
            )
            for batch_seq, lines in sorted(batches.items())
        ],
    )
    return taken_back


def _purpose(credit: Credit) -> Purpose:
    """A refused fare leaves the purpose that it came in under, so that what is unconfirmed or in
    excess sums up; a load agent sees its refused top-ups apart."""
    return Purpose.REFUSAL if credit.purpose == Purpose.TOP_UP else credit.purpose
