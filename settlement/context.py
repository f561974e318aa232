"""What every step of the night needs to know of the node it works for."""

from dataclasses import dataclass, field
from pathlib import Path

from clearing.node import Node
from clearing.state import Plans


@dataclass(frozen=True)
class Context:
    """``dsn`` of the node's database; ``kernel`` as in ``clearing.kernel.choose``."""

    dsn: str = field(repr=False)
    node: Node
    kernel: str | None = None
    plans: Plans = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "plans", Plans(self.node))

    @property
    def papers(self) -> Path:
        """Where papers lie as files, one directory a date."""
        return self.node.home / "papers"

    @property
    def is_province(self) -> bool:
        """Whether this node is the province's."""
        return self.node.row.role == "province"
