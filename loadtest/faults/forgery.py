"""Faults of identity and proof: repeated taps, wrong and missing TACs, unknown keys, clones."""

from loadtest.faults.case import Case
from loadtest.item import Item, bit
from schemas.reasons import Reason

REPLAYS_MAX = 200
"""Taps of a day that are kept to be replayed on the next."""


def _flip(tac: bytes, turn: int) -> bytes:
    """Another TAC: one bit differs, and it is not that of a torn card."""
    wrong = bytearray(tac)
    wrong[turn % 4] ^= 1 << turn % 8
    return bytes(wrong) if wrong != b"\xff" * 4 else bytes(4)


def duplicate_in_batch(case: Case) -> None:
    """The same record twice in one batch."""
    ride = case.seal(case.any_ride())
    again = case.stopped(ride, Reason.DUPLICATE_IN_BATCH)
    case.day.deliver(ride.operator, case.item(ride), again)


def duplicate(case: Case) -> None:
    """The same record again in a later batch."""
    ride = case.seal(case.any_ride())
    again = case.stopped(ride, Reason.DUPLICATE)
    case.day.deliver(ride.operator, case.item(ride))
    case.day.deliver_next(ride.operator, again)
    replays = case.day.world.replays
    if len(replays) < REPLAYS_MAX:
        replays.append((case.day.day, ride.operator, again))


def duplicate_across_days(case: Case) -> None:
    """A record of an earlier business day again."""
    replays = case.day.world.replays
    if replays and replays[0][0] < case.day.day:
        _, operator, item = replays.pop(0)
        item.fault = case.name
        item.flags = bit(Reason.DUPLICATE_OTHER_DATE)
        case.day.deliver(operator, item)


def duplicate_altered(case: Case) -> None:
    """The same signed tap with another unsigned field, in the same batch or a later one."""
    ride = case.seal(case.bus())
    first = case.item(ride)
    if case.turn % 3 == 0:
        ride.draft.gross_fen += 100
    elif case.turn % 3 == 1:
        ride.draft.driver += 1
    else:
        # The amount is signed, but no part of the tap's identity.
        ride.draft.amount_fen += 50
    again = case.stopped(ride, Reason.DUPLICATE_ALTERED)
    if case.turn % 2:
        case.day.deliver(ride.operator, first)
        case.day.deliver_next(ride.operator, again)
    else:
        case.day.deliver(ride.operator, first, again)


def tac_wrong(case: Case) -> None:
    """One bit of the TAC differs."""
    ride = case.seal(case.any_ride())
    ride.draft.tac = _flip(ride.draft.tac, case.turn)
    case.day.deliver(ride.operator, case.item(ride, Reason.TAC_WRONG, proven=False))


def tac_wrong_amount(case: Case) -> None:
    """The device's back office raised the amount after the card had signed."""
    ride = case.seal(case.bus())
    case.maker.repay(ride, ride.draft.amount_fen + 50)
    item = case.item(ride, Reason.TAC_WRONG, Reason.ABOVE_TARIFF, proven=False)
    case.day.deliver(ride.operator, item)


def tac_torn(case: Case) -> None:
    """The card left the field before it gave its TAC."""
    ride = case.any_ride()
    ride.draft.tac = b"\xff" * 4
    case.day.deliver(ride.operator, case.item(ride, Reason.TAC_TORN, proven=False))


def tac_absent(case: Case) -> None:
    """A record without a TAC, which no contract of ours allows."""
    ride = case.any_ride()
    ride.draft.algorithm, ride.draft.tac = 255, bytes(4)
    item = case.item(ride, Reason.TAC_NOT_ALLOWED_ABSENT, proven=False)
    case.day.deliver(ride.operator, item)


def key_set_unknown(case: Case) -> None:
    """A key version, an index or an algorithm of which no key set exists."""
    ride = case.seal(case.any_ride())
    if case.turn % 3 == 0:
        ride.draft.key_version = 99
    elif case.turn % 3 == 1:
        ride.draft.key_index = 7
    else:
        ride.draft.algorithm ^= 1
    case.day.deliver(ride.operator, case.item(ride, Reason.KEY_SET_UNKNOWN, proven=False))


def counter_reused(case: Case) -> None:
    """A clone: the same counter and balance at another terminal, with a right TAC."""
    ride = case.bus()
    case.send(ride)
    case.pool.offline[case.index] -= 1
    case.pool.balance[case.index] = ride.draft.balance_before_fen
    # The chain itself shows the reuse when the second tap arrives.
    case.day.at(case.moment + 1800, lambda _: case.send(case.bus(1800)))


def visitor_tac_wrong(case: Case) -> None:
    """Another city's card with a wrong TAC: accepted here, refused by its issuer."""
    ride = case.seal(case.any_ride())
    ride.draft.tac = _flip(ride.draft.tac, case.turn)
    case.day.deliver(ride.operator, case.item(ride))


def visitor_not_issued(case: Case) -> None:
    """A card that the other city never issued: accepted here, refused by its issuer."""
    case.send(case.any_ride())


def visitor_torn(case: Case) -> None:
    """Another city's card that left the field too early."""
    ride = case.any_ride()
    ride.draft.tac = b"\xff" * 4
    item: Item = case.item(ride, proven=False)
    item.flags = 1 << Reason.TAC_TORN
    case.day.deliver(ride.operator, item)


def visitor_top_up(case: Case) -> None:
    """A card is topped up in another city: nothing is wrong with it."""
    case.send(case.top_up(5000))
