"""The chain of seals, recomputed here from what the module's docstring publishes and nothing else."""

from __future__ import annotations

import hashlib
import json
from datetime import date

from settlement.context import Context
from settlement.day import settle_day
from tests.world import OPEN

NEXT = date(2026, 1, 6)
PARTS = ("previous_seal", "taps_root", "ledger_root", "events_root", "rules_digest", "papers_root")


def told(context: Context, day: date) -> dict[str, str]:
    """What the seal's paper of a date says."""
    content: dict[str, str] = json.loads((context.papers / f"{day}" / "seal.json").read_bytes())
    return content


def sealed_with(paper: dict[str, str]) -> str:
    """SHA-256 over the parts, each after its length in eight bytes."""
    hasher = hashlib.sha256()
    for name in PARTS:
        part = bytes.fromhex(paper[name])
        hasher.update(len(part).to_bytes(8, "big") + part)
    return hasher.hexdigest()


async def test_each_seal_is_made_of_the_one_before(sealed: Context) -> None:
    await settle_day(sealed, NEXT)
    first, second = told(sealed, OPEN), told(sealed, NEXT)
    assert first["previous_seal"] == "00" * 32
    assert second["previous_seal"] == first["seal"]
    for paper in (first, second):
        assert paper["seal"] == sealed_with(paper)
    assert first["seal"] != sealed_with(first | {"previous_seal": "01" + "00" * 31})
