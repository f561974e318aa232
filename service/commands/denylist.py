"""``onecard denylist``: publish versions, note who acknowledged them, show where everybody stands."""

from datetime import date, datetime
from pathlib import Path

import click

from service.commands.options import (
    Day,
    Moment,
    home_option,
    json_option,
    run,
    sign_for_cards,
    staff_options,
)

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group()
def denylist() -> None:
    """Publish denylists, with proof of who has which version."""


@denylist.command("publish")
@click.argument("file", required=False, metavar="FILE", type=_FILE)
@click.option("--remove", type=_FILE, metavar="FILE", help="Cards that are denied no more.")
@json_option()
@home_option()
def publish(file: Path | None, remove: Path | None, as_json: bool, home: Path) -> None:
    """Publish the next version: the cards of FILE come on it, those of --remove leave it."""
    if file is None and remove is None:
        raise click.UsageError("Give FILE or --remove FILE, or both.")
    from service.commands.printing import print_json
    from service.denylists import publish as publish_list

    done = run(publish_list(home, file, remove))
    if as_json:
        print_json(done)
        return
    if done.added or done.removed:
        click.echo(
            f"Denylist version {done.version}: {done.added:,} cards added,"
            f" {done.removed:,} removed."
        )
    else:
        click.echo(f"Nothing is new; denylist version {done.version} stays.")
    if done.known:
        click.echo(f"{len(done.known):,} were denied already and keep their version.")
    if done.absent:
        words = ", ".join(done.absent[:20])
        click.echo(
            f"onecard: warning: {len(done.absent):,} of --remove are not denied: {words}", err=True
        )


@denylist.command("ack")
@click.argument("operator", metavar="OPERATOR")
@click.argument("version", metavar="VERSION", type=click.IntRange(1))
@click.option("--at", type=Moment(), metavar="TIME", help="When it was; now by default.")
@json_option()
@home_option()
def acknowledge(
    operator: str, version: int, at: datetime | None, as_json: bool, home: Path
) -> None:
    """Note that an operator has a version: from then on, plus grace, it binds."""
    from service.commands.printing import print_json
    from service.denylists import acknowledge as note

    done = run(note(home, operator, version, at))
    if as_json:
        print_json(done)
        return
    already = "" if done.first else " already"
    click.echo(
        f"Operator {done.operator} has denylist version {done.version}{already}, since"
        f" {done.acknowledged_at}; it binds from {done.binds_from} on."
    )


@denylist.command("status")
@json_option()
@home_option()
def status(as_json: bool, home: Path) -> None:
    """Show which version each operator acknowledged, from when it binds, what is outstanding."""
    from service.commands.printing import print_json, print_table
    from service.denylists import status_of

    current, states = run(status_of(home))
    if as_json:
        print_json(
            {
                "version": current.version,
                "published_at": current.published_at or None,
                "cards": len(current.cards),
                "operators": states,
            }
        )
        return
    published = f", published {current.published_at}" if current.published_at else ""
    click.echo(
        f"Denylist version {current.version}{published}: {len(current.cards):,} cards denied."
    )
    print_table(
        ("operator", "name", "version", "acknowledged", "binds from", "now", "outstanding"),
        [
            (
                f"{state.operator} {state.code}",
                state.name,
                state.version or None,
                state.acknowledged_at,
                state.binds_from,
                "binds" if state.binds else "in grace" if state.version else "not delivered",
                " ".join(map(str, state.outstanding)),
            )
            for state in states
        ],
        right=("version",),
    )


@denylist.command("show")
@click.option("--on", type=Day(), metavar="DATE", required=True, help="Business date.")
@click.option("--unmasked", is_flag=True, help="Print card numbers in full; leaves an event.")
@staff_options(required=False)
@json_option()
@home_option()
def show(
    on: date,
    unmasked: bool,
    staff_name: str | None,
    staff_key_file: Path | None,
    as_json: bool,
    home: Path,
) -> None:
    """Show the cards that were denied at the end of a business date."""
    if unmasked:
        sign_for_cards(home, staff_name, staff_key_file, f"denylist show {on}")
    import msgspec

    from service.commands.printing import print_json, print_table
    from service.denylists import denylist_on
    from service.masking import masked

    found = run(denylist_on(home, on))
    cards = [msgspec.to_builtins(card) for card in found.cards]
    if not unmasked:
        cards = [card | {"serial": masked(card["serial"])} for card in cards]
    if as_json:
        print_json({"date": on, "version": found.version, "cards": cards})
        return
    columns = ("family", "issuer", "serial", "since", "version")
    if cards:
        print_table(columns, [[card[name] for name in columns] for card in cards])
    click.echo(f"{len(cards):,} cards denied on {on}, denylist version {found.version}.")
