"""From the files of rule sets to a checked, compiled ``RuleSet``."""

from collections.abc import Mapping

from clearing.rules import accumulations, calendars, discounts, fees, shares, transfers
from clearing.rules.apportioning import Apportionment
from clearing.rules.collecting import Collected, Rule, each
from clearing.rules.compiling import TariffCompiler
from clearing.rules.networks import DatedNetwork, read_networks
from clearing.rules.ruleset import RuleSet


def load(files: Mapping[str, str]) -> RuleSet:
    """Check and compile rule sets: ``files`` maps ``SET/FILE`` to text, as ``read`` returns it.

    Raises ``RuleError`` at the first thing that does not hold, with file, line, rule and remedy.
    """
    collected = Collected(files)
    networks = _networks(collected)
    compiler = TariffCompiler(
        collected,
        calendars=each(collected, "calendar", lambda rule: calendars.read_calendar(rule.tables[0])),
        networks=networks,
        schemes=each(collected, "discount", lambda rule: discounts.read_schemes(rule.tables)),
        transfers=each(collected, "transfer", lambda rule: transfers.read_transfers(rule.tables)),
        accumulations=each(
            collected, "accumulation", lambda rule: accumulations.read_accumulations(rule.tables)
        ),
    )
    rules = RuleSet(files, collected)
    rules.tariffs = each(collected, "tariff", compiler.tariff)
    rules.splits = each(collected, "split", shares.SplitReader(collected, networks).splits)
    rules.fees = each(collected, "fee", lambda rule: fees.read_fees(rule.name, rule.tables))
    return rules


def apportionments(files: Mapping[str, str]) -> dict[str, list[Apportionment]]:
    """What the splits of rule sets say of apportionment, by full name, one for each version that says
    any. Their frozen tables need not hold, or be there: they may be about to be made.
    """
    collected = Collected(files)
    reader = shares.SplitReader(collected, _networks(collected))
    declared = each(collected, "split", reader.apportionments)
    return {name: versions for name, versions in declared.items() if versions}


def _networks(collected: Collected) -> dict[str, list[DatedNetwork]]:
    def read(rule: Rule) -> list[DatedNetwork]:
        return read_networks(rule.tables, collected.rows, dated=rule.dated)

    return each(collected, "network", read)
