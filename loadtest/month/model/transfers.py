"""Transfer discounts that could not be judged when their tap came, and what the nights make of them."""

from collections import defaultdict
from typing import Final

import msgspec

from loadtest.facts import TransferFact
from loadtest.item import Item
from loadtest.month.model.card import Card, Element
from loadtest.month.model.items import ItemBook
from loadtest.month.model.money import Money
from schemas.items import ItemKind, ItemOutcome, item_id_of_tap


class Waiting(msgspec.Struct, gc=False, frozen=True):
    """A tap in question: ``priced_fen`` with the discount, ``credited_fen`` what the operator got."""

    batch_seq: int
    row: int
    due: int
    amount_fen: int
    priced_fen: int
    credited_fen: int


class Transfers:
    """Every transfer that waits, by card."""

    def __init__(self, items: ItemBook, money: Money) -> None:
        self._items, self._money = items, money
        self._waiting: dict[bytes, dict[str, Waiting]] = defaultdict(dict)

    def open(self, item: Item, card: Card, tap: tuple[int, int], due: int, excess_fen: int) -> None:
        """An accepted tap whose transfer is not provable yet."""
        kind = ItemKind.TRANSFER
        item_id = item_id_of_tap(kind, *tap)
        self._items.add(kind, item_id, item.full_fen - item.priced_fen, due, card.name)
        credited = item.amount_fen - excess_fen
        waiting = Waiting(*tap, due, item.amount_fen, item.priced_fen, credited)
        self._waiting[card.name][item_id] = waiting

    def audit(self, card: Card) -> None:
        """Settle what the card's history as it is known now tells of its transfers."""
        waiting = self._waiting.get(card.name)
        if not waiting:
            return
        found = judged(card)
        for item_id, tap in sorted(waiting.items()):
            said = found.get((tap.batch_seq, tap.row))
            if said is None:
                continue
            del waiting[item_id]
            outcome = ItemOutcome.PROVEN if said else ItemOutcome.REFUTED
            self._items.change(self._items.open[item_id], outcome, closes=True)
            beyond_fen = tap.credited_fen - tap.priced_fen
            if said and beyond_fen > 0:
                self._set_aside(tap, card, beyond_fen)

    def close(self, card_name: bytes, item_id: str) -> None:
        """The window closed, and nothing is known."""
        del self._waiting[card_name][item_id]
        self._items.change(self._items.open[item_id], ItemOutcome.NOT_PROVEN, closes=True)

    def _set_aside(self, tap: Waiting, card: Card, fen: int) -> None:
        """What was charged beyond the discounted fare is the cardholder's."""
        self._money.suspense_fen += fen
        item_id = item_id_of_tap(ItemKind.EXCESS, tap.batch_seq, tap.row)
        before = self._items.open.get(item_id)
        if before is None:
            self._items.add(ItemKind.EXCESS, item_id, fen, tap.due, card.name)
        else:
            total = before.amount_fen + fen
            self._items.change(before, ItemOutcome.RESTATED, amount_fen=total)


def judged(card: Card) -> dict[tuple[int, int], bool | None]:
    """Whether each debit since the card became slow is a transfer; None: a leg before it may be missing.

    Up to then its chain was whole, so that its window of that moment is known.
    """
    start = next(at for at, element in enumerate(card.elements) if not element.kind)
    walk = _Walk(card, card.elements[start])
    debits = (each for each in card.elements[start + 1 :] if not (each.load or each.reused))
    return {(each.batch_seq, each.row): walk.step(each) for each in debits}


NOBODY: Final = -1
"""No debit is known that came just before."""


class _Walk:
    """The card's window on the way along its chain; ``base_s`` None: nobody knows it."""

    def __init__(self, card: Card, start: Element) -> None:
        self.base_s: int | None = card.begun_s
        self.used = card.begun_used
        self.number = start.place - start.online
        self.latest_s = NOBODY

    def step(self, debit: Element) -> bool | None:
        """Whether the next debit is a transfer."""
        number = debit.place - debit.online
        if number > self.number + 1:
            self.base_s, self.latest_s = None, NOBODY
        self.number = number
        found = self._judge(debit.transfer, debit.tapped_s)
        if found:
            self.used += 1
        elif found is False and debit.begins:
            self.base_s, self.used = debit.tapped_s, 0
        self.latest_s = debit.tapped_s
        return found

    def _judge(self, fact: TransferFact | None, tapped_s: int) -> bool | None:
        if fact is None:
            return False
        if self.base_s is not None:
            in_window = 0 <= tapped_s - self.base_s <= fact.window_s
            return self.base_s > 0 and in_window and self.used < fact.count_max
        if self.latest_s != NOBODY and tapped_s - self.latest_s > fact.window_s:
            return False
        return None
