"""Single cases: proven debits, free rides, parts, three cities, a split that changed overnight."""

from __future__ import annotations

from pathlib import Path

import asyncpg
import msgspec
import pytest

from clearing import store
from schemas import registry
from schemas.codes import TapKind
from schemas.reasons import Reason
from service.database import Server
from settlement.exchange import outbound, summary
from tests import world
from tests.settlement.exchange.cities import BAOJI, WEINAN, XIAN, Exchange, card_of, exchange
from tests.settlement.exchange.test_exchange import balances
from tests.settlement.exchange.traffic import Travellers
from tests.world import BUS, OPEN, TAXI


async def agree(cities: Exchange) -> summary.Summary:
    """The province's summary, once all books are seen to agree."""
    province, rest = await cities.summaries()
    assert summary.compare(province, rest) == []
    assert all(one.at_rest for one in (province, *rest))
    return province


async def test_a_debit_that_the_issuer_doubts_and_that_is_proven_is_paid(
    postgres: Server, template: str, tmp_path: Path
) -> None:
    """A counter that was used before is held at the issuer; the money has left the card all the same."""
    async with exchange(postgres, template, tmp_path) as cities:
        card = card_of(BAOJI, 1)
        taps = [card.tap(BUS, 100, at="20260105080001")]
        taps += [card.tap(BUS, 100, at="20260105080101", offline_counter=1)]
        await cities.cities[XIAN].submit(BUS, taps)
        await cities.night()
        province = await agree(cities)
        assert province.refused == 0
        assert province.cycles[OPEN] == {XIAN: 200, BAOJI: -200}
        baoji = cities.cities[BAOJI]
        async with baoji.pool.acquire() as connection:
            reasons = await connection.fetch(
                "SELECT verdict, reason, credited_fen FROM clearing.tap ORDER BY row_no"
            )
        assert [tuple(row) for row in reasons] == [(0, 0, 100), (1, Reason.COUNTER_REUSED, 100)]
        assert "principal/suspense" not in await balances(baoji)


async def test_free_rides_are_presented_and_may_be_refused(
    postgres: Server, template: str, tmp_path: Path
) -> None:
    """A tap-in moves no money; its issuer sees it, and a forged one counts as refused."""
    async with exchange(postgres, template, tmp_path) as cities:
        taps = [
            card_of(BAOJI, number).tap(
                BUS, 0, kind=TapKind.METRO_TAP_IN, gross_fen=0, station=1, good_tac=number == 1
            )
            for number in (1, 2)
        ]
        await cities.cities[XIAN].submit(BUS, taps)
        await cities.night()
        province = await agree(cities)
        assert (province.refused, province.cycles) == (1, {})
        async with cities.cities[XIAN].pool.acquire() as connection:
            refused = await connection.fetch(
                "SELECT position, reason, amount_fen, row_no FROM exchange.refusal"
            )
        assert [tuple(row) for row in refused] == [(1, Reason.TAC_WRONG, 0, 1)]


async def test_a_day_is_presented_in_parts(
    postgres: Server, template: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbound, "PART_TAPS_MAX", 4)
    async with exchange(postgres, template, tmp_path) as cities:
        await Travellers((XIAN, BAOJI)).travel(cities, OPEN)
        await cities.night()
        province = await agree(cities)
        assert province.cleared == 2 * 3
        assert province.refused == 2 * 3
        async with cities.province.pool.acquire() as connection:
            parts = await connection.fetch(
                "SELECT presentment_id, tap_count FROM exchange.presentment"
                " WHERE acquirer = '7910' ORDER BY 1"
            )
        assert [tuple(row) for row in parts] == [
            ("7910-7930-20260105-1", 4),
            ("7910-7930-20260105-2", 4),
            ("7910-7930-20260105-3", 1),
        ]


async def test_three_cities_are_netted_against_each_other(
    postgres: Server, template: str, tmp_path: Path
) -> None:
    names = (XIAN, BAOJI, WEINAN)
    async with exchange(postgres, template, tmp_path, names=names) as cities:
        travellers = Travellers(names)
        travellers.cards[XIAN].clear()
        del travellers.cards[BAOJI][2:]
        await travellers.travel(cities, OPEN)
        await cities.night()
        province = await agree(cities)
        totals = province.cycles[OPEN]
        # One card of Baoji pays 150 and 755 in each other city, Weinan's pay 1,105 less a top-up.
        assert totals == {
            XIAN: 905 + 1_105 - 2_000,
            BAOJI: 1_105 - 2_000 - 2 * 905,
            WEINAN: 905 - 2 * (1_105 - 2_000),
        }
        assert sum(totals.values()) == 0


async def test_a_refusal_takes_back_what_the_split_of_that_day_gave(
    postgres: Server, template: str, tmp_path: Path
) -> None:
    """The operator's split changes between the tap and the answer; the old one is undone."""
    async with exchange(postgres, template, tmp_path) as cities:
        xian = cities.cities[XIAN]
        tap = card_of(BAOJI, 1).tap(
            TAXI, 755, kind=TapKind.TAXI_TRIP, distance_m=1_500, good_tac=False
        )
        await xian.submit(TAXI, [tap])
        await xian.present(await xian.cut_off())
        await _without_split(xian.dsn)
        await cities.quiesce()
        books = await balances(xian)
        assert [name for name in books if name.startswith(("principal/op", "principal/dr"))] == []
        await cities.province.close_cycle(await cities.province.cut_off())
        await cities.quiesce()
        assert (await agree(cities)).refused == 1


async def _without_split(dsn: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        async with connection.transaction():
            row = next(row for row in world.operators(("baoji/bus", "baoji/taxi")) if row.split)
            plain = msgspec.structs.replace(row, split="")
            assert isinstance(plain, registry.Operator)
            await store.change_registry(connection, [("operator", plain)])
    finally:
        await connection.close()
