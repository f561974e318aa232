"""``onecard rules``: check, show, compare and explain rule sets, and put them in force at a node."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from service.commands.apportioning import apportion, print_sharing
from service.commands.options import Moment, home_option, json_option, run, source_options
from service.commands.printing import print_json, print_table
from service.commands.simulating import simulate
from service.text import yuan

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clearing.rules import RuleSet
    from clearing.rules.comparing import Change
    from clearing.rules.explaining import Explained


@click.group()
def rules() -> None:
    """Rule sets: what rides cost and who gets it, as dated files."""


rules.add_command(apportion)
rules.add_command(simulate)


def _loaded(rule_sets: "Sequence[str]", home: Path | None) -> "RuleSet":
    from clearing import rules as language
    from service.rules import rules_of_node

    if home is not None:
        return language.load(run(rules_of_node(home)))
    return language.load(language.read(rule_sets or language.shipped_sets()))


# -- check -------------------------------------------------------------------------------------------


@rules.command()
@click.argument("sets", nargs=-1, required=True, metavar="DIR…")
def check(sets: tuple[str, ...]) -> int:
    """Check rule sets: directories, or names of shipped sets. Exit code 1 if one does not hold."""
    from clearing.errors import ClearingError
    from service.rules import check_sets

    failed = 0
    for name, found in check_sets(sets):
        if isinstance(found, ClearingError):
            failed += 1
            click.echo(f"{name}: does not hold 不成立\n  {found.sentence}\n  {found.remedy}")
            continue
        counted = ", ".join(
            f"{len(names)} {what}"
            for what, names in (
                ("tariffs", [one for one in found.tariff_names() if one.startswith(f"{name}/")]),
                ("splits", [one for one in found.split_names() if one.startswith(f"{name}/")]),
                ("fees", [one for one in found.fee_names() if one.startswith(f"{name}/")]),
            )
        )
        click.echo(f"{name}: holds 成立; {counted}")
        for line in _remarks(found, name):
            click.echo(f"  {line}")
    return 1 if failed else 0


def _remarks(found: "RuleSet", name: str) -> list[str]:
    """What holds and may surprise: calendars that end."""
    from clearing.plan import moment_of

    ends = {
        dated.sources.version.text("calendar"): tariff.calendar_from + len(tariff.calendar)
        for one in found.tariff_names()
        if one.startswith(f"{name}/")
        for dated in found.tariffs[one]
        if (tariff := dated.tariff).calendar
    }
    return [
        f"calendar {calendar} ends on {moment_of(86_400 * end - 1):%Y-%m-%d}: later on Monday to Friday"
        f" count as workdays 此后周一至周五均按工作日"
        for calendar, end in sorted(ends.items())
    ]


# -- show --------------------------------------------------------------------------------------------


@rules.command()
@click.argument("tariff", metavar="TARIFF")
@click.option("--on", "at", type=Moment(), required=True, metavar="DATETIME", help="Local time.")
@source_options
@json_option()
def show(
    tariff: str, at: datetime, rule_sets: tuple[str, ...], home: Path | None, as_json: bool
) -> None:
    """Show what a tariff or a fee says at a time, in English and Chinese, with the line of each sentence."""
    from clearing.rules import showing, showing_fees

    loaded = _loaded(rule_sets, home)
    if tariff in loaded.fees and tariff not in loaded.tariffs:
        shown = showing_fees.show_fee(loaded, tariff, at.date())
    else:
        shown = showing.show(loaded.version_at(tariff, at))
    if as_json:
        print_json(shown)
        return
    for row in shown:
        if row.heading:
            click.echo(f"\n{row.english}  {row.chinese}  [{row.file}:{row.line}]")
        else:
            click.echo(f"  {row.english}  [{row.file}:{row.line}]")
            if row.chinese != row.english:
                click.echo(f"    {row.chinese}")


# -- diff --------------------------------------------------------------------------------------------


@rules.command()
@click.argument("old", metavar="OLD")
@click.argument("new", metavar="NEW")
@json_option()
def diff(old: str, new: str, as_json: bool) -> None:
    """Say what changes from the rule set OLD to NEW, and from when: directories or shipped sets."""
    from service.rules import compare_sets

    changes = compare_sets(old, new)
    if as_json:
        print_json(changes)
    else:
        _print_changes(changes)


def _print_changes(changes: "Sequence[Change]") -> None:
    from clearing.rules.words import moment_words

    if not changes:
        click.echo("nothing changes 无变化")
    last: tuple[str, int | None] | None = None
    for change in changes:
        rule = change.rule if change.section == "file" else f"{change.section} {change.rule}"
        if (rule, change.since_s) != last:
            last = rule, change.since_s
            when = moment_words(change.since_s) if change.since_s is not None else ""
            since = f", from {when} on 自{when}起" if when else ""
            click.echo(f"{rule}{since}  [{change.file}:{change.line}]")
        click.echo(f"  {change.english}")
        click.echo(f"    {change.chinese}")


# -- explain -----------------------------------------------------------------------------------------


@rules.command()
@click.argument("tariff", metavar="TARIFF")
@click.option("--at", type=Moment(), required=True, metavar="DATETIME", help="Time of the tap.")
@click.option("--from", "origin", metavar="A", help="Station of entry; for a flat tariff the line.")
@click.option("--to", "destination", metavar="B", help="Station of exit.")
@click.option("--card", metavar="KIND", help="Card kind, or foreign; none: a single ticket.")
@click.option(
    "--entry-at", type=Moment(), metavar="DATETIME", help="Time of entry; as --at if absent."
)
@click.option("--line", default="", metavar="L", help="Line of the tap, for surcharges.")
@click.option("--entry-line", default="", metavar="L", help="Line of the entry, for surcharges.")
@click.option("--degraded", is_flag=True, help="A ride in degraded mode.")
@click.option("--distance-m", type=click.IntRange(min=0), default=0, help="Metered tariff: metres.")
@click.option("--wait-s", type=click.IntRange(min=0), default=0, help="Metered tariff: waiting, s.")
@click.option(
    "--gross-fen", type=click.IntRange(min=0), default=0, help="Declared tariff: its fare."
)
@click.option(
    "--first-leg", type=Moment(), metavar="DATETIME", help="When the leg before began the window."
)
@click.option("--transfers-used", type=click.IntRange(min=0), default=0, help="Since that leg.")
@click.option("--from-mode", default="", metavar="MODE", help="Mode of the leg before: bus, metro.")
@click.option("--unmarked", is_flag=True, help="The device does not claim the transfer.")
@click.option(
    "--spent-fen", type=click.IntRange(min=0), default=0, help="Paid in the period so far."
)
@click.option(
    "--split", metavar="SPLIT", help="The split that shares the fare; one named like the tariff."
)
@source_options
@json_option()
def explain(
    tariff: str,
    at: datetime,
    origin: str | None,
    destination: str | None,
    card: str | None,
    entry_at: datetime | None,
    line: str,
    entry_line: str,
    degraded: bool,
    distance_m: int,
    wait_s: int,
    gross_fen: int,
    first_leg: datetime | None,
    transfers_used: int,
    from_mode: str,
    unmarked: bool,
    spent_fen: int,
    split: str | None,
    rule_sets: tuple[str, ...],
    home: Path | None,
    as_json: bool,
) -> None:
    """Explain how a fare is found: each step, what it leaves of the fare, and its source line.

    Then who gets it, and over which ways and lines.
    """
    from clearing.plan import local_seconds
    from clearing.rules import Claims, explaining, sharing

    question = explaining.Question(
        at_s=local_seconds(at),
        origin=origin or 0,
        destination=destination or 0,
        card_kind=card,
        claims=Claims(
            gross_fen=gross_fen,
            distance_m=distance_m,
            wait_s=wait_s,
            entry_at_s=local_seconds(entry_at) if entry_at else None,
            line=line or 0,
            entry_line=entry_line or 0,
            degraded=degraded,
        ),
        first_leg_at_s=local_seconds(first_leg) if first_leg else None,
        transfers_used=transfers_used,
        from_mode=from_mode,
        marked=not unmarked,
        spent_fen=spent_fen,
    )
    loaded = _loaded(rule_sets, home)
    if split is None and tariff in loaded.splits:
        split = tariff
    shared = None
    if split is not None:
        shared = split, sharing.version_at(split, loaded.split(split), question.at_s)
    found = explaining.explain(loaded.version_at(tariff, at), question, shared)
    if as_json:
        print_json(found)
    else:
        _print_explained(found)


def _print_explained(found: "Explained") -> None:
    print_table(
        ("step", "步骤", "yuan", "source"),
        [
            (
                step.english,
                step.chinese,
                "" if step.fare_fen is None else yuan(step.fare_fen),
                f"{step.file}:{step.line}",
            )
            for step in found.steps
        ],
        right=("yuan",),
    )
    click.echo(
        f"\nfare {yuan(found.fare_fen)} yuan of {yuan(found.gross_fen)}"
        f" 应付{yuan(found.fare_fen)}元（全价{yuan(found.gross_fen)}元）"
    )
    for bearer, fen in found.subsidies_fen.items():
        click.echo(f"  {yuan(fen)} yuan are claimed from the {bearer}")
    if found.sharing is not None:
        print_sharing(found.sharing)


# -- fee -------------------------------------------------------------------------------------------


@rules.command()
@click.argument("name", metavar="FEE")
@click.option("--on", "at", type=Moment(), required=True, metavar="DATE", help="Business date.")
@click.option("--fen", type=int, default=0, help="Accepted principal of the date, fen.")
@click.option("--taps", type=int, default=0, help="Accepted rides of the date.")
@click.option(
    "--month-fen", type=int, default=0, help="Principal of the month's earlier dates, fen."
)
@click.option("--month-taps", type=int, default=0, help="Rides of the month's earlier dates.")
@source_options
@json_option()
def fee(
    name: str,
    at: datetime,
    fen: int,
    taps: int,
    month_fen: int,
    month_taps: int,
    rule_sets: tuple[str, ...],
    home: Path | None,
    as_json: bool,
) -> None:
    """Explain how a contract's fee of a date is found: each tier, rounding and bound, with its line."""
    from clearing.rules import Volume, showing_fees

    found = showing_fees.explain_fee(
        _loaded(rule_sets, home),
        name,
        at.date(),
        Volume(month_fen, month_taps),
        Volume(fen, taps),
    )
    if as_json:
        print_json(found)
        return
    print_table(
        ("step", "步骤", "yuan", "source"),
        [
            (step.english, step.chinese, yuan(step.fee_fen), f"{step.file}:{step.line}")
            for step in found.steps
        ],
        right=("yuan",),
    )
    due = yuan(found.due_fen)
    click.echo(f"\nthe date's fee is {due} yuan 当日费用{due}元")


# -- put ---------------------------------------------------------------------------------------------


@rules.command()
@click.argument("sets", nargs=-1, required=True, metavar="DIR…")
@click.option("--dry-run", is_flag=True, help="Only say what would change.")
@home_option()
def put(sets: tuple[str, ...], dry_run: bool, home: Path) -> None:
    """Put rule sets in force at a node, in place of its sets of the same names.

    Each rule takes effect at its own dates; taps are priced by the moment when they were tapped.
    """
    from service.rules import put_rules

    done = run(put_rules(home, sets, dry_run=dry_run))
    _print_changes(done.changes)
    if done.late:
        click.echo(
            f"\nbefore the open date {done.open_date}: {len(done.late)} changes. Taps of that time that come"
            f" from now on are priced by them; what was judged stays. 追溯变动{len(done.late)}项，已判定者不变"
        )
    for name in done.unused:
        click.echo(
            f"\nno contract goes by the set {name}, so it prices nothing yet; contracts go by"
            f" {', '.join(done.used) or 'none'}: give the directory that name, or let a contract name its"
            f" rules (onecard operator add)  没有合同引用规则集{name}，暂不生效；现有合同引用"
            f" {'、'.join(done.used) or '无'}：请改用该目录名，或由合同引用 (onecard operator add)"
        )
    click.echo(
        f"\nrules version would be {done.version}; nothing was written"
        if dry_run
        else f"\nrules version {done.version} is in force 规则版本{done.version}生效"
    )
