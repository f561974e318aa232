"""One sealed date under other rules, compared with what it was judged as."""

from __future__ import annotations

import asyncpg

from clearing.kernel import FOREIGN_CARD
from settlement import store
from settlement.context import Context
from settlement.repricing import OtherRules, Repriced, reprice
from tests.settlement.repricing.rewriting import other
from tests.world import BUS, OPEN, TAXI


async def repriced(context: Context, rules: OtherRules) -> Repriced:
    async with store.reading(context.dsn) as connection:
        day = await store.read_day(connection, OPEN)
        return await reprice(connection, context, day, rules)


async def test_the_same_rules_change_nothing_and_add_up_to_the_books(sealed: Context) -> None:
    found = await repriced(sealed, other())
    assert found.differences == []
    assert all(line.before == line.after and not line.changed for line in found.lines)
    assert all(row.before_fen == row.after_fen for row in found.accounts)
    connection = await asyncpg.connect(sealed.dsn)
    rows = await connection.fetch(
        "SELECT p.account_no, -sum(p.amount_fen)::bigint FROM clearing.posting p"
        " JOIN clearing.entry e USING (entry_id) JOIN clearing.account a USING (account_no)"
        " WHERE e.batch_seq IS NOT NULL AND p.purpose IN (1, 14) AND p.amount_fen < 0"
        " GROUP BY 1 ORDER BY 1"
    )
    await connection.close()
    booked: dict[int, int] = {}
    for row in found.accounts:
        booked[row.account] = booked.get(row.account, 0) + row.after_fen
    assert sorted(booked.items()) == [tuple(row) for row in rows]
    assert {line.operator for line in found.lines} == {BUS, TAXI}


async def test_a_bus_ride_dearer_by_a_yuan_is_undercharged_and_no_more_is_credited(
    sealed: Context,
) -> None:
    """86 rides by ordinary cards and students at half of 2 yuan instead of half of 1, three of another
    city's card in full: signed amounts stay, so only prices and subsidies move."""
    dearer = other(('network = "bus"\nfare_fen = 100', 'network = "bus"\nfare_fen = 200'))
    found = await repriced(sealed, dearer)
    before, after = (
        [getattr(line, side) for line in found.lines if line.operator == BUS]
        for side in ("before", "after")
    )
    rides = sum(one.accepted for one in before)
    foreign = sum(line.before.accepted for line in found.lines if line.card_kind == FOREIGN_CARD)
    assert (rides, foreign) == (169, 3)
    assert sum(one.credited_fen for one in before) == sum(one.credited_fen for one in after) - 30
    raised = sum(one.expected_fen for one in after) - sum(one.expected_fen for one in before)
    assert raised == 50 * (rides - foreign) + 100 * foreign
    assert len(found.differences) == rides
