"""The fare of one tap by the reference: entry, gross bounds, class, transfer, difference."""

from clearing import pricing
from clearing._reference import journey
from clearing._reference.journey import TAPS_IN
from clearing._reference.row import Row
from clearing.kernel import BatchContext
from clearing.plan import Bearer, Limits, Operator, Tariff, TransferType
from schemas.codes import CardKind, Check, Discount, Mode
from schemas.reasons import Reason

_CONCESSION_KINDS = frozenset(
    {CardKind.STUDENT, CardKind.SENIOR, CardKind.LOVE, CardKind.MILITARY, CardKind.STAFF}
)


def check_fare(row: Row, context: BatchContext, operator: Operator, limits: Limits) -> None:
    """What the tap should have cost, and what is to be said of what it did cost."""
    tap = row.tap
    row.split = _split_at(operator, row.seconds)
    if not row.split:
        row.say(Reason.ACCOUNT_MISSING, 0, operator.number)
    if not any(since_s <= row.seconds < until_s for since_s, until_s in operator.fee_times):
        row.say(Reason.FEE_RULE_MISSING, 0, operator.number)
    if Check.JOURNEYS in context.checks:
        journey.check(row, limits.journey_max_s)
    if Check.TARIFF not in context.checks or tap.mode == Mode.DEGRADED:
        return
    _check_concession(row)
    if tap.kind in TAPS_IN:
        row.expected_fen = 0
        _compare(row)
        return
    tariff = pricing.tariff_at(operator.tariffs, tap.kind, row.seconds)
    bounds = None
    if tariff is not None:
        ride = pricing.Ride(
            tap.kind,
            tap.line,
            journey.entry_station(row, limits.journey_max_s),
            tap.station,
            tap.gross_fen,
            tap.distance_m,
            tap.duration_s,
        )
        bounds = pricing.gross_bounds(tariff, ride)
    if tariff is None or bounds is None:
        row.say(Reason.TARIFF_MISSING, 0, tap.line)
        return
    gross_fen = min(max(tap.gross_fen, bounds[0]), bounds[1])
    if gross_fen != tap.gross_fen:
        row.say(Reason.GROSS_DIFFERS, gross_fen, tap.gross_fen)
    _price(row, tariff, gross_fen, Check.BALANCES in context.checks)
    _compare(row)


def _card_kind(row: Row) -> int:
    """The kind of card that counts: of our own we know it, another city's is unknown."""
    if not row.own:
        return CardKind.UNSTATED
    return row.line.card_kind if row.line is not None else row.tap.card_kind


def _check_concession(row: Row) -> None:
    claimed, kind = row.tap.discount_claimed, _card_kind(row)
    if claimed & Discount.CONCESSION and kind not in _CONCESSION_KINDS:
        row.say(Reason.CONCESSION_NOT_OF_CARD, kind, claimed)


def _price(row: Row, tariff: Tariff, gross_fen: int, balances: bool) -> None:
    tap = row.tap
    marked = bool(tap.discount_claimed & Discount.TRANSFER)
    if tariff.by_amount and row.own:
        found = pricing.explain_by_amount(tariff, gross_fen, tap.amount_fen, marked)
        row.expected_fen = found.fare_fen
        if found.unmarked_transfer:
            row.say(Reason.TRANSFER_UNMARKED, found.plain_fen, tap.amount_fen)
        return
    fare_class = None
    if row.own:
        fare_class = pricing.class_of(tariff, _card_kind(row))
    fare_fen = pricing.discounted(fare_class, gross_fen)
    if fare_class is not None and fare_class.bearer != Bearer.OPERATOR:
        row.subsidy_fen, row.subsidy_bearer = gross_fen - fare_fen, fare_class.bearer
    if marked and tariff.transfer.type != TransferType.NONE:
        if _transfer_qualifies(row, tariff):
            fare_fen = pricing.transferred(tariff, fare_fen)
            row.transfer_used = True
        else:
            base = row.line.transfer_base_s if row.line is not None else 0
            unproven = balances and _history_incomplete(row)
            reason = Reason.TRANSFER_UNPROVEN if unproven else Reason.TRANSFER_UNQUALIFIED
            row.say(reason, base + tariff.transfer.window_s, row.seconds)
    row.expected_fen = fare_fen


def _transfer_qualifies(row: Row, tariff: Tariff) -> bool:
    line, transfer = row.line, tariff.transfer
    if not row.own:
        return False
    if transfer.by_mark:
        return True
    return (
        line is not None
        and line.transfer_base_s > 0
        and 0 <= row.seconds - line.transfer_base_s <= transfer.window_s
        and line.transfers_used < transfer.count_max
    )


def _history_incomplete(row: Row) -> bool:
    """Taps of this card may not have come yet: it says so itself, or what it stated last is not what
    we booked."""
    line = row.line
    if not row.own or line is None:
        return False
    gap = row.has(Reason.CHAIN_GAP_PENDING)
    return gap or line.stated_balance_fen != line.book_balance_fen


def _compare(row: Row) -> None:
    if row.tap.amount_fen > row.expected_fen:
        row.say(Reason.ABOVE_TARIFF, row.expected_fen, row.tap.amount_fen)
    elif row.tap.amount_fen < row.expected_fen:
        row.say(Reason.BELOW_TARIFF, row.expected_fen, row.tap.amount_fen)


def _split_at(operator: Operator, at_s: int) -> tuple[tuple[int, int], ...]:
    for split in operator.splits:
        if split.since_s <= at_s < split.until_s:
            return split.shares
    return ()
