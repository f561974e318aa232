"""``onecard completeness``: what came of each operator, and what did not."""

from datetime import date
from pathlib import Path

import click

from service.commands.options import Day, home_option, json_option, run

SHOWN_MAX = 10


@click.command()
@click.option("--date", "on", type=Day(), metavar="DATE", help="Business date; the open one.")
@json_option()
@home_option()
def completeness(on: date | None, as_json: bool, home: Path) -> None:
    """Show batches taken, missing numbers, dates without batches, and what came late."""
    from service.commands.printing import print_json, print_table
    from service.completeness import boards_of, remark_of

    day, boards = run(boards_of(home, on))
    if as_json:
        print_json({"date": day, "operators": boards})
        return
    click.echo(f"business date {day}")
    print_table(
        ("operator", "name", "batches", "in all", "highest", "missing numbers", "silent dates", "late"),
        [
            (
                f"{board.operator} {board.code}",
                board.name,
                f"{board.batches:,}",
                f"{board.batches_in_all:,}",
                board.highest_number or None,
                _some([str(run) for run in board.missing]),
                _some([str(day) for day in board.silent_dates]),
                _some([f"{late.number} for {late.declared_date}" for late in board.late]),
            )
            for board in boards
        ],
        right=("batches", "in all", "highest"),
    )  # fmt: skip
    for board in boards:
        remark = remark_of(board)
        if remark:
            click.echo(remark)


def _some(words: list[str]) -> str:
    """The first of many, and how many there are."""
    more = f" … {len(words):,} in all" if len(words) > SHOWN_MAX else ""
    return ", ".join(words[:SHOWN_MAX]) + more
