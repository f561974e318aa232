"""``onecard serve``: the HTTP door."""

from pathlib import Path

import click

from service.commands.options import home_option, run


@click.command()
@home_option()
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    metavar="N",
    help="Port, instead of the setting http_port; 0 takes any free one.",
)
def serve(home: Path, port: int | None) -> None:
    """Take batches over HTTP until stopped (SIGTERM or Ctrl-C)."""
    from service.http.server import serve as serve_until_stopped

    def ready(url: str) -> None:
        click.echo(f"serving on {url}")

    run(serve_until_stopped(home, port, ready))
