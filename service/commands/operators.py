"""``onecard operator``: who may submit, with which keys."""

from pathlib import Path

import click

from service.commands.options import home_option, run
from service.errors import ServiceError


@click.group()
def operator() -> None:
    """Register operators and give out their API keys."""


@operator.command("add")
@home_option()
@click.option("--code", required=True, help="Short name, unique at this node.")
@click.option("--name", help="Full name; the code by default.")
@click.option(
    "--mode",
    type=click.Choice(["metro", "bus", "taxi", "agent"]),
    required=True,
    help="What it runs; an agent takes top-ups.",
)
@click.option(
    "--number", type=click.IntRange(1, 2**32 - 1), help="Registry number; the next free one."
)
@click.option("--tariff", default="", help="Its tariff, for example xian/bus.")
@click.option(
    "--split", default="", help="Who shares its fares, for example xian/taxi; all its own."
)
@click.option("--fee", default="", help="Its clearing fee, for example xian/standard.")
@click.option(
    "--public-key", default="", metavar="HEX", help="Its Ed25519 key: 01 and 64 hexadecimal digits."
)
@click.option(
    "--make-signing-key",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Make a signing key for it, for tests, and write it there.",
)
@click.option("--payee-account", default="", help="Bank account that it is paid on.")
@click.option("--payee-name", default="", help="Name of the account's holder.")
@click.option(
    "--api-key/--no-api-key",
    default=None,
    help="Make an API key and show it, this once; a new operator gets one anyway.",
)
def add(make_signing_key: Path | None, public_key: str, home: Path, **fields: object) -> None:
    """Register an operator, or change one with the same code."""
    from clearing.keys.signing import SigningKey

    if make_signing_key is not None:
        if public_key:
            raise click.UsageError("Give --public-key or --make-signing-key, not both.")
        key = SigningKey.generate()
        key.save(make_signing_key)
        public_key = key.public.encode().hex().upper()
    if not str(fields["code"]).strip():
        raise click.UsageError("--code must not be empty.")
    if public_key:
        _check_public_key(public_key)
    from service.operators import add_operator

    row, api_key = run(add_operator(home, public_key=public_key.upper(), **fields))  # type: ignore[arg-type]
    click.echo(f"operator {row.number} {row.code} is registered.")
    if api_key:
        click.echo(f"API key, shown this once: {api_key}")


@operator.command("list")
@home_option()
def list_operators(home: Path) -> None:
    """List the operators in force."""
    from service.operators import operators_of

    for row in run(operators_of(home)):
        signs = "signs" if row.public_key else "unsigned"
        suspended = ", suspended" if row.suspended else ""
        click.echo(
            f"{row.number}  {row.code}  {row.name}  {row.mode}  {row.tariff or '-'}  {signs}{suspended}"
        )


def _check_public_key(text: str) -> None:
    from clearing.keys.errors import KeysError
    from clearing.keys.signing import PublicKey

    try:
        PublicKey.decode(bytes.fromhex(text))
    except (ValueError, KeysError) as error:
        raise ServiceError(
            f"The public key does not hold: {error}", "Give 01 and the key's 64 hexadecimal digits."
        ) from error
