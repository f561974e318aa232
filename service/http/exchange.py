"""Messages between nodes: where another node's signed messages come in and ours are fetched.

A node's identity is its signature over the message (``schemas.exchange``), not an API key. What a
message does is ``settlement.exchange``'s matter; a handler reads the body within bounds, hands it on,
and answers with what comes back.
"""

from typing import Any, Final

from litestar import Request, Response, Router, post
from litestar.openapi.spec import SecurityRequirement

from schemas import exchange as words
from schemas.exchange import MessageError
from service.http import bodies
from service.http.doors import Doors
from service.http.problems import ProblemError
from settlement.exchange import post as mail

MEDIA_TYPE: Final = "application/vnd.onecard.exchange"
PULL_BYTES_MAX: Final = 4096
"""A pull request is a name, two numbers and a signature."""
UNSIGNED: Final[list[SecurityRequirement]] = [{}]
"""No API key: the signature is in the body."""


@post("/messages", status_code=200, media_type=MEDIA_TYPE, security=UNSIGNED)
async def receive(request: Request[Any, Any, Any], doors: Doors) -> Response[bytes]:
    """Take one signed message; the signed acknowledgement says what became of it."""
    body = await bodies.read(request, words.MESSAGE_BYTES_MAX, doors.opened.settings.body_wait_s)
    async with (
        doors.working(),
        doors.reading.acquire() as connection,
        connection.transaction(),
    ):
        answer = await mail.receive(connection, doors.opened.node, body)
    return Response(words.encode(answer), media_type=MEDIA_TYPE)


@post("/pulls", status_code=200, media_type=MEDIA_TYPE, security=UNSIGNED)
async def pull(request: Request[Any, Any, Any], doors: Doors) -> Response[bytes]:
    """Hand out the messages that wait for the city that signed the request."""
    body = await bodies.read(request, PULL_BYTES_MAX, doors.opened.settings.body_wait_s)
    try:
        async with (
            doors.working(),
            doors.reading.acquire() as connection,
            connection.transaction(),
        ):
            envelopes = await mail.answer_pull(connection, doors.opened.node, body)
    except MessageError as error:
        raise ProblemError(
            400, "not a pull request of a city of this exchange", error.detail
        ) from error
    return Response(words.encode_pulled(envelopes), media_type=MEDIA_TYPE)


ROUTER: Final = Router("/v1/exchange", route_handlers=[receive, pull], tags=["exchange"])
"""The routes."""
