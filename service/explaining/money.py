"""Where a tap's money went and stands: its claim between the cities, its items, what was booked later."""

from datetime import date

import msgspec

from clearing.inspection import StoredTap
from clearing.store import BatchRow, Connection
from schemas import exchange as words
from schemas import record
from schemas.cities import PROVINCE
from schemas.codes import Source, Verdict
from schemas.exchange import Envelope, MessageKind, Presentment
from schemas.registry import Issuer
from service.explaining.found import Claim, Waiting
from settlement.exchange import store as exchange
from settlement.exchange.store import PresentmentRow
from settlement.reclearing.booking import PREFIX
from settlement.store import decisions, items, traces
from settlement.store.traces import BookedEntry


async def claim_of(
    connection: Connection,
    batch: BatchRow,
    tap: StoredTap,
    issuer: Issuer | None,
    as_of: date,
) -> Claim | None:
    """The claim of a tap between two cities; None where the card and the operator are both ours."""
    if batch.source == Source.PRESENTMENT:
        rows = await exchange.read_presentments(connection, "presentment_id = $1", batch.origin)
        if not rows:
            return None
        return await _told(connection, rows[0], tap.row_no, as_of, incoming=True)
    if issuer is None or issuer.own:
        return None
    identity = tap.record[record.IDENTITY]
    rows = await exchange.read_presentments(
        connection,
        "direction = 'out' AND issuer = $1 AND business_date >= $2 AND business_date <= $3",
        issuer.city, batch.business_date, as_of,
    )  # fmt: skip
    for row in rows:
        position = await _position_in(connection, row.presentment_id, identity)
        if position is not None:
            return await _told(connection, row, position, as_of, incoming=False)
    state = "not_presented" if tap.verdict == Verdict.ACCEPTED else "no_claim"
    return Claim(state=state, other_city=issuer.city)


async def _position_in(connection: Connection, presentment_id: str, identity: bytes) -> int | None:
    """Where in a presentment of ours a tap stands."""
    sent = await exchange.find_outgoing(
        connection, PROVINCE, MessageKind.PRESENTMENT, presentment_id
    )
    if sent is None:
        return None
    records = words.decode(words.decode(sent, Envelope).body, Presentment).records
    starts = range(0, len(records), record.SIZE)
    cut = record.IDENTITY
    return next(
        (n for n, at in enumerate(starts) if records[at + cut.start : at + cut.stop] == identity),
        None,
    )


async def _told(
    connection: Connection, row: PresentmentRow, position: int, as_of: date, *, incoming: bool
) -> Claim:
    """What was known of a presentment at the end of a date."""
    answered_on = row.business_date if incoming else None
    if not incoming:
        kind = MessageKind.ANSWER_FORWARDED
        answered_on = await traces.read_applied_on(connection, kind, row.presentment_id)
    refusal = await traces.read_refusal(connection, row.presentment_id, position)
    booked_on = await traces.read_cycle_booked_on(connection, row.cycle) if row.cycle else None
    answered = answered_on is not None and answered_on <= as_of
    cleared = booked_on is not None and booked_on <= as_of
    state = "presented"
    if answered and refusal is not None:
        state = "refused"
    elif cleared:
        state = "confirmed"
    elif answered:
        state = "answered"
    return Claim(
        state=state,
        other_city=row.acquirer if incoming else row.issuer,
        presentment_id=row.presentment_id,
        position=position,
        presented_on=row.business_date,
        answered_on=answered_on if answered else None,
        refused_for=refusal.reason if answered and refusal is not None else 0,
        cycle=row.cycle if cleared else None,
        incoming=incoming,
    )


async def waiting_of(
    connection: Connection, batch: BatchRow, tap: StoredTap, accounts: dict[int, str], as_of: date
) -> list[Waiting]:
    """Items about the tap, then those of its card's and its terminal's chain, as they stood."""
    place = (batch.batch_seq, tap.row_no)
    field = record.FIELD["terminal_id"]
    of_tap = await items.read_standing(connection, as_of, open_only=False, taps=[place])
    beside = await items.read_standing(
        connection, as_of, open_only=False, cards=[tap.record[record.CARD]]
    )
    beside += await items.read_standing(
        connection, as_of, open_only=False, terminals=[tap.record[field.offset : field.end]]
    )
    # Of the card and the terminal: what is about no tap, so about what is missing between taps.
    known = {each.item.item_id: (each, True) for each in of_tap}
    for each in beside:
        if each.item.batch_seq is None:
            known.setdefault(each.item.item_id, (each, False))
    return [
        Waiting(
            name=each.item.item_id,
            standing=each,
            account=accounts.get(each.account_no, "") if each.account_no else "",
            history=await items.read_history(connection, each.item.item_id, as_of),
            proposals=await _proposals(connection, each.item.item_id, as_of),
            of_tap=of_this_tap,
        )
        for each, of_this_tap in known.values()
    ]


async def _proposals(connection: Connection, item_id: str, as_of: date) -> list[decisions.Decided]:
    """Proposals about an item up to a date, with the decisions made up to it."""
    return [
        msgspec.structs.replace(each, decision=None)
        if each.decision is not None and each.decision.business_date > as_of
        else each
        for each in await decisions.read_proposals(connection, item_ids=[item_id])
        if each.proposal.business_date <= as_of
    ]


async def later_entries(
    connection: Connection,
    batch: BatchRow,
    tap: StoredTap,
    waiting: list[Waiting],
    claim: Claim | None,
    as_of: date,
) -> list[BookedEntry]:
    """Entries that name this tap or its items, and the one that took a refused tap's batch back."""
    ids = [change.entry_id for each in waiting if each.of_tap for change in each.history]
    about = [f"tap {batch.batch_seq}/{tap.row_no}"]
    about += [each.standing.item.item_id for each in waiting if each.of_tap]
    # An entry of a re-clearing is a whole batch's: what of it is this tap's is told with the correction.
    entry_ids = [name for name in ids if name is not None and not name.startswith(PREFIX)]
    if claim is not None and claim.state == "refused" and not claim.incoming:
        entry_ids.append(f"exchange/{claim.presentment_id}/refused/{batch.batch_seq}")
    return await traces.read_entries(connection, entry_ids, about, as_of)
