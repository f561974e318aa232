"""Staff: keys that are shown once, and who may sign."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import asyncpg
import pytest

from service.errors import ServiceError
from service.staff import authenticate, staff_key_digest
from tests.conftest import Run
from tests.service.conftest import DAY, Answer


def signs(run: Run[object], dsn: str, name: str, key: str) -> object:
    """The person whom the key authenticates, or the sentence of the refusal."""

    async def ask() -> object:
        connection = await asyncpg.connect(dsn)
        try:
            return (await authenticate(connection, name, key)).name
        except ServiceError as error:
            return error.sentence
        finally:
            await connection.close()

    return run(ask())


def key_in(answer: Answer) -> str:
    assert answer.code == 0, answer.err
    return answer.out.split()[-1]


def test_a_key_signs_until_it_is_replaced_or_the_person_leaves(
    onecard: Callable[..., Answer], fresh: Path, given_database: str, run: Run[object]
) -> None:
    first = key_in(onecard("staff", "add", "li.wei", "--full-name", "李伟", "--home", fresh))
    other = key_in(onecard("staff", "add", "zhao", "--home", fresh))
    assert signs(run, given_database, "li.wei", first) == "li.wei"
    assert signs(run, given_database, "li.wei", first + "\n") == "li.wei"
    wrong = "The key is not that of 'li.wei'."
    assert signs(run, given_database, "li.wei", other) == wrong
    assert signs(run, given_database, "nobody", first) == wrong.replace("li.wei", "nobody")
    assert signs(run, given_database, "li.wei", "") == wrong

    again = onecard("staff", "add", "li.wei", "--home", fresh)
    assert (again.code, "already" in again.err) == (1, True)
    second = key_in(onecard("staff", "add", "li.wei", "--new-key", "--home", fresh))
    assert signs(run, given_database, "li.wei", first) == wrong
    assert signs(run, given_database, "li.wei", second) == "li.wei"

    assert onecard("staff", "end", "li.wei", "--home", fresh).code == 0
    assert "no member of staff" in str(signs(run, given_database, "li.wei", second))
    assert onecard("staff", "end", "li.wei", "--home", fresh).code == 1
    listed = {
        row["name"]: row
        for row in json.loads(onecard("staff", "list", "--json", "--home", fresh).out)
    }
    assert listed["li.wei"] == {
        "name": "li.wei", "full_name": "李伟", "since": str(DAY), "until": str(DAY), "in_force": False,
    }  # fmt: skip
    assert listed["zhao"]["in_force"]
    assert "until 2026-01-05" in onecard("staff", "list", "--home", fresh).out

    back = key_in(onecard("staff", "add", "li.wei", "--home", fresh))
    assert signs(run, given_database, "li.wei", back) == "li.wei"


def test_only_the_digest_of_a_key_is_kept(
    onecard: Callable[..., Answer], fresh: Path, given_database: str, run: Run[object]
) -> None:
    key = key_in(onecard("staff", "add", "li.wei", "--home", fresh))

    async def bodies() -> str:
        connection = await asyncpg.connect(given_database)
        try:
            rows = await connection.fetch("SELECT body FROM clearing.registry WHERE kind = 'staff'")
            return "".join(row["body"] for row in rows)
        finally:
            await connection.close()

    kept = str(run(bodies()))
    assert key not in kept
    assert staff_key_digest(key) in kept


@pytest.mark.parametrize("name", ["li wei", "", "a/b", "-x" * 40])
def test_a_name_that_is_none(onecard: Callable[..., Answer], fresh: Path, name: str) -> None:
    answer = onecard("staff", "add", "--home", fresh, "--", name)
    assert answer.code == 1
    assert "cannot be a name" in answer.err


def test_nobody_of_that_name(onecard: Callable[..., Answer], fresh: Path) -> None:
    answer = onecard("staff", "add", "x", "--new-key", "--home", fresh)
    assert (answer.code, "Leave --new-key out" in answer.err) == (1, True)
