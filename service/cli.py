"""``onecard``: the command line. One clear sentence and a remedy on errors, never a traceback.

Exit codes: 0 done, 1 failed or refused, 2 misused, 130 interrupted.
"""

import importlib
import sys
from collections.abc import Sequence
from typing import Final

import click

from service.terminal import guarded

COMMANDS: Final[dict[str, str]] = {
    "demo": "service.commands.demonstrating:demo",
    "init": "service.commands.making:init",
    "submit": "service.commands.submitting:submit",
    "serve": "service.commands.serving:serve",
    "settle": "service.commands.settling:settle",
    "completeness": "service.commands.completeness:completeness",
    "report": "service.commands.settling:report",
    "subsidies": "service.commands.subsidies:subsidies",
    "verify": "service.commands.settling:verify",
    "check": "service.commands.checking:check",
    "explain": "service.commands.explaining:explain",
    "items": "service.commands.items:items",
    "tac": "service.commands.calculating:tac",
    "fare": "service.commands.calculating:fare",
    "rules": "service.commands.rules:rules",
    "reclear": "service.commands.reclear:reclear",
    "operator": "service.commands.operators:operator",
    "register": "service.commands.registering:register",
    "registry": "service.commands.registry:registry",
    "denylist": "service.commands.denylist:denylist",
    "loads": "service.commands.loads:loads",
    "staff": "service.commands.staffing:staff",
}
"""Where each command lies. A command is imported when it is used, so that --help is fast."""


class Commands(click.Group):
    """The group of all commands, each imported when it is needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """In the order of a day."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """The command of a name, or None."""
        place = COMMANDS.get(cmd_name)
        if place is None:
            return None
        module, _, name = place.partition(":")
        found = getattr(importlib.import_module(module), name)
        assert isinstance(found, click.Command)
        return found


@click.command(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="onecard", prog_name="onecard")
def onecard() -> None:
    """Clear transit taps: batches in, verdicts, ledgers, settlement and proof out."""


def run(arguments: Sequence[str]) -> int:
    """Run one command line; returns its exit code."""

    def call() -> int | None:
        result = onecard.main(list(arguments), prog_name="onecard", standalone_mode=False)
        sys.stdout.flush()
        return result if isinstance(result, int) else 0

    return guarded(call)


def main() -> None:
    """The program."""
    sys.exit(run(sys.argv[1:]))
