"""``onecard subsidies``: what those who bear concessions owe for a date or a month, and its audit."""

from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from service.commands.options import Day, home_option, json_option, run
from service.text import yuan

if TYPE_CHECKING:
    from settlement.subsidies.auditing import Audit


class Month(click.ParamType[date]):
    """A month, YYYY-MM, as its first date."""

    name = "month"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:
        """The first date of a month."""
        if isinstance(value, date):
            return value
        try:
            return datetime.strptime(value, "%Y-%m").date()  # noqa: DTZ007 - a month has no zone
        except ValueError:
            self.fail(f"{value!r} is no month; write it as 2026-01.", param, ctx)


@click.command()
@click.option("--date", "on", type=Day(), metavar="DATE", help="Business date, YYYY-MM-DD.")
@click.option(
    "--month", type=Month(), metavar="MONTH", help="All stated dates of a month, YYYY-MM."
)
@click.option(
    "--audit", is_flag=True, help="Work every ride out again; exit code 1 names what differs."
)
@json_option()
@home_option()
def subsidies(on: date | None, month: date | None, audit: bool, as_json: bool, home: Path) -> int:
    """Show the subsidy claim of a date or a month, or work every ride of it out again."""
    from service.commands.printing import print_json

    if (on is None) == (month is None):
        raise click.UsageError("Give either --date or --month.")
    if audit:
        return _print_audits(run(_audits(home, on, month)), as_json=as_json)
    told = run(_told(home, on, month))
    if as_json:
        print_json(told)
    else:
        _print_claim(told)
    return 0


async def _told(home: Path, on: date | None, month: date | None) -> dict[str, Any]:
    from service.home import open_node
    from settlement.context import Context
    from settlement.subsidies.reading import claim_of_date, claim_of_month

    async with open_node(home) as opened:
        context = Context(opened.dsn, opened.node, opened.kernel)
        if on is not None:
            return await claim_of_date(context, on)
        assert month is not None
        return await claim_of_month(context, month)


async def _audits(home: Path, on: date | None, month: date | None) -> "dict[date, Audit]":
    from service.home import open_node
    from service.logs import quiet
    from settlement.context import Context
    from settlement.subsidies.reading import audits

    quiet()
    async with open_node(home) as opened:
        return await audits(Context(opened.dsn, opened.node, opened.kernel), on, month)


# -- printing ------------------------------------------------------------------------------------

_COLUMNS = (
    "operator", "tariff", "class", "card", "rules", "rides", "gross", "fare", "paid", "subsidy",
    "budget", "issuer",
)  # fmt: skip


def _print_claim(told: dict[str, Any]) -> None:
    from service.commands.printing import print_table

    click.echo(f"{told['title']} {told['period']}")
    print_table(
        _COLUMNS,
        [
            (
                f"{line['operator']} {line['name']}", line["tariff"], line["fare_class"],
                line["card_kind"], line["rules_version"], f"{line['rides']:,}",
                *(yuan(line[f"{name}_fen"]) for name in _COLUMNS[6:]),
            )
            for line in told["lines"]
        ],
        right=_COLUMNS[4:],
    )  # fmt: skip
    click.echo(
        f"{told['rides']:,} rides: {yuan(told['subsidy_fen'])} yuan, of which the budget bears"
        f" {yuan(told['budget_fen'])} and the issuer {yuan(told['issuer_fen'])}"
    )
    click.echo(
        f"共{told['rides']:,}乘次，补贴{yuan(told['subsidy_fen'])}元，其中财政承担"
        f"{yuan(told['budget_fen'])}元，发卡机构承担{yuan(told['issuer_fen'])}元"
    )
    if "dates" in told:
        click.echo(f"dates stated 已出账日期: {len(told['dates'])}")


def _print_audits(found: "dict[date, Audit]", *, as_json: bool) -> int:
    from service.commands.printing import print_json

    differences = sum(len(audit.findings) for audit in found.values())
    if as_json:
        print_json({f"{on}": audit for on, audit in found.items()})
        return 1 if differences else 0
    for on, audit in found.items():
        for finding in audit.findings:
            click.echo(f"{on}: {finding.sentence}")
        click.echo(
            f"{on}: {audit.rides:,} rides worked out again, {yuan(audit.subsidy_fen)} yuan,"
            f" {len(audit.findings):,} differences 重算{audit.rides:,}乘次，差异{len(audit.findings):,}处"
        )
    return 1 if differences else 0
