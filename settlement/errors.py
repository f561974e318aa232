"""Exceptions of the night.

SettlementError              a ``ClearingError`` of the night: sentence, remedy
├── NightRunning             another process settles this node
├── DayNotReady              the date, or one before it, is not as far as it must be
└── AuditFailed              the date does not come out as it was stored; ``findings`` say what
"""

from clearing.errors import ClearingError
from settlement.findings import Finding

SHOWN_MAX = 5


class SettlementError(ClearingError):
    """An error of the night."""


class NightRunning(SettlementError):
    """Another process settles this node."""


class DayNotReady(SettlementError):
    """The date, or one before it, is not as far as it must be."""


class AuditFailed(SettlementError):
    """The date does not come out as it was stored: ``findings`` name every difference."""

    def __init__(self, what: str, findings: list[Finding]) -> None:
        self.findings = findings
        shown = "; ".join(finding.sentence for finding in findings[:SHOWN_MAX])
        more = len(findings) - SHOWN_MAX
        shown += f"; and {more} more" if more > 0 else ""
        super().__init__(
            f"{what}: {shown}.",
            "The date stays as it is. Find out who changed what is named, restore it, settle again.",
        )
