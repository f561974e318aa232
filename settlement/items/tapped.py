"""Items that the taps of a date open: held, torn, refunds, unclaimed, excess."""

from typing import Any, Final

from clearing.store import Connection
from schemas import reasons
from schemas.accounts import AccountKind
from schemas.codes import DEBIT_KINDS, Source, TapKind, Verdict
from schemas.items import ItemKind, item_id_of_tap
from schemas.reasons import Reason
from settlement.items.ground import Ground
from settlement.items.night import Night
from settlement.store.items import Item
from settlement.store.tapped import WaitingTap, read_waiting_taps

_CARD_BYTES: Final = 19
_TERMINAL: Final = slice(19, 25)
"""Of an identity: card, terminal id, number, time, type."""


async def tapped_items(connection: Connection, ground: Ground) -> Night:
    """Every item that the date's taps open."""
    taps = await read_waiting_taps(connection, ground.business_date)
    return Night(items=[_item(tap, ground) for tap in taps])


def kind_of(tap: WaitingTap, own: bool) -> ItemKind:
    """What a tap waits as. ``own``: the card is of an own issuer."""
    torn = tap.reason == Reason.TAC_TORN or tap.flags >> Reason.TAC_TORN & 1
    if tap.verdict == Verdict.ACCEPTED:
        return ItemKind.EXCESS
    if tap.verdict == Verdict.REJECTED:
        return ItemKind.UNCLAIMED
    if tap.debit_proven:
        return ItemKind.HELD
    if own and torn and tap.kind in DEBIT_KINDS:
        return ItemKind.TORN
    if own and not torn and tap.kind == TapKind.CARD_REFUND:
        return ItemKind.REFUND
    return ItemKind.HELD_UNPROVEN


def _item(tap: WaitingTap, ground: Ground) -> Item:
    kind = kind_of(tap, tap.issuer_no in ground.issuers)
    excess = tap.amount_fen - tap.credited_fen
    return Item(
        item_id=item_id_of_tap(kind, tap.batch_seq, tap.row),
        kind=kind,
        opened_on=ground.business_date,
        batch_seq=tap.batch_seq,
        row_no=tap.row,
        card=tap.identity[:_CARD_BYTES],
        terminal_id=tap.identity[_TERMINAL],
        operator_no=tap.operator if tap.source == Source.OPERATOR else None,
        amount_fen=excess if kind == ItemKind.EXCESS else tap.amount_fen,
        account_no=_account(tap, kind, ground),
        due_on=ground.due(tap.tapped_at.date()),
        body=_body(tap),
    )


def _account(tap: WaitingTap, kind: ItemKind, ground: Ground) -> int | None:
    """Where the money stands; None where nothing was booked."""
    if kind in (ItemKind.HELD, ItemKind.EXCESS):
        return ground.account(AccountKind.SUSPENSE)
    if kind == ItemKind.UNCLAIMED:
        return ground.account(AccountKind.UNCLAIMED, Reason(tap.reason).name.lower())
    return None


def _body(tap: WaitingTap) -> dict[str, Any]:
    """What a person must know to decide. An excess is told under its own name, flag or reason."""
    reason = Reason.ABOVE_TARIFF if tap.verdict == Verdict.ACCEPTED else Reason(tap.reason)
    flags = (tap.flags | (1 << tap.reason if tap.reason else 0)) & ~(1 << reason)
    body: dict[str, Any] = {
        "reason": reason.name.lower(),
        "flags": reasons.names(flags),
        "kind": TapKind(tap.kind).name.lower(),
        "tapped_at": tap.tapped_at.isoformat(),
        "amount_fen": tap.amount_fen,
        "credited_fen": tap.credited_fen,
        "batch": tap.number,
    }
    if tap.source == Source.PRESENTMENT:
        body["presentment"] = tap.origin
    return body
