"""Every file-level reason, at the doors where it can be met, in both languages; gaps in numbers; what is
complete."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import msgspec
import pytest

from clearing.keys.signing import SigningKey
from clearing.limits import BATCH_BYTES_MAX
from schemas import batch as envelope
from schemas.batch import Batch
from schemas.codes import SignatureAlgorithm
from schemas.forms import Form, encode
from schemas.reasons import FILE_LEVEL, ROW, Reason
from service.http.problems import STATUS
from tests.conftest import Run
from tests.service.conftest import DAY, Answer, serving
from tests.world import Card

Onecard = Callable[..., Answer]

FIRST, SECOND, ENDED, SUSPENDED = 1, 2, 3, 4


@dataclass
class Centre:
    """A node with four operators that sign; the API keys by number."""

    home: Path
    dsn: str
    keys: dict[int, SigningKey]
    api_keys: dict[int, str]
    card: Card = field(default_factory=lambda: Card(1))

    def batch(
        self, number: int, operator: int = FIRST, taps: int = 1, declared: str = "20260105",
        **changes: Any,
    ) -> Batch:  # fmt: skip
        """A signed batch."""
        records = b"".join(self.card.tap(operator, 50, gross_fen=100) for _ in range(taps))
        made = envelope.make(
            operator, number, declared, records,
            signature_algorithm=SignatureAlgorithm.ED25519, **changes,
        )  # fmt: skip
        key = self.keys.get(operator, self.keys[FIRST])
        return envelope.signed(made, key.sign(envelope.signing_input(made.header.digest)))

    def body(self, number: int, **words: Any) -> bytes:
        """The same as bytes."""
        return encode(self.batch(number, **words), Form.BINARY)

    def altered(self, number: int, **header: Any) -> bytes:
        """A batch whose header says something else."""
        first, rest = encode(self.batch(number), Form.JSON_LINES).split(b"\n", 1)
        return msgspec.json.encode({**msgspec.json.decode(first), **header}) + b"\n" + rest


@pytest.fixture
def centre(onecard: Onecard, fresh: Path, given_database: str, tmp_path: Path) -> Centre:
    keys, api_keys = {}, {}
    for number in (FIRST, SECOND, ENDED, SUSPENDED):
        pem = tmp_path / f"{number}.pem"
        answer = onecard("operator", "add", "--code", f"bus{number}", "--mode", "bus", "--tariff",
                         "xian/bus", "--make-signing-key", pem, "--home", fresh)  # fmt: skip
        assert answer.code == 0, answer.err
        keys[number], api_keys[number] = SigningKey.load(pem), answer.out.split()[-1]
    assert onecard("registry", "end", "operator", ENDED, "--home", fresh).code == 0
    listed = json.loads(onecard("registry", "list", "operator", "--json", "--home", fresh).out)
    changes = {SUSPENDED: {"suspended": True}, SECOND: {"since": "2026-01-04"}}
    rows = tmp_path / "operator.jsonl"
    rows.write_text(
        "".join(
            json.dumps(row | changes[row["number"]]) + "\n"
            for row in listed["rows"]
            if row["number"] in changes
        )
    )
    assert onecard("registry", "import", rows, "--home", fresh).code == 0
    return Centre(fresh, given_database, keys, api_keys)


def tampered(centre: Centre) -> bytes:
    body = bytearray(centre.body(20))
    body[-40] ^= 1
    return bytes(body)


def forged(centre: Centre) -> bytes:
    batch = centre.batch(20)
    stranger = SigningKey.generate().sign(envelope.signing_input(batch.header.digest))
    return encode(envelope.signed(batch, stranger), Form.BINARY)


BODIES: dict[Reason, Callable[[Centre], bytes]] = {
    Reason.UNREADABLE: lambda _: b"garbage",
    Reason.TOO_LARGE: lambda _: bytes(BATCH_BYTES_MAX + 1),
    Reason.VERSION_UNKNOWN: lambda centre: centre.altered(20, version=7),
    Reason.EMPTY: lambda centre: centre.body(20, taps=0),
    # Its contract ended on the open date. (Whom nobody knows has no API key either.)
    Reason.OPERATOR_UNKNOWN: lambda centre: centre.body(20, operator=ENDED),
    Reason.OPERATOR_SUSPENDED: lambda centre: centre.body(20, operator=SUSPENDED),
    Reason.KEY_WRONG: lambda centre: centre.body(20, operator=SECOND),
    Reason.SIGNATURE_WRONG: forged,
    Reason.DIGEST_WRONG: tampered,
    Reason.HEADER_DIFFERS: lambda centre: centre.altered(20, sums=[]),
    Reason.NUMBER_USED: lambda centre: centre.body(1, taps=2),
    Reason.DECLARED_FUTURE: lambda centre: centre.body(20, declared="20260106"),
    Reason.PROFILE_NOT_ALLOWED: lambda centre: centre.body(20, profile="shenzhen-2018"),
}
"""A batch that is refused, by reason."""

SENT_BY = {Reason.OPERATOR_UNKNOWN: ENDED, Reason.OPERATOR_SUSPENDED: SUSPENDED}
"""With whose API key, where it is not the first one's."""


def test_no_file_level_reason_is_left_out() -> None:
    assert {row.reason for row in FILE_LEVEL} == {*BODIES, Reason.NUMBER_GAP}


def in_both_languages(reason: Reason, text: str) -> bool:
    row = ROW[reason]
    words = (row.name, row.english, row.remedy_english, row.chinese, row.remedy_chinese)
    return all(word.lower() in text.lower() for word in words)


def test_every_refusal_on_the_command_line(
    onecard: Onecard, centre: Centre, tmp_path: Path, run: Run[Any]
) -> None:
    names = {}
    first = tmp_path / "first"
    first.write_bytes(centre.body(1))
    for reason, make in BODIES.items():
        names[reason] = tmp_path / reason.name
        names[reason].write_bytes(make(centre))
    # With --home there is no API key that could be another operator's.
    files = [path for reason, path in names.items() if reason != Reason.KEY_WRONG]
    answer = onecard("submit", first, *files, "--home", centre.home)
    assert answer.code == 1
    assert answer.out.startswith("batch 1: operator 1, 1 taps on 2026-01-05")
    assert "\n1 batches, 1 taps" in answer.out
    said = answer.err.split("onecard: refused: ")[1:]
    assert len(said) == len(files)
    for reason, words in zip((r for r in BODIES if r != Reason.KEY_WRONG), said, strict=True):
        assert words.startswith(f"{reason.name}: {reason.name.lower()}: "), words
        assert in_both_languages(reason, words), words

    async def events() -> list[str]:
        return [row["subject"] for row in await fetch(centre.dsn, "number_used")]

    assert [subject.rpartition("/")[0] for subject in run(events())] == ["1/1"]


async def fetch(dsn: str, kind: str) -> list[asyncpg.Record]:
    """The events of a kind."""
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetch(
            "SELECT business_date, subject, body FROM clearing.event WHERE kind = $1"
            " ORDER BY event_no",
            kind,
        )
    finally:
        await connection.close()


@pytest.fixture
def door(centre: Centre) -> Iterator[httpx.Client]:
    with serving(centre.home, centre.dsn) as url, httpx.Client(base_url=url, timeout=60) as client:
        yield client


def post(
    client: httpx.Client, centre: Centre, body: bytes, operator: int = FIRST
) -> httpx.Response:
    """Submit a body under an operator's key."""
    key = {"Authorization": f"Bearer {centre.api_keys[operator]}"}
    return client.post("/v1/batches", content=body, headers=key)


def test_every_refusal_over_http(
    onecard: Onecard, centre: Centre, door: httpx.Client, tmp_path: Path, run: Run[Any]
) -> None:
    assert post(door, centre, centre.body(1)).status_code == 200
    for reason, make in BODIES.items():
        answer = post(door, centre, make(centre), SENT_BY.get(reason, FIRST))
        row, found = ROW[reason], answer.json()
        assert answer.status_code == STATUS.get(reason, 422), found
        assert answer.headers["content-type"] == "application/problem+json"
        assert (found["reason"], found["reason_number"]) == (row.name, int(reason))
        assert (found["title"], found["remedy"]) == (row.english, row.remedy_english)
        assert (found["chinese"], found["remedy_chinese"]) == (row.chinese, row.remedy_chinese)
    again = post(door, centre, centre.body(1, taps=2))
    assert again.json()["reason"] == "number_used"
    assert len(run(fetch(centre.dsn, "number_used"))) == 2

    # The program at the other end of the line says the same.
    other = tmp_path / "other"
    other.write_bytes(BODIES[Reason.KEY_WRONG](centre))
    said = onecard("submit", other, "--url", door.base_url, "--api-key", centre.api_keys[FIRST])
    assert said.code == 1
    assert in_both_languages(Reason.KEY_WRONG, said.err), said.err


def test_an_unknown_operator_on_the_command_line(
    onecard: Onecard, centre: Centre, tmp_path: Path
) -> None:
    strangers = {
        "nobody": centre.body(20, operator=999),
        "early": centre.body(20, operator=SECOND, declared="20260103"),
    }
    for name, body in strangers.items():
        (tmp_path / name).write_bytes(body)
        answer = onecard("submit", tmp_path / name, "--home", centre.home)
        assert answer.code == 1
        assert in_both_languages(Reason.OPERATOR_UNKNOWN, answer.err)
    # Before its end an operator is one, however late its batch comes.
    (tmp_path / "late").write_bytes(centre.body(20, operator=ENDED, declared="20260104"))
    assert onecard("submit", tmp_path / "late", "--home", centre.home).code == 0


# -- gaps --------------------------------------------------------------------------------------------


def gaps(run: Run[Any], dsn: str) -> list[str]:
    """The gaps that were told, in order."""
    return [row["subject"] for row in run(fetch(dsn, "number_gap"))]


def test_a_gap_is_told_once_and_leaves_the_receipt_alone(
    onecard: Onecard, centre: Centre, door: httpx.Client, run: Run[Any], tmp_path: Path
) -> None:
    for number in (7, 8):
        post(door, centre, centre.body(number))
    assert gaps(run, centre.dsn) == []
    jump = centre.body(12)
    receipt = post(door, centre, jump).content
    assert gaps(run, centre.dsn) == ["1/9-11"]
    assert b"gap" not in receipt
    assert post(door, centre, jump).content == receipt
    post(door, centre, centre.body(10))  # between: it fills
    post(door, centre, centre.body(13))
    assert gaps(run, centre.dsn) == ["1/9-11"]
    post(door, centre, centre.body(4))  # below the lowest
    post(door, centre, centre.body(2**64 - 1))
    assert gaps(run, centre.dsn) == ["1/9-11", "1/5-6", f"1/14-{2**64 - 2}"]
    post(door, centre, centre.body(5, operator=SECOND), SECOND)
    assert len(gaps(run, centre.dsn)) == 3
    body = json.loads(run(fetch(centre.dsn, "number_gap"))[0]["body"])
    assert body == {"operator": 1, "low": 9, "high": 11, "batch_seq": 3}

    key = {"Authorization": f"Bearer {centre.api_keys[FIRST]}"}
    board = door.get("/v1/completeness", headers=key).json()
    assert [(run["first"], run["last"]) for run in board["missing"]] == [
        (5, 6), (9, 9), (11, 11), (14, 2**64 - 2),
    ]  # fmt: skip
    assert board["batches"] == 7
    assert board["remarks"][0]["name"] == "number_gap"
    assert board["remarks"][0]["chinese"] == ROW[Reason.NUMBER_GAP].chinese
    other = {"Authorization": f"Bearer {centre.api_keys[SECOND]}"}
    theirs = door.get("/v1/completeness?date=2026-01-05", headers=other).json()
    assert (theirs["operator"], theirs["highest_number"], theirs["missing"]) == (2, 5, [])
    assert theirs["remarks"] == []
    assert door.get("/v1/completeness").status_code == 401
    assert door.get("/v1/completeness?date=2025-01-01", headers=key).status_code == 422
    assert door.get("/v1/completeness?date=today", headers=key).status_code == 400

    file = tmp_path / "next"
    file.write_bytes(centre.body(14))
    told = onecard("submit", file, "--url", door.base_url, "--api-key", centre.api_keys[FIRST])
    assert told.code == 0
    assert in_both_languages(Reason.NUMBER_GAP, told.err), told.err
    assert "5–6, 9, 11, " in told.err


def test_an_engine_that_starts_again_knows_the_numbers(
    onecard: Onecard, centre: Centre, run: Run[Any], tmp_path: Path
) -> None:
    for number in (1, 3, 6):
        file = tmp_path / f"{number}"
        file.write_bytes(centre.body(number))
        answer = onecard("submit", file, "--home", centre.home)
        assert answer.code == 0, answer.err
    assert gaps(run, centre.dsn) == ["1/2-2", "1/4-5"]
    assert in_both_languages(Reason.NUMBER_GAP, answer.err), answer.err
    assert "2, 4–5" in answer.err


# -- completeness ------------------------------------------------------------------------------------


def test_completeness_by_date(onecard: Onecard, centre: Centre, tmp_path: Path) -> None:
    def submit(number: int, declared: str) -> None:
        file = tmp_path / f"{number}"
        file.write_bytes(centre.body(number, declared=declared))
        assert onecard("submit", file, "--home", centre.home).code == 0

    def board(*words: object) -> dict[str, Any]:
        answer = onecard("completeness", *words, "--json", "--home", centre.home)
        assert answer.code == 0, answer.err
        found = json.loads(answer.out)
        return {row["operator"]: row for row in found["operators"]}[FIRST] | {"date": found["date"]}

    submit(1, "20260105")
    submit(3, "20260105")
    assert onecard("settle", "--date", DAY, "--until", "cut_off", "--home", centre.home).code == 0
    assert (
        onecard("settle", "--date", "2026-01-06", "--until", "cut_off", "--home", centre.home).code
        == 0
    )
    submit(2, "20260105")
    submit(6, "20260107")

    now = board()
    assert (now["date"], now["batches"], now["batches_in_all"]) == ("2026-01-07", 2, 4)
    assert now["missing"] == [{"first": 4, "last": 5}]
    assert (now["missing_numbers"], now["highest_number"]) == (2, 6)
    assert now["silent_dates"] == ["2026-01-06"]
    assert now["late"] == [{"number": 2, "batch_seq": 3, "declared_date": "2026-01-05"}]
    then = board("--date", DAY)
    assert (then["batches"], then["highest_number"], then["late"]) == (2, 3, [])
    assert then["missing"] == [{"first": 2, "last": 2}]
    assert then["silent_dates"] == []
    between = board("--date", "2026-01-06")
    assert (between["batches"], between["silent_dates"]) == (0, ["2026-01-06"])

    told = onecard("completeness", "--home", centre.home).out
    assert "4–5" in told
    assert "2 for 2026-01-05" in told
    assert in_both_languages(Reason.NUMBER_GAP, told)
    wrong = onecard("completeness", "--date", "2026-02-01", "--home", centre.home)
    assert (wrong.code, "no business date" in wrong.err) == (1, True)
