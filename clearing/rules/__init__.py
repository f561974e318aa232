"""RULES: what a tap costs and who gets it, as dated data that is checked before it counts.

In:  rule sets, each a directory of TOML files with the CSV files that they name (``docs/rules.md``).
Out: ``plan.Tariff`` for the kernels, splits and fees by role, quotes.

``read`` gets the texts (a node stores them, so that a sealed day replays under its own rules),
``load`` checks and compiles them. The package must not know accounts, operators or cards: roles
become account numbers in the engine's compiler. One file per tariff type lies in ``tariffs/``.
"""

from clearing.rules.fees import FeeRule, Volume
from clearing.rules.loading import apportionments, load
from clearing.rules.places import Place
from clearing.rules.quoting import Claims, PairFare, Quote, read_pairs
from clearing.rules.ruleset import RuleSet, digest
from clearing.rules.shares import DatedSplit
from clearing.rules.source import directories_of, province_sets, read, sets_needed, shipped_sets

__all__ = [
    "Claims",
    "DatedSplit",
    "FeeRule",
    "PairFare",
    "Place",
    "Quote",
    "RuleSet",
    "Volume",
    "apportionments",
    "digest",
    "directories_of",
    "load",
    "province_sets",
    "read",
    "read_pairs",
    "sets_needed",
    "shipped_sets",
]
