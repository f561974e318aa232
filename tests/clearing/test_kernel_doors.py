"""Sums of a batch; and what no plan, batch or line may be: on both kernels."""

from __future__ import annotations

import threading
from typing import Any

import msgspec
import pytest

from clearing.kernel import Kernel
from schemas import record
from schemas.reasons import Reason
from tests.clearing.kernel_cases import (
    BUS,
    BUS_ACCOUNT,
    BUS_OWNER,
    PLAN,
    changes,
    context,
    make,
    tap,
)
from tests.clearing.usual import rides

R = Reason


def test_a_batch_adds_up(kernel: Kernel) -> None:
    taps = [*rides(2), rides(1)[0], tap(tac="00000000", terminal_number=8), b"\0" * record.SIZE]
    judgement = kernel.judge(b"".join(taps), context())
    assert judgement.count == 5
    assert judgement.verdict_counts == (2, 0, 3)
    assert (judgement.gross_fen, judgement.charged_fen, judgement.accepted_fen) == (800, 400, 200)
    counts = {R(n).name: c for n, c in enumerate(judgement.reason_counts) if c}
    assert counts == {"CLEAN": 1, "BALANCE_RISE_PENDING": 1, "DUPLICATE_IN_BATCH": 1,
                      "TAC_WRONG": 1, "MALFORMED": 1, "COUNTER_REUSED": 1}  # fmt: skip
    assert judgement.movements == tuple(sorted(judgement.movements))
    assert judgement.evidence == tuple(sorted(judgement.evidence))
    assert [(m.credit, m.count, m.amount_fen) for m in judgement.movements] == [
        (BUS_ACCOUNT, 2, 66), (BUS_OWNER, 2, 134)
    ]  # fmt: skip


def test_an_empty_batch_is_a_batch(kernel: Kernel) -> None:
    judgement = kernel.judge(b"", context())
    assert (judgement.count, judgement.verdict_counts, judgement.copy_rows) == (0, (0, 0, 0), b"")
    kernel.undo(1)


@pytest.mark.parametrize(
    ("records", "wrong", "error"),
    [
        (b"\0" * 143, {}, ValueError), (b"\0" * 145, {}, ValueError), (b"", {"operator": 99}, KeyError),
        (b"", {"operator": 2**32 + BUS}, KeyError), (b"", {"operator": -1}, KeyError),
        (b"", {"batch_seq": 2**31}, ValueError), (b"", {"batch_seq": -1}, ValueError),
        (b"", {"business_day": -1}, ValueError), (b"", {"judged_at_s": 2**32}, ValueError),
        (b"", {"business_day": 2**16}, ValueError), (b"", {"acquirer": 2**16}, ValueError),
        (b"", {"source": 2}, ValueError),
    ],
)  # fmt: skip
def test_what_no_batch_has_is_refused_before_anything_moves(
    kernel: Kernel, records: bytes, wrong: dict[str, Any], error: type[Exception]
) -> None:
    before = kernel.dump_state()
    good = tap()
    with pytest.raises(error):
        kernel.judge(good + records, context(**wrong))
    kernel.undo(0)
    assert kernel.dump_state() == before
    assert list(kernel.judge(good, context()).reasons) == [R.CLEAN]


def test_wrong_lines_and_identities_are_refused(kernel: Kernel) -> None:
    before = kernel.dump_state()
    for lines in (b"\1" * 63, bytes(64), b"\1" * 64 + bytes(64)):
        with pytest.raises(ValueError, match="card line"):
            kernel.add_cards(lines)
    for identity, head in ((bytes(36), bytes(4)), (bytes(37), bytes(3))):
        with pytest.raises(ValueError, match="bytes"):
            kernel.add_identities([(identity, 1, 1, head, 1, 0)])
    for day, acquirer in ((2**16, 0), (1, 2**16), (-1, 0)):
        with pytest.raises(ValueError, match=r"2.16|65535"):
            kernel.add_identities([(bytes(37), 1, 1, bytes(4), day, acquirer)])
    with pytest.raises(ValueError, match="19 bytes"):
        kernel.card_line(bytes(18))
    assert kernel.card_line(bytes(19)) is None
    assert kernel.dump_state() == before


def test_a_new_plan_leaves_the_state_alone(kernel: Kernel) -> None:
    kernel.judge(tap(), context())
    before = kernel.dump_state()
    kernel.configure(msgspec.structs.replace(PLAN, operators=PLAN.operators[:1]))
    assert kernel.dump_state() == before
    kernel.undo(1)
    assert changes(kernel, "ordinary") == {}


def test_a_second_writer_is_refused_while_a_batch_is_judged() -> None:
    """The GIL is released for the whole row loop, so another thread does come in."""
    kernel = make("fastpath")
    records = bytes(record.SIZE) * 100_000
    refused = []
    judging = threading.Thread(target=kernel.judge, args=(records, context()))
    judging.start()
    while judging.is_alive():
        try:
            kernel.card_lines()
        except RuntimeError as error:
            refused.append(error)
    judging.join()
    assert refused
    assert kernel.judge(tap(), context(batch_seq=2)).verdict_counts == (1, 0, 0)


@pytest.mark.parametrize(
    ("part", "changes"),
    [
        ("operator", {"number": -1}), ("operator", {"denylist_effective_s": (2**32,)}), ("operator", {"fee_times": ((0, 2**32),)}),
        ("tariff", {"step_fen": 0}), ("tariff", {"type": 9}), ("tariff", {"flat_fen": ((0, -1),)}),
        ("tariff", {"type": 2, "stations": (2, 1), "od_fen": bytes(16)}),
        ("tariff", {"type": 2, "stations": (1, 2), "od_fen": bytes(15)}), ("tariff", {"type": 3}),
        ("class", {"bands": ((200, 500), (100, 500))}), ("class", {"bands": ((200, 1001),)}),
        ("split", {"shares": ((1, 0),)}), ("split", {"shares": ((1, 1),) * 5}),
        ("key", {"level_key": bytes(15)}), ("key", {"algorithm": 2}), ("key", {"factor_offset": 11}),
        ("plan", {"unclaimed_accounts": (1,) * 63}), ("plan", {"rules_version": 2**32}),
        ("limits", {"journey_max_s": -1}), ("terminal", {"device": 2**63}), ("issuer", {"family": 255}),
    ],
)  # fmt: skip
def test_a_plan_out_of_bounds_is_refused_and_the_old_one_stays(
    part: str, changes: dict[str, Any]
) -> None:
    """C has no numbers without bounds: what would overflow is refused before it is used."""
    replace = msgspec.structs.replace
    kernel, operator = make("fastpath"), PLAN.operators[0]
    tariff = operator.tariffs[0]
    match part:
        case "plan":
            plan = replace(PLAN, **changes)
        case "key":
            plan = replace(PLAN, key_sets=(*PLAN.key_sets, replace(PLAN.key_sets[0], **changes)))
        case "limits":
            plan = replace(PLAN, limits=replace(PLAN.limits, **changes))
        case "terminal":
            plan = replace(PLAN, terminals=(replace(PLAN.terminals[0], **changes),))
        case "issuer":
            plan = replace(PLAN, issuers=(replace(PLAN.issuers[0], **changes),))
        case "operator":
            plan = replace(PLAN, operators=(replace(operator, **changes),))
        case "split":
            split = replace(operator.splits[0], **changes)
            plan = replace(PLAN, operators=(replace(operator, splits=(split,)),))
        case "class":
            changed = replace(tariff, classes=(replace(tariff.classes[0], **changes),))
            plan = replace(PLAN, operators=(replace(operator, tariffs=(changed,)),))
        case _:
            changed = replace(tariff, **changes)
            plan = replace(PLAN, operators=(replace(operator, tariffs=(changed,)),))
    with pytest.raises(ValueError, match=r"\w"):
        kernel.configure(plan)
    assert kernel.judge(tap(), context()).verdict_counts == (1, 0, 0)


def test_a_level_key_does_not_show_in_an_error() -> None:
    kernel, key = make("fastpath"), msgspec.structs.replace(PLAN.key_sets[0], algorithm=2)
    with pytest.raises(ValueError, match="algorithm") as error:
        kernel.configure(msgspec.structs.replace(PLAN, key_sets=(key,)))
    assert key.level_key.hex() not in str(error.value)
    assert repr(key.level_key) not in str(error.value)
