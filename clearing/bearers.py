"""Who bears what a fare is below its gross fare, found again from a stored tap: only the sum is stored.

The kernels know the entry of a ride from the card's line where the record does not state it, and which class
of fares applies may depend on it. Whoever asks later has the record, the price and, of an accepted tap, the sum
of its subsidies, and takes the class that leads to them. Rules whose sums could not be told apart
are refused when they are read (``clearing.rules.untold``). Everybody asks here, so that a claim, a release, a
correction and an explanation name the same bearer.
"""

from collections.abc import Iterator
from typing import Final

import msgspec

from clearing import pricing
from clearing.fares import Basis, Bearer, Degraded, FareClass, Tariff
from clearing.plan import Operator
from clearing.pricing import Ride
from schemas.codes import Check, TapKind

_TAPS_IN: Final = frozenset({TapKind.BUS_TAP_IN, TapKind.METRO_TAP_IN})


class Price(msgspec.Struct, frozen=True):
    """What a tap was judged by, fen: before discounts as our tariff has it, after them."""

    gross_fen: int
    fare_fen: int


class Borne(msgspec.Struct, frozen=True):
    """The class of a ride (None: full fare), and what others than the operator bear, fen."""

    fare_class: FareClass | None
    subsidies: dict[Bearer, int]


def depends_on_ride(tariff: Tariff) -> bool:
    """Whether more than the card decides which class applies."""
    return any(row.hours or row.stations for row in tariff.classes)


def borne(
    tariff: Tariff, card_kind: int, ride: Ride | None, price: Price, subsidy_fen: int | None = None
) -> Borne | None:
    """The class that led to a price, and to a sum of subsidies where that is known.

    ``card_kind`` as issued; ``ride`` may be left out where ``depends_on_ride`` does not hold. None: no class of
    this card gives that sum. Where the sum is not known and nothing gives the price, the class of the record
    is taken.
    """
    found = [
        Borne(each, net.subsidies)
        for each in _classes(tariff, card_kind, ride)
        for net in pricing.nets_of_price(tariff, price.gross_fen, each, price.fare_fen)
    ]
    if subsidy_fen is not None:
        found = [each for each in found if sum(each.subsidies.values()) == subsidy_fen]
    priced = (each for each in found if _leads_to(tariff, each.fare_class, price))
    return next(priced, found[0] if found else None)


def borne_when_accepted(
    operator: Operator, checks: int, card_kind: int, ride: Ride, price: Price
) -> dict[Bearer, int]:
    """What others than the operator would bear of an own card's ride that was not accepted, if it is now.

    ``operator`` as in the plan that the price follows from; ``checks``: what its batch was held to.
    """
    tariff = pricing.tariff_at(operator.tariffs, ride.kind, ride.at_s)
    if ride.kind in _TAPS_IN or not checks & Check.TARIFF or tariff is None or tariff.by_amount:
        return {}
    if ride.degraded and tariff.degraded is Degraded.AS_CHARGED:
        return {}
    found = borne(tariff, card_kind, ride, price)
    assert found is not None, "without a sum there is a class, or full fare"
    return {bearer: fen for bearer, fen in found.subsidies.items() if fen}


def _classes(tariff: Tariff, card_kind: int, ride: Ride | None) -> Iterator[FareClass | None]:
    """The class of the record; then every other one that an entry may lead to which the record does not state."""
    found = pricing.class_of(tariff, card_kind, ride)
    yield found
    if ride is not None:
        yield from (each for each in _possible(tariff, card_kind, ride) if each is not found)


def _possible(tariff: Tariff, card_kind: int, ride: Ride) -> Iterator[FareClass | None]:
    """In the order of the tariff, up to the first class that applies whatever the entry was."""
    for kind in (card_kind, 0):
        for row in tariff.classes:
            if row.card_kind == kind and _may_apply(tariff, row, ride):
                yield row
                if pricing.class_applies(tariff, row, ride):
                    return
    yield None


def _may_apply(tariff: Tariff, row: FareClass, ride: Ride) -> bool:
    """Whether a class applies, or would to a ride of another entry where the record does not state one."""
    station = ride.entry_station in row.stations or not (row.stations and ride.entry_station)
    by_entry = ride.entry_at_s is None and any(part.basis is Basis.ENTRY for part in row.hours)
    return station and (by_entry or pricing.hours_hold(tariff, row.hours, ride))


def _leads_to(tariff: Tariff, fare_class: FareClass | None, price: Price) -> bool:
    """Whether a price is that of a class, or less by a transfer; an accumulation takes off what it may."""
    whole = pricing.discounted(fare_class, price.gross_fen)
    if tariff.accumulation is not None:
        return price.fare_fen <= whole
    return price.fare_fen in (whole, pricing.transferred(tariff, whole))
