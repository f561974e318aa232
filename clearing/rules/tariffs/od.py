"""A matrix of fares from station to station."""

import struct
from typing import Final

from clearing.plan import TariffType
from clearing.rules.document import Table
from clearing.rules.networks import Network
from clearing.rules.tariffs.registry import BOUND_KEYS, Body, Context, bounds, same_station
from clearing.rules.words import Said, yuan_words

TYPE: Final = "od"
KEYS: Final = BOUND_KEYS | {
    "fares": "the fares: name of a CSV file, or a list of { from, to, fare_fen }",
    "symmetric": "true: a fare holds in both directions",
    "same_station_fen": "the fare back to the station of entry, for pairs that are not listed",
    "partial": "true: pairs may be missing; taps between them find no tariff",
}
FARE_KEYS: Final = {
    "from": "station of entry",
    "to": "station of exit",
    "fare_fen": "the fare",
}
NO_FARE: Final = -1


def _put(row: Table, cells: dict[tuple[int, int], int], pair: tuple[int, int], fare: int) -> None:
    if cells.setdefault(pair, fare) != fare:
        raise row.error(
            "fare_fen", "The pair has two different fares.", "Keep one row for each pair."
        )


def build(version: Table, context: Context) -> Body:
    """Compile the listed fares to a matrix by station numbers."""
    network = context.needed(version, "stations")
    order = network.order
    cells: dict[tuple[int, int], int] = {}
    symmetric = version.flag("symmetric")
    for row in context.rows(version, "fares", tuple(FARE_KEYS)):
        row.only(FARE_KEYS)
        one = order[network.stations.expect(row, "from", "station").number]
        other = order[network.stations.expect(row, "to", "station").number]
        fare = row.integer("fare_fen")
        _put(row, cells, (one, other), fare)
        if symmetric:
            _put(row, cells, (other, one), fare)
    if version.has("same_station_fen"):
        same = version.integer("same_station_fen")
        for at in range(len(order)):
            cells.setdefault((at, at), same)
    if not version.flag("partial"):
        _complete(version, network, cells)
    size = len(order)
    matrix = [cells.get((one, other), NO_FARE) for one in range(size) for other in range(size)]
    least, most = bounds(version, min(cells.values()), max(cells.values()))
    return Body(
        TariffType.OD,
        least,
        most,
        stations=tuple(order),
        od_fen=struct.pack(f"<{len(matrix)}i", *matrix),
    )


def _complete(version: Table, network: Network, cells: dict[tuple[int, int], int]) -> None:
    places = network.stations.places
    for one, origin in enumerate(places):
        for other, destination in enumerate(places):
            if (one, other) not in cells:
                raise version.error(
                    "fares",
                    f"There is no fare from {origin.id} to {destination.id}.",
                    "Add the pair, symmetric or same_station_fen, or say partial = true.",
                )


def tell(version: Table) -> list[Said]:
    """Where the matrix is; the pairs themselves where they are few."""
    fares = version.data["fares"]
    if isinstance(fares, str):
        told = [(f"from station to station, as {fares} lists it", f"站间票价表：{fares}")]
    else:
        told = []
        arrow = "↔" if version.flag("symmetric") else "→"
        for row in fares:
            english, chinese = yuan_words(row["fare_fen"])
            told.append(
                (
                    f"{row['from']} {arrow} {row['to']}: {english}",
                    f"{row['from']}{arrow}{row['to']} {chinese}",
                )
            )
    return told + same_station(version)
