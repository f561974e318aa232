"""The generated month: its bytes, its short cut, its honest cards, its directory."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from datetime import date, timedelta
from pathlib import Path

import msgspec
import pytest

from loadtest.month.files import BatchLine, ItemEnd, Writer, end_of, line_of
from loadtest.month.month import BusinessDate, Month
from loadtest.month.table import HONEST, MONTH
from schemas import batch, record
from schemas.codes import Verdict
from schemas.items import ItemKind, ItemOutcome
from schemas.reasons import RECORD_LEVEL, Reason, names

FIRST = date(2026, 1, 5)
ROOT = Path(__file__).resolve().parents[2]


def month(seed: int = 3, taps: int = 6_000, **more: object) -> Month:
    return Month(seed, taps, FIRST, **{"fault_rate": 0.1, **more})  # type: ignore[arg-type]


def told(dates: list[BusinessDate]) -> list[object]:
    """Everything that is expected of a month."""
    return [
        (each.day, each.night, [line_of(submitted, 0, each.day) for submitted in each.batches])
        for each in dates
    ]


def bytes_of(dates: list[BusinessDate]) -> list[bytes]:
    return [batch.to_binary(submitted.sent.batch) for each in dates for submitted in each.batches]


@pytest.fixture(scope="module")
def played() -> tuple[Month, list[BusinessDate]]:
    made = month()
    return made, list(made.run())


def test_the_short_cut_says_what_the_slow_way_says(
    played: tuple[Month, list[BusinessDate]],
) -> None:
    fast, dates = played
    slow = month(slow=True)
    slow_dates = list(slow.run())
    assert bytes_of(dates) == bytes_of(slow_dates)
    assert told(dates) == told(slow_dates)
    assert [end_of(card) for card in fast.cards()] == [end_of(card) for card in slow.cards()]
    assert sum(card.slow for card in fast.cards()) < sum(card.slow for card in slow.cards())


def test_the_same_seed_gives_the_same_month_and_another_one_another(
    played: tuple[Month, list[BusinessDate]],
) -> None:
    _, dates = played
    again = list(month().run())
    assert bytes_of(dates) == bytes_of(again)
    assert told(dates) == told(again)
    assert bytes_of(dates) != bytes_of(list(month(seed=4).run()))


def test_every_fault_occurs(played: tuple[Month, list[BusinessDate]]) -> None:
    _, dates = played
    found = {item.fault for each in dates for sent in each.batches for item in sent.sent.items} - {
        ""
    }
    # What leaves no record of its own is seen by the log alone.
    assert found | {"load_lost_unseen"} == {fault.name for fault in MONTH}


# What a month does not show, why, and the test that reaches it.
ELSEWHERE: dict[Reason, tuple[str, str]] = {
    Reason.DECLARED_LATE: (
        "said of a batch, not of its taps: the month expects it of each receipt",
        "tests/loadtest/test_month.py::test_batches_that_are_declared_late_are_told",
    ),
    Reason.TAC_UNAVAILABLE: (
        "the month's records all come from card readers; a source without TAC has a profile",
        "tests/clearing/test_kernel_reasons.py::test_a_tap_gets_its_reason",
    ),
    Reason.CARD_UNREGISTERED: (
        "the month's issuers list their cards",
        "tests/clearing/test_kernel_reasons.py::test_a_tap_gets_its_reason",
    ),
    Reason.TRANSFER_UNMARKED: (
        "said under tariffs that read the fare from the amount, which the played city has not",
        "tests/service/test_profile_shenzhen_2018.py::test_the_day_of_the_city",
    ),
    Reason.REFUSED_BY_ISSUER: (
        "another city's answer, which comes with the province's cycle: one city plays",
        "tests/settlement/exchange/test_exchange.py::test_a_day_between_two_cities",
    ),
    Reason.DUPLICATE_OTHER_CITY: (
        "another city's presentment, which comes with the province's cycle: one city plays",
        "tests/settlement/test_memory_over_nights.py::test_the_same_tap_is_told_by_date_and_by_city",
    ),
}
BATCHES_REFUSED = "tests/service/test_file_level.py::test_no_file_level_reason_is_left_out"
"""Reasons of files: such a batch is not taken, so that no tap of it is judged."""

DECIDED = {
    # by people
    ItemOutcome.RELEASED, ItemOutcome.REJECTED, ItemOutcome.RETURNED, ItemOutcome.WRITTEN_OFF,
    ItemOutcome.REVERSED, ItemOutcome.BOOKED, ItemOutcome.DENIED, ItemOutcome.DISMISSED,
    # by another city, by a date's re-clearing
    ItemOutcome.REFUSED, ItemOutcome.RECLEARED,
}  # fmt: skip
"""What does not become of an item by itself."""


def test_every_reason_that_a_tap_can_get_is_expected_somewhere(
    played: tuple[Month, list[BusinessDate]],
) -> None:
    _, dates = played
    answers = [answer for each in dates for sent in each.batches for answer in sent.answers]
    flags = 0
    for answer in answers:
        flags |= answer.flags
    shown = {answer.reason for answer in answers} | set(names(flags))
    due = {Reason.CLEAN, *(row.reason for row in RECORD_LEVEL)} - ELSEWHERE.keys()
    assert shown == {reason.name.lower() for reason in due}


@pytest.mark.parametrize("where", [BATCHES_REFUSED, *(test for _, test in ELSEWHERE.values())])
def test_what_a_month_does_not_show_is_shown_elsewhere(where: str) -> None:
    path, _, name = where.partition("::")
    assert re.search(
        rf"^(async )?def {name}\(", (ROOT / path).read_text(encoding="utf-8"), re.MULTILINE
    )


def test_every_outcome_of_a_night_is_expected_somewhere(
    played: tuple[Month, list[BusinessDate]],
) -> None:
    _, dates = played
    changes = [change for each in dates for change in each.night.changes]
    assert {change.outcome for change in changes} == set(ItemOutcome) - DECIDED
    assert {change.item_id.split("/")[0] for change in changes} == set(ItemKind)


def test_batches_that_are_declared_late_are_told(
    played: tuple[Month, list[BusinessDate]],
) -> None:
    _, dates = played
    lines = [line_of(sent, 0, each.day) for each in dates for sent in each.batches]
    assert 0 < sum(line.declared_late for line in lines) < len(lines) / 2


def test_what_a_contract_lacks_is_seen_to_the_second() -> None:
    """Up to the last second before a split begins a ride is held; so it is from the first one on after
    which a fee has no rule."""
    made = month(seed=7)
    newcomer = made.newcomer
    found: dict[int, set[str]] = defaultdict(set)
    for each in made.run():
        for submitted in each.batches:
            if submitted.sent.batch.header.operator == newcomer.number:
                for item, answer in zip(submitted.sent.items, submitted.answers, strict=False):
                    if item.fault in {"account_missing", "fee_rule_missing"}:
                        found[item.tapped_s].add(answer.reason)
    assert made.model is not None
    begins_s, ends_s = (
        (made.model.known.first_day + number) * 86_400
        for number in (newcomer.split_since, newcomer.fee_until)
    )
    assert (found[begins_s - 1], found[begins_s]) == ({"account_missing"}, {"clean"})
    assert (found[ends_s - 1], found[ends_s]) == ({"clean"}, {"fee_rule_missing"})


def test_records_come_late_in_any_order_doubled_and_cut_again(
    played: tuple[Month, list[BusinessDate]],
) -> None:
    made, dates = played
    lateness: Counter[int] = Counter()
    mixed = 0
    for each in dates:
        for submitted in each.batches:
            days = {
                (each.day - FIRST).days - (item.tapped_s // 86_400 - made.model.known.first_day)  # type: ignore[union-attr]
                for item in submitted.sent.items
                if item.record[record.OFFSET["kind"]]
            }
            lateness.update(days)
            mixed += len(days) > 1
    assert len(dates) == 71
    assert 30 < max(days for days in lateness if days < 60) <= 40
    assert len([days for days in lateness if 0 < days <= 40]) > 20
    assert mixed > 10
    assert sum(submitted.again for each in dates for submitted in each.batches) > 3
    again = sum(
        answer.reason == "duplicate_other_date"
        for each in dates
        for submitted in each.batches
        for answer in submitted.answers
    )
    assert again > 20


def test_money_is_where_the_cards_say(played: tuple[Month, list[BusinessDate]]) -> None:
    """What is owed to cards is their lines and adjustments, by issuer, in the end as on every night."""
    made, dates = played
    owed: Counter[str] = Counter()
    for card in made.cards():
        owed[str(card.issuer)] += card.book_fen + card.adjusted_fen
    assert dict(owed) == dates[-1].night.card_liability_fen


def test_no_honest_card_suffers() -> None:
    """No fraud, but late, lost, torn and doubled data: nobody is suspected, and in the end what is owed
    to each card is what the card itself holds."""
    made = month(seed=5, taps=9_000, honest=True, fault_rate=0.15)
    dates = list(made.run())
    assert {item.fault for d in dates for s in d.batches for item in s.sent.items} - {""} <= {
        fault.name for fault in HONEST
    }
    changes = [change for each in dates for change in each.night.changes]
    assert not [each for each in changes if each.outcome == ItemOutcome.ALARMED]
    assert not [each for each in changes if each.item_id.startswith(ItemKind.CHAIN_BREAK)]
    assert len([each for each in changes if each.outcome == ItemOutcome.ARRIVED]) > 50
    truth = {
        pool.issuer.family.to_bytes(1, "big") + pool.issuer.code_bytes + pool.serial(index): (
            pool.offline[index] + pool.online[index],
            pool.balance[index],
        )
        for pool in made.world.pools
        for index in range(len(pool))
    }
    checked = 0
    for card in made.cards():
        place, balance_fen = truth[card.name]
        owed_fen = card.book_fen + card.adjusted_fen + _unbooked_loads(made, card.name)
        last = card.elements[-1].place if card.slow else card.offline + card.online
        if card.refunded_s:
            assert owed_fen == 0
        elif last == place:
            # All that is missing was seen to be missing: it is where lost records' money waits.
            assert owed_fen == balance_fen
            checked += card.slow
    assert checked > 300


def _unbooked_loads(made: Month, name: bytes) -> int:
    """Loads that the log has and whose record never came, or was held: the card's, not booked yet."""
    assert made.model is not None
    return sum(
        item.amount_fen
        for item in made.model.items.open.values()
        if item.card == name and item.kind in {ItemKind.LOG_WITHOUT_LOAD, ItemKind.HELD_UNPROVEN}
    )


def test_the_directory_holds_what_was_made(tmp_path: Path) -> None:
    folder = tmp_path / "month"
    summary = Writer(month(seed=6, taps=1_500), folder).write()
    dates = sorted(path.name for path in (folder / "dates").iterdir())
    assert dates == [f"{FIRST + timedelta(days=number)}" for number in range(71)]
    taps = 0
    for day in dates:
        path = folder / "expected" / f"{day}.jsonl"
        for text in path.read_bytes().splitlines():
            line = msgspec.json.decode(text, type=BatchLine)
            body = (folder / "dates" / day / "batches" / line.file).read_bytes()
            made = batch.from_binary(body)
            assert made.header.count == line.count
            assert sum(line.verdicts) == (0 if line.again else line.count)
            said = Counter(row[1] for row in line.rows)
            assert said[Verdict.REJECTED] == line.verdicts[2]
            taps += 0 if line.again else line.count
    assert taps == summary.taps
    items = [
        msgspec.json.decode(text, type=ItemEnd)
        for text in (folder / "expected" / "items.jsonl").read_bytes().splitlines()
    ]
    assert {item.kind for item in items} > {"held", "chain_gap", "excess"}
