"""Looking into what was cleared: batches, their taps with evidence, postings, leaves. Reads only.

``as_operator`` puts a connection into the operator's own role, where the database shows it nothing
but its own (row-level security and the ``own_`` views of the migrations). Without it the centre looks.
"""

# ruff: noqa: S608 - only names of ours stand in the texts, every value is an argument

import struct
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from datetime import date, datetime
from decimal import Decimal
from typing import Final

import asyncpg
import msgspec

from clearing import bearers, pricing, rides
from clearing.bearers import Price
from clearing.plan import Bearer, Plan, Purpose, local_seconds
from clearing.store import BatchRow, Connection
from schemas import proof, record
from schemas.codes import DEBIT_KINDS, Source, Verdict
from schemas.reasons import Reason, names

ROLE: Final = "onecard_operator"
_BATCH: Final = ", ".join(BatchRow.__struct_fields__)
_TAP: Final = (
    "row_no, verdict, reason, flags, kind, operator_no, issuer_no, amount_fen, gross_fen,"
    " priced_fen, credited_fen, subsidy_fen, debit_proven"
)


class Remark(msgspec.Struct, frozen=True):
    """Why a reason applies to a tap, as the kernel wrote it."""

    reason: int
    expected: int
    actual: int


class StoredTap(msgspec.Struct, frozen=True, kw_only=True):
    """A tap as it is stored: the answer to it, its money in fen, its record (144 bytes).

    ``debit_proven``: the record proves that money left a card of ours.
    """

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
    debit_proven: bool
    record: bytes
    remarks: tuple[Remark, ...] = ()

    @property
    def judged_gross_fen(self) -> int:
        """The gross fare as our tariff has it: what was said of the claimed one, else that."""
        said = (each.expected for each in self.remarks if each.reason == Reason.GROSS_DIFFERS)
        return next(said, self.gross_fen)


class BookedLine(msgspec.Struct, frozen=True):
    """One posting of an entry, with the account's code."""

    entry_id: str
    account: str
    purpose: int
    tap_count: int
    amount_fen: int


class Moved(msgspec.Struct, frozen=True):
    """Money that one tap moved: from one account (debit) to another (credit), for one purpose."""

    debit: int
    credit: int
    purpose: Purpose
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
    connection: Connection,
    batch: BatchRow,
    first: int,
    count: int,
    *,
    own: bool,
    only: Collection[int] | None = None,
) -> list[StoredTap]:
    """Taps of a batch from row ``first`` on, at most ``count``; ``own`` inside ``as_operator``.

    ``only``: no rows but these.
    """
    columns, source, evidence = f"{_TAP}, record", "clearing.own_tap t", "clearing.own_evidence"
    if not own:
        columns, source = f"{_TAP}, clearing.canonical(t) AS record", "clearing.tap t"
        evidence = "clearing.evidence"
    rows_too, arguments = "", list[object]([first, first + count])
    if only is not None:
        rows_too = " AND row_no = ANY($4::integer[])"
        arguments.append(sorted(only))
    rows = await connection.fetch(
        f"SELECT {columns} FROM {source} WHERE t.batch_seq = $1 AND t.row_no >= $2 AND t.row_no < $3"
        f"{rows_too} AND t.business_date = ${len(arguments) + 2} ORDER BY t.row_no",
        batch.batch_seq, *arguments, batch.business_date,
    )  # fmt: skip
    found = await connection.fetch(
        f"SELECT row_no, reason, expected, actual FROM {evidence} WHERE batch_seq = $1"
        f" AND row_no >= $2 AND row_no < $3{rows_too} ORDER BY row_no, reason",
        batch.batch_seq, *arguments,
    )  # fmt: skip
    remarks: dict[int, list[Remark]] = {}
    for row in found:
        remark = Remark(row["reason"], row["expected"], row["actual"])
        remarks.setdefault(row["row_no"], []).append(remark)
    return [StoredTap(**dict(row), remarks=tuple(remarks.get(row["row_no"], ()))) for row in rows]


async def read_postings(
    connection: Connection, batch_seq: int, as_of: date | None = None
) -> list[BookedLine]:
    """What a batch booked, in the order of its entries; ``as_of``: up to the end of a business date."""
    rows = await connection.fetch(
        "SELECT entry_id, a.code AS account, p.purpose, p.tap_count, p.amount_fen"
        " FROM clearing.entry e JOIN clearing.posting p USING (entry_id)"
        " JOIN clearing.account a USING (account_no) WHERE e.batch_seq = $1"
        " AND ($2::date IS NULL OR e.business_date <= $2) ORDER BY entry_id, line_no",
        batch_seq, as_of,
    )  # fmt: skip
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


def moved_by(batch: BatchRow, tap: StoredTap, plan: Plan, card_kind: int) -> list[Moved]:
    """What one tap booked, of the entry of its batch; the entry is the sum of these over its taps.

    ``card_kind`` as issued: which class of fares bears a discount depends on it.
    """
    issuer = next((row for row in plan.issuers if row.number == tap.issuer_no), None)
    is_debit = tap.kind in DEBIT_KINDS
    accepted = tap.verdict == Verdict.ACCEPTED
    if issuer is None or not (accepted or tap.debit_proven or tap.credited_fen):
        return []
    if batch.source == Source.PRESENTMENT and (accepted or tap.verdict == Verdict.HELD):
        sides = (issuer.account, plan.province_account)
        purpose = Purpose.FARE if is_debit else Purpose.TOP_UP
        found = [Moved(*(sides if is_debit else sides[::-1]), purpose, tap.credited_fen)]
    elif not accepted:
        account, purpose = plan.suspense_account, Purpose.HELD
        if tap.verdict == Verdict.REJECTED:
            account, purpose = plan.unclaimed_accounts[tap.reason], Purpose.REJECTED
        found = [Moved(issuer.account, account, purpose, tap.amount_fen)]
    elif not is_debit:
        agent = next(o for o in plan.operators if o.number == batch.operator_no)
        found = [Moved(agent.load_agent_account, issuer.account, Purpose.TOP_UP, tap.credited_fen)]
    else:
        excess_fen = tap.amount_fen - tap.credited_fen
        found = [Moved(issuer.account, plan.suspense_account, Purpose.EXCESS, excess_fen)]
        purpose = Purpose.FARE if issuer.own else Purpose.FARE_UNCONFIRMED
        found += [
            Moved(issuer.account, account, purpose, fen)
            for account, fen in shares_of(batch, tap, plan)
        ]
        found += _subsidies(batch, tap, plan, card_kind)
    return [move for move in found if move.amount_fen]


def _subsidies(batch: BatchRow, tap: StoredTap, plan: Plan, card_kind: int) -> list[Moved]:
    """Who pays the discount that somebody else than the operator bears."""
    if not tap.subsidy_fen:
        return []
    operator = next(o for o in plan.operators if o.number == batch.operator_no)
    ride = rides.ride_of(tap.record)
    tariff = pricing.tariff_at(operator.tariffs, tap.kind, ride.at_s)
    assert tariff is not None, "a tap has a subsidy by its tariff"
    price = Price(tap.judged_gross_fen, tap.priced_fen)
    found = bearers.borne(tariff, card_kind, ride, price, tap.subsidy_fen)
    by_budget = tap.subsidy_fen if found is None else found.subsidies[Bearer.BUDGET]
    return [
        Moved(payer, operator.subsidy_account, Purpose.SUBSIDY, fen)
        for payer, fen in (
            (plan.issuer_discount_account, tap.subsidy_fen - by_budget),
            (plan.budget_account, by_budget),
        )
    ]


def moved_if_accepted(batch: BatchRow, tap: StoredTap, plan: Plan, card_kind: int) -> list[Moved]:
    """What a debit that waits would have booked, had it been accepted at its price: what a release books."""
    operator = next((o for o in plan.operators if o.number == batch.operator_no), None)
    price = Price(tap.judged_gross_fen, tap.priced_fen)
    subsidies: dict[Bearer, int] = {}
    if operator is not None:
        ride = rides.ride_of(tap.record)
        subsidies = bearers.borne_when_accepted(operator, batch.checks, card_kind, ride, price)
    accepted = msgspec.structs.replace(
        tap,
        verdict=Verdict.ACCEPTED,
        credited_fen=min(tap.amount_fen, tap.priced_fen),
        subsidy_fen=sum(subsidies.values()),
    )
    return moved_by(batch, accepted, plan, card_kind)


def shares_of(batch: BatchRow, tap: StoredTap, plan: Plan) -> list[tuple[int, int]]:
    """Over which accounts a tap's credited fare went: (account number, fen)."""
    if tap.verdict != Verdict.ACCEPTED or batch.source != Source.OPERATOR:
        return []
    if tap.kind not in DEBIT_KINDS:
        return []
    at_s, stations = _tapped_s(tap.record), rides.stations_of(tap.record)
    for operator in plan.operators:
        if operator.number == batch.operator_no:
            return rides.shares_fen(operator.splits, at_s, stations, tap.credited_fen)
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
