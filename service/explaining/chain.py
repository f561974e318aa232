"""The neighbourhood of a tap: in its card's own order, and among its terminal's numbers."""

import struct
from datetime import date
from typing import Final

import msgspec

from clearing import cards, store
from clearing.inspection import StoredTap
from clearing.store import BatchRow, Connection
from schemas import record
from schemas.codes import LOAD_KINDS, CardFamily, TapKind
from schemas.families import COUNTERS, Counter
from schemas.reasons import Reason
from service.explaining.found import Chain, Position
from settlement.chains.element import OPENING, Element, opening_of
from settlement.chains.walk import walk
from settlement.store import chains, traces
from settlement.store.loads import read_loads_of_cards
from settlement.store.traces import TracedTap

AROUND: Final = 2
"""Neighbours that are shown on each side."""

_COUNTERS_AT: Final = record.OFFSET["offline_counter"]
_POSITION: Final = struct.Struct(">HHii")
_TERMINAL: Final = slice(record.OFFSET["terminal_id"], record.FIELD["terminal_id"].end)


async def chain_of(
    connection: Connection, batch: BatchRow, tap: StoredTap, as_of: date, *, own_card: bool
) -> Chain:
    """The card's chain around a tap, as known at the end of a date."""
    card = tap.record[record.CARD]
    known = await traces.read_card_taps(connection, card, as_of)
    mute = await chains.read_mute_batches(connection, as_of)
    opening = None
    if own_card:
        line = (await store.read_card_lines(connection, [card])).get(card)
        opening = opening_of(cards.unpack(line)) if line else None
    loads = {
        row.online_counter: row.amount_fen
        for row in await read_loads_of_cards(connection, [card], as_of)
    }
    elements = [_element(each, mute) for each in known if _is_element(each, own_card)]
    torn = [_element(each, mute) for each in known if _is_torn(each)]
    found = walk(elements, opening, torn, loads.get)
    asked = _asked(batch, tap, mute)
    place = next((n for n, each in enumerate(found.chain) if each.tap == asked.tap), None)
    shown = _around(found.chain, asked, place)
    taps = {each.tap for each in shown}
    return Chain(
        positions=[_position(each, asked) for each in shown],
        between=[
            each for each in found.between if each.left.tap in taps and each.right.tap in taps
        ],
        in_chain=place is not None,
        counters=not asked.mute,
        taps_known=len(known),
    )


def _around(chain: list[Element], asked: Element, place: int | None) -> list[Element]:
    """The tap with its neighbours; put in by its own counters where it is no element."""
    if place is not None:
        return chain[max(0, place - AROUND) : place + AROUND + 1]
    if asked.mute:
        return [asked]
    before = [each for each in chain if each.kind == OPENING or each.order < asked.order]
    after = [each for each in chain if each not in before]
    return [*before[-AROUND:], asked, *after[:AROUND]]


def _is_element(tap: TracedTap, own_card: bool) -> bool:
    """Of an own card: what is proven. Of another city's card all that holds its identity, for it is all
    that can be known here."""
    if _is_torn(tap):
        return False
    if own_card:
        return tap.debit_proven or tap.kind in LOAD_KINDS
    return True


def _is_torn(tap: TracedTap) -> bool:
    return tap.reason == Reason.TAC_TORN or bool(tap.flags >> Reason.TAC_TORN & 1)


def _asked(batch: BatchRow, tap: StoredTap, mute: set[int]) -> Element:
    traced = TracedTap(
        business_date=batch.business_date,
        batch_seq=batch.batch_seq,
        row_no=tap.row_no,
        verdict=tap.verdict,
        reason=tap.reason,
        flags=tap.flags,
        kind=tap.kind,
        tapped_at=traces.tapped_at_of(tap.record),
        amount_fen=tap.amount_fen,
        debit_proven=tap.debit_proven,
        record=tap.record,
    )
    return _element(traced, mute)


def _element(tap: TracedTap, mute: set[int]) -> Element:
    offline, online, before_fen, after_fen = _POSITION.unpack_from(tap.record, _COUNTERS_AT)
    return Element(
        offline=offline,
        online=online,
        before_fen=before_fen,
        after_fen=after_fen,
        amount_fen=tap.amount_fen,
        kind=tap.kind,
        tapped_at=tap.tapped_at,
        terminal=tap.record[_TERMINAL],
        batch_seq=tap.batch_seq,
        row_no=tap.row_no,
        business_date=tap.business_date,
        flags=tap.flags,
        accepted=tap.verdict == 0,
        mute=_is_mute(tap, offline, online) or tap.batch_seq in mute,
    )


def _is_mute(tap: TracedTap, offline: int, online: int) -> bool:
    """Whether the record says nothing of its place in the card's order."""
    if tap.record[1] not in set(CardFamily) or tap.kind not in set(TapKind):
        return True
    counter = COUNTERS[CardFamily(tap.record[1])].get(TapKind(tap.kind))
    return counter is None or not (offline if counter == Counter.OFFLINE else online)


def _position(element: Element, asked: Element) -> Position:
    opening = element.kind == OPENING
    values = {
        name: getattr(element, name)
        for name in Position.__struct_fields__
        if name not in ("own", "opening", "arrived_on")
    }
    return Position(
        own=element.tap == asked.tap and not opening,
        opening=opening,
        arrived_on=None if opening else element.business_date,
        **values,
    )


async def terminal_of(
    connection: Connection, batch: BatchRow, tap: StoredTap, as_of: date
) -> list[TracedTap]:
    """The terminal's taps with numbers next to this one's; none where the source gives no numbers."""
    number = msgspec.structs.asdict(record.unpack(tap.record))["terminal_number"]
    if not number:
        return []
    return await traces.read_terminal_taps(
        connection, tap.record[_TERMINAL], number, batch.business_date, as_of, AROUND
    )
