"""One card's own order: counters, balances, journey, and how a proven tap moves them."""

from clearing import cards
from clearing._reference.fare import TAPS_IN, TAPS_OUT
from clearing._reference.row import Row
from clearing.cards import CardLine
from schemas.codes import Check, TapKind
from schemas.reasons import Reason

_WINDOW_STARTS = frozenset({TapKind.BUS_FLAT, TapKind.BUS_TAP_IN, TapKind.METRO_TAP_OUT})


def check_counters(row: Row) -> None:
    """The debit or load counter against what the card used before."""
    tap, line = row.tap, row.line
    if line is None:
        return
    row.newer = (
        tap.offline_counter + tap.online_counter > line.offline_highest + line.online_highest
    )
    if row.is_debit and tap.offline_counter:
        behind = line.offline_highest - tap.offline_counter
        if 0 <= behind < 64 and line.counter_window >> behind & 1:
            row.say(Reason.COUNTER_REUSED, line.offline_highest, tap.offline_counter)
        elif behind >= 0:
            row.say(Reason.COUNTER_LATE, line.offline_highest, tap.offline_counter)
    elif tap.kind == TapKind.TOP_UP and 0 < tap.online_counter <= line.online_highest:
        row.say(Reason.COUNTER_LATE, line.online_highest, tap.online_counter)


def check_balances(row: Row, limit: int) -> None:
    """Arithmetic, limit in fen, and the card chain where the tap is newer than what is known."""
    tap, line = row.tap, row.line
    if not (row.is_debit or tap.kind == TapKind.TOP_UP):
        return
    signed = -tap.amount_fen if row.is_debit else tap.amount_fen
    if tap.balance_before_fen + signed != tap.balance_after_fen:
        after = tap.balance_before_fen + signed
        row.say(Reason.BALANCE_ARITHMETIC, after, tap.balance_after_fen)
    if tap.balance_after_fen > limit:
        row.say(Reason.BALANCE_ABOVE_LIMIT, limit, tap.balance_after_fen)
    if line is not None and row.newer and line.flags & cards.BALANCE_KNOWN:
        known = line.stated_balance_fen
        if tap.balance_before_fen < known:
            row.say(Reason.CHAIN_GAP_PENDING, known, tap.balance_before_fen)
        elif tap.balance_before_fen > known:
            row.say(Reason.BALANCE_RISE_PENDING, known, tap.balance_before_fen)


def move_counters_and_balance(row: Row, line: CardLine, checks: Check) -> None:
    """What a proven tap leaves in its card's counters and balances."""
    tap = row.tap
    booked = line.book_balance_fen + (-tap.amount_fen if row.is_debit else tap.amount_fen)
    # Only absurd amounts reach the bounds; the float identity shows what stopped there.
    line.book_balance_fen = min(max(booked, -(2**31)), 2**31 - 1)
    if Check.COUNTERS in checks:
        if row.is_debit and tap.offline_counter:
            ahead = tap.offline_counter - line.offline_highest
            if ahead > 0:
                shifted = line.counter_window << ahead if ahead < 64 else 0
                line.counter_window = (shifted | 1) & 0xFFFF_FFFF_FFFF_FFFF
                line.offline_highest = tap.offline_counter
            elif ahead > -64:
                line.counter_window |= 1 << -ahead
        elif not row.is_debit:
            line.online_highest = max(line.online_highest, tap.online_counter)
    if Check.BALANCES in checks and row.newer:
        line.stated_balance_fen = tap.balance_after_fen
        line.flags |= cards.BALANCE_KNOWN


def move_journey(row: Row, line: CardLine) -> None:
    """What a proven debit leaves in its card's journey and transfer window, unless it is older."""
    tap = row.tap
    if row.seconds < line.last_tap_s:
        return
    if tap.kind in TAPS_IN:
        line.flags |= cards.JOURNEY_OPEN
        line.entry_at_s, line.entry_station = row.seconds, tap.station
        line.entry_operator = tap.operator
    elif tap.kind in TAPS_OUT:
        line.flags &= ~cards.JOURNEY_OPEN
        line.entry_at_s = line.entry_station = line.entry_operator = 0
    if row.transfer_used:
        # A mark alone may claim any number of transfers; the count stops at the byte's end.
        line.transfers_used = min(line.transfers_used + 1, 255)
    elif tap.kind in _WINDOW_STARTS:
        line.transfer_base_s, line.transfer_operator = row.seconds, tap.operator
        line.transfers_used = 0
