"""The ways that a ride can have gone between two stations: which lines, how many metres on each.

Gates see where a passenger enters and leaves, not the way between. So fares are shared over the ways that
are likely, and this module finds them: of the rides that pass no station twice, for each sequence of lines
the cheapest one. The cost of a way is its metres, and ``change_m`` more for each change.
"""

import heapq
from collections.abc import Iterator
from typing import Final

import msgspec

from clearing.rules.networks import Network

Neighbours = list[list[tuple[int, int, int]]]
"""By position of a station: the (position, metres, line) of each link of track from there."""

_Label = tuple[int, tuple[int, ...], tuple[int, ...], tuple[int, ...], int, int]
"""Cost, lines, metres on each, stations of change, station reached, stations passed (bits)."""


SPARE_WAYS: Final = 1
"""Sequences that are kept at a station beyond those asked for, as one of these may lead nowhere."""


class Terms(msgspec.Struct, frozen=True):
    """What is asked of ways, and how likely each is: see docs/rules.md. ``apart`` are line numbers.

    ``stretch_per_mille`` and ``ways_max`` bound the ways of a pair: their cost over that of the cheapest,
    and their number. ``theta_per_mille`` is the logit's, for each kilometre of cost.
    """

    ways_max: int
    stretch_per_mille: int
    change_m: int
    theta_per_mille: int
    apart: frozenset[int] = frozenset()


class Way(msgspec.Struct, frozen=True):
    """One way: its lines in order, the metres on each, and the positions of the stations of change.

    Where a change leads outside the gates, the station is the one that was left.
    """

    cost_m: int
    lines: tuple[int, ...]
    metres: tuple[int, ...]
    changes: tuple[int, ...]


class Seeker:
    """Finds ways through one network under some terms."""

    def __init__(self, network: Network, terms: Terms) -> None:
        self._terms = terms
        self._tracks: Neighbours = [[] for _ in network.order]
        self._outside: list[list[int]] = [[] for _ in network.order]
        for link in network.links:
            for one, other in ((link.one, link.other), (link.other, link.one)):
                if link.line:
                    self._tracks[one].append((other, link.metres, link.line))
                else:
                    self._outside[one].append(other)
        # The stations that only lines apart serve. A ride uses such a line from or to one of them alone:
        # as its first line or as its last, and between other stations not at all.
        self._only_apart = [
            all(line in terms.apart for _, _, line in tracks) for tracks in self._tracks
        ]

    def from_station(self, origin: int) -> list[list[Way]]:
        """The ways to every station, cheapest first, ties by line numbers; none to ``origin`` itself.

        The search keeps up to ``ways_max`` + 1 sequences of lines for each station and line of arrival, in
        order of cost. Of one sequence it keeps a dearer ride, too, if that passed by other stations: it may
        go on where the cheaper one would come back to itself.
        """
        terms = self._terms
        arrived: list[list[Way]] = [[] for _ in self._tracks]
        kept: dict[tuple[int, int], dict[tuple[int, ...], list[int]]] = {}
        queue: list[_Label] = [
            (metres, (line,), (metres,), (), at, 1 << origin | 1 << at)
            for at, metres, line in self._tracks[origin]
        ]
        heapq.heapify(queue)
        while queue:
            label = heapq.heappop(queue)
            cost_m, lines, metres, changes, at, passed = label
            sequences = kept.setdefault((at, lines[-1]), {})
            first = lines not in sequences
            if first and len(sequences) == terms.ways_max + SPARE_WAYS:
                continue
            before = sequences.setdefault(lines, [])
            if any(other & passed == other for other in before):
                continue
            before.append(passed)
            common = lines[-1] not in terms.apart
            from_apart = len(lines) == 1 and self._only_apart[origin]
            if first and (common or from_apart or self._only_apart[at]):
                arrived[at].append(Way(cost_m, lines, metres, changes))
            for further in self._onwards(label, may_change=common or from_apart):
                heapq.heappush(queue, further)
        return [self._likely(ways) for ways in arrived]

    def _onwards(self, label: _Label, *, may_change: bool) -> Iterator[_Label]:
        """The label one link further: along its line, or after a change here or outside the gates."""
        cost_m, lines, metres, changes, at, passed = label
        line, change_m = lines[-1], self._terms.change_m
        for to, step_m, other in self._tracks[at]:
            if passed >> to & 1:
                continue
            beyond = passed | 1 << to
            if other == line:
                rode = (*metres[:-1], metres[-1] + step_m)
                yield cost_m + step_m, lines, rode, changes, to, beyond
            elif may_change:
                cost = cost_m + change_m + step_m
                yield cost, (*lines, other), (*metres, step_m), (*changes, at), to, beyond
        for gate in self._outside[at] if may_change else ():
            if passed >> gate & 1:
                continue
            for to, step_m, other in self._tracks[gate]:
                if other != line and not passed >> to & 1:
                    beyond = passed | 1 << gate | 1 << to
                    cost = cost_m + change_m + step_m
                    yield cost, (*lines, other), (*metres, step_m), (*changes, at), to, beyond

    def _likely(self, ways: list[Way]) -> list[Way]:
        """The first ``ways_max`` ways within the stretch; they come in order of cost."""
        if not ways:
            return []
        dearest = ways[0].cost_m * self._terms.stretch_per_mille
        likely = [way for way in ways if way.cost_m * 1000 <= dearest]
        return likely[: self._terms.ways_max]
