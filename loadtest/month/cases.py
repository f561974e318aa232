"""Faults that need days, the load log, terminals or an agent; each on a card reserved for it."""

from functools import partial

import msgspec

from loadtest.faults.case import Case
from loadtest.making import DAY_S, Ride
from loadtest.month.day import MonthDay
from loadtest.month.newcomer import newcomer_of
from loadtest.world import AGENT, BUS
from schemas.codes import TapKind, TypeByte
from schemas.reasons import Reason


def _day(case: Case) -> MonthDay:
    assert isinstance(case.day, MonthDay)
    return case.day


def _on(case: Case, day: MonthDay, moment: int) -> Case:
    """The same occurrence, going on at another moment."""
    return Case(day, case.name, moment, case.pool, case.index, case.turn)


def _post(case: Case, ride: Ride, days: int, *reasons: Reason) -> None:
    """Sign, and hand over some days later."""
    _day(case).post(ride.operator, case.item(case.seal(ride), *reasons), days)


def _variant(case: Case) -> int:
    """Which variant of a fault: others on other dates, of which each may have one occurrence only."""
    return case.turn + _day(case).number


# -- loads -----------------------------------------------------------------------------------------


def load_late(case: Case) -> None:
    """A top-up whose record comes late; the log has it, and the next rides show it before."""
    ride = case.top_up(5000)
    _post(case, ride, (1, 2, 9, 29)[case.turn % 4])
    case.send(case.bus(1200))
    case.send(case.bus(3000))


def load_lost(case: Case) -> None:
    """A top-up whose record never comes; the log has it."""
    case.send(case.bus())
    case.top_up(10_000)
    case.send(case.bus(1200))


def load_lost_unseen(case: Case) -> None:
    """A top-up whose record never comes, and no later tap shows it: only the log has it."""
    case.send(case.bus(-1200))
    case.top_up(5000)


def load_beyond(case: Case) -> None:
    """A top-up whose record comes after the window: held, and matched with the log all the same."""
    _post(case, case.top_up(5000), 31 + case.turn % 10)


def load_unlogged(case: Case) -> None:
    """A top-up that the issuer's log never has."""
    ride = case.top_up(5000)
    _day(case).log.lose()
    case.send(ride)
    case.send(case.bus(1200))


def load_repeated(case: Case) -> None:
    """Two records of one load counter and amount, under right keys, and one line of the log: only a
    cloned card makes them."""
    pool, index = case.pool, case.index
    before = pool.balance[index]
    case.send(case.top_up(5000))
    pool.online[index] -= 1
    pool.balance[index] = before
    again = _on(case, _day(case), case.moment + 60).top_up(5000)
    _day(case).log.lose()
    _post(case, again, (0, 1, 3)[case.turn % 3])


def load_logged_late(case: Case) -> None:
    """A top-up whose line is missing in a log that calls itself complete, and comes days later."""
    ride = case.top_up(5000)
    _day(case).log.delay(2 + case.turn % 5)
    case.send(ride)


def load_otherwise_logged(case: Case) -> None:
    """A top-up that stands in the log with another amount."""
    ride = case.top_up(5000)
    _day(case).log.say(4500)
    case.send(ride)


def rise_forged(case: Case) -> None:
    """Somebody put value on a card: its load counter moved, and no log explains it."""
    case.send(case.bus())
    case.top_up(10_000)
    _day(case).log.lose()
    case.send(case.bus(1200))
    case.send(case.bus(2400))


def rise_uncounted(case: Case) -> None:
    """Somebody put value on a card and forgot the counter: neighbours contradict each other."""
    case.send(case.bus())
    case.pool.balance[case.index] += 5000
    case.send(case.bus(1200))


# -- terminals -------------------------------------------------------------------------------------


def number_lost(case: Case) -> None:
    """A terminal loses up to three of its records; no card of ours was in them."""
    operator = case.day.world.operators[BUS]
    terminal = case.day.rng.randrange(len(operator.terminals))
    for _ in range(1 + case.turn % 3):
        operator.terminals.next_number(terminal)
    case.send(case.bus())


def number_repeated(case: Case) -> None:
    """A terminal gives a number a second time, to another tap."""
    ride = case.bus()
    if ride.draft.terminal_number > 1:
        ride.draft.terminal_number -= 1
    case.send(ride)


def terminal_reset(case: Case) -> None:
    """A terminal is reset and counts from an earlier number on; all taps at it are clean otherwise."""
    terminals = case.day.world.operators[BUS].terminals
    terminal = case.day.rng.randrange(len(terminals))
    terminals.numbers[terminal] = max(0, terminals.numbers[terminal] - 12)
    case.send(case.bus())


# -- journeys --------------------------------------------------------------------------------------


def journey_too_long_unnamed(case: Case) -> None:
    """An exit five hours after its entry, which does not name it: nobody can tell how long the stay was."""
    entry = case.maker.metro_in(case.moment - 5 * 3600, case.pool, case.index)
    case.send(entry)
    # Priced as if it had been short, since its entry is forgotten below.
    known = msgspec.structs.replace(entry.draft, tapped_at=case.maker.stamp(case.moment - 1200))
    ride = case.maker.metro_out(case.moment, case.pool, case.index, known)
    draft = ride.draft
    draft.entry_operator = draft.entry_line = draft.entry_station = 0
    draft.entry_at = bytes(7)
    case.send(ride)


def exit_late(case: Case) -> None:
    """The exit of a journey comes late; the next entry finds the journey open."""
    entry = case.maker.metro_in(case.moment - 3600, case.pool, case.index)
    case.send(entry)
    leave = case.maker.metro_out(case.moment - 1800, case.pool, case.index, entry.draft)
    _post(case, leave, 1 + case.turn % 3)
    case.send(case.maker.metro_in(case.moment, case.pool, case.index))


def leg_late(case: Case) -> None:
    """A transfer discount on a leg that arrives later: not provable yet."""
    leg = case.bus()
    _post(case, leg, 1 + case.turn % 3)
    case.send(case.maker.bus(case.moment + 1800, case.pool, case.index, leg=leg))


def transfer_refuted(case: Case) -> None:
    """A transfer discount that shows to be none when the missing record comes: its leg was too long ago,
    was no leg, or one transfer too many was taken from it."""
    transfer = case.day.world.fares.bus.transfer
    assert transfer is not None
    pool, index, moment = case.pool, case.index, case.moment
    variant = _variant(case) % 3
    if variant == 0:
        leg = case.bus(-transfer.window_s - 1)
    elif variant == 1:
        leg = case.maker.taxi(moment - 1200, pool, index)
    else:
        leg = case.bus(-300)
    _post(case, leg, 1 + case.turn % 4)
    if variant == 2:
        for _ in range(transfer.count_max):
            case.send(case.maker.bus(moment, pool, index, leg=leg))
            moment += 600
    case.send(case.maker.bus(moment, pool, index, leg=leg))


# -- an operator without a whole contract ----------------------------------------------------------


def _newcomer(case: Case, seconds: int = 0) -> Ride:
    return _day(case).maker.newcomer(case.moment + seconds, case.pool, case.index)


def contract_incomplete(case: Case) -> None:
    """A ride with the newcomer while its split or its fee has no rule: at once, late, as the leg of a
    transfer, overcharged; and one more just before and after each midnight that changes what is missing."""
    day = _day(case)
    ride = _newcomer(case)
    missing = day.maker.missing(ride)
    match _variant(case) % 4:
        case 0:
            case.send(ride, *missing)
        case 1:
            _post(case, ride, (1, 5, 20)[case.turn % 3], *missing)
        case 2:
            case.send(ride, *missing)
            case.send(case.maker.bus(case.moment + 1200, case.pool, case.index, leg=ride))
        case _:
            case.maker.repay(ride, ride.priced_fen + 100)
            case.send(ride, *missing)
    newcomer = newcomer_of(day.world)
    for number in (newcomer.split_since, newcomer.fee_until):
        if number > day.number + 1:
            day.network.plan(number - 1, DAY_S - 1, partial(_newcomer_again, case))
            day.network.plan(number, 0, partial(_newcomer_again, case))


def _newcomer_again(case: Case, day: MonthDay, moment: int) -> None:
    again = _on(case, day, moment)
    ride = _newcomer(again)
    again.send(ride, *day.maker.missing(ride))


# -- cards -----------------------------------------------------------------------------------------


def double_deduction(case: Case) -> None:
    """A reader takes a fare twice within a minute or so."""
    first = case.bus()
    case.send(first)
    operator = first.operator
    terminal = operator.terminals.ids.index(first.draft.terminal_id)
    number = operator.terminals.next_number(terminal)
    case.send(case.bus_beside(first, 40 + case.turn % 100, number))


def _at_the_agent(case: Case, kind: TapKind, type_byte: TypeByte, amount_fen: int) -> Ride:
    """Something else than a top-up that an agent does with a card: no log line, the chip as it was."""
    before = case.pool.balance[case.index]
    ride = case.top_up(amount_fen)
    _day(case).log.lose()
    case.pool.online[case.index] -= 1
    case.pool.balance[case.index] = before
    draft = ride.draft
    draft.kind, draft.type_byte = kind, type_byte
    draft.balance_after_fen = before - amount_fen
    draft.online_counter = case.pool.online[case.index]
    assert ride.operator.mode == AGENT
    return ride


def kind_not_supported(case: Case) -> None:
    """A reversed top-up or a lost card: for the centre's staff."""
    if case.turn % 2 == 0:
        ride = _at_the_agent(case, TapKind.TOP_UP_REVERSAL, TypeByte.LOAD, 5000)
    else:
        ride = _at_the_agent(case, TapKind.CARD_LOSS, TypeByte.PURCHASE, 0)
    case.send(ride, Reason.KIND_NOT_SUPPORTED)


def _refund(case: Case) -> Ride:
    amount = case.pool.balance[case.index]
    return _at_the_agent(case, TapKind.CARD_REFUND, TypeByte.PURCHASE, amount)


def refund(case: Case) -> None:
    """A card is handed back; an earlier ride, in every third case, comes days later."""
    ride = case.bus(-1800)
    _post(case, ride, (0, 0, 4)[case.turn % 3])
    case.send(_refund(case), Reason.REFUND_HELD)


def refund_ridden_after(case: Case) -> None:
    """Somebody rides with a card that was handed back, at once or the day after."""
    case.send(_refund(case), Reason.REFUND_HELD)
    case.send(case.bus(600))
    day = _day(case)
    day.network.plan(day.number + 1, 8 * 3600, partial(_ride_again, case))


def _ride_again(case: Case, day: MonthDay, moment: int) -> None:
    again = _on(case, day, moment)
    again.send(again.bus())


def denied_over_days(case: Case) -> None:
    """A card is denied today: rides before the list binds, one of them late, and one after."""
    case.send(case.bus())
    _post(case, case.bus(900), 3)
    day = _day(case)
    day.network.plan(day.number + 1, 4 * 3600, partial(_ride_again, case))
    day.network.plan(day.number + 1, 9 * 3600, partial(_ride_again, case))
