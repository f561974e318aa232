"""Proposals and decisions of two people, and what a decision must know of an item's tap and dates."""

from collections.abc import Sequence
from datetime import date
from typing import Any, Final

import asyncpg
import msgspec

from clearing.cards import unpack
from clearing.plan import EPOCH
from clearing.store import Connection, add_event, read_card_lines
from schemas.codes import TapKind
from schemas.items import Action, ItemKind, ItemOutcome
from schemas.reasons import Reason
from schemas.registry import Staff
from settlement.store.days import STATES

LOOK_UP: Final = "card looked up"
"""Kind of the event that showing a whole card number leaves."""
LOOK_UP_LOCK: Final = 0x0C1EA207
CARD_LOCK: Final = 0x0C1EA208
"""Whoever decides by what is owed to a card holds this, with the card."""


class Proposal(msgspec.Struct, frozen=True, kw_only=True):
    """What one person proposed; ``clock_s`` is the node's clock, ``body`` the action's own words."""

    proposal_no: int
    item_id: str
    action: Action
    body: dict[str, Any]
    proposed_by: str
    business_date: date
    clock_s: int


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """What another person decided of a proposal."""

    proposal_no: int
    approved: bool
    decided_by: str
    why: str
    business_date: date
    clock_s: int


class DecidedTap(msgspec.Struct, frozen=True, kw_only=True):
    """The tap that an item is about, as it was judged. ``tapped_s``: local seconds; money in fen.

    ``gross_fen``: before discounts, as our tariff has it; ``checks``: what its batch was held to.
    """

    batch_seq: int
    row_no: int
    business_date: date
    source: int
    operator_no: int
    rules_version: int
    registry_version: int
    checks: int
    kind: int
    issuer_no: int
    verdict: int
    reason: int
    flags: int
    debit_proven: bool
    tapped_s: int
    amount_fen: int
    gross_fen: int
    priced_fen: int
    credited_fen: int
    record: bytes


_PROPOSAL: Final = Proposal.__struct_fields__
_DECISION: Final = Decision.__struct_fields__


async def lock_item(connection: Connection, item_id: str) -> bool:
    """Hold an item until the transaction ends, so that one person at a time works on it.

    Who writes changes of it is not held up. False where there is no such item.
    """
    found = await connection.fetchval(
        "SELECT true FROM settlement.item WHERE item_id = $1 FOR NO KEY UPDATE", item_id
    )
    return bool(found)


async def read_book_fen(connection: Connection, card: bytes) -> int:
    """The book balance of an own card (19 bytes) as of now: what it was registered with, its booked loads,
    its proven debits, whatever became of them.

    Who asks for the same card waits until the first one's transaction ends.
    """
    await connection.execute(
        "SELECT pg_advisory_xact_lock($1, hashtext(encode($2, 'hex')))", CARD_LOCK, card
    )
    opening = (await read_card_lines(connection, [card])).get(card)
    moved_fen = await connection.fetchval(
        "SELECT coalesce(sum(CASE WHEN kind = $3 THEN credited_fen ELSE -amount_fen END), 0)::bigint"
        r" FROM clearing.tap WHERE identity > $1 AND identity < $1 || $2::bytea"
        " AND (debit_proven OR kind = $3 AND credited_fen > 0)",
        card, b"\xff" * 19, int(TapKind.TOP_UP),
    )  # fmt: skip
    return int(moved_fen) + (unpack(opening).book_balance_fen if opening is not None else 0)


async def lock_items(connection: Connection, item_ids: Sequence[str]) -> None:
    """Hold many items as ``lock_item`` holds one, in the order of their ids."""
    await connection.execute(
        "SELECT item_id FROM settlement.item WHERE item_id = ANY($1) ORDER BY item_id"
        " FOR NO KEY UPDATE",
        item_ids,
    )


async def add_proposal(connection: Connection, proposal: Proposal) -> int:
    """Write a proposal; returns its number. The number of the one given says nothing."""
    return int(
        await connection.fetchval(
            "INSERT INTO settlement.proposal"
            " (item_id, action, body, proposed_by, business_date, clock_s)"
            " VALUES ($1, $2, $3, $4, $5, $6) RETURNING proposal_no",
            proposal.item_id,
            str(proposal.action),
            msgspec.json.encode(proposal.body, order="sorted").decode(),
            proposal.proposed_by,
            proposal.business_date,
            proposal.clock_s,
        )
    )


async def add_decision(connection: Connection, decision: Decision) -> None:
    """Write a decision. The database refuses one by the person who proposed."""
    await connection.execute(
        f"INSERT INTO settlement.decision ({', '.join(_DECISION)}) VALUES ($1, $2, $3, $4, $5, $6)",
        *msgspec.structs.astuple(decision),
    )


class Decided(msgspec.Struct, frozen=True):
    """A proposal and what became of it; None: it is open."""

    proposal: Proposal
    decision: Decision | None


async def read_proposals(
    connection: Connection,
    *,
    proposal_no: int | None = None,
    item_ids: Sequence[str] | None = None,
    open_only: bool = False,
) -> list[Decided]:
    """Proposals about items by number: one of them, those of some items, those that nobody has decided."""
    columns = [f"p.{name}" for name in _PROPOSAL] + [
        f"d.{name} AS decision_{name}" for name in _DECISION
    ]
    query = (
        f"SELECT {', '.join(columns)} FROM settlement.proposal p"
        " LEFT JOIN settlement.decision d USING (proposal_no)"
        " WHERE p.item_id IS NOT NULL AND ($1::bigint IS NULL OR p.proposal_no = $1)"
        " AND ($2::text[] IS NULL OR p.item_id = ANY($2))"
    )
    if open_only:
        query += " AND d.proposal_no IS NULL"
    rows = await connection.fetch(f"{query} ORDER BY p.proposal_no", proposal_no, item_ids)
    return [_decided(row) for row in rows]


def _decided(row: asyncpg.Record) -> Decided:
    values: dict[str, Any] = {name: row[name] for name in _PROPOSAL}
    values["action"] = Action(values["action"])
    values["body"] = msgspec.json.decode(values["body"])
    decision = None
    if row["decision_proposal_no"] is not None:
        decision = Decision(**{name: row[f"decision_{name}"] for name in _DECISION})
    return Decided(Proposal(**values), decision)


async def read_member(connection: Connection, name: str) -> Staff | None:
    """A person's row in the registry that is in force."""
    body = await connection.fetchval(
        "SELECT body FROM clearing.registry WHERE kind = 'staff' AND key = $1"
        " AND version_to IS NULL",
        name,
    )
    return None if body is None else msgspec.json.decode(body, type=Staff)


async def read_unaudited(connection: Connection, before: date) -> list[date]:
    """Earlier business dates whose audit is still to come, in order."""
    rows = await connection.fetch(
        "SELECT business_date FROM clearing.business_day"
        " WHERE business_date < $1 AND state = ANY($2) ORDER BY 1",
        before, list(STATES[: STATES.index("audited")]),
    )  # fmt: skip
    return [row["business_date"] for row in rows]


async def read_decided_tap(
    connection: Connection, batch_seq: int, row_no: int
) -> DecidedTap | None:
    """A tap by its place, with what its batch was judged under."""
    row = await connection.fetchrow(
        "SELECT t.batch_seq, t.row_no, b.business_date, b.source, t.operator_no, b.rules_version,"
        " b.registry_version, b.checks, t.kind, t.issuer_no, t.verdict, t.reason, t.flags,"
        " t.debit_proven,"
        f" (extract(epoch FROM t.tapped_at) - extract(epoch FROM timestamp '{EPOCH}'))::bigint"
        " AS tapped_s, t.amount_fen, coalesce((SELECT v.expected::integer FROM clearing.evidence v"
        " WHERE v.batch_seq = t.batch_seq AND v.row_no = t.row_no AND v.reason = $3), t.gross_fen)"
        " AS gross_fen, t.priced_fen, t.credited_fen, clearing.canonical(t) AS record FROM clearing.batch b JOIN clearing.tap t"
        " ON t.business_date = b.business_date AND t.batch_seq = b.batch_seq"
        " WHERE b.batch_seq = $1 AND t.row_no = $2",
        batch_seq, row_no, int(Reason.GROSS_DIFFERS),
    )  # fmt: skip
    return None if row is None else DecidedTap(**dict(row))


async def read_booked_since(connection: Connection, batch_seq: int, row_no: int) -> dict[int, int]:
    """What nights and people booked for a tap beside its batch and re-clearings: fen by account number,
    credits positive."""
    rows = await connection.fetch(
        "SELECT p.account_no, -sum(p.amount_fen)::bigint AS fen FROM clearing.entry e"
        " JOIN clearing.posting p USING (entry_id) WHERE e.corrects = $3 AND e.entry_id IN"
        " (SELECT c.entry_id FROM settlement.item_change c JOIN settlement.item i USING (item_id)"
        " WHERE i.batch_seq = $1 AND i.row_no = $2) GROUP BY 1",
        batch_seq, row_no, f"tap {batch_seq}/{row_no}",
    )  # fmt: skip
    return {row["account_no"]: row["fen"] for row in rows}


async def read_reversed(
    connection: Connection, places: Sequence[tuple[int, int]], up_to: date
) -> set[tuple[int, int]]:
    """Which of these taps (batch_seq, row) two people took back as double deductions by the end of a date."""
    rows = await connection.fetch(
        "SELECT i.batch_seq, i.row_no FROM settlement.item i JOIN settlement.item_change c"
        " USING (item_id) WHERE (i.batch_seq, i.row_no) IN (SELECT * FROM"
        " unnest($1::bigint[], $2::integer[])) AND i.kind = $3 AND c.outcome = $4"
        " AND c.business_date <= $5",
        [seq for seq, _ in places], [row for _, row in places], ItemKind.DOUBLE_DEDUCTION.value,
        ItemOutcome.REVERSED.value, up_to,
    )  # fmt: skip
    return {(row["batch_seq"], row["row_no"]) for row in rows}


async def add_look_up(
    connection: Connection, business_date: date, subject: str, staff: str
) -> None:
    """Write that a person looked a card's full number up; each time is an event of its own."""
    await connection.execute("SELECT pg_advisory_xact_lock($1)", LOOK_UP_LOCK)
    times = await connection.fetchval(
        "SELECT count(*) FROM clearing.event WHERE kind = $1 AND starts_with(subject, $2)",
        LOOK_UP, f"{subject}#",
    )  # fmt: skip
    await add_event(connection, business_date, LOOK_UP, f"{subject}#{times + 1}", {"staff": staff})
