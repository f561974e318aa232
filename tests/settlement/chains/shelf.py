"""A node's night for one card, in memory: what stands, and what each night adds to it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import date, datetime

from schemas.items import ItemKind, ItemOutcome, ItemState
from settlement.chains import following, torn
from settlement.chains.element import Element
from settlement.chains.standing import Books, Known, Writer
from settlement.chains.walk import walk
from settlement.items import Night
from settlement.store.items import Item

CARD = bytes(19)
LIABILITY, LOST, OPERATOR, WRITTEN_OFF = 1, 2, 3, 4
WINDOW_DAYS = 30


class Shelf:
    """Items of one card as they stand; accounts as the nights moved them."""

    def __init__(self, opening: Element | None) -> None:
        self.opening = opening
        self.known: dict[str, Known] = {}
        self.balances: Counter[int] = Counter()
        self.adjusted_fen = 0
        self.outcomes: list[tuple[ItemKind, ItemOutcome]] = []

    def night(
        self,
        on: date,
        elements: Iterable[Element],
        torn_ones: Iterable[Element] = (),
        log: dict[int, int] | None = None,
        complete_until: datetime | None = None,
    ) -> Night:
        """One night; the date's torn taps are opened by it, as the taps' part does."""
        books = Books(business_date=on, window_days=WINDOW_DAYS, lost=LOST)
        pairs = [(each, torn.known_torn(each, books, self.known)) for each in torn_ones]
        candidates = [(each, item) for each, item in pairs if item and torn.is_candidate(item)]
        for _, item in candidates:
            self.known.setdefault(item.item_id, item)
        found = walk(elements, self.opening, [each for each, _ in candidates], (log or {}).get)
        writer = Writer(books, CARD, LIABILITY)
        shares = {each.tap: ((OPERATOR, each.amount_fen),) for each, _ in candidates}
        torn.settle(writer, candidates, found, shares)
        following.follow(writer, found, self.known, complete_until)
        self._keep(writer.night)
        return writer.night

    def _keep(self, night: Night) -> None:
        for item in night.items:
            assert item.item_id not in self.known
            self.known[item.item_id] = known_of(item)
            self.outcomes.append((item.kind, ItemOutcome.OPENED))
        for entry in night.entries:
            assert sum(posting.amount_fen for posting in entry.postings) == 0
            for posting in entry.postings:
                self.balances[posting.account] += posting.amount_fen
        booked = {row.item_id: -row.amount_fen for row in night.adjustments}
        self.adjusted_fen -= sum(booked.values())
        for change in sorted(night.changes, key=lambda row: row.change_no):
            old = self.known[change.item_id]
            assert change.change_no == old.changes + 1
            self.outcomes.append((old.kind, change.outcome))
            self.known[change.item_id] = changed(
                old,
                state=change.state,
                outcome=change.outcome,
                amount_fen=change.amount_fen,
                account_no=change.account_no,
                changes=change.change_no,
                said=change.body or old.said,
                booked_fen=old.booked_fen + booked.get(change.item_id, 0),
            )
        assert self.balances[LIABILITY] == -self.adjusted_fen
        # What stands on unclaimed/chain_gap is what the items say stands there.
        assert -self.balances[LOST] == sum(
            item.amount_fen for item in self.known.values() if item.account_no == LOST
        )

    def decide(self, item_id: str, outcome: ItemOutcome, account_no: int | None = None) -> None:
        """Two people close an item; its money goes elsewhere."""
        old = self.known[item_id]
        self.balances[LOST] += old.booked_fen
        if account_no is not None:
            self.balances[account_no] -= old.booked_fen
        self.known[item_id] = changed(
            old, state=ItemState.CLOSED, outcome=outcome, account_no=account_no,
            changes=old.changes + 1,
        )  # fmt: skip

    @property
    def open(self) -> list[tuple[ItemKind, int, int]]:
        """What waits: kind, first missing place, fen."""
        return sorted(
            (item.kind, item.place, item.amount_fen)
            for item in self.known.values()
            if item.state == ItemState.OPEN
        )


def known_of(item: Item) -> Known:
    return Known(
        item_id=item.item_id,
        kind=item.kind,
        amount_fen=item.amount_fen,
        account_no=item.account_no,
        opened_on=item.opened_on,
        due_on=item.due_on,
        said=item.body,
    )


def changed(known: Known, **values: object) -> Known:
    return Known(**{name: getattr(known, name) for name in known.__struct_fields__} | values)  # type: ignore[arg-type]
