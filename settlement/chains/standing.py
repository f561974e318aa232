"""How items of chains stand before a night, and the account numbers and dates that the night books by."""

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any, Final

import msgspec

from clearing.plan import Purpose
from schemas.items import ItemKind, ItemOutcome, ItemState
from settlement.items import Night
from settlement.items.night import entry_id, moved
from settlement.store.chains import Told
from settlement.store.items import Adjustment, Change, Item

CARD_KINDS: Final = (
    ItemKind.CHAIN_GAP, ItemKind.CHAIN_RISE, ItemKind.CHAIN_BREAK, ItemKind.TORN,
)  # fmt: skip
"""The kinds of items that a card's chain settles."""

BY_PEOPLE: Final = frozenset(
    {
        ItemOutcome.RELEASED, ItemOutcome.REJECTED, ItemOutcome.RETURNED, ItemOutcome.WRITTEN_OFF,
        ItemOutcome.REVERSED, ItemOutcome.BOOKED, ItemOutcome.DENIED, ItemOutcome.DISMISSED,
    }
)  # fmt: skip
"""What two people decide. The night contradicts none of it."""


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """An item as the night found it. ``said`` is what opening it, or its last change by a night, says
    of it; ``booked_fen`` what it took off the card so far (Σ of its adjustments, sign turned).
    """

    item_id: str
    kind: ItemKind
    state: ItemState = ItemState.OPEN
    outcome: ItemOutcome = ItemOutcome.OPENED
    amount_fen: int
    account_no: int | None = None
    changes: int = 0
    opened_on: date
    due_on: date
    said: dict[str, Any] = {}
    booked_fen: int = 0

    @property
    def is_open(self) -> bool:
        """Whether it still waits."""
        return self.state == ItemState.OPEN

    def is_decided(self, lost: int) -> bool:
        """Whether two people decided it, so that its money stands where they put it. One that they only
        commented, its card denied, goes its way. ``lost``: unclaimed/chain_gap.

        Only a decision parts what stands somewhere from what was taken off the card.
        """
        parted = self.account_no is not None and self.amount_fen != self.booked_fen
        waits = self.is_open and self.account_no in (None, lost)
        return parted or (self.outcome in BY_PEOPLE and not waits)

    @property
    def place(self) -> int:
        """The last part of its id: the first missing place, or number."""
        return int(self.item_id.rpartition("/")[2])


def known_of(told: Told) -> Known:
    """An item as it is stored."""
    item, standing = told.standing.item, told.standing
    return Known(
        item_id=item.item_id,
        kind=item.kind,
        state=standing.state,
        outcome=standing.outcome,
        amount_fen=standing.amount_fen,
        account_no=standing.account_no,
        changes=standing.changes,
        opened_on=item.opened_on,
        due_on=item.due_on,
        said=told.said,
        booked_fen=told.booked_fen,
    )


class Books(msgspec.Struct, frozen=True, kw_only=True):
    """What the night of a date books by. ``lost``: unclaimed/chain_gap."""

    business_date: date
    window_days: int
    lost: int

    def due_on(self, tapped_on: date) -> date:
        """When the window of a tap has closed."""
        return tapped_on + timedelta(days=self.window_days + 1)


class Writer:
    """Rows of one card's or terminal's items, as they come together."""

    def __init__(self, books: Books, card: bytes = b"", liability: int = 0) -> None:
        self.books, self.card, self.liability = books, card, liability
        self.night = Night([], [], [], [])

    def open(self, item: Item) -> Known:
        """A new item; returns it as it stands."""
        self.night.items.append(item)
        return Known(
            item_id=item.item_id,
            kind=item.kind,
            amount_fen=item.amount_fen,
            opened_on=item.opened_on,
            due_on=item.due_on,
            said=item.body,
        )

    def change(
        self,
        known: Known,
        state: ItemState,
        outcome: ItemOutcome,
        amount_fen: int,
        *,
        account_no: int | None = None,
        booked: str | None = None,
        said: dict[str, Any] | None = None,
    ) -> None:
        """The next change of an item; ``booked`` is the entry that it made."""
        self.night.changes.append(
            Change(
                item_id=known.item_id,
                change_no=known.changes + 1,
                business_date=self.books.business_date,
                state=state,
                outcome=outcome,
                amount_fen=amount_fen,
                account_no=account_no,
                entry_id=booked,
                body=said or {},
            )
        )

    def book(
        self,
        item_id: str,
        narrative: str,
        corrects: str,
        credits_fen: Iterable[tuple[int, int]],
    ) -> str | None:
        """Take from what is owed to the card what others are credited; negative amounts give it back.

        Returns the entry's id, or None where nothing moves.
        """
        entry = moved(
            self.books.business_date, item_id, narrative, corrects, Purpose.CHAIN, self.liability,
            credits_fen,
        )  # fmt: skip
        if not entry.postings:
            return None
        self.night.entries.append(entry)
        self.night.adjustments.append(
            Adjustment(
                entry_id(self.books.business_date, item_id),
                self.card,
                item_id,
                self.books.business_date,
                -entry.postings[0].amount_fen,
            )
        )
        return entry.entry_id
