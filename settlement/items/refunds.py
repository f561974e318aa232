"""Card refunds 退卡: paid when the window has closed and what is owed to the card covers them."""

from collections.abc import Iterable
from typing import Final

from clearing import cards
from clearing.plan import Purpose
from clearing.store import Connection
from schemas.accounts import AccountKind
from schemas.items import ItemKind, ItemOutcome, ItemState
from schemas.reasons import Reason
from settlement.items.ground import Ground, line_of
from settlement.items.night import Night, moved
from settlement.store.items import Adjustment, Standing, card_adjustments, read_standing

NOT_COVERED: Final = "what is owed to the card does not cover the refund"


async def refund_payments(
    connection: Connection, ground: Ground, lines: bytes, tonight: Iterable[Adjustment]
) -> Night:
    """Refunds that are due: Dr card liability / Cr refund agent, or, once, why not.

    ``lines``: the closing card lines; ``tonight``: what other parts of this night adjusted. A refund
    that was held for another reason beside its waiting time is left to people.
    """
    standing = await read_standing(
        connection, ground.business_date, before_night=True, kinds=[ItemKind.REFUND]
    )
    due = [
        each
        for each in standing
        if each.item.due_on <= ground.business_date
        and each.item.body["reason"] == Reason.REFUND_HELD.name.lower()
    ]
    if not due:
        return Night()
    refunded = [each.item.card for each in due if each.item.card is not None]
    adjusted = await card_adjustments(connection, refunded, ground.business_date, before_night=True)
    for row in tonight:
        adjusted[row.card] = adjusted.get(row.card, 0) + row.amount_fen
    night = Night()
    for each in sorted(due, key=_in_order):
        card = each.item.card or b""
        owed_fen = _book_fen(lines, card, ground) + adjusted.get(card, 0)
        if owed_fen >= each.amount_fen:
            _pay(night, each, ground)
            adjusted[card] = adjusted.get(card, 0) - each.amount_fen
        elif each.outcome != ItemOutcome.RESTATED:
            body = {"why": NOT_COVERED, "owed_fen": owed_fen}
            night.changes.append(
                each.change(ground.business_date, ItemState.OPEN, ItemOutcome.RESTATED, body=body)
            )
    return night


def _in_order(each: Standing) -> tuple[object, ...]:
    return each.item.due_on, each.item.batch_seq, each.item.row_no


def _book_fen(lines: bytes, card: bytes, ground: Ground) -> int:
    """The book balance of a card (19 bytes); 0 without a line."""
    line = line_of(lines, card, ground)
    return cards.unpack(line).book_balance_fen if line else 0


def _pay(night: Night, each: Standing, ground: Ground) -> None:
    item = each.item
    assert item.card is not None
    issuer = ground.issuer_of(item.card)
    entry = moved(
        ground.business_date,
        item.item_id,
        "card refund whose window has closed",
        f"tap {item.batch_seq}/{item.row_no}",
        Purpose.REFUND,
        ground.account(AccountKind.CARD_LIABILITY, issuer.number),
        [(ground.account(AccountKind.REFUND_AGENT, item.operator_no or 0), each.amount_fen)],
    )
    night.changes.append(
        each.change(
            ground.business_date, ItemState.CLOSED, ItemOutcome.PAID, entry_id=entry.entry_id
        )
    )
    night.entries.append(entry)
    night.adjustments.append(
        Adjustment(entry.entry_id, item.card, item.item_id, ground.business_date, -each.amount_fen)
    )
