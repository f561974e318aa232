"""``onecard register``: put registry rows and issued cards in force."""

from pathlib import Path

import click

from service.commands.options import home_option, run


@click.command()
@home_option()
@click.option(
    "--rows",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help='Registry rows, one JSON document a line: {"kind": "terminal", "row": {…}}.',
)
@click.option(
    "--cards",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Issued cards with their opening position, one JSON document a line.",
)
def register(home: Path, rows: Path | None, cards: Path | None) -> None:
    """Register operators, terminals, issuers, denied cards, names, and issued cards."""
    if rows is None and cards is None:
        raise click.UsageError("Give --rows FILE or --cards FILE, or both.")
    from service.imports import import_files

    row_count, card_count, version = run(import_files(home, rows, cards))
    click.echo(
        f"{row_count:,} rows and {card_count:,} cards; registry version {version} is in force."
    )
