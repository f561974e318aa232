"""Following one tap: its card's and its terminal's other taps, and what was booked because of it later.

Everything is read as known at the end of a business date: what was booked on a later one does not exist.
"""

from datetime import date, datetime, timedelta
from typing import Final

import asyncpg
import msgspec

from clearing.store import HOLDS_IDENTITY, Connection
from schemas import record

AROUND: Final = timedelta(days=1)
"""So far from a tap's own business date its terminal's neighbours are looked for."""


class TracedTap(msgspec.Struct, frozen=True, kw_only=True):
    """A tap that holds its identity, with its place and its record of 144 bytes."""

    business_date: date
    batch_seq: int
    row_no: int
    verdict: int
    reason: int
    flags: int
    kind: int
    tapped_at: datetime
    amount_fen: int
    debit_proven: bool
    record: bytes


_COLUMNS = (
    "t.business_date, t.batch_seq, t.row_no, t.verdict, t.reason, t.flags, t.kind, t.tapped_at,"
    " t.amount_fen, t.debit_proven, clearing.canonical(t) AS record"
)


def _taps(rows: list[asyncpg.Record]) -> list[TracedTap]:
    return [
        TracedTap(**{**row, "record": bytes(row["record"]).ljust(record.SIZE, b"\0")})
        for row in map(dict, rows)
    ]


async def read_card_taps(connection: Connection, card: bytes, as_of: date) -> list[TracedTap]:
    """The taps of a card (19 bytes) that hold their identity, known at the end of a date, by arrival.

    Sealed dates answer from their index on identity, which begins with the card.
    """
    rows = await connection.fetch(
        f"SELECT {_COLUMNS} FROM clearing.tap t WHERE t.identity >= $1 AND t.identity < $2"
        f" AND {HOLDS_IDENTITY} AND t.business_date <= $3 ORDER BY t.batch_seq, t.row_no",
        card, card + b"\xff" * (record.IDENTITY.stop - record.IDENTITY.start - len(card)), as_of,
    )  # fmt: skip
    return _taps(rows)


async def read_terminal_taps(
    connection: Connection,
    terminal_id: bytes,
    number: int,
    business_date: date,
    as_of: date,
    count: int,
) -> list[TracedTap]:
    """A terminal's taps whose numbers lie next to one: ``count`` below, all of the same, ``count`` above.

    Looked for on the business dates around a tap's own, known at the end of ``as_of``; by number.
    """
    start = record.FIELD["terminal_id"].offset - record.IDENTITY.start
    key = f"substr(t.identity, {start + 1}, 10)"
    where = (
        f"substr(t.identity, {start + 1}, 6) = substr($1::bytea, 1, 6) AND {HOLDS_IDENTITY}"
        " AND t.business_date BETWEEN $2 AND $3"
    )
    last = min(as_of, business_date + AROUND)
    given = (terminal_id + number.to_bytes(4, "big"), business_date - AROUND, last)
    found: list[asyncpg.Record] = []
    for comparison, order, limit in (("<", "DESC", count), ("=", "", 20), (">", "", count)):
        found += await connection.fetch(
            f"SELECT {_COLUMNS} FROM clearing.tap t WHERE {where} AND {key} {comparison} $1"
            f" ORDER BY {key} {order}, t.batch_seq, t.row_no LIMIT {limit}",
            *given,
        )
    taps = _taps(found)
    return sorted(taps, key=lambda tap: (number_of(tap), tap.batch_seq, tap.row_no))


def tapped_at_of(data: bytes) -> datetime:
    """When a record of 144 bytes says that it was tapped; the first of all times where that is none."""
    field = record.FIELD["tapped_at"]
    try:
        return datetime.strptime(data[field.offset : field.end].hex(), "%Y%m%d%H%M%S")  # noqa: DTZ007 - local
    except ValueError:
        return datetime.min  # noqa: DTZ901 - local time, as the records are


def number_of(tap: TracedTap) -> int:
    """The terminal's own number of a tap."""
    field = record.FIELD["terminal_number"]
    return int.from_bytes(tap.record[field.offset : field.end], "big")


async def find_taps(
    connection: Connection, serial: bytes, tapped_at: datetime, count_max: int
) -> list[tuple[int, int]]:
    """Taps of cards with this serial (10 bytes) at a time, whatever became of them: (batch_seq, row)."""
    start = record.FIELD["serial"].offset - record.IDENTITY.start
    rows = await connection.fetch(
        "SELECT t.batch_seq, t.row_no FROM clearing.tap t WHERE t.tapped_at = $2"
        f" AND substr(t.identity, {start + 1}, 10) = $1 AND t.business_date >= $3"
        " ORDER BY 1, 2 LIMIT $4",
        serial, tapped_at, tapped_at.date() - AROUND, count_max,
    )  # fmt: skip
    return [(row[0], row[1]) for row in rows]


class BookedEntry(msgspec.Struct, frozen=True, kw_only=True):
    """An entry with its lines: (account code, purpose, fen)."""

    entry_id: str
    business_date: date
    narrative: str
    lines: tuple[tuple[str, int, int], ...]


async def read_entries(
    connection: Connection, entry_ids: list[str], corrects: list[str], as_of: date
) -> list[BookedEntry]:
    """Entries of these ids, and those that correct one of these things, booked up to a date, in order."""
    rows = await connection.fetch(
        "SELECT e.entry_id, e.business_date, e.narrative, a.code, p.purpose, p.amount_fen"
        " FROM clearing.entry e JOIN clearing.posting p USING (entry_id)"
        " JOIN clearing.account a USING (account_no)"
        " WHERE (e.entry_id = ANY($1) OR e.corrects = ANY($2)) AND e.business_date <= $3"
        ' ORDER BY e.business_date, e.entry_id COLLATE "C", p.line_no',
        entry_ids, corrects, as_of,
    )  # fmt: skip
    found: dict[str, BookedEntry] = {}
    for entry_id, business_date, narrative, *line in rows:
        empty = BookedEntry(
            entry_id=entry_id, business_date=business_date, narrative=narrative, lines=()
        )
        entry = found.get(entry_id, empty)
        found[entry_id] = msgspec.structs.replace(entry, lines=(*entry.lines, tuple(line)))
    return list(found.values())


class Refusal(msgspec.Struct, frozen=True):
    """An issuer's word on one tap of a presentment, and the business date on which it was booked."""

    position: int
    reason: int


async def read_refusal(
    connection: Connection, presentment_id: str, position: int
) -> Refusal | None:
    """Why the issuer refused the tap at a position of a presentment; None: it did not."""
    row = await connection.fetchrow(
        "SELECT position, reason FROM exchange.refusal WHERE presentment_id = $1 AND position = $2",
        presentment_id, position,
    )  # fmt: skip
    return None if row is None else Refusal(row["position"], row["reason"])


async def read_applied_on(connection: Connection, kind: str, subject: str) -> date | None:
    """The business date on which a received message of this kind and subject was applied."""
    return await connection.fetchval(  # type: ignore[no-any-return]
        "SELECT max(business_date) FROM exchange.inbox WHERE kind = $1 AND subject = $2 AND applied",
        kind,
        subject,
    )


async def read_cycle_booked_on(connection: Connection, cycle: date) -> date | None:
    """The business date on which a cycle's clearing total was booked."""
    return await connection.fetchval(  # type: ignore[no-any-return]
        "SELECT business_date FROM clearing.entry WHERE entry_id = $1", f"exchange/cycle/{cycle}"
    )
