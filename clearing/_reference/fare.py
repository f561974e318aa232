"""The fare of one tap by the reference: entry, gross bounds, class, transfer, difference."""

from clearing import cards, pricing
from clearing._reference.row import Row
from clearing.kernel import BatchContext
from clearing.plan import Bearer, Operator, Tariff, TransferType
from schemas.codes import Check, Discount, Mode, TapKind
from schemas.reasons import Reason

TAPS_IN = frozenset({TapKind.BUS_TAP_IN, TapKind.METRO_TAP_IN})
TAPS_OUT = frozenset({TapKind.BUS_TAP_OUT, TapKind.METRO_TAP_OUT})


def check_fare(row: Row, context: BatchContext, operator: Operator) -> None:
    """What the tap should have cost, and what is to be said of what it did cost."""
    tap = row.tap
    row.split = _split_at(operator, row.seconds)
    if not row.split:
        row.say(Reason.TARIFF_MISSING, 0, tap.line)
        return
    entry_station = _entry_station(row, context)
    if Check.TARIFF not in context.checks or tap.mode == Mode.DEGRADED:
        return
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
            entry_station,
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
    _price(row, tariff, gross_fen)
    _compare(row)


def _entry_station(row: Row, context: BatchContext) -> int:
    tap, line = row.tap, row.line
    if tap.kind not in TAPS_OUT:
        return 0
    if tap.entry_station:
        return tap.entry_station
    if line is not None and line.flags & cards.JOURNEY_OPEN:
        return line.entry_station
    if Check.JOURNEYS in context.checks:
        row.say(Reason.TAP_OUT_WITHOUT_TAP_IN, 0, tap.station)
    return 0


def _price(row: Row, tariff: Tariff, gross_fen: int) -> None:
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
        kind = row.line.card_kind if row.line is not None else tap.card_kind
        fare_class = pricing.class_of(tariff, kind)
    fare_fen = pricing.discounted(fare_class, gross_fen)
    if fare_class is not None and fare_class.bearer != Bearer.OPERATOR:
        row.subsidy_fen, row.subsidy_bearer = gross_fen - fare_fen, fare_class.bearer
    if marked and tariff.transfer.type != TransferType.NONE:
        if _transfer_qualifies(row, tariff):
            fare_fen = pricing.transferred(tariff, fare_fen)
            row.transfer_used = True
        else:
            base = row.line.transfer_base_s if row.line is not None else 0
            row.say(Reason.TRANSFER_UNQUALIFIED, base + tariff.transfer.window_s, row.seconds)
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
