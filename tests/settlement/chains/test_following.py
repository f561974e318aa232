"""What nights make of a card's chain: items opened, restated, aged, given back. Each test is a story."""

from __future__ import annotations

from datetime import datetime, time

import msgspec
import pytest

from schemas.items import ItemKind, ItemOutcome
from settlement.chains.element import Element
from tests.settlement.chains.shelf import LOST, OPERATOR, WRITTEN_OFF, Shelf
from tests.settlement.chains.stories import day, history, opening

GAP, RISE, TORN = ItemKind.CHAIN_GAP, ItemKind.CHAIN_RISE, ItemKind.TORN
STORY = "-50 -60 -70 -80 -90"


@pytest.fixture
def shelf() -> Shelf:
    return Shelf(opening())


def some(*numbers: int, story: str = STORY) -> list[Element]:
    everything = history(story)
    return [everything[number - 1] for number in numbers]


def test_a_gap_closes_when_its_record_comes(shelf: Shelf) -> None:
    shelf.night(day(0), some(1, 3))
    assert shelf.open == [(GAP, 2, 60)]
    shelf.night(day(1), some(1, 2, 3))
    assert shelf.open == []
    assert shelf.outcomes == [(GAP, ItemOutcome.OPENED), (GAP, ItemOutcome.ARRIVED)]
    assert shelf.adjusted_fen == 0


def test_a_night_without_news_changes_nothing(shelf: Shelf) -> None:
    shelf.night(day(0), some(1, 3))
    assert shelf.night(day(1), some(1, 3)) == shelf.night(day(2), some(1, 3))
    assert len(shelf.outcomes) == 1


def test_a_gap_of_which_a_part_came_is_restated(shelf: Shelf) -> None:
    """2, 3 and 4 are missing; then 4 comes."""
    shelf.night(day(0), some(1, 5))
    shelf.night(day(1), some(1, 4, 5))
    assert shelf.open == [(GAP, 2, 130)]
    assert shelf.outcomes[-1] == (GAP, ItemOutcome.RESTATED)


def test_a_gap_is_named_by_its_first_missing_place(shelf: Shelf) -> None:
    """2, 3 and 4 are missing; 3 comes and leaves two gaps; then 2 comes, then 4."""
    shelf.night(day(0), some(1, 5))
    shelf.night(day(1), some(1, 3, 5))
    assert shelf.open == [(GAP, 2, 60), (GAP, 4, 80)]
    shelf.night(day(2), some(1, 2, 3, 5))
    assert shelf.open == [(GAP, 4, 80)]
    shelf.night(day(3), some(1, 2, 3, 4, 5))
    assert shelf.open == []


def test_a_gap_ages_into_unclaimed_money_and_back(shelf: Shelf) -> None:
    """The record after the gap is of day 0: the window closes on day 31. On day 40 the record comes."""
    shelf.night(day(0), some(1, 3))
    shelf.night(day(30), some(1, 3))
    assert shelf.balances[LOST] == 0
    shelf.night(day(31), some(1, 3))
    assert (shelf.balances[LOST], shelf.adjusted_fen) == (-60, -60)
    assert shelf.open == [(GAP, 2, 60)]
    shelf.night(day(32), some(1, 3))
    shelf.night(day(40), some(1, 2, 3))
    assert (shelf.balances[LOST], shelf.adjusted_fen) == (0, 0)
    assert [outcome for _, outcome in shelf.outcomes] == [
        ItemOutcome.OPENED, ItemOutcome.LOST, ItemOutcome.ARRIVED_LATE,
    ]  # fmt: skip


def test_part_of_a_gap_comes_on_its_last_night(shelf: Shelf) -> None:
    """2 and 3 are missing; 3 comes on the night that ends the window: what is left is lost, once."""
    shelf.night(day(0), some(1, 4))
    shelf.night(day(31), some(1, 3, 4))
    assert shelf.balances[LOST] == -60
    assert shelf.outcomes == [(GAP, ItemOutcome.OPENED), (GAP, ItemOutcome.LOST)]


def test_part_of_a_lost_gap_comes(shelf: Shelf) -> None:
    """2 and 3 were lost; 3 comes: unclaimed keeps what 2 took. Then 2 comes."""
    shelf.night(day(31), some(1, 4))
    assert shelf.balances[LOST] == -130
    shelf.night(day(40), some(1, 3, 4))
    assert shelf.balances[LOST] == -60
    shelf.night(day(41), some(1, 3, 4))
    assert shelf.outcomes[-1] == (GAP, ItemOutcome.RESTATED)
    shelf.night(day(42), some(1, 2, 3, 4))
    assert shelf.balances[LOST] == 0
    assert shelf.open == []


def test_the_first_of_a_lost_gap_comes(shelf: Shelf) -> None:
    """2 and 3 were lost; 2 comes: what 3 took is a lost gap of its own from that night on."""
    shelf.night(day(31), some(1, 4))
    shelf.night(day(40), some(1, 2, 4))
    assert shelf.balances[LOST] == -70
    assert shelf.open == [(GAP, 3, 70)]


def test_a_lost_gap_without_money_is_closed(shelf: Shelf) -> None:
    events = history("-50 -0 -70")
    shelf.night(day(31), [events[0], events[2]])
    shelf.night(day(32), [events[0], events[2]])
    assert shelf.open == []
    assert shelf.outcomes == [(GAP, ItemOutcome.OPENED), (GAP, ItemOutcome.LOST)]


def test_a_gap_that_was_written_off_gives_back_from_there(shelf: Shelf) -> None:
    shelf.night(day(31), some(1, 3))
    shelf.decide("chain_gap/" + "00" * 19 + "/2", ItemOutcome.WRITTEN_OFF, WRITTEN_OFF)
    shelf.night(day(32), some(1, 3))
    shelf.night(day(40), some(1, 2, 3))
    assert (shelf.balances[LOST], shelf.balances[WRITTEN_OFF], shelf.adjusted_fen) == (0, 0, 0)


def test_a_gap_that_was_returned_in_cash_shows_what_was_paid_twice(shelf: Shelf) -> None:
    shelf.night(day(31), some(1, 3))
    shelf.decide("chain_gap/" + "00" * 19 + "/2", ItemOutcome.RETURNED)
    shelf.night(day(40), some(1, 2, 3))
    assert (shelf.balances[LOST], shelf.adjusted_fen) == (60, 0)
    shelf.night(day(41), some(1, 2, 3))
    assert shelf.balances[LOST] == 60


def test_a_gap_that_was_dismissed_stays_so(shelf: Shelf) -> None:
    shelf.night(day(0), some(1, 3))
    shelf.decide("chain_gap/" + "00" * 19 + "/2", ItemOutcome.DISMISSED)
    shelf.night(day(31), some(1, 3))
    shelf.night(day(40), some(1, 2, 3))
    assert shelf.open == []
    assert shelf.adjusted_fen == 0


# -- rises -----------------------------------------------------------------------------------------

LOADED = "-50 +2000 -60"
COMPLETE, NOT_YET = datetime.combine(day(1), time()), datetime.combine(day(0), time())


def test_a_rise_waits_for_the_log_and_matches_it(shelf: Shelf) -> None:
    came = some(1, 3, story=LOADED)
    shelf.night(day(0), came, complete_until=NOT_YET)
    assert shelf.open == [(RISE, 2, 2_000)]
    shelf.night(day(1), came, log={1: 2_000}, complete_until=COMPLETE)
    assert shelf.outcomes == [(RISE, ItemOutcome.OPENED), (RISE, ItemOutcome.MATCHED)]
    assert shelf.open == []


def test_a_rise_that_a_complete_log_does_not_have_is_an_alarm_once(shelf: Shelf) -> None:
    came = some(1, 3, story=LOADED)
    shelf.night(day(0), came)
    for number in (1, 2):
        shelf.night(day(number), came, complete_until=COMPLETE)
    assert shelf.outcomes == [(RISE, ItemOutcome.OPENED), (RISE, ItemOutcome.ALARMED)]
    assert shelf.open == [(RISE, 2, 2_000)]
    shelf.night(day(3), some(1, 2, 3, story=LOADED), complete_until=COMPLETE)
    assert shelf.outcomes[-1] == (RISE, ItemOutcome.ARRIVED)


def test_the_log_tells_a_load_from_a_ride(shelf: Shelf) -> None:
    """A load of 2,000 and a ride of 60 are missing. The log comes: 60 fen left the card."""
    came = some(1, 4, story="-50 +2000 -60 -70")
    shelf.night(day(0), came)
    assert shelf.open == [(GAP, 2, 0), (RISE, 2, 1_940)]
    shelf.night(day(1), came, log={1: 2_000}, complete_until=COMPLETE)
    assert shelf.open == [(GAP, 2, 60)]
    shelf.night(day(31), came, log={1: 2_000}, complete_until=COMPLETE)
    assert shelf.balances[LOST] == -60


# -- torn taps -------------------------------------------------------------------------------------


def torn_of(element: Element, **values: object) -> Element:
    return msgspec.structs.replace(element, batch_seq=90, proven=False, **values)


def test_a_torn_tap_is_paid_once_its_card_proves_it(shelf: Shelf) -> None:
    torn = torn_of(some(2)[0])
    shelf.night(day(0), some(1), [torn])
    assert shelf.open == [(TORN, 0, 60)]
    shelf.night(day(1), some(1, 3), [torn])
    assert (shelf.balances[OPERATOR], shelf.adjusted_fen) == (-60, -60)
    shelf.night(day(2), some(1, 3), [torn])
    assert shelf.balances[OPERATOR] == -60
    assert shelf.open == []


def test_a_torn_tap_whose_place_another_record_has_took_nothing(shelf: Shelf) -> None:
    torn = torn_of(some(2)[0])
    shelf.night(day(0), some(1, 2, 3), [torn])
    assert shelf.outcomes == [(TORN, ItemOutcome.NOT_DEBITED)]
    assert (shelf.balances[OPERATOR], shelf.open) == (0, [])


def test_a_torn_tap_and_the_same_fare_again_whose_record_comes_late(shelf: Shelf) -> None:
    """The rider paid at the next gate, and that record is late. For a while the chain looks as if the
    torn tap had taken the money; then the record comes, and the operator gives it back."""
    torn = torn_of(some(2)[0])
    shelf.night(day(0), some(1, 3), [torn])
    assert shelf.balances[OPERATOR] == -60
    shelf.night(day(2), some(1, 2, 3), [torn])
    assert (shelf.balances[OPERATOR], shelf.adjusted_fen) == (0, 0)
    assert shelf.outcomes == [(TORN, ItemOutcome.DEBITED), (TORN, ItemOutcome.NOT_DEBITED)]
    assert shelf.open == []


def test_a_torn_tap_beside_a_lost_gap_is_given_back_when_the_gap_closes(shelf: Shelf) -> None:
    """Torn at 2, and 3 is lost: 130 fen go to unclaimed. Then 3 comes and proves the torn tap."""
    torn = torn_of(some(2)[0])
    shelf.night(day(0), some(1), [torn])
    shelf.night(day(31), some(1, 4), [torn])
    assert shelf.balances[LOST] == -130
    shelf.night(day(32), some(1, 3, 4), [torn])
    assert (shelf.balances[LOST], shelf.balances[OPERATOR], shelf.adjusted_fen) == (0, -60, -60)
    assert shelf.open == []
