"""Torn taps 闪卡: what the card's chain says of them is booked, and taken back where it says otherwise.

A torn tap of an operator that the chain proves is owed to the operator as it is, split as at its own time;
nothing is priced again. A record that comes later and has its place shows that the card was not debited
by it after all.
"""

from collections.abc import Mapping, Sequence

from clearing import rides
from clearing.plan import Plan, local_seconds
from schemas.items import ItemKind, ItemOutcome, ItemState, item_id_of_tap
from settlement.chains.element import Element
from settlement.chains.standing import Books, Known, Writer
from settlement.chains.walk import Findings


def known_torn(torn: Element, books: Books, known: Mapping[str, Known]) -> Known | None:
    """The item of a torn tap; one of the date's own taps is opened by this very night."""
    name = item_id_of_tap(ItemKind.TORN, *torn.tap)
    if name in known or torn.business_date != books.business_date:
        return known.get(name)
    return Known(
        item_id=name,
        kind=ItemKind.TORN,
        amount_fen=torn.amount_fen,
        opened_on=books.business_date,
        due_on=books.due_on(torn.tapped_at.date()),
    )


def is_candidate(item: Known) -> bool:
    """Whether the chain may still say something of a torn tap: nobody decided, and nothing else has
    its place."""
    return item.is_open or item.outcome == ItemOutcome.DEBITED


def shares_at(
    plan: Plan, operator_no: int, torn: Element, stations: tuple[int, int]
) -> tuple[tuple[int, int], ...]:
    """Over which accounts a torn tap's money is split: (account number, fen); none without a split.

    ``stations``: of entry and exit, see ``rides.stations_of``.
    """
    at_s = local_seconds(torn.tapped_at)
    for operator in plan.operators:
        if operator.number == operator_no:
            return tuple(rides.shares_fen(operator.splits, at_s, stations, torn.amount_fen))
    return ()


def settle(
    writer: Writer,
    torn: Sequence[tuple[Element, Known]],
    found: Findings,
    shares: Mapping[tuple[int, int], tuple[tuple[int, int], ...]],
) -> None:
    """Bring each torn tap's item to what the chain says now. ``shares`` by batch and row."""
    for element, item in torn:
        said = found.torn.get(element.tap)
        split = shares.get(element.tap, ())
        if said == item.outcome or not _reached(found, element.tap):
            continue
        corrects = f"tap {element.batch_seq}/{element.row_no}"
        if said == ItemOutcome.DEBITED:
            if split or not element.amount_fen:
                booked = writer.book(
                    item.item_id, "torn tap that debited its card", corrects, split
                )
                writer.change(item, ItemState.CLOSED, said, element.amount_fen, booked=booked)
            continue
        booked = None
        if item.outcome == ItemOutcome.DEBITED:
            back = [(account, -fen) for account, fen in split]
            booked = writer.book(
                item.item_id, "torn tap that did not debit its card after all", corrects, back
            )
        if said is not None:
            writer.change(item, ItemState.CLOSED, said, 0, booked=booked)
        elif booked is not None or item.outcome == ItemOutcome.DEBITED:
            writer.change(
                item, ItemState.OPEN, ItemOutcome.RESTATED, element.amount_fen, booked=booked
            )


def _reached(found: Findings, tap: tuple[int, int]) -> bool:
    placed = found.candidates.get(tap)
    return placed is not None and found.reaches(placed.place)
