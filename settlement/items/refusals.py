"""Excess of another city's cards: its issuer refused the tap, and the exchange took the excess back."""

from clearing.plan import Purpose
from clearing.store import Connection
from schemas.accounts import AccountKind
from schemas.items import ItemKind, ItemOutcome, ItemState
from settlement.items.ground import Ground
from settlement.items.night import Night, moved
from settlement.store.items import Standing, read_standing
from settlement.store.tapped import read_refused_taps


async def refused_items(connection: Connection, ground: Ground) -> Night:
    """What the date's refusals do to items of excess, whose money left suspense with them."""
    taps = await read_refused_taps(connection, ground.business_date)
    if not taps:
        return Night()
    standing = await read_standing(
        connection,
        ground.business_date,
        before_night=True,
        open_only=False,
        kinds=[ItemKind.EXCESS],
        taps=taps,
    )
    night = Night()
    for each in standing:
        _refuse(night, each, ground)
    return night


def _refuse(night: Night, each: Standing, ground: Ground) -> None:
    """Close it. What people had given away before comes up again as what the centre is short of."""
    item, suspense = each.item, ground.account(AccountKind.SUSPENSE)
    if each.state == ItemState.OPEN and each.account_no == suspense:
        night.changes.append(
            each.change(ground.business_date, ItemState.CLOSED, ItemOutcome.REFUSED)
        )
    elif each.account_no is not None:
        entry = moved(
            ground.business_date,
            item.item_id,
            "excess of a refused tap, set aside before",
            f"tap {item.batch_seq}/{item.row_no}",
            Purpose.EXCESS,
            each.account_no,
            [(suspense, item.amount_fen)],
        )
        night.entries.append(entry)
        night.changes.append(
            each.change(
                ground.business_date, ItemState.CLOSED, ItemOutcome.REFUSED, entry_id=entry.entry_id
            )
        )
    else:
        night.changes.append(
            each.change(
                ground.business_date,
                ItemState.OPEN,
                ItemOutcome.REFUSED,
                amount_fen=-item.amount_fen,
                account_no=suspense,
                body={"why": "given away before the issuer refused the tap"},
            )
        )
