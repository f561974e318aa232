"""How two things differ, named: papers and files, canonical lines, rows."""

import contextlib
import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from settlement import books
from settlement.findings import Finding, shown
from settlement.store import Paper


def check_digests(kept: list[Paper]) -> Iterator[Finding]:
    """Papers against the digests kept with them."""
    for paper in kept:
        digest = hashlib.sha256(paper.content).digest()
        if digest != paper.sha256:
            yield Finding(f"paper {paper.name}", "content", paper.sha256.hex(), digest.hex())


def check_files(directory: Path, kept: list[Paper]) -> Iterator[Finding]:
    """The files are the papers, byte for byte, and no file stands there that is none."""
    for paper in kept:
        try:
            content = (directory / paper.name).read_bytes()
        except OSError as error:
            yield Finding(f"file {paper.name}", f"cannot be read: {error.strerror}")
            continue
        if content != paper.content:
            at = first_difference(paper.content, content)
            yield Finding(
                f"file {paper.name}",
                f"content from byte {at}",
                shown(paper.content[at : at + 16]),
                shown(content[at : at + 16]),
            )
    names = {paper.name for paper in kept}
    for path in sorted(directory.rglob("*")):
        name = path.relative_to(directory).as_posix()
        if path.is_file() and name not in names and not path.name.startswith("."):
            yield Finding(f"file {name}", "is no paper of this date")


def first_difference(left: bytes, right: bytes) -> int:
    """Where two byte strings part."""
    for at, (a, b) in enumerate(zip(left, right, strict=False)):
        if a != b:
            return at
    return min(len(left), len(right))


def compare_papers(
    expected: Mapping[str, bytes], kept: list[Paper], but: tuple[str, ...]
) -> Iterator[Finding]:
    """Papers by name, those named in ``but`` left out; the first byte that differs."""
    have = {paper.name: paper.content for paper in kept}
    for name in sorted(expected.keys() | have.keys()):
        if name in but:
            continue
        if name not in have:
            yield Finding(f"paper {name}", "is missing")
        elif name not in expected:
            yield Finding(f"paper {name}", "does not follow from the books")
        elif have[name] != expected[name]:
            at = first_difference(expected[name], have[name])
            yield Finding(
                f"paper {name}",
                f"content from byte {at}",
                shown(expected[name][at : at + 16]),
                shown(have[name][at : at + 16]),
            )


def by_key(content: bytes, key: str) -> dict[str, bytes]:
    """Canonical lines by the value of a key; lines that cannot be read are left out."""
    found: dict[str, bytes] = {}
    for line in content.splitlines():
        with contextlib.suppress(msgspec.DecodeError, KeyError, TypeError, UnicodeDecodeError):
            found[str(books.decoded(line)[key])] = line
    return found


def compare_lines(subject: str, expected: bytes | None, actual: bytes | None) -> Iterator[Finding]:
    """A canonical entry against the journal: every field and line that differs."""
    if expected == actual:
        return
    if expected is None or actual is None:
        yield Finding(subject, "is missing" if actual is None else "is not in the journal")
        return
    old, new = books.decoded(expected), books.decoded(actual)
    old_lines = {row["line"]: row for row in old.pop("postings")}
    new_lines = {row["line"]: row for row in new.pop("postings")}
    yield from compare_values(subject, old, new)
    for line in sorted(old_lines.keys() | new_lines.keys()):
        name = f"{subject} line {line}"
        if line not in old_lines or line not in new_lines:
            yield Finding(name, "is missing" if line in old_lines else "is not in the journal")
        else:
            yield from compare_values(name, old_lines[line], new_lines[line])


def compare_values(
    subject: str, expected: Mapping[str, Any], actual: Mapping[str, Any]
) -> Iterator[Finding]:
    """Every value that differs."""
    for name in sorted(expected.keys() | actual.keys()):
        if expected.get(name) != actual.get(name):
            yield Finding(subject, name, shown(expected.get(name)), shown(actual.get(name)))


def compare_rows(
    subject: str, expected: msgspec.Struct | None, actual: msgspec.Struct | None
) -> Iterator[Finding]:
    """A row against the one that follows from the books."""
    if expected is None or actual is None:
        if expected is not actual:
            word = "is missing" if actual is None else "does not follow from the books"
            yield Finding(subject, word)
        return
    yield from compare_values(
        subject, msgspec.structs.asdict(expected), msgspec.structs.asdict(actual)
    )
