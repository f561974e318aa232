"""``onecard register``: put registry rows and issued cards in force, in the fewest words."""

from pathlib import Path

import click

from service.commands.options import home_option, run


@click.command()
@home_option()
@click.option(
    "--rows",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help='Registry rows, one JSON document a line: {"kind": "terminal", "row": {…}}, or CSV.',
)
@click.option(
    "--cards",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Issued cards with their opening position, one JSON document a line, or CSV.",
)
def register(home: Path, rows: Path | None, cards: Path | None) -> None:
    """Register rows and issued cards; registry import does the same and shows what changes."""
    if rows is None and cards is None:
        raise click.UsageError("Give --rows FILE or --cards FILE, or both.")
    from service.imports import CARD, Named, import_files

    files = [Named(rows)] if rows is not None else []
    files += [Named(cards, CARD)] if cards is not None else []
    done = run(import_files(home, files))
    click.echo(
        f"{done.rows:,} rows and {done.cards:,} cards; registry version {done.version} is in force."
    )
    for warning in done.warnings:
        click.echo(f"onecard: warning: {warning}", err=True)
