"""Top-ups against the issuers' load logs 充值日志: what agrees needs no item, either side alone does.

One line of the log is one load. Of several booked records that one line would fit, it is the first one's,
by arrival; the others are without log, whatever came first, record or line.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from clearing.plan import Purpose, local_seconds
from clearing.store import Connection
from schemas.accounts import AccountKind
from schemas.items import ItemKind, ItemOutcome, ItemState, item_id_of_tap
from settlement import store
from settlement.items.ground import Ground
from settlement.items.night import Night, merged, moved
from settlement.store.items import Adjustment, Change, Item, Standing, read_standing
from settlement.store.loads import LoadRow, read_complete_until, read_loads_of_cards
from settlement.store.top_ups import TopUp, read_loads_due, read_top_ups, read_unlogged

_BEGINNING: Final = datetime(2000, 1, 1)  # noqa: DTZ001 - local time, before every tap
_CLOCKS_APART: Final = timedelta(days=1)
"""No batch is judged so long before the taps in it that are booked."""


async def load_items(connection: Connection, ground: Ground) -> Night:
    """What the night of a date says of loads: sides alone that are opened, and those that agree now."""
    return merged(
        [
            await _settle_unlogged(connection, ground),
            await _open_unlogged(connection, ground),
            await _settle_unrecorded(connection, ground),
            await _open_unrecorded(connection, ground),
        ]
    )


# -- records that the log does not have ------------------------------------------------------------


async def _open_unlogged(connection: Connection, ground: Ground) -> Night:
    """Top-ups made before the moment up to which the log is complete now, each looked at once."""
    on = ground.business_date
    complete = await read_complete_until(connection, on)
    before = await read_complete_until(connection, on - timedelta(days=1))
    night = Night()
    for issuer_no, until in sorted(complete.items()):
        if issuer_no not in ground.issuers:
            continue
        since = before.get(issuer_no)
        judged_since = max(since or _BEGINNING, _BEGINNING + _CLOCKS_APART) - _CLOCKS_APART
        taps = await read_unlogged(
            connection, on, issuer_no, since, until, local_seconds(judged_since)
        )
        found = await _lines_of(connection, ground, taps)
        night.items += [
            _unlogged(tap, ground) for tap in taps if (tap.batch_seq, tap.row) not in found
        ]
    return night


async def _lines_of(
    connection: Connection, ground: Ground, taps: Iterable[TopUp]
) -> dict[tuple[int, int], LoadRow]:
    """The line of the log that is each top-up's own, by batch and row; none for a top-up without."""
    on = ground.business_date
    cards = sorted({tap.card for tap in taps})
    loads: dict[bytes, list[LoadRow]] = {}
    for load in await read_loads_of_cards(connection, cards, on) if cards else []:
        loads.setdefault(load.card, []).append(load)
    maybe = [tap for tap in taps if any(map(tap.is_load, loads.get(tap.card, ())))]
    if not maybe:
        return {}
    days = await store.read_days_before(connection, on)
    first = days[0].business_date if days else on
    records = _by_card(
        await read_top_ups(connection, sorted({tap.card for tap in maybe}), first, on)
    )
    found = {}
    for tap in maybe:
        place = (tap.batch_seq, tap.row)
        fitting = [load for load in loads[tap.card] if tap.is_load(load)]
        earlier = sum(
            other.credited_fen > 0
            and (other.batch_seq, other.row) < place
            and any(map(other.is_load, fitting))
            for other in records.get(tap.card, ())
        )
        if earlier < len(fitting):
            found[place] = fitting[earlier]
    return found


def _unlogged(tap: TopUp, ground: Ground) -> Item:
    return Item(
        item_id=item_id_of_tap(ItemKind.LOAD_WITHOUT_LOG, tap.batch_seq, tap.row),
        kind=ItemKind.LOAD_WITHOUT_LOG,
        opened_on=ground.business_date,
        batch_seq=tap.batch_seq,
        row_no=tap.row,
        card=tap.card,
        terminal_id=tap.terminal_id,
        operator_no=tap.operator_no,
        amount_fen=tap.amount_fen,
        due_on=ground.due(tap.tapped_at.date()),
        body={"online_counter": tap.online_counter, "tapped_at": tap.tapped_at.isoformat()},
    )


async def _settle_unlogged(connection: Connection, ground: Ground) -> Night:
    """Open items whose load the log has by now, and top-ups that people rejected for want of it."""
    standing = await _standing(connection, ground, ItemKind.LOAD_WITHOUT_LOG, open_only=False)
    standing = [
        each
        for each in standing
        if each.state == ItemState.OPEN or each.outcome == ItemOutcome.REJECTED
    ]
    lines = await _lines_of(connection, ground, [_record_of(each) for each in standing])
    night = Night()
    for each in standing:
        found = lines.get((each.item.batch_seq or 0, each.item.row_no or 0))
        if found is None:
            continue
        if each.state == ItemState.OPEN:
            night.changes.append(_matched(each, ground, {"authorisation": found.authorisation}))
        else:
            _book_again(night, each, found, ground)
    return night


def _book_again(night: Night, each: Standing, load: LoadRow, ground: Ground) -> None:
    """The issuer did authorise the load: taking the top-up back is undone."""
    item = each.item
    assert item.card is not None
    entry = moved(
        ground.business_date,
        item.item_id,
        "top-up rejected for want of an authorisation, which came after all",
        f"tap {item.batch_seq}/{item.row_no}",
        Purpose.TOP_UP,
        ground.account(AccountKind.LOAD_AGENT, item.operator_no or 0),
        [(ground.account(AccountKind.CARD_LIABILITY, load.issuer_no), item.amount_fen)],
    )
    night.entries.append(entry)
    night.changes.append(
        each.change(
            ground.business_date,
            ItemState.CLOSED,
            ItemOutcome.MATCHED,
            entry_id=entry.entry_id,
            body={"authorisation": load.authorisation},
        )
    )
    night.adjustments.append(
        Adjustment(entry.entry_id, item.card, item.item_id, ground.business_date, item.amount_fen)
    )


def _record_of(each: Standing) -> TopUp:
    """The top-up that an item without log was opened for."""
    item = each.item
    return TopUp(
        batch_seq=item.batch_seq or 0,
        row=item.row_no or 0,
        issuer_no=0,
        card=item.card or b"",
        terminal_id=item.terminal_id or b"",
        online_counter=item.body["online_counter"],
        amount_fen=item.amount_fen,
        credited_fen=item.amount_fen,
        tapped_at=datetime.fromisoformat(item.body["tapped_at"]),
        operator_no=item.operator_no,
    )


# -- loads of the log without a record -------------------------------------------------------------


async def _open_unrecorded(connection: Connection, ground: Ground) -> Night:
    """Loads whose window is closed and whose record never came."""
    earlier = await store.read_days_before(connection, ground.business_date)
    loads = await read_loads_due(
        connection,
        ground.business_date,
        earlier[-1].business_date if earlier else None,
        ground.window_days,
    )
    loads = [load for load in loads if load.issuer_no in ground.issuers]
    if not loads:
        return Night()
    first = earlier[0].business_date if earlier else ground.business_date
    records = await read_top_ups(
        connection, [load.card for load in loads], first, ground.business_date
    )
    by_card = _by_card(records)
    return Night(
        items=[
            _unrecorded(load, ground)
            for load in loads
            if not any(tap.is_load(load) for tap in by_card.get(load.card, ()))
        ]
    )


def _unrecorded(load: LoadRow, ground: Ground) -> Item:
    return Item(
        item_id=f"{ItemKind.LOG_WITHOUT_LOAD}/{load.issuer_no}/{load.authorisation}",
        kind=ItemKind.LOG_WITHOUT_LOAD,
        opened_on=ground.business_date,
        card=load.card,
        operator_no=load.operator_no,
        amount_fen=load.amount_fen,
        due_on=ground.due(load.loaded_at.date()),
        body={
            "issuer": load.issuer_no,
            "authorisation": load.authorisation,
            "online_counter": load.online_counter,
            "loaded_at": load.loaded_at.isoformat(),
        },
    )


async def _settle_unrecorded(connection: Connection, ground: Ground) -> Night:
    """Open items whose record came, and loads that people booked without one that came after all."""
    standing = await _standing(connection, ground, ItemKind.LOG_WITHOUT_LOAD, open_only=False)
    standing = [
        each
        for each in standing
        if each.state == ItemState.OPEN or each.outcome == ItemOutcome.BOOKED
    ]
    cards = [each.item.card for each in standing if each.item.card is not None]
    if not cards:
        return Night()
    on = ground.business_date
    by_card = _by_card(await read_top_ups(connection, cards, on, on))
    night = Night()
    for each in standing:
        load = _load_of(each)
        tap = next((tap for tap in by_card.get(load.card, ()) if tap.is_load(load)), None)
        if tap is None:
            continue
        body = {"tap": f"{tap.batch_seq}/{tap.row}"}
        if each.state == ItemState.OPEN:
            night.changes.append(_matched(each, ground, body))
        elif tap.credited_fen:
            _take_back(night, each, ground, body)
    return night


def _load_of(each: Standing) -> LoadRow:
    """The load that an item without record was opened for."""
    item = each.item
    return LoadRow(
        issuer_no=item.body["issuer"],
        authorisation=item.body["authorisation"],
        card=item.card or b"",
        online_counter=item.body["online_counter"],
        amount_fen=item.amount_fen,
        loaded_at=datetime.fromisoformat(item.body["loaded_at"]),
        operator_no=item.operator_no or 0,
        imported_on=item.opened_on,
    )


def _take_back(night: Night, each: Standing, ground: Ground, body: dict[str, str]) -> None:
    """The record booked the load a second time: the booking without record is undone."""
    load = _load_of(each)
    entry = moved(
        ground.business_date,
        each.item.item_id,
        "load booked without its record, which came after all",
        f"tap {body['tap']}",
        Purpose.TOP_UP,
        ground.account(AccountKind.CARD_LIABILITY, load.issuer_no),
        [(ground.account(AccountKind.LOAD_AGENT, load.operator_no), load.amount_fen)],
    )
    night.entries.append(entry)
    night.changes.append(
        each.change(
            ground.business_date,
            ItemState.CLOSED,
            ItemOutcome.ARRIVED_LATE,
            entry_id=entry.entry_id,
            body=body,
        )
    )
    night.adjustments.append(
        Adjustment(
            entry.entry_id, load.card, each.item.item_id, ground.business_date, -load.amount_fen
        )
    )


# -- both ------------------------------------------------------------------------------------------


async def _standing(
    connection: Connection, ground: Ground, kind: ItemKind, *, open_only: bool = True
) -> list[Standing]:
    return await read_standing(
        connection, ground.business_date, before_night=True, open_only=open_only, kinds=[kind]
    )


def _by_card(taps: Iterable[TopUp]) -> dict[bytes, list[TopUp]]:
    found: dict[bytes, list[TopUp]] = {}
    for tap in taps:
        found.setdefault(tap.card, []).append(tap)
    return found


def _matched(each: Standing, ground: Ground, body: dict[str, str]) -> Change:
    return each.change(ground.business_date, ItemState.CLOSED, ItemOutcome.MATCHED, body=body)
