"""Papers: kept in the database with their digest, and written as files beside.

The database row is the paper; the file is its copy. A file appears whole or not at all (written
beside its place, then renamed). A file of a sealed date that is there already is never touched, so
that a changed one is found and not painted over.
"""

import contextlib
import hashlib
import os
from collections.abc import Mapping
from datetime import date
from pathlib import Path

from schemas import proof
from settlement import store
from settlement.store import Connection, Paper

SEAL = "seal.json"
"""The one paper that ``papers_root`` does not cover, because it tells the seal."""


def paper(name: str, content: bytes) -> Paper:
    """A paper with its digest."""
    return Paper(name, content, hashlib.sha256(content).digest())


async def keep(connection: Connection, business_date: date, contents: Mapping[str, bytes]) -> None:
    """Keep papers in the database, in the transaction of their step."""
    await store.write_papers(
        connection, business_date, [paper(name, contents[name]) for name in sorted(contents)]
    )


def root(papers: list[Paper]) -> bytes:
    """``papers_root``: the Merkle root over name and digest of every paper but the seal, by name."""
    return proof.root(
        [
            hashlib.sha256(b"\x00paper\n" + each.name.encode() + b"\n" + each.sha256).digest()
            for each in sorted(papers, key=lambda each: each.name.encode())
            if each.name != SEAL
        ]
    )


async def publish(
    connection: Connection, directory: Path, business_date: date, *, sealed: bool
) -> None:
    """Write the date's papers as files below ``directory/DATE``, those that are not there yet."""
    for each in await store.read_papers(connection, business_date):
        path = directory / f"{business_date}" / each.name
        if path.exists() and (sealed or path.read_bytes() == each.content):
            continue
        _write(path, each.content)


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with beside.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            beside.unlink()
