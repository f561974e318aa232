"""A city node of a generated province, in a database that each round copies."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Final

from clearing.keys.chains import ChainEntry, check_chain
from clearing.keys.port import Secret
from clearing.keys.soft import MasterKey
from clearing.node import Node
from loadtest.province import Province
from schemas import cities
from schemas.batch import Batch, to_binary
from schemas.registry import Issuer
from service.database import create_database, drop_database
from service.home import make_home, open_node
from service.registration import issued_card, register

TAPS: Final = int(os.environ.get("ONECARD_BENCH_TAPS", "300000"))
SEED: Final = 20
DAY: Final = date(2026, 1, 5)
CITY: Final = "7910"


@dataclass
class BenchNode:
    """The node, the dsn of its untouched database, and its day's batches."""

    node: Node
    dsn: str
    batches: list[Batch] = field(repr=False)

    @property
    def bodies(self) -> list[bytes]:
        """The batches as binary envelopes."""
        return [to_binary(batch) for batch in self.batches]

    @property
    def taps(self) -> int:
        """Taps in all batches."""
        return sum(batch.header.count for batch in self.batches)

    @asynccontextmanager
    async def fresh(self) -> AsyncIterator[str]:
        """The dsn of a copy of the untouched database, dropped afterwards."""
        name = f"round_{os.getpid()}_{next(_ROUNDS)}"
        dsn = await create_database(self.dsn, name, template="onecard")
        try:
            yield dsn
        finally:
            await drop_database(self.dsn, name)


_ROUNDS = iter(range(1, 1_000_000))


@asynccontextmanager
async def bench_node(taps: int = TAPS) -> AsyncIterator[BenchNode]:
    """Make the node in a home of its own, which is removed afterwards."""
    province = Province(SEED, taps, DAY, batch_taps=10_000)
    home = Path(tempfile.mkdtemp(prefix="onecard-bench-"))
    try:
        await _make(province, home)
        batches = [batch for city, batch in province.days() if city == CITY]
        async with open_node(home) as opened:
            await _register(province, opened.dsn)
            yield BenchNode(opened.node, opened.dsn, batches)
    finally:
        shutil.rmtree(home)


async def _make(province: Province, home: Path) -> None:
    rows = [row for _, row in province.registry_rows(CITY)]
    keys = [
        MasterKey(
            check_chain(
                ChainEntry(
                    issuer=row.issuer,
                    key_version=row.key_version,
                    key_index=row.key_index,
                    algorithm=row.algorithm,
                    factors=row.factors,
                    city_code=row.city_code,
                ),
                "benchmark",
                row.issuer,
            ),
            Secret(row.master_key),
            test=True,
        )
        for row in province.key_sets(CITY)
    ]
    await make_home(
        home,
        city=cities.find(CITY),
        opened_on=DAY,
        issuers=[row for row in rows if isinstance(row, Issuer)],
        master_keys=keys,
    )


async def _register(province: Province, dsn: str) -> None:
    rows = province.registry_rows(CITY)
    numbers = {row.issuer.upper(): row.number for _, row in rows if isinstance(row, Issuer)}
    cards = [
        issued_card(
            family=card.family,
            issuer=card.issuer,
            issuer_number=numbers[card.issuer.upper()],
            serial=card.serial,
            card_kind=card.card_kind,
            expires=card.expires,
            offline_counter=card.offline_counter,
            online_counter=card.online_counter,
            balance_fen=card.balance_fen,
            closed=card.closed,
        )
        for card in province.issued_cards(CITY)
    ]
    await register(dsn, rows, cards)
