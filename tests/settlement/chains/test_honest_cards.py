"""No honest card suffers: true histories, delivered late, out of order, in part, over many nights."""

from __future__ import annotations

import os
from datetime import timedelta
from itertools import groupby

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.codes import TapKind
from schemas.items import ItemKind, ItemOutcome
from settlement.chains.element import Element
from tests.settlement.chains.shelf import LOST, Shelf
from tests.settlement.chains.stories import START, TERMINALS, day, opening

BALANCE_FEN = 5_000
NIGHTS = 45
RUNS = 5_000 if os.environ.get("TORTURE") == "1" else 400


class Event(msgspec.Struct, frozen=True):
    """Something that a card did: its record, or a torn one with or without a debit; on which night it
    comes (None: never), on which its load is in the log."""

    element: Element
    torn: bool
    debited: bool
    comes_on: int | None
    logged_on: int


@st.composite
def histories(draw: st.DrawFn, *, torn: bool, lost: bool) -> list[Event]:
    """A card's true life. The last record is a ride that comes: it tells what was before it."""
    offline = online = 0
    balance_fen, hours = BALANCE_FEN, 0
    events = []
    words = draw(st.lists(st.sampled_from(["ride", "ride", "free", "load", "torn"]), max_size=9))
    for number, word in enumerate([*words, "ride"]):
        last = number == len(words)
        is_torn = word == "torn" and torn
        debited = not is_torn or draw(st.booleans())
        load = word == "load"
        amount = (
            0 if word == "free" else draw(st.sampled_from([50, 60] if not load else [50, 2_000]))
        )
        hours += draw(st.sampled_from([0, 1, 20, 90]))
        after = balance_fen + (amount if load else -amount)
        element = Element(
            offline=offline + (not load),
            online=online + load,
            before_fen=balance_fen,
            after_fen=after,
            amount_fen=amount,
            kind=TapKind.TOP_UP if load else TapKind.BUS_FLAT,
            tapped_at=START + timedelta(hours=hours, seconds=number),
            terminal=TERMINALS[draw(st.integers(0, 1))],
            batch_seq=number + 1,
        )
        if debited:
            offline, online, balance_fen = element.offline, element.online, after
        tapped_on = (element.tapped_at - START).days
        comes = st.integers(tapped_on, NIGHTS)
        if lost and not last and not is_torn:
            comes = comes | st.none()
        events.append(
            Event(element, is_torn, debited, draw(comes), draw(st.integers(tapped_on, NIGHTS)))
        )
    return events


def live_through(events: list[Event]) -> Shelf:
    """Every night of the card until all that comes has come, and its windows have closed."""
    shelf = Shelf(opening(BALANCE_FEN))
    for night in range(NIGHTS + 40):
        here = [each for each in events if each.comes_on is not None and each.comes_on <= night]
        elements = [
            msgspec.structs.replace(each.element, business_date=day(each.comes_on or 0))
            for each in here
            if not each.torn
        ]
        torn = [
            msgspec.structs.replace(
                each.element, business_date=day(each.comes_on or 0), proven=False
            )
            for each in here
            if each.torn
        ]
        loads = [each for each in events if each.element.is_load]
        log = {
            each.element.online: each.element.amount_fen
            for each in loads
            if each.logged_on <= night
        }
        waiting = [each.element.tapped_at for each in loads if each.logged_on > night]
        # True and complete: it says nothing of a time of which a load is still to come.
        complete = min(waiting, default=START + timedelta(days=night + 1))
        elements.reverse()
        shelf.night(day(night), elements, torn, log, complete)
    return shelf


def stated(events: list[Event]) -> int:
    """What the card has in the end."""
    return next(each.element.after_fen for each in reversed(events) if each.debited)


def booked(events: list[Event]) -> int:
    """What proven records moved; torn ones move nothing by themselves."""
    came = [each for each in events if each.comes_on is not None and not each.torn]
    return BALANCE_FEN + sum(
        each.element.amount_fen * (1 if each.element.is_load else -1) for each in came
    )


def never_accused(shelf: Shelf) -> None:
    kinds = {kind for kind, _ in shelf.outcomes}
    assert ItemKind.CHAIN_BREAK not in kinds
    assert (ItemKind.CHAIN_RISE, ItemOutcome.ALARMED) not in shelf.outcomes


@settings(max_examples=RUNS, deadline=None)
@given(histories(torn=True, lost=False))
def test_when_everything_came_nothing_is_left(events: list[Event]) -> None:
    shelf = live_through(events)
    never_accused(shelf)
    waits = [item for item in shelf.known.values() if item.is_open]
    assert {item.kind for item in waits} <= {ItemKind.TORN, ItemKind.CHAIN_GAP}
    # Two torn taps that claim one place are for people: nothing tells which of them debited.
    if not rivals(events):
        assert waits == []
        assert shelf.balances[LOST] == 0
    assert booked(events) + shelf.adjusted_fen == stated(events)


def rivals(events: list[Event]) -> bool:
    """Whether two torn taps claim one place."""
    places = [each.element.place for each in events if each.torn]
    return len(places) != len(set(places))


@settings(max_examples=RUNS, deadline=None)
@given(histories(torn=False, lost=True))
def test_gaps_are_the_lost_records_and_nothing_else(events: list[Event]) -> None:
    shelf = live_through(events)
    never_accused(shelf)
    expected = []
    missing = [each.element for each in events if each.comes_on is None]
    for _, group in groupby(enumerate(missing), key=lambda row: row[1].place - row[0]):
        run = [element for _, element in group]
        rides_fen = sum(element.amount_fen for element in run if not element.is_load)
        if rides_fen:
            expected.append((ItemKind.CHAIN_GAP, run[0].place, rides_fen))
    assert shelf.open == expected
    assert -shelf.balances[LOST] == sum(fen for _, _, fen in expected)
    # Loads that the log has and that no record brought are booked by people, from their own item.
    loads_fen = sum(element.amount_fen for element in missing if element.is_load)
    assert booked(events) + shelf.adjusted_fen + loads_fen == stated(events)
