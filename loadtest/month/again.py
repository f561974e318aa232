"""Batches that come again: the same bytes a second time, or their taps cut into other batches.

An operator that is not sure whether a batch arrived sends it again. A back office that lost its numbers
cuts what it has anew: one batch as two, or two as one. All of that pays nobody twice.
"""

import random
from collections import defaultdict
from collections.abc import Iterator
from typing import Final

import msgspec

from loadtest.desk import Desk
from loadtest.item import Item
from loadtest.month.day import MonthDay, Sent

SAME_PER_MILLE: Final = 30
SPLIT_PER_MILLE: Final = 8
MERGED_PER_MILLE: Final = 8


class Resend(msgspec.Struct, frozen=True):
    """A batch in its turn. ``same``: these bytes came before. ``watched``: its taps come more than once."""

    sent: Sent
    same: bool = False
    watched: bool = False


class Again:
    """What comes again, and when."""

    def __init__(self, rng: random.Random, desks: dict[str, Desk], last: int) -> None:
        self._rng, self._last = rng, last
        self._desks = {desk.operator.number: desk for desk in desks.values()}
        self._same: dict[int, list[Sent]] = defaultdict(list)
        self._cut: dict[int, list[tuple[Desk, list[Item]]]] = defaultdict(list)
        self._waiting: dict[int, Sent] = {}
        """By operator, a batch that will be merged with the next one that is chosen."""

    def among(self, number: int, day: MonthDay) -> Iterator[Resend]:
        """The batches of a business date: what is new, and what comes again."""
        for earlier in self._same.pop(number, []):
            yield Resend(earlier, same=True)
        for desk, items in self._cut.pop(number, []):
            again = desk.send(items, day.day, 0, day.day)
            assert isinstance(again, Sent)
            yield Resend(again, watched=True)
        for delivery in day.run():
            assert isinstance(delivery, Sent)
            sent = delivery
            draw = self._rng.randrange(1000)
            split = draw < SPLIT_PER_MILLE
            merged = not split and draw < SPLIT_PER_MILLE + MERGED_PER_MILLE
            yield Resend(sent, watched=split or merged)
            if split:
                self._split(number, sent)
            elif merged:
                self._merge(number, sent)
            elif draw >= 1000 - SAME_PER_MILLE:
                if draw % 2:
                    yield Resend(sent, same=True)
                else:
                    self._same[self._date(number)].append(sent)

    def _date(self, number: int) -> int:
        return min(self._last, number + 1 + self._rng.randrange(3))

    def _split(self, number: int, sent: Sent) -> None:
        half = (len(sent.items) + 1) // 2
        for items in (sent.items[:half], sent.items[half:]):
            if items:
                desk = self._desks[sent.batch.header.operator]
                self._cut[self._date(number)].append((desk, list(items)))

    def _merge(self, number: int, sent: Sent) -> None:
        operator = sent.batch.header.operator
        first = self._waiting.pop(operator, None)
        if first is None:
            self._waiting[operator] = sent
        else:
            items = [*first.items, *sent.items]
            self._cut[self._date(number)].append((self._desks[operator], items))
