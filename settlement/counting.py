"""Which rides fees count. No database.

A counted ride is a ride whose fare stands for its operator: its batch, a re-clearing, two people or its
card's chain accepted it, and none of them, nor its card's issuer, took it back since.
"""

from datetime import date
from typing import Final

import msgspec

from schemas.items import ItemKind, ItemOutcome

RECLEARED: Final = "reclear"
REFUSED: Final = "refusal"
_GIVING: Final = (ItemKind.HELD, ItemKind.HELD_UNPROVEN, ItemKind.UNCLAIMED, ItemKind.TORN)
_TAKING: Final = (ItemKind.DOUBLE_DEDUCTION, REFUSED)
DECIDING: Final = (*_GIVING, ItemKind.DOUBLE_DEDUCTION)
"""Kinds of items of which it depends whether a ride counts. An excess and a transfer only change its fare."""
_MOVED: Final = (ItemOutcome.RELEASED, ItemOutcome.DEBITED, ItemOutcome.REVERSED)


class Fact(msgspec.Struct, frozen=True):
    """What became of a ride on a business date.

    ``by``: the kind of the item that changed, ``RECLEARED`` or ``REFUSED``. ``holds``: whether from here on
    the fare moved (item), the ride is accepted (re-clearing), or it is refused.
    """

    on: date
    by: str
    holds: bool

    @classmethod
    def of_change(cls, on: date, kind: ItemKind, outcome: ItemOutcome) -> "Fact":
        """What a change of an item says."""
        return cls(on, kind, outcome in _MOVED)


class Ride(msgspec.Struct, frozen=True, kw_only=True):
    """A ride of our operators: as its batch was judged, and what became of it since, in that order."""

    operator: int
    issuer_no: int
    business_date: date
    accepted: bool
    facts: tuple[Fact, ...] = ()

    def counts(self, as_of: date) -> bool:
        """Whether it is counted at the end of a date."""
        last = {fact.by: fact.holds for fact in self.facts if fact.on <= as_of}
        given = last.get(RECLEARED, self.accepted) or any(last.get(kind) for kind in _GIVING)
        return given and not any(last.get(by) for by in _TAKING)

    def change(self, on: date) -> int:
        """By how many rides a date counts more for what became of it on that date, −1 to 1.

        The rides that were accepted with the date's own batches are counted already.
        """
        before = self.accepted
        if self.business_date < on:
            before = self.counts(date.fromordinal(on.toordinal() - 1))
        return self.counts(on) - before
