"""``onecard subsidies``: the claim on the screen, a month's, and the exit code of an audit."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import asyncpg

from clearing.engine import Engine
from schemas.batch import to_binary
from service.home import open_node
from service.text import yuan
from settlement.context import Context
from settlement.day import settle_day
from tests.service.conftest import DAY, Answer, World


async def _settled(home: Path, dsn: str, world: World) -> None:
    await world.make(home, dsn)
    async with open_node(home) as opened:
        engine = await Engine.start(dsn, opened.node, opened.kernel)
        try:
            for batch in world.batches:
                await engine.clear_batch(to_binary(batch))
        finally:
            await engine.close()
        await settle_day(Context(dsn, opened.node, opened.kernel), DAY)


async def _damage(dsn: str) -> str:
    """Raise a ride's subsidy by a fen; returns its place."""
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute("SET session_replication_role = replica")
        row = await connection.fetchrow(
            "SELECT batch_seq, row_no FROM clearing.tap WHERE subsidy_fen > 0 ORDER BY 1, 2 LIMIT 1"
        )
        assert row is not None
        await connection.execute(
            "UPDATE clearing.tap SET subsidy_fen = subsidy_fen + 1 WHERE batch_seq = $1 AND row_no = $2",
            *row,
        )
        return f"{row[0]}/{row[1]}"
    finally:
        await connection.close()


def test_subsidies(
    onecard: Callable[..., Answer],
    given_database: str,
    world: World,
    run: Callable[..., Any],
    tmp_path: Path,
) -> None:
    home = tmp_path / "home"
    run(_settled(home, given_database, world))
    claim = json.loads(onecard("subsidies", "--date", DAY, "--json", "--home", home).out)
    assert claim["subsidy_fen"] == claim["budget_fen"] + claim["issuer_fen"] > 0
    text = onecard("subsidies", "--date", DAY, "--home", home)
    assert text.code == 0, text.err
    assert f"{claim['rides']} rides: {yuan(claim['subsidy_fen'])} yuan" in text.out
    assert f"共{claim['rides']}乘次" in text.out
    month = json.loads(onecard("subsidies", "--month", "2026-01", "--json", "--home", home).out)
    assert month["subsidy_fen"] == claim["subsidy_fen"]
    assert list(month["dates"]) == [f"{DAY}"]
    audit = onecard("subsidies", "--month", "2026-01", "--audit", "--home", home)
    assert (audit.code, audit.err) == (0, "")
    assert f"{claim['rides']} rides worked out again" in audit.out
    assert onecard("subsidies", "--home", home).code == 2
    assert onecard("subsidies", "--month", "2026-1x", "--home", home).code == 2
    early = onecard("subsidies", "--month", "2026-02", "--home", home)
    assert (early.code, "No date of 2026-02 is stated yet" in early.err) == (1, True)
    open_date = onecard("subsidies", "--date", "2026-01-06", "--home", home)
    assert (open_date.code, "is not stated yet" in open_date.err) == (1, True)
    place = run(_damage(given_database))
    found = onecard("subsidies", "--date", DAY, "--audit", "--home", home)
    assert found.code == 1
    assert f"{DAY}: ride {place}: subsidy_fen is" in found.out
    told = json.loads(onecard("subsidies", "--date", DAY, "--audit", "--json", "--home", home).out)
    assert any(row["subject"] == f"ride {place}" for row in told[f"{DAY}"]["findings"])
