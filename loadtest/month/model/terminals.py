"""The numbers of one terminal: which are missing between its lowest and its highest."""

from collections.abc import Iterator
from typing import Final

WINDOW: Final = 256
"""Numbers below the highest that a node remembers one by one when a tap arrives."""


class Terminal:
    """A registered terminal, by the taps of it that hold their identity."""

    def __init__(self) -> None:
        self.lowest = self.highest = 0
        self.missing: set[int] = set()
        self._lost: set[int] = set()
        self._early: set[int] = set()
        self.tonight: set[int] = set()
        """Numbers that came out of their order since the last night."""
        self.begun = False
        """The first date with a tap of it is over: smaller numbers are from before, and not missed."""
        self._after_s: dict[int, int] = {}

    def given(self, number: int) -> bool:
        """Whether the terminal gave this number before."""
        if number < self.lowest:
            return number in self._early
        came = number not in self.missing and number not in self._lost
        return 0 < self.lowest <= number <= self.highest and came

    def reused(self, number: int) -> bool:
        """Whether a tap that arrives with this number is flagged."""
        return number > 0 and self.given(number) and self.highest - number < WINDOW

    def learn(self, number: int, tapped_s: int) -> bool:
        """A tap with this number holds its identity; whether anything is missing or found now."""
        if number == self.highest + 1 and self.lowest:
            self.highest = number
            return False
        if not self.lowest:
            self.lowest = self.highest = number
            self._after_s[number - 1] = tapped_s
            return False
        if number > self.highest:
            self.missing.update(range(self.highest + 1, number))
            self.highest = number
        elif number < self.lowest and self.begun:
            self._early.add(number)
            return False
        elif number < self.lowest:
            self.missing.update(range(number + 1, self.lowest))
            self.lowest = number
        else:
            self.missing.discard(number)
            self._lost.discard(number)
        self._after_s[number - 1] = tapped_s
        self.tonight.add(number)
        return True

    def lose(self, first: int, last: int) -> None:
        """Nobody looks for these numbers any more."""
        numbers = set(range(first, last + 1)) & self.missing
        self.missing -= numbers
        self._lost |= numbers

    def runs(self) -> Iterator[tuple[int, int, int]]:
        """(first, last missing number, time of the tap after them) of each run that is missing."""
        first = last = 0
        for number in sorted(self.missing):
            if first and number == last + 1:
                last = number
                continue
            if first:
                yield first, last, self._after_s.get(last, 0)
            first = last = number
        if first:
            yield first, last, self._after_s.get(last, 0)
