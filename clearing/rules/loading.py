"""From the files of rule sets to a checked, compiled ``RuleSet``."""

from collections.abc import Mapping

from clearing.rules import accumulations, calendars, discounts, networks, shares, transfers
from clearing.rules.collecting import Collected, Rule, each
from clearing.rules.compiling import TariffCompiler
from clearing.rules.ruleset import RuleSet


def load(files: Mapping[str, str]) -> RuleSet:
    """Check and compile rule sets: ``files`` maps ``SET/FILE`` to text, as ``read`` returns it.

    Raises ``RuleError`` at the first thing that does not hold, with file, line, rule and remedy.
    """
    collected = Collected(files)

    def networks_of(rule: Rule) -> list[networks.DatedNetwork]:
        return networks.read_networks(rule.tables, collected.rows, dated=rule.dated)

    compiler = TariffCompiler(
        collected,
        calendars=each(collected, "calendar", lambda rule: calendars.read_calendar(rule.tables[0])),
        networks=each(collected, "network", networks_of),
        schemes=each(collected, "discount", lambda rule: discounts.read_schemes(rule.tables)),
        transfers=each(collected, "transfer", lambda rule: transfers.read_transfers(rule.tables)),
        accumulations=each(
            collected, "accumulation", lambda rule: accumulations.read_accumulations(rule.tables)
        ),
    )
    rules = RuleSet(files, collected)
    rules.tariffs = each(collected, "tariff", compiler.tariff)
    rules.splits = each(collected, "split", lambda rule: shares.read_splits(rule.tables))
    rules.fees = each(collected, "fee", lambda rule: shares.read_fees(rule.name, rule.tables))
    return rules
