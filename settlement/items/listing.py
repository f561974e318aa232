"""Open items for people to read: by kind and age, one by one, each operator's own. Cards are masked."""

from bisect import bisect_left
from collections.abc import Iterable
from datetime import date
from typing import Any, Final

import msgspec

from clearing.node import Node
from clearing.store import Connection
from schemas.items import TEXTS, ItemKind
from schemas.reasons import ROW, Reason
from settlement.exceptions import masked
from settlement.items.paper import hidden
from settlement.store import items as stored
from settlement.tables import csv_bytes, line_bytes

_BANDS_DAYS: Final = (5, 10)
"""Where the bands of age end, days: up to 5, 6 to 10, from 11 on (domain §7)."""

_ELSEWHERE: Final = frozenset({"reason", "tapped_at"})
"""What of an item's body has a column of its own."""


class OpenItem(msgspec.Struct, frozen=True):
    """An open item in a paper's words. Of a tap's reason the names, else what the item's kind says."""

    item_id: str
    item_kind: str
    opened_on: date
    age_days: int
    due_on: date
    operator: int | None
    batch_seq: int | None
    row: int | None
    card: str
    terminal_id: str
    tapped_at: str
    amount_fen: int
    account: str
    reason: str
    meaning: str
    remedy: str
    details: str


class KindLine(msgspec.Struct, frozen=True):
    """The open items of one kind: how many and how much, by age in days; fen."""

    item_kind: str
    meaning: str
    items: int
    amount_fen: int
    up_to_5: int
    up_to_5_fen: int
    from_6_to_10: int
    from_6_to_10_fen: int
    from_11: int
    from_11_fen: int
    oldest: date
    first_due: date


async def read_open(
    connection: Connection, node: Node, business_date: date, codes: dict[int, str]
) -> list[OpenItem]:
    """The items open at the end of a date, by id. ``codes``: of accounts by number."""
    standing = await stored.read_standing(connection, business_date)
    return [_open_item(each, node, business_date, codes) for each in standing]


def _open_item(
    each: stored.Standing, node: Node, business_date: date, codes: dict[int, str]
) -> OpenItem:
    item, text = each.item, TEXTS[each.item.kind]
    reason = str(item.body.get("reason", ""))
    row = ROW[Reason[reason.upper()]] if reason.upper() in Reason.__members__ else None
    details = {name: value for name, value in item.body.items() if name not in _ELSEWHERE}
    card = "" if item.card is None else _masked(item.card)
    return OpenItem(
        item_id=hidden(node, item.item_id),
        item_kind=item.kind.value,
        opened_on=item.opened_on,
        age_days=(business_date - item.opened_on).days,
        due_on=item.due_on,
        operator=item.operator_no,
        batch_seq=item.batch_seq,
        row=item.row_no,
        card=card,
        terminal_id="" if item.terminal_id is None else item.terminal_id.hex(),
        tapped_at=str(item.body.get("tapped_at", "")),
        amount_fen=each.amount_fen,
        account="" if each.account_no is None else codes[each.account_no],
        reason=reason,
        meaning=f"{text.chinese} {text.english}" if row is None else f"{row.chinese} {row.english}",
        remedy=f"{text.next_chinese} {text.next_english}",
        details=hidden(node, line_bytes(details).decode()),
    )


def _masked(card: bytes) -> str:
    return masked(card[0], card[1:9].hex(), card[9:].hex())


def by_kind(items: Iterable[OpenItem]) -> list[KindLine]:
    """Items summed up by kind, in the order of the kinds."""
    kinds: dict[str, list[OpenItem]] = {}
    for item in items:
        kinds.setdefault(item.item_kind, []).append(item)
    return [_kind_line(kind, kinds[kind.value]) for kind in ItemKind if kind.value in kinds]


def _kind_line(kind: ItemKind, items: list[OpenItem]) -> KindLine:
    text = TEXTS[kind]
    bands: list[list[OpenItem]] = [[], [], []]
    for item in items:
        bands[bisect_left(_BANDS_DAYS, item.age_days)].append(item)
    young, middle, old = bands
    return KindLine(
        item_kind=kind.value,
        meaning=f"{text.chinese} {text.english}",
        items=len(items),
        amount_fen=_fen(items),
        up_to_5=len(young),
        up_to_5_fen=_fen(young),
        from_6_to_10=len(middle),
        from_6_to_10_fen=_fen(middle),
        from_11=len(old),
        from_11_fen=_fen(old),
        oldest=min(item.opened_on for item in items),
        first_due=min(item.due_on for item in items),
    )


def _fen(items: Iterable[OpenItem]) -> int:
    return sum(item.amount_fen for item in items)


def kinds_csv(items: Iterable[OpenItem]) -> bytes:
    """Items by kind as CSV."""
    rows = [_cells(row) for row in by_kind(items)]
    return csv_bytes(KindLine.__struct_fields__, rows)


def items_csv(items: Iterable[OpenItem]) -> bytes:
    """Items one by one as CSV."""
    return csv_bytes(OpenItem.__struct_fields__, [_cells(item) for item in items])


def _cells(row: msgspec.Struct) -> list[str | int | None]:
    return [
        value if isinstance(value, int) or value is None else str(value)
        for value in msgspec.structs.astuple(row)
    ]


async def read_settled(
    connection: Connection, node: Node, business_date: date
) -> list[dict[str, Any]]:
    """What became of items on a date, by id: outcome, money, the entry that booked it."""
    changes = await stored.read_changes(connection, business_date)
    names = sorted({change.item_id for change in changes})
    standing = await stored.read_standing(
        connection, business_date, open_only=False, item_ids=names
    )
    operators = {each.item.item_id: each.item.operator_no for each in standing}
    return [
        {
            "item_id": hidden(node, change.item_id),
            "operator": operators.get(change.item_id),
            "outcome": change.outcome.value,
            "state": change.state.value,
            "amount_fen": change.amount_fen,
            "entry_id": None if change.entry_id is None else hidden(node, change.entry_id),
            "by_people": change.proposal_no is not None,
        }
        for change in changes
    ]
