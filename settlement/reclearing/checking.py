"""Lists and entries of re-clearings held against each other, by the audit and by ``verify``."""

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Final

import msgspec

from clearing.errors import ClearingError
from clearing.inspection import StoredTap
from clearing.store import Connection, read_batches
from settlement import replay
from settlement.context import Context
from settlement.findings import Finding, shown
from settlement.reclearing.booking import PREFIX, entries_of
from settlement.reclearing.replaying import Place
from settlement.reclearing.rides import Earlier, Rides, earlier_of, stored_answer
from settlement.store import BookedEntry, BookedPosting, DayRow, reclears
from settlement.store.reclears import Reclear, ReclearedTap

_SEVERAL: Final = 20
"""Taps that are named one by one of a list in which more are wrong."""
_UNREADABLE: Final = (
    ClearingError, ValueError, LookupError, TypeError, AssertionError, StopIteration,
    msgspec.MsgspecError,
)  # fmt: skip
"""What comes of reading and working out again what somebody wrote at random."""


async def check_reclears(
    connection: Connection, context: Context, day: DayRow, entries: list[BookedEntry]
) -> list[Finding]:
    """What is wrong with re-clearings that were proposed or approved on a date.

    A list must be the one whose digest its proposal tells. It must go on from what was booked and from what
    was corrected before it, and move what lies between that and its answers, no more; what was approved on the date is booked by an entry per batch with their sums, and by nothing else.
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
            found += await _check_chain(connection, context, each, taps)
            if each.approved and each in decided:
                found += _check_entries(day, each, taps, booked)
    except _UNREADABLE as error:
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
        yield Finding(_name(reclear, tap), "Σ deltas, fen,", "0", f"{fen}")


async def _check_chain(
    connection: Connection, context: Context, reclear: Reclear, taps: list[ReclearedTap]
) -> list[Finding]:
    """Each tap goes on from what was said of it last: by its batch, or by the approved list before this one."""
    booked = await reclears.read_booked(connection, reclear.corrects, before=reclear.proposal_no)
    earlier = earlier_of(booked)
    versions = {each.rules_version for each in earlier.values()}
    wanted: dict[int, list[ReclearedTap]] = {}
    for tap in taps:
        wanted.setdefault(tap.batch_seq, []).append(tap)
    found: list[Finding] = []
    for batch in await read_batches(connection, reclear.corrects):
        listed = wanted.pop(batch.batch_seq, [])
        if listed:
            rides = Rides(connection, context, batch, reclear.rules_version)
            await rides.read([tap.row_no for tap in listed], versions)
            found += _check_rides(reclear, rides, listed, earlier)
    for tap in (tap for left in wanted.values() for tap in left):
        found.append(Finding(_name(reclear, tap), f"is no tap of {reclear.corrects}"))
    return list(islice(found, _SEVERAL))


def _check_rides(
    reclear: Reclear,
    rides: Rides,
    listed: list[ReclearedTap],
    earlier: Mapping[Place, Earlier],
) -> Iterator[Finding]:
    for tap in listed:
        name = _name(reclear, tap)
        if tap.row_no not in rides.taps:
            yield Finding(name, f"is no tap of {reclear.corrects}")
            continue
        expected = _expected(rides, tap, rides.taps[tap.row_no], earlier.get(tap.place))
        for field in ReclearedTap.__struct_fields__:
            old, new = getattr(expected, field), getattr(tap, field)
            if old != new:
                yield Finding(name, field, _told(old), _told(new))


def _expected(
    rides: Rides, tap: ReclearedTap, stored: StoredTap, before: Earlier | None
) -> ReclearedTap:
    """A tap of a list as it must be, being answered as it is; its items stand for themselves."""
    return msgspec.structs.replace(
        tap,
        operator_no=stored.operator_no,
        amount_fen=stored.amount_fen,
        debit_proven=stored.debit_proven,
        was=stored_answer(stored) if before is None else before.answer,
        deltas=rides.deltas(stored, tap.becomes, before),
    )


def _name(reclear: Reclear, tap: ReclearedTap) -> str:
    return f"tap {tap.batch_seq}/{tap.row_no} of re-clearing {reclear.proposal_no}"


def _told(value: object) -> str:
    return shown(msgspec.json.encode(value).decode())


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
