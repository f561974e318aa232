"""What an effect on the books is, and what every kind of effect needs to state one."""

from typing import Any

import msgspec

from clearing.plan import Purpose
from clearing.store import Posting
from schemas.items import ItemKind, ItemOutcome, ItemState, item_id_of_tap
from schemas.reasons import Reason
from settlement.decisions.case import Case
from settlement.exchange.books import Lines
from settlement.store.items import Item


class Effect(msgspec.Struct, kw_only=True):
    """What an action comes to.

    ``amount_fen`` and ``account_no`` of the item from here on (None: no money of it stands anywhere),
    ``adjustment_fen``: what is owed to the card more (or less), ``opened``: items that follow from it.
    """

    outcome: ItemOutcome
    narrative: str
    state: ItemState = ItemState.CLOSED
    amount_fen: int
    account_no: int | None = None
    postings: tuple[Posting, ...] = ()
    adjustment_fen: int = 0
    opened: list[Item] = []
    denies: bool = False


def told(effect: Effect, codes: dict[int, str]) -> dict[str, Any]:
    """What an effect comes to, for people and for comparing: accounts by code, fen."""
    return {
        "outcome": effect.outcome.value,
        "amount_fen": effect.amount_fen,
        "adjustment_fen": effect.adjustment_fen,
        "postings": [
            [codes[line.account], Purpose(line.purpose).name.lower(), line.amount_fen]
            for line in effect.postings
        ],
        "opens": [[item.item_id, item.amount_fen] for item in effect.opened],
    }


def postings_of(case: Case, lines: Lines) -> tuple[Posting, ...]:
    """Lines as postings that count the item's tap."""
    count = int(case.has_tap)
    return tuple(msgspec.structs.replace(line, tap_count=count) for line in lines.postings())


async def relabel(case: Case, lines: Lines, new: Purpose, fen: int) -> None:
    """What left a card of ours waited outside its issuer's position; from here on it is part of it."""
    old = case.held_under
    if old is not None:
        lines.relabel(await case.liability(), old, new, -fen)


def opened_after(case: Case, kind: ItemKind, account: int, amount_fen: int) -> Item:
    """An item about the same tap that goes on where this one ends."""
    item = case.item
    return msgspec.structs.replace(
        item,
        item_id=item_id_of_tap(kind, case.tap.batch_seq, case.tap.row_no),
        kind=kind,
        opened_on=case.open_date,
        amount_fen=amount_fen,
        account_no=account,
        body={"decided_from": item.item_id, "reason": reason_name(case)},
    )


def reason_name(case: Case) -> str:
    """The reason of the item's tap, as accounts are named after it."""
    return Reason(case.tap.reason).name.lower()
