"""Two people: one proposes that a sealed date is re-cleared, another decides.

What was proposed is stored tap by tap; approving books exactly that, or nothing where the taps are no
longer as they were. The law is that of every proposal (``settlement.decisions.law``).
"""

import asyncpg
import msgspec

from clearing.store import (
    Connection,
    add_entries,
    add_event,
    read_accounts,
    read_rules,
    read_versions,
)
from schemas.accounts import AccountKind
from settlement import store
from settlement.books import numbered
from settlement.context import Context
from settlement.decisions import law
from settlement.decisions.errors import DecisionRefused
from settlement.reclearing.booking import Ground, booked_of, entries_of, needs_head
from settlement.reclearing.contracts import prepare
from settlement.reclearing.listing import Listed, changes_of, list_differences, standing_of
from settlement.reclearing.summary import summary_of
from settlement.store import DayRow, items, reclears
from settlement.store.decisions import Decision, add_decision, lock_items
from settlement.store.items import Standing
from settlement.store.reclears import Reclear, ReclearedTap

EVENT = "re-clearing decided"
"""The kind of the event that every decision leaves on the open date."""


async def compute(context: Context, day: DayRow, rules_version: int | None) -> Listed:
    """What re-clearing a date would come to under a version of the rules (None: that in force).

    Writes nothing but accounts that contracts of the date lack, then sees one state of the database. Raises
    ``DecisionRefused``.
    """
    if day.state != "sealed":
        raise DecisionRefused(
            f"{day.business_date} is not sealed, it is {day.state}.",
            "Only a sealed date is corrected; settle it first, under the right rules if you can.",
        )
    version = await _ready(context, day, rules_version)
    async with store.reading(context.dsn) as connection:
        return await list_differences(connection, context, day, version)


async def _ready(context: Context, day: DayRow, rules_version: int | None) -> int:
    """The version to judge by, once it can be: the node has it, and the contracts of the date hold under it."""
    connection = await asyncpg.connect(context.dsn)
    try:
        if rules_version is None:
            rules_version, _ = await read_versions(connection)
        if not await read_rules(connection, rules_version):
            raise DecisionRefused(
                f"There is no version {rules_version} of the rules here.",
                "Put the right rules in force first: onecard rules put.",
            )
        await prepare(connection, context, day, rules_version)
    finally:
        await connection.close()
    return rules_version


async def propose(
    connection: Connection, context: Context, day: DayRow, listed: Listed, why: str, staff: str
) -> Reclear:
    """Propose a list that ``compute`` made; returns the proposal as it is stored.

    The same list by the same person again returns the first one. Raises ``DecisionRefused``: where
    nothing differs, where another proposal for the date is open, where the taps moved meanwhile.
    """
    why = law.reason_of(why)
    if not listed.taps:
        raise DecisionRefused(
            f"Nothing of {day.business_date} would be booked otherwise under version"
            f" {listed.rules_version} of the rules.",
            "There is nothing to correct; see onecard rules diff for what the versions say.",
        )
    digest = reclears.digest_of(listed.taps)
    async with connection.transaction():
        open_date = await law.begin(connection, staff)
        await reclears.lock_reclears(connection)
        for each in await reclears.read_reclears(connection, corrects=day.business_date):
            if each.decision is None:
                is_open = f"to re-clear {day.business_date} is open"
                return law.same_proposal(each, each.digest == digest, staff, is_open)
        if await reclears.read_approved(connection, day.business_date) != listed.on_top_of:
            raise DecisionRefused(
                f"{day.business_date} was re-cleared while this was computed.", "Propose it again."
            )
        await _must_stand(connection, listed.taps, "while this was computed", "Propose it again.")
        codes = {no: row.code for no, row in numbered(await read_accounts(connection)).items()}
        proposal = Reclear(
            proposal_no=0,
            business_date=open_date,
            corrects=day.business_date,
            rules_version=listed.rules_version,
            taps=len(listed.taps),
            digest=digest,
            body={
                "why": why,
                "corrects": f"{day.business_date}",
                "rules_version": listed.rules_version,
                "digest": digest.hex(),
                "summary": summary_of(listed, codes),
            },
            proposed_by=staff,
            clock_s=context.node.clock_s(open_date),
        )
        number = await reclears.add_reclear(connection, proposal, listed.taps)
        return msgspec.structs.replace(proposal, proposal_no=number)


async def decide(
    connection: Connection,
    context: Context,
    proposal_no: int,
    approved: bool,
    why: str,
    staff: str,
) -> Decision:
    """Approve or decline a re-clearing; an approved one is booked on the open date in one transaction.

    The same decision by the same person again returns the first one and books nothing. Raises
    ``DecisionRefused``.
    """
    async with connection.transaction():
        open_date = await law.begin(connection, staff)
        await reclears.lock_reclears(connection)
        proposal = await _proposal(connection, proposal_no)
        if proposal.decision is not None:
            return law.same_decision(proposal.decision, approved, staff)
        decision = law.decision_of(context.node, open_date, proposal, approved, why, staff)
        await add_decision(connection, decision)
        body: dict[str, object] = {
            "corrects": f"{proposal.corrects}",
            "rules_version": proposal.rules_version,
            "taps": proposal.taps,
            "digest": proposal.digest.hex(),
            **law.told(decision, proposal),
        }
        if approved:
            decided = msgspec.structs.replace(proposal, decision=decision)
            body["entries"] = await _book(connection, context, decided)
        await add_event(connection, open_date, EVENT, str(proposal_no), body)
    return decision


async def _proposal(connection: Connection, proposal_no: int) -> Reclear:
    found = await reclears.read_reclears(connection, proposal_no=proposal_no)
    if not found:
        raise await law.unknown(connection, proposal_no, "re-clearing", "reclear list")
    return found[0]


async def _must_stand(
    connection: Connection, taps: list[ReclearedTap], when: str, remedy: str
) -> dict[str, Standing]:
    """The items of these taps by id, held until the transaction ends; they are as the list has them.

    Raises ``DecisionRefused`` where something became of one since.
    """
    await lock_items(connection, [name for tap in taps for name in tap.items])
    standing = await standing_of(connection, [tap.place for tap in taps])
    for tap in taps:
        if changes_of(standing.get(tap.place, [])) != tap.items:
            raise DecisionRefused(
                f"Something became of tap {tap.batch_seq}:{tap.row_no} {when}.", remedy
            )
    return {each.item.item_id: each for some in standing.values() for each in some}


async def _book(connection: Connection, context: Context, proposal: Reclear) -> list[str]:
    """Book an approved re-clearing; returns the ids of its entries."""
    taps = await reclears.read_list(connection, proposal.proposal_no)
    if reclears.digest_of(taps) != proposal.digest:
        raise DecisionRefused(
            f"The list of re-clearing {proposal.proposal_no} is not the one that was proposed.",
            "Decline it, find out who changed it (onecard verify names the row), propose anew.",
        )
    assert proposal.decision is not None
    open_date, accounts = proposal.decision.business_date, await read_accounts(connection)
    standing = await _must_stand(
        connection,
        taps,
        f"after re-clearing {proposal.proposal_no} was proposed",
        "Decline it, and let somebody propose anew what is left to correct.",
    )
    liabilities = {
        row.number for row in accounts.values() if row.kind == AccountKind.CARD_LIABILITY
    }
    wanted = [tap.place for tap in taps if needs_head(tap, liabilities)]
    ground = Ground(
        reclear=proposal,
        open_date=open_date,
        accounts=accounts,
        standing=standing,
        heads=await reclears.read_heads(connection, proposal.corrects, wanted),
        window_days=context.node.limits.presentment_window_days,
    )
    entries, booked = entries_of(proposal, taps), booked_of(ground, taps)
    await add_entries(connection, open_date, entries)
    await items.add_items(connection, booked.items)
    await items.add_changes(connection, booked.changes)
    await items.add_adjustments(connection, booked.adjustments)
    return [entry.entry_id for entry in entries if entry.postings]
