"""What a foreign file shows to be missing in the registry, and the rows that would put it there."""

from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec

from clearing.intake import PROFILES
from schemas.registry import Issuer, Operator, Station, Terminal
from service.profiles.files import rows
from service.profiles.layout import Layout, Reading

Registry = dict[str, list[msgspec.Struct]]
Row = tuple[str, msgspec.Struct]

NAME_KINDS = ("station", "line", "vehicle")


class Survey:
    """Who and what appears in files, in the order of first appearance."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.rows = 0
        self.modes: dict[str, Counter[str]] = {}
        self.owners: dict[str, Counter[str]] = {}
        self.validators: dict[str, tuple[str, int]] = {}
        """Terminal id → (prefix, device number)."""
        self.names: dict[tuple[str, str, str], None] = {}
        """(company, kind, name) as an ordered set."""

    def look_through(self, paths: Iterable[Path], advance: Callable[[int], None]) -> None:
        """Take in every row of files."""
        for path in paths:
            for _, reading in rows(path, self.layout):
                self.rows += 1
                advance(1)
                if isinstance(reading, Reading):
                    self._take(reading)

    def _take(self, reading: Reading) -> None:
        company = reading.company
        # A row of an unknown kind does not tell what its operator runs, unless there are no others.
        self.modes.setdefault(company, Counter())[reading.mode] += bool(reading.tap.kind)
        for name in reading.names:
            self.names[company, name.kind, name.name] = None
        if reading.validator:
            self.owners.setdefault(reading.validator_prefix, Counter())[company] += 1
            self.validators[reading.tap.terminal_id] = (
                reading.validator_prefix,
                reading.tap.device,
            )


class Directory:
    """The registry as the mapping needs it: numbers by name. Grows by what a survey adds."""

    def __init__(self, layout: Layout, registry: Registry) -> None:
        self.layout = layout
        self.operators: dict[str, Operator] = {}
        self.numbers: dict[tuple[int, str, str], int] = {}
        self._next_name: Counter[tuple[int, str]] = Counter()
        self._next_operator = self._next_issuer = 1
        self._has_issuer = False
        self._terminals: set[str] = set()
        self._prefixes: dict[str, int] = {}
        for kind in registry:
            for row in registry[kind]:
                self._learn(kind, row)

    def _learn(self, kind: str, row: msgspec.Struct) -> None:
        match row:
            case Operator():
                self.operators[row.code] = row
                self._next_operator = max(self._next_operator, row.number + 1)
            case Issuer():
                self._next_issuer = max(self._next_issuer, row.number + 1)
                if (row.family, row.issuer) == (self.layout.family, self.layout.issuer):
                    self._has_issuer = True
            case Terminal():
                self._terminals.add(row.terminal_id.upper())
                prefix = self.layout.known_prefix(row.terminal_id)
                self._prefixes.setdefault(prefix, row.operator)
            case Station():
                self.numbers[row.operator, kind, row.name] = row.number
                scope = (row.operator, kind)
                self._next_name[scope] = max(self._next_name[scope], row.number)
            case _:
                pass

    def enrol(self, survey: Survey) -> list[Row]:
        """Rows for the operators, the issuer and the validators that are not known yet."""
        added: list[Row] = []
        if not self._has_issuer:
            added.append(("issuer", self._issuer()))
        added += [
            ("operator", self._operator(company, modes))
            for company, modes in survey.modes.items()
            if company not in self.operators
        ]
        for kind, row in added:
            self._learn(kind, row)
        added += [("terminal", terminal) for terminal in self._new_terminals(survey)]
        return added

    def name(self, survey: Survey) -> list[Row]:
        """Rows that give numbers to names of known operators that have none yet."""
        added: list[Row] = []
        for company, kind, name in survey.names:
            operator = self.operators.get(company)
            if operator is None or (operator.number, kind, name) in self.numbers:
                continue
            number = self._next_name[operator.number, kind] + 1
            row = Station(number=number, name=name, operator=operator.number)
            self._learn(kind, row)
            added.append((kind, row))
        return added

    def _issuer(self) -> Issuer:
        layout = self.layout
        return Issuer(
            number=self._next_issuer,
            family=layout.family,
            issuer=layout.issuer,
            city=layout.issuer_city,
            name=layout.issuer_name,
            own=True,
            open_registry=True,
        )

    def _operator(self, company: str, modes: Counter[str]) -> Operator:
        mode = modes.most_common(1)[0][0]
        number = self._next_operator
        self._next_operator += 1
        return Operator(
            number=number,
            code=company,
            name=company,
            mode=mode,
            tariff=self.layout.tariffs[mode],
            split=self.layout.splits[mode],
            fee=self.layout.fee,
            checks=int(PROFILES[self.layout.name].checks),
        )

    def _new_terminals(self, survey: Survey) -> list[Terminal]:
        """A prefix belongs to the operator with most of its taps, the first of several; one that is
        known already stays where it is."""
        owners = {
            prefix: self.operators[companies.most_common(1)[0][0]].number
            for prefix, companies in survey.owners.items()
        }
        return [
            Terminal(
                terminal_id=terminal_id,
                operator=self._prefixes.get(prefix, owners[prefix]),
                device=device,
            )
            for terminal_id, (prefix, device) in survey.validators.items()
            if terminal_id not in self._terminals
        ]
