"""Both kernels say the same of everything: batches with faults in them, with undo and the rest between.

An example is a short story: batches and what a node does between them. After each step every column of
the judgement and the whole state must be equal. ``TORTURE=1`` runs 50,000 stories instead of 500.
Hypothesis prints the story, and the seed to run it again.
"""

from __future__ import annotations

import hashlib
import os
import random
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st

from clearing import cards
from clearing.kernel import BatchContext, Judgement, Kernel
from clearing.limits import JOURNEY_MAX_S
from schemas import record
from schemas.codes import Check, Source, TapKind, TypeByte
from schemas.reasons import RECORD_LEVEL, Reason
from tests.clearing.kernel_cases import (
    AMOUNTS,
    BUS,
    BUSINESS_DAY,
    ISSUED,
    METRO,
    NO_FEE,
    NO_SPLIT,
    OPERATORS,
    PLAN,
    SERIALS,
    TAXI,
    context,
    line_of,
    make,
    tap,
)
from tests.properties.faulty_city import FAULTS, City

TORTURE = os.environ.get("TORTURE") == "1"
EXAMPLES = 50_000 if TORTURE else 500
pytestmark = [pytest.mark.torture] if TORTURE else []

CHECKS = (
    Check.ALL, Check.ALL, Check.ALL, Check.ALL & ~Check.TAC, Check.TARIFF, Check(0),
    Check.ALL & ~(Check.COUNTERS | Check.BALANCES), Check.ALL & ~(Check.TARIFF | Check.JOURNEYS),
)  # fmt: skip
ACQUIRERS = (0, 0, 7930, 7950)
TAPS = st.tuples(
    st.sampled_from((City.right, City.right, City.right, City.right, *FAULTS)),
    st.sampled_from(("ordinary", "ordinary", "student", "union", "open", *SERIALS)),
)
BATCHES = st.fixed_dictionaries(
    {
        "taps": st.one_of(st.lists(TAPS, max_size=6), st.lists(TAPS, min_size=12, max_size=30)),
        "operator": st.sampled_from(
            (BUS, BUS, METRO, TAXI, AMOUNTS, *(o.number for o in OPERATORS))
        ),
        "checks": st.sampled_from(CHECKS),
        "presented": st.sampled_from((False, False, False, True)),
        "days": st.integers(-1, 2),
        "known": st.booleans(),
    }
)
BETWEEN = st.tuples(
    st.sampled_from(
        (
            "nothing",
            "nothing",
            "undo",
            "undo",
            "keep",
            "forget",
            "cards",
            "identities",
            "plan",
            "again",
        )
    ),
    st.integers(0, 3),
)


def _checks_for(operator: int, checks: Check) -> Check:
    """The source that gives amounts only has no TAC, so its contract does not ask for one."""
    return checks & ~Check.TAC if operator == AMOUNTS else checks


def _difference(one: Judgement, other: Judgement) -> str | None:
    """The first field in which two judgements differ, with both values."""
    for name in Judgement.__struct_fields__:
        left, right = getattr(one, name), getattr(other, name)
        if left != right:
            return f"{name}: fastpath {left!r}, reference {right!r}"
    return None


class Story:
    """Both kernels, led through the same steps."""

    def __init__(self, seed: int) -> None:
        self.city = City(seed)
        self.kernels: list[Kernel] = [make("fastpath"), make("reference")]
        self.batch_seq, self.day = 0, BUSINESS_DAY
        self.kept = 0
        self.seen: list[tuple[bytes, int]] = []

    def both(self, step: Callable[[Kernel], None]) -> None:
        for kernel in self.kernels:
            step(kernel)
        self.compare()

    def compare(self) -> None:
        fast, slow = (kernel.dump_state() for kernel in self.kernels)
        assert fast == slow, "dump_state differs"

    def records(self, taps: list[tuple[Callable[[City, str], bytes], str]]) -> bytes:
        made = []
        for fault, card in taps:
            made.append(fault(self.city, card))
            self.city.taps.append(made[-1])
        return b"".join(made)

    def known(self, records: bytes) -> dict[bytes, tuple[int, int, bytes, int, int]]:
        """Every third identity of a batch, as if a sealed day had it: the same record or another."""
        numbers = self.city.random
        found = {}
        for at in range(0, len(records), 3 * record.SIZE):
            data = records[at : at + record.SIZE]
            head = hashlib.sha256(data).digest()[:4] if numbers.random() < 0.5 else b"\1\2\3\4"
            place = (numbers.choice((1, self.batch_seq)), numbers.randrange(2**32))
            booked = (self.day - numbers.randrange(3), numbers.choice(ACQUIRERS))
            found[data[record.IDENTITY]] = (*place, head, *booked)
        return found

    def judge(self, batch: dict[str, Any]) -> None:
        self.batch_seq += 1
        self.city.operator = batch["operator"]
        records = self.records(batch["taps"])
        self.day = self.city.now_s // 86400 + batch["days"]
        source = Source.PRESENTMENT if batch["presented"] else Source.OPERATOR
        under: BatchContext = context(
            0 if batch["presented"] else batch["operator"],
            batch_seq=self.batch_seq,
            business_day=self.day,
            judged_at_s=self.city.now_s,
            source=source,
            checks=_checks_for(batch["operator"], batch["checks"]),
            acquirer=self.city.random.choice((7930, 7950)) if batch["presented"] else 0,
            known=self.known(records) if batch["known"] else {},
        )
        fast, slow = (kernel.judge(records, under) for kernel in self.kernels)
        difference = _difference(fast, slow)
        if difference is not None:
            note(f"records: {records.hex()}")
        assert difference is None, difference
        self.compare()

    def between(self, what: str, much: int) -> None:
        numbers = self.city.random
        match what:
            case "undo":
                self.both(lambda kernel: kernel.undo(self.batch_seq + 1 - much))
            case "keep":
                self.both(lambda kernel: kernel.keep(self.batch_seq - much))
            case "forget":
                self.both(lambda kernel: kernel.forget(self.day - much))
            case "again":
                # What a date's end keeps goes into kernels that know nothing else.
                lines = self.kernels[0].card_lines()
                self.kernels = [make("fastpath"), make("reference")]
                self.both(lambda kernel: kernel.add_cards(lines))
                assert self.kernels[0].card_lines() == lines
            case "cards":
                names = numbers.sample(ISSUED, much)
                fresh = [line_of(name, serial=numbers.randbytes(10)) for name in names * 30]
                known = [line_of(name, stated_balance_fen=77) for name in names]
                lines = b"".join(cards.pack(line) for line in fresh + known)
                self.both(lambda kernel: kernel.add_cards(lines))
            case "identities":
                rows = [
                    (data[record.IDENTITY], 1, n, data[:4], self.day - much, n % 2 * 7930)
                    for n, data in enumerate(self.city.taps[-5:])
                ]
                self.both(lambda kernel: kernel.add_identities(rows))
            case "plan":
                limits = msgspec.structs.replace(PLAN.limits, production=bool(much % 2))
                limits = msgspec.structs.replace(
                    limits, journey_max_s=(60, JOURNEY_MAX_S)[much % 2]
                )
                plan = msgspec.structs.replace(PLAN, limits=limits, rules_version=much)
                self.both(lambda kernel: kernel.configure(plan))


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    print_blob=True,
    phases=(Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink),
    suppress_health_check=(HealthCheck.too_slow, HealthCheck.data_too_large),
)
@given(
    seed=st.integers(0, 2**32), steps=st.lists(st.tuples(BATCHES, BETWEEN), min_size=1, max_size=4)
)
def test_no_story_sets_the_kernels_apart(
    seed: int, steps: list[tuple[dict[str, Any], tuple[str, int]]]
) -> None:
    story = Story(seed)
    for batch, between in steps:
        story.judge(batch)
        story.between(*between)
    story.both(lambda kernel: kernel.undo(0))


def test_the_stories_reach_what_they_are_for() -> None:
    """Without this the property above could hold because nothing happens in it."""
    counts, verdicts = [0] * 64, [0, 0, 0]
    story = Story(1)
    kernel, numbers = story.kernels[0], random.Random(2)
    for number in range(240):
        if number % 4 == 0:
            # Or all cards would be refunded ones before long.
            kernel.add_cards(b"".join(cards.pack(line_of(name)) for name in ISSUED))
        names = [numbers.choice(("ordinary", "student", *SERIALS)) for _ in range(20)]
        story.city.operator = numbers.choice((BUS, BUS, METRO, TAXI, AMOUNTS, NO_SPLIT, NO_FEE))
        under = context(
            story.city.operator,
            batch_seq=number,
            # A date has several batches, so that what comes again comes on the same and on others.
            business_day=story.city.now_s // 86400 // 5 * 5,
            judged_at_s=story.city.now_s + 2 * 86400,
            checks=_checks_for(story.city.operator, numbers.choice(CHECKS)),
            source=Source(int(number % 7 == 0)),
            acquirer=numbers.choice((7930, 7950)) if number % 7 == 0 else 0,
        )
        records = story.records([(numbers.choice((City.right, *FAULTS)), name) for name in names])
        records += story.records([(City.right, name) for name in names])
        judged = kernel.judge(records, under)
        counts = [a + b for a, b in zip(counts, judged.reason_counts, strict=True)]
        verdicts = [a + b for a, b in zip(verdicts, judged.verdict_counts, strict=True)]
    given_by_kernels = {row.reason for row in RECORD_LEVEL} - {
        Reason.DECLARED_LATE,
        Reason.REFUSED_BY_ISSUER,
    }
    assert {reason for reason in given_by_kernels if not counts[reason]} == set()
    assert min(verdicts) > sum(verdicts) // 20, verdicts


def test_a_load_is_what_the_card_signs() -> None:
    """The generator's signatures are the kernels': else every tap above would be a forged one."""
    for name in ("fastpath", "reference"):
        kernel = make(name)
        data = tap(kind=TapKind.TOP_UP, type_byte=TypeByte.LOAD, online_counter=3)
        assert kernel.judge(data, context()).verdict_counts == (1, 0, 0)
