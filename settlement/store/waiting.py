"""Open items by the page and in sums, as of a date, however many are open.

Where each item stands now is kept (``settlement.item_waiting``), so that only what changed after the date
has to be looked at one by one.
"""

from datetime import date
from typing import Final

import msgspec

from clearing.store import Connection
from schemas.items import ItemKind
from settlement.store.items import LATER, TOUCHED, UNTOUCHED, Standing, standing_of

_TOUCHED_SUMS: Final = (
    "SELECT kind, coalesce(state, 'open') AS state, opened_on, operator_no,"
    " CASE WHEN changed THEN now_account ELSE account_no END AS account_no,"
    f" CASE WHEN changed THEN now_fen ELSE amount_fen END AS amount_fen FROM ({TOUCHED}) t"
)


def _sums(column: str, condition: str) -> str:
    """Items summed up by a column of ``item_waiting``: (its value, how many, Σ fen, the oldest's date).

    Each half is summed up by itself, so that PostgreSQL can share the greater one among its workers.
    """
    summed = "count(*) AS items, sum(w.amount_fen)::bigint AS fen, min(w.opened_on) AS oldest"
    return (
        f"SELECT {column}, sum(items)::bigint, sum(fen)::bigint, min(oldest) FROM ("
        f"SELECT w.{column}, {summed} FROM settlement.item_waiting w WHERE w.opened_on <= $1"
        " AND NOT EXISTS (SELECT FROM settlement.item_change x"
        f" WHERE x.item_id = w.item_id AND {LATER}) AND {condition} GROUP BY 1"
        f" UNION ALL SELECT w.{column}, {summed} FROM ({_TOUCHED_SUMS}) w WHERE {condition} GROUP BY 1"
        ") s GROUP BY 1 ORDER BY 1"
    )


async def read_moneys(connection: Connection, as_of: date) -> dict[int, int]:
    """Σ of the money that items speak of at the end of a date, fen, by the account where it stands.

    The books are held against it, so it reads items and changes themselves, not what is kept of them.
    """
    rows = await connection.fetch(
        "SELECT account_no, sum(fen)::bigint FROM ("
        "SELECT i.account_no, sum(i.amount_fen) AS fen FROM settlement.item i"
        " WHERE i.opened_on <= $1 AND i.account_no IS NOT NULL AND NOT EXISTS (SELECT"
        " FROM settlement.item_change x WHERE x.item_id = i.item_id AND x.business_date <= $1)"
        " GROUP BY 1 UNION ALL "
        "SELECT x.account_no, sum(x.amount_fen) FROM settlement.item_change x"
        " WHERE x.business_date <= $1 AND x.account_no IS NOT NULL AND NOT EXISTS (SELECT"
        " FROM settlement.item_change y WHERE y.item_id = x.item_id AND y.change_no > x.change_no"
        " AND y.business_date <= $1) GROUP BY 1) s GROUP BY 1",
        as_of,
    )
    return {row[0]: row[1] for row in rows}


async def read_waiting(connection: Connection, as_of: date) -> list[tuple[str, int, int, date]]:
    """The items open at the end of a date by kind: (kind, how many, Σ fen, the oldest's date)."""
    rows = await connection.fetch(_sums("kind", "w.state = 'open'"), as_of)
    order = {kind.value: at for at, kind in enumerate(ItemKind)}
    return sorted((tuple(row) for row in rows), key=lambda row: order[row[0]])


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which open items a person looks at: of a kind, of an operator, opened on a date or before it."""

    kind: ItemKind | None = None
    operator_no: int | None = None
    opened_until: date | None = None

    def conditions(self, table: str) -> tuple[str, list[object]]:
        """The same as conditions of SQL from parameter $2 on, and their arguments."""
        wanted = {
            "kind =": None if self.kind is None else str(self.kind),
            "operator_no =": self.operator_no,
            "opened_on <=": self.opened_until,
        }
        given = [(words, value) for words, value in wanted.items() if value is not None]
        text = "".join(f" AND {table}.{words} ${at}" for at, (words, _) in enumerate(given, 2))
        return text, [value for _, value in given]


async def read_page(
    connection: Connection, as_of: date, wanted: Wanted, *, limit: int, skip: int = 0
) -> list[Standing]:
    """Items open at the end of a date, the oldest first, then by item_id as bytes: a page of them."""
    ordered = 'ORDER BY {0}.opened_on, {0}.item_id COLLATE "C" LIMIT {1}'.format
    of_item, arguments = wanted.conditions("i")
    rows = await connection.fetch(
        f"SELECT * FROM (({UNTOUCHED}{wanted.conditions('w')[0]} {ordered('w', limit + skip)})"
        f" UNION ALL {TOUCHED} AND coalesce(c.state, 'open') = 'open'{of_item}) s"
        f" {ordered('s', limit)} OFFSET {skip}",
        as_of,
        *arguments,
    )
    return [standing_of(row) for row in rows]


async def read_ages(
    connection: Connection, as_of: date, wanted: Wanted
) -> list[tuple[date, int, int]]:
    """The items open at the end of a date by the date they were opened on: (date, how many, Σ fen)."""
    conditions, arguments = wanted.conditions("w")
    query = _sums("opened_on", f"w.state = 'open'{conditions}")
    return [(row[0], row[1], row[2]) for row in await connection.fetch(query, as_of, *arguments)]
