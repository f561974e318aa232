"""What a ride costs before any discount: the meaning of a tariff's days, hours, bases and surcharges.

``clearing.pricing`` has all of it under its own name, and what comes after the gross fare.
"""

import struct
from typing import Final

import msgspec

from clearing.fares import (
    FOREVER,
    Basis,
    DayKind,
    Degraded,
    Hours,
    Meter,
    MissingEntry,
    Surcharge,
    Tariff,
    TariffType,
)
from schemas.codes import TapKind

FEN_MAX: Final = FOREVER >> 1
DAY_S: Final = 86_400


class Ride(msgspec.Struct, frozen=True):
    """What a price depends on. ``entry_station`` 0 = unknown; gross and distance are claims.

    ``at_s`` and ``entry_at_s`` are local seconds, the latter None where nobody knows when, or whether, the
    ride had an entry. ``entry_line`` 0 = unknown.
    """

    kind: int
    line: int
    entry_station: int
    station: int
    gross_fen: int
    distance_m: int
    duration_s: int
    at_s: int = 0
    entry_at_s: int | None = None
    entry_line: int = 0
    degraded: bool = False


def tariff_at(tariffs: tuple[Tariff, ...], kind: int, at_s: int) -> Tariff | None:
    """The tariff that prices a kind at a local second."""
    for tariff in tariffs:
        if tariff.since_s <= at_s < tariff.until_s and tariff.kinds >> kind & 1:
            return tariff
    return None


# -- days and hours ----------------------------------------------------------------------------------


def day_kind(tariff: Tariff, day: int) -> DayKind:
    """What the tariff's calendar says of a local day; the days of the week, where it says nothing."""
    at = day - tariff.calendar_from
    if 0 <= at < len(tariff.calendar):
        return DayKind(tariff.calendar[at])
    # 2000-01-01 was a Saturday.
    return DayKind.WORKDAY if (day + 5) % 7 < 5 else DayKind.REST_DAY


def hours_hold(tariff: Tariff, hours: tuple[Hours, ...], ride: Ride) -> bool:
    """Whether one of the hours holds; no hours always do."""
    return not hours or any(_holds(tariff, part, ride) for part in hours)


def _holds(tariff: Tariff, part: Hours, ride: Ride) -> bool:
    moment = ride.entry_at_s if part.basis is Basis.ENTRY else ride.at_s
    if moment is None or not part.from_s <= moment % DAY_S < part.to_s:
        return False
    return bool(part.days >> day_kind(tariff, moment // DAY_S) & 1)


# -- the gross fare ----------------------------------------------------------------------------------


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
    fare = min(fare, FEN_MAX)
    return max(fare - meter.tolerance_fen, 0), min(fare + meter.tolerance_fen, FEN_MAX)


def _base_bounds(tariff: Tariff, ride: Ride) -> tuple[int, int] | None:
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


def gross_bounds(tariff: Tariff, ride: Ride) -> tuple[int, int] | None:
    """Lowest and highest gross fare that the tariff allows for a ride; None where it has none.

    A ride that took too long, or whose entry is not known where the tariff has a fare for that, costs that
    fare and no surcharge. A declared fare has its surcharges in it.
    """
    if ride.kind == TapKind.METRO_SUPPLEMENT:
        return tariff.min_fen, tariff.max_fen
    if ride.degraded and tariff.degraded is not Degraded.AS_CHARGED:
        fare = tariff.degraded_fen if tariff.degraded is Degraded.FLAT else 0
        return fare, fare
    base = _base_bounds(tariff, ride)
    if base is None:
        return None
    fixed = _late_fen(tariff, ride)
    if fixed is None and tariff.type is TariffType.OD and not ride.entry_station:
        fixed = {MissingEntry.TOP: tariff.max_fen, MissingEntry.MINIMUM: tariff.min_fen}.get(
            tariff.missing_entry
        )
    if fixed is not None:
        return fixed, fixed
    if tariff.type is TariffType.DECLARED:
        return base
    return _surcharged(tariff, ride, base[0]), _surcharged(tariff, ride, base[1])


def _late_fen(tariff: Tariff, ride: Ride) -> int | None:
    """What a ride costs that took too long; None where it did not, or nobody knows."""
    if ride.entry_at_s is None:
        return None
    stay_s = ride.at_s - ride.entry_at_s
    if 0 < tariff.overstay_s < stay_s:
        return tariff.overstay_fen
    same_station = ride.entry_station != 0 and ride.entry_station == ride.station
    if same_station and 0 < tariff.same_station_s < stay_s:
        return tariff.same_station_late_fen
    return None


def _surcharged(tariff: Tariff, ride: Ride, base_fen: int) -> int:
    fare = base_fen
    for surcharge in tariff.surcharges:
        if surcharge_applies(tariff, surcharge, ride):
            extra = surcharge.add_fen + (base_fen * surcharge.per_mille + 500) // 1000
            fare = min(fare + extra, FEN_MAX)
    return fare


def surcharge_applies(tariff: Tariff, surcharge: Surcharge, ride: Ride) -> bool:
    """Whether a surcharge is on the ride's lines and in its hours."""
    lines = surcharge.lines
    on_line = not lines or ride.line in lines or (ride.entry_line != 0 and ride.entry_line in lines)
    return on_line and hours_hold(tariff, surcharge.hours, ride)
