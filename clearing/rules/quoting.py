"""Quotes: what a ride would cost, by the same pricing that judges taps."""

import csv
import struct
from collections.abc import Iterable
from typing import Final

import msgspec

from clearing import pricing
from clearing.errors import ClearingError
from clearing.plan import FareClass, Tariff, TariffType, moment_of
from clearing.pricing import Ride
from clearing.rules.dated import DatedTariff
from clearing.rules.discounts import CARD_KINDS
from clearing.rules.places import Directory
from schemas.codes import CardKind, TapKind

FULL_FARE: Final = "full fare"
"""The class name of a quote without a discount."""

FOREIGN: Final = "foreign"
"""What stands for the card of another city where a card kind is asked for."""


class Quote(msgspec.Struct, frozen=True):
    """What a ride costs: ``gross_fen`` before, ``fare_fen`` after the discount of the class.

    ``rule`` is the tariff's name, ``version`` the ISO time since when this version of it holds.
    A quote knows no card history, so it contains no transfer discount.
    """

    gross_fen: int
    fare_fen: int
    class_name: str
    rule: str
    version: str


class PairFare(msgspec.Struct, frozen=True):
    """One row of ``quote_pairs``: the pair as it was asked for, and the fare."""

    origin: int | str
    destination: int | str
    fare_fen: int


class Claims(msgspec.Struct, frozen=True):
    """What is said of a ride beside its places: for metered and declared tariffs what the device says,
    for others when and on which lines it was. ``entry_at_s`` None = when it ended."""

    gross_fen: int = 0
    distance_m: int = 0
    wait_s: int = 0
    entry_at_s: int | None = None
    line: int | str = 0
    entry_line: int | str = 0
    degraded: bool = False


NO_CLAIMS: Final = Claims()


def _place(directory: Directory, name: int | str, what: str, tariff: str) -> int:
    place = directory.find(name)
    if place is None:
        raise ClearingError(
            f"The tariff {tariff} has no {what} {name!r}.",
            f"Give a number, a Chinese name or an id of a {what} that it has.",
        )
    return place.number


def _line(dated: DatedTariff, name: int | str) -> int:
    """A line by number or name. A number need not be listed: the tariff may price any other line."""
    if isinstance(name, str) and dated.lines.find(name) is None and name.isdecimal():
        return int(name)
    if isinstance(name, int) or not dated.lines.places:
        return name if isinstance(name, int) else 0
    return _place(dated.lines, name, "line", dated.tariff.name)


def class_for(tariff: Tariff, card_kind: CardKind | str | None, ride: Ride) -> FareClass | None:
    """The fare class of a card kind for a ride, or that of the name of a class; None = full fare.

    Raises ``ClearingError`` for a word that is neither.
    """
    if card_kind is None:
        return None
    if isinstance(card_kind, str):
        if card_kind == FOREIGN:
            return pricing.foreign_class(tariff, ride)
        for fare_class in tariff.classes:
            if fare_class.name == card_kind and card_kind not in CARD_KINDS:
                return fare_class
        if card_kind not in CARD_KINDS:
            known = [fare_class.name for fare_class in tariff.classes] + [*CARD_KINDS, FOREIGN]
            raise ClearingError(
                f"There is no card kind {card_kind!r}.",
                f"Use one of {', '.join(dict.fromkeys(known))}.",
            )
        card_kind = CardKind(CARD_KINDS[card_kind])
    return pricing.class_of(tariff, card_kind, ride)


def ride_of(
    dated: DatedTariff, at_s: int, origin: int | str, destination: int | str, claims: Claims
) -> Ride:
    """The ride that a question is about. Raises ``ClearingError`` for a place that is not known."""
    tariff = dated.tariff
    line = entry = station = 0
    if tariff.type is TariffType.OD:
        entry = _place(dated.stations, origin, "station", tariff.name)
        station = _place(dated.stations, destination, "station", tariff.name)
        line = _line(dated, claims.line)
    elif tariff.type is TariffType.FLAT:
        line = _line(dated, origin)
    else:
        line = _line(dated, claims.line)
    return Ride(
        kind=_first_kind(tariff),
        line=line,
        entry_station=entry,
        station=station,
        gross_fen=claims.gross_fen,
        distance_m=claims.distance_m,
        duration_s=claims.wait_s,
        at_s=at_s,
        entry_at_s=at_s if claims.entry_at_s is None else claims.entry_at_s,
        entry_line=_line(dated, claims.entry_line),
        degraded=claims.degraded,
    )


def gross_of(tariff: Tariff, ride: Ride) -> int | None:
    """The gross fare of a ride; None where the tariff has none. A meter's tolerance is for judging devices,
    so it is no part of it."""
    if tariff.meter is not None:
        meter = msgspec.structs.replace(tariff.meter, tolerance_fen=0)
        tariff = msgspec.structs.replace(tariff, meter=meter)
    found = pricing.gross_bounds(tariff, ride)
    return None if found is None else found[0]


def _first_kind(tariff: Tariff) -> int:
    """A kind of tap that the tariff prices, other than a supplement."""
    kinds = tariff.kinds & ~(1 << TapKind.METRO_SUPPLEMENT)
    return (kinds & -kinds).bit_length() - 1 if kinds else TapKind.METRO_TAP_OUT


def quote(
    dated: DatedTariff,
    at_s: int,
    origin: int | str,
    destination: int | str,
    card_kind: CardKind | str | None,
    claims: Claims,
) -> Quote:
    """What one ride costs that ends at a local second.

    Matrix and distance tariffs take two stations, flat ones the line as ``origin``; metered and
    declared ones take ``claims`` and no place. Places are numbers, Chinese names, English names or
    ids. ``card_kind`` is a kind, its word, the name of a class or ``foreign``; None is a single ticket,
    without discount. Raises ``ClearingError`` for a place, pair or kind that is not known.
    """
    tariff = dated.tariff
    ride = ride_of(dated, at_s, origin, destination, claims)
    fare_class = class_for(tariff, card_kind, ride)
    gross = gross_of(tariff, ride)
    if gross is None:
        raise ClearingError(
            f"The tariff {tariff.name} has no fare from {origin!r} to {destination!r}.",
            "Ask for a ride that it prices.",
        )
    return Quote(
        gross,
        pricing.discounted(fare_class, gross),
        fare_class.name if fare_class else FULL_FARE,
        tariff.name,
        moment_of(tariff.since_s).isoformat(),
    )


class _Matrix:
    """All fares of a matrix at one moment for one kind of card, each computed once."""

    def __init__(self, dated: DatedTariff, at_s: int, card_kind: CardKind | str | None) -> None:
        self.tariff, self.card_kind = dated.tariff, card_kind
        self.size = len(self.tariff.stations)
        self.cells = struct.unpack(f"<{self.size * self.size}i", self.tariff.od_fen)
        self._at_s = at_s
        self._classes: dict[int, FareClass | None] = {}
        self._gross: dict[int, int] = {}
        self._fares: dict[tuple[int, int], int] = {}
        # Only a class with stations of its own depends on where the ride begins.
        self._by_origin = any(fare_class.stations for fare_class in self.tariff.classes)
        self._flat = msgspec.structs.replace(
            self.tariff, type=TariffType.FLAT, overstay_s=0, same_station_s=0
        )

    def _ride(self, origin: int) -> Ride:
        kind = _first_kind(self.tariff)
        return Ride(kind, 0, origin, 0, 0, 0, 0, self._at_s, self._at_s)

    def _class_at(self, row: int) -> FareClass | None:
        if row not in self._classes:
            ride = self._ride(self.tariff.stations[row])
            self._classes[row] = class_for(self.tariff, self.card_kind, ride)
        return self._classes[row]

    def _gross_of(self, base_fen: int) -> int:
        if base_fen not in self._gross:
            flat = msgspec.structs.replace(self._flat, flat_fen=((0, base_fen),))
            self._gross[base_fen] = gross_of(flat, self._ride(0)) or 0
        return self._gross[base_fen]

    def fare(self, row: int, column: int) -> int | None:
        """The fare of a cell; None where there is none."""
        base = self.cells[row * self.size + column]
        if base < 0:
            return None
        key = row if self._by_origin else 0, base
        if key not in self._fares:
            self._fares[key] = pricing.discounted(self._class_at(key[0]), self._gross_of(base))
        return self._fares[key]


def quote_pairs(
    dated: DatedTariff,
    at_s: int,
    pairs: Iterable[tuple[int | str, int | str]] | None,
    card_kind: CardKind | str | None,
) -> list[PairFare]:
    """What many rides cost, in order; ``pairs`` None = every pair that has a fare, by ids.

    Raises ``ClearingError`` at the first pair that has no fare.
    """
    tariff = dated.tariff
    if tariff.type is not TariffType.OD:
        if pairs is None:
            raise ClearingError(
                f"The tariff {tariff.name} has no pairs of stations.", "Name the pairs."
            )
        return [
            PairFare(one, other, quote(dated, at_s, one, other, card_kind, NO_CLAIMS).fare_fen)
            for one, other in pairs
        ]
    matrix = _Matrix(dated, at_s, card_kind)
    if pairs is None:
        ids = [place.id for place in dated.stations.places]
        return [
            PairFare(one, other, fare)
            for row, one in enumerate(ids)
            for column, other in enumerate(ids)
            if (fare := matrix.fare(row, column)) is not None
        ]
    order = {number: at for at, number in enumerate(tariff.stations)}
    positions: dict[int | str, int] = {}

    def position(name: int | str) -> int:
        if name not in positions:
            positions[name] = order[_place(dated.stations, name, "station", tariff.name)]
        return positions[name]

    rows: list[PairFare] = []
    for one, other in pairs:
        fare = matrix.fare(position(one), position(other))
        if fare is None:
            raise ClearingError(
                f"The tariff {tariff.name} has no fare from {one!r} to {other!r}.",
                "Leave the pair out, or add its fare to the matrix.",
            )
        rows.append(PairFare(one, other, fare))
    return rows


def read_pairs(text: str, file: str) -> list[tuple[str, str]]:
    """The pairs of a CSV text with columns from and to; other columns are ignored.

    Raises ``ClearingError`` naming the file and the line that does not hold.
    """
    reader = csv.DictReader(text.removeprefix("\ufeff").splitlines())
    if not {"from", "to"} <= set(reader.fieldnames or ()):
        raise ClearingError(
            f"{file} has no columns from and to.", "Begin it with a header line: from,to"
        )
    pairs: list[tuple[str, str]] = []
    for row in reader:
        one, other = (row["from"] or "").strip(), (row["to"] or "").strip()
        if not one or not other:
            raise ClearingError(
                f"{file}:{reader.line_num}: a station is missing.", "Give from and to in each row."
            )
        pairs.append((one, other))
    return pairs
