"""What a tap that arrives now must get: its maker's flags, and what the node's own knowledge adds.

The maker of a tap says what its making implies (a wrong TAC, an unknown terminal, …); everything that
depends on what arrived before, or on the date, is found here.
"""

from datetime import date
from typing import Final

from loadtest.draft import Draft
from loadtest.item import Item, bit
from loadtest.month.model.card import Card
from schemas.codes import DEBIT_KINDS, TapKind
from schemas.reasons import Reason

DAY_S: Final = 86_400
WINDOW_DAYS: Final = 30
"""The presentment window."""
TOLERANCE_S: Final = 600
GRACE_S: Final = DAY_S
"""From a denylist's acknowledgement until it binds."""
JOURNEY_MAX_S: Final = 4 * 3600

DEBITS: Final = frozenset(int(kind) for kind in DEBIT_KINDS)
ENTRIES: Final = frozenset({int(TapKind.BUS_TAP_IN), int(TapKind.METRO_TAP_IN)})
EXITS: Final = frozenset({int(TapKind.BUS_TAP_OUT), int(TapKind.METRO_TAP_OUT)})
TORN: Final = bit(Reason.TAC_TORN)
UNSOUND: Final = bit(
    Reason.TERMINAL_UNKNOWN, Reason.TERMINAL_OF_OTHER_OPERATOR, Reason.ZERO_AMOUNT,
    Reason.AMOUNT_ABOVE_LIMIT, Reason.BALANCE_ABOVE_LIMIT, Reason.BALANCE_ARITHMETIC,
    Reason.TARIFF_MISSING, Reason.ACCOUNT_MISSING, Reason.ABOVE_TARIFF, Reason.BELOW_TARIFF,
    Reason.GROSS_DIFFERS,
)  # fmt: skip
"""A torn tap of which one of these is said is no debit until people say so."""
UNPROVEN: Final = bit(Reason.TRANSFER_UNPROVEN)
BY_FORM: Final = bit(Reason.MALFORMED, Reason.UNKNOWN_KIND)
FOUND_HERE: Final = bit(
    Reason.DUPLICATE_IN_BATCH, Reason.DUPLICATE, Reason.DUPLICATE_OTHER_DATE,
    Reason.DUPLICATE_ALTERED, Reason.FUTURE, Reason.PRESENTED_LATE, Reason.TERMINAL_NUMBER_REUSED,
    Reason.DENYLISTED, Reason.DENYLIST_UNDELIVERED, Reason.COUNTER_REUSED, Reason.COUNTER_LATE,
    Reason.CHAIN_GAP_PENDING, Reason.BALANCE_RISE_PENDING, Reason.ABOVE_TARIFF,
    Reason.BELOW_TARIFF, Reason.TRANSFER_UNPROVEN, Reason.TRANSFER_UNQUALIFIED,
    Reason.TAP_OUT_WITHOUT_TAP_IN, Reason.ENTRY_WITHOUT_EXIT, Reason.JOURNEY_TOO_LONG,
)  # fmt: skip
"""What is never taken from the maker."""
NO_FARE: Final = bit(Reason.DEGRADED_MODE, Reason.TARIFF_MISSING)
_GAP: Final = bit(Reason.CHAIN_GAP_PENDING)
_EPOCH: Final = date(2000, 1, 1)


def seconds_of(moment: bytes) -> int:
    """Local seconds since 2000 of seven bytes BCD; 0 of zeros."""
    if not any(moment):
        return 0
    text = moment.hex()
    day = date(int(text[:4]), int(text[4:6]), int(text[6:8]))
    clock = int(text[8:10]) * 3600 + int(text[10:12]) * 60 + int(text[12:])
    return (day - _EPOCH).days * DAY_S + clock


def time_flags(tapped_s: int, business_day: int) -> int:
    """Too early or too late, on a business date (days since 2000) whose clock stands at its end."""
    flags = 0
    if tapped_s > business_day * DAY_S + DAY_S - 1 + TOLERANCE_S:
        flags |= bit(Reason.FUTURE)
    if tapped_s // DAY_S < business_day - WINDOW_DAYS:
        flags |= bit(Reason.PRESENTED_LATE)
    return flags


def chain_flags(item: Item, card: Card) -> int:
    """Counters and balances against what is known of the card."""
    flags = 0
    if item.direction < 0:
        if card.counter_used(item.offline):
            flags = bit(Reason.COUNTER_REUSED)
        elif item.offline <= card.offline:
            flags = bit(Reason.COUNTER_LATE)
    elif item.online <= card.online:
        flags = bit(Reason.COUNTER_LATE)
    if is_newer(item, card) and item.before_fen != card.stated_fen:
        lower = item.before_fen < card.stated_fen
        flags |= bit(Reason.CHAIN_GAP_PENDING if lower else Reason.BALANCE_RISE_PENDING)
    return flags


def is_newer(item: Item, card: Card) -> bool:
    """Whether a tap comes after everything known, in the card's own order."""
    return item.offline + item.online > card.offline + card.online


def journey_flags(item: Item, draft: Draft, card: Card | None) -> int:
    """Entries and exits against the card's open journey."""
    entry_s = card.entry_s if card is not None else 0
    open_for_s = item.tapped_s - entry_s if entry_s else -1
    if draft.kind in ENTRIES:
        waits = 0 <= open_for_s <= JOURNEY_MAX_S
        return bit(Reason.ENTRY_WITHOUT_EXIT) if waits else 0
    if draft.kind not in EXITS:
        return 0
    flags = 0
    since_s = seconds_of(draft.entry_at) or entry_s
    if since_s and item.tapped_s - since_s > JOURNEY_MAX_S:
        flags |= bit(Reason.JOURNEY_TOO_LONG)
    if not draft.entry_station and not (entry_s and open_for_s <= JOURNEY_MAX_S):
        flags |= bit(Reason.TAP_OUT_WITHOUT_TAP_IN)
    return flags


def qualifies(item: Item, card: Card) -> bool:
    """Whether a leg is known that the transfer discount of a tap follows from."""
    fact = item.transfer
    return (
        fact is not None
        and card.base_s > 0
        and 0 <= item.tapped_s - card.base_s <= fact.window_s
        and card.used < fact.count_max
    )


def fare(item: Item, card: Card | None, flags: int) -> tuple[int, int, bool]:
    """(flags of the fare, what the tap should have cost, whether it is a transfer) of a debit.

    ``flags``: what is said of the tap so far. Without a fare the amount stands.
    """
    if flags & NO_FARE:
        return 0, item.amount_fen, False
    found, priced, transferred = 0, item.priced_fen, False
    if item.transfer is not None:
        transferred = card is not None and qualifies(item, card)
        if not transferred:
            priced = item.full_fen
            incomplete = card is not None and (
                bool(flags & _GAP) or card.stated_fen != card.book_fen
            )
            found = bit(Reason.TRANSFER_UNPROVEN if incomplete else Reason.TRANSFER_UNQUALIFIED)
    if item.amount_fen > priced:
        found |= bit(Reason.ABOVE_TARIFF)
    elif item.amount_fen < priced:
        found |= bit(Reason.BELOW_TARIFF)
    return found, priced, transferred


def move(item: Item, kind: int, card: Card, *, transferred: bool) -> None:
    """What a proven tap leaves in its card's line."""
    newer = is_newer(item, card)
    if item.direction < 0:
        card.book_fen -= item.amount_fen
        card.learn_counter(item.offline)
        if item.tapped_s >= card.last_tap_s:
            move_journey(item, kind, card, transferred=transferred)
    else:
        card.book_fen += item.amount_fen
        card.online = max(card.online, item.online)
    if newer:
        card.stated_fen = item.after_fen
    card.last_tap_s = max(card.last_tap_s, item.tapped_s)


def move_journey(item: Item, kind: int, card: Card, *, transferred: bool) -> None:
    """What a debit leaves in its card's journey and transfer window."""
    if not card.refunded_s:
        if kind in ENTRIES:
            card.entry_s = item.tapped_s
        elif kind in EXITS:
            card.entry_s = 0
    if transferred:
        card.used += 1
    elif item.begins:
        card.base_s, card.used = item.tapped_s, 0
