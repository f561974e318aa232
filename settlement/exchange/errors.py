"""Errors of the exchange that a person must know of; what a message does wrong is a ``MessageError``."""

from clearing.errors import ClearingError


class ExchangeError(ClearingError):
    """The exchange cannot go on here; nothing was half-written."""


class LinkDown(ExchangeError):
    """The other side did not answer. Everything waits in the outbox; the next round tries again."""


class AlreadyApplied(ExchangeError):
    """Somebody else applied the message meanwhile."""
