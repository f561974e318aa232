"""Whatever a link and a kill do: after quiescence the books are those of a run without faults."""

import random
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest

from service.database import Server
from settlement.exchange import summary
from settlement.exchange.errors import LinkDown
from tests.settlement.exchange import books
from tests.settlement.exchange.books import Books
from tests.settlement.exchange.cities import BAOJI, XIAN, Exchange, exchange
from tests.settlement.exchange.faulty import FaultyLink, stumble
from tests.settlement.exchange.traffic import Travellers
from tests.world import OPEN

NAMES = (XIAN, BAOJI)
RUNS = 20
DAYS = 2


async def _two_days(cities: Exchange, seed: int | None) -> None:
    """Two days; with a seed, everything between the nights goes over bad links first."""
    rng = random.Random(seed)
    links = {
        name: FaultyLink(cities.province, rng, rng.choice((0.2, 0.5, 0.8)) if seed else 0.0)
        for name in NAMES
    }
    travellers = Travellers(NAMES)
    for day in range(DAYS):
        await travellers.travel(cities, OPEN + timedelta(days=day))
        closed = [(place, await place.cut_off()) for place in cities.cities.values()]
        for place, business_date in closed:
            await place.present(business_date)
        await _pass(cities, links, rng, seed)
        await cities.province.close_cycle(await cities.province.cut_off())
        await _pass(cities, links, rng, seed)


async def _pass(
    cities: Exchange, links: dict[str, FaultyLink], rng: random.Random, seed: int | None
) -> None:
    if seed is not None:
        await stumble(cities, links, rng, rounds=rng.randrange(5, 40))
    await cities.quiesce()


@pytest.fixture(scope="module")
def expected() -> Iterator[list[Books]]:
    """Filled by the first run without faults."""
    kept: list[Books] = []
    yield kept
    kept.clear()


@pytest.mark.parametrize("seed", range(1, RUNS + 1))
async def test_faults_leave_no_trace(
    postgres: Server, template: str, tmp_path: Path, expected: list[Books], seed: int
) -> None:
    await _compare_with_faultless(postgres, template, tmp_path, expected, seed)


@pytest.mark.torture
@pytest.mark.parametrize("seed", range(1_000, 1_300))
async def test_many_faults_leave_no_trace(
    postgres: Server, template: str, tmp_path: Path, expected: list[Books], seed: int
) -> None:
    await _compare_with_faultless(postgres, template, tmp_path, expected, seed)


async def _compare_with_faultless(
    postgres: Server, template: str, home: Path, expected: list[Books], seed: int
) -> None:
    """Entries, taps, messages, events: the same bytes as without faults."""
    if not expected:
        async with exchange(postgres, template, home) as cities:
            await _two_days(cities, None)
            expected.append(await books.read(cities, books.EXACT))
    async with exchange(postgres, template, home) as cities:
        await _two_days(cities, seed)
        found = await books.read(cities, books.EXACT)
        province, rest = await cities.summaries()
    assert summary.compare(province, rest) == []
    assert all(one.at_rest for one in (province, *rest))
    _assert_same(expected[0], found)


def _assert_same(expected: Books, found: Books) -> None:
    for city, tables in expected.items():
        for name, rows in tables.items():
            missing, new = set(rows) - set(found[city][name]), set(found[city][name]) - set(rows)
            assert (missing, new) == (set(), set()), (city, name)
            assert found[city][name] == rows, (city, name)


async def test_a_city_cut_off_for_days_catches_up(
    postgres: Server, template: str, tmp_path: Path
) -> None:
    """Baoji's link is down for three nights; then everything is presented, answered, paid once."""
    found: list[Books] = []
    for cut in (False, True):
        async with exchange(postgres, template, tmp_path) as cities:
            await _days_apart(cities, cut)
            found.append(await books.read(cities, books.CUMULATIVE))
            province, rest = await cities.summaries()
            assert summary.compare(province, rest) == []
            assert all(one.at_rest for one in (province, *rest))
    _assert_same(*found)


async def _days_apart(cities: Exchange, cut: bool) -> None:
    travellers = Travellers(NAMES)
    for day in range(4):
        await travellers.travel(cities, OPEN + timedelta(days=day))
        if cut and day < 3:
            baoji = cities.cities.pop(BAOJI)
            await cities.night()
            await baoji.present(await baoji.cut_off())
            cities.cities[BAOJI] = baoji
        else:
            await cities.night()


async def test_the_link_does_everything_wrong(
    postgres: Server, template: str, tmp_path: Path
) -> None:
    """The faults of the other tests do happen, and no noise gets into the inbox: else they prove
    nothing."""
    async with exchange(postgres, template, tmp_path) as cities:
        link = FaultyLink(cities.province, random.Random(7), 0.9)
        for _ in range(200):
            with suppress(LinkDown):
                await link.post(b"noise")
            with suppress(LinkDown):
                await link.pull(b"noise")
        async with cities.province.pool.acquire() as connection:
            assert await connection.fetchval("SELECT count(*) FROM exchange.inbox") == 0
    assert set(link.seen) == {
        "lose", "lose answer", "double", "late", "old", "flip", "flip answer", "cut",
        "old request", "old answer", "reorder", "hole",
    }  # fmt: skip
