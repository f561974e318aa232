"""The whole node as the model sees it: batches arrive, nights pass, at the end it is asked."""

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from loadtest.draft import Draft, unpacked
from loadtest.item import Item, answer, bit
from loadtest.month.model import chain, checks
from loadtest.month.model.audit import Audit, Night
from loadtest.month.model.card import Card, Element
from loadtest.month.model.knowledge import Knowledge
from loadtest.month.model.loads import LoadRecord, LogLine
from loadtest.month.model.terminals import Terminal
from schemas import record
from schemas.codes import TapKind, Verdict
from schemas.items import ItemKind, item_id_of_tap
from schemas.reasons import Reason, decide

_TERMINAL: Final = slice(record.OFFSET["terminal_id"], record.OFFSET["terminal_number"])
_NUMBER: Final = slice(record.OFFSET["terminal_number"], record.OFFSET["tapped_at"])
_KIND: Final = record.OFFSET["kind"]
_BY_ISSUER: Final = bit(Reason.TAC_BY_ISSUER)
_OF_OTHER: Final = bit(Reason.TERMINAL_OF_OTHER_OPERATOR)
_SILENT: Final = frozenset({0, _BY_ISSUER})


class Answer(msgspec.Struct, gc=False, frozen=True):
    """What one row must get. ``flags``: without the reason; ``silent``: there is nothing to say of it."""

    verdict: int
    reason: str
    flags: int
    priced_fen: int
    credited_fen: int
    subsidy_fen: int
    silent: bool


class Model:
    """The second opinion of one city node. ``slow``: no short cut for cards with nothing unusual."""

    def __init__(self, knowledge: Knowledge, *, slow: bool = False) -> None:
        self.known = knowledge
        self.audit = Audit(knowledge)
        self.items, self.money, self.loads = self.audit.items, self.audit.money, self.audit.loads
        self.batch_seq = 0
        self.taps = [0, 0, 0]
        self._slow = slow
        self._seen: dict[bytes, tuple[int, int, bytes]] = {}
        if slow:
            for card in knowledge.cards.values():
                card.become_slow()

    @property
    def day(self) -> int:
        """The open business date, days since 2000."""
        return self.audit.day

    def import_log(self, lines: Iterable[LogLine], complete_s: dict[int, int]) -> None:
        """Lines of the issuers' load logs, and until when these are complete by now."""
        self.audit.import_log(lines, complete_s)

    def night(self, date_text: str) -> Night:
        """Close the business date; the next one opens."""
        taps, self.taps = self.taps, [0, 0, 0]
        return self.audit.night(date_text, taps)

    # -- a batch -----------------------------------------------------------------------------------

    def receive(self, operator: int, items: Sequence[Item], *, watched: bool) -> list[Answer]:
        """Judge a batch. ``watched``: its records come more than once, so they must be remembered."""
        self.batch_seq += 1
        answers = []
        for row, item in enumerate(items):
            found = None
            if not (item.fault or self._slow):
                found = self._usual(item, row, watched=watched)
            if found is None:
                found = self._unusual(operator, item, row)
            self.taps[found.verdict] += 1
            answers.append(found)
        return answers

    def _usual(self, item: Item, row: int, *, watched: bool) -> Answer | None:
        """The short cut: a tap that follows on everything known. None: it is not such a tap."""
        card, data = None, item.record
        if watched and data[record.IDENTITY] in self._seen:
            return None
        terminal = self.known.terminals[data[_TERMINAL]]
        number = int.from_bytes(data[_NUMBER], "big")
        if terminal.reused(number):
            return None
        if item.pool is not None:
            card = self.known.cards[data[record.CARD]]
            if not self._follows(item, card):
                return None
            kind = data[_KIND]
            if item.direction < 0:
                self.money.liability_fen[card.issuer] -= item.amount_fen
            else:
                self.money.liability_fen[card.issuer] += item.amount_fen
                self._keep_load(item, card, row)
            checks.move(item, kind, card, transferred=item.transfer is not None)
        elif item.flags != _BY_ISSUER or item.tapped_s // checks.DAY_S != self.day:
            return None
        self._learn_number(data[_TERMINAL], terminal, number, item.tapped_s)
        if watched:
            self._seen[data[record.IDENTITY]] = (self.batch_seq, self.day, data)
        _, _, reason, flags = answer(item.flags)
        priced, subsidy = item.priced_fen, item.subsidy_fen
        return Answer(0, reason, flags, priced, item.amount_fen, subsidy, silent=True)

    def _follows(self, item: Item, card: Card) -> bool:
        kind = item.record[_KIND]
        tapped_day = item.tapped_s // checks.DAY_S
        return (
            not card.slow
            and not item.flags
            and tapped_day == self.day
            and item.offline + item.online == card.offline + card.online + 1
            and item.before_fen == card.stated_fen == card.book_fen
            and item.tapped_s >= card.last_tap_s
            and (item.transfer is None or checks.qualifies(item, card))
            and not (kind in checks.ENTRIES and card.entry_s)
            and card.name not in self.known.denied
            and not card.refunded_s
        )

    def _unusual(self, operator: int, item: Item, row: int) -> Answer:
        """One tap, step by step."""
        data = item.record
        if item.flags & checks.BY_FORM:
            return _stopped(item, item.flags & checks.BY_FORM)
        flags = self._duplicate(data)
        if flags:
            return _stopped(item, flags)
        draft = unpacked(data)
        card = self.known.cards[data[record.CARD]] if item.pool is not None else None
        flags = item.flags & ~checks.FOUND_HERE | checks.time_flags(item.tapped_s, self.day)
        terminal = self.known.terminals.get(draft.terminal_id)
        own = not flags & _OF_OTHER
        if terminal is not None and own and terminal.reused(draft.terminal_number):
            flags |= bit(Reason.TERMINAL_NUMBER_REUSED)
        if card is not None:
            card.become_slow()
            flags |= self._denied(operator, item, data[record.CARD])
            if card.refunded_s and item.tapped_s > card.refunded_s:
                flags |= bit(Reason.CARD_CLOSED)
            if item.direction:
                flags |= checks.chain_flags(item, card)
        priced, transferred = item.amount_fen, False
        if draft.kind in checks.DEBITS:
            flags |= checks.journey_flags(item, draft, card)
            found, priced, transferred = checks.fare(item, card, flags)
            flags |= found
        verdict, reason, rest = decide(flags)
        judged = (verdict, reason, flags)
        return self._book(item, row, draft, card, judged, (rest, priced, transferred))

    def _book(
        self,
        item: Item,
        row: int,
        draft: Draft,
        card: Card | None,
        judged: tuple[Verdict, Reason, int],
        more: tuple[int, int, bool],
    ) -> Answer:
        """Everything that follows from a verdict: state, money, items, chain."""
        verdict, reason, flags = judged
        rest, priced, transferred = more
        accepted = verdict == Verdict.ACCEPTED
        debit = draft.kind in checks.DEBITS
        proven = item.proven and card is not None and item.direction != 0
        excess = max(item.amount_fen - priced, 0) if debit and accepted else 0
        if verdict != Verdict.REJECTED or (proven and debit):
            self._hold_identity(item, draft, row, flags)
        if card is not None and proven:
            self._money(item, card, verdict, reason, excess)
            if debit or accepted:
                checks.move(item, draft.kind, card, transferred=transferred)
            self._keep_element(item, draft, card, row, judged)
        elif excess:
            self.money.suspense_fen += excess
        self._open_items(item, draft, card, row, judged, excess)
        credited = item.amount_fen - excess if accepted else 0
        subsidy = item.subsidy_fen if accepted else 0
        silent = flags in _SILENT and credited == item.amount_fen
        return Answer(verdict, reason.name.lower(), rest, priced, credited, subsidy, silent)

    # -- parts -------------------------------------------------------------------------------------

    def _duplicate(self, data: bytes) -> int:
        seen = self._seen.get(data[record.IDENTITY])
        if seen is None:
            return 0
        batch_seq, day, first = seen
        if first != data:
            return bit(Reason.DUPLICATE_ALTERED)
        if batch_seq == self.batch_seq:
            return bit(Reason.DUPLICATE_IN_BATCH)
        return bit(Reason.DUPLICATE if day == self.day else Reason.DUPLICATE_OTHER_DATE)

    def _denied(self, operator: int, item: Item, name: bytes) -> int:
        denial = self.known.denied.get(name)
        if (
            denial is None
            or self.audit.night_number < denial.known
            or item.tapped_s < denial.since_s
        ):
            return 0
        binds = [
            moment + checks.GRACE_S
            for version, moment in self.known.acknowledged[operator]
            if version >= denial.version
        ]
        late = binds and item.tapped_s >= min(binds)
        return bit(Reason.DENYLISTED if late else Reason.DENYLIST_UNDELIVERED)

    def _hold_identity(self, item: Item, draft: Draft, row: int, flags: int) -> None:
        identity = item.record[record.IDENTITY]
        self._seen[identity] = (self.batch_seq, self.day, item.record)
        terminal = self.known.terminals.get(draft.terminal_id)
        if terminal is None or not draft.terminal_number or flags & _OF_OTHER:
            return
        if terminal.repeated(draft.terminal_number, item.tapped_s):
            item_id = item_id_of_tap(ItemKind.TERMINAL_REPEAT, self.batch_seq, row)
            self.items.add(ItemKind.TERMINAL_REPEAT, item_id, 0, self.audit.due(item.tapped_s))
        self._learn_number(draft.terminal_id, terminal, draft.terminal_number, item.tapped_s)

    def _learn_number(self, name: bytes, terminal: Terminal, number: int, tapped_s: int) -> None:
        if terminal.learn(number, tapped_s):
            self.audit.terminals[name] = terminal

    def _money(
        self, item: Item, card: Card, verdict: Verdict, reason: Reason, excess_fen: int
    ) -> None:
        money = self.money
        if item.direction > 0:
            if verdict == Verdict.ACCEPTED:
                money.liability_fen[card.issuer] += item.amount_fen
            return
        money.liability_fen[card.issuer] -= item.amount_fen
        if verdict == Verdict.ACCEPTED:
            money.suspense_fen += excess_fen
        elif verdict == Verdict.HELD:
            money.suspense_fen += item.amount_fen
        else:
            money.unclaimed_fen[reason.name.lower()] += item.amount_fen

    def _keep_element(
        self, item: Item, draft: Draft, card: Card, row: int, judged: tuple[Verdict, Reason, int]
    ) -> None:
        verdict, _, flags = judged
        accepted = verdict == Verdict.ACCEPTED
        chain.add(card, self._element(item, draft, row, flags, accepted=accepted))
        self.audit.touch(card)
        if item.direction > 0:
            self._keep_load(item, card, row)

    def _keep_load(self, item: Item, card: Card, row: int) -> None:
        due = self.audit.due(item.tapped_s)
        load = LoadRecord(card.issuer, item.amount_fen, item.tapped_s, self.batch_seq, row, due)
        self.loads.add_record(card.name, item.online, load)

    def _element(
        self, item: Item, draft: Draft, row: int, flags: int, *, accepted: bool
    ) -> Element:
        return Element(
            item.offline + item.online,
            item.online,
            item.before_fen,
            item.after_fen,
            item.amount_fen,
            item.direction > 0,
            item.tapped_s,
            draft.terminal_id,
            draft.kind,
            accepted,
            self.batch_seq,
            row,
            transfer=None if flags & checks.NO_FARE else item.transfer,
            begins=item.begins,
            reused=bool(flags & bit(Reason.COUNTER_REUSED)),
        )

    def _open_items(
        self,
        item: Item,
        draft: Draft,
        card: Card | None,
        row: int,
        judged: tuple[Verdict, Reason, int],
        excess_fen: int,
    ) -> None:
        verdict, _, flags = judged
        proven = item.proven and card is not None and item.direction < 0
        kind, amount = None, item.amount_fen
        if verdict == Verdict.HELD:
            kind = ItemKind.HELD if proven else ItemKind.HELD_UNPROVEN
            if card is not None and item.direction < 0 and flags & checks.TORN:
                kind = ItemKind.TORN
                torn = self._element(item, draft, row, flags, accepted=False)
                torn.sound = not flags & checks.UNSOUND
                card.torn.append(torn)
                self.audit.touch(card)
            elif card is not None and draft.kind == TapKind.CARD_REFUND and item.proven:
                kind = ItemKind.REFUND
                card.refunded_s, card.entry_s = item.tapped_s, 0
        elif verdict == Verdict.REJECTED and proven and amount:
            kind = ItemKind.UNCLAIMED
        elif excess_fen:
            kind, amount = ItemKind.EXCESS, excess_fen
        if kind is not None:
            name = card.name if card is not None else b""
            item_id = item_id_of_tap(kind, self.batch_seq, row)
            self.items.add(kind, item_id, amount, self.audit.due(item.tapped_s), name)
        if card is not None and verdict == Verdict.ACCEPTED and flags & checks.UNPROVEN:
            tap, due = (self.batch_seq, row), self.audit.due(item.tapped_s)
            self.audit.transfers.open(item, card, tap, due, excess_fen)


def _stopped(item: Item, flags: int) -> Answer:
    """The answer to a tap for which one reason ends every further check."""
    verdict, reason, rest = decide(flags)
    return Answer(verdict, reason.name.lower(), rest, item.amount_fen, 0, 0, silent=False)
