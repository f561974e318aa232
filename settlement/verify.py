"""Verify: a sealed date recomputed from its opening state and its stored records, byte by byte.

``verify_day`` returns what differs; nothing where the date is as it was sealed. What was stored is
held against three things: what a replay gives, what the papers of the night say (the tap index, the
journal, the card pages), and the chain of seals, which covers those papers.
"""

import hashlib
from collections.abc import Iterator, Mapping
from datetime import date

import msgspec

from clearing import proof
from clearing.errors import ClearingError
from clearing.keys.signing import PublicKey
from clearing.state import changed_pages, pages_of
from clearing.store import read_accounts, read_pages, read_registry
from schemas.codes import Purse, SignatureAlgorithm
from settlement import (
    audit,
    books,
    comparing,
    fees,
    floats,
    papers,
    payments,
    registries,
    replay,
    seal,
    statements,
    store,
    tap_index,
)
from settlement.books import numbered
from settlement.context import Context
from settlement.findings import Finding, shown
from settlement.items import checking
from settlement.items import paper as items_paper
from settlement.positions import positions_of
from settlement.reclearing.checking import check_reclears
from settlement.replay import Replayed
from settlement.store import BookedEntry, Connection, DayRow, Paper


async def verify_day(context: Context, business_date: date) -> list[Finding]:
    """Everything of a date that is not as it was sealed, most telling first.

    A date that is not sealed yet has one finding, that it is not. Reads one state of the database and
    writes nothing. Raises ``DayNotReady`` where the node has no such date.
    """
    async with store.reading(context.dsn) as connection:
        day = await store.read_day(connection, business_date)
        if day.state != "sealed":
            return [Finding(f"day {business_date}", "state", "sealed", day.state)]
        kept = await store.read_papers(connection, business_date)
        entries = await store.read_entries(connection, business_date)
        replayed = await replay.replay(connection, context, day, entries)
        findings = [
            *comparing.check_digests(kept),
            *comparing.check_files(context.papers / f"{business_date}", kept),
            *_check_index(kept, replayed),
            *_check_batches(kept, replayed),
            *await _check_journal(connection, day, kept, entries),
            *await _check_events(connection, day, kept),
            *await _check_pages(connection, day, kept, replayed),
            *await _check_opening_pages(connection, day),
            *await registries.check_registry(connection, day, _content(kept, registries.PAPER)),
            *replayed.findings,
            *await items_paper.check(connection, context, day, _content(kept, items_paper.PAPER)),
            *await checking.check_items(connection, context, day, replayed.lines, entries),
            *await check_reclears(connection, context, day, entries),
            *await fees.check(connection, context, day, entries),
            *await _check_results(connection, context, day),
            *await _check_papers(connection, context, day, kept, replayed),
            *await _check_roots(connection, day, kept, replayed, entries),
            *await _check_chain(connection, context, day, kept),
        ]
    return list(dict.fromkeys(findings))


# -- papers --------------------------------------------------------------------------------------


def _content(kept: list[Paper], name: str) -> bytes:
    return next((paper.content for paper in kept if paper.name == name), b"")


async def _check_papers(
    connection: Connection, context: Context, day: DayRow, kept: list[Paper], replayed: Replayed
) -> Iterator[Finding]:
    """Papers follow from the books: made anew, they are what is kept."""
    registry = await read_registry(connection, day.registry_version or 0)
    expected: dict[str, bytes] = {}
    try:
        found, left = await payments.plan_instructions(connection, context, day, registry)
        expected = {
            **await statements.statement_papers(connection, context, day),
            **payments.payment_papers(context, day, registry, found, left),
            **floats.papers_of(await floats.float_table(connection, day, replayed.lines)),
            items_paper.PAPER: await items_paper.paper(connection, context, day),
            tap_index.PAPER: tap_index.pack(replayed.index),
            books.BATCHES: books.batches_paper(replayed.batches),
        }
    except (ClearingError, ValueError, KeyError, StopIteration) as error:
        return iter([Finding("papers", f"cannot be made from what is stored: {error}")])
    return comparing.compare_papers(
        expected, kept, (papers.SEAL, audit.CARDS_PAPER, registries.PAPER)
    )


# -- taps, entries, events -----------------------------------------------------------------------


def _check_index(kept: list[Paper], replayed: Replayed) -> Iterator[Finding]:
    """Which rows and columns of taps are not what they were when they were audited."""
    before = tap_index.unpack(_content(kept, tap_index.PAPER))
    for now in replayed.index:
        was = before.pop(now.batch_seq, None)
        if was is None or was == now:
            continue
        rows, columns = tap_index.changed(was, now)
        for row in rows:
            yield Finding(
                f"tap {now.batch_seq}/{row}", f"column {', '.join(columns)} is not as audited"
            )
    for batch_seq in before:
        yield Finding(f"batch {batch_seq}", "was audited and is missing")


def _check_batches(kept: list[Paper], replayed: Replayed) -> Iterator[Finding]:
    """Which columns of batches are not what they were when the date was audited."""
    written = comparing.by_key(_content(kept, books.BATCHES), "batch_seq")
    for batch in replayed.batches:
        was = written.get(str(batch.batch_seq))
        if was is not None:
            yield from comparing.compare_values(
                f"batch {batch.batch_seq}",
                books.decoded(was),
                books.decoded(books.batch_line(batch)),
            )


async def _check_journal(
    connection: Connection, day: DayRow, kept: list[Paper], entries: list[BookedEntry]
) -> list[Finding]:
    """Which entries and lines are not what the journal says."""
    del day
    accounts = numbered(await read_accounts(connection))
    stored = {entry.entry_id: books.entry_line(entry, accounts) for entry in entries}
    written = comparing.by_key(_content(kept, statements.JOURNAL), "entry_id")
    return [
        finding
        for entry_id in sorted(stored.keys() | written.keys())
        for finding in comparing.compare_lines(
            f"entry {entry_id}", written.get(entry_id), stored.get(entry_id)
        )
    ]


async def _check_events(connection: Connection, day: DayRow, kept: list[Paper]) -> list[Finding]:
    written = _content(kept, statements.EVENTS).splitlines()
    stored = [
        books.event_line(event) for event in await store.read_events(connection, day.business_date)
    ]
    found = [
        Finding("event", f"was changed or removed: {shown(line)}")
        for line in written
        if line not in stored
    ]
    found += [
        Finding("event", f"was added: {shown(line)}") for line in stored if line not in written
    ]
    return found


# -- card pages ----------------------------------------------------------------------------------


async def _check_pages(
    connection: Connection, day: DayRow, kept: list[Paper], replayed: Replayed
) -> list[Finding]:
    """The card pages archived with the date are those that the replay ends with."""
    before = await read_pages(connection, day.business_date)
    expected = changed_pages(before, pages_of(replayed.lines))
    stored = await store.read_pages_of(connection, day.business_date)
    found = [
        Finding(
            f"card page {number}",
            "lines",
            shown(hashlib.sha256(expected[number]).digest()) if number in expected else "absent",
            shown(hashlib.sha256(stored[number]).digest()) if number in stored else "absent",
        )
        for number in sorted(expected.keys() | stored.keys())
        if expected.get(number) != stored.get(number)
    ]
    content = audit.cards_paper(day, dict(sorted(stored.items())))
    if content != _content(kept, audit.CARDS_PAPER):
        found += _against_paper(day, _content(kept, audit.CARDS_PAPER), stored)
    return found


def _against_paper(day: DayRow, paper: bytes, stored: Mapping[int, bytes]) -> list[Finding]:
    try:
        digests = {int(name): digest for name, digest in books.decoded(paper)["pages"].items()}
    except (msgspec.DecodeError, KeyError, TypeError, ValueError, AttributeError):
        return [Finding(f"paper {audit.CARDS_PAPER}", "cannot be read")]
    found = []
    for number in sorted(digests.keys() | stored.keys()):
        lines = stored.get(number)
        actual = "absent" if lines is None else hashlib.sha256(lines).hexdigest()
        if actual != digests.get(number, "absent"):
            found.append(
                Finding(
                    f"card page {number} of {day.business_date}",
                    "lines", digests.get(number, "absent"), actual,
                )
            )  # fmt: skip
    return found or [Finding(f"paper {audit.CARDS_PAPER}", "does not follow from the card pages")]


async def _check_opening_pages(connection: Connection, day: DayRow) -> list[Finding]:
    """The pages that the date opened with, against the papers of the dates that archived them."""
    found: list[Finding] = []
    latest: dict[date, dict[int, bytes]] = {}
    for number, archived, digest in await store.read_opening_pages(connection, day.business_date):
        latest.setdefault(archived, {})[number] = digest
    for archived, pages in sorted(latest.items()):
        paper = await store.read_paper(connection, archived, audit.CARDS_PAPER) or b""
        try:
            digests = books.decoded(paper)["pages"]
        except (msgspec.DecodeError, KeyError, TypeError):
            found.append(Finding(f"paper {audit.CARDS_PAPER} of {archived}", "cannot be read"))
            continue
        found += [
            Finding(
                f"card page {number} of {archived}", "lines",
                str(digests.get(f"{number:03}")), digest.hex(),
            )
            for number, digest in sorted(pages.items())
            if digests.get(f"{number:03}") != digest.hex()
        ]  # fmt: skip
    return found


# -- results, roots, chain -----------------------------------------------------------------------


async def _check_results(connection: Connection, context: Context, day: DayRow) -> list[Finding]:
    """Positions and instructions follow from the books."""
    try:
        return await _compare_results(connection, context, day)
    except (ClearingError, ValueError, KeyError) as error:
        return [Finding("positions", f"cannot be made from what is stored: {error}")]


async def _compare_results(connection: Connection, context: Context, day: DayRow) -> list[Finding]:
    accounts = numbered(await read_accounts(connection))
    sums = await store.read_sums(connection, day.business_date)
    expected = {(row.purse, row.participant): row for row in positions_of(sums, accounts)}
    stored = {
        (row.purse, row.participant): row
        for row in await store.read_positions(connection, day.business_date)
    }
    found = [
        finding
        for purse, name in sorted(expected.keys() | stored.keys())
        for finding in comparing.compare_rows(
            f"position {Purse(purse).name.lower()} {name}"
            if purse in set(Purse)
            else f"position {purse} {name}",
            expected.get((purse, name)),
            stored.get((purse, name)),
        )
    ]
    registry = await read_registry(connection, day.registry_version or 0)
    planned, _ = await payments.plan_instructions(connection, context, day, registry)
    wanted = {row.instruction_id: row for row in planned}
    given = {
        row.instruction_id: row
        for row in await store.read_instructions(connection, day.business_date)
    }
    for name in sorted(wanted.keys() | given.keys()):
        found += comparing.compare_rows(f"instruction {name}", wanted.get(name), given.get(name))
    return found


async def _check_roots(
    connection: Connection,
    day: DayRow,
    kept: list[Paper],
    replayed: Replayed,
    entries: list[BookedEntry],
) -> Iterator[Finding]:
    accounts = numbered(await read_accounts(connection))
    events = await store.read_events(connection, day.business_date)
    expected = {
        "taps_root": proof.taps_root(replayed.roots),
        "ledger_root": books.ledger_root(books.entry_line(row, accounts) for row in entries),
        "events_root": books.events_root(map(books.event_line, events)),
        "papers_root": papers.root(kept),
        "rules_digest": await store.read_rules_digest(connection, day.rules_version or 0),
    }
    return (
        Finding(f"day {day.business_date}", name, value.hex(), shown(getattr(day, name)))
        for name, value in expected.items()
        if getattr(day, name) != value
    )


async def _check_chain(
    connection: Connection, context: Context, day: DayRow, kept: list[Paper]
) -> list[Finding]:
    """Every seal follows from its date's roots and the seal before it, back to the first date."""
    found: list[Finding] = []
    previous = seal.FIRST
    for each in [*await store.read_days_before(connection, day.business_date), day]:
        value = seal.seal_of(each, previous, each.papers_root or b"")
        if value != each.seal:
            found.append(
                Finding(f"day {each.business_date}", "seal", value.hex(), shown(each.seal))
            )
        if each is day:
            found += _check_seal_paper(context, day, previous, kept)
        previous = each.seal or b""
    return found


def _check_seal_paper(
    context: Context, day: DayRow, previous: bytes, kept: list[Paper]
) -> Iterator[Finding]:
    content = _content(kept, papers.SEAL)
    expected = seal.seal_paper(
        context, day, previous, day.papers_root or b"", day.seal or b"", kept
    )
    if content == expected:
        return
    at = comparing.first_difference(expected, content)
    yield Finding(
        f"paper {papers.SEAL}",
        f"content from byte {at}",
        shown(expected[at : at + 16]),
        shown(content[at : at + 16]),
    )


def check_seal_signature(content: bytes, public_key: bytes) -> bool:
    """Whether a ``seal.json`` was signed with a node's public key (33 bytes): for anyone, offline."""
    told = seal.told(content)
    key = PublicKey.decode(public_key)
    message = seal.SIGNED + bytes.fromhex(told["seal"])
    return key.verify(SignatureAlgorithm.ED25519, message, bytes.fromhex(told["signature"]))
