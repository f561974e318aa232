"""Registries and rules at given versions → the plan that kernels judge by.

The one place where role names of rules meet account numbers of the ledger.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import TypeVar

from clearing import plan
from clearing.errors import RuleError
from clearing.keys.chains import KeySetId
from clearing.keys.port import KeyStore
from clearing.limits import DENYLIST_GRACE_S
from clearing.plan import FOREVER, Limits, Plan, local_seconds
from clearing.rules import RuleSet
from schemas import registry
from schemas.accounts import Account, AccountKind, code_of
from schemas.codes import Check, Purse, Verdict
from schemas.reasons import RECORD_LEVEL

Registry = Mapping[str, Sequence[object]]
WantedAccount = tuple[Purse, AccountKind, str]
_Row = TypeVar("_Row")


def sets_of_contracts(rows: Registry) -> set[str]:
    """The rule sets that contracts of operators go by."""
    names = {
        name
        for row in _rows(rows, "operator", registry.Operator)
        for name in (row.tariff, row.split, row.fee, *row.fees)
    }
    return {name.partition("/")[0] for name in names if name}


def accounts_for(rows: Registry, rules: RuleSet) -> list[WantedAccount]:
    """Every account that these registries and rules need, in a fixed order."""
    principal = Purse.PRINCIPAL
    wanted: list[WantedAccount] = [
        (principal, AccountKind.SUSPENSE, ""),
        (principal, AccountKind.PROVINCE_PENDING, ""),
        (principal, AccountKind.PROVINCE, ""),
        (principal, AccountKind.SETTLEMENT_TRANSIT, ""),
        (Purse.FEES, AccountKind.SETTLEMENT_TRANSIT, ""),
        (Purse.SUBSIDIES, AccountKind.SETTLEMENT_TRANSIT, ""),
        (Purse.SUBSIDIES, AccountKind.BUDGET, ""),
        (Purse.SUBSIDIES, AccountKind.ISSUER_DISCOUNT, ""),
    ]
    wanted += [
        (principal, AccountKind.UNCLAIMED, row.name)
        for row in RECORD_LEVEL
        if row.outcome == Verdict.REJECTED
    ]
    wanted += [(principal, AccountKind.UNCLAIMED, name) for name in ("chain_gap", "written_off")]
    for issuer in _rows(rows, "issuer", registry.Issuer):
        if issuer.own:
            wanted.append((principal, AccountKind.CARD_LIABILITY, str(issuer.number)))
            wanted.append((principal, AccountKind.FLOAT_BANK, str(issuer.number)))
    for operator in _rows(rows, "operator", registry.Operator):
        number = str(operator.number)
        wanted.append((principal, AccountKind.OPERATOR, number))
        wanted.append((principal, AccountKind.LOAD_AGENT, number))
        wanted.append((Purse.SUBSIDIES, AccountKind.SUBSIDY, number))
        wanted.append((Purse.FEES, AccountKind.FEE, f"operator-{number}"))
        for split in rules.split(operator.split) if operator.split else ():
            wanted += [_account_of_role(role, operator) for role, _ in split.shares]
    wanted += [(Purse.FEES, AccountKind.FEE, name) for name in rules.fee_recipients()]
    return list(dict.fromkeys(wanted))


def compile_plan(
    rows: Registry,
    rules: RuleSet,
    accounts: dict[str, Account],
    keys: KeyStore,
    limits: Limits,
    versions: tuple[int, int],
) -> Plan:
    """The plan of a registry and rules version (``versions`` = rules, registry)."""
    issuers = _rows(rows, "issuer", registry.Issuer)
    operators = _rows(rows, "operator", registry.Operator)
    # The latest row of a number counts, as in the kernels.
    modes = {row.number: row.mode for row in operators}
    denied = _rows(rows, "denied", registry.Denied)
    denylists = sorted({row.version for row in denied})
    suspense = _number(accounts, Purse.PRINCIPAL, AccountKind.SUSPENSE)
    unclaimed = [suspense] * 64
    for row in RECORD_LEVEL:
        if row.outcome == Verdict.REJECTED:
            unclaimed[row.reason] = _number(
                accounts, Purse.PRINCIPAL, AccountKind.UNCLAIMED, row.name
            )
    pending = _number(accounts, Purse.PRINCIPAL, AccountKind.PROVINCE_PENDING)
    return Plan(
        rules_version=versions[0],
        registry_version=versions[1],
        denylist_version=max(
            [*denylists, *(row.version for row in _rows(rows, "denylist", registry.Denylist))],
            default=0,
        ),
        limits=limits,
        operators=tuple(_operator(row, rules, accounts, denylists, modes) for row in operators),
        terminals=tuple(
            plan.Terminal(
                bytes.fromhex(row.terminal_id),
                row.operator,
                row.line,
                _since(row.since),
                _until(row.until),
                row.device,
            )
            for row in _rows(rows, "terminal", registry.Terminal)
        ),
        issuers=tuple(_issuer(row, accounts, pending) for row in issuers),
        key_sets=tuple(_key_sets(issuers, keys)),
        denied=tuple(
            plan.Denied(
                bytes([row.family]) + bytes.fromhex(row.issuer) + bytes.fromhex(row.serial),
                local_seconds(datetime.fromisoformat(row.since)),
                denylists.index(row.version),
            )
            for row in denied
        ),
        province_account=pending,
        suspense_account=suspense,
        unclaimed_accounts=tuple(unclaimed),
        budget_account=_number(accounts, Purse.SUBSIDIES, AccountKind.BUDGET),
        issuer_discount_account=_number(accounts, Purse.SUBSIDIES, AccountKind.ISSUER_DISCOUNT),
    )


def _rows(rows: Registry, kind: str, of: type[_Row]) -> list[_Row]:
    return [row for row in rows.get(kind, []) if isinstance(row, of)]


def _number(
    accounts: dict[str, Account], purse: Purse, kind: AccountKind, participant: str = ""
) -> int:
    return accounts[code_of(purse, kind, participant)].number


def _since(day: date) -> int:
    return max(0, local_seconds(datetime.combine(day, time())))


def _until(day: date | None) -> int:
    return FOREVER if day is None else _since(day)


def _issuer(row: registry.Issuer, accounts: dict[str, Account], pending: int) -> plan.Issuer:
    account = pending
    if row.own:
        account = _number(accounts, Purse.PRINCIPAL, AccountKind.CARD_LIABILITY, str(row.number))
    return plan.Issuer(
        row.number,
        row.family,
        bytes.fromhex(row.issuer),
        row.own,
        row.open_registry,
        account,
        _since(row.since),
        _until(row.until),
    )


def _key_sets(issuers: list[registry.Issuer], keys: KeyStore) -> Iterable[plan.KeySet]:
    by_code = {bytes.fromhex(row.issuer): row for row in issuers if row.own}
    for key_set in keys.key_sets():
        key_id: KeySetId = key_set.id
        issuer = by_code.get(key_id.issuer)
        if issuer is not None:
            yield plan.KeySet(
                issuer.number,
                key_id.key_version,
                key_id.key_index,
                key_id.algorithm,
                keys.level_key(key_id),
                key_set.chain.factor_offset,
                key_set.chain.fold,
            )


def _operator(
    row: registry.Operator,
    rules: RuleSet,
    accounts: dict[str, Account],
    denylists: list[int],
    modes: Mapping[int, str],
) -> plan.Operator:
    number = str(row.number)
    own = _number(accounts, Purse.PRINCIPAL, AccountKind.OPERATOR, number)
    splits: tuple[plan.Split, ...] = (plan.Split(0, FOREVER, ((own, 1),)),)
    if row.split:
        splits = tuple(
            plan.Split(
                split.since_s,
                split.until_s,
                tuple(
                    (_number(accounts, *_account_of_role(role, row)), weight)
                    for role, weight in split.shares
                ),
                split.stations,
                split.weights,
            )
            for split in rules.split(row.split)
        )
    return plan.Operator(
        number=row.number,
        checks=Check(row.checks),
        tariffs=rules.tariff_for(row.tariff, row.number, modes) if row.tariff else (),
        splits=splits,
        load_agent_account=_number(accounts, Purse.PRINCIPAL, AccountKind.LOAD_AGENT, number),
        subsidy_account=_number(accounts, Purse.SUBSIDIES, AccountKind.SUBSIDY, number),
        denylist_effective_s=tuple(_effective(row, version) for version in denylists),
        fee_times=_fee_times(row, rules),
    )


def _fee_times(row: registry.Operator, rules: RuleSet) -> tuple[tuple[int, int], ...]:
    """When every fee of the contract has a version in force; always, where it has no fee."""
    found: tuple[tuple[int, int], ...] = ((0, FOREVER),)
    for name in row.all_fees:
        both = (
            (max(since, other_since), min(until, other_until))
            for since, until in found
            for other_since, other_until in rules.fee_times(name)
        )
        found = tuple(sorted((since, until) for since, until in both if since < until))
    return found


def _effective(row: registry.Operator, version: int) -> int:
    """From when a denylist version binds the operator: its first acknowledgement of that version or
    a later one, plus grace."""
    acknowledged = [
        datetime.fromisoformat(at) for known, at in row.denylist_acknowledged if known >= version
    ]
    if not acknowledged:
        return FOREVER
    return local_seconds(min(acknowledged) + timedelta(seconds=DENYLIST_GRACE_S))


def _account_of_role(role: str, operator: registry.Operator) -> WantedAccount:
    """The account that a split's role stands for, seen from an operator."""
    name, _, participant = role.partition(":")
    if name == "operator" and not participant:
        return Purse.PRINCIPAL, AccountKind.OPERATOR, str(operator.number)
    if name == "driver" and not participant:
        return Purse.PRINCIPAL, AccountKind.DRIVER, str(operator.number)
    if name == "line_owner" and participant:
        return Purse.PRINCIPAL, AccountKind.OPERATOR, participant
    raise RuleError(
        operator.split, 0, "split", f"role {role!r} is not known",
        "Use operator, driver or line_owner:PARTICIPANT.",
    )  # fmt: skip
