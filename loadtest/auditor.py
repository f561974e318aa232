"""The auditor: compares what the engine answered with what was written before it started.

It imports nothing of the engine. Actual answers are plain tuples, whoever read them from wherever:
(city, operator, number, row, reason number or name, flags, priced, credited, subsidy).
"""

import argparse
import csv
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from loadtest import expected as papers
from loadtest.item import Expected
from schemas.reasons import Reason, names

Actual = tuple[str, int, int, int, int | str, int, int, int, int]
Key = tuple[str, int, int, int]

_NAMES: Final = {int(reason): reason.name.lower() for reason in Reason}
_MONEY: Final = ("priced_fen", "credited_fen", "subsidy_fen")


def _reason_name(reason: int | str) -> str:
    if isinstance(reason, str):
        return reason
    return _NAMES.get(reason, f"reason {reason}")


def _words(flags: int) -> str:
    return ", ".join(names(flags)) or "nothing"


def differences_of_row(wanted: Expected, actual: Actual) -> list[str]:
    """What differs in one row, in words."""
    city, operator, number, row, reason, flags = actual[:6]
    found = []
    name = _reason_name(reason)
    if name != wanted.reason:
        found.append(f"the reason is {name}, and {wanted.reason} ({wanted.verdict}) was expected")
    if flags != wanted.flags:
        missing, extra = wanted.flags & ~flags, flags & ~wanted.flags
        found.append(f"flags: missing {_words(missing)}; not expected {_words(extra)}")
    for field, value in zip(_MONEY, actual[6:], strict=True):
        due = getattr(wanted, field)
        if value != due:
            found.append(f"{field} is {value}, and {due} was expected")
    where = f"city {city}, operator {operator}, batch {number}, row {row}"
    planted = f" [{wanted.fault}]" if wanted.fault else ""
    return [f"{where}{planted}: {difference}" for difference in found]


def compare(expected: Iterable[Expected], actual: Iterable[Actual]) -> Iterator[str]:
    """Every difference between two sets of answers, in words; none = they agree to the fen.

    Both may come in any order. A row that either side lacks, or that was answered twice, is named.
    """
    wanted: dict[Key, Expected] = {}
    for line in expected:
        wanted[line.city, line.operator, line.number, line.row] = line
    seen: set[Key] = set()
    for answer in actual:
        key: Key = answer[:4]
        where = f"city {key[0]}, operator {key[1]}, batch {key[2]}, row {key[3]}"
        if key in seen:
            yield f"{where}: was answered twice"
            continue
        seen.add(key)
        line_or_none = wanted.get(key)
        if line_or_none is None:
            yield f"{where}: was answered, and nobody submitted it"
        else:
            yield from differences_of_row(line_or_none, answer)
    for key, line in wanted.items():
        if key not in seen:
            yield (
                f"city {key[0]}, operator {key[1]}, batch {key[2]}, row {key[3]}: "
                f"was not answered; {line.reason} was expected"
            )


_COLUMNS: Final = ("city", "operator", "number", "row", "reason", "flags", *_MONEY)


def read_actual(path: Path) -> Iterator[Actual]:
    """Answers from a CSV file: the columns of ``Actual``, in any order if a header names them."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.reader(file)
        places = list(range(len(_COLUMNS)))
        for position, row in enumerate(rows):
            if position == 0 and "city" in row:
                places = [row.index(name) for name in _COLUMNS]
                continue
            city, operator, number, place, reason, *values = (row[at] for at in places)
            flags, priced, credited, subsidy = map(int, values)
            answer = int(reason) if reason.isdecimal() else reason
            where = (city, int(operator), int(number), int(place))
            yield (*where, answer, flags, priced, credited, subsidy)


def main(arguments: list[str] | None = None) -> int:
    """Compare two files; 0 = no difference, 1 = some, printed one a line."""
    parser = argparse.ArgumentParser(prog="python -m loadtest.auditor", description=__doc__)
    parser.add_argument("expected", type=Path, help="expected.jsonl")
    parser.add_argument("actual", type=Path, help="CSV with the engine's answers")
    options = parser.parse_args(arguments)
    count = 0
    for difference in compare(papers.read(options.expected), read_actual(options.actual)):
        count += 1
        sys.stdout.write(difference + "\n")
    sys.stdout.write(f"{count} differences\n")
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main())
