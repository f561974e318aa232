"""The seal: one digest over everything that a date was, chained to the date before.

``seal = H(previous seal, taps_root, ledger_root, events_root, rules digest, papers_root)`` where H is
SHA-256 over the parts, each after its length (``clearing.proof.digest``); the first date's previous
seal is 32 zero bytes. ``seal.json`` tells it, signed by the node; ``papers_root`` covers every other
paper.
"""

from typing import Any, Final

from clearing import proof
from settlement import papers, store
from settlement.books import decoded
from settlement.context import Context
from settlement.errors import DayNotReady
from settlement.store import Connection, DayRow, Paper
from settlement.tables import json_bytes

FIRST: Final = bytes(32)
SIGNED: Final = b"onecard seal 1\n"


async def seal(connection: Connection, context: Context, day: DayRow) -> None:
    """Seal the date."""
    found = await store.read_papers(connection, day.business_date)
    papers_root = papers.root(found)
    previous = await previous_seal(connection, day)
    value = seal_of(day, previous, papers_root)
    await store.change_day(connection, day.business_date, papers_root=papers_root, seal=value)
    content = seal_paper(context, day, previous, papers_root, value, found)
    await papers.keep(connection, day.business_date, {papers.SEAL: content})


async def previous_seal(connection: Connection, day: DayRow) -> bytes:
    """The seal of the date before; zeros for the first one. Raises ``DayNotReady``."""
    earlier = await store.read_days_before(connection, day.business_date)
    if not earlier:
        return FIRST
    if earlier[-1].seal is None:
        raise DayNotReady(
            f"{earlier[-1].business_date} is not sealed.",
            f"Settle {earlier[-1].business_date} first.",
        )
    return earlier[-1].seal


def seal_of(day: DayRow, previous: bytes, papers_root: bytes) -> bytes:
    """The seal that follows from these roots."""
    roots = (day.taps_root, day.ledger_root, day.events_root, day.rules_digest)
    return proof.digest(previous, *(root or b"" for root in roots), papers_root)


def seal_paper(
    context: Context,
    day: DayRow,
    previous: bytes,
    papers_root: bytes,
    value: bytes,
    found: list[Paper],
) -> bytes:
    """What anyone needs to check the seal, offline, with the papers at hand."""
    body: dict[str, Any] = {
        "node": context.node.city,
        "business_date": day.business_date,
        "previous_seal": previous.hex(),
        "taps_root": (day.taps_root or b"").hex(),
        "ledger_root": (day.ledger_root or b"").hex(),
        "events_root": (day.events_root or b"").hex(),
        "rules_digest": (day.rules_digest or b"").hex(),
        "papers_root": papers_root.hex(),
        "seal": value.hex(),
        "papers": {paper.name: paper.sha256.hex() for paper in found if paper.name != papers.SEAL},
    }
    body["signature"] = context.node.signing.sign(SIGNED + value).hex()
    body["public_key"] = context.node.signing.public.encode().hex()
    return json_bytes(body)


def told(content: bytes) -> dict[str, Any]:
    """What a ``seal.json`` says."""
    return decoded(content)
