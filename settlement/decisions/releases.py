"""Release: the money goes where it would have gone had the tap been accepted.

Which kind of item or tap it meets is told here; ``release`` has the order in which that is asked.
"""

import msgspec

from clearing.plan import Purpose
from schemas.accounts import AccountKind
from schemas.codes import DEBIT_KINDS, TapKind
from schemas.items import ItemKind, ItemOutcome
from schemas.reasons import Reason
from settlement.decisions.booked import must_not_be_booked
from settlement.decisions.booking import Effect, opened_after, postings_of, relabel
from settlement.decisions.case import Case
from settlement.decisions.covering import TAKING, must_be_covered
from settlement.decisions.errors import DecisionRefused
from settlement.decisions.moves import RELEASES, load_agent, moved
from settlement.exchange.books import Lines
from settlement.store.decisions import read_reversed
from settlement.store.items import Item


async def release(case: Case) -> Effect:
    """What the release of an item comes to. Raises ``DecisionRefused``."""
    if case.item.kind in (ItemKind.HELD, ItemKind.UNCLAIMED, ItemKind.EXCESS):
        return await _release_waiting(case)
    if not case.issuer.own:
        return await _release_foreign(case)
    case.must_be_ours()
    if case.tap.kind in DEBIT_KINDS:
        return await _release_unproven(case)
    if case.tap.kind not in RELEASES:
        raise DecisionRefused(
            f"The tap of {case.item.item_id} moves no money.", "Dismiss it when it is dealt with."
        )
    if case.tap.kind == TapKind.TOP_UP:
        _must_have_tac(case)
        await must_not_be_booked(case)
    elif case.tap.kind in TAKING:
        await must_be_covered(case)
    return await moved(case, RELEASES[case.tap.kind])


def _must_have_tac(case: Case) -> None:
    if case.says(Reason.TAC_TORN):
        raise DecisionRefused(
            f"Nothing proves that the top-up of {case.item.item_id} reached the card: it has no TAC.",
            "Wait for the card's next record; it shows the balance.",
        )


async def _release_waiting(case: Case) -> Effect:
    """Suspense or unclaimed → the operator's side, up to the tariff's price; an excess as it is."""
    case.must_be_ours()
    lines = Lines()
    excess = case.item.kind == ItemKind.EXCESS
    if excess:
        await _must_stand(case)
    price_fen = case.amount_fen if excess else case.tap.priced_fen
    opened = await _fare(case, lines, case.account, Purpose.RELEASE, price_fen)
    await relabel(case, lines, Purpose.RELEASE, min(case.amount_fen, price_fen))
    if not excess:
        await _subsidise(case, lines)
    return _released(case, lines, opened)


async def _must_stand(case: Case) -> None:
    place = case.tap.batch_seq, case.tap.row_no
    if await read_reversed(case.connection, [place], case.open_date):
        raise DecisionRefused(
            f"The ride of {case.item.item_id} was reversed; nothing of it is its operator's.",
            "Return it to the cardholder.",
        )


async def _release_unproven(case: Case) -> Effect:
    """A debit of a card of ours that people take for proven: card liability → the operator's side."""
    lines = Lines()
    liability = await case.liability()
    opened = await _fare(case, lines, liability, Purpose.RELEASE, case.tap.priced_fen)
    await _subsidise(case, lines)
    effect = _released(case, lines, opened)
    return msgspec.structs.replace(effect, adjustment_fen=-case.amount_fen)


async def _release_foreign(case: Case) -> Effect:
    """Another city's card: booked as an accepted tap's claim, and presented with the open date's."""
    tap, fen = case.tap, case.amount_fen
    pending = await case.number(AccountKind.PROVINCE_PENDING)
    lines, opened = Lines(), list[Item]()
    if tap.kind in DEBIT_KINDS:
        opened = await _fare(case, lines, pending, Purpose.FARE_UNCONFIRMED, tap.priced_fen)
    elif tap.kind == TapKind.TOP_UP:
        lines.move(await load_agent(case), pending, Purpose.TOP_UP, fen)
    else:
        raise DecisionRefused(
            f"Cities do not exchange taps of the kind of {case.item.item_id} of each other's cards.",
            "Dismiss it, and settle it with the issuer.",
        )
    return _released(case, lines, opened, "released, to be presented to the issuer")


async def _fare(
    case: Case, lines: Lines, debit: int, purpose: Purpose, price_fen: int
) -> list[Item]:
    """Book the tap's fare as an accepted one; the item for what is beyond its price, if any is."""
    fen = case.amount_fen
    fare = min(fen, price_fen)
    for account, part in await case.shares(fare):
        lines.move(debit, account, purpose, part)
    if fen == fare:
        return []
    suspense = await case.number(AccountKind.SUSPENSE)
    if debit != suspense:
        lines.move(debit, suspense, Purpose.EXCESS, fen - fare)
    return [opened_after(case, ItemKind.EXCESS, suspense, fen - fare)]


async def _subsidise(case: Case, lines: Lines) -> None:
    for subsidy in await case.subsidies():
        lines.move(subsidy.payer, subsidy.payee, Purpose.SUBSIDY, subsidy.amount_fen)


def _released(
    case: Case, lines: Lines, opened: list[Item], narrative: str = "released to the operator"
) -> Effect:
    """The effect of a release: the item's amount, but for what goes on waiting."""
    return Effect(
        outcome=ItemOutcome.RELEASED,
        narrative=narrative,
        amount_fen=case.amount_fen - sum(item.amount_fen for item in opened),
        postings=postings_of(case, lines),
        opened=opened,
    )
