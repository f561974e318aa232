"""Open items, their changes, what they adjusted of what is owed to cards (``schemas.items``).

Everything is append-only and dated, so each reader says as of which business date it asks.
"""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any, Final

import asyncpg
import msgspec

from clearing.store import Connection
from schemas.items import ItemKind, ItemOutcome, ItemState


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """An item as it was opened. ``card`` has 19 bytes, ``terminal_id`` 6.

    ``amount_fen`` is the money that it speaks of, ``account_no`` where that money stands (None: nothing
    is booked). ``due_on``: on this business date the window is closed.
    """

    item_id: str
    kind: ItemKind
    opened_on: date
    batch_seq: int | None = None
    row_no: int | None = None
    card: bytes | None = None
    terminal_id: bytes | None = None
    operator_no: int | None = None
    amount_fen: int
    account_no: int | None = None
    due_on: date
    body: dict[str, Any] = {}


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What became of an item on a business date; ``change_no`` counts from 1 per item."""

    item_id: str
    change_no: int
    business_date: date
    state: ItemState
    outcome: ItemOutcome
    amount_fen: int
    account_no: int | None = None
    entry_id: str | None = None
    proposal_no: int | None = None
    body: dict[str, Any] = {}


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """An item as it stands at the end of a date: as it was opened, and its last change."""

    item: Item
    state: ItemState
    outcome: ItemOutcome
    amount_fen: int
    account_no: int | None
    changed_on: date
    changes: int

    def change(
        self,
        business_date: date,
        state: ItemState,
        outcome: ItemOutcome,
        *,
        amount_fen: int | None = None,
        account_no: int | None = None,
        entry_id: str | None = None,
        proposal_no: int | None = None,
        body: dict[str, Any] | None = None,
    ) -> Change:
        """The next change of this item. ``amount_fen`` None: as it was."""
        return Change(
            item_id=self.item.item_id,
            change_no=self.changes + 1,
            business_date=business_date,
            state=state,
            outcome=outcome,
            amount_fen=self.amount_fen if amount_fen is None else amount_fen,
            account_no=account_no,
            entry_id=entry_id,
            proposal_no=proposal_no,
            body=body or {},
        )


class Adjustment(msgspec.Struct, frozen=True, order=True):
    """What an entry of an item changed of what is owed to a card; positive: more is owed."""

    entry_id: str
    card: bytes
    item_id: str
    business_date: date
    amount_fen: int


DECIDED_FROM: Final = "decided_from"
"""In the body of an item that people's decision opened, not a night: the item that it goes on from."""

_ITEM: Final = Item.__struct_fields__
_CHANGE: Final = Change.__struct_fields__
_ADJUSTMENT: Final = Adjustment.__struct_fields__


async def add_items(connection: Connection, items: Iterable[Item]) -> None:
    """Open items."""
    await _copy(connection, "item", _ITEM, items)


async def add_changes(connection: Connection, changes: Iterable[Change]) -> None:
    """Write changes of items."""
    await _copy(connection, "item_change", _CHANGE, changes)


async def add_adjustments(connection: Connection, adjustments: Iterable[Adjustment]) -> None:
    """Write adjustments; their entries are booked before."""
    await _copy(connection, "adjustment", _ADJUSTMENT, adjustments)


async def _copy(
    connection: Connection, table: str, columns: Sequence[str], rows: Iterable[msgspec.Struct]
) -> None:
    records = [tuple(map(_stored, msgspec.structs.astuple(row))) for row in rows]
    await connection.copy_records_to_table(
        table, schema_name="settlement", columns=columns, records=records
    )


def _stored(value: object) -> object:
    """Bodies as JSON with sorted keys; words as the text that they are."""
    if isinstance(value, dict):
        return msgspec.json.encode(value, order="sorted").decode()
    return str(value) if isinstance(value, ItemKind | ItemState | ItemOutcome) else value


_ITEM_COLUMNS: Final = ", ".join("i." + name for name in _ITEM)
_OF_WAITING: Final = _ITEM_COLUMNS.replace("i.kind", "w.kind").replace("i.opened_on", "w.opened_on")


def _query(then: str, opened: str) -> str:
    """Items as they stood: of their changes those that ``then`` knows, of the items the ``opened`` ones."""
    return (
        f"SELECT {_ITEM_COLUMNS}, c.state, c.outcome, c.amount_fen AS now_fen,"
        " c.account_no AS now_account, coalesce(c.business_date, i.opened_on) AS changed_on,"
        " coalesce(c.change_no, 0) AS changes, c.change_no IS NOT NULL AS changed"
        " FROM settlement.item i LEFT JOIN LATERAL (SELECT * FROM settlement.item_change x"
        f" WHERE x.item_id = i.item_id AND {then} ORDER BY x.change_no DESC LIMIT 1) c"
        f" ON true WHERE {opened}"
    )


def _untouched(later: str, opened: str) -> str:
    """Open items that no ``later`` change touched: they stood as they stand now, which is kept."""
    return (
        f"SELECT {_OF_WAITING}, w.state, w.outcome, w.amount_fen AS now_fen,"
        " w.account_no AS now_account, w.changed_on, w.changes, w.changes > 0 AS changed"
        " FROM settlement.item_waiting w JOIN settlement.item i USING (item_id)"
        f" WHERE w.state = 'open' AND {opened} AND NOT EXISTS (SELECT"
        f" FROM settlement.item_change x WHERE x.item_id = w.item_id AND {later})"
    )


def _touched(standing: str, later: str) -> str:
    """Items that a ``later`` change touched, whatever they are now: they are looked at one by one."""
    return f"{standing} AND i.item_id IN (SELECT x.item_id FROM settlement.item_change x WHERE {later})"


def _open(untouched: str, touched: str) -> str:
    return (
        f"SELECT * FROM ({untouched} UNION ALL {touched} AND coalesce(c.state, 'open') = 'open') i"
        " WHERE true"
    )


LATER: Final = "x.business_date > $1"
"""Changes that the end of the date $1 did not know."""
STANDING: Final = _query("x.business_date <= $1", "i.opened_on <= $1")
"""Items as they stood at the end of the date $1."""
UNTOUCHED: Final = _untouched(LATER, "w.opened_on <= $1")
TOUCHED: Final = _touched(STANDING, LATER)
_OPEN: Final = _open(UNTOUCHED, TOUCHED)

_LATER_AT_NIGHT = "x.business_date >= $1 AND (x.business_date > $1 OR x.proposal_no IS NULL)"
_OPENED_AT_NIGHT = f"i.opened_on <= $1 AND (i.opened_on < $1 OR i.body ? '{DECIDED_FROM}')"
BEFORE_NIGHT: Final = _query(
    "(x.business_date < $1 OR x.business_date = $1 AND x.proposal_no IS NOT NULL)", _OPENED_AT_NIGHT
)
"""Items as the night of the date $1 found them, for queries of other modules to narrow down."""
OPEN_BEFORE_NIGHT: Final = _open(
    _untouched(_LATER_AT_NIGHT, _OPENED_AT_NIGHT), _touched(BEFORE_NIGHT, _LATER_AT_NIGHT)
)
"""The open ones of them."""


async def read_standing(
    connection: Connection,
    as_of: date,
    *,
    before_night: bool = False,
    open_only: bool = True,
    kinds: Iterable[ItemKind] | None = None,
    item_ids: Sequence[str] | None = None,
    cards: Sequence[bytes] | None = None,
    taps: Sequence[tuple[int, int]] | None = None,
    terminals: Sequence[bytes] | None = None,
    batches: Sequence[int] | None = None,
) -> list[Standing]:
    """Items as they stood at the end of a date, by item_id as bytes.

    ``before_night``: as that date's night found them, people's decisions of the date included, what
    the night itself opened and changed left out. ``kinds``, ``item_ids``, ``cards`` (19 bytes),
    ``taps`` (batch_seq, row), ``terminals`` (6 bytes) and ``batches`` (batch_seq) narrow them down.
    """
    query = BEFORE_NIGHT if before_night else STANDING
    arguments: list[Any] = [as_of]
    if open_only:
        query = OPEN_BEFORE_NIGHT if before_night else _OPEN
    if kinds is not None:
        arguments.append([str(kind) for kind in kinds])
        query += f" AND i.kind = ANY(${len(arguments)})"
    if item_ids is not None:
        arguments.append(list(item_ids))
        query += f" AND i.item_id = ANY(${len(arguments)})"
    if cards is not None:
        arguments.append(list(cards))
        query += f" AND i.card = ANY(${len(arguments)})"
    if terminals is not None:
        arguments.append(list(terminals))
        query += f" AND i.terminal_id = ANY(${len(arguments)})"
    if batches is not None:
        arguments.append(list(batches))
        query += f" AND i.batch_seq = ANY(${len(arguments)}::bigint[])"
    if taps is not None:
        arguments += [[seq for seq, _ in taps], [row for _, row in taps]]
        query += (
            " AND (i.batch_seq, i.row_no) IN (SELECT * FROM"
            f" unnest(${len(arguments) - 1}::bigint[], ${len(arguments)}::integer[]))"
        )
    rows = await connection.fetch(query, *arguments)
    return sorted((standing_of(row) for row in rows), key=lambda each: each.item.item_id.encode())


def standing_of(row: asyncpg.Record) -> Standing:
    """A row of these queries."""
    item = _item(row)
    changed: bool = row["changed"]
    return Standing(
        item=item,
        state=ItemState(row["state"]) if changed else ItemState.OPEN,
        outcome=ItemOutcome(row["outcome"]) if changed else ItemOutcome.OPENED,
        amount_fen=row["now_fen"] if changed else item.amount_fen,
        account_no=row["now_account"] if changed else item.account_no,
        changed_on=row["changed_on"],
        changes=row["changes"],
    )


def _item(row: asyncpg.Record) -> Item:
    values = {name: row[name] for name in _ITEM}
    values["kind"] = ItemKind(values["kind"])
    values["body"] = msgspec.json.decode(values["body"])
    return Item(**values)


async def read_opened(connection: Connection, business_date: date) -> list[Item]:
    """The items that were opened on a date, by item_id as bytes."""
    rows = await connection.fetch(
        f"SELECT {', '.join(_ITEM)} FROM settlement.item WHERE opened_on = $1", business_date
    )
    return sorted(map(_item, rows), key=lambda item: item.item_id.encode())


async def read_changes(connection: Connection, business_date: date) -> list[Change]:
    """The changes of a date, by item_id as bytes and number."""
    rows = await connection.fetch(
        f"SELECT {', '.join(_CHANGE)} FROM settlement.item_change WHERE business_date = $1",
        business_date,
    )
    return sorted(map(_change, rows), key=lambda row: (row.item_id.encode(), row.change_no))


async def read_history(connection: Connection, item_id: str, as_of: date) -> list[Change]:
    """Every change of one item up to a date, in order."""
    rows = await connection.fetch(
        f"SELECT {', '.join(_CHANGE)} FROM settlement.item_change"
        " WHERE item_id = $1 AND business_date <= $2 ORDER BY change_no",
        item_id, as_of,
    )  # fmt: skip
    return [_change(row) for row in rows]


def _change(row: asyncpg.Record) -> Change:
    values = dict(row)
    values["state"] = ItemState(values["state"])
    values["outcome"] = ItemOutcome(values["outcome"])
    values["body"] = msgspec.json.decode(values["body"])
    return Change(**values)


async def read_adjustments(connection: Connection, business_date: date) -> list[Adjustment]:
    """The adjustments of a date, by entry and card."""
    rows = await connection.fetch(
        f"SELECT {', '.join(_ADJUSTMENT)} FROM settlement.adjustment WHERE business_date = $1",
        business_date,
    )
    return sorted(Adjustment(*row) for row in rows)


async def issuer_adjustments(connection: Connection, up_to: date) -> dict[bytes, int]:
    """Σ adjustments up to a date, fen, by the first 9 bytes of the card: family and issuer."""
    rows = await connection.fetch(
        "SELECT substr(card, 1, 9), sum(amount_fen)::bigint FROM settlement.adjustment"
        " WHERE business_date <= $1 GROUP BY 1",
        up_to,
    )
    return {row[0]: row[1] for row in rows}


async def card_adjustments(
    connection: Connection, cards: Sequence[bytes], up_to: date, *, before_night: bool = False
) -> dict[bytes, int]:
    """Σ adjustments up to a date, fen, of these cards (19 bytes) that have any.

    ``before_night``: those of the date's own night left out.
    """
    query = (
        "SELECT card, sum(amount_fen)::bigint FROM settlement.adjustment"
        " WHERE card = ANY($1) AND business_date <= $2"
    )
    if before_night:
        query += " AND (business_date < $2 OR NOT starts_with(entry_id, 'night/'))"
    rows = await connection.fetch(query + " GROUP BY 1", list(cards), up_to)
    return {row[0]: row[1] for row in rows}
