"""What a mutant is.

``old`` stands exactly once in its file; where it stops doing so, because the code was rewritten, the
sabotage must be found a new place, not dropped.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Mutant:
    """One sabotage: ``old`` becomes ``new`` in ``file``, and one of ``killed_by`` must fail.

    ``killed_by`` are pytest node ids, of a few seconds together; ``why`` is what would happen to whom.
    """

    name: str
    file: str
    old: str
    new: str
    killed_by: tuple[str, ...]
    why: str

    @property
    def compiled(self) -> bool:
        """Whether the extension must be built anew for it."""
        return self.file.endswith((".h", ".pxi", ".pyx", ".pxd"))
