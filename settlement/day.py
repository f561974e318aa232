"""The night of one node: ``settle_day`` is the table of contents of settlement.

open → cut_off → complete → audited → netted → stated → instructed → sealed. Each step runs in one
transaction with the change of the date's state, so a kill leaves the date before a step or after it;
what a step writes follows from what is stored, so running again gives the same bytes.
"""

from collections.abc import Awaitable, Callable
from datetime import date
from typing import Final

import asyncpg
import structlog

from settlement import papers, store
from settlement.audit import audit
from settlement.context import Context
from settlement.cutoff import cut_off
from settlement.errors import DayNotReady, SettlementError
from settlement.exchange import outbound, province
from settlement.netting import net
from settlement.payments import instruct
from settlement.seal import seal
from settlement.statements import state
from settlement.store import Connection, DayRow

__all__ = ["Context", "settle_day"]

log = structlog.get_logger(__name__)

Step = Callable[[Connection, Context, DayRow], Awaitable[None]]


async def settle_day(context: Context, business_date: date, *, until: str = "sealed") -> DayRow:
    """Take a business date from where it is to the state ``until``; returns it as it is then.

    A date that is there already stays as it is. Raises ``NightRunning`` while another process settles
    this node, ``DayNotReady`` where the date or one before it is not as far, ``AuditFailed``.
    """
    if until not in STEPS:
        raise SettlementError(f"There is no state {until!r}.", f"Known are: {', '.join(STEPS)}.")
    await _cut_off(context, business_date)
    if until == "cut_off":
        async with store.reading(context.dsn) as connection:
            return await store.read_day(connection, business_date)
    async with store.night(context.dsn) as connection:
        for name in STEPS:
            if store.STATES.index(name) <= store.STATES.index(until):
                await _step(connection, context, business_date, name)
        day = await store.read_day(connection, business_date)
        await papers.publish(
            connection, context.papers, business_date, sealed=day.state == "sealed"
        )
    return day


async def complete(connection: Connection, context: Context, day: DayRow) -> None:
    """Nothing is missing any more: a city presents its claims, the province closes the cycle."""
    if context.is_province:
        await province.close_cycle(connection, context.node, day.business_date)
    else:
        await outbound.present(connection, context.node, day.business_date)


STEPS: Final[dict[str, Step]] = {
    "cut_off": cut_off,
    "complete": complete,
    "audited": audit,
    "netted": net,
    "stated": state,
    "instructed": instruct,
    "sealed": seal,
}
"""Each step by the state that it leads to, in order."""


async def _cut_off(context: Context, business_date: date) -> None:
    """Cut off without the night lock: a date closes on time, whatever night is at work."""
    connection = await asyncpg.connect(context.dsn)
    try:
        await _step(connection, context, business_date, "cut_off")
    finally:
        await connection.close()


async def _step(connection: Connection, context: Context, business_date: date, name: str) -> None:
    """One step and the change of state, in one transaction; nothing where it is done already."""
    before = store.STATES[store.STATES.index(name) - 1]
    async with connection.transaction():
        day = await store.read_day(connection, business_date, lock="FOR UPDATE")
        if day.reached(name):
            return
        if day.state != before:
            raise DayNotReady(
                f"{business_date} is {day.state}; {name} follows on {before}.", "Settle it anew."
            )
        await STEPS[name](connection, context, day)
        await store.change_day(connection, business_date, state=name)
    log.info("step done", business_date=str(business_date), state=name)
