"""Which tap is meant: a place, an item about it, or a card and a time (that look-up is logged)."""

import getpass
import re
from datetime import datetime
from typing import Final

import msgspec

from clearing import inspection, store
from clearing.node import Node
from clearing.store import BatchRow, Connection
from schemas.items import ItemKind
from service.errors import ServiceError
from service.masking import masked
from settlement.items.paper import hidden
from settlement.store import decisions, items, traces

_TAP: Final = re.compile(r"(?:(\d{1,19})|(\d{1,10})/(\d{1,20})):(\d{1,9})")
_ITEM: Final = re.compile(r"[a-z_]+/[0-9A-Za-z/._*~-]+")
_SERIAL: Final = re.compile(r"\d{6,20}")
_FOUND_MAX: Final = 20


class Place(msgspec.Struct, frozen=True):
    """A tap by batch_seq (None: by operator and number) and row."""

    batch_seq: int | None
    operator: int
    number: int
    row: int


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked for: ``text`` (a place or an item's id), or ``card`` digits and ``at``."""

    text: str = ""
    card: str = ""
    at: datetime | None = None


def parse(text: str) -> Place:
    """The place of ``batch_seq:row`` or ``operator/number:row``. Raises ``ServiceError``."""
    found = _TAP.fullmatch(text)
    if found is None:
        raise ServiceError(
            f"{text!r} names no tap.",
            "Write BATCH_SEQ:ROW or OPERATOR/NUMBER:ROW (rows count from 0), or an item's id.",
        )
    seq, operator, number, row = found.groups()
    return Place(int(seq) if seq else None, int(operator or 0), int(number or 0), int(row))


async def find(connection: Connection, node: Node, asked: Asked) -> tuple[BatchRow, int]:
    """The batch and row of the tap. Raises ``ServiceError`` where there is none, or more than one."""
    if asked.card:
        place = await _by_card(connection, asked)
    elif _ITEM.fullmatch(asked.text):
        place = await _by_item(connection, node, asked.text)
    else:
        place = parse(asked.text)
    if place.batch_seq is not None:
        batch = await inspection.batch_by_seq(connection, place.batch_seq)
    else:
        batch = await inspection.batch_by_number(connection, place.operator, place.number)
    if batch is None or place.row >= batch.tap_count:
        what = "batch" if batch is None else "row"
        raise ServiceError(
            f"There is no tap {asked.text}: the {what} is not there.",
            "Look at the receipt for batch_seq and taps; rows count from 0.",
        )
    return batch, place.row


async def _by_item(connection: Connection, node: Node, item_id: str) -> Place:
    """By an item's id, or by the form of it in which the card is masked."""
    open_date = await store.read_open_date(connection)
    found = await items.read_standing(connection, open_date, open_only=False, item_ids=[item_id])
    if not found and "~" in item_id:
        kinds = [kind for kind in ItemKind if item_id.startswith(f"{kind.value}/")]
        found = [
            each
            for each in await items.read_standing(
                connection, open_date, open_only=False, kinds=kinds
            )
            if hidden(node, each.item.item_id) == item_id
        ]
    if not found:
        raise ServiceError(f"There is no item {item_id}.", "See onecard items list.")
    item = found[0].item
    if item.batch_seq is None or item.row_no is None:
        raise ServiceError(
            f"The item {item_id} is about no tap that has come.",
            "Explain a tap of the same card or terminal: it shows what is missing beside it.",
        )
    return Place(item.batch_seq, 0, 0, item.row_no)


async def _by_card(connection: Connection, asked: Asked) -> Place:
    if not _SERIAL.fullmatch(asked.card):
        raise ServiceError(
            "A card's serial has 6 to 20 digits.", "Give the digits that are printed on the card."
        )
    if asked.at is None:
        raise ServiceError(
            "A card alone names no tap.", "Give the time of the tap, too: --at TIME."
        )
    serial = bytes.fromhex(asked.card.rjust(20, "0"))
    found = await traces.find_taps(connection, serial, asked.at, _FOUND_MAX)
    shown = masked(asked.card)
    if not found:
        raise ServiceError(
            f"No tap of card {shown} at {asked.at} is here.",
            "Give the time as the terminal recorded it, to the second.",
        )
    if len(found) > 1:
        places = ", ".join(f"{seq}:{row}" for seq, row in found)
        raise ServiceError(
            f"Card {shown} has more than one tap at {asked.at}: {places}.", "Name one of them."
        )
    return Place(found[0][0], 0, 0, found[0][1])


async def log_look_up(connection: Connection, asked: Asked, place: str) -> None:
    """Write an event that somebody looked a card up. In a transaction of the caller's."""
    open_date = await store.read_open_date(connection, lock="FOR SHARE")
    subject = f"tap {place} by card {masked(asked.card)}"
    await decisions.add_look_up(connection, open_date, subject, f"user {_who()}".rstrip())


def _who() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return ""
