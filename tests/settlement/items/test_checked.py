"""Items are held against the books by the audit, and for ever after by verify, row by row."""

from __future__ import annotations

from datetime import date

import asyncpg
import pytest

from settlement import audit, store
from settlement.context import Context
from settlement.day import settle_day
from settlement.errors import AuditFailed
from settlement.verify import verify_day
from tests.settlement.items.story import DATES, DUE, OPEN
from tests.settlement.test_verify import damage

SECOND = DATES[1]
NEXT = DATES[5].replace(day=11)

CHANGES = [
    (OPEN, "item SET amount_fen = amount_fen + 1 WHERE item_id = 'held/1/0'",
     "item held/1/0", "amount_fen"),
    (OPEN, "item SET account_no = account_no + 1 WHERE item_id = 'excess/1/1'",
     "item excess/1/1", "account_no"),
    (OPEN, "item SET due_on = due_on + 1 WHERE item_id = 'torn/1/2'", "item torn/1/2", "due_on"),
    (OPEN, "item SET body = jsonb_set(body, '{reason}', '\"future\"') WHERE item_id = 'held/1/0'",
     "item held/1/0", "body"),
    (OPEN, "item SET operator_no = 12 WHERE item_id = 'held_unproven/1/4'",
     "item held_unproven/1/4", "operator_no"),
    (OPEN, "item SET card = set_byte(card, 18, 9) WHERE item_id = 'refund/2/0'",
     "item refund/2/0", "card"),
    (DUE, "item SET amount_fen = 1 WHERE item_id = 'log_without_load/1/A2'",
     "item log_without_load/1/A2", "amount_fen"),
    (SECOND, "item SET kind = 'held' WHERE item_id = 'unclaimed/3/0'",
     "item unclaimed/3/0", "kind"),
    (DUE, "item_change SET outcome = 'lost' WHERE item_id = 'refund/2/0'",
     "item_change refund/2/0 1", "outcome"),
    (DUE, "item_change SET state = 'open' WHERE item_id = 'refund/2/0'",
     "item_change refund/2/0 1", "state"),
    (DUE, "item_change SET body = '{}' WHERE item_id = 'refund/2/1'",
     "item_change refund/2/1 1", "body"),
    (DATES[2], "item_change SET change_no = 2 WHERE item_id = 'load_without_log/2/3'",
     "item_change load_without_log/2/3 1", "is missing"),
    (SECOND, "item_change SET amount_fen = 49 WHERE item_id = 'held/1/0'",
     "item_change held/1/0 1", "amount_fen"),
    (SECOND, "item_change SET entry_id = NULL WHERE item_id = 'held/1/0'",
     "item_change held/1/0 1", "entry_id"),
    (DUE, "adjustment SET amount_fen = amount_fen + 1 WHERE item_id = 'refund/2/0'",
     f"adjustment night/{DUE}/items/refund/2/0", "amount_fen"),
    (SECOND, "proposal SET proposed_by = 'chen' WHERE proposal_no = 1",
     "proposal 1", "proposed_by"),
    (SECOND, "proposal SET body = jsonb_set(body, '{why}', '\"because\"')", "proposal 1", "body"),
    (SECOND, "decision SET decided_by = 'chen'", "decision 1", "decided_by"),
    (SECOND, "decision SET approved = false", "decision 1", "approved"),
    (SECOND, "decision SET why = 'no'", "decision 1", "why"),
    (SECOND, "load_log SET amount_fen = amount_fen + 1 WHERE authorisation = 'A1'",
     "load_log 1 A1", "amount_fen"),
    (SECOND, "load_log SET loaded_at = loaded_at + interval '1 second' WHERE authorisation = 'A1'",
     "load_log 1 A1", "loaded_at"),
    (SECOND, "load_log SET card = set_byte(card, 18, 9) WHERE authorisation = 'A1'",
     "load_log 1 A1", "card"),
    (SECOND, "load_log_until SET complete_until = complete_until + interval '1 second'",
     f"load_log_until 1 {SECOND}T00:00:00", "is missing"),
]  # fmt: skip


@pytest.mark.parametrize(("day", "change", "subject", "part"), CHANGES)
async def test_a_changed_row_is_named(
    lived: Context, day: date, change: str, subject: str, part: str
) -> None:
    await damage(lived, f"UPDATE settlement.{change}")
    findings = await verify_day(lived, day)
    assert any(
        finding.subject.startswith(subject) and part in finding.part for finding in findings
    ), [finding.sentence for finding in findings]


REMOVED = [
    (OPEN, "item", "item_id = 'held_unproven/1/4'", "item held_unproven/1/4"),
    (DUE, "item_change", "item_id = 'refund/2/1'", "item_change refund/2/1 1"),
    (DUE, "adjustment", "item_id = 'refund/2/0'", f"adjustment night/{DUE}/items/refund/2/0"),
    (SECOND, "proposal", "proposal_no = 1", "proposal 1"),
    (SECOND, "decision", "proposal_no = 1", "decision 1"),
    (SECOND, "load_log", "authorisation = 'A2'", "load_log 1 A2"),
]


@pytest.mark.parametrize(("day", "table", "where", "subject"), REMOVED)
async def test_a_removed_row_is_named(
    lived: Context, day: date, table: str, where: str, subject: str
) -> None:
    await damage(lived, f"DELETE FROM settlement.{table} WHERE {where}")
    findings = await verify_day(lived, day)
    assert any(
        finding.subject.startswith(subject) and finding.part == "is missing" for finding in findings
    ), [finding.sentence for finding in findings]


ADDED = [
    (("item_change SELECT item_id, 2, business_date, state, outcome, amount_fen, account_no, entry_id,"
     " proposal_no, body FROM settlement.item_change WHERE item_id = 'refund/2/1'"), DUE,
     "item_change refund/2/1 2"),
    (f"item SELECT 'held/1/1', 'held', '{OPEN}', 1, 1, NULL, NULL, 11, 0, NULL, '{OPEN}', '{{}}'", OPEN,
     "item held/1/1"),
    (f"load_log SELECT 1, 'A9', card, 9, 9, loaded_at, 13, '{SECOND}' FROM settlement.load_log LIMIT 1",
     SECOND, "load_log 1 A9"),
]  # fmt: skip


@pytest.mark.parametrize(("row", "day", "subject"), ADDED)
async def test_an_added_row_is_named(lived: Context, row: str, day: date, subject: str) -> None:
    await damage(lived, f"INSERT INTO settlement.{row}")
    found = {(finding.subject, finding.part) for finding in await verify_day(lived, day)}
    assert (subject, "was added") in found


async def test_an_entry_that_the_items_do_not_say_is_named(lived: Context) -> None:
    await damage(
        lived,
        f"INSERT INTO clearing.entry VALUES ('night/{DUE}/items/refund/2/9', '{DUE}', NULL, 'x', NULL)",
        f"UPDATE clearing.entry SET corrects = 'tap 2/1' WHERE entry_id = 'night/{DUE}/items/refund/2/0'",
    )
    found = {(finding.subject, finding.part) for finding in await verify_day(lived, DUE)}
    assert (f"entry night/{DUE}/items/refund/2/9", "does not follow from the items") in found
    assert (f"entry night/{DUE}/items/refund/2/0", "corrects") in found


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        (("INSERT INTO clearing.posting SELECT 'odd', 1, account_no, 3, NULL, 0, 7 FROM"
         " clearing.account WHERE code = 'principal/suspense';"
         "INSERT INTO clearing.posting SELECT 'odd', 2, account_no, 3, NULL, 0, -7 FROM"
         " clearing.account WHERE code = 'principal/operator/11'"),
         "account principal/suspense: Σ items, fen, is 60, must be 53"),
        (("INSERT INTO clearing.posting SELECT 'odd', 1, account_no, 3, NULL, 0, -7 FROM"
         " clearing.account WHERE code = 'principal/unclaimed/written_off';"
         "INSERT INTO clearing.posting SELECT 'odd', 2, account_no, 3, NULL, 0, 7 FROM"
         " clearing.account WHERE code = 'principal/operator/11'"),
         "account principal/unclaimed/written_off: Σ items, fen, is 0, must be 7"),
        ("UPDATE settlement.item SET amount_fen = 31 WHERE item_id = 'excess/1/1'",
         "account principal/suspense: Σ items, fen, is 61, must be 60"),
        ("DELETE FROM settlement.item_change WHERE item_id = 'held/1/0'",
         "account principal/suspense: Σ items, fen, is 110, must be 60"),
        ("UPDATE settlement.adjustment SET amount_fen = amount_fen + 5",
         "float of issuer 1: Σ card balances, fen,"),
    ],
)  # fmt: skip
async def test_a_night_whose_items_are_not_the_books_stops(
    lived: Context, statement: str, named: str
) -> None:
    await settle_day(lived, NEXT, until="complete")
    await damage(
        lived, f"INSERT INTO clearing.entry VALUES ('odd', '{NEXT}', NULL, 'odd', NULL)", statement
    )
    with pytest.raises(AuditFailed) as failed:
        await settle_day(lived, NEXT)
    sentences = [finding.sentence for finding in failed.value.findings]
    assert any(sentence.startswith(named) for sentence in sentences), sentences
    async with store.reading(lived.dsn) as connection:
        assert (await store.read_day(connection, NEXT)).state == "complete"


async def test_a_night_that_died_after_its_items_writes_them_once(
    lived: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    await settle_day(lived, NEXT, until="complete")

    async def dies(*_: object) -> bytes:
        raise KeyboardInterrupt

    monkeypatch.setattr(audit.items_paper, "paper", dies)
    with pytest.raises(KeyboardInterrupt):
        await settle_day(lived, NEXT)
    monkeypatch.undo()
    await settle_day(lived, NEXT)
    assert await verify_day(lived, NEXT) == []
    connection = await asyncpg.connect(lived.dsn)
    try:
        assert (
            await connection.fetchval(
                "SELECT max(count) FROM (SELECT count(*) FROM settlement.item GROUP BY item_id) c"
            )
            == 1
        )
    finally:
        await connection.close()
