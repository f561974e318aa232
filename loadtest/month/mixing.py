"""Runs of rides of one card with faults in any combination: two on one tap, and on neighbours.

A run is drawn up as steps: what is wrong with the ride, whether its TAC proves it, and how its record
travels. Constraints keep to what is decided: around a torn tap, and around a record that comes after
the window, the neighbours arrive in time.
"""

import random
from collections.abc import Callable
from functools import partial
from typing import Final

import msgspec

from loadtest.cards import Pool
from loadtest.faults.case import Case
from loadtest.item import Item, bit
from loadtest.making import Ride
from loadtest.month.day import MonthDay
from loadtest.world import BUS, TAXI
from schemas import codes
from schemas.reasons import Reason

NOW, LATE, BEYOND, LOST = "now", "late", "beyond", "lost"
TWICE, AGAIN, AGAIN_ON, ALTERED, ALTERED_ON = "twice", "again", "again_on", "altered", "altered_on"
GOOD, TORN, TORN_UNTAKEN, WRONG = "good", "torn", "torn_untaken", "wrong"
END_S: Final = 23 * 3600

Spoil = Callable[[Ride, MonthDay, random.Random], Reason | None]


class Step(msgspec.Struct):
    """One ride of a run. ``days``: how much later its record, or the copy of it, arrives;
    ``newcomer``: it is with the operator whose contract is not whole."""

    spoils: tuple[str, ...] = ()
    proof: str = GOOD
    travels: str = NOW
    days: int = 0
    gap_s: int = 1800
    newcomer: bool = False


# -- what may be wrong with a ride before the card signs -------------------------------------------


def _above(ride: Ride, day: MonthDay, rng: random.Random) -> None:
    day.maker.repay(ride, ride.priced_fen + 10 * (1 + rng.randrange(20)))


def _below(ride: Ride, day: MonthDay, rng: random.Random) -> None:
    day.maker.repay(ride, ride.priced_fen - 10 * (1 + rng.randrange(4)))


def _gross(ride: Ride, day: MonthDay, rng: random.Random) -> Reason | None:
    del day, rng
    if ride.operator.mode != BUS:
        return None
    ride.draft.gross_fen += 100
    return Reason.GROSS_DIFFERS


def _kind(ride: Ride, day: MonthDay, rng: random.Random) -> Reason:
    del day
    ride.draft.card_kind = rng.choice((2, 3, 5))
    return Reason.CARD_KIND_DIFFERS


def _kind_unknown(ride: Ride, day: MonthDay, rng: random.Random) -> Reason:
    del day
    ride.draft.card_kind = rng.choice((8, 77, 255))
    return Reason.CARD_KIND_UNKNOWN


def _concession(ride: Ride, day: MonthDay, rng: random.Random) -> Reason:
    del day, rng
    ride.draft.discount_claimed |= codes.Discount.CONCESSION
    return Reason.CONCESSION_NOT_OF_CARD


def _terminal_unknown(ride: Ride, day: MonthDay, rng: random.Random) -> Reason:
    del day
    tail = bytes((0x99, 0x90 + rng.randrange(10), 0x90 + rng.randrange(10)))
    ride.draft.terminal_id = ride.draft.terminal_id[:3] + tail
    return Reason.TERMINAL_UNKNOWN


def _terminal_other(ride: Ride, day: MonthDay, rng: random.Random) -> Reason | None:
    if ride.operator.mode != BUS:
        return None
    terminals = day.world.operators[TAXI].terminals
    terminal = rng.randrange(len(terminals))
    ride.draft.terminal_id = terminals.ids[terminal]
    ride.draft.terminal_number = terminals.next_number(terminal)
    ride.draft.device = day.world.operators[TAXI].number * 10_000 + terminal
    return Reason.TERMINAL_OF_OTHER_OPERATOR


def _line(ride: Ride, day: MonthDay, rng: random.Random) -> Reason | None:
    if ride.operator.mode != BUS:
        return None
    lines = day.world.fares.bus.lines
    line = ride.draft.line
    same = [other for other in sorted(lines) if other != line and lines[other] == lines[line]]
    if not same:
        return None
    ride.draft.line = rng.choice(same)
    return Reason.TERMINAL_LINE_DIFFERS


def _device(ride: Ride, day: MonthDay, rng: random.Random) -> Reason:
    del day, rng
    ride.draft.device += 5000
    return Reason.TERMINAL_DEVICE_DIFFERS


def _degraded(ride: Ride, day: MonthDay, rng: random.Random) -> Reason:
    del day, rng
    ride.draft.mode = 1
    return Reason.DEGRADED_MODE


def _arithmetic(ride: Ride, day: MonthDay, rng: random.Random) -> Reason:
    del day
    ride.draft.balance_after_fen += rng.choice((-100, 100))
    return Reason.BALANCE_ARITHMETIC


SPOILS: Final[dict[str, Spoil]] = {
    "above": _above,
    "below": _below,
    "gross": _gross,
    "kind": _kind,
    "kind_unknown": _kind_unknown,
    "concession": _concession,
    "terminal_unknown": _terminal_unknown,
    "terminal_other": _terminal_other,
    "line": _line,
    "device": _device,
    "degraded": _degraded,
    "arithmetic": _arithmetic,
}
_SAME_PLACE: Final = (
    {"above", "below"},
    {"kind", "kind_unknown"},
    {"terminal_unknown", "terminal_other", "device"},
    {"terminal_unknown", "terminal_other", "line"},
    {"degraded", "above"},
    {"degraded", "below"},
    {"degraded", "gross"},
    {"degraded", "concession"},
)
"""Spoils of which one tap has one at most."""


# -- drawing a run up -----------------------------------------------------------------------------


def steps_of(rng: random.Random, *, honest: bool) -> list[Step]:
    """A run of three to eight rides. ``honest``: nobody cheats and nothing is overcharged."""
    steps: list[Step] = [Step()]
    for _ in range(2 + rng.randrange(5)):
        step = _step(rng, honest=honest, after=steps[-1])
        steps.append(step)
    if rng.randrange(6):
        steps.append(Step())
    elif _delicate(steps[-1]):
        steps[-1] = Step()
    return steps


def _delicate(step: Step) -> bool:
    return (
        step.proof in {TORN, TORN_UNTAKEN} or step.travels == BEYOND or "arithmetic" in step.spoils
    )


def _plain(step: Step) -> bool:
    return step.proof == GOOD and step.travels not in {LOST, BEYOND} and not _delicate(step)


def _step(rng: random.Random, *, honest: bool, after: Step) -> Step:
    step = Step(gap_s=rng.choice((900, 1500, 2700, 3600, 20 * 3600)))
    if not honest:
        step.spoils = _spoils(rng)
        step.newcomer = not rng.randrange(8)
    proofs = (GOOD, 80), (TORN, 8), (TORN_UNTAKEN, 6), (WRONG, 0 if honest else 6)
    step.proof = _drawn(rng, proofs)
    step.travels = _drawn(
        rng,
        (
            (NOW, 44), (LATE, 20), (BEYOND, 5), (LOST, 8), (TWICE, 5), (AGAIN, 5), (AGAIN_ON, 7),
            (ALTERED, 0 if honest else 3), (ALTERED_ON, 0 if honest else 3),
        ),
    )  # fmt: skip
    if step.proof in {TORN, TORN_UNTAKEN} and step.travels in {BEYOND, LOST, ALTERED, ALTERED_ON}:
        step.travels = NOW
    if step.travels == BEYOND and step.proof != GOOD:
        step.travels = LATE
    if _delicate(after) and not _plain(step):
        step = Step(gap_s=step.gap_s)
    if _delicate(after) and after.travels == BEYOND and step.travels != NOW:
        step.travels = NOW
    if _delicate(step) and not (_plain(after) and (step.travels != BEYOND or after.travels == NOW)):
        step = Step(gap_s=step.gap_s)
    step.days = {
        LATE: 1 + rng.randrange(rng.choice((2, 5, 30))),
        BEYOND: 31 + rng.randrange(10),
        AGAIN_ON: 1 + rng.randrange(20),
        ALTERED_ON: 1 + rng.randrange(20),
    }.get(step.travels, 0)
    return step


def _spoils(rng: random.Random) -> tuple[str, ...]:
    count = (0, 0, 0, 1, 1, 1, 1, 2, 2, 3)[rng.randrange(10)]
    chosen: list[str] = []
    for name in rng.sample(sorted(SPOILS), count):
        if all(len(group & {*chosen, name}) < 2 for group in _SAME_PLACE):
            chosen.append(name)
    # Amounts before the balance that follows from them.
    return tuple(sorted(chosen, key=list(SPOILS).index))


def _drawn(rng: random.Random, weights: tuple[tuple[str, int], ...]) -> str:
    at = rng.randrange(sum(weight for _, weight in weights))
    for name, weight in weights:
        at -= weight
        if at < 0:
            return name
    raise AssertionError(weights)


# -- making it happen -----------------------------------------------------------------------------


class Run:
    """A run of one card, step by step, over as many days as it takes."""

    def __init__(self, name: str, pool: Pool, index: int, turn: int, steps: list[Step]) -> None:
        self.name, self.pool, self.index, self.turn, self.steps = name, pool, index, turn, steps
        self._next = 0

    def go(self, day: MonthDay, moment: int) -> None:
        """The next step, and then those after it."""
        step = self.steps[self._next]
        self._next += 1
        case = Case(day, self.name, moment, self.pool, self.index, self.turn + self._next)
        _ride(case, day, step)
        if self._next < len(self.steps):
            later = moment + self.steps[self._next].gap_s
            if later <= END_S:
                day.at(later, partial(self.go, day))
            else:
                day.network.plan(day.number + 1, 7 * 3600 + later % 3600, self.go)


def _ride(case: Case, day: MonthDay, step: Step) -> None:
    rng = day.rng
    if step.newcomer:
        ride = day.maker.newcomer(case.moment, case.pool, case.index)
    else:
        ride = case.any_ride()
    if step.proof == TORN_UNTAKEN:
        # What the device believes was taken is still on the card.
        case.pool.offline[case.index] -= 1
        case.pool.balance[case.index] = ride.draft.balance_before_fen
    said = [SPOILS[name](ride, day, rng) for name in step.spoils]
    reasons = [reason for reason in said if reason is not None]
    if step.newcomer:
        reasons += day.maker.missing(ride)
    if step.proof in {TORN, TORN_UNTAKEN}:
        if "above" in step.spoils or "below" in step.spoils:
            settled = step.proof == TORN
            left = ride.draft.balance_after_fen if settled else ride.draft.balance_before_fen
            case.pool.balance[case.index] = left
        ride.draft.tac = b"\xff" * 4
        item = case.item(ride, Reason.TAC_TORN, *reasons, proven=False)
    else:
        case.seal(ride)
        if step.proof == WRONG:
            ride.draft.tac = bytes(byte ^ 0x55 for byte in ride.draft.tac)
            reasons.append(Reason.TAC_WRONG)
        item = case.item(ride, *reasons, proven=step.proof == GOOD)
    _send(case, day, step, ride, item)


def _send(case: Case, day: MonthDay, step: Step, ride: Ride, item: Item) -> None:
    operator = ride.operator
    match step.travels:
        case "lost":
            return
        case "late" | "beyond":
            day.post(operator, item, step.days)
        case "twice":
            day.deliver(operator, item, item)
        case "now":
            day.deliver(operator, item)
        case _:
            day.deliver(operator, item)
            copy = item
            if step.travels in {ALTERED, ALTERED_ON}:
                ride.draft.driver += 1
                copy = case.item(ride, proven=False)
                copy.flags = item.flags & ~bit(Reason.DUPLICATE)
            if step.travels in {AGAIN, ALTERED}:
                day.deliver_next(operator, copy)
            else:
                day.post(operator, copy, step.days)


def mixed(case: Case) -> None:
    """A run with anything in it."""
    _start(case, honest=False)


def mixed_honest(case: Case) -> None:
    """A run of an honest card: late, lost, torn and doubled records."""
    _start(case, honest=True)


def _start(case: Case, *, honest: bool) -> None:
    day = case.day
    assert isinstance(day, MonthDay)
    steps = steps_of(day.rng, honest=honest)
    Run(case.name, case.pool, case.index, case.turn, steps).go(day, case.moment)
