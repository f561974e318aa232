"""The law of two people, the same for every proposal, whatever it is about: an item, or a date to be re-cleared.

Both are on the staff. Who proposes never decides; the database refuses it, too. The same again by the same person
is the first one, and books nothing.
"""

from datetime import date
from typing import Protocol, TypeVar

from clearing.node import Node
from clearing.store import Connection, read_open_date
from settlement.decisions.errors import DecisionRefused
from settlement.store import decisions as store
from settlement.store.decisions import Decision
from settlement.store.reclears import read_reclears


class Made(Protocol):
    """What somebody proposed."""

    @property
    def proposal_no(self) -> int:
        """Its number, one row of numbers for all proposals."""

    @property
    def proposed_by(self) -> str:
        """Who proposed it."""


_Made = TypeVar("_Made", bound=Made)


def reason_of(why: str) -> str:
    """A person's words. Raises ``DecisionRefused`` where there are none."""
    if not why.strip():
        raise DecisionRefused("A proposal needs a reason.", "Say why in your own words (--why).")
    return why.strip()


async def begin(connection: Connection, staff: str) -> date:
    """The open date, held until the transaction ends; the person is on the staff.

    While the open date is held, it cannot be cut off, and the dates before it only go forward: none of
    them may still have its audit before it, which reads items as they were on its own date.
    """
    open_date = await read_open_date(connection, lock="FOR SHARE")
    member = await store.read_member(connection, staff)
    if (
        member is None
        or member.since > open_date
        or (member.until is not None and member.until <= open_date)
    ):
        raise DecisionRefused(f"{staff} is not on the staff.", "See onecard staff list.")
    waiting = await store.read_unaudited(connection, open_date)
    if waiting:
        raise DecisionRefused(
            f"The night of {waiting[0]} is not through its audit yet; it settles items itself.",
            f"Wait for onecard settle --date {waiting[0]}, then try again.",
        )
    return open_date


def same_proposal(known: _Made, same: bool, staff: str, is_open: str) -> _Made:
    """A proposal that is open: the very same one again, or another one is in the way.

    ``is_open`` says what it is about. Raises ``DecisionRefused``.
    """
    if same and known.proposed_by == staff:
        return known
    raise DecisionRefused(
        f"Proposal {known.proposal_no} {is_open}, by {known.proposed_by}.",
        "Let somebody decide it first.",
    )


def same_decision(earlier: Decision, approved: bool, staff: str) -> Decision:
    """The decision that there is, where it is the very same one. Raises ``DecisionRefused``."""
    if (earlier.decided_by, earlier.approved) == (staff, approved):
        return earlier
    word = "approved" if earlier.approved else "declined"
    raise DecisionRefused(
        f"Proposal {earlier.proposal_no} was {word} by {earlier.decided_by}.",
        "Nothing was changed.",
    )


def decision_of(
    node: Node, open_date: date, proposal: Made, approved: bool, why: str, staff: str
) -> Decision:
    """A decision by another person than who proposed. Raises ``DecisionRefused``."""
    if staff == proposal.proposed_by:
        raise DecisionRefused(
            f"{staff} proposed this and cannot decide it.", "Let another person decide."
        )
    return Decision(
        proposal_no=proposal.proposal_no,
        approved=approved,
        decided_by=staff,
        why=why.strip(),
        business_date=open_date,
        clock_s=node.clock_s(open_date),
    )


def told(decision: Decision, proposal: Made) -> dict[str, object]:
    """What the event of any decision tells of it."""
    return {
        "approved": decision.approved,
        "proposed_by": proposal.proposed_by,
        "decided_by": decision.decided_by,
        "why": decision.why,
    }


async def unknown(
    connection: Connection, proposal_no: int, what: str, listed: str
) -> DecisionRefused:
    """Why there is no proposal of this number among those that were looked through: it is about something
    else, or there is none. ``what`` these are called, ``listed`` by which command."""
    for reclear in await read_reclears(connection, proposal_no=proposal_no):
        return DecisionRefused(
            f"Proposal {proposal_no} is to re-clear {reclear.corrects}; it is about no item.",
            f"See onecard reclear show {proposal_no}; decide it with onecard reclear approve"
            f" {proposal_no} or onecard reclear decline {proposal_no}.",
        )
    for found in await store.read_proposals(connection, proposal_no=proposal_no):
        proposal = found.proposal
        return DecisionRefused(
            f"Proposal {proposal_no} is to {proposal.action} {proposal.item_id}; it is about no date.",
            f"See onecard items proposals; decide it with onecard items approve {proposal_no} or onecard"
            f" items decline {proposal_no}.",
        )
    return DecisionRefused(f"There is no {what} {proposal_no}.", f"See onecard {listed}.")
