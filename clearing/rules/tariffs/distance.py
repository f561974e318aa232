"""Distance bands over a network: the fare of the shortest way, compiled to a matrix."""

import struct
from bisect import bisect_left
from collections.abc import Callable
from typing import Final

from clearing.plan import TariffType
from clearing.rules.document import FEN_MAX, Table
from clearing.rules.tariffs.registry import BOUND_KEYS, Body, Context, bounds

TYPE: Final = "distance"
KEYS: Final = BOUND_KEYS | {
    "bands": "fares by distance, in rising order",
    "same_station_fen": "the fare back to the station of entry; absent: that of the first band",
}
BAND_KEYS: Final = {
    "to_m": "longest distance of the band, included; absent in the last band",
    "fare_fen": "the fare",
    "each_m": "last band: length of the steps beyond the band above",
    "add_fen": "last band: what each begun step adds",
}


def _fare_of(version: Table) -> Callable[[int], int]:
    rows = version.tables("bands")
    bounds_m: list[int] = []
    fares: list[int] = []
    for row in rows[:-1]:
        row.only(BAND_KEYS)
        upper, fare = row.integer("to_m", 1), row.integer("fare_fen")
        if bounds_m and upper <= bounds_m[-1]:
            raise row.error(
                "to_m",
                f"The band to {upper} m is never reached: the one above it ends at {bounds_m[-1]} m.",
                "Write bands in rising order of to_m.",
            )
        _rises(row, fare, fares)
        bounds_m.append(upper)
        fares.append(fare)
    last = rows[-1]
    last.only(BAND_KEYS)
    if last.has("to_m"):
        raise last.error(
            "to_m",
            "The last band is not open: longer ways would have no fare.",
            "Leave to_m out of the last band; give it fare_fen, or each_m and add_fen.",
        )
    if last.has("each_m"):
        if not bounds_m:
            raise last.error(
                "each_m", "The steps follow no band.", "Put a band with to_m and fare_fen above."
            )
        start, base = bounds_m[-1], fares[-1]
        each, add = last.integer("each_m", 1), last.integer("add_fen")
        return lambda metres: (
            fares[bisect_left(bounds_m, metres)]
            if metres <= start
            else base + -(-(metres - start) // each) * add
        )
    fare = last.integer("fare_fen")
    _rises(last, fare, fares)
    fares.append(fare)
    return lambda metres: fares[bisect_left(bounds_m, metres)]


def _rises(row: Table, fare: int, fares: list[int]) -> None:
    if fares and fare < fares[-1]:
        raise row.error(
            "fare_fen",
            f"A longer way costs {fare} fen, less than the {fares[-1]} fen of the band above.",
            "Correct the fare: it cannot fall with distance.",
        )


def build(version: Table, context: Context) -> Body:
    """Compile bands over a network to a matrix of fares by station numbers."""
    network = context.needed(version, "stations")
    fare_of = _fare_of(version)
    same = version.integer_or("same_station_fen", fare_of(0))
    fares_by_metres: dict[int, int] = {}
    cells: list[int] = []
    for origin, row in enumerate(network.distances()):
        for metres in row:
            fare = fares_by_metres.get(metres)
            if fare is None:
                fare = fares_by_metres[metres] = fare_of(metres)
                if fare > FEN_MAX:
                    raise version.error("bands", "A fare is too large.", "Correct the bands.")
            cells.append(fare)
        cells[len(network.order) * origin + origin] = same
    least, most = bounds(version, min(fares_by_metres.values()), max(fares_by_metres.values()))
    return Body(
        TariffType.OD,
        least,
        most,
        stations=tuple(network.order),
        od_fen=struct.pack(f"<{len(cells)}i", *cells),
    )
