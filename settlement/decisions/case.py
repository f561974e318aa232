"""What a decision is about: the item as it stands, its tap, its issuer, accounts, the operator's side."""

from datetime import date

import msgspec

from clearing.plan import Purpose
from clearing.rides import shares_fen, stations_of
from clearing.store import Connection, read_registry, read_versions
from schemas.accounts import AccountKind
from schemas.codes import Source, Verdict
from schemas.items import Action
from schemas.reasons import Reason
from schemas.registry import Issuer, Operator
from settlement.context import Context
from settlement.decisions.errors import DecisionRefused
from settlement.decisions.subsidies import Subsidy, subsidies_of
from settlement.exchange.books import account_no
from settlement.store.decisions import DecidedTap, read_decided_tap
from settlement.store.items import Standing
from settlement.store.reclears import as_corrected

_PURPOSE_OF_VERDICT = {
    Verdict.ACCEPTED: Purpose.EXCESS,
    Verdict.HELD: Purpose.HELD,
    Verdict.REJECTED: Purpose.REJECTED,
}


class Words(msgspec.Struct, frozen=True):
    """What a person says with a proposal. ``refund_agent``: operator number, where money goes back."""

    why: str
    refund_agent: int = 0


class Case:
    """One item and one action, with what it takes to book it. ``of`` reads it."""

    def __init__(
        self,
        connection: Connection,
        context: Context,
        standing: Standing,
        action: Action,
        words: Words,
        open_date: date,
    ) -> None:
        self.connection, self.context = connection, context
        self.standing, self.item, self.action = standing, standing.item, action
        self.words, self.open_date = words, open_date
        self._tap: DecidedTap | None = None
        self._issuers: list[Issuer] = []
        self._operators: dict[int, Operator] = {}
        self._versions = (0, 0)

    async def read(self) -> "Case":
        """Read the tap and the registry in force; returns itself."""
        item = self.item
        if item.batch_seq is not None and item.row_no is not None:
            tap = await read_decided_tap(self.connection, item.batch_seq, item.row_no)
            self._tap = None if tap is None else await as_corrected(self.connection, tap)
        self._versions = await read_versions(self.connection)
        registry = await read_registry(self.connection, self._versions[1], ("issuer", "operator"))
        self._issuers = [row for row in registry["issuer"] if isinstance(row, Issuer)]
        self._operators = {
            row.number: row for row in registry["operator"] if isinstance(row, Operator)
        }
        return self

    @property
    def tap(self) -> DecidedTap:
        """The item's tap. Raises ``DecisionRefused`` where it has none."""
        if self._tap is None:
            raise DecisionRefused(
                f"{self.item.item_id} is about no tap.", "See onecard items show."
            )
        return self._tap

    @property
    def has_tap(self) -> bool:
        """Whether the item is about one tap."""
        return self._tap is not None

    @property
    def amount_fen(self) -> int:
        """The money that the item speaks of now."""
        return self.standing.amount_fen

    @property
    def account(self) -> int:
        """Where the item's money stands. Raises ``DecisionRefused`` where nothing is booked."""
        if self.standing.account_no is None:
            raise DecisionRefused(
                f"Nothing is booked for {self.item.item_id} yet.",
                f"Its window closes on {self.item.due_on}; what is missing then stands in unclaimed.",
            )
        return self.standing.account_no

    @property
    def issuer(self) -> Issuer:
        """Whose card it is. Raises ``DecisionRefused`` where nobody's."""
        if self._tap is not None:
            found = [row for row in self._issuers if row.number == self._tap.issuer_no]
        else:
            card = self.card
            found = [
                row
                for row in self._issuers
                if row.family == card[0] and bytes.fromhex(row.issuer) == card[1:9]
            ]
        if not found:
            raise DecisionRefused(
                f"The issuer of the card of {self.item.item_id} is not in the registry.",
                "Register the issuer first.",
            )
        return found[0]

    @property
    def card(self) -> bytes:
        """The item's card, 19 bytes. Raises ``DecisionRefused`` where it has none."""
        if self.item.card is None:
            raise DecisionRefused(f"{self.item.item_id} is about no card.", "Dismiss it instead.")
        return self.item.card

    def must_be_own(self) -> None:
        """Raises ``DecisionRefused`` for another city's card."""
        if not self.issuer.own:
            raise DecisionRefused(
                f"{self.item.item_id} is about a card of {self.issuer.name}, which is not ours.",
                "Let its issuer decide.",
            )

    def must_be_ours(self) -> None:
        """Raises ``DecisionRefused`` for a tap that another city took and presented to us."""
        if self.tap.source == Source.PRESENTMENT:
            raise DecisionRefused(
                f"Another city presented the tap of {self.item.item_id}; our operators took nothing.",
                "Return the money to the cardholder, or write it off.",
            )

    async def number(self, kind: AccountKind, participant: str | int = "") -> int:
        """The number of a principal account, which is opened where it is missing."""
        return await account_no(self.connection, kind, str(participant))

    async def liability(self) -> int:
        """The account of what the own issuer owes its cards."""
        self.must_be_own()
        return await self.number(AccountKind.CARD_LIABILITY, self.issuer.number)

    async def operators_own(self, kind: AccountKind, operator: int) -> int:
        """An account of an operator's that is in the registry."""
        if operator not in self._operators:
            raise DecisionRefused(
                f"There is no operator {operator} here.", "See onecard operator list."
            )
        return await self.number(kind, operator)

    async def refund_agent(self) -> int:
        """The account of the agent that hands the money to the cardholder, as the proposal names it."""
        if not self.words.refund_agent:
            raise DecisionRefused(
                f"To {self.action} somebody must pay the cardholder.",
                "Name the operator that does with --refund-agent.",
            )
        return await self.operators_own(AccountKind.REFUND_AGENT, self.words.refund_agent)

    async def shares(self, fen: int) -> list[tuple[int, int]]:
        """(account, fen) of the operator's side for a fare of this tap, which they sum to.

        The split in force at the tap's time under its batch's versions; where that has none (the tap was
        held for it), under the versions in force now.
        """
        tap = self.tap
        for versions in ((tap.rules_version, tap.registry_version), self._versions):
            plan = await self.context.plans.plan(self.connection, *versions)
            for operator in plan.operators:
                if operator.number != tap.operator_no:
                    continue
                stations = stations_of(tap.record)
                shares = shares_fen(operator.splits, tap.tapped_s, stations, fen)
                if shares:
                    return [(account, part) for account, part in shares if part]
        raise DecisionRefused(
            f"No split says to whom fares of operator {tap.operator_no} go at that time.",
            "Add the split to the rules, then release the tap.",
        )

    async def subsidies(self) -> list[Subsidy]:
        """What discounts took off this tap's fare and somebody else than the operator bears."""
        if not self.issuer.own:
            return []
        tap = self.tap
        plan = await self.context.plans.plan(
            self.connection, tap.rules_version, tap.registry_version
        )
        return await subsidies_of(self.connection, plan, tap)

    @property
    def held_under(self) -> Purpose | None:
        """Under which purpose the card's debit stays out of its issuer's position; None: it does not.

        What left a card of our own and was not accepted, or was in excess, waits with the centre. A debit
        that people took for proven was booked as an accepted one.
        """
        if not self.issuer.own:
            return None
        verdict = Verdict(self.tap.verdict) if self.tap.debit_proven else Verdict.ACCEPTED
        return _PURPOSE_OF_VERDICT[verdict]

    def says(self, reason: Reason) -> bool:
        """Whether a reason applies to the tap, as its reason or as a flag."""
        return self.tap.reason == reason or bool(self.tap.flags >> reason & 1)
