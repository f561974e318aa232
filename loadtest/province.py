"""The province: cities, their cards, and the business days of traffic between them.

    province = Province(seed=7, taps=300_000, day=date(2026, 1, 5))
    province.registry_rows("7910")   # what the city's node must know beforehand
    for delivery in province.run():  # signed batches, with what each row must get
        ...

The same arguments give the same bytes. ``run`` moves the cards, so a province runs once; whoever
wants the days again makes it again.
"""

import heapq
import random
from collections.abc import Iterator
from datetime import date, timedelta
from functools import partial
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from loadtest import facts, plan, registry_rows, rule_facts
from loadtest.cards import IssuedCard, IssuerFacts, Pool, TestKeySet
from loadtest.desk import Delivery, Desk
from loadtest.faults.case import Case
from loadtest.faults.table import FAULTS, Fault
from loadtest.item import Expected
from loadtest.traffic import CityDay
from loadtest.world import AGENT, CityWorld
from schemas import cities as words
from schemas.batch import Batch

DEFAULT_CITIES: Final = ("7910", "7930")
FIRST_CITY_SHARE: Final = 0.8
TAPS_PER_CARD: Final = 4
FAULT_RATE: Final = 0.02


class Province:
    """Cities with operators, issuers and cards, and the days of their traffic.

    ``taps`` is the number of taps per day that is reached and hardly passed; ``fares`` are fare
    facts by area code (not given: those of the rule sets on the first day); ``production``: test
    cards are faults.
    """

    def __init__(
        self,
        seed: int,
        taps: int,
        day: date,
        *,
        cities: tuple[str, ...] = DEFAULT_CITIES,
        days: int = 1,
        fares: dict[str, facts.CityFares] | None = None,
        fault_rate: float = FAULT_RATE,
        batch_taps: int = 0,
        production: bool = False,
    ) -> None:
        self.seed, self.taps, self.day, self.days_count = seed, taps, day, days
        self.batch_taps = batch_taps or min(5000, max(40, taps // 60))
        self.production = production
        known = fares or rule_facts.read_cities(cities, day)
        self.worlds = {area: CityWorld(seed, area, known[area], day) for area in cities}
        self.excluded = IssuerFacts(seed, _other_city(cities), plan.EXCLUDED_FAMILY)
        self._excluded_pool = Pool(self.excluded, day)
        self._quota = _quotas(taps, cities)
        self._issue_cards()
        self._plans = self._plan_faults(fault_rate)
        for pool in self._pools():
            pool.open()
        self._ran = False
        self.declared_late: list[tuple[str, int, int]] = []
        """(city, operator, number) of batches that are declared for the day before."""

    # -- what a node must know beforehand ----------------------------------------------------------

    @property
    def cities(self) -> tuple[str, ...]:
        """Area codes."""
        return tuple(self.worlds)

    def registry_rows(self, city: str) -> list[tuple[str, registry_rows.Row]]:
        """(kind, row) of a city's registry: operators, terminals, issuers, denied cards, names."""
        return registry_rows.rows_of(self.worlds, city, self.excluded, self.day, self.days_count)

    def issued_cards(self, city: str) -> Iterator[IssuedCard]:
        """The cards that the city's issuers issued, with their opening position."""
        for pool in self.worlds[city].pools:
            yield from pool.issued()

    def key_sets(self, city: str) -> list[TestKeySet]:
        """The city's own key sets with test master keys; never another city's."""
        return [pool.issuer.key_set() for pool in self.worlds[city].pools]

    @property
    def operator_keys(self) -> dict[tuple[str, int], Ed25519PrivateKey]:
        """The signing key of each (city, operator)."""
        return {
            (area, operator.number): operator.signing_key
            for area, world in self.worlds.items()
            for operator in world.operators.values()
        }

    @property
    def api_keys(self) -> dict[tuple[str, int], str]:
        """The API key of each (city, operator)."""
        return {
            (area, operator.number): operator.api_key
            for area, world in self.worlds.items()
            for operator in world.operators.values()
        }

    # -- traffic -----------------------------------------------------------------------------------

    def run(self) -> Iterator[Delivery]:
        """Every batch of every day in the order in which they are sent, with its expectations.

        Expectations hold if each city's node judges its batches in this order, by a clock that
        stands at the end of the business date: what is late, and which gaps a card's chain shows,
        depends on what came before.
        """
        if self._ran:
            raise RuntimeError("a province runs once: make it again for the same bytes")
        self._ran = True
        desks = {
            area: {
                mode: Desk(area, operator, self._batch_taps_of(mode))
                for mode, operator in world.operators.items()
            }
            for area, world in self.worlds.items()
        }
        for number in range(self.days_count):
            streams = [
                self._city_day(world, number, desks[area]) for area, world in self.worlds.items()
            ]
            yield from heapq.merge(*streams, key=_when)

    def _batch_taps_of(self, mode: str) -> int:
        # Agents are online and report top-ups soon, so that cards' next rides find them known.
        return max(2, self.batch_taps // 25) if mode == AGENT else self.batch_taps

    def days(self) -> Iterator[tuple[str, Batch]]:
        """(city, batch) of every day."""
        for delivery in self.run():
            yield delivery.city, delivery.batch

    def expected(self) -> Iterator[Expected]:
        """What every row must get. Runs the province."""
        for delivery in self.run():
            yield from delivery.expected

    def _city_day(
        self, world: CityWorld, number: int, desks: dict[str, Desk]
    ) -> Iterator[Delivery]:
        day = self.day + timedelta(days=number)
        rng = random.Random(f"onecard traffic {self.seed} {world.area} {day}")
        city_day = CityDay(
            world, day, desks, self._quota[world.area], rng, production=self.production
        )
        for moment, turn, fault, pool, index in self._plans[world.area][number].occurrences():
            case = Case(city_day, fault.name, moment, pool, index, turn)
            city_day.at(moment, partial(_happen, fault, case))
        yield from city_day.run()
        self.declared_late += city_day.declared_late

    # -- cards -------------------------------------------------------------------------------------

    def _pools(self) -> list[Pool]:
        return [pool for world in self.worlds.values() for pool in world.pools] + [
            self._excluded_pool
        ]

    def _issue_cards(self) -> None:
        worlds = list(self.worlds.values())
        for position, world in enumerate(worlds):
            if len(worlds) > 1:
                world.neighbour = worlds[(position + 1) % len(worlds)]
        for world in worlds:
            count = max(150, self._quota[world.area] // TAPS_PER_CARD // 2)
            for pool in world.pools:
                world.residents.append((pool, pool.add(count, world.rng)))
                world.commuters.append((pool, pool.add(max(20, count // 10), world.rng)))
        for world in worlds:
            if world.neighbour is not None:
                count = max(20, self._quota[world.area] // TAPS_PER_CARD // 20)
                for pool in world.neighbour.pools:
                    world.visitors.append((pool, pool.add(count, world.rng)))

    def _plan_faults(self, rate: float) -> dict[str, list[plan.DayPlan]]:
        plans: dict[str, list[plan.DayPlan]] = {}
        for area, world in self.worlds.items():
            rng = random.Random(f"onecard faults {self.seed} {area}")
            plans[area] = []
            for number in range(self.days_count):
                possible = [fault for fault in FAULTS if fault.possible(world, number)]
                counts = plan.counts(possible, round(self._quota[area] * rate))
                day_plan = plan.DayPlan(world, self._excluded_pool, number, rng)
                for fault, count in zip(possible, counts, strict=True):
                    day_plan.reserve(fault, count)
                plans[area].append(day_plan)
        return plans


def _happen(fault: Fault, case: Case, _: int) -> None:
    fault.scenario(case)


def _when(delivery: Delivery) -> int:
    return delivery.moment


def _quotas(taps: int, cities: tuple[str, ...]) -> dict[str, int]:
    if len(cities) == 1:
        return {cities[0]: taps}
    first = round(taps * FIRST_CITY_SHARE)
    others = -(-(taps - first) // (len(cities) - 1))
    return {area: others if number else first for number, area in enumerate(cities)}


def _other_city(cities: tuple[str, ...]) -> words.CityFacts:
    """A city outside the province's exchange, whose cards were taken off the list."""
    return next(city for city in words.CITIES if city.area not in cities)
