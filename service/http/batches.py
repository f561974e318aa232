"""Batches over HTTP: submit one, fetch its receipt, read its verdicts."""

from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

import msgspec
from litestar import Response, Router, get, post
from litestar.openapi.spec import OpenAPIMediaType, Operation, RequestBody, Schema
from litestar.openapi.spec.enums import OpenAPIFormat, OpenAPIType
from litestar.params import QueryParameter

from clearing import inspection
from clearing.inspection import StoredTap
from clearing.limits import BATCH_TAPS_MAX
from clearing.store import BatchRow
from schemas import record
from schemas.codes import TapKind, Verdict
from schemas.forms import Form
from schemas.reasons import ROW, Reason, names
from schemas.registry import Operator
from service.evidence import Evidence, in_words
from service.http import bodies
from service.http.doors import AnyRequest, Doors
from service.http.problems import ProblemError
from service.masking import masked

PAGE_ROWS: Final = 500
PAGE_ROWS_MAX: Final = 5_000

FORMS: Final[dict[str, Form]] = {
    Form.BINARY.value: Form.BINARY,
    Form.JSON_LINES.value: Form.JSON_LINES,
    "application/jsonl": Form.JSON_LINES,
    "application/x-jsonlines": Form.JSON_LINES,
    Form.CSV.value: Form.CSV,
    Form.MESSAGE_PACK.value: Form.MESSAGE_PACK,
    "application/x-msgpack": Form.MESSAGE_PACK,
    "application/vnd.msgpack": Form.MESSAGE_PACK,
}
"""Media types that name a form; under any other the form is detected from the body."""

By = Annotated[
    Literal["number", "batch_seq"],
    QueryParameter(description="What the number in the path is: the operator's own, or batch_seq."),
]


class Text(msgspec.Struct, frozen=True):
    """A reason by number, name and in two languages."""

    number: int
    name: str
    chinese: str
    english: str
    remedy_chinese: str
    remedy: str
    bearer: str


class Money(msgspec.Struct, frozen=True):
    """The money of a tap, fen: what was signed, the fare before discounts, what our tariff says
    nearest to it, what the operator's side got, what others pay the operator for the discount."""

    amount_fen: int
    gross_fen: int
    priced_fen: int
    credited_fen: int
    subsidy_fen: int


class TapAnswer(msgspec.Struct, frozen=True):
    """What became of one tap. ``row`` counts from 0; the card's number is masked."""

    row: int
    kind: str
    card: str
    terminal_id: str
    terminal_number: int
    tapped_at: str
    verdict: str
    reason: Text | None
    flags: list[Text]
    evidence: list[Evidence]
    money: Money


class Versions(msgspec.Struct, frozen=True):
    """Under which versions a batch was judged."""

    rules: int
    registry: int
    denylist: int


class BatchAnswer(msgspec.Struct, frozen=True):
    """Verdicts of a batch, a page of them; ``next`` is the ``from`` of the following page."""

    batch_seq: int
    number: int
    operator: int
    business_date: str
    declared_date: str
    taps: int
    versions: Versions
    batch_root: str
    rows: list[TapAnswer]
    next: int | None


@dataclass
class SubmitOperation(Operation):
    """The OpenAPI description of the body, which is read as bytes and so has no type of its own."""

    def __post_init__(self) -> None:
        self.request_body = RequestBody(
            description="One signed batch in one of the four forms (see schemas/published).",
            required=True,
            content={
                form.value: OpenAPIMediaType(
                    schema=Schema(type=OpenAPIType.STRING, format=OpenAPIFormat.BINARY)
                )
                for form in Form
            },
        )


@post(
    "/v1/batches",
    operation_class=SubmitOperation,
    status_code=200,
    request_max_body_size=None,
    summary="Submit a batch",
    description="The receipt. The same batch again gives the same bytes; its number with other"
    " content is refused.",
)
async def submit(request: AnyRequest, doors: Doors) -> Response[bytes]:
    """Clear one batch; the answer is its receipt."""
    async with doors.working():
        try:
            operator = await doors.operator_of(request)
        except ProblemError:
            await bodies.discard(request)
            raise
        settings = doors.opened.settings
        body = await bodies.read(request, settings.body_max_bytes, settings.body_wait_s)
        media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        receipt = await doors.engine.clear_batch(
            body, FORMS.get(media_type), only_operator=operator.number
        )
    return Response(receipt, media_type="application/json")


@get("/v1/batches/{number:int}/receipt", summary="Fetch a receipt")
async def receipt(
    request: AnyRequest, doors: Doors, number: int, by: By = "number"
) -> Response[bytes]:
    """The receipt of one of the operator's batches, byte for byte as it was given."""
    operator = await doors.operator_of(request)
    async with doors.reading_as(operator) as connection:
        batch = await _find(connection, operator, number, by)
    return Response(batch.receipt, media_type="application/json")


@get("/v1/batches/{number:int}/verdicts", summary="Read verdicts")
async def verdicts(
    request: AnyRequest,
    doors: Doors,
    number: int,
    by: By = "number",
    first: Annotated[
        int, QueryParameter(name="from", ge=0, le=BATCH_TAPS_MAX, description="First row.")
    ] = 0,
    rows: Annotated[int, QueryParameter(ge=1, le=PAGE_ROWS_MAX, description="Rows.")] = PAGE_ROWS,
) -> Response[bytes]:
    """What became of each tap of one of the operator's batches."""
    operator = await doors.operator_of(request)
    async with doors.reading_as(operator) as connection:
        batch = await _find(connection, operator, number, by)
        taps = await inspection.read_taps(connection, batch, first, rows, own=True)
    following = first + rows
    page = BatchAnswer(
        batch_seq=batch.batch_seq,
        number=batch.number,
        operator=batch.operator_no,
        business_date=str(batch.business_date),
        declared_date=str(batch.declared_date),
        taps=batch.tap_count,
        versions=Versions(batch.rules_version, batch.registry_version, batch.denylist_version),
        batch_root=batch.batch_root.hex(),
        rows=[answer_of(tap) for tap in taps],
        next=following if following < batch.tap_count else None,
    )
    return Response(msgspec.json.encode(page), media_type="application/json")


async def _find(connection: Any, operator: Operator, number: int, by: str) -> BatchRow:
    """The batch, or 404: whether another operator has it is not told."""
    if by == "batch_seq":
        batch = await inspection.batch_by_seq(connection, number)
    else:
        batch = await inspection.batch_by_number(connection, operator.number, number)
    if batch is None or batch.operator_no != operator.number:
        raise ProblemError(404, "no such batch", f"You have no batch {by} {number}.")
    return batch


def text_of(reason: Reason) -> Text:
    """A reason as answers carry it."""
    row = ROW[reason]
    return Text(
        int(reason),
        row.name,
        row.chinese,
        row.english,
        row.remedy_chinese,
        row.remedy_english,
        row.bearer,
    )


def answer_of(tap: StoredTap) -> TapAnswer:
    """What became of a stored tap."""
    fields = record.unpack(tap.record)
    kinds = {kind.value: kind.name.lower() for kind in TapKind}
    return TapAnswer(
        row=tap.row_no,
        kind=kinds.get(tap.kind, str(tap.kind)),
        card=masked(fields.serial),
        terminal_id=fields.terminal_id,
        terminal_number=fields.terminal_number,
        tapped_at=fields.tapped_at,
        verdict=Verdict(tap.verdict).name.lower(),
        reason=text_of(Reason(tap.reason)) if tap.reason else None,
        flags=[text_of(Reason[name.upper()]) for name in names(tap.flags)],
        evidence=[in_words(remark) for remark in tap.remarks],
        money=Money(
            tap.amount_fen, tap.gross_fen, tap.priced_fen, tap.credited_fen, tap.subsidy_fen
        ),
    )


ROUTER: Final = Router("/", route_handlers=[submit, receipt, verdicts], tags=["batches"])
"""The routes."""

__all__ = ["ROUTER", "answer_of", "text_of"]
