"""Both kernels price alike whatever the rules: tariffs, classes, transfers and splits at random.

What the rules mean is told in ``tests/clearing/tariffs``; here any numbers that a plan may hold meet any
claims that a record may make, bounds included.
"""

from __future__ import annotations

import os
import random
import struct
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clearing.cards import JOURNEY_OPEN, pack
from clearing.kernel import Judgement
from clearing.plan import Operator, Purpose, Split, Tariff
from schemas import record
from schemas.codes import Check, Mode
from schemas.reasons import Reason
from tests.clearing.kernel_cases import (
    BUDGET,
    BUS,
    ISSUER_DISCOUNT,
    PLAN,
    TAPPED_S,
    context,
    ints,
    line_of,
    make,
    tap,
)
from tests.properties.random_rules import FEN_MAX, RIDES, splits, tariffs

TORTURE = os.environ.get("TORTURE") == "1"
pytestmark = [pytest.mark.torture] if TORTURE else []

OWN = ("ordinary", "student", "senior")
CARDS = (*OWN, "ordinary", "student", "open", "foreign", "unissued")


def _lines(numbers: random.Random, base: int) -> bytes:
    """The cards as they come: in or out of a journey, with or without something spent."""
    return b"".join(
        pack(
            line_of(
                name,
                transfer_base_s=base,
                transfer_operator=numbers.choice((0, BUS, 65_535)),
                transfers_used=numbers.choice((0, 1, 254, 255)),
                flags=3 | numbers.choice((0, JOURNEY_OPEN)),
                entry_at_s=TAPPED_S - numbers.choice((0, 600, 7200, 14_401)),
                entry_station=numbers.randint(0, 6),
                last_tap_s=numbers.choice((0, TAPPED_S - 86_400, TAPPED_S, TAPPED_S + 86_400)),
                day_spent_fen=numbers.choice((0, 500, 65_535)),
                month_spent_fen=numbers.choice((0, 5000, 2**32 - 1)),
            )
        )
        for name in OWN
    )


def _check_money(judgement: Judgement, records: bytes) -> None:
    """What must hold of every fare, whatever the rules."""
    gross = {e.row: e.expected for e in judgement.evidence if e.reason == Reason.GROSS_DIFFERS}
    columns = zip(
        judgement.reasons,
        ints(judgement.flags, "Q"),
        ints(judgement.priced_fen, "i"),
        ints(judgement.credited_fen, "i"),
        ints(judgement.subsidy_fen, "i"),
        struct.iter_unpack("<8i", judgement.shares),
        strict=True,
    )
    owed = 0
    for row, (reason, flags, priced, credited, subsidy, shares) in enumerate(columns):
        fields: Any = record.unpack(records[row * record.SIZE : (row + 1) * record.SIZE])
        judged_gross = gross.get(row, fields.gross_fen)
        assert priced >= 0
        assert subsidy >= 0
        if sum(shares[1::2]):
            assert sum(shares[1::2]) == credited
        missing = (flags | 1 << reason) >> Reason.TARIFF_MISSING & 1
        if not missing and fields.mode != Mode.DEGRADED:
            assert priced <= judged_gross
            assert subsidy <= judged_gross - priced
        owed += subsidy
    paid = {
        purpose: sum(m.amount_fen for m in judgement.movements if m.purpose == purpose)
        for purpose in Purpose
    }
    assert paid[Purpose.SUBSIDY] == owed
    assert {m.debit for m in judgement.movements if m.purpose == Purpose.SUBSIDY} <= {
        BUDGET,
        ISSUER_DISCOUNT,
    }
    fares = paid[Purpose.FARE] + paid[Purpose.FARE_UNCONFIRMED]
    assert fares + paid[Purpose.EXCESS] == judgement.accepted_fen
    assert sum(paid.values()) - owed <= judgement.charged_fen


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
    rules: list[Tariff], parts: list[Split], rides: list[dict[str, Any]], base: int, seed: int
) -> None:
    numbers = random.Random(seed)
    operator = Operator(BUS, Check.ALL, tuple(rules), tuple(parts), 20, 21)
    limits = msgspec.structs.replace(PLAN.limits, amount_max_fen=FEN_MAX, balance_max_fen=FEN_MAX)
    plan = msgspec.structs.replace(PLAN, operators=(operator,), limits=limits)
    records = b"".join(
        tap(numbers.choice(CARDS), **ride, terminal_number=n, algorithm=255, balance_before_fen=0,
            balance_after_fen=0)
        for n, ride in enumerate(rides)
    )  # fmt: skip
    lines = _lines(numbers, base)
    checks = numbers.choice((Check.TARIFF, Check.TARIFF | Check.JOURNEYS))
    under = context(checks=checks)
    found = []
    for name in ("fastpath", "reference"):
        kernel = make(name, plan)
        kernel.add_cards(lines)
        judgement = kernel.judge(records, under)
        _check_money(judgement, records)
        found.append((judgement, kernel.dump_state()))
    assert found[0] == found[1]
