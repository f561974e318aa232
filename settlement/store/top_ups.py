"""Top-up records of own cards as they stand against the load log, as known on a date."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Final

import asyncpg
import msgspec

from clearing.store import HOLDS_IDENTITY, Connection
from schemas.codes import TapKind, Verdict
from schemas.reasons import Reason
from schemas.record import FIELD, REST
from settlement.store.loads import LoadRow

_AT: Final = FIELD["online_counter"].offset - REST + 1
"""Where the load counter lies in a tap's ``rest``, which has byte 0 of the record before the rest."""
_CARD: Final = "substr(t.identity, 1, 19)"
_LATE: Final = 1 << Reason.COUNTER_LATE
_COUNTER: Final = f"(get_byte(t.rest, {_AT}) * 256 + get_byte(t.rest, {_AT + 1}))"


class TopUp(msgspec.Struct, frozen=True, kw_only=True):
    """A top-up record, not rejected. ``operator_no`` is None where another city presented it;
    ``credited_fen`` is 0 where it was held, so that nothing was booked."""

    batch_seq: int
    row: int
    issuer_no: int
    card: bytes
    terminal_id: bytes
    online_counter: int
    amount_fen: int
    credited_fen: int
    tapped_at: datetime
    operator_no: int | None

    def is_load(self, load: LoadRow) -> bool:
        """Whether it is the record of a load of the log: same card, amount and load counter; the same
        second where the record has no counter."""
        if (self.card, self.amount_fen) != (load.card, load.amount_fen):
            return False
        if self.online_counter:
            return self.online_counter == load.online_counter
        return self.tapped_at == load.loaded_at


_SELECT: Final = (
    f"SELECT t.batch_seq, t.row_no AS row, t.issuer_no, {_CARD} AS card,"
    f" substr(t.identity, 20, 6) AS terminal_id, {_COUNTER} AS online_counter, t.amount_fen,"
    " t.credited_fen, t.tapped_at, CASE WHEN b.source = 0 THEN b.operator_no END AS operator_no"
    " FROM clearing.tap t JOIN clearing.batch b USING (batch_seq)"
)


def _rows(found: list[asyncpg.Record]) -> list[TopUp]:
    return [TopUp(**dict(row)) for row in found]


async def read_unlogged(
    connection: Connection,
    business_date: date,
    issuer_no: int,
    since: datetime | None,
    until: datetime,
    judged_since_s: int,
) -> list[TopUp]:
    """Booked top-ups made before ``until`` that the log does not have, as known on a date, by place; and
    those that it may have for another record: their load counter, or none, had come before.

    Those of the date itself, and of earlier dates those made from ``since`` on (None: all);
    ``judged_since_s``: batches judged before cannot have them.
    """
    first = await connection.fetchval(
        "SELECT min(business_date) FROM clearing.batch WHERE judged_at_s >= $1", judged_since_s
    )
    booked = (
        f"{_SELECT} WHERE t.business_date BETWEEN $2 AND $1 AND t.kind = {int(TapKind.TOP_UP)}"
        " AND t.issuer_no = $3 AND t.credited_fen > 0 AND t.tapped_at < $5"
        " AND (t.business_date = $1 OR $4::timestamp IS NULL OR t.tapped_at >= $4)"
    )
    line = (
        f"(SELECT FROM settlement.load_log l WHERE l.card = {_CARD}"
        f" AND l.imported_on <= $1 AND l.amount_fen = t.amount_fen AND CASE {_COUNTER} WHEN 0"
        f" THEN l.loaded_at = t.tapped_at ELSE l.online_counter = {_COUNTER} END)"
    )
    again = f"((t.flags | (1::bigint << t.reason)) & {_LATE} <> 0 OR {_COUNTER} = 0)"
    rows = await connection.fetch(
        f"{booked} AND NOT EXISTS {line} UNION ALL {booked} AND EXISTS {line} AND {again}"
        " ORDER BY batch_seq, row",
        business_date, min(first or business_date, business_date), issuer_no, since, until,
    )  # fmt: skip
    return _rows(rows)


async def read_top_ups(
    connection: Connection, cards: Sequence[bytes], first: date, last: date
) -> list[TopUp]:
    """The top-ups of these cards (19 bytes) on business dates [first, last], by place.

    The dates have the index on identity, which begins with the card.
    """
    rows = await connection.fetch(
        f"{_SELECT} JOIN (SELECT DISTINCT card FROM unnest($1::bytea[]) w (card)) w"
        r" ON t.identity > w.card AND t.identity < w.card || '\xffffffffffffffffffffffffffffffffffffff'"
        f" WHERE t.business_date BETWEEN $2 AND $3 AND {HOLDS_IDENTITY}"
        f" AND t.kind = {int(TapKind.TOP_UP)} AND t.verdict < {int(Verdict.REJECTED)}"
        " ORDER BY t.batch_seq, t.row_no",
        list(cards), first, last,
    )  # fmt: skip
    return _rows(rows)


async def read_loads_due(
    connection: Connection, business_date: date, after: date | None, window_days: int
) -> list[LoadRow]:
    """Loads of the log whose window closed after one business date and up to another, or that became
    known late, without those whose record came on the days of the load; by issuer and authorisation.

    Most records come on the day or the next, where a whole day's are compared at once; those that are
    left are to be looked for one by one.
    """
    rows = await connection.fetch(
        f"SELECT {', '.join('l.' + name for name in LoadRow.__struct_fields__)}"
        " FROM settlement.load_log l WHERE l.imported_on <= $1 AND l.loaded_at::date + $3::integer < $1"
        " AND ($2::date IS NULL OR l.loaded_at::date + $3::integer >= $2 OR l.imported_on > $2)"
        " AND NOT EXISTS (SELECT FROM clearing.tap t WHERE t.business_date BETWEEN $4::date AND $4::date + 1"
        f" AND t.business_date <= $1 AND t.kind = {int(TapKind.TOP_UP)}"
        f" AND t.verdict < {int(Verdict.REJECTED)} AND {_CARD} = l.card"
        f" AND {_COUNTER} = l.online_counter AND t.amount_fen = l.amount_fen)"
        " ORDER BY l.issuer_no, l.authorisation",
        business_date, after, window_days, date.fromordinal(business_date.toordinal() - window_days - 1),
    )  # fmt: skip
    return sorted(
        (LoadRow(**dict(row)) for row in rows),
        key=lambda row: (row.issuer_no, row.authorisation.encode()),
    )
