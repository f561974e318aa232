"""What a node knows before the first tap."""

import msgspec

from loadtest.month.model.card import Card
from loadtest.month.model.terminals import Terminal


class Denial(msgspec.Struct, frozen=True):
    """A denied card: from when, by which version, known from which business date on."""

    since_s: int
    version: int
    known: int


class Knowledge(msgspec.Struct):
    """What the node knows beforehand. Moments are local seconds since 2000.

    ``acknowledged``: by operator, (denylist version, when). ``first_day``: the first business date.
    """

    first_day: int
    cards: dict[bytes, Card]
    terminals: dict[bytes, Terminal]
    denied: dict[bytes, Denial]
    acknowledged: dict[int, list[tuple[int, int]]]
