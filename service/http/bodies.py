"""Reading a request's body: counted while it comes, within a size and a time, never longer kept.

A body that is refused is still taken off the line for a while and thrown away, because a client that
is busy sending does not see an answer before it is done, and a cut connection tells it nothing.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any, Final

from litestar import Request
from litestar.exceptions import InternalServerException

from schemas.reasons import Reason
from service.http.problems import ProblemError, refused

DISCARDED_BYTES_MAX: Final = 4 * 1024**3
DISCARD_WAIT_S: Final = 20.0

AnyRequest = Request[Any, Any, Any]


async def read(request: AnyRequest, bytes_max: int, wait_s: float) -> bytes:
    """The body. Raises the problem ``too_large``, or 408 where it does not come to its end."""
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > bytes_max:
        await discard(request)
        raise refused(Reason.TOO_LARGE, expected=f"at most {bytes_max} bytes", actual=declared)
    pieces: list[bytes] = []
    size = 0
    stream = request.stream()
    try:
        async with asyncio.timeout(wait_s):
            async for piece in stream:
                size += len(piece)
                if size > bytes_max:
                    break
                pieces.append(piece)
    except TimeoutError as error:
        raise ProblemError(
            408, "the body did not come to its end", f"{size} bytes came in {wait_s:.0f} s."
        ) from error
    except InternalServerException as error:
        # Litestar's word for a client that hung up, and for chunks that are none.
        raise ProblemError(
            400, "the body did not come to its end", f"It broke off after {size} bytes."
        ) from error
    if size > bytes_max:
        pieces.clear()
        await _drain(stream)
        raise refused(
            Reason.TOO_LARGE, expected=f"at most {bytes_max} bytes", actual=f"more than {bytes_max}"
        )
    return b"".join(pieces)


async def discard(request: AnyRequest) -> None:
    """Take a refused body off the line; not from a client that waits for our word to send it."""
    if request.headers.get("expect", "").lower() != "100-continue":
        await _drain(request.stream())


async def _drain(stream: AsyncIterator[bytes]) -> None:
    size = 0
    with suppress(TimeoutError, InternalServerException):
        async with asyncio.timeout(DISCARD_WAIT_S):
            async for piece in stream:
                size += len(piece)
                if size > DISCARDED_BYTES_MAX:
                    return
