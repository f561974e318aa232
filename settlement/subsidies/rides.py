"""One subsidised ride: found again from its record, the kind of card as issued, and the tariff in force.

What the device charged or claimed plays no part: the subsidy is what our tariff's class, transfer and
accumulation take off the tariff's own gross fare.
"""

from collections.abc import Iterator, Mapping
from typing import Final

import msgspec

from clearing import bearers, cards, pricing, rides
from clearing.bearers import Borne, Price
from clearing.plan import Bearer, FareClass, Plan, Tariff
from clearing.store import Connection, read_card_lines
from schemas import record
from schemas.codes import CardKind
from settlement.context import Context
from settlement.store.subsidies import SubsidisedTap

UNEXPLAINED: Final = "?"
"""The class of a ride whose subsidy no class gives."""
_CARD_KIND: Final = record.OFFSET["card_kind"]
_CARDS_AT_ONCE: Final = 20_000


class SubsidisedRide(msgspec.Struct, frozen=True, kw_only=True):
    """A ride of the claim, fen. ``card`` is masked.

    ``entry`` names the entry of a later date that gave the subsidy, or took some of it back; it is empty
    where the ride was subsidised with its own batch. ``rides`` is 1, or 0 for a correction of a ride
    that was claimed before; gross, fare and paid are then none, since they were told before.
    """

    batch_seq: int
    row: int
    entry: str
    operator: int
    rules_version: int
    tariff: str
    fare_class: str
    card: str
    card_kind: str
    tapped_at: str
    rides: int
    gross_fen: int
    fare_fen: int
    paid_fen: int
    subsidy_fen: int
    budget_fen: int
    issuer_fen: int


class Worked(msgspec.Struct, frozen=True):
    """How a ride's subsidy is found. ``why_not``: what does not follow from record and rules."""

    tariff: str
    fare_class: str
    budget_fen: int
    issuer_fen: int
    why_not: tuple[tuple[str, str, str], ...] = ()
    """(what, expected, actual)."""


class Worker:
    """Works rides out by one plan. ``audit``: also whether gross fare and price follow from the record."""

    def __init__(self, plan: Plan, *, audit: bool) -> None:
        self._tariffs = {row.number: row.tariffs for row in plan.operators}
        self._audit = audit
        self._known: dict[tuple[int, ...], Borne | None] = {}

    def work_out(self, tap: SubsidisedTap, card_kind: int) -> Worked:
        """A ride worked out again: by the class of its card that gives its subsidy (``clearing.bearers``)."""
        tariff = pricing.tariff_at(self._tariffs.get(tap.operator_no, ()), tap.kind, tap.tapped_s)
        if tariff is None:
            return Worked(
                "", UNEXPLAINED, tap.subsidy_fen, 0, (("tariff", "one in force", "none"),)
            )
        why_not = list(_gross(tariff, tap)) if self._audit else []
        found = self._found(tariff, tap, card_kind)
        if found is None:
            why_not.append(_subsidy(tariff, tap, card_kind))
            return Worked(tariff.name, UNEXPLAINED, tap.subsidy_fen, 0, tuple(why_not))
        fare_class, subsidies = found.fare_class, found.subsidies
        if self._audit:
            why_not += _fare(tariff, fare_class, tap)
        return Worked(
            tariff.name,
            fare_class.name if fare_class else "",
            subsidies[Bearer.BUDGET],
            subsidies[Bearer.ISSUER],
            tuple(why_not),
        )

    def _found(self, tariff: Tariff, tap: SubsidisedTap, card_kind: int) -> Borne | None:
        """Class and bearers; where no class asks for hours or stations, the sums alone decide."""
        price = Price(tap.gross_fen, tap.priced_fen)
        if bearers.depends_on_ride(tariff):
            ride = rides.ride_of(tap.record)
            return bearers.borne(tariff, card_kind, ride, price, tap.subsidy_fen)
        key = (id(tariff), card_kind, tap.gross_fen, tap.priced_fen, tap.subsidy_fen)
        if key not in self._known:
            self._known[key] = bearers.borne(tariff, card_kind, None, price, tap.subsidy_fen)
        return self._known[key]


def _subsidy(tariff: Tariff, tap: SubsidisedTap, card_kind: int) -> tuple[str, str, str]:
    price = Price(tap.gross_fen, tap.priced_fen)
    found = bearers.borne(tariff, card_kind, rides.ride_of(tap.record), price)
    expected = sum(found.subsidies.values()) if found is not None else 0
    return "subsidy_fen", str(expected), str(tap.subsidy_fen)


def _gross(tariff: Tariff, tap: SubsidisedTap) -> Iterator[tuple[str, str, str]]:
    ride = rides.ride_of(tap.record)
    bounds = pricing.gross_bounds(tariff, ride)
    if bounds is None:
        yield "gross_fen", "none", str(tap.gross_fen)
    elif (ride.entry_station or ride.kind not in rides.TAPS_OUT) and not bounds[
        0
    ] <= tap.gross_fen <= bounds[1]:
        low, high = bounds
        yield "gross_fen", str(low) if low == high else f"{low} to {high}", str(tap.gross_fen)


def _fare(
    tariff: Tariff, fare_class: FareClass | None, tap: SubsidisedTap
) -> Iterator[tuple[str, str, str]]:
    """The price is that of the class, or less by a transfer; an accumulation takes off what it may."""
    whole = pricing.discounted(fare_class, tap.gross_fen)
    fares = {whole, pricing.transferred(tariff, whole)}
    if tariff.accumulation is None and tap.priced_fen not in fares:
        yield "fare_fen", " or ".join(map(str, sorted(fares))), str(tap.priced_fen)


# -- many of them --------------------------------------------------------------------------------


async def kinds_as_issued(connection: Connection, taps: list[SubsidisedTap]) -> Mapping[bytes, int]:
    """The kinds of the taps' cards that the issuer's registry has."""
    wanted = sorted({tap.record[record.CARD] for tap in taps})
    found: dict[bytes, int] = {}
    for at in range(0, len(wanted), _CARDS_AT_ONCE):
        lines = await read_card_lines(connection, wanted[at : at + _CARDS_AT_ONCE])
        found |= {card: cards.unpack(line).card_kind for card, line in lines.items()}
    return found


def kind_of(tap: SubsidisedTap, kinds: Mapping[bytes, int]) -> int:
    """The kind that the issuer issued; the record's where it keeps no list of cards."""
    return kinds.get(tap.record[record.CARD], tap.record[_CARD_KIND])


def kind_name(kind: int) -> str:
    """A card kind as rules call it."""
    return CardKind(kind).name.lower() if kind in set(CardKind) else str(kind)


async def work_out(
    connection: Connection, context: Context, taps: list[SubsidisedTap], *, audit: bool = False
) -> list[tuple[SubsidisedTap, int, Worked]]:
    """Each tap with its card's kind and how its subsidy is found."""
    kinds = await kinds_as_issued(connection, taps)
    workers: dict[tuple[int, int], Worker] = {}
    found = []
    for tap in taps:
        versions = tap.rules_version, tap.registry_version
        if versions not in workers:
            plan = await context.plans.plan(connection, *versions)
            workers[versions] = Worker(plan, audit=audit)
        kind = kind_of(tap, kinds)
        found.append((tap, kind, workers[versions].work_out(tap, kind)))
    return found
