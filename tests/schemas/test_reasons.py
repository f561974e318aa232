"""The reason table: numbers, order, sentences, and how a verdict follows from it."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import reasons, record
from schemas.codes import Verdict
from schemas.reasons import FILE_LEVEL, RANK, RECORD_LEVEL, ROW, TABLE, Reason, Row, decide, names

ROWS = pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
FLAGS = st.sets(st.sampled_from([row.reason for row in RECORD_LEVEL]))
WORDS = {"record", "identity"}
"""What a reason may speak of beside a field of the record."""
HEADER_WORDS = {"body", "version", "count", "operator", "api_key", "signature", "digest", "header", "number",
                "declared_date", "profile"}  # fmt: skip
NUMBERS_GIVEN = {
    1: "malformed", 4: "duplicate", 6: "tac_wrong", 7: "tac_torn", 15: "denylisted", 30: "above_tariff",
    32: "transfer_unmarked", 39: "terminal_line_differs", 40: "tac_by_issuer", 47: "refused_by_issuer",
    100: "operator_unknown", 106: "number_used", 112: "profile_not_allowed",
}  # fmt: skip
"""Some numbers as they were given out: they never change."""


def test_every_reason_has_exactly_one_row() -> None:
    assert sorted(row.reason for row in TABLE) == sorted(set(Reason) - {Reason.CLEAN})
    assert len(ROW) == len(TABLE) == len(Reason) - 1


def test_numbers_are_unique_and_are_bits_at_record_level() -> None:
    assert len({int(reason) for reason in Reason.__members__.values()}) == len(Reason.__members__)
    assert all(1 <= row.reason < 63 for row in RECORD_LEVEL)
    assert all(row.reason >= 100 for row in FILE_LEVEL)
    assert len(RECORD_LEVEL) + len(FILE_LEVEL) == len(TABLE)


def test_numbers_stay_as_they_were_given() -> None:
    for number, name in NUMBERS_GIVEN.items():
        assert Reason(number).name.lower() == name


def test_the_table_stands_in_order_of_severity_the_batch_s_reasons_last() -> None:
    outcomes = [row.outcome for row in RECORD_LEVEL]
    assert outcomes == sorted(outcomes, reverse=True)
    assert TABLE == RECORD_LEVEL + FILE_LEVEL
    assert [RANK[row.reason] for row in TABLE] == list(range(len(TABLE)))
    remarks = [row.reason for row in FILE_LEVEL if row.outcome != Verdict.REJECTED]
    assert remarks == [Reason.NUMBER_GAP]


@ROWS
def test_every_row_says_something_in_both_languages(row: Row) -> None:
    for text in (row.chinese, row.remedy_chinese):
        assert len(re.findall("[\u4e00-\u9fff]", text)) >= 3
        assert not re.search(r"[,;:()!?]", text), "Chinese has punctuation of its own"
        assert not re.search("[a-z]", text)
    for text in (row.english, row.remedy_english):
        assert len(text.split()) >= 2
        assert text.isascii()
        assert text[0].islower() or text.startswith("TAC")
        assert not text.endswith(".")
    assert not any(
        "|" in text for text in (row.chinese, row.english, row.remedy_chinese, row.remedy_english)
    )


@ROWS
def test_every_row_names_a_field_and_who_bears_the_money(row: Row) -> None:
    assert row.bearer in {"operator", "issuer", "cardholder", "nobody"}
    known = HEADER_WORDS if row.reason >= 100 else WORDS | set(record.FIELD) | {"declared_date"}
    assert row.field in known


def test_no_two_rows_say_the_same() -> None:
    assert len({row.chinese for row in TABLE}) == len({row.english for row in TABLE}) == len(TABLE)


@given(FLAGS)
def test_the_verdict_is_the_most_severe_and_the_reason_the_first_of_it(found: set[Reason]) -> None:
    verdict, reason, left = decide(sum(1 << number for number in found))
    if not found:
        assert (verdict, reason, left) == (Verdict.ACCEPTED, Reason.CLEAN, 0)
        return
    assert verdict == max(ROW[number].outcome for number in found)
    assert reason == min((n for n in found if ROW[n].outcome == verdict), key=RANK.__getitem__)
    assert left == sum(1 << number for number in found - {reason})
    assert reasons.verdict_of(reason) == verdict


@given(FLAGS, FLAGS)
def test_another_reason_never_softens_a_verdict(one: set[Reason], more: set[Reason]) -> None:
    few = decide(sum(1 << number for number in one))
    many = decide(sum(1 << number for number in one | more))
    assert many[0] >= few[0]


@given(FLAGS)
def test_names_are_in_table_order(found: set[Reason]) -> None:
    expected = [row.name for row in TABLE if row.reason in found]
    assert names(sum(1 << number for number in found)) == expected


def test_flags_fit_a_signed_column_of_64_bits() -> None:
    assert sum(1 << row.reason for row in RECORD_LEVEL) < 2**63


def test_nothing_to_say_is_accepted() -> None:
    assert reasons.verdict_of(Reason.CLEAN) is Verdict.ACCEPTED
    assert names(0) == []
