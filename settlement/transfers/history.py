"""One card's debits in the card's own order, and which of them take a transfer discount. No database.

Each debit raises the card's debit counter by one, so a number that no debit has is a leg that has not come.
What follows on such a hole is not judged until it is certain again what a window is: from the next leg that
begins one whatever came before it.
"""

from collections.abc import Iterable, Iterator, Sequence

import msgspec
from msgspec.structs import replace

from clearing.transfers import NO_WINDOW, WINDOW_STARTS, Leg, Window, after, may_qualify, qualifies
from settlement.chains.turn import TURN, Seen, is_near, turn_of


class Debit(msgspec.Struct, frozen=True, kw_only=True):
    """A debit in its place. ``offline`` None: its source states no counters, it has only its time; as one
    of 0 has that is not the counter's turn.

    ``stated`` is the sum of both counters; ``tap`` names it by batch and row; ``turns``: how often the
    debit counter had begun anew, as far as was read.
    """

    offline: int | None
    stated: int
    tap: tuple[int, int]
    leg: Leg
    turns: int = 0

    @property
    def debits(self) -> int:
        """The card's debits up to it; 0 where that is not known."""
        return (self.offline or 0) + self.turns * TURN

    @property
    def place(self) -> int:
        """Its place in the card's own order."""
        return self.stated + self.turns * TURN

    @property
    def seen(self) -> Seen:
        """What it says of its card's debit counter."""
        return Seen(self.offline or 0, self.leg.at_s)

    @property
    def order(self) -> tuple[int, int, int, int]:
        """By place, then by time; never by arrival, unless all else is equal."""
        return self.place, self.leg.at_s, *self.tap


class Opening(msgspec.Struct, frozen=True):
    """Where a card stood when it was registered; it brought no window with it."""

    offline: int
    place: int


class Judged(msgspec.Struct, frozen=True):
    """Whether a debit takes the discount; None: that is not known. ``reached_back``: no hole lies between
    it and the first debit, so what came before that one may say more."""

    qualifies: bool | None
    reached_back: bool


def judge(
    debits: Iterable[Debit], opening: Opening | None, *, whole: bool = False
) -> dict[tuple[int, int], Judged]:
    """What each debit of a card is, by batch and row. ``whole``: every debit that we have is there."""
    known = _turned(list(debits), opening)
    placed = sorted((each for each in known if each.debits), key=lambda each: each.order)
    if opening is not None:
        placed = [each for each in placed if each.place > opening.place]
    silent = sorted((each for each in known if not each.debits), key=lambda each: each.leg.at_s)
    state = _State(opening, whole=whole)
    for debit, between in _with_silent(placed, silent):
        state.come_to(debit, len(between))
        for each in between:
            state.take(each)
        if state.holed:
            state.forget()
        state.take(debit)
    return state.found


def _turned(debits: list[Debit], opening: Opening | None) -> list[Debit]:
    """The same debits, each with the turns that the card's counter had behind it."""
    start = None if opening is None else opening.offline
    if not any(is_near(offline or 0) for offline in (start, *(each.offline for each in debits))):
        return debits
    turn = turn_of((each.seen for each in debits if each.offline is not None), start)
    if turn is None:
        return debits
    return [
        each if each.offline is None else replace(each, turns=turn.turns(each.seen))
        for each in debits
    ]


def _with_silent(
    placed: Sequence[Debit], silent: Sequence[Debit]
) -> Iterator[tuple[Debit, list[Debit]]]:
    """Each debit that has a place, with those without one that lie before it by time."""
    at = 0
    for debit in placed:
        start = at
        while at < len(silent) and silent[at].leg.at_s <= debit.leg.at_s:
            at += 1
        yield debit, list(silent[start:at])


class _State:
    """What is known of the card's window on the way along its debits."""

    def __init__(self, opening: Opening | None, *, whole: bool) -> None:
        self.found: dict[tuple[int, int], Judged] = {}
        self.holed = False
        self._window: Window | None = NO_WINDOW if opening is not None else None
        self._offline = opening.offline if opening is not None else 0
        self._latest_s: int | None = None
        self._whole = whole
        self._reached_back = opening is None

    def come_to(self, debit: Debit, silent: int) -> None:
        """Look whether a debit is missing before this one, of which ``silent`` ones may be some."""
        first = not self._offline and self._latest_s is None and self._window is None
        missing = 0 if first else debit.debits - self._offline - 1 - silent
        if first and debit.debits == 1 and self._whole:
            # The card's first, and not the one after its counter began anew.
            self._window, self._reached_back = NO_WINDOW, False
        self._offline = debit.debits
        self.holed = missing > 0
        if self.holed:
            self.forget()
            self._reached_back = False

    def forget(self) -> None:
        """Nothing is certain of what came just before."""
        self._window = self._latest_s = None

    def take(self, debit: Debit) -> None:
        """Judge the next debit, and go on behind it."""
        used = self._judged(debit.leg)
        # Without a counter nobody can tell whether something is missing before it.
        sure = used if debit.debits else None
        self.found[debit.tap] = Judged(sure, self._reached_back)
        if used is False and debit.leg.kind in WINDOW_STARTS:
            self._window, self._reached_back = after(NO_WINDOW, debit.leg, used=False), False
        elif used is None:
            self._window = None
        elif self._window is not None:
            self._window = after(self._window, debit.leg, used=used)
        self._latest_s = debit.leg.at_s

    def _judged(self, leg: Leg) -> bool | None:
        transfer = leg.transfer
        if self._window is not None or not may_qualify(leg) or transfer.by_mark:
            return qualifies(self._window or NO_WINDOW, leg)
        if self._latest_s is not None and leg.at_s - self._latest_s > transfer.window_s:
            # No window that it could be of began later than the debit before it.
            return False
        return None
