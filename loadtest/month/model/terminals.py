"""The numbers of one terminal: which are missing between its lowest and its highest."""

from collections.abc import Iterator
from typing import Final

WINDOW: Final = 256
"""Numbers below the highest that a node remembers one by one when a tap arrives."""


class Terminal:
    """A registered terminal, by the taps of it that hold their identity."""

    def __init__(self) -> None:
        self.first = self.lowest = self.highest = 0
        self.missing: set[int] = set()
        self._lost: set[int] = set()
        self._odd: set[int] = set()
        """Numbers that came although they were lost, or are from before the first date."""
        self._odd_today: set[int] = set()
        self._last_s = self._closed_s = 0
        self.tonight: set[int] = set()
        """Numbers that came out of their order since the last night."""
        self._begun = False
        """The first date with a tap of it is over: smaller numbers are from before, and not missed."""
        self._after_s: dict[int, int] = {}

    def _in_order(self, number: int) -> bool:
        return number <= self.highest and number not in self.missing and number not in self._lost

    def reused(self, number: int) -> bool:
        """Whether a tap that arrives with this number is flagged."""
        near = 0 < number <= self.highest and self.highest - number < WINDOW
        return near and (number in self._odd or (self.lowest <= number and self._in_order(number)))

    def repeated(self, number: int, tapped_s: int) -> bool:
        """Whether the night says of a tap with this number that the terminal gave it before."""
        if self.reused(number) or number in self._odd_today:
            return True
        early = number < self.first and not (self._begun and tapped_s > self._closed_s)
        return self.lowest > 0 and self._in_order(number) and not early

    def learn(self, number: int, tapped_s: int) -> bool:
        """A tap with this number holds its identity; whether anything is missing or found now."""
        self._last_s = max(self._last_s, tapped_s)
        if number == self.highest + 1 and self.lowest:
            self.highest = number
            return False
        if not self.lowest:
            self.first = self.lowest = self.highest = number
            self._after_s[number - 1] = tapped_s
            return False
        if number < self.first or number in self._lost:
            self._odd_today.add(number)
        if number in self._lost or (number < self.lowest and self._begun):
            self._odd.add(number)
            return False
        if number > self.highest:
            self.missing.update(range(self.highest + 1, number))
            self.highest = number
        elif number < self.lowest:
            self.missing.update(range(number + 1, self.lowest))
            self.lowest = number
        else:
            self.missing.discard(number)
        self._after_s[number - 1] = tapped_s
        self.tonight.add(number)
        return True

    def close(self) -> None:
        """The date is over."""
        self._begun = self.lowest > 0
        self._closed_s = self._last_s
        self.tonight.clear()
        self._odd_today.clear()

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
