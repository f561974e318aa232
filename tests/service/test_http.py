"""The HTTP door with a server of its own process: four forms, refusals, whose data it is, stopping."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import msgspec
import pytest

from clearing.keys.signing import SigningKey
from schemas import batch as envelope
from schemas.batch import Batch
from schemas.codes import SignatureAlgorithm
from schemas.forms import Form, encode
from schemas.proof import Receipt, receipt_input
from service import submission
from service.database import Server, create_database, drop_database
from tests.service.conftest import PROGRAM, Answer, Run, World, serving

DENIED_STATUS = 401


@dataclass
class Door:
    """A node behind a URL."""

    url: str
    home: Path
    dsn: str
    world: World

    def client(self, operator: int | None = None, **options: Any) -> httpx.Client:
        """A client with an operator's key."""
        headers = {}
        if operator is not None:
            headers["Authorization"] = f"Bearer {self.world.api_key(operator)}"
        return httpx.Client(base_url=self.url, headers=headers, timeout=60, **options)

    def submit(self, batch: Batch, form: Form = Form.BINARY, **headers: str) -> httpx.Response:
        """Post a batch under its operator's key."""
        with self.client(batch.header.operator) as client:
            return client.post(
                "/v1/batches",
                content=encode(batch, form),
                headers={"Content-Type": form.value, **headers},
            )


@pytest.fixture(scope="module")
def made(
    postgres: Server, run: Run, world: World, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Path, str]]:
    """A node of the world, made once, which nobody submits to: a template."""
    home = tmp_path_factory.mktemp("node") / "home"
    name = f"onecard_http_{os.getpid()}"
    dsn = run(create_database(postgres.dsn, name))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ONECARD_DSN", dsn)
        run(world.make(home, dsn))
    yield home, name
    run(drop_database(postgres.dsn, name))


@pytest.fixture
def node(
    made: tuple[Path, str], postgres: Server, run: Run, tmp_path: Path
) -> Iterator[tuple[Path, str]]:
    """A fresh copy of the node: the same keys and secret, a database of its own."""
    home, template = made
    copy = tmp_path / "home"
    shutil.copytree(home, copy)
    name = f"{template}_{tmp_path.name}".lower()[-60:]
    dsn = run(create_database(postgres.dsn, name, template=template))
    yield copy, dsn
    run(drop_database(postgres.dsn, name))


@pytest.fixture
def door(node: tuple[Path, str], world: World) -> Iterator[Door]:
    """A server on a fresh copy of the node."""
    home, dsn = node
    with serving(home, dsn) as url:
        yield Door(url, home, dsn, world)


@pytest.fixture(scope="module")
def busy_door(
    made: tuple[Path, str],
    postgres: Server,
    run: Run,
    world: World,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Door]:
    """One server for tests that leave it as it was, or with batches that nobody counts."""
    home, template = made
    copy = tmp_path_factory.mktemp("busy") / "home"
    shutil.copytree(home, copy)
    name = f"{template}_busy"
    dsn = run(create_database(postgres.dsn, name, template=template))
    with serving(copy, dsn, requests_per_s="10000", requests_burst="10000") as url:
        yield Door(url, copy, dsn, world)
    run(drop_database(postgres.dsn, name))


def problem(answer: httpx.Response) -> dict[str, Any]:
    """The problem document of an answer."""
    assert answer.headers["content-type"] == "application/problem+json"
    found = answer.json()
    assert found["status"] == answer.status_code
    assert isinstance(found, dict)
    return found


# -- the same batch, whatever the door ----------------------------------------------------------------


@pytest.mark.parametrize("form", list(Form))
async def test_a_form_over_http_is_the_batch_as_a_file(
    node: tuple[Path, str],
    made: tuple[Path, str],
    postgres: Server,
    world: World,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    form: Form,
) -> None:
    """Receipts and verdicts are the same bytes as those of binary files on another fresh node."""
    batches = world.batches[:8]
    files = []
    for position, batch in enumerate(batches):
        files.append(tmp_path / f"{position}.batch")
        files[-1].write_bytes(encode(batch, Form.BINARY))
    home, dsn = node
    name = f"onecard_http_files_{os.getpid()}"
    monkeypatch.setenv("ONECARD_DSN", await create_database(postgres.dsn, name, template=made[1]))
    outcome = await submission.at_home(files, made[0], None)
    with serving(home, dsn) as url:
        door = Door(url, home, dsn, world)
        answers = [door.submit(batch, form) for batch in batches]
        assert [answer.status_code for answer in answers] == [200] * len(batches)
        assert [answer.content for answer in answers] == [r.body for r in outcome.receipts]
        stored = [await _columns(address) for address in (dsn, os.environ["ONECARD_DSN"])]
        assert stored[0] == stored[1]
        verdicts = _verdicts(door, batches[0])
    assert [row["row"] for row in verdicts] == list(range(batches[0].header.count))
    await drop_database(postgres.dsn, name)


async def _columns(dsn: str) -> list[Any]:
    connection = await asyncpg.connect(dsn)
    try:
        taps = await connection.fetch("SELECT * FROM clearing.tap ORDER BY batch_seq, row_no")
        remarks = await connection.fetch("SELECT * FROM clearing.evidence ORDER BY 1, 2, 3")
        return [tuple(row) for row in (*taps, *remarks)]
    finally:
        await connection.close()


def _verdicts(door: Door, batch: Batch, rows: int = 3) -> list[dict[str, Any]]:
    """All verdicts, page by page."""
    found: list[dict[str, Any]] = []
    first: int | None = 0
    with door.client(batch.header.operator) as client:
        while first is not None:
            page = client.get(
                f"/v1/batches/{batch.header.number}/verdicts", params={"from": first, "rows": rows}
            ).json()
            found += page["rows"]
            first = page["next"]
    return found


@pytest.mark.parametrize("form", list(Form))
def test_curl_needs_no_media_type(door: Door, form: Form, tmp_path: Path) -> None:
    batch = door.world.batches[0]
    (tmp_path / "body").write_bytes(encode(batch, form))
    words = [
        "curl", "-sS", "-H", f"Authorization: Bearer {door.world.api_key(batch.header.operator)}",
        "--data-binary", f"@{tmp_path / 'body'}", f"{door.url}/v1/batches",
    ]  # fmt: skip
    receipt = msgspec.json.decode(subprocess.check_output(words), type=Receipt)
    assert (receipt.batch_seq, receipt.digest) == (1, batch.header.digest)


def test_a_receipt_is_signed_and_comes_again(door: Door) -> None:
    batch = door.world.batches[0]
    first, again = door.submit(batch), door.submit(batch, Form.JSON_LINES)
    assert again.content == first.content
    receipt = msgspec.json.decode(first.content, type=Receipt)
    public = SigningKey.load(door.home / "keys" / "node.pem").public
    assert public.verify(1, receipt_input(receipt), bytes.fromhex(receipt.signature))
    with door.client(batch.header.operator) as client:
        by_number = client.get(f"/v1/batches/{batch.header.number}/receipt")
        by_seq = client.get("/v1/batches/1/receipt", params={"by": "batch_seq"})
    assert by_number.content == by_seq.content == first.content


def test_verdicts_say_why(door: Door) -> None:
    for batch in door.world.batches:
        assert door.submit(batch).status_code == 200
    answered = {
        (batch.header.operator, batch.header.number, row["row"]): row
        for batch in door.world.batches
        for row in _verdicts(door, batch, 500)
    }
    expected = {
        (item.operator, item.number, item.row): item
        for item in door.world.province.expected()
        if item.city == "7910"
    }
    assert answered.keys() == expected.keys()
    for place, item in expected.items():
        row = answered[place]
        assert row["verdict"] == str(item.verdict).lower(), place
        assert (row["reason"] or {"name": "clean"})["name"] == item.reason, place
    spoken = [row for row in answered.values() if row["reason"] and row["evidence"]]
    assert spoken
    assert all(row["reason"]["chinese"] and row["reason"]["english"] for row in spoken)
    assert all(row["card"].startswith("*" * 16) for row in answered.values())


# -- what is refused ----------------------------------------------------------------------------------


def test_a_tampered_body_is_refused(busy_door: Door) -> None:
    batch = busy_door.world.batches[0]
    body = bytearray(encode(batch, Form.BINARY))
    body[-40] ^= 1
    with busy_door.client(batch.header.operator) as client:
        answer = client.post("/v1/batches", content=bytes(body))
    assert answer.status_code == 422
    found = problem(answer)
    assert found["reason"] == "digest_wrong"
    assert found["chinese"] == "摘要错误"
    assert found["remedy"] == "make the batch again"


def test_another_hand_is_refused(busy_door: Door) -> None:
    batch = busy_door.world.batches[0]
    forged = SigningKey.generate().sign(envelope.signing_input(batch.header.digest))
    assert problem(busy_door.submit(envelope.signed(batch, forged)))["reason"] == "signature_wrong"
    unsigned = envelope.make(batch.header.operator, 9, batch.header.declared_date, batch.records)
    assert problem(busy_door.submit(unsigned))["reason"] == "signature_wrong"


def test_a_number_is_used_once(busy_door: Door) -> None:
    first, second = busy_door.world.of(busy_door.world.batches[0].header.operator)[:2]
    assert busy_door.submit(first).status_code == 200
    made_again = _signed(busy_door.world, second.records, first.header.number, first)
    answer = busy_door.submit(made_again)
    assert answer.status_code == 409
    assert problem(answer)["reason"] == "number_used"


def _signed(world: World, records: bytes, number: int, like: Batch, **changes: Any) -> Batch:
    """A batch of the same operator with other content, signed by it."""
    made = envelope.make(
        like.header.operator,
        number,
        changes.get("declared_date", like.header.declared_date),
        records,
        signature_algorithm=SignatureAlgorithm.ED25519,
    )
    key = world.province.operator_keys["7910", like.header.operator]
    return envelope.signed(made, key.sign(envelope.signing_input(made.header.digest)))


@pytest.mark.parametrize(
    ("declared", "reason"), [("20990101", "declared_future"), ("20250231", "unreadable")]
)
def test_dates_that_are_none_are_refused(busy_door: Door, declared: str, reason: str) -> None:
    batch = busy_door.world.batches[0]
    made = _signed(busy_door.world, batch.records, 77, batch, declared_date=declared)
    assert problem(busy_door.submit(made))["reason"] == reason
    assert busy_door.submit(batch).status_code == 200


@pytest.mark.parametrize(
    ("body", "media_type"),
    [
        (b"", ""),
        (b"garbage", ""),
        (b"garbage", "text/csv"),
        (b"OCB1" + bytes(200), ""),
        (b"\x82" + b"\xc1" * 50, ""),
        (b'{"header": ', "application/x-ndjson"),
        (b"#{}\nfamily\n1\n", "text/csv"),
        (bytes(range(256)) * 40, "application/msgpack"),
    ],
)
def test_garbage_is_refused_with_a_reason(busy_door: Door, body: bytes, media_type: str) -> None:
    operator = busy_door.world.batches[0].header.operator
    with busy_door.client(operator) as client:
        answer = client.post("/v1/batches", content=body, headers={"Content-Type": media_type})
    assert answer.status_code in {400, 422}
    assert problem(answer)["reason"] in {"unreadable", "version_unknown", "empty"}


@pytest.mark.parametrize("rows", ["from=2147483647", f"from={2**63}", "rows=5001", "from=-1"])
def test_rows_that_no_batch_has_are_refused(busy_door: Door, rows: str) -> None:
    """Numbers that the database's columns cannot hold do not reach it."""
    batch = busy_door.world.batches[0]
    busy_door.submit(batch)
    with busy_door.client(batch.header.operator) as client:
        answer = client.get(f"/v1/batches/{batch.header.number}/verdicts?{rows}")
    assert answer.status_code == 400
    problem(answer)


def test_a_body_that_breaks_off_is_the_senders_fault(busy_door: Door) -> None:
    operator = busy_door.world.batches[0].header.operator
    url = httpx.URL(busy_door.url)
    request = (
        "POST /v1/batches HTTP/1.1\r\nHost: onecard\r\nTransfer-Encoding: chunked\r\n"
        f"Authorization: Bearer {busy_door.world.api_key(operator)}\r\n\r\n3\r\nabc\r\nno size\r\n"
    )
    with socket.create_connection((url.host, url.port or 80), timeout=30) as line:
        line.sendall(request.encode())
        assert line.recv(100).startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize(
    "changes",
    [
        {"signature": "zz" * 64},
        {"signature": ""},
        {"digest": "none"},
        {"profile": "p" * 40},
        {"profile": "西安"},
        {"operator": 2**40},
        {"number": 2**70},
        {"count": -1},
        {"sums": []},
        {"declared_date": "２０２６０１０５"},
        {"signature_algorithm": 2},
        {"digest_algorithm": 9},
        {"version": 7},
    ],
)
def test_odd_headers_are_refused_with_a_reason(busy_door: Door, changes: dict[str, Any]) -> None:
    batch = busy_door.world.batches[0]
    lines = encode(batch, Form.JSON_LINES).split(b"\n", 1)
    header = {**msgspec.json.decode(lines[0]), **changes}
    with busy_door.client(batch.header.operator) as client:
        answer = client.post("/v1/batches", content=msgspec.json.encode(header) + b"\n" + lines[1])
    assert 400 <= answer.status_code < 500, answer.text
    assert problem(answer)["reason"]
    assert busy_door.submit(batch).status_code == 200


def _zeros(size: int) -> Iterator[bytes]:
    piece = bytes(1 << 20)
    for _ in range(size // len(piece)):
        yield piece


@pytest.mark.parametrize("announced", [True, False])
def test_a_gigabyte_of_zeros_is_refused_and_never_held(busy_door: Door, announced: bool) -> None:
    batch = busy_door.world.batches[0]
    size = 1 << 30
    headers = {"Content-Length": str(size)} if announced else {}
    with busy_door.client(batch.header.operator) as client:
        answer = client.post("/v1/batches", content=_zeros(size), headers=headers)
    assert answer.status_code == 413
    found = problem(answer)
    assert found["reason"] == "too_large"
    assert "at most 67108864 bytes" in found["expected"]
    peak_kb = int(_status_of_server(busy_door).split("VmHWM:")[1].split()[0])
    assert peak_kb < 600_000
    assert busy_door.submit(batch).status_code == 200


def _status_of_server(busy_door: Door) -> str:
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().split(b"\0")
            if str(busy_door.home).encode() in words and b"serve" in words:
                return (process / "status").read_text()
        except OSError:
            continue
    raise AssertionError("the server does not run")


def test_who_asks_too_often_waits(node: tuple[Path, str], world: World) -> None:
    home, dsn = node
    with serving(home, dsn, requests_per_s="0.5", requests_burst="3") as url:
        door = Door(url, home, dsn, world)
        one, other = world.operators[:2]
        with door.client(one) as client:
            codes = [client.get("/v1/batches/1/receipt").status_code for _ in range(5)]
            refused = client.get("/v1/batches/1/receipt")
        with door.client(other) as client:
            assert client.get("/v1/batches/1/receipt").status_code == 404
    assert codes == [404, 404, 404, 429, 429]
    assert int(refused.headers["retry-after"]) >= 1


# -- whose data it is ---------------------------------------------------------------------------------


def test_nobody_without_a_key(busy_door: Door) -> None:
    batch = busy_door.world.batches[0]
    for headers in ({}, {"Authorization": "Bearer nonsense"}, {"Authorization": "Basic eDp5"}):
        with busy_door.client() as client:
            posted = client.post("/v1/batches", content=encode(batch, Form.CSV), headers=headers)
            read = client.get("/v1/batches/1/verdicts", headers=headers)
        for answer in (posted, read):
            assert answer.status_code == DENIED_STATUS
            assert answer.headers["www-authenticate"] == "Bearer"
            problem(answer)


def test_another_operator_sees_nothing(door: Door) -> None:
    batch = door.world.batches[0]
    other = next(number for number in door.world.operators if number != batch.header.operator)
    assert door.submit(batch).status_code == 200
    with door.client(other) as client:
        posted = client.post("/v1/batches", content=encode(batch, Form.BINARY))
        assert posted.status_code == 403
        assert problem(posted)["reason"] == "key_wrong"
        for what in ("receipt", "verdicts"):
            for by, number in (("number", batch.header.number), ("batch_seq", 1)):
                answer = client.get(f"/v1/batches/{number}/{what}", params={"by": by})
                never = client.get("/v1/batches/999999/receipt", params={"by": by})
                assert answer.status_code == never.status_code == 404
                assert problem(answer)["title"] == problem(never)["title"]


async def test_the_database_itself_shows_others_nothing(door: Door) -> None:
    from clearing.inspection import as_operator

    batch = door.world.batches[0]
    owner = batch.header.operator
    other = next(number for number in door.world.operators if number != owner)
    assert door.submit(batch).status_code == 200
    connection = await asyncpg.connect(door.dsn)
    try:
        for operator, batches in ((owner, 1), (other, 0)):
            async with as_operator(connection, operator):
                assert await connection.fetchval("SELECT count(*) FROM clearing.batch") == batches
                taps = await connection.fetchval("SELECT count(*) FROM clearing.own_tap")
                assert taps == batches * batch.header.count
        for statement in (
            "SELECT * FROM clearing.tap",
            "SELECT * FROM clearing.posting",
            "SELECT * FROM clearing.registry",
            "SELECT * FROM clearing.card",
            "DELETE FROM clearing.batch",
        ):
            with pytest.raises(asyncpg.PostgresError):
                async with as_operator(connection, owner):
                    await connection.execute(statement)
    finally:
        await connection.close()


# -- what anyone may ask ------------------------------------------------------------------------------


def test_reasons_health_and_schema(busy_door: Door) -> None:
    with busy_door.client() as client:
        reasons = client.get("/v1/reasons").json()
        assert {"number": 3, "name": "duplicate_in_batch"}.items() <= next(
            row for row in reasons if row["number"] == 3
        ).items()
        health = client.get("/v1/health").json()
        assert (health["status"], health["open_date"]) == ("ok", "2026-01-05")
        schema = client.get("/schema").json()
        assert set(schema["paths"]["/v1/batches"]["post"]["requestBody"]["content"]) == {
            form.value for form in Form
        }
        assert client.get("/schema/openapi.json").json() == schema
        missing = client.get("/v2/anything")
        assert (missing.status_code, problem(missing)["title"]) == (404, "Not Found")
        assert client.put("/v1/batches").status_code == 405


# -- beside other commands ----------------------------------------------------------------------------


async def test_submit_to_a_url_gives_the_receipts(door: Door, tmp_path: Path) -> None:
    operator = door.world.batches[0].header.operator
    files = []
    for batch in door.world.of(operator)[:3]:
        files.append(tmp_path / f"{batch.header.number}.json")
        files[-1].write_bytes(encode(batch, Form.JSON_LINES))
    (tmp_path / "bad").write_bytes(b"bad")
    outcome = await submission.over_http(
        [*files, tmp_path / "bad"], door.url, door.world.api_key(operator)
    )
    assert [receipt.fields.batch_seq for receipt in outcome.receipts] == [1, 2, 3]
    assert outcome.refused[0].startswith("bad: unreadable: ")


def test_one_writer_only(door: Door, tmp_path: Path, onecard: Any, monkeypatch: Any) -> None:
    monkeypatch.setenv("ONECARD_DSN", door.dsn)
    (tmp_path / "batch").write_bytes(encode(door.world.batches[0], Form.BINARY))
    answer: Answer = onecard("submit", tmp_path / "batch", "--home", door.home)
    assert answer.code == 1
    assert "--url" in answer.err
    second: Answer = onecard("serve", "--home", door.home, "--port", "0")
    assert second.code == 1
    port: Answer = onecard("serve", "--home", door.home, "--port", door.url.rsplit(":", 1)[1])
    assert port.code == 1
    assert "cannot be had" in port.err


def test_an_operator_registered_meanwhile_is_served(
    door: Door, tmp_path: Path, onecard: Any, monkeypatch: Any
) -> None:
    """Registered beside a running engine, the operator's very first batch is judged."""
    monkeypatch.setenv("ONECARD_DSN", door.dsn)
    assert door.submit(door.world.batches[0]).status_code == 200
    added: Answer = onecard(
        "operator", "add", "--home", door.home, "--code", "new", "--mode", "bus",
        "--tariff", "xian/bus", "--make-signing-key", tmp_path / "key.pem",
    )  # fmt: skip
    assert added.code == 0, added.err
    number = int(added.out.split()[1])
    api_key = added.out.split()[-1]
    made = envelope.make(
        number, 1, "20260105", door.world.batches[0].records,
        signature_algorithm=SignatureAlgorithm.ED25519,
    )  # fmt: skip
    signature = SigningKey.load(tmp_path / "key.pem").sign(
        envelope.signing_input(made.header.digest)
    )
    with httpx.Client(base_url=door.url, headers={"Authorization": f"Bearer {api_key}"}) as client:
        answer = client.post(
            "/v1/batches", content=encode(envelope.signed(made, signature), Form.BINARY)
        )
    assert answer.status_code == 200, answer.text
    assert answer.json()["rejected"] == made.header.count


# -- stopping -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_finishes_what_was_begun(
    node: tuple[Path, str], world: World, number: signal.Signals
) -> None:
    """The embedded database is not ours here; with it the last user stops it (test_database)."""
    home, dsn = node
    process = subprocess.Popen(
        [*PROGRAM, "serve", "--home", str(home), "--port", "0"],
        env={**os.environ, "ONECARD_DSN": dsn},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    url = process.stdout.readline().split()[-1]
    batch = world.batches[0]
    body = encode(batch, Form.BINARY)

    def slowly() -> Iterator[bytes]:
        yield body[:100]
        # Long enough for the request to have begun; whoever comes later is told to come again.
        time.sleep(1)
        process.send_signal(number)
        time.sleep(0.2)
        yield body[100:]

    headers = {"Authorization": f"Bearer {world.api_key(batch.header.operator)}"}
    with httpx.Client(base_url=url, headers=headers) as client:
        answer = client.post("/v1/batches", content=slowly())
    assert answer.status_code == 200
    assert process.wait(30) == 0
    process.stdout.close()
    with serving(home, dsn) as again:
        door = Door(again, home, dsn, world)
        assert door.submit(batch).content == answer.content


def test_the_embedded_database_stops_with_the_server(tmp_path: Path, onecard: Any) -> None:
    home = tmp_path / "home"
    if os.environ.get("ONECARD_DSN"):
        pytest.skip("a database was given for the whole run")
    assert onecard("init", "--home", home).code == 0
    process = subprocess.Popen(
        [*PROGRAM, "serve", "--home", str(home), "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    url = process.stdout.readline().split()[-1]
    assert httpx.get(f"{url}/v1/health").json()["status"] == "ok"
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0
    process.stdout.close()
    assert not (home / "database" / "data" / "postmaster.pid").exists()
