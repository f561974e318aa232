"""Verify finds what was changed, and names it."""

from __future__ import annotations

from datetime import date

import asyncpg
import pytest

from clearing.kernel import COPY_COLUMNS
from schemas.record import FIELD, REST
from settlement.context import Context
from settlement.day import settle_day
from settlement.verify import check_seal_signature, verify_day
from tests.world import OPEN

PARTITION = f"clearing.tap_{OPEN:%Y%m%d}"


async def damage(context: Context, *statements: str) -> None:
    """Change what is append-only, as somebody with the keys to the database could."""
    connection = await asyncpg.connect(context.dsn)
    try:
        await connection.execute("SET session_replication_role = replica")
        for statement in statements:
            assert await connection.execute(statement) != "UPDATE 0"
    finally:
        await connection.close()


def flip(column: str, byte: int) -> str:
    """SQL that flips the lowest bit of a byte of a bytea."""
    return f"{column} = set_byte({column}, {byte}, get_byte({column}, {byte}) # 1)"


async def test_a_sealed_day_is_clean(sealed: Context) -> None:
    assert await verify_day(sealed, OPEN) == []


TAP_CHANGES = [
    ("verdict", "verdict = 1"),
    ("reason", "reason = 31"),
    ("flags", "flags = flags # 1"),
    ("kind", "kind = 3"),
    ("operator_no", "operator_no = 10"),
    ("issuer_no", "issuer_no = 0"),
    ("tapped_at", "tapped_at = tapped_at + interval '1 second'"),
    ("amount_fen", "amount_fen = amount_fen + 1"),
    ("gross_fen", "gross_fen = gross_fen # 1"),
    ("priced_fen", "priced_fen = priced_fen # 1"),
    ("credited_fen", "credited_fen = credited_fen # 1"),
    ("subsidy_fen", "subsidy_fen = 1"),
    ("debit_proven", "debit_proven = NOT debit_proven"),
    ("identity", flip("identity", 20)),
    ("identity", flip("identity", 0)),
    ("rest", flip("rest", 0)),
    # Of the vehicle's number, which nothing is judged by.
    ("rest", flip("rest", FIELD["vehicle"].offset - REST + 1)),
    ("rest", flip("rest", 93)),
]


@pytest.mark.parametrize(("column", "change"), TAP_CHANGES)
async def test_a_changed_tap_is_named(sealed: Context, column: str, change: str) -> None:
    await damage(sealed, f"UPDATE {PARTITION} SET {change} WHERE batch_seq = 1 AND row_no = 5")
    findings = await verify_day(sealed, OPEN)
    assert findings[0].sentence == f"tap 1/5: column {column} is not as audited"


def test_every_column_of_a_tap_is_tried() -> None:
    tried = {column for column, _ in TAP_CHANGES}
    assert set(COPY_COLUMNS) - tried == {"business_date", "batch_seq", "row_no"}


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        (f"DELETE FROM {PARTITION} WHERE batch_seq = 1 AND row_no = 5", "tap 1/5"),
        (f"UPDATE {PARTITION} SET batch_seq = 99 WHERE batch_seq = 1 AND row_no = 5", "tap 99/5"),
        (f"UPDATE {PARTITION} SET row_no = 900 WHERE batch_seq = 1 AND row_no = 5", "tap 1/5"),
    ],
)
async def test_a_tap_that_moved_is_named(sealed: Context, statement: str, expected: str) -> None:
    await damage(sealed, statement)
    assert expected in {finding.subject for finding in await verify_day(sealed, OPEN)}


OTHER_CHANGES = [
    (
        "registry SET body = jsonb_set(body, '{line}', '9') WHERE kind = 'terminal'",
        f"registry of {OPEN}: terminal",
        "digest of its rows",
    ),
    (
        f"card SET {flip('line', 20)} WHERE card = (SELECT card FROM clearing.card ORDER BY card DESC LIMIT 1)",
        f"registry of {OPEN}: new cards",
        "digest of its rows",
    ),
    ("node SET name = 'Xian'", f"registry of {OPEN}: node", "digest of its rows"),
    ("entry SET narrative = 'taqs' WHERE entry_id = 'batch/1'", "entry batch/1", "narrative"),
    ("entry SET batch_seq = 2 WHERE entry_id = 'batch/1'", "entry batch/1", "batch_seq"),
    (
        "posting SET amount_fen = amount_fen + 1 WHERE entry_id = 'batch/3' AND line_no = 2",
        "entry batch/3 line 2",
        "amount_fen",
    ),
    (
        "posting SET account_no = account_no + 1 WHERE entry_id = 'batch/3' AND line_no = 1",
        "entry batch/3 line 1",
        "account",
    ),
    (
        "posting SET account_no = 9999 WHERE entry_id = 'batch/3' AND line_no = 1",
        "entry batch/3 line 1",
        "account",
    ),
    (
        "posting SET tap_count = tap_count + 1 WHERE entry_id = 'batch/3' AND line_no = 1",
        "entry batch/3 line 1",
        "tap_count",
    ),
    (
        "posting SET purpose = 2 WHERE entry_id = 'batch/3' AND line_no = 1",
        "entry batch/3 line 1",
        "purpose",
    ),
    (
        (
            f"posting SET amount_fen = amount_fen + 1 WHERE entry_id = 'night/{OPEN}/fee/11/xian/standard'"
            " AND line_no = 1"
        ),
        f"entry night/{OPEN}/fee/11/xian/standard line 1",
        "amount_fen",
    ),
    (f"batch SET {flip('receipt', 20)} WHERE batch_seq = 2", "receipt of batch 2", ""),
    (f"batch SET {flip('batch_root', 0)} WHERE batch_seq = 2", "batch 2", "batch_root"),
    (f"batch SET {flip('digest', 0)} WHERE batch_seq = 2", "batch 2", "digest"),
    ("batch SET judged_at_s = judged_at_s - 86400 WHERE batch_seq = 2", "batch 2", "batch_root"),
    ("batch SET judged_at_s = judged_at_s + 1 WHERE batch_seq = 2", "batch 2", "judged_at_s"),
    ("batch SET checks = checks # 1 WHERE batch_seq = 2", "batch 2", "checks"),
    ("batch SET origin = 'elsewhere' WHERE batch_seq = 2", "batch 2", "origin"),
    (f"batch SET {flip('signature', 63)} WHERE batch_seq = 2", "batch 2", "signature"),
    ("evidence SET expected = expected + 1 WHERE batch_seq = 5", "evidence of tap 5/", ""),
    (
        f"card_page SET {flip('lines', 40)} WHERE page_no = (SELECT min(page_no) FROM clearing.card_page)",
        "card page ",
        "lines",
    ),
    (f"business_day SET {flip('taps_root', 0)} WHERE seal IS NOT NULL", f"day {OPEN}", "taps_root"),
    (f"business_day SET {flip('seal', 0)} WHERE seal IS NOT NULL", f"day {OPEN}", "seal"),
    (
        f"business_day SET {flip('rules_digest', 0)} WHERE seal IS NOT NULL",
        f"day {OPEN}",
        "rules_digest",
    ),
]


@pytest.mark.parametrize(("change", "subject", "part"), OTHER_CHANGES)
async def test_what_was_changed_is_named(
    sealed: Context, change: str, subject: str, part: str
) -> None:
    await damage(sealed, f"UPDATE clearing.{change}")
    findings = await verify_day(sealed, OPEN)
    assert any(
        finding.subject.startswith(subject) and part in finding.part for finding in findings
    ), [finding.sentence for finding in findings]


@pytest.mark.parametrize(
    ("table", "change", "subject"),
    [
        ("position", "amount_fen = amount_fen + 1 WHERE participant = 'operator/11' AND purse = 1",
         "position principal operator/11"),
        ("instruction", "amount_fen = amount_fen + 1 WHERE instruction_id LIKE '%-P-00001'",
         f"instruction 7910-{OPEN:%Y%m%d}-P-00001"),
        ("instruction", "creditor = 'operator/12' WHERE creditor = 'operator/11'",
         f"instruction 7910-{OPEN:%Y%m%d}-P-00003"),
    ],
)  # fmt: skip
async def test_a_changed_result_is_named(
    sealed: Context, table: str, change: str, subject: str
) -> None:
    await damage(sealed, f"UPDATE settlement.{table} SET {change}")
    assert subject in {finding.subject for finding in await verify_day(sealed, OPEN)}


async def _papers(context: Context) -> list[str]:
    connection = await asyncpg.connect(context.dsn)
    try:
        rows = await connection.fetch("SELECT name, content FROM settlement.paper ORDER BY name")
        return [row["name"] for row in rows if row["content"]]
    finally:
        await connection.close()


async def test_a_changed_paper_is_named(sealed: Context) -> None:
    for name in await _papers(sealed):
        change = f"UPDATE settlement.paper SET {flip('content', 0)} WHERE name = '{name}'"
        await damage(sealed, change)
        assert f"paper {name}" in {f.subject for f in await verify_day(sealed, OPEN)}, name
        await damage(sealed, change)
    assert await verify_day(sealed, OPEN) == []


async def test_a_changed_or_missing_file_is_named(sealed: Context) -> None:
    for name in await _papers(sealed):
        path = sealed.papers / f"{OPEN}" / name
        content = path.read_bytes()
        for damaged in (content[:-1] + bytes([content[-1] ^ 1]), None):
            if damaged is None:
                path.unlink()
            else:
                path.write_bytes(damaged)
            assert [f.subject for f in await verify_day(sealed, OPEN)] == [f"file {name}"]
        path.write_bytes(content)
    (sealed.papers / f"{OPEN}" / "centre" / "extra.csv").write_bytes(b"x")
    assert [f.subject for f in await verify_day(sealed, OPEN)] == ["file centre/extra.csv"]


async def test_a_file_of_a_sealed_day_is_written_again_only_where_it_is_gone(
    sealed: Context,
) -> None:
    papers = sealed.papers / f"{OPEN}" / "centre"
    (papers / "positions.csv").unlink()
    (papers / "float.csv").write_bytes(b"painted over")
    await settle_day(sealed, OPEN)
    assert (papers / "float.csv").read_bytes() == b"painted over"
    assert [f.subject for f in await verify_day(sealed, OPEN)] == ["file centre/float.csv"]


async def test_a_page_that_a_later_day_opened_with_is_named(sealed: Context) -> None:
    await settle_day(sealed, date(2026, 1, 6))
    assert await verify_day(sealed, date(2026, 1, 6)) == []
    await damage(
        sealed,
        f"UPDATE clearing.card_page SET {flip('lines', 36)} WHERE page_no = (SELECT min(page_no) FROM clearing.card_page)",
    )
    subjects = {finding.subject for finding in await verify_day(sealed, date(2026, 1, 6))}
    assert any(s.startswith("card page ") and s.endswith(f" of {OPEN}") for s in subjects)


async def test_a_changed_day_breaks_the_chain_of_the_next(sealed: Context) -> None:
    following = date(2026, 1, 6)
    await settle_day(sealed, following)
    await damage(
        sealed,
        f"UPDATE clearing.business_day SET {flip('ledger_root', 3)} WHERE business_date = '{OPEN}'",
    )
    findings = await verify_day(sealed, following)
    assert [f"{f.subject} {f.part}" for f in findings] == [f"day {OPEN} seal"]


async def test_a_seal_is_checked_by_anyone(sealed: Context) -> None:
    content = (sealed.papers / f"{OPEN}" / "seal.json").read_bytes()
    public = sealed.node.signing.public.encode()
    assert check_seal_signature(content, public)
    other = bytes([public[0]]) + bytes(31) + b"\x01"
    assert not check_seal_signature(content, other)
