"""A day between cities over a good link: who owes whom, to the fen, in all three ledgers."""

from datetime import timedelta
from pathlib import Path

from clearing.plan import Purpose
from service.database import Server
from settlement.exchange import summary
from tests.settlement.exchange.cities import BAOJI, XIAN, Exchange, Place, exchange
from tests.settlement.exchange.traffic import BUS_FEN, LOAD_FEN, TAXI_FEN, Travellers
from tests.world import OPEN

PAID_DEBIT_FEN = 3 * BUS_FEN + 50 + TAXI_FEN
REFUSED_DEBIT_FEN = BUS_FEN + TAXI_FEN


async def balances(place: Place) -> dict[str, int]:
    """Balance by account code, and purpose where it says something."""
    async with place.pool.acquire() as connection:
        rows = await connection.fetch(
            "SELECT a.code, p.purpose, sum(p.amount_fen)::bigint AS fen FROM clearing.posting p"
            " JOIN clearing.account a USING (account_no) GROUP BY 1, 2"
        )
    found: dict[str, int] = {}
    for row in rows:
        for name in (row["code"], f"{row['code']} {row['purpose']}"):
            found[name] = found.get(name, 0) + row["fen"]
    return {name: fen for name, fen in found.items() if fen}


async def test_a_day_between_two_cities(postgres: Server, template: str, tmp_path: Path) -> None:
    async with exchange(postgres, template, tmp_path) as cities:
        await Travellers((XIAN, BAOJI)).travel(cities, OPEN)
        await cities.night()
        province, rest = await cities.summaries()
        assert summary.compare(province, rest) == []
        assert all(one.at_rest for one in (province, *rest))
        assert province.refused == 2 * 3
        await _check_city(cities.cities[XIAN])
        await _check_city(cities.cities[BAOJI])
        # The two cities are mirror images, so nobody owes anything.
        assert province.cycles == {}
        assert province.cleared == 2


async def _check_city(place: Place) -> None:
    books = await balances(place)
    assert "principal/province_pending" not in books
    assert "principal/province" not in books
    # Home 4 × 80, foreign: 3 of 4 buses; the excess waits for the cardholder.
    assert books["principal/operator/11"] == -(4 * 80 + 3 * BUS_FEN)
    assert books["principal/suspense"] == -50
    assert books["principal/operator/12"] + books["principal/driver/12"] == -TAXI_FEN
    assert books["principal/load_agent/13"] == LOAD_FEN
    assert [name for name in books if name.endswith(f" {int(Purpose.FARE_UNCONFIRMED)}")] == [
        f"principal/province_pending {int(Purpose.FARE_UNCONFIRMED)}"
    ]
    # Cards: opening 4 × 5000, home rides, what they paid abroad, one top-up.
    assert books["principal/card_liability/1"] == -(4 * 5_000 - 4 * 80 - PAID_DEBIT_FEN + LOAD_FEN)
    assert sum(fen for name, fen in books.items() if " " not in name) == 0


async def test_one_way_traffic_is_owed_by_cycle(
    postgres: Server, template: str, tmp_path: Path
) -> None:
    async with exchange(postgres, template, tmp_path) as cities:
        travellers = Travellers((XIAN, BAOJI))
        travellers.cards[XIAN].clear()
        await travellers.travel(cities, OPEN)
        await cities.night()
        province, rest = await cities.summaries()
        assert summary.compare(province, rest) == []
        # Baoji's cards rode in Xi'an: Baoji owes the fares, Xi'an the top-up.
        net = PAID_DEBIT_FEN - LOAD_FEN
        assert province.cycles == {OPEN: {XIAN: net, BAOJI: -net}}
        assert (await balances(cities.cities[XIAN]))["principal/province"] == net
        assert (await balances(cities.cities[BAOJI]))["principal/province"] == -net
        await _check_refusals(cities.cities[XIAN])


async def _check_refusals(place: Place) -> None:
    """Each refused tap names where it lies; the entries name the batches that they correct."""
    async with place.pool.acquire() as connection:
        rows = await connection.fetch(
            "SELECT r.amount_fen, t.amount_fen AS tapped, t.verdict FROM exchange.refusal r"
            " JOIN clearing.tap t USING (batch_seq, row_no) ORDER BY 1"
        )
        entries = await connection.fetch(
            "SELECT corrects FROM clearing.entry WHERE corrects IS NOT NULL ORDER BY 1"
        )
    assert [tuple(row) for row in rows] == [(100, 100, 0), (755, 755, 0), (2000, 2000, 0)]
    assert [row["corrects"] for row in entries] == ["batch/1", "batch/2", "batch/3"]


async def test_before_the_night_everything_is_pending(
    postgres: Server, template: str, tmp_path: Path
) -> None:
    async with exchange(postgres, template, tmp_path) as cities:
        travellers = Travellers((XIAN, BAOJI))
        await travellers.travel(cities, OPEN)
        await _at_every_stage(cities)
        await travellers.travel(cities, OPEN + timedelta(days=1))
        await cities.night()
        province, rest = await cities.summaries()
        assert summary.compare(province, rest) == []
        assert province.cleared == 4


async def _at_every_stage(cities: Exchange) -> None:
    """Pending is what is in flight after each step, not only at the end."""

    async def agree() -> None:
        province, rest = await cities.summaries()
        assert summary.compare(province, rest) == []

    await agree()
    closed = [(place, await place.cut_off()) for place in cities.cities.values()]
    await agree()
    for place, day in closed:
        assert await place.present(day) == 1
        assert await place.present(day) == 1
        await agree()
    await cities.quiesce()
    await agree()
    await cities.province.close_cycle(await cities.province.cut_off())
    assert await cities.province.close_cycle(OPEN) == {XIAN: 0, BAOJI: 0}
    await cities.quiesce()
    await agree()
