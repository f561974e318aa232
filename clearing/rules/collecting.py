"""The files of rule sets, sorted into tables by section and full name; nothing of them is read yet."""

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

from clearing.errors import RuleError
from clearing.rules.document import Document, Table, parse_csv, parse_toml

SET_KEYS: Final = {
    "chinese": "the name of the set in Chinese",
    "english": "the name of the set in English",
    "needs": "sets whose rules this one names as SET/NAME: a list",
    "stand_in": "what of the whole set is made up",
    "on_request": "true: a node loads the set only if it is named",
}
"""The keys of ``[set]``."""

SECTIONS: Final = {
    "set": "names of the set",
    "calendar": "holidays, and rest days that are worked",
    "network": "stations, lines, links",
    "tariff": "what a ride costs",
    "discount": "what each kind of card pays",
    "transfer": "what a transfer takes off",
    "accumulation": "what a day or a month takes off",
    "split": "who shares a fare",
    "fee": "what is paid for clearing, and by whom",
}
"""The tables that a rule file can have."""

UNDATED: Final = ("calendar",)
"""Sections whose rules are one table."""

EITHER: Final = ("network",)
"""Sections whose rules are one table or dated versions."""

_Named = TypeVar("_Named")


class Rule:
    """A rule as it is written: its full name and its versions, or the one table (``dated`` false)."""

    __slots__ = ("dated", "name", "tables")

    def __init__(self, name: str, tables: list[Table], *, dated: bool) -> None:
        self.name, self.tables, self.dated = name, tables, dated


class Collected:
    """Every rule of some sets. ``sections``: section → full name → rule; ``sets``: set → its table."""

    def __init__(self, files: Mapping[str, str]) -> None:
        self.files = files
        self.sections: dict[str, dict[str, Rule]] = {section: {} for section in SECTIONS}
        self.sets: dict[str, Table | None] = {}
        for file in sorted(files):
            name, slash, rest = file.partition("/")
            if not slash or not rest:
                raise RuleError(
                    file, 1, "set", "The file belongs to no set.", "Name files as SET/FILE.toml."
                )
            self.sets.setdefault(name, None)
            if file.endswith(".toml"):
                self._collect(name, parse_toml(file, files[file]))
        for table in self.sets.values():
            self._check_needs(table)

    def _collect(self, name: str, document: Document) -> None:
        root = Table(document, (), document.data, f"set {name}")
        root.only(SECTIONS)
        for section, content in document.data.items():
            if not isinstance(content, dict):
                raise root.error(
                    section, f"{section} is not a table.", f"Write [{section}.NAME] for it."
                )
            if section == "set":
                self._set(name, Table(document, ("set",), content, root.rule))
                continue
            for short, value in content.items():
                self._rule(document, section, name, short, value)

    def _rule(self, document: Document, section: str, name: str, short: str, value: Any) -> None:
        full = f"{name}/{short}"
        tables = _versions(document, (section, short), value, f"{section} {full}")
        if full in self.sections[section]:
            raise tables[0].error(
                None,
                f"{section} {short!r} is in two files of the set.",
                "Keep all versions of a rule in one file.",
            )
        self.sections[section][full] = Rule(full, tables, dated=isinstance(value, list))

    def _set(self, name: str, table: Table) -> None:
        table.only(SET_KEYS)
        table.flag("on_request")
        for key in table.data.keys() - {"on_request", "needs"}:
            table.text(key)
        if self.sets[name] is not None:
            raise table.error(None, "The table [set] is in two files.", "Keep it in one file.")
        self.sets[name] = table

    def _check_needs(self, table: Table | None) -> None:
        for needed in table.texts("needs") if table is not None and table.has("needs") else ():
            if needed not in self.sets:
                assert table is not None
                raise table.error(
                    "needs",
                    f"The set needs {needed!r}, which is not there.",
                    "Give that set, too, or take its name out of needs.",
                )

    def named(self, table: Table, key: str, rules: Mapping[str, _Named]) -> _Named | None:
        """The rule that a key names, of the table's own set or as SET/NAME; None without the key."""
        if not table.has(key):
            return None
        text = table.text(key)
        own = set_of(table)
        other, slash, _ = text.partition("/")
        if slash and other != own:
            self._refuse_stranger(table, key, other)
        full = text if slash else f"{own}/{text}"
        words = dict(rules)
        words |= {name.removeprefix(f"{own}/"): rule for name, rule in rules.items()}
        return rules[full] if full in rules else table.choose(key, text, words)

    def _refuse_stranger(self, table: Table, key: str, other: str) -> None:
        about = self.sets[set_of(table)]
        if about is None or other not in about.data.get("needs", ()):
            raise table.error(
                key,
                f"{key} names a rule of the set {other!r}, which this set does not need.",
                f'Write needs = ["{other}"] under [set].',
            )

    def rows(self, table: Table, key: str, columns: tuple[str, ...]) -> list[Table]:
        """The rows that a key gives inline, or names as a CSV file of the table's set."""
        value = table.value(key)
        if isinstance(value, list):
            return table.tables(key)
        file = f"{set_of(table)}/{table.text(key)}"
        if file not in self.files:
            raise table.error(
                key, f"The set has no file {table.text(key)!r}.", "Add the file beside the rules."
            )
        return parse_csv(file, self.files[file], columns, table.rule)


def set_of(table: Table) -> str:
    """The set that a table's file belongs to."""
    return table.document.file.partition("/")[0]


def each(collected: Collected, section: str, read: Callable[[Rule], _Named]) -> dict[str, _Named]:
    """Every rule of a section, read, by full name."""
    return {name: read(rule) for name, rule in collected.sections[section].items()}


def _versions(document: Document, path: tuple[str, str], value: Any, rule: str) -> list[Table]:
    """The versions of one rule: an array of tables; or one table, where the section has that."""
    section, name = path
    if isinstance(value, dict) and section in (*UNDATED, *EITHER):
        return [Table(document, path, value, rule)]
    if section in UNDATED or (section in EITHER and not isinstance(value, list)):
        raise Table(document, path, {}, rule).error(
            None, f"A {section} is one table.", f"Write [{section}.{name}] once."
        )
    if not isinstance(value, list):
        raise Table(document, path, {}, rule).error(
            None,
            f"A {section} is a list of dated versions.",
            f"Write [[{section}.{name}]] with two brackets, once for each version.",
        )
    # The whole is a table whose one key is the rule, so the same checks serve as for any list.
    return Table(document, path[:1], {name: value}, rule).tables(name)
