"""The turn of a debit counter: a card's story is the same wherever its counter stood when it began."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given, note, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from schemas.items import ItemKind, ItemOutcome
from schemas.reasons import Reason
from settlement.chains import following
from settlement.chains import torn as torn_taps
from settlement.chains.audit import oldest_missing
from settlement.chains.cards import History, is_doubtful
from settlement.chains.element import Element
from settlement.chains.standing import Books, Known
from settlement.chains.turn import came_before, is_near
from settlement.chains.walk import Bounds
from tests.settlement.chains.nights import BUS, Card, City
from tests.settlement.chains.shelf import CARD, LIABILITY, LOST, OPERATOR, Shelf
from tests.settlement.chains.stories import day, history, opening
from tests.settlement.chains.test_honest_cards import BALANCE_FEN, NIGHTS, Event, histories
from tests.settlement.decisions.town import torn

FAR = 100
"""A counter that is nowhere near its turn."""
TURN = 65_536
RUNS = 5_000 if os.environ.get("TORTURE") == "1" else 150


# -- one story at two counters ---------------------------------------------------------------------


class Played:
    """A story played from a debit counter on, night by night. ``near``: read no further than nights do."""

    def __init__(
        self, events: Sequence[Event], counter: int, *, registered: bool, near: bool
    ) -> None:
        self.near = near
        self.start = opening(BALANCE_FEN, offline=counter) if registered else None
        self.events, self.counter, self.shelf = events, counter, Shelf(None)
        self.flags: dict[tuple[int, int], int] = {}
        self.used = {counter} if registered else set[int]()
        self.offline, self.online = (counter, 0) if registered else (0, 0)
        self.stated_fen = BALANCE_FEN if registered else None

    def night(self, on: int) -> None:
        here = [each for each in self.events if each.comes_on is not None and each.comes_on <= on]
        elements = [self.element(each) for each in here if not each.torn]
        torn_ones = [self.element(each) for each in here if each.torn]
        loads = [each for each in self.events if each.element.is_load and each.logged_on <= on]
        log = {each.element.online: each.element.amount_fen for each in loads}
        self.judge([each for each in elements if each.business_date == day(on)])
        elements = [replace(each, flags=self.flags.get(each.tap, 0)) for each in elements]
        since = self.since(day(on), elements, torn_ones) if self.near else date.min
        self.shelf.opening = self.opening(since)
        self.shelf.night(
            day(on), [each for each in elements if each.business_date >= since],
            [each for each in torn_ones if each.business_date >= since], log,
        )  # fmt: skip

    def judge(self, arrived: list[Element]) -> None:
        """What intake says of each tap of a date, and what the card's line knows then."""
        for each in sorted(arrived, key=lambda element: element.tap):
            newer = each.stated > self.offline + self.online
            if newer and self.stated_fen not in (None, each.before_fen):
                rose = each.before_fen > (self.stated_fen or 0)
                reason = Reason.BALANCE_RISE_PENDING if rose else Reason.CHAIN_GAP_PENDING
                self.flags[each.tap] = 1 << reason
            if newer:
                self.stated_fen = each.after_fen
            if each.is_load:
                self.online = max(self.online, each.online)
            elif each.offline:
                self.used.add(each.offline)
                self.offline = max(self.offline, each.offline)

    @property
    def missing(self) -> int:
        """The oldest debit counter that the line lacks, as the night hands it to the audit."""
        window = sum(1 << self.offline - each for each in self.used if self.offline - each < 64)
        if not window & (window + 1) and not is_near(self.offline):
            return 0
        return oldest_missing(self.offline, window)

    def element(self, event: Event) -> Element:
        counter = (event.element.offline + self.counter) % TURN
        return replace(
            event.element, offline=counter, business_date=day(event.comes_on or 0),
            proven=not event.torn,
        )  # fmt: skip

    def since(self, on: date, elements: list[Element], torn_ones: list[Element]) -> date:
        """From which date on a night reads: as near as its doubts allow."""
        known = self.shelf.known
        for reach in (on - timedelta(days=3), on - timedelta(days=60)):
            since = min(reach, following.oldest_needed(known) or reach)
            read = History(CARD, since, self.missing, self.opening(since), known=known)
            read.elements = [each for each in elements if each.business_date >= since]
            read.torn = [
                (each, item)
                for each in torn_ones
                if each.business_date >= since and (item := self.item_of(each, on)) is not None
            ]
            if not is_doubtful(read, read.walked(Bounds())):
                return since
        return date.min

    def opening(self, since: date) -> Element | None:
        """The card was registered on the first date."""
        return self.start if since <= day(0) else None

    def item_of(self, element: Element, on: date) -> Known | None:
        books = Books(business_date=on, window_days=30, lost=LOST)
        item = torn_taps.known_torn(element, books, self.shelf.known)
        return item if item is not None and torn_taps.is_candidate(item) else None

    @property
    def names(self) -> dict[tuple[ItemKind, int], tuple[object, ...]]:
        """Items by kind and how far their place is from where the counter began, around its turn."""
        return {
            (item.kind, self.shifted(item)): (
                item.state, item.outcome, item.amount_fen, item.account_no, item.booked_fen,
                item.changes,
            )
            for item in self.shelf.known.values()
        }  # fmt: skip

    @property
    def waits(self) -> set[tuple[ItemKind, int, int]]:
        """What is open in the end: kind, place from where the counter began, fen."""
        return {
            (item.kind, self.shifted(item), item.amount_fen)
            for item in self.shelf.known.values()
            if item.is_open
        }

    def shifted(self, item: Known) -> int:
        if item.kind == ItemKind.TORN:
            return int(item.item_id.split("/")[1])
        return (item.place - self.counter) % TURN


def counter_of(event: Event, start: int) -> int:
    return (event.element.offline + start) % TURN


def is_plain(events: Sequence[Event], start: int) -> bool:
    """Whether no record states a debit counter of zero, which may also say that it is not given."""
    return all(counter_of(each, start) for each in events if each.comes_on is not None)


def is_told(events: Sequence[Event], start: int, *, registered: bool) -> bool:
    """Whether what is known in the end shows that a zero is the turn: a debit has it, after records with
    high counters and before one with a low one."""
    came = [each for each in events if each.comes_on is not None and not each.torn]
    zeros = [each for each in came if not counter_of(each, start)]
    high = registered or any(counter_of(each, start) > FAR for each in came)
    debits = [each for each in zeros if not each.element.is_load]
    return bool(high and debits and 0 < counter_of(came[-1], start) < FAR)


def told(events: Sequence[Event]) -> str:
    """A story in short: counters from 0 on, kind and fen, the hour of the tap, the nights of record and log."""
    return "; ".join(
        f"{each.element.offline}+{each.element.online}"
        f" {'load' if each.element.is_load else 'torn' if each.torn else 'ride'} {each.element.amount_fen}"
        f"{'' if each.debited else ' undebited'} at {each.element.tapped_at:%d %H:%M:%S}"
        f" comes {each.comes_on} logged {each.logged_on}"
        for each in events
    )


@settings(max_examples=RUNS, deadline=None)
@given(
    histories(torn=True, lost=True),
    st.integers(TURN - 10, TURN - 1),
    st.sampled_from([(True, True), (True, False), (False, False)]),
    st.integers(0, NIGHTS + 40),
)
def test_a_story_is_the_same_at_the_turn_of_the_counter(
    events: list[Event], start: int, manner: tuple[bool, bool], decided_on: int
) -> None:
    """Of a card that is not registered, a line with a high counter makes nights read on where others do not:
    there everything is read."""
    registered, near = manner
    note(told(events))
    far, turning = (
        Played(events, counter, registered=registered, near=near) for counter in (FAR, start)
    )
    for on in range(NIGHTS + 40):
        far.night(on)
        turning.night(on)
        if is_plain(events, start):
            assert turning.names == far.names
            assert turning.shelf.outcomes == far.shelf.outcomes
            assert turning.shelf.balances == far.shelf.balances
            if on == decided_on:
                decide(far, turning)
    if is_plain(events, start) or is_told(events, start, registered=registered):
        assert turning.shelf.balances == far.shelf.balances
        assert turning.waits == far.waits


def decide(*played: Played) -> None:
    """Two people return the money of every gap that is lost."""
    for each in played:
        for name, item in list(each.shelf.known.items()):
            if item.kind == ItemKind.CHAIN_GAP and item.account_no == LOST:
                each.shelf.decide(name, ItemOutcome.RETURNED)


# -- names and places ------------------------------------------------------------------------------


def at_turn(last: int, story: str = "-50 -60 -70 -80 -90") -> list[Element]:
    """A history whose debit counter was at ``last`` before it."""
    return [replace(each, offline=(last + each.offline) % TURN) for each in history(story)]


def test_a_gap_keeps_its_name_when_the_counter_begins_anew() -> None:
    """65534 is missing and lost, and two people returned its money; then the card rides on over the turn."""
    rides = at_turn(65_532)
    shelf = Shelf(None)
    shelf.night(day(31), [rides[0], rides[2]])
    (name,) = shelf.known
    assert name.endswith("/65534")
    shelf.decide(name, ItemOutcome.RETURNED)
    shelf.night(day(33), [rides[0], *rides[2:]])
    assert list(shelf.known) == [name]
    assert shelf.known[name].outcome == ItemOutcome.RETURNED
    assert (shelf.balances[LOST], shelf.balances[LIABILITY]) == (0, 60)


def test_a_gap_after_the_turn_has_one_name_whatever_is_read() -> None:
    """2 is missing: once the history goes back to before the turn, once it begins after it."""
    rides = at_turn(65_534, "-50 -60 -70 -80 -90")
    shelf = Shelf(None)
    shelf.night(day(0), [*rides[:3], rides[4]])
    assert shelf.open == [(ItemKind.CHAIN_GAP, 2, 80)]
    shelf.night(day(1), [rides[2], rides[4]])
    assert shelf.outcomes == [(ItemKind.CHAIN_GAP, ItemOutcome.OPENED)]


def test_a_torn_tap_stays_paid_when_what_is_read_begins_after_it() -> None:
    """The torn tap at 65534 was proven; a later night reads no further back than the ride after it."""
    rides = at_turn(65_532)
    torn_one = replace(rides[1], batch_seq=90, proven=False)
    shelf = Shelf(None)
    shelf.night(day(0), [rides[0], rides[2]], [torn_one])
    assert shelf.balances[OPERATOR] == -60
    shelf.night(day(1), rides[2:], [torn_one])
    assert shelf.balances[OPERATOR] == -60


def test_the_debit_with_counter_zero_is_the_turn_where_nothing_else_can_be() -> None:
    """65535 is missing: its gap lies before the debit of 0, and no other."""
    rides = at_turn(65_533)
    shelf = Shelf(None)
    shelf.night(day(0), [rides[0], rides[2], rides[3]])
    assert shelf.open == [(ItemKind.CHAIN_GAP, 65_535, 60)]


def test_zeros_of_a_source_without_counters_are_no_turn() -> None:
    """Two debits between the high and the low ones state zero: they fill the gap by their time."""
    rides = at_turn(65_533)
    shelf = Shelf(None)
    shelf.night(day(0), [rides[0], replace(rides[1], offline=0), *rides[2:]])
    assert shelf.open == []


@pytest.mark.parametrize(
    ("offline", "debits", "expected"),
    [(7, 7, True), (8, 7, False), (65_530, 5, True), (5, 65_541, True), (65_530, 30_000, False)],
)
def test_what_may_have_come_before_what_was_read(offline: int, debits: int, expected: bool) -> None:
    assert came_before(offline, debits) is expected


def test_a_torn_tap_at_the_turn_took_nothing_where_the_next_debit_has_its_place() -> None:
    """The card left before it was debited the 65536th time, was loaded, and paid then."""
    events = history("-50 -60 +500 -70 -80")
    rides = [replace(each, offline=(65_533 + each.offline) % TURN) for each in events]
    torn_one = replace(
        rides[3], online=0, batch_seq=90, proven=False,
        tapped_at=rides[1].tapped_at + timedelta(minutes=1),
    )  # fmt: skip
    shelf = Shelf(None)
    shelf.night(day(0), rides, [torn_one])
    assert shelf.outcomes == [(ItemKind.TORN, ItemOutcome.NOT_DEBITED)]


# -- nights ----------------------------------------------------------------------------------------


async def test_a_torn_tap_stays_paid_over_the_turn(migrated: str, tmp_path: Path) -> None:
    """The torn tap has 65532; the ride after it came last, so that later nights read back to it only."""
    city = await City.founded(migrated, tmp_path, [Card(1, offline=65_530)])
    card = Card(1, offline=65_530)

    def ride(time: str) -> bytes:
        return card.tap(BUS, 50, at=city.at(time), gross_fen=100)

    await city.hand_in(ride("080000"))
    await city.sleep(10)
    torn_one, last = torn(ride("080000")), ride("090000")
    await city.hand_in(torn_one, ride("100000"), ride("110000"))
    await city.hand_in(last)
    await city.sleep()
    card.offline = 0
    for _ in range(2):
        await city.hand_in(ride("080000"), ride("090000"))
        await city.sleep()
        (item,) = await city.items(ItemKind.TORN, open_only=False)
        assert (item.outcome, item.amount_fen) == (ItemOutcome.DEBITED, 50)
    await city.verified()
