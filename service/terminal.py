"""Speaking to a person: what goes to the terminal, progress, and errors in one sentence."""

import asyncio
import os
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Final

import asyncpg
import click
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)

from clearing.errors import ClearingError
from service.database import DatabaseError

DEBUG_VARIABLE: Final = "ONECARD_DEBUG"
FAILED: Final = 1
MISUSED: Final = 2
INTERRUPTED: Final = 130

Advance = Callable[[int], None]


def errors() -> Console:
    """The console for what is not a command's result."""
    return Console(stderr=True, highlight=False, soft_wrap=True)


@contextmanager
def progress(what: str, total: int | None = None) -> Iterator[Advance]:
    """A progress bar on a terminal, nothing elsewhere. The block advances it by counts."""
    console = errors()
    if not console.is_terminal:
        yield lambda _count: None
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn())
    counted = (MofNCompleteColumn(),) if total is not None else ()
    with Progress(*columns, *counted, TimeElapsedColumn(), console=console, transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda count: bar.advance(task, count)


def say_error(sentence: str, remedy: str = "") -> None:
    """An error: what is wrong, and below it what to do."""
    click.echo(f"onecard: {sentence}", err=True)
    if remedy:
        click.echo(f"  {remedy}", err=True)


def guarded(call: Callable[[], int | None]) -> int:
    """Run a command; whatever it raises becomes a sentence and an exit code."""
    try:
        return call() or 0
    except click.exceptions.Exit as leaving:
        return leaving.exit_code
    except click.UsageError as error:
        error.show()
        return MISUSED
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (KeyboardInterrupt, click.Abort, asyncio.CancelledError):
        say_error("Stopped.", "What was acknowledged is kept; run the command again for the rest.")
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has enough of it; a later flush must not complain either.
        with suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except (ClearingError, DatabaseError) as error:
        say_error(error.sentence, error.remedy)
        return FAILED
    except Exception as error:  # noqa: BLE001 - the last resort: a person never sees a traceback
        return _unforeseen(error)


def _unforeseen(error: Exception) -> int:
    """Errors of the database and of the system by their own words; the rest is a defect of ours."""
    if os.environ.get(DEBUG_VARIABLE):
        traceback.print_exception(error)
    words = (str(error) or type(error).__name__).splitlines()[0].rstrip(".")
    if isinstance(error, asyncpg.PostgresError | asyncpg.InterfaceError):
        say_error(
            f"The database refused or went away: {words}.",
            "Nothing was half-written. Try again; see database/server.log in the home if it stays.",
        )
    elif isinstance(error, OSError):
        say_error(f"The system refused: {words}.", "Mend that, then run the command again.")
    else:
        say_error(
            f"This is a defect of onecard's ({type(error).__name__}: {words}).",
            f"Please report it; {DEBUG_VARIABLE}=1 shows where it happened.",
        )
    return FAILED
