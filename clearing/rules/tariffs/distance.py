"""Distance bands over a network: the fare of the shortest way, compiled to a matrix."""

import struct
from typing import Final

import msgspec

from clearing.plan import TariffType
from clearing.rules.bands import METRES, FareOf, read_bands, tell_bands
from clearing.rules.document import FEN_MAX, Table
from clearing.rules.networks import UNREACHED, Link, Network
from clearing.rules.tariffs.registry import BOUND_KEYS, Body, Context, bounds, same_station
from clearing.rules.words import Said

TYPE: Final = "distance"
KEYS: Final = BOUND_KEYS | {
    "bands": "fares by distance, in rising order",
    "apart": "lines with bands of their own: whoever changes to them pays both fares",
    "same_station_fen": "the fare back to the station of entry; absent: that of the first band",
}
BAND_KEYS: Final = METRES.keys()
APART_KEYS: Final = {"lines": "numbers or names of lines", "bands": "their fares by distance"}


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


def tell(version: Table) -> list[Said]:
    """The bands in words, then the lines apart."""
    told = tell_bands(version.data, METRES)
    for row in version.data.get("apart", []):
        names = ", ".join(map(str, row["lines"]))
        for english, chinese in tell_bands(row, METRES):
            told.append((f"{names}, apart: {english}", f"{names}单独计价：{chinese}"))
    return told + same_station(version)


class _Region(msgspec.Struct, frozen=True):
    """Part of a network with bands of its own. ``touched``: positions of the stations in it."""

    fare_of: FareOf
    links: tuple[Link, ...]
    touched: tuple[int, ...]


def _regions(version: Table, network: Network) -> list[_Region]:
    """The common region first, then those of the lines that are priced apart."""
    apart: dict[int, int] = {}
    fares = [read_bands(version, METRES)]
    for row in version.tables("apart") if version.has("apart") else []:
        row.only(APART_KEYS)
        for name in row.values("lines"):
            line = network.lines.expect_name(row, "lines", name, "line").number
            if line in apart:
                raise row.error("lines", "A line is priced apart twice.", "Name each line once.")
            apart[line] = len(fares)
        fares.append(read_bands(row, METRES))
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


def _priced(row: list[int], fare_of: FareOf) -> list[int]:
    known: dict[int, int] = {UNREACHED: UNREACHED}
    for metres in row:
        if metres not in known:
            known[metres] = fare_of(metres)
    return [known[metres] for metres in row]
