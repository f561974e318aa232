"""Frozen tables of apportionment: read, checked, made into the weights that kernels split by."""

import re
import sys
from array import array
from collections.abc import Iterable, Mapping
from itertools import chain, combinations
from typing import Final

import msgspec

from clearing.errors import RuleError
from clearing.rules.apportioning import DIGEST_ROW, HEADER, Apportionment

_BODY: Final = re.compile(r"[0-9,: \n]*")
_REMEDY: Final = (
    "Run `onecard rules apportion`, which makes the table anew, and review what changed."
)


class Frozen(msgspec.Struct, frozen=True):
    """The table of one version of a split: a row ``from,to,LINE:METRES …`` for each pair, in order.

    ``weights`` as in ``plan.Split``: row-major, entry × exit × share, little-endian uint32.
    """

    declared: Apportionment
    rows: tuple[str, ...]
    weights: bytes

    def metres_between(self, entry: int, station: int) -> dict[int, int]:
        """Metres by line of the ride between two stations, by their numbers; empty where there are none."""
        order = self.declared.network.order
        one, other = sorted((order.get(entry, -1), order.get(station, -1)))
        if one < 0 or one == other:
            return {}
        at = one * len(order) - one * (one + 1) // 2 + other - one - 1
        return dict(metres_of(self.rows[at]))


def metres_of(row: str) -> list[tuple[int, int]]:
    """The (line, metres) of a row."""
    cells = row.rpartition(",")[2].split(" ")
    return [(int(line), int(metres)) for line, _, metres in (cell.partition(":") for cell in cells)]


def read_frozen(declared: Apportionment, files: Mapping[str, str]) -> Frozen:
    """The table of a split among the files of the sets. Refuses one that is not there, that was made of
    another network, or that does not have every pair of stations once."""
    if declared.file not in files:
        raise declared.table.error(
            "table", f"The set has no file {declared.table.text('table')!r}.", _REMEDY
        )
    lines = files[declared.file].split("\n")
    first = next((at for at, line in enumerate(lines) if not line.startswith("#")), 0)
    if lines[first : first + 1] != [HEADER]:
        raise _error(declared, first, "The header is not " + HEADER + ".", _REMEDY)
    made_of = lines[first + 1] if first + 1 < len(lines) else ""
    if made_of != DIGEST_ROW + declared.digest():
        raise _error(
            declared,
            min(first + 1, len(lines) - 1),
            "The table was made of another network, or under other terms, than the split has now.",
            _REMEDY,
        )
    rows = lines[first + 2 :]
    while rows and not rows[-1]:
        rows.pop()
    reader = _Reader(declared, rows, first + 2)
    return Frozen(declared, tuple(rows), reader.weights())


def _error(declared: Apportionment, at: int, sentence: str, remedy: str) -> RuleError:
    return RuleError(declared.file, at + 1, declared.table.rule, sentence, remedy)


class _Reader:
    """Reads rows, of which the first is line number ``start``, from 0. Quick, as there are very many; what
    does not hold is looked at again, slowly, to say why."""

    def __init__(self, declared: Apportionment, rows: list[str], start: int) -> None:
        self._declared, self._rows, self._start = declared, rows, start
        self._numbers = [str(place.number) for place in declared.network.stations.places]
        self._share_of = {str(line): share for line, share in declared.share_of_line.items()}

    def weights(self) -> bytes:
        if not _BODY.fullmatch("\n".join(self._rows)):
            at = next(at for at, row in enumerate(self._rows) if not _BODY.fullmatch(row))
            raise self._refused(at, "The row has letters or signs.", "Write from,to,LINE:METRES ….")
        count, size = len(self._declared.roles), len(self._numbers)
        weights = array("I", bytes(4 * count * size * size))
        assert weights.itemsize == 4
        share_of, rows, row_at = self._share_of, self._rows, 0
        for one, origin in enumerate(self._numbers):
            for other in range(one + 1, size):
                start = f"{origin},{self._numbers[other]},"
                if row_at == len(rows) or not rows[row_at].startswith(start):
                    raise self._misplaced(row_at, origin, self._numbers[other])
                sums = [0] * count
                try:
                    for cell in rows[row_at][len(start) :].split(" "):
                        line, _, metres = cell.partition(":")
                        sums[share_of[line]] += int(metres)
                    there, back = (one * size + other) * count, (other * size + one) * count
                    weights[there : there + count] = weights[back : back + count] = array("I", sums)
                except (KeyError, ValueError, OverflowError):
                    raise self._wrong(row_at, len(start)) from None
                if not any(sums):
                    raise self._wrong(row_at, len(start))
                row_at += 1
        if row_at < len(rows):
            raise self._misplaced(row_at, "", "")
        if sys.byteorder == "big":
            weights.byteswap()
        return weights.tobytes()

    def _refused(self, at: int, sentence: str, remedy: str = _REMEDY) -> RuleError:
        return _error(self._declared, self._start + min(at, len(self._rows) - 1), sentence, remedy)

    def _misplaced(self, at: int, origin: str, destination: str) -> RuleError:
        """Why the row is not that of the pair which is next in order."""
        cells = self._rows[at].split(",") if at < len(self._rows) else []
        if cells and len(cells) != 3:
            return self._refused(
                at, f"The row has {len(cells)} cells, not 3.", "Write from,to,LINE:METRES …."
            )
        for number in cells[:2]:
            if number not in self._numbers:
                return self._refused(at, f"There is no station {number!r}.")
        if cells and tuple(cells[:2]) not in set(combinations(self._numbers, 2)):
            return self._refused(
                at, f"{cells[0]} to {cells[1]} is no pair with the lower number first."
            )
        before = {tuple(row.split(",")[:2]) for row in self._rows[:at]}
        if cells and tuple(cells[:2]) in before:
            return self._refused(at, f"{cells[0]} to {cells[1]} has two rows.")
        return self._refused(at, f"The pair {origin} to {destination} is missing here.")

    def _wrong(self, at: int, start: int) -> RuleError:
        """Why the weights of a row do not hold."""
        row = self._rows[at]
        pair = row[: start - 1].replace(",", " to ")
        cells = row[start:].split(" ")
        for line in () if cells == [""] else (cell.partition(":")[0] for cell in cells):
            if line not in self._share_of:
                return self._refused(at, f"There is no line {line!r} ({pair}).")
        if all(cell.partition(":")[2].strip("0") == "" for cell in cells):
            return self._refused(at, f"The pair {pair} has no weight.")
        return self._refused(at, f"The weights of {pair} are no metres.")


# -- the auditor's question --------------------------------------------------------------------------


class Difference(msgspec.Struct, frozen=True):
    """Where a frozen table is not what the network makes: metres on a line; None: the pair has no row."""

    split: str
    origin: int
    destination: int
    line: int
    role: str
    frozen_m: int | None
    recomputed_m: int | None


def differences(declared: Apportionment, text: str, rows: Iterable[str]) -> list[Difference]:
    """What a frozen table and ``rows`` that are computed now differ in, by pair and line. The frozen one is
    read as far as it can be: rows that are none count as absent."""
    found: list[Difference] = []
    frozen = {
        tuple(cells[:2]): row
        for row in text.split("\n")
        if len(cells := row.split(",")) == 3 and _BODY.fullmatch(row)
    }
    for row in rows:
        pair = tuple(row.split(",")[:2])
        kept = frozen.pop(pair, None)
        if kept != row:
            found.extend(_compared(declared, pair, kept, row))
    for pair, row in frozen.items():
        found.extend(_compared(declared, pair, row, None))
    return found


def _compared(
    declared: Apportionment, pair: tuple[str, ...], frozen: str | None, computed: str | None
) -> list[Difference]:
    was, now = _lenient(frozen), _lenient(computed)
    lines = sorted(set(chain(was, now)))
    return [
        Difference(
            declared.split,
            int(pair[0] or 0),
            int(pair[1] or 0),
            line,
            declared.roles[declared.share_of_line[line]] if line in declared.share_of_line else "",
            was.get(line, 0) if frozen is not None else None,
            now.get(line, 0) if computed is not None else None,
        )
        for line in lines
        if was.get(line) != now.get(line)
    ] or [Difference(declared.split, int(pair[0] or 0), int(pair[1] or 0), 0, "", None, None)]


def _lenient(row: str | None) -> dict[int, int]:
    sums: dict[int, int] = {}
    for cell in row.rpartition(",")[2].split(" ") if row else ():
        line, _, metres = cell.partition(":")
        if line and metres and ":" not in metres:
            sums[int(line)] = sums.get(int(line), 0) + int(metres)
    return sums
