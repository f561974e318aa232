"""Apportionment 清分: what a split says of it, and the table that the network makes of that.

The table of a split has a row for each pair of stations: the metres that its ride went on each line, on
average over the likely ways. It is made once, by ``onecard rules apportion``, and frozen in a file of the
set; ``clearing.rules.frozen`` reads it. Nothing here is a float: equal files make equal tables anywhere.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import ROUND_HALF_EVEN, Context, Decimal
from functools import cache
from typing import Final

import msgspec

from clearing.rules.collecting import Collected, set_of
from clearing.rules.document import Table
from clearing.rules.networks import DatedNetwork, Network, in_force
from clearing.rules.versions import Span
from clearing.rules.ways import Seeker, Terms, Way

KEYS: Final = {
    "network": "the network whose ways are looked for",
    "table": "the file of the set that the table is frozen in",
    "owners": "whose each line is: a list, in which every line is once",
    "ways_max": "the most ways of a pair of stations (1 to 9)",
    "stretch_per_mille": "how much a way may cost, of each 1000 m that the cheapest one costs",
    "change_m": "what a change costs, as metres",
    "theta_per_mille": "how strongly dearer ways are avoided, thousandths of the logit per kilometre",
    "apart": "lines that are ridden only from or to stations that no other line serves; absent: none",
}
"""The keys of ``[split.NAME.apportion]``."""

OWNER_KEYS: Final = {
    "role": "a role of the split's shares",
    "name": "what explanations call it; may be absent",
    "lines": "the lines whose metres count for it; absent in the last entry: all others",
}
"""The keys of an owner."""

NOTES: Final = (
    "# How fares are shared 清分表: metres on each line (LINE:METRES), averaged over the likely ways.\n"
    "# Each pair of stations once; it holds in both directions. Made by `onecard rules apportion`.\n"
)
HEADER: Final = "from,to,metres"
DIGEST_ROW: Final = "network,sha256,"
"""How the row after the header begins, which says of what network and terms the table was made."""

LIKELIHOOD_SCALE: Final = 10**9
"""A way as likely as the cheapest has this weight among the ways of its pair."""

_CONTEXT: Final = Context(prec=28, rounding=ROUND_HALF_EVEN)


class Apportionment(msgspec.Struct, frozen=True):
    """What one version of a split says of its apportionment. ``split`` is the full name of the rule.

    ``roles`` and ``names`` ("" where none is given) are those of the split's shares; ``share_of_line``: by
    number of a line, which of them its owner has.
    ``file`` is the table's, as SET/FILE.
    """

    split: str
    table: Table
    span: Span
    network: Network
    terms: Terms
    roles: tuple[str, ...]
    names: tuple[str, ...]
    share_of_line: Mapping[int, int]
    file: str

    def digest(self) -> str:
        """SHA-256, in hexadecimal, over all that a table depends on: numbers of stations, tracks, terms.

        Names and owners are not among it: a table outlives a change of them.
        """
        stations = [place.number for place in self.network.stations.places]
        links = sorted(
            (*sorted((stations[link.one], stations[link.other])), link.metres, link.line)
            for link in self.network.links
        )
        terms = self.terms
        content = [
            stations,
            links,
            [terms.ways_max, terms.stretch_per_mille, terms.change_m, terms.theta_per_mille],
            sorted(terms.apart),
        ]
        return hashlib.sha256(json.dumps(content, separators=(",", ":")).encode()).hexdigest()

    def rows(self) -> Iterator[str]:
        """The rows of the table: each pair of stations once, in order of their numbers.

        Raises ``RuleError`` where no way leads from a station to another.
        """
        seeker = Seeker(self.network, self.terms)
        for origin in range(len(self.network.order)):
            yield from self.rows_from(seeker, origin)

    def rows_from(self, seeker: Seeker, origin: int) -> Iterator[str]:
        """The rows from the station at one position to those of higher numbers."""
        places = self.network.stations.places
        found = seeker.from_station(origin)
        for other in range(origin + 1, len(places)):
            if not found[other]:
                raise self._no_way(places[origin].id, places[other].id)
            metres = metres_by_line(found[other], self.terms)
            cells = " ".join(f"{line}:{metres[line]}" for line in sorted(metres))
            yield f"{places[origin].number},{places[other].number},{cells}"

    def text(self, rows: Iterable[str]) -> str:
        """The whole file of a table with these rows."""
        body = "".join(f"{row}\n" for row in rows)
        return f"{NOTES}{HEADER}\n{DIGEST_ROW}{self.digest()}\n{body}"

    def _no_way(self, origin: str, destination: str) -> Exception:
        return self.table.error(
            "network",
            f"The network falls apart: no way by rail leads from {origin} to {destination}.",
            "Add the missing links, with their lines; give one number to stations that are joined only"
            " outside the gates; or make a network and a split for each part.",
        )

    def check_network(self) -> None:
        """Refuse a network that some ride could find no way through: tracks without a line, or parts."""
        places = self.network.stations.places
        for link in self.network.links:
            if link.metres and not link.line:
                raise self.table.error(
                    "network",
                    f"The link from {places[link.one].id} to {places[link.other].id} has no line.",
                    "Say which line runs there; its owner is paid for the metres.",
                )
        on_track = {at for link in self.network.links if link.line for at in (link.one, link.other)}
        reached, waiting = {0}, [0]
        neighbours: list[list[int]] = [[] for _ in places]
        for link in self.network.links:
            neighbours[link.one].append(link.other)
            neighbours[link.other].append(link.one)
        while waiting:
            for other in neighbours[waiting.pop()]:
                if other not in reached:
                    reached.add(other)
                    waiting.append(other)
        for at, place in enumerate(places):
            if at not in reached or at not in on_track:
                raise self._no_way(places[0].id if at else places[-1].id, place.id)


@cache
def likelihood(extra_m: int, theta_per_mille: int) -> int:
    """e to the -θ × kilometres, times ``LIKELIHOOD_SCALE``, rounded half to even; of the cheapest: 1.

    ``Decimal.exp`` is rounded correctly, so this is the same everywhere, which floats are not.
    """
    power = Decimal(-theta_per_mille * extra_m).scaleb(-6, _CONTEXT)
    scaled = _CONTEXT.multiply(power.exp(_CONTEXT), Decimal(LIKELIHOOD_SCALE))
    return int(scaled.to_integral_value(ROUND_HALF_EVEN))


def likelihoods(ways: Sequence[Way], terms: Terms) -> list[int]:
    """How likely each way of a pair is, as weights; the first is the cheapest."""
    return [likelihood(way.cost_m - ways[0].cost_m, terms.theta_per_mille) for way in ways]


def metres_by_line(ways: Sequence[Way], terms: Terms) -> dict[int, int]:
    """The metres on each line, averaged over the ways of a pair: Σ likelihood × metres ÷ Σ likelihood,
    exact, rounded half up once at the end; lines that come to nothing are left out."""
    weights = likelihoods(ways, terms)
    total, sums = sum(weights), dict[int, int]()
    for way, weight in zip(ways, weights, strict=True):
        for line, metres in zip(way.lines, way.metres, strict=True):
            sums[line] = sums.get(line, 0) + weight * metres
    rounded = {line: (2 * of_line + total) // (2 * total) for line, of_line in sums.items()}
    return {line: metres for line, metres in rounded.items() if metres}


# -- as it is written --------------------------------------------------------------------------------


def read_apportionment(
    version: Table,
    span: Span,
    roles: tuple[str, ...],
    collected: Collected,
    networks: Mapping[str, list[DatedNetwork]],
) -> Apportionment:
    """The ``apportion`` of one version of a split; the table itself is not looked at."""
    table = version.table("apportion")
    table.only(KEYS)
    versions = collected.named(table, "network", networks)
    if versions is None:
        table.value("network")
        raise AssertionError("a key that is missing is refused")
    network = in_force(table, versions, span, "split")
    apart = table.values("apart") if table.has("apart") else []
    declared = Apportionment(
        split=version.rule.partition(" ")[2],
        table=table,
        span=span,
        network=network,
        terms=Terms(
            table.integer("ways_max", 1, 9),
            table.integer("stretch_per_mille", 1000, 5000),
            table.integer("change_m", 1),
            table.integer("theta_per_mille", 1, 10_000),
            frozenset(
                network.lines.expect_name(table, "apart", name, "line").number for name in apart
            ),
        ),
        roles=roles,
        names=_names(table, roles),
        share_of_line=_owners(table, roles, network),
        file=f"{set_of(table)}/{table.text('table')}",
    )
    declared.check_network()
    return declared


def _names(table: Table, roles: tuple[str, ...]) -> tuple[str, ...]:
    names = {row.text("role"): row.text_or("name", "") for row in table.tables("owners")}
    return tuple(names.get(role, "") for role in roles)


def _owners(table: Table, roles: tuple[str, ...], network: Network) -> dict[int, int]:
    words = {role: at for at, role in enumerate(roles)}
    owned: dict[int, int] = {}
    rows = table.tables("owners")
    for row in rows:
        row.only(OWNER_KEYS)
        share = row.word("role", words)
        if row.has("lines") or row is not rows[-1]:
            numbers = [
                network.lines.expect_name(row, "lines", name, "line").number
                for name in row.values("lines")
            ]
        else:
            numbers = [line.number for line in network.lines.places if line.number not in owned]
        for number in numbers:
            if owned.setdefault(number, share) != share or numbers.count(number) > 1:
                line = network.lines.find(number)
                raise row.error(
                    "lines",
                    f"Line {line.id if line else number} is owned twice.",
                    "Name each line once; give the split another version where the owner changes.",
                )
    for line in network.lines.places:
        if line.number not in owned:
            raise table.error(
                "owners",
                f"Line {line.id} has no owner.",
                "Name it, or leave lines out of the last entry: that owns all others.",
            )
    return owned
