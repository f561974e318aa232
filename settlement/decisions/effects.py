"""What an approved action does to the books, to its item, and to what is owed to the card.

``effect_of(case)`` computes and writes nothing but accounts that are missing. Every action of
``schemas.items.ACTIONS`` has one function here; which kind of tap or item it meets is told inside.
"""

from collections.abc import Awaitable, Callable
from typing import Any, Final

import msgspec

from clearing.plan import Purpose
from clearing.store import Posting
from schemas.accounts import AccountKind
from schemas.codes import DEBIT_KINDS, TapKind
from schemas.items import Action, ItemKind, ItemOutcome, ItemState, item_id_of_tap
from schemas.reasons import Reason
from settlement.decisions.booked import must_not_be_booked
from settlement.decisions.case import Case
from settlement.decisions.errors import DecisionRefused
from settlement.exchange.books import Lines
from settlement.store.items import Item

WRITTEN_OFF: Final = "written_off"
"""The participant of the unclaimed account for what is no longer looked for."""


class Effect(msgspec.Struct, kw_only=True):
    """What an action comes to.

    ``amount_fen`` and ``account_no`` of the item from here on (None: no money of it stands anywhere),
    ``adjustment_fen``: what is owed to the card more (or less), ``opened``: items that follow from it.
    """

    outcome: ItemOutcome
    narrative: str
    state: ItemState = ItemState.CLOSED
    amount_fen: int
    account_no: int | None = None
    postings: tuple[Posting, ...] = ()
    adjustment_fen: int = 0
    opened: list[Item] = []
    denies: bool = False


async def effect_of(case: Case) -> Effect:
    """What the case's action does. Raises ``DecisionRefused`` where it cannot be done."""
    return await _EFFECTS[case.action](case)


def _postings(case: Case, lines: Lines) -> tuple[Posting, ...]:
    """Lines as postings that count the item's tap."""
    count = int(case.has_tap)
    return tuple(msgspec.structs.replace(line, tap_count=count) for line in lines.postings())


async def _relabel(case: Case, lines: Lines, new: Purpose, fen: int) -> None:
    """What left a card of ours waited outside its issuer's position; from here on it is part of it."""
    old = case.held_under
    if old is not None:
        lines.relabel(await case.liability(), old, new, -fen)


def _opened(case: Case, kind: ItemKind, account: int, amount_fen: int) -> Item:
    """An item about the same tap that goes on where this one ends."""
    item = case.item
    return msgspec.structs.replace(
        item,
        item_id=item_id_of_tap(kind, case.tap.batch_seq, case.tap.row_no),
        kind=kind,
        opened_on=case.open_date,
        amount_fen=amount_fen,
        account_no=account,
        body={"decided_from": item.item_id, "reason": _reason_name(case)},
    )


def _reason_name(case: Case) -> str:
    return Reason(case.tap.reason).name.lower()


# -- release ---------------------------------------------------------------------------------------


async def _release(case: Case) -> Effect:
    if case.item.kind in (ItemKind.HELD, ItemKind.UNCLAIMED, ItemKind.EXCESS):
        return await _release_waiting(case)
    if not case.issuer.own:
        return await _release_foreign(case)
    kind = case.tap.kind
    if kind in DEBIT_KINDS:
        return await _release_unproven(case)
    case.must_be_ours()
    liability, fen = await case.liability(), case.amount_fen
    agent, signed = AccountKind.LOAD_AGENT, -fen
    if kind == TapKind.TOP_UP:
        _must_have_tac(case)
        await must_not_be_booked(case)
        signed = fen
    elif kind == TapKind.CARD_REFUND:
        agent = AccountKind.REFUND_AGENT
    elif kind != TapKind.TOP_UP_REVERSAL:
        raise DecisionRefused(
            f"The tap of {case.item.item_id} moves no money.", "Dismiss it when it is dealt with."
        )
    purpose = Purpose.REFUND if kind == TapKind.CARD_REFUND else Purpose.TOP_UP
    lines = Lines()
    account = await case.operators_own(agent, case.tap.operator_no)
    lines.move(account, liability, purpose, signed)
    return Effect(
        outcome=ItemOutcome.RELEASED,
        narrative=f"released {TapKind(kind).name.lower()}",
        amount_fen=fen,
        postings=_postings(case, lines),
        adjustment_fen=signed,
    )


def _must_have_tac(case: Case) -> None:
    if case.says(Reason.TAC_TORN):
        raise DecisionRefused(
            f"Nothing proves that the top-up of {case.item.item_id} reached the card: it has no TAC.",
            "Wait for the card's next record; it shows the balance.",
        )


async def _release_waiting(case: Case) -> Effect:
    """Suspense or unclaimed → the operator's side, up to the tariff's price; an excess as it is."""
    case.must_be_ours()
    source, fen = case.account, case.amount_fen
    fare = fen if case.item.kind == ItemKind.EXCESS else min(fen, case.tap.priced_fen)
    lines = Lines()
    for account, part in await case.shares(fare):
        lines.move(source, account, Purpose.RELEASE, part)
    await _relabel(case, lines, Purpose.RELEASE, fare)
    if case.item.kind != ItemKind.EXCESS:
        await _subsidise(case, lines)
    opened = []
    if fen > fare:
        suspense = await case.number(AccountKind.SUSPENSE)
        if source != suspense:
            lines.move(source, suspense, Purpose.EXCESS, fen - fare)
        opened.append(_opened(case, ItemKind.EXCESS, suspense, fen - fare))
    return Effect(
        outcome=ItemOutcome.RELEASED,
        narrative="released to the operator",
        amount_fen=fare,
        postings=_postings(case, lines),
        opened=opened,
    )


async def _release_unproven(case: Case) -> Effect:
    """A debit of a card of ours that people take for proven: card liability → the operator's side."""
    case.must_be_ours()
    liability, fen = await case.liability(), case.amount_fen
    lines = Lines()
    opened = await _fare(case, lines, liability, Purpose.RELEASE)
    await _subsidise(case, lines)
    return Effect(
        outcome=ItemOutcome.RELEASED,
        narrative="released to the operator",
        amount_fen=fen - sum(item.amount_fen for item in opened),
        postings=_postings(case, lines),
        adjustment_fen=-fen,
        opened=opened,
    )


async def _subsidise(case: Case, lines: Lines) -> None:
    for subsidy in await case.subsidies():
        lines.move(subsidy.payer, subsidy.payee, Purpose.SUBSIDY, subsidy.amount_fen)


async def _fare(case: Case, lines: Lines, debit: int, purpose: Purpose) -> list[Item]:
    """Book the tap's fare as an accepted one; the item for what is beyond the tariff, if any is."""
    fen = case.amount_fen
    fare = min(fen, case.tap.priced_fen)
    for account, part in await case.shares(fare):
        lines.move(debit, account, purpose, part)
    if fen == fare:
        return []
    suspense = await case.number(AccountKind.SUSPENSE)
    lines.move(debit, suspense, Purpose.EXCESS, fen - fare)
    return [_opened(case, ItemKind.EXCESS, suspense, fen - fare)]


async def _release_foreign(case: Case) -> Effect:
    """Another city's card: booked as an accepted tap's claim, and presented with the open date's."""
    tap, fen = case.tap, case.amount_fen
    pending = await case.number(AccountKind.PROVINCE_PENDING)
    lines, opened = Lines(), list[Item]()
    if tap.kind in DEBIT_KINDS:
        opened = await _fare(case, lines, pending, Purpose.FARE_UNCONFIRMED)
    elif tap.kind == TapKind.TOP_UP:
        agent = await case.operators_own(AccountKind.LOAD_AGENT, tap.operator_no)
        lines.move(agent, pending, Purpose.TOP_UP, fen)
    else:
        raise DecisionRefused(
            f"Cities do not exchange taps of the kind of {case.item.item_id} of each other's cards.",
            "Dismiss it, and settle it with the issuer.",
        )
    return Effect(
        outcome=ItemOutcome.RELEASED,
        narrative="released, to be presented to the issuer",
        amount_fen=fen - sum(item.amount_fen for item in opened),
        postings=_postings(case, lines),
        opened=opened,
    )


# -- the other ways of money -----------------------------------------------------------------------


async def _reject(case: Case) -> Effect:
    if case.item.kind == ItemKind.LOAD_WITHOUT_LOG:
        return await _reject_load(case)
    suspense, fen = case.account, case.amount_fen
    unclaimed = await case.number(AccountKind.UNCLAIMED, _reason_name(case))
    lines = Lines()
    lines.move(suspense, unclaimed, Purpose.REJECTED, fen)
    return Effect(
        outcome=ItemOutcome.REJECTED,
        narrative="rejected; unclaimed",
        amount_fen=fen,
        postings=_postings(case, lines),
        opened=[_opened(case, ItemKind.UNCLAIMED, unclaimed, fen)],
    )


async def _reject_load(case: Case) -> Effect:
    """A top-up that the issuer did not authorise is taken back, as if it had been rejected."""
    case.must_be_ours()
    liability, fen = await case.liability(), case.amount_fen
    agent = await case.operators_own(AccountKind.LOAD_AGENT, case.tap.operator_no)
    lines = Lines()
    lines.move(liability, agent, Purpose.REFUSAL, fen)
    return Effect(
        outcome=ItemOutcome.REJECTED,
        narrative="top-up without authorisation taken back",
        amount_fen=fen,
        postings=_postings(case, lines),
        adjustment_fen=-fen,
    )


async def _return(case: Case) -> Effect:
    """Suspense or unclaimed → the agent that hands the money to the cardholder."""
    source, fen = case.account, case.amount_fen
    lines = Lines()
    lines.move(source, await case.refund_agent(), Purpose.RETURN, fen)
    if case.item.kind != ItemKind.CHAIN_GAP:
        await _relabel(case, lines, Purpose.RETURN, fen)
    return Effect(
        outcome=ItemOutcome.RETURNED,
        narrative="returned to the cardholder",
        amount_fen=fen,
        postings=_postings(case, lines),
    )


async def _write_off(case: Case) -> Effect:
    """Suspense or unclaimed → unclaimed/written_off. It stays owed: the item keeps the account."""
    source, fen = case.account, case.amount_fen
    written_off = await case.number(AccountKind.UNCLAIMED, WRITTEN_OFF)
    if source == written_off:
        raise DecisionRefused(
            f"{case.item.item_id} is written off already.", "It can still be returned."
        )
    lines = Lines()
    lines.move(source, written_off, Purpose.WRITE_OFF, fen)
    return Effect(
        outcome=ItemOutcome.WRITTEN_OFF,
        narrative="written off; still owed",
        amount_fen=fen,
        account_no=written_off,
        postings=_postings(case, lines),
    )


async def _reverse(case: Case) -> Effect:
    """The later of two debits is taken back from whom it was credited, and the cardholder is paid."""
    case.must_be_ours()
    agent, fen = await case.refund_agent(), case.tap.credited_fen
    lines = Lines()
    for account, part in await case.shares(fen):
        lines.move(account, agent, Purpose.RETURN, part)
    return Effect(
        outcome=ItemOutcome.REVERSED,
        narrative="double deduction returned to the cardholder",
        amount_fen=fen,
        postings=_postings(case, lines),
    )


async def _book_load(case: Case) -> Effect:
    liability, fen = await case.liability(), case.amount_fen
    agent = await case.operators_own(AccountKind.LOAD_AGENT, case.item.operator_no or 0)
    lines = Lines()
    lines.move(agent, liability, Purpose.TOP_UP, fen)
    return Effect(
        outcome=ItemOutcome.BOOKED,
        narrative="load of the issuer's log booked without its record",
        amount_fen=fen,
        postings=_postings(case, lines),
        adjustment_fen=fen,
    )


# -- without money ---------------------------------------------------------------------------------


async def _deny(case: Case) -> Effect:
    """The card is denied. Money that the item speaks of still waits for a decision of its own."""
    case.must_be_own()
    standing = case.standing
    waits = standing.account_no is not None or (
        case.item.kind == ItemKind.CHAIN_GAP and standing.amount_fen > 0
    )
    return Effect(
        outcome=ItemOutcome.DENIED,
        narrative="card denied",
        state=ItemState.OPEN if waits else ItemState.CLOSED,
        amount_fen=standing.amount_fen,
        account_no=standing.account_no,
        denies=True,
    )


async def _dismiss(case: Case) -> Effect:
    if case.standing.account_no is not None:
        raise DecisionRefused(
            f"Money of {case.item.item_id} waits; dismissed it would be nobody's.",
            "Return it or write it off.",
        )
    return Effect(
        outcome=ItemOutcome.DISMISSED, narrative="dismissed", amount_fen=case.standing.amount_fen
    )


_EFFECTS: Final[dict[Action, Callable[[Case], Awaitable[Effect]]]] = {
    Action.RELEASE: _release,
    Action.REJECT: _reject,
    Action.RETURN: _return,
    Action.WRITE_OFF: _write_off,
    Action.REVERSE: _reverse,
    Action.BOOK_LOAD: _book_load,
    Action.DENY: _deny,
    Action.DISMISS: _dismiss,
}


def told(effect: Effect, codes: dict[int, str]) -> dict[str, Any]:
    """What an effect comes to, for people and for comparing: accounts by code, fen."""
    return {
        "outcome": effect.outcome.value,
        "amount_fen": effect.amount_fen,
        "adjustment_fen": effect.adjustment_fen,
        "postings": [
            [codes[line.account], Purpose(line.purpose).name.lower(), line.amount_fen]
            for line in effect.postings
        ],
        "opens": [[item.item_id, item.amount_fen] for item in effect.opened],
    }
