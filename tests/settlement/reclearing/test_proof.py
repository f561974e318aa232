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
from settlement.store import reclears
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


async def found(context: Context, connection: Connection) -> list[str]:
    day = await store.read_day(connection, NEXT)
    entries = await store.read_entries(connection, NEXT)
    return [row.sentence for row in await check_reclears(connection, context, day, entries)]


async def rewrite(connection: Connection, number: int, statement: str) -> None:
    """Change a list, and every digest of it that stands beside it."""
    await damage(connection, f"UPDATE settlement.reclear_tap SET {statement}")
    digest = reclears.digest_of(await reclears.read_list(connection, number)).hex()
    await damage(
        connection,
        f"UPDATE settlement.reclear SET digest = decode('{digest}', 'hex')"
        f" WHERE proposal_no = {number}",
    )
    await damage(
        connection,
        f"UPDATE settlement.proposal SET body = jsonb_set(body, '{{digest}}', '\"{digest}\"')"
        f" WHERE proposal_no = {number}",
    )


REWRITTEN = {
    "was = jsonb_set(was, '{credited_fen}', '49')": "was",
    "becomes = jsonb_set(becomes, '{credited_fen}', '99')": "deltas",
    "amount_fen = amount_fen + 1": "amount_fen",
    "debit_proven = NOT debit_proven": "debit_proven",
    "operator_no = 12": "operator_no",
    "deltas = jsonb_set(jsonb_set(deltas, '{0,2}', '49'), '{1,2}', '-49')": "deltas",
}


@pytest.mark.parametrize("change", list(REWRITTEN))
async def test_a_list_that_was_written_anew_does_not_go_on_from_what_was_booked(
    wrong: Context, connection: Connection, change: str
) -> None:
    await town.put(connection, town.RIGHT)
    number = (await town.propose(connection, wrong)).proposal_no
    assert await found(wrong, connection) == []
    await rewrite(connection, number, f"{change} WHERE row_no = 1")
    named = await found(wrong, connection)
    start = f"tap 1/1 of re-clearing {number}: {REWRITTEN[change]} is "
    assert any(line.startswith(start) for line in named), named
    assert all("digest" not in line for line in named)


async def test_each_list_goes_on_from_the_one_before(
    wrong: Context, connection: Connection
) -> None:
    await town.corrected(connection, wrong, town.RIGHT)
    number = (await town.corrected(connection, wrong, town.DEARER)).proposal_no
    assert await found(wrong, connection) == []
    await settle_day(wrong, NEXT)
    # As if there had been no first correction.
    statement = (
        "was = (SELECT f.was FROM settlement.reclear_tap f WHERE f.row_no = t.row_no"
        f" AND f.batch_seq = t.batch_seq AND f.proposal_no < {number})"
    )
    await damage(
        connection,
        f"UPDATE settlement.reclear_tap t SET {statement} WHERE proposal_no = {number} AND row_no = 1",
    )
    sentences = [row.sentence for row in await verify_day(wrong, NEXT)]
    assert any(line.startswith(f"tap 1/1 of re-clearing {number}: was is ") for line in sentences)


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
    assert await found(wrong, connection) == []
    await damage(
        connection,
        f"UPDATE clearing.posting SET amount_fen = amount_fen + 1 WHERE entry_id = '{name}'"
        " AND line_no = 1",
    )
    assert len(await found(wrong, connection)) == 1
    await damage(connection, f"DELETE FROM clearing.posting WHERE entry_id = '{name}'")
    await damage(connection, f"DELETE FROM clearing.entry WHERE entry_id = '{name}'")
    assert await found(wrong, connection) == [f"entry {name}: is missing"]
    await connection.execute(
        "INSERT INTO clearing.entry VALUES ('reclear/99/1', $1, 1, 'mine', NULL)", NEXT
    )
    assert "entry reclear/99/1: does not follow from a list that was approved" in await found(
        wrong, connection
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
