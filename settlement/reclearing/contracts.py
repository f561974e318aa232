"""Contracts of a sealed date under other rules: what they name must be there, and the accounts that it needs.

Whoever has a contract now had its accounts opened when rules or contract were put in force. A contract of
then may have ended since, and rules that came later may share its fares with others.
"""

from collections.abc import Collection

from clearing.compile import accounts_for
from clearing.errors import ClearingError
from clearing.rules import RuleSet
from clearing.store import (
    Connection,
    ensure_accounts,
    read_accounts,
    read_batches,
    read_registry,
    read_versions,
)
from schemas.accounts import code_of
from schemas.registry import Operator
from settlement import parties
from settlement.context import Context
from settlement.decisions.errors import DecisionRefused
from settlement.store import DayRow


async def prepare(
    connection: Connection, context: Context, day: DayRow, rules_version: int
) -> None:
    """Open the accounts that contracts of a date need under a version of the rules and that are missing.

    Raises ``DecisionRefused`` where these rules lack what a contract names, or share its fares with an owner
    who is no operator.
    """
    rules = await context.plans.rules(connection, rules_version)
    _, in_force = await read_versions(connection)
    known = await read_registry(connection, in_force, ("operator",))
    numbers = {operator.number for operator in parties.rows(known, "operator", Operator)}
    accounts, missing = await read_accounts(connection), []
    batches = await read_batches(connection, day.business_date)
    for version in sorted({batch.registry_version for batch in batches}):
        registry = await read_registry(connection, version, ("issuer", "operator"))
        for operator in parties.rows(registry, "operator", Operator):
            try:
                _check(rules, operator, numbers)
            except ClearingError as error:
                raise DecisionRefused(
                    f"The contract that operator {operator.number} had on {day.business_date} does not hold"
                    f" under version {rules_version} of the rules: {error.sentence}",
                    f"{error.remedy} What the contracts of that date name must stand in the rules that"
                    " correct it (onecard rules put), beside what came later.".lstrip(),
                ) from error
        missing += [
            want for want in accounts_for(registry, rules) if code_of(*want) not in accounts
        ]
    if missing:
        async with connection.transaction():
            await ensure_accounts(connection, missing)


def _check(rules: RuleSet, operator: Operator, numbers: Collection[int]) -> None:
    if operator.tariff:
        rules.tariff(operator.tariff)
    if operator.split:
        rules.check_owners(operator.split, numbers)
    for name in operator.all_fees:
        rules.fee_times(name)
