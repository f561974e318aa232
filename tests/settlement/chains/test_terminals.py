"""The numbers of a terminal: as tables without a database, and over real nights."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearing import store
from clearing.plan import local_seconds
from clearing.terminals import TerminalLine
from schemas.items import Action, ItemKind, ItemOutcome, ItemState
from schemas.reasons import Reason
from schemas.registry import Staff
from settlement.chains.standing import Books, Known, Writer
from settlement.chains.terminals import Numbered, follow, low_sum, missing_runs
from settlement.decisions import Words, decide, propose
from tests.settlement.chains.nights import BUS, OPEN, Card, City
from tests.settlement.chains.shelf import changed, known_of
from tests.settlement.chains.stories import START, day

TERMINAL = bytes.fromhex("710000110001")
WINDOW_DAYS = 30


def taps(numbers: Iterable[int], *, on: int = 0, flags: int = 0) -> list[Numbered]:
    """Taps in order of arrival; each was tapped as many seconds after START as its number says."""
    return [
        Numbered(
            number=number,
            tapped_at=START + timedelta(days=on, seconds=number),
            batch_seq=1 + on,
            row_no=row,
            operator_no=11,
            flags=flags,
        )
        for row, number in enumerate(numbers)
    ]


class Terminal:
    """A terminal's open gaps and its highest number, from night to night."""

    def __init__(self) -> None:
        self.gaps: dict[str, Known] = {}
        self.lost: list[Known] = []
        self.before: TerminalLine | None = None
        self.outcomes: list[ItemOutcome] = []
        self.repeats: list[int] = []

    def night(self, on: int, came: list[Numbered]) -> None:
        writer = Writer(Books(business_date=day(on), window_days=WINDOW_DAYS, lost=0))
        follow(writer, TERMINAL, self.before, came, self.gaps, self.lost)
        for item in writer.night.items:
            if item.kind == ItemKind.TERMINAL_REPEAT:
                self.repeats.append(item.body["number"])
            else:
                assert item.item_id not in self.gaps
                self.gaps[item.item_id] = known_of(item)
        for change in writer.night.changes:
            old = self.gaps.pop(change.item_id)
            assert change.change_no == old.changes + 1
            self.outcomes.append(change.outcome)
            if change.outcome == ItemOutcome.LOST:
                self.lost.append(old)
            if change.state == ItemState.OPEN:
                self.gaps[change.item_id] = changed(
                    old, outcome=change.outcome, changes=change.change_no, said=change.body
                )
        old_line = self.before or TerminalLine(terminal_id=TERMINAL)
        for tap in came:
            old_line.number_first = old_line.number_first or tap.number
            old_line.number_highest = max(old_line.number_highest, tap.number)
            old_line.last_tap_s = max(old_line.last_tap_s, local_seconds(tap.tapped_at))
        self.before = old_line if came or self.before else None

    @property
    def missing(self) -> list[tuple[int, int]]:
        return sorted((item.said["first"], item.said["last"]) for item in self.gaps.values())


NIGHTS = [
    pytest.param([[5, 6, 7]], [], [], id="what was before the first number is not missed"),
    pytest.param([[5, 8]], [(6, 7)], [], id="one run is one gap"),
    pytest.param([[5, 7, 10]], [(6, 6), (8, 9)], [], id="two runs are two gaps"),
    pytest.param([[5, 6], [9]], [(7, 8)], [], id="between two dates"),
    pytest.param([[9, 5, 7, 8, 6]], [], [], id="out of order"),
    pytest.param([[5, 9], [6, 7, 8]], [], [], id="everything came later"),
    pytest.param([[5, 9], [7]], [(6, 6), (8, 8)], [], id="the middle came later"),
    pytest.param([[5, 9], [6]], [(7, 8)], [], id="the first came later"),
    pytest.param([[5, 9], [8]], [(6, 7)], [], id="the last came later"),
    pytest.param([[5, 6], [], [7]], [], [], id="a date without taps"),
    pytest.param([[5, 6, 6, 7]], [], [6], id="a number twice on one date"),
    pytest.param([[900, 1_500], [901], [901]], [(902, 1_499)], [901], id="a late one again, far below"),
    pytest.param([[5, 6], [3]], [], [], id="from before the first number, by its time as well"),
    pytest.param([[5], [4_000_000_000]], [(6, 3_999_999_999)], [], id="a jump of billions"),
]  # fmt: skip


@pytest.mark.parametrize(("nights", "missing", "repeats"), NIGHTS)
def test_numbers(
    nights: list[list[int]], missing: list[tuple[int, int]], repeats: list[int]
) -> None:
    terminal = Terminal()
    for on, numbers in enumerate(nights):
        # All were tapped on the first date: what comes later is late.
        terminal.night(on, [tap for tap in taps(numbers) if tap] if numbers else [])
    assert terminal.missing == missing
    assert terminal.repeats == repeats


def test_a_number_that_the_kernel_has_seen_is_a_repeat() -> None:
    terminal = Terminal()
    terminal.night(0, taps([5, 6]))
    terminal.night(1, taps([6], flags=1 << Reason.TERMINAL_NUMBER_REUSED))
    assert terminal.repeats == [6]


def test_a_terminal_that_was_reset_gives_its_numbers_again() -> None:
    """The numbers of the second date begin at 1 again, far below what the kernel remembers."""
    terminal = Terminal()
    terminal.night(0, taps(range(1, 1_000)))
    terminal.night(1, taps(range(1, 4), on=1))
    assert terminal.repeats == [1, 2, 3]
    assert terminal.missing == []


def test_a_line_that_does_not_know_its_first_number_calls_no_early_one_a_repeat() -> None:
    """The line is older than the field: 3 was tapped before what is known, 4 afterwards."""
    terminal = Terminal()
    terminal.night(0, taps([5, 6]))
    assert terminal.before is not None
    terminal.before.number_first = 0
    terminal.night(1, [*taps([3]), *taps([4], on=1)])
    assert terminal.repeats == [4]


def test_what_comes_of_a_lost_gap_is_not_given_twice() -> None:
    terminal = Terminal()
    terminal.night(0, taps([5, 7]))
    terminal.night(31, [])
    terminal.night(32, taps([6, 6]))
    assert terminal.repeats == [6]
    terminal.night(33, taps([5], on=33))
    assert terminal.repeats == [6, 5]


def test_one_wild_number_makes_no_repeats_of_the_honest_ones_after_it() -> None:
    """A number near the end of its 32 bits, whose gap is lost; then the terminal goes on where it was."""
    terminal = Terminal()
    terminal.night(0, taps([5, 4_294_967_295]))
    terminal.night(100_000, [])
    assert terminal.outcomes == [ItemOutcome.LOST]
    terminal.night(100_001, taps(range(6, 40), on=100_001))
    assert terminal.repeats == []


def test_a_gap_ages_out_when_its_window_has_closed() -> None:
    terminal = Terminal()
    terminal.night(0, taps([5, 7]))
    terminal.night(30, [])
    assert terminal.missing == [(6, 6)]
    terminal.night(31, [])
    assert terminal.missing == []
    assert terminal.outcomes == [ItemOutcome.LOST]


def test_part_of_a_gap_comes_on_its_last_night() -> None:
    """What is left is lost, and nothing else is said of it."""
    terminal = Terminal()
    terminal.night(0, taps([5, 9]))
    terminal.night(31, taps([8]))
    assert terminal.outcomes == [ItemOutcome.LOST]
    assert terminal.missing == []


@given(st.integers(0, 300_000), st.integers(0, 400))
def test_the_low_sum_is_what_sql_adds_up(first: int, count: int) -> None:
    assert low_sum(first, first + count) == sum(n & 0xFFFF for n in range(first, first + count + 1))


@given(st.sets(st.integers(1, 30)), st.integers(1, 15), st.integers(16, 30))
def test_runs_are_what_is_not_there(numbers: set[int], first: int, last: int) -> None:
    runs = list(missing_runs(first, last, taps(sorted(numbers))))
    missing = [n for run in runs for n in range(run.first, run.last + 1)]
    assert missing == [n for n in range(first, last + 1) if n not in numbers]
    assert all(one.last + 1 < two.first for one, two in pairwise(runs))


# -- nights ----------------------------------------------------------------------------------------


async def test_gaps_and_repeats_over_nights(migrated: str, tmp_path: Path) -> None:
    """Numbers 10, 11 and 14, then 16 and 12; 12 is given again; the rest never comes."""
    city = await City.founded(migrated, tmp_path, [Card(n) for n in range(1, 9)])
    card = iter([Card(n) for n in range(1, 9)])

    def ride(number: int, time: str) -> bytes:
        return next(card).tap(BUS, 50, at=city.at(time), number=number, gross_fen=100)

    await city.hand_in(ride(10, "080000"), ride(11, "080100"), ride(14, "080400"))
    late = ride(12, "080200")
    await city.sleep()
    assert await gaps(city) == [(12, 13)]
    await city.hand_in(ride(16, "080000"), late)
    await city.sleep()
    assert await gaps(city) == [(13, 13), (15, 15)]
    again = ride(12, "090000")
    await city.hand_in(again)
    await city.sleep()
    (repeat,) = await city.items(ItemKind.TERMINAL_REPEAT)
    assert repeat.item.body == {"number": 12}
    # The window of the tap after 13 closes first.
    await city.sleep()
    assert await gaps(city) == [(13, 13), (15, 15)]
    await city.sleep()
    assert await gaps(city) == [(15, 15)]
    await city.sleep()
    assert await gaps(city) == []
    await city.verified()


async def test_a_record_of_a_dismissed_gap_is_late_and_not_twice(
    migrated: str, tmp_path: Path
) -> None:
    city = await City.founded(migrated, tmp_path, [Card(n) for n in range(1, 4)])
    first, late, last = (
        Card(n).tap(BUS, 50, at=city.at(time), number=number, gross_fen=100)
        for n, number, time in ((1, 10, "080000"), (2, 12, "080200"), (3, 14, "080400"))
    )
    await city.hand_in(first, last)
    await city.sleep()
    (gap,) = await city.items(ItemKind.TERMINAL_GAP)
    connection = await asyncpg.connect(city.context.dsn)
    try:
        people = [Staff(name=name, key_sha256="0" * 64, since=OPEN) for name in ("anna", "bo")]
        async with connection.transaction():
            await store.change_registry(connection, [("staff", each) for each in people])
        words = Words("the recorder was lost")
        asked = await propose(
            connection, city.context, gap.item.item_id, Action.DISMISS, words, "anna"
        )
        await decide(connection, city.context, asked.proposal_no, True, "so it was", "bo")
    finally:
        await connection.close()
    await city.hand_in(late)
    await city.sleep()
    assert await city.items(ItemKind.TERMINAL_REPEAT) == []
    await city.verified()


async def gaps(city: City) -> list[tuple[int, int]]:
    found = await city.items(ItemKind.TERMINAL_GAP)
    return sorted((each.item.body["first"], each.item.body["last"]) for each in found)
