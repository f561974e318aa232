"""Denylists: versions, acknowledgements, from when a version binds, over the command line, over HTTP
and in the verdicts of both kernels."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from clearing import inspection
from clearing.engine import Engine
from clearing.node import Node
from schemas.batch import to_binary
from schemas.codes import TapKind
from schemas.reasons import Reason
from service.denylists import acknowledge_in
from service.errors import ServiceError
from settlement.context import Context
from settlement.day import settle_day
from settlement.denylist import DeniedCard, publish_in
from tests import world
from tests.service.conftest import DAY, Answer, serving
from tests.world import BUS, OWN_ISSUER, TAXI, Card

Onecard = Callable[..., Answer]

FIRST, SECOND, THIRD = (f"0000710000000000000{n}" for n in (1, 2, 3))


def denied_file(folder: Path, name: str, *serials: str, since: str = "") -> Path:
    """A denylist file."""
    rows = "".join(f"1,{OWN_ISSUER},{serial},{since}\n" for serial in serials)
    (folder / name).write_text("family,issuer,serial,since\n" + rows)
    return folder / name


def said(answer: Answer) -> dict[str, Any]:
    """The JSON of a command that worked."""
    assert answer.code == 0, answer.err
    found = json.loads(answer.out)
    assert isinstance(found, dict)
    return found


@pytest.fixture
def bus(onecard: Onecard, fresh: Path) -> tuple[Path, str]:
    """A fresh node with two operators, and the API key of the first."""
    words = ("operator", "add", "--home", fresh, "--mode", "bus", "--code")
    answer = onecard(*words, "bus1")
    assert answer.code == 0, answer.err
    assert onecard(*words, "bus2").code == 0
    return fresh, answer.out.split()[-1]


# -- the command line --------------------------------------------------------------------------------


def test_versions_add_and_remove_cards_and_nothing_else(
    onecard: Onecard, bus: tuple[Path, str], tmp_path: Path
) -> None:
    home, _ = bus
    publish = ("denylist", "publish", "--json", "--home", home)
    early = denied_file(tmp_path, "a.csv", FIRST, SECOND, since="2026-01-02T00:00:00")
    one = said(onecard(*publish, early))
    assert (one["version"], one["added"], one["removed"]) == (1, 2, 0)
    two = said(onecard(*publish, denied_file(tmp_path, "b.csv", SECOND, THIRD)))
    assert (two["version"], two["added"], len(two["known"])) == (2, 1, 1)
    leaving = denied_file(tmp_path, "c.csv", FIRST, "00007100000000000009")
    three = said(onecard(*publish, "--remove", leaving))
    assert (three["version"], three["added"], three["removed"]) == (3, 0, 1)
    assert three["absent"] == ["****************0009"]
    again = said(onecard(*publish, "--remove", leaving))
    assert (again["version"], again["removed"]) == (3, 0)

    key = tmp_path / "key"
    key.write_text(onecard("staff", "add", "li", "--home", home).out.split()[-1])
    key.chmod(0o600)
    signed = ("--unmasked", "--staff", "li", "--staff-key-file", key)
    shown = said(onecard("denylist", "show", "--on", DAY, *signed, "--json", "--home", home))
    assert shown["version"] == 3
    assert {card["serial"]: (card["version"], card["since"]) for card in shown["cards"]} == {
        SECOND: (1, "2026-01-02T00:00:00"),
        THIRD: (2, "2026-01-05T23:59:59"),
    }
    assert FIRST not in onecard("denylist", "show", "--on", DAY, "--home", home).out
    # Why the card was denied, and until when, is told for ever.
    key = f"1/{OWN_ISSUER}/{FIRST}"
    dated = json.loads(onecard("registry", "history", "denied", key, "--json", "--home", home).out)
    assert [(row["date_from"], row["date_to"]) for row in dated] == [("2026-01-05", "2026-01-05")]
    back = said(onecard(*publish, denied_file(tmp_path, "d.csv", FIRST)))
    assert (back["version"], back["added"]) == (4, 1)


def test_a_wrong_row_publishes_nothing(
    onecard: Onecard, bus: tuple[Path, str], tmp_path: Path
) -> None:
    home, _ = bus
    publish = ("denylist", "publish", "--home", home)
    wrong = onecard(*publish, denied_file(tmp_path, "a.csv", FIRST, "71"))
    assert (wrong.code, "a.csv:3: serial: '71' is not 20" in wrong.err) == (1, True)
    both = denied_file(tmp_path, "b.csv", FIRST)
    twice = onecard(*publish, both, "--remove", both)
    assert (twice.code, "b.csv:2: serial: the card is added, too." in twice.err) == (1, True)
    late = denied_file(tmp_path, "c.csv", FIRST, since="noon")
    assert "c.csv:2: since: 'noon' is no local time." in onecard(*publish, late).err
    assert onecard(*publish).code == 2
    assert "version 0" in onecard("denylist", "status", "--home", home).out


def test_status_tells_what_is_delivered_binding_and_outstanding(
    onecard: Onecard, bus: tuple[Path, str], tmp_path: Path
) -> None:
    home, _ = bus
    for name, serial in (("a.csv", FIRST), ("b.csv", SECOND)):
        file = denied_file(tmp_path, name, serial)
        assert onecard("denylist", "publish", file, "--home", home).code == 0
    done = said(onecard("denylist", "ack", "bus1", "1", "--json", "--home", home))
    assert (done["operator"], done["first"]) == (1, True)
    assert done["acknowledged_at"] == "2026-01-05T23:59:59"
    assert done["binds_from"] == "2026-01-06T23:59:59"
    again = said(onecard("denylist", "ack", "1", "1", "--json", "--home", home))
    assert again == done | {"first": False}

    status = said(onecard("denylist", "status", "--json", "--home", home))
    assert (status["version"], status["cards"]) == (2, 2)
    first, second = status["operators"]
    assert (first["version"], first["binds"], first["outstanding"]) == (1, False, [2])
    assert (second["version"], second["acknowledged_at"], second["outstanding"]) == (
        0,
        None,
        [1, 2],
    )
    lines = onecard("denylist", "status", "--home", home).out
    assert "in grace" in lines
    assert "not delivered" in lines

    for until in ("2026-01-05", "2026-01-06"):
        assert onecard("settle", "--date", until, "--until", "cut_off", "--home", home).code == 0
    status = said(onecard("denylist", "status", "--json", "--home", home))
    assert [row["binds"] for row in status["operators"]] == [True, False]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("bus9", "1"), "There is no operator 'bus9'."),
        (("bus1", "2"), "There is no denylist version 2."),
        (("bus1", "1", "--at", "2026-01-06T00:00:00"), "has not come"),
        (("bus1", "1", "--at", "2026-01-05T12:00:00"), "was published at 2026-01-05T23:59:59"),
    ],
)
def test_an_acknowledgement_that_cannot_be(
    onecard: Onecard, bus: tuple[Path, str], tmp_path: Path, words: tuple[str, ...], sentence: str
) -> None:
    home, _ = bus
    file = denied_file(tmp_path, "a.csv", FIRST)
    assert onecard("denylist", "publish", file, "--home", home).code == 0
    answer = onecard("denylist", "ack", *words, "--home", home)
    assert answer.code == 1
    assert sentence in answer.err.splitlines()[0]
    assert answer.err.splitlines()[1].startswith("  ")


# -- over HTTP ---------------------------------------------------------------------------------------


def test_an_operator_fetches_and_acknowledges(
    onecard: Onecard, bus: tuple[Path, str], given_database: str, tmp_path: Path
) -> None:
    home, api_key = bus
    key = {"Authorization": f"Bearer {api_key}"}
    file = denied_file(tmp_path, "a.csv", FIRST, SECOND)
    with serving(home, given_database) as url, httpx.Client(base_url=url, timeout=60) as client:
        empty = client.get("/v1/denylist", headers=key).json()
        assert (empty["version"], empty["cards"], empty["acknowledged"]) == (0, [], None)
        none = client.post("/v1/denylist/acknowledgements", headers=key, json={"version": 1})
        assert (none.status_code, none.json()["remedy"]) == (422, "No denylist was published.")
        # The server follows what is published beside it.
        assert onecard("denylist", "publish", file, "--home", home).code == 0
        found = client.get("/v1/denylist", headers=key).json()
        assert (found["version"], found["grace_s"]) == (1, 24 * 3600)
        assert [card["serial"] for card in found["cards"]] == [FIRST, SECOND]
        taken = client.post("/v1/denylist/acknowledgements", headers=key, json={"version": 1})
        assert taken.status_code == 200, taken.text
        assert taken.json() == {
            "version": 1,
            "acknowledged_at": "2026-01-05T23:59:59",
            "binds_from": "2026-01-06T23:59:59",
        }
        again = client.post("/v1/denylist/acknowledgements", headers=key, json={"version": 1})
        assert again.content == taken.content
        known = client.get("/v1/denylist", headers=key).json()["acknowledged"]
        assert (known["version"], known["binds"]) == (1, False)

        for body in (b"", b"{}", b'{"version": "1"}', b'{"version": 1, "at": "now"}', b"\xff"):
            answer = client.post("/v1/denylist/acknowledgements", headers=key, content=body)
            assert answer.status_code == 400, body
        big = client.post("/v1/denylist/acknowledgements", headers=key, content=b" " * 5000)
        assert big.status_code == 413
        for method, path in (("GET", "/v1/denylist"), ("POST", "/v1/denylist/acknowledgements")):
            assert client.request(method, path, json={"version": 1}).status_code == 401
        paths = client.get("/schema").json()["paths"]
        assert "get" in paths["/v1/denylist"]
        assert "post" in paths["/v1/denylist/acknowledgements"]
    status = said(onecard("denylist", "status", "--json", "--home", home))
    assert [row["version"] for row in status["operators"]] == [1, 0]


# -- in the verdicts ---------------------------------------------------------------------------------


class Race:
    """A node with a denied card; each tap is a batch of its own, judged at once."""

    def __init__(self, dsn: str, node: Node, kernel: str, card: Card) -> None:
        self.dsn, self.node, self.kernel, self.card = dsn, node, kernel, card
        self.number = 0

    async def reason(self, at: str, operator: int = BUS) -> Reason:
        """The reason of the card's next tap."""
        self.number += 1
        ride = (50, TapKind.BUS_FLAT, 100) if operator == BUS else (900, TapKind.TAXI_TRIP, 900)
        tap = self.card.tap(
            operator, ride[0], kind=ride[1], gross_fen=ride[2], at=at, number=self.number
        )
        engine = await Engine.start(self.dsn, self.node, self.kernel)
        try:
            await engine.clear_batch(to_binary(world.batch(operator, self.number, tap)))
        finally:
            await engine.close()
        async with self.connected() as connection:
            batch = await inspection.batch_by_number(connection, operator, self.number)
            assert batch is not None
            (stored,) = await inspection.read_taps(connection, batch, 0, 9, own=False)
        return Reason(stored.reason)

    def connected(self) -> Any:
        """A connection for a block, in a transaction."""
        return _Connected(self.dsn)

    async def close(self, day: date) -> None:
        """Cut a date off."""
        await settle_day(Context(self.dsn, self.node, self.kernel), day, until="cut_off")


class _Connected:
    def __init__(self, dsn: str) -> None:
        self.dsn = dsn

    async def __aenter__(self) -> Any:
        self.connection = await asyncpg.connect(self.dsn)
        self.transaction = self.connection.transaction()
        await self.transaction.start()
        return self.connection

    async def __aexit__(self, kind: object, *_: object) -> None:
        await (self.transaction.commit() if kind is None else self.transaction.rollback())
        await self.connection.close()


@pytest.mark.parametrize("kernel", ["reference", "fastpath"])
async def test_who_bears_a_denied_card_follows_from_delivery(
    migrated: str, tmp_path: Path, kernel: str
) -> None:
    card = Card(1)
    node = await world.settle_in(migrated, tmp_path, [card])
    race = Race(migrated, node, kernel, card)
    denied = DeniedCard(
        family=1, issuer=OWN_ISSUER, serial=world.serial(1), since="2026-01-05T08:00:00"
    )
    assert await race.reason("20260105070000") == Reason.CLEAN
    async with race.connected() as connection:
        assert (await publish_in(connection, node, [denied])).version == 1
    # Published, not acknowledged: whoever took the card could not know.
    assert await race.reason("20260105075959") == Reason.CLEAN
    assert await race.reason("20260105080000") == Reason.DENYLIST_UNDELIVERED
    async with race.connected() as connection:
        done = await acknowledge_in(connection, node, BUS, 1)
    assert done.binds_from == datetime(2026, 1, 6, 23, 59, 59)  # noqa: DTZ001 - local
    await race.close(date(2026, 1, 5))
    # Acknowledged and within grace: the devices may not have it yet.
    assert await race.reason("20260106120000") == Reason.DENYLIST_UNDELIVERED
    await race.close(date(2026, 1, 6))
    assert await race.reason("20260106235958") == Reason.DENYLIST_UNDELIVERED
    assert await race.reason("20260106235959") == Reason.DENYLISTED
    # Another operator acknowledged nothing.
    assert await race.reason("20260107080000", TAXI) == Reason.DENYLIST_UNDELIVERED
    # A second version does not loosen what the first one binds.
    async with race.connected() as connection:
        other = DeniedCard(family=1, issuer=OWN_ISSUER, serial=world.serial(2))
        done2 = await publish_in(connection, node, [denied, other])
        assert (done2.version, done2.added) == (2, 1)
    assert await race.reason("20260107083000") == Reason.DENYLISTED
    async with race.connected() as connection:
        await publish_in(connection, node, [], [denied])
    assert await race.reason("20260107090000") == Reason.CLEAN
    async with race.connected() as connection:
        stamps = [
            row[0]
            for row in await connection.fetch(
                "SELECT denylist_version FROM clearing.batch ORDER BY batch_seq"
            )
        ]
    assert stamps == [0, 1, 1, 1, 1, 1, 1, 2, 3]


async def test_a_later_version_proves_the_earlier_ones(migrated: str, tmp_path: Path) -> None:
    node = await world.settle_in(migrated, tmp_path, [])
    race = Race(migrated, node, "reference", Card(1))
    async with race.connected() as connection:
        for number in (1, 2):
            card = DeniedCard(family=1, issuer=OWN_ISSUER, serial=world.serial(number))
            await publish_in(connection, node, [card])
        later = await acknowledge_in(connection, node, BUS, 2)
    await race.close(date(2026, 1, 5))
    async with race.connected() as connection:
        earlier = await acknowledge_in(connection, node, BUS, 1)
        assert (earlier.first, earlier.acknowledged_at) == (False, later.acknowledged_at)
        with pytest.raises(ServiceError, match="version 3"):
            await acknowledge_in(connection, node, BUS, 3)
