"""The turn of a card's debit counter: it has two bytes, and after 65535 it begins anew. No database.

What is stated of a card stays as it is stated, and items are named by it. Only what is *ordered* or
*counted* goes on beyond the turn: a place in the chain is the sum of all debits and all loads.
"""

from collections.abc import Iterable
from typing import Final, NamedTuple

import msgspec

TURN: Final = 1 << 16
"""How many values a debit counter has."""
_LOW: Final = TURN // 4
_HIGH: Final = TURN - _LOW
_EVER: Final = -(1 << 63)


class Seen(NamedTuple):
    """What a record states: a debit counter (0: perhaps that its source gives none), when, in local
    seconds, and whether it is a load."""

    offline: int
    at_s: int
    load: bool = False


class Turn(msgspec.Struct, frozen=True):
    """Where in what was read of a card its counter began anew.

    ``last_high_s`` and ``first_low_s``: the last debit before it, the first record after it that counts;
    local seconds. ``zero_s``: the debit whose counter is 0 because it is the turn.
    """

    last_high_s: int
    first_low_s: int
    zero_s: int | None = None

    def turns(self, seen: Seen, *, candidate: bool = False) -> int:
        """How often the counter had begun anew when it was as a record states. ``candidate``: of a torn
        tap, which has its place beside others."""
        if seen.offline:
            return int(seen.offline < _HIGH)
        if not self.last_high_s <= seen.at_s <= self.first_low_s:
            return 0
        if candidate:
            return 1
        return int(self.zero_s is not None and self.zero_s <= seen.at_s)


def turn_of(
    seen: Iterable[Seen], opening: int | None = None, candidates: Iterable[Seen] = ()
) -> Turn | None:
    """Where the counter began anew; None where it did not.

    What is read of a card spans a small part of its counter. So it began anew where some records are near
    the highest and all others near zero, and the high ones were tapped first. ``opening``: the debit
    counter of its opening position. ``candidates``: torn taps, which nobody proved: alone on their side
    they are where their time puts them.

    A debit counter of 0 says that the source does not give it, or is the very turn. It is the turn's where
    one debit alone has it between the high ones and the low ones.
    """
    seen = list(seen)
    counted = [each for each in seen if each.offline]
    if opening is not None:
        counted.append(Seen(opening, _EVER))
    high = [each.at_s for each in counted if each.offline >= _HIGH]
    low = [each.at_s for each in counted if each.offline < _LOW]
    if len(high) + len(low) < len(counted):
        return None
    if low and not high:
        high = [each.at_s for each in candidates if each.offline >= _HIGH and each.at_s < min(low)]
    elif high and not low:
        low = [
            each.at_s for each in candidates if 0 < each.offline < _LOW and each.at_s > min(high)
        ]
    if not high or not low or min(low) <= min(high):
        return None
    # A load before the turn may follow on a torn tap that would have been the turn.
    debited = [each.at_s for each in counted if each.offline >= _HIGH and not each.load]
    turn = Turn(max(debited or high), min(low))
    zeros = [
        each.at_s
        for each in seen
        if not each.offline and not each.load and turn.last_high_s <= each.at_s <= turn.first_low_s
    ]
    return msgspec.structs.replace(turn, zero_s=zeros[0]) if len(zeros) == 1 else turn


def is_near(offline: int) -> bool:
    """Whether a counter is so high that it may begin anew soon."""
    return offline >= _HIGH


def came_before(offline: int, debits: int) -> bool:
    """Whether a debit counter may be from before a record with so many debits, of a card whose turn, if it
    had one, was not read."""
    return offline <= debits or (is_near(offline) and debits < _LOW)
