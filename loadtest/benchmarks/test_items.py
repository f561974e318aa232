"""Open items by the million: what the night and people ask of them, as calls per second.

Of the items one in six is closed, one in four was changed and stays open, and money of one in three stands
on an account. How many: ``ONECARD_BENCH_ITEMS``.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any, Final

import asyncpg
import pytest

from schemas.items import ItemKind
from schemas.migrations import apply
from service.database import running
from settlement.store import items, waiting

ITEMS: Final = int(os.environ.get("ONECARD_BENCH_ITEMS", "1200000"))
NOW: Final = date(2026, 3, 2)
"""The open date; the items were opened on the sixty dates before it."""

ACCOUNTS: Final = """
INSERT INTO clearing.account (account_no, code, purse, kind, participant)
VALUES (1, 'principal/suspense', 1, 'suspense', ''), (2, 'principal/unclaimed', 1, 'unclaimed', '')
"""
OPENED: Final = """
INSERT INTO settlement.item (item_id, kind, opened_on, batch_seq, row_no, card, terminal_id, operator_no,
    amount_fen, account_no, due_on, body)
SELECT kind || '/' || n, kind, date '2026-01-01' + n % 60, n / 1000, n % 1000,
    substr(sha256(int4send(n % 400000)), 1, 19), substr(sha256(int4send(n % 5000)), 1, 6), n % 200,
    n % 900 + 1, CASE WHEN n % 3 = 0 THEN 1 END, date '2026-02-01' + n % 60, '{"reason": "tac_torn"}'
FROM (SELECT n, (ARRAY['chain_gap', 'chain_rise', 'held', 'held_unproven', 'torn', 'terminal_gap'])
    [1 + n % 7 % 6] AS kind FROM generate_series(1, $1) n) made
"""
CHANGED: Final = """
INSERT INTO settlement.item_change (item_id, change_no, business_date, state, outcome, amount_fen,
    account_no, body)
SELECT item_id, 1, opened_on + 1, CASE WHEN n % 6 = 0 THEN 'closed' ELSE 'open' END,
    CASE WHEN n % 6 = 0 THEN 'arrived' ELSE 'restated' END, amount_fen,
    CASE WHEN n % 6 > 0 THEN account_no END, '{}'
FROM (SELECT *, batch_seq * 1000 + row_no AS n FROM settlement.item) i WHERE n % 6 = 0 OR n % 4 = 0
"""
QUESTIONS: Final[dict[str, Callable[[Any], Awaitable[object]]]] = {
    "items_page": lambda connection: waiting.read_page(connection, NOW, waiting.Wanted(), limit=50),
    "items_page_of_kind": lambda connection: waiting.read_page(
        connection, NOW, waiting.Wanted(kind=ItemKind.TORN), limit=50
    ),
    "items_by_age": lambda connection: waiting.read_ages(connection, NOW, waiting.Wanted()),
    "items_by_kind": lambda connection: waiting.read_waiting(connection, NOW),
    "items_by_account": lambda connection: waiting.read_moneys(connection, NOW),
    "items_by_account_yesterday": lambda connection: waiting.read_moneys(
        connection, date(2026, 3, 1)
    ),
    "items_of_a_card": lambda connection: items.read_standing(
        connection, NOW, cards=[bytes(19)], terminals=[bytes(6)]
    ),
    "items_all_open_torn": lambda connection: items.read_standing(
        connection, NOW, before_night=True, kinds=[ItemKind.TORN]
    ),
}
"""What is asked, by the key under which it is reported."""


@pytest.fixture(scope="module")
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    """One event loop for the module: the connection lives on it."""
    made = asyncio.new_event_loop()
    yield made
    made.close()


@pytest.fixture(scope="module")
def connection(loop: asyncio.AbstractEventLoop) -> Iterator[Any]:
    """A connection to a database of its own with all the items in it."""

    async def fill(dsn: str) -> Any:
        made = await asyncpg.connect(dsn)
        await apply(made)
        await made.execute(ACCOUNTS)
        await made.execute(OPENED, ITEMS)
        await made.execute(CHANGED)
        await made.execute("VACUUM ANALYZE")
        return made

    with tempfile.TemporaryDirectory(prefix="onecard-items-") as home:
        server = running(Path(home))
        started = loop.run_until_complete(server.__aenter__())
        made = loop.run_until_complete(fill(started.dsn))
        yield made
        loop.run_until_complete(made.close())
        loop.run_until_complete(server.__aexit__(None, None, None))


@pytest.mark.parametrize("key", QUESTIONS)
def test_items(benchmark: Any, connection: Any, loop: asyncio.AbstractEventLoop, key: str) -> None:
    """One question after another; the first of each warms up."""
    ask = QUESTIONS[key]
    benchmark.pedantic(
        lambda: loop.run_until_complete(ask(connection)), rounds=3, iterations=1, warmup_rounds=1
    )
    benchmark.extra_info.update(key=f"{key}_calls_per_s", taps=1)
