"""Reading the files of rule sets: shipped ones by name, others by directory."""

import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from clearing.errors import ClearingError

SHIPPED: Final = Path(__file__).parent / "sets"
"""The rule sets that come with the package, a directory each."""

SUFFIXES: Final = (".toml", ".csv")


def shipped_sets() -> tuple[str, ...]:
    """The names of the rule sets that come with the package."""
    return tuple(sorted(path.name for path in SHIPPED.iterdir() if any(path.glob("*.toml"))))


def province_sets() -> tuple[str, ...]:
    """The shipped sets that a node loads unless told otherwise: all but those on request."""
    return tuple(name for name in shipped_sets() if not _on_request(name))


def _on_request(name: str) -> bool:
    texts = [path.read_text("utf-8-sig") for path in (SHIPPED / name).glob("*.toml")]
    return any(tomllib.loads(text).get("set", {}).get("on_request", False) for text in texts)


def read(sources: Iterable[str | Path]) -> dict[str, str]:
    """The text of every file of rule sets by ``SET/FILE``: what a node stores beside its days.

    A source is the name of a shipped set, or a directory, whose last name is then the set's.
    Line ends become line feeds. Raises ``ClearingError`` where a source cannot be read.
    """
    files: dict[str, str] = {}
    seen: set[str] = set()
    for source in sources:
        directory = SHIPPED / source if str(source) in shipped_sets() else Path(source)
        if not directory.is_dir():
            raise ClearingError(
                f"There is no rule set {str(source)!r}.",
                f"Name a directory, or one of {', '.join(shipped_sets())}.",
            )
        name = directory.resolve().name
        if name in seen:
            raise ClearingError(f"The rule set {name!r} is given twice.", "Name it once.")
        seen.add(name)
        paths = [path for path in sorted(directory.iterdir()) if path.suffix in SUFFIXES]
        if not any(path.suffix == ".toml" for path in paths):
            raise ClearingError(f"{source} holds no .toml file.", "Put the rules into one.")
        for path in paths:
            try:
                text = path.read_text("utf-8-sig")
            except (OSError, UnicodeDecodeError) as error:
                raise ClearingError(
                    f"{name}/{path.name} cannot be read: {error}.", "Save it as a UTF-8 text."
                ) from error
            files[f"{name}/{path.name}"] = text
    return files
