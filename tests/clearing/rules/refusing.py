"""Wrong rule files as a catalogue: each replaces one piece of files that hold.

The line that the message must name is the one where ``<<`` stands in the replacement; the mark itself is
taken out before the files are read.
"""

from dataclasses import dataclass

import pytest

from clearing.errors import RuleError
from clearing.rules import load

Wrong = tuple[str, str, str, str, str]
"""Name, file, what is replaced, by what, part of the sentence."""


@dataclass(frozen=True)
class Catalogue:
    """Files that hold, what is wrong with them in each case, and, where the mark cannot stand in the
    replacement, the file and text whose line must be named."""

    files: dict[str, str]
    cases: tuple[Wrong, ...]
    named: dict[str, tuple[str, str]]

    def broken(self, case: Wrong) -> tuple[dict[str, str], str, int]:
        """The files of a case, and the file and line that the error must name."""
        name, file, old, new, _ = case
        assert old in self.files[file], old
        files = {**self.files, file: self.files[file].replace(old, new, 1)}
        file_named, mark = self.named.get(name, (file, "<<"))
        where = files[file_named]
        line = where[: where.index(mark)].count("\n") + 1
        files[file] = files[file].replace("<<", "")
        return files, file_named, line

    def refused(self, case: Wrong) -> RuleError:
        """The error that a case's files raise."""
        with pytest.raises(RuleError) as caught:
            load(self.broken(case)[0])
        return caught.value
