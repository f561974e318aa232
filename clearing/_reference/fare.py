"""The fare of one tap by the reference: entry, gross bounds, class, transfer, difference."""

from clearing import cards, pricing, transfers
from clearing._reference import journey, spending
from clearing._reference.journey import TAPS_IN, TAPS_OUT
from clearing._reference.row import Row
from clearing.kernel import BatchContext
from clearing.plan import Degraded, Limits, Operator, Tariff, TransferType
from clearing.pricing import Ride
from schemas.codes import CardKind, Check, Discount, Mode
from schemas.reasons import Reason

_CONCESSION_KINDS = frozenset(
    {CardKind.STUDENT, CardKind.SENIOR, CardKind.LOVE, CardKind.MILITARY, CardKind.STAFF}
)


def check_fare(row: Row, context: BatchContext, operator: Operator, limits: Limits) -> None:
    """What the tap should have cost, and what is to be said of what it did cost."""
    tap = row.tap
    stated_station = tap.entry_station if tap.kind in TAPS_OUT else 0
    row.split = pricing.split_at(operator.splits, row.seconds, stated_station, tap.station)
    if not row.split:
        row.say(Reason.ACCOUNT_MISSING, 0, operator.number)
    if not any(since_s <= row.seconds < until_s for since_s, until_s in operator.fee_times):
        row.say(Reason.FEE_RULE_MISSING, 0, operator.number)
    if Check.JOURNEYS in context.checks:
        journey.check(row, limits.journey_max_s)
    if Check.TARIFF not in context.checks:
        return
    tariff = pricing.tariff_at(operator.tariffs, tap.kind, row.seconds)
    if tariff is not None and row.own and not tariff.by_amount:
        row.accumulation = tariff.accumulation
    policy = Degraded.AS_CHARGED if tariff is None else tariff.degraded
    if tap.mode == Mode.DEGRADED and policy is Degraded.AS_CHARGED:
        return
    _check_concession(row)
    if tap.kind in TAPS_IN:
        row.expected_fen = 0
        _compare(row)
        return
    ride = _ride(row, limits.journey_max_s)
    bounds = None if tariff is None else pricing.gross_bounds(tariff, ride)
    if tariff is None or bounds is None:
        row.say(Reason.TARIFF_MISSING, 0, tap.line)
        return
    gross_fen = min(max(tap.gross_fen, bounds[0]), bounds[1])
    if gross_fen != tap.gross_fen:
        row.say(Reason.GROSS_DIFFERS, gross_fen, tap.gross_fen)
    _price(row, tariff, ride, gross_fen, Check.BALANCES in context.checks)
    _compare(row)


def _ride(row: Row, journey_max_s: int) -> Ride:
    tap = row.tap
    return Ride(
        kind=tap.kind,
        line=tap.line,
        entry_station=journey.entry_station(row, journey_max_s),
        station=tap.station,
        gross_fen=tap.gross_fen,
        distance_m=tap.distance_m,
        duration_s=tap.duration_s,
        at_s=row.seconds,
        entry_at_s=journey.entry_at_s(row, journey_max_s),
        entry_line=tap.entry_line if tap.kind in TAPS_OUT else 0,
        degraded=tap.mode == Mode.DEGRADED,
    )


def _card_kind(row: Row) -> int:
    """The kind of card that counts: of our own we know it, another city's is unknown."""
    if not row.own:
        return CardKind.UNSTATED
    return row.line.card_kind if row.line is not None else row.tap.card_kind


def _check_concession(row: Row) -> None:
    claimed, kind = row.tap.discount_claimed, _card_kind(row)
    if claimed & Discount.CONCESSION and kind not in _CONCESSION_KINDS:
        row.say(Reason.CONCESSION_NOT_OF_CARD, kind, claimed)


def _price(row: Row, tariff: Tariff, ride: Ride, gross_fen: int, balances: bool) -> None:
    tap = row.tap
    marked = bool(tap.discount_claimed & Discount.TRANSFER)
    if tariff.by_amount and row.own:
        found = pricing.explain_by_amount(tariff, gross_fen, tap.amount_fen, marked, ride)
        row.expected_fen = found.fare_fen
        if found.unmarked_transfer:
            row.say(Reason.TRANSFER_UNMARKED, found.plain_fen, tap.amount_fen)
        return
    if row.own:
        fare_class = pricing.class_of(tariff, _card_kind(row), ride)
    else:
        fare_class = pricing.foreign_class(tariff, ride)
    row.transfer_used = _transfer_qualifies(row, tariff, marked)
    if marked and tariff.transfer.type != TransferType.NONE and not row.transfer_used:
        base = row.line.transfer_base_s if row.line is not None else 0
        unproven = balances and _history_incomplete(row)
        reason = Reason.TRANSFER_UNPROVEN if unproven else Reason.TRANSFER_UNQUALIFIED
        row.say(reason, base + tariff.transfer.window_s, row.seconds)
    net = pricing.net(
        tariff, gross_fen, fare_class, transfer=row.transfer_used, spent_fen=_spent(row)
    )
    row.expected_fen, row.subsidies = net.fare_fen, net.subsidies


def _spent(row: Row) -> int | None:
    if row.accumulation is None or row.line is None:
        return None
    return spending.spent_fen(row.line, row.accumulation, row.seconds)


def _transfer_qualifies(row: Row, tariff: Tariff, marked: bool) -> bool:
    line, window = row.line, transfers.NO_WINDOW
    if not row.own:
        return False
    if line is not None:
        window = transfers.Window(line.transfer_base_s, line.transfer_operator, line.transfers_used)
    operator = cards.operator_in_line(row.tap.operator)
    leg = transfers.Leg(
        at_s=row.seconds,
        kind=row.tap.kind,
        operator=operator,
        marked=marked,
        transfer=tariff.transfer,
    )
    return transfers.qualifies(window, leg)


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
