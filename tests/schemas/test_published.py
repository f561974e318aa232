"""What is published is what the code does: no drift, and a stranger who reads only it gets it right."""

import hashlib
import json
from typing import Any

import jsonschema_rs
import msgspec
import pytest
from hypothesis import given

from schemas import batch as envelope
from schemas import codes, proof, publish, reasons, record, registry
from schemas.batch import Batch
from schemas.codes import Verdict
from schemas.forms import Form, encode
from schemas.record import Tap
from tests.schemas.taps import BATCH, TAP, any_batch

FOLDER = publish.ROOT / publish.FOLDER


def published(name: str) -> Any:
    return json.loads((FOLDER / name).read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", publish.documents())
def test_no_file_has_drifted(name: str) -> None:
    kept = (publish.ROOT / name).read_text(encoding="utf-8")
    assert kept == publish.documents()[name], "run: python -m schemas.publish"


def test_nothing_else_lies_among_them() -> None:
    made = {name for name in publish.documents() if name.startswith(publish.FOLDER)}
    assert {f"{publish.FOLDER}/{path.name}" for path in FOLDER.iterdir()} == made


def test_the_published_layout_is_the_one_that_packs() -> None:
    layout = published("record.json")
    assert (layout["version"], layout["size"]) == (record.VERSION, record.SIZE)
    raw = record.pack(TAP)
    for row, field in zip(layout["fields"], record.FIELDS, strict=True):
        piece = raw[row["offset"] : row["offset"] + row["size"]]
        assert _read(row["type"], piece) == getattr(TAP, row["name"])
        assert row["name"] == field.name


def _read(kind: str, piece: bytes) -> object:
    match kind:
        case "hex":
            return piece.hex().upper()
        case "ascii":
            return piece.rstrip(b"\0").decode("ascii")
    return int.from_bytes(piece, "big", signed=kind.startswith("i"))


def _by_layout(body: bytes) -> dict[str, list[dict[str, object]]]:
    """An envelope as somebody reads it who has nothing but envelope.json."""
    parts = {part["part"]: part["fields"] for part in published("envelope.json")}
    at, read = 0, {name: [] for name in parts}  # type: dict[str, list[dict[str, object]]]
    times = {"core": lambda: 1, "sum": lambda: read["core"][0]["sum_count"], "tail": lambda: 1}
    times["record"] = lambda: read["core"][0]["count"]
    for name, fields in parts.items():
        for _ in range(times[name]()):
            row = {}
            for field in fields:
                row[field["name"]] = _read(field["type"], body[at : at + field["size"]])
                at += field["size"]
            read[name].append(row)
    assert at == len(body)
    return read


@given(batch=any_batch())
def test_the_published_envelope_is_the_one_that_is_written(batch: Batch) -> None:
    read, header = _by_layout(encode(batch, Form.BINARY)), batch.header
    core, tail = read["core"][0], read["tail"][0]
    for name, value in (core | tail).items():
        if name not in ("magic", "sum_count"):
            assert getattr(header, name) == value
    assert [tuple(row.values()) for row in read["sum"]] == [
        msgspec.structs.astuple(row) for row in header.sums
    ]
    assert "".join(str(row["record"]) for row in read["record"]) == batch.records.hex().upper()


def test_the_published_leaf_is_the_one_that_is_hashed() -> None:
    record_bytes, salt, shares = record.pack(TAP), bytes(range(16)), bytes(range(32))
    values = {
        "prefix": 0, "salt": salt, "batch_seq": 7, "row": 3, "record": record_bytes, "verdict": 1,
        "reason": 7, "flags": 1 << 40, "priced_fen": 100, "credited_fen": 90, "subsidy_fen": -10,
        "issuer_number": 5, "rules_version": 11, "registry_version": 12, "denylist_version": 13,
        "shares": shares,
    }  # fmt: skip
    layout, hashed = published("leaf.json"), b""
    for field in layout["fields"]:
        value = values[field["name"]]
        if isinstance(value, int):
            value = value.to_bytes(field["size"], "big", signed=field["type"].startswith("i"))
        assert len(value) == field["size"]
        hashed += value
    assert len(hashed) == layout["size"] == proof.LEAF.size
    assert hashlib.sha256(hashed).digest() == proof.leaf(
        salt,
        7,
        3,
        record_bytes,
        (Verdict.HELD, 7, 1 << 40),
        (100, 90, -10),
        5,
        (11, 12, 13),
        shares,
    )


def test_schemas_take_what_we_write() -> None:
    lines = encode(BATCH, Form.JSON_LINES).splitlines()
    jsonschema_rs.validate(published("header.schema.json"), json.loads(lines[0]))
    for line in lines[1:]:
        jsonschema_rs.validate(published("tap.schema.json"), json.loads(line))


@pytest.mark.parametrize("field", record.FIELDS, ids=lambda field: field.name)
def test_a_schema_and_the_layout_agree_on_what_fits(field: record.Field) -> None:
    good = json.loads(msgspec.json.encode(TAP))
    schema = jsonschema_rs.validator_for(published("tap.schema.json"))
    if field.type == "hex":
        tries: list[object] = [
            "0" * 2 * field.size,
            "f" * 2 * field.size,
            "0",
            "G" * 2 * field.size,
            "",
        ]
    else:
        low, high = record.BOUNDS[field.type]
        tries = [low, high, low - 1, high + 1, 1.5]
    for value in tries:
        try:
            record.pack(msgspec.structs.replace(TAP, **{field.name: value}))
            fits = True
        except record.RecordError:
            fits = False
        assert schema.is_valid(good | {field.name: value}) == fits, value


def test_a_schema_takes_no_unknown_and_no_missing_field() -> None:
    schema = jsonschema_rs.validator_for(published("tap.schema.json"))
    good = json.loads(msgspec.json.encode(TAP))
    assert not schema.is_valid(good | {"more": 1})
    for name in record.NAMES:
        less = {key: value for key, value in good.items() if key != name}
        assert schema.is_valid(less) == (record.default_of(name) is not None)


def test_every_row_of_the_registry_has_a_schema() -> None:
    for kind in registry.KINDS.values():
        assert published(f"{kind.__name__.lower()}.schema.json")["$defs"][kind.__name__]
    city = registry.City(city="7910", name="西安", public_key="01" * 33)
    jsonschema_rs.validate(published("city.schema.json"), json.loads(msgspec.json.encode(city)))


def test_published_reasons_are_the_table() -> None:
    rows = published("reasons.json")
    assert [row["number"] for row in rows] == [int(row.reason) for row in reasons.TABLE]
    for row in rows:
        assert set(row) == {
            "number", "name", "level", "outcome", "posting", "field", "bearer",
            "chinese", "english", "remedy_chinese", "remedy_english",
        }  # fmt: skip
        assert row["name"] == reasons.Reason(row["number"]).name.lower()


def test_published_codes_are_all_of_them() -> None:
    kept = published("codes.json")
    for name, kind in vars(codes).items():
        if isinstance(kind, type) and kind.__module__ == codes.__name__:
            assert kept[name]["values"] == {
                member.lower(): value.value for member, value in kind.__members__.items()
            }
    assert kept["Form"]["values"]["csv"] == "text/csv"


def test_the_bounds_of_the_header_s_schema_are_those_of_the_envelope() -> None:
    schema = jsonschema_rs.validator_for(published("header.schema.json"))
    good = json.loads(msgspec.json.encode(BATCH.header))
    assert schema.is_valid(good)
    wrong: dict[str, list[object]] = {
        "operator": [-1, 2**32], "count": [-1, 2**32], "declared_date": ["2024-1-1", ""],
        "profile": ["a b", "seventeen-letters"], "digest": ["00"], "signature": ["0"], "sums": [1],
    }  # fmt: skip
    for name, values in wrong.items():
        for value in values:
            assert not schema.is_valid(good | {name: value}), (name, value)
    assert isinstance(record.unpack(BATCH.records[:144]), Tap)
    assert good["version"] == envelope.VERSION
