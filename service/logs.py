"""Logs: structlog, one event per batch, step and failed request; JSON in production.

Events carry no card number, key or body; processors need not mask what is never put in.
"""

import logging
import sys
from typing import Final

import structlog

from service.config import Settings

_LEVELS: Final = logging.getLevelNamesMapping()
LIBRARIES: Final = ("asyncio", "asyncpg", "_granian", "litestar")


class _Passing(logging.Handler):
    """Hands what libraries log on as events, without tracebacks: their errors reach us anyway."""

    def emit(self, record: logging.LogRecord) -> None:
        """One event."""
        structlog.get_logger(record.name).log(record.levelno, record.getMessage())


def configure(settings: Settings, *, production: bool = False) -> None:
    """Send events to standard error, as the settings say."""
    as_json = settings.log_format == "json" or (
        settings.log_format == "auto" and (production or not sys.stderr.isatty())
    )
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if as_json
        else structlog.dev.ConsoleRenderer()
    )
    _set_up(_LEVELS[settings.log_level.upper()], renderer)


def quiet() -> None:
    """For commands that speak to a person: only warnings, on standard error."""
    _set_up(logging.WARNING, structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty()))


def _set_up(level: int, renderer: structlog.typing.Processor) -> None:
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    for name in LIBRARIES:
        library = logging.getLogger(name)
        library.handlers, library.propagate = [_Passing()], False
