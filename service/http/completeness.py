"""Completeness over HTTP: an operator sees which of its batch numbers and dates are missing."""

from datetime import date
from typing import Annotated, Any, Final

import msgspec
from litestar import Response, Router, get
from litestar.params import QueryParameter

from schemas.reasons import Reason
from service.completeness import days_of, read_boards
from service.http.batches import text_of
from service.http.doors import AnyRequest, Doors


@get("/v1/completeness", summary="What is missing")
async def completeness(
    request: AnyRequest,
    doors: Doors,
    on: Annotated[
        date | None, QueryParameter(name="date", description="Business date; the open one.")
    ] = None,
) -> Response[bytes]:
    """Of the operator's own batches: numbers that have not come, dates without any, what was late."""
    operator = await doors.operator_of(request)
    async with doors.reading.acquire() as connection:
        days = await days_of(connection, on)
    async with doors.reading_as(operator) as connection:
        (board,) = await read_boards(connection, [operator], days)
    answer: dict[str, Any] = {
        "date": days.on,
        **msgspec.structs.asdict(board),
        "remarks": [text_of(Reason.NUMBER_GAP)] if board.missing else [],
    }
    return Response(msgspec.json.encode(answer), media_type="application/json")


ROUTER: Final = Router("/", route_handlers=[completeness], tags=["completeness"])
"""The routes."""
