"""``onecard settle``, ``report`` and ``verify``: the night of a business date, and what it made."""

import csv
import json
import sys
from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import click

from service.commands.options import date_option, home_option, run
from service.text import yuan


@click.command()
@date_option()
@click.option(
    "--until",
    type=click.Choice(
        ["cut_off", "complete", "audited", "netted", "stated", "instructed", "sealed"]
    ),
    default="sealed",
    show_default=True,
    help="Stop when the date has come to this state.",
)
@home_option()
def settle(on: date, until: str, home: Path) -> None:
    """Settle a business date: cut off, audit, net, state, instruct, seal. Again changes nothing."""
    state = run(_settle(on, until, home))
    if state == "sealed":
        click.echo(f"{on} is sealed; papers lie in {home / 'papers' / str(on)}.")
    else:
        click.echo(f"{on} is {state.replace('_', ' ')}.")


@click.command()
@date_option()
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "csv"]),
    default="text",
    show_default=True,
    help="csv has one line for each operator.",
)
@home_option()
def report(on: date, form: str, home: Path) -> None:
    """Print what a business date came to."""
    found = run(_report(on, home))
    match form:
        case "json":
            click.echo(json.dumps(found, ensure_ascii=False, indent=2))
        case "csv":
            _as_csv(found)
        case _:
            _as_text(found)


@click.command()
@date_option()
@home_option()
def verify(on: date, home: Path) -> int:
    """Replay a business date and compare every byte; exit code 1 names what differs."""
    findings = run(_verify(on, home))
    for finding in findings:
        click.echo(finding)
    if findings:
        click.echo(f"onecard: {len(findings):,} differences on {on}.", err=True)
        click.echo(
            "  What is named was changed after it was written, or is damaged; a date that is not"
            " sealed has nothing to be compared with yet.",
            err=True,
        )
        return 1
    click.echo(f"{on} is as it was written: nothing differs.")
    return 0


async def _settle(on: date, until: str, home: Path) -> str:
    from service.home import open_node
    from service.logs import quiet
    from service.terminal import progress
    from settlement.context import Context
    from settlement.day import settle_day

    quiet()
    async with open_node(home) as opened:
        with progress(f"settling {on}"):
            context = Context(opened.dsn, opened.node, opened.kernel)
            return (await settle_day(context, on, until=until)).state


async def _report(on: date, home: Path) -> Any:
    import msgspec

    from service.home import open_node
    from settlement.context import Context
    from settlement.report import report as report_of

    async with open_node(home) as opened:
        found = await report_of(Context(opened.dsn, opened.node, opened.kernel), on)
        return msgspec.to_builtins(found)


async def _verify(on: date, home: Path) -> list[str]:
    from service.home import open_node
    from service.logs import quiet
    from service.terminal import progress
    from settlement.context import Context
    from settlement.verify import verify_day

    quiet()
    async with open_node(home) as opened:
        with progress(f"verifying {on}"):
            findings = await verify_day(Context(opened.dsn, opened.node, opened.kernel), on)
    return [finding.sentence for finding in findings]


# -- printing ------------------------------------------------------------------------------------


def _as_csv(found: Mapping[str, Any]) -> None:
    rows = found["by_operator"]
    columns = ["operator", "mode", "taps", "gross_fen", "charged_fen", "accepted_fen", "net_fen"]
    if rows:
        columns += [name for name in rows[0] if name not in columns]
    writer = csv.DictWriter(sys.stdout, ["business_date", *columns], lineterminator="\n")
    writer.writeheader()
    writer.writerows({"business_date": found["business_date"], **row} for row in rows)


def _as_text(found: Mapping[str, Any]) -> None:
    totals = found["totals"]
    click.echo(f"business date {found['business_date']}")
    click.echo(
        f"{totals['taps']:,} taps: {totals['accepted']:,} accepted, {totals['held']:,} held,"
        f" {totals['rejected']:,} rejected"
    )
    click.echo(
        f"gross {yuan(totals['gross_fen'])}, charged {yuan(totals['charged_fen'])},"
        f" accepted {yuan(totals['accepted_fen'])} yuan"
    )
    _section("reasons", [(name, f"{count:,}") for name, count in found["reasons"].items()])
    _section(
        "operators (taps, charged, net, yuan)",
        [
            (
                f"{row['operator']} {row.get('name', '')} {row['mode']}".replace("  ", " "),
                f"{row['taps']:,}  {yuan(row['charged_fen'])}  {yuan(row['net_fen'])}",
            )
            for row in found["by_operator"]
        ],
    )
    _section(
        "fees (what the date came to, booked, yuan)",
        [
            (
                f"{row['operator']} {row['fee']}, {row['bearer']} pays, {row['billing']}",
                f"{yuan(row['due_fen'])}  {yuan(row['booked_fen'])}",
            )
            for row in found["fee_lines"]
        ],
    )
    for title in ("positions", "trial_balance"):
        _section(f"{title.replace('_', ' ')} (yuan)", _amounts(found[title]))
    for name in ("taps_root", "ledger_root", "seal"):
        click.echo(f"{name.replace('_', ' ')}: {found[name] or '-'}")


def _amounts(content: Any) -> list[tuple[str, str]]:
    """Lines of positions or balances, whichever shape they come in."""
    lines: list[tuple[str, str]] = []
    for row in content if isinstance(content, list) else [content]:
        if "amount_fen" in row:
            words = [str(value) for name, value in row.items() if name != "amount_fen"]
            lines.append((" ".join(words), yuan(row["amount_fen"])))
            continue
        lines += [
            (name, yuan(value) if isinstance(value, int) else str(value))
            for name, value in row.items()
        ]
    return lines


def _section(title: str, lines: Iterable[tuple[str, str]]) -> None:
    rows = list(lines)
    if not rows:
        return
    click.echo(f"{title}:")
    for name, value in rows:
        click.echo(f"  {name}: {value}")
