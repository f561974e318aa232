"""Errors over HTTP: problem details (RFC 9457), with our reason where there is one."""

from typing import Any, Final

import asyncpg
import msgspec
import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException

from clearing.errors import ClearingError, DayClosed, NotTheWriter, StoreUnavailable
from clearing.intake import Refusal
from schemas.reasons import ROW, Reason

log = structlog.get_logger(__name__)

MEDIA_TYPE: Final = "application/problem+json"

STATUS: Final[dict[Reason, int]] = {
    Reason.UNREADABLE: 400,
    Reason.VERSION_UNKNOWN: 400,
    Reason.TOO_LARGE: 413,
    Reason.KEY_WRONG: 403,
    Reason.OPERATOR_SUSPENDED: 403,
    Reason.NUMBER_USED: 409,
}
"""Status of a refused batch; 422 for the others: understood, and not acceptable."""


class ProblemError(Exception):
    """An error with its status; ``members`` are further members of the document."""

    def __init__(
        self,
        status: int,
        title: str,
        detail: str = "",
        headers: dict[str, str] | None = None,
        **members: Any,
    ) -> None:
        self.status, self.title, self.detail = status, title, detail
        self.headers, self.members = headers or {}, members
        super().__init__(title)


def refused(reason: Reason, *, expected: str = "", actual: str = "") -> ProblemError:
    """The problem of a batch that was not taken."""
    row = ROW[reason]
    members: dict[str, Any] = {
        "reason": row.name,
        "reason_number": int(reason),
        "chinese": row.chinese,
        "remedy": row.remedy_english,
        "remedy_chinese": row.remedy_chinese,
    }
    if expected:
        members |= {"field": row.field, "expected": expected}
    if actual:
        members["actual"] = actual
    refusal = Refusal(reason, expected=expected, actual=actual)
    return ProblemError(STATUS.get(reason, 422), row.english, refusal.sentence, **members)


def problem_of(error: Exception) -> ProblemError:
    """The problem that an exception is to whoever asked."""
    match error:
        case ProblemError():
            return error
        case Refusal():
            return refused(error.reason, expected=error.expected, actual=error.actual)
        case StoreUnavailable() | NotTheWriter() | DayClosed():
            return ProblemError(
                503,
                "not available at this moment",
                error.sentence,
                {"Retry-After": "5"},
                remedy=error.remedy,
            )
        case (
            asyncpg.PostgresConnectionError()
            | asyncpg.OperatorInterventionError()
            | asyncpg.InterfaceError()
            | OSError()
        ):
            return ProblemError(
                503,
                "not available at this moment",
                "The database is away; nothing was acknowledged.",
                {"Retry-After": "5"},
            )
        case ClearingError():
            return ProblemError(422, "not possible", error.sentence, remedy=error.remedy)
        case HTTPException():
            extra = error.extra if isinstance(error.extra, list) else []
            said = [
                f"{item.get('key', '')}: {item['message']}" for item in extra if "message" in item
            ]
            return ProblemError(
                error.status_code,
                str(error.detail) or "refused",
                "; ".join(said),
                dict(error.headers or {}),
            )
        case _:
            return ProblemError(500, "defect", "This is a defect of onecard's; it was logged.")


def answer(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """What Litestar sends for an exception. A refusal is an event, a defect an error."""
    problem = problem_of(error)
    where = {"method": request.method, "path": request.url.path, "status": problem.status}
    if problem.status == 500:
        log.error("request failed", **where, exc_info=error)
    elif "reason" in problem.members:
        log.warning("batch refused", **where, reason=problem.members["reason"])
    elif problem.status >= 500 or problem.status in {401, 403, 429}:
        log.warning("request refused", **where, title=problem.title)
    reason = problem.members.get("reason")
    document: dict[str, Any] = {
        "type": f"/v1/reasons#{reason}" if reason else "about:blank",
        "title": problem.title,
        "status": problem.status,
    }
    if problem.detail:
        document["detail"] = problem.detail
    return Response(
        content=msgspec.json.encode(document | problem.members),
        status_code=problem.status,
        media_type=MEDIA_TYPE,
        headers=problem.headers,
    )
