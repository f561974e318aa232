"""A wrong split, a concession that was wrong either way, fares that no rule covered."""

from __future__ import annotations

import msgspec
import pytest

from clearing import store as clearing_store
from clearing.store import Connection
from schemas.items import Action, ItemKind, ItemOutcome, ItemState
from schemas.registry import Operator
from service.registration import register
from settlement import reclearing, store
from settlement.context import Context
from settlement.day import settle_day
from settlement.decisions import DecisionRefused, Words
from settlement.decisions import decide as decide_item
from settlement.decisions import propose as propose_item
from settlement.reclearing.people import compute
from settlement.store import items, reclears
from settlement.verify import verify_day
from tests.settlement.decisions.town import check_books, lines_of
from tests.settlement.reclearing import town
from tests.settlement.reclearing.town import ANNA, BO, CHEN, NEXT, OPEN
from tests.world import TAXI

STUDENT = '{ name = "student", card_kind = "student", pay_per_mille = 500, rounding = "half_up", bearer = "budget" }'
BUS = "[[discount.bus]]"


def students_pay(per_mille: int, bearer: str = "budget") -> tuple[str, str]:
    """Another concession for students, in buses: the second scheme of the file."""
    new = STUDENT.replace("500", f"{per_mille}").replace('"budget"', f'"{bearer}"')
    return (
        f'{BUS}\nsince = 2000-01-01\nsource = "[bus]"\nclasses = [\n    {ORDINARY},\n    {STUDENT}',
        f'{BUS}\nsince = 2000-01-01\nsource = "[bus]"\nclasses = [\n    {ORDINARY},\n    {new}',
    )


ORDINARY = '{ name = "ordinary", card_kind = "ordinary", pay_per_mille = 500, rounding = "half_up", bearer = "operator" }'


async def test_a_wrong_split(wrong: Context, connection: Connection) -> None:
    proposal = await town.corrected(connection, wrong, *town.PLATFORM)
    assert proposal.taps == 2
    assert await lines_of(connection, f"reclear/{proposal.proposal_no}/2") == {
        ("operator/12", "reclear"): -52,
        ("driver/12", "reclear"): 52,
    }
    await check_books(connection)
    await settle_day(wrong, NEXT)
    for day in (OPEN, NEXT):
        assert await verify_day(wrong, day) == []


@pytest.mark.parametrize(
    ("edit", "fare_fen", "lines"),
    [
        # Students should have paid less: what they paid too much is theirs, the budget pays more.
        (students_pay(300), -20, {("subsidies/budget", "subsidy"): 20}),
        # Students should have paid more: part of the excess is the operator's, the budget pays less.
        (students_pay(800), 30, {("subsidies/budget", "subsidy"): -30}),
        # The issuer should have borne it.
        (
            students_pay(500, "issuer"),
            0,
            {
                ("subsidies/budget", "subsidy"): -50,
                ("subsidies/issuer_discount", "subsidy"): 50,
            },
        ),
    ],
)
async def test_a_wrong_concession(
    wrong: Context,
    connection: Connection,
    edit: tuple[str, str],
    fare_fen: int,
    lines: dict[tuple[str, str], int],
) -> None:
    proposal = await town.corrected(connection, wrong, edit)
    found = await lines_of(connection, f"reclear/{proposal.proposal_no}/1")
    subsidies = {key: fen for key, fen in found.items() if key[1] == "subsidy"}
    paid = {key: fen for key, fen in subsidies.items() if "subsidy/" not in key[0]}
    assert paid == lines
    assert sum(subsidies.values()) == 0
    assert found.get(("operator/11", "reclear"), 0) == -fare_fen
    assert found.get(("suspense", "excess"), 0) == fare_fen
    [item] = await items.read_standing(connection, NEXT, item_ids=["excess/1/3"])
    assert item.amount_fen == 50 - fare_fen
    await check_books(connection)
    await settle_day(wrong, NEXT)
    assert await verify_day(wrong, NEXT) == []


async def test_held_for_want_of_a_rule_then_accepted_and_back(
    wrong: Context, connection: Connection
) -> None:
    """Under rules that begin a day late taxis are held; under those of then they are accepted."""
    late = ("[[tariff.taxi]]\nsince = 2000-01-01", f"[[tariff.taxi]]\nsince = {NEXT}")
    held = await town.corrected(connection, wrong, late)
    assert await lines_of(connection, f"reclear/{held.proposal_no}/2") == {
        ("operator/12", "reclear"): 208,
        ("driver/12", "reclear"): 2_392,
        ("card_liability/1", "reclear"): -2_600,
        ("card_liability/1", "held"): 2_600,
        ("suspense", "held"): -2_600,
    }
    [item] = await items.read_standing(connection, NEXT, item_ids=["held/2/0"])
    assert (item.item.kind, item.state, item.amount_fen) == (
        ItemKind.HELD, ItemState.OPEN, 1_300,
    )  # fmt: skip
    assert item.item.body["reason"] == "tariff_missing"
    await check_books(connection)
    await settle_day(wrong, NEXT)
    assert await verify_day(wrong, NEXT) == []
    back = await town.propose(connection, wrong, version=1)
    await town.approve(connection, wrong, back.proposal_no)
    day = NEXT.replace(day=NEXT.day + 1)
    [item] = await items.read_standing(connection, day, open_only=False, item_ids=["held/2/0"])
    assert (item.state, item.outcome) == (ItemState.CLOSED, ItemOutcome.RECLEARED)
    await check_books(connection, day)
    await settle_day(wrong, day)
    for each in (OPEN, NEXT, day):
        assert await verify_day(wrong, each) == []


async def test_what_it_held_is_released_under_its_rules(
    wrong: Context, connection: Connection
) -> None:
    """A tap that the correction held has an item of its own, which two people release."""
    late = ("[[tariff.taxi]]\nsince = 2000-01-01", f"[[tariff.taxi]]\nsince = {NEXT}")
    await town.corrected(connection, wrong, late)
    made = await propose_item(
        connection, wrong, "held/2/1", Action.REJECT, Words("nobody drove it"), ANNA
    )
    await decide_item(connection, wrong, made.proposal_no, True, "", BO)
    assert await lines_of(connection, f"item/{made.proposal_no}") == {
        ("suspense", "rejected"): 1_300,
        ("unclaimed/tariff_missing", "rejected"): -1_300,
    }
    await check_books(connection)
    # From here on the tap is people's: a second re-clearing leaves it out.
    back = await town.propose(connection, wrong, version=1)
    assert [tap.row_no for tap in await reclears.read_list(connection, back.proposal_no)] == [0]
    assert [row["first"] for row in back.body["summary"]["left_out"]] == [["2:1"]]


async def test_a_list_from_before_another_was_approved_is_not_proposed(
    wrong: Context, connection: Connection
) -> None:
    """No item of these taps tells that their date was corrected meanwhile: only a split was wrong."""
    await town.put(connection, *town.PLATFORM)
    day = await store.read_day(connection, OPEN)
    assert day is not None
    first, late = await compute(wrong, day, None), await compute(wrong, day, None)
    one = await reclearing.propose(connection, wrong, day, first, "the split", ANNA)
    await town.approve(connection, wrong, one.proposal_no, BO)
    with pytest.raises(DecisionRefused, match="was re-cleared while this was computed"):
        await reclearing.propose(connection, wrong, day, late, "the split", CHEN)


async def ended(connection: Connection) -> None:
    """The contract by which taxis shared fares has ended; another one has no split."""
    _, version = await clearing_store.read_versions(connection)
    operators = (await clearing_store.read_registry(connection, version))["operator"]
    (taxi,) = (row for row in operators if isinstance(row, Operator) and row.number == TAXI)
    async with connection.transaction():
        row = msgspec.structs.replace(taxi, split="")
        await clearing_store.change_registry(connection, [("operator", row)])


OWNED = (
    ("per_mille = 80 }", "per_mille = 60 }"),
    ("per_mille = 920 }", 'per_mille = 900 },\n    { role = "line_owner:77", per_mille = 40 }'),
)


async def test_a_contract_that_ended_and_an_owner_who_came_later(
    wrong: Context, connection: Connection
) -> None:
    await ended(connection)
    version = await town.put(connection, *OWNED)
    day = await store.read_day(connection, OPEN)
    with pytest.raises(
        DecisionRefused, match="operator 12 had on 2026-01-05 does not hold"
    ) as caught:
        await compute(wrong, day, version)
    assert "xian/rules.toml:" in caught.value.sentence
    assert "line_owner:77 is no operator of this node" in caught.value.sentence
    assert caught.value.remedy.startswith("Register the owner with that number first")
    owner = Operator(number=77, code="owner", name="owner", mode="taxi", tariff="xian/taxi")
    await register(wrong.dsn, [("operator", owner)])
    proposal = await town.propose(connection, wrong)
    assert proposal.taps == 2
    await town.approve(connection, wrong, proposal.proposal_no)
    # 2,600 fen: 4 % more to the owner, 2 % less to each of the others.
    assert await lines_of(connection, f"reclear/{proposal.proposal_no}/2") == {
        ("operator/12", "reclear"): 2 * 26,
        ("driver/12", "reclear"): 2 * 26,
        ("operator/77", "reclear"): -2 * 52,
    }
    await settle_day(wrong, NEXT)
    assert await verify_day(wrong, NEXT) == []


async def test_rules_that_lack_what_a_contract_of_then_names_are_refused(
    wrong: Context, connection: Connection
) -> None:
    await ended(connection)
    version = await town.put(connection, ("[[split.taxi]]", "[[split.cabs]]"))
    day = await store.read_day(connection, OPEN)
    with pytest.raises(DecisionRefused, match="There is no split named 'xian/taxi'") as caught:
        await compute(wrong, day, version)
    assert "must stand in the rules that correct it (onecard rules put)" in caught.value.remedy


async def test_accumulations_of_later_dates_are_named(
    wrong: Context, connection: Connection
) -> None:
    """What cards paid in the month enters later dates as it was judged; nobody must think it was corrected."""
    accumulation = (
        '[[accumulation.month]]\nsince = 2000-01-01\nperiod = "month"\nrounding = "half_up"\n'
        'bearer = "budget"\ntiers = [{ from_fen = 0, pay_per_mille = 500 }]\n\n[[split.metro]]'
    )
    bus = 'network = "bus"\nfare_fen = 100'
    await town.put(connection, town.RIGHT)
    day = await store.read_day(connection, OPEN)
    assert (await compute(wrong, day, None)).later == []
    await town.put(
        connection, ("[[split.metro]]", accumulation), (bus, f'accumulation = "month"\n{bus}')
    )
    made = await town.propose(connection, wrong)
    assert made.body["summary"]["later"] == [
        {
            "operator": 11, "tariff": "xian/bus", "period": "month", "first": f"{NEXT}",
            "last": f"{NEXT}",
        }
    ]  # fmt: skip
