"""Lists, digests and entries are held against each other, every night and by verify."""

from __future__ import annotations

import pytest

from clearing.store import Connection
from settlement import store
from settlement.context import Context
from settlement.day import settle_day
from settlement.decisions import DecisionRefused
from settlement.errors import AuditFailed
from settlement.reclearing.checking import check_reclears
from settlement.verify import verify_day
from tests.settlement.reclearing import town
from tests.settlement.reclearing.town import NEXT

CREDITED = "becomes = jsonb_set(becomes, '{credited_fen}', '101')"
DELTA = "deltas = jsonb_set(deltas, '{0,2}', '49')"


async def damage(connection: Connection, statement: str) -> None:
    """Change what is append-only, as somebody with the database's password could."""
    async with connection.transaction():
        await connection.execute("SET LOCAL session_replication_role = replica")
        await connection.execute(statement)


async def found(connection: Connection) -> list[str]:
    day = await store.read_day(connection, NEXT)
    entries = await store.read_entries(connection, NEXT)
    return [row.sentence for row in await check_reclears(connection, day, entries)]


@pytest.mark.parametrize("change", [CREDITED, DELTA])
async def test_verify_names_a_row_of_the_list_that_was_changed(
    wrong: Context, connection: Connection, change: str
) -> None:
    proposal = await town.corrected(connection, wrong, town.RIGHT)
    await settle_day(wrong, NEXT)
    await damage(connection, f"UPDATE settlement.reclear_tap SET {change} WHERE row_no = 1")
    sentences = [row.sentence for row in await verify_day(wrong, NEXT)]
    number = proposal.proposal_no
    assert any(line.startswith(f"list of re-clearing {number}: digest is") for line in sentences)
    assert any(line.startswith(f"reclear_tap {number} 1 1:") for line in sentences)


async def test_the_night_does_not_go_on_with_a_changed_list(
    wrong: Context, connection: Connection
) -> None:
    await town.corrected(connection, wrong, town.RIGHT)
    await damage(connection, f"UPDATE settlement.reclear_tap SET {DELTA} WHERE row_no = 1")
    with pytest.raises(AuditFailed, match="corrections that are not their lists"):
        await settle_day(wrong, NEXT)


async def test_a_changed_list_is_not_booked(wrong: Context, connection: Connection) -> None:
    await town.put(connection, town.RIGHT)
    proposal = await town.propose(connection, wrong)
    await damage(connection, f"UPDATE settlement.reclear_tap SET {CREDITED} WHERE row_no = 1")
    with pytest.raises(DecisionRefused, match="is not the one that was proposed"):
        await town.approve(connection, wrong, proposal.proposal_no)


async def test_entries_follow_from_lists(wrong: Context, connection: Connection) -> None:
    proposal = await town.corrected(connection, wrong, town.RIGHT)
    name = f"reclear/{proposal.proposal_no}/1"
    assert await found(connection) == []
    await damage(
        connection,
        f"UPDATE clearing.posting SET amount_fen = amount_fen + 1 WHERE entry_id = '{name}'"
        " AND line_no = 1",
    )
    assert len(await found(connection)) == 1
    await damage(connection, f"DELETE FROM clearing.posting WHERE entry_id = '{name}'")
    await damage(connection, f"DELETE FROM clearing.entry WHERE entry_id = '{name}'")
    assert await found(connection) == [f"entry {name}: is missing"]
    await connection.execute(
        "INSERT INTO clearing.entry VALUES ('reclear/99/1', $1, 1, 'mine', NULL)", NEXT
    )
    assert "entry reclear/99/1: does not follow from a list that was approved" in await found(
        connection
    )


async def test_the_database_lets_nobody_change_a_list(
    wrong: Context, connection: Connection
) -> None:
    await town.corrected(connection, wrong, town.RIGHT)
    for statement in (
        f"UPDATE settlement.reclear_tap SET {CREDITED}",
        "DELETE FROM settlement.reclear_tap",
        "UPDATE settlement.reclear SET rules_version = 1",
        "DELETE FROM settlement.reclear",
    ):
        with pytest.raises(Exception, match="append-only"):
            await connection.execute(statement)
