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
    """What a device says of a ride that no network knows: for metered and declared tariffs."""

    gross_fen: int = 0
    distance_m: int = 0
    wait_s: int = 0


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


def _class(tariff: Tariff, card_kind: CardKind | str | None) -> FareClass | None:
    """The fare class of a card kind, or of the name of a class; None = full fare."""
    if card_kind is None:
        return None
    if isinstance(card_kind, str):
        for fare_class in tariff.classes:
            if fare_class.name == card_kind:
                return fare_class
        if card_kind not in CARD_KINDS:
            known = [fare_class.name for fare_class in tariff.classes] + list(CARD_KINDS)
            raise ClearingError(
                f"There is no card kind {card_kind!r}.",
                f"Use one of {', '.join(dict.fromkeys(known))}.",
            )
        card_kind = CardKind(CARD_KINDS[card_kind])
    return pricing.class_of(tariff, card_kind)


def _gross(dated: DatedTariff, origin: int | str, destination: int | str, claims: Claims) -> int:
    tariff = dated.tariff
    line = entry = station = 0
    if tariff.type is TariffType.OD:
        entry = _place(dated.stations, origin, "station", tariff.name)
        station = _place(dated.stations, destination, "station", tariff.name)
    elif tariff.type is TariffType.FLAT:
        line = _line(dated, origin)
    elif tariff.type is TariffType.METERED:
        assert tariff.meter is not None
        # A quote is the meter's own fare; the tolerance is for judging devices.
        tariff = msgspec.structs.replace(
            tariff, meter=msgspec.structs.replace(tariff.meter, tolerance_fen=0)
        )
    ride = Ride(
        kind=_first_kind(tariff),
        line=line,
        entry_station=entry,
        station=station,
        gross_fen=claims.gross_fen,
        distance_m=claims.distance_m,
        duration_s=claims.wait_s,
    )
    found = pricing.gross_bounds(tariff, ride)
    if found is None:
        raise ClearingError(
            f"The tariff {tariff.name} has no fare from {origin!r} to {destination!r}.",
            "Ask for a ride that it prices.",
        )
    return found[0]


def _first_kind(tariff: Tariff) -> int:
    """A kind of tap that the tariff prices, other than a supplement."""
    kinds = tariff.kinds & ~(1 << TapKind.METRO_SUPPLEMENT)
    return (kinds & -kinds).bit_length() - 1 if kinds else TapKind.METRO_TAP_OUT


def quote(
    dated: DatedTariff,
    origin: int | str,
    destination: int | str,
    card_kind: CardKind | str | None,
    claims: Claims,
) -> Quote:
    """What one ride costs.

    Matrix and distance tariffs take two stations, flat ones the line as ``origin``; metered and
    declared ones take ``claims`` and no place. Places are numbers, Chinese names, English names or
    ids. ``card_kind`` is a kind, its word or the name of a class; None is a single ticket, without
    discount. Raises ``ClearingError`` for a place, pair or kind that is not known.
    """
    tariff = dated.tariff
    fare_class = _class(tariff, card_kind)
    gross = _gross(dated, origin, destination, claims)
    return Quote(
        gross,
        pricing.discounted(fare_class, gross),
        fare_class.name if fare_class else FULL_FARE,
        tariff.name,
        moment_of(tariff.since_s).isoformat(),
    )


def quote_pairs(
    dated: DatedTariff,
    pairs: Iterable[tuple[int | str, int | str]] | None,
    card_kind: CardKind | str | None,
) -> list[PairFare]:
    """What many rides cost, in order; ``pairs`` None = every pair that has a fare, by ids.

    Raises ``ClearingError`` at the first pair that has no fare.
    """
    tariff = dated.tariff
    fare_class = _class(tariff, card_kind)
    if tariff.type is not TariffType.OD:
        if pairs is None:
            raise ClearingError(
                f"The tariff {tariff.name} has no pairs of stations.", "Name the pairs."
            )
        return [
            PairFare(one, other, quote(dated, one, other, card_kind, NO_CLAIMS).fare_fen)
            for one, other in pairs
        ]
    size = len(tariff.stations)
    cells = struct.unpack(f"<{size * size}i", tariff.od_fen)
    order = {number: at for at, number in enumerate(tariff.stations)}
    fares = {gross: pricing.discounted(fare_class, gross) for gross in set(cells) if gross >= 0}
    if pairs is None:
        ids = [place.id for place in dated.stations.places]
        return [
            PairFare(ids[at // size], ids[at % size], fares[gross])
            for at, gross in enumerate(cells)
            if gross >= 0
        ]
    numbers: dict[int | str, int] = {}

    def position(name: int | str) -> int:
        if name not in numbers:
            numbers[name] = order[_place(dated.stations, name, "station", tariff.name)]
        return numbers[name]

    rows: list[PairFare] = []
    for one, other in pairs:
        gross = cells[position(one) * size + position(other)]
        if gross < 0:
            raise ClearingError(
                f"The tariff {tariff.name} has no fare from {one!r} to {other!r}.",
                "Leave the pair out, or add its fare to the matrix.",
            )
        rows.append(PairFare(one, other, fares[gross]))
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
