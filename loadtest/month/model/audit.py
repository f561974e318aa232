"""The nights of a node as the model sees them: chains are walked, items open, change and age."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Final

import msgspec

from loadtest.month.model import chain, checks
from loadtest.month.model.card import Card
from loadtest.month.model.items import Change, ItemBook, OpenItem
from loadtest.month.model.knowledge import Knowledge
from loadtest.month.model.loads import Loads, LogLine
from loadtest.month.model.money import CHAIN_GAP, Money
from loadtest.month.model.terminals import Terminal
from loadtest.month.model.transfers import Transfers
from schemas.items import ItemKind, ItemOutcome, item_id_of_tap

DUE_DAYS: Final = checks.WINDOW_DAYS + 1
_CHAIN: Final = frozenset({ItemKind.CHAIN_GAP, ItemKind.CHAIN_RISE, ItemKind.CHAIN_BREAK})


class Night(msgspec.Struct):
    """What must be true once a business date is settled. Open items: kind → (count, fen)."""

    date: str
    verdicts: list[int]
    suspense_fen: int
    unclaimed_fen: dict[str, int]
    card_liability_fen: dict[str, int]
    adjustments_fen: dict[str, int]
    open_items: dict[str, tuple[int, int]]
    changes: list[Change]


class Audit:
    """What the nights work on; batches say which cards and terminals to look at."""

    def __init__(self, knowledge: Knowledge) -> None:
        self.known = knowledge
        self.day = knowledge.first_day
        self.items, self.money = ItemBook(), Money()
        self.loads = Loads(self.items)
        self.transfers = Transfers(self.items, self.money)
        self.terminals: dict[bytes, Terminal] = {}
        """Terminals of which a number is missing, or came after all, since the last night."""
        self._cards: dict[bytes, Card] = {}
        self._of_card: dict[bytes, set[str]] = defaultdict(set)
        self._of_terminal: dict[bytes, set[str]] = defaultdict(set)
        self._empty: set[str] = set()
        self._gone: dict[str, OpenItem] = {}
        """Items of chains that were closed, since what they spoke of was not there any more."""
        self._rises: dict[str, Card] = {}
        self._refunds: dict[str, OpenItem] = {}
        for card in knowledge.cards.values():
            self.money.liability_fen[card.issuer] += card.book_fen

    @property
    def night_number(self) -> int:
        """The business date, counted from the first one."""
        return self.day - self.known.first_day

    def due(self, tapped_s: int) -> int:
        """The night on which what concerns a tap ages."""
        return tapped_s // checks.DAY_S + DUE_DAYS - self.known.first_day

    def touch(self, card: Card) -> None:
        """Something of a card's chain came."""
        self._cards[card.name] = card

    def import_log(self, lines: Iterable[LogLine], complete_s: dict[int, int]) -> None:
        """Lines of the issuers' load logs, and until when these are complete by now."""
        for line in lines:
            self.loads.import_line(line)
            card = self.known.cards[line.card]
            if card.slow:
                self.touch(card)
        for issuer, moment_s in complete_s.items():
            self.loads.complete_s[issuer] = max(moment_s, self.loads.complete_s.get(issuer, 0))

    def night(self, date_text: str, taps: list[int]) -> Night:
        """Close the business date, on which so many taps were accepted, held, rejected."""
        for card in self._rises.values():
            self.touch(card)
        for _, card in sorted(self._cards.items()):
            self._audit_card(card)
        for name, terminal in sorted(self.terminals.items()):
            self._audit_terminal(name, terminal)
        for terminal in self.known.terminals.values():
            terminal.close()
        self.loads.night(self.night_number)
        for item in self.items.due_on(self.night_number):
            self._age(item)
        for item in sorted(self._refunds.values(), key=lambda item: item.item_id):
            self._pay(item)
        self._cards, self.terminals = {}, {}
        self.day += 1
        money = self.money
        return Night(
            date_text,
            taps,
            money.suspense_fen,
            {name: fen for name, fen in sorted(money.unclaimed_fen.items()) if fen},
            {str(number): fen for number, fen in sorted(money.liability_fen.items())},
            {str(number): fen for number, fen in sorted(money.adjustments_fen.items())},
            self.items.by_kind(),
            self.items.tonight(),
        )

    # -- cards -------------------------------------------------------------------------------------

    def _audit_card(self, card: Card) -> None:
        for torn, outcome in chain.settle_torn(card):
            item_id = item_id_of_tap(ItemKind.TORN, torn.batch_seq, torn.row)
            self.items.change(self.items.open[item_id], outcome, closes=True)
            if outcome == ItemOutcome.DEBITED:
                self.money.adjust(card, -torn.amount_fen)
        found = {}
        for finding in chain.walk(card, lambda online: self.loads.logged(card.name, online)):
            found[f"{finding.kind.value}/{card.name.hex()}/{finding.place}"] = finding
        for item_id, finding in found.items():
            self._state(card, item_id, finding)
        for item_id in sorted(self._of_card[card.name] - found.keys()):
            self._came(card, self.items.open[item_id])
        for element in chain.doubles(card):
            kind = ItemKind.DOUBLE_DEDUCTION
            item_id = item_id_of_tap(kind, element.batch_seq, element.row)
            if item_id not in self.items.open:
                due = self.due(element.tapped_s)
                self.items.add(kind, item_id, element.amount_fen, due, card.name)
        self.transfers.audit(card)

    def _state(self, card: Card, item_id: str, finding: chain.Finding) -> None:
        """A finding is an item; it may be one already, or have been lost with nothing in it."""
        if item_id in self._empty:
            return
        item = self.items.open.get(item_id)
        before = self._gone.pop(item_id, None)
        differs = item is not None and (item.amount_fen, item.what) != (
            finding.amount_fen,
            finding.what,
        )
        if before is not None:
            item = before
            self.items.again(item, finding.amount_fen, self.night_number)
        elif item is None:
            due = self.due(finding.after.tapped_s)
            item = self.items.add(finding.kind, item_id, finding.amount_fen, due, card.name)
        self._of_card[card.name].add(item_id)
        item.what = finding.what
        if finding.kind != ItemKind.CHAIN_RISE:
            if differs:
                self._restate(card, item, finding.amount_fen)
        elif differs or not item.alarmed:
            item.alarmed = self.loads.complete_past(card.issuer, finding.after.tapped_s)
            if item.alarmed:
                self._rises.pop(item_id, None)
                self.items.change(item, ItemOutcome.ALARMED, amount_fen=finding.amount_fen)
            else:
                self._rises[item_id] = card
                if differs:
                    self.items.change(item, ItemOutcome.RESTATED, amount_fen=finding.amount_fen)

    def _restate(self, card: Card, item: OpenItem, amount_fen: int) -> None:
        """A gap or a break is another one now; what was lost in it moves along."""
        if item.lost:
            more_fen = amount_fen - item.amount_fen
            self.money.unclaimed_fen[CHAIN_GAP] += more_fen
            self.money.adjust(card, -more_fen)
            if not amount_fen:
                self._empty.add(item.item_id)
                self._of_card[card.name].remove(item.item_id)
                self.items.change(item, ItemOutcome.LOST, closes=True)
                return
        if item.kind == ItemKind.CHAIN_GAP:
            self.items.restate(item, amount_fen, self.night_number)
        else:
            self.items.change(item, ItemOutcome.RESTATED, amount_fen=amount_fen)

    def _came(self, card: Card, item: OpenItem) -> None:
        """What was missing is there now."""
        self._of_card[card.name].remove(item.item_id)
        self._rises.pop(item.item_id, None)
        outcome = ItemOutcome.ARRIVED
        if item.lost:
            outcome = ItemOutcome.ARRIVED_LATE
            self.money.unclaimed_fen[CHAIN_GAP] -= item.amount_fen
            self.money.adjust(card, item.amount_fen)
        elif item.kind == ItemKind.CHAIN_RISE:
            place = int(item.item_id.rpartition("/")[2])
            if all(element.place != place for element in card.elements):
                outcome = ItemOutcome.MATCHED
        self.items.change(item, outcome, closes=True)
        self._gone[item.item_id] = item

    # -- terminals ---------------------------------------------------------------------------------

    def _audit_terminal(self, name: bytes, terminal: Terminal) -> None:
        kind = ItemKind.TERMINAL_GAP
        known = self._of_terminal[name]
        before = [
            (int(item_id.rpartition("/")[2]), self.items.open[item_id].last, item_id)
            for item_id in sorted(known)
        ]
        runs = {}
        for first, last, after_s in terminal.runs():
            item_id = f"{kind.value}/{name.hex()}/{first}"
            runs[item_id] = last
            item = self.items.open.get(item_id)
            if item is None:
                # What is left of a gap ages with it, or after the record that came and follows it.
                whole = [name for start, end, name in before if start <= first <= end]
                inherits = whole and last + 1 not in terminal.tonight
                due = self.items.open[whole[0]].due if inherits else self.due(after_s)
                item = self.items.add(kind, item_id, 0, due)
                known.add(item_id)
            elif item.last != last:
                self.items.restate(item, 0, self.night_number)
            item.last = last
        for item_id in sorted(known - runs.keys()):
            item = self.items.open[item_id]
            known.remove(item_id)
            self.items.change(item, ItemOutcome.ARRIVED, closes=True)

    # -- time --------------------------------------------------------------------------------------

    def _age(self, item: OpenItem) -> None:
        """The window of an open item closes."""
        if item.kind == ItemKind.CHAIN_GAP:
            item.lost = True
            if not item.amount_fen:
                self._empty.add(item.item_id)
                self._of_card[item.card].remove(item.item_id)
                self.items.change(item, ItemOutcome.LOST, closes=True)
                return
            self.money.unclaimed_fen[CHAIN_GAP] += item.amount_fen
            self.money.adjust(self.known.cards[item.card], -item.amount_fen)
            self.items.change(item, ItemOutcome.LOST)
        elif item.kind == ItemKind.TERMINAL_GAP:
            _, name, first = item.item_id.split("/")
            terminal = bytes.fromhex(name)
            self.known.terminals[terminal].lose(int(first), item.last)
            self._of_terminal[terminal].remove(item.item_id)
            self.items.change(item, ItemOutcome.LOST, closes=True)
        elif item.kind == ItemKind.TRANSFER:
            self.transfers.close(item.card, item.item_id)
        elif item.kind == ItemKind.REFUND:
            self._refunds[item.item_id] = item

    def _pay(self, item: OpenItem) -> None:
        """Pay a refund that is due, if what is owed to the card covers it; else say once that not."""
        card = self.known.cards[item.card]
        if card.book_fen + card.adjusted_fen >= item.amount_fen:
            del self._refunds[item.item_id]
            self.money.adjust(card, -item.amount_fen)
            self.items.change(item, ItemOutcome.PAID, closes=True)
        elif not item.alarmed:
            item.alarmed = True
            self.items.change(item, ItemOutcome.RESTATED)
