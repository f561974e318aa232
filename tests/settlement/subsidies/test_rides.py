"""One ride worked out again by Xi'an's metro: hours, what the record leaves open, what does not follow."""

from __future__ import annotations

from datetime import datetime

import msgspec
import pytest

from clearing import pricing, rides, rules
from clearing.plan import Operator, local_seconds
from schemas.codes import CardKind, Check, TapKind
from settlement.store.subsidies import SubsidisedTap
from settlement.subsidies.rides import UNEXPLAINED, Worked, Worker
from tests.clearing.kernel_cases import PLAN
from tests.world import Card

METRO = 21
TARIFFS = rules.load(rules.read(["xian"])).tariff_for("xian/metro", METRO, {METRO: "metro"})
OPERATOR = Operator(
    number=METRO,
    checks=Check.ALL,
    tariffs=TARIFFS,
    splits=(),
    load_agent_account=1,
    subsidy_account=2,
)
WORKER = Worker(msgspec.structs.replace(PLAN, operators=(OPERATOR,)), audit=True)
MONDAY = "20260105"


def ride(clock: str, kind: CardKind, fare: int | None = None, **changes: object) -> SubsidisedTap:
    """An exit at 103 of who entered at 101, as the kernels would have stored it."""
    entry = {"entry_station": 101, "entry_at": f"{MONDAY}060000", "entry_line": 1}
    values = {"kind": TapKind.METRO_TAP_OUT, "station": 103, "line": 1} | entry | changes
    data = Card(1, kind=kind).tap(METRO, 0, at=f"{MONDAY}{clock}", **values)  # type: ignore[arg-type]
    at_s = local_seconds(datetime.strptime(MONDAY + clock, "%Y%m%d%H%M%S"))  # noqa: DTZ007 - local
    tariff = pricing.tariff_at(TARIFFS, TapKind.METRO_TAP_OUT, at_s)
    assert tariff is not None
    bounds = pricing.gross_bounds(tariff, rides.ride_of(data))
    assert bounds is not None
    gross = bounds[0]
    price = fare if fare is not None else gross // 2 if kind == CardKind.STUDENT else 0
    return SubsidisedTap(
        batch_seq=1, row_no=1, operator_no=METRO, rules_version=1, registry_version=1,
        kind=TapKind.METRO_TAP_OUT, tapped_s=at_s, gross_fen=gross, priced_fen=price, amount_fen=price,
        subsidy_fen=gross - price, record=data,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("clock", "kind", "expected"),
    [
        ("065959", CardKind.SENIOR, Worked("xian/metro", "senior", 200, 0)),
        ("070500", CardKind.STUDENT, Worked("xian/metro", "student", 100, 0)),
        ("075959", CardKind.LOVE, Worked("xian/metro", "love", 200, 0)),
    ],
)
def test_a_ride_that_follows_from_its_record(clock: str, kind: CardKind, expected: Worked) -> None:
    assert WORKER.work_out(ride(clock, kind), kind) == expected


def test_paid_hours_give_no_subsidy() -> None:
    found = WORKER.work_out(ride("073000", CardKind.SENIOR), CardKind.SENIOR)
    assert (found.fare_class, found.why_not) == (UNEXPLAINED, (("subsidy_fen", "0", "200"),))


def test_the_kind_as_issued_counts_whatever_the_record_says() -> None:
    tap = ride("100000", CardKind.SENIOR)
    assert WORKER.work_out(tap, CardKind.ORDINARY).fare_class == UNEXPLAINED
    assert WORKER.work_out(tap, CardKind.LOVE).fare_class == "love"


def test_a_gross_fare_that_is_not_the_tariffs_is_named() -> None:
    tap = ride("065900", CardKind.LOVE)
    higher = msgspec.structs.replace(tap, gross_fen=600, subsidy_fen=600)
    assert WORKER.work_out(higher, CardKind.LOVE).why_not == (("gross_fen", "200", "600"),)
    plain = Worker(msgspec.structs.replace(PLAN, operators=(OPERATOR,)), audit=False)
    assert plain.work_out(higher, CardKind.LOVE).why_not == ()


def test_an_operator_without_tariff_is_named() -> None:
    tap = msgspec.structs.replace(ride("065900", CardKind.LOVE), operator_no=22)
    found = WORKER.work_out(tap, CardKind.LOVE)
    assert (found.fare_class, found.budget_fen, [name for name, *_ in found.why_not]) == (
        UNEXPLAINED, 200, ["tariff"],
    )  # fmt: skip
