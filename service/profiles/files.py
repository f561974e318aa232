"""Reading foreign CSV files, row by row, whatever is in them."""

import csv
import hashlib
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
        reader = csv.reader(_without_nul(file))
        header = [name.strip() for name in next(reader, [])]
        missing = [name for name in layout.columns if name not in header]
        if missing:
            raise ProfileError(
                f"{path} has no column {missing[0]}, so it is not of the profile {layout.name}.",
                f"Its first line must name the columns {','.join(layout.columns)}.",
            )
        while True:
            try:
                row = next(reader, None)
            except csv.Error as error:
                yield reader.line_num, UnreadableRowError(str(error))
                continue
            if row is None:
                return
            if row:
                yield reader.line_num, _read(layout, header, row)


def _read(layout: Layout, header: list[str], row: list[str]) -> Reading | UnreadableRowError:
    if len(row) != len(header):
        return UnreadableRowError(f"{len(header)} columns were announced, {len(row)} came")
    try:
        return layout.read(dict(zip(header, row, strict=True)))
    except UnreadableRowError as problem:
        return problem


def _without_nul(file: TextIO) -> Iterator[str]:
    """Lines without NUL, which no text has and csv refuses."""
    for line in file:
        yield line.replace("\0", "")


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
