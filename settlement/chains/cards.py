"""The audit of cards: their history read as far back as needed, walked, and followed."""

import struct
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import Final

import msgspec

from clearing import cards
from clearing.plan import Plan
from clearing.rides import stations_of
from schemas import record
from schemas.codes import DEBIT_KINDS, Source, Verdict
from schemas.families import COUNTERS
from schemas.items import ItemKind, ItemOutcome, item_id_of_tap
from schemas.reasons import Reason
from settlement.chains import following, torn
from settlement.chains.element import OPENING, Element, opening_of
from settlement.chains.standing import CARD_KINDS, Books, Known, Writer, known_of
from settlement.chains.turn import came_before
from settlement.chains.walk import DOUBLE_WITHIN_S, Bounds, Findings, walk
from settlement.context import Context
from settlement.items import Night
from settlement.store import Connection, DayRow, chains
from settlement.store.chains import ChainTap
from settlement.store.items import Item, read_standing
from settlement.store.loads import read_complete_until, read_loads_of_cards

NEAR_DAYS: Final = 3
"""How far back most cards are read: what is new between taps of the last days needs no more."""

_COUNTERS: Final = {
    (int(family), int(kind)): counter
    for family, kinds in COUNTERS.items()
    for kind, counter in kinds.items()
}
_POSITION: Final = struct.Struct(">HHii")
_CARD: Final = record.CARD.stop - record.CARD.start
_TERMINAL: Final = slice(_CARD, _CARD + record.FIELD["terminal_id"].size)
_PENDING: Final = 1 << Reason.CHAIN_GAP_PENDING | 1 << Reason.BALANCE_RISE_PENDING
_FUTURE: Final = 1 << Reason.FUTURE
_TORN: Final = 1 << Reason.TAC_TORN


class History(msgspec.Struct):
    """One card's elements of the dates from ``since`` on. ``opening``: where the history reaches it.

    ``missing``: the oldest debit counter that the card's line remembers as not used, or the turn
    where the counter may have begun anew; 0 = none.
    """

    card: bytes
    since: date
    missing: int = 0
    opening: Element | None = None
    elements: list[Element] = []
    torn: list[tuple[Element, Known]] = []
    known: dict[str, Known] = {}
    loads: dict[int, int] = {}

    def walked(self, bounds: Bounds) -> Findings:
        """What the walk finds in what was read."""
        torn_ones = [each for each, _ in self.torn]
        return walk(self.elements, self.opening, torn_ones, self.loads.get, bounds)


class CardAudit:
    """The audit of a date's candidate cards."""

    def __init__(
        self, connection: Connection, context: Context, day: DayRow, plan: Plan, books: Books
    ) -> None:
        self.connection, self.context, self.day, self.books = connection, context, day, books
        issuers = [row for row in plan.issuers if row.own]
        self.own = {row.number: bytes([row.family]) + row.issuer for row in issuers}
        self._issuers = {bytes([row.family]) + row.issuer: row for row in issuers}
        self._bounds = Bounds(plan.limits.amount_max_fen, plan.limits.balance_max_fen)
        self._dates: list[tuple[date, int | None]] = []
        self._mute: set[int] = set()
        self._openings: dict[bytes, tuple[int, bytes]] = {}

    async def run(self, wanted: Sequence[bytes], missing: Mapping[bytes, int]) -> Night:
        """What the chains of these cards (19 bytes) say, and which taps look like double deductions.

        ``missing``: by card, the oldest debit counter that its line lacks.
        """
        today = self.day.business_date
        assert self.day.registry_version is not None
        self._dates = await chains.read_dates(self.connection, today)
        self._mute = await chains.read_mute_batches(self.connection, today)
        self._openings = await chains.read_openings(
            self.connection, wanted, self.day.registry_version
        )
        walked = await self._walk_all(wanted, missing)
        shares = await self._shares(walked)
        complete = await read_complete_until(self.connection, today)
        night = Night([], [], [], [])
        for history, found in walked:
            issuer = self._issuers[history.card[:9]]
            writer = Writer(self.books, history.card, issuer.account)
            torn.settle(writer, history.torn, found, shares)
            following.follow(writer, found, history.known, complete.get(issuer.number))
            night.merge(writer.night)
        night.items += await self._doubles(found for _, found in walked)
        return night

    # -- histories -------------------------------------------------------------------------------

    async def _walk_all(
        self, wanted: Sequence[bytes], missing: Mapping[bytes, int]
    ) -> list[tuple[History, Findings]]:
        """Each card read from near on; further back, and then from the first date on, where what was
        read leaves a doubt of what lies before it."""
        known: dict[bytes, dict[str, Known]] = {card: {} for card in wanted}
        today = self.day.business_date
        for told in await chains.read_told(self.connection, today, CARD_KINDS, wanted):
            assert told.standing.item.card is not None
            known[told.standing.item.card][told.standing.item.item_id] = known_of(told)
        loads: dict[bytes, dict[int, int]] = {}
        for row in await read_loads_of_cards(self.connection, wanted, today):
            loads.setdefault(row.card, {}).setdefault(row.online_counter, row.amount_fen)
        far = today - timedelta(days=2 * self.books.window_days)
        done: dict[bytes, tuple[History, Findings]] = {}
        for reach in (today - timedelta(days=NEAR_DAYS), far, date.min):
            left = [card for card in wanted if card not in done]
            histories = [
                History(
                    card, min(reach, following.oldest_needed(known[card]) or reach), missing.get(card, 0),
                    known=known[card], loads=loads.get(card, {}),
                )
                for card in left
            ]  # fmt: skip
            await self._read(histories)
            for history in histories:
                found = history.walked(self._bounds)
                if reach == date.min or not is_doubtful(history, found):
                    done[history.card] = (history, found)
        return [done[card] for card in wanted]

    async def _read(self, histories: list[History]) -> None:
        """Fill in what the dates from each history's ``since`` on have of its card."""
        for history in histories:
            history.opening = self._opening(history.card, history.since)
        by_card = {history.card: history for history in histories}
        async with chains.by_index(self.connection):
            for business_date, _ in self._dates:
                asked = [each.card for each in histories if each.since <= business_date]
                if asked:
                    for tap in await chains.read_chain_taps(self.connection, business_date, asked):
                        self._put(by_card[tap.identity[:_CARD]], tap, business_date)

    def _opening(self, card: bytes, since: date) -> Element | None:
        """The card's opening position, if it was registered on a date that is read."""
        version, line = self._openings.get(card, (0, b""))
        if not line:
            return None
        registered = min(
            (on for on, stamped in self._dates if stamped is not None and stamped >= version),
            default=self.day.business_date,
        )
        return opening_of(cards.unpack(line)) if registered >= since else None

    def _put(self, history: History, tap: ChainTap, business_date: date) -> None:
        element = self._element(tap, business_date)
        if not tap.flags & _TORN:
            history.elements.append(element)
            return
        item = torn.known_torn(element, self.books, history.known)
        if item is None or tap.kind not in DEBIT_KINDS:
            return
        if item.outcome == ItemOutcome.RELEASED:
            history.elements.append(element)
        elif torn.is_candidate(item):
            history.torn.append((element, item))

    def _element(self, tap: ChainTap, business_date: date) -> Element:
        offline, online, before_fen, after_fen = _POSITION.unpack(tap.position)
        counter = _COUNTERS.get((tap.identity[0], tap.kind))
        return Element(
            offline=offline,
            online=online,
            before_fen=before_fen,
            after_fen=after_fen,
            amount_fen=tap.amount_fen,
            kind=tap.kind,
            tapped_at=tap.tapped_at,
            terminal=tap.identity[_TERMINAL],
            batch_seq=tap.batch_seq,
            row_no=tap.row_no,
            business_date=business_date,
            flags=tap.flags,
            accepted=tap.verdict == Verdict.ACCEPTED,
            mute=counter is None or tap.batch_seq in self._mute,
        )

    # -- what is booked, what is opened ----------------------------------------------------------

    async def _shares(
        self, walked: Iterable[tuple[History, Findings]]
    ) -> dict[tuple[int, int], tuple[tuple[int, int], ...]]:
        """Over which accounts the money of torn taps is split that their chains settle now."""
        settled = [
            (element, item)
            for history, found in walked
            for element, item in history.torn
            if element.tap in found.torn or item.outcome == ItemOutcome.DEBITED
        ]
        batches = await chains.read_torn_batches(
            self.connection, {element.batch_seq for element, _ in settled}
        )
        shares = {}
        for element, _ in settled:
            batch = batches[element.batch_seq]
            # Another city's torn tap is settled between the cities, not here.
            if batch.source == Source.OPERATOR:
                plan = await self.context.plans.plan(
                    self.connection, batch.rules_version, batch.registry_version
                )
                data = await chains.read_record(self.connection, element.business_date, element.tap)
                shares[element.tap] = torn.shares_at(
                    plan, batch.operator_no, element, stations_of(data)
                )
        return shares

    async def _doubles(self, walked: Iterable[Findings]) -> list[Item]:
        """Double deductions of which a tap is the date's: in the chains that were read, and in pairs
        that met one terminal on the date."""
        today = self.day.business_date
        pairs = [pair for found in walked for pair in found.doubles]
        met: dict[bytes, list[Element]] = {}
        nothing: dict[int, int] = {}
        for tap in await chains.read_close_taps(
            self.connection, today, sorted(self.own), sorted(DEBIT_KINDS), DOUBLE_WITHIN_S
        ):
            met.setdefault(tap.identity[:_CARD], []).append(self._element(tap, today))
        for elements in met.values():
            pairs += walk(elements, None, (), nothing.get).doubles
        items = {}
        for pair in pairs:
            if today in (pair[0].business_date, pair[1].business_date):
                item = self._double(*pair)
                items[item.item_id] = item
        known = await read_standing(
            self.connection, today, before_night=True, open_only=False, item_ids=sorted(items)
        )
        for standing in known:
            del items[standing.item.item_id]
        return list(items.values())

    def _double(self, first: Element, second: Element) -> Item:
        return Item(
            item_id=item_id_of_tap(ItemKind.DOUBLE_DEDUCTION, *second.tap),
            kind=ItemKind.DOUBLE_DEDUCTION,
            opened_on=self.books.business_date,
            batch_seq=second.batch_seq,
            row_no=second.row_no,
            amount_fen=second.amount_fen,
            due_on=self.books.due_on(second.tapped_at.date()),
            body={"first": f"{first.batch_seq}/{first.row_no}"},
        )


def is_doubtful(history: History, found: Findings) -> bool:
    """Whether taps that were not read may matter to what was found.

    What lies between two taps came after the first of them was tapped. If that was on a date that is
    read, or is the opening position, every tap between the two was read. A tap from the future, or from
    before, may have come earlier.
    """
    if any(_may_precede(each.left, history.since) for each in found.between):
        return True
    if any(
        found.torn.get(each.tap) is None and each.tapped_at.date() < history.since
        for each, _ in history.torn
    ):
        # What follows on a torn tap may have come before it, and before what was read.
        return True
    first = found.chain[0] if found.chain else None
    if first is not None and first.kind == OPENING:
        return False
    places = [
        found.place_of(item.place)
        for item in history.known.values()
        if item.kind in following.BETWEEN and (item.is_open or item.booked_fen)
    ]
    places += [each.place for each in found.candidates.values()]
    if first is None:
        return bool(places)
    if history.missing and came_before(history.missing, first.debits):
        # Debits of nothing leave no other trace than their counter.
        return True
    return bool(first.flags & _PENDING) or any(place <= first.place for place in places)


def _may_precede(left: Element, since: date) -> bool:
    if left.kind == OPENING:
        return False
    return left.tapped_at.date() < since or bool(left.flags & _FUTURE)
