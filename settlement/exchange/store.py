"""The exchange's SQL: who takes part, outbox and inbox, presentments, refusals, totals."""

from datetime import date
from typing import Any, Final

import asyncpg
import msgspec

from clearing.store import Connection
from schemas.codes import Purse
from schemas.exchange import Code, Envelope, Refused
from schemas.registry import City

OUTBOX_LOCK: Final = 0x0C1EA204
INBOX_LOCK: Final = 0x0C1EA205


async def read_cities(connection: Connection) -> dict[str, City]:
    """The nodes of the exchange by city, the province's row (0000) among them."""
    rows = await connection.fetch(
        "SELECT key, body FROM clearing.registry WHERE kind = 'city' AND version_to IS NULL"
        " ORDER BY key"
    )
    return {row["key"]: msgspec.json.decode(row["body"], type=City) for row in rows}


# -- outbox ------------------------------------------------------------------------------------------


async def next_outgoing(connection: Connection, receiver: str) -> int:
    """The next number to a receiver; the lock on it lasts until the transaction ends."""
    await connection.execute(
        "SELECT pg_advisory_xact_lock($1, hashtext($2))", OUTBOX_LOCK, receiver
    )
    return 1 + await last_outgoing(connection, receiver)


async def last_outgoing(connection: Connection, receiver: str) -> int:
    """The number of the last message to a receiver; 0 where there is none."""
    return int(
        await connection.fetchval(
            "SELECT coalesce(max(number), 0) FROM exchange.outbox WHERE receiver = $1", receiver
        )
    )


async def add_outgoing(
    connection: Connection, receiver: str, number: int, kind: str, subject: str, body: bytes
) -> None:
    """Put a sealed envelope into the outbox."""
    await connection.execute(
        "INSERT INTO exchange.outbox (receiver, number, kind, subject, body)"
        " VALUES ($1, $2, $3, $4, $5)",
        receiver, number, kind, subject, body,
    )  # fmt: skip


async def find_outgoing(
    connection: Connection, receiver: str, kind: str, subject: str
) -> bytes | None:
    """The envelope of a message that was written, sent or not."""
    return await connection.fetchval(  # type: ignore[no-any-return]
        "SELECT body FROM exchange.outbox WHERE receiver = $1 AND kind = $2 AND subject = $3",
        receiver, kind, subject,
    )  # fmt: skip


async def first_unacknowledged(connection: Connection, receiver: str, after: int = 0) -> int | None:
    """The number of the first message after one that the receiver has not acknowledged."""
    return await connection.fetchval(  # type: ignore[no-any-return]
        "SELECT min(number) FROM exchange.outbox"
        " WHERE receiver = $1 AND number > $2 AND NOT acknowledged",
        receiver, after,
    )  # fmt: skip


async def read_outgoing(connection: Connection, receiver: str, number: int) -> bytes | None:
    """The envelope of a number, None past the end."""
    return await connection.fetchval(  # type: ignore[no-any-return]
        "SELECT body FROM exchange.outbox WHERE receiver = $1 AND number = $2", receiver, number
    )


async def read_outgoing_after(
    connection: Connection, receiver: str, after: int, bytes_max: int
) -> list[bytes]:
    """The envelopes after a number, in order: at least one, then as many as fit in ``bytes_max``."""
    rows = await connection.fetch(
        "SELECT body FROM (SELECT number, body, sum(length(body)) OVER (ORDER BY number) AS size"
        " FROM exchange.outbox WHERE receiver = $1 AND number > $2 AND number <= $2 + 64) AS few"
        " WHERE size <= $3 OR number = $2 + 1 ORDER BY number",
        receiver, after, bytes_max,
    )  # fmt: skip
    return [row["body"] for row in rows]


async def acknowledge(connection: Connection, receiver: str, number: int, code: Code) -> None:
    """The receiver has a message; ``code`` is what it made of it."""
    await connection.execute(
        "UPDATE exchange.outbox SET acknowledged = true, code = greatest(code, $3)"
        " WHERE receiver = $1 AND number = $2",
        receiver, number, code,
    )  # fmt: skip


async def acknowledge_up_to(connection: Connection, receiver: str, number: int) -> None:
    """The receiver has every message up to a number."""
    await connection.execute(
        "UPDATE exchange.outbox SET acknowledged = true"
        " WHERE receiver = $1 AND number <= $2 AND NOT acknowledged",
        receiver, number,
    )  # fmt: skip


# -- inbox -------------------------------------------------------------------------------------------


async def lock_sender(connection: Connection, sender: str) -> None:
    """One at a time per sender, until the transaction ends."""
    await connection.execute("SELECT pg_advisory_xact_lock($1, hashtext($2))", INBOX_LOCK, sender)


async def last_incoming(connection: Connection, sender: str) -> int:
    """The number of the last message stored from a sender; 0 where there is none."""
    return int(
        await connection.fetchval(
            "SELECT coalesce(max(number), 0) FROM exchange.inbox WHERE sender = $1", sender
        )
    )


async def add_incoming(connection: Connection, envelope: Envelope, body: bytes) -> None:
    """Store an envelope as it came; it waits to be applied."""
    await connection.execute(
        "INSERT INTO exchange.inbox (sender, number, kind, subject, body)"
        " VALUES ($1, $2, $3, $4, $5)",
        envelope.sender, envelope.number, envelope.kind, envelope.subject, body,
    )  # fmt: skip


async def read_incoming(connection: Connection, sender: str, number: int) -> bytes | None:
    """The envelope of a number as it was stored."""
    return await connection.fetchval(  # type: ignore[no-any-return]
        "SELECT body FROM exchange.inbox WHERE sender = $1 AND number = $2", sender, number
    )


async def read_waiting(connection: Connection) -> list[tuple[str, int, str]]:
    """(sender, number, kind) of what is not applied yet, in the order to apply it."""
    rows = await connection.fetch(
        "SELECT sender, number, kind FROM exchange.inbox WHERE NOT applied ORDER BY sender, number"
    )
    return [(row["sender"], row["number"], row["kind"]) for row in rows]


async def lock_waiting(connection: Connection, sender: str, number: int) -> Code | None:
    """Hold a message that is not applied; the code it has so far. None: it was applied meanwhile."""
    code = await connection.fetchval(
        "SELECT code FROM exchange.inbox WHERE sender = $1 AND number = $2 AND NOT applied"
        " FOR UPDATE",
        sender, number,
    )  # fmt: skip
    return None if code is None else Code(code)


async def close_incoming(
    connection: Connection,
    sender: str,
    number: int,
    business_date: date,
    code: Code = Code.ACCEPTED,
    *,
    applied: bool = True,
) -> None:
    """Write what applying a message came to, and the open date on which it did."""
    await connection.execute(
        "UPDATE exchange.inbox SET applied = $3, business_date = $4, code = $5"
        " WHERE sender = $1 AND number = $2",
        sender, number, applied, business_date, code,
    )  # fmt: skip


# -- pulls -------------------------------------------------------------------------------------------


async def raise_counter(connection: Connection, peer: str) -> int:
    """The next counter of our pull requests to a peer."""
    return int(
        await connection.fetchval(
            "INSERT INTO exchange.pull VALUES ($1, 1) ON CONFLICT (peer)"
            " DO UPDATE SET counter = pull.counter + 1 RETURNING counter",
            peer,
        )
    )


async def note_counter(connection: Connection, peer: str, counter: int) -> int:
    """Note a peer's counter if it is higher than any before; returns the highest before it."""
    await connection.execute(
        "INSERT INTO exchange.pull VALUES ($1, 0) ON CONFLICT DO NOTHING", peer
    )
    last = await connection.fetchval(
        "SELECT counter FROM exchange.pull WHERE peer = $1 FOR UPDATE", peer
    )
    await connection.execute(
        "UPDATE exchange.pull SET counter = greatest(counter, $2) WHERE peer = $1", peer, counter
    )
    return int(last)


async def skip_counters(connection: Connection, peer: str, next_one: int) -> None:
    """Let our next pull request to a peer have at least this counter."""
    await connection.execute(
        "UPDATE exchange.pull SET counter = greatest(counter, $2) WHERE peer = $1",
        peer, next_one - 1,
    )  # fmt: skip


# -- presentments ------------------------------------------------------------------------------------


class PresentmentRow(msgspec.Struct, frozen=True, kw_only=True):
    """A presentment as this node knows it. ``credits``: account number → unconfirmed fen."""

    presentment_id: str
    direction: str
    acquirer: str
    issuer: str
    business_date: date
    tap_count: int
    debit_fen: int
    load_fen: int
    credits: dict[int, int] = {}
    state: str = "presented"
    refused_count: int = 0
    refused_debit_fen: int = 0
    refused_load_fen: int = 0
    cycle: date | None = None

    @property
    def confirmed_debit_fen(self) -> int:
        """Fares that the issuer pays."""
        return self.debit_fen - self.refused_debit_fen

    @property
    def confirmed_load_fen(self) -> int:
        """Top-ups that the acquirer pays."""
        return self.load_fen - self.refused_load_fen


_COLUMNS: Final = PresentmentRow.__struct_fields__


def _presentment(row: asyncpg.Record) -> PresentmentRow:
    values: dict[str, Any] = dict(row)
    values["credits"] = msgspec.json.decode(values["credits"], type=dict[int, int])
    return PresentmentRow(**values)


async def add_presentment(connection: Connection, row: PresentmentRow) -> None:
    """Write a presentment."""
    values = msgspec.structs.asdict(row)
    values["credits"] = _json(row.credits)
    places = ", ".join(f"${at}" for at in range(1, len(_COLUMNS) + 1))
    await connection.execute(
        f"INSERT INTO exchange.presentment ({', '.join(_COLUMNS)}) VALUES ({places})",
        *(values[name] for name in _COLUMNS),
    )


async def lock_presentment(connection: Connection, presentment_id: str) -> PresentmentRow | None:
    """A presentment, held until the transaction ends."""
    row = await connection.fetchrow(
        f"SELECT {', '.join(_COLUMNS)} FROM exchange.presentment WHERE presentment_id = $1"
        " FOR UPDATE",
        presentment_id,
    )
    return None if row is None else _presentment(row)


async def change_presentment(connection: Connection, row: PresentmentRow) -> None:
    """Write what an answer or a cycle changes: state, refusals, credits, cycle."""
    await connection.execute(
        "UPDATE exchange.presentment SET state = $2, refused_count = $3, refused_debit_fen = $4,"
        " refused_load_fen = $5, credits = $6, cycle = $7 WHERE presentment_id = $1",
        row.presentment_id, row.state, row.refused_count, row.refused_debit_fen,
        row.refused_load_fen, _json(row.credits), row.cycle,
    )  # fmt: skip


async def read_presentments(
    connection: Connection, where: str = "true", *arguments: object
) -> list[PresentmentRow]:
    """Presentments by id, those that an SQL condition of this package holds for."""
    rows = await connection.fetch(
        f"SELECT {', '.join(_COLUMNS)} FROM exchange.presentment WHERE {where}"
        ' ORDER BY presentment_id COLLATE "C"',
        *arguments,
    )
    return [_presentment(row) for row in rows]


async def add_refusals(
    connection: Connection,
    presentment_id: str,
    refused: tuple[Refused, ...],
    taps: list[tuple[int | None, int | None]],
) -> None:
    """Write what the issuer refused; ``taps`` are batch_seq and row at the acquirer, else None."""
    await connection.copy_records_to_table(
        "refusal",
        schema_name="exchange",
        columns=("presentment_id", "position", "reason", "batch_seq", "row_no", "amount_fen"),
        records=[
            (presentment_id, row.position, row.reason, *tap, row.amount_fen)
            for row, tap in zip(refused, taps, strict=True)
        ],
    )


def _json(by_account: dict[int, int]) -> str:
    return msgspec.json.encode(dict(sorted(by_account.items()))).decode()


# -- cycles ------------------------------------------------------------------------------------------


async def read_totals(connection: Connection, cycle: date) -> dict[str, int]:
    """The clearing totals of a cycle by city; empty before it was closed."""
    rows = await connection.fetch(
        "SELECT city, amount_fen FROM exchange.clearing_total WHERE cycle = $1 ORDER BY city", cycle
    )
    return {row["city"]: row["amount_fen"] for row in rows}


async def add_totals(connection: Connection, cycle: date, totals: dict[str, int]) -> None:
    """Write the clearing totals of a cycle."""
    await connection.executemany(
        "INSERT INTO exchange.clearing_total VALUES ($1, $2, $3, $4)",
        [(cycle, city, int(Purse.PRINCIPAL), fen) for city, fen in totals.items()],
    )
