"""Nights of two cities and the province: confirmed fares are paid, the cities are netted, Σ = 0."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import asyncpg
import msgspec

from clearing import store as clearing_store
from schemas.registry import City
from service.database import Server
from settlement.context import Context
from settlement.day import settle_day
from settlement.iso20022 import complaints
from settlement.report import Report, report
from settlement.verify import verify_day
from tests.settlement import night
from tests.settlement.exchange.cities import BAOJI, XIAN, Exchange, Place, card_of, exchange
from tests.world import BUS, OPEN

NEXT = date(2026, 1, 6)
RIDES, RIDES_BACK = 3, 1


def context_of(place: Place) -> Context:
    return Context(place.dsn, replace(place.node, home=place.node.home / place.city), night.KERNEL)


async def give_accounts(place: Place) -> None:
    """Put payee accounts of the nodes into a node's registry."""
    rows = [
        City(
            city=name,
            name=name,
            public_key=place.node.signing.public.encode().hex(),
            payee_account=f"ACCOUNT-{name}",
        )
        for name in ("0000", XIAN, BAOJI)
    ]
    async with place.pool.acquire() as connection, connection.transaction():
        held = (await clearing_store.read_registry(connection, 10**6))["city"]
        keys = {row.city: row.public_key for row in held if isinstance(row, City)}
        rows = [msgspec.structs.replace(row, public_key=keys[row.city]) for row in rows]
        await clearing_store.change_registry(connection, [("city", row) for row in rows])


async def settle(net: Exchange, city: str, day: date) -> Report:
    place = net.province if city == "0000" else net.cities[city]
    await settle_day(context_of(place), day)
    place.open_date = date.fromordinal(day.toordinal() + 1)
    return await report(context_of(place), day)


def position(found: Report, participant: str) -> int:
    return sum(
        row.amount_fen
        for row in found.positions
        if row.participant == participant and row.purse == "principal"
    )


async def test_two_cities_and_the_province(postgres: Server, template: str, tmp_path: Path) -> None:
    """Three rides of Xi'an's cards in Baoji and one the other way, 1 yuan each."""
    async with exchange(postgres, template, tmp_path) as net:
        for place in net.places:
            await give_accounts(place)
        xian, baoji = (card_of(city, 1) for city in (XIAN, BAOJI))
        there = [
            xian.tap(BUS, 100, at=f"2026010508{n:02}00", gross_fen=100, city=BAOJI)
            for n in range(RIDES)
        ]
        back = [baoji.tap(BUS, 100, at="20260105090000", gross_fen=100) for _ in range(RIDES_BACK)]
        await net.cities[BAOJI].submit(BUS, there)
        await net.cities[XIAN].submit(BUS, back)
        for city, rides in ((XIAN, RIDES_BACK), (BAOJI, RIDES)):
            found = await settle(net, city, OPEN)
            assert position(found, "operator/11") == 0
            assert found.unconfirmed_fen == 100 * rides
        await net.quiesce()
        found = await settle(net, "0000", OPEN)
        assert [(row.participant, row.amount_fen) for row in found.positions] == [
            ("city/7910", -100 * (RIDES - RIDES_BACK)),
            ("city/7930", 100 * (RIDES - RIDES_BACK)),
        ]
        assert [(row.debtor, row.creditor, row.amount_fen) for row in found.payments] == [
            ("city/7910", "centre", 200),
            ("centre", "city/7930", 200),
        ]
        assert found.netting is not None
        assert (
            found.netting.gross_fen,
            found.netting.bilateral_fen,
            found.netting.multilateral_fen,
            found.netting.saving_fen,
        ) == (400, 200, 200, 200)
        papers = context_of(net.province).papers / f"{OPEN}"
        assert not complaints(
            "pain.001.001.09", (papers / "payments/principal.pain.001.xml").read_bytes()
        )
        netting = json.loads((papers / "centre/netting.json").read_bytes())["netting"]
        assert [row["net_fen"] for row in netting["cities"]] == [-200, 200]
        await net.quiesce()
        for city, rides, net_fen in ((XIAN, RIDES_BACK, -200), (BAOJI, RIDES, 200)):
            found = await settle(net, city, NEXT)
            assert position(found, "operator/11") == 100 * rides
            assert position(found, "province") == -net_fen
            assert found.trial_balance == {"principal": 0, "fees": 0, "subsidies": 0}
            assert [row.amount_fen for row in found.payments] == [100 * rides]
        for place in net.places:
            for day in (OPEN, NEXT) if place.city != "0000" else (OPEN,):
                assert await verify_day(context_of(place), day) == [], place.city
        await _books_are_level(net)


async def _books_are_level(net: Exchange) -> None:
    """Nothing is pending; what a city owes stands in its own books and in transit at the province."""
    for place in net.places:
        connection = await asyncpg.connect(place.dsn)
        try:
            rows = await connection.fetch(
                "SELECT code, sum(amount_fen)::bigint FROM clearing.trial_balance GROUP BY code"
            )
        finally:
            await connection.close()
        balances = {row[0]: row[1] for row in rows if row[1]}
        assert sum(balances.values()) == 0
        assert "principal/province_pending" not in balances
        if place.city == "0000":
            assert balances == {}
