"""Batches, their taps and evidence: written once by COPY, read for replay and look-ups."""

import struct
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import date
from typing import Final, NamedTuple

import asyncpg
import msgspec

from clearing.kernel import COPY_COLUMNS, Evidence
from clearing.store.connection import Connection
from clearing.store.nodes import partition_of
from schemas import record
from schemas.codes import Source, Verdict

COPY_SIGNATURE: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)
COPY_TRAILER: Final = b"\xff\xff"
HOLDS_IDENTITY: Final = f"(verdict < {int(Verdict.REJECTED)} OR debit_proven)"
"""Which taps hold their identity: all but those rejected without having moved money."""


class BatchRow(msgspec.Struct, frozen=True, kw_only=True):
    """A batch as it is stored."""

    batch_seq: int
    business_date: date
    source: int
    operator_no: int
    number: int
    origin: str
    declared_date: date
    profile: str
    checks: int
    digest: bytes
    signature: bytes
    tap_count: int
    judged_at_s: int
    rules_version: int
    registry_version: int
    denylist_version: int
    batch_root: bytes
    receipt: bytes


_BATCH_COLUMNS: Final = BatchRow.__struct_fields__
_EVIDENCE: Final = struct.Struct("!HiqiIihiqiq")


async def find_batch(
    connection: Connection, source: int, operator_no: int, number: int, origin: str = ""
) -> BatchRow | None:
    """The batch of this number, if it was cleared."""
    row = await connection.fetchrow(
        f"SELECT {', '.join(_BATCH_COLUMNS)} FROM clearing.batch"
        " WHERE source = $1 AND operator_no = $2 AND number = $3 AND origin = $4",
        source, operator_no, number, origin,
    )  # fmt: skip
    return None if row is None else _batch_row(row)


def _batch_row(row: asyncpg.Record) -> BatchRow:
    values = dict(row)
    values["number"] = int(values["number"])
    return BatchRow(**values)


async def read_batches(connection: Connection, business_date: date) -> list[BatchRow]:
    """The batches of a business date, in order."""
    rows = await connection.fetch(
        f"SELECT {', '.join(_BATCH_COLUMNS)} FROM clearing.batch WHERE business_date = $1"
        " ORDER BY batch_seq",
        business_date,
    )
    return [_batch_row(row) for row in rows]


async def next_batch_seq(connection: Connection) -> int:
    """One more than the last batch_seq."""
    return 1 + int(
        await connection.fetchval("SELECT coalesce(max(batch_seq), 0) FROM clearing.batch")
    )


async def read_last_judged(connection: Connection, up_to: date) -> int | None:
    """The node's clock at the last batch booked up to a date, local seconds; None without one."""
    return await connection.fetchval(  # type: ignore[no-any-return]
        "SELECT judged_at_s FROM clearing.batch WHERE business_date <= $1"
        " ORDER BY batch_seq DESC LIMIT 1",
        up_to,
    )


async def write_batches(connection: Connection, rows: Sequence[BatchRow]) -> None:
    """Write batch rows."""
    await connection.copy_records_to_table(
        "batch",
        schema_name="clearing",
        columns=_BATCH_COLUMNS,
        records=[msgspec.structs.astuple(row) for row in rows],
    )


async def read_number_spans(connection: Connection) -> dict[int, tuple[int, int]]:
    """The lowest and the highest number of each operator's batches."""
    rows = await connection.fetch(
        "SELECT operator_no, min(number), max(number) FROM clearing.batch WHERE source = $1"
        " GROUP BY operator_no",
        int(Source.OPERATOR),
    )
    return {row[0]: (int(row[1]), int(row[2])) for row in rows}


async def write_taps(
    connection: Connection, business_date: date, copy_rows: Sequence[bytes]
) -> None:
    """COPY the kernels' tuples into the date's partition."""

    async def chunks() -> AsyncIterator[bytes]:
        yield COPY_SIGNATURE
        for chunk in copy_rows:
            yield chunk
        yield COPY_TRAILER

    await connection.copy_to_table(
        partition_of(business_date),
        schema_name="clearing",
        columns=COPY_COLUMNS,
        source=chunks(),
        format="binary",
    )


async def write_evidence(
    connection: Connection, rows: Iterable[tuple[int, Sequence[Evidence]]]
) -> None:
    """COPY evidence of (batch_seq, evidence) pairs."""
    body = b"".join(
        _EVIDENCE.pack(5, 8, seq, 4, item.row, 2, item.reason, 8, item.expected, 8, item.actual)
        for seq, items in rows
        for item in items
    )
    if not body:
        return

    async def chunks() -> AsyncIterator[bytes]:
        yield COPY_SIGNATURE
        yield body
        yield COPY_TRAILER

    await connection.copy_to_table(
        "evidence",
        schema_name="clearing",
        columns=("batch_seq", "row_no", "reason", "expected", "actual"),
        source=chunks(),
        format="binary",
    )


class SeenTap(NamedTuple):
    """Where a tap that holds its identity stands, and who took it (``acquirer_of``)."""

    batch_seq: int
    row: int
    record: bytes
    business_date: date
    acquirer: int


def acquirer_of(origin: str) -> int:
    """Who took the taps of a batch: 0 an operator of ours, else the presenting city's area code.

    ``origin`` is the batch row's: empty, or the presentment's name, which begins with that code. One
    that was damaged names nobody; what was judged under it will not come out again.
    """
    city = origin.partition("-")[0]
    return int(city) if city.isdecimal() else 0


async def find_identities(
    connection: Connection, identities: Sequence[bytes], first: date, last: date
) -> dict[bytes, SeenTap]:
    """Of these identities, those that taps on business dates [first, last] hold, and where.

    The partitions of sealed dates have the index for it.
    """
    rows = await connection.fetch(
        "SELECT t.identity, t.batch_seq, t.row_no, clearing.canonical(t) AS record,"
        " t.business_date, b.origin FROM clearing.tap t JOIN clearing.batch b USING (batch_seq)"
        f" WHERE t.business_date BETWEEN $2 AND $3 AND {HOLDS_IDENTITY} AND t.identity = ANY($1)",
        identities, first, last,
    )  # fmt: skip
    return {
        row["identity"]: SeenTap(
            row["batch_seq"],
            row["row_no"],
            row["record"],
            row["business_date"],
            acquirer_of(row["origin"]),
        )
        for row in rows
    }


async def build_identity_index(connection: Connection, business_date: date) -> None:
    """Prove the date's identities unique among taps that hold theirs, by building the index.

    Raises ``asyncpg.UniqueViolationError`` where two taps hold one identity.
    """
    name = partition_of(business_date)
    await connection.execute(
        f"CREATE UNIQUE INDEX IF NOT EXISTS {name}_identity ON clearing.{name} (identity)"
        f" WHERE {HOLDS_IDENTITY}"
    )
    await connection.execute(
        f"CREATE UNIQUE INDEX IF NOT EXISTS {name}_position ON clearing.{name} (batch_seq, row_no)"
    )
    # Nothing is added any more, and nobody has looked at the table yet: without statistics the night's
    # queries are planned for one row.
    await connection.execute(f"ANALYZE clearing.{name}")


class StoredTaps(msgspec.Struct, frozen=True):
    """The taps of one batch as stored: canonical records and the columns that were judged."""

    records: bytes
    copy_rows: bytes


_TAP_HEAD: Final = struct.Struct("!HiIiQiIiHiHiQiHiQiHiqiiiiiiiiiii?")


async def read_taps(connection: Connection, batch: BatchRow) -> StoredTaps:
    """The taps of a batch, in row order, and the COPY tuples that they are stored as."""
    pieces: list[bytes] = []
    partition = partition_of(batch.business_date)

    async def take(chunk: bytes) -> None:
        pieces.append(bytes(chunk))

    await connection.copy_from_query(
        f"SELECT {', '.join(COPY_COLUMNS)} FROM clearing.{partition}"
        f" WHERE batch_seq = {batch.batch_seq} ORDER BY row_no",
        output=take,
        format="binary",
    )
    body = b"".join(pieces)[len(COPY_SIGNATURE) : -len(COPY_TRAILER)]
    return StoredTaps(_canonical(body), body)


_IDENTITY_SIZE: Final = record.IDENTITY.stop - record.IDENTITY.start
_REST_SIZE: Final = 1 + record.SIZE - record.REST
_IDENTITY_AT: Final = _TAP_HEAD.size + 4
_REST_AT: Final = _IDENTITY_AT + _IDENTITY_SIZE + 4
_ROW_SIZE: Final = _REST_AT + _REST_SIZE
_PIECES: Final = (
    (0, _REST_AT, 1),
    (record.IDENTITY.start, _IDENTITY_AT, _IDENTITY_SIZE),
    (record.OFFSET["operator"], struct.calcsize("!HiIiQiIiHiHiQiHiQ") - 4, 4),
    (record.OFFSET["kind"], struct.calcsize("!HiIiQiIiHiHiQiH") - 1, 1),
    (record.OFFSET["amount_fen"], struct.calcsize("!HiIiQiIiHiHiQiHiQiHiqi"), 4),
    (record.OFFSET["gross_fen"], struct.calcsize("!HiIiQiIiHiHiQiHiQiHiqiii"), 4),
    (record.REST, _REST_AT + 1, _REST_SIZE - 1),
)
"""Where a record's bytes lie in a COPY tuple whose values have their proper lengths: (in the record,
in the tuple, how many)."""


def _canonical(body: bytes) -> bytes:
    """Canonical records of COPY tuples, by planes of bytes: no row is cut up."""
    count, odd = divmod(len(body), _ROW_SIZE)
    if odd or not (
        _is_all(body, _IDENTITY_AT - 4, _IDENTITY_SIZE, count)
        and _is_all(body, _REST_AT - 4, _REST_SIZE, count)
    ):
        return _canonical_of_any(body)
    records = bytearray(record.SIZE * count)
    for to, start, size in _PIECES:
        for at in range(size):
            records[to + at :: record.SIZE] = body[start + at :: _ROW_SIZE]
    return bytes(records)


def _is_all(body: bytes, at: int, length: int, count: int) -> bool:
    """Whether the length word at this place of every tuple is ``length`` (less than 256)."""
    words = (0, 0, 0, length)
    return all(body[at + n :: _ROW_SIZE] == bytes([word]) * count for n, word in enumerate(words))


def _canonical_of_any(body: bytes) -> bytes:
    """Canonical records of COPY tuples, whatever the lengths of their bytea columns."""
    records: list[bytes] = []
    at, head = 0, _TAP_HEAD.size
    while at < len(body):
        values = _TAP_HEAD.unpack_from(body, at)
        kind, operator_no, amount, gross = values[14], values[16], values[22], values[24]
        at += head
        identity_size = int.from_bytes(body[at : at + 4], "big")
        identity = body[at + 4 : at + 4 + identity_size]
        at += 4 + identity_size
        rest_size = int.from_bytes(body[at : at + 4], "big")
        rest = body[at + 4 : at + 4 + rest_size]
        at += 4 + rest_size
        middle = struct.pack(">IBii", operator_no & 0xFFFFFFFF, kind & 0xFF, amount, gross)
        records.append((rest[:1] + identity + middle + rest[1:]).ljust(record.SIZE, b"\0"))
    return b"".join(item[: record.SIZE] for item in records)
