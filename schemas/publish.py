"""Writes what is published of the words: ``python -m schemas.publish``.

Everything in ``schemas/published`` and ``docs/reasons.md`` is made here from the code that works with
it. A test fails where the files differ from what this module would write.
"""

import inspect
import re
import sys
from enum import Enum
from pathlib import Path
from typing import Any, Final

import msgspec

from schemas import batch, codes, proof, reasons, record, registry
from schemas.accounts import AccountKind
from schemas.codes import Verdict
from schemas.forms import Form
from schemas.record import Field, FieldType

ROOT: Final = Path(__file__).resolve().parent.parent
FOLDER: Final = "schemas/published"
_MARGIN: Final = re.compile(r" \(domain §[^)]*\)")
"""Notes in docstrings for those who work on the code."""
_MADE: Final = "Made by `python -m schemas.publish`; do not edit."

Part = tuple[str, str, tuple[Field, ...]]
"""A part of a layout: name, how often it comes, its fields."""


def _part(name: str, times: str, rows: list[tuple[str, FieldType, int, str]]) -> Part:
    fields: list[Field] = []
    for field, kind, size, meaning in rows:
        offset = fields[-1].end if fields else 0
        fields.append(Field(field, offset, size, kind, meaning))
    return name, times, tuple(fields)


ENVELOPE: Final[tuple[Part, ...]] = (
    _part(
        "core",
        "once, at the start",
        [
            ("magic", "ascii", 4, "OCB1"),
            ("version", "u8", 1, "version of the envelope: 1"),
            ("record_version", "u8", 1, "version of the records' layout: 1"),
            ("digest_algorithm", "u8", 1, "DigestAlgorithm: 1 = SHA-256"),
            ("signature_algorithm", "u8", 1, "SignatureAlgorithm: 0 = unsigned, 1 = Ed25519"),
            ("operator", "u32", 4, "operator number in the centre's registry"),
            ("number", "u64", 8, "the operator's own number of the batch, never used again"),
            ("declared_date", "hex", 4, "the operator's business date, YYYYMMDD, BCD"),
            ("profile", "ascii", 16, "source profile, zeros on the right; empty = full records"),
            ("count", "u32", 4, "number of records"),
            ("sum_count", "u8", 1, "number of the sums that follow"),
        ],
    ),
    _part(
        "sum",
        "once for each kind in the batch, by kind",
        [
            ("kind", "u8", 1, "what happened (TapKind)"),
            ("count", "u32", 4, "records of that kind"),
            ("amount_fen", "i64", 8, "sum of their signed amounts, fen"),
        ],
    ),
    _part(
        "tail",
        "once",
        [
            ("digest", "hex", 32, "SHA-256 over core, sums and records"),
            ("signature", "hex", 64, "over the signing input; zeros if unsigned"),
        ],
    ),
    _part("record", "`count` times", [("record", "hex", record.SIZE, "see record.md")]),
)
"""The binary envelope, part by part."""

LEAF: Final = _part(
    "leaf",
    "once for each tap",
    [
        ("prefix", "u8", 1, "00"),
        ("salt", "hex", proof.SALT_SIZE, "salt of the tap, given to its operator on request"),
        ("batch_seq", "u64", 8, "the centre's number of the batch"),
        ("row", "u32", 4, "row in the batch, from 0"),
        ("record", "hex", record.SIZE, "the record as it came"),
        ("verdict", "u8", 1, "Verdict"),
        ("reason", "u8", 1, "Reason"),
        ("flags", "u64", 8, "bit n set: reason n applies as well"),
        ("priced_fen", "i32", 4, "fare by the tariff"),
        ("credited_fen", "i32", 4, "owed to the operator"),
        ("subsidy_fen", "i32", 4, "owed by whoever bears the discount"),
        ("issuer_number", "u16", 2, "issuer in the centre's registry"),
        ("rules_version", "u32", 4, "rules that judged it"),
        ("registry_version", "u32", 4, "registries that judged it"),
        ("denylist_version", "u32", 4, "denylist that judged it"),
        ("shares", "hex", proof.SHARES_SIZE, "four times: account u32, fen i32"),
    ],
)
"""What is hashed into the leaf of one tap."""


def _json(value: object) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n"


def _rows(fields: tuple[Field, ...]) -> str:
    lines = ["| offset | size | type | field | meaning |", "|---:|---:|---|---|---|"]
    lines += [f"| {f.offset} | {f.size} | {f.type} | `{f.name}` | {f.meaning} |" for f in fields]
    return "\n".join(lines) + "\n"


_TYPES: Final = """\
All numbers are big-endian. `u8` … `u64` are unsigned, `i32` and `i64` signed (two's complement). `hex`
stands for bytes that the text forms write as hexadecimal digits; where the meaning says BCD, each half
byte is a decimal digit.
"""


def _record_layout() -> str:
    return (
        f"# The tap record, version {record.VERSION}\n\n{_MADE} {record.SIZE} bytes. {_TYPES}\n"
        + (_rows(record.FIELDS))
    )


def _parts_layout(title: str, parts: tuple[Part, ...]) -> str:
    text = f"# {title}\n\n{_MADE} {_TYPES}"
    for name, times, fields in parts:
        text += f"\n## {name}: {fields[-1].end} bytes, {times}\n\n{_rows(fields)}"
    return text


def _schema(kind: type[msgspec.Struct]) -> dict[str, Any]:
    """A struct's JSON Schema, with the bounds of the binary forms where it has them."""
    schema: dict[str, Any] = msgspec.json.schema(kind)
    definitions = schema["$defs"]
    for definition in definitions.values():
        definition["description"] = _MARGIN.sub("", inspect.cleandoc(definition["description"]))
    for field in record.FIELDS:
        if kind is record.Tap:
            definitions["Tap"]["properties"][field.name] |= _bounded(field)
    if kind in (batch.Header, batch.KindSum):
        parts = {name: fields for name, _, fields in ENVELOPE}
        for field in parts["core"] + parts["tail"]:
            if "Header" in definitions and field.name in definitions["Header"]["properties"]:
                definitions["Header"]["properties"][field.name] |= _bounded(field)
        for field in parts["sum"]:
            definitions["KindSum"]["properties"][field.name] |= _bounded(field)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _bounded(field: Field) -> dict[str, Any]:
    if field.type == "hex":
        pattern = f"^[0-9A-Fa-f]{{{2 * field.size}}}$"
        return {"description": field.meaning, "pattern": pattern}
    if field.type == "ascii":
        return {"description": field.meaning, "pattern": f"^[!-~]{{0,{field.size}}}$"}
    low, high = record.BOUNDS[field.type]
    return {"description": field.meaning, "minimum": low, "maximum": high}


def _reason_rows() -> list[dict[str, object]]:
    return [
        {
            "number": int(row.reason),
            "name": row.name,
            "level": "record" if row.reason < 64 else "file",
            "outcome": row.outcome.name.lower(),
            "posting": row.posting.value if row.reason < 64 else "nothing",
            "field": row.field,
            "bearer": row.bearer,
            "chinese": row.chinese,
            "english": row.english,
            "remedy_chinese": row.remedy_chinese,
            "remedy_english": row.remedy_english,
        }
        for row in reasons.TABLE
    ]


def _enums() -> list[type[Enum]]:
    found = [
        kind
        for _, kind in inspect.getmembers(codes, inspect.isclass)
        if issubclass(kind, Enum) and kind.__module__ == codes.__name__
    ]
    return sorted([*found, AccountKind, Form], key=lambda kind: kind.__name__)


def _codes() -> dict[str, object]:
    return {
        kind.__name__: {
            "meaning": _MARGIN.sub("", inspect.getdoc(kind) or ""),
            "values": {name.lower(): member.value for name, member in kind.__members__.items()},
        }
        for kind in _enums()
    }


_OUTCOMES: Final = (
    (Verdict.REJECTED, "Rejected 拒绝", "Nothing is owed to the operator."),
    (Verdict.HELD, "Held 可疑", "The money waits until a person, or a later tap, decides."),
    (Verdict.ACCEPTED, "Accepted 正常", "The tap is cleared; the reason is a remark on it."),
)


def _reasons_page() -> str:
    text = f"""\
# The reasons 原因码

{_MADE} The same table for machines: `schemas/published/reasons.json`.

Every tap gets one **verdict** and one **reason**; every batch is taken, or refused with a reason. The
verdict is the most severe outcome of all reasons that apply. The reason is the first of that severity
in the order of this page, which is not the order of the numbers. The others are kept as flags: bit *n*
of a tap's flags is reason number *n*. A tap of which there is nothing to say has reason 0, `clean`.

A number is never used again for something else. *Bearer* is who bears the money until somebody
decides otherwise; *posting* is where the money goes until then, if the TAC proves that it left the card:
to the operator, to suspense, to unclaimed, or nowhere; *field* is the field that the evidence speaks of.
"""
    for outcome, title, meaning in _OUTCOMES:
        rows = tuple(row for row in reasons.RECORD_LEVEL if row.outcome is outcome)
        text += f"\n## {title}\n\n{meaning}\n\n{_reason_table(rows)}"
    refused = tuple(row for row in reasons.FILE_LEVEL if row.outcome is Verdict.REJECTED)
    remarked = tuple(row for row in reasons.FILE_LEVEL if row.outcome is Verdict.ACCEPTED)
    return text + (
        "\n## Batch refused 交易包被拒\n\n"
        "Nothing of the batch was stored; its number stays free, except where the number is the reason.\n\n"
        f"{_reason_table(refused)}"
        "\n## Batch remarked on 交易包提示\n\n"
        "The batch was cleared; the completeness board shows the remark.\n\n"
        f"{_reason_table(remarked)}"
    )


def _reason_table(rows: tuple[reasons.Row, ...]) -> str:
    lines = ["| no. | name | 原因 | what it means | what to do | bearer | posting | field |"]
    lines.append("|---:|---|---|---|---|---|---|---|")
    lines += [
        f"| {row.reason:d} | `{row.name}` | {row.chinese} | {row.english} "
        f"| {row.remedy_chinese}<br>{row.remedy_english} | {row.bearer} "
        f"| {row.posting if row.reason < 64 else 'nothing'} | `{row.field}` |"
        for row in rows
    ]
    return "\n".join(lines) + "\n"


def documents() -> dict[str, str]:
    """Every published file: path below the repository's root → text."""
    structs = {kind.__name__: kind for kind in registry.KINDS.values()}
    structs |= {
        kind.__name__: kind for kind in (record.Tap, batch.Header, batch.KindSum, proof.Receipt)
    }
    files = {
        "record.md": _record_layout(),
        "record.json": _json(
            {"version": record.VERSION, "size": record.SIZE, "fields": record.FIELDS}
        ),
        "envelope.md": _parts_layout(f"The batch envelope, version {batch.VERSION}", ENVELOPE),
        "envelope.json": _json(
            [{"part": name, "times": times, "fields": rows} for name, times, rows in ENVELOPE]
        ),
        "leaf.md": _parts_layout("The leaf of a tap", (LEAF,)),
        "leaf.json": _json({"size": LEAF[2][-1].end, "fields": LEAF[2]}),
        "reasons.json": _json(_reason_rows()),
        "codes.json": _json(_codes()),
    }
    files |= {f"{name.lower()}.schema.json": _json(_schema(structs[name])) for name in structs}
    published = {f"{FOLDER}/{name}": text for name, text in files.items()}
    return published | {"docs/reasons.md": _reasons_page()}


def main() -> int:
    """Write every document, and remove from ``schemas/published`` what is none of them."""
    made = documents()
    for stale in (ROOT / FOLDER).glob("*"):
        if f"{FOLDER}/{stale.name}" not in made:
            stale.unlink()
    for name, text in made.items():
        path = ROOT / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    sys.stdout.write(f"{len(made)} files written\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
