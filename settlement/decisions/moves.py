"""Effects that are one movement of the item's whole amount between two accounts, as a table."""

from collections.abc import Awaitable, Callable
from typing import Final

import msgspec

from clearing.plan import Purpose
from schemas.accounts import AccountKind
from schemas.codes import TapKind
from schemas.items import ItemOutcome
from settlement.decisions.booking import Effect, postings_of, reason_name
from settlement.decisions.case import Case
from settlement.exchange.books import Lines

WRITTEN_OFF: Final = "written_off"
"""The participant of the unclaimed account for what is no longer looked for."""

_Side = Callable[[Case], Awaitable[int]]
"""One side of a movement: the number of an account."""


async def _standing(case: Case) -> int:
    """Where the item's money stands: suspense or unclaimed."""
    return case.account


async def _liability(case: Case) -> int:
    return await case.liability()


async def written_off_account(case: Case) -> int:
    """The unclaimed account of what is no longer looked for."""
    return await case.number(AccountKind.UNCLAIMED, WRITTEN_OFF)


async def unclaimed_account(case: Case) -> int:
    """The unclaimed account of the tap's reason."""
    return await case.number(AccountKind.UNCLAIMED, reason_name(case))


async def _paying_agent(case: Case) -> int:
    """The agent that hands the money to the cardholder, as the proposal names it."""
    return await case.refund_agent()


async def load_agent(case: Case) -> int:
    """The account of the operator that took the cash, as the tap says, or the load log without one."""
    operator = case.tap.operator_no if case.has_tap else case.item.operator_no or 0
    return await case.operators_own(AccountKind.LOAD_AGENT, operator)


async def _taps_refund_agent(case: Case) -> int:
    return await case.operators_own(AccountKind.REFUND_AGENT, case.tap.operator_no)


class Move(msgspec.Struct, frozen=True):
    """An effect that moves the item's whole amount from one account to another.

    ``sign`` −1: the tap takes back what its purpose stands for, and the movement goes the other way.
    """

    outcome: ItemOutcome
    narrative: str
    debit: _Side
    credit: _Side
    purpose: Purpose
    sign: int = 1


RELEASES: Final[dict[int, Move]] = {
    kind: Move(
        ItemOutcome.RELEASED, f"released {kind.name.lower()}", agent, _liability, purpose, sign
    )
    for kind, agent, purpose, sign in (
        (TapKind.TOP_UP, load_agent, Purpose.TOP_UP, 1),
        (TapKind.TOP_UP_REVERSAL, load_agent, Purpose.TOP_UP, -1),
        (TapKind.CARD_REFUND, _taps_refund_agent, Purpose.REFUND, -1),
    )
}
"""Releases of a card of our own, by kind of tap; debits have their own ways."""

REJECT: Final = Move(
    ItemOutcome.REJECTED, "rejected; unclaimed", _standing, unclaimed_account, Purpose.REJECTED
)
REJECT_LOAD: Final = Move(
    ItemOutcome.REJECTED,
    "top-up without authorisation taken back",
    _liability,
    load_agent,
    Purpose.REFUSAL,
)
RETURN: Final = Move(
    ItemOutcome.RETURNED, "returned to the cardholder", _standing, _paying_agent, Purpose.RETURN
)
WRITE_OFF: Final = Move(
    ItemOutcome.WRITTEN_OFF,
    "written off; still owed",
    _standing,
    written_off_account,
    Purpose.WRITE_OFF,
)
BOOK_LOAD: Final = Move(
    ItemOutcome.BOOKED,
    "load of the issuer's log booked without its record",
    load_agent,
    _liability,
    Purpose.TOP_UP,
)


async def moved(case: Case, move: Move, lines: Lines | None = None) -> Effect:
    """A movement's effect; what it takes from the card's liability or gives to it is owed less or more."""
    fen, signed = case.amount_fen, move.sign * case.amount_fen
    lines = Lines() if lines is None else lines
    lines.move(await move.debit(case), await move.credit(case), move.purpose, signed)
    return Effect(
        outcome=move.outcome,
        narrative=move.narrative,
        amount_fen=fen,
        postings=postings_of(case, lines),
        adjustment_fen=signed * ((move.credit is _liability) - (move.debit is _liability)),
    )
