"""Bus fares by sections: stops in order, and a fare for how many sections are ridden."""

import struct
from collections.abc import Iterator
from typing import Final

from clearing.plan import TariffType
from clearing.rules.bands import SECTIONS, read_bands, tell_bands
from clearing.rules.document import FEN_MAX, Table
from clearing.rules.networks import Network
from clearing.rules.tariffs.registry import BOUND_KEYS, Body, Context, bounds, same_station
from clearing.rules.words import Said

TYPE: Final = "sections"
KEYS: Final = BOUND_KEYS | {
    "routes": "the routes: a list of { stops, ends }",
    "bands": "fares by the number of sections ridden, in rising order",
    "same_station_fen": "the fare back to the stop of entry; absent: that of one section",
}
ROUTE_KEYS: Final = {
    "stops": "the stops of the route, in order",
    "ends": "stops where a section ends and the next begins; absent: every stop",
}
BAND_KEYS: Final = SECTIONS.keys()
NO_FARE: Final = -1


def build(version: Table, context: Context) -> Body:
    """Compile sections to a matrix; stops that no route joins have no fare between them."""
    network = context.needed(version, "stations")
    fare_of = read_bands(version, SECTIONS)
    fewest: dict[tuple[int, int], int] = {}
    for route in version.tables("routes"):
        route.only(ROUTE_KEYS)
        for one, other, sections in _ridden(route, network):
            for pair in ((one, other), (other, one)):
                fewest[pair] = min(sections, fewest.get(pair, sections))
    served = {stop for pair in fewest for stop in pair}
    for place in network.stations.places:
        if network.order[place.number] not in served:
            raise version.error(
                "routes", f"No route serves {place.id}.", "Add it to a route, or drop the station."
            )
    cells = {pair: fare_of(sections) for pair, sections in fewest.items()}
    same = version.integer_or("same_station_fen", fare_of(1))
    cells.update({(at, at): same for at in served})
    if max(cells.values()) > FEN_MAX:
        raise version.error("bands", "A fare by sections is too large.", "Correct the bands.")
    least, most = bounds(version, min(cells.values()), max(cells.values()))
    size = len(network.order)
    matrix = [cells.get((one, other), NO_FARE) for one in range(size) for other in range(size)]
    return Body(
        TariffType.OD,
        least,
        most,
        stations=tuple(network.order),
        od_fen=struct.pack(f"<{len(matrix)}i", *matrix),
    )


def _ridden(route: Table, network: Network) -> Iterator[tuple[int, int, int]]:
    """(one stop, a later one, sections between them) of a route, by positions."""
    names = route.values("stops")
    stops = [
        network.order[network.stations.expect_name(route, "stops", name, "station").number]
        for name in names
    ]
    if len(set(stops)) < len(stops) or len(stops) < 2:
        raise route.error(
            "stops",
            "A route has one stop only, or a stop twice.",
            "Name two stops or more, each once; a loop is two routes.",
        )
    ends = set(stops)
    if route.has("ends"):
        ends = set()
        for name in route.values("ends"):
            at = network.order[network.stations.expect_name(route, "ends", name, "station").number]
            if at not in stops:
                raise route.error(
                    "ends", f"The route does not stop at {name!r}.", "Name only stops of the route."
                )
            ends.add(at)
    # The section that begins at each stop; a ride from inside a section to its end stays in it.
    section = 0
    sections: list[int] = []
    for stop in stops:
        sections.append(section)
        section += stop in ends
    for one in range(len(stops)):
        begins = sections[one] + (stops[one] in ends)
        for other in range(one + 1, len(stops)):
            yield stops[one], stops[other], sections[other] - begins + 1


def tell(version: Table) -> list[Said]:
    """The routes and the bands in words."""
    told: list[Said] = []
    for route in version.data["routes"]:
        stops = [str(stop) for stop in route["stops"]]
        told.append(
            (f"route {stops[0]} – {stops[-1]}, {len(stops)} stops",
             f"线路{stops[0]}至{stops[-1]}，{len(stops)}站")
        )  # fmt: skip
    return told + tell_bands(version.data, SECTIONS) + same_station(version)
