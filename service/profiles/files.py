"""Reading foreign CSV files, row by row, whatever is in them."""

import csv
import hashlib
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Final, TextIO

from service.errors import ProfileError
from service.profiles.layout import Layout, Reading, UnreadableRowError

ENCODINGS: Final = ("utf-8-sig", "gb18030")


def digest(path: Path) -> bytes:
    """SHA-256 of a file. Raises ``ProfileError`` where it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").digest()
    except OSError as error:
        raise ProfileError(
            f"{path} cannot be read: {error.strerror}.", "Check its name."
        ) from error


def rows(path: Path, layout: Layout) -> Iterator[tuple[int, Reading | UnreadableRowError]]:
    """Every row after the header: its line, and what it says or why it says nothing.

    Raises ``ProfileError`` where the file has no such header.
    """
    with path.open("r", encoding=_encoding(path), newline="", errors="replace") as file:
        lines = _Lines(file)
        reader = csv.reader(lines)
        header = [name.strip() for name in next(reader, [])]
        _check_header(path, layout, header)
        width = len(header)
        while True:
            lines.begin()
            row: list[str] | UnreadableRowError | None
            try:
                row = next(reader, None)
            except csv.Error as error:
                row = lines.first_alone(str(error))
            if row is None:
                return
            if len(lines.taken) > 1 and isinstance(row, list) and _tears(lines.taken, row, width):
                row = lines.first_alone("a quote is not closed")
            if row:
                yield lines.line, _read(layout, header, row)


class _Lines(Iterator[str]):
    """Lines without NUL, which no text has and csv refuses. Knows those of the row being read."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._back: deque[str] = deque()
        self.taken: list[str] = []
        self.line = 1
        """The first line of the row being read."""

    def __next__(self) -> str:
        line = self._back.popleft() if self._back else next(self._file).replace("\0", "")
        self.taken.append(line)
        return line

    def begin(self) -> None:
        """A row begins."""
        self.line += len(self.taken)
        self.taken = []

    def first_alone(self, problem: str) -> UnreadableRowError:
        """The first line is no row, and those after it are read again for themselves."""
        self._back.extendleft(reversed(self.taken[1:]))
        del self.taken[1:]
        return UnreadableRowError(problem)


def _check_header(path: Path, layout: Layout, header: list[str]) -> None:
    named = f"Its first line must name the columns {','.join(layout.columns)}."
    for name in layout.columns:
        if name not in header:
            raise ProfileError(
                f"{path} has no column {name}, so it is not of the profile {layout.name}.", named
            )
        if header.count(name) > 1:
            raise ProfileError(f"{path} has the column {name} twice.", named)


def _tears(lines: list[str], row: list[str], width: int) -> bool:
    """Whether a row over several lines is none, or took lines in that are rows by themselves."""
    return len(row) != width or any(_columns(line) == width for line in lines[1:])


def _columns(line: str) -> int:
    try:
        return len(next(csv.reader([line]), []))
    except csv.Error:
        return 0


def _read(
    layout: Layout, header: list[str], row: list[str] | UnreadableRowError
) -> Reading | UnreadableRowError:
    if isinstance(row, UnreadableRowError):
        return row
    if len(row) != len(header):
        return UnreadableRowError(f"{len(header)} columns were announced, {len(row)} came")
    try:
        return layout.read(dict(zip(header, row, strict=True)))
    except UnreadableRowError as problem:
        return problem


def _encoding(path: Path) -> str:
    """The first encoding that reads the whole file; the first of all where none does."""
    for encoding in ENCODINGS:
        try:
            with path.open("r", encoding=encoding, newline="") as file:
                while file.read(1 << 20):
                    pass
        except UnicodeDecodeError:
            continue
        return encoding
    return ENCODINGS[0]
