"""The registry as proof sees it: digests of what a date was judged under, sealed with its papers.

A row that no tap of the date met could be changed without a verdict changing; these digests name its
kind. Accounts need none: those that were used stand in the journal by code.
"""

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from clearing.store import read_closing_version
from settlement import store
from settlement.findings import Finding
from settlement.store import Connection, DayRow
from settlement.tables import json_bytes

PAPER: Final = "proof/registry.json"


async def registry_paper(connection: Connection, day: DayRow) -> bytes:
    """The digests of a date that was cut off."""
    version = day.registry_version or 0
    opened_with = await read_closing_version(connection, day.business_date)
    return json_bytes(
        {
            "registry_version": version,
            "digests": {
                **await store.registry_digests(connection, version),
                "new cards": await store.cards_digest(connection, opened_with, version),
                "load logs": await store.loads_digest(connection, day.business_date),
                "node": await store.node_digest(connection),
            },
        }
    )


async def check_registry(connection: Connection, day: DayRow, kept: bytes) -> Iterator[Finding]:
    """Which part of the registry is not what it was when the date was audited."""
    try:
        digests = dict(msgspec.json.decode(kept, type=dict[str, Any])["digests"])
    except (msgspec.DecodeError, KeyError, TypeError, ValueError):
        return iter([Finding(f"paper {PAPER}", "cannot be read")])
    now = msgspec.json.decode(await registry_paper(connection, day), type=dict[str, Any])
    names = sorted(digests.keys() | now["digests"].keys())
    return (
        Finding(
            f"registry of {day.business_date}: {name}",
            "digest of its rows",
            str(digests.get(name, "absent")),
            now["digests"].get(name, "absent"),
        )
        for name in names
        if digests.get(name) != now["digests"].get(name)
    )
