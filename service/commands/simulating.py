"""``onecard rules simulate``: what other rules would have done to dates that are closed."""

from datetime import date
from pathlib import Path

import click

from service.commands.options import Day, home_option, json_option, run
from service.commands.printing import print_json


@click.command()
@click.option(
    "--rules",
    "rule_sets",
    multiple=True,
    required=True,
    metavar="DIR",
    help="The other rules: directories, or shipped sets; each in place of the node's of its name.",
)
@click.option(
    "--from", "first", type=Day(), required=True, metavar="DATE", help="First business date."
)
@click.option("--to", "last", type=Day(), required=True, metavar="DATE", help="Last business date.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Write pages, pictures, CSV and JSON into this directory.",
)
@home_option()
@json_option()
def simulate(
    rule_sets: tuple[str, ...],
    first: date,
    last: date,
    out: Path | None,
    home: Path,
    as_json: bool,
) -> None:
    """Judge closed dates again under other rules and show what would change. Nothing is touched."""
    import msgspec

    from service import simulating

    found = run(simulating.simulate_rules(home, rule_sets, first, last))
    written = simulating.write_folder(found, out) if out is not None else []
    if as_json:
        print_json(msgspec.to_builtins(found, str_keys=True))
        return
    click.echo(simulating.to_text(found), nl=False)
    if written:
        click.echo(f"\nwritten to {out} 已写入: {', '.join(written)}")
