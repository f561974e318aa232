"""From the month's own words to what the model and the node know: registries by date, cards, logs."""

from collections import defaultdict
from datetime import date, datetime
from typing import TYPE_CHECKING, Final

import msgspec

from loadtest.month.log import Line
from loadtest.month.model.card import Card
from loadtest.month.model.checks import DAY_S
from loadtest.month.model.knowledge import Denial, Knowledge
from loadtest.month.model.loads import LogLine
from loadtest.month.model.terminals import Terminal
from loadtest.plan import DENYLIST_DELIVERED
from loadtest.registry_rows import Row
from schemas import record
from schemas.registry import Denied, Operator

if TYPE_CHECKING:
    from loadtest.month.month import Month

EPOCH: Final = datetime(2000, 1, 1)  # noqa: DTZ001 - records carry local time
DUE_DAYS: Final = 31


def seconds(text: str) -> int:
    """Local seconds since 2000 of an ISO local time."""
    return int((datetime.fromisoformat(text) - EPOCH).total_seconds())


def _date_of_version(version: int) -> int:
    """The business date, counted from the first, before which a denylist version is imported."""
    return 0 if version == DENYLIST_DELIVERED else version - 2


def by_date(rows: list[tuple[str, Row]]) -> dict[int, list[tuple[str, Row]]]:
    """Registry rows by the date before which they are imported: a denylist version each date, with the
    operators' acknowledgements as far as they go then."""
    found: dict[int, list[tuple[str, Row]]] = defaultdict(list)
    versions = sorted({row.version for _, row in rows if isinstance(row, Denied)} | {1})
    for kind, row in rows:
        if isinstance(row, Denied):
            found[_date_of_version(row.version)].append((kind, row))
        elif isinstance(row, Operator):
            for number in sorted({_date_of_version(version) for version in versions}):
                known = tuple(
                    (version, at)
                    for version, at in row.denylist_acknowledged
                    if _date_of_version(version) <= number
                )
                changed = msgspec.structs.replace(row, denylist_acknowledged=known)
                found[number].append((kind, changed))
        else:
            found[0].append((kind, row))
    return found


def card_name(family: int, issuer: str, serial: str) -> bytes:
    """The 19 bytes of a card."""
    return bytes([family]) + bytes.fromhex(issuer) + bytes.fromhex(serial)


def knowledge_of(month: "Month") -> Knowledge:
    """What the node knows before the first tap."""
    first_day = (month.first - date(2000, 1, 1)).days
    rows = [row for _, row in month.all_rows()]
    numbers = {pool.issuer.code: pool.issuer.number for pool in month.world.pools}
    cards = {}
    for issued in month.issued_cards():
        name = card_name(issued.family, issued.issuer, issued.serial)
        cards[name] = Card(
            name,
            numbers[issued.issuer],
            issued.offline_counter,
            issued.online_counter,
            issued.balance_fen,
            issued.balance_fen,
        )
    return Knowledge(
        first_day,
        cards,
        {
            terminal: Terminal()
            for operator in month.world.operators.values()
            for terminal in operator.terminals.ids
        },
        {
            card_name(row.family, row.issuer, row.serial): Denial(
                seconds(row.since), row.version, _date_of_version(row.version)
            )
            for row in rows
            if isinstance(row, Denied)
        },
        {
            row.number: [(version, seconds(at)) for version, at in row.denylist_acknowledged]
            for row in rows
            if isinstance(row, Operator)
        },
    )


def log_line(line: Line, known: Knowledge) -> LogLine:
    """A line of a load log as the model reads it."""
    ride = line.ride
    name = ride.draft.family.to_bytes(1, "big") + ride.draft.issuer + ride.draft.serial
    assert len(name) == record.CARD.stop - record.CARD.start
    assert line.amount_fen is not None
    loaded_s = known.first_day * DAY_S + line.loaded_s
    return LogLine(
        name,
        ride.pool.issuer.number,
        line.online,
        line.amount_fen,
        loaded_s,
        line.authorisation,
        line.loaded_s // DAY_S + DUE_DAYS,
    )
