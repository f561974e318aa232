"""What the audit of chains reads: which cards a date asks for, their taps, their opening positions.

Everything is as of the date whose night it is; what that night itself wrote is left out.
"""

from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from datetime import date, datetime
from typing import Any, Final

import msgspec

from clearing.store import HOLDS_IDENTITY, Connection, partition_of
from schemas import record
from schemas.codes import LOAD_KINDS, Check, Source, Verdict
from schemas.items import ItemKind
from schemas.reasons import Reason
from settlement.store.items import BEFORE_NIGHT, OPEN_BEFORE_NIGHT, Standing, read_standing

_POSITION_AT: Final = 2 + record.OFFSET["offline_counter"] - record.REST
_POSITION_SIZE: Final = record.FIELD["balance_after_fen"].end - record.OFFSET["offline_counter"]
_CARD_SIZE: Final = record.CARD.stop - record.CARD.start
_TERMINAL_AT: Final = _CARD_SIZE + 1
_NUMBER_AT: Final = _TERMINAL_AT + record.FIELD["terminal_id"].size
_LOADS: Final = ", ".join(str(int(kind)) for kind in sorted(LOAD_KINDS))
_TORN: Final = 1 << Reason.TAC_TORN
_FOREIGN: Final = 1 << Reason.TAC_BY_ISSUER
_SAID: Final = "(flags | (1::bigint << reason))"
"""Every reason that a tap has, as bits: its reason is not among its flags."""
_ELEMENT: Final = (
    f"(debit_proven OR {_SAID} & {_FOREIGN} = 0 AND (kind IN ({_LOADS}) OR {_SAID} & {_TORN} <> 0))"
)
"""Which taps that hold their identity belong to a chain: proven debits, loads with the right TAC, and,
as candidates, torn ones."""


async def read_marked_cards(
    connection: Connection, business_date: date, issuers: Sequence[int], flags: int
) -> list[bytes]:
    """Cards (19 bytes) of these issuers with taps of the date that carry one of ``flags``, are held, or
    are rejected and yet moved money."""
    rows = await connection.fetch(
        f"SELECT DISTINCT substr(identity, 1, {_CARD_SIZE}) FROM clearing.{partition_of(business_date)}"
        f" WHERE issuer_no = ANY($1) AND {HOLDS_IDENTITY}"
        f" AND (verdict <> {int(Verdict.ACCEPTED)} OR {_SAID} & $2 <> 0)",
        issuers, flags,
    )  # fmt: skip
    return [row[0] for row in rows]


async def read_adjusted_cards(connection: Connection, before: date) -> dict[bytes, int]:
    """Σ adjustments, fen, of every card that has some, as the night of a date found them."""
    rows = await connection.fetch(
        "SELECT card, sum(amount_fen)::bigint FROM settlement.adjustment WHERE business_date < $1"
        " OR business_date = $1 AND NOT starts_with(entry_id, 'night/') GROUP BY 1",
        before,
    )
    return {row[0]: row[1] for row in rows}


async def read_waiting_cards(
    connection: Connection, business_date: date, kinds: Sequence[ItemKind]
) -> dict[bytes, bool]:
    """Cards with open items of these kinds, or decided on the date; whether something of them may change
    without a tap: a gap's window closed, a rise waits for its log, loads or decisions came."""
    rows = await connection.fetch(
        "SELECT card, bool_or(kind = 'chain_gap' AND due_on <= $1 AND now_account IS NULL"
        " OR kind = 'chain_rise' AND outcome IS DISTINCT FROM 'alarmed'"
        " OR changed AND changed_on = $1"
        " OR EXISTS (SELECT FROM settlement.load_log l WHERE l.card = s.card AND l.imported_on = $1))"
        f" FROM ({OPEN_BEFORE_NIGHT} UNION ALL {BEFORE_NIGHT} AND c.state = 'closed'"
        " AND c.business_date = $1 AND i.item_id IN"
        " (SELECT x.item_id FROM settlement.item_change x WHERE x.business_date = $1)) s"
        " WHERE kind = ANY($2) AND card IS NOT NULL GROUP BY card",
        business_date, [str(kind) for kind in kinds],
    )  # fmt: skip
    return {row[0]: row[1] for row in rows}


async def read_touched_cards(
    connection: Connection, business_date: date, cards: Sequence[bytes]
) -> dict[bytes, int]:
    """Those of these cards that taps of the date name that hold their identity, and how many of them (see
    ``by_index``)."""
    rows = await connection.fetch(
        "SELECT card, taps FROM unnest($1::bytea[], $2::bytea[]) c (card, beyond), LATERAL"
        f" (SELECT count(*) AS taps FROM clearing.{partition_of(business_date)}"
        f" WHERE {HOLDS_IDENTITY} AND identity >= card AND identity < beyond) t WHERE taps > 0",
        cards, [_beyond(card) for card in cards],
    )  # fmt: skip
    return {row[0]: row[1] for row in rows}


class ChainTap(msgspec.Struct, frozen=True, gc=False):
    """A tap of a chain as it is stored. ``identity`` has 37 bytes; ``flags`` have the bit of its reason,
    too; ``position``: counters and balances as they lie in the record."""

    identity: bytes
    batch_seq: int
    row_no: int
    verdict: int
    flags: int
    kind: int
    amount_fen: int
    tapped_at: datetime
    debit_proven: bool
    position: bytes


@asynccontextmanager
async def by_index(connection: Connection) -> AsyncIterator[None]:
    """A while in which PostgreSQL goes through indexes: how few taps lie between two identities is
    nothing that it can estimate, and it would read whole dates once a card. Inside a transaction."""
    name = "enable_seqscan"
    before = await connection.fetchval("SELECT current_setting($1)", name)
    await connection.fetchval("SELECT set_config($1, 'off', true)", name)
    yield
    await connection.fetchval("SELECT set_config($1, $2, true)", name, before)


async def read_chain_taps(
    connection: Connection, business_date: date, cards: Sequence[bytes]
) -> list[ChainTap]:
    """The taps of these cards' chains on a date, through its identity index (see ``by_index``)."""
    rows = await connection.fetch(
        f"SELECT identity, batch_seq, row_no, verdict, {_SAID}, kind, amount_fen,"
        f" tapped_at, debit_proven, substr(rest, {_POSITION_AT}, {_POSITION_SIZE})"
        " FROM unnest($1::bytea[], $2::bytea[]) c (card, beyond)"
        f" JOIN clearing.{partition_of(business_date)}"
        " ON identity >= c.card AND identity < c.beyond"
        f" WHERE {HOLDS_IDENTITY} AND {_ELEMENT}",
        cards, [_beyond(card) for card in cards],
    )  # fmt: skip
    return [ChainTap(*row) for row in rows]


def _beyond(prefix: bytes) -> bytes:
    """The first bytes that are behind everything that begins with ``prefix``."""
    return (int.from_bytes(prefix, "big") + 1).to_bytes(len(prefix), "big")


async def read_close_taps(
    connection: Connection,
    business_date: date,
    issuers: Sequence[int],
    kinds: Sequence[int],
    within_s: int,
) -> list[ChainTap]:
    """Accepted taps of these kinds that cost something and have another one of their card at their
    terminal on the date, no more than ``within_s`` before or after them."""
    name = partition_of(business_date)
    wanted = "verdict = 0 AND amount_fen > 0 AND kind = ANY($2) AND issuer_no = ANY($1)"
    rows = await connection.fetch(
        "WITH met AS MATERIALIZED (SELECT substr(identity, 1, $3) AS met"
        f" FROM clearing.{name} WHERE {wanted} GROUP BY 1 HAVING count(*) > 1)"
        f" SELECT identity, batch_seq, row_no, verdict, {_SAID}, kind, amount_fen, tapped_at,"
        f" debit_proven, substr(rest, {_POSITION_AT}, {_POSITION_SIZE})"
        " FROM (SELECT t.*, tapped_at - lag(tapped_at) OVER w AS after_last,"
        f" lead(tapped_at) OVER w - tapped_at AS before_next FROM clearing.{name} t"
        f" JOIN met ON substr(identity, 1, $3) = met.met WHERE {wanted}"
        " WINDOW w AS (PARTITION BY met.met ORDER BY tapped_at)) n"
        " WHERE least(after_last, before_next) <= $4 * interval '1 second'",
        issuers, kinds, _NUMBER_AT - 1, within_s,
    )  # fmt: skip
    return [ChainTap(*row) for row in rows]


async def read_dates(connection: Connection, up_to: date) -> list[tuple[date, int | None]]:
    """Every business date up to one, latest first, with its registry version."""
    rows = await connection.fetch(
        "SELECT business_date, registry_version FROM clearing.business_day"
        " WHERE business_date <= $1 ORDER BY 1 DESC",
        up_to,
    )
    return [(row[0], row[1]) for row in rows]


async def read_mute_batches(connection: Connection, up_to: date) -> set[int]:
    """Batches whose source states no counters or no balances."""
    wanted = int(Check.COUNTERS | Check.BALANCES)
    rows = await connection.fetch(
        "SELECT batch_seq FROM clearing.batch WHERE business_date <= $1 AND checks & $2 <> $2",
        up_to, wanted,
    )  # fmt: skip
    return {row[0] for row in rows}


async def read_openings(
    connection: Connection, cards: Sequence[bytes], version: int
) -> dict[bytes, tuple[int, bytes]]:
    """The line with which each card was registered first, and the registry version that did it."""
    rows = await connection.fetch(
        "SELECT DISTINCT ON (card) card, version_from, line FROM clearing.card"
        " WHERE card = ANY($1) AND version_from <= $2 ORDER BY card, version_from",
        cards, version,
    )  # fmt: skip
    return {row[0]: (row[1], row[2]) for row in rows}


class TornBatch(msgspec.Struct, frozen=True):
    """Whose batch a torn tap came in, and the versions that it was judged under."""

    batch_seq: int
    source: int
    operator_no: int
    rules_version: int
    registry_version: int


async def read_torn_batches(
    connection: Connection, batches: Collection[int]
) -> dict[int, TornBatch]:
    """Batches by batch_seq."""
    rows = await connection.fetch(
        f"SELECT {', '.join(TornBatch.__struct_fields__)} FROM clearing.batch"
        " WHERE batch_seq = ANY($1)",
        sorted(batches),
    )
    return {row[0]: TornBatch(*row) for row in rows}


async def read_record(connection: Connection, business_date: date, tap: tuple[int, int]) -> bytes:
    """The record of a tap by (batch_seq, row_no), all but zeros at its end perhaps."""
    return bytes(
        await connection.fetchval(
            "SELECT clearing.canonical(t) FROM clearing.tap t"
            " WHERE t.business_date = $1 AND t.batch_seq = $2 AND t.row_no = $3",
            business_date,
            *tap,
        )
    )


# -- items -----------------------------------------------------------------------------------------


class Told(msgspec.Struct, frozen=True):
    """An item before a night: how it stands, what nights last said of it, what it took off its card."""

    standing: Standing
    said: dict[str, Any]
    booked_fen: int


async def read_told(
    connection: Connection,
    business_date: date,
    kinds: Sequence[ItemKind],
    cards: Sequence[bytes] | None = None,
    *,
    terminals: Sequence[bytes] | None = None,
    open_only: bool = False,
) -> list[Told]:
    """Items of these kinds as the night of a date found them; ``cards`` or ``terminals`` narrow
    them down."""
    found = await read_standing(
        connection,
        business_date,
        before_night=True,
        open_only=open_only,
        kinds=kinds,
        cards=cards,
        terminals=terminals,
    )
    names = [each.item.item_id for each in found if each.changes]
    rows = await connection.fetch(
        "SELECT DISTINCT ON (item_id) item_id, body FROM settlement.item_change"
        " WHERE item_id = ANY($1) AND business_date < $2 AND body ? 'last'"
        " ORDER BY item_id, change_no DESC",
        names, business_date,
    )  # fmt: skip
    bodies = {row[0]: msgspec.json.decode(row[1]) for row in rows}
    rows = await connection.fetch(
        "SELECT item_id, sum(amount_fen)::bigint FROM settlement.adjustment"
        " WHERE item_id = ANY($1) AND (business_date < $2"
        " OR business_date = $2 AND NOT starts_with(entry_id, 'night/')) GROUP BY 1",
        names, business_date,
    )  # fmt: skip
    booked = {row[0]: -row[1] for row in rows}
    return [
        Told(
            each,
            bodies.get(each.item.item_id, each.item.body),
            booked.get(each.item.item_id, 0),
        )
        for each in found
    ]


# -- terminals -------------------------------------------------------------------------------------

_NO_OWN_TERMINAL: Final = 1 << Reason.TERMINAL_UNKNOWN | 1 << Reason.TERMINAL_OF_OTHER_OPERATOR
_NUMBERED: Final = (
    f"{HOLDS_IDENTITY} AND {_SAID} & {_NO_OWN_TERMINAL} = 0"
    f" AND substr(identity, {_NUMBER_AT}, 4) <> '\\x00000000' AND batch_seq IN (SELECT b.batch_seq"
    f" FROM clearing.batch b WHERE b.business_date = $1 AND b.source = {int(Source.OPERATOR)}"
    f" AND b.checks & {int(Check.TERMINAL_REGISTRY)} <> 0)"
)
"""Which taps move their terminal's line, as the kernels have it."""


class TerminalDay(msgspec.Struct, frozen=True):
    """A terminal's taps of a date: how many, Σ of the low 16 bits of their numbers, how many reused."""

    terminal_id: bytes
    taps: int
    low_sum: int
    reused: int


async def read_terminal_days(connection: Connection, business_date: date) -> list[TerminalDay]:
    """The terminals of a date, in one pass over its taps."""
    rows = await connection.fetch(
        f"SELECT substr(identity, {_TERMINAL_AT}, 6), count(*),"
        f" sum((get_byte(identity, {_NUMBER_AT + 1}) << 8) + get_byte(identity, {_NUMBER_AT + 2})),"
        f" count(*) FILTER (WHERE {_SAID} & {1 << Reason.TERMINAL_NUMBER_REUSED} <> 0)"
        f" FROM clearing.{partition_of(business_date)} WHERE {_NUMBERED} GROUP BY 1 ORDER BY 1",
        business_date,
    )
    return [TerminalDay(*row) for row in rows]


async def read_numbers(
    connection: Connection, business_date: date, terminals: Sequence[bytes]
) -> list[tuple[bytes, bytes, datetime, int, int, int, int]]:
    """Taps of these terminals on a date by arrival: (terminal id, number, time, batch_seq, row,
    operator, flags)."""
    rows = await connection.fetch(
        f"SELECT substr(identity, {_TERMINAL_AT}, 6), substr(identity, {_NUMBER_AT}, 4), tapped_at,"
        f" batch_seq, row_no, operator_no, {_SAID} FROM clearing.{partition_of(business_date)}"
        f" WHERE {_NUMBERED} AND substr(identity, {_TERMINAL_AT}, 6) = ANY($2)"
        " ORDER BY batch_seq, row_no",
        business_date, terminals,
    )  # fmt: skip
    return [tuple(row) for row in rows]


async def read_page_tails(connection: Connection, before: date, size: int) -> list[bytes]:
    """The last ``size`` bytes of each page as a date found them: terminal lines are behind all cards'."""
    rows = await connection.fetch(
        "SELECT DISTINCT ON (page_no) substr(lines, greatest(1, octet_length(lines) - $2 + 1))"
        " FROM clearing.card_page WHERE business_date < $1 ORDER BY page_no, business_date DESC",
        before, size,
    )  # fmt: skip
    return [row[0] for row in rows]
