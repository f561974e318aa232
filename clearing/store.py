"""Clearing's only SQL: registries, cards, days, batches, taps, entries. PostgreSQL is the truth.

Functions take an asyncpg connection and say in their name what they read or write. Whoever writes
more than one thing opens the transaction.
"""

import struct
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any, Final

import asyncpg
import msgspec

from clearing.errors import DayClosed, NotTheWriter, RegistryError
from clearing.kernel import COPY_COLUMNS, Evidence
from schemas import record
from schemas.accounts import Account, AccountKind, code_of
from schemas.codes import Purse, Verdict
from schemas.registry import KINDS, key_of

if TYPE_CHECKING:
    from asyncpg.pool import PoolConnectionProxy

    Connection = asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]
else:
    Connection = asyncpg.Connection

WRITER_LOCK: Final = 0x0C1EA202
REGISTRY_LOCK: Final = 0x0C1EA203
COPY_SIGNATURE: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)
COPY_TRAILER: Final = b"\xff\xff"


# -- the node, its writer, its days --------------------------------------------------------------


class NodeRow(msgspec.Struct, frozen=True):
    """What this node is, as its database says."""

    role: str
    city: str
    name: str
    opened_on: date
    historical: bool
    production: bool
    registry_version: int
    rules_version: int


async def create_node(connection: Connection, row: NodeRow) -> None:
    """Write the node's row and open its first business date."""
    await connection.execute(
        "INSERT INTO clearing.node (role, city, name, opened_on, historical, production)"
        " VALUES ($1, $2, $3, $4, $5, $6)",
        row.role, row.city, row.name, row.opened_on, row.historical, row.production,
    )  # fmt: skip
    await open_day(connection, row.opened_on)


async def read_node(connection: Connection) -> NodeRow | None:
    """The node's row, None before ``create_node``."""
    row = await connection.fetchrow(
        "SELECT role, city, name, opened_on, historical, production, registry_version,"
        " rules_version FROM clearing.node"
    )
    return None if row is None else NodeRow(**dict(row))


async def become_writer(connection: Connection) -> int:
    """Take the writer lock on this connection and raise the epoch; returns the epoch.

    Raises ``NotTheWriter`` while another engine holds the lock.
    """
    if not await connection.fetchval("SELECT pg_try_advisory_lock($1)", WRITER_LOCK):
        raise NotTheWriter(
            "Another engine is at work on this node.",
            "Submit through it (onecard submit --url …), or stop it first.",
        )
    return int(
        await connection.fetchval(
            "UPDATE clearing.node SET writer_epoch = writer_epoch + 1 RETURNING writer_epoch"
        )
    )


async def check_epoch(connection: Connection, epoch: int) -> tuple[int, int]:
    """Inside a transaction: still the writer? Returns the rules and registry version in force."""
    row = await connection.fetchrow(
        "SELECT writer_epoch, registry_version, rules_version FROM clearing.node FOR SHARE"
    )
    if row is None or row["writer_epoch"] != epoch:
        raise NotTheWriter("Another engine took over this node.", "Stop this one.")
    return row["rules_version"], row["registry_version"]


def partition_of(business_date: date) -> str:
    """Name of the tap partition of a date, without schema."""
    return f"tap_{business_date:%Y%m%d}"


async def open_day(connection: Connection, business_date: date) -> None:
    """Open a business date: its row and its partition. There is one open date at a time."""
    await connection.execute(
        "INSERT INTO clearing.business_day (business_date, state) VALUES ($1, 'open')",
        business_date,
    )
    following = date.fromordinal(business_date.toordinal() + 1)
    await connection.execute(
        f"CREATE TABLE clearing.{partition_of(business_date)} PARTITION OF clearing.tap"
        f" FOR VALUES FROM ('{business_date}') TO ('{following}')"
    )


async def read_open_date(connection: Connection, *, lock: str = "") -> date:
    """The open business date; ``lock`` is FOR SHARE for who books on it. Raises ``DayClosed``.

    A locked read that waited for a cut-off finds its row closed and the next one not yet in sight,
    so it looks once more.
    """
    for _ in range(2):
        found = await connection.fetchval(
            f"SELECT business_date FROM clearing.business_day WHERE state = 'open' {lock}"
        )
        if found is not None:
            return found  # type: ignore[no-any-return]
    raise DayClosed("No business date is open.", "Run onecard init, or finish the cut-off.")


async def read_last_sealed(connection: Connection) -> date | None:
    """The latest sealed date; every date up to it is sealed."""
    return await connection.fetchval(  # type: ignore[no-any-return]
        "SELECT max(business_date) FROM clearing.business_day WHERE state = 'sealed'"
    )


async def read_unsealed(connection: Connection) -> list[date]:
    """The dates that are not sealed, in order; the last one is the open one."""
    rows = await connection.fetch(
        "SELECT business_date FROM clearing.business_day WHERE state <> 'sealed' ORDER BY 1"
    )
    return [row["business_date"] for row in rows]


# -- registries ----------------------------------------------------------------------------------


async def read_registry(connection: Connection, version: int) -> dict[str, list[msgspec.Struct]]:
    """Every registry row in force at a version, by kind, by key."""
    rows = await connection.fetch(
        "SELECT kind, body FROM clearing.registry WHERE version_from <= $1"
        " AND (version_to IS NULL OR version_to > $1) ORDER BY kind, key",
        version,
    )
    found: dict[str, list[msgspec.Struct]] = {kind: [] for kind in KINDS}
    for row in rows:
        found[row["kind"]].append(msgspec.json.decode(row["body"], type=KINDS[row["kind"]]))
    return found


async def change_registry(
    connection: Connection,
    rows: Iterable[tuple[str, msgspec.Struct]],
    cards: Sequence[tuple[bytes, bytes]] = (),
) -> int:
    """Put rows and cards (card 19 bytes, line 64 bytes) in force; returns the new version.

    A row equal to the one in force changes nothing. Call inside a transaction.
    """
    await connection.execute("SELECT pg_advisory_xact_lock($1)", REGISTRY_LOCK)
    version = 1 + int(await connection.fetchval("SELECT registry_version FROM clearing.node"))
    in_force = {
        (row["kind"], row["key"]): row["body"]
        for row in await connection.fetch(
            "SELECT kind, key, body FROM clearing.registry WHERE version_to IS NULL"
        )
    }
    changed: list[tuple[str, str, int, str]] = []
    for kind, row in rows:
        key, body = key_of(kind, row), msgspec.json.encode(row).decode()
        old = in_force.get((kind, key))
        if old is None or msgspec.json.decode(old) != msgspec.json.decode(body):
            changed.append((kind, key, version, body))
    if not changed and not cards:
        return version - 1
    await connection.executemany(
        "UPDATE clearing.registry SET version_to = $3 WHERE kind = $1 AND key = $2"
        " AND version_to IS NULL",
        [row[:3] for row in changed],
    )
    await connection.copy_records_to_table(
        "registry",
        schema_name="clearing",
        columns=("kind", "key", "version_from", "body"),
        records=changed,
    )
    try:
        await connection.copy_records_to_table(
            "card",
            schema_name="clearing",
            columns=("card", "version_from", "line"),
            records=[(card, version, line) for card, line in cards],
        )
    except asyncpg.UniqueViolationError as error:
        raise RegistryError(
            "A card stands in the import twice.", "Remove the repetition."
        ) from error
    await connection.execute("UPDATE clearing.node SET registry_version = $1", version)
    return version


async def read_cards(connection: Connection, after: int, up_to: int) -> bytes:
    """Opening lines of cards registered in versions (after, up_to], in order."""
    rows = await connection.fetch(
        "SELECT line FROM clearing.card WHERE version_from > $1 AND version_from <= $2"
        " ORDER BY version_from, card",
        after, up_to,
    )  # fmt: skip
    return b"".join(row["line"] for row in rows)


async def known_cards(connection: Connection, cards: Sequence[bytes]) -> set[bytes]:
    """Which of these cards (19 bytes) are registered already."""
    rows = await connection.fetch("SELECT card FROM clearing.card WHERE card = ANY($1)", cards)
    return {row["card"] for row in rows}


async def add_rules(connection: Connection, digest: str, files: dict[str, str]) -> int:
    """Put a rule set in force; returns its version (the present one if it is the same).

    ``digest`` is the rule set's, 64 hexadecimal digits.
    """
    row = await connection.fetchrow(
        "SELECT rules_version, digest FROM clearing.rules ORDER BY rules_version DESC LIMIT 1"
    )
    if row is not None and row["digest"].hex() == digest:
        return int(row["rules_version"])
    version = 1 + (row["rules_version"] if row is not None else 0)
    await connection.execute(
        "INSERT INTO clearing.rules (rules_version, digest, files) VALUES ($1, $2, $3)",
        version, bytes.fromhex(digest), msgspec.json.encode(files).decode(),
    )  # fmt: skip
    await connection.execute("UPDATE clearing.node SET rules_version = $1", version)
    return version


async def read_rules(connection: Connection, version: int) -> dict[str, str]:
    """The files of a rule set, by name."""
    body = await connection.fetchval(
        "SELECT files FROM clearing.rules WHERE rules_version = $1", version
    )
    return msgspec.json.decode(body, type=dict[str, str]) if body is not None else {}


# -- accounts and entries ------------------------------------------------------------------------


async def ensure_accounts(
    connection: Connection, wanted: Iterable[tuple[Purse, AccountKind, str]]
) -> dict[str, Account]:
    """Open the accounts that are missing, in the order given; returns every account by code."""
    await connection.execute("SELECT pg_advisory_xact_lock($1)", REGISTRY_LOCK)
    accounts = await read_accounts(connection)
    number = max((account.number for account in accounts.values()), default=0)
    for purse, kind, participant in wanted:
        code = code_of(purse, kind, participant)
        if code not in accounts:
            number += 1
            accounts[code] = Account(number, code, purse, kind, participant)
            await connection.execute(
                "INSERT INTO clearing.account VALUES ($1, $2, $3, $4, $5)",
                number, code, int(purse), kind.value, participant,
            )  # fmt: skip
    return accounts


async def read_accounts(connection: Connection) -> dict[str, Account]:
    """Every account by code."""
    rows = await connection.fetch(
        "SELECT account_no, code, purse, kind, participant FROM clearing.account"
    )
    return {
        row["code"]: Account(
            row["account_no"],
            row["code"],
            Purse(row["purse"]),
            AccountKind(row["kind"]),
            row["participant"],
        )
        for row in rows
    }


class Posting(msgspec.Struct, frozen=True):
    """One line of an entry: debit positive, credit negative."""

    account: int
    purpose: int
    amount_fen: int
    tap_count: int = 0
    cycle: date | None = None


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A balanced entry. ``entry_id`` is unique for ever and says where the entry comes from."""

    entry_id: str
    narrative: str
    postings: tuple[Posting, ...]
    batch_seq: int | None = None
    corrects: str | None = None


async def add_entries(
    connection: Connection, business_date: date, entries: Sequence[Entry]
) -> None:
    """Book entries on a business date. An entry without postings is not written."""
    entries = [entry for entry in entries if entry.postings]
    for entry in entries:
        assert sum(posting.amount_fen for posting in entry.postings) == 0, entry.entry_id
    await connection.copy_records_to_table(
        "entry",
        schema_name="clearing",
        columns=("entry_id", "business_date", "batch_seq", "narrative", "corrects"),
        records=[
            (entry.entry_id, business_date, entry.batch_seq, entry.narrative, entry.corrects)
            for entry in entries
        ],
    )
    await connection.copy_records_to_table(
        "posting",
        schema_name="clearing",
        columns=(
            "entry_id", "line_no", "account_no", "purpose", "cycle", "tap_count", "amount_fen",
        ),
        records=[
            (entry.entry_id, line, row.account, row.purpose, row.cycle, row.tap_count, row.amount_fen)
            for entry in entries
            for line, row in enumerate(entry.postings, 1)
        ],
    )  # fmt: skip


async def add_event(
    connection: Connection, business_date: date, kind: str, subject: str, body: dict[str, Any]
) -> None:
    """Write an event to the audit trail, once: the same kind and subject again is ignored."""
    await connection.execute(
        "INSERT INTO clearing.event (business_date, subject, kind, body) VALUES ($1, $2, $3, $4)"
        " ON CONFLICT (kind, subject) DO NOTHING",
        business_date, subject, kind, msgspec.json.encode(body, order="sorted").decode(),
    )  # fmt: skip


# -- batches and taps ----------------------------------------------------------------------------


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


async def write_batches(connection: Connection, rows: Sequence[BatchRow]) -> None:
    """Write batch rows."""
    await connection.copy_records_to_table(
        "batch",
        schema_name="clearing",
        columns=_BATCH_COLUMNS,
        records=[msgspec.structs.astuple(row) for row in rows],
    )


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


async def find_identities(
    connection: Connection, identities: Sequence[bytes], first: date, last: date
) -> dict[bytes, tuple[int, int, bytes]]:
    """Of these identities, those that taps on business dates [first, last] hold.

    identity → (batch_seq, row, record). The partitions of sealed dates have the index for it.
    """
    rows = await connection.fetch(
        "SELECT identity, batch_seq, row_no, clearing.canonical(t) AS record FROM clearing.tap t"
        " WHERE business_date BETWEEN $2 AND $3 AND verdict < 2 AND identity = ANY($1)",
        identities, first, last,
    )  # fmt: skip
    return {row["identity"]: (row["batch_seq"], row["row_no"], row["record"]) for row in rows}


async def build_identity_index(connection: Connection, business_date: date) -> None:
    """Prove the date's identities unique where the tap is not rejected, by building the index.

    Raises ``asyncpg.UniqueViolationError`` where two taps hold one identity.
    """
    name = partition_of(business_date)
    await connection.execute(
        f"CREATE UNIQUE INDEX IF NOT EXISTS {name}_identity ON clearing.{name} (identity)"
        f" WHERE verdict < {int(Verdict.REJECTED)}"
    )
    await connection.execute(
        f"CREATE UNIQUE INDEX IF NOT EXISTS {name}_position ON clearing.{name} (batch_seq, row_no)"
    )


class StoredTaps(msgspec.Struct, frozen=True):
    """The taps of one batch as stored: canonical records and the columns that were judged."""

    records: bytes
    copy_rows: bytes


_TAP_HEAD: Final = struct.Struct("!HiIiQiIiHiHiQiHiQiHiqiiiiiiiiii")


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


def _canonical(body: bytes) -> bytes:
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


# -- card state ----------------------------------------------------------------------------------


async def read_pages(connection: Connection, before: date) -> list[tuple[int, bytes]]:
    """The latest page of each number from sealed dates earlier than ``before``, by number."""
    rows = await connection.fetch(
        "SELECT DISTINCT ON (page_no) page_no, lines FROM clearing.card_page"
        " WHERE business_date < $1 ORDER BY page_no, business_date DESC",
        before,
    )
    return [(row["page_no"], row["lines"]) for row in rows]


async def write_pages(
    connection: Connection, business_date: date, pages: Iterable[tuple[int, bytes]]
) -> None:
    """Keep the changed pages of a date; writing them again replaces them."""
    await connection.execute(
        "DELETE FROM clearing.card_page WHERE business_date = $1", business_date
    )
    await connection.copy_records_to_table(
        "card_page",
        schema_name="clearing",
        columns=("page_no", "business_date", "lines"),
        records=[(number, business_date, lines) for number, lines in pages],
    )


async def future_identities(
    connection: Connection, last_sealed: date, reason: int
) -> list[tuple[bytes, int, int, bytes, date]]:
    """Held taps of sealed dates whose own time lies after them: (identity, batch_seq, row, record,
    business date)."""
    rows = await connection.fetch(
        "SELECT t.identity, t.batch_seq, t.row_no, clearing.canonical(t) AS record, t.business_date"
        " FROM clearing.evidence v JOIN clearing.batch b USING (batch_seq)"
        " JOIN clearing.tap t ON t.business_date = b.business_date AND t.batch_seq = v.batch_seq"
        " AND t.row_no = v.row_no"
        " WHERE v.reason = $2 AND b.business_date <= $1 AND t.verdict < 2",
        last_sealed, reason,
    )  # fmt: skip
    return [
        (row["identity"], row["batch_seq"], row["row_no"], row["record"], row["business_date"])
        for row in rows
    ]


async def read_closing_version(connection: Connection, before: date) -> int:
    """The registry version up to which cards are in the state that a date opened with."""
    return int(
        await connection.fetchval(
            "SELECT coalesce(max(registry_version), 0) FROM clearing.business_day"
            " WHERE business_date < $1",
            before,
        )
    )


async def read_last_sealed_before(connection: Connection, business_date: date) -> date | None:
    """The latest sealed date earlier than a date."""
    return await connection.fetchval(  # type: ignore[no-any-return]
        "SELECT max(business_date) FROM clearing.business_day"
        " WHERE state = 'sealed' AND business_date < $1",
        business_date,
    )


async def read_versions(connection: Connection) -> tuple[int, int]:
    """The rules and registry versions in force."""
    row = await connection.fetchrow("SELECT rules_version, registry_version FROM clearing.node")
    return (row["rules_version"], row["registry_version"]) if row is not None else (0, 0)
