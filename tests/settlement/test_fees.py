"""Nights over the end of a month: tiers, a monthly bill, interchange, who pays whom, and verify."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import asyncpg
import msgspec
import pytest

from clearing import rules, store
from clearing.node import Node
from clearing.plan import Purpose
from clearing.store import Entry, Posting
from schemas.accounts import AccountKind
from schemas.codes import Purse
from schemas.registry import Operator
from settlement.context import Context
from settlement.day import settle_day
from settlement.report import report, to_text
from settlement.store.fees import FareSum, read_fares, read_touched
from settlement.verify import verify_day
from tests import world
from tests.settlement import night
from tests.settlement.test_verify import damage
from tests.world import BUS, FOREIGN_ISSUER, Card

EVE, LAST, FIRST = date(2026, 1, 30), date(2026, 1, 31), date(2026, 2, 1)
RULES = """
[[fee.tiers]]
since = 2026-01-01
tiers = [{ from_fen = 0, per_mille = 10 }, { from_fen = 1_000, per_mille = 5 }]
rounding = "half_up"
recipients = [{ role = "clearing_centre", per_mille = 1000 }]

[[fee.monthly]]
since = 2026-01-01
of = "own"
billing = "monthly"
per_tap_fen = 3
min_fen = 50
rounding = "half_up"
recipients = [{ role = "clearing_centre", per_mille = 500 }, { role = "province", per_mille = 500 }]

[[fee.interchange]]
since = 2026-01-01
of = "foreign"
bearer = "issuer"
per_tap_fen = 2
rounding = "half_up"
recipients = [{ role = "operator", per_mille = 700 }, { role = "clearing_centre", per_mille = 300 }]

[[fee.issuers]]
since = 2026-01-01
bearer = "issuer"
billing = "monthly"
per_mille = 100
rounding = "half_up"
recipients = [{ role = "clearing_centre", per_mille = 1000 }]
"""
CONTRACT = ("charges/tiers", "charges/monthly", "charges/interchange")


async def town(dsn: str, home: Path, deck: list[Card], fees: tuple[str, ...] = CONTRACT) -> Context:
    """The world's city at the end of January, whose bus operator has these fees."""
    node = await world.settle_in(dsn, home, deck, EVE)
    files = {**rules.read(["xian"]), "charges/rules.toml": RULES}
    connection = await asyncpg.connect(dsn)
    try:
        async with connection.transaction():
            await store.add_rules(connection, rules.load(files).digest, files)
        await contract(connection, fees)
        row = await store.read_node(connection)
    finally:
        await connection.close()
    assert row is not None
    return Context(
        dsn, Node(row, home, node.limits, node.keys, node.signing, node.secret), night.KERNEL
    )


async def contract(connection: asyncpg.Connection[Any], fees: tuple[str, ...]) -> None:
    """From now on, the bus operator has these fees."""
    bus = msgspec.structs.replace(world.operators()[0], fees=fees)
    assert isinstance(bus, Operator)
    async with connection.transaction():
        await store.change_registry(connection, [("operator", bus)])


async def ride(context: Context, on: date, number: int, own: int, foreign: int = 0) -> None:
    """So many rides of own cards for 50 fen, and of another city's for 100, in a batch of the date."""
    taps = []
    for n in range(own + foreign):
        card = DECK[n] if n < own else DECK[50 + n - own]
        at = f"{on:%Y%m%d}08{n // 60:02}{n % 60:02}"
        fare = 50 if n < own else 100
        taps.append(card.tap(BUS, fare, at=at, gross_fen=100, terminal_number=number * 100 + n))
    await night.clear(context, [world.batch(BUS, number, b"".join(taps), f"{on:%Y%m%d}")])


DECK: list[Card] = []


@pytest.fixture(autouse=True)
def cards() -> None:
    """Fifty ordinary own cards, then ten of another city, all new."""
    DECK[:] = [Card(n) for n in range(1, 51)]
    DECK.extend(Card(n, issuer=FOREIGN_ISSUER) for n in range(51, 61))


async def fees_of(connection: asyncpg.Connection[Any], on: date) -> dict[str, int]:
    """Positions of the fees purse; positive: is to be paid."""
    rows = await connection.fetch(
        "SELECT participant, amount_fen FROM settlement.position WHERE business_date = $1 AND purse = $2",
        on, int(Purse.FEES),
    )  # fmt: skip
    return {row["participant"]: row["amount_fen"] for row in rows}


async def test_the_end_of_a_month(migrated: str, tmp_path: Path) -> None:
    context = await town(migrated, tmp_path, DECK)
    await ride(context, EVE, 1, own=16, foreign=2)
    connection = await asyncpg.connect(migrated)
    try:
        await settle_day(context, EVE)
        # 1,000 fen: 800 own, 200 foreign. Tiers 10 ‰ of 1,000 = 10. Interchange 2 × 2 fen by the province,
        # 2.8 and 1.2 to operator and centre: 3 and 1. The monthly fee of 16 rides is told, not booked.
        assert await fees_of(connection, EVE) == {
            "operator/11": -10 + 3,
            "clearing_centre": 10 + 1,
            "province": -4,
        }
        # Nobody rides on the last date: the month is billed all the same, 16 × 3 = 48, at least 50.
        await settle_day(context, LAST)
        assert await fees_of(connection, LAST) == {
            "operator/11": -50,
            "clearing_centre": 25,
            "province": 25,
        }
        # A tap of January that comes in February counts in February, where tiers begin anew.
        await ride(context, LAST, 2, own=20)
        await ride(context, FIRST, 3, own=2)
        await settle_day(context, FIRST)
        # 1,100 fen: 10 + 0.5 = 10.5, half up.
        assert await fees_of(connection, FIRST) == {"operator/11": -11, "clearing_centre": 11}
        for on in (EVE, LAST, FIRST):
            assert await verify_day(context, on) == []
        entries = await connection.fetch(
            "SELECT entry_id, narrative FROM clearing.entry WHERE entry_id LIKE 'night/%/fee/%' ORDER BY entry_id"
        )
        assert [tuple(row) for row in entries] == [
            ("night/2026-01-30/fee/11/charges/interchange", "fee charges/interchange"),
            ("night/2026-01-30/fee/11/charges/tiers", "fee charges/tiers"),
            ("night/2026-01-31/fee/11/charges/monthly", "fee charges/monthly of 2026-01"),
            ("night/2026-02-01/fee/11/charges/tiers", "fee charges/tiers"),
        ]
        paper = await store_paper(connection, EVE, "operators/11/fees.csv")
        assert "0+: 1000 fen × 10‰ = 10.000 fen" in paper
        assert (
            "11,bus operator,charges/monthly,operator,monthly,own,800,16,800,16,0+: 16 taps × 3 fen = 48.000 fen,50,50,0"
            in paper
        )
        assert "1000+: 100 fen × 5‰ = 0.500 fen" in await store_paper(
            connection, FIRST, "centre/fees.csv"
        )
    finally:
        await connection.close()
    found = await report(context, LAST)
    (line,) = found.fee_lines
    assert (line.fee, line.due_fen, line.month_due_fen, line.booked_fen) == (
        "charges/monthly",
        0,
        50,
        50,
    )
    assert "charges/monthly" in to_text(found)


async def store_paper(connection: asyncpg.Connection[Any], on: date, name: str) -> str:
    content = await connection.fetchval(
        "SELECT content FROM settlement.paper WHERE business_date = $1 AND name = $2", on, name
    )
    return bytes(content).decode()


async def test_a_contract_that_ended_is_billed_with_its_month(
    migrated: str, tmp_path: Path
) -> None:
    context = await town(migrated, tmp_path, DECK, ("charges/monthly",))
    await ride(context, EVE, 1, own=20)
    await settle_day(context, EVE)
    connection = await asyncpg.connect(migrated)
    try:
        await contract(connection, ())
        await settle_day(context, LAST)
        assert await fees_of(connection, LAST) == {
            "operator/11": -60,
            "clearing_centre": 30,
            "province": 30,
        }
    finally:
        await connection.close()
    assert await verify_day(context, LAST) == []


async def test_an_issuer_and_other_cities_bear_by_their_volumes(
    migrated: str, tmp_path: Path
) -> None:
    context = await town(migrated, tmp_path, DECK, ("charges/issuers",))
    await ride(context, EVE, 1, own=6)
    await settle_day(context, EVE)
    await ride(context, LAST, 2, own=1, foreign=1)
    await settle_day(context, LAST)
    connection = await asyncpg.connect(migrated)
    try:
        # 100 ‰ of 350 own and 100 foreign fen: 45, that is 35 and 10.
        assert await fees_of(connection, LAST) == {
            "issuer": -35,
            "province": -10,
            "clearing_centre": 45,
        }
    finally:
        await connection.close()
    assert await verify_day(context, LAST) == []


async def test_verify_names_a_fee_that_was_changed(migrated: str, tmp_path: Path) -> None:
    context = await town(migrated, tmp_path, DECK)
    await ride(context, EVE, 1, own=16)
    await settle_day(context, EVE)
    await damage(
        context,
        "UPDATE settlement.fee SET due_fen = due_fen + 1 WHERE fee = 'charges/monthly'",
        "UPDATE settlement.fee SET own_taps = own_taps + 1 WHERE fee = 'charges/tiers'",
    )
    found = {(row.subject, row.part) for row in await verify_day(context, EVE)}
    assert ("fee charges/monthly of operator 11", "due_fen") in found
    assert ("fee charges/tiers of operator 11", "own_taps") in found
    await damage(context, "DELETE FROM settlement.fee WHERE fee = 'charges/tiers'")
    assert ("fee charges/tiers of operator 11", "is missing") in {
        (row.subject, row.part) for row in await verify_day(context, EVE)
    }


async def test_corrections_count_on_the_date_that_books_them(migrated: str, tmp_path: Path) -> None:
    context = await town(migrated, tmp_path, DECK)
    await ride(context, EVE, 1, own=3, foreign=2)
    await settle_day(context, EVE)
    connection = await asyncpg.connect(migrated)
    try:
        wanted = [
            (Purse.PRINCIPAL, AccountKind.OPERATOR, "11"),
            (Purse.PRINCIPAL, AccountKind.OPERATOR, "12"),
            (Purse.PRINCIPAL, AccountKind.SUSPENSE, ""),
        ]
        accounts = await store.ensure_accounts(connection, wanted)
        bus, taxi, other = (
            accounts[code].number
            for code in ("principal/operator/11", "principal/operator/12", "principal/suspense")
        )

        def entry(name: str, corrects: str | None, *lines: tuple[int, Purpose, int]) -> Entry:
            rest = -sum(fen for _, _, fen in lines)
            return Entry(
                entry_id=name,
                narrative="test",
                corrects=corrects,
                postings=(
                    *(Posting(account, purpose, fen) for account, purpose, fen in lines),
                    Posting(other, Purpose.HELD, rest),
                ),
            )

        entries = [
            # Proven by the card's chain, of a batch of operator 11, part of it another's.
            entry(
                "night/x/items/1", "tap 1/0", (bus, Purpose.CHAIN, -30), (taxi, Purpose.CHAIN, -20)
            ),
            # Two rides that their issuer refused, a clearing total, a double deduction taken back.
            entry("exchange/x/refused/1", "batch/1", (bus, Purpose.FARE_UNCONFIRMED, 200)),
            entry(
                "exchange/cycle/x",
                None,
                (bus, Purpose.FARE_UNCONFIRMED, 100),
                (bus, Purpose.FARE, -100),
            ),
            entry("item/1", "tap 1/1", (bus, Purpose.RETURN, 50)),
            entry("item/2", "tap 1/2", (bus, Purpose.EXCESS, -999)),
            entry("night/x/items/2", None, (taxi, Purpose.CHAIN, -7)),
        ]
        await store.add_entries(connection, LAST, entries)
        await connection.execute(
            "INSERT INTO exchange.presentment (presentment_id, direction, acquirer, issuer, business_date,"
            " tap_count, debit_fen, load_fen, state) VALUES ('x', 'out', '7910', '7930', $1, 2, 200, 0,"
            " 'answered')", EVE,
        )  # fmt: skip
        await connection.execute(
            "INSERT INTO exchange.refusal VALUES ('x', 0, 7, 1, 3, 100), ('x', 1, 7, 1, 4, 100)"
        )
        assert await read_fares(connection, LAST, [1]) == [
            FareSum(11, False, 30 + 20 - 50),
            FareSum(11, True, -200),
            FareSum(12, False, 7),
        ]
        refused = await read_touched(connection, LAST)
        assert [(ride.operator, ride.change(LAST)) for ride in refused] == [(11, -1), (11, -1)]
        assert await read_touched(connection, FIRST) == []
    finally:
        await connection.close()
