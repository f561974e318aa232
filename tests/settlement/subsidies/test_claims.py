"""The claim of a date and of a month, ride by ride; released rides; what an auditor finds."""

from __future__ import annotations

import csv
import io
import json
from datetime import date
from pathlib import Path

import pytest

from schemas.codes import CardKind
from settlement import store
from settlement.context import Context
from settlement.day import settle_day
from settlement.errors import AuditFailed
from settlement.subsidies.auditing import Audit, audit_claim
from settlement.subsidies.claim import CLAIM, MONTH, RIDES
from settlement.verify import verify_day
from tests import world
from tests.settlement import night
from tests.settlement.test_verify import damage
from tests.world import BUS, OPEN, Card


async def paper(context: Context, on: date, name: str) -> str:
    async with store.reading(context.dsn) as connection:
        found = await store.read_paper(connection, on, name)
    assert found is not None, name
    return found.decode()


async def audit(context: Context, on: date) -> Audit:
    async with store.reading(context.dsn) as connection:
        return await audit_claim(connection, context, on)


async def found(context: Context, on: date = OPEN) -> set[str]:
    return {finding.sentence for finding in (await audit(context, on)).findings}


async def moved(context: Context, on: date) -> dict[str, int]:
    """What the subsidy purse's accounts moved on a date, fen."""
    async with store.reading(context.dsn) as connection:
        rows = await connection.fetch(
            "SELECT a.code, sum(p.amount_fen)::bigint FROM clearing.posting p JOIN clearing.entry e"
            " USING (entry_id) JOIN clearing.account a USING (account_no)"
            " WHERE e.business_date = $1 AND p.purpose = 7 GROUP BY 1",
            on,
        )
    return {row[0]: row[1] for row in rows}


async def test_the_list_sums_up_to_the_claim_and_to_the_accounts(sealed: Context) -> None:
    claim = json.loads(await paper(sealed, OPEN, CLAIM))
    rides = [json.loads(line) for line in (await paper(sealed, OPEN, RIDES)).splitlines()]
    accounts = await moved(sealed, OPEN)
    assert claim["subsidy_fen"] == sum(ride["subsidy_fen"] for ride in rides) > 0
    assert claim["budget_fen"] == accounts["subsidies/budget"]
    assert claim["rides"] == len(rides) == sum(line["rides"] for line in claim["lines"])
    by_operator = {f"subsidies/subsidy/{line['operator']}": 0 for line in claim["lines"]}
    for line in claim["lines"]:
        by_operator[f"subsidies/subsidy/{line['operator']}"] -= line["subsidy_fen"]
    assert by_operator == {
        code: fen for code, fen in accounts.items() if "subsidies/subsidy" in code
    }
    table = list(csv.DictReader(io.StringIO(await paper(sealed, OPEN, "centre/subsidy_claim.csv"))))
    assert sum(int(row["subsidy_fen 补贴(分)"]) for row in table) == claim["subsidy_fen"]
    checked = await audit(sealed, OPEN)
    assert (checked.rides, checked.subsidy_fen, checked.findings) == (
        claim["rides"], claim["subsidy_fen"], [],
    )  # fmt: skip
    # Cards are masked, and still told apart.
    assert all("****" in ride["card"] for ride in rides)
    assert {line["card_kind"] for line in claim["lines"]} <= {"ordinary", "student"}


async def test_what_a_device_claims_raises_no_subsidy(migrated: str, tmp_path: Path) -> None:
    """A gross fare twice as high, and an ordinary card's record that says senior: the tariff counts."""
    ordinary, student, free = Card(1), Card(2, kind=CardKind.STUDENT), Card(3, kind=CardKind.LOVE)
    context = await night.city(migrated, tmp_path, [ordinary, student, free])
    taps = [
        ordinary.tap(BUS, 50, gross_fen=200, at="20260105100000"),
        student.tap(BUS, 50, gross_fen=100, at="20260105100100"),
        free.tap(BUS, 0, gross_fen=100, at="20260105100200"),
    ]
    await night.clear(context, [world.batch(BUS, 1, b"".join(taps))])
    await settle_day(context, OPEN)
    rides = [json.loads(line) for line in (await paper(context, OPEN, RIDES)).splitlines()]
    for ride in rides:
        assert ride["gross_fen"] == 100
        assert ride["subsidy_fen"] == ride["budget_fen"] + ride["issuer_fen"] <= 100
        assert ride["gross_fen"] - ride["fare_fen"] == ride["subsidy_fen"]
        assert (ride["batch_seq"], ride["rules_version"], ride["tariff"]) == (1, 1, "xian/bus")
    assert {ride["card_kind"] for ride in rides} >= {"love"}
    assert await found(context) == set()
    assert await verify_day(context, OPEN) == []


async def test_a_month_is_the_sum_of_its_dates(migrated: str, tmp_path: Path) -> None:
    eve, last = date(2026, 1, 30), date(2026, 1, 31)
    student = Card(2, kind=CardKind.STUDENT)
    node = await world.settle_in(migrated, tmp_path, [student], eve)
    context = Context(migrated, node, night.KERNEL)
    for number, on in enumerate((eve, last), 1):
        taps = [
            student.tap(BUS, 50, gross_fen=100, at=f"{on:%Y%m%d}10000{n}") for n in range(number)
        ]
        await night.clear(context, [world.batch(BUS, number, b"".join(taps), f"{on:%Y%m%d}")])
        await settle_day(context, on)
    month = json.loads(await paper(context, last, MONTH))
    assert (month["period"], month["rides"], month["subsidy_fen"]) == ("2026-01", 3, 150)
    assert {on: sums["subsidy_fen"] for on, sums in month["dates"].items()} == {
        "2026-01-30": 50, "2026-01-31": 100,
    }  # fmt: skip
    with pytest.raises(AssertionError):
        await paper(context, eve, MONTH)
    assert await verify_day(context, last) == []


TAP = f"clearing.tap_{OPEN:%Y%m%d}"


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        (f"UPDATE {TAP} SET subsidy_fen = subsidy_fen + 1", "subsidy_fen is 51, must be 50"),
        (f"UPDATE {TAP} SET gross_fen = gross_fen + 1", "gross_fen is 101, must be 100"),
        (f"UPDATE {TAP} SET priced_fen = priced_fen - 1", "fare_fen is 49"),
        (f"UPDATE {TAP} SET subsidy_fen = 0", "is missing"),
    ],
)  # fmt: skip
async def test_an_auditor_names_the_ride_that_was_changed(
    sealed: Context, statement: str, expected: str
) -> None:
    first = json.loads((await paper(sealed, OPEN, RIDES)).splitlines()[0])
    place = f"{first['batch_seq']}/{first['row']}"
    await damage(
        sealed, f"{statement} WHERE batch_seq = {first['batch_seq']} AND row_no = {first['row']}"
    )
    named = await found(sealed)
    if expected == "is missing":
        assert any(f"ride {place}: does not follow" in sentence for sentence in named), named
    else:
        assert any(f"ride {place}" in each and expected in each for each in named), named


async def test_an_auditor_names_a_card_of_another_kind_and_a_changed_paper(sealed: Context) -> None:
    first = json.loads((await paper(sealed, OPEN, RIDES)).splitlines()[0])
    await damage(
        sealed,
        "UPDATE settlement.paper SET content = convert_to(replace(convert_from(content, 'UTF8'),"
        f" '\"row\":{first['row']},', '\"row\":{first['row']}0,'), 'UTF8') WHERE name = '{RIDES}'",
    )
    named = await found(sealed)
    assert any(f"ride {first['batch_seq']}/{first['row']}: is missing" in each for each in named)


BOOKED_OTHERWISE = {
    "SET amount_fen = amount_fen + 1": "is 50, must be 51",
    # The same sum, paid by somebody else.
    "SET account_no = (SELECT account_no FROM clearing.account WHERE code = 'subsidies/issuer_discount')": (
        "is 50, must be 0"
    ),
}


@pytest.mark.parametrize("change", list(BOOKED_OTHERWISE))
async def test_the_night_stops_where_accounts_moved_otherwise(
    migrated: str, tmp_path: Path, change: str
) -> None:
    student = Card(2, kind=CardKind.STUDENT)
    context = await night.city(migrated, tmp_path, [student])
    tap = student.tap(BUS, 50, gross_fen=100)
    await night.clear(context, [world.batch(BUS, 1, tap)])
    await settle_day(context, OPEN, until="netted")
    await damage(
        context,
        f"UPDATE clearing.posting p {change} FROM clearing.account a"
        " WHERE a.account_no = p.account_no AND a.code = 'subsidies/budget'",
    )
    expected = f"subsidies of the budget: Σ claim, fen, {BOOKED_OTHERWISE[change]}"
    with pytest.raises(AuditFailed, match=expected):
        await settle_day(context, OPEN)
