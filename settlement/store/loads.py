"""Issuers' load logs 充值日志: what each issuer authorised, and until when its log is complete.

Everything is read *as known on a business date*: lines imported later do not exist for it, so that a
night that is run again finds what it found.
"""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Final

import asyncpg
import msgspec

from clearing.store import Connection


class LoadRow(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a load log as stored. ``card``: family, issuer, serial, 19 bytes; ``loaded_at``:
    local time; ``imported_on``: the business date on which it became known."""

    issuer_no: int
    authorisation: str
    card: bytes
    online_counter: int
    amount_fen: int
    loaded_at: datetime
    operator_no: int
    imported_on: date


class LoadLogState(msgspec.Struct, frozen=True, kw_only=True):
    """An issuer's load log as known on a date: lines, their sum, the last load, complete until when."""

    issuer_no: int
    loads: int
    amount_fen: int
    last_loaded_at: datetime | None
    complete_until: datetime | None


_COLUMNS: Final = LoadRow.__struct_fields__
_SELECT: Final = f"SELECT {', '.join(_COLUMNS)} FROM settlement.load_log"


def _rows(found: list[asyncpg.Record]) -> list[LoadRow]:
    return [LoadRow(**dict(row)) for row in found]


async def add_loads(connection: Connection, rows: Sequence[LoadRow]) -> None:
    """Write lines that are new. Raises ``asyncpg.UniqueViolationError`` where one is not."""
    await connection.copy_records_to_table(
        "load_log",
        schema_name="settlement",
        columns=_COLUMNS,
        records=[msgspec.structs.astuple(row) for row in rows],
    )


async def add_complete_until(
    connection: Connection, issuer_no: int, complete_until: datetime, imported_on: date
) -> bool:
    """Note that every load of an issuer before this moment is in the log; whether that was news."""
    done = await connection.execute(
        "INSERT INTO settlement.load_log_until (issuer_no, complete_until, imported_on)"
        " VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
        issuer_no, complete_until, imported_on,
    )  # fmt: skip
    return done.endswith(" 1")


async def read_loads_by_authorisation(
    connection: Connection, issuer_no: int, authorisations: Sequence[str]
) -> dict[str, LoadRow]:
    """The lines of an issuer that have these authorisations, whenever they were imported."""
    rows = await connection.fetch(
        f"{_SELECT} WHERE issuer_no = $1 AND authorisation = ANY($2)", issuer_no, authorisations
    )
    return {row.authorisation: row for row in _rows(rows)}


async def read_loads_of_cards(
    connection: Connection, cards: Sequence[bytes], on: date
) -> list[LoadRow]:
    """The loads of these cards (19 bytes), as known on a date, by card and load counter."""
    return _rows(
        await connection.fetch(
            f"{_SELECT} WHERE card = ANY($1) AND imported_on <= $2"
            " ORDER BY card, online_counter, issuer_no, authorisation",
            cards, on,
        )
    )  # fmt: skip


async def read_loads_between(
    connection: Connection, since: datetime, until: datetime, on: date
) -> list[LoadRow]:
    """The loads made in [since, until), as known on a date, by time."""
    return _rows(
        await connection.fetch(
            f"{_SELECT} WHERE loaded_at >= $1 AND loaded_at < $2 AND imported_on <= $3"
            " ORDER BY loaded_at, issuer_no, authorisation",
            since, until, on,
        )
    )  # fmt: skip


async def read_loads_imported(connection: Connection, on: date) -> list[LoadRow]:
    """The lines that became known on a business date, by issuer and authorisation."""
    rows = await connection.fetch(
        f"{_SELECT} WHERE imported_on = $1 ORDER BY issuer_no, authorisation", on
    )
    return _rows(rows)


async def read_complete_until(connection: Connection, on: date) -> dict[int, datetime]:
    """Until when each issuer's log is complete, as known on a date; absent where nobody said."""
    rows = await connection.fetch(
        "SELECT issuer_no, max(complete_until) AS complete_until FROM settlement.load_log_until"
        " WHERE imported_on <= $1 GROUP BY issuer_no",
        on,
    )
    return {row["issuer_no"]: row["complete_until"] for row in rows}


async def read_load_states(connection: Connection, on: date) -> dict[int, LoadLogState]:
    """What is known of each issuer's load log on a date, by issuer."""
    complete = await read_complete_until(connection, on)
    rows = await connection.fetch(
        "SELECT issuer_no, count(*) AS loads, sum(amount_fen)::bigint AS amount_fen,"
        " max(loaded_at) AS last_loaded_at FROM settlement.load_log WHERE imported_on <= $1"
        " GROUP BY issuer_no",
        on,
    )
    found = {
        row["issuer_no"]: LoadLogState(**dict(row), complete_until=complete.get(row["issuer_no"]))
        for row in rows
    }
    for issuer_no, until in complete.items():
        if issuer_no not in found:
            found[issuer_no] = LoadLogState(
                issuer_no=issuer_no,
                loads=0,
                amount_fen=0,
                last_loaded_at=None,
                complete_until=until,
            )
    return dict(sorted(found.items()))


async def read_same_counters(
    connection: Connection, rows: Sequence[LoadRow]
) -> list[tuple[bytes, int, list[str]]]:
    """Of the cards and load counters of these lines, those that more than one line of the log has:
    (card, counter, authorisations)."""
    found = await connection.fetch(
        "SELECT l.card, l.online_counter, array_agg(l.authorisation ORDER BY l.authorisation)"
        " FROM settlement.load_log l JOIN (SELECT DISTINCT * FROM"
        " unnest($1::bytea[], $2::integer[]) w (card, online_counter)) w"
        " USING (card, online_counter) GROUP BY 1, 2 HAVING count(*) > 1 ORDER BY 1, 2",
        [row.card for row in rows], [row.online_counter for row in rows],
    )  # fmt: skip
    return [(row[0], row[1], list(row[2])) for row in found]
