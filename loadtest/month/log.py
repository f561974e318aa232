"""The issuers' load logs: what was authorised, when a line reaches the centre, until when all have."""

from collections import defaultdict
from typing import Final

import msgspec

from loadtest.making import DAY_S, Ride

DELAYED: Final = frozenset({10, 11})
"""Business dates on which no log comes; the next one brings what is due."""


class Line(msgspec.Struct, gc=False):
    """One authorised load. ``arrives``: the business date, counted from the first, of its import.

    ``loaded_s``: seconds since midnight of the first date. ``None`` as amount: never logged.
    """

    ride: Ride
    loaded_s: int
    online: int
    amount_fen: int | None
    authorisation: str
    arrives: int


class LoadLog:
    """What the issuers authorised, in order."""

    def __init__(self) -> None:
        self._lines: dict[int, list[Line]] = defaultdict(list)
        self._number = 0
        self._last: Line | None = None

    def note(self, ride: Ride, day_number: int) -> None:
        """A load was authorised on a transaction date; its line comes on the next one."""
        self._number += 1
        self._last = Line(
            ride,
            day_number * DAY_S + ride.moment,
            ride.draft.online_counter,
            ride.draft.amount_fen,
            f"A{self._number:08d}",
            day_number + 1,
        )
        self._lines[day_number + 1].append(self._last)

    def lose(self) -> None:
        """The last load was never authorised: the log will not have it."""
        assert self._last is not None
        self._last.amount_fen = None

    def say(self, amount_fen: int) -> None:
        """The last load stands in the log with another amount."""
        assert self._last is not None
        self._last.amount_fen = amount_fen

    def delay(self, days: int) -> None:
        """The line of the last load comes later than the log that should have it."""
        line = self._last
        assert line is not None
        self._lines[line.arrives].remove(line)
        line.arrives += days
        self._lines[line.arrives].append(line)

    def due(self, number: int) -> tuple[list[Line], int] | None:
        """What reaches the centre on a business date: lines, and until which date all are there."""
        if number in DELAYED:
            return None
        lines = [
            line
            for day in sorted(day for day in self._lines if day <= number)
            for line in self._lines.pop(day)
            if line.amount_fen is not None
        ]
        return lines, number
