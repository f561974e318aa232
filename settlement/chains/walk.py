"""The walk along one card's chain: what lies between neighbours, in the card's own order. No database.

Between neighbours a, b of the chain: ``place(b) − place(a) − 1`` taps are missing, of which
``online(b) − online(a)`` less b itself are loads; the balance rose by ``before(b) − after(a)``. What the
loads put on and the rise does not show left by debits.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Final

import msgspec
from msgspec.structs import replace

from clearing.limits import AMOUNT_MAX_FEN, BALANCE_MAX_FEN
from schemas.codes import DEBIT_KINDS
from schemas.items import ItemKind, ItemOutcome
from settlement.chains.element import OPENING, Element
from settlement.chains.turn import TURN, Turn, is_near, turn_of

DOUBLE_WITHIN_S: Final = 180
"""Two debits at one terminal that are no further apart may be one ride."""

Logged = Callable[[int], int | None]
"""The amount in fen that the load log has for a load counter of the card; None where it has none."""


class Bounds(msgspec.Struct, frozen=True):
    """What a card's money keeps within: the highest debit, the highest balance; fen."""

    amount_max_fen: int = AMOUNT_MAX_FEN
    balance_max_fen: int = BALANCE_MAX_FEN

    def hold(self, balance_fen: int) -> bool:
        """Whether a card can have this balance. One that is overdrawn is so by its last debit."""
        return -self.amount_max_fen <= balance_fen <= self.balance_max_fen


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """Something between two neighbours: a gap, a rise, or a break (``kind``).

    ``first`` is the first missing place as the counters of ``left`` state it, ``last`` the last one counted
    on from there (for a break both are the place that ``right`` states): they are the same whatever else
    was read. ``debits`` and ``loads`` of them are missing. ``amount_fen``: what left by missing debits; what a rise has
    that no known load explains; by how much the neighbours of a break differ.
    """

    kind: ItemKind
    first: int
    last: int
    amount_fen: int
    debits: int = 0
    loads: int = 0
    left: Element
    right: Element


class Findings(msgspec.Struct):
    """What the walk found. ``chain`` are the elements in order, the opening position first if it counts.

    ``torn``: by batch and row of the torn taps that the chain settles, DEBITED or NOT_DEBITED;
    ``candidates``: every torn tap that has a place, in its place.
    ``doubles``: neighbours (earlier, later) that look like one ride.
    """

    chain: list[Element] = []
    between: list[Finding] = []
    torn: dict[tuple[int, int], ItemOutcome] = {}
    candidates: dict[tuple[int, int], Element] = {}
    doubles: list[tuple[Element, Element]] = []

    def reaches(self, place: int) -> bool:
        """Whether the history goes back to before a place: only then its silence says something."""
        return bool(self.chain) and self.chain[0].place < place

    def place_of(self, stated: int) -> int:
        """The place in this chain that an item is named by. Loads are few beside a turn of debits."""
        last = self.chain[-1] if self.chain else None
        if last is not None and last.turns and stated - last.online < TURN // 2:
            return stated + TURN
        return stated


_USUAL: Final = Bounds()


def walk(
    elements: Iterable[Element],
    opening: Element | None,
    torn: Iterable[Element],
    logged: Logged,
    bounds: Bounds = _USUAL,
) -> Findings:
    """Gaps, rises, breaks, settled torn taps and double deductions of one card.

    ``opening`` None: what precedes the first element is not known, so it is taken as it is. ``torn``
    have a place and no proof. Elements before the opening position are part of it. ``bounds``: more
    than missing debits can have taken is no gap but a break.
    """
    known, torn = _turned(list(elements), list(torn), opening)
    mute = _mute_ones(known, opening)
    chain = sorted(
        (each for each in known if each.tap not in mute), key=lambda element: element.order
    )
    if opening is not None:
        chain = [opening, *(each for each in chain if each.place > opening.place)]
    found = Findings(chain=chain, candidates={each.tap: each for each in torn if each.is_counted})
    step = _Step(
        found,
        sorted((each for each in known if each.tap in mute), key=lambda each: each.tapped_at),
        _by_place(found.candidates.values()),
        logged,
        bounds,
    )
    for left, right in pairwise(chain):
        step.between(left, right)
        if _is_double(left, right):
            found.doubles.append((left, right))
    return found


def _turned(
    elements: list[Element], torn: list[Element], opening: Element | None
) -> tuple[list[Element], list[Element]]:
    """The same taps, each with the turns that its debit counter had behind it."""
    if not any(
        is_near(each.offline) for each in (*elements, *torn, *([opening] if opening else ()))
    ):
        return elements, torn
    turn = turn_of(
        [each.seen for each in elements if not each.mute],
        None if opening is None else opening.offline,
        [each.seen for each in torn if not each.mute],
    )
    if turn is None:
        return elements, torn
    return (
        [_behind(turn, each, candidate=False) for each in elements],
        [_behind(turn, each, candidate=True) for each in torn],
    )


def _behind(turn: Turn, element: Element, *, candidate: bool) -> Element:
    turns = 0 if element.mute else turn.turns(element.seen, candidate=candidate)
    return replace(element, turns=turns) if turns else element


def _by_place(torn: Iterable[Element]) -> dict[int, list[Element]]:
    places: dict[int, list[Element]] = {}
    for each in sorted(torn, key=lambda element: element.order):
        places.setdefault(each.place, []).append(each)
    return places


def _mute_ones(elements: Sequence[Element], opening: Element | None) -> set[tuple[int, int]]:
    """Which elements have no place.

    A counter of zero may say that the source does not give it. A debit without loads before it is
    believed unless a tap with fewer debits shows loads; a load before any debit only where the card's
    opening position shows that it had none.
    """
    positions = [(each.debits, each.online) for each in elements if each.is_counted]
    if opening is not None:
        positions.append((opening.debits, opening.online))
    loaded_from = min((debits for debits, online in positions if online), default=None)
    debited_from: int | None = -1
    if opening is not None:
        debited_from = min((online for debits, online in positions if debits), default=None)
    return {
        each.tap
        for each in elements
        if not each.is_counted
        or (not each.online and loaded_from is not None and loaded_from < each.debits)
        or (not each.debits and debited_from is not None and debited_from < each.online)
    }


def _is_double(left: Element, right: Element) -> bool:
    return (
        left.terminal == right.terminal
        and left.kind == right.kind
        and left.kind in DEBIT_KINDS
        and left.accepted
        and right.accepted
        and left.amount_fen > 0 < right.amount_fen
        and right.place == left.place + 1
        and abs((right.tapped_at - left.tapped_at).total_seconds()) <= DOUBLE_WITHIN_S
    )


class _Step:
    """What is needed to look between two neighbours."""

    def __init__(
        self,
        found: Findings,
        mute: list[Element],
        torn: dict[int, list[Element]],
        logged: Logged,
        bounds: Bounds,
    ) -> None:
        self.found, self.mute, self.torn, self.logged = found, mute, torn, logged
        self.bounds = bounds

    def between(self, left: Element, right: Element) -> None:
        """Say what lies between two neighbours."""
        if not self.torn and _follows(left, right):
            return
        missing = right.place - left.place - 1
        rose_fen = right.before_fen - left.after_fen
        run = self._torn_run(left, right)
        if missing == len(run) and (run or rose_fen == 0):
            self.found.torn |= {torn.tap: ItemOutcome.DEBITED for torn in run}
            for torn in self.torn.get(right.place, ()):
                self.found.torn[torn.tap] = ItemOutcome.NOT_DEBITED
        elif missing > 0:
            self.found.between += self._missing(left, right, missing, rose_fen)
        else:
            self.found.between.append(_break(left, right, rose_fen))

    def _torn_run(self, left: Element, right: Element) -> list[Element]:
        """Torn taps that fill every place between two neighbours, by counters and balances; or none.

        Where two torn taps fit one place, neither is proven; one that is not sound proves nothing.
        """
        run: list[Element] = []
        at = left
        for place in range(left.place + 1, right.place):
            fitting = [
                torn for torn in self.torn.get(place, ()) if torn.is_sound and _follows(at, torn)
            ]
            if len(fitting) != 1:
                return []
            run.append(fitting[0])
            at = fitting[0]
        return run if _follows(at, right) else []

    def _missing(
        self, left: Element, right: Element, missing: int, rose_fen: int
    ) -> Iterator[Finding]:
        counters = range(left.online + 1, right.online + (0 if right.is_load else 1))
        loads = right.online - left.online - right.is_load
        debits = missing - loads
        if loads < 0 or debits < 0:
            yield _break(left, right, rose_fen)
            return
        amounts = [self.logged(counter) for counter in counters]
        explained_fen = sum(amount or 0 for amount in amounts)
        unknown = amounts.count(None)
        for mute in self._mute_between(left, right):
            if mute.is_load:
                explained_fen += mute.amount_fen
                unknown = max(unknown - 1, 0)
            else:
                rose_fen += mute.amount_fen
                debits = max(debits - 1, 0)
        debited_fen = explained_fen - rose_fen
        if (debited_fen < 0 and not unknown) or self._is_too_much(debited_fen, debits, left, right):
            yield _break(left, right, debited_fen)
            return
        gap = Finding(
            kind=ItemKind.CHAIN_GAP,
            first=left.stated + 1,
            last=left.stated + missing,
            amount_fen=max(debited_fen, 0),
            debits=debits,
            loads=loads,
            left=left,
            right=right,
        )
        if debits:
            yield gap
        if unknown:
            yield replace(
                gap, kind=ItemKind.CHAIN_RISE, amount_fen=max(-debited_fen, 0), loads=unknown
            )

    def _is_too_much(self, debited_fen: int, debits: int, left: Element, right: Element) -> bool:
        """Whether missing debits cannot have taken this. Nobody signs balances and counters: what a
        record claims moves money, once its window has closed, only as far as cards can."""
        if debited_fen <= 0:
            return False
        balances = left.after_fen, right.before_fen
        return debited_fen > debits * self.bounds.amount_max_fen or not all(
            map(self.bounds.hold, balances)
        )

    def _mute_between(self, left: Element, right: Element) -> list[Element]:
        """Taps without a place that lie between two neighbours by time; each fills one gap only."""
        if left.kind == OPENING or not self.mute:
            found = [each for each in self.mute if each.tapped_at <= right.tapped_at]
        else:
            found = [
                each for each in self.mute if left.tapped_at <= each.tapped_at <= right.tapped_at
            ]
        if found:
            taken = {each.tap for each in found}
            self.mute = [each for each in self.mute if each.tap not in taken]
        return found


def _follows(left: Element, right: Element) -> bool:
    """Whether ``right`` is the very next event of the card after ``left``."""
    debits, online = left.debits, left.online
    if right.is_load:
        online += 1
    else:
        debits += 1
    return (right.debits, right.online) == (debits, online) and (right.before_fen == left.after_fen)


def _break(left: Element, right: Element, differs_fen: int) -> Finding:
    return Finding(
        kind=ItemKind.CHAIN_BREAK,
        first=right.stated,
        last=right.stated,
        amount_fen=abs(differs_fen),
        left=left,
        right=right,
    )
