"""``onecard check``: what a clearing centre would say to batch files, before they are submitted."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from service.commands.options import Moment
from service.text import many, yuan

if TYPE_CHECKING:
    from service.checking import FileSaid, Outcome, Said


@click.command()
@click.argument(
    "files",
    nargs=-1,
    required=True,
    metavar="FILE…",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
)
@click.option(
    "--rules",
    "rule_sets",
    multiple=True,
    metavar="SET",
    help="Rule sets by name or directory; all that are shipped by default.",
)
@click.option(
    "--registry",
    "registry_files",
    multiple=True,
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Your extract of the registry, JSON Lines as `onecard register --rows` takes them.",
)
@click.option(
    "--operator", type=click.IntRange(1, 2**32 - 1), help="Your number; other batches are refused."
)
@click.option("--tariff", default="", help="Your tariff, for example xian/bus, without --registry.")
@click.option(
    "--public-key", default="", metavar="HEX", help="Your public key, to check signatures."
)
@click.option(
    "--now",
    type=Moment(),
    metavar="DATETIME",
    help="As if submitted at this local time; now by default.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def check(
    files: tuple[Path, ...],
    rule_sets: tuple[str, ...],
    registry_files: tuple[Path, ...],
    operator: int | None,
    tariff: str,
    public_key: str,
    now: datetime | None,
    as_json: bool,
) -> int:
    """Check batch files offline, with the kernel that will judge them, before submitting them.

    Needs no node, database or keys. Exit code: 0 clean, 1 something to say, 2 a file that is no batch.
    """
    import msgspec

    from clearing import rules
    from clearing.node import SHANGHAI
    from service.checking import check_files
    from service.supposing import Given, read_registry

    if public_key:
        _require_public_key(public_key)
    given = Given(
        rule_files=rules.read(rule_sets or rules.shipped_sets()),
        rows=read_registry(registry_files),
        operator=operator,
        tariff=tariff,
        public_key=public_key,
        now=now or datetime.now(SHANGHAI).replace(tzinfo=None, microsecond=0),
    )
    outcome = check_files(files, given)
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(outcome), indent=1))
    else:
        _print(outcome)
    return outcome.exit_code


def _require_public_key(text: str) -> None:
    from clearing.keys.errors import KeysError
    from clearing.keys.signing import PublicKey

    try:
        PublicKey.decode(bytes.fromhex(text))
    except (ValueError, KeysError) as error:
        raise click.UsageError(f"--public-key does not hold: {error}") from error


def _print(outcome: "Outcome") -> None:
    click.echo(f"checked as if submitted at {outcome.now}")
    clean = [file for file in outcome.files if file.taps == file.clean > 0 and not file.remarks]
    for file in outcome.files:
        if file not in clean or file.refused_for:
            _print_file(file)
    taps = sum(file.taps for file in clean)
    click.echo(
        f"\n{len(clean):,} of {many(len(outcome.files), 'file')} with nothing to say against:"
        f" {many(taps, 'tap')}"
    )
    for outcome_word, title in (
        ("rejected", "would be rejected 将被拒绝"),
        ("held", "would be held 将挂账"),
        ("accepted", "would be accepted with a remark 将接受，附说明"),
    ):
        found = [said for said in outcome.reasons if said.outcome == outcome_word]
        if found:
            click.echo(f"\n{title}:")
        for said in found:
            _print_reason(said)
    if outcome.exit_code == 0:
        click.echo("nothing to say against these files 无异常")
    click.echo("\nnot checked here:")
    for line in outcome.not_done:
        click.echo(f"  {line}")


def _print_file(file: "FileSaid") -> None:
    click.echo(f"\n{file.file}: {file.state}")
    if file.form:
        click.echo(
            f"  {file.form}, operator {file.operator}, number {file.number}, {file.taps:,} taps,"
            f" charged {yuan(file.charged_fen)} yuan: {file.clean:,} clean, {file.remarked:,} with a"
            f" remark, {file.held:,} held, {file.rejected:,} rejected"
        )
    for line in file.refused_for:
        click.echo(f"  refused: {line}")
    for line in file.remarks:
        click.echo(f"  remark: {line}")


def _print_reason(said: "Said") -> None:
    click.echo(f"  {said.reason} (taps: {said.count:,}): {said.english} {said.chinese}")
    remedy = f"{said.remedy_english} {said.remedy_chinese}"
    click.echo(f"    {remedy if remedy.startswith('nothing to do') else f'what to do: {remedy}'}")
    for row in said.examples:
        line = f" (line {row.line})" if row.line else ""
        click.echo(
            f"    {row.file} row {row.row}{line}: card {row.card}, terminal {row.terminal},"
            f" {row.tapped_at}"
        )
        if row.actual:
            click.echo(f"      {row.field}: expected {row.expected or '-'}, came {row.actual}")
        elif row.expected:
            click.echo(f"      {row.field}: {row.expected}")
    if said.count > len(said.examples):
        click.echo(f"    … and {said.count - len(said.examples):,} more")
