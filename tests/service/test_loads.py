"""Load logs: importing them once and for all, and what is known of them on which date."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from settlement.store import loads
from tests.conftest import Run
from tests.service.conftest import DAY, Answer

Onecard = Callable[..., Answer]

ISSUER = "0000000000007100"
HEADER = "family,issuer,serial,online_counter,amount_fen,loaded_at,operator,authorisation\n"


def line(number: int, **changes: object) -> dict[str, object]:
    """A line of the log: load ``number`` of card ``number``."""
    fields: dict[str, object] = {
        "family": 1,
        "issuer": ISSUER,
        "serial": f"0000710000000000{number:04}",
        "online_counter": number,
        "amount_fen": 1_000 + number,
        "loaded_at": f"2026-01-05T0{number}:00:00",
        "operator": 13,
        "authorisation": f"A{number}",
    }
    return fields | changes


def as_csv(folder: Path, *lines: dict[str, object]) -> Path:
    text = "".join(",".join(str(value) for value in fields.values()) + "\n" for fields in lines)
    (folder / "log.csv").write_text(HEADER + text)
    return folder / "log.csv"


def as_json(folder: Path, *lines: dict[str, object]) -> Path:
    (folder / "log.jsonl").write_text("".join(json.dumps(fields) + "\n" for fields in lines))
    return folder / "log.jsonl"


@pytest.fixture
def take(onecard: Onecard, fresh: Path) -> Callable[..., Answer]:
    """Imports a log of issuer 1."""
    agent = onecard("operator", "add", "--code", "agent", "--mode", "agent", "--number", "13",
                    "--home", fresh)  # fmt: skip
    assert agent.code == 0, agent.err

    def run(*words: object) -> Answer:
        return onecard("loads", "import", *words, "--issuer", "1", "--json", "--home", fresh)

    return run


def taken(answer: Answer) -> dict[str, Any]:
    assert (answer.code, answer.err) == (0, "")
    found = json.loads(answer.out)
    assert isinstance(found, dict)
    return found


def test_lines_are_taken_once_in_either_form(take: Callable[..., Answer], tmp_path: Path) -> None:
    first = taken(take(as_csv(tmp_path, line(1), line(2), line(1))))
    assert (first["new"], first["known"], first["amount_fen"]) == (2, 0, 2_003)
    assert first["complete_until"] is None
    both = as_json(tmp_path, line(1), line(2), line(3))
    second = taken(take(both, "--complete-until", "2026-01-05T09:00:00"))
    assert (second["new"], second["known"], second["amount_fen"]) == (1, 2, 1_003)
    assert second["complete_until"] == "2026-01-05T09:00:00"
    again = take(both, "--complete-until", "2026-01-05T09:00:00")
    assert json.loads(again.out)["new"] == 0
    assert "complete until 2026-01-05 09:00:00 already" in again.err
    assert json.loads(take("--complete-until", "2026-01-05T08:00:00").out)["complete_until"] == (
        "2026-01-05T09:00:00"
    )
    alone = taken(take("--complete-until", "2026-01-06T00:00:00"))
    assert (alone["new"], alone["complete_until"]) == (0, "2026-01-06T00:00:00")


WRONG = [
    ({"serial": "71"}, "serial", "20 hexadecimal digits"),
    ({"family": 2}, "family", "issuer 1 has family 1"),
    ({"issuer": "0000000000007130"}, "issuer", "is not issuer 1"),
    ({"online_counter": 65_536}, "online_counter", "no counter"),
    ({"amount_fen": 0}, "amount_fen", "no load"),
    ({"amount_fen": "much"}, "amount_fen", "Expected `int`"),
    ({"operator": 0}, "operator", "no operator"),
    ({"authorisation": "A" * 65}, "authorisation", "1 to 64"),
    ({"loaded_at": "noon"}, "loaded_at", "no local time"),
    ({"loaded_at": "2026-01-05T08:00:00+08:00"}, "loaded_at", "no local time"),
    ({"loaded_at": "2026-01-06T01:00:00"}, "loaded_at", "has not come"),
    ({"authorisation": "A1"}, "authorisation", "A1 came on 2026-01-05 with other content"),
    ({"authorisation": "B"}, "authorisation", "stands in line 2 with other content"),
]


def test_a_wrong_line_refuses_the_file(
    take: Callable[..., Answer], onecard: Onecard, fresh: Path, tmp_path: Path
) -> None:
    taken(take(as_csv(tmp_path, line(1))))
    for changes, field, words in WRONG:
        for form in (as_csv, as_json):
            answer = take(form(tmp_path, line(5, authorisation="B"), line(2, **changes)))
            assert answer.code == 1, changes
            first, problem, remedy = answer.err.splitlines()
            assert first == "onecard: 1 row is wrong; nothing was taken."
            where = "log.csv:3" if form is as_csv else "log.jsonl:2"
            expected = words if form is as_csv else words.replace("line 2", "line 1")
            assert problem.startswith(f"  {where}: {field}: "), problem
            assert expected in problem
            assert remedy == "  Mend them and give the files again."
    status = json.loads(onecard("loads", "status", "--json", "--home", fresh).out)
    assert status[0]["loads"] == 1


def test_what_is_refused_as_a_whole(
    take: Callable[..., Answer], onecard: Onecard, fresh: Path, tmp_path: Path
) -> None:
    file = as_csv(tmp_path, line(1))
    foreign = onecard("loads", "import", file, "--issuer", "7", "--home", fresh)
    assert (foreign.code, "Issuer 7 is not this node's own." in foreign.err) == (1, True)
    future = take(file, "--complete-until", "2026-01-06T01:00:00")
    assert (future.code, "that time has not come" in future.err) == (1, True)
    assert take().code == 2
    status = json.loads(onecard("loads", "status", "--json", "--home", fresh).out)
    assert [row["loads"] for row in status] == [0, 0]


def test_what_is_odd_is_taken_with_a_warning(take: Callable[..., Answer], tmp_path: Path) -> None:
    taken(take(as_csv(tmp_path, line(1)), "--complete-until", "2026-01-05T05:00:00"))
    odd = take(as_csv(tmp_path, line(1, authorisation="X"), line(2, operator=99)))
    assert odd.code == 0
    assert "Card ****************0001 has load counter 1 in 2 loads: A1, X." in odd.err
    assert "2 loads lie before 2026-01-05 05:00:00" in odd.err
    assert "not registered here: 99." in odd.err


def test_what_was_known_on_a_date(
    take: Callable[..., Answer],
    onecard: Onecard,
    fresh: Path,
    tmp_path: Path,
    given_database: str,
    run: Run[Any],
) -> None:
    taken(take(as_csv(tmp_path, line(1)), "--complete-until", "2026-01-05T05:00:00"))
    assert onecard("settle", "--date", DAY, "--home", fresh).code == 0
    late = line(2, loaded_at="2026-01-05T06:00:00")
    taken(take(as_csv(tmp_path, late), "--complete-until", "2026-01-06T00:00:00"))

    async def known(on: date) -> tuple[list[str], list[str], dict[int, datetime]]:
        connection = await asyncpg.connect(given_database)
        try:
            cards = [bytes.fromhex(f"01{ISSUER}0000710000000000000{n}") for n in (1, 2, 3)]
            of_cards = await loads.read_loads_of_cards(connection, cards, on)
            since, until = datetime(2026, 1, 5, 1), datetime(2026, 1, 5, 6, 0, 1)  # noqa: DTZ001
            between = await loads.read_loads_between(connection, since, until, on)
            assert [row.imported_on for row in await loads.read_loads_imported(connection, on)] == [
                on
            ]
            complete = await loads.read_complete_until(connection, on)
            return (
                [row.authorisation for row in of_cards],
                [row.authorisation for row in between],
                complete,
            )
        finally:
            await connection.close()

    assert run(known(DAY)) == (["A1"], ["A1"], {1: datetime(2026, 1, 5, 5)})  # noqa: DTZ001
    assert run(known(date(2026, 1, 6))) == (
        ["A1", "A2"],
        ["A1", "A2"],
        {1: datetime(2026, 1, 6)},  # noqa: DTZ001
    )
    then = json.loads(onecard("loads", "status", "--on", DAY, "--json", "--home", fresh).out)
    assert (then[0]["loads"], then[0]["complete_until"]) == (1, "2026-01-05T05:00:00")
    lines = onecard("loads", "status", "--home", fresh).out
    assert "20.03" in lines
    assert "2026-01-06 00:00:00" in lines
    # What the sealed date learned is sealed with it.
    assert onecard("verify", "--date", DAY, "--home", fresh).code == 0

    async def forge() -> None:
        connection = await asyncpg.connect(given_database)
        try:
            await connection.execute("ALTER TABLE settlement.load_log DISABLE TRIGGER ALL")
            await connection.execute("UPDATE settlement.load_log SET amount_fen = amount_fen + 1")
        finally:
            await connection.close()

    run(forge())
    told = onecard("verify", "--date", DAY, "--home", fresh)
    assert told.code == 1
    assert "load logs" in told.out
