"""What the walk's findings make of the items that stand: opened, restated, closed, aged. No database.

Each night says anew what is between the card's taps as they are known now, and books the difference to
what it booked before. So the order in which taps arrived leaves no trace in the end.
"""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Final

from schemas.items import ItemKind, ItemOutcome, ItemState
from settlement.chains.element import OPENING, Element
from settlement.chains.standing import Known, Writer
from settlement.chains.walk import Finding, Findings
from settlement.items import Night
from settlement.store.items import Item

BETWEEN: Final = (ItemKind.CHAIN_GAP, ItemKind.CHAIN_RISE, ItemKind.CHAIN_BREAK)
"""The kinds of items that lie between two taps of a card."""


def item_id(kind: ItemKind, card: bytes, place: int) -> str:
    """The id of an item between taps of a card: ``chain_gap/<card>/<first missing place>``, as stated."""
    return f"{kind.value}/{card.hex()}/{place}"


def follow(
    writer: Writer, found: Findings, known: Mapping[str, Known], complete_until: datetime | None
) -> Night:
    """Items between one card's taps. ``known`` by id; ``complete_until``: of the issuer's load log."""
    now: dict[str, Finding] = {}
    for finding in found.between:
        now.setdefault(item_id(finding.kind, writer.card, finding.first), finding)
    for name, finding in now.items():
        item = known.get(name) or writer.open(_opened(writer, name, finding))
        if finding.kind == ItemKind.CHAIN_GAP:
            _gap(writer, item, finding)
        elif finding.kind == ItemKind.CHAIN_RISE:
            _rise(writer, item, finding, complete_until)
        else:
            _broken(writer, item, finding)
    for name, item in sorted(known.items()):
        if item.kind in BETWEEN and name not in now and found.reaches(found.place_of(item.place)):
            _gone(writer, item, found)
    return writer.night


def _opened(writer: Writer, name: str, finding: Finding) -> Item:
    return Item(
        item_id=name,
        kind=finding.kind,
        opened_on=writer.books.business_date,
        card=writer.card,
        amount_fen=finding.amount_fen,
        due_on=writer.books.due_on(finding.right.tapped_at.date()),
        body=_said(finding),
    )


def _said(finding: Finding) -> dict[str, Any]:
    left = finding.left
    return {
        "first": finding.first,
        "last": finding.last,
        "debits": finding.debits,
        "loads": finding.loads,
        "left": "opening" if left.kind == OPENING else _name(left),
        "right": _name(finding.right),
        "since": min(left.business_date, left.tapped_at.date()).isoformat(),
    }


def _name(element: Element) -> str:
    return f"{element.batch_seq}/{element.row_no}"


def _differs(item: Known, finding: Finding) -> bool:
    """Whether what is missing is not what the item said last; who its neighbours are does not matter."""
    said = _said(finding)
    return item.amount_fen != finding.amount_fen or any(
        item.said.get(name) != said[name] for name in ("first", "last", "debits", "loads")
    )


def _gap(writer: Writer, item: Known, finding: Finding) -> None:
    """A gap that is there: new, as it was, smaller, or past its time."""
    if item.is_decided(writer.books.lost):
        _decided(writer, item, min(item.booked_fen, finding.amount_fen))
        return
    was_lost = item.booked_fen > 0 or item.outcome == ItemOutcome.LOST
    if was_lost and not (item.is_open or item.booked_fen or finding.amount_fen):
        # Nothing was in it, and nobody looks for it any more.
        return
    is_lost = was_lost or writer.books.business_date >= item.due_on
    if not is_lost:
        if not item.is_open or _differs(item, finding):
            writer.change(
                item, ItemState.OPEN, ItemOutcome.RESTATED, finding.amount_fen, said=_said(finding)
            )
        return
    if was_lost and not _differs(item, finding) and item.booked_fen == finding.amount_fen:
        return
    booked = writer.book(
        item.item_id,
        "debits of a card whose records did not come" if not was_lost else "less is missing now",
        f"item {item.item_id}",
        [(writer.books.lost, finding.amount_fen - item.booked_fen)],
    )
    writer.change(
        item,
        ItemState.OPEN if finding.amount_fen else ItemState.CLOSED,
        ItemOutcome.RESTATED
        if was_lost and item.is_open and finding.amount_fen
        else ItemOutcome.LOST,
        finding.amount_fen,
        account_no=writer.books.lost if finding.amount_fen else None,
        booked=booked,
        said=_said(finding),
    )


def _decided(writer: Writer, item: Known, target_fen: int) -> None:
    """People closed a gap; records that come afterwards give back what was taken, and no more.

    It is taken from where the decision left the money. What was returned in cash cannot be: the item
    is open again and shows it as missing from unclaimed/chain_gap, owed by whoever got it twice.
    """
    if target_fen == item.booked_fen:
        return
    account = writer.books.lost if item.account_no is None else item.account_no
    left_fen = 0 if item.account_no is None else item.amount_fen
    booked = writer.book(
        item.item_id,
        "records came after the gap was decided",
        f"item {item.item_id}",
        [(account, target_fen - item.booked_fen)],
    )
    left_fen += target_fen - item.booked_fen
    state = item.state if target_fen else ItemState.CLOSED
    writer.change(
        item,
        # What is short waits for people, and they look at what is open.
        ItemState.OPEN if left_fen < 0 else state,
        item.outcome if target_fen else ItemOutcome.ARRIVED_LATE,
        left_fen,
        account_no=account if left_fen else None,
        booked=booked,
    )


def _rise(writer: Writer, item: Known, finding: Finding, complete_until: datetime | None) -> None:
    """A rise that no log explains: pending until the log is complete past it, then an alarm."""
    if item.is_decided(writer.books.lost):
        return
    complete = complete_until is not None and complete_until > finding.right.tapped_at
    differs = _differs(item, finding)
    if item.is_open and not differs and complete == (item.outcome == ItemOutcome.ALARMED):
        return
    if not (item.is_open or differs or complete):
        return
    outcome = ItemOutcome.ALARMED if complete else ItemOutcome.RESTATED
    writer.change(item, ItemState.OPEN, outcome, finding.amount_fen, said=_said(finding))


def _broken(writer: Writer, item: Known, finding: Finding) -> None:
    """Neighbours that cannot both be true: as said, by another sum, or neighbours again."""
    if item.is_decided(writer.books.lost):
        return
    if not item.is_open or item.amount_fen != finding.amount_fen:
        writer.change(
            item, ItemState.OPEN, ItemOutcome.RESTATED, finding.amount_fen, said=_said(finding)
        )


def _gone(writer: Writer, item: Known, found: Findings) -> None:
    """What an item spoke of is not there any more: the records came, or the log explains it."""
    if item.kind == ItemKind.CHAIN_GAP and item.booked_fen:
        if item.is_decided(writer.books.lost):
            _decided(writer, item, 0)
            return
        booked = writer.book(
            item.item_id,
            "lost records came after all",
            f"item {item.item_id}",
            [(writer.books.lost, -item.booked_fen)],
        )
        writer.change(item, ItemState.CLOSED, ItemOutcome.ARRIVED_LATE, 0, booked=booked)
    elif item.is_open and item.account_no is None:
        came = item.kind != ItemKind.CHAIN_RISE or any(
            each.place == found.place_of(item.place) for each in found.chain
        )
        outcome = ItemOutcome.ARRIVED if came else ItemOutcome.MATCHED
        writer.change(item, ItemState.CLOSED, outcome, 0)


def oldest_needed(known: Mapping[str, Known]) -> date | None:
    """From which date on the taps must be read that the open items of a card lie between."""
    since = [
        date.fromisoformat(item.said["since"])
        for item in known.values()
        if "since" in item.said and (item.is_open or item.booked_fen)
    ]
    # A torn tap that waits is met by whatever comes to its place, late as it may be.
    since += [
        item.opened_on for item in known.values() if item.kind == ItemKind.TORN and item.is_open
    ]
    return min(since, default=None)
