"""Making a node's home, once, whatever happened before; opening it; registering in it."""

from __future__ import annotations

import stat
from collections.abc import Callable
from datetime import date
from pathlib import Path

import asyncpg
import msgspec
import pytest

from clearing import store
from clearing.errors import ClearingError
from schemas import cities
from schemas.codes import CardFamily
from schemas.registry import Operator, Terminal
from service import home as homes
from service.errors import HomeError
from service.home import issued_card, make_home, open_node, register
from tests.service.conftest import Answer

OPENED = date(2018, 9, 1)
XIAN = cities.find("Xi'an")


async def test_a_home_opens_as_it_was_made(given_database: str, tmp_path: Path) -> None:
    home = tmp_path / "home"
    await make_home(home, city=XIAN, opened_on=OPENED)
    async with open_node(home) as opened:
        node = opened.node
        assert (node.city, node.row.historical, node.row.opened_on) == ("7910", True, OPENED)
        assert len(node.keys.key_sets()) == 2
        assert all(key_set.test for key_set in node.keys.key_sets())
        assert len(node.secret) == 32
    for path in (home / "keys").iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path


async def test_issuers_of_other_cities_are_not_own(given_database: str, tmp_path: Path) -> None:
    await make_home(tmp_path / "home", city=XIAN, opened_on=OPENED)
    connection = await asyncpg.connect(given_database)
    try:
        _, version = await store.read_versions(connection)
        rows = (await store.read_registry(connection, version))["issuer"]
        accounts = await store.read_accounts(connection)
    finally:
        await connection.close()
    assert len(rows) == 2 * len(cities.CITIES)
    assert {row.city for row in rows if row.own} == {"7910"}
    assert {"principal/card_liability/1", "principal/float_bank/2"} <= set(accounts)
    assert "principal/card_liability/3" not in accounts


async def test_a_province_node_issues_nothing(given_database: str, tmp_path: Path) -> None:
    row = await make_home(tmp_path / "home", city=None)
    assert (row.role, row.city, row.historical) == ("province", "0000", False)
    async with open_node(tmp_path / "home") as opened:
        assert opened.node.keys.key_sets() == ()


async def test_a_second_init_is_refused(given_database: str, tmp_path: Path) -> None:
    home = tmp_path / "home"
    await make_home(home, city=XIAN, opened_on=OPENED)
    before = (home / "keys" / "node.pem").read_bytes()
    with pytest.raises(HomeError, match="is the home of Xi'an already"):
        await make_home(home, city=XIAN, opened_on=OPENED)
    assert (home / "keys" / "node.pem").read_bytes() == before


async def test_a_directory_with_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(HomeError, match="not empty"):
        await make_home(tmp_path, city=XIAN)
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


@pytest.mark.parametrize("where", ["_make_keys", "_refuse_second", "register_in"])
async def test_init_takes_up_what_broke_off(
    given_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    home = tmp_path / "home"

    def break_off(*_: object, **__: object) -> None:
        raise RuntimeError("power cut")

    with monkeypatch.context() as patch:
        patch.setattr(homes, where, break_off)
        with pytest.raises(RuntimeError, match="power cut"):
            await make_home(home, city=XIAN, opened_on=OPENED)
    if where != "_make_keys":
        with pytest.raises(HomeError, match="not made to its end"):
            async with open_node(home):
                pass
    await make_home(home, city=XIAN, opened_on=OPENED)
    async with open_node(home) as opened:
        assert opened.node.row.registry_version == 1


async def test_keys_of_another_city_are_not_taken(
    given_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    with monkeypatch.context() as patch:
        patch.setattr(homes, "running", None)
        with pytest.raises(TypeError):
            await make_home(home, city=XIAN)
    with pytest.raises(HomeError, match="sealed for another node"):
        await make_home(home, city=cities.find("Baoji"))


async def test_register_books_opening_balances_once(given_database: str, tmp_path: Path) -> None:
    await make_home(tmp_path / "home", city=XIAN, opened_on=OPENED)
    cards = [
        issued_card(
            family=CardFamily.MOHURD,
            issuer=cities.issuer_bytes("7100"),
            issuer_number=1,
            serial=f"00007100{number:012}",
            card_kind=1,
            balance_fen=5_000 + number,
        )
        for number in (1, 2)
    ]
    bus = Operator(number=5, code="bus", name="bus", mode="bus", tariff="xian/bus")
    assert await register(given_database, [("operator", bus)], cards) == 2
    assert await register(given_database, [("operator", bus)], cards) == 2
    connection = await asyncpg.connect(given_database)
    try:
        rows = await connection.fetch("SELECT code, amount_fen FROM clearing.trial_balance")
        day = await connection.fetchval("SELECT DISTINCT business_date FROM clearing.entry")
        accounts = await store.read_accounts(connection)
    finally:
        await connection.close()
    assert {row["code"]: row["amount_fen"] for row in rows} == {
        "principal/float_bank/1": 10_003,
        "principal/card_liability/1": -10_003,
    }
    assert day == OPENED
    assert "principal/operator/5" in accounts


def test_no_home_is_one_sentence(onecard: Callable[..., Answer], tmp_path: Path) -> None:
    answer = onecard("report", "--date", "2026-01-05", "--home", tmp_path / "nowhere")
    assert answer.code == 1
    assert answer.err.splitlines()[0].endswith("is no node's home.")
    assert "onecard init --home" in answer.err


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"tariff": "xian/ferry"}, "no tariff named 'xian/ferry'"),
        ({"split": "xian/ferry"}, "no split named 'xian/ferry'"),
        ({"fee": "xian/ferry"}, "no fee named 'xian/ferry'"),
    ],
)
async def test_rows_that_would_stop_the_engine_are_refused(
    given_database: str, tmp_path: Path, changes: dict[str, str], sentence: str
) -> None:
    await make_home(tmp_path / "home", city=XIAN, opened_on=OPENED)
    good = Operator(number=5, code="bus", name="bus", mode="bus", tariff="xian/bus")
    with pytest.raises(ClearingError, match=sentence):
        await register(given_database, [("operator", msgspec.structs.replace(good, **changes))])
    with pytest.raises(ClearingError, match="does not hold"):
        await register(given_database, [("terminal", Terminal(terminal_id="GATE", operator=5))])
    assert await register(given_database, [("operator", good)]) == 2


def test_operators_keep_their_numbers_and_keys(
    onecard: Callable[..., Answer], given_database: str, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    assert onecard("init", "--home", home).code == 0
    words = ("operator", "add", "--home", home, "--mode", "bus", "--tariff", "xian/bus")
    assert "API key" in onecard(*words, "--code", "a").out
    assert onecard(*words, "--code", "b", "--number", 1).code == 1
    assert onecard(*words, "--code", "a", "--number", 2).code == 1
    changed = onecard(*words, "--code", "a", "--name", "A buses")
    assert changed.code == 0
    assert "API key" not in changed.out
    assert "API key" in onecard(*words, "--code", "a", "--api-key").out
    listed = onecard("operator", "list", "--home", home)
    assert listed.out.splitlines() == ["1  a  A buses  bus  xian/bus  unsigned"]
    assert onecard(*words, "--code", "c", "--public-key", "zz").code == 1
