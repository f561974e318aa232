"""``onecard tac`` and ``onecard fare``: what a card or a tariff would say, for a person to compare."""

import csv
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import click

from service.commands.options import Moment, home_option, run
from service.text import yuan


@click.command()
@click.option(
    "--algorithm",
    type=click.Choice(["des", "sm4"], case_sensitive=False),
    required=True,
    help="The cipher.",
)
@click.option(
    "--key",
    required=True,
    metavar="HEX",
    help="Master key, 32 digits; with des, 16 digits are a session key, used as they are.",
)
@click.option(
    "--factor",
    "factors",
    multiple=True,
    metavar="HEX",
    help="Diversification factor, 16 digits; once for each level, the issuer's first.",
)
@click.option("--data", required=True, metavar="HEX", help="The signed bytes, before padding.")
@click.option(
    "--fold",
    type=click.Choice(["left", "xor"]),
    default="left",
    show_default=True,
    help="How four bytes are made of an SM4 block.",
)
def tac(algorithm: str, key: str, factors: tuple[str, ...], data: str, fold: str) -> None:
    """Print the TAC (8 hexadecimal digits) of data under a key."""
    from clearing.keys.calculator import calculate_tac
    from clearing.keys.errors import InputError

    try:
        click.echo(calculate_tac(algorithm, key, factors, data, fold))
    except InputError as error:
        raise click.UsageError(f"{error.sentence} {error.remedy}") from error


@click.command()
@click.option(
    "--tariff", required=True, metavar="T", help="Tariff by name, for example xian/metro."
)
@click.option(
    "--on",
    "at",
    type=Moment(),
    required=True,
    metavar="DATETIME",
    help="Local time of the ride, YYYY-MM-DDTHH:MM:SS.",
)
@click.option(
    "--from",
    "origin",
    metavar="A",
    help="Station of entry (number, id or name); for a flat tariff the line.",
)
@click.option("--to", "destination", metavar="B", help="Station of exit.")
@click.option(
    "--pairs",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE.csv",
    help="Many rides: a CSV file with columns from and to.",
)
@click.option(
    "--card",
    metavar="KIND",
    help="Card kind (ordinary, student, …) or the name of a class; none: full fare.",
)
@click.option("--distance-m", type=click.IntRange(min=0), default=0, help="Metered tariff: metres.")
@click.option("--wait-s", type=click.IntRange(min=0), default=0, help="Metered tariff: waiting, s.")
@click.option(
    "--gross-fen",
    type=click.IntRange(min=0),
    default=0,
    help="Declared tariff: the device's own fare before discounts.",
)
@click.option(
    "--rules",
    "rule_sets",
    multiple=True,
    metavar="SET",
    help="Rule sets by name or directory; all that are shipped by default.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "csv"]),
    help="text for one ride, csv for pairs by default.",
)
@home_option(required=False)
def fare(
    tariff: str,
    at: datetime,
    origin: str | None,
    destination: str | None,
    pairs: Path | None,
    card: str | None,
    distance_m: int,
    wait_s: int,
    gross_fen: int,
    rule_sets: tuple[str, ...],
    form: str | None,
    home: Path | None,
) -> None:
    """Print what a ride costs under a dated tariff, without transfer discounts."""
    if pairs is not None and (origin or destination):
        raise click.UsageError("Give --from and --to, or --pairs, not both.")
    from clearing import rules
    from clearing.errors import ClearingError

    if home is not None:
        from service.rules import rules_of_node

        files = run(rules_of_node(home))
    else:
        files = rules.read(rule_sets or rules.shipped_sets())
    rule_set = rules.load(files)
    name = _full_name(tariff, rule_set.tariff_names())
    if pairs is not None:
        try:
            wanted = rules.read_pairs(pairs.read_text("utf-8"), pairs.name)
        except UnicodeDecodeError as error:
            raise ClearingError(f"{pairs} is not UTF-8.", "Save it as UTF-8.") from error
        rows = [
            (pair.origin, pair.destination, pair.fare_fen)
            for pair in rule_set.quote_pairs(name, at, wanted, card)
        ]
        _print_rows(rows, form or "csv")
        return
    claims = rules.Claims(gross_fen, distance_m, wait_s)
    quote = rule_set.quote(name, at, origin or 0, destination or 0, card, claims)
    if form == "csv":
        _print_rows([(origin or "", destination or "", quote.fare_fen)], "csv")
        return
    click.echo(
        f"{quote.fare_fen} fen ({yuan(quote.fare_fen)} yuan), {quote.class_name};"
        f" before discounts {quote.gross_fen} fen;"
        f" tariff {quote.rule} since {quote.version.replace('T00:00:00', '')}"
    )


def _full_name(tariff: str, known: Sequence[str]) -> str:
    """``metro`` stands for ``xian/metro`` where no other set has one of that name."""
    ends = [name for name in known if name.endswith(f"/{tariff}")]
    return ends[0] if tariff not in known and len(ends) == 1 else tariff


def _print_rows(rows: Sequence[tuple[int | str, int | str, int]], form: str) -> None:
    if form == "csv":
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(("from", "to", "fare_fen"))
        writer.writerows(rows)
        return
    for origin, destination, fen in rows:
        click.echo(f"{origin} → {destination}  {yuan(fen)} yuan")
