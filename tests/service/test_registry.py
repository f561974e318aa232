"""The registry as dated data: importing, ending, listing, comparing, and what became of a row."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from tests.conftest import Run
from tests.service.conftest import DAY, Answer

Onecard = Callable[..., Answer]

OPERATORS = """number,code,name,mode,tariff
11,bus,First Buses,bus,xian/bus
12,taxi,First Taxis,taxi,xian/taxi
"""
TERMINALS = """terminal_id,operator,line,device
710003010001,11,1,9001
710003010002,11,,9002
710003010003,12,,
"""
OWN = "0000000000007100"


def given(folder: Path, name: str, text: str) -> Path:
    """A file of a text."""
    (folder / name).write_text(text, "utf-8")
    return folder / name


@pytest.fixture
def bus(onecard: Onecard, fresh: Path, tmp_path: Path) -> Path:
    """A fresh node with two operators and three terminals."""
    files = (
        given(tmp_path, "operators.csv", OPERATORS),
        given(tmp_path, "terminals-2026.csv", TERMINALS),
    )
    answer = onecard("registry", "import", *files, "--home", fresh)
    assert answer.code == 0, answer.err
    return fresh


def imported(onecard: Onecard, home: Path, *words: object) -> dict[str, Any]:
    """What an import says it did."""
    answer = onecard("registry", "import", *words, "--json", "--home", home)
    assert answer.code == 0, answer.err
    found = json.loads(answer.out)["imported"]
    assert isinstance(found, dict)
    return found


def rows(onecard: Onecard, home: Path, kind: str, *words: object) -> list[dict[str, Any]]:
    """The rows of a kind."""
    answer = onecard("registry", "list", kind, "--json", "--home", home, *words)
    assert answer.code == 0, answer.err
    found = json.loads(answer.out)["rows"]
    assert isinstance(found, list)
    return found


def version(onecard: Onecard, home: Path) -> int:
    return int(
        json.loads(onecard("registry", "list", "city", "--json", "--home", home).out)["version"]
    )


# -- importing ---------------------------------------------------------------------------------------


def test_an_import_tells_new_changed_ended_and_unchanged(
    onecard: Onecard, bus: Path, tmp_path: Path
) -> None:
    before = version(onecard, bus)
    changed = given(
        tmp_path,
        "terminals.jsonl",
        '{"kind": "terminal", "row": {"terminal_id": "710003010001", "operator": 11, "line": 7,'
        ' "device": 9001}}\n'
        '{"terminal_id": "710003010002", "operator": 11, "device": 9002}\n'
        '{"terminal_id": "710003010004", "operator": 12}\n',
    )
    told = onecard("registry", "import", changed, "--whole", "terminal", "--dry-run", "--home", bus)
    assert told.code == 0, told.err
    lines = [line.split() for line in told.out.splitlines()]
    assert ["kind", "new", "changed", "ended", "unchanged"] in lines
    assert ["terminal", "1", "1", "1", "1"] in lines
    assert "terminal 710003010001 changed: line 1 → 7" in told.out
    assert "terminal 710003010004 new" in told.out
    assert f"terminal 710003010003 ended: until - → {DAY}" in told.out
    assert told.out.endswith("Nothing was changed.\n")
    assert version(onecard, bus) == before
    assert [row["line"] for row in rows(onecard, bus, "terminal")] == [1, 0, 0]

    done = imported(onecard, bus, changed, "--whole", "terminal")
    assert done["version"] == before + 1 == version(onecard, bus)
    assert {change["key"]: change["what"] for change in done["changes"]} == {
        "710003010001": "changed",
        "710003010004": "new",
        "710003010003": "ended",
    }
    assert done["unchanged"] == {"terminal": 1}
    kept = {row["terminal_id"]: row for row in rows(onecard, bus, "terminal")}
    assert kept["710003010003"]["until"] == str(DAY)
    assert kept["710003010001"]["line"] == 7

    again = imported(onecard, bus, changed, "--whole", "terminal")
    assert (again["changes"], again["version"]) == ([], before + 1)


def test_a_name_without_dates_is_in_force_no_more(
    onecard: Onecard, bus: Path, tmp_path: Path
) -> None:
    both = given(tmp_path, "stations.csv", "number,name,operator\n1,钟楼,11\n2,北大街,11\n")
    imported(onecard, bus, both)
    one = given(tmp_path, "station.csv", "number,name,operator\n1,Bell Tower,11\n")
    done = imported(onecard, bus, one, "--whole", "station")
    assert [(change["key"], change["what"]) for change in done["changes"]] == [
        ("11/0/1", "changed"),
        ("11/0/2", "ended"),
    ]
    assert [row["name"] for row in rows(onecard, bus, "station")] == ["Bell Tower"]


CARDS = f"""{{"family": 1, "issuer": "{OWN}", "serial": "00007100000000000001", "card_kind": 1, "balance_fen": 500}}
{{"family": 1, "issuer": "{OWN}", "serial": "00007100000000000002", "card_kind": 2, "balance_fen": 250}}
"""


def test_cards_come_with_their_money_and_are_registered_once(
    onecard: Onecard, bus: Path, tmp_path: Path, given_database: str, run: Run[Any]
) -> None:
    cards = given(tmp_path, "cards.jsonl", CARDS)
    first = imported(onecard, bus, cards)
    assert (first["cards"], first["new_cards"], first["opening_fen"]) == (2, 2, 750)
    other = given(
        tmp_path,
        "more.csv",
        "family,issuer,serial,card_kind,balance_fen\n"
        f"1,{OWN},00007100000000000002,3,250\n1,{OWN},00007100000000000003,1,100\n",
    )
    second = imported(onecard, bus, other, "--kind", "card")
    assert (second["new_cards"], second["opening_fen"]) == (1, 100)
    assert second["kept"] == ["****************0002"]

    async def liability() -> int:
        connection = await asyncpg.connect(given_database)
        try:
            return int(
                await connection.fetchval(
                    "SELECT sum(amount_fen) FROM clearing.trial_balance"
                    " WHERE code = 'principal/card_liability/1'"
                )
            )
        finally:
            await connection.close()

    assert run(liability()) == -850
    told = onecard("registry", "import", cards, "--dry-run", "--home", bus)
    assert "cards: 0 new with 0.00 yuan on them, 2 registered already" in told.out


def test_register_is_the_same_import(onecard: Onecard, fresh: Path, tmp_path: Path) -> None:
    operators = given(tmp_path, "rows.csv", "kind," + OPERATORS.replace("\n1", "\noperator,1"))
    cards = given(tmp_path, "anything.jsonl", CARDS)
    answer = onecard("register", "--rows", operators, "--cards", cards, "--home", fresh)
    assert (answer.code, answer.err) == (0, "")
    assert answer.out == "2 rows and 2 cards; registry version 2 is in force.\n"


WRONG = [
    ("terminal", "terminal_id,operator\n71000301,11\n", 2, "terminal_id", "12 hexadecimal digits"),
    ("terminal", "terminal_id,operator\n710003010009,99\n", 2, "operator", "no operator 99"),
    ("terminal", "terminal_id,operator\n710003010009,x\n", 2, "operator", "Expected `int`"),
    ("terminal", "terminal_id\n710003010009\n", 2, "operator", "missing required field"),
    ("terminal", "terminal_id,operator,lane\n710003010009,11,4\n", 2, "lane", "unknown field"),
    ("terminal", "terminal_id,operator\n\n710003010009\n", 3, "", "1 cells"),
    (
        "terminal",
        "terminal_id,operator,since,until\n710003010009,11,2026-02-01,2026-01-01\n",
        2, "until", "lies before since",
    ),
    ("operator", '{"number": 13, "code": "x", "name": "x", "mode": "ship", "tariff": ""}', 1,
     "mode", "no mode 'ship'"),
    ("operator", '{"number": 13, "code": "x", "name": "x", "mode": "bus", "tariff": "mars"}', 1,
     "tariff", "no tariff named"),
    ("operator", '{"number": 13, "code": "x", "name": "x", "mode": "bus", "tariff": 1}', 1,
     "tariff", "Expected `str`"),
    ("operator", '[{"number": 13}]', 1, "", "one json object"),
    ("operator", '{"number": 13', 1, "", "One JSON object".lower()),
    ("issuer", "number,family,issuer,city,name,own\n70,8,0000000000009999,7910,X,true\n", 2,
     "family", "no card family 8"),
    ("denied", f"family,issuer,serial,since,version\n1,{OWN},71,2026-01-01T00:00:00,1\n", 2,
     "serial", "20 hexadecimal digits"),
    ("denied", f"family,issuer,serial,since,version\n1,{OWN},{'0' * 20},today,1\n", 2, "since",
     "no local time"),
    ("city", "city,name,public_key\n7910,Xi'an,00\n", 2, "public_key", "no Ed25519 key"),
    ("card", f"family,issuer,serial,card_kind\n1,{OWN},71,1\n", 2, "serial", "20 hexadecimal"),
    ("card", f"family,issuer,serial,card_kind\n1,{OWN},{'0' * 20},77\n", 2, "card_kind", "no card kind 77"),
    ("card", f"family,issuer,serial,card_kind\n1,{'9' * 16},{'0' * 20},1\n", 2, "issuer", "not this node's own"),
    ("terminal", "terminal_id,operator\n710003010009,11\n710003010009,12\n", 3, "", "with other content"),
]  # fmt: skip


def test_a_wrong_row_is_named_and_nothing_is_taken(
    onecard: Onecard, bus: Path, tmp_path: Path
) -> None:
    """On one node, since each leaves it as it was."""
    before = version(onecard, bus)
    good = given(tmp_path, "terminals.csv", "terminal_id,operator\n71000301000A,11\n")
    for kind, text, line, field, words in WRONG:
        wrong = given(tmp_path, "wrong.txt", text)
        files = (good, wrong) if kind == "terminal" else (wrong,)
        answer = onecard("registry", "import", *files, "--kind", kind, "--home", bus)
        assert answer.code == 1, text
        first, problem, remedy = answer.err.splitlines()
        assert first == "onecard: 1 row is wrong; nothing was taken."
        assert problem.startswith(f"  wrong.txt:{line}: {field + ': ' if field else ''}"), problem
        assert words in problem.lower() or words in problem
        assert problem.endswith(".")
        assert remedy == "  Mend them and give the files again."
    assert version(onecard, bus) == before


def test_every_wrong_row_is_named(onecard: Onecard, bus: Path, tmp_path: Path) -> None:
    lines = "".join(f"7100030101{number:02},99\n" for number in range(60))
    wrong = given(tmp_path, "terminals.csv", "terminal_id,operator\n" + lines)
    answer = onecard("registry", "import", wrong, "--home", bus)
    assert answer.code == 1
    assert "60 rows are wrong" in answer.err
    assert (
        "terminals.csv:51: operator: there is no operator 99. Register the operator first."
        in answer.err
    )
    assert "and 10 more" in answer.err
    silent = given(tmp_path, "rows.csv", "terminal_id,operator\n710003010009,11\n")
    assert "rows.csv:2: kind:" in onecard("registry", "import", silent, "--home", bus).err


def test_what_an_operator_acknowledged_is_not_the_importer_s(
    onecard: Onecard, bus: Path, tmp_path: Path
) -> None:
    text = OPERATORS.replace("First Buses", "Second Buses")
    contract = {"number": 11, "code": "bus", "name": "First Buses", "mode": "bus", "tariff": ""}
    known = json.dumps(contract | {"denylist_acknowledged": [[1, "2026-01-05T06:00:00"]]})
    imported(onecard, bus, given(tmp_path, "operator.jsonl", known))
    imported(onecard, bus, given(tmp_path, "operators.csv", text))
    row = rows(onecard, bus, "operator")[0]
    assert row["name"] == "Second Buses"
    assert row["denylist_acknowledged"] == [[1, "2026-01-05T06:00:00"]]


# -- the list of interoperable issuers ---------------------------------------------------------------


TERMS = [
    ("2026-02-04", "", ""),
    ("2026-02-05", "", "live within 30 days, by 2026-02-04"),
    ("2025-01-01", "2026-01-12", ""),
    ("2025-01-01", "2026-01-13", "off within 7 days, by 2026-01-12"),
]


def test_terms_of_the_interoperability_list_warn(
    onecard: Onecard, fresh: Path, tmp_path: Path
) -> None:
    for number, (since, until, warned) in enumerate(TERMS, 70):
        issuer = given(
            tmp_path,
            "issuers.csv",
            "number,family,issuer,city,name,own,since,until\n"
            f"{number},1,00000000000099{number},6100,Elsewhere,false,{since},{until}\n",
        )
        answer = onecard("registry", "import", issuer, "--home", fresh)
        assert answer.code == 0, answer.err
        assert (warned in answer.err) if warned else answer.err == ""
        again = onecard("registry", "import", issuer, "--home", fresh)
        assert again.err == ""


# -- ending, listing, comparing, history -------------------------------------------------------------


def test_the_history_of_a_row_and_what_was_in_force_when(
    onecard: Onecard, bus: Path, tmp_path: Path
) -> None:
    first = version(onecard, bus)
    assert onecard("settle", "--date", DAY, "--until", "cut_off", "--home", bus).code == 0
    ended = onecard("registry", "end", "terminal", "710003010001", "--home", bus)
    assert (ended.code, ended.err) == (0, "")
    assert "until - → 2026-01-06" in ended.out
    moved = given(tmp_path, "terminal.csv", "terminal_id,operator,line\n710003010001,12,3\n")
    imported(onecard, bus, moved)

    found = json.loads(
        onecard("registry", "history", "terminal", "710003010001", "--json", "--home", bus).out
    )
    assert [(row["version_from"], row["version_to"], row["date_from"]) for row in found] == [
        (first, first + 1, "2026-01-05"),
        (first + 1, first + 2, "2026-01-06"),
        (first + 2, None, "2026-01-06"),
    ]
    assert [row["date_to"] for row in found] == ["2026-01-06", "2026-01-06", None]
    told = onecard("registry", "history", "terminal", "710003010001", "--home", bus).out
    assert "operator 11 → 12" in told
    assert "until 2026-01-06 → -" in told

    def owner(*words: object) -> int:
        found = {row["terminal_id"]: row for row in rows(onecard, bus, "terminal", *words)}
        return int(found["710003010001"]["operator"])

    assert owner() == owner("--on", "2026-01-06") == 12
    assert owner("--on", DAY) == owner("--at", first) == 11
    lines = onecard("registry", "diff", first, first + 2, "--home", bus).out
    assert "terminal 710003010001 changed: operator 11 → 12; line 1 → 3; device 9001 → 0" in lines
    backwards = json.loads(
        onecard("registry", "diff", first + 2, first, "--json", "--home", bus).out
    )
    assert backwards["changes"][0]["fields"][0] == {"field": "operator", "old": 12, "new": 11}
    assert onecard("registry", "diff", 1, 1, "--home", bus).out == "Nothing differs.\n"


ABSENT = [
    (("end", "terminal", "710003019999"), "No terminal '710003019999' is in force."),
    (("end", "terminal", "710003010001", "--on", "1999-01-01"), "began on 2000-01-01"),
    (("end", "denied", "1/2/3"), "Cards leave the denylist by its next version."),
    (("list", "terminal", "--on", "2025-01-01"), "2025-01-01 is no business date"),
    (("list", "terminal", "--at", "99"), "There is no registry version 99."),
    (("diff", "1", "99"), "There is no registry version 99."),
    (("history", "terminal", "710003019999"), "There never was a terminal '710003019999'."),
]


def test_what_is_not_there(onecard: Onecard, bus: Path) -> None:
    for words, sentence in ABSENT:
        answer = onecard("registry", *words, "--home", bus)
        assert answer.code == 1, words
        first, remedy = answer.err.splitlines()
        assert sentence in first
        assert remedy.startswith("  ")


def test_a_row_ends_once(onecard: Onecard, bus: Path) -> None:
    assert onecard("registry", "end", "operator", "12", "--home", bus).code == 0
    again = onecard("registry", "end", "operator", "12", "--home", bus)
    assert (again.code, "ends on 2026-01-05 already" in again.err) == (1, True)


def test_lists_mask_cards(
    onecard: Onecard,
    fresh: Path,
    tmp_path: Path,
    given_database: str,
    run: Run[Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    serial = "00007100000000000001"
    denied = given(
        tmp_path,
        "denied.csv",
        f"family,issuer,serial,since,version\n1,{OWN},{serial},2026-01-01T00:00:00,1\n",
    )
    told = onecard("registry", "import", denied, "--home", fresh).out
    told += onecard("registry", "list", "denied", "--home", fresh).out
    told += onecard("registry", "list", "denied", "--json", "--home", fresh).out
    assert serial not in told
    assert "****************0001" in told

    # Who wants the whole number signs for it.
    whole = ("registry", "list", "denied", "--unmasked", "--home", fresh)
    assert onecard(*whole).code == onecard(*whole, "--staff", "li").code == 2
    key = onecard("staff", "add", "li", "--home", fresh).out.split()[-1]
    monkeypatch.setenv("ONECARD_STAFF_KEY", key[:-1])
    assert onecard(*whole, "--staff", "li").code == 1
    monkeypatch.setenv("ONECARD_STAFF_KEY", key)
    assert serial in onecard(*whole, "--staff", "li").out

    async def look_ups() -> list[tuple[str, str]]:
        connection = await asyncpg.connect(given_database)
        try:
            rows = await connection.fetch(
                "SELECT subject, body ->> 'staff' FROM clearing.event WHERE kind = 'card looked up'"
            )
            return [tuple(row) for row in rows]
        finally:
            await connection.close()

    assert run(look_ups()) == [("registry list denied#1", "li")]


# -- what a change leaves alone --------------------------------------------------------------------

ISSUER = {"number": 1, "family": 1, "issuer": OWN, "city": "7910", "name": "Xi'an", "own": True}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"own": False}, "another family, code or owner"),
        ({"family": 3}, "another family, code or owner"),
        ({"issuer": "0000000000007199"}, "another family, code or owner"),
        ({"number": 99}, "Issuers 1 and 99 are both"),
        ({"number": 99, "own": False}, "Issuers 1 and 99 are both"),
        ({"name": "Chang'an"}, ""),
        ({"open_registry": True}, ""),
    ],
)
def test_an_issuer_with_cards_stays_who_it_is(
    onecard: Onecard, bus: Path, tmp_path: Path, change: dict[str, Any], says: str
) -> None:
    """A refund that falls due would belong to nobody, and the night would stop; two issuers of one card
    would have it refused as not issued."""
    imported(onecard, bus, given(tmp_path, "cards.jsonl", CARDS))
    before = version(onecard, bus)
    file = given(tmp_path, "issuers.jsonl", json.dumps(ISSUER | change) + "\n")
    answer = onecard("registry", "import", file, "--home", bus)
    assert (answer.code != 0) == bool(says), answer.err
    assert says in answer.err
    assert (version(onecard, bus) == before) == bool(says)


def test_a_stranger_with_cards_of_ours_about_stays_a_stranger(
    onecard: Onecard, bus: Path, tmp_path: Path
) -> None:
    """Its taps may wait for its city's answer. As long as nobody has cards or taps, a slip can be mended."""
    stranger = next(row for row in rows(onecard, bus, "issuer") if not row["own"])
    assert imported(
        onecard, bus, given(tmp_path, "issuers.jsonl", json.dumps(stranger | {"own": True}) + "\n")
    )["changes"]
    imported(onecard, bus, given(tmp_path, "cards.jsonl", CARDS))
    answer = onecard(
        "registry", "import", given(tmp_path, "issuers.jsonl", json.dumps(stranger) + "\n"),
        "--home", bus,
    )  # fmt: skip
    assert "another family, code or owner" in answer.err
