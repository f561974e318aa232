"""One card's debits in its own order: which are transfers, and when nobody can tell. Tables."""

from __future__ import annotations

from itertools import product

import pytest
from msgspec.structs import replace

from clearing.plan import Transfer, TransferType
from clearing.transfers import Leg
from schemas.codes import TapKind
from settlement.transfers.history import Debit, Judged, Opening, judge

WINDOW_S = 5_400
SCHEME = Transfer(type=TransferType.AMOUNT_OFF, value_fen=20, window_s=WINDOW_S, count_max=2)
BUS, METRO = 11, 12
START = Opening(0, 0)


def debit(
    offline: int, minute: int, words: str = "", *, batch: int = 1, scheme: Transfer = SCHEME
) -> Debit:
    """The debit with a counter (0: none), tapped at a minute. ``words``: marked, taxi, metro, free (no transfer)."""
    leg = Leg(
        at_s=60 * minute + 1,
        kind=TapKind.TAXI_TRIP if "taxi" in words else TapKind.BUS_FLAT,
        operator=METRO if "metro" in words else BUS,
        marked="marked" in words,
        transfer=Transfer() if "free" in words else scheme,
    )
    return Debit(offline=offline or None, stated=offline, tap=(batch, minute), leg=leg)


def last(*debits: Debit, opening: Opening | None = START) -> bool | None:
    """What the last one is."""
    found = judge(debits, opening).get(debits[-1].tap)
    return None if found is None else found.qualifies


@pytest.mark.parametrize(
    ("minutes", "expected"),
    [
        ([0, 90], True), ([0, 91], False), ([0, 30, 60], True),
        ([0, 30, 60, 80], False),
        # The third one began a window of its own.
        ([0, 30, 60, 80, 170], True), ([0, 30, 60, 80, 171], False),
    ],
)  # fmt: skip
def test_windows_and_counts(minutes: list[int], expected: bool) -> None:
    debits = [debit(n, minute, "marked" if n > 1 else "") for n, minute in enumerate(minutes, 1)]
    assert last(*debits) is expected
    # Arrival does not matter.
    found = judge(reversed(debits), START)
    assert found[debits[-1].tap].qualifies is expected


@pytest.mark.parametrize(
    ("debits", "expected"),
    [
        # A leg is missing just before.
        ([debit(1, 0), debit(3, 30, "marked")], None),
        # The ride before certainly began a window, whatever came before that.
        ([debit(1, 0), debit(3, 20), debit(4, 30, "marked")], True),
        # It claimed a transfer, so it began one or did not.
        ([debit(1, 0), debit(3, 20, "marked"), debit(4, 30, "marked")], None),
        # It could not have had one.
        ([debit(1, 0), debit(3, 20, "marked free"), debit(4, 30, "marked")], True),
        # A taxi begins none.
        ([debit(1, 0), debit(3, 20, "taxi"), debit(4, 30, "marked")], None),
        ([debit(1, 0), debit(2, 20, "taxi"), debit(3, 30, "marked")], True),
        # More than the window lies before it, wherever a missing leg was.
        ([debit(1, 0), debit(3, 20, "marked"), debit(4, 111, "marked")], False),
        ([debit(1, 0), debit(3, 20, "marked"), debit(4, 110, "marked")], None),
        ([debit(1, 0), debit(3, 20, "marked"), debit(4, 111, "marked"), debit(5, 112, "marked")], True),
        # A debit without a counter is one of those that are missing, if it lies there.
        ([debit(1, 0), debit(0, 10), debit(3, 30, "marked")], True),
        ([debit(1, 0), debit(0, 10), debit(4, 30, "marked")], None),
        ([debit(1, 0), debit(0, 30, "marked")], None),
    ],
)  # fmt: skip
def test_what_is_missing_matters_as_far_as_it_may_be_a_leg(
    debits: list[Debit], expected: bool | None
) -> None:
    assert last(*debits) is expected


@pytest.mark.parametrize(
    ("opening", "first", "expected"),
    [
        (Opening(0, 0), 1, False), (Opening(6, 9), 10, False), (Opening(6, 9), 12, None),
        (None, 1, False), (None, 7, None),
    ],
)  # fmt: skip
def test_a_card_brings_no_window_with_it(
    opening: Opening | None, first: int, expected: bool | None
) -> None:
    offline = first if opening is None else first - opening.place + opening.offline
    one = Debit(offline=offline, stated=first, tap=(1, 1), leg=debit(1, 30, "marked").leg)
    found = judge([one], opening, whole=True)[one.tap]
    assert found.qualifies is expected
    assert found.reached_back is (opening is None and expected is None)


def test_debits_before_the_opening_position_are_part_of_it() -> None:
    late = debit(3, 0)
    assert late.tap not in judge([late, debit(6, 30, "marked")], Opening(5, 5))


def test_the_leg_before_is_of_an_operator_that_the_scheme_names() -> None:
    scheme = Transfer(
        type=TransferType.FREE, window_s=WINDOW_S, count_max=1, from_operators=(METRO,)
    )
    for words, expected in (("metro", True), ("", False)):
        second = debit(2, 30, "marked", scheme=scheme)
        assert last(debit(1, 0, words, scheme=scheme), second) is expected


def test_a_mark_alone_needs_no_history() -> None:
    scheme = Transfer(type=TransferType.FREE, by_mark=True)
    assert last(debit(5, 30, "marked", scheme=scheme), opening=None) is True
    assert last(debit(5, 30, scheme=scheme), opening=None) is False


def test_a_first_counter_may_follow_the_last_one_as_long_as_not_everything_was_read() -> None:
    """A counter of 1 is the card's first, or the one after 65535 and 0."""
    one = debit(1, 30, "marked")
    assert judge([one], None)[one.tap] == Judged(qualifies=None, reached_back=True)
    assert judge([one], None, whole=True)[one.tap] == Judged(qualifies=False, reached_back=False)


STORIES = [
    "1:0 2:30:marked 3:60:marked", "1:0 3:30:marked", "1:0 3:20 4:30:marked", "1:0 2:20:taxi 3:30:marked",
    "1:0 3:20:marked 4:111:marked 5:112:marked", "2:0 3:30:marked 4:60:marked 6:70:marked",
]  # fmt: skip


def comparable(story: str, start: int, registered: bool) -> bool:
    """Whether what is known shows the turn: something is before it, and a debit of 0 is not the last."""
    first, last = (
        int(word.split(":")[0])
        for word in (story.split(maxsplit=1)[0], story.rsplit(maxsplit=1)[-1])
    )
    return start + last != 65_536 and (registered or start + first < 65_536)


@pytest.mark.parametrize(
    ("story", "start", "registered"),
    [case for case in product(STORIES, range(65_531, 65_536), (True, False)) if comparable(*case)],
)
def test_a_history_is_the_same_at_the_turn_of_the_counter(
    story: str, start: int, registered: bool
) -> None:
    assert played(story, start, registered) == played(story, 100, registered)


def played(story: str, counter: int, registered: bool) -> list[bool | None]:
    """What the debits of a story are, ``counter:minute[:word]`` each, counters from a counter on."""
    debits = []
    for offline, minute, *words in (word.split(":") for word in story.split()):
        told = debit((counter + int(offline)) % 65_536, int(minute), *words)
        debits.append(replace(told, offline=told.stated))
    found = judge(reversed(debits), Opening(counter, counter) if registered else None)
    return [found[each.tap].qualifies for each in debits]
