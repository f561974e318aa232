"""REPRICING: closed dates judged again under other rules, beside what they were judged as.

Nothing here writes. ``reprice`` compares one date; ``Repricer`` goes through dates in order (docs/adr/0021);
``corrections`` says what re-clearing a date would come to; ``simulation`` adds dates up for who asks what rules
would have done.
"""

from settlement.repricing.other_rules import OtherRules
from settlement.repricing.repriced import (
    AccountTotals,
    Amounts,
    LeftOutTotals,
    LineTotals,
    Repriced,
)
from settlement.repricing.repricer import Repricer, reprice

__all__ = [
    "AccountTotals",
    "Amounts",
    "LeftOutTotals",
    "LineTotals",
    "OtherRules",
    "Repriced",
    "Repricer",
    "reprice",
]
