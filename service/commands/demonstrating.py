"""``onecard demo``: a business day of two cities and the province."""

from datetime import date
from pathlib import Path

import click

from service.commands.options import Day


@click.command()
@click.option(
    "--taps",
    type=click.IntRange(min=1),
    default=300_000,
    show_default=True,
    metavar="N",
    help="Taps of the day, all cities together.",
)
@click.option(
    "--seed",
    type=int,
    default=1,
    show_default=True,
    metavar="S",
    help="The same seed makes the same day.",
)
@click.option("--date", "on", type=Day(), metavar="D", help="Business date, YYYY-MM-DD.")
@click.option(
    "--home",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Where the three nodes are made; by default a directory that is removed afterwards.",
)
def demo(taps: int, seed: int, on: date | None, home: Path | None) -> int:
    """Run a business day of the province: taps in, money out, everything checked."""
    from service.demo import run as run_demo

    return int(run_demo(taps=taps, seed=seed, on=on, home=home) or 0)
