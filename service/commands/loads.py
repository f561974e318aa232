"""``onecard loads``: issuers' load logs, against which top-ups and rises of balance are held."""

from datetime import date, datetime
from pathlib import Path

import click

from service.commands.options import Day, Moment, home_option, json_option, run
from service.text import yuan


@click.group()
def loads() -> None:
    """Import the issuers' load logs, and show until when each is complete."""


@loads.command("import")
@click.argument(
    "file",
    required=False,
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
)
@click.option("--issuer", type=click.IntRange(1), required=True, metavar="N", help="Whose log.")
@click.option(
    "--complete-until",
    type=Moment(),
    metavar="TIME",
    help="Every load before this moment is in the log.",
)
@json_option()
@home_option()
def import_log(
    file: Path | None, issuer: int, complete_until: datetime | None, as_json: bool, home: Path
) -> None:
    """Put the lines of FILE in an issuer's load log, all or none. The same lines again are nothing."""
    if file is None and complete_until is None:
        raise click.UsageError("Give FILE or --complete-until TIME, or both.")
    from service.commands.printing import print_json
    from service.loads import import_loads

    done = run(import_loads(home, file, issuer, complete_until))
    if as_json:
        print_json(done)
    else:
        click.echo(
            f"issuer {done.issuer}: {done.new:,} loads are new, {yuan(done.amount_fen)} yuan;"
            f" {done.known:,} were known."
        )
        if done.complete_until is not None:
            click.echo(f"The log is complete until {done.complete_until}.")
    for warning in done.warnings:
        click.echo(f"onecard: warning: {warning}", err=True)


@loads.command("status")
@click.option("--on", type=Day(), metavar="DATE", help="As of the end of a business date.")
@json_option()
@home_option()
def status(on: date | None, as_json: bool, home: Path) -> None:
    """Show what is known of each own issuer's load log."""
    from service.commands.printing import print_json, print_table
    from service.loads import status_of

    found = run(status_of(home, on))
    if as_json:
        print_json(found)
        return
    print_table(
        ("issuer", "name", "loads", "yuan", "last load", "complete until"),
        [
            (
                row.issuer,
                row.name,
                f"{row.loads:,}",
                yuan(row.amount_fen),
                row.last_loaded_at,
                row.complete_until,
            )
            for row in found
        ],
        right=("loads", "yuan"),
    )
