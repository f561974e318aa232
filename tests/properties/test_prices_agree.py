"""Both kernels price alike whatever the rules: tariffs, classes, transfers and splits at random.

What the rules mean is told in ``tests/clearing/test_kernel.py``; here any numbers that a plan may hold
meet any claims that a record may make, bounds included.
"""

from __future__ import annotations

import os
import random
import struct

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clearing.cards import pack
from clearing.plan import (
    FOREVER,
    Bearer,
    FareClass,
    Meter,
    Operator,
    Rounding,
    Split,
    Tariff,
    TariffType,
    Transfer,
    TransferType,
)
from schemas.codes import Check, TapKind
from tests.clearing.kernel_cases import BUS, PLAN, TAPPED_S, context, line_of, make, tap

TORTURE = os.environ.get("TORTURE") == "1"
pytestmark = [pytest.mark.torture] if TORTURE else []

FEN_MAX = 2**31 - 1
FEN = st.one_of(st.integers(0, 3000), st.sampled_from((0, 1, FEN_MAX - 1, FEN_MAX)))
UINT32 = st.one_of(st.integers(0, 5000), st.sampled_from((0, 1, 2**31, 2**32 - 1)))
STATIONS = st.integers(1, 6)
KINDS = (TapKind.BUS_FLAT, TapKind.METRO_TAP_OUT, TapKind.METRO_SUPPLEMENT, TapKind.TAXI_TRIP)


@st.composite
def classes(draw: st.DrawFn) -> FareClass:
    bounds = sorted(draw(st.lists(FEN, max_size=3)))
    bounds += [FOREVER] if draw(st.booleans()) else []
    return FareClass(
        name="class",
        card_kind=draw(st.sampled_from((0, 0, 1, 2, 3, 255))),
        bands=tuple((bound, draw(st.integers(0, 1000))) for bound in bounds),
        rounding=draw(st.sampled_from(Rounding)),
        bearer=draw(st.sampled_from(Bearer)),
    )


METERS = st.builds(
    Meter, start_fen=FEN, start_m=UINT32, step_fen=FEN, step_m=UINT32.map(lambda n: n or 1),
    wait_fen=FEN, wait_s=UINT32, tolerance_fen=FEN,
)  # fmt: skip
TRANSFERS = st.builds(
    Transfer, type=st.sampled_from(TransferType), value_fen=FEN, window_s=UINT32,
    count_max=st.integers(0, 300), by_mark=st.booleans(),
)  # fmt: skip


@st.composite
def tariffs(draw: st.DrawFn) -> Tariff:
    stations = tuple(sorted(draw(st.sets(STATIONS))))
    count = len(stations) ** 2
    cells = draw(st.lists(st.one_of(FEN, st.just(-1)), min_size=count, max_size=count))
    since = draw(st.sampled_from((0, 0, TAPPED_S, TAPPED_S + 1)))
    return Tariff(
        name="tariff",
        type=draw(st.sampled_from(TariffType)),
        since_s=since,
        until_s=draw(st.sampled_from((FOREVER, FOREVER, TAPPED_S, TAPPED_S + 1))),
        kinds=sum(1 << kind for kind in draw(st.sets(st.sampled_from(KINDS), min_size=2))),
        min_fen=draw(FEN),
        max_fen=draw(FEN),
        step_fen=draw(st.integers(1, 300)),
        flat_fen=tuple(draw(st.lists(st.tuples(st.integers(0, 4), FEN), max_size=6))),
        stations=stations,
        od_fen=struct.pack(f"<{count}i", *cells),
        meter=draw(METERS),
        classes=tuple(draw(st.lists(classes(), max_size=4))),
        by_amount=draw(st.booleans()),
        transfer=draw(TRANSFERS),
    )


@st.composite
def splits(draw: st.DrawFn) -> Split:
    weights = draw(st.lists(UINT32, min_size=1, max_size=4))
    if not sum(weights):
        weights[-1] = 1
    accounts = st.integers(70, 73)
    shares = tuple((draw(accounts), weight) for weight in weights)
    return Split(draw(st.sampled_from((0, TAPPED_S + 1))), FOREVER, shares)


RIDES = st.fixed_dictionaries(
    {
        "kind": st.sampled_from(KINDS),
        "amount_fen": FEN,
        "gross_fen": FEN,
        "line": st.integers(0, 4),
        "station": STATIONS,
        "entry_station": st.one_of(st.just(0), STATIONS),
        "card_kind": st.sampled_from((0, 1, 2, 3, 9, 255)),
        "discount_claimed": st.integers(0, 3),
        "distance_m": UINT32,
        "duration_s": UINT32,
    }
)


@settings(
    max_examples=10_000 if TORTURE else 500,
    deadline=None,
    print_blob=True,
    suppress_health_check=(HealthCheck.too_slow, HealthCheck.data_too_large),
)
@given(
    rules=st.lists(tariffs(), min_size=1, max_size=2),
    parts=st.lists(splits(), min_size=1, max_size=2),
    rides=st.lists(RIDES, min_size=1, max_size=8),
    base=st.sampled_from((0, TAPPED_S, TAPPED_S - 1, TAPPED_S - 5000, TAPPED_S + 1)),
    seed=st.integers(0, 2**32),
)
def test_no_rules_set_the_kernels_apart(
    rules: list[Tariff], parts: list[Split], rides: list[dict[str, int]], base: int, seed: int
) -> None:
    numbers = random.Random(seed)
    operator = Operator(BUS, Check.ALL, tuple(rules), tuple(parts), 20, 21)
    limits = msgspec.structs.replace(PLAN.limits, amount_max_fen=FEN_MAX, balance_max_fen=FEN_MAX)
    plan = msgspec.structs.replace(PLAN, operators=(operator,), limits=limits)
    cards = ("ordinary", "student", "senior", "open", "foreign", "unissued")
    records = b"".join(
        tap(numbers.choice(cards), **ride, terminal_number=n, algorithm=255, balance_before_fen=0,
            balance_after_fen=0)
        for n, ride in enumerate(rides)
    )  # fmt: skip
    lines = b"".join(
        pack(line_of(name, transfer_base_s=base, transfers_used=numbers.choice((0, 1, 254, 255))))
        for name in cards[:3]
    )
    under = context(checks=numbers.choice((Check.TARIFF, Check.TARIFF | Check.JOURNEYS)))
    found = []
    for name in ("fastpath", "reference"):
        kernel = make(name, plan)
        kernel.add_cards(lines)
        judgement = kernel.judge(records, under)
        paid = sum(movement.amount_fen for movement in judgement.movements if movement.purpose != 7)
        assert paid <= judgement.charged_fen
        found.append((judgement, kernel.dump_state()))
    assert found[0] == found[1]
