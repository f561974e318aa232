"""``onecard init``: make a node's home."""

from datetime import date
from pathlib import Path

import click

from service.commands.options import Day, home_option, run
from service.errors import ServiceError


@click.command()
@home_option()
@click.option(
    "--city",
    default="Xi'an",
    show_default=True,
    metavar="NAME",
    help="City by name or area code; province makes the province node.",
)
@click.option(
    "--open",
    "opened_on",
    type=Day(),
    metavar="DATE",
    help="First open business date; today by default. A node opened in the past runs on a "
    "clock of its own.",
)
@click.option(
    "--role",
    type=click.Choice(["city", "province"]),
    help="What the node is; by default what --city says.",
)
@click.option(
    "--rules",
    "rule_sets",
    multiple=True,
    metavar="SET",
    help="Rule set by name or directory; once for each. All that are shipped by default.",
)
@click.option(
    "--keys",
    "key_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Test master keys to seal, in JSON, instead of our own.",
)
def init(
    home: Path,
    city: str,
    opened_on: date | None,
    role: str | None,
    rule_sets: tuple[str, ...],
    key_file: Path | None,
) -> None:
    """Make a node's home: settings, database, keys, issuers, rules."""
    from schemas import cities
    from service.home import make_home

    facts = None
    if role != "province" and city.casefold() not in {"province", cities.PROVINCE}:
        facts = cities.find(city)
        if facts is None:
            known = ", ".join(known.name for known in cities.CITIES)
            raise ServiceError(f"There is no city {city!r}.", f"Known are {known} and province.")
    elif role == "city":
        raise click.UsageError("--role city needs a city; --city province has none.")
    master_keys = None
    if key_file is not None:
        from service.imports import read_master_keys

        master_keys = read_master_keys(key_file)
    from service.terminal import progress

    with progress("making the node"):
        row = run(
            make_home(
                home, city=facts, opened_on=opened_on, rule_sets=rule_sets, master_keys=master_keys
            )
        )
    own_clock = ", on a clock of its own" if row.historical else ""
    click.echo(
        f"{row.name} ({row.city}), {row.role} node, in {home}: open on {row.opened_on}{own_clock}."
    )
    click.echo("Its master keys are test keys; production refuses them.")
