"""All mutants, in the order that a tap meets the code."""

from __future__ import annotations

from tests.mutants.apportioning import APPORTIONING
from tests.mutants.chains import CHAINS
from tests.mutants.kernels import C_KERNEL, PLAIN_KERNEL
from tests.mutants.mutant import Mutant
from tests.mutants.nights import DECISIONS, FEES, ITEMS, RECLEARINGS, SETTLEMENT
from tests.mutants.stages import BETWEEN_CITIES, CLEARING

__all__ = ["MUTANTS", "Mutant"]

MUTANTS: tuple[Mutant, ...] = (
    *PLAIN_KERNEL, *C_KERNEL, *CLEARING, *APPORTIONING, *SETTLEMENT, *CHAINS, *ITEMS, *DECISIONS,
    *RECLEARINGS, *FEES, *BETWEEN_CITIES,
)  # fmt: skip
