"""Re-clearings: what a sealed date would have come to under other rules, as proposed and as approved."""

import hashlib
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any, Final

import asyncpg
import msgspec

from clearing.store import Connection
from settlement.store.decisions import DecidedTap, Decision
from settlement.tables import line_bytes

RECLEAR: Final = "reclear"
"""What stands in the place of an action in a proposal that is about a date."""
RECLEAR_LOCK: Final = 0x0C1EA208


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What is said of a tap: verdict, reason, flags; money in fen. ``gross_fen``: before discounts, as the
    tariff has it."""

    verdict: int
    reason: int
    flags: int
    gross_fen: int
    priced_fen: int
    credited_fen: int
    subsidy_fen: int


class Delta(msgspec.Struct, frozen=True, array_like=True, order=True):
    """What a correction puts on an account for one purpose, fen: debits positive."""

    account: int
    purpose: int
    amount_fen: int


class ReclearedTap(msgspec.Struct, frozen=True, kw_only=True):
    """A tap of the list: ``was`` as stored and corrected so far, ``becomes`` under the other rules.

    ``deltas`` sum to zero. ``items``: ids of the items about the tap that hold or held its money, with the
    number of their changes when this was computed.
    """

    batch_seq: int
    row_no: int
    operator_no: int
    amount_fen: int
    debit_proven: bool
    was: Answer
    becomes: Answer
    deltas: tuple[Delta, ...]
    items: dict[str, int]

    @property
    def place(self) -> tuple[int, int]:
        """(batch_seq, row)."""
        return self.batch_seq, self.row_no


class Reclear(msgspec.Struct, frozen=True, kw_only=True):
    """A proposal to re-clear a date, and what was decided of it (None: it is open).

    ``business_date``: on which it was proposed; ``clock_s``: the node's clock; ``body``: the person's
    words, the summary of the list, what was left out.
    """

    proposal_no: int
    business_date: date
    corrects: date
    rules_version: int
    taps: int
    digest: bytes
    body: dict[str, Any]
    proposed_by: str
    clock_s: int
    decision: Decision | None = None

    @property
    def approved(self) -> bool:
        """Whether another person approved it."""
        return self.decision is not None and self.decision.approved


def digest_of(taps: Iterable[ReclearedTap]) -> bytes:
    """The digest of a list: SHA-256 over the canonical lines of its taps, by place."""
    hasher = hashlib.sha256()
    for tap in taps:
        hasher.update(line_bytes(tap) + b"\n")
    return hasher.digest()


# -- writing ---------------------------------------------------------------------------------------


async def lock_reclears(connection: Connection) -> None:
    """One person at a time proposes or decides a re-clearing, until the transaction ends."""
    await connection.execute("SELECT pg_advisory_xact_lock($1)", RECLEAR_LOCK)


async def add_reclear(
    connection: Connection, reclear: Reclear, taps: Sequence[ReclearedTap]
) -> int:
    """Write a proposal with its list; returns its number. The number of the one given says nothing."""
    number = int(
        await connection.fetchval(
            "INSERT INTO settlement.proposal"
            " (item_id, action, body, proposed_by, business_date, clock_s)"
            " VALUES (NULL, $1, $2, $3, $4, $5) RETURNING proposal_no",
            RECLEAR, _json(reclear.body), reclear.proposed_by, reclear.business_date,
            reclear.clock_s,
        )
    )  # fmt: skip
    await connection.execute(
        "INSERT INTO settlement.reclear VALUES ($1, $2, $3, $4, $5, $6)",
        number, reclear.business_date, reclear.corrects, reclear.rules_version, reclear.taps,
        reclear.digest,
    )  # fmt: skip
    await connection.copy_records_to_table(
        "reclear_tap",
        schema_name="settlement",
        columns=("proposal_no", "business_date", *_TAP),
        records=[
            (number, reclear.business_date, *map(_stored, msgspec.structs.astuple(tap)))
            for tap in taps
        ],
    )
    return number


_TAP: Final = ReclearedTap.__struct_fields__
_IN_JSON: Final = ("was", "becomes", "deltas", "items")


def _json(value: object) -> str:
    return msgspec.json.encode(value, order="sorted").decode()


def _stored(value: object) -> object:
    return value if isinstance(value, int) else _json(value)


# -- reading ---------------------------------------------------------------------------------------

_RECLEAR: Final = (
    "SELECT r.proposal_no, r.business_date, r.corrects, r.rules_version, r.taps, r.digest, p.body,"
    " p.proposed_by, p.clock_s, d.approved, d.decided_by, d.why, d.business_date AS decided_on,"
    " d.clock_s AS decided_s FROM settlement.reclear r JOIN settlement.proposal p USING (proposal_no)"
    " LEFT JOIN settlement.decision d USING (proposal_no) WHERE true"
)


async def read_approved(connection: Connection, corrects: date) -> list[int]:
    """The numbers of the approved re-clearings of a sealed date, in order."""
    found = await read_reclears(connection, corrects=corrects)
    return [each.proposal_no for each in found if each.decision and each.decision.approved]


async def read_reclears(
    connection: Connection,
    *,
    proposal_no: int | None = None,
    corrects: date | None = None,
    proposed_on: date | None = None,
    decided_on: date | None = None,
) -> list[Reclear]:
    """Re-clearings by number: one, those of a sealed date, those proposed or decided on a date."""
    query, arguments = _RECLEAR, list[Any]()
    for column, value in (
        ("r.proposal_no", proposal_no),
        ("r.corrects", corrects),
        ("r.business_date", proposed_on),
        ("d.business_date", decided_on),
    ):
        if value is not None:
            arguments.append(value)
            query += f" AND {column} = ${len(arguments)}"
    rows = await connection.fetch(f"{query} ORDER BY r.proposal_no", *arguments)
    return [_reclear(row) for row in rows]


def _reclear(row: asyncpg.Record) -> Reclear:
    decision = None
    if row["approved"] is not None:
        decision = Decision(
            proposal_no=row["proposal_no"], approved=row["approved"], decided_by=row["decided_by"],
            why=row["why"], business_date=row["decided_on"], clock_s=row["decided_s"],
        )  # fmt: skip
    values = {name: row[name] for name in Reclear.__struct_fields__ if name != "decision"}
    values["body"] = msgspec.json.decode(values["body"])
    return Reclear(**values, decision=decision)


async def read_list(connection: Connection, proposal_no: int) -> list[ReclearedTap]:
    """The taps of a re-clearing, by place."""
    rows = await connection.fetch(
        f"SELECT {', '.join(_TAP)} FROM settlement.reclear_tap WHERE proposal_no = $1"
        " ORDER BY batch_seq, row_no",
        proposal_no,
    )
    return [_tap(row) for row in rows]


async def read_batches_of(connection: Connection, proposal_no: int) -> list[int]:
    """The batches whose taps a re-clearing moves, by batch_seq."""
    rows = await connection.fetch(
        "SELECT DISTINCT batch_seq FROM settlement.reclear_tap WHERE proposal_no = $1"
        " AND deltas <> '[]' ORDER BY 1",
        proposal_no,
    )
    return [row["batch_seq"] for row in rows]


def _tap(row: asyncpg.Record) -> ReclearedTap:
    values = {name: row[name] for name in _TAP}
    for name in _IN_JSON:
        values[name] = msgspec.json.decode(values[name])
    return msgspec.convert(values, ReclearedTap)


_APPROVED: Final = (
    f"SELECT t.proposal_no, r.rules_version, {', '.join('t.' + name for name in _TAP)} FROM settlement.reclear_tap t"
    " JOIN settlement.reclear r USING (proposal_no) JOIN settlement.decision d USING (proposal_no)"
    " WHERE d.approved"
)


async def read_booked(
    connection: Connection, corrects: date, before: int | None = None
) -> list[tuple[int, ReclearedTap]]:
    """(rules version, tap) of every approved re-clearing of a sealed date, the earliest one first.

    ``before``: only of those with a smaller number.
    """
    rows = await connection.fetch(
        f"{_APPROVED} AND r.corrects = $1 AND ($2::bigint IS NULL OR t.proposal_no < $2)"
        " ORDER BY t.proposal_no, t.batch_seq, t.row_no",
        corrects, before,
    )  # fmt: skip
    return [(row["rules_version"], _tap(row)) for row in rows]


async def read_of_tap(
    connection: Connection, batch_seq: int, row_no: int, as_of: date | None = None
) -> list[tuple[int, ReclearedTap]]:
    """(proposal, tap) of every approved re-clearing of a tap, the earliest one first.

    ``as_of``: only those approved on dates up to it.
    """
    rows = await connection.fetch(
        f"{_APPROVED} AND t.batch_seq = $1 AND t.row_no = $2"
        " AND ($3::date IS NULL OR d.business_date <= $3) ORDER BY t.proposal_no",
        batch_seq, row_no, as_of,
    )  # fmt: skip
    return [(row["proposal_no"], _tap(row)) for row in rows]


class Corrected(msgspec.Struct, frozen=True):
    """What holds for a tap since it was re-cleared last: the version of the rules, the answer under it."""

    rules_version: int
    answer: Answer


async def read_corrected(
    connection: Connection, places: Iterable[tuple[int, int]], as_of: date | None = None
) -> dict[tuple[int, int], Corrected]:
    """What approved re-clearings left of these taps, by place; nothing of a tap that no list has.

    ``as_of``: by those approved on dates up to it.
    """
    wanted = sorted(set(places))
    rows = await connection.fetch(
        "SELECT DISTINCT ON (t.batch_seq, t.row_no) t.batch_seq, t.row_no, r.rules_version, t.becomes"
        " FROM unnest($1::bigint[], $2::integer[]) AS w(batch_seq, row_no)"
        " JOIN settlement.reclear_tap t USING (batch_seq, row_no)"
        " JOIN settlement.reclear r USING (proposal_no) JOIN settlement.decision d USING (proposal_no)"
        " WHERE d.approved AND ($3::date IS NULL OR d.business_date <= $3)"
        " ORDER BY t.batch_seq, t.row_no, t.proposal_no DESC",
        [place[0] for place in wanted], [place[1] for place in wanted], as_of,
    )  # fmt: skip
    return {
        (row["batch_seq"], row["row_no"]): Corrected(
            row["rules_version"], msgspec.json.decode(row["becomes"], type=Answer)
        )
        for row in rows
    }


async def as_corrected(connection: Connection, tap: DecidedTap) -> DecidedTap:
    """A tap as approved re-clearings left it: what is decided of it from here on goes by that."""
    place = tap.batch_seq, tap.row_no
    found = (await read_corrected(connection, [place])).get(place)
    if found is None:
        return tap
    answer = found.answer
    return msgspec.structs.replace(
        tap,
        rules_version=found.rules_version,
        verdict=answer.verdict,
        reason=answer.reason,
        flags=answer.flags,
        gross_fen=answer.gross_fen,
        priced_fen=answer.priced_fen,
        credited_fen=answer.credited_fen,
    )


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """What an item must tell of its tap. ``identity``: 37 bytes, the card first."""

    batch_seq: int
    row_no: int
    kind: int
    tapped_at: datetime
    identity: bytes
    number: int


async def read_heads(
    connection: Connection, corrects: date, places: Sequence[tuple[int, int]]
) -> dict[tuple[int, int], Head]:
    """Heads of taps of a sealed date by place."""
    rows = await connection.fetch(
        "SELECT t.batch_seq, t.row_no, t.kind, t.tapped_at, t.identity, b.number::bigint AS number"
        " FROM clearing.tap t JOIN clearing.batch b USING (batch_seq) WHERE t.business_date = $1"
        " AND (t.batch_seq, t.row_no) IN (SELECT * FROM unnest($2::bigint[], $3::integer[]))",
        corrects, [seq for seq, _ in places], [row for _, row in places],
    )  # fmt: skip
    return {(row["batch_seq"], row["row_no"]): Head(**dict(row)) for row in rows}
