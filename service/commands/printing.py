"""Tables and lists that several commands print; JSON for machines."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

import click
import msgspec
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

NOT_A_TERMINAL_COLUMNS: Final = 250
"""So wide is what goes into a pipe or a file, that no line of a table is folded."""


def print_table(
    columns: Sequence[str], rows: Iterable[Sequence[object]], *, right: Sequence[str] = ()
) -> None:
    """A table on standard output; ``right`` names the columns of numbers."""
    console = Console(highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        console = Console(highlight=False, markup=False, emoji=False, width=NOT_A_TERMINAL_COLUMNS)
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for name in columns:
        table.add_column(name, justify="right" if name in right else "left", overflow="fold")
    for row in rows:
        table.add_row(*("-" if cell is None or cell == "" else str(cell) for cell in row))
    console.print(table)


def print_json(found: Any) -> None:
    """Anything of ours as JSON, one document."""
    click.echo(msgspec.json.format(msgspec.json.encode(found)).decode())


def shortened(value: object) -> str:
    """A value in a list of changes: nothing is a hyphen, digests and keys are cut."""
    if value is None or value == "":
        return "-"
    text = str(value)
    return text if len(text) <= 40 else f"{text[:12]}…"
