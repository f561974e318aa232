"""Shenzhen's rows of 2018: what each column becomes, whole days of them, and rows that make no sense."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec
import pytest

from schemas.codes import Discount, TapKind
from service.errors import ProfileError
from service.profiles import shenzhen_2018
from service.profiles.files import rows as rows_of
from service.profiles.layout import Reading, UnreadableRowError
from service.profiles.shenzhen_2018 import LAYOUT, serial_of, terminal_of
from tests.service.conftest import Answer

TAPS = Path(__file__).parents[1] / "data" / "shenzhen_2018" / "taps.csv"
DATE = "2018-09-01"

ROW = {
    "deal_date": "2018-09-01 06:10:00",
    "close_date": "2018-09-01 00:00:00",
    "card_no": "CBEHFCFCG",
    "deal_value": "200",
    "deal_type": "地铁出站",
    "company_name": "地铁五号线",
    "car_no": "OGT-101",
    "station": "长龙",
    "conn_mark": "0",
    "deal_money": "190",
    "equ_no": "263031101",
}

Onecard = Callable[..., Answer]


def changed(**changes: str) -> dict[str, str]:
    return {**ROW, **changes}


def write(path: Path, rows: Iterable[dict[str, str]], encoding: str = "utf-8") -> Path:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, LAYOUT.columns, quoting=csv.QUOTE_ALL)
    writer.writeheader()
    writer.writerows(rows)
    path.write_bytes(text.getvalue().encode(encoding))
    return path


# -- one row ------------------------------------------------------------------------------------------


def test_a_metro_row() -> None:
    reading = shenzhen_2018.read(changed(conn_mark="1"))
    tap = reading.tap
    assert (tap.kind, tap.gross_fen, tap.amount_fen) == (TapKind.METRO_TAP_OUT, 200, 190)
    assert (tap.tapped_at, reading.declared_date) == ("20180901061000", "20180901")
    assert (tap.terminal_id, tap.device) == ("000263031101", 263031101)
    assert (tap.algorithm, tap.tac, tap.discount_claimed) == (255, "00000000", Discount.TRANSFER)
    assert [(name.kind, name.name) for name in reading.names] == [("station", "长龙")]
    assert reading.validator_prefix == "263"


def test_a_bus_row_names_its_line_and_vehicle() -> None:
    reading = shenzhen_2018.read(
        changed(deal_type="巴士", station="M433(福永）", car_no="粤BW2731")
    )
    assert (reading.mode, reading.tap.kind) == ("bus", TapKind.BUS_FLAT)
    names = [(name.kind, name.name) for name in reading.names]
    assert names == [("line", "M433(福永）"), ("vehicle", "粤BW2731")]
    blank = shenzhen_2018.read(changed(deal_type="巴士", station="-", car_no=" "))
    assert blank.names == ()


@pytest.mark.parametrize(
    ("card", "serial"),
    [
        ("CBEHFCFCG", "09000000000214752526"),
        ("CBEHFCFC", "08000000000021475252"),
        ("A", "01000000000000000000"),
        ("AA", "02000000000000000000"),
        ("J" * 18, "18" + "9" * 18),
        ("J" * 19, "F" * 20),
        ("CBEHFCFCK", "F" * 20),
        ("cbehfcfcg", "F" * 20),
        ("362166709", "F" * 20),
        ("", "F" * 20),
    ],
)
def test_card_numbers_keep_their_length(card: str, serial: str) -> None:
    assert serial_of(card) == serial


@pytest.mark.parametrize(
    ("validator", "terminal"),
    [("263031101", "000263031101"), ("1", "000000000001"), ("", "000000000000")],
)
def test_validators_are_right_aligned(validator: str, terminal: str) -> None:
    assert terminal_of(validator) == terminal


def test_other_validators_are_told_apart() -> None:
    found = {terminal_of(text) for text in ("GATE-7", "GATE-8", "26303110X", "9" * 13)}
    assert len(found) == 4
    assert all(len(bytes.fromhex(terminal)) == 6 for terminal in found)


@pytest.mark.parametrize(
    ("changes", "field", "value"),
    [
        ({"deal_date": "tomorrow"}, "tapped_at", "F" * 14),
        ({"deal_date": "2018-02-30 10:00:00"}, "tapped_at", "F" * 14),
        ({"deal_date": "2018/9/1 6:10"}, "tapped_at", "20180901061000"),
        ({"deal_date": "2018-09-01 06:10:00.0"}, "tapped_at", "20180901061000"),
        ({"deal_date": "2018-09-01"}, "tapped_at", "F" * 14),
        ({"deal_date": "20180901061"}, "tapped_at", "F" * 14),
        ({"deal_money": "-"}, "amount_fen", -1),
        ({"deal_money": "1.9"}, "amount_fen", -1),
        ({"deal_money": "99999999999"}, "amount_fen", -1),
        ({"deal_money": "190.0"}, "amount_fen", 190),
        ({"deal_value": ""}, "gross_fen", -1),
        ({"deal_type": "轮渡"}, "kind", 0),
        ({"conn_mark": ""}, "discount_claimed", 0),
        ({"equ_no": "-"}, "terminal_id", "0" * 12),
    ],
)
def test_odd_values_stay_representable(changes: dict[str, str], field: str, value: object) -> None:
    assert getattr(shenzhen_2018.read(changed(**changes)).tap, field) == value


@pytest.mark.parametrize(
    ("closed", "declared"),
    [
        ("2018-09-01 00:00:00", "20180901"),
        ("2018-09-01", "20180901"),
        ("2018/9/1", "20180901"),
        ("20180901", "20180901"),
        ("201809011", ""),
        ("2018-09-31", ""),
        ("-", ""),
    ],
)
def test_settlement_days_with_and_without_a_time(closed: str, declared: str) -> None:
    assert shenzhen_2018.read(changed(close_date=closed)).declared_date == declared


def test_a_row_of_nobody_is_left_out() -> None:
    with pytest.raises(UnreadableRowError, match="company_name"):
        shenzhen_2018.read(changed(company_name=" - "))


# -- rows of a file ------------------------------------------------------------------------------------


def lines_read(path: Path) -> list[tuple[int, str]]:
    """Line and card, or line and what is wrong, of each row."""
    return [
        (line, reading.tap.serial if isinstance(reading, Reading) else str(reading))
        for line, reading in rows_of(path, LAYOUT)
    ]


def line_of(card: str, **changes: str) -> str:
    return ",".join(f'"{value}"' for value in changed(card_no=card, **changes).values())


def test_a_torn_row_takes_no_other_with_it(tmp_path: Path) -> None:
    path = tmp_path / "torn.csv"
    torn = line_of("BBB")[:9]
    text = "\n".join(
        [
            ",".join(LAYOUT.columns), line_of("AAA"), torn, line_of("CCC"),
            line_of("DDD", station="two\nlines"), line_of("EEE"), '"', "x" * 140_000, torn,
        ]
    )  # fmt: skip
    path.write_text(text, encoding="utf-8")
    found = lines_read(path)
    assert [(line, text) for line, text in found if text.isdecimal()] == [
        (2, serial_of("AAA")), (4, serial_of("CCC")), (5, serial_of("DDD")), (7, serial_of("EEE")),
    ]  # fmt: skip
    assert [line for line, text in found if not text.isdecimal()] == [3, 8, 9, 10]
    assert dict(found)[3] == "a quote is not closed"


def test_a_column_that_comes_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "twice.csv"
    path.write_text(",".join([*LAYOUT.columns, "deal_money"]) + "\n", encoding="utf-8")
    with pytest.raises(ProfileError, match="deal_money twice"):
        lines_read(path)


# -- the whole file -----------------------------------------------------------------------------------


def test_the_day_of_the_city(onecard: Onecard, given_database: str, tmp_path: Path) -> None:
    """10,000 rows come to the fen that is in them, whatever order the doors are used in."""
    home = tmp_path / "home"
    assert onecard("init", "--home", home, "--open", DATE).code == 0
    words = ("submit", TAPS, "--profile", "shenzhen-2018", "--home", home)
    first = onecard(*words, "--enrol", "--receipts", tmp_path / "first.jsonl")
    assert first.code == 0, first.err
    assert "enrolled: 1 issuers, 11 operators, 1,407 terminals" in first.out
    again = onecard(*words, "--enrol", "--receipts", tmp_path / "again.jsonl")
    assert again.code == 0
    assert "enrolled" not in again.out
    receipts = (tmp_path / "first.jsonl").read_bytes()
    assert (tmp_path / "again.jsonl").read_bytes() == receipts

    assert onecard("settle", "--date", DATE, "--home", home).code == 0
    report = json.loads(onecard("report", "--date", DATE, "--home", home, "--format", "json").out)
    totals = report["totals"]
    assert (totals["taps"], totals["gross_fen"], totals["charged_fen"]) == (10_000, 160_000, 97_960)
    assert (totals["accepted"], totals["held"], totals["rejected"]) == (9_987, 13, 0)
    reasons = report["reasons"]
    assert reasons["terminal_of_other_operator"] == 13
    assert reasons["transfer_unmarked"] == 3
    assert {row["operator"] for row in report["by_operator"]} == set(range(1, 12))
    assert sum(row["charged_fen"] for row in report["by_operator"]) == 97_960

    assert onecard("verify", "--date", DATE, "--home", home).code == 0
    explained = onecard("explain", "7:12", "--home", home)
    assert explained.code == 0
    assert "path to the receipt's root holds" in explained.out
    assert re.search(r"station \d+ \w+\.\n", explained.out)
    assert "DOES NOT" not in explained.out


def test_late_taps_keep_their_date(onecard: Onecard, given_database: str, tmp_path: Path) -> None:
    import asyncio

    import asyncpg

    home = tmp_path / "home"
    onecard("init", "--home", home, "--open", DATE)
    onecard("submit", TAPS, "--profile", "shenzhen-2018", "--enrol", "--home", home)

    async def count() -> list[tuple[str, str, int]]:
        connection = await asyncpg.connect(given_database)
        try:
            rows = await connection.fetch(
                "SELECT business_date::text AS cleared, tapped_at::date::text AS tapped, count(*)"
                " FROM clearing.tap GROUP BY 1, 2 ORDER BY 1, 2"
            )
        finally:
            await connection.close()
        return [tuple(row) for row in rows]

    assert asyncio.run(count()) == [(DATE, "2018-08-31", 411), (DATE, "2018-09-01", 9_589)]


# -- rows that nobody has seen ------------------------------------------------------------------------


@pytest.fixture
def opened(onecard: Onecard, given_database: str, tmp_path: Path) -> Path:
    """A node on the day of the taps."""
    home = tmp_path / "home"
    assert onecard("init", "--home", home, "--open", DATE).code == 0
    return home


def receipts(path: Path) -> list[dict[str, object]]:
    return [msgspec.json.decode(line) for line in path.read_bytes().splitlines()]


def reasons_of(path: Path) -> dict[str, int]:
    found: dict[str, int] = {}
    for receipt in receipts(path):
        counts = receipt["reasons"]
        assert isinstance(counts, dict)
        for name, count in counts.items():
            found[name] = found.get(name, 0) + count
    return found


def test_pieces_and_new_operators_go_on_from_what_is_known(
    onecard: Onecard, opened: Path, tmp_path: Path
) -> None:
    first = write(tmp_path / "1.csv", [ROW, changed(company_name="地铁一号线", equ_no="268001001")])
    second = write(
        tmp_path / "2.csv",
        [
            changed(card_no="AAAAAAAAA"),
            # A new validator of a prefix that is known belongs to who has the prefix.
            changed(
                company_name="东部公交", deal_type="巴士", equ_no="268001002", card_no="BBBBBBBB"
            ),
            changed(
                company_name="东部公交", deal_type="巴士", equ_no="241000001", card_no="CCCCCCCC"
            ),
            changed(
                company_name="东部公交", deal_type="巴士", equ_no="241000001", card_no="CCCCCCCC"
            ),
        ],
    )
    words = ("--profile", "shenzhen-2018", "--enrol", "--home", opened)
    assert onecard("submit", first, *words).code == 0
    answer = onecard("submit", second, *words, "--receipts", tmp_path / "r")
    assert answer.code == 0, answer.err
    assert [receipt["operator"] for receipt in receipts(tmp_path / "r")] == [1, 3]
    found = reasons_of(tmp_path / "r")
    assert found["terminal_of_other_operator"] == 1
    assert found["duplicate_in_batch"] == 1
    third = write(tmp_path / "3.csv", [ROW, changed(card_no="DDDDDDDDD")])
    onecard("submit", third, *words, "--receipts", tmp_path / "r3")
    assert reasons_of(tmp_path / "r3")["duplicate"] == 1


def test_a_file_that_is_given_twice_counts_once(
    onecard: Onecard, opened: Path, tmp_path: Path
) -> None:
    path = write(tmp_path / "1.csv", [ROW])
    words = ("--profile", "shenzhen-2018", "--enrol", "--home", opened)
    answer = onecard("submit", path, path, *words, "--receipts", tmp_path / "r")
    assert len(receipts(tmp_path / "r")) == 2
    assert "1 batches, 1 taps: 1 accepted" in answer.out


def test_unknown_operators_are_refused_and_the_others_go_on(
    onecard: Onecard, opened: Path, tmp_path: Path
) -> None:
    words = ("--profile", "shenzhen-2018", "--home", opened)
    known = write(tmp_path / "1.csv", [ROW])
    assert onecard("submit", known, *words, "--enrol").code == 0
    both = write(tmp_path / "2.csv", [changed(card_no="AAAA"), changed(company_name="华程交通")])
    answer = onecard("submit", both, *words, "--receipts", tmp_path / "r")
    assert answer.code == 1
    assert "2.csv:3: 1 taps of 华程交通: operator_unknown" in answer.err
    assert "--enrol" in answer.err
    assert len(receipts(tmp_path / "r")) == 1
    assert onecard("submit", both, *words, "--enrol").code == 0


def test_senseless_rows_stop_nobody(onecard: Onecard, opened: Path, tmp_path: Path) -> None:
    rows = [
        ROW,
        changed(card_no="XYZ"),
        changed(deal_date="?"),
        changed(deal_money="free"),
        changed(deal_type="轮渡"),
        changed(equ_no="-", card_no="BBBBBBBBB"),
        changed(equ_no="GATE,7", card_no="CCCCCCCCC"),
        changed(station='"quoted, with comma"\n', card_no="DDDDDDDDD"),
        changed(close_date="never", card_no="EEEEEEEEE"),
        changed(company_name=""),
    ]
    path = write(tmp_path / "odd.csv", rows)
    with path.open("a", encoding="utf-8") as file:
        file.write("too,few,columns\n\n")
        file.write(",".join(changed(card_no="FFFFFFFFF").values()) + "\0\n")
    answer = onecard(
        "submit", path, "--profile", "shenzhen-2018", "--enrol", "--home", opened,
        "--receipts", tmp_path / "r",
    )  # fmt: skip
    assert answer.code == 0, answer.err
    assert sum(receipt["taps"] for receipt in receipts(tmp_path / "r")) == 10  # type: ignore[misc]
    found = reasons_of(tmp_path / "r")
    assert (found["malformed"], found["unknown_kind"]) == (3, 1)
    assert found["terminal_unknown"] == 1
    assert "odd.csv:12: company_name is blank" in answer.err
    assert "odd.csv:13: 11 columns were announced, 3 came" in answer.err
    assert "2 rows in all" in answer.err


def test_every_row_of_no_batch_is_listed(onecard: Onecard, opened: Path, tmp_path: Path) -> None:
    rows = [changed(card_no=f"A{'ABCDEFGHIJ'[n // 10]}{'ABCDEFGHIJ'[n % 10]}") for n in range(60)]
    nobody = [{**row, "company_name": "-"} for row in rows[:30]]
    tomorrow = [{**row, "close_date": "2018-09-02"} for row in rows[30:33]]
    path = write(tmp_path / "f.csv", [*nobody, *rows[33:], *tomorrow, nobody[0]])
    answer = onecard("submit", path, "--profile", "shenzhen-2018", "--enrol", "--home", opened)
    assert answer.code == 1
    assert "left out: f.csv:2-31, 62: company_name is blank" in answer.err
    assert "31 rows in all" in answer.err
    assert (
        "refused: f.csv:59-61: 3 taps of 地铁五号线, declared for 20180902: declared_future"
        in answer.err
    )
    assert "1 batches, 27 taps" in answer.out


def test_rows_of_unknown_kinds_do_not_say_what_an_operator_runs(
    onecard: Onecard, opened: Path, tmp_path: Path
) -> None:
    ferries = [changed(card_no=letter * 3, deal_type="轮渡") for letter in "ABC"]
    path = write(tmp_path / "f.csv", [*ferries, ROW])
    answer = onecard("submit", path, "--profile", "shenzhen-2018", "--enrol", "--home", opened)
    assert "1 accepted, 0 held, 3 rejected" in answer.out, answer.out


@pytest.mark.parametrize("encoding", ["utf-8-sig", "gb18030"])
def test_encodings_of_the_trade(
    onecard: Onecard, opened: Path, tmp_path: Path, encoding: str
) -> None:
    path = write(tmp_path / "taps.csv", [ROW], encoding)
    answer = onecard("submit", path, "--profile", "shenzhen-2018", "--enrol", "--home", opened)
    assert answer.code == 0, answer.err
    listed = onecard("operator", "list", "--home", opened)
    assert "地铁五号线" in listed.out


def test_another_file_is_refused_by_its_header(
    onecard: Onecard, opened: Path, tmp_path: Path
) -> None:
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    answer = onecard(
        "submit", tmp_path / "other.csv", "--profile", "shenzhen-2018", "--home", opened
    )
    assert answer.code == 1
    assert "has no column deal_date" in answer.err
