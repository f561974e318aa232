"""One card's own order: counters, balances, journey, and how a proven tap moves them."""

from clearing import cards
from clearing._reference.journey import TAPS_IN, TAPS_OUT
from clearing._reference.row import Row
from clearing.cards import CardLine
from clearing.transfers import WINDOW_STARTS
from schemas.codes import Algorithm, CardKind, Check, TapKind, Verdict
from schemas.reasons import Reason

_BOOK_LEAST, _BOOK_MOST = -(2**31), 2**31 - 1


def open_line(row: Row, issuer_number: int, serial: bytes) -> CardLine:
    """The line of a card that no registry knows; a kind that nobody knows is no kind."""
    known = row.tap.card_kind <= max(CardKind)
    return CardLine(
        family=row.tap.family,
        card_kind=row.tap.card_kind if known else CardKind.UNSTATED,
        issuer_number=issuer_number,
        serial=serial,
    )


def check_line(row: Row, line: CardLine, *, production: bool) -> None:
    """The card as it was issued, and whether it still was good."""
    tap = row.tap
    if not line.flags & cards.REGISTERED:
        row.note(Reason.CARD_UNREGISTERED)
    if line.status == cards.STATUS_CLOSED:
        row.say(Reason.CARD_CLOSED, cards.STATUS_GOOD, line.status)
    elif line.status == cards.STATUS_REFUNDED and row.seconds > line.entry_at_s:
        row.say(Reason.CARD_CLOSED, line.entry_at_s, row.seconds)
    if line.expires_day and row.seconds // 86400 > line.expires_day:
        row.say(Reason.CARD_EXPIRED, line.expires_day, row.seconds // 86400)
    if line.card_kind == CardKind.TEST and production:
        row.say(Reason.TEST_CARD, 0, line.card_kind)
    if tap.card_kind > max(CardKind):
        row.say(Reason.CARD_KIND_UNKNOWN, line.card_kind, tap.card_kind)
    elif tap.card_kind and tap.card_kind != line.card_kind:
        row.say(Reason.CARD_KIND_DIFFERS, line.card_kind, tap.card_kind)


def check_room(row: Row, line: CardLine, limit: int) -> None:
    """Whether the card's line can hold what is left after the tap. ``limit``: of an amount, fen.

    No purse holds such amounts. So they prove nothing, whoever signed them: nothing is booked, and the
    lines go on being what the books say.
    """
    if not row.tac_proven or not (row.is_debit or row.tap.kind == TapKind.TOP_UP):
        return
    book, amount = line.book_balance_fen, row.tap.amount_fen
    room = book - _BOOK_LEAST if row.is_debit else _BOOK_MOST - book
    if amount > room:
        row.tac_proven = False
        if amount <= limit:
            row.say(Reason.AMOUNT_ABOVE_LIMIT, room, amount)


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
    line.book_balance_fen += -tap.amount_fen if row.is_debit else tap.amount_fen
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
    _move_entry(row, line)
    if row.transfer_used:
        # A mark alone may claim any number of transfers; the count stops at the byte's end.
        line.transfers_used = min(line.transfers_used + 1, 255)
    elif tap.kind in WINDOW_STARTS:
        line.transfer_base_s = row.seconds
        line.transfer_operator = cards.operator_in_line(tap.operator)
        line.transfers_used = 0


def _move_entry(row: Row, line: CardLine) -> None:
    """Entry and exit. A refunded card has no journey: its line has the refund's moment in that place."""
    tap = row.tap
    if line.status == cards.STATUS_REFUNDED:
        return
    if tap.kind in TAPS_IN:
        line.flags |= cards.JOURNEY_OPEN
        line.entry_at_s, line.entry_station = row.seconds, tap.station
        line.entry_operator = cards.operator_in_line(tap.operator)
    elif tap.kind in TAPS_OUT:
        line.flags &= ~cards.JOURNEY_OPEN
        line.entry_at_s = line.entry_station = line.entry_operator = 0


def refunds(row: Row, verdict: Verdict) -> bool:
    """Whether a tap is a refund that the card signed, and the earliest of which we know."""
    tap, line = row.tap, row.line
    if tap.kind != TapKind.CARD_REFUND or verdict != Verdict.HELD or line is None:
        return False
    if not row.tac_proven or tap.algorithm == Algorithm.NONE:
        return False
    return line.status != cards.STATUS_REFUNDED or row.seconds < line.entry_at_s


def move_refund(row: Row, line: CardLine) -> None:
    """The card is closed from the refund's moment on."""
    line.status = cards.STATUS_REFUNDED
    line.flags &= ~cards.JOURNEY_OPEN
    line.entry_at_s, line.entry_station, line.entry_operator = row.seconds, 0, 0
