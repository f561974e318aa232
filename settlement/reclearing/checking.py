"""Lists and entries of re-clearings held against each other, by the audit and by ``verify``."""

from collections.abc import Iterator, Mapping
from typing import Final

import msgspec

from clearing.errors import ClearingError
from clearing.store import Connection
from settlement import replay
from settlement.findings import Finding
from settlement.reclearing.booking import PREFIX, entries_of
from settlement.store import BookedEntry, BookedPosting, DayRow, reclears
from settlement.store.reclears import Reclear, ReclearedTap

_SEVERAL: Final = 20
"""Taps that are named one by one of a list in which more are wrong."""


async def check_reclears(
    connection: Connection, day: DayRow, entries: list[BookedEntry]
) -> list[Finding]:
    """What is wrong with re-clearings that were proposed or approved on a date.

    A list must be the one whose digest its proposal tells, and its deltas must sum to zero; what was
    approved on the date is booked by an entry per batch with their sums, and by nothing else.
    ``entries``: the date's, as stored.
    """
    booked = {row.entry_id: row for row in entries if row.entry_id.startswith(PREFIX)}
    found: list[Finding] = []
    try:
        decided = await reclears.read_reclears(connection, decided_on=day.business_date)
        proposed = await reclears.read_reclears(connection, proposed_on=day.business_date)
        for number, each in sorted({row.proposal_no: row for row in (*proposed, *decided)}.items()):
            taps = await reclears.read_list(connection, number)
            found += _check_list(each, taps)
            if each.approved and each in decided:
                found += _check_entries(day, each, taps, booked)
    except (ClearingError, ValueError, KeyError, TypeError, msgspec.MsgspecError) as error:
        return [Finding("re-clearings", f"cannot be read from what is stored: {error}")]
    found += [
        Finding(f"entry {name}", "does not follow from a list that was approved")
        for name in sorted(booked)
    ]
    return found


def _check_list(reclear: Reclear, taps: list[ReclearedTap]) -> Iterator[Finding]:
    subject = f"list of re-clearing {reclear.proposal_no}"
    if len(taps) != reclear.taps:
        yield Finding(subject, "taps", f"{reclear.taps}", f"{len(taps)}")
    digest = reclears.digest_of(taps)
    if digest != reclear.digest:
        yield Finding(subject, "digest", reclear.digest.hex(), digest.hex())
    if reclear.body.get("digest") != reclear.digest.hex():
        told = f"{reclear.body.get('digest')}"
        yield Finding(f"re-clearing {reclear.proposal_no}", "digest", told, reclear.digest.hex())
    uneven = [tap for tap in taps if sum(delta.amount_fen for delta in tap.deltas)]
    for tap in uneven[:_SEVERAL]:
        fen = sum(delta.amount_fen for delta in tap.deltas)
        name = f"tap {tap.batch_seq}/{tap.row_no} of re-clearing {reclear.proposal_no}"
        yield Finding(name, "Σ deltas, fen,", "0", f"{fen}")


def _check_entries(
    day: DayRow, reclear: Reclear, taps: list[ReclearedTap], booked: dict[str, BookedEntry]
) -> Iterator[Finding]:
    """Takes the entries that it expects out of ``booked``."""
    wanted: Mapping[str, BookedEntry] = {
        entry.entry_id: BookedEntry(
            entry.entry_id,
            day.business_date,
            entry.batch_seq,
            entry.narrative,
            entry.corrects,
            tuple(
                BookedPosting(
                    line, row.account, row.purpose, row.cycle, row.tap_count, row.amount_fen
                )
                for line, row in enumerate(entry.postings, 1)
            ),
        )
        for entry in entries_of(reclear, taps)
        if entry.postings
    }
    for name, entry in wanted.items():
        stored = booked.pop(name, None)
        if stored is None:
            yield Finding(f"entry {name}", "is missing")
        else:
            yield from replay.compare_entries(entry, stored)
