"""Which faults occur when, on which reserved cards: drawn up before the first tap is made."""

import random
from array import array
from collections.abc import Iterator
from typing import Final

from loadtest.cards import Opening, Pool
from loadtest.faults.table import DELIVERED, EXCLUDED, UNDELIVERED, VISITOR, Fault
from loadtest.world import CityWorld
from schemas.codes import CardFamily

EXCLUDED_FAMILY: Final = CardFamily.T_UNION
FIRST_S: Final = 7 * 3600
SPAN_S: Final = 14 * 3600
"""Faults begin between 7:00 and 21:00, so that what follows from them still lies in the day."""

DENYLIST_DELIVERED: Final = 1
"""The denylist that every operator has had for days; day *n* has version *n* + 2 of its own."""

Occurrence = tuple[int, int, Fault, Pool, int]


def counts(faults: list[Fault], total: int) -> list[int]:
    """How often each fault occurs, at least once."""
    weight = sum(fault.weight for fault in faults)
    return [max(1, round(total * fault.weight / weight)) if fault.weight else 1 for fault in faults]


class DayPlan:
    """The faults of one city on one day."""

    def __init__(
        self, world: CityWorld, excluded: Pool, day_number: int, rng: random.Random
    ) -> None:
        self.world, self._excluded, self.day_number, self._rng = world, excluded, day_number, rng
        self._rows: list[tuple[Fault, list[tuple[Pool, int]], array[int]]] = []

    def reserve(self, fault: Fault, count: int) -> None:
        """Issue the cards that ``count`` occurrences of a fault need."""
        rng = self._rng
        pools: tuple[Pool, ...] = self.world.pools
        if fault.card == VISITOR and self.world.neighbour is not None:
            pools = self.world.neighbour.pools
        elif fault.card == EXCLUDED:
            pools = (self._excluded,)
        opening: Opening = fault.opening
        share, more = divmod(count, len(pools))
        reserved = [
            (pool, pool.add(share + (1 if number < more else 0), rng, opening))
            for number, pool in enumerate(pools)
        ]
        cards = [(pool, index) for pool, indexes in reserved for index in indexes]
        if fault.denied in {DELIVERED, UNDELIVERED}:
            version = DENYLIST_DELIVERED if fault.denied == DELIVERED else self.day_number + 2
            self.world.denied += [(pool, index, version) for pool, index in cards]
        # Variants go by turn, so the cards of the two issuers are mixed among them.
        rng.shuffle(cards)
        moments = array("I", (FIRST_S + rng.randrange(SPAN_S) for _ in cards))
        self._rows.append((fault, cards, moments))

    def occurrences(self) -> Iterator[Occurrence]:
        """(moment, turn, fault, pool, card) of every occurrence."""
        for fault, cards, moments in self._rows:
            for turn, (moment, (pool, index)) in enumerate(zip(moments, cards, strict=True)):
                yield moment, turn, fault, pool, index
