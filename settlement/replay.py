"""A closed date judged again, from its opening state, against everything that is stored of it.

The audit runs it before the date is netted, ``verify`` for ever after. Nothing of the stored verdicts
goes in: records, stamps and the opening state do; everything else must come out.
"""

from collections.abc import Iterator
from itertools import zip_longest

import msgspec

from clearing import ledger, proof
from clearing.errors import ClearingError
from clearing.kernel import Judgement, choose
from clearing.state import State
from clearing.store import BatchRow, Entry, read_batches
from schemas import batch as envelope
from schemas import proof as published
from schemas.batch import Header
from schemas.codes import SignatureAlgorithm
from settlement import store, tap_index
from settlement.context import Context
from settlement.findings import Finding, shown
from settlement.store import BookedEntry, BookedPosting, Connection, DayRow
from settlement.tap_index import BatchIndex


class Replayed(msgspec.Struct):
    """What a replay found: differences, the closing card lines, the index of the stored taps.

    ``batches`` are the date's as they are stored, whatever the replay says of them.
    """

    findings: list[Finding]
    lines: bytes
    index: list[BatchIndex]
    roots: list[tuple[int, bytes]]
    batches: list[BatchRow] = []


async def replay(
    connection: Connection, context: Context, day: DayRow, entries: list[BookedEntry]
) -> Replayed:
    """Replay a date that is cut off. ``entries`` are the date's, as stored."""
    state = State(choose(context.kernel), context.plans)
    await state.open(connection, day.business_date)
    batches = await read_batches(connection, day.business_date)
    evidence = await store.read_evidence(
        connection, day.first_batch_seq or 0, day.last_batch_seq or -1
    )
    booked = {entry.entry_id: entry for entry in entries}
    found = Replayed(list(_check_range(day, batches)), b"", [], [], batches)
    for batch in batches:
        try:
            judgement, taps = await state.replay(connection, batch)
        except ClearingError as error:
            found.findings.append(Finding(f"batch {batch.batch_seq}", f"not replayed: {error}"))
            continue
        state.kernel.keep(batch.batch_seq)
        found.roots.append((batch.batch_seq, judgement.root))
        found.index.append(tap_index.of_batch(batch.batch_seq, taps.copy_rows))
        found.findings += [
            *_check_taps(batch, judgement, taps.copy_rows),
            *_check_evidence(batch, judgement, evidence.pop(batch.batch_seq, [])),
            *_check_batch(batch, judgement, taps.records),
            *_check_receipt(context, batch, judgement),
            *_check_entry(batch, judgement, booked),
        ]
    assert day.registry_version is not None
    await state.add_cards(connection, day.registry_version)
    found.lines = state.kernel.card_lines()
    found.findings += _check_leftovers(batches, evidence, booked)
    for seq, row in await store.read_strays(connection, day.business_date):
        found.findings.append(Finding(f"tap {seq}/{row}", "belongs to no batch of this date"))
    return found


def _check_range(day: DayRow, batches: list[BatchRow]) -> Iterator[Finding]:
    """Batches are gapless from the first to the last of the cut-off."""
    seqs = [batch.batch_seq for batch in batches]
    first, last = day.first_batch_seq, day.last_batch_seq
    expected = [] if first is None or last is None else list(range(first, last + 1))
    for seq in sorted(set(expected) ^ set(seqs)):
        word = "is missing" if seq in expected else "is not of this date"
        yield Finding(f"batch {seq}", word)


def _check_taps(batch: BatchRow, judgement: Judgement, stored: bytes) -> Iterator[Finding]:
    """Every column of every tap, as PostgreSQL copies it."""
    if stored == judgement.copy_rows and judgement.count == batch.tap_count:
        return
    if judgement.count != batch.tap_count:
        yield Finding(
            f"batch {batch.batch_seq}", "taps", f"{batch.tap_count}", f"{judgement.count}"
        )
    pairs = zip_longest(tap_index.split(judgement.copy_rows), tap_index.split(stored))
    for row, (expected, actual) in enumerate(pairs):
        if expected == actual or expected is None or actual is None:
            continue
        expected_values, actual_values = tap_index.values(expected), tap_index.values(actual)
        for name, value in expected_values.items():
            if value != actual_values[name]:
                yield Finding(
                    f"tap {batch.batch_seq}/{row}", name, shown(value), shown(actual_values[name])
                )


def _check_evidence(
    batch: BatchRow, judgement: Judgement, stored: list[tuple[int, int, int, int]]
) -> Iterator[Finding]:
    expected = sorted(
        (item.row, item.reason, item.expected, item.actual) for item in judgement.evidence
    )
    if expected == stored:
        return
    for item in sorted(set(expected) ^ set(stored)):
        word = "is missing" if item in set(expected) else "is not what the replay says"
        yield Finding(
            f"evidence of tap {batch.batch_seq}/{item[0]}",
            f"reason {item[1]}, expected {item[2]}, actual {item[3]} {word}",
        )
    if len(expected) != len(stored) and set(expected) == set(stored):
        yield Finding(f"evidence of batch {batch.batch_seq}", "stands there twice")


def _check_batch(batch: BatchRow, judgement: Judgement, records: bytes) -> Iterator[Finding]:
    subject = f"batch {batch.batch_seq}"
    if judgement.root != batch.batch_root:
        yield Finding(subject, "batch_root", judgement.root.hex(), batch.batch_root.hex())
    if judgement.count == batch.tap_count:
        digest = envelope.digest_of(_header(batch, records), records)
        if digest != batch.digest.hex().upper():
            yield Finding(subject, "digest", digest, batch.digest.hex().upper())


def _header(batch: BatchRow, records: bytes) -> Header:
    """The header that the batch came with; the digest as we know it, in upper case."""
    return Header(
        operator=batch.operator_no,
        number=batch.number,
        declared_date=envelope.digits_of(batch.declared_date),
        profile=batch.profile,
        count=len(records) // 144,
        sums=envelope.tally(records),
        digest=batch.digest.hex().upper(),
        signature_algorithm=SignatureAlgorithm.ED25519
        if any(batch.signature)
        else SignatureAlgorithm.UNSIGNED,
        signature=batch.signature.hex().upper(),
    )


def _check_receipt(context: Context, batch: BatchRow, judgement: Judgement) -> Iterator[Finding]:
    """The receipt's bytes, signature included, made anew."""
    subject = f"receipt of batch {batch.batch_seq}"
    try:
        stored = msgspec.json.decode(batch.receipt, type=published.Receipt)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        yield Finding(subject, f"cannot be read: {error}")
        return
    header = _header(batch, b"")
    if stored.digest.upper() == header.digest:
        header = msgspec.structs.replace(header, digest=stored.digest)
    versions = (batch.rules_version, batch.registry_version, batch.denylist_version)
    expected = proof.receipt(
        context.node.city, f"{batch.business_date}", batch.batch_seq, header, judgement, versions,
        context.node.signing.sign,
    )  # fmt: skip
    if expected == batch.receipt:
        return
    made = msgspec.json.decode(expected, type=published.Receipt)
    names = [
        name for name in made.__struct_fields__ if getattr(made, name) != getattr(stored, name)
    ]
    for name in names:
        yield Finding(subject, name, shown(getattr(made, name)), shown(getattr(stored, name)))
    if not names:
        yield Finding(subject, "is written otherwise")


def booked_form(entry: Entry, batch: BatchRow) -> BookedEntry:
    """An entry as the books hold it."""
    return BookedEntry(
        entry.entry_id,
        batch.business_date,
        entry.batch_seq,
        entry.narrative,
        entry.corrects,
        tuple(
            BookedPosting(line, row.account, row.purpose, row.cycle, row.tap_count, row.amount_fen)
            for line, row in enumerate(entry.postings, 1)
        ),
    )


def _check_entry(
    batch: BatchRow, judgement: Judgement, booked: dict[str, BookedEntry]
) -> Iterator[Finding]:
    expected = booked_form(ledger.entry_of_batch(batch.batch_seq, judgement.movements), batch)
    stored = booked.pop(expected.entry_id, None)
    if stored is None:
        if expected.postings:
            yield Finding(f"entry {expected.entry_id}", "is missing")
        return
    yield from compare_entries(expected, stored)


def compare_entries(expected: BookedEntry, stored: BookedEntry) -> Iterator[Finding]:
    """Every field and every line in which two entries of one id differ."""
    subject = f"entry {expected.entry_id}"
    for name in ("business_date", "batch_seq", "narrative", "corrects"):
        old, new = getattr(expected, name), getattr(stored, name)
        if old != new:
            yield Finding(subject, name, shown(old), shown(new))
    lines = {posting.line: posting for posting in expected.postings}
    stored_lines = {posting.line: posting for posting in stored.postings}
    for line in sorted(lines.keys() | stored_lines.keys()):
        if line not in lines or line not in stored_lines:
            word = "is missing" if line in lines else "is not what the replay says"
            yield Finding(f"{subject} line {line}", word)
            continue
        for name in ("account", "purpose", "cycle", "tap_count", "amount_fen"):
            old, new = getattr(lines[line], name), getattr(stored_lines[line], name)
            if old != new:
                yield Finding(f"{subject} line {line}", name, shown(old), shown(new))


def _check_leftovers(
    batches: list[BatchRow],
    evidence: dict[int, list[tuple[int, int, int, int]]],
    booked: dict[str, BookedEntry],
) -> Iterator[Finding]:
    """Nothing may be stored that no batch made."""
    for seq in sorted(evidence):
        yield Finding(f"evidence of batch {seq}", "belongs to no batch of this date")
    seqs = {batch.batch_seq for batch in batches}
    for entry in booked.values():
        if entry.batch_seq in seqs or entry.entry_id.startswith("batch/"):
            yield Finding(f"entry {entry.entry_id}", "is not what the replay says")
