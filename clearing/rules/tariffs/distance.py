"""Distance bands over a network: the fare of the shortest way, compiled to a matrix."""

import struct
from bisect import bisect_left
from collections.abc import Callable
from typing import Final

import msgspec

from clearing.plan import TariffType
from clearing.rules.document import FEN_MAX, Table
from clearing.rules.networks import UNREACHED, Link, Network
from clearing.rules.tariffs.registry import BOUND_KEYS, Body, Context, bounds

TYPE: Final = "distance"
KEYS: Final = BOUND_KEYS | {
    "bands": "fares by distance, in rising order",
    "apart": "lines with bands of their own: whoever changes to them pays both fares",
    "same_station_fen": "the fare back to the station of entry; absent: that of the first band",
}
BAND_KEYS: Final = {
    "to_m": "longest distance of the band, included; absent in the last band",
    "fare_fen": "the fare",
    "each_m": "last band: length of the steps beyond the band above",
    "add_fen": "last band: what each begun step adds",
}

APART_KEYS: Final = {"lines": "numbers or names of lines", "bands": "their fares by distance"}


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
    regions = _regions(version, network)
    fares = _fares(version, network, regions)
    size = len(network.order)
    same = version.integer_or("same_station_fen", regions[0].fare_of(0))
    for at in range(size):
        fares[at][at] = same
    others = {fare for at, row in enumerate(fares) for fare in row[:at] + row[at + 1 :]} or {same}
    if max(others) > FEN_MAX:
        raise version.error("bands", "A fare is too large.", "Correct the bands.")
    least, most = bounds(version, min(others), max(others))
    return Body(
        TariffType.OD,
        least,
        most,
        stations=tuple(network.order),
        od_fen=b"".join(struct.pack(f"<{size}i", *row) for row in fares),
    )


class _Region(msgspec.Struct, frozen=True):
    """Part of a network with bands of its own. ``touched``: positions of the stations in it."""

    fare_of: Callable[[int], int]
    links: tuple[Link, ...]
    touched: tuple[int, ...]


def _regions(version: Table, network: Network) -> list[_Region]:
    """The common region first, then those of the lines that are priced apart."""
    apart: dict[int, int] = {}
    fares = [_fare_of(version)]
    for row in version.tables("apart") if version.has("apart") else []:
        row.only(APART_KEYS)
        for name in row.values("lines"):
            line = network.lines.expect_name(row, "lines", name, "line").number
            if line in apart:
                raise row.error("lines", "A line is priced apart twice.", "Name each line once.")
            apart[line] = len(fares)
        fares.append(_fare_of(row))
    found = []
    for number, fare_of in enumerate(fares):
        links = tuple(link for link in network.links if apart.get(link.line, 0) == number)
        touched = {end for link in links for end in (link.one, link.other)}
        if number and not touched:
            raise version.error(
                "apart", "A line that is priced apart has no links.", "Give its links the line."
            )
        found.append(_Region(fare_of, links, tuple(sorted(touched))))
    return found


def _fares(version: Table, network: Network, regions: list[_Region]) -> list[list[int]]:
    """Fares between all stations. Whoever changes between regions pays for each of them."""
    whole = network.distances()
    if len(regions) == 1:
        return [_priced(row, regions[0].fare_of) for row in whole]
    parts = [_part(network, region) for region in regions]
    fares = parts[0]
    for part, region in zip(parts[1:], regions[1:], strict=True):
        inside = region.touched
        borders = [at for at in inside if at in set(regions[0].touched)]
        for one in inside:
            for other in inside:
                if fares[one][other] == UNREACHED:
                    fares[one][other] = part[one][other]
        for one in set(inside) - set(borders):
            for other in range(len(fares)):
                if fares[one][other] != UNREACHED or one == other:
                    continue
                ways = [part[one][border] + fares[border][other] for border in borders]
                # Where the other end lies on a line apart that has not had its turn, this is no fare.
                fare = min([*ways, UNREACHED])
                fares[one][other] = fares[other][one] = fare
    if any(fare >= UNREACHED for row in fares for fare in row):
        raise version.error(
            "apart",
            "Lines that are priced apart do not touch the others.",
            "Let each touch a line of the common bands.",
        )
    return fares


def _part(network: Network, region: _Region) -> list[list[int]]:
    return [_priced(row, region.fare_of) for row in network.distances_over(region.links)]


def _priced(row: list[int], fare_of: Callable[[int], int]) -> list[int]:
    known: dict[int, int] = {UNREACHED: UNREACHED}
    for metres in row:
        if metres not in known:
            known[metres] = fare_of(metres)
    return [known[metres] for metres in row]
