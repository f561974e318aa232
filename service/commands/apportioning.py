"""``onecard rules apportion``, and how a fare's sharing is printed."""

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from service.commands.options import json_option, run, source_options
from service.commands.printing import print_json, print_table
from service.text import yuan

if TYPE_CHECKING:
    from clearing.rules.sharing import Sharing
    from service.rules import Apportioned

DIFFERENCES_SHOWN: Final = 50
"""Rows of differences that are printed."""


@click.command()
@click.option("--check", is_flag=True, help="Compare the frozen tables; write nothing.")
@click.option("--split", metavar="SPLIT", help="Only the tables of this split.")
@source_options
@json_option()
def apportion(
    check: bool, split: str | None, rule_sets: tuple[str, ...], home: Path | None, as_json: bool
) -> int:
    """Make the tables that fares are apportioned by, from the networks of rule sets.

    With --check, the auditor's question: make them anew, compare them with the frozen ones, name each pair
    that differs. Exit code 1 if any does, or if a table cannot be loaded.
    """
    from clearing import rules as language
    from service.rules import check_apportionments, rules_of_node, write_apportionments

    if not check and (home is not None or not rule_sets):
        raise click.UsageError(
            "Name the rule sets whose tables are to be written, with --rules DIR; a node takes them"
            " with `onecard rules put`."
        )
    if check:
        files = (
            run(rules_of_node(home))
            if home is not None
            else language.read(rule_sets or language.shipped_sets())
        )
        found = check_apportionments(files, split)
    else:
        found = write_apportionments(rule_sets, split)
    if as_json:
        print_json(found)
    else:
        for table in found:
            _print_apportioned(table, check=check)
        if not found:
            click.echo("no split is apportioned 无清分表")
    return 0 if all(table.holds for table in found) else 1


def _print_apportioned(table: "Apportioned", *, check: bool) -> None:
    said = "written 已写入" if table.written else "unchanged 无变化"
    if check:
        said = "as the network makes it 与线网计算一致" if table.holds else "differs 不一致"
    click.echo(f"{table.split} since {table.since}: {table.file}, {table.pairs:,} pairs: {said}")
    if table.refused:
        click.echo(f"  {table.refused}")
    if not table.differences:
        return
    pairs = {(row.origin, row.destination) for row in table.differences}
    click.echo(f"  pairs that differ 不一致站对: {len(pairs):,}\n")
    print_table(
        ("from", "to", "line", "share", "frozen m", "recomputed m"),
        [
            (
                str(row.origin),
                str(row.destination),
                str(row.line or ""),
                row.role,
                "" if row.frozen_m is None else f"{row.frozen_m:,}",
                "" if row.recomputed_m is None else f"{row.recomputed_m:,}",
            )
            for row in table.differences[:DIFFERENCES_SHOWN]
        ],
        right=("frozen m", "recomputed m"),
    )
    if len(table.differences) > DIFFERENCES_SHOWN:
        click.echo(f"  … and {len(table.differences) - DIFFERENCES_SHOWN:,} more; --json has all")


def print_sharing(sharing: "Sharing") -> None:
    """Who gets a fare, and over which lines and ways."""
    click.echo(f"\nshared by {sharing.split}, {sharing.english} {sharing.chinese}\n")
    unit = "metres" if sharing.lines else "per mille"
    print_table(
        ("share", "分成方", unit, "yuan"),
        [(row.role, row.name, f"{row.weight:,}", yuan(row.fen)) for row in sharing.shares],
        right=(unit, "yuan"),
    )
    if not sharing.lines:
        return
    click.echo()
    print_table(
        ("line 线路", "share", "metres", "yuan"),
        [(row.line, row.role, f"{row.metres:,}", yuan(row.fen)) for row in sharing.lines],
        right=("metres", "yuan"),
    )
    click.echo()
    print_table(
        ("way 路径", "change at 换乘", "metres", "cost", "probability"),
        [
            (
                " → ".join(
                    f"{line} {metres:,}" for line, metres in zip(way.lines, way.metres, strict=True)
                ),
                "、".join(way.changes),
                f"{sum(way.metres):,}",
                f"{way.cost_m:,}",
                f"{way.per_mille / 10:.1f} %",
            )
            for way in sharing.ways
        ],
        right=("metres", "cost", "probability"),
    )
