"""The denylist over HTTP: an operator fetches it and acknowledges the version that it has.

The acknowledgement is the proof of delivery, so its time is the node's, never the sender's.
"""

from dataclasses import dataclass
from typing import Final

import msgspec
from litestar import Response, Router, get, post
from litestar.openapi.spec import OpenAPIMediaType, Operation, RequestBody, Schema
from litestar.openapi.spec.enums import OpenAPIType

from clearing import store
from clearing.limits import DENYLIST_GRACE_S
from clearing.plan import moment_of
from service import denylists
from service.http import bodies
from service.http.doors import AnyRequest, Doors
from service.http.problems import ProblemError
from settlement.denylist import read_current

ACKNOWLEDGEMENT_BYTES_MAX: Final = 1024
"""An acknowledgement is a number."""


class DeniedCard(msgspec.Struct, frozen=True):
    """A denied card: from local time ``since``, on the list since ``version``."""

    family: int
    issuer: str
    serial: str
    since: str
    version: int


class Delivered(msgspec.Struct, frozen=True):
    """What the operator acknowledged: the version, when, from when it binds, whether it does now."""

    version: int
    acknowledged_at: str
    binds_from: str
    binds: bool


class DenylistAnswer(msgspec.Struct, frozen=True):
    """The denylist in force. ``acknowledged`` is null until the operator acknowledged a version;
    ``grace_s``: seconds from an acknowledgement until the version binds."""

    version: int
    published_at: str | None
    grace_s: int
    acknowledged: Delivered | None
    cards: list[DeniedCard]


class AcknowledgementAnswer(msgspec.Struct, frozen=True):
    """A version that the operator has. The same again gives the same answer."""

    version: int
    acknowledged_at: str
    binds_from: str


class _Version(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    version: int


@dataclass
class AcknowledgeOperation(Operation):
    """The OpenAPI description of the body, which is read within bounds of its own."""

    def __post_init__(self) -> None:
        self.request_body = RequestBody(
            description="The version that the operator has loaded.",
            required=True,
            content={
                "application/json": OpenAPIMediaType(
                    schema=Schema(
                        type=OpenAPIType.OBJECT,
                        properties={"version": Schema(type=OpenAPIType.INTEGER, minimum=1)},
                        required=["version"],
                    )
                )
            },
        )


@get("/v1/denylist", summary="Fetch the denylist")
async def fetch(request: AnyRequest, doors: Doors) -> Response[bytes]:
    """Every denied card, under the version to acknowledge."""
    operator = await doors.operator_of(request)
    async with doors.reading.acquire() as connection:
        current = await read_current(connection)
        now = moment_of(doors.opened.node.clock_s(await store.read_open_date(connection)))
    state = denylists.state_of(operator, current.versions, now)
    delivered = None
    if state.acknowledged_at is not None and state.binds_from is not None:
        delivered = Delivered(
            state.version,
            state.acknowledged_at.isoformat(),
            state.binds_from.isoformat(),
            state.binds,
        )
    answer = DenylistAnswer(
        version=current.version,
        published_at=current.published_at or None,
        grace_s=DENYLIST_GRACE_S,
        acknowledged=delivered,
        cards=[DeniedCard(**msgspec.structs.asdict(card)) for card in current.cards],
    )
    return Response(msgspec.json.encode(answer), media_type="application/json")


@post(
    "/v1/denylist/acknowledgements",
    operation_class=AcknowledgeOperation,
    status_code=200,
    summary="Acknowledge a denylist version",
)
async def acknowledge(request: AnyRequest, doors: Doors) -> Response[bytes]:
    """The operator has the version, from this moment on; plus grace, it binds."""
    async with doors.working():
        try:
            operator = await doors.operator_of(request)
        except ProblemError:
            await bodies.discard(request)
            raise
        body = await bodies.read(
            request, ACKNOWLEDGEMENT_BYTES_MAX, doors.opened.settings.body_wait_s
        )
        try:
            version = msgspec.json.decode(body, type=_Version).version
        except msgspec.MsgspecError as error:
            raise ProblemError(
                400, "not an acknowledgement", f'{error}. Send {{"version": 3}}.'
            ) from error
        async with doors.reading.acquire() as connection, connection.transaction():
            done = await denylists.acknowledge_in(
                connection, doors.opened.node, operator.number, version
            )
    answer = AcknowledgementAnswer(
        done.version, done.acknowledged_at.isoformat(), done.binds_from.isoformat()
    )
    return Response(msgspec.json.encode(answer), media_type="application/json")


ROUTER: Final = Router("/", route_handlers=[fetch, acknowledge], tags=["denylist"])
"""The routes."""
