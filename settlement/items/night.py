"""What the night of a date says of open items: rows that the audit writes and ``verify`` expects."""

from collections.abc import Iterable
from datetime import date
from typing import Final

import msgspec

from clearing.plan import Purpose
from clearing.store import Entry, Posting
from settlement.store.items import Adjustment, Change, Item

ENTRY_PREFIX: Final = "night/{}/items/"
"""How ids of the night's item entries begin; ``{}`` is the business date."""


class Night(msgspec.Struct):
    """Items opened, changes, adjustments and entries of one night, in no order until ``in_order``."""

    items: list[Item] = []
    changes: list[Change] = []
    adjustments: list[Adjustment] = []
    entries: list[Entry] = []

    def merge(self, other: "Night") -> "Night":
        """Add another part's rows to these; returns itself."""
        self.items += other.items
        self.changes += other.changes
        self.adjustments += other.adjustments
        self.entries += other.entries
        return self

    def in_order(self) -> "Night":
        """The same rows in the order in which they are stored and told: ids as bytes, then numbers."""
        return Night(
            sorted(self.items, key=lambda row: row.item_id.encode()),
            sorted(self.changes, key=lambda row: (row.item_id.encode(), row.change_no)),
            sorted(self.adjustments),
            sorted(self.entries, key=lambda row: row.entry_id.encode()),
        )


def merged(parts: Iterable[Night]) -> Night:
    """All parts' rows in order."""
    found = Night()
    for part in parts:
        found.merge(part)
    return found.in_order()


def entry_id(business_date: date, name: str) -> str:
    """The id of an entry that the night books; ``name`` is an item's id or a number."""
    return ENTRY_PREFIX.format(business_date) + name


def moved(
    business_date: date,
    name: str,
    narrative: str,
    corrects: str,
    purpose: Purpose,
    debit: int,
    credits_fen: Iterable[tuple[int, int]],
) -> Entry:
    """An entry of the night: one account is debited what others are credited, fen.

    ``credits_fen`` has (account number, fen); parts of nothing are left out.
    """
    parts = [(account, fen) for account, fen in credits_fen if fen]
    postings = [Posting(debit, purpose, sum(fen for _, fen in parts), 1)]
    postings += [Posting(account, purpose, -fen, 1) for account, fen in parts]
    return Entry(
        entry_id=entry_id(business_date, name),
        narrative=narrative,
        corrects=corrects,
        postings=tuple(postings) if parts else (),
    )
