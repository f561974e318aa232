"""What is under way between devices and the centre."""

import random
from collections import defaultdict
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import msgspec

from loadtest.item import Item
from loadtest.world import AGENT, CityWorld, OperatorFacts
from schemas import record

if TYPE_CHECKING:
    from loadtest.month.day import MonthDay

OFFLINE_PER_MILLE: Final = 3
"""Terminals that lose their connection on a day."""
STRAGGLERS_PER_MILLE: Final = 2
"""Taps that stay behind in a device while newer ones go."""

_TERMINAL: Final = slice(record.OFFSET["terminal_id"], record.OFFSET["terminal_number"])
Action = Callable[["MonthDay", int], None]


class Parcel(msgspec.Struct, frozen=True):
    """Taps that arrive at a moment of a business date.

    ``group``: taps of one group come in a batch of their own; empty: they go into the next batch cut.
    """

    moment: int
    operator: OperatorFacts
    items: tuple[Item, ...]
    group: bytes = b""


class Network:
    """Parcels and plans by business date, counted from the first one."""

    def __init__(self, world: CityWorld, rng: random.Random, days: int, last: int) -> None:
        self.days, self.last = days, last
        self._rng = rng
        self._parcels: dict[int, list[Parcel]] = defaultdict(list)
        self._actions: dict[int, list[tuple[int, Action]]] = defaultdict(list)
        self._offline: dict[bytes, int] = {}
        self._terminals = [
            terminal
            for operator in world.operators.values()
            if operator.mode != AGENT
            for terminal in operator.terminals.ids
        ]

    def begin(self, number: int) -> None:
        """A transaction date begins: some terminals go offline, for one to four days."""
        rng = self._rng
        self._offline = {name: back for name, back in self._offline.items() if back > number}
        for name in self._terminals:
            if name not in self._offline and rng.randrange(1000) < OFFLINE_PER_MILLE:
                self._offline[name] = number + 1 + rng.randrange(4)

    def held_up(self, operator: OperatorFacts, item: Item, number: int) -> bool:
        """Whether a clean tap does not arrive today; it is under way then."""
        terminal = item.record[_TERMINAL]
        rng = self._rng
        back = self._offline.get(terminal)
        if back is not None:
            moment = 6 * 3600 + rng.randrange(3600)
            self.send(back, Parcel(moment, operator, (item,), terminal))
            return True
        if rng.randrange(1000) < STRAGGLERS_PER_MILLE:
            days = rng.choice((1, 1, 1, 2, 3, 7, 20, 30, 35))
            self.send(number + days, Parcel(self.moment(), operator, (item,)))
            return True
        return False

    def moment(self) -> int:
        """Some moment of a day at which late taps arrive."""
        return 6 * 3600 + self._rng.randrange(16 * 3600)

    def send(self, number: int, parcel: Parcel) -> None:
        """Taps will arrive on a business date."""
        assert number <= self.last
        self._parcels[number].append(parcel)

    def plan(self, number: int, moment: int, action: Action) -> None:
        """Something will happen on a transaction date, if there is one that late."""
        if number < self.days:
            self._actions[number].append((moment, action))

    def due(self, number: int) -> list[Parcel]:
        """What arrives on a business date; taps of a group are one parcel."""
        alone: list[Parcel] = []
        groups: dict[bytes, Parcel] = {}
        for parcel in self._parcels.pop(number, []):
            first = groups.get(parcel.group)
            if not parcel.group:
                alone.append(parcel)
            elif first is None:
                groups[parcel.group] = parcel
            else:
                items = first.items + parcel.items
                groups[parcel.group] = msgspec.structs.replace(first, items=items)
        return alone + list(groups.values())

    def actions(self, number: int) -> list[tuple[int, Action]]:
        """What happens on a transaction date."""
        return self._actions.pop(number, [])
