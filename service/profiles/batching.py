"""Rows of a foreign file → batches: one per operator and declared date, in file order."""

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import msgspec

from schemas import batch as envelope
from schemas import record
from schemas.batch import Batch
from service.profiles.enrolment import Directory
from service.profiles.files import digest, rows
from service.profiles.layout import Layout, Reading, UnreadableRowError

BATCH_TAPS: Final = 20_000
"""Taps after which a batch is closed; the next one of the operator begins."""

Bucket = tuple[str, str]
"""(company, declared date)."""


class Made(msgspec.Struct, frozen=True):
    """A batch, whose it is, and the lines of the file that are in it."""

    batch: Batch
    company: str
    lines: list[int]


class Batching:
    """Batches of files. What could not be put in any is in ``left_out`` and ``unknown``, by its lines."""

    def __init__(self, layout: Layout, directory: Directory) -> None:
        self.layout, self.directory = layout, directory
        self.left_out: dict[tuple[str, str], list[int]] = {}
        """Rows that no record can hold, by file and reason."""
        self.unknown: dict[tuple[str, str], list[int]] = {}
        """Rows of operators that are not in the registry, by file and operator."""

    def batches(self, path: Path) -> Iterator[Made]:
        """The batches of one file. The same file and registry give the same batches."""
        content = digest(path)
        buckets: dict[Bucket, tuple[list[bytes], list[int]]] = {}
        parts: Counter[Bucket] = Counter()
        usual: str | None = None
        for line, reading in rows(path, self.layout):
            if isinstance(reading, UnreadableRowError):
                self.left_out.setdefault((path.name, str(reading)), []).append(line)
                continue
            operator = self.directory.operators.get(reading.company)
            if operator is None:
                self.unknown.setdefault((path.name, reading.company), []).append(line)
                continue
            declared = reading.declared_date
            if not declared:
                # Rare, so the file is read once more only when it happens.
                usual = _usual_date(path, self.layout) if usual is None else usual
                declared = usual
            bucket = (reading.company, declared)
            if not declared:
                self.left_out.setdefault((path.name, "close_date is no date"), []).append(line)
                continue
            taps, lines = buckets.setdefault(bucket, ([], []))
            taps.append(self._record(reading, operator.number))
            lines.append(line)
            if len(taps) == BATCH_TAPS:
                yield Made(self._batch(content, bucket, parts, taps), reading.company, lines)
                buckets[bucket] = ([], [])
        for bucket, (taps, lines) in buckets.items():
            if taps:
                yield Made(self._batch(content, bucket, parts, taps), bucket[0], lines)

    def _record(self, reading: Reading, operator: int) -> bytes:
        numbers = {
            name.field: self.directory.numbers.get((operator, name.kind, name.name), 0)
            for name in reading.names
        }
        return record.pack(msgspec.structs.replace(reading.tap, operator=operator, **numbers))

    def _batch(
        self, content: bytes, bucket: Bucket, parts: Counter[Bucket], taps: list[bytes]
    ) -> Batch:
        """A batch whose number follows from the file's content, so that the same file again gets
        the same receipts."""
        parts[bucket] += 1
        company, declared = bucket
        operator = self.directory.operators[company].number
        text = f"{self.layout.name} {operator} {declared} {parts[bucket]} ".encode() + content
        # 52 bits, which every JSON reader holds exactly.
        number = int.from_bytes(hashlib.sha256(text).digest()[:8], "big") >> 12
        return envelope.make(operator, number, declared, b"".join(taps), profile=self.layout.name)


def ranges(lines: Sequence[int]) -> str:
    """Rising line numbers in few words: ``2-5, 9``."""
    runs: list[list[int]] = []
    for line in lines:
        if runs and line == runs[-1][1] + 1:
            runs[-1][1] = line
        else:
            runs.append([line, line])
    return ", ".join(f"{first}-{last}" if last > first else f"{first}" for first, last in runs)


def _usual_date(path: Path, layout: Layout) -> str:
    """The declared date of most rows, for rows whose own is none; empty where no row has one."""
    dates = Counter(
        reading.declared_date
        for _, reading in rows(path, layout)
        if isinstance(reading, Reading) and reading.declared_date
    )
    return dates.most_common(1)[0][0] if dates else ""
