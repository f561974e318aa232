"""A double deduction that is reversed after its date was re-cleared gives back all that it brought since."""

from __future__ import annotations

from pathlib import Path

import asyncpg

from schemas.codes import CardKind
from schemas.items import Action
from settlement.day import settle_day
from settlement.decisions import Words, decide, propose
from settlement.verify import verify_day
from tests import world
from tests.settlement.decisions.town import ANNA, BO, at, check_books, lines_of
from tests.settlement.reclearing import town
from tests.settlement.reclearing.town import NEXT, OPEN
from tests.settlement.subsidies.test_claims import found
from tests.world import AGENT, BUS, Card

TWICE = 3
"""The batch of a student's ride that was taken twice."""


async def test_what_a_re_clearing_gave_is_taken_back(migrated: str, tmp_path: Path) -> None:
    """At once 50 fen and as much from the budget; under the right fare twice of both."""
    # The town's student has one ride behind it.
    card = Card(18, kind=CardKind.STUDENT, offline=1, balance_fen=4_900)
    taps = [card.tap(BUS, 100, at=at(minute), number=minute, gross_fen=200) for minute in (40, 41)]
    context = await town.found(migrated, tmp_path, world.batch(BUS, TWICE, b"".join(taps)))
    await settle_day(context, OPEN)
    connection = await asyncpg.connect(context.dsn)
    try:
        await town.corrected(connection, context, town.RIGHT)
        words = Words("one ride", AGENT)
        item_id = f"double_deduction/{TWICE}/1"
        made = await propose(connection, context, item_id, Action.REVERSE, words, ANNA)
        await decide(connection, context, made.proposal_no, True, "agreed", BO)
        assert await lines_of(connection, f"item/{made.proposal_no}") == {
            ("operator/11", "return"): 100,
            ("refund_agent/13", "return"): -100,
            ("subsidies/subsidy/11", "subsidy"): 100,
            ("subsidies/budget", "subsidy"): -100,
        }
        await check_books(connection)
    finally:
        await connection.close()
    await settle_day(context, NEXT)
    assert await found(context, NEXT) == set()
    assert await verify_day(context, NEXT) == []
