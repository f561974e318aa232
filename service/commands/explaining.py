"""``onecard explain``: why a tap got what it got."""

from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from service.commands.options import (
    Day,
    Moment,
    home_option,
    run,
    sign_for_cards,
    staff_options,
)

if TYPE_CHECKING:
    from service.explaining.found import Section
    from service.text import Said

_NUMERALS: Final = "一二三四五六七八九十"


@click.command()
@click.argument("tap", metavar="[TAP]", required=False, default="")
@home_option()
@click.option(
    "--as-of",
    type=Day(),
    metavar="DATE",
    help="Only what was known at the end of this business date; now by default.",
)
@click.option("--card", default="", metavar="SERIAL", help="The card's serial, with --at.")
@click.option("--at", type=Moment(), metavar="DATETIME", help="The time of the card's tap.")
@click.option(
    "--language",
    type=click.Choice(["zh", "en", "both"]),
    default="both",
    show_default=True,
    help="Language of the sentences.",
)
@click.option("--unmasked", is_flag=True, help="Print the card number in full; you sign for it.")
@staff_options(required=False)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def explain(
    tap: str,
    home: Path,
    as_of: date | None,
    card: str,
    at: datetime | None,
    language: str,
    unmasked: bool,
    staff_name: str | None,
    staff_key_file: Path | None,
    as_json: bool,
) -> None:
    """Explain a tap: what happened, why, who pays, what next, its neighbours, what would change it, proof.

    TAP is BATCH_SEQ:ROW or OPERATOR/NUMBER:ROW (rows count from 0), or the id of an item about it; or
    give --card and --at.
    """
    if bool(tap) == bool(card):
        raise click.UsageError("Give TAP, or --card and --at.")
    if bool(card) != (at is not None):
        raise click.UsageError("--card and --at go together.")
    from service.explaining.document import document_of
    from service.explaining.gathering import explain as gather
    from service.explaining.naming import Asked
    from service.explaining.telling import sections

    if unmasked:
        # By card, the event that the look-up leaves names it; nothing else here may.
        sign_for_cards(home, staff_name, staff_key_file, f"tap {tap}" if tap else f"tap at {at}")
    asked = Asked(text=tap, card=card, at=at)
    found = run(gather(home, asked, as_of, unmasked=unmasked))
    if as_json:
        from service.commands.printing import print_json

        print_json(document_of(found))
        return
    click.echo("\n".join(lines_of(sections(found), language)))


def lines_of(told: "list[Section]", language: str) -> list[str]:
    """The sections as lines of text; with ``both``, Chinese above English."""
    lines: list[str] = []
    for number, section in enumerate(told):
        zh, en = f"{_NUMERALS[number]}、{section.title.zh}", f"{number + 1}. {section.title.en}"
        lines += ["", {"zh": zh, "en": en, "both": f"{zh}  {en}"}[language]]
        for said in section.lines:
            lines += _of(said, language)
    return lines[1:]


def _of(said: "Said", language: str) -> list[str]:
    """A sentence in a language. What has no English is the same in both."""
    if not said.en:
        return [f"  {said.zh}"]
    if language == "both":
        return [f"  {said.zh}", f"  {said.en}"]
    return [f"  {said.zh if language == 'zh' else said.en}"]
