"""A terminal's numbers: what its line remembers, on both kernels."""

from __future__ import annotations

from typing import Any

import pytest

from clearing import cards, terminals
from clearing.kernel import Kernel
from clearing.limits import TERMINAL_WINDOW
from clearing.terminals import TerminalLine
from schemas.codes import Check
from schemas.reasons import Reason
from tests.clearing.kernel_cases import (
    BUS,
    METRO,
    TAPPED_S,
    TAXI,
    context,
    ints,
    make,
    tap,
    terminal_of,
)  # fmt: skip
from tests.clearing.usual import PRESENTED, all_but

R = Reason
BUS_TERMINAL = bytes.fromhex(terminal_of(BUS))


def line_of(kernel: Kernel, terminal: bytes = BUS_TERMINAL) -> TerminalLine | None:
    data = kernel.card_line(terminals.name_of(terminal))
    return None if data is None else terminals.unpack(data)


def ride(number: int, **changes: Any) -> bytes:
    """A right tap by terminal number; its card's counter goes with it."""
    usual = {"offline_counter": 5 + number % 60_000, "terminal_number": number}
    return tap(**usual | changes)


def numbers(kernel: Kernel, *given: int, first_seq: int = 1) -> list[bool]:
    """Whether each number, given in this order by another tap each, counts as used before."""
    found = []
    for turn, number in enumerate(given):
        data = ride(number, tapped_at=f"2026010508{first_seq:02}{turn:02}")
        judgement = kernel.judge(data, context(batch_seq=first_seq + turn))
        applied = ints(judgement.flags, "Q")[0] | 1 << judgement.reasons[0]
        found.append(bool(applied >> R.TERMINAL_NUMBER_REUSED & 1))
    return found


def test_a_line_remembers_the_numbers_up_to_the_highest(kernel: Kernel) -> None:
    assert numbers(kernel, 5, 3, 4, 3, 5, 6) == [False, False, False, True, True, False]
    line = line_of(kernel)
    assert line == TerminalLine(
        terminal_id=BUS_TERMINAL,
        number_highest=6,
        last_tap_s=TAPPED_S - 29 * 60 - 15 + 5,
        window=0b1111,
        repeats=2,
        number_first=5,
    )


@pytest.mark.parametrize("ahead", [1, 63, 64, 65, 127, 128, 129, 191, 192, 255, 256, 257, 2**31])
def test_the_window_moves_by_any_distance(kernel: Kernel, ahead: int) -> None:
    given = (1000, 999, 1000 - 70, 1000 + ahead)
    assert numbers(kernel, *given) == [False] * 4
    line = line_of(kernel)
    assert line is not None
    used = sum(1 << (given[3] - n) for n in given if given[3] - n < TERMINAL_WINDOW)
    assert (line.number_highest, line.window) == (1000 + ahead, used)
    far = [n for n in given if given[3] - n >= TERMINAL_WINDOW]
    assert numbers(kernel, *given, first_seq=5) == [n not in far for n in given]


def test_the_highest_number_is_that_of_the_field(kernel: Kernel) -> None:
    most = 2**32 - 1
    assert numbers(kernel, 1, most, most - 255, most - 256, most - 255, most) == [
        False, False, False, False, True, True
    ]  # fmt: skip


def test_each_terminal_has_its_own_numbers(kernel: Kernel) -> None:
    kernel.judge(ride(7), context())
    other = ride(7, operator=METRO, station=101, entry_station=101, kind=5, gross_fen=200,
                 offline_counter=13)  # fmt: skip
    judgement = kernel.judge(other, context(METRO, batch_seq=2))
    assert judgement.reason_counts[R.TERMINAL_NUMBER_REUSED] == 0
    assert line_of(kernel, bytes.fromhex(terminal_of(METRO))) is not None
    assert line_of(kernel, bytes.fromhex(terminal_of(TAXI))) is None


@pytest.mark.parametrize(
    ("changes", "under", "moves"),
    [
        ({}, {}, True),
        ({"terminal_number": 0}, {}, False),
        ({}, {"checks": all_but(Check.TERMINAL_REGISTRY)}, False),
        ({}, PRESENTED, False),
        ({"terminal_id": "999999999999"}, {}, False),
        # Held, and it holds its identity; but the numbers are not its operator's to move.
        ({"terminal_id": terminal_of(TAXI)}, {}, False),
        ({"tac": "00000000"}, {}, False),
        # Held, but it holds its identity.
        ({"tac": "FFFFFFFF"}, {}, True),
        ({"card": "expired"}, {}, True),
        ({"card": "foreign"}, {}, True),
        # Rejected, and its money has moved.
        ({"card": "closed"}, {}, True),
        ({"card": "unissued"}, {}, False),
        ({"kind": 8, "online_counter": 3}, {}, True),
    ],
)
def test_what_holds_its_identity_moves_its_terminal(
    kernel: Kernel, changes: dict[str, Any], under: dict[str, Any], moves: bool
) -> None:
    fields = {"card": "ordinary", **changes}
    kernel.judge(tap(fields.pop("card"), **fields), context(**under))
    known = bytes.fromhex(fields.get("terminal_id", terminal_of(BUS)))
    line = line_of(kernel, known)
    assert (line is not None) == moves
    if line is not None:
        assert (line.number_highest, line.window, line.repeats) == (1, 1, 0)
    kernel.undo(1)
    assert line_of(kernel, known) is None


def test_a_number_again_by_the_same_tap_is_a_duplicate_and_nothing_else(kernel: Kernel) -> None:
    kernel.judge(ride(7), context())
    again = kernel.judge(ride(7), context(batch_seq=2))
    assert list(again.reasons) == [R.DUPLICATE]
    assert ints(again.flags, "Q") == [0]
    line = line_of(kernel)
    assert line is not None
    assert line.repeats == 0


def test_numbers_within_one_batch_are_taken_back_with_it(kernel: Kernel) -> None:
    """More terminals than a batch remembers to have noted, in turn, so that some are noted again."""
    before = kernel.dump_state()
    plan = [f"71{n:010}" for n in range(150)]
    kernel.judge(ride(1), context())
    first = kernel.dump_state()
    for seq in (2, 3):
        data = b"".join(
            ride(
                seq * 1000 + turn,
                terminal_id=terminal_of(BUS) if turn % 3 else terminal_of(BUS, 17),
            )
            for turn, _ in enumerate(plan)
        )
        kernel.judge(data, context(batch_seq=seq))
    kernel.undo(3)
    kernel.undo(2)
    assert kernel.dump_state() == first
    kernel.undo(1)
    assert kernel.dump_state() == before


def test_lines_of_terminals_come_after_those_of_cards_and_go_in_again(kernel: Kernel) -> None:
    kernel.judge(ride(7), context())
    kernel.judge(ride(9, terminal_id=terminal_of(BUS, 17)), context(batch_seq=2))
    data = kernel.card_lines()
    lines = [data[at : at + 64] for at in range(0, len(data), 64)]
    assert lines == sorted(lines, key=cards.key_of)
    assert [terminals.is_terminal(line) for line in lines[-3:]] == [False, True, True]
    assert [terminals.pack(terminals.unpack(line)) for line in lines[-2:]] == lines[-2:]
    fresh = make(kernel.name)
    fresh.add_cards(data)
    assert fresh.card_lines() == data
    assert numbers(fresh, 7, 8) == [True, False]


def test_a_name_has_the_length_of_a_cards() -> None:
    assert len(terminals.name_of(bytes(6))) == 19
    with pytest.raises(ValueError, match="6 bytes"):
        terminals.name_of(bytes(5))
