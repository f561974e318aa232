"""Exceptions of decisions.

DecisionRefused     a proposal or decision that cannot be taken: sentence, remedy; nothing was written
"""

from settlement.errors import SettlementError


class DecisionRefused(SettlementError):
    """A proposal or decision that cannot be taken; nothing was written."""
