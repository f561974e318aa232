"""What the night reads to settle transfers: taps that could not be judged, the debits around them, batches."""

from collections.abc import Collection, Sequence
from datetime import date
from typing import Final

import msgspec

from clearing.plan import EPOCH
from clearing.store import HOLDS_IDENTITY, Connection, partition_of
from schemas.codes import DEBIT_KINDS, Source, Verdict
from schemas.items import ItemKind, ItemOutcome
from schemas.reasons import Reason

_CARD_SIZE: Final = 19
_SAID: Final = "(t.flags | (1::bigint << t.reason))"
_BECOMES: Final = "((l.becomes->>'flags')::bigint | (1::bigint << (l.becomes->>'reason')::integer))"
_UNPROVEN: Final = f"{_SAID} & {1 << Reason.TRANSFER_UNPROVEN} <> 0"
_DEBITS: Final = ", ".join(str(int(kind)) for kind in sorted(DEBIT_KINDS))
_RELEASED: Final = (ItemKind.HELD, ItemKind.UNCLAIMED, ItemKind.HELD_UNPROVEN, ItemKind.TORN)
"""Items whose release makes a ride the operator's."""


async def read_unproven(
    connection: Connection, business_date: date
) -> list[tuple[tuple[int, int], bytes, date]]:
    """Accepted taps of a date whose transfer could not be judged, by place: ((batch_seq, row), card of
    19 bytes, when it was tapped)."""
    any_said = await connection.fetchval(
        "SELECT EXISTS (SELECT FROM clearing.batch b JOIN clearing.evidence e USING (batch_seq)"
        " WHERE b.business_date = $1 AND e.reason = $2)",
        business_date, int(Reason.TRANSFER_UNPROVEN),
    )  # fmt: skip
    if not any_said:
        return []
    rows = await connection.fetch(
        f"SELECT batch_seq, row_no, substr(identity, 1, {_CARD_SIZE}), tapped_at"
        f" FROM clearing.{partition_of(business_date)} t WHERE verdict = {int(Verdict.ACCEPTED)}"
        f" AND {_UNPROVEN} ORDER BY 1, 2"
    )
    return [((row[0], row[1]), row[2], row[3].date()) for row in rows]


async def read_released(
    connection: Connection, business_date: date
) -> list[tuple[tuple[int, int], bytes, date]]:
    """Rides that two people released on a date whose transfer could not be judged, as ``read_unproven``.

    What an approved re-clearing said of them last counts, where one did. Not those that had an item of a transfer
    before, when they were accepted: it was given up.
    """
    rows = await connection.fetch(
        f"SELECT t.batch_seq, t.row_no, substr(t.identity, 1, {_CARD_SIZE}), t.tapped_at"
        " FROM settlement.item_change c JOIN settlement.item i USING (item_id)"
        " JOIN clearing.batch b USING (batch_seq) JOIN clearing.tap t"
        " ON t.business_date = b.business_date AND t.batch_seq = b.batch_seq AND t.row_no = i.row_no"
        f" LEFT JOIN LATERAL (SELECT {_BECOMES} AS said FROM settlement.reclear_tap l"
        "  JOIN settlement.decision d USING (proposal_no) WHERE l.batch_seq = t.batch_seq"
        "  AND l.row_no = t.row_no AND d.approved AND d.business_date <= $1"
        "  ORDER BY l.proposal_no DESC LIMIT 1) last ON true"
        " WHERE c.business_date = $1 AND c.outcome = $2 AND c.proposal_no IS NOT NULL"
        " AND i.kind = ANY($3) AND b.source = $4"
        f" AND coalesce(last.said, {_SAID}) & {1 << Reason.TRANSFER_UNPROVEN} <> 0"
        " AND NOT EXISTS (SELECT FROM settlement.item n WHERE n.kind = $5"
        "  AND n.batch_seq = t.batch_seq AND n.row_no = t.row_no AND n.opened_on < $1)"
        " ORDER BY 1, 2",
        business_date, ItemOutcome.RELEASED.value, [kind.value for kind in _RELEASED],
        int(Source.OPERATOR), ItemKind.TRANSFER.value,
    )  # fmt: skip
    return [((row[0], row[1]), row[2], row[3].date()) for row in rows]


async def read_recleared(
    connection: Connection, business_date: date
) -> list[tuple[tuple[int, int], bytes, date]]:
    """Rides that re-clearings approved on a date leave accepted, and their transfer open, as ``read_unproven``.

    Not those that had an item of a transfer before: it was proven, or given up.
    """
    rows = await connection.fetch(
        f"SELECT t.batch_seq, t.row_no, substr(t.identity, 1, {_CARD_SIZE}), t.tapped_at"
        " FROM settlement.decision d JOIN settlement.reclear r USING (proposal_no)"
        " JOIN settlement.reclear_tap l USING (proposal_no)"
        " JOIN clearing.tap t ON t.business_date = r.corrects AND t.batch_seq = l.batch_seq"
        "  AND t.row_no = l.row_no"
        " WHERE d.approved AND d.business_date = $1 AND (l.becomes->>'verdict')::integer = $2"
        f" AND {_BECOMES} & $3 <> 0"
        " AND NOT EXISTS (SELECT FROM settlement.reclear_tap n JOIN settlement.decision e"
        "  USING (proposal_no) WHERE e.approved AND e.business_date = $1 AND n.batch_seq = l.batch_seq"
        "  AND n.row_no = l.row_no AND n.proposal_no > l.proposal_no)"
        " AND NOT EXISTS (SELECT FROM settlement.item i WHERE i.kind = $4"
        "  AND i.batch_seq = l.batch_seq AND i.row_no = l.row_no AND i.opened_on < $1)"
        " ORDER BY 1, 2",
        business_date, int(Verdict.ACCEPTED), 1 << Reason.TRANSFER_UNPROVEN,
        ItemKind.TRANSFER.value,
    )  # fmt: skip
    return [((row[0], row[1]), row[2], row[3].date()) for row in rows]


class DebitTap(msgspec.Struct, frozen=True, gc=False):
    """A debit of a card, or a tap that may have been one, as it is stored.

    ``tapped_s``: local seconds; ``flags`` have the bit of its reason, too; money in fen.
    """

    business_date: date
    batch_seq: int
    row_no: int
    verdict: int
    flags: int
    kind: int
    tapped_s: int
    amount_fen: int
    gross_fen: int
    priced_fen: int
    credited_fen: int
    debit_proven: bool
    record: bytes


async def read_debits(
    connection: Connection, business_date: date, cards: Sequence[bytes]
) -> list[DebitTap]:
    """The debits of these cards (19 bytes) on a date, proven or not, through its identity index
    (``chains.by_index``)."""
    rows = await connection.fetch(
        "SELECT t.business_date, t.batch_seq, t.row_no, t.verdict,"
        f" {_SAID} AS flags, t.kind,"
        f" (extract(epoch FROM t.tapped_at) - extract(epoch FROM timestamp '{EPOCH}'))::bigint,"
        " t.amount_fen, t.gross_fen, t.priced_fen, t.credited_fen, t.debit_proven,"
        " clearing.canonical(t) FROM unnest($1::bytea[], $2::bytea[]) c (card, beyond)"
        f" JOIN clearing.{partition_of(business_date)} t"
        " ON t.identity >= c.card AND t.identity < c.beyond"
        f" WHERE {HOLDS_IDENTITY} AND t.kind IN ({_DEBITS})",
        cards, [(int.from_bytes(card, "big") + 1).to_bytes(len(card), "big") for card in cards],
    )  # fmt: skip
    return [DebitTap(*row) for row in rows]


async def read_gross_fen(connection: Connection, tap: tuple[int, int], claimed_fen: int) -> int:
    """The fare before discounts as our tariff had it: what was said of the claimed one, else that."""
    found = await connection.fetchval(
        "SELECT expected FROM clearing.evidence WHERE batch_seq = $1 AND row_no = $2 AND reason = $3",
        *tap, int(Reason.GROSS_DIFFERS),
    )  # fmt: skip
    return claimed_fen if found is None else int(found)


class DebitBatch(msgspec.Struct, frozen=True):
    """Whose batch a debit came in, and what it was judged under. ``number`` is the operator's."""

    batch_seq: int
    source: int
    operator_no: int
    number: int
    checks: int
    rules_version: int
    registry_version: int


async def read_batches(connection: Connection, batches: Collection[int]) -> dict[int, DebitBatch]:
    """Batches by batch_seq."""
    rows = await connection.fetch(
        f"SELECT {', '.join(DebitBatch.__struct_fields__)} FROM clearing.batch"
        " WHERE batch_seq = ANY($1)",
        sorted(batches),
    )
    return {row[0]: DebitBatch(**{**row, "number": int(row["number"])}) for row in rows}
