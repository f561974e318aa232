"""``onecard registry``: import, end, list, compare registry rows, and tell what became of one."""

from collections import Counter
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from schemas.registry import KINDS
from service.commands.options import (
    Day,
    home_option,
    json_option,
    run,
    sign_for_cards,
    staff_options,
)
from service.text import yuan

if TYPE_CHECKING:
    from service.imports import Imported
    from service.registry import Change, FieldChange

IMPORTED: Final = [*KINDS, "card"]
WHOLE: Final = [kind for kind in KINDS if kind not in {"denied", "denylist", "staff"}]
SHOWN_MAX: Final = 20


@click.group()
def registry() -> None:
    """Keep operators, terminals, issuers, names, cities, cards as dated data."""


@registry.command("import")
@click.argument(
    "files",
    nargs=-1,
    required=True,
    metavar="FILE...",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
)
@click.option(
    "--kind",
    type=click.Choice(IMPORTED),
    help="What rows are that do not say it, nor their file's name.",
)
@click.option(
    "--whole",
    type=click.Choice(WHOLE),
    multiple=True,
    help="The files hold every row of this kind: what they do not hold ends. Once for each.",
)
@click.option("--dry-run", is_flag=True, help="Show what would change, and change nothing.")
@json_option()
@home_option()
def import_rows(
    files: tuple[Path, ...],
    kind: str | None,
    whole: tuple[str, ...],
    dry_run: bool,
    as_json: bool,
    home: Path,
) -> None:
    """Put rows and cards of files in force, all or none, and print what changes."""
    from service.commands.printing import print_json
    from service.imports import Named, import_files

    named = [Named(path, kind) for path in files]
    done = run(import_files(home, named, whole=whole, dry_run=dry_run))
    if as_json:
        done.changes = _masked(done.changes)
        print_json({"dry_run": dry_run, "imported": done})
    else:
        _print_import(done, dry_run)
    for warning in done.warnings:
        click.echo(f"onecard: warning: {warning}", err=True)


def _print_import(done: "Imported", dry_run: bool) -> None:
    _print_counts(done.changes, Counter(done.unchanged))
    if done.cards:
        click.echo(
            f"cards: {done.new_cards:,} new with {yuan(done.opening_fen)} yuan on them,"
            f" {done.cards - done.new_cards:,} registered already"
        )
    _print_changes(done.changes)
    if done.kept:
        click.echo(
            f"{len(done.kept):,} cards are registered with another opening position or kind, and stay"
            f" as they are: {', '.join(done.kept[:SHOWN_MAX])}{' …' if len(done.kept) > SHOWN_MAX else ''}"
        )
    if dry_run:
        click.echo("Nothing was changed.")
    else:
        click.echo(f"Registry version {done.version} is in force.")


def _print_counts(changes: Sequence["Change"], unchanged: Counter[str]) -> None:
    from service.commands.printing import print_table
    from service.registry import WHATS

    counts = Counter((change.kind, change.what) for change in changes)
    kinds = [kind for kind in KINDS if unchanged[kind] or any(counts[kind, what] for what in WHATS)]
    if kinds:
        columns = (*WHATS, "unchanged")
        print_table(
            ("kind", *columns),
            [
                (kind, *(f"{counts[kind, what]:,}" for what in WHATS), f"{unchanged[kind]:,}")
                for kind in kinds
            ],
            right=columns,
        )


def _print_changes(changes: Sequence["Change"]) -> None:
    """Each change in a line, the first ones of a kind."""
    from service.registry import shown_key

    shown: Counter[str] = Counter()
    for change in changes:
        shown[change.kind] += 1
        if shown[change.kind] > SHOWN_MAX:
            continue
        fields = "; ".join(_field(field) for field in change.fields)
        key = shown_key(change.kind, change.key)
        click.echo(f"{change.kind} {key} {change.what}{': ' if fields else ''}{fields}")
    for kind, count in shown.items():
        if count > SHOWN_MAX:
            click.echo(f"… and {count - SHOWN_MAX:,} more of kind {kind}; --json has them all")


def _masked(changes: Sequence["Change"]) -> list["Change"]:
    """The same changes; where a key holds a card's number, that is masked."""
    from msgspec.structs import replace

    from service.registry import shown_key

    return [replace(change, key=shown_key(change.kind, change.key)) for change in changes]


def _field(field: "FieldChange") -> str:
    from service.commands.printing import shortened

    return f"{field.field} {shortened(field.old)} → {shortened(field.new)}"


@registry.command("end")
@click.argument("kind", metavar="KIND", type=click.Choice(list(KINDS)))
@click.argument("key", metavar="KEY")
@click.option(
    "--on", type=Day(), metavar="DATE", help="First date on which it holds no more; the open date."
)
@home_option()
def end(kind: str, key: str, on: date | None, home: Path) -> None:
    """End a row: it stays in the registry, with the date from which it holds no more."""
    from service.registry import end_row, shown_key

    ended = run(end_row(home, kind, key, on))
    fields = "; ".join(_field(field) for field in ended.change.fields)
    click.echo(
        f"{kind} {shown_key(kind, key)} ended{': ' if fields else ''}{fields};"
        f" registry version {ended.version} is in force."
    )
    for warning in ended.warnings:
        click.echo(f"onecard: warning: {warning}", err=True)


@registry.command("list")
@click.argument("kind", metavar="KIND", type=click.Choice(list(KINDS)))
@click.option("--at", type=click.IntRange(0), metavar="VERSION", help="As of a registry version.")
@click.option("--on", type=Day(), metavar="DATE", help="As of the end of a business date.")
@click.option("--unmasked", is_flag=True, help="Print card numbers in full; leaves an event.")
@staff_options(required=False)
@json_option()
@home_option()
def list_rows(
    kind: str,
    at: int | None,
    on: date | None,
    unmasked: bool,
    staff_name: str | None,
    staff_key_file: Path | None,
    as_json: bool,
    home: Path,
) -> None:
    """List the rows of a kind that are in force, now or then."""
    if at is not None and on is not None:
        raise click.UsageError("Give --at VERSION or --on DATE, not both.")
    if unmasked and kind == "denied":
        sign_for_cards(home, staff_name, staff_key_file, f"registry list {kind}")
    import msgspec

    from service import registry as rows
    from service.commands.printing import print_json, print_table, shortened
    from service.masking import masked

    found = run(rows.list_rows(home, kind, at, on))
    documents = [msgspec.to_builtins(row) for row in found.rows.values()]
    if kind == "denied" and not unmasked:
        documents = [document | {"serial": masked(document["serial"])} for document in documents]
    if as_json:
        print_json({"kind": kind, "version": found.version, "rows": documents})
        return
    if documents:
        columns = [name for name in documents[0] if any(row[name] for row in documents)]
        print_table(columns, [[shortened(row[name]) for name in columns] for row in documents])
    click.echo(f"{len(documents):,} of kind {kind} at registry version {found.version}")


@registry.command("diff")
@click.argument("first", metavar="V1", type=click.IntRange(0))
@click.argument("second", metavar="V2", type=click.IntRange(0))
@json_option()
@home_option()
def diff(first: int, second: int, as_json: bool, home: Path) -> None:
    """Show what lies between two registry versions."""
    from service.commands.printing import print_json
    from service.registry import diff_versions

    changes = run(diff_versions(home, first, second))
    if as_json:
        print_json({"from": first, "to": second, "changes": _masked(changes)})
        return
    _print_counts(changes, Counter())
    _print_changes(changes)
    if not changes:
        click.echo("Nothing differs.")


@registry.command("history")
@click.argument("kind", metavar="KIND", type=click.Choice(list(KINDS)))
@click.argument("key", metavar="KEY")
@json_option()
@home_option()
def history(kind: str, key: str, as_json: bool, home: Path) -> None:
    """Show every version of a row, and on which business date each came in force."""
    from service import registry as rows
    from service.commands.printing import print_json, print_table

    found = run(rows.history_of(home, kind, key))
    if as_json:
        print_json(found)
        return
    lines, before = [], None
    for dated in found:
        gone = before is not None and before.version_to != dated.version_from
        change = rows.change_of(kind, key, None if gone or not before else before.row, dated.row)
        fields = "; ".join(_field(field) for field in change.fields) if change else ""
        lines.append(
            (dated.version_from, dated.date_from, dated.version_to, dated.date_to, fields or "new")
        )
        before = dated
    print_table(("from version", "in force on", "to version", "replaced on", "change"), lines)
