"""The month: a city, its cards, its dates one after the other, with what each must give.

    month = Month(seed=1, taps=20_000, first=date(2026, 1, 5))
    for day in month.run():      # 71 business dates
        ...                      # registry rows, load log, batches with answers, the night

The same arguments give the same bytes. A month runs once.
"""

import random
from collections.abc import Iterator
from datetime import date, timedelta
from functools import partial
from typing import Final

import msgspec

from loadtest import facts, plan, registry_rows, rule_facts
from loadtest.cards import IssuedCard, IssuerFacts, Pool, TestKeySet
from loadtest.desk import Desk
from loadtest.faults.case import Case
from loadtest.faults.table import Fault
from loadtest.month import knowing, table
from loadtest.month.again import Again, Resend
from loadtest.month.day import MonthDay, MonthDesk, Sent
from loadtest.month.log import Line, LoadLog
from loadtest.month.model.audit import Night
from loadtest.month.model.card import Card
from loadtest.month.model.node import Answer, Model
from loadtest.month.network import Network
from loadtest.month.newcomer import Newcomer
from loadtest.registry_rows import Row
from loadtest.world import AGENT, NEWCOMER, CityWorld
from schemas import cities as words

CITY: Final = "7910"
NEIGHBOUR: Final = "7930"
DAYS: Final = 30
LATE_DAYS: Final = 40
TAPS: Final = 5_000_000
FAULT_RATE: Final = 0.02
TAPS_PER_CARD: Final = 30
RARE: Final = 0.3
"""The weight of a fault that occurs now and then."""
TAPS_PER_OCCURRENCE: Final = 3
"""So many taps are what one occurrence of a fault makes, about."""


class Submitted(msgspec.Struct):
    """One batch as it is submitted. ``again``: the same bytes came before; nobody answers anew."""

    sent: Sent
    answers: list[Answer]
    batch_seq: int
    again: bool = False


class Imported(msgspec.Struct):
    """What of the issuers' load logs is imported on a date: lines, and until when they are complete."""

    lines: list[Line]
    complete_until: date


class BusinessDate(msgspec.Struct):
    """One business date: what is imported before its first batch, its batches in order, its night."""

    number: int
    day: date
    registry: list[tuple[str, Row]]
    load_log: Imported | None
    batches: list[Submitted]
    night: Night


class Month:
    """``taps``: about so many arrive on the transaction dates. ``slow``: the model takes no short cut."""

    def __init__(
        self,
        seed: int,
        taps: int,
        first: date,
        *,
        days: int = DAYS,
        late_days: int = LATE_DAYS,
        fault_rate: float = FAULT_RATE,
        honest: bool = False,
        batch_taps: int = 0,
        fares: dict[str, facts.CityFares] | None = None,
        slow: bool = False,
    ) -> None:
        self.seed, self.first, self.days_count = seed, first, days
        self.last = days + late_days
        self._quota = max(1, taps // days)
        self._batch_taps = batch_taps or min(5000, max(40, self._quota // 20))
        self._fault_rate = fault_rate
        self._faults = table.HONEST if honest else table.MONTH
        self._slow = slow
        known = fares or rule_facts.read_cities((CITY, NEIGHBOUR), first)
        self.worlds = {area: CityWorld(seed, area, known[area], first) for area in known}
        self.world = self.worlds[CITY]
        self.world.neighbour = self.worlds[NEIGHBOUR]
        self.newcomer = Newcomer(seed, self.world.facts, first, days)
        self.world.operators[NEWCOMER] = self.newcomer
        self.excluded = Pool(IssuerFacts(seed, words.CITIES[1], plan.EXCLUDED_FAMILY), first)
        self._issue_cards(max(150, taps // TAPS_PER_CARD // 2))
        self._plans = self._plan_faults()
        for pool in (*self.world.pools, *self.worlds[NEIGHBOUR].pools, self.excluded):
            pool.open()
        self.log = LoadLog()
        self.network = Network(self.world, self._random("network"), days, self.last)
        self.model: Model | None = None

    def _random(self, what: str) -> random.Random:
        return random.Random(f"onecard month {what} {self.seed}")

    def _issue_cards(self, count: int) -> None:
        world = self.world
        for pool in world.pools:
            world.residents.append((pool, pool.add(count, world.rng)))
            world.commuters.append((pool, pool.add(max(20, count // 10), world.rng)))
        for pool in self.worlds[NEIGHBOUR].pools:
            world.visitors.append((pool, pool.add(max(20, count // 15), world.rng)))

    def _plan_faults(self) -> list[plan.DayPlan]:
        rng = self._random("faults")
        days = [
            {fault.name for fault in self._faults if table.possible(fault, self.world, number)}
            for number in range(self.days_count)
        ]
        # Each fault has a day on which it occurs whatever the number of taps.
        sure = [
            (
                rng.choice([number for number, names in enumerate(days) if fault.name in names]),
                fault,
            )
            for fault in self._faults
            if any(fault.name in names for names in days)
        ]
        occurrences = round(self._quota * self._fault_rate / TAPS_PER_OCCURRENCE)
        plans = []
        for number in range(self.days_count):
            possible = [fault for fault in self._faults if fault.name in days[number]]
            weights = [fault.weight or RARE for fault in possible]
            chosen = rng.choices(possible, weights, k=occurrences) if self._fault_rate else []
            chosen += [fault for day, fault in sure if day == number]
            day_plan = plan.DayPlan(self.world, self.excluded, number, rng)
            for fault in possible:
                if fault in chosen:
                    day_plan.reserve(fault, chosen.count(fault))
            plans.append(day_plan)
        return plans

    # -- what a node must know beforehand ----------------------------------------------------------

    def issued_cards(self) -> Iterator[IssuedCard]:
        """The cards of the city's issuers, with their opening position."""
        for pool in self.world.pools:
            yield from pool.issued()

    def key_sets(self) -> list[TestKeySet]:
        """The city's key sets with test master keys."""
        return [pool.issuer.key_set() for pool in self.world.pools]

    def all_rows(self) -> list[tuple[str, Row]]:
        """Every registry row of the month."""
        return registry_rows.rows_of(
            self.worlds, CITY, self.excluded.issuer, self.first, self.days_count
        )

    # -- the dates ---------------------------------------------------------------------------------

    def run(self) -> Iterator[BusinessDate]:
        """Every business date, in order."""
        if self.model is not None:
            raise RuntimeError("a month runs once: make it again for the same bytes")
        model = self.model = Model(knowing.knowledge_of(self), slow=self._slow)
        agent_taps = max(2, self._batch_taps // 25)
        desks: dict[str, Desk] = {
            mode: MonthDesk(CITY, operator, agent_taps if mode == AGENT else self._batch_taps)
            for mode, operator in self.world.operators.items()
        }
        again = Again(self._random("again"), desks, self.last)
        changes = knowing.by_date(self.all_rows())
        for number in range(self.last + 1):
            imported = self._import_log(number, model)
            day = self._day(number, desks)
            batches = [self._submit(model, submitted) for submitted in again.among(number, day)]
            night = model.night(day.day.isoformat())
            yield BusinessDate(number, day.day, changes.get(number, []), imported, batches, night)

    def _import_log(self, number: int, model: Model) -> Imported | None:
        due = self.log.due(number)
        if due is None:
            return None
        lines, until = due
        complete_s = {
            pool.issuer.number: (model.known.first_day + until) * 86_400
            for pool in self.world.pools
        }
        model.import_log([knowing.log_line(line, model.known) for line in lines], complete_s)
        return Imported(lines, self.first + timedelta(days=until))

    def _day(self, number: int, desks: dict[str, Desk]) -> MonthDay:
        rng = self._random(f"traffic {number}")
        quota = self._quota if number < self.days_count else 0
        under_way = (self.network, self.log)
        day = MonthDay(self.world, self.first, number, desks, quota, rng, under_way)
        if number < self.days_count:
            for moment, turn, fault, pool, index in self._plans[number].occurrences():
                case = Case(day, fault.name, moment, pool, index, turn)
                day.at(moment, partial(_happen, fault, case))
        return day

    @staticmethod
    def _submit(model: Model, resend: Resend) -> Submitted:
        sent = resend.sent
        if resend.same:
            return Submitted(sent, [], 0, again=True)
        answers = model.receive(sent.batch.header.operator, sent.items, watched=resend.watched)
        return Submitted(sent, answers, model.batch_seq)

    def cards(self) -> Iterator[Card]:
        """Every card as the node must know it in the end."""
        assert self.model is not None
        yield from self.model.known.cards.values()


def _happen(fault: Fault, case: Case, _: int) -> None:
    fault.scenario(case)
