"""One tap on its way into a batch, with what is known of it beforehand; and what it must get."""

import msgspec

from loadtest.cards import Pool
from schemas.codes import Verdict
from schemas.reasons import Reason, decide

_WINDOW: int = 64
_ALL: int = (1 << 64) - 1


class Item(msgspec.Struct, gc=False):
    """A record and what its maker knows of it.

    ``flags`` are the reasons that its making implies (bit = number). ``pool`` and ``index`` name the
    card where the node keeps its chain; ``direction`` is −1 for a debit, 1 for a load, 0 for neither.
    ``proven``: the record proves that money moved on a card that the node knows.
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


def _learn(item: Item, pool: Pool) -> None:
    """The node learns from a proven tap, whatever its verdict."""
    index = item.index
    known_offline, known_online = pool.known_offline[index], pool.known_online[index]
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
    pool, flags = item.pool, item.flags
    if pool is not None:
        flags |= _chain(item, pool)
    number, verdict, reason, rest = answer(flags)
    accepted = number == Verdict.ACCEPTED
    if pool is not None and item.proven and (accepted or item.direction < 0):
        _learn(item, pool)
    credited = subsidy = 0
    if accepted:
        subsidy = item.subsidy_fen
        credited = item.amount_fen
        if item.direction < 0 and credited > item.priced_fen:
            credited = item.priced_fen
    return verdict, reason, rest, item.priced_fen, credited, subsidy
