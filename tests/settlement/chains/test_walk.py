"""The walk along a card's chain, as tables: what came of a card's true history, and what must be said."""

from __future__ import annotations

import msgspec
import pytest

from schemas.codes import TapKind
from schemas.items import ItemKind, ItemOutcome
from schemas.reasons import Reason
from settlement.chains.element import Element
from settlement.chains.walk import Bounds, Finding, Findings, walk
from tests.settlement.chains.stories import TERMINALS, history, opening

GAP, RISE, BREAK = ItemKind.CHAIN_GAP, ItemKind.CHAIN_RISE, ItemKind.CHAIN_BREAK


def told(found: Findings) -> list[tuple[ItemKind, int, int, int]]:
    return [(each.kind, each.first, each.last, each.amount_fen) for each in found.between]


# (what happened, which of it came, the load log, what lies between: kind, first, last, fen)
CAME = [
    pytest.param("-50 -50 +2000 -70", "1 2 3 4", {}, [], id="everything came"),
    pytest.param("-50 -50 -70", "1 3", {}, [(GAP, 2, 2, 50)], id="one ride is missing"),
    pytest.param("-50 -60 -70 -80", "1 4", {}, [(GAP, 2, 3, 130)], id="two rides in a row are missing"),
    pytest.param("-50 -60 -70 -80 -90", "1 3 5", {}, [(GAP, 2, 2, 60), (GAP, 4, 4, 80)],
                 id="two rides apart are two gaps"),
    pytest.param("-50 -60", "2", {}, [(GAP, 1, 1, 50)], id="the first ride after the opening is missing"),
    pytest.param("-50 -60", "1", {}, [], id="what is missing at the end is not known yet"),
    pytest.param("-50 -0 -60", "1 3", {}, [(GAP, 2, 2, 0)], id="a free ride is missing all the same"),
    pytest.param("-50 +2000 -60", "1 3", {}, [(RISE, 2, 2, 2000)], id="a load is missing, no log"),
    pytest.param("-50 +2000 -60", "1 3", {1: 2000}, [], id="a load is missing, the log has it"),
    pytest.param("-50 +2000 -60 -70", "1 4", {1: 2000}, [(GAP, 2, 3, 60)],
                 id="a load and a ride are missing; the log tells them apart"),
    pytest.param("-50 +2000 -60 -70", "1 4", {}, [(GAP, 2, 3, 0), (RISE, 2, 3, 1940)],
                 id="a load and a ride are missing; without a log only their sum is known"),
    pytest.param("-50 +50 -60 -70", "1 4", {}, [(GAP, 2, 3, 10), (RISE, 2, 3, 0)],
                 id="a small load and a larger ride are missing: what left is at least the difference"),
    pytest.param("+1000 +2000 -60", "3", {1: 1000}, [(RISE, 1, 2, 2000)],
                 id="two loads are missing, the log has one"),
    pytest.param("-50 +2000 +1000", "1 3", {1: 2000}, [], id="a load before a load that came"),
    pytest.param("-50 +2000 -60", "1 3", {1: 1900}, [(BREAK, 3, 3, 100)],
                 id="the log says less than the card got: both cannot be true"),
]  # fmt: skip


@pytest.mark.parametrize(("story", "came", "log", "expected"), CAME)
def test_between_neighbours(
    story: str, came: str, log: dict[int, int], expected: list[tuple[ItemKind, int, int, int]]
) -> None:
    everything = history(story)
    elements = [everything[int(number) - 1] for number in came.split()]
    assert told(walk(elements, opening(), (), log.get)) == expected
    # Arrival never matters.
    assert told(walk(elements[::-1], opening(), (), log.get)) == expected


def test_what_precedes_the_first_element_is_not_known() -> None:
    """Without an opening position the first tap is taken as it is."""
    elements = history("-50 -60 -70 -80")[2:]
    assert told(walk(elements, None, (), {}.get)) == []
    assert told(walk(elements, opening(), (), {}.get)) == [(GAP, 1, 2, 110)]


def test_taps_from_before_the_opening_position_are_part_of_it() -> None:
    elements = history("-50 -60 -70")
    assert told(walk(elements, opening(4_890, offline=2), (), {}.get)) == []


def changed(element: Element, **values: object) -> Element:
    return msgspec.structs.replace(element, **values)


def test_neighbours_that_contradict_each_other() -> None:
    """The second ride says it began with 100 fen more than the first one left."""
    first, second = history("-50 -60")
    second = changed(second, before_fen=5_050, after_fen=4_990)
    assert told(walk([first, second], None, (), {}.get)) == [(BREAK, 2, 2, 100)]


def test_a_clone_gives_one_place_twice() -> None:
    first, second, third = history("-50 -60 -70")
    clone = changed(second, batch_seq=9, terminal=TERMINALS[1])
    assert told(walk([first, second, clone, third], None, (), {}.get)) == [(BREAK, 2, 2, 60)]


def test_a_balance_that_rises_over_missing_rides_is_no_gap() -> None:
    """One ride is missing, none of the loads, and the balance is 500 higher than before it."""
    first, _, third = history("-50 -60 -70")
    third = changed(third, before_fen=5_450, after_fen=5_380)
    assert told(walk([first, third], None, (), {}.get)) == [(BREAK, 3, 3, 500)]


def test_counters_that_run_backwards_are_no_gap() -> None:
    """The later place has fewer loads than the earlier one."""
    loaded = history("-10 +100 +100")[2]
    later = changed(history("-10 -10 -10 -10")[3], online=1, offline=4)
    assert told(walk([loaded, later], None, (), {}.get)) == [(BREAK, 5, 5, 220)]


@pytest.mark.parametrize(
    ("left_fen", "before_fen", "kind"),
    [
        pytest.param(60_000, 10_000, GAP, id="as much as one debit can take"),
        pytest.param(60_000, 9_999, BREAK, id="more than one debit can take"),
        pytest.param(100_000, 60_000, GAP, id="from the highest balance"),
        pytest.param(100_001, 60_000, BREAK, id="from more than a card holds"),
        pytest.param(-10, -50_000, GAP, id="overdrawn by one debit"),
        pytest.param(-10, -50_001, BREAK, id="overdrawn by more than one debit"),
        pytest.param(4_950, -2_000_000_000, BREAK, id="a claim out of the air"),
    ],
)
def test_what_a_missing_debit_can_take(left_fen: int, before_fen: int, kind: ItemKind) -> None:
    first, _, third = history("-50 -60 -70")
    first, third = changed(first, after_fen=left_fen), changed(third, before_fen=before_fen)
    (found,) = walk([first, third], None, (), {}.get).between
    place = 2 if kind == GAP else 3
    assert (found.kind, found.first, found.amount_fen) == (kind, place, left_fen - before_fen)


def test_two_missing_debits_take_twice_as_much() -> None:
    first, _, _, fourth = history("-50 -60 -70 -80")
    first, fourth = changed(first, after_fen=100_000), changed(fourth, before_fen=0)
    assert told(walk([first, fourth], None, (), {}.get)) == [(GAP, 2, 3, 100_000)]
    bounds = Bounds(amount_max_fen=40_000)
    assert told(walk([first, fourth], None, (), {}.get, bounds)) == [(BREAK, 4, 4, 100_000)]


# -- a counter that begins anew --------------------------------------------------------------------


def turned(story: str, last: int) -> list[Element]:
    """A history whose debit counter was at ``last`` before it; two bytes."""
    return [changed(each, offline=(last + each.offline) % 65_536) for each in history(story)]


@pytest.mark.parametrize("last", [65_530, 65_534, 65_535])
def test_the_debit_counter_begins_anew(last: int) -> None:
    """Six rides, some before and some after the counter's turn: the third is missing, then it comes."""
    rides = turned("-50 -60 -70 -80 -90 -10", last)
    start = opening(5_000, offline=last)
    came = [*rides[:2], *rides[3:]]
    for elements in (came, came[::-1]):
        (gap,) = walk(elements, start, (), {}.get).between
        assert (gap.kind, gap.amount_fen, gap.debits) == (GAP, 70, 1)
        assert (gap.left.offline % 65_536, gap.right.offline % 65_536) == (
            rides[1].offline, rides[3].offline,
        )  # fmt: skip
    assert told(walk(rides, start, (), {}.get)) == []


def test_a_torn_tap_at_the_turn_is_settled() -> None:
    """Three rides up to the last counter, three after it; the one with the last counter is torn."""
    rides = turned("-50 -60 -70 -80 -90 -10", 65_532)
    torn = changed(rides[2], batch_seq=103, proven=False)
    found = walk([*rides[:2], *rides[3:]], opening(5_000, offline=65_532), [torn], {}.get)
    assert found.torn == {(103, 0): ItemOutcome.DEBITED}
    assert found.between == []


def test_a_high_counter_that_is_tapped_later_is_no_turn() -> None:
    """Somebody edited a counter: it is as far away as it says, and no debits take so much."""
    first, second, third = history("-50 -60 -70")
    found = walk([first, second, changed(third, offline=65_000)], opening(), (), {}.get)
    (gap,) = found.between
    assert (gap.first, gap.last) == (3, 64_999)
    assert gap.amount_fen == 0


# -- sources that state less -----------------------------------------------------------------------


def test_a_tap_of_a_source_without_counters_fills_a_gap_by_its_time() -> None:
    """The middle ride came from a source that states neither counters nor balances."""
    first, second, third = history("-50 -60 -70")
    mute = changed(second, offline=0, online=0, before_fen=0, after_fen=0, mute=True)
    assert told(walk([first, mute, third], opening(), (), {}.get)) == []


def test_a_mute_tap_fills_one_gap_and_the_rest_stays() -> None:
    """Two rides are missing between the first and the fourth; one of them came without counters."""
    first, second, _, fourth = history("-50 -60 -70 -80")
    mute = changed(second, offline=0, online=0, mute=True)
    found = walk([first, mute, fourth], opening(), (), {}.get)
    assert [(each.kind, each.debits, each.amount_fen) for each in found.between] == [(GAP, 1, 70)]


def test_a_card_of_a_source_without_counters_claims_nothing() -> None:
    elements = [changed(each, offline=0, online=0, mute=True) for each in history("-50 -60 +100")]
    assert walk(elements, None, (), {}.get) == Findings()


def test_debits_whose_source_does_not_give_the_load_counter_claim_nothing() -> None:
    """The load states its counter, the rides around it state their own only."""
    first, load, second = history("-50 +2000 -60")
    found = walk([first, load, changed(second, online=0)], None, (), {}.get)
    assert told(found) == []


# -- torn taps -------------------------------------------------------------------------------------


def settled(came: str, torn: list[Element], story: str = "-50 -60 -70 -80") -> Findings:
    everything = history(story)
    elements = [everything[int(number) - 1] for number in came.split()]
    return walk(elements, opening(), torn, {}.get)


def torn_at(place: int, story: str = "-50 -60 -70 -80", **values: object) -> Element:
    return changed(history(story)[place - 1], batch_seq=100 + place, proven=False, **values)


def test_the_next_record_shows_that_a_torn_tap_took_the_money() -> None:
    found = settled("1 3", [torn_at(2)])
    assert found.torn == {(102, 0): ItemOutcome.DEBITED}
    assert found.between == []


def test_the_next_record_has_the_torn_ones_place() -> None:
    """The card left before it was debited; the ride that came next is the second one."""
    found = settled("1 2", [torn_at(2)])
    assert found.torn == {(102, 0): ItemOutcome.NOT_DEBITED}


def test_a_torn_tap_without_a_next_record_waits() -> None:
    assert settled("1", [torn_at(2)]).torn == {}


def test_a_torn_tap_beside_a_gap_waits() -> None:
    """The third ride is missing, so the fourth proves nothing of the second one."""
    found = settled("1 4", [torn_at(2)])
    assert found.torn == {}
    assert told(found) == [(GAP, 2, 3, 130)]


def test_two_torn_taps_side_by_side_are_proven_together() -> None:
    found = settled("1 4", [torn_at(2), torn_at(3)])
    assert found.torn == {(102, 0): ItemOutcome.DEBITED, (103, 0): ItemOutcome.DEBITED}
    assert found.between == []


def test_two_torn_taps_that_fit_one_place_prove_nothing() -> None:
    found = settled("1 3", [torn_at(2), changed(torn_at(2), batch_seq=110)])
    assert found.torn == {}
    assert told(found) == [(GAP, 2, 2, 60)]


def test_a_torn_tap_of_another_amount_than_is_missing_waits() -> None:
    found = settled("1 3", [torn_at(2, amount_fen=90, after_fen=4_860)])
    assert found.torn == {}
    assert told(found) == [(GAP, 2, 2, 60)]


@pytest.mark.parametrize(
    "reason",
    [
        Reason.TERMINAL_UNKNOWN, Reason.TERMINAL_OF_OTHER_OPERATOR, Reason.AMOUNT_ABOVE_LIMIT,
        Reason.ABOVE_TARIFF, Reason.BELOW_TARIFF, Reason.TARIFF_MISSING,
    ],
)  # fmt: skip
def test_a_torn_tap_that_is_not_sound_is_never_proven(reason: Reason) -> None:
    """Nobody signed it: what fits a gap may be made to fit. It can still be shown to have taken nothing,
    and it is in nobody's way."""
    unsound = torn_at(2, flags=1 << reason)
    found = settled("1 3", [unsound])
    assert found.torn == {}
    assert told(found) == [(GAP, 2, 2, 60)]
    assert settled("1 2", [unsound]).torn == {(102, 0): ItemOutcome.NOT_DEBITED}
    beside = settled("1 3", [unsound, changed(torn_at(2), batch_seq=110)])
    assert beside.torn == {(110, 0): ItemOutcome.DEBITED}


# -- double deductions -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("minutes", "changes", "is_double"),
    [
        pytest.param(3, {}, True, id="three minutes apart at one terminal"),
        pytest.param(4, {}, False, id="four minutes apart"),
        pytest.param(1, {"terminal": TERMINALS[1]}, False, id="at another terminal"),
        pytest.param(1, {"kind": TapKind.METRO_TAP_OUT}, False, id="of another kind"),
        pytest.param(1, {"accepted": False}, False, id="one was not accepted"),
        pytest.param(1, {"amount_fen": 0, "after_fen": 4_950}, False, id="the second cost nothing"),
        pytest.param(1, {"offline": 3}, False, id="something lies between them"),
    ],
)
def test_double_deductions(minutes: int, changes: dict[str, object], is_double: bool) -> None:
    first, second = (
        changed(each, terminal=TERMINALS[0]) for each in history("-50 -50", minutes=minutes)
    )
    found = walk([first, changed(second, **changes)], None, (), {}.get)
    assert [(one.batch_seq, two.batch_seq) for one, two in found.doubles] == (
        [(1, 2)] if is_double else []
    )


def test_findings_are_told_by_their_neighbours() -> None:
    first, _, third = history("-50 -60 -70")
    (gap,) = walk([first, third], None, (), {}.get).between
    assert gap == Finding(
        kind=GAP, first=2, last=2, amount_fen=60, debits=1, loads=0, left=first, right=third
    )
