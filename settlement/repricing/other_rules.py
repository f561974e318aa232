"""Rules that were not in force, made into plans with the registries of a date."""

from collections.abc import Mapping

from clearing.compile import Registry, accounts_for, compile_plan
from clearing.errors import ClearingError
from clearing.node import Node
from clearing.plan import Plan
from clearing.rules import RuleSet, load
from clearing.state import Plans
from clearing.store import Connection, read_accounts, read_registry, read_rules
from schemas.accounts import Account, code_of
from settlement.errors import SettlementError

NOT_STORED = 0
"""The rules version that plans of rules from files carry: the node stores none of that number."""


class OtherRules:
    """Rule sets that stand in for those of the same names; the node's other sets stay as they were.

    ``files`` are as ``rules.read`` returns them; ``named`` are the sets that replace a set of the node
    (None: all of them, so that the files stand for everything). Sets in ``files`` beyond those, which came
    along because one needs them, count only where the node has none of that name.
    """

    def __init__(self, files: Mapping[str, str], named: frozenset[str] | None = None) -> None:
        self.files, self.named = dict(files), named

    @classmethod
    async def of_version(cls, connection: Connection, version: int) -> "OtherRules":
        """A rules version of the node, in place of whatever was in force. Raises ``SettlementError``."""
        files = await read_rules(connection, version)
        if not files:
            raise SettlementError(
                f"There is no rules version {version} on this node.",
                "Name one that onecard rules put told you.",
            )
        return cls(files)

    def in_place_of(self, present: Mapping[str, str]) -> dict[str, str]:
        """The files that count where ``present`` were in force."""
        if self.named is None:
            return dict(self.files)
        known = {_set_of(file) for file in present}
        kept = {file: text for file, text in present.items() if _set_of(file) not in self.named}
        given = {
            file: text
            for file, text in self.files.items()
            if _set_of(file) in self.named or _set_of(file) not in known
        }
        return kept | given


def _set_of(file: str) -> str:
    return file.partition("/")[0]


class OtherPlans(Plans):
    """Plans of other rules, by the versions that a batch was judged under.

    An account that only the other rules need has no number in the books; here it gets one above them all,
    kept in ``accounts`` (by code) for who shows it; ``last_opened`` is the highest number in the books.
    """

    def __init__(self, node: Node, other: OtherRules) -> None:
        super().__init__(node)
        self.other = other
        self.accounts: dict[str, Account] = {}
        self.last_opened = 0
        self._loaded: dict[int, RuleSet] = {}
        self._compiled: dict[tuple[int, int], Plan] = {}

    async def rules(self, connection: Connection, version: int) -> RuleSet:
        """The other rules in place of those of a version. Raises ``RuleError``."""
        if version not in self._loaded:
            files = self.other.in_place_of(await read_rules(connection, version))
            known = [
                rules for rules in self._loaded.values() if dict(rules.files) == files
            ]  # most versions come to the same, and loading takes a while
            self._loaded[version] = known[0] if known else load(files)
        return self._loaded[version]

    async def plan(self, connection: Connection, rules_version: int, registry_version: int) -> Plan:
        """The plan of the other rules and a registry version.

        Raises ``ClearingError`` where a contract names a tariff, split or fee that the rules do not have.
        """
        versions = (rules_version, registry_version)
        if versions not in self._compiled:
            rules = await self.rules(connection, rules_version)
            rows = await read_registry(connection, registry_version)
            try:
                await self._number_accounts(connection, rows, rules)
                self._compiled[versions] = compile_plan(
                    rows,
                    rules,
                    self.accounts,
                    self.node.keys,
                    self.node.limits,
                    (NOT_STORED, registry_version),
                )
            except ClearingError as error:
                raise SettlementError(
                    f"A contract does not find its own in these rules: {error.sentence}",
                    error.remedy or "Keep the names that contracts use.",
                ) from error
        return self._compiled[versions]

    async def _number_accounts(
        self, connection: Connection, rows: Registry, rules: RuleSet
    ) -> None:
        if not self.accounts:
            self.accounts = await read_accounts(connection)
            self.last_opened = max((row.number for row in self.accounts.values()), default=0)
        number = max((account.number for account in self.accounts.values()), default=0)
        for purse, kind, participant in accounts_for(rows, rules):
            code = code_of(purse, kind, participant)
            if code not in self.accounts:
                number += 1
                self.accounts[code] = Account(number, code, purse, kind, participant)
