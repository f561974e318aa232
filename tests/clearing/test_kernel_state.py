"""State moves with what is proven, and is taken back to the byte: on both kernels."""

from __future__ import annotations

from clearing import cards
from clearing.kernel import Kernel
from schemas.codes import Check
from schemas.reasons import Reason
from tests.clearing.kernel_cases import (
    AMOUNTS,
    BUSINESS_DAY,
    KERNELS,
    changes,
    context,
    make,
    tap,
)
from tests.clearing.usual import PLAIN, all_but, rides

R = Reason


def test_undo_is_exact_even_after_the_tables_grew(kernel: Kernel) -> None:
    opening = kernel.dump_state()
    kernel.judge(b"".join(rides(3)), context())
    first = kernel.dump_state()
    fresh = [
        tap(
            "open",
            serial=f"{n:020}",
            terminal_number=n,
            operator=AMOUNTS,
            amount_fen=160,
            algorithm=255,
        )
        for n in range(1, 400)
    ]
    kernel.judge(b"".join(fresh), context(AMOUNTS, batch_seq=2, checks=PLAIN))
    second = kernel.dump_state()
    kernel.judge(b"".join(rides(3, 3)), context(batch_seq=3))
    kernel.undo(3)
    assert kernel.dump_state() == second
    kernel.undo(2)
    assert kernel.dump_state() == first
    kernel.undo(1)
    assert kernel.dump_state() == opening
    kernel.undo(1)
    assert kernel.dump_state() == opening


def test_undo_takes_back_what_was_judged_on_top(kernel: Kernel) -> None:
    opening = kernel.dump_state()
    for number, data in enumerate(rides(5), 1):
        kernel.judge(data, context(batch_seq=number))
    kernel.undo(2)
    assert len(kernel.dump_state()) == len(opening) + 64 + 40
    assert changes(kernel, "ordinary")["offline_highest"] == 6
    kernel.undo(1)
    assert kernel.dump_state() == opening


def test_what_is_kept_is_not_taken_back(kernel: Kernel) -> None:
    for number, data in enumerate(rides(4), 1):
        kernel.judge(data, context(batch_seq=number))
        if number == 2:
            kept = kernel.dump_state()
    kernel.keep(2)
    kernel.undo(0)
    assert kernel.dump_state() == kept
    kernel.undo(0)
    assert kernel.dump_state() == kept


def test_undo_after_forgetting_leaves_nothing_behind(kernel: Kernel) -> None:
    opening = kernel.dump_state()
    kernel.judge(b"".join(rides(2)), context())
    kernel.forget(BUSINESS_DAY)
    kernel.undo(1)
    assert kernel.dump_state() == opening


def test_undo_takes_out_a_card_that_the_batch_brought(kernel: Kernel) -> None:
    opening = kernel.dump_state()
    fresh = tap("open", operator=AMOUNTS, amount_fen=160, algorithm=255)
    kernel.judge(fresh, context(AMOUNTS, checks=PLAIN))
    assert changes(kernel, "open")
    kernel.undo(1)
    assert kernel.dump_state() == opening
    assert changes(kernel, "open") == {}


def test_grouping_does_not_change_the_state() -> None:
    taps = [*rides(6), tap("student", amount_fen=75), tap("senior", amount_fen=0), rides(1)[0]]
    lines = set()
    for name in KERNELS:
        for size in (1, 2, 5, 9):
            kernel = make(name)
            for number, at in enumerate(range(0, len(taps), size), 1):
                kernel.judge(b"".join(taps[at : at + size]), context(batch_seq=number))
            lines.add(kernel.card_lines())
    assert len(lines) == 1


def test_lines_are_sorted_by_card_and_replaced_by_card(kernel: Kernel) -> None:
    data = kernel.card_lines()
    lines = [data[at : at + 64] for at in range(0, len(data), 64)]
    assert lines == sorted(lines, key=cards.key_of)
    kernel.add_cards(data[64:128] + lines[0])
    assert kernel.card_lines() == data


def test_the_counter_window_forgets_after_64_debits(kernel: Kernel) -> None:
    steps = [(70, R.CLEAN, 1), (69, R.COUNTER_LATE, 3), (69, R.COUNTER_REUSED, 3),
             (7, R.COUNTER_LATE, 3 | 1 << 63), (7, R.COUNTER_REUSED, 3 | 1 << 63), (6, R.COUNTER_LATE, 3 | 1 << 63),
             (134, R.CLEAN, 1), (65535, R.CLEAN, 1)]  # fmt: skip
    for number, (counter, reason, window) in enumerate(steps, 1):
        data = tap(terminal_number=number, offline_counter=counter, balance_before_fen=1000)
        judgement = kernel.judge(data, context(batch_seq=number, checks=all_but(Check.BALANCES)))
        assert list(judgement.reasons) == [reason], counter
        assert changes(kernel, "ordinary")["counter_window"] == window, counter
