"""Looking into what was cleared: batches, their taps with evidence, postings, leaves. Reads only.

``as_operator`` puts a connection into the operator's own role, where the database shows it nothing
but its own (row-level security and the ``own_`` views of the migrations). Without it the centre looks.
"""

# ruff: noqa: S608 - only names of ours stand in the texts, every value is an argument

import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from decimal import Decimal
from typing import Final

import asyncpg
import msgspec

from clearing import pricing
from clearing.plan import Plan, local_seconds
from clearing.store import BatchRow, Connection
from schemas import proof, record
from schemas.codes import DEBIT_KINDS, Source, Verdict
from schemas.reasons import Reason, names

ROLE: Final = "onecard_operator"
_BATCH: Final = ", ".join(BatchRow.__struct_fields__)
_TAP: Final = (
    "row_no, verdict, reason, flags, kind, operator_no, issuer_no, amount_fen, gross_fen,"
    " priced_fen, credited_fen, subsidy_fen"
)


class Remark(msgspec.Struct, frozen=True):
    """Why a reason applies to a tap, as the kernel wrote it."""

    reason: int
    expected: int
    actual: int


class StoredTap(msgspec.Struct, frozen=True, kw_only=True):
    """A tap as it is stored: the answer to it, its money in fen, its record (144 bytes)."""

    row_no: int
    verdict: int
    reason: int
    flags: int
    kind: int
    operator_no: int
    issuer_no: int
    amount_fen: int
    gross_fen: int
    priced_fen: int
    credited_fen: int
    subsidy_fen: int
    record: bytes
    remarks: tuple[Remark, ...] = ()


class BookedLine(msgspec.Struct, frozen=True):
    """One posting of an entry, with the account's code."""

    entry_id: str
    account: str
    purpose: int
    tap_count: int
    amount_fen: int


@asynccontextmanager
async def as_operator(connection: Connection, operator_no: int) -> AsyncIterator[None]:
    """A read-only transaction in which the connection is this operator and sees its own only."""
    async with connection.transaction(readonly=True):
        await connection.execute(f"SET LOCAL ROLE {ROLE}")
        await connection.execute(
            "SELECT set_config('onecard.operator_no', $1, true)", str(operator_no)
        )
        yield


async def batch_by_seq(connection: Connection, batch_seq: int) -> BatchRow | None:
    """The batch of a batch_seq, if it is there for whoever asks."""
    if not 0 < batch_seq < 2**63:
        return None
    row = await connection.fetchrow(
        f"SELECT {_BATCH} FROM clearing.batch WHERE batch_seq = $1", batch_seq
    )
    return _batch(row)


async def batch_by_number(connection: Connection, operator_no: int, number: int) -> BatchRow | None:
    """The batch that an operator submitted under a number."""
    row = await connection.fetchrow(
        f"SELECT {_BATCH} FROM clearing.batch"
        " WHERE source = 0 AND operator_no = $1 AND number = $2 AND origin = ''",
        operator_no, Decimal(number),
    )  # fmt: skip
    return _batch(row)


def _batch(row: asyncpg.Record | None) -> BatchRow | None:
    return None if row is None else BatchRow(**{**dict(row), "number": int(row["number"])})


async def read_taps(
    connection: Connection, batch: BatchRow, first: int, count: int, *, own: bool
) -> list[StoredTap]:
    """Taps of a batch from row ``first`` on, at most ``count``; ``own`` inside ``as_operator``."""
    columns, source, evidence = f"{_TAP}, record", "clearing.own_tap t", "clearing.own_evidence"
    if not own:
        columns, source = f"{_TAP}, clearing.canonical(t) AS record", "clearing.tap t"
        evidence = "clearing.evidence"
    rows = await connection.fetch(
        f"SELECT {columns} FROM {source} WHERE t.business_date = $1 AND t.batch_seq = $2"
        " AND t.row_no >= $3 AND t.row_no < $4 ORDER BY t.row_no",
        batch.business_date, batch.batch_seq, first, first + count,
    )  # fmt: skip
    found = await connection.fetch(
        f"SELECT row_no, reason, expected, actual FROM {evidence} WHERE batch_seq = $1"
        " AND row_no >= $2 AND row_no < $3 ORDER BY row_no, reason",
        batch.batch_seq, first, first + count,
    )  # fmt: skip
    remarks: dict[int, list[Remark]] = {}
    for row in found:
        remark = Remark(row["reason"], row["expected"], row["actual"])
        remarks.setdefault(row["row_no"], []).append(remark)
    return [StoredTap(**dict(row), remarks=tuple(remarks.get(row["row_no"], ()))) for row in rows]


async def read_postings(connection: Connection, batch_seq: int) -> list[BookedLine]:
    """What a batch booked, in the order of its entries."""
    rows = await connection.fetch(
        "SELECT entry_id, a.code AS account, p.purpose, p.tap_count, p.amount_fen"
        " FROM clearing.entry e JOIN clearing.posting p USING (entry_id)"
        " JOIN clearing.account a USING (account_no) WHERE e.batch_seq = $1"
        " ORDER BY entry_id, line_no",
        batch_seq,
    )
    return [BookedLine(**dict(row)) for row in rows]


async def read_day_roots(
    connection: Connection, batch: BatchRow
) -> tuple[bytes | None, bytes | None, list[tuple[int, bytes]]]:
    """Of a batch's business date: taps_root, seal, and every (batch_seq, batch root) in order."""
    day = await connection.fetchrow(
        "SELECT taps_root, seal FROM clearing.business_day WHERE business_date = $1",
        batch.business_date,
    )
    rows = await connection.fetch(
        "SELECT batch_seq, batch_root FROM clearing.batch WHERE business_date = $1"
        " ORDER BY batch_seq",
        batch.business_date,
    )
    assert day is not None
    return (
        day["taps_root"],
        day["seal"],
        [(row["batch_seq"], row["batch_root"]) for row in rows],
    )


def leaves_of(
    batch: BatchRow, taps: list[StoredTap], plan: Plan, node_secret: bytes
) -> list[bytes]:
    """The leaves of a whole batch, from what is stored and the plan it was judged under."""
    salts = proof.salts(proof.salt_key(node_secret, batch.batch_seq), len(taps))
    versions = (batch.rules_version, batch.registry_version, batch.denylist_version)
    return [
        proof.leaf(
            salts[proof.SALT_SIZE * tap.row_no : proof.SALT_SIZE * (tap.row_no + 1)],
            batch.batch_seq,
            tap.row_no,
            tap.record,
            (Verdict(tap.verdict), tap.reason, tap.flags),
            (tap.priced_fen, tap.credited_fen, tap.subsidy_fen),
            tap.issuer_no,
            versions,
            _packed(shares_of(batch, tap, plan)),
        )
        for tap in taps
    ]


def shares_of(batch: BatchRow, tap: StoredTap, plan: Plan) -> list[tuple[int, int]]:
    """Over which accounts a tap's credited fare went: (account number, fen)."""
    if tap.verdict != Verdict.ACCEPTED or batch.source != Source.OPERATOR:
        return []
    if tap.kind not in DEBIT_KINDS:
        return []
    at_s = _tapped_s(tap.record)
    for operator in plan.operators:
        if operator.number != batch.operator_no:
            continue
        for split in operator.splits:
            if split.since_s <= at_s < split.until_s:
                weights = tuple(weight for _, weight in split.shares)
                parts = pricing.split_fen(tap.credited_fen, weights)
                return [
                    (account, fen) for (account, _), fen in zip(split.shares, parts, strict=True)
                ]
    return []


def _tapped_s(data: bytes) -> int:
    """Local seconds of a record that was accepted, so whose time is one."""
    field = record.FIELD["tapped_at"]
    text = data[field.offset : field.end].hex()
    return local_seconds(datetime.strptime(text, "%Y%m%d%H%M%S"))  # noqa: DTZ007 - local


def _packed(shares: list[tuple[int, int]]) -> bytes:
    body = b"".join(struct.pack(">Ii", account, fen) for account, fen in shares)
    return body.ljust(proof.SHARES_SIZE, b"\0")


def names_of(tap: StoredTap) -> tuple[str, list[str]]:
    """Name of a tap's reason (``clean`` where there is none), names of its flags."""
    return Reason(tap.reason).name.lower(), names(tap.flags)
