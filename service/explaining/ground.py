"""What a tap was judged by: registry rows at the stamped version, rules with their source lines."""

import tomllib
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any, Final, TypeVar

import msgspec

from clearing import cards, store
from clearing.limits import DENYLIST_GRACE_S
from clearing.plan import local_seconds
from clearing.rules.document import Document, parse_toml
from clearing.store import BatchRow, Connection
from schemas import record
from schemas.codes import DEBIT_KINDS, Source
from schemas.registry import Denied, Issuer, Operator, Station, Terminal
from service.explaining.found import Ground, SourceLines

TEXT_LINES_MAX: Final = 14
"""Lines of a rule that are shown; where there are more, the file has them."""

_NAMED: Final = (
    ("discount", "discounts"),
    ("transfer", "transfer"),
    ("accumulation", "accumulation"),
    ("calendar", "calendar"),
)
"""Sections of rules that a tariff names, with the key that names them."""

Registry = Mapping[str, Sequence[msgspec.Struct]]
_Row = TypeVar("_Row")


async def ground_of(
    connection: Connection, batch: BatchRow, data: bytes, kind: int, tapped_at: datetime | None
) -> Ground:
    """The ground of one tap; ``tapped_at`` None where its record has no valid time."""
    registry = await store.read_registry(connection, batch.registry_version)
    fields = record.unpack(data)
    operator = _find(registry, "operator", Operator, lambda row: row.number == batch.operator_no)
    terminal = _find(
        registry, "terminal", Terminal, lambda row: row.terminal_id.upper() == fields.terminal_id
    )
    issuer = _find(
        registry,
        "issuer",
        Issuer,
        lambda row: row.family == fields.family and row.issuer.upper() == fields.issuer,
    )
    denied = _find(
        registry,
        "denied",
        Denied,
        lambda row: (
            (row.family, row.issuer.upper(), row.serial.upper())
            == (fields.family, fields.issuer, fields.serial)
        ),
    )
    lines = await store.read_card_lines(connection, [data[record.CARD]])
    line = lines.get(data[record.CARD])
    files: dict[str, str] = {}
    if batch.source == Source.OPERATOR and operator is not None:
        files = await store.read_rules(connection, batch.rules_version)
    acknowledged, binding = _binding(operator, denied)
    return Ground(
        operator=operator,
        terminal=terminal,
        terminal_versions=await _versions(connection, "terminal", terminal, batch),
        terminal_owner=_owner(registry, terminal),
        issuer=issuer,
        card_kind=cards.unpack(line).card_kind if line else fields.card_kind,
        issued=line is not None,
        denied=denied,
        acknowledged=acknowledged,
        binding_from=binding,
        rules=_rules(files, operator, kind, tapped_at),
        names=_names(registry, fields),
    )


def _find(registry: Registry, kind: str, of: type[_Row], wanted: Any) -> _Row | None:
    return next((row for row in registry[kind] if isinstance(row, of) and wanted(row)), None)


async def _versions(
    connection: Connection, kind: str, row: Terminal | None, batch: BatchRow
) -> tuple[int, int | None] | None:
    """Between which registry versions the row that was in force stood."""
    if row is None:
        return None
    for dated in await store.read_history(connection, kind, row.terminal_id.upper()):
        ended = dated.version_to is not None and dated.version_to <= batch.registry_version
        if dated.version_from <= batch.registry_version and not ended:
            return dated.version_from, dated.version_to
    return None


def _owner(registry: Registry, terminal: Terminal | None) -> str:
    if terminal is None:
        return ""
    owner = _find(registry, "operator", Operator, lambda row: row.number == terminal.operator)
    return f"{terminal.operator} {owner.name}" if owner is not None else str(terminal.operator)


def _binding(operator: Operator | None, denied: Denied | None) -> tuple[str, str]:
    """When the operator acknowledged the card's denylist version or a later one, and was bound by it."""
    if operator is None or denied is None:
        return "", ""
    times = [at for version, at in operator.denylist_acknowledged if version >= denied.version]
    if not times:
        return "", ""
    first = min(map(datetime.fromisoformat, times))
    return f"{first}", f"{first + timedelta(seconds=DENYLIST_GRACE_S)}"


def _names(registry: Registry, fields: record.Tap) -> dict[str, str]:
    """Line, station and vehicle by name, where the registry has one for the operator or for all."""
    names = {}
    for kind in ("line", "station", "vehicle"):
        found = {
            row.operator: row.name
            for row in registry[kind]
            if isinstance(row, Station) and row.number == getattr(fields, kind)
        }
        names[kind] = found.get(fields.operator) or found.get(0, "")
    return names


# -- rules -------------------------------------------------------------------------------------------


def _rules(
    files: Mapping[str, str], operator: Operator | None, kind: int, tapped_at: datetime | None
) -> list[SourceLines]:
    """The operator's tariff at the time of the tap, and what it names; its split."""
    if operator is None or tapped_at is None or kind not in DEBIT_KINDS:
        return []
    found: list[SourceLines] = []
    tariff = _version(files, "tariff", operator.tariff, tapped_at)
    if tariff is not None:
        lines, values = tariff
        found.append(lines)
        rule_set = operator.tariff.split("/")[0]
        for section, key in _NAMED:
            name = str(values.get(key, ""))
            full = name if "/" in name else f"{rule_set}/{name}"
            other = _version(files, section, full, tapped_at) if name else None
            if other is not None:
                found.append(other[0])
    split = _version(files, "split", operator.split, tapped_at) if operator.split else None
    return [*found, split[0]] if split is not None else found


def _version(
    files: Mapping[str, str], section: str, name: str, at: datetime
) -> tuple[SourceLines, dict[str, Any]] | None:
    """The version of a rule in force at a time: where it stands, and its values."""
    rule_set, _, short = name.partition("/")
    for file, text in sorted(files.items()):
        if not (file.startswith(f"{rule_set}/") and file.endswith(".toml")):
            continue
        rules = tomllib.loads(text).get(section, {}).get(short)
        if rules is None:
            continue
        versions = rules if isinstance(rules, list) else [rules]
        index = max(
            (n for n, row in enumerate(versions) if _since(row.get("since")) <= local_seconds(at)),
            default=None,
        )
        if index is None:
            return None
        path: tuple[str | int, ...] = (section, short)
        document = parse_toml(file, text)
        first = document.line((*path, index) if isinstance(rules, list) else path)
        return _lines(document, text, section, name, first), versions[index]
    return None


def _since(value: object) -> int:
    if isinstance(value, datetime):
        return local_seconds(value)
    return local_seconds(datetime.combine(value, time())) if isinstance(value, date) else 0


def _lines(document: Document, text: str, what: str, name: str, first: int) -> SourceLines:
    """A table from its header to the next one."""
    lines = text.split("\n")
    end = first
    while end < len(lines) and not lines[end].startswith("["):
        end += 1
    while not lines[end - 1].strip() or lines[end - 1].startswith("#"):
        end -= 1
    shown = lines[first - 1 : end][:TEXT_LINES_MAX]
    if end - first + 1 > TEXT_LINES_MAX:
        shown.append("…")
    return SourceLines(what, name, document.file, first, end, tuple(shown))
