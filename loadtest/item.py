"""One tap on its way into a batch, with what is known of it beforehand; and what it must get."""

from typing import Final

import msgspec

from loadtest.cards import Pool
from loadtest.facts import TransferFact
from schemas import record
from schemas.codes import TapKind, Verdict
from schemas.reasons import Reason, decide

_KIND: Final = record.OFFSET["kind"]
_ENTRIES: Final = frozenset({int(TapKind.BUS_TAP_IN), int(TapKind.METRO_TAP_IN)})
_EXITS: Final = frozenset({int(TapKind.BUS_TAP_OUT), int(TapKind.METRO_TAP_OUT)})
_JOURNEY_MAX_S: Final = 4 * 3600
_WINDOW: Final = 64
"""Debit counters below the highest that a node remembers one by one."""
_ALL: Final = (1 << 64) - 1


class Item(msgspec.Struct, gc=False):
    """A record and what its maker knows of it.

    ``flags`` are the reasons that its making implies (bit = number). ``pool`` and ``index`` name
    the card where the node keeps its chain; ``direction`` is −1 for a debit, 1 for a load, else 0.
    ``proven``: the record proves that money moved on a card that the node knows. ``tapped_s``
    counts from any fixed moment. ``begins``: the ride begins a transfer window. ``transfer``: the
    discount was taken; ``full_fen`` is the fare where the node knows of no leg that it follows.
    """

    record: bytes
    fault: str
    flags: int
    pool: Pool | None
    index: int
    direction: int
    proven: bool
    amount_fen: int
    before_fen: int
    after_fen: int
    offline: int
    online: int
    priced_fen: int
    subsidy_fen: int
    tapped_s: int
    begins: bool
    transfer: TransferFact | None
    full_fen: int


class Expected(msgspec.Struct, gc=False, frozen=True):
    """What the engine must say to one row of one batch, written before it sees it."""

    city: str
    operator: int
    number: int
    row: int
    verdict: str
    reason: str
    flags: int
    priced_fen: int
    credited_fen: int
    subsidy_fen: int
    fault: str = ""


def bit(*reasons: Reason) -> int:
    """The flags of reasons."""
    flags = 0
    for reason in reasons:
        flags |= 1 << reason
    return flags


_GAP = bit(Reason.CHAIN_GAP_PENDING)
_RISE = bit(Reason.BALANCE_RISE_PENDING)
_LATE = bit(Reason.COUNTER_LATE)
_REUSED = bit(Reason.COUNTER_REUSED)
_UNQUALIFIED = bit(Reason.TRANSFER_UNQUALIFIED)
_UNPROVEN = bit(Reason.TRANSFER_UNPROVEN)
_NO_EXIT = bit(Reason.ENTRY_WITHOUT_EXIT)
_BELOW = bit(Reason.BELOW_TARIFF)
_answers: dict[int, tuple[int, str, str, int]] = {}


def answer(flags: int) -> tuple[int, str, str, int]:
    """(verdict number, verdict, reason, remaining flags) of the reasons that apply."""
    found = _answers.get(flags)
    if found is None:
        verdict, reason, rest = decide(flags)
        found = (verdict, verdict.name.lower(), reason.name.lower(), rest)
        _answers[flags] = found
    return found


def _chain(item: Item, pool: Pool) -> int:
    """What the card's chain says, from what the node knows when the tap arrives."""
    index = item.index
    known_offline, known_online = pool.known_offline[index], pool.known_online[index]
    flags = 0
    if item.direction < 0:
        behind = known_offline - item.offline
        if behind >= 0:
            used = behind < _WINDOW and pool.window[index] >> behind & 1
            flags = _REUSED if used else _LATE
    elif item.direction > 0 and item.online <= known_online:
        flags = _LATE
    if item.direction and item.offline + item.online > known_offline + known_online:
        known = pool.known_balance[index]
        if item.before_fen != known:
            flags |= _GAP if item.before_fen < known else _RISE
    return flags


def _qualifies(item: Item, pool: Pool, transfer: TransferFact) -> bool:
    """Whether the node knows a leg that the transfer discount of a tap follows from."""
    index = item.index
    base_s = pool.transfer_base_s[index]
    return (
        base_s > 0
        and 0 <= item.tapped_s - base_s <= transfer.window_s
        and pool.transfers_used[index] < transfer.count_max
    )


def _missing_leg(flags: int, item: Item, pool: Pool) -> int:
    """What is said of a transfer discount without a leg: history that is incomplete proves nothing."""
    index = item.index
    incomplete = flags & _GAP or pool.known_balance[index] != pool.known_book[index]
    return _UNPROVEN if incomplete else _UNQUALIFIED


def _waits_for_exit(item: Item, pool: Pool) -> bool:
    """Whether a tap is an entry while the card has a journey open."""
    entry_s = pool.entry_s[item.index]
    return (
        item.record[_KIND] in _ENTRIES
        and entry_s > 0
        and 0 <= item.tapped_s - entry_s <= _JOURNEY_MAX_S
    )


def _learn_journey(item: Item, pool: Pool, *, transferred: bool) -> None:
    """The node learns where a card's transfer window stands; an older tap tells it nothing."""
    index = item.index
    if item.direction < 0 and item.tapped_s >= pool.last_tap_s[index]:
        kind = item.record[_KIND]
        if kind in _ENTRIES:
            pool.entry_s[index] = item.tapped_s
        elif kind in _EXITS:
            pool.entry_s[index] = 0
        if transferred:
            pool.transfers_used[index] += 1
        elif item.begins:
            pool.transfer_base_s[index], pool.transfers_used[index] = item.tapped_s, 0
    pool.last_tap_s[index] = max(pool.last_tap_s[index], item.tapped_s)


def _learn(item: Item, pool: Pool) -> None:
    """The node learns from a proven tap, whatever its verdict."""
    index = item.index
    known_offline, known_online = pool.known_offline[index], pool.known_online[index]
    pool.known_book[index] += item.direction * item.amount_fen
    if item.offline + item.online > known_offline + known_online:
        pool.known_balance[index] = item.after_fen
    if item.direction > 0:
        pool.known_online[index] = max(known_online, item.online)
        return
    ahead = item.offline - known_offline
    if ahead > 0:
        pool.window[index] = (pool.window[index] << ahead | 1) & _ALL
        pool.known_offline[index] = item.offline
    elif -ahead < _WINDOW:
        pool.window[index] |= 1 << -ahead


def settle(item: Item) -> tuple[str, str, int, int, int, int]:
    """(verdict, reason, flags, priced, credited, subsidy) of a tap that arrives now."""
    pool, flags, priced = item.pool, item.flags, item.priced_fen
    transferred = False
    if pool is not None:
        flags |= _chain(item, pool)
        if _waits_for_exit(item, pool):
            flags |= _NO_EXIT
        if item.transfer is not None:
            transferred = _qualifies(item, pool, item.transfer)
            if not transferred:
                priced = item.full_fen
                flags |= _missing_leg(flags, item, pool)
                flags |= 0 if item.amount_fen == priced else _BELOW
    number, verdict, reason, rest = answer(flags)
    accepted = number == Verdict.ACCEPTED
    if pool is not None and item.proven and (accepted or item.direction < 0):
        _learn(item, pool)
        _learn_journey(item, pool, transferred=transferred)
    credited = subsidy = 0
    if accepted:
        subsidy = item.subsidy_fen
        credited = item.amount_fen
        if item.direction < 0 and credited > priced:
            credited = priced
    return verdict, reason, rest, priced, credited, subsidy
