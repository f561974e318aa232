"""What every part of the night's items stands on: accounts, own issuers, the presentment window."""

from bisect import bisect_left
from datetime import date, timedelta

import msgspec

from clearing import cards
from clearing.store import Connection, ensure_accounts, read_accounts, read_registry
from schemas.accounts import Account, AccountKind, code_of
from schemas.codes import Purse
from schemas.items import ItemKind
from schemas.registry import Issuer
from settlement import parties
from settlement.context import Context
from settlement.store import DayRow
from settlement.store.items import read_standing


class Ground(msgspec.Struct, frozen=True):
    """A date's ground. ``issuers``: own ones by number; ``window_days``: of presentment."""

    day: DayRow
    accounts: dict[str, Account]
    issuers: dict[int, Issuer]
    window_days: int

    @property
    def business_date(self) -> date:
        """The date itself."""
        return self.day.business_date

    def account(self, kind: AccountKind, participant: str | int = "") -> int:
        """The number of a principal account. Raises ``KeyError`` where it was never opened."""
        return self.accounts[code_of(Purse.PRINCIPAL, kind, str(participant))].number

    def issuer_of(self, card: bytes) -> Issuer:
        """The own issuer of a card (19 bytes: family, issuer, serial)."""
        code = card[1:9].hex().upper()
        return next(
            issuer
            for issuer in self.issuers.values()
            if issuer.family == card[0] and issuer.issuer.upper() == code
        )

    def due(self, happened: date) -> date:
        """The business date on which the window of what happened on a date is closed."""
        return happened + timedelta(days=self.window_days + 1)


async def read_ground(connection: Connection, context: Context, day: DayRow) -> Ground:
    """Read the ground of a date that is cut off."""
    registry = await read_registry(connection, day.registry_version or 0)
    issuers = parties.rows(registry, "issuer", Issuer)
    return Ground(
        day=day,
        accounts=await read_accounts(connection),
        issuers={issuer.number: issuer for issuer in issuers if issuer.own},
        window_days=context.node.limits.presentment_window_days,
    )


def line_of(lines: bytes, card: bytes, ground: Ground) -> bytes:
    """The line of a card (19 bytes) among lines that are sorted by key; empty without one."""
    number = ground.issuer_of(card).number
    key = card[:1] + number.to_bytes(2, "little") + card[9:]

    def line(at: int) -> bytes:
        return lines[at * cards.SIZE : (at + 1) * cards.SIZE]

    count = len(lines) // cards.SIZE
    at = bisect_left(range(count), key, key=lambda n: cards.key_of(line(n)))
    return line(at) if at < count and cards.key_of(line(at)) == key else b""


async def open_accounts(connection: Connection, day: DayRow) -> None:
    """Open what the night may book on and no registry asks for: accounts of refund agents."""
    waiting = await read_standing(
        connection, day.business_date, before_night=True, kinds=[ItemKind.REFUND]
    )
    agents = {each.item.operator_no for each in waiting if each.item.due_on <= day.business_date}
    wanted = [
        (Purse.PRINCIPAL, AccountKind.REFUND_AGENT, str(number))
        for number in sorted(number for number in agents if number is not None)
    ]
    known = await read_accounts(connection)
    if any(code_of(*each) not in known for each in wanted):
        await ensure_accounts(connection, wanted)
