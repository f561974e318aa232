"""What the list of an approved re-clearing books: entries, items, what is owed to cards.

Everything follows from the list as it was proposed; nothing is priced again.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any, Final

import msgspec

from clearing.store import Entry, Posting
from schemas import reasons, record
from schemas.accounts import Account, AccountKind
from schemas.codes import TapKind
from schemas.items import ItemKind, ItemOutcome, ItemState
from schemas.reasons import Reason
from settlement.reclearing.replaying import Place
from settlement.reclearing.waiting import Waits, waits
from settlement.store.items import DECIDED_FROM, Adjustment, Change, Item, Standing
from settlement.store.reclears import Answer, Head, Reclear, ReclearedTap

PREFIX: Final = "reclear/"
"""How ids of these entries begin."""
_CARD: Final = record.CARD.stop - record.CARD.start
_TERMINAL: Final = slice(_CARD, _CARD + 6)
"""Of an identity."""


def entry_id(proposal_no: int, batch_seq: int) -> str:
    """The id of the entry that corrects a batch."""
    return f"{PREFIX}{proposal_no}/{batch_seq}"


def entries_of(reclear: Reclear, taps: Iterable[ReclearedTap]) -> list[Entry]:
    """One balanced entry per batch, by its number.

    What goes up and what goes down stand apart: one line per (account, purpose) and side. An entry names
    its batch, so it counts where its operator's fares do.
    """
    sums: dict[int, dict[tuple[int, int, bool], Counter[str]]] = {}
    for tap in taps:
        lines = sums.setdefault(tap.batch_seq, {})
        for delta in tap.deltas:
            side = delta.account, delta.purpose, delta.amount_fen < 0
            line = lines.setdefault(side, Counter())
            line["taps"] += 1
            line["fen"] += delta.amount_fen
    return [
        Entry(
            entry_id=entry_id(reclear.proposal_no, batch_seq),
            narrative=f"re-clearing of {reclear.corrects}",
            batch_seq=batch_seq,
            corrects=f"{reclear.corrects}",
            postings=tuple(
                Posting(account, purpose, line["fen"], line["taps"])
                for (account, purpose, _), line in sorted(lines.items())
            ),
        )
        for batch_seq, lines in sorted(sums.items())
    ]


class Booked(msgspec.Struct):
    """What an approved re-clearing writes beside its entries."""

    items: list[Item] = []
    changes: list[Change] = []
    adjustments: list[Adjustment] = []


class Ground(msgspec.Struct, frozen=True, kw_only=True):
    """What items are made of. ``standing``: items of the taps; ``heads``: of taps that open one;
    ``window_days``: of presentment."""

    reclear: Reclear
    open_date: date
    accounts: Mapping[str, Account]
    standing: Mapping[str, Standing]
    heads: Mapping[Place, Head]
    window_days: int

    def number(self, waiting: Waits) -> int | None:
        """Where the money of what waits stands."""
        return None if waiting.account is None else self.accounts[waiting.account].number


def opens_item(tap: ReclearedTap) -> bool:
    """Whether an item about the tap must be there that was not there before."""
    then = waits(tap, tap.becomes)
    return then is not None and then.item_id not in tap.items


def booked_of(ground: Ground, taps: Sequence[ReclearedTap]) -> Booked:
    """Items that end, change and begin; what is owed to cards more or less."""
    found = Booked()
    for tap in taps:
        _move_items(found, ground, tap)
    found.adjustments = _adjustments(ground, taps)
    return found


def _move_items(found: Booked, ground: Ground, tap: ReclearedTap) -> None:
    before, then = waits(tap, tap.was), waits(tap, tap.becomes)
    entry = entry_id(ground.reclear.proposal_no, tap.batch_seq) if tap.deltas else None
    number = ground.reclear.proposal_no
    if before is not None and (then is None or then.item_id != before.item_id):
        ended = ground.standing[before.item_id]
        found.changes.append(
            ended.change(
                ground.open_date, ItemState.CLOSED, ItemOutcome.RECLEARED, entry_id=entry,
                proposal_no=number,
            )
        )  # fmt: skip
    if then is None or then == before:
        return
    known = ground.standing.get(then.item_id)
    if known is None:
        found.items.append(_opened(ground, tap, then))
        return
    found.changes.append(
        known.change(
            ground.open_date, ItemState.OPEN, ItemOutcome.RECLEARED, amount_fen=then.amount_fen,
            account_no=ground.number(then), entry_id=entry, proposal_no=number,
        )
    )  # fmt: skip


def _opened(ground: Ground, tap: ReclearedTap, then: Waits) -> Item:
    head = ground.heads[tap.place]
    return Item(
        item_id=then.item_id,
        kind=then.kind,
        opened_on=ground.open_date,
        batch_seq=tap.batch_seq,
        row_no=tap.row_no,
        card=head.identity[:_CARD],
        terminal_id=head.identity[_TERMINAL],
        operator_no=tap.operator_no,
        amount_fen=then.amount_fen,
        account_no=ground.number(then),
        due_on=date.fromordinal(head.tapped_at.toordinal() + ground.window_days + 1),
        body=_body(ground, tap, then, head),
    )


def _body(ground: Ground, tap: ReclearedTap, then: Waits, head: Head) -> dict[str, Any]:
    answer: Answer = tap.becomes
    reason = Reason.ABOVE_TARIFF if then.kind == ItemKind.EXCESS else Reason(answer.reason)
    flags = (answer.flags | (1 << answer.reason if answer.reason else 0)) & ~(1 << reason)
    return {
        DECIDED_FROM: f"{PREFIX}{ground.reclear.proposal_no}",
        "reason": reason.name.lower(),
        "flags": reasons.names(flags),
        "kind": TapKind(head.kind).name.lower(),
        "tapped_at": head.tapped_at.isoformat(),
        "amount_fen": tap.amount_fen,
        "credited_fen": answer.credited_fen,
        "batch": head.number,
    }


def _adjustments(ground: Ground, taps: Iterable[ReclearedTap]) -> list[Adjustment]:
    """Where a debit that nothing proved is taken for made after all, or no longer is.

    What was proven has left its card already, whatever is said of it.
    """
    liabilities = {
        account.number
        for account in ground.accounts.values()
        if account.kind == AccountKind.CARD_LIABILITY
    }
    sums: dict[tuple[str, bytes], tuple[str, int]] = {}
    for tap in taps:
        fen = sum(each.amount_fen for each in tap.deltas if each.account in liabilities)
        if fen:
            waiting = waits(tap, tap.was) or waits(tap, tap.becomes)
            assert waiting is not None, "an unproven debit waits for proof"
            key = (
                entry_id(ground.reclear.proposal_no, tap.batch_seq),
                ground.heads[tap.place].identity[:_CARD],
            )
            item_id, before = sums.get(key, (waiting.item_id, 0))
            sums[key] = item_id, before - fen
    return [
        Adjustment(entry, card, item_id, ground.open_date, fen)
        for (entry, card), (item_id, fen) in sorted(sums.items())
        if fen
    ]


def needs_head(tap: ReclearedTap, liabilities: set[int]) -> bool:
    """Whether booking a tap asks for more than its list has."""
    owed = sum(each.amount_fen for each in tap.deltas if each.account in liabilities)
    return bool(owed) or opens_item(tap)
