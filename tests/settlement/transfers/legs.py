"""Legs of transfers, a city whose transfer discount somebody bears, and what its books say."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import asyncpg

from clearing import rules
from clearing import store as clearing_store
from clearing.plan import Purpose
from schemas.codes import CardKind, Discount
from schemas.items import Action, ItemKind
from schemas.registry import Staff
from settlement.decisions import Words, decide, propose
from settlement.store.items import Standing
from tests.settlement.chains.nights import AGENT, BUS, OPEN, Card, City

TRANSFER, EXCESS = ItemKind.TRANSFER, ItemKind.EXCESS
STUDENT = 10
_BACK: Final = (Action.RETURN, Action.REVERSE)


async def found(dsn: str, home: Path, bearer: str = "operator") -> City:
    """A city whose transfer discount somebody bears."""
    deck = [Card(n) for n in range(1, 10)] + [Card(STUDENT, kind=CardKind.STUDENT)]
    city = await City.founded(dsn, home, deck)
    files = rules.read(["xian"])
    text, scheme = files["xian/rules.toml"], "count_max = 3\n"
    assert text.count(f'{scheme}bearer = "operator"') == 1
    text = text.replace(f'{scheme}bearer = "operator"', f'{scheme}bearer = "{bearer}"')
    files |= {"xian/rules.toml": text}
    connection = await asyncpg.connect(dsn)
    try:
        async with connection.transaction():
            await clearing_store.add_rules(connection, rules.load(files).digest, files)
    finally:
        await connection.close()
    return city


def ride(card: Card, city: City, time: str, fen: int = 50, **values: Any) -> bytes:
    return card.tap(BUS, fen, at=city.at(time), gross_fen=100, **values)


def change(card: Card, city: City, time: str, fen: int = 30, **values: Any) -> bytes:
    """A ride that claims the transfer discount of 20 fen."""
    return ride(card, city, time, fen, discount_claimed=Discount.TRANSFER, **values)


async def only(city: City, kind: ItemKind = TRANSFER) -> Standing:
    (standing,) = await city.items(kind, open_only=False)
    return standing


async def booked_fen(city: City, code: str) -> int:
    """What an account was booked over all dates, fen, credit positive; what was paid out aside."""
    connection = await asyncpg.connect(city.context.dsn)
    try:
        fen = await connection.fetchval(
            "SELECT coalesce(sum(p.amount_fen), 0)::bigint FROM clearing.posting p"
            " JOIN clearing.account a USING (account_no) WHERE a.code = $1 AND p.purpose <> $2",
            code, int(Purpose.SETTLEMENT),
        )  # fmt: skip
        return -int(fen)
    finally:
        await connection.close()


async def subsidy(city: City) -> dict[str, int]:
    """What was booked in the purse of subsidies, by account."""
    codes = ("subsidy/11", "budget", "issuer_discount")
    booked = {code: await booked_fen(city, f"subsidies/{code}") for code in codes}
    return {code: fen for code, fen in booked.items() if fen}


async def agreed(city: City, item_id: str, action: Action) -> None:
    """Two people of the staff propose and approve an action."""
    connection = await asyncpg.connect(city.context.dsn)
    try:
        async with connection.transaction():
            people = [Staff(name=name, key_sha256="0" * 64, since=OPEN) for name in ("anna", "bo")]
            await clearing_store.change_registry(connection, [("staff", row) for row in people])
        words = Words("seen by two", AGENT if action in _BACK else 0)
        proposal = await propose(connection, city.context, item_id, action, words, "anna")
        await decide(connection, city.context, proposal.proposal_no, True, "agreed", "bo")
    finally:
        await connection.close()
