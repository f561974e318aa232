"""The words that the kernels' C knows are the published ones, and the kernels know nothing else of ours."""

from __future__ import annotations

import re
from enum import IntEnum
from pathlib import Path

import pytest

from clearing import cards, kernel, limits, terminals
from clearing.plan import (
    Basis,
    Bearer,
    DayKind,
    Degraded,
    MissingEntry,
    Period,
    Purpose,
    Rounding,
    TariffType,
    TransferType,
)
from schemas import proof, record
from schemas.codes import (
    DEBIT_KINDS,
    ZERO_ALLOWED,
    Algorithm,
    CardFamily,
    CardKind,
    Check,
    Discount,
    Mode,
    Source,
    TapKind,
    TypeByte,
    Verdict,
)
from schemas.reasons import RECORD_LEVEL, Reason

CLEARING = Path(kernel.__file__).resolve().parent
KERNELS = CLEARING / "_kernels"
CONSTANT = re.compile(
    r"^\s*(?:#define )?([A-Z][A-Z0-9_]*)\s*(?:=\s*|\s)(0x[0-9a-fA-F]+|\d+)\b", re.MULTILINE
)
ENUM_LINE = re.compile(r"^enum \w+ \{ (.+) \};$", re.MULTILINE)


def constants(header: str) -> dict[str, int]:
    """Every enumerator and macro of a header that is a plain number."""
    text = (KERNELS / header).read_text(encoding="utf-8")
    text = ENUM_LINE.sub(lambda match: match[1].replace(", ", ",\n"), text)
    return {name: int(value, 0) for name, value in CONSTANT.findall(text)}


@pytest.mark.parametrize(
    ("header", "prefix", "words"),
    [
        ("codes.h", "KIND_", TapKind), ("codes.h", "FAMILY_", CardFamily), ("codes.h", "MODE_", Mode),
        ("codes.h", "CARD_KIND_", CardKind), ("codes.h", "TYPE_", TypeByte),
        ("codes.h", "ALGORITHM_", Algorithm), ("codes.h", "DISCOUNT_", Discount),
        ("codes.h", "VERDICT_", Verdict), ("codes.h", "SOURCE_", Source), ("codes.h", "CHECK_", Check),
        ("codes.h", "TARIFF_", TariffType), ("codes.h", "ROUNDING_", Rounding),
        ("codes.h", "BEARER_", Bearer), ("codes.h", "TRANSFER_", TransferType),
        ("codes.h", "PURPOSE_", Purpose), ("codes.h", "DAY_", DayKind), ("codes.h", "BASIS_", Basis),
        ("codes.h", "DEGRADED_", Degraded), ("codes.h", "MISSING_ENTRY_", MissingEntry),
        ("codes.h", "PERIOD_", Period), ("reasons.h", "REASON_", Reason),
    ],
)  # fmt: skip
def test_a_number_in_c_is_the_published_one(header: str, prefix: str, words: type[IntEnum]) -> None:
    found = {
        name.removeprefix(prefix): value
        for name, value in constants(header).items()
        if name.startswith(prefix)
    }
    assert found
    assert found == {name: words[name].value for name in found}


def test_every_reason_that_a_kernel_gives_has_its_number() -> None:
    given = {row.reason.name for row in RECORD_LEVEL} - {"DECLARED_LATE", "REFUSED_BY_ISSUER"}
    found = {name.removeprefix("REASON_") for name in constants("reasons.h") if name != "REASONS"}
    assert found - {"CLEAN"} == given


def test_offsets_are_those_of_the_record() -> None:
    found = constants("record.h")
    fields = {
        name: at
        for name, at in found.items()
        if name.removeprefix("RECORD_").lower() in record.FIELD
    }
    assert fields == {name: record.OFFSET[name.removeprefix("RECORD_").lower()] for name in fields}
    assert found["RECORD_BYTES"] == record.SIZE
    assert found["RECORD_LAYOUT"] == record.VERSION
    assert found["RECORD_REST"] == record.REST
    for name, part in (("CARD", record.CARD), ("IDENTITY", record.IDENTITY)):
        assert found[f"RECORD_{name}"] == part.start
        assert found[f"RECORD_{name}_BYTES"] == part.stop - part.start


def test_card_line_and_bounds_are_those_of_python() -> None:
    found = constants("card_table.h")
    assert found["CARD_LINE_BYTES"] == cards.SIZE
    assert found["CARD_REGISTERED"] == cards.REGISTERED
    assert found["CARD_BALANCE_KNOWN"] == cards.BALANCE_KNOWN
    assert found["CARD_JOURNEY_OPEN"] == cards.JOURNEY_OPEN
    assert (found["CARD_GOOD"], found["CARD_CLOSED"]) == (cards.STATUS_GOOD, cards.STATUS_CLOSED)
    assert found["CARD_REFUNDED"] == cards.STATUS_REFUNDED
    assert found["CARD_STATUS_SHIFT"] == cards.STATUS_SHIFT
    assert found["CARD_OPERATOR_MAX"] == cards.OPERATOR_MAX
    assert constants("codes.h")["BEARERS"] == len(Bearer)
    terminal = constants("terminal_lines.h")
    assert terminal["TERMINAL_FAMILY"] == terminals.FAMILY not in set(CardFamily)
    assert terminal["TERMINAL_WINDOW"] == limits.TERMINAL_WINDOW
    assert constants("card_checks.h")["COUNTER_WINDOW"] == limits.COUNTER_WINDOW
    assert constants("splits.h")["SHARES_MAX"] == limits.SHARES_MAX == proof.SHARES_MAX
    assert constants("postgres_copy.h")["COPY_COLUMNS"] == len(kernel.COPY_COLUMNS)
    assert constants("leaves.h")["LEAF_SALT_BYTES"] == proof.SALT_SIZE


def test_sets_of_kinds_are_those_of_the_codes() -> None:
    text = (KERNELS / "codes.h").read_text(encoding="utf-8")
    assert max(CardKind) == CardKind.TEST, "card_kind_known in codes.h ends with it"
    for name, kinds in (("KINDS_DEBIT", DEBIT_KINDS), ("KINDS_ZERO_ALLOWED", ZERO_ALLOWED)):
        body = re.search(rf"{name} = (.+?),\n", text, re.DOTALL)
        assert body is not None
        assert set(re.findall(r"KIND_BIT\(KIND_(\w+)\)", body[1])) == {kind.name for kind in kinds}


ARGUED = {
    "clearing.kernel": "the shape of the answer: Judgement, Evidence, Movement",
    "schemas.reasons": "outcome and order of the reasons, so that the table is not written twice",
}


def test_the_fast_kernel_imports_nothing_of_ours_but_what_is_argued() -> None:
    """import-linter does not see Cython."""
    imports = re.compile(r"^\s*(?:from\s+([\w.]+)\s+c?import|c?import\s+([\w.]+))", re.MULTILINE)
    found = set()
    for path in (CLEARING / "_fastpath.pyx", *KERNELS.rglob("*.pxi")):
        for module in imports.findall(path.read_text(encoding="utf-8")):
            found.add(module[0] or module[1])
    ours = {
        name
        for name in found
        if name.split(".")[0] in ("schemas", "clearing", "settlement", "service", "loadtest")
    }
    assert ours == set(ARGUED)
    assert {name.split(".")[0] for name in found - ours} <= {"cpython", "libc", "hashlib", "os"}


def test_no_part_of_a_kernel_is_too_long_to_read() -> None:
    """What a generator makes is read in the generator."""
    long = {}
    for path in (CLEARING / "_fastpath.pyx", *KERNELS.rglob("*.pxi"), *KERNELS.rglob("*.h")):
        lines = path.read_text(encoding="utf-8").splitlines()
        if len(lines) > 400 and not any("do not edit" in line for line in lines[:3]):
            long[path.name] = len(lines)
    assert long == {}
