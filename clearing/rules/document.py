"""Reading rules: typed access to TOML tables and CSV rows that knows file and line of each value.

Every complaint is a ``RuleError`` made by ``Table.error``, so that none forgets where it was.
"""

import csv
import difflib
import re
import tomllib
from collections.abc import Collection, Iterator, Mapping
from datetime import date, datetime, time
from typing import Any, Final, TypeVar

from clearing.errors import RuleError
from clearing.plan import EPOCH, FOREVER, local_seconds
from clearing.rules.positions import Path, positions

FEN_MAX: Final = FOREVER >> 1
"""Highest amount a rule can state, fen: what the kernels' 32-bit columns hold."""

NUMBER_MAX: Final = 0xFFFF_FFFF
"""Highest station or line number: records carry 32 bits."""

_Word = TypeVar("_Word")
_WORDS_OF_TYPES: Final = {
    bool: "true or false",
    int: "a whole number",
    str: "a text in quotes",
    list: "a list",
    dict: "a table",
    float: "a number with a point",
    date: "a date",
    datetime: "a date and time",
    time: "a time of day",
}


class Document:
    """One rule file: its name, its values and the line of each of them."""

    def __init__(self, file: str, data: dict[str, Any], lines: Mapping[Path, int]) -> None:
        self.file, self.data, self._lines = file, data, lines

    def line(self, path: Path) -> int:
        """The line of a value, or of the nearest thing around it."""
        while path not in self._lines:
            path = path[:-1]
        return self._lines[path]


class Table:
    """A table of a document, read on behalf of one ``rule`` (as messages name it)."""

    __slots__ = ("data", "document", "path", "rule")

    def __init__(self, document: Document, path: Path, data: dict[str, Any], rule: str) -> None:
        self.document, self.path, self.data, self.rule = document, path, data, rule

    def error(self, key: str | None, sentence: str, remedy: str) -> RuleError:
        """A complaint about a key of this table, or about the table itself."""
        path = self.path if key is None else (*self.path, key)
        return RuleError(self.document.file, self.document.line(path), self.rule, sentence, remedy)

    def only(self, keys: Collection[str]) -> None:
        """Refuse keys that the language does not have here."""
        for key in self.data:
            if key not in keys:
                near = difflib.get_close_matches(key, keys, 1)
                remedy = f"Write {near[0]!r}." if near else f"Use only {', '.join(sorted(keys))}."
                raise self.error(key, f"There is no key {key!r} here.", remedy)

    def has(self, key: str) -> bool:
        """Whether the key is given."""
        return key in self.data

    def value(self, key: str) -> Any:
        """The value of a key that must be there."""
        if key not in self.data:
            raise self.error(None, f"The key {key!r} is missing.", f"Add {key} = …")
        return self.data[key]

    def _typed(self, key: str, wanted: type) -> Any:
        value = self.value(key)
        # bool is an int to Python; a fare of "true" is not one to us.
        if type(value) is not wanted:
            raise self.error(
                key,
                f"{key} is {_name_of(value)}; it must be {_WORDS_OF_TYPES[wanted]}.",
                f"Write {key} as {_WORDS_OF_TYPES[wanted]}.",
            )
        return value

    def integer(self, key: str, low: int = 0, high: int = FEN_MAX) -> int:
        """A whole number from ``low`` to ``high``."""
        number = int(self._typed(key, int))
        if not low <= number <= high:
            raise self.error(
                key,
                f"{key} is {number}; it must be from {low} to {high}.",
                "Correct the number; amounts are in fen, distances in metres, times in seconds.",
            )
        return number

    def integer_or(self, key: str, default: int, low: int = 0, high: int = FEN_MAX) -> int:
        """A whole number, or ``default`` where the key is absent."""
        return self.integer(key, low, high) if self.has(key) else default

    def integer_or_word(self, key: str, words: Mapping[str, int]) -> int:
        """A whole number of fen, or what a word stands for."""
        return self.word(key, words) if isinstance(self.value(key), str) else self.integer(key)

    def text(self, key: str) -> str:
        """A text that is not empty."""
        text = str(self._typed(key, str))
        if not text.strip():
            raise self.error(key, f"{key} is empty.", f"Give {key} a value.")
        return text

    def text_or(self, key: str, default: str) -> str:
        """A text, or ``default`` where the key is absent."""
        return self.text(key) if self.has(key) else default

    def flag(self, key: str) -> bool:
        """true or false; false where the key is absent."""
        return bool(self._typed(key, bool)) if self.has(key) else False

    def word(self, key: str, words: Mapping[str, _Word]) -> _Word:
        """What one of the language's own words stands for."""
        return self.choose(key, self.text(key), words)

    def choose(self, key: str, text: str, words: Mapping[str, _Word]) -> _Word:
        """What a text that was read from ``key`` stands for."""
        if text not in words:
            near = difflib.get_close_matches(text, words, 1)
            remedy = f"Write {near[0]!r}." if near else f"Use one of {', '.join(words)}."
            raise self.error(key, f"{key} does not know {text!r}.", remedy)
        return words[text]

    def texts(self, key: str) -> list[str]:
        """A list of texts that is not empty."""
        values = self.values(key)
        for value in values:
            if type(value) is not str:
                raise self.error(
                    key, f"{key} holds {_name_of(value)}.", f"Write only texts in quotes in {key}."
                )
        return values

    def values(self, key: str) -> list[Any]:
        """A list that is not empty."""
        values: list[Any] = self._typed(key, list)
        if not values:
            raise self.error(key, f"{key} is an empty list.", f"Put at least one entry in {key}.")
        return values

    def tables(self, key: str) -> list["Table"]:
        """A list of tables that is not empty."""
        tables: list[Table] = []
        for index, value in enumerate(self.values(key)):
            path = (*self.path, key, index)
            if not isinstance(value, dict):
                raise Table(self.document, path, {}, self.rule).error(
                    None,
                    f"An entry of {key} is {_name_of(value)}; it must be a table.",
                    "Write the entry as { key = value, … }.",
                )
            tables.append(Table(self.document, path, value, self.rule))
        return tables

    def table(self, key: str) -> "Table":
        """The one table that a key gives."""
        return Table(self.document, (*self.path, key), self._typed(key, dict), self.rule)

    def time_s(self, key: str) -> int:
        """Seconds since midnight of a time of day."""
        value = self._typed(key, time)
        if value.tzinfo is not None or value.microsecond:
            raise self.error(
                key, f"{key} has a part of a second.", f"Write whole seconds, as {key} = 07:00:00."
            )
        return int(value.hour * 3600 + value.minute * 60 + value.second)

    def day(self, key: str) -> date:
        """A date without a time of day."""
        return self.as_day(key, self.value(key))

    def as_day(self, key: str, value: object) -> date:
        """The date that was read from ``key``, alone or in a list."""
        if type(value) is not date:
            raise self.error(
                key,
                f"{key} is {_name_of(value)}; it must be a date.",
                f"Write whole days without quotes, as {key} = 2025-10-01.",
            )
        return value

    def moment(self, key: str) -> int:
        """Local seconds of a date (its first second) or of a date and time, Asia/Shanghai."""
        value = self.value(key)
        if isinstance(value, datetime):
            moment = value
        elif isinstance(value, date):
            moment = datetime(value.year, value.month, value.day)  # noqa: DTZ001 - local by design
        else:
            raise self.error(
                key,
                f"{key} is {_name_of(value)}; it must be a date or a date and time.",
                f"Write it without quotes, as {key} = 2025-11-25 or 2025-11-25T04:00:00.",
            )
        if moment.tzinfo is not None or moment.microsecond:
            raise self.error(
                key,
                f"{key} has a time zone or a part of a second.",
                "Write the local time of the city alone: all times are Asia/Shanghai.",
            )
        seconds = local_seconds(moment)
        if moment < EPOCH or seconds >= FOREVER:
            raise self.error(
                key, f"{key} is outside the calendar.", "Use a date from 2000-01-01 to 2135."
            )
        return seconds


def _name_of(value: object) -> str:
    """How a message names a value of the wrong type."""
    return f"{_WORDS_OF_TYPES.get(type(value), 'something else')} ({value!r})"


def parse_toml(file: str, text: str) -> Document:
    """The document of a TOML text. Raises ``RuleError`` with the line where it stops being TOML."""
    try:
        data = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        found = re.search(r"line (\d+)", str(error))
        rows = text.split("\n")
        line = int(found.group(1)) if found else len(rows)
        if not isinstance(error, tomllib.TOMLDecodeError):
            # Numbers and nestings without end have no position; they make a line long.
            line = max(range(len(rows)), key=lambda at: len(rows[at])) + 1
        raise RuleError(
            file, line, "file", f"This is not TOML: {error}.", "Correct the spelling of the line."
        ) from error
    return Document(file, data, positions(text))


def parse_csv(file: str, text: str, columns: Collection[str], rule: str) -> list[Table]:
    """The rows of a CSV text with a header; lines that are blank or begin with # are notes.

    Cells that are whole numbers become integers, empty ones are absent.
    """
    numbers = [0]
    lines: dict[Path, int] = {(): 1}
    document = Document(file, {}, lines)
    rows: list[Table] = []
    header: list[str] | None = None
    for number, cells in _records(file, text, rule, numbers):
        if header is None:
            header = cells
            if not set(header) >= set(columns):
                break
            continue
        if len(cells) != len(header):
            raise RuleError(
                file,
                number,
                rule,
                f"The row has {len(cells)} cells, the header {len(header)}.",
                "Write one cell per column; put texts with commas in double quotes.",
            )
        lines[len(rows),] = number
        data = {key: _cell(cell) for key, cell in zip(header, cells, strict=True) if cell}
        rows.append(Table(document, (len(rows),), data, rule))
    if header is None or not set(header) >= set(columns):
        raise RuleError(
            file,
            max(numbers[-1], 1),
            rule,
            f"The header is {','.join(header or [])!r}.",
            f"Begin the file with the columns {','.join(columns)}.",
        )
    return rows


def _records(
    file: str, text: str, rule: str, numbers: list[int]
) -> Iterator[tuple[int, list[str]]]:
    """The rows of a CSV text with their line numbers, notes left out; ``numbers`` grows along."""

    def content() -> Iterator[str]:
        for number, line in enumerate(text.split("\n"), 1):
            if line.strip() and not line.startswith("#"):
                numbers.append(number)
                yield line

    reader = csv.reader(content(), strict=True)
    row = 0
    try:
        for cells in reader:
            row += 1
            if reader.line_num != row:
                row -= 1
                raise csv.Error("a cell does not end on its line")
            yield numbers[-1], cells
    except csv.Error as error:
        # Every row before it was one line, so the broken one begins on the next.
        line = numbers[min(row + 1, len(numbers) - 1)]
        raise RuleError(
            file, line, rule, f"This is not CSV: {error}.", "Close every double quote on its line."
        ) from error


def _cell(text: str) -> int | str:
    digits = text.removeprefix("-")
    # Longer ones are no number of ours, and Python refuses to read very long ones.
    return int(text) if digits.isascii() and digits.isdigit() and len(digits) < 20 else text
