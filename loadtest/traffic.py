"""A city's day: peaks, journeys, top-ups, late arrivals; taps flow into the operators' desks.

Time runs in slots of five minutes. A heap holds what is due; it never holds more than the journeys
that are under way, so a day of any size needs the same memory.
"""

import heapq
import math
import random
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from functools import partial
from typing import Final

import msgspec

from loadtest.cards import Pool
from loadtest.desk import Delivery, Desk
from loadtest.draft import Draft
from loadtest.item import Item
from loadtest.making import Maker, Ride
from loadtest.world import BUS, METRO, TAXI, CityWorld, OperatorFacts

SLOT_S: Final = 300
FIRST_S: Final = 5 * 3600 + 1800
LAST_S: Final = 22 * 3600 + 1800
END_S: Final = 24 * 3600 - 1
"""No tap is later: journeys begin by ``LAST_S`` and are short."""

Action = Callable[[int], None]


def weights() -> list[float]:
    """The share of the day's taps that is due by the end of each slot: peaks at 8:00 and 18:00."""
    shares = []
    for start in range(FIRST_S, LAST_S, SLOT_S):
        hour = start / 3600
        morning, evening = math.exp(-((hour - 8) ** 2) / 1.2), math.exp(-((hour - 18) ** 2) / 1.8)
        shares.append(0.18 + morning + 0.9 * evening)
    total, due = sum(shares), 0.0
    cumulative = []
    for share in shares:
        due += share
        cumulative.append(due / total)
    return cumulative


class Habits(msgspec.Struct, frozen=True):
    """Shares of what people do; per mille."""

    metro: int = 330
    taxi: int = 70
    visitor: int = 60
    commuter: int = 60
    second_leg: int = 150
    late: int = 4
    """Taps whose device was offline for a while, so that they arrive after newer ones."""


class CityDay:
    """One business day of one city."""

    def __init__(
        self,
        world: CityWorld,
        day: date,
        desks: dict[str, Desk],
        quota: int,
        rng: random.Random,
        *,
        production: bool = False,
    ) -> None:
        self.world, self.day, self.desks, self.quota, self.rng = world, day, desks, quota, rng
        self.production = production
        self.maker = Maker(world, day, rng)
        self.habits = Habits()
        self.planned = 0
        """Taps that were delivered or will be, as far as anything decided it yet."""
        self.delivered = 0
        self.declared_late: list[tuple[str, int, int]] = []
        self._heap: list[tuple[int, int, Action]] = []
        self._sequence = 0
        self._sent: list[Delivery] = []
        self._now = 0

    # -- what scenarios use ------------------------------------------------------------------------

    def at(self, moment: int, action: Action) -> None:
        """Do something at a moment of the day."""
        self._sequence += 1
        heapq.heappush(self._heap, (moment, self._sequence, action))

    def desk_of(self, operator: OperatorFacts) -> Desk:
        """The desk of an operator of this city."""
        return self.desks[operator.mode]

    def deliver(self, operator: OperatorFacts, *items: Item) -> None:
        """Hand taps to their operator's desk now; they stand in one batch."""
        self.planned += len(items)
        self._put(operator, list(items))

    def deliver_next(self, operator: OperatorFacts, *items: Item) -> None:
        """Hand taps over so that they stand in a later batch than everything before."""
        self.planned += len(items)
        self.delivered += len(items)
        self.desk_of(operator).put_into_next(list(items))

    def _put(self, operator: OperatorFacts, items: list[Item]) -> None:
        desk = self.desk_of(operator)
        self.delivered += len(items)
        if desk.put(items):
            delivery = desk.cut(self.day, self._now)
            if delivery is not None:
                self._sent.append(delivery)

    def declare_late(self, operator: OperatorFacts, *items: Item) -> None:
        """Hand taps over in a batch of their own, declared for the day before."""
        self.planned += len(items)
        self.delivered += len(items)
        desk, declared = self.desk_of(operator), self.day - timedelta(days=1)
        self.declared_late.append((self.world.area, operator.number, desk.number + 1))
        self._sent.append(desk.send(list(items), self.day, self._now, declared))

    # -- the day -----------------------------------------------------------------------------------

    def run(self) -> Iterator[Delivery]:
        """The day's batches in the order in which they are sent."""
        for slot, share in enumerate(weights()):
            start = FIRST_S + slot * SLOT_S
            while self.planned < self.quota * share:
                self.at(start + self.rng.randrange(SLOT_S), self._journey())
            yield from self._until(start + SLOT_S)
        yield from self._until(1 << 62)
        while self.delivered < self.quota and self._choose(self.world.residents) is not None:
            # Some plans fell through, because it was late or no card was free: last buses.
            self._start(BUS, LAST_S + self.rng.randrange(SLOT_S))
            yield from self._until(1 << 62)
        for desk in self.desks.values():
            while desk.waiting():
                delivery = desk.cut(self.day, END_S)
                if delivery is not None:
                    yield delivery

    def _until(self, end: int) -> Iterator[Delivery]:
        heap, sent = self._heap, self._sent
        while heap and heap[0][0] < end:
            moment, _, action = heapq.heappop(heap)
            self._now = min(moment, END_S)
            action(moment)
            if sent:
                yield from sent
                sent.clear()

    def _journey(self) -> Action:
        """A journey that somebody will make, counted as planned."""
        rng, habits, world = self.rng, self.habits, self.world
        choice = rng.randrange(1000)
        if choice < habits.commuter and world.commuters and world.fares.bus.transfer:
            self.planned += 3
            return self._commute
        choice = rng.randrange(1000)
        if choice < habits.metro and world.fares.metro is not None:
            self.planned += 2
            return partial(self._start, METRO)
        self.planned += 1
        return partial(self._start, TAXI if choice >= 1000 - habits.taxi else BUS)

    def _choose(self, groups: list[tuple[Pool, range]]) -> tuple[Pool, int] | None:
        """A card that is not under way."""
        for _ in range(50):
            pool, cards = groups[self.rng.randrange(len(groups))]
            index = cards[self.rng.randrange(len(cards))]
            if not pool.busy[index]:
                return pool, index
        return None

    def _start(self, mode: str, moment: int) -> None:
        visiting = self.world.visitors and self.rng.randrange(1000) < self.habits.visitor
        found = self._choose(self.world.visitors if visiting else self.world.residents)
        if found is None:
            # Everybody is on the way: somebody sets out a little later, if it is not night yet.
            if moment + 600 < LAST_S:
                self.at(moment + 600, partial(self._start, mode))
            return
        pool, index = found
        pool.busy[index] = 1
        wait = self._top_up_if_low(moment, pool, index)
        begin = {BUS: self._bus, METRO: self._metro, TAXI: self._taxi}[mode]
        if wait:
            self.at(moment + wait, partial(begin, pool, index))
        else:
            begin(pool, index, moment)

    def _top_up_if_low(self, moment: int, pool: Pool, index: int) -> int:
        """Seconds until the card can ride: it was topped up first if its balance was low."""
        if pool.balance[index] >= 5000:
            return 0
        amount = 5000 if self.rng.randrange(3) else 10_000
        self.planned += 1
        ride = self.maker.top_up(moment, pool, index, amount)
        self._put(ride.operator, [self.maker.clean(ride)])
        return 60 + self.rng.randrange(240)

    def _ridden(self, ride: Ride, moment: int) -> None:
        """A clean tap arrives: at once, or late."""
        items = [self.maker.clean(ride)]
        if self.rng.randrange(1000) < self.habits.late:
            self.at(
                moment + 600 + self.rng.randrange(6600), lambda _: self._put(ride.operator, items)
            )
        else:
            self._put(ride.operator, items)

    def _bus(self, pool: Pool, index: int, moment: int) -> None:
        self._ridden(self.maker.bus(moment, pool, index), moment)
        if moment < LAST_S and self.rng.randrange(1000) < self.habits.second_leg:
            self.planned += 1
            self.at(moment + 900 + self.rng.randrange(1800), partial(self._last_bus, pool, index))
        else:
            pool.busy[index] = 0

    def _last_bus(self, pool: Pool, index: int, moment: int) -> None:
        self._ridden(self.maker.bus(moment, pool, index), moment)
        pool.busy[index] = 0

    def _taxi(self, pool: Pool, index: int, moment: int) -> None:
        self._ridden(self.maker.taxi(moment, pool, index), moment)
        pool.busy[index] = 0

    def _metro(self, pool: Pool, index: int, moment: int) -> None:
        ride = self.maker.metro_in(moment, pool, index)
        self._ridden(ride, moment)
        later = moment + 420 + self.rng.randrange(2400)
        self.at(later, partial(self._metro_out, pool, index, ride.draft))

    def _metro_out(self, pool: Pool, index: int, entry: Draft, moment: int) -> None:
        self._ridden(self.maker.metro_out(moment, pool, index, entry), moment)
        pool.busy[index] = 0

    def _commute(self, moment: int) -> None:
        """Three legs within the transfer window: the first in full, the others at the discount."""
        found = self._choose(self.world.commuters)
        if found is None or moment > LAST_S - 3600:
            # Too late for three legs, or no such card is free: somebody else takes one bus.
            self.planned -= 2
            self._start(BUS, moment)
            return
        pool, index = found
        pool.busy[index] = 1
        wait = self._top_up_if_low(moment, pool, index)
        metro = self.world.fares.metro
        places = (BUS, METRO) if metro is not None and metro.transfer is not None else (BUS,)
        modes = tuple(self.rng.choice(places) for _ in range(3))
        self.planned += modes.count(METRO)
        self.at(moment + wait, partial(self._leg, pool, index, modes, None))

    def _leg(
        self, pool: Pool, index: int, modes: tuple[str, ...], first: Ride | None, moment: int
    ) -> None:
        if modes[0] == METRO:
            entry = self.maker.metro_in(moment, pool, index)
            self._ridden(entry, moment)
            later = moment + 420 + self.rng.randrange(900)
            self.at(later, partial(self._leg_out, pool, index, modes, first, entry.draft))
            return
        ride = self.maker.bus(moment, pool, index, leg=first)
        self._leg_done(pool, index, modes, first, ride)

    def _leg_out(
        self,
        pool: Pool,
        index: int,
        modes: tuple[str, ...],
        first: Ride | None,
        entry: Draft,
        moment: int,
    ) -> None:
        ride = self.maker.metro_out(moment, pool, index, entry, leg=first)
        self._leg_done(pool, index, modes, first, ride)

    def _leg_done(
        self, pool: Pool, index: int, modes: tuple[str, ...], first: Ride | None, ride: Ride
    ) -> None:
        self._ridden(ride, ride.moment)
        if len(modes) == 1:
            pool.busy[index] = 0
            return
        # Two more legs of at most 1,200 + 1,320 seconds end within a window of 5,400.
        later = ride.moment + 600 + self.rng.randrange(600)
        self.at(later, partial(self._leg, pool, index, modes[1:], first or ride))
