"""How one fare is shared: over which ways, kilometres and lines, to the fen, as the kernels share it."""

import msgspec

from clearing import pricing
from clearing.errors import ClearingError
from clearing.plan import Split, moment_of
from clearing.rules.apportioning import likelihoods
from clearing.rules.frozen import Frozen
from clearing.rules.places import Place
from clearing.rules.shares import DatedSplit
from clearing.rules.ways import Seeker
from clearing.rules.words import Said


class RoleShare(msgspec.Struct, frozen=True):
    """What one role of a split gets; ``weight`` is metres where the table decides, else per mille."""

    role: str
    name: str
    weight: int
    fen: int


class LineShare(msgspec.Struct, frozen=True):
    """What a line's metres come to within the share of its owner."""

    line: str
    role: str
    metres: int
    fen: int


class SharedWay(msgspec.Struct, frozen=True):
    """A way that the table counts with: lines, metres on each, stations of change.

    ``per_mille``: how likely it is, rounded; the table is made from exact numbers.
    """

    lines: tuple[str, ...]
    metres: tuple[int, ...]
    changes: tuple[str, ...]
    cost_m: int
    per_mille: int


class Sharing(msgspec.Struct, frozen=True):
    """How a fare is shared. ``lines`` and ``ways`` are empty where the plain shares hold; why, the
    sentences say."""

    split: str
    english: str
    chinese: str
    shares: tuple[RoleShare, ...]
    lines: tuple[LineShare, ...]
    ways: tuple[SharedWay, ...]


def share(name: str, split: DatedSplit, entry: int, station: int, fen: int) -> Sharing:
    """How ``fen`` of a ride is shared between stations of these numbers, 0 where one is not known.

    The ways are those of the network that the table was made from. To the fen: largest remainder over
    the shares, ties by their order; then of each share over the lines of its owner, ties by number.
    """
    weights = weights_of(split, entry, station)
    parts = pricing.split_fen(fen, weights)
    frozen = split.frozen
    names = frozen.declared.names if frozen else ("",) * len(parts)
    shares = tuple(
        RoleShare(role, called, weight, part)
        for (role, _), called, weight, part in zip(split.shares, names, weights, parts, strict=True)
    )
    metres = frozen.metres_between(entry, station) if frozen else {}
    if frozen is None or not metres:
        return Sharing(name, *_plain(split, entry), shares, (), ())
    since = moment_of(split.since_s)
    said = (
        f"by kilometres, {frozen.declared.file} since {since:%Y-%m-%d}",
        f"按里程清分，{frozen.declared.file}，自{since:%Y-%m-%d}起",
    )
    return Sharing(
        name, *said, shares, _lines(frozen, metres, parts), _ways(frozen, entry, station)
    )


def weights_of(split: DatedSplit, entry: int, station: int) -> tuple[int, ...]:
    """The weight of each share for a ride: what the kernels find."""
    numbered = tuple((at, weight) for at, (_, weight) in enumerate(split.shares))
    flat = Split(split.since_s, split.until_s, numbered, split.stations, split.weights)
    return tuple(weight for _, weight in pricing.shares_of_pair(flat, entry, station))


def fen_by_line(split: DatedSplit, entry: int, station: int, fen: int) -> dict[int, int]:
    """What each line, by number, gets of a fare; empty where plain shares hold. Sums to the fare, and over
    the lines of an owner to what the owner gets."""
    frozen = split.frozen
    metres = frozen.metres_between(entry, station) if frozen else {}
    if frozen is None or not metres:
        return {}
    parts = pricing.split_fen(fen, weights_of(split, entry, station))
    return _over_lines(frozen, metres, parts)


def version_at(name: str, versions: tuple[DatedSplit, ...], at_s: int) -> DatedSplit:
    """The version of a split in force at a local second."""
    for split in versions:
        if split.since_s <= at_s < split.until_s:
            return split
    raise ClearingError(
        f"The split {name} does not hold at {moment_of(at_s)}.",
        "Ask for a time that one of its versions covers.",
    )


def _plain(split: DatedSplit, entry: int) -> Said:
    if split.frozen is None:
        return "by the plain shares", "按固定比例分成"
    if not entry:
        return "by the plain shares: the entry is not known", "按固定比例分成：进站车站不明"
    return "by the plain shares: the table has no such pair", "按固定比例分成：清分表无此站对"


def _over_lines(frozen: Frozen, metres: dict[int, int], parts: list[int]) -> dict[int, int]:
    found: dict[int, int] = {}
    share_of_line = frozen.declared.share_of_line
    for share, part in enumerate(parts):
        owned = [line for line in sorted(metres) if share_of_line[line] == share]
        if owned:
            found |= zip(
                owned,
                pricing.split_fen(part, tuple(metres[line] for line in owned)),
                strict=True,
            )
    return found


def _lines(frozen: Frozen, metres: dict[int, int], parts: list[int]) -> tuple[LineShare, ...]:
    fen = _over_lines(frozen, metres, parts)
    roles, share_of_line = frozen.declared.roles, frozen.declared.share_of_line
    return tuple(
        LineShare(_line(frozen, line), roles[share_of_line[line]], metres[line], fen[line])
        for line in sorted(metres)
    )


def _line(frozen: Frozen, number: int) -> str:
    return _called(frozen.declared.network.lines.find(number), number)


def _called(place: Place | None, number: int) -> str:
    return (place.chinese or place.id) if place is not None else str(number)


def _ways(frozen: Frozen, entry: int, station: int) -> tuple[SharedWay, ...]:
    """The ways from the lower number to the higher, as the table has them, turned if the ride went back."""
    network, terms = frozen.declared.network, frozen.declared.terms
    places = network.stations.places
    one, other = sorted((network.order[entry], network.order[station]))
    ways = Seeker(network, terms).from_station(one)[other]
    weights = likelihoods(ways, terms)
    turn = -1 if entry > station else 1
    return tuple(
        SharedWay(
            tuple(_line(frozen, line) for line in way.lines[::turn]),
            way.metres[::turn],
            tuple(_called(places[at], places[at].number) for at in way.changes[::turn]),
            way.cost_m,
            (2000 * weight + sum(weights)) // (2 * sum(weights)),
        )
        for way, weight in zip(ways, weights, strict=True)
    )
