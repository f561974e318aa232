"""Fares by zones: stations lie in zones, and a ride costs by how many it goes through."""

import struct
from collections import deque
from itertools import pairwise
from typing import Final

from clearing.plan import TariffType
from clearing.rules.bands import ZONES, read_bands, tell_bands
from clearing.rules.document import FEN_MAX, Table
from clearing.rules.networks import Network
from clearing.rules.tariffs.registry import BOUND_KEYS, Body, Context, bounds, same_station
from clearing.rules.words import Said

TYPE: Final = "zones"
KEYS: Final = BOUND_KEYS | {
    "zones": "the zones: a list of { name, stations }",
    "borders": "which zones touch: a list of { from, to }; absent: each touches the next",
    "bands": "fares by the number of zones that a ride goes through, in rising order",
    "same_station_fen": "the fare back to the station of entry; absent: that of one zone",
}
ZONE_KEYS: Final = {
    "name": "the name of the zone",
    "stations": "its stations; one on a border belongs to both zones",
}
BORDER_KEYS: Final = {"from": "a zone", "to": "a zone that touches it"}
BAND_KEYS: Final = ZONES.keys()


def build(version: Table, context: Context) -> Body:
    """Compile zones to a matrix by station numbers."""
    network = context.needed(version, "stations")
    fare_of = read_bands(version, ZONES)
    zones = _zones(version)
    touching = _touching(version, zones)
    zones_of = _stations(zones, touching, network)
    for place in network.stations.places:
        if network.order[place.number] not in zones_of:
            raise version.error(
                "zones", f"{place.id} lies in no zone.", "Put every station into a zone."
            )
    crossed = {name: _crossed(touching, name) for name in zones}
    for name in zones:
        if name not in crossed[next(iter(zones))]:
            raise version.error(
                "borders",
                f"No way leads from zone {next(iter(zones))!r} to zone {name!r}.",
                "Add the borders that are missing.",
            )
    size = len(network.order)
    same = version.integer_or("same_station_fen", fare_of(1))
    matrix = [
        same
        if one == other
        else fare_of(min(crossed[a][b] for a in zones_of[one] for b in zones_of[other]))
        for one in range(size)
        for other in range(size)
    ]
    if max(matrix) > FEN_MAX:
        raise version.error("bands", "A fare by zones is too large.", "Correct the bands.")
    least, most = bounds(version, min(matrix), max(matrix))
    return Body(
        TariffType.OD,
        least,
        most,
        stations=tuple(network.order),
        od_fen=struct.pack(f"<{len(matrix)}i", *matrix),
    )


def _zones(version: Table) -> dict[str, Table]:
    zones: dict[str, Table] = {}
    for row in version.tables("zones"):
        row.only(ZONE_KEYS)
        name = row.text("name")
        if name in zones:
            raise row.error("name", f"Two zones are called {name!r}.", "Join them, or rename one.")
        zones[name] = row
    return zones


def _touching(version: Table, zones: dict[str, Table]) -> dict[str, set[str]]:
    touching: dict[str, set[str]] = {name: set() for name in zones}
    pairs = list(pairwise(zones))
    if version.has("borders"):
        pairs = []
        words = {name: name for name in zones}
        for row in version.tables("borders"):
            row.only(BORDER_KEYS)
            pair = row.word("from", words), row.word("to", words)
            if pair[0] == pair[1]:
                raise row.error(
                    "to", f"Zone {pair[0]!r} borders on itself.", "Name two zones that touch."
                )
            pairs.append(pair)
    for one, other in pairs:
        touching[one].add(other)
        touching[other].add(one)
    return touching


def _stations(
    zones: dict[str, Table], touching: dict[str, set[str]], network: Network
) -> dict[int, list[str]]:
    """The zones of each station, by position."""
    found: dict[int, list[str]] = {}
    for name, row in zones.items():
        for station in row.values("stations"):
            place = network.stations.expect_name(row, "stations", station, "station")
            others = found.setdefault(network.order[place.number], [])
            for other in others:
                if other == name or other not in touching[name]:
                    raise row.error(
                        "stations",
                        f"{place.id} lies in zone {other!r} already.",
                        "A station can lie in two zones only if they touch.",
                    )
            others.append(name)
    return found


def _crossed(touching: dict[str, set[str]], start: str) -> dict[str, int]:
    """How many zones a ride goes through, from one zone to each that can be reached."""
    found = {start: 1}
    queue = deque([start])
    while queue:
        zone = queue.popleft()
        for other in touching[zone]:
            if other not in found:
                found[other] = found[zone] + 1
                queue.append(other)
    return found


def tell(version: Table) -> list[Said]:
    """The zones and the bands in words."""
    told = [
        (f"zone {zone['name']}: {len(zone['stations'])} stations",
         f"{zone['name']}区：{len(zone['stations'])}站")
        for zone in version.data["zones"]
    ]  # fmt: skip
    return told + tell_bands(version.data, ZONES) + same_station(version)
