"""Cut-off: the open date closes and the next one opens, in one instant.

Intake holds the open date's row FOR SHARE while it commits; whoever calls this holds it FOR UPDATE.
So a batch is on the one date or on the other, and intake waits for no longer than this takes.
"""

from datetime import timedelta

from clearing.store import open_day, read_versions
from settlement import store
from settlement.context import Context
from settlement.store import Connection, DayRow


async def cut_off(connection: Connection, _: Context, day: DayRow) -> None:
    """Fix what the date consists of, and open the next one."""
    rules_version, registry_version = await read_versions(connection)
    first, last = await store.read_batch_range(connection, day.business_date)
    await store.change_day(
        connection,
        day.business_date,
        state="cut_off",
        first_batch_seq=first,
        last_batch_seq=last,
        registry_version=registry_version,
        rules_version=rules_version,
        rules_digest=await store.read_rules_digest(connection, rules_version),
    )
    await open_day(connection, day.business_date + timedelta(days=1))
