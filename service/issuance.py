"""What a registry change must leave alone: who an issuer is, and cards that were used before.

Cards, their lines and what is owed to them hang on an issuer's number and code. A night that found another
issuer in its place could not tell whose they are, and would stop.
"""

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from clearing.store import Connection
from schemas.registry import Issuer
from service.errors import ServiceError
from service.masking import masked

_NAMED: Final = 3
"""So many cards are named in a refusal."""


def issuers_of(rows: Iterable[msgspec.Struct]) -> dict[int, Issuer]:
    """Issuers by number."""
    return {row.number: row for row in rows if isinstance(row, Issuer)}


async def check_issuers(
    connection: Connection, before: dict[int, Issuer], after: dict[int, Issuer]
) -> None:
    """Raises ``ServiceError`` where one card would have two issuers, and where an issuer of ours would
    become another one, or no longer ours, or a stranger ours, after cards were registered or taps taken."""
    numbers: dict[tuple[int, str], int] = {}
    for row in after.values():
        other = numbers.setdefault((row.family, row.issuer.upper()), row.number)
        if other != row.number:
            raise ServiceError(
                f"Issuers {other} and {row.number} are both {row.issuer} of family {row.family}.",
                "Keep one of them; change its name or city under its number.",
            )
    changed = [
        number
        for number, old in before.items()
        if number in after and _is_another(old, after[number])
    ]
    if changed and await _is_used(connection):
        raise ServiceError(
            f"Issuer {changed[0]} has another family, code or owner than before, and there are cards"
            " or taps.",
            "Register it under a number of its own.",
        )


def _is_another(old: Issuer, new: Issuer) -> bool:
    if old.own != new.own:
        return True
    same = (old.family, old.issuer.upper()) == (new.family, new.issuer.upper())
    return old.own and not same


async def _is_used(connection: Connection) -> bool:
    return bool(
        await connection.fetchval(
            "SELECT EXISTS (SELECT FROM clearing.card) OR EXISTS (SELECT FROM clearing.batch)"
        )
    )


async def check_not_used(
    connection: Connection, cards: Sequence[bytes], registry_version: int
) -> None:
    """Raises ``ServiceError`` for new cards (19 bytes) whose taps were taken before they were registered:
    their lines hold what was booked by these taps, and an opening position would wipe that out.

    Only an issuer that keeps, or kept, no registry of cards can have some.
    """
    if not cards:
        return
    issuers = [
        row["number"]
        for row in await connection.fetch(
            "SELECT DISTINCT (body ->> 'number')::smallint AS number FROM clearing.registry"
            " WHERE kind = 'issuer' AND version_from <= $1 AND (body ->> 'open_registry')::boolean",
            registry_version,
        )
    ]
    if not issuers:
        return
    used = await connection.fetch(
        "SELECT DISTINCT card FROM clearing.tap t JOIN unnest($1::bytea[]) c (card)"
        " ON substr(t.identity, 1, 19) = c.card WHERE t.issuer_no = ANY($2::smallint[]) ORDER BY 1",
        list(cards), issuers,
    )  # fmt: skip
    if used:
        names = ", ".join(masked(row["card"][9:].hex().upper()) for row in used[:_NAMED])
        raise ServiceError(
            f"{len(used):,} of these cards were used before they were registered: {names}"
            f"{', …' if len(used) > _NAMED else ''}.",
            "Leave them out; their issuer's taps are taken without.",
        )
