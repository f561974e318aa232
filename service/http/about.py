"""What anyone may ask: the reasons, and whether the node is well."""

from typing import Any, Final

import asyncpg
import msgspec
from litestar import Response, Router, get

from clearing import store
from clearing.errors import ClearingError
from schemas.codes import Verdict
from schemas.reasons import TABLE
from service.http.doors import Doors

_LOST: Final = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, ClearingError)


@get("/v1/reasons", summary="The reason table", sync_to_thread=False)
def reasons() -> Response[bytes]:
    """Every reason, in table order, in two languages."""
    rows = [
        {
            "number": int(row.reason),
            "name": row.name,
            "level": "record" if row.reason < 64 else "file",
            "outcome": Verdict(row.outcome).name.lower(),
            "field": row.field,
            "bearer": row.bearer,
            "chinese": row.chinese,
            "english": row.english,
            "remedy_chinese": row.remedy_chinese,
            "remedy": row.remedy_english,
        }
        for row in TABLE
    ]
    return Response(msgspec.json.encode(rows), media_type="application/json")


@get("/v1/health", summary="Is the node well?")
async def health(doors: Doors) -> Response[bytes]:
    """200 while batches are taken, 503 while not."""
    answer: dict[str, Any] = {
        "status": "stopping" if doors.closing else "ok",
        "node": doors.opened.node.city,
        "name": doors.opened.node.row.name,
        "role": doors.opened.node.row.role,
    }
    try:
        async with doors.reading.acquire(timeout=2) as connection:
            answer["open_date"] = str(await store.read_open_date(connection))
    except _LOST:
        answer["status"] = "database away"
    return Response(
        msgspec.json.encode(answer),
        media_type="application/json",
        status_code=200 if answer["status"] == "ok" else 503,
    )


ROUTER: Final = Router("/", route_handlers=[reasons, health], tags=["about"])
"""The routes."""
