"""The audit: the date comes out again as it was stored, or it goes no further.

The database proves identities unique by building the index; late transaction dates are checked against
the sealed dates; a fresh kernel replays the date; open items are opened, settled and held against the
books; card balances meet the card liability. Closing card pages, the index of the taps and the items
are kept.
"""

import hashlib
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Final

import asyncpg

from clearing.state import changed_pages, pages_of
from clearing.store import (
    build_identity_index,
    find_identities,
    future_identities,
    read_last_judged,
    read_last_sealed_before,
    read_pages,
    write_pages,
)
from clearing.verdicts import first_possible, latest_possible
from schemas.reasons import Reason
from settlement import books, floats, papers, registries, replay, store, tap_index
from settlement.context import Context
from settlement.errors import AuditFailed, DayNotReady
from settlement.findings import Finding
from settlement.items import nightly
from settlement.items import paper as items_paper
from settlement.reclearing.checking import check_reclears
from settlement.store import Connection, DayRow
from settlement.tables import json_bytes

CARDS_PAPER: Final = "proof/cards.json"

_LOOKED_UP: Final = 10_000


async def audit(connection: Connection, context: Context, day: DayRow) -> None:
    """Prove the date, keep its closing state. Raises ``AuditFailed``, ``DayNotReady``."""
    for earlier in await store.read_days_before(connection, day.business_date):
        if earlier.state != "sealed":
            raise DayNotReady(
                f"{earlier.business_date} is not sealed yet, it is {earlier.state}.",
                f"Settle {earlier.business_date} first.",
            )
    _fail_if(day, "has taps twice", await prove_identities(connection, day))
    entries = await store.read_entries(connection, day.business_date)
    replayed = await replay.replay(connection, context, day, entries)
    _fail_if(day, "does not replay", replayed.findings)
    findings = list(await late_twins(connection, context, day.business_date))
    _fail_if(day, "has taps of sealed dates again", findings)
    await nightly.write(connection, context, day, replayed.lines)
    _fail_if(day, "has items that are not the books", await nightly.unreconciled(connection, day))
    findings = await check_reclears(connection, context, day, entries)
    _fail_if(day, "has corrections that are not their lists", findings)
    table = await floats.float_table(connection, day, replayed.lines)
    _fail_if(day, "has card balances that are not the card liability", floats.differing(table))
    pages = changed_pages(await read_pages(connection, day.business_date), pages_of(replayed.lines))
    await write_pages(connection, day.business_date, pages.items())
    await papers.keep(
        connection,
        day.business_date,
        {
            tap_index.PAPER: tap_index.pack(replayed.index),
            CARDS_PAPER: cards_paper(day, pages),
            books.BATCHES: books.batches_paper(replayed.batches),
            registries.PAPER: await registries.registry_paper(connection, day),
            items_paper.PAPER: await items_paper.paper(connection, context, day),
            **floats.papers_of(table),
        },
    )


def _fail_if(day: DayRow, what: str, findings: list[Finding]) -> None:
    if findings:
        raise AuditFailed(f"{day.business_date} {what}", findings)


async def prove_identities(connection: Connection, day: DayRow) -> list[Finding]:
    """Let the database prove that no two taps, not rejected, are the same one."""
    try:
        async with connection.transaction():
            await build_identity_index(connection, day.business_date)
    except asyncpg.UniqueViolationError:
        return [
            Finding(f"taps {' and '.join(twins)}", "have one identity")
            for twins in await store.read_twins(connection, day.business_date)
        ]
    return []


async def late_twins(
    connection: Connection, context: Context, business_date: date
) -> Iterator[Finding]:
    """Taps of this date that an earlier date holds, as far as their own time allows."""
    last_sealed = await read_last_sealed_before(connection, business_date)
    if last_sealed is None:
        return iter(())
    judged_s = await read_last_judged(connection, last_sealed)
    limit = latest_possible(last_sealed, judged_s, context.node.limits.clock_tolerance_s)
    here = {
        identity: (seq, row)
        for identity, seq, row in await store.read_identities(connection, business_date, limit)
    }
    earlier: dict[bytes, tuple[int, int]] = {}
    identities = sorted(here)
    for at in range(0, len(identities), _LOOKED_UP):
        some = identities[at : at + _LOOKED_UP]
        first = first_possible(some)
        found = await find_identities(connection, some, first, last_sealed)
        earlier |= {identity: place[:2] for identity, place in found.items()}
    held = {
        identity: tap[:2]
        for identity, tap in await future_identities(connection, last_sealed, Reason.FUTURE)
    }
    again = await find_identities(connection, sorted(held), business_date, business_date)
    here |= {identity: place[:2] for identity, place in again.items()}
    earlier |= {identity: held[identity] for identity in again}
    return (
        Finding(
            "tap {}/{}".format(*here[identity]), "was cleared before as tap {}/{}".format(*place)
        )
        for identity, place in sorted(earlier.items())
    )


def cards_paper(day: DayRow, pages: Mapping[int, bytes]) -> bytes:
    """Digests of the card pages that changed on the date."""
    return json_bytes(
        {
            "registry_version": day.registry_version,
            "pages": {
                f"{number:03}": hashlib.sha256(pages[number]).hexdigest() for number in pages
            },
        }
    )
