"""What of a tap's money waits, and as which item: of an answer that was given, or of one that is to be."""

from typing import Final

import msgspec

from schemas.accounts import AccountKind, code_of
from schemas.codes import Purse, Verdict
from schemas.items import ItemKind, item_id_of_tap
from schemas.reasons import Reason
from settlement.store.reclears import Answer, ReclearedTap

OF_TAPS: Final = (
    ItemKind.HELD,
    ItemKind.HELD_UNPROVEN,
    ItemKind.UNCLAIMED,
    ItemKind.EXCESS,
    ItemKind.TORN,
    ItemKind.DOUBLE_DEDUCTION,
    ItemKind.TRANSFER,
)
"""Kinds of items about one ride."""


class Waits(msgspec.Struct, frozen=True):
    """What waits: an item's id and kind, the code of the account where the money stands, fen."""

    item_id: str
    kind: ItemKind
    account: str | None
    amount_fen: int


def waits(tap: ReclearedTap, answer: Answer) -> Waits | None:
    """What waits of a ride under an answer; None: nothing."""
    kind, account, fen = ItemKind.HELD_UNPROVEN, None, tap.amount_fen
    if answer.verdict == Verdict.ACCEPTED:
        kind, account = ItemKind.EXCESS, _code(AccountKind.SUSPENSE)
        fen = tap.amount_fen - answer.credited_fen
    elif tap.debit_proven and answer.verdict == Verdict.HELD:
        kind, account = ItemKind.HELD, _code(AccountKind.SUSPENSE)
    elif answer.verdict == Verdict.REJECTED:
        reason = Reason(answer.reason).name.lower()
        kind, account = ItemKind.UNCLAIMED, _code(AccountKind.UNCLAIMED, reason)
        fen = tap.amount_fen if tap.debit_proven else 0
    if kind in (ItemKind.EXCESS, ItemKind.UNCLAIMED) and not fen:
        return None
    return Waits(item_id_of_tap(kind, *tap.place), kind, account, fen)


def _code(kind: AccountKind, participant: str = "") -> str:
    return code_of(Purse.PRINCIPAL, kind, participant)
