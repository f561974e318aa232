"""Networks: stations, lines, and the metres between neighbouring stations."""

import heapq
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

import msgspec

from clearing.plan import FOREVER, moment_of
from clearing.rules import versions
from clearing.rules.document import FEN_MAX, Table
from clearing.rules.places import Directory, read_places
from clearing.rules.versions import Span

KEYS: Final[Mapping[str, str]] = {
    "stations": "the stations: name of a CSV file, or a list of tables",
    "lines": "the lines, likewise",
    "links": "pairs of neighbouring stations and the metres between them, likewise",
} | versions.KEYS
"""The keys of a network; only one with dated versions has ``since`` and ``until``."""

LINK_KEYS: Final = {
    "from": "one station of a link or of a fare",
    "to": "the other station",
    "metres": "the distance between them",
    "line": "the line that runs there",
    "outside": "true: no track; the stations are joined outside the gates, without metres",
}
"""The keys of a link."""

ReadRows = Callable[[Table, str, tuple[str, ...]], list[Table]]
"""Reads the rows that a key gives inline or names as a file: (table, key, needed columns)."""

UNREACHED: Final = FEN_MAX


class Link(msgspec.Struct, frozen=True):
    """Two neighbours, as positions in the order of station numbers, and the metres between.

    ``line`` is the number of the line that runs there; 0: none is named.
    """

    one: int
    other: int
    metres: int
    line: int = 0


class Network:
    """A network. ``order`` maps station numbers to positions, 0 for the lowest number."""

    def __init__(
        self, table: Table, stations: Directory, lines: Directory, links: tuple[Link, ...]
    ) -> None:
        self.table, self.stations, self.lines, self.links = table, stations, lines, links
        self.order = {place.number: at for at, place in enumerate(stations.places)}
        self._distances: list[list[int]] | None = None

    def distances(self) -> list[list[int]]:
        """Shortest distances between all stations, metres, computed once.

        Raises ``RuleError`` where a station cannot be reached from another.
        """
        if self._distances is None:
            found = self.distances_over(self.links)
            if self.order:
                self._check_connected(found[0])
            self._distances = found
        return self._distances

    def distances_over(self, links: Iterable[Link]) -> list[list[int]]:
        """Shortest distances over some of the links; ``UNREACHED`` where they lead nowhere."""
        neighbours: list[list[tuple[int, int]]] = [[] for _ in self.order]
        for link in links:
            neighbours[link.one].append((link.other, link.metres))
            neighbours[link.other].append((link.one, link.metres))
        return [_from(neighbours, origin) for origin in range(len(neighbours))]

    def _check_connected(self, distances: list[int]) -> None:
        cut_off = [
            place
            for place, metres in zip(self.stations.places, distances, strict=True)
            if metres == UNREACHED
        ]
        if cut_off:
            first, other = self.stations.places[0], cut_off[0]
            raise self.table.error(
                "links" if self.table.has("links") else None,
                f"The network falls apart: no way leads from {first.id} to {other.id}"
                f" ({len(cut_off)} stations are cut off).",
                "Add the missing links, or make a network and a tariff for each part.",
            )


def _from(neighbours: list[list[tuple[int, int]]], origin: int) -> list[int]:
    """Dijkstra: metres from one station to all."""
    distances = [UNREACHED] * len(neighbours)
    distances[origin] = 0
    queue = [(0, origin)]
    while queue:
        metres, at = heapq.heappop(queue)
        if metres > distances[at]:
            continue
        for neighbour, step in neighbours[at]:
            further = metres + step
            if further < distances[neighbour]:
                distances[neighbour] = further
                heapq.heappush(queue, (further, neighbour))
    return distances


class DatedNetwork(msgspec.Struct, frozen=True):
    """One version of a network."""

    span: Span
    network: Network


def in_force(table: Table, networks: Sequence[DatedNetwork], span: Span, what: str) -> Network:
    """The version of a network in force when a rule that names it begins; it must hold to the rule's end.

    ``what`` names the rule in messages: a tariff, a split.
    """
    for dated in networks:
        if not dated.span.holds(span.since_s):
            continue
        if dated.span.until_s < span.until_s:
            end = moment_of(dated.span.until_s)
            raise table.error(
                "network",
                f"The network changes on {end}, in the middle of this version of the {what}.",
                f"Add a version of the {what} with since = {end:%Y-%m-%d}.",
            )
        return dated.network
    raise table.error(
        "network",
        f"No version of the network is in force at {moment_of(span.since_s)}.",
        f"Let the network begin with the {what}, or earlier.",
    )


def read_networks(tables: Sequence[Table], rows: ReadRows, *, dated: bool) -> list[DatedNetwork]:
    """The versions of ``[[network.NAME]]``, or the one table ``[network.NAME]``, which holds always."""
    for table in tables:
        table.only(KEYS)
        for key in () if dated else ("since", "until"):
            if table.has(key):
                raise table.error(
                    key,
                    f"A network that is one table has no {key}.",
                    "Write [[network.NAME]] with two brackets, once for each version.",
                )
    spans = versions.spans(tables) if dated else [Span(0, FOREVER)]
    return [
        DatedNetwork(span, _network(table, rows)) for table, span in zip(tables, spans, strict=True)
    ]


def _network(table: Table, rows: ReadRows) -> Network:
    versions.notes(table)
    if not table.has("stations") and not table.has("lines"):
        raise table.error(
            None, "The network has neither stations nor lines.", "Add stations, lines or both."
        )
    stations = lines = Directory(())
    if table.has("stations"):
        stations = read_places(rows(table, "stations", ("number", "id")), "station")
    if table.has("lines"):
        lines = read_places(rows(table, "lines", ("number", "id")), "line")
    links = _links(table, rows, stations, lines) if table.has("links") else ()
    return Network(table, stations, lines, links)


def _links(table: Table, rows: ReadRows, stations: Directory, lines: Directory) -> tuple[Link, ...]:
    links: list[Link] = []
    order = {place.number: at for at, place in enumerate(stations.places)}
    for row in rows(table, "links", ("from", "to", "metres")):
        row.only(LINK_KEYS)
        one = stations.expect(row, "from", "station")
        other = stations.expect(row, "to", "station")
        if one is other:
            raise row.error("to", f"The link leads from {one.id} to itself.", "Name two stations.")
        line = lines.expect(row, "line", "line").number if row.has("line") else 0
        outside = row.has("outside") and row.word("outside", {"true": True})
        if outside and (line or row.has("metres")):
            raise row.error(
                "outside", "A link outside the gates has a line or metres.", "Leave both out."
            )
        metres = 0 if outside else row.integer("metres", 1, UNREACHED - 1)
        links.append(Link(order[one.number], order[other.number], metres, line))
    return tuple(links)
