"""Files of rows that somebody else wrote, CSV or JSON Lines: read to the end, every wrong row named.

A row becomes a struct of ``schemas`` or a ``Problem``; whoever asked refuses the whole file if there is
one, with file, line, field and remedy of each.
"""

import csv
import io
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec

from service.errors import ServiceError

Document = TypeVar("Document")

PROBLEMS_SHOWN_MAX: Final = 50


class Problem(msgspec.Struct, frozen=True):
    """What is wrong with a row: where, which field (empty: the row as a whole), what to do."""

    file: str
    line: int
    field: str
    sentence: str
    remedy: str

    def __str__(self) -> str:
        field = f"{self.field}: " if self.field else ""
        return f"{self.file}:{self.line}: {field}{self.sentence} {self.remedy}"


class Refused(ServiceError):
    """Files of which nothing was taken, with every wrong row."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = sorted(problems, key=lambda problem: (problem.file, problem.line))
        shown = self.problems[:PROBLEMS_SHOWN_MAX]
        more = len(self.problems) - len(shown)
        lines = [*map(str, shown), *([f"and {more:,} more"] if more else [])]
        count = len(self.problems)
        super().__init__(
            f"{count:,} {'row is' if count == 1 else 'rows are'} wrong; nothing was taken.\n  "
            + "\n  ".join(lines),
            "Mend them and give the files again.",
        )


class Line(msgspec.Struct, frozen=True):
    """A row of a file before it is anything: its fields by name. ``strict``: numbers are numbers
    (JSON), not text (CSV)."""

    file: str
    line: int
    fields: dict[str, Any]
    strict: bool

    def problem(self, field: str, sentence: str, remedy: str) -> Problem:
        """A problem of this row."""
        return Problem(self.file, self.line, field, sentence, remedy)


def read_lines(path: Path, problems: list[Problem]) -> list[Line]:
    """The rows of a file, CSV with a header line or one JSON document a line; what is neither becomes
    a problem. Raises ``ServiceError`` where the file cannot be read at all."""
    try:
        text = path.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ServiceError(
            f"{path.name} is not UTF-8 text (byte {error.start:,}).", "Save it as UTF-8."
        ) from error
    except OSError as error:
        raise ServiceError(
            f"{path} cannot be read: {error.strerror}.", "Name a file that you may read."
        ) from error
    if path.suffix.lower() == ".csv" or not text.lstrip().startswith(("{", "[")):
        return list(_of_csv(path.name, text, problems))
    return list(_of_json(path.name, text, problems))


def _of_json(name: str, text: str, problems: list[Problem]) -> Iterator[Line]:
    decoder = msgspec.json.Decoder(dict[str, Any])
    # Lines end with a line feed alone: JSON texts may hold the other separators.
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            yield Line(name, number, decoder.decode(line), strict=True)
        except msgspec.MsgspecError as error:
            problems.append(
                Problem(name, number, "", f"{error}.", "Write one JSON object on each line.")
            )


def _of_csv(name: str, text: str, problems: list[Problem]) -> Iterator[Line]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    header: list[str] | None = None
    try:
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            if header is None:
                header = [cell.strip() for cell in cells]
                twice = sorted({cell for cell in header if header.count(cell) > 1})
                if twice or "" in header:
                    column = twice[0] if twice else ""
                    problems.append(
                        Problem(name, reader.line_num, column, "the header has this column twice"
                                " or without a name.", "Name each column once.")
                    )  # fmt: skip
                    return
                continue
            if len(cells) != len(header):
                problems.append(
                    Problem(name, reader.line_num, "", f"{len(cells)} cells, where the header has"
                            f" {len(header)}.", "Give each column a cell.")
                )  # fmt: skip
                continue
            # An empty cell is a field that is not given.
            fields = {
                n: cell.strip() for n, cell in zip(header, cells, strict=True) if cell.strip()
            }
            yield Line(name, reader.line_num, fields, strict=False)
    except csv.Error as error:
        problems.append(Problem(name, reader.line_num, "", f"{error}.", "Write it as CSV."))


_PLACE: Final = re.compile(r" - at `\$\.?(?P<place>.*)`$")
_NAMED: Final = re.compile(r"field `(?P<name>[^`]+)`")


def convert(line: Line, of: type[Document], problems: list[Problem]) -> Document | None:
    """The row as a struct; None, and a problem more, where it is none."""
    try:
        return msgspec.convert(line.fields, of, strict=line.strict)
    except msgspec.ValidationError as error:
        words = str(error)
        place, named = _PLACE.search(words), _NAMED.search(words)
        field = place["place"] if place else named["name"] if named else ""
        remedy = "Give it." if "missing" in words else _remedy(of, field)
        problems.append(line.problem(field, f"{_PLACE.sub('', words)}.", remedy))
        return None


def _remedy(of: Any, field: str) -> str:
    known = [found.name for found in msgspec.structs.fields(of)]
    if field in known:
        return "Mend the value."
    return f"Fields are {', '.join(known)}."
