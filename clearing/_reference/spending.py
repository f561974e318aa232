"""What a card has spent in the day and the month of its latest tap, for the tariffs that look at that."""

from clearing import cards
from clearing._reference.row import Row
from clearing.cards import CardLine
from clearing.plan import Accumulation, Period, moment_of
from schemas.codes import Verdict


def spent_fen(line: CardLine, accumulation: Accumulation, at_s: int) -> int | None:
    """What came to the period of a tap before it; None where that period is over already."""
    period = accumulation.period
    now, latest = _number(period, at_s), _number(period, line.last_tap_s)
    if now != latest:
        return 0 if now > latest else None
    return line.day_spent_fen if period is Period.DAY else line.month_spent_fen


def move(row: Row, line: CardLine, verdict: Verdict) -> None:
    """What a proven tap leaves of it, before the line's latest tap is moved. A fare that was not accepted,
    or was not priced by a tariff with an accumulation, counts for none."""
    if _number(Period.DAY, row.seconds) > _number(Period.DAY, line.last_tap_s):
        line.day_spent_fen = 0
    if _number(Period.MONTH, row.seconds) > _number(Period.MONTH, line.last_tap_s):
        line.month_spent_fen = 0
    accumulation = row.accumulation
    if verdict != Verdict.ACCEPTED or accumulation is None:
        return
    if spent_fen(line, accumulation, row.seconds) is None:
        return
    if accumulation.period is Period.DAY:
        line.day_spent_fen = min(line.day_spent_fen + row.paid_fen, cards.DAY_SPENT_MAX)
    else:
        line.month_spent_fen = min(line.month_spent_fen + row.paid_fen, cards.MONTH_SPENT_MAX)


def _number(period: Period, at_s: int) -> int:
    """A number that is the same all through a day or a month, and rises from one to the next."""
    moment = moment_of(at_s)
    return moment.toordinal() if period is Period.DAY else 12 * moment.year + moment.month
