"""What a tap costs, in plain Python: the meaning of ``plan.Tariff``.

The reference kernel and quotes use it; the compiled kernel has its own and must agree to the fen.
Money is integer fen throughout.
"""

import struct

import msgspec

from clearing.plan import FOREVER, FareClass, Meter, Rounding, Tariff, TariffType, TransferType
from schemas.codes import TapKind


class Ride(msgspec.Struct, frozen=True):
    """What a price depends on. ``entry_station`` 0 = unknown; gross and distance are claims."""

    kind: int
    line: int
    entry_station: int
    station: int
    gross_fen: int
    distance_m: int
    duration_s: int


def tariff_at(tariffs: tuple[Tariff, ...], kind: int, at_s: int) -> Tariff | None:
    """The tariff that prices a kind at a local second."""
    for tariff in tariffs:
        if tariff.since_s <= at_s < tariff.until_s and tariff.kinds >> kind & 1:
            return tariff
    return None


def _flat(tariff: Tariff, line: int) -> tuple[int, int] | None:
    fares = dict(tariff.flat_fen)
    fare = fares.get(line, fares.get(0))
    return None if fare is None else (fare, fare)


def od_fare(tariff: Tariff, origin: int, destination: int) -> int:
    """The fare of a cell of the matrix, by station numbers; -1 where there is none."""
    try:
        row, column = tariff.stations.index(origin), tariff.stations.index(destination)
    except ValueError:
        return -1
    cell = row * len(tariff.stations) + column
    return int(struct.unpack_from("<i", tariff.od_fen, 4 * cell)[0])


def _od(tariff: Tariff, ride: Ride) -> tuple[int, int] | None:
    if ride.entry_station:
        fare = od_fare(tariff, ride.entry_station, ride.station)
        return None if fare < 0 else (fare, fare)
    column = [od_fare(tariff, origin, ride.station) for origin in tariff.stations]
    known = [fare for fare in column if fare >= 0]
    return (min(known), max(known)) if known else None


def _metered(meter: Meter, ride: Ride) -> tuple[int, int]:
    fare = meter.start_fen
    if ride.distance_m > meter.start_m:
        fare += -(-(ride.distance_m - meter.start_m) // meter.step_m) * meter.step_fen
    if meter.wait_s:
        fare += ride.duration_s // meter.wait_s * meter.wait_fen
    fare = min(fare, FOREVER >> 1)
    return max(fare - meter.tolerance_fen, 0), min(fare + meter.tolerance_fen, FOREVER >> 1)


def gross_bounds(tariff: Tariff, ride: Ride) -> tuple[int, int] | None:
    """Lowest and highest gross fare that the tariff allows for a ride; None where it has none."""
    if ride.kind == TapKind.METRO_SUPPLEMENT:
        return tariff.min_fen, tariff.max_fen
    match tariff.type:
        case TariffType.FLAT:
            return _flat(tariff, ride.line)
        case TariffType.OD:
            return _od(tariff, ride)
        case TariffType.METERED:
            assert tariff.meter is not None
            return _metered(tariff.meter, ride)
        case TariffType.DECLARED:
            fare = min(max(ride.gross_fen, tariff.min_fen), tariff.max_fen)
            fare -= fare % tariff.step_fen
            return fare, fare


def class_of(tariff: Tariff, card_kind: int) -> FareClass | None:
    """The fare class of a card kind: its own, else that of kind 0, else none (full fare)."""
    fallback = None
    for fare_class in tariff.classes:
        if fare_class.card_kind == card_kind:
            return fare_class
        if fare_class.card_kind == 0:
            fallback = fare_class
    return fallback


def discounted(fare_class: FareClass | None, gross_fen: int) -> int:
    """The fare of a class for a gross fare, rounded once as the class declares."""
    if fare_class is None:
        return gross_fen
    mille, lower = 0, 0
    for upper, permille in fare_class.bands:
        if gross_fen > lower:
            mille += (min(gross_fen, upper) - lower) * permille
        lower = upper
    match fare_class.rounding:
        case Rounding.HALF_UP:
            return (mille + 500) // 1000
        case Rounding.DOWN:
            return mille // 1000
        case Rounding.UP:
            return (mille + 999) // 1000


def transferred(tariff: Tariff, fare_fen: int) -> int:
    """The fare of a leg that the transfer discount applies to."""
    match tariff.transfer.type:
        case TransferType.NONE:
            return fare_fen
        case TransferType.AMOUNT_OFF:
            return max(fare_fen - tariff.transfer.value_fen, 0)
        case TransferType.FIXED_PRICE:
            return min(fare_fen, tariff.transfer.value_fen)


class Explanation(msgspec.Struct, frozen=True):
    """How an amount was explained where the card's kind shows only in the amount."""

    fare_fen: int
    plain_fen: int
    unmarked_transfer: bool


def explain_by_amount(tariff: Tariff, gross_fen: int, amount_fen: int, marked: bool) -> Explanation:
    """The first class, and with or without transfer, that gives the amount to the fen.

    A marked transfer is tried with the discount first, an unmarked one without it first. Where
    nothing gives the amount, the first class in that first way is what was to be charged. Where the
    mark claims the discount and the full fare was charged, the fare is still the discounted one: the
    difference is the cardholder's.
    """
    plain = [discounted(fare_class, gross_fen) for fare_class in tariff.classes] or [gross_fen]
    with_transfer = [transferred(tariff, fare) for fare in plain]
    first, second = (with_transfer, plain) if marked else (plain, with_transfer)
    for fares in (first, second):
        if amount_fen in fares:
            index = fares.index(amount_fen)
            if marked:
                return Explanation(with_transfer[index], plain[index], False)
            return Explanation(amount_fen, plain[index], fares is with_transfer)
    return Explanation(first[0], plain[0], False)


def split_fen(amount_fen: int, weights: tuple[int, ...]) -> list[int]:
    """Largest remainder: whole fen in proportion to the weights, ties by position, sum = amount."""
    total = sum(weights)
    parts = [amount_fen * weight // total for weight in weights]
    remainders = [amount_fen * weight % total for weight in weights]
    order = sorted(range(len(weights)), key=lambda i: (-remainders[i], i))
    for i in order[: amount_fen - sum(parts)]:
        parts[i] += 1
    assert sum(parts) == amount_fen
    return parts
