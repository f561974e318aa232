"""Options that several commands share."""

import asyncio
import os
from collections.abc import Callable, Coroutine
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final, TypeVar

import click

STAFF_KEY_VARIABLE: Final = "ONECARD_STAFF_KEY"

Command = TypeVar("Command", bound=Callable[..., Any])
Result = TypeVar("Result")


class Day(click.ParamType[date]):
    """A date, YYYY-MM-DD."""

    name = "date"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:
        """The date of a text."""
        if isinstance(value, date):
            return value
        try:
            return date.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is no date; write it as 2026-01-05.", param, ctx)


class Moment(click.ParamType[datetime]):
    """A local date and time, YYYY-MM-DDTHH:MM:SS; a date alone is its first second."""

    name = "datetime"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        """The time of a text."""
        if isinstance(value, datetime):
            return value
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is no time; write it as 2026-01-05T08:30:00.", param, ctx)
        if moment.tzinfo is not None:
            self.fail("times are local (Asia/Shanghai); leave the time zone out.", param, ctx)
        return moment


def home_option(*, required: bool = True) -> Callable[[Command], Command]:
    """``--home DIR``."""
    return click.option(
        "--home",
        type=click.Path(path_type=Path),
        required=required,
        help="The node's home directory.",
    )


def date_option() -> Callable[[Command], Command]:
    """``--date DATE``."""
    return click.option(
        "--date", "on", type=Day(), required=True, metavar="DATE", help="Business date, YYYY-MM-DD."
    )


def json_option() -> Callable[[Command], Command]:
    """``--json``."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON, for machines.")


def staff_options(*, required: bool = True) -> Callable[[Command], Command]:
    """``--staff NAME`` and ``--staff-key-file FILE``: who signs. The key is never on the command line."""

    def both(command: Command) -> Command:
        key = click.option(
            "--staff-key-file",
            type=click.Path(dir_okay=False, path_type=Path),
            metavar="FILE",
            help="File with your staff key; ONECARD_STAFF_KEY otherwise.",
        )
        name = click.option(
            "--staff",
            "staff_name",
            required=required,
            metavar="NAME",
            help="Your name on the staff.",
        )
        return name(key(command))

    return both


def staff_key(file: Path | None) -> str:
    """The key that a person gives in a file, or else in the environment. Raises ``UsageError``."""
    if file is not None:
        from clearing.keys.files import read_private

        return read_private(file, "staff key").decode("ascii", "replace").strip()
    key = os.environ.get(STAFF_KEY_VARIABLE, "").strip()
    if not key:
        raise click.UsageError(f"Give your staff key: {STAFF_KEY_VARIABLE} or --staff-key-file.")
    return key


def sign_for_cards(home: Path, staff_name: str | None, file: Path | None, subject: str) -> None:
    """Have the person sign who is to see whole card numbers of ``subject``; it leaves an event."""
    if not staff_name:
        raise click.UsageError("--unmasked shows personal data: give --staff NAME and your key.")
    from service.staff import sign_look_up

    run(sign_look_up(home, staff_name, staff_key(file), subject))


def run(coroutine: Coroutine[Any, Any, Result]) -> Result:
    """Run a command's coroutine to its end."""
    return asyncio.run(coroutine)


def source_options(command: Command) -> Command:
    """``--rules SET`` and ``--home DIR``: whose rules are meant."""
    named = click.option(
        "--rules",
        "rule_sets",
        multiple=True,
        metavar="SET",
        help="Rule sets by name or directory; all that are shipped by default.",
    )
    return named(home_option(required=False)(command))
