"""What a simulation says that a re-clearing would move is what ``onecard reclear`` proposes for its dates."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import asyncpg
import pytest

from clearing import rules
from clearing.plan import Purpose
from clearing.store import Connection, read_accounts
from schemas.accounts import AccountKind
from schemas.batch import Batch
from schemas.codes import CardKind, TapKind
from schemas.items import Action
from service.database import Server, create_database, drop_database
from settlement import store
from settlement.context import Context
from settlement.day import settle_day
from settlement.decisions import Words
from settlement.decisions import decide as decide_item
from settlement.decisions import propose as propose_item
from settlement.reclearing import Listed
from settlement.reclearing.people import compute
from settlement.reclearing.summary import by_operator
from settlement.repricing import OtherRules
from settlement.repricing.simulation import View, simulate
from tests import world
from tests.conftest import Run
from tests.settlement import night
from tests.settlement.decisions.town import torn
from tests.settlement.reclearing import town
from tests.settlement.reclearing.town import (
    ANNA,
    BO,
    DEARER,
    NEXT,
    OPEN,
    PLATFORM,
    RIGHT,
    STRANGE,
    at,
)
from tests.world import AGENT, BUS, FOREIGN_ISSUER, TAXI, Card

MIXED = f"onecard_mixed_{os.getpid()}"
CLASSES = (
    'pay_per_mille = 500, rounding = "half_up", bearer = "operator" },\n'
    '    { name = "student", card_kind = "student", pay_per_mille = 500, rounding = "half_up", bearer = "budget" }'
)
"""Of buses: ordinary cards at the operator's cost, students at the budget's."""
MONTH = (
    '[[accumulation.month]]\nsince = 2000-01-01\nperiod = "month"\nrounding = "half_up"\nbearer = "budget"\n'
    "tiers = [{ from_fen = 0, pay_per_mille = 500 }, { from_fen = 100, pay_per_mille = 0 }]\n\n[[split.metro]]"
)
CHANGES = {
    "dearer": (RIGHT,),
    "cheaper": (("fare_fen = 100", "fare_fen = 60"),),
    "as it was": (),
    "shared otherwise": PLATFORM,
    "shared in another order": (
        (
            '{ role = "operator", per_mille = 80 },\n    { role = "driver", per_mille = 920 }',
            '{ role = "driver", per_mille = 920 },\n    { role = "operator", per_mille = 80 }',
        ),
    ),
    "borne by the issuer": ((CLASSES, CLASSES.replace("budget", "issuer")),),
    "accumulated": (
        ("[[split.metro]]", MONTH),
        (
            'network = "bus"\nfare_fen = 100',
            'accumulation = "month"\nnetwork = "bus"\nfare_fen = 100',
        ),
    ),
    "begun later": (("[[tariff.bus]]\nsince = 2000-01-01", "[[tariff.bus]]\nsince = 2026-01-06"),),
}
"""Edits of Xi'an's rules, by what they do."""


def more(cards: dict[int, Card]) -> list[Batch]:
    """Of the first date: a torn ride, two that are held, one charged above the tariff, a load."""
    abroad = Card(98, issuer=FOREIGN_ISSUER)
    bus = [
        torn(cards[5].tap(BUS, 100, at=at(30), number=30, gross_fen=200)),
        cards[8].tap(BUS, 100, at=at(31), number=31, gross_fen=200, terminal_id=STRANGE),
        cards[9].tap(BUS, 100, at=at(32), number=32, gross_fen=200, terminal_id=STRANGE),
        cards[10].tap(BUS, 100, at=at(33), number=33, gross_fen=200),
        abroad.tap(BUS, 200, at=at(34), number=34, gross_fen=200, terminal_id=STRANGE),
    ]
    load = cards[10].tap(AGENT, 2_000, at=at(35), number=35, kind=TapKind.TOP_UP, gross_fen=0)
    return [world.batch(BUS, 3, b"".join(bus)), world.batch(AGENT, 4, load)]


def next_date(cards: dict[int, Card]) -> list[Batch]:
    """Of the second date: rides of the same cards, taxis among them."""
    bus = [
        cards[number].tap(BUS, 100, at=at(minute, NEXT), number=40 + minute, gross_fen=200)
        for minute, number in enumerate((8, 10, 18, 18, 10, 18))
    ]
    taxi = cards[8].tap(
        TAXI, 1_300, at=at(20, NEXT), number=60, kind=TapKind.TAXI_TRIP, distance_m=5_000
    )
    declared = f"{NEXT:%Y%m%d}"
    return [
        world.batch(BUS, 5, b"".join(bus), declared),
        world.batch(TAXI, 6, taxi, declared),
    ]


async def _make(dsn: str, home: Path) -> Context:
    """Two sealed dates; of the first one, a held ride is released, one's excess given back, and a
    re-clearing approved, which was wrong again."""
    cards = {number: Card(number) for number in (5, 8, 9, 10)}
    cards[18] = Card(18, kind=CardKind.STUDENT)
    context = await town.found(dsn, home, *more(cards))
    cards[18].tap(BUS, 100)  # as it did in the town
    await settle_day(context, OPEN)
    await night.clear(context, next_date(cards))
    await settle_day(context, NEXT)
    connection = await asyncpg.connect(dsn)
    try:
        for item, action, words in (
            ("held/3/1", Action.RELEASE, Words("registered now")),
            ("excess/1/0", Action.RETURN, Words("she asked for it", 13)),
        ):
            made = await propose_item(connection, context, item, action, words, ANNA)
            await decide_item(connection, context, made.proposal_no, True, "", BO)
        await town.corrected(connection, context, DEARER)
    finally:
        await connection.close()
    return context


@pytest.fixture(scope="module")
def mixed(
    postgres: Server, template: str, run: Run[Context], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Context]:
    dsn = run(create_database(postgres.dsn, MIXED, template=template))  # type: ignore[arg-type]
    yield run(_make(dsn, tmp_path_factory.mktemp("mixed")))  # type: ignore[arg-type]
    run(drop_database(postgres.dsn, MIXED))  # type: ignore[arg-type]


@pytest.fixture
async def connection(mixed: Context) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    found = await asyncpg.connect(mixed.dsn)
    yield found
    await found.close()


Sums = Counter[object]


def of_view(view: View) -> tuple[Sums, Sums, Sums]:
    """By operator, by account, left out."""
    operators, accounts, left = Sums(), Sums(), Sums()
    for line in view.lines:
        operators[line.operator, "taps"] += line.changed
        operators[line.operator, "credited"] += line.after.credited_fen - line.before.credited_fen
        operators[line.operator, "subsidy"] += line.after.subsidy_fen - line.before.subsidy_fen
    for row in view.accounts:
        accounts[row.operator, row.account] += row.after_fen - row.before_fen
    for out in view.left_out:
        left[out.why, out.operator, "taps"] += out.taps
        left[out.why, out.operator, "credited"] += out.credited_fen
    return operators, accounts, left


async def of_lists(connection: Connection, lists: list[Listed]) -> tuple[Sums, Sums, Sums]:
    """The same of what re-clearings would propose."""
    liabilities = {
        row.number
        for row in (await read_accounts(connection)).values()
        if row.kind == AccountKind.CARD_LIABILITY
    }
    operators, accounts, left = Sums(), Sums(), Sums()
    for listed in lists:
        for row in by_operator(listed.taps):
            operators[row["operator"], "taps"] += row["taps"]
            operators[row["operator"], "credited"] += row["credited_fen"]
            operators[row["operator"], "subsidy"] += row["subsidy_fen"]
        for tap in listed.taps:
            for delta in tap.deltas:
                if delta.purpose == Purpose.RECLEAR and delta.account not in liabilities:
                    accounts[tap.operator_no, delta.account] -= delta.amount_fen
        for out in listed.left_out:
            left[str(out.why), out.operator_no, "taps"] += 1
            left[str(out.why), out.operator_no, "credited"] += out.fen
    return operators, accounts, left


def stated(sums: tuple[Sums, Sums, Sums]) -> list[dict[object, int]]:
    return [{key: count for key, count in each.items() if count} for each in sums]


@pytest.mark.parametrize("kernel", ["reference", "fastpath"])
@pytest.mark.parametrize("change", CHANGES)
async def test_it_says_what_would_be_proposed_for_each_date(
    mixed: Context, connection: Connection, change: str, kernel: str
) -> None:
    files = rules.read(["xian"])
    for old, new in CHANGES[change]:
        assert old in files["xian/rules.toml"], old
        files["xian/rules.toml"] = files["xian/rules.toml"].replace(old, new, 1)
    context = replace(mixed, kernel=kernel)
    found = await simulate(context, OtherRules(files, frozenset({"xian"})), OPEN, NEXT)
    version = await town.put(connection, *CHANGES[change])
    lists = [
        await compute(mixed, await store.read_day(connection, day), version) for day in (OPEN, NEXT)
    ]
    expected = stated(await of_lists(connection, lists))
    assert stated(of_view(found.kept)) == expected
    # Each of these moves something: what was approved is wrong under every one of them.
    assert expected[0]


async def test_it_starts_from_what_was_corrected_and_tells_what_is_left_out(mixed: Context) -> None:
    """A ride of 2 yuan charged 1 to ordinary cards: 50 fen were credited, 90 since the re-clearing."""
    files = rules.read(["xian"])
    files["xian/rules.toml"] = files["xian/rules.toml"].replace(*RIGHT, 1)
    found = await simulate(mixed, OtherRules(files, frozenset({"xian"})), OPEN, OPEN)
    left = {row.why: (row.operator, row.taps, row.credited_fen) for row in found.kept.left_out}
    assert left == {"other_city": (BUS, 2, 100), "torn": (BUS, 1, 0), "decided": (BUS, 2, 50)}
    (student,) = (row for row in found.kept.lines if row.card_kind == CardKind.STUDENT)
    assert (student.before.credited_fen, student.after.credited_fen) == (90, 100)
    assert (student.before.subsidy_fen, student.after.subsidy_fen) == (90, 100)
