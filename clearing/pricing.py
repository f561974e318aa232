"""What a tap costs, in plain Python: the meaning of ``fares.Tariff`` and ``fares.Split``.

The reference kernel and quotes use it; the compiled kernel has its own and must agree to the fen.
Money is integer fen throughout. A price is found in a fixed order: the gross fare (``clearing.gross``),
then what the class of the card, a transfer and an accumulation leave of it, each rounded once as it
declares.
"""

import struct

import msgspec

from clearing.fares import (
    Accumulation,
    Bearer,
    FareClass,
    Rounding,
    Split,
    Tariff,
    Transfer,
    TransferType,
)
from clearing.gross import (
    Ride,
    day_kind,
    gross_bounds,
    hours_hold,
    od_fare,
    surcharge_applies,
    tariff_at,
)

__all__ = [
    "Explanation",
    "Net",
    "Ride",
    "accumulated",
    "class_applies",
    "class_of",
    "day_kind",
    "discounted",
    "explain_by_amount",
    "foreign_class",
    "gross_bounds",
    "hours_hold",
    "net",
    "nets_of_price",
    "od_fare",
    "shares_of_pair",
    "split_at",
    "split_fen",
    "surcharge_applies",
    "tariff_at",
    "transferred",
]


def _rounded(mille: int, rounding: Rounding) -> int:
    """Thousandths of a fen as whole fen."""
    match rounding:
        case Rounding.HALF_UP:
            return (mille + 500) // 1000
        case Rounding.DOWN:
            return mille // 1000
        case Rounding.UP:
            return (mille + 999) // 1000


def class_applies(tariff: Tariff, fare_class: FareClass, ride: Ride | None) -> bool:
    """Whether a class has the ride's hours and station of entry. Without a ride: whether it asks for none."""
    if ride is None:
        return not fare_class.hours and not fare_class.stations
    at_station = not fare_class.stations or ride.entry_station in fare_class.stations
    return at_station and hours_hold(tariff, fare_class.hours, ride)


def class_of(tariff: Tariff, card_kind: int, ride: Ride | None = None) -> FareClass | None:
    """The fare class of a card kind: the first of its own that applies, else the first of kind 0 that
    does, else none (full fare)."""
    for kind in (card_kind, 0):
        for fare_class in tariff.classes:
            if fare_class.card_kind == kind and class_applies(tariff, fare_class, ride):
                return fare_class
    return None


def foreign_class(tariff: Tariff, ride: Ride) -> FareClass | None:
    """The fare class of other cities' cards, where the tariff names one that applies."""
    if tariff.foreign_class < 0:
        return None
    fare_class = tariff.classes[tariff.foreign_class]
    return fare_class if class_applies(tariff, fare_class, ride) else None


def discounted(fare_class: FareClass | None, gross_fen: int) -> int:
    """The fare of a class for a gross fare, rounded once as the class declares."""
    if fare_class is None:
        return gross_fen
    mille, lower = 0, 0
    for upper, permille in fare_class.bands:
        if gross_fen > lower:
            mille += (min(gross_fen, upper) - lower) * permille
        lower = upper
    return _rounded(mille, fare_class.rounding)


def transferred(tariff: Tariff, fare_fen: int) -> int:
    """The fare of a leg that the transfer discount applies to."""
    transfer: Transfer = tariff.transfer
    match transfer.type:
        case TransferType.NONE:
            return fare_fen
        case TransferType.AMOUNT_OFF:
            return max(fare_fen - transfer.value_fen, 0)
        case TransferType.FIXED_PRICE:
            return min(fare_fen, transfer.value_fen)
        case TransferType.PER_MILLE:
            return _rounded(fare_fen * transfer.value_fen, transfer.rounding)
        case TransferType.FREE:
            return 0


def accumulated(accumulation: Accumulation, spent_fen: int, fare_fen: int) -> int:
    """The fare of a card that has paid ``spent_fen`` in the period so far."""
    per_mille = 1000
    for from_fen, tier_per_mille in accumulation.tiers:
        if spent_fen >= from_fen:
            per_mille = tier_per_mille
    fare = _rounded(fare_fen * per_mille, accumulation.rounding)
    if accumulation.cap_fen:
        fare = min(fare, max(accumulation.cap_fen - spent_fen, 0))
    return fare


class Net(msgspec.Struct, frozen=True):
    """What is left of a gross fare after each step. A step that takes nothing off leaves it as it was."""

    gross_fen: int
    class_fen: int
    transfer_fen: int
    fare_fen: int
    subsidies: dict[Bearer, int]
    """What others than the operator bear, fen."""


def net(
    tariff: Tariff,
    gross_fen: int,
    fare_class: FareClass | None,
    *,
    transfer: bool = False,
    spent_fen: int | None = None,
) -> Net:
    """From the gross fare to what is paid. ``transfer``: the discount applies; ``spent_fen``: what the card
    has paid in the period of the tariff's accumulation, None where it gets no such discount."""
    class_fen = discounted(fare_class, gross_fen)
    transfer_fen = transferred(tariff, class_fen) if transfer else class_fen
    fare_fen = transfer_fen
    accumulation = tariff.accumulation
    if accumulation is not None and spent_fen is not None:
        fare_fen = accumulated(accumulation, spent_fen, transfer_fen)
    return _net(tariff, fare_class, gross_fen, class_fen, transfer_fen, fare_fen)


def _net(
    tariff: Tariff,
    fare_class: FareClass | None,
    gross_fen: int,
    class_fen: int,
    transfer_fen: int,
    fare_fen: int,
) -> Net:
    subsidies = {Bearer.ISSUER: 0, Bearer.BUDGET: 0}
    for bearer, fen in (
        (fare_class.bearer if fare_class else Bearer.OPERATOR, gross_fen - class_fen),
        (tariff.transfer.bearer, class_fen - transfer_fen),
        (
            tariff.accumulation.bearer if tariff.accumulation else Bearer.OPERATOR,
            transfer_fen - fare_fen,
        ),
    ):
        if bearer is not Bearer.OPERATOR:
            subsidies[bearer] += fen
    return Net(gross_fen, class_fen, transfer_fen, fare_fen, subsidies)


def nets_of_price(
    tariff: Tariff, gross_fen: int, fare_class: FareClass | None, priced_fen: int
) -> tuple[Net, ...]:
    """The ways to a price that was found when more was known of the card than its record says, the likeliest first.

    What the class does not explain was taken off by the transfer, as far as that goes, then by the
    accumulation; a price that the transfer would have made lower was made by the accumulation alone, and
    so may any other have been.
    """
    class_fen = discounted(fare_class, gross_fen)
    priced_fen = min(priced_fen, class_fen)
    transfer_fen = transferred(tariff, class_fen)
    if tariff.accumulation is None:
        after: tuple[int, ...] = (priced_fen,)
    elif priced_fen > transfer_fen:
        after = (class_fen,)
    else:
        after = (transfer_fen, class_fen)
    return tuple(_net(tariff, fare_class, gross_fen, class_fen, each, priced_fen) for each in after)


class Explanation(msgspec.Struct, frozen=True):
    """How an amount was explained where the card's kind shows only in the amount."""

    fare_fen: int
    plain_fen: int
    unmarked_transfer: bool


def explain_by_amount(
    tariff: Tariff, gross_fen: int, amount_fen: int, marked: bool, ride: Ride | None = None
) -> Explanation:
    """The first class that applies, and with or without transfer, that gives the amount to the fen.

    A marked transfer is tried with the discount first, an unmarked one without it first. Where
    nothing gives the amount, the first class in that first way is what was to be charged. Where the
    mark claims the discount and the full fare was charged, the fare is still the discounted one: the
    difference is the cardholder's.
    """
    classes = [row for row in tariff.classes if class_applies(tariff, row, ride)]
    plain = [discounted(fare_class, gross_fen) for fare_class in classes] or [gross_fen]
    with_transfer = [transferred(tariff, fare) for fare in plain]
    first, second = (with_transfer, plain) if marked else (plain, with_transfer)
    for fares in (first, second):
        if amount_fen in fares:
            index = fares.index(amount_fen)
            if marked:
                return Explanation(with_transfer[index], plain[index], False)
            return Explanation(amount_fen, plain[index], fares is with_transfer)
    return Explanation(first[0], plain[0], False)


# -- who gets it -------------------------------------------------------------------------------------


def split_at(
    splits: tuple[Split, ...], at_s: int, entry_station: int, station: int
) -> tuple[tuple[int, int], ...]:
    """(account, weight) of the split in force at a local second; none where there is none.

    ``entry_station`` is the record's own, 0 where it states none: what a card's line knows beside is not
    stored with the tap, and whoever checks a share later must find the same.
    """
    for split in splits:
        if split.since_s <= at_s < split.until_s:
            return shares_of_pair(split, entry_station, station)
    return ()


def shares_of_pair(split: Split, entry_station: int, station: int) -> tuple[tuple[int, int], ...]:
    """(account, weight) for a ride between two stations; the plain weights where the pair has none."""
    stations, count = split.stations, len(split.shares)
    if not entry_station or entry_station not in stations or station not in stations:
        return split.shares
    pair = stations.index(entry_station) * len(stations) + stations.index(station)
    weights = struct.unpack_from(f"<{count}I", split.weights, 4 * count * pair)
    if not any(weights):
        return split.shares
    return tuple(
        (account, weight) for (account, _), weight in zip(split.shares, weights, strict=True)
    )


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
