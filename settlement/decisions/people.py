"""Two people: one proposes what is to become of an item, another decides.

Both functions are one transaction each. Who calls has made sure that the person is who they say
(``service.staff``); that the person is on the staff, and that two are two, is the law (``law``).
"""

from datetime import date

import msgspec

from clearing.store import (
    Connection,
    Entry,
    add_entries,
    add_event,
    read_accounts,
)
from schemas.items import ACTIONS, Action, ItemOutcome, ItemState
from settlement.books import numbered
from settlement.context import Context
from settlement.decisions import law
from settlement.decisions.case import Case, Words
from settlement.decisions.denying import deny
from settlement.decisions.effects import Effect, effect_of, told
from settlement.decisions.errors import DecisionRefused
from settlement.items.paper import hidden
from settlement.store import decisions as store
from settlement.store import items
from settlement.store.decisions import Decided, Decision, Proposal
from settlement.store.items import Adjustment, Change, Standing

EVENT = "item decided"
"""The kind of the event that every decision leaves on the open date."""


async def propose(
    connection: Connection,
    context: Context,
    item_id: str,
    action: Action,
    words: Words,
    staff: str,
) -> Proposal:
    """Propose an action for an item; returns the proposal.

    What it would book is computed and told in the proposal's body, so that the second person approves
    what the first one saw. The same proposal by the same person again returns the first one. Raises
    ``DecisionRefused``.
    """
    why = law.reason_of(words.why)
    async with connection.transaction():
        open_date = await law.begin(connection, staff)
        standing = await _standing(connection, item_id, open_date)
        said = {"why": why, "refund_agent": words.refund_agent}
        for row in await store.read_proposals(connection, item_ids=[item_id], open_only=True):
            known = row.proposal
            same = known.action == action and said.items() <= known.body.items()
            return law.same_proposal(known, same, staff, f"for {item_id} is open: {known.action}")
        _check_action(standing, action)
        would = await _would(connection, context, standing, action, words, open_date)
        proposal = Proposal(
            proposal_no=0,
            item_id=item_id,
            action=action,
            body={**said, "would": would},
            proposed_by=staff,
            business_date=open_date,
            clock_s=context.node.clock_s(open_date),
        )
        number = await store.add_proposal(connection, proposal)
        return msgspec.structs.replace(proposal, proposal_no=number)


async def decide(
    connection: Connection,
    context: Context,
    proposal_no: int,
    approved: bool,
    why: str,
    staff: str,
) -> Decision:
    """Approve or decline a proposal; an approved one is booked on the open date in one transaction.

    The same decision by the same person again returns the first one and books nothing. Raises
    ``DecisionRefused``.
    """
    async with connection.transaction():
        found = await _decided(connection, proposal_no)
        if found.decision is not None:
            return law.same_decision(found.decision, approved, staff)
        proposal = found.proposal
        open_date = await law.begin(connection, staff)
        standing = await _standing(connection, proposal.item_id, open_date)
        # Somebody may have decided while this waited for the item.
        found = await _decided(connection, proposal_no)
        if found.decision is not None:
            return law.same_decision(found.decision, approved, staff)
        decision = law.decision_of(context.node, open_date, proposal, approved, why, staff)
        await store.add_decision(connection, decision)
        body: dict[str, object] = {
            "item": hidden(context.node, proposal.item_id),
            "action": proposal.action.value,
            **law.told(decision, proposal),
        }
        if approved:
            body |= await _book(connection, context, proposal, standing, open_date)
        await add_event(connection, open_date, EVENT, str(proposal_no), body)
    return decision


# -- checks ----------------------------------------------------------------------------------------


async def _decided(connection: Connection, proposal_no: int) -> Decided:
    """A proposal and its decision, if there is one. Raises ``DecisionRefused`` without a proposal."""
    found = await store.read_proposals(connection, proposal_no=proposal_no)
    if not found:
        raise await law.unknown(connection, proposal_no, "proposal", "items proposals")
    return found[0]


async def _standing(connection: Connection, item_id: str, open_date: date) -> Standing:
    """An item as it stands, held until the transaction ends: who comes second sees what came first."""
    if not await store.lock_item(connection, item_id):
        raise DecisionRefused(f"There is no item {item_id}.", "See onecard items list.")
    found = await items.read_standing(connection, open_date, open_only=False, item_ids=[item_id])
    return found[0]


def _check_action(standing: Standing, action: Action) -> None:
    """Whether this may be done with an item of this kind, as it stands."""
    item = standing.item
    if action not in ACTIONS[item.kind]:
        raise DecisionRefused(
            f"{action.value} is nothing that can be done with {item.item_id}.",
            f"May be proposed: {', '.join(each.value for each in ACTIONS[item.kind])}.",
        )
    # What was written off is closed and still owed, so its owner can still get it.
    if standing.state != ItemState.OPEN and standing.account_no is None:
        raise DecisionRefused(
            f"{item.item_id} is closed: {standing.outcome.value} on {standing.changed_on}.",
            "Nothing is left to decide.",
        )


# -- booking ---------------------------------------------------------------------------------------


async def _effect(
    connection: Connection,
    context: Context,
    standing: Standing,
    action: Action,
    words: Words,
    open_date: date,
) -> tuple[Case, Effect, dict[str, object]]:
    """The case, what it comes to, and the same as people are told."""
    case = await Case(connection, context, standing, action, words, open_date).read()
    effect = await effect_of(case)
    codes = {number: row.code for number, row in numbered(await read_accounts(connection)).items()}
    return case, effect, told(effect, codes)


class _Undo(Exception):
    """Takes back what computing opened."""


async def _would(
    connection: Connection,
    context: Context,
    standing: Standing,
    action: Action,
    words: Words,
    open_date: date,
) -> dict[str, object]:
    """What an action would come to; accounts that it would open are not opened."""
    would: dict[str, object] = {}
    try:
        async with connection.transaction():
            _, _, would = await _effect(connection, context, standing, action, words, open_date)
            raise _Undo
    except _Undo:
        return would


async def _book(
    connection: Connection,
    context: Context,
    proposal: Proposal,
    standing: Standing,
    open_date: date,
) -> dict[str, object]:
    """Book an approved proposal; returns what the event tells of it."""
    _check_action(standing, proposal.action)
    words = Words(proposal.body["why"], proposal.body["refund_agent"])
    case, effect, would = await _effect(
        connection, context, standing, proposal.action, words, open_date
    )
    if would != proposal.body["would"]:
        raise DecisionRefused(
            f"{proposal.item_id} is not as it was when proposal {proposal.proposal_no} was made.",
            "Decline it, look at the item, and let somebody propose anew.",
        )
    entry = _entry(case, effect, proposal)
    await add_entries(connection, open_date, [entry])
    entry_id = entry.entry_id if entry.postings else None
    if effect.adjustment_fen and entry_id is not None:
        adjustment = Adjustment(
            entry_id, case.card, proposal.item_id, open_date, effect.adjustment_fen
        )
        await items.add_adjustments(connection, [adjustment])
    again = await _opened_again(connection, effect, open_date, entry_id, proposal.proposal_no)
    known = {each.item_id for each in again}
    await items.add_items(connection, [row for row in effect.opened if row.item_id not in known])
    change = standing.change(
        open_date,
        effect.state,
        effect.outcome,
        amount_fen=effect.amount_fen,
        account_no=effect.account_no,
        entry_id=entry_id,
        proposal_no=proposal.proposal_no,
        body={"denylist": await deny(connection, context.node, case)} if effect.denies else {},
    )
    await items.add_changes(connection, [change, *again])
    return {"entry": entry_id, "would": would}


async def _opened_again(
    connection: Connection, effect: Effect, on: date, entry_id: str | None, proposal_no: int
) -> list[Change]:
    """Changes of those items which follow that there were before: a re-clearing ended them."""
    follow = {row.item_id: row for row in effect.opened}
    if not follow:
        return []
    known = await items.read_standing(connection, on, open_only=False, item_ids=sorted(follow))
    return [
        each.change(
            on, ItemState.OPEN, ItemOutcome.RESTATED,
            amount_fen=follow[each.item.item_id].amount_fen,
            account_no=follow[each.item.item_id].account_no,
            entry_id=entry_id, proposal_no=proposal_no,
        )
        for each in known
    ]  # fmt: skip


def _entry(case: Case, effect: Effect, proposal: Proposal) -> Entry:
    """The entry names its batch, so that a released fare counts where its operator's fares do."""
    item = case.item
    about = f"tap {item.batch_seq}/{item.row_no}"
    if not case.has_tap:
        about = hidden(case.context.node, f"item {item.item_id}")
    return Entry(
        entry_id=f"item/{proposal.proposal_no}",
        narrative=effect.narrative,
        postings=effect.postings,
        batch_seq=item.batch_seq,
        corrects=about,
    )
