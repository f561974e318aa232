"""Open items at a node's doors: listing them, showing one, proposing and deciding in a person's name.

Card numbers are masked, in ids of items too: such an id is told with a keyed mark instead of the number,
and is understood in that form. Whoever asks for whole numbers signs for it, and it is written down.
"""

from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final

import asyncpg
import msgspec

from clearing.plan import moment_of
from clearing.store import Connection, read_accounts, read_open_date
from schemas import reasons, record
from schemas.codes import TapKind, Verdict
from schemas.items import TEXTS, Action, ItemKind, ItemState, actions_of
from schemas.reasons import ROW, Reason
from service.errors import ServiceError
from service.home import open_node
from service.staff import authenticate
from settlement import decisions
from settlement.books import numbered
from settlement.context import Context
from settlement.exceptions import masked
from settlement.items.paper import hidden
from settlement.store import decisions as stored
from settlement.store import items
from settlement.store.decisions import Decided, Decision, Proposal
from settlement.store.items import Standing
from settlement.store.waiting import Wanted, read_ages, read_page

PAGE_ITEMS: Final = 1_000
"""Items in a page of the list."""

AGES: Final = (("0-5", 0, 5), ("6-10", 6, 10), ("11-", 11, 10**6))
"""Bands of age in days, as unreconciled money is reported."""

MEANINGS: Final[dict[Action, tuple[str, str]]] = {
    Action.RELEASE: ("释放给运营商", "pay it as if it had been accepted"),
    Action.REJECT: ("拒绝", "refuse it; held money becomes unclaimed"),
    Action.RETURN: ("退还持卡人", "give it back to the cardholder through a refund agent"),
    Action.WRITE_OFF: ("核销，仍欠", "look for its owner no longer; it stays owed"),
    Action.REVERSE: ("多刷退款", "take it from the operator, for the cardholder"),
    Action.BOOK_LOAD: ("补记充值", "book the load of the log without its record"),
    Action.DENY: ("列入黑名单", "put the card on the next denylist"),
    Action.DISMISS: ("无需处理", "nothing to book; close it"),
}
"""What each action does, for people."""


class Signer(msgspec.Struct, frozen=True):
    """A person and their key, which never leaves the door."""

    name: str
    key: str

    def __repr__(self) -> str:
        return f"Signer({self.name!r})"


class ItemLine(msgspec.Struct, frozen=True, kw_only=True):
    """An item in a list. ``age_days`` since it was opened; ``account`` where its money stands."""

    item: str
    kind: str
    state: str
    outcome: str
    opened_on: date
    age_days: int
    due_on: date
    operator: int | None
    card: str | None
    tap: str | None
    amount_fen: int
    account: str | None
    open_proposal: int | None


class AgeBand(msgspec.Struct, frozen=True):
    """Items whose age in days lies in a band."""

    days: str
    items: int
    amount_fen: int


class ItemList(msgspec.Struct, frozen=True):
    """A page of the open items of a node as they stood at the end of a business date; ``by_age`` and
    ``in_all`` count those of every page."""

    as_of: date
    items: list[ItemLine]
    by_age: list[AgeBand]
    in_all: int


class TapShown(msgspec.Struct, frozen=True, kw_only=True):
    """The tap that an item is about. Money in fen."""

    tap: str
    kind: str
    tapped_at: str
    operator: int
    terminal: str
    verdict: str
    reason: str
    chinese: str
    english: str
    flags: list[str]
    amount_fen: int
    priced_fen: int
    credited_fen: int
    debit_proven: bool


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """What became of an item on a date."""

    business_date: date
    state: str
    outcome: str
    amount_fen: int
    account: str | None
    entry: str | None
    proposal: int | None
    body: dict[str, Any]


class ProposalLine(msgspec.Struct, frozen=True, kw_only=True):
    """A proposal, and what was decided of it; ``would`` is what approving it books."""

    proposal: int
    item: str
    action: str
    why: str
    refund_agent: int | None
    proposed_by: str
    proposed_on: date
    would: dict[str, Any]
    decided: str | None
    decided_by: str | None
    decided_on: date | None
    decided_why: str | None


class ItemShown(msgspec.Struct, frozen=True, kw_only=True):
    """Everything about one item. ``actions``: what may be proposed now, with its meaning."""

    line: ItemLine
    chinese: str
    english: str
    next_chinese: str
    next_english: str
    bearer: str
    body: dict[str, Any]
    tap: TapShown | None
    history: list[Step]
    proposals: list[ProposalLine]
    actions: dict[str, list[str]]


class Desk:
    """A node's items on one connection; ``full`` shows whole card numbers."""

    def __init__(self, connection: Connection, context: Context, *, full: bool = False) -> None:
        self.connection, self.context, self.full = connection, context, full
        self._codes: dict[int, str] = {}

    async def list_items(
        self,
        kind: ItemKind | None = None,
        operator: int | None = None,
        older_than_days: int | None = None,
        as_of: date | None = None,
        limit: int = PAGE_ITEMS,
        skip: int = 0,
    ) -> ItemList:
        """A page of the open items as of a date, by default as they are now, oldest first."""
        on = as_of or await read_open_date(self.connection)
        until = None if older_than_days is None else on - timedelta(older_than_days + 1)
        wanted = Wanted(kind=kind, operator_no=operator, opened_until=until)
        found = await read_page(self.connection, on, wanted, limit=limit, skip=skip)
        ages = await read_ages(self.connection, on, wanted)
        return ItemList(
            as_of=on,
            items=await self._lines(found, on),
            by_age=_by_age(on, ages),
            in_all=sum(count for _, count, _ in ages),
        )

    async def show(self, name: str) -> ItemShown:
        """Everything about one item. Raises ``ServiceError`` where there is none of this name."""
        on = await read_open_date(self.connection)
        each = await self._find(name, on)
        item, text = each.item, TEXTS[each.item.kind]
        tap = None
        if item.batch_seq is not None and item.row_no is not None:
            tap = await stored.read_decided_tap(self.connection, item.batch_seq, item.row_no)
        history = await items.read_history(self.connection, item.item_id, on)
        proposals = await stored.read_proposals(self.connection, item_ids=[item.item_id])
        [line] = await self._lines([each], on)
        open_ = each.state == ItemState.OPEN or each.account_no is not None
        return ItemShown(
            line=line,
            **{name: getattr(text, name) for name in ("chinese", "english")},
            **{name: getattr(text, name) for name in ("next_chinese", "next_english")},
            bearer=ROW[Reason(tap.reason)].bearer
            if tap is not None and tap.reason
            else text.bearer,
            body=self._told(item.body),
            tap=None if tap is None else _tap_shown(tap),
            history=[self._step(change) for change in history],
            proposals=[self._proposal(row) for row in proposals],
            actions={
                action.value: list(MEANINGS[action])
                for action in actions_of(item.kind, money_stands=each.account_no is not None)
                if open_
            },
        )

    async def proposals(self, *, open_only: bool) -> list[ProposalLine]:
        """Proposals by number."""
        found = await stored.read_proposals(self.connection, open_only=open_only)
        return [self._proposal(row) for row in found]

    async def propose(
        self, name: str, action: Action, words: decisions.Words, staff: str
    ) -> tuple[Proposal, ProposalLine]:
        """Propose in a person's name, who was authenticated; the proposal, as stored and as told."""
        each = await self._find(name, await read_open_date(self.connection))
        with self._masked_refusals():
            made = await decisions.propose(
                self.connection, self.context, each.item.item_id, action, words, staff
            )
        return made, self._proposal(Decided(made, None))

    async def decide(self, proposal_no: int, approved: bool, why: str, staff: str) -> Decision:
        """Approve or decline in a person's name, who was authenticated."""
        with self._masked_refusals():
            return await decisions.decide(
                self.connection, self.context, proposal_no, approved, why, staff
            )

    async def note_look_up(self, name: str, staff: str) -> None:
        """Write down that a person sees an item's card number."""
        async with self.connection.transaction():
            on = await read_open_date(self.connection, lock="FOR SHARE")
            each = await self._find(name, on)
            subject = hidden(self.context.node, each.item.item_id)
            await stored.add_look_up(self.connection, on, subject, staff)

    # -- inside --------------------------------------------------------------------------------

    @contextmanager
    def _masked_refusals(self) -> Iterator[None]:
        """A refusal names its item, and an item's id may hold a card."""
        try:
            yield
        except decisions.DecisionRefused as refused:
            raise decisions.DecisionRefused(
                self.name(refused.sentence), self.name(refused.remedy)
            ) from None

    async def _find(self, name: str, on: date) -> Standing:
        """An item by its id, or by the form of it in which the card is masked."""
        found = await items.read_standing(self.connection, on, open_only=False, item_ids=[name])
        if not found and "~" in name:
            found = [
                each
                for each in await items.read_standing(
                    self.connection, on, open_only=False, kinds=_kinds_of(name)
                )
                if hidden(self.context.node, each.item.item_id) == name
            ]
        if not found:
            raise ServiceError(f"There is no item {name}.", "See onecard items list.")
        return found[0]

    async def _lines(self, found: Sequence[Standing], on: date) -> list[ItemLine]:
        self._codes = {
            number: account.code
            for number, account in numbered(await read_accounts(self.connection)).items()
        }
        waiting = {
            row.proposal.item_id: row.proposal.proposal_no
            for row in await stored.read_proposals(self.connection, open_only=True)
        }
        return [
            ItemLine(
                item=self.name(each.item.item_id),
                kind=each.item.kind.value,
                state=each.state.value,
                outcome=each.outcome.value,
                opened_on=each.item.opened_on,
                age_days=_age(each, on),
                due_on=each.item.due_on,
                operator=each.item.operator_no,
                card=None if each.item.card is None else self._card(each.item.card),
                tap=None
                if each.item.batch_seq is None
                else f"{each.item.batch_seq}:{each.item.row_no}",
                amount_fen=each.amount_fen,
                account=self._account(each.account_no),
                open_proposal=waiting.get(each.item.item_id),
            )
            for each in found
        ]

    def name(self, item_id: str) -> str:
        """An item's id for people."""
        return item_id if self.full else hidden(self.context.node, item_id)

    def _card(self, card: bytes) -> str:
        issuer, serial = card[1:9].hex().upper(), card[9:].hex().upper()
        return f"{card[0]}/{issuer}/{serial}" if self.full else masked(card[0], issuer, serial)

    def _account(self, number: int | None) -> str | None:
        return None if number is None else self._codes.get(number, str(number))

    def _told(self, body: dict[str, Any]) -> dict[str, Any]:
        """A body for people: cards in it are masked."""
        if self.full:
            return body
        text = hidden(self.context.node, msgspec.json.encode(body).decode())
        return msgspec.json.decode(text)  # type: ignore[no-any-return]

    def _step(self, change: items.Change) -> Step:
        return Step(
            business_date=change.business_date,
            state=change.state.value,
            outcome=change.outcome.value,
            amount_fen=change.amount_fen,
            account=self._account(change.account_no),
            entry=None if change.entry_id is None else self.name(change.entry_id),
            proposal=change.proposal_no,
            body=self._told(change.body),
        )

    def _proposal(self, row: Decided) -> ProposalLine:
        made, decision = row.proposal, row.decision
        decided = None
        if decision is not None:
            decided = "approved" if decision.approved else "declined"
        return ProposalLine(
            proposal=made.proposal_no,
            item=self.name(made.item_id),
            action=made.action.value,
            why=made.body["why"],
            refund_agent=made.body["refund_agent"] or None,
            proposed_by=made.proposed_by,
            proposed_on=made.business_date,
            would=self._told(made.body["would"]),
            decided=decided,
            decided_by=decision.decided_by if decision else None,
            decided_on=decision.business_date if decision else None,
            decided_why=decision.why if decision else None,
        )


def _kinds_of(name: str) -> list[ItemKind] | None:
    """The kind that an id begins with; None where it is none."""
    word = name.split("/", 1)[0]
    return [ItemKind(word)] if word in set(ItemKind) else None


def _age(each: Standing, on: date) -> int:
    return (on - each.item.opened_on).days


def _by_age(on: date, ages: Iterable[tuple[date, int, int]]) -> list[AgeBand]:
    """``ages``: (date of opening, how many, Σ fen)."""
    found = [((on - opened_on).days, count, fen) for opened_on, count, fen in ages]
    bands = []
    for name, low, high in AGES:
        some = [(count, fen) for days, count, fen in found if low <= days <= high]
        bands.append(AgeBand(name, sum(row[0] for row in some), sum(row[1] for row in some)))
    return bands


def _tap_shown(tap: stored.DecidedTap) -> TapShown:
    fields = record.unpack(tap.record.ljust(record.SIZE, b"\0"))
    reason = ROW.get(Reason(tap.reason))
    return TapShown(
        tap=f"{tap.batch_seq}:{tap.row_no}",
        kind=TapKind(tap.kind).name.lower() if tap.kind in set(TapKind) else str(tap.kind),
        tapped_at=f"{moment_of(tap.tapped_s):%Y-%m-%d %H:%M:%S}",
        operator=tap.operator_no,
        terminal=fields.terminal_id,
        verdict=Verdict(tap.verdict).name.lower(),
        reason=reason.name if reason is not None else "clean",
        chinese=reason.chinese if reason is not None else "无异常",
        english=reason.english if reason is not None else "nothing to say against it",
        flags=reasons.names(tap.flags),
        amount_fen=tap.amount_fen,
        priced_fen=tap.priced_fen,
        credited_fen=tap.credited_fen,
        debit_proven=tap.debit_proven,
    )


@asynccontextmanager
async def open_desk(
    home: Path, signer: Signer | None = None, *, full: bool = False
) -> AsyncIterator[Desk]:
    """The desk of a home's node. Raises ``ServiceError`` where the signer's key is not theirs."""
    async with open_node(home) as opened:
        connection = await asyncpg.connect(opened.dsn)
        try:
            if signer is not None:
                await authenticate(connection, signer.name, signer.key)
            context = Context(opened.dsn, opened.node, opened.kernel)
            yield Desk(connection, context, full=full)
        finally:
            await connection.close()
