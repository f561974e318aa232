"""The walk along one card's chain, in the card's own order."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Final

import msgspec

from loadtest.month.model.card import Card, Element
from schemas.items import ItemKind, ItemOutcome

DOUBLE_WITHIN_S: Final = 180
AMOUNT_MAX_FEN: Final = 50_000
"""No debit takes more; and no card is overdrawn by more than its last debit."""
BALANCE_MAX_FEN: Final = 100_000

Logged = Callable[[int], int | None]
"""The amount that the load log has for a load counter of the card, or None."""


class Finding(msgspec.Struct, gc=False, frozen=True):
    """Something between two neighbours: ``after`` is the later one, ``place`` the first missing one.

    ``amount_fen`` is the money that is missing (gap) or that nothing explains (rise); ``what``: the last
    missing place, how many debits and loads are missing.
    """

    kind: ItemKind
    place: int
    amount_fen: int
    after: Element
    what: tuple[int, int, int] = (0, 0, 0)


def settle_torn(card: Card) -> Iterator[tuple[Element, ItemOutcome]]:
    """Torn taps that their neighbours settle now, and how; a debited one joins the chain."""
    for torn in sorted(card.torn, key=Element.order):
        rivals = [other for other in card.torn if other is not torn and other.sound]
        outcome = _settled(card.elements, torn, rivals)
        if outcome is not None:
            card.torn.remove(torn)
            if outcome == ItemOutcome.DEBITED:
                add(card, torn)
            yield torn, outcome


def _settled(elements: list[Element], torn: Element, rivals: list[Element]) -> ItemOutcome | None:
    at = bisect_left(elements, torn.place, key=_place)
    if at == 0 or at == len(elements):
        return None
    before, after = elements[at - 1], elements[at]
    if before.place != torn.place - 1:
        return None
    if after.place == torn.place and after.before_fen == before.after_fen:
        return ItemOutcome.NOT_DEBITED
    if after.place != torn.place + 1 or not torn.sound:
        return None
    follows = before.after_fen == torn.before_fen and torn.after_fen == after.before_fen
    alone = all(
        (other.place, other.before_fen) != (torn.place, before.after_fen) for other in rivals
    )
    if follows and alone:
        return ItemOutcome.DEBITED
    return None


def add(card: Card, element: Element) -> None:
    """Put an element into its place."""
    card.elements.insert(bisect_right(card.elements, element.order(), key=Element.order), element)


def _place(element: Element) -> int:
    return element.place


def walk(card: Card, logged: Logged) -> Iterator[Finding]:
    """Every gap, rise and break of the chain as it is known now."""
    for before, after in pairwise(card.elements):
        yield from _between(before, after, logged)


def _between(before: Element, after: Element, logged: Logged) -> Iterator[Finding]:
    missing = after.place - before.place - 1
    rose_fen = after.before_fen - before.after_fen
    if missing <= 0:
        if missing < 0 or rose_fen:
            yield Finding(ItemKind.CHAIN_BREAK, after.place, abs(rose_fen), after)
        return
    first = before.place + 1
    loads = range(before.online + 1, after.online + (0 if after.load else 1))
    amounts = [logged(counter) for counter in loads]
    debits = missing - len(loads)
    debited_fen = sum(amount or 0 for amount in amounts) - rose_fen
    beyond = debited_fen > debits * AMOUNT_MAX_FEN or not (
        -AMOUNT_MAX_FEN <= before.after_fen <= BALANCE_MAX_FEN
        and -AMOUNT_MAX_FEN <= after.before_fen <= BALANCE_MAX_FEN
    )
    if (debited_fen < 0 and None not in amounts) or (debited_fen > 0 and beyond):
        # No debit gives money, and none takes more than a card allows: the balances cannot both be true.
        yield Finding(ItemKind.CHAIN_BREAK, after.place, abs(debited_fen), after)
        return
    if debits:
        what = (after.place - 1, debits, len(loads))
        yield Finding(ItemKind.CHAIN_GAP, first, max(debited_fen, 0), after, what)
    if None in amounts:
        what = (after.place - 1, debits, amounts.count(None))
        yield Finding(ItemKind.CHAIN_RISE, first, max(-debited_fen, 0), after, what)


def doubles(card: Card) -> Iterator[Element]:
    """The later one of each two neighbours that look like one ride charged twice."""
    for first, second in pairwise(card.elements):
        if (
            first.accepted
            and second.accepted
            and first.kind == second.kind
            and first.terminal == second.terminal
            and not (first.load or second.load)
            and first.amount_fen > 0 < second.amount_fen
            and abs(second.tapped_s - first.tapped_s) <= DOUBLE_WITHIN_S
        ):
            yield second
