"""``onecard staff``: who may propose and decide, with which keys."""

import json
from pathlib import Path

import click

from service.commands.options import home_option, json_option, run


@click.group()
def staff() -> None:
    """Keep the staff who propose and decide, each with an own key."""


@staff.command("add")
@click.argument("name", metavar="NAME")
@click.option("--full-name", default="", help="The person's full name.")
@click.option("--new-key", is_flag=True, help="The person is on the staff: replace the key.")
@home_option()
def add(name: str, full_name: str, new_key: bool, home: Path) -> None:
    """Take a person in and show the person's key, this once."""
    from service.staff import add_staff

    row, key = run(add_staff(home, name, full_name, new_key=new_key))
    click.echo(f"{row.name} is on the staff since {row.since}.")
    click.echo(f"Staff key, shown this once: {key}")


@staff.command("list")
@json_option()
@home_option()
def list_staff(as_json: bool, home: Path) -> None:
    """List everybody who is, or was, on the staff."""
    from service.staff import is_in_force, staff_of

    people, today = run(staff_of(home))
    if as_json:
        rows = [
            {
                "name": row.name,
                "full_name": row.full_name,
                "since": str(row.since),
                "until": str(row.until) if row.until else None,
                "in_force": is_in_force(row, today),
            }
            for row in people
        ]
        click.echo(json.dumps(rows, ensure_ascii=False, indent=2))
        return
    for row in people:
        until = f"  until {row.until}" if row.until else ""
        click.echo(f"{row.name}  {row.full_name or '-'}  since {row.since}{until}")


@staff.command("end")
@click.argument("name", metavar="NAME")
@home_option()
def end(name: str, home: Path) -> None:
    """From now on a person may sign nothing more; what was signed stays theirs."""
    from service.staff import end_staff

    row = run(end_staff(home, name))
    click.echo(f"{row.name} is on the staff no longer, from {row.until} on.")
