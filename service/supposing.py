"""The registry and plan that ``onecard check`` supposes, where there is no node to ask.

An operator's extract of the registry is taken as it is. What it does not name is supposed so that the
kernel can judge: the operators of the files, and their issuers as issuers of our own that keep no card
registry. Accounts are numbers without a meaning.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec

from clearing import rules
from clearing.compile import accounts_for, compile_plan
from clearing.errors import ClearingError
from clearing.keys.chains import KeySetId
from clearing.keys.port import KeySet
from clearing.limits import (
    AMOUNT_MAX_FEN,
    BALANCE_MAX_FEN,
    CLOCK_TOLERANCE_S,
    PRESENTMENT_WINDOW_DAYS,
)
from clearing.plan import Limits, Plan
from schemas import record
from schemas.accounts import Account, code_of
from schemas.batch import Batch
from schemas.codes import Algorithm, CardFamily
from schemas.registry import KINDS, Issuer, Operator, key_of
from service.documents import Line, Problem, Refused, convert, read_lines
from service.errors import ServiceError

ISSUERS_MAX: Final = 64
"""Issuers that are taken from the files, the most frequent ones, where no registry names any."""
LIMITS: Final = Limits(
    AMOUNT_MAX_FEN, BALANCE_MAX_FEN, CLOCK_TOLERANCE_S, PRESENTMENT_WINDOW_DAYS, production=False
)
"""The limits that a node has by default."""

_CODE: Final = slice(record.OFFSET["family"], record.FIELD["issuer"].end)
_ALGORITHM: Final = record.OFFSET["algorithm"]
_INDEX: Final = record.OFFSET["key_index"]
_TAC: Final = record.FIELD["tac"]
_TORN: Final = b"\xff\xff\xff\xff"
_NO_KEY_SET: Final = 0xFE
_FAMILIES: Final = frozenset(CardFamily)


class Given(msgspec.Struct, frozen=True, kw_only=True):
    """What an operator has beside its files. ``rows`` are registry rows by (kind, key)."""

    rule_files: dict[str, str]
    rows: dict[tuple[str, str], msgspec.Struct] = {}
    operator: int | None = None
    tariff: str = ""
    public_key: str = ""
    now: datetime

    def has(self, kind: str) -> bool:
        """Whether the extract has rows of a kind."""
        return any(known == kind for known, _ in self.rows)


def read_registry(paths: Iterable[Path]) -> dict[tuple[str, str], msgspec.Struct]:
    """The rows of registry files by (kind, key), the later of two with one key.

    A row is ``{"kind": …, "row": {…}}``, or its fields with a ``kind`` among them; rows of other kinds,
    issued cards among them, are passed over. Raises ``Refused`` with every wrong row.
    """
    problems: list[Problem] = []
    found: dict[tuple[str, str], msgspec.Struct] = {}
    for line in (line for path in paths for line in read_lines(path, problems)):
        fields = dict(line.fields)
        kind = fields.pop("kind", "")
        if set(fields) == {"row"} and isinstance(fields["row"], dict):
            fields = fields["row"]
        if not isinstance(kind, str) or not kind:
            problems.append(
                line.problem("kind", "the row does not say what it is.", "Give it a kind.")
            )
        elif kind in KINDS:
            inner = Line(line.file, line.line, fields, line.strict)
            row: msgspec.Struct | None = convert(inner, KINDS[kind], problems)
            if row is not None:
                found[kind, key_of(kind, row)] = row
    if problems:
        raise Refused(problems)
    return found


def suppose(given: Given, batches: Sequence[Batch]) -> tuple[dict[int, Operator], Plan]:
    """Operators by number and the plan. Raises ``ClearingError`` where rows or rules do not hold."""
    registry: dict[str, list[msgspec.Struct]] = {kind: [] for kind in KINDS}
    for (kind, _), row in sorted(given.rows.items()):
        registry[kind].append(row)
    if not given.has("operator"):
        numbers = sorted({batch.header.operator for batch in batches})
        registry["operator"] = [_operator(number) for number in numbers]
    registry["operator"] = [_with(row, given) for row in registry["operator"]]
    if not given.has("issuer"):
        registry["issuer"] = list(_issuers_of(batches))
    registry["issuer"] = [_without_registry(row) for row in registry["issuer"]]
    rule_set = rules.load(given.rule_files)
    try:
        accounts = {
            code: Account(number, code, *wanted)
            for number, wanted in enumerate(accounts_for(registry, rule_set), 1)
            for code in [code_of(*wanted)]
        }
        plan = compile_plan(registry, rule_set, accounts, NoKeys(), LIMITS, (1, 1))
    except ValueError as error:
        raise ServiceError(f"A registry row does not hold: {error}.", "Mend it.") from error
    operators = {row.number: row for row in registry["operator"] if isinstance(row, Operator)}
    _check_fees(operators, rule_set)
    return operators, plan


def _operator(number: int) -> Operator:
    return Operator(number=number, code=f"operator-{number}", name="", mode="", tariff="")


def _with(row: msgspec.Struct, given: Given) -> msgspec.Struct:
    """The operator's row with the tariff and key that were given beside it."""
    if isinstance(row, Operator) and given.operator in (None, row.number):
        row = msgspec.structs.replace(
            row,
            tariff=given.tariff or row.tariff,
            public_key=given.public_key or row.public_key,
        )
    return row


def _without_registry(row: msgspec.Struct) -> msgspec.Struct:
    """Of an own issuer's cards nobody here has a list."""
    if isinstance(row, Issuer) and row.own:
        return msgspec.structs.replace(row, open_registry=True)
    return row


def _issuers_of(batches: Sequence[Batch]) -> list[Issuer]:
    """The issuers of the files, those of most taps first, as if each was our own."""
    counts: Counter[bytes] = Counter()
    for batch in batches:
        data = batch.records
        counts.update(
            data[at + _CODE.start : at + _CODE.stop] for at in range(0, len(data), record.SIZE)
        )
    codes = [
        code
        for code, _ in counts.most_common()
        if code[0] in _FAMILIES and code[1:].hex().isdecimal()
    ]
    return [
        Issuer(number=n, family=code[0], issuer=code[1:].hex(), city="0000", name="", own=True)
        for n, code in enumerate(codes[:ISSUERS_MAX], 1)
    ]


def _check_fees(operators: dict[int, Operator], rule_set: rules.RuleSet) -> None:
    for row in operators.values():
        for name in row.all_fees:
            if name not in rule_set.fee_names():
                raise ClearingError(
                    f"There is no fee named {name!r}.",
                    f"Known are: {', '.join(rule_set.fee_names())}.",
                )


class NoKeys:
    """A key store without keys."""

    def key_sets(self) -> tuple[KeySet, ...]:
        """None."""
        return ()

    def level_key(self, key_set_id: KeySetId) -> bytes:
        """There is none to ask for."""
        raise AssertionError(key_set_id)

    def require_production(self) -> None:
        """Nothing to refuse."""

    def close(self) -> None:
        """Nothing to wipe."""


def without_tac(records: bytes, absent: set[int], *, allowed: bool) -> bytes:
    """The records as the kernel can judge them without keys; rows without a TAC go into ``absent``.

    A record with a TAC becomes one of a source that has none, which counts as proven; the algorithm moves
    into a bit of the key index, so that copies that differ in it still differ. Torn ones stay torn, an
    unknown algorithm stays unknown. Where a TAC may not be missing, a record without one gets an
    algorithm that no key set has.
    """
    data = bytearray(records)
    for row, algorithm in enumerate(records[_ALGORITHM :: record.SIZE]):
        at = row * record.SIZE
        if algorithm == Algorithm.NONE:
            if not allowed:
                absent.add(row)
                data[at + _ALGORITHM] = _NO_KEY_SET
                data[at + _TAC.offset : at + _TAC.end] = bytes(_TAC.size)
        elif algorithm <= Algorithm.SM4 and data[at + _TAC.offset : at + _TAC.end] != _TORN:
            data[at + _ALGORITHM] = Algorithm.NONE
            data[at + _INDEX] ^= algorithm << 7
    return bytes(data)
