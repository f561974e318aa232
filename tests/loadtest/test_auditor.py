"""The auditor finds what differs, says it in words, and is silent otherwise."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from loadtest import auditor, facts
from loadtest.auditor import Actual, compare
from loadtest.expected import lines_of
from loadtest.item import Expected
from loadtest.province import Province
from schemas.reasons import Reason


def expected_lines() -> list[Expected]:
    return list(Province(4, 600, date(2026, 1, 5), fares=facts.BUILT_IN).expected())


LINES = expected_lines()


def as_answered(lines: list[Expected]) -> list[Actual]:
    return [
        (
            line.city,
            line.operator,
            line.number,
            line.row,
            int(Reason[line.reason.upper()]),
            line.flags,
            line.priced_fen,
            line.credited_fen,
            line.subsidy_fen,
        )
        for line in lines
    ]


def test_silence_where_everything_agrees() -> None:
    assert list(compare(LINES, as_answered(LINES))) == []


def test_order_does_not_matter() -> None:
    assert list(compare(LINES, reversed(as_answered(LINES)))) == []


@pytest.mark.parametrize(
    ("column", "change", "words"),
    [
        (4, lambda _: int(Reason.FUTURE), "the reason is future"),
        (5, lambda flags: flags ^ 1 << Reason.CHAIN_GAP_PENDING, "chain_gap_pending"),
        (6, lambda fen: fen + 1, "priced_fen is"),
        (7, lambda fen: fen - 1, "credited_fen is"),
        (8, lambda fen: fen + 1, "subsidy_fen is"),
    ],
)
def test_a_planted_difference_is_found(
    column: int, change: Callable[[int], int], words: str
) -> None:
    answers = as_answered(LINES)
    place = next(i for i, line in enumerate(LINES) if line.reason == "clean")
    answer = list(answers[place])
    answer[column] = change(answer[column])
    answers[place] = tuple(answer)
    found = list(compare(LINES, answers))
    assert len(found) == 1
    assert words in found[0]
    line = LINES[place]
    assert found[0].startswith(
        f"city {line.city}, operator {line.operator}, batch {line.number}, row {line.row}"
    )


def test_rows_that_are_missing_doubled_or_invented_are_named() -> None:
    answers = as_answered(LINES)
    missing = answers.pop(3)
    answers += [answers[0], ("7910", 1, 1, 999, 0, 0, 0, 0, 0)]
    found = "\n".join(compare(LINES, answers))
    assert "was answered twice" in found
    assert "nobody submitted it" in found
    assert f"row {missing[3]}: was not answered" in found
    assert found.count("\n") == 2


def test_an_unknown_reason_number_is_no_crash() -> None:
    answers = as_answered(LINES)
    answers[0] = (*answers[0][:4], 63, *answers[0][5:])
    assert "reason 63" in next(iter(compare(LINES, answers)))


def test_files_are_compared_from_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "expected.jsonl").write_bytes(lines_of(LINES))
    head = "city,operator,number,row,reason,flags,priced_fen,credited_fen,subsidy_fen\n"
    answers = [",".join(map(str, answer)) for answer in as_answered(LINES)]
    actual = tmp_path / "actual.csv"
    arguments = [str(tmp_path / "expected.jsonl"), str(actual)]
    actual.write_text(head + "\n".join(answers) + "\n", "utf-8")
    assert auditor.main(arguments) == 0
    actual.write_text("\n".join(answers) + "\n", "utf-8")
    assert auditor.main(arguments) == 0
    actual.write_text(head + "\n".join(answers[1:]) + "\n", "utf-8")
    assert auditor.main(arguments) == 1
    assert "was not answered" in capsys.readouterr().out
