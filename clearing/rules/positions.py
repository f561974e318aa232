"""Where each key of a TOML text stands, so that an error can name its line.

``tomllib`` gives values without positions. This scanner walks a text that ``tomllib`` has already
accepted and records the line of every key, table and array element; it interprets no values.
"""

import re
from bisect import bisect_right
from typing import Final

Path = tuple[str | int, ...]
"""The way to a value: keys of tables, indices of arrays."""

_BLANK: Final = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_BARE_KEY: Final = re.compile(r"[A-Za-z0-9_-]+")
_STRINGS: Final = (
    re.compile(r'"""(?:\\.|[^\\])*?"""+', re.DOTALL),
    re.compile(r"'''.*?'''+", re.DOTALL),
    re.compile(r'"(?:\\.|[^"\\])*"'),
    re.compile(r"'[^']*'"),
)
_SCALAR: Final = re.compile(r"[^,\]}\n#]+")


class _Scanner:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.lines: dict[Path, int] = {(): 1}
        self._ends = [match.start() for match in re.finditer("\n", text)]
        self._elements: dict[Path, int] = {}

    def scan(self) -> None:
        prefix: Path = ()
        while self._skip():
            if self._take("[["):
                prefix = self._element(self._header())
                self._expect("]]")
            elif self._take("["):
                prefix = self._table(self._header())
                self._expect("]")
            else:
                self._pair(prefix)

    def _skip(self) -> bool:
        match = _BLANK.match(self.text, self.at)
        assert match is not None
        self.at = match.end()
        return self.at < len(self.text)

    def _take(self, token: str) -> bool:
        if not self.text.startswith(token, self.at):
            return False
        self.at += len(token)
        return True

    def _expect(self, token: str) -> None:
        self._skip()
        assert self._take(token), (token, self.at)

    def _record(self, path: Path, at: int) -> None:
        self.lines.setdefault(path, bisect_right(self._ends, at - 1) + 1)

    def _key(self) -> tuple[str, ...]:
        parts: list[str] = []
        while True:
            self._skip()
            if self.text[self.at] in "\"'":
                quoted = self._string()
                parts.append(quoted[1:-1])
            else:
                bare = _BARE_KEY.match(self.text, self.at)
                assert bare is not None, self.at
                self.at = bare.end()
                parts.append(bare.group())
            self._skip()
            if not self._take("."):
                return tuple(parts)

    def _header(self) -> tuple[tuple[str, ...], int]:
        start = self.at
        return self._key(), start

    def _table(self, header: tuple[tuple[str, ...], int]) -> Path:
        parts, start = header
        path: Path = ()
        for part in parts:
            path = (*path, part)
            self._record(path, start)
            if path in self._elements:
                path = (*path, self._elements[path])
        return path

    def _element(self, header: tuple[tuple[str, ...], int]) -> Path:
        parts, start = header
        path: Path = (*self._table((parts[:-1], start)), parts[-1])
        self._record(path, start)
        self._elements[path] = self._elements.get(path, -1) + 1
        path = (*path, self._elements[path])
        self._record(path, start)
        return path

    def _pair(self, prefix: Path) -> None:
        self._skip()
        start = self.at
        path = prefix
        for part in self._key():
            path = (*path, part)
            self._record(path, start)
        self._expect("=")
        self._value(path)

    def _string(self) -> str:
        for pattern in _STRINGS:
            match = pattern.match(self.text, self.at)
            if match:
                self.at = match.end()
                return match.group()
        raise AssertionError(self.at)

    def _value(self, path: Path) -> None:
        self._skip()
        if self.text[self.at] in "\"'":
            self._string()
        elif self._take("["):
            self._array(path)
        elif self._take("{"):
            self._inline_table(path)
        else:
            scalar = _SCALAR.match(self.text, self.at)
            assert scalar is not None, self.at
            self.at = scalar.end()

    def _array(self, path: Path) -> None:
        index = 0
        while self._skip() and not self._take("]"):
            self._record((*path, index), self.at)
            self._value((*path, index))
            self._skip()
            self._take(",")
            index += 1

    def _inline_table(self, path: Path) -> None:
        while self._skip() and not self._take("}"):
            self._pair(path)
            self._skip()
            self._take(",")


def positions(text: str) -> dict[Path, int]:
    """The line (from 1) of every key, table and array element of a valid TOML text."""
    scanner = _Scanner(text)
    scanner.scan()
    return scanner.lines
