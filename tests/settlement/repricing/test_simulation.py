"""Several dates under other rules: what a card did on one is its history on the next."""

from __future__ import annotations

from datetime import date

import asyncpg
import pytest

from schemas import record
from schemas.codes import CardKind
from settlement import store
from settlement.context import Context
from settlement.day import settle_day
from settlement.errors import DayNotReady, SettlementError
from settlement.repricing import OtherRules
from settlement.repricing.simulation import View, simulate, totals
from tests.settlement import night
from tests.settlement.repricing.rewriting import SECOND_BUS, accumulating, other
from tests.world import BUS, FOREIGN_ISSUER, OPEN

NEXT = date(2026, 1, 6)


@pytest.fixture
async def two_days(sealed: Context) -> Context:
    """A node with two sealed dates of the same traffic."""
    deck = night.cards()
    night.traffic(deck)
    await night.clear(sealed, night.traffic(deck, NEXT, first_number=11))
    await settle_day(sealed, NEXT)
    return sealed


async def stored_rides(context: Context, day: date) -> list[tuple[int, bytes]]:
    """(amount, record) of the accepted bus rides of a date."""
    connection = await asyncpg.connect(context.dsn)
    try:
        rows = await connection.fetch(
            "SELECT t.amount_fen, clearing.canonical(t) FROM clearing.tap t"
            " WHERE business_date = $1 AND operator_no = $2 AND verdict = 0",
            day,
            BUS,
        )
        return [(row[0], row[1]) for row in rows]
    finally:
        await connection.close()


def students(view: View) -> tuple[int, int, int, int]:
    """Expected fen and subsidies of students on buses, before and after."""
    rows = [row for row in view.lines if row.card_kind == CardKind.STUDENT and row.operator == BUS]
    _, _, before, after = totals(rows)
    return before.expected_fen, after.expected_fen, before.subsidy_fen, after.subsidy_fen


async def test_a_fare_raised_by_a_yuan_from_a_date_on(two_days: Context) -> None:
    """The sums are those of the stored records of that date, priced here by hand."""
    found = await simulate(two_days, other(("[[tariff.taxi]]", SECOND_BUS)), OPEN, NEXT)
    first, second = found.forecast.dates
    assert (first.changed, first.before) == (0, first.after)
    rides = await stored_rides(two_days, NEXT)
    foreign = bytes.fromhex(FOREIGN_ISSUER)
    issuer = slice(record.OFFSET["issuer"], record.OFFSET["issuer"] + 8)
    due = sum(200 if data[issuer] == foreign else 100 for _, data in rides)
    assert second.after.expected_fen - second.before.expected_fen == due // 2
    assert second.after.charged_fen == second.before.charged_fen
    bus = [row for row in found.forecast.accounts if row.operator == BUS]
    assert sum(row.after_fen - row.before_fen for row in bus) == due // 2


async def test_the_same_rules_change_nothing_in_either_view(two_days: Context) -> None:
    found = await simulate(two_days, other(), OPEN, NEXT)
    for view in (found.kept, found.forecast):
        assert all(row.before == row.after and not row.changed for row in view.lines)
        assert all(row.before_fen == row.after_fen for row in view.accounts)
        assert [row.business_date for row in view.dates] == [OPEN, NEXT]
    assert sum(row.rides for row in found.kept.dates) == 2 * 193
    assert found.operators[BUS] == "bus operator"
    assert [row.opened for row in found.account_names] == [True] * len(found.account_names)


async def test_a_month_accumulates_over_the_dates_of_a_forecast_and_within_each_date_of_a_reclearing(
    two_days: Context,
) -> None:
    """Five students ride three times on each of two dates at half of 1 yuan. Now a ride costs half of that
    until a yuan of the month was paid, then nothing. Where devices charge 25 fen, the yuan is full after four
    rides, on the second date. By the signed 50 fen it is full after two, and no correction carries into
    the next date, which begins as it began."""
    rules = accumulating(
        "{ from_fen = 0, pay_per_mille = 500 }, { from_fen = 100, pay_per_mille = 0 }"
    )
    found = await simulate(two_days, rules, OPEN, NEXT)
    assert students(found.kept) == (5 * 300, 5 * 100, 5 * 300, 5 * 500)
    assert students(found.forecast) == (5 * 300, 5 * 100, 5 * 300, 5 * 500)


async def test_a_second_date_alone_begins_with_its_own_opening_state(two_days: Context) -> None:
    """Nothing was accumulated under the rules as they were."""
    rules = accumulating(
        "{ from_fen = 0, pay_per_mille = 500 }, { from_fen = 100, pay_per_mille = 0 }"
    )
    found = await simulate(two_days, rules, NEXT, NEXT)
    assert students(found.forecast) == (5 * 150, 5 * 75, 5 * 150, 5 * 225)


async def test_an_account_that_only_the_other_rules_need_is_named(two_days: Context) -> None:
    split = '[[split.taxi]]\nsince = 2000-01-01\nstand_in = "What'
    owned = (
        '{ role = "driver", per_mille = 920 }',
        '{ role = "line_owner:77", per_mille = 920 }',
    )
    found = await simulate(two_days, other((split, split), owned), OPEN, NEXT)
    (new,) = (row for row in found.account_names if not row.opened)
    assert new.code == "principal/operator/77"
    fallen = [row for row in found.forecast.accounts if row.account == new.account]
    assert [(row.before_fen, row.after_fen) for row in fallen] == [(0, 2 * 23_920)]
    async with store.reading(two_days.dsn) as connection:
        count = await connection.fetchval(
            "SELECT count(*) FROM clearing.account WHERE participant = '77'"
        )
    assert count == 0


async def test_a_set_that_no_contract_goes_by_is_refused(two_days: Context) -> None:
    """Under another name than the city's it would stand beside the city's own and change nothing."""
    renamed = {f"new/{name.partition('/')[2]}": text for name, text in other().files.items()}
    with pytest.raises(SettlementError, match="No contract goes by the rule set 'new'") as refused:
        await simulate(two_days, OtherRules(renamed, frozenset({"new"})), OPEN, NEXT)
    assert "Contracts go by: xian." in refused.value.remedy


async def test_dates_that_cannot_be_asked_for_are_refused(two_days: Context) -> None:
    open_date = date.fromordinal(NEXT.toordinal() + 1)
    with pytest.raises(SettlementError, match="2026-01-06 is after 2026-01-05"):
        await simulate(two_days, other(), NEXT, OPEN)
    with pytest.raises(DayNotReady, match="2026-01-07 is open"):
        await simulate(two_days, other(), OPEN, open_date)
    with pytest.raises(DayNotReady, match="There is no business date 2025-12-31"):
        await simulate(two_days, other(), date(2025, 12, 31), OPEN)
    await settle_day(two_days, open_date)
    with pytest.raises(SettlementError, match="No operator handed in a ride"):
        await simulate(two_days, other(), open_date, open_date)
