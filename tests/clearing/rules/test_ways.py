"""Ways through networks, compared with a plain enumeration of every ride that passes no station twice."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest

from clearing.rules import read
from clearing.rules.document import Table, parse_toml
from clearing.rules.loading import apportionments
from clearing.rules.networks import Link, Network
from clearing.rules.places import Directory, Place
from clearing.rules.ways import Seeker, Terms, Way

Tracks = list[tuple[int, int, int]]


def network_of(size: int, links: list[Link]) -> Network:
    """A network of stations 1 … size."""
    lines = sorted({link.line for link in links if link.line})
    return Network(
        Table(parse_toml("made.toml", ""), (), {}, "network"),
        Directory(Place(at + 1, f"s{at + 1}") for at in range(size)),
        Directory(Place(line, f"l{line}") for line in lines),
        tuple(links),
    )


def random_network(chance: random.Random) -> Network:
    """Some lines as random walks over few stations, and now and then a change outside the gates."""
    size = chance.randint(3, 7)
    links = []
    for line in range(1, chance.randint(2, 4)):
        stops = chance.sample(range(size), chance.randint(2, min(5, size)))
        links += [
            Link(one, other, chance.randint(5, 30) * 100, line) for one, other in pairwise(stops)
        ]
    if chance.random() < 0.4:
        one, other = chance.sample(range(size), 2)
        links.append(Link(one, other, 0))
    return network_of(size, links)


def every_way(network: Network, terms: Terms, origin: int, destination: int) -> list[Way]:
    """All rides without a station twice, the cheapest of each sequence of lines, in order."""
    rides: list[Way] = []

    def ride(
        at: int, passed: set[int], legs: list[tuple[int, int]], changes: tuple[int, ...]
    ) -> None:
        if at == destination and legs:
            cost = sum(metres for _, metres in legs) + terms.change_m * len(changes)
            lines = tuple(line for line, _ in legs)
            rides.append(Way(cost, lines, tuple(metres for _, metres in legs), changes))
            return
        for gate in (at, *(gates(network, at) if legs else ())):
            if gate != at and gate in passed:
                continue
            for to, metres, line in tracks(network, gate):
                if to in passed or (gate != at and to == gate):
                    continue
                same = legs and legs[-1][0] == line
                if gate != at and same:
                    continue
                further = passed | {gate, to}
                if same:
                    ride(to, further, [*legs[:-1], (line, legs[-1][1] + metres)], changes)
                else:
                    more = (*changes, at) if legs else ()
                    ride(to, further, [*legs, (line, metres)], more)

    ride(origin, {origin}, [], ())
    best: dict[tuple[int, ...], Way] = {}
    for way in sorted(rides, key=lambda way: (way.cost_m, way.lines, way.metres, way.changes)):
        best.setdefault(way.lines, way)
    return list(best.values())


def tracks(network: Network, at: int) -> Tracks:
    """The links of track from a station."""
    return [
        (link.other if link.one == at else link.one, link.metres, link.line)
        for link in network.links
        if link.line and at in (link.one, link.other)
    ]


def gates(network: Network, at: int) -> list[int]:
    """The stations that are joined with one outside the gates."""
    return [
        link.other if link.one == at else link.one
        for link in network.links
        if not link.line and at in (link.one, link.other)
    ]


@pytest.mark.parametrize("ways_max", [1, 2, 3])
def test_the_search_finds_what_an_enumeration_finds(ways_max: int) -> None:
    chance = random.Random(16)
    terms, several = Terms(ways_max, 1400, 1000, 500), 0
    for _ in range(600):
        network = random_network(chance)
        seeker = Seeker(network, terms)
        for origin in range(len(network.order)):
            found = seeker.from_station(origin)
            assert found[origin] == []
            for destination in range(origin + 1, len(network.order)):
                ways = every_way(network, terms, origin, destination)
                likely = [way for way in ways if way.cost_m * 1000 <= ways[0].cost_m * 1400]
                assert found[destination] == likely[:ways_max], network.links
                several += len(likely) > 1
    assert several > 500


def test_a_dearer_way_counts_up_to_the_stretch_itself() -> None:
    """Line 1: 2,000 m. Lines 2, 3: 900 + 900 m and a change of 800 m, 2,600 in all, 1.3 times as much."""
    links = [Link(0, 1, 2000, 1), Link(0, 2, 900, 2), Link(2, 1, 900, 3)]
    for stretch, dearer in ((1300, [Way(2600, (2, 3), (900, 900), (2,))]), (1299, [])):
        found = Seeker(network_of(3, links), Terms(3, stretch, 800, 500)).from_station(0)
        assert found[1] == [Way(2000, (1,), (2000,), ()), *dearer]


def test_nobody_passes_over_a_line_apart() -> None:
    """Line 9 joins stations 0 and 1 by the shortest way, and only it leads on to station 3. The lines 1
    and 2 lead from 4 to 5, one after the other."""
    links = [Link(0, 1, 500, 9), Link(1, 3, 5000, 9), Link(0, 2, 900, 1), Link(2, 1, 900, 2),
             Link(4, 0, 300, 1), Link(1, 5, 300, 2)]  # fmt: skip
    network = network_of(6, links)
    terms = Terms(3, 5000, 100, 500, frozenset({9}))
    found = {
        (one, other): [way.lines for way in ways]
        for one in range(6)
        for other, ways in enumerate(Seeker(network, terms).from_station(one))
    }
    assert (found[0, 1], found[1, 0]) == ([(1, 2)], [(2, 1)])
    assert found[0, 3] == [(9,), (1, 2, 9)]
    assert found[3, 0] == [(9,), (9, 2, 1)]
    assert found[2, 3] == [(2, 9), (1, 9)]
    assert found[4, 5] == [(1, 2)]
    everywhere = Seeker(network, Terms(3, 5000, 100, 500)).from_station(0)
    assert everywhere[1][0].lines == (9,)


def test_a_change_outside_the_gates_is_a_change() -> None:
    links = [Link(0, 1, 1000, 1), Link(1, 2, 0), Link(2, 3, 1000, 2)]
    found = Seeker(network_of(4, links), Terms(3, 2000, 700, 500)).from_station(0)
    assert found[3] == [Way(2700, (1, 2), (1000, 1000), (1,))]
    assert found[2] == []  # nobody rides to a gate that only a walk leads to


@pytest.mark.parametrize("rule_set", ["beijing", "xian-lines"])
def test_every_pair_of_a_shipped_network_has_a_way(rule_set: str) -> None:
    """From some stations; the tables' own test computes them all."""
    for versions in apportionments(read([rule_set])).values():
        for declared in versions:
            seeker = Seeker(declared.network, declared.terms)
            for origin in range(0, len(declared.network.order), 40):
                found = seeker.from_station(origin)
                assert all(ways for at, ways in enumerate(found) if at != origin)
                assert all(len(ways) <= declared.terms.ways_max for ways in found)
