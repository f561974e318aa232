"""What is open at a node, and what became of it on each night."""

from collections import defaultdict

import msgspec

from schemas.items import ItemKind, ItemOutcome


class OpenItem(msgspec.Struct, gc=False):
    """One open item. ``due`` counts business dates from the first one; ``lost``: it aged into a
    loss; ``alarmed``: it was said that the log does not explain a rise, that a card does not cover its
    refund; ``last``: the last number of a terminal's gap; ``what``: what is missing in a card's chain."""

    kind: ItemKind
    item_id: str
    amount_fen: int
    due: int
    card: bytes = b""
    lost: bool = False
    alarmed: bool = False
    last: int = 0
    what: tuple[int, int, int] = (0, 0, 0)


class Change(msgspec.Struct, gc=False, frozen=True, order=True):
    """What became of an item on a night; ``amount_fen``: the money that it speaks of from then on,
    which is none where it is closed."""

    item_id: str
    outcome: str
    amount_fen: int


class ItemBook:
    """Every open item by id, and tonight's changes."""

    def __init__(self) -> None:
        self.open: dict[str, OpenItem] = {}
        self.totals: dict[str, list[int]] = defaultdict(lambda: [0, 0])
        self._due: dict[int, list[str]] = defaultdict(list)
        self._changes: list[Change] = []

    def add(
        self, kind: ItemKind, item_id: str, amount_fen: int, due: int, card: bytes = b""
    ) -> OpenItem:
        """Open an item."""
        item = OpenItem(kind, item_id, amount_fen, due, card)
        assert item_id not in self.open, item_id
        self.open[item_id] = item
        self._due[due].append(item_id)
        self._count(item, 1, amount_fen)
        self._note(item, ItemOutcome.OPENED)
        return item

    def change(
        self, item: OpenItem, outcome: ItemOutcome, *, amount_fen: int = -1, closes: bool = False
    ) -> None:
        """Something became of an item; ``amount_fen`` where it is another one from here on."""
        if amount_fen >= 0:
            self._count(item, 0, amount_fen - item.amount_fen)
            item.amount_fen = amount_fen
        if closes:
            del self.open[item.item_id]
            self._count(item, -1, -item.amount_fen)
            item.amount_fen = 0
        self._note(item, outcome)

    def restate(self, item: OpenItem, amount_fen: int, night: int) -> None:
        """A gap is another one now; on the night on which its window closes that it is lost is all that
        is said."""
        if item.due > night or item.lost:
            self.change(item, ItemOutcome.RESTATED, amount_fen=amount_fen)
        else:
            self._count(item, 0, amount_fen - item.amount_fen)
            item.amount_fen = amount_fen

    def again(self, item: OpenItem, amount_fen: int, night: int) -> None:
        """An item that was closed is open again; one whose window has closed is said to be lost only."""
        item.amount_fen = amount_fen
        self.open[item.item_id] = item
        self._due[item.due].append(item.item_id)
        self._count(item, 1, amount_fen)
        if item.kind != ItemKind.CHAIN_GAP or item.due > night:
            self._note(item, ItemOutcome.RESTATED)

    def due_on(self, night: int) -> list[OpenItem]:
        """Items that are open and whose window closes on a night, or has closed before it."""
        found = [
            self.open[item_id]
            for day in sorted(day for day in self._due if day <= night)
            for item_id in self._due.pop(day)
            if item_id in self.open
        ]
        return sorted(found, key=_id)

    def tonight(self) -> list[Change]:
        """The changes since the last call, by item; those of one item in their order."""
        changes, self._changes = self._changes, []
        return sorted(changes, key=lambda change: change.item_id)

    def by_kind(self) -> dict[str, tuple[int, int]]:
        """Count and amount of what is open, by kind."""
        return {
            kind: (count, amount) for kind, (count, amount) in sorted(self.totals.items()) if count
        }

    def _count(self, item: OpenItem, count: int, amount_fen: int) -> None:
        total = self.totals[item.kind.value]
        total[0] += count
        total[1] += amount_fen

    def _note(self, item: OpenItem, outcome: ItemOutcome) -> None:
        self._changes.append(Change(item.item_id, outcome.value, item.amount_fen))


def _id(item: OpenItem) -> str:
    return item.item_id
