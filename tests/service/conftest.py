"""Nodes for the tests of doors: homes on databases of the one test server, and a small province."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest

from clearing.keys.chains import ChainEntry, check_chain
from clearing.keys.port import Secret
from clearing.keys.soft import MasterKey
from loadtest.province import Province
from schemas import cities
from schemas.batch import Batch
from service import cli
from service.home import issued_card, make_home, register

DAY = date(2026, 1, 5)
CITY = "7910"
PROGRAM = [sys.executable, "-c", "from service.cli import main; main()"]

Run = Callable[..., Any]


@dataclass
class Answer:
    """What a command said."""

    code: int
    out: str
    err: str


@pytest.fixture
def onecard(capfd: pytest.CaptureFixture[str]) -> Callable[..., Answer]:
    """Runs a command line in this process."""

    def run(*words: object) -> Answer:
        capfd.readouterr()
        code = cli.run([str(word) for word in words])
        out, err = capfd.readouterr()
        return Answer(code, out, err)

    return run


@pytest.fixture
def given_database(database: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """An empty database that every home of this test uses."""
    monkeypatch.setenv("ONECARD_DSN", database)
    return database


@pytest.fixture
def fresh(onecard: Callable[..., Answer], given_database: str, tmp_path: Path) -> Path:
    """The home of a node that was just made, Xi'an, open on the day."""
    answer = onecard("init", "--home", tmp_path / "home", "--open", DAY, "--rules", "xian")
    assert answer.code == 0, answer.err
    return tmp_path / "home"


@dataclass
class World:
    """A small city on the day of its province: batches in order, keys, and a way to make its node."""

    province: Province
    batches: list[Batch]

    def of(self, operator: int) -> list[Batch]:
        """The batches of one operator."""
        return [batch for batch in self.batches if batch.header.operator == operator]

    def api_key(self, operator: int) -> str:
        """The operator's API key."""
        return self.province.api_keys[CITY, operator]

    @property
    def operators(self) -> list[int]:
        """Operator numbers that have batches."""
        return sorted({batch.header.operator for batch in self.batches})

    async def make(self, home: Path, dsn: str) -> None:
        """The city's node in a home, with registry and cards. ``ONECARD_DSN`` must be ``dsn``."""
        masters = [
            MasterKey(
                check_chain(
                    ChainEntry(
                        issuer=keys.issuer,
                        key_version=keys.key_version,
                        key_index=keys.key_index,
                        algorithm=keys.algorithm,
                        factors=keys.factors,
                        city_code=keys.city_code,
                    ),
                    "test",
                    "chain",
                ),
                Secret(keys.master_key),
            )
            for keys in self.province.key_sets(CITY)
        ]
        await make_home(home, city=cities.find(CITY), opened_on=DAY, master_keys=masters)
        rows = self.province.registry_rows(CITY)
        numbers = {row.issuer: row.number for kind, row in rows if kind == "issuer"}
        cards = [
            issued_card(issuer_number=numbers[card.issuer], **msgspec.structs.asdict(card))
            for card in self.province.issued_cards(CITY)
        ]
        await register(dsn, rows, cards)


@pytest.fixture(scope="session")
def world() -> World:
    """A province of some hundred taps, the same each time."""
    province = Province(11, 600, DAY)
    made = Province(11, 600, DAY)
    return World(province, [batch for city, batch in made.days() if city == CITY])


@contextmanager
def serving(home: Path, dsn: str, **settings: str) -> Iterator[str]:
    """A server of its own process on a free port; the URL. It must stop cleanly."""
    variables = {f"ONECARD_{name.upper()}": value for name, value in settings.items()}
    with (home / "serve.log").open("wb") as log:
        process = subprocess.Popen(
            [*PROGRAM, "serve", "--home", str(home), "--port", "0"],
            env={**os.environ, "ONECARD_DSN": dsn, **variables},
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("serving on "), (home / "serve.log").read_text()
        yield line.split()[-1]
    finally:
        process.send_signal(signal.SIGTERM)
        code = process.wait(60)
        if process.stdout is not None:
            process.stdout.close()
    assert code == 0, (home / "serve.log").read_text()
