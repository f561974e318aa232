"""One sealed date under other rules, compared with what it was judged as."""

from __future__ import annotations

import asyncpg
import pytest

from clearing.errors import ClearingError
from clearing.kernel import FOREIGN_CARD
from schemas.codes import CardKind
from settlement import store
from settlement.context import Context
from settlement.errors import DayNotReady, SettlementError
from settlement.repricing import OtherRules, Repriced, Repricer, reprice
from tests.settlement.repricing.rewriting import accumulating, dearer_by_a_yuan, other
from tests.world import BUS, OPEN, TAXI


async def repriced(context: Context, rules: OtherRules) -> Repriced:
    async with store.reading(context.dsn) as connection:
        day = await store.read_day(connection, OPEN)
        return await reprice(connection, context, day, rules)


async def booked_shares(context: Context) -> list[tuple[int, int]]:
    """What the date's batches credited to operators' and drivers' accounts, by account."""
    connection = await asyncpg.connect(context.dsn)
    try:
        rows = await connection.fetch(
            "SELECT p.account_no, -sum(p.amount_fen)::bigint FROM clearing.posting p"
            " JOIN clearing.entry e USING (entry_id)"
            " WHERE e.batch_seq IS NOT NULL AND p.purpose IN (1, 14) AND p.amount_fen < 0"
            " GROUP BY 1 ORDER BY 1"
        )
        return [tuple(row) for row in rows]
    finally:
        await connection.close()


async def test_the_same_rules_change_nothing_and_add_up_to_the_books(sealed: Context) -> None:
    found = await repriced(sealed, other())
    assert all(line.before == line.after and not line.changed for line in found.lines)
    assert all(row.before_fen == row.after_fen for row in found.accounts)
    shares = sorted((row.account, row.after_fen) for row in found.accounts)
    assert shares == await booked_shares(sealed)
    assert {line.operator for line in found.lines} == {BUS, TAXI}


async def test_a_dearer_ride_is_undercharged_and_only_what_was_taken_for_too_much_is_credited(
    sealed: Context,
) -> None:
    """166 rides at half of 2 yuan instead of half of 1, three of another city's card in full. Signed
    amounts stay, so what moves are the 30 fen of one ride that were above tariff and what is paid for
    students. The dearer prices of the others move nothing, nor would a release of the held one."""
    found = await repriced(sealed, dearer_by_a_yuan())
    rides = [line for line in found.lines if line.operator == BUS]
    foreign = [line for line in rides if line.card_kind == FOREIGN_CARD]
    accepted = sum(line.before.accepted for line in rides)
    assert (accepted, sum(line.before.accepted for line in foreign)) == (169, 3)
    assert all(line.before == line.after and not line.changed for line in foreign)
    assert sum(line.after.credited_fen - line.before.credited_fen for line in rides) == 30
    students = [line for line in rides if line.card_kind == CardKind.STUDENT]
    assert sum(line.after.subsidy_fen - line.before.subsidy_fen for line in students) == 15 * 50
    assert sum(line.changed for line in students) == 15
    assert sum(line.changed for line in found.lines) == 15 + 1
    assert all(line.before == line.after for line in found.lines if line.operator == TAXI)


async def test_a_new_concession_moves_what_the_budget_bears(sealed: Context) -> None:
    """Students ride free: the 15 rides of the five cost the budget their whole yuan."""
    student = 'name = "student", card_kind = "student", pay_per_mille = 500'
    bus = 'source = "[bus]"\nclasses = [\n'
    free = 'name = "student", card_kind = "student", pay_per_mille = 0'
    ordinary = (
        '    { name = "ordinary", card_kind = "ordinary", pay_per_mille = 500, rounding = "half_up",'
        ' bearer = "operator" },\n'
    )
    old = f"{bus}{ordinary}    {{ {student}"
    found = await repriced(sealed, other((old, f"{bus}{ordinary}    {{ {free}")))
    (students,) = (line for line in found.lines if line.changed)
    assert (students.card_kind, students.taps, students.changed) == (CardKind.STUDENT, 15, 15)
    assert (students.before.subsidy_fen, students.after.subsidy_fen) == (750, 1_500)
    # What they paid was too much then: nothing of it is the operator's.
    assert (students.before.credited_fen, students.after.credited_fen) == (750, 0)


async def test_another_split_moves_shares_and_nothing_else(sealed: Context) -> None:
    """20 taxi rides of 13 yuan: 10 per cent instead of 8 to the platform."""
    found = await repriced(
        sealed,
        other(("per_mille = 80 }", "per_mille = 100 }"), ("per_mille = 920", "per_mille = 900")),
    )
    assert [(line.operator, line.changed) for line in found.lines if line.changed] == [(TAXI, 20)]
    shares = {(row.before_fen, row.after_fen) for row in found.accounts if row.operator == TAXI}
    assert shares == {(2_080, 2_600), (23_920, 23_400)}
    assert all(line.before == line.after for line in found.lines)


async def test_both_kernels_compare_alike(sealed: Context) -> None:
    rules = accumulating("{ from_fen = 0, pay_per_mille = 500 }")
    found = []
    for kernel in ("reference", "fastpath"):
        context = Context(sealed.dsn, sealed.node, kernel)
        async with store.reading(context.dsn) as connection:
            day = await store.read_day(connection, OPEN)
            repricer = Repricer(context, rules, forecast=True)
            found.append(await repricer.compare(connection, day))
    assert found[0] == found[1]
    assert sum(line.changed for line in found[0][0].lines) > 100


async def test_what_does_not_fit_is_said_before_anything_is_judged(sealed: Context) -> None:
    with pytest.raises(
        SettlementError,
        match=r"A contract does not find its own in these rules: There is no split named 'xian/taxi'",
    ):
        await repriced(sealed, OtherRules({"xian/rules.toml": "[set]\nenglish = 'X'\n"}))
    broken = other(("fare_fen = 100", "fare_fen = -100"))
    with pytest.raises(ClearingError, match=r"fare_fen is -100"):
        await repriced(sealed, broken)
    async with store.reading(sealed.dsn) as connection:
        day = await store.read_day(connection, OPEN)
        with pytest.raises(DayNotReady, match="only what was audited"):
            await Repricer(sealed, other()).compare(connection, replace_state(day, "complete"))
        with pytest.raises(SettlementError, match="There is no rules version 7"):
            await OtherRules.of_version(connection, 7)


def replace_state(day: store.DayRow, state: str) -> store.DayRow:
    """The date as if it were in another state."""
    return store.DayRow(
        **{**{name: getattr(day, name) for name in day.__struct_fields__}, "state": state}
    )


async def test_a_date_that_was_damaged_is_not_compared(sealed: Context) -> None:
    connection = await asyncpg.connect(sealed.dsn)
    await connection.execute(
        "ALTER TABLE clearing.tap_20260105 DISABLE TRIGGER append_only;"
        "UPDATE clearing.tap_20260105 SET credited_fen = credited_fen + 1 WHERE batch_seq = 2 AND row_no = 3"
    )
    await connection.close()
    with pytest.raises(SettlementError, match="Batch 2 of 2026-01-05 does not come out"):
        await repriced(sealed, other())
