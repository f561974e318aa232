"""``onecard explain``: why a tap got what it got."""

from pathlib import Path

import click

from service.commands.options import home_option, run


@click.command()
@click.argument("tap", metavar="TAP")
@home_option()
def explain(tap: str, home: Path) -> None:
    """Explain a tap: verdict, evidence, money, batch, postings, proof.

    TAP is BATCH_SEQ:ROW or OPERATOR/NUMBER:ROW; rows count from 0.
    """
    from service.explanation import explain as gather
    from service.explanation import lines_of

    for line in lines_of(run(gather(home, tap))):
        click.echo(line)
