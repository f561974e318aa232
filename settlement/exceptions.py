"""Held and rejected taps, one line each, for those who handed them in; card numbers are masked."""

from itertools import groupby

from schemas import reasons, record
from schemas.codes import Source, TapKind, Verdict
from schemas.reasons import ROW, Reason
from settlement import store
from settlement.store import Connection, DayRow, ExceptionTap
from settlement.tables import csv_bytes

_COLUMNS = (
    "number", "batch_seq", "row", "kind", "tapped_at", "card", "amount_fen", "verdict", "reason",
    "flags", "meaning", "remedy",
)  # fmt: skip


async def exception_papers(connection: Connection, day: DayRow) -> dict[str, bytes]:
    """One list per operator, and one of what other cities presented."""
    found: dict[str, bytes] = {}
    taps = await store.read_exceptions(connection, day.business_date)
    for (source, operator), some in groupby(taps, key=lambda tap: (tap.source, tap.operator)):
        place = "centre/presented" if source == Source.PRESENTMENT else f"operators/{operator}"
        found[f"{place}/exceptions.csv"] = csv_bytes(_COLUMNS, map(_row, some))
    return found


def masked(card_family: int, issuer: str, serial: str) -> str:
    """A card number of which the last four digits show."""
    return f"{card_family}/{issuer.lstrip('0')}/{'*' * 4}{serial[-4:]}"


def _row(item: ExceptionTap) -> list[str | int]:
    tap = record.unpack(item.record.ljust(record.SIZE, b"\0")[: record.SIZE])
    row = ROW[Reason(item.reason)]
    return [
        item.number,
        item.batch_seq,
        item.row,
        TapKind(tap.kind).name.lower() if tap.kind in set(TapKind) else str(tap.kind),
        tap.tapped_at,
        masked(tap.family, tap.issuer, tap.serial),
        tap.amount_fen,
        Verdict(item.verdict).name.lower(),
        row.name,
        " ".join(reasons.names(item.flags)),
        f"{row.chinese} {row.english}",
        f"{row.remedy_chinese} {row.remedy_english}",
    ]
