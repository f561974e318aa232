"""Items of a sealed date held against what its night must have said, row by row."""

from collections.abc import Iterator, Mapping

import msgspec

from clearing.errors import ClearingError
from clearing.node import Node
from clearing.store import Connection
from settlement import comparing, replay
from settlement.context import Context
from settlement.findings import Finding
from settlement.items import nightly
from settlement.items.night import ENTRY_PREFIX, Night
from settlement.items.paper import hidden
from settlement.store import BookedEntry, BookedPosting, DayRow
from settlement.store import items as stored


async def check_items(
    connection: Connection,
    context: Context,
    day: DayRow,
    lines: bytes,
    entries: list[BookedEntry],
) -> list[Finding]:
    """Items, changes, adjustments and entries of the date's night that do not follow from what is
    stored. ``lines``: the replay's closing card lines; ``entries``: the date's, as stored."""
    try:
        expected = await nightly.compute(connection, context, day, lines)
        night = Night(
            [
                row
                for row in await stored.read_opened(connection, day.business_date)
                if stored.DECIDED_FROM not in row.body
            ],
            [
                row
                for row in await stored.read_changes(connection, day.business_date)
                if row.proposal_no is None
            ],
            [
                row
                for row in await stored.read_adjustments(connection, day.business_date)
                if row.entry_id.startswith(ENTRY_PREFIX.format(day.business_date))
            ],
        )
        found = [
            *_compare_rows(context.node, expected, night),
            *_compare_entries(day, expected, entries),
            *await nightly.unreconciled(connection, day),
        ]
    except (ClearingError, ValueError, KeyError, TypeError, msgspec.DecodeError) as error:
        return [Finding("items", f"cannot be made from what is stored: {error}")]
    return found


def _compare_rows(node: Node, expected: Night, night: Night) -> Iterator[Finding]:
    old, new = _by_subject(node, expected), _by_subject(node, night)
    for subject in sorted(old.keys() | new.keys()):
        yield from comparing.compare_rows(subject, old.get(subject), new.get(subject))


def _by_subject(node: Node, night: Night) -> dict[str, msgspec.Struct]:
    found: dict[str, msgspec.Struct] = {}
    for item in night.items:
        found[hidden(node, f"item {item.item_id}")] = item
    for change in night.changes:
        found[hidden(node, f"item_change {change.item_id} {change.change_no}")] = change
    for row in night.adjustments:
        found[hidden(node, f"adjustment {row.entry_id} {row.card.hex()}")] = row
    return found


def _compare_entries(day: DayRow, expected: Night, entries: list[BookedEntry]) -> Iterator[Finding]:
    prefix = ENTRY_PREFIX.format(day.business_date)
    booked: Mapping[str, BookedEntry] = {
        entry.entry_id: entry for entry in entries if entry.entry_id.startswith(prefix)
    }
    wanted = {
        entry.entry_id: BookedEntry(
            entry.entry_id,
            day.business_date,
            None,
            entry.narrative,
            entry.corrects,
            tuple(
                BookedPosting(
                    line, row.account, row.purpose, row.cycle, row.tap_count, row.amount_fen
                )
                for line, row in enumerate(entry.postings, 1)
            ),
        )
        for entry in expected.entries
        if entry.postings
    }
    for entry_id in sorted(wanted.keys() | booked.keys()):
        if entry_id not in booked or entry_id not in wanted:
            word = "is missing" if entry_id in wanted else "does not follow from the items"
            yield Finding(f"entry {entry_id}", word)
        else:
            yield from replay.compare_entries(wanted[entry_id], booked[entry_id])
