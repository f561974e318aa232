"""``onecard submit``: hand batches in, to a node at home or over HTTP, and print what became of them."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from service.commands.options import home_option, run
from service.text import yuan

if TYPE_CHECKING:
    from service.submission import Outcome

API_KEY_VARIABLE = "ONECARD_API_KEY"


@click.command()
@click.argument(
    "files",
    nargs=-1,
    required=True,
    metavar="FILE…",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
)
@click.option(
    "--profile", metavar="P", help="Foreign layout of the files, for example shenzhen-2018."
)
@click.option(
    "--enrol",
    is_flag=True,
    help="First register the operators and validators that the files show and nobody knows.",
)
@home_option(required=False)
@click.option("--url", metavar="URL", help="A node's HTTP door, for example http://127.0.0.1:8640.")
@click.option(
    "--api-key",
    envvar=API_KEY_VARIABLE,
    metavar="KEY",
    show_envvar=True,
    help="The operator's API key, for --url.",
)
@click.option(
    "--receipts",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    metavar="FILE",
    help="Also write the receipts there, one JSON document a line.",
)
def submit(
    files: tuple[Path, ...],
    profile: str | None,
    enrol: bool,
    home: Path | None,
    url: str | None,
    api_key: str | None,
    receipts: Path | None,
) -> int:
    """Submit batch files and print their receipts. The same file again gets the same receipts."""
    if (home is None) == (url is None):
        raise click.UsageError("Give --home DIR or --url URL.")
    if url is not None and (profile or enrol):
        raise click.UsageError("Foreign layouts are mapped at the node: use --home with --profile.")
    if enrol and not profile:
        raise click.UsageError("--enrol needs --profile: full records name their operator already.")
    from service import submission

    if url is not None:
        if not api_key:
            raise click.UsageError(
                f"--url needs --api-key, or {API_KEY_VARIABLE} in the environment."
            )
        outcome = run(submission.over_http(files, url, api_key))
    else:
        assert home is not None
        outcome = run(submission.at_home(files, home, profile, enrol=enrol))
    if receipts is not None:
        receipts.write_bytes(b"".join(receipt.body + b"\n" for receipt in outcome.receipts))
    _print(outcome)
    return 1 if outcome.refused else 0


def _print(outcome: "Outcome") -> None:
    for line in outcome.enrolled:
        click.echo(line)
    for receipt in outcome.receipts:
        fields = receipt.fields
        click.echo(
            f"batch {fields.batch_seq}: operator {fields.operator}, {fields.taps:,} taps on"
            f" {fields.business_date}: {fields.accepted:,} accepted, {fields.held:,} held,"
            f" {fields.rejected:,} rejected; charged {yuan(fields.charged_fen)} yuan"
        )
    total = outcome.total()
    click.echo(
        f"{total.batches:,} batches, {total.taps:,} taps: {total.accepted:,} accepted,"
        f" {total.held:,} held, {total.rejected:,} rejected; gross {yuan(total.gross_fen)} yuan,"
        f" charged {yuan(total.charged_fen)} yuan"
    )
    for reason, count in sorted(total.reasons.items(), key=lambda item: -item[1]):
        click.echo(f"  {reason}: {count:,}")
    for remark in outcome.remarks:
        click.echo(f"onecard: remark: {remark}", err=True)
    for line in outcome.left_out:
        click.echo(f"left out: {line}", err=True)
    for refusal in outcome.refused:
        click.echo(f"onecard: refused: {refusal}", err=True)
