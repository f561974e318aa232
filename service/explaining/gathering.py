"""Everything that the node knows of one tap at the end of a business date. The table of contents."""

from datetime import date
from pathlib import Path

import asyncpg
import msgspec

from clearing import inspection, store
from clearing.inspection import StoredTap
from clearing.state import Plans
from clearing.store import BatchRow, Connection
from schemas import proof, record
from schemas.reasons import Reason
from service.explaining import chain, correction, ground, money, naming
from service.explaining.found import Explanation, First
from service.explaining.naming import Asked
from service.home import OpenNode, open_node
from settlement.items.paper import hidden
from settlement.store import traces

_DUPLICATES = frozenset(
    {
        Reason.DUPLICATE, Reason.DUPLICATE_IN_BATCH, Reason.DUPLICATE_ALTERED,
        Reason.DUPLICATE_OTHER_DATE, Reason.DUPLICATE_OTHER_CITY,
    }
)  # fmt: skip


async def explain(
    home: Path, asked: Asked, as_of: date | None = None, *, unmasked: bool = False
) -> Explanation:
    """Everything about a tap, as known at the end of ``as_of`` (None: now).

    A look-up by card number leaves an event; who is to see numbers (``unmasked``) has signed before.
    Raises ``ServiceError`` where there is no such tap.
    """
    async with open_node(home) as opened:
        connection = await asyncpg.connect(opened.dsn)
        try:
            async with connection.transaction(isolation="repeatable_read", readonly=True):
                batch, row = await naming.find(connection, opened.node, asked)
                found = await gather(connection, opened, (batch, row), as_of, unmasked=unmasked)
            if asked.card:
                async with connection.transaction():
                    await naming.log_look_up(connection, asked, f"{batch.batch_seq}:{row}")
            return found
        finally:
            await connection.close()


async def gather(
    connection: Connection,
    opened: OpenNode,
    place: tuple[BatchRow, int],
    as_of: date | None,
    *,
    unmasked: bool = False,
) -> Explanation:
    """The explanation of the tap at a place, inside a transaction that sees one state."""
    (batch, row), day = place, await store.read_open_date(connection)
    on = min(as_of or day, day)
    taps = await inspection.read_taps(connection, batch, 0, batch.tap_count, own=False)
    tap, fields = taps[row], record.unpack(taps[row].record)
    tapped_at = traces.tapped_at_of(tap.record)
    judged_by = await ground.ground_of(
        connection, batch, tap.record, tap.kind, tapped_at if tapped_at.year > 1 else None
    )
    plan = await Plans(opened.node).plan(connection, batch.rules_version, batch.registry_version)
    accounts = {a.number: a.code for a in (await store.read_accounts(connection)).values()}
    issuer = judged_by.issuer
    own_card = issuer is not None and issuer.own
    known = batch.business_date <= on
    claim = await money.claim_of(connection, batch, tap, issuer, on) if known else None
    waiting = await money.waiting_of(connection, batch, tap, accounts, on) if known else []
    if not unmasked:
        waiting = [
            msgspec.structs.replace(each, name=hidden(opened.node, each.name)) for each in waiting
        ]
    later = await money.later_entries(connection, batch, tap, waiting, claim, on) if known else []
    corrections = (
        await correction.corrections_of(connection, batch, row, accounts, on) if known else []
    )
    leaves = inspection.leaves_of(batch, taps, plan, opened.node.secret)
    path = proof.path(leaves, row)
    taps_root, seal, roots = await inspection.read_day_roots(connection, batch)
    position = [batch_seq for batch_seq, _ in roots].index(batch.batch_seq)
    return Explanation(
        tap=tap,
        fields=fields,
        batch=batch,
        as_of=on,
        known=known,
        own_card=own_card,
        unmasked=unmasked,
        ground=judged_by,
        moved=inspection.moved_by(batch, tap, plan, judged_by.card_kind),
        accounts=accounts,
        later=later,
        claim=claim,
        waiting=waiting,
        corrections=corrections,
        chain=await chain.chain_of(connection, batch, tap, on, own_card=own_card),
        terminal=await chain.terminal_of(connection, batch, tap, on),
        first=await _first(connection, tap),
        postings=await inspection.read_postings(connection, batch.batch_seq, on),
        leaf=leaves[row],
        path=path,
        proven=proof.climb(leaves[row], path) == batch.batch_root,
        day_path=proof.path([proof.batch_node(*root) for root in roots], position),
        taps_root=taps_root,
        seal=seal,
    )


async def _first(connection: Connection, tap: StoredTap) -> First | None:
    """What became of the tap that this one repeats."""
    place = next((remark.expected for remark in tap.remarks if remark.reason in _DUPLICATES), None)
    if place is None:
        return None
    batch = await inspection.batch_by_seq(connection, place >> 32)
    if batch is None:
        return None
    found = await inspection.read_taps(connection, batch, place & 0xFFFF_FFFF, 1, own=False)
    if not found:
        return None
    first = found[0]
    return First(
        f"{batch.batch_seq}:{first.row_no}",
        first.verdict,
        first.reason,
        batch.business_date,
        batch.origin,
        record.unpack(first.record),
    )
