"""One business date of the month: its traffic, and what arrives on it from earlier ones."""

import random
from collections.abc import Iterator
from datetime import date, timedelta
from functools import partial
from typing import Final

from loadtest.cards import Pool
from loadtest.desk import Delivery, Desk
from loadtest.item import Item
from loadtest.making import DAY_S, Maker, Ride
from loadtest.month.log import LoadLog
from loadtest.month.network import Network, Parcel
from loadtest.month.newcomer import FARE_FEN, newcomer_of
from loadtest.traffic import CityDay
from loadtest.world import AGENT, CityWorld, OperatorFacts
from schemas.reasons import Reason

REST_S: Final = 600
"""A card that rode rests for so long, so that no two clean rides look like one charged twice."""


class Sent(Delivery, frozen=True):
    """A batch on its way, with the taps that it was made of."""

    items: tuple[Item, ...] = ()


class MonthDesk(Desk):
    """A back office whose batches the model judges, and nobody before."""

    def send(self, items: list[Item], day: date, moment: int, declared: date) -> Sent:
        """A batch of its own of these taps, under the next number."""
        made = self.packed(items, declared)
        return Sent(day, moment, self.city, made, (), tuple(items))


class MonthMaker(Maker):
    """Makes taps; the issuers of this city log the loads of their cards."""

    def __init__(
        self, world: CityWorld, day: date, rng: random.Random, log: LoadLog, number: int
    ) -> None:
        super().__init__(world, day, rng)
        self._log, self._number = log, number

    def top_up(self, moment: int, pool: Pool, index: int, amount_fen: int) -> Ride:
        """Cash becomes value on the card, and a line of the log."""
        ride = super().top_up(moment, pool, index, amount_fen)
        if ride.own:
            self._log.note(ride, self._number)
        return ride

    def newcomer(self, moment: int, pool: Pool, index: int) -> Ride:
        """A ride with the newcomer, which takes one fare from everybody."""
        ride = self._board(moment, pool, index, newcomer_of(self.world))
        self._charge(ride, FARE_FEN, {})
        self.pay(ride, ride.priced_fen)
        return ride

    def missing(self, ride: Ride) -> tuple[Reason, ...]:
        """What the newcomer's contract lacks at the time of a ride."""
        return newcomer_of(self.world).missing(self._number + ride.moment // DAY_S)


class MonthDay(CityDay):
    """One business date; ``number`` counts from the first one. After the last transaction date
    ``quota`` is 0: only what is under way arrives."""

    maker: MonthMaker

    def __init__(
        self,
        world: CityWorld,
        first: date,
        number: int,
        desks: dict[str, Desk],
        quota: int,
        rng: random.Random,
        under_way: tuple[Network, LoadLog],
    ) -> None:
        day = first + timedelta(days=number)
        super().__init__(world, day, desks, quota, rng, production=True)
        self.number = number
        self.network, self.log = under_way
        self.maker = MonthMaker(world, day, rng, self.log, number)
        self._arriving = False
        self._since_2000_s = (day - date(2000, 1, 1)).days * DAY_S

    def run(self) -> Iterator[Delivery]:
        """The date's batches in the order in which they are sent."""
        if self.quota:
            self.network.begin(self.number)
        for parcel in self.network.due(self.number):
            self.at(parcel.moment, partial(self._arrive, parcel))
        for moment, action in self.network.actions(self.number):
            self.at(moment, partial(action, self))
        yield from super().run()

    def _arrive(self, parcel: Parcel, moment: int) -> None:
        if not parcel.group:
            # What was held up once arrives.
            self._arriving = True
            self.deliver(parcel.operator, *parcel.items)
            self._arriving = False
            return
        self.planned += len(parcel.items)
        self.delivered += len(parcel.items)
        desk = self.desk_of(parcel.operator)
        declared = self.day - timedelta(days=1 if self.rng.randrange(2) else 0)
        for at in range(0, len(parcel.items), desk.batch_taps):
            items = list(parcel.items[at : at + desk.batch_taps])
            self._sent.append(desk.send(items, self.day, moment, declared))

    def post(self, operator: OperatorFacts, item: Item, days: int = 0) -> None:
        """Hand a tap over now, or some days later."""
        if days == 0:
            self.deliver(operator, item)
        else:
            parcel = Parcel(self.network.moment(), operator, (item,))
            self.network.send(self.number + days, parcel)

    def _put(self, operator: OperatorFacts, items: list[Item]) -> None:
        fresh = not self._arriving
        if fresh and operator.mode != AGENT and not items[0].fault:
            on_time = [
                item for item in items if not self.network.held_up(operator, item, self.number)
            ]
            self.planned -= len(items) - len(on_time)
            items = on_time
        if items:
            super()._put(operator, items)

    def _ridden(self, ride: Ride, moment: int) -> None:
        ride.pool.last_tap_s[ride.index] = self._since_2000_s + moment
        super()._ridden(ride, moment)

    def _choose(self, groups: list[tuple[Pool, range]]) -> tuple[Pool, int] | None:
        for _ in range(5):
            found = super()._choose(groups)
            if found is None:
                return None
            pool, index = found
            if pool.last_tap_s[index] + REST_S < self._since_2000_s + self._now:
                return found
        return None
