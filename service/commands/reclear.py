"""``onecard reclear``: a sealed date that was priced wrongly is put right on the open date, by two people."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from service.commands.options import (
    date_option,
    home_option,
    json_option,
    run,
    staff_key,
    staff_options,
)
from service.commands.printing import print_json, print_table
from service.text import LEFT_OUT, many, yuan

if TYPE_CHECKING:
    from service.reclearing import Shown

_VERSION: Final = click.option(
    "--rules-version",
    type=click.IntRange(1),
    metavar="N",
    help="Version of the rules to price the date under; by default the one in force.",
)
_NUMBER: Final = click.argument("proposal", metavar="PROPOSAL", type=click.IntRange(1))


@click.group()
def reclear() -> None:
    """Put right a sealed date that was priced wrongly: one person proposes, another approves."""


@reclear.command("preview")
@date_option()
@_VERSION
@click.option("--taps", "with_taps", is_flag=True, help="Also list every tap.")
@json_option()
@home_option()
def preview(
    on: date, rules_version: int | None, with_taps: bool, as_json: bool, home: Path
) -> None:
    """Show what re-clearing a date would come to; nothing is written."""
    from service import reclearing

    _print(run(reclearing.preview(home, on, rules_version)), as_json, with_taps)


@reclear.command("propose")
@date_option()
@_VERSION
@click.option("--why", required=True, help="Your reason, for the person who decides.")
@staff_options()
@json_option()
@home_option()
def propose(
    on: date,
    rules_version: int | None,
    why: str,
    staff_name: str,
    staff_key_file: Path | None,
    as_json: bool,
    home: Path,
) -> None:
    """Propose to re-clear a sealed date under rules that are right for it."""
    from service import reclearing
    from service.items import Signer

    signer = Signer(staff_name, staff_key(staff_key_file))
    found = run(reclearing.propose(home, on, rules_version, why, signer))
    _print(found, as_json, with_taps=False)
    if not as_json:
        click.echo(
            f"Proposal {found.proposal}: another person runs onecard reclear approve"
            f" {found.proposal}.  由另一人批准。"
        )


@reclear.command("list")
@json_option()
@home_option()
def list_reclears(as_json: bool, home: Path) -> None:
    """List re-clearings and what was decided of them."""
    from service import reclearing

    found = run(reclearing.every(home))
    if as_json:
        print_json(found)
        return
    print_table(
        ("proposal", "date", "rules", "taps", "proposed by", "on", "decided", "by", "on "),
        [
            (
                each.proposal, each.corrects, each.rules_version, each.summary["taps"],
                each.proposed_by, each.proposed_on, each.decided or "open", each.decided_by,
                each.decided_on,
            )
            for each in found
        ],
        right=("proposal", "rules", "taps"),
    )  # fmt: skip
    click.echo(many(len(found), "re-clearing"))


@reclear.command("show")
@_NUMBER
@click.option("--taps", "with_taps", is_flag=True, help="Also list every tap.")
@json_option()
@home_option()
def show(proposal: int, with_taps: bool, as_json: bool, home: Path) -> None:
    """Show one re-clearing: its sums, what was left out, what was decided, what it booked."""
    from service import reclearing

    _print(run(reclearing.show(home, proposal, with_taps=with_taps)), as_json, with_taps)


@reclear.command("approve")
@_NUMBER
@click.option("--why", default="", help="What you looked at.")
@staff_options()
@home_option()
def approve(
    proposal: int, why: str, staff_name: str, staff_key_file: Path | None, home: Path
) -> None:
    """Approve another person's re-clearing: it is booked on the open date, as it was proposed."""
    found = run(_decide(home, proposal, True, why, staff_name, staff_key(staff_key_file)))
    click.echo(
        f"Re-clearing {proposal} of {found.corrects} is approved, booked on {found.decided_on}:"
    )
    for name in found.entries:
        click.echo(f"  entry {name}")


@reclear.command("decline")
@_NUMBER
@click.option("--why", required=True, help="Why not.")
@staff_options()
@home_option()
def decline(
    proposal: int, why: str, staff_name: str, staff_key_file: Path | None, home: Path
) -> None:
    """Decline another person's re-clearing: nothing is booked."""
    found = run(_decide(home, proposal, False, why, staff_name, staff_key(staff_key_file)))
    click.echo(f"Re-clearing {proposal} of {found.corrects} is declined on {found.decided_on}.")


async def _decide(
    home: Path, proposal: int, approved: bool, why: str, name: str, key: str
) -> "Shown":
    from service import reclearing
    from service.items import Signer

    return await reclearing.decide(home, proposal, approved, why, Signer(name, key))


# -- printing ------------------------------------------------------------------------------------


def _print(found: "Shown", as_json: bool, with_taps: bool) -> None:
    if as_json:
        print_json(found)
        return
    for line in _head(found):
        click.echo(line)
    _sums(found.summary)
    if with_taps and found.taps:
        click.echo("taps 逐笔:")
        print_table(
            ("tap", "operator", "charged", "was", "becomes", "credited", "subsidy"),
            [
                (
                    tap.tap, tap.operator, yuan(tap.amount_fen), tap.was, tap.becomes,
                    f"{yuan(tap.credited_was_fen)} -> {yuan(tap.credited_becomes_fen)}",
                    f"{yuan(tap.subsidy_was_fen)} -> {yuan(tap.subsidy_becomes_fen)}",
                )
                for tap in found.taps
            ],
            right=("operator", "charged", "credited", "subsidy"),
        )  # fmt: skip


def _head(found: "Shown") -> Iterator[str]:
    taps = found.summary["taps"]
    number = f" {found.proposal}" if found.proposal else ""
    yield (
        f"re-clearing{number} of {found.corrects} under rules version {found.rules_version}:"
        f" {many(taps, 'tap')}  按规则版本 {found.rules_version} 更正 {found.corrects}，{taps} 笔"
    )
    if found.proposal:
        yield f"  proposed by {found.proposed_by} on {found.proposed_on}: {found.why}"
        yield f"  digest of its list {found.digest}"
        if found.decided is None:
            yield "  open: another person approves or declines it"
        else:
            why = f": {found.decided_why}" if found.decided_why else ""
            yield f"  {found.decided} by {found.decided_by} on {found.decided_on}{why}"
    for name in found.entries:
        yield f"  entry {name}"


def _sums(summary: dict[str, Any]) -> None:
    money = ("taps", "credited", "subsidy", "waiting")
    click.echo("by operator, yuan more or less 按运营商:")
    rows = [(row["operator"], *_moneys(row)) for row in summary["by_operator"]]
    print_table(("operator", *money), rows, right=("operator", *money))
    click.echo("by account, debits less credits, yuan 按账户:")
    print_table(
        ("account", "yuan"),
        [(row["account"], yuan(row["amount_fen"])) for row in summary["by_account"]],
        right=("yuan",),
    )
    click.echo("by reason, yuan more or less 按原因:")
    rows = [(row["was"], row["becomes"], *_moneys(row)) for row in summary["by_reason"]]
    print_table(("was", "becomes", *money), rows, right=money)
    if summary["silent"]:
        click.echo(
            f"{many(summary['silent'], 'tap')} more would be judged otherwise without moving money"
            f"  另有 {summary['silent']} 笔结论不同但不动款"
        )
    for row in summary["left_out"]:
        chinese, english = LEFT_OUT[row["why"]]
        click.echo(
            f"left out: {many(row['taps'], 'tap')} of operator {row['operator']},"
            f" {yuan(row['credited_fen'])} yuan: {english}  未列入：{chinese}"
            f"  ({', '.join(row['first'])}{' …' if row['taps'] > len(row['first']) else ''})"
        )
    # Proposals from before later dates were told have none.
    for row in summary.get("later", ()):
        click.echo(
            f"not corrected: the {row['period']}'s accumulation of {row['tariff']} (operator"
            f" {row['operator']}) on {row['first']} to {row['last']} counts what cards paid as it was judged"
            f" then; re-clear those dates one after another  未随之更正：运营商{row['operator']}的"
            f" {row['tariff']} {'月' if row['period'] == 'month' else '日'}累计优惠在 {row['first']} 至"
            f" {row['last']} 仍按原判定计算，请逐日更正"
        )


def _moneys(row: dict[str, Any]) -> tuple[str, ...]:
    return (
        f"{row['taps']:,}",
        *(yuan(row[name]) for name in ("credited_fen", "subsidy_fen", "waiting_fen")),
    )
