"""Reading the files of rule sets: shipped ones by name, others by directory."""

import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from clearing.errors import ClearingError

SHIPPED: Final = Path(__file__).parent / "sets"
"""The rule sets that come with the package, a directory each."""

SUFFIXES: Final = (".toml", ".csv")
_NAME: Final = re.compile(r"[\w-]+")


def shipped_sets() -> tuple[str, ...]:
    """The names of the rule sets that come with the package."""
    return tuple(sorted(path.name for path in SHIPPED.iterdir() if any(path.glob("*.toml"))))


def province_sets() -> tuple[str, ...]:
    """The shipped sets that a node loads unless told otherwise: all but those on
    request."""
    return tuple(name for name in shipped_sets() if not _on_request(name))


def _on_request(name: str) -> bool:
    return any(about.get("on_request", False) for about in _about(SHIPPED / name))


def _about(directory: Path) -> list[dict[str, Any]]:
    """What the files of a set say under ``[set]``; files that do not hold are refused later."""
    found = []
    for path in sorted(directory.glob("*.toml")):
        try:
            about = tomllib.loads(path.read_text("utf-8-sig")).get("set")
        except (OSError, ValueError, RecursionError):
            continue
        found.append(about if isinstance(about, dict) else {})
    return found


def read(sources: Iterable[str | Path]) -> dict[str, str]:
    """The text of every file of rule sets by ``SET/FILE``: what a node stores beside its days.

    A source is the name of a shipped set, or a directory, whose last name is then the set's. Sets that
    one of them needs come along: from beside it, or from those that are shipped. Line ends become line
    feeds. Raises ``ClearingError`` where a source cannot be read.
    """
    files: dict[str, str] = {}
    for name, directory in directories_of(sources).items():
        files |= _texts(name, directory)
    return files


def directories_of(sources: Iterable[str | Path]) -> dict[str, Path]:
    """The directory of each set that ``read`` reads, by the set's name; those that are needed come last."""
    directories: dict[str, Path] = {}
    for source in sources:
        directory = SHIPPED / source if str(source) in shipped_sets() else Path(source)
        if not directory.is_dir():
            raise ClearingError(
                f"There is no rule set {str(source)!r}.",
                f"Name a directory, or one of {', '.join(shipped_sets())}.",
            )
        name = directory.resolve().name
        if name in directories:
            raise ClearingError(f"The rule set {name!r} is given twice.", "Name it once.")
        directories[name] = directory
    _add_needed(directories)
    return directories


def _add_needed(directories: dict[str, Path]) -> None:
    waiting = list(directories.values())
    while waiting:
        directory = waiting.pop()
        for about in _about(directory):
            needs = about.get("needs", ())
            for name in needs if isinstance(needs, list) else ():
                if not isinstance(name, str) or name in directories or not _NAME.fullmatch(name):
                    continue
                for parent in (directory.resolve().parent, SHIPPED):
                    if (parent / name).is_dir():
                        directories[name] = parent / name
                        waiting.append(parent / name)
                        break


def sets_needed(files: Mapping[str, str], names: Iterable[str]) -> set[str]:
    """These sets and all that they need, one through another; ``files`` are as ``read`` gives them."""
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found.add(name)
        for file, text in files.items():
            if file.startswith(f"{name}/") and file.endswith(".toml"):
                needs = tomllib.loads(text).get("set", {}).get("needs", ())
                waiting += [needed for needed in needs if isinstance(needed, str)]
    return found


def _texts(name: str, directory: Path) -> dict[str, str]:
    paths = [path for path in sorted(directory.iterdir()) if path.suffix in SUFFIXES]
    if not any(path.suffix == ".toml" for path in paths):
        raise ClearingError(f"{directory} holds no .toml file.", "Put the rules into one.")
    files: dict[str, str] = {}
    for path in paths:
        try:
            files[f"{name}/{path.name}"] = path.read_text("utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise ClearingError(
                f"{name}/{path.name} cannot be read: {error}.", "Save it as a UTF-8 text."
            ) from error
    return files
