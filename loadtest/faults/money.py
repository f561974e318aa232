"""Faults of money and chain: amounts, limits, tariffs, balances, taps that never came."""

from loadtest.faults.case import Case
from loadtest.world import METRO
from schemas.reasons import Reason

NO_STATION = 99_999_999
NO_LINE = 99_999


def zero_amount(case: Case) -> None:
    """A taxi trip for nothing."""
    ride = case.taxi()
    case.maker.repay(ride, 0)
    case.send(ride, Reason.ZERO_AMOUNT, Reason.BELOW_TARIFF)


def amount_above_limit(case: Case) -> None:
    """A taxi trip across the province; the meter is right, the amount is above the limit."""
    meter = case.day.world.fares.taxi
    steps = 51_000 // meter.step_fen
    ride = case.taxi(meter.start_m + steps * meter.step_m)
    case.send(ride, Reason.AMOUNT_ABOVE_LIMIT)


def balance_above_limit(case: Case) -> None:
    """A top-up beyond what a card may hold."""
    case.send(case.top_up(10_000), Reason.BALANCE_ABOVE_LIMIT)


def balance_arithmetic(case: Case) -> None:
    """Balance before and amount do not give balance after."""
    ride = case.any_ride()
    ride.draft.balance_after_fen += 100 if case.turn % 2 else -100
    case.send(ride, Reason.BALANCE_ARITHMETIC)


def above_tariff(case: Case) -> None:
    """More was charged than the tariff allows."""
    ride = case.any_ride()
    case.maker.repay(ride, ride.priced_fen + 100)
    case.send(ride, Reason.ABOVE_TARIFF)


def below_tariff(case: Case) -> None:
    """Less was charged than the tariff says."""
    ride = case.any_ride()
    case.maker.repay(ride, ride.priced_fen - 10)
    case.send(ride, Reason.BELOW_TARIFF)


def gross_differs(case: Case) -> None:
    """The device's fare before discounts is not the tariff's; the amount is right."""
    ride = case.bus()
    ride.draft.gross_fen += 100
    case.send(ride, Reason.GROSS_DIFFERS)


def tariff_missing(case: Case) -> None:
    """A line or an origin that no tariff knows."""
    if METRO in case.day.world.operators:
        entry = case.maker.metro_in(case.moment - 1200, case.pool, case.index)
        case.send(entry)
        ride = case.maker.metro_out(case.moment, case.pool, case.index, entry.draft)
        ride.draft.entry_station = NO_STATION
        reasons: tuple[Reason, ...] = (Reason.TARIFF_MISSING,)
    else:
        ride = case.bus()
        ride.draft.line = NO_LINE
        reasons = (Reason.TARIFF_MISSING, Reason.TERMINAL_LINE_DIFFERS)
    ride.priced_fen, ride.subsidy_fen = ride.draft.amount_fen, 0
    case.send(ride, *reasons)


def tap_out_without_tap_in(case: Case) -> None:
    """An exit that names no entry, on a card of which no entry is known."""
    entry = case.maker.metro_in(case.moment - 1200, case.pool, case.index)
    case.pool.offline[case.index] -= 1
    ride = case.maker.metro_out(case.moment, case.pool, case.index, entry.draft)
    draft = ride.draft
    draft.entry_operator = draft.entry_line = draft.entry_station = 0
    draft.entry_at = bytes(7)
    case.send(ride, Reason.TAP_OUT_WITHOUT_TAP_IN)


def entry_from_the_card(case: Case) -> None:
    """An exit that names no entry, on a card whose entry is known: nothing is wrong with it."""
    entry = case.maker.metro_in(case.moment - 1200, case.pool, case.index)
    case.send(entry)
    ride = case.maker.metro_out(case.moment, case.pool, case.index, entry.draft)
    draft = ride.draft
    draft.entry_operator = draft.entry_line = draft.entry_station = 0
    draft.entry_at = bytes(7)
    case.send(ride)


def journey_too_long(case: Case) -> None:
    """An exit five hours after its entry."""
    entry = case.maker.metro_in(case.moment - 5 * 3600, case.pool, case.index)
    case.send(entry)
    ride = case.maker.metro_out(case.moment, case.pool, case.index, entry.draft)
    case.send(ride, Reason.JOURNEY_TOO_LONG)


def entry_without_exit(case: Case) -> None:
    """A second entry half an hour after the first, whose exit never was."""
    case.send(case.maker.metro_in(case.moment - 3600, case.pool, case.index))
    second = case.maker.metro_in(case.moment - 1800, case.pool, case.index)
    # The card itself shows that a journey is open when the second entry arrives.
    case.send(second)
    case.send(case.maker.metro_out(case.moment, case.pool, case.index, second.draft))


def transfer_unproven(case: Case) -> None:
    """A leg is withheld for ever, and the transfer from it is claimed."""
    leg = case.bus(-1800)
    case.send(case.maker.bus(case.moment, case.pool, case.index, leg=leg))


def transfer_unqualified(case: Case) -> None:
    """The transfer discount is claimed without a leg; in every second case it was taken, too."""
    fares = case.day.world.fares.bus
    assert fares.transfer is not None
    leg = case.bus(-1800)
    case.pool.offline[case.index] -= 1
    case.pool.balance[case.index] = leg.draft.balance_before_fen
    # What the node knows of the card when the tap arrives shows that no leg qualifies.
    ride = case.maker.bus(case.moment, case.pool, case.index, leg=leg)
    if case.turn % 2 == 0:
        case.maker.repay(ride, ride.full_fen)
    case.send(ride)


def transfer_too_late(case: Case) -> None:
    """The transfer discount is taken one second after its window has closed."""
    fares = case.day.world.fares.bus
    assert fares.transfer is not None
    first = case.bus()
    case.send(first)
    moment = case.moment + fares.transfer.window_s + (0 if case.turn % 2 else 1)
    case.send(case.maker.bus(moment, case.pool, case.index, leg=first))


def transfer_too_often(case: Case) -> None:
    """The transfer discount is taken once more than a window allows."""
    fares = case.day.world.fares.bus
    assert fares.transfer is not None
    first = case.bus()
    case.send(first)
    for number in range(fares.transfer.count_max + 1):
        moment = case.moment + 600 * (number + 1)
        case.send(case.maker.bus(moment, case.pool, case.index, leg=first))


def metro_supplement(case: Case) -> None:
    """A supplement at the gate: nothing is wrong with it."""
    case.send(case.maker.supplement(case.moment, case.pool, case.index))


def chain_gap(case: Case) -> None:
    """A tap is withheld for ever; the next one shows it."""
    case.bus()
    case.send(case.bus(900))


def balance_rise(case: Case) -> None:
    """A top-up is withheld for ever; the next tap shows it."""
    case.top_up(5000)
    case.send(case.bus(900))


def counter_late(case: Case) -> None:
    """Two taps arrive in the wrong order."""
    first, second = case.seal(case.bus()), case.seal(case.bus(900))
    case.day.deliver(second.operator, case.item(second), case.item(first))
