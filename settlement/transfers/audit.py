"""The night's rows of transfers: items opened, proven, refuted, given up when their window has closed."""

from collections.abc import Iterable
from datetime import date, datetime
from itertools import chain
from typing import Any, Final

import msgspec

from clearing import cards
from clearing.plan import Bearer, Purpose, moment_of
from clearing.store import Connection, Entry, Posting
from schemas.accounts import AccountKind
from schemas.codes import TapKind
from schemas.items import ItemKind, ItemOutcome, ItemState, item_id_of_tap
from schemas.reasons import Reason
from schemas.record import CARD
from settlement.context import Context
from settlement.items.ground import Ground, line_of
from settlement.items.night import Night, entry_id
from settlement.store import chains, transfers
from settlement.store.decisions import read_reversed
from settlement.store.items import Item, Standing, read_standing
from settlement.transfers import money
from settlement.transfers.reading import Found, Place, Reader

_WITHOUT_PROOF: Final = (ItemKind.TORN, ItemKind.HELD_UNPROVEN)
_TOOK: Final = frozenset({ItemOutcome.DEBITED, ItemOutcome.RELEASED})
_TORN: Final = f"{ItemKind.TORN.value}/"


async def audit_transfers(
    connection: Connection, context: Context, ground: Ground, lines: bytes, tonight: Night
) -> Night:
    """What the night of a date says of transfers that could not be judged. Reads only.

    ``lines``: the date's closing card lines; ``tonight``: what other parts of this night said.
    """
    if context.is_province:
        return Night()
    audit = _Audit(connection, context, ground, lines, tonight)
    return await audit.run()


class _Audit:
    def __init__(
        self, connection: Connection, context: Context, ground: Ground, lines: bytes, tonight: Night
    ) -> None:
        self._connection, self._context, self._ground = connection, context, ground
        self._lines, self._tonight = lines, tonight
        self._night = Night([], [], [], [])

    async def run(self) -> Night:
        """Open the date's own, then settle those of which something is known now."""
        on = self._ground.business_date
        new = [
            *await transfers.read_unproven(self._connection, on),
            *await transfers.read_released(self._connection, on),
            *await transfers.read_recleared(self._connection, on),
        ]
        # A ride may be re-cleared and taken back on one date.
        back = await read_reversed(self._connection, [place for place, _, _ in new], on)
        new = [each for each in new if each[0] not in back]
        waiting = await self._awake(
            await self._standing_rides(
                await read_standing(
                    self._connection, on, before_night=True, kinds=[ItemKind.TRANSFER]
                )
            )
        )
        asked: dict[bytes, dict[Place, date]] = {}
        for place, card, tapped_on in [*new, *map(_asked, waiting)]:
            asked.setdefault(card, {})[place] = tapped_on
        if not asked:
            return self._night
        taken = await self._taken(asked)
        reader = Reader(self._connection, self._context, self._ground.day, taken)
        found = await reader.read(asked)
        opened = [await self._open(found[place]) for place, _, _ in new]
        for standing in [*waiting, *opened]:
            item = standing.item
            assert item.batch_seq is not None
            assert item.row_no is not None
            await self._settle(standing, found[item.batch_seq, item.row_no])
        return self._night

    async def _standing_rides(self, waiting: list[Standing]) -> list[Standing]:
        """Those whose ride stands; that of a ride which two people took back ends with it."""
        places = {each.item.item_id: _asked(each)[0] for each in waiting}
        reversed_ = await read_reversed(
            self._connection, list(places.values()), self._ground.business_date
        )
        left = []
        for each in waiting:
            if places[each.item.item_id] in reversed_:
                self._close(each, ItemOutcome.REVERSED)
            else:
                left.append(each)
        return left

    async def _awake(self, waiting: list[Standing]) -> list[Standing]:
        """Those whose card has a tap of the date, or whose window closes."""
        on = self._ground.business_date
        quiet = sorted({_card(each) for each in waiting if each.item.due_on > on})
        async with chains.by_index(self._connection):
            touched = set(await chains.read_touched_cards(self._connection, on, quiet))
        return [each for each in waiting if each.item.due_on <= on or _card(each) in touched]

    async def _taken(self, asked: Iterable[bytes]) -> set[Place]:
        """Taps of these cards without a TAC that took their money, as people decided or this night knows."""
        outcomes = {
            each.item.item_id: each.outcome
            for each in await read_standing(
                self._connection,
                self._ground.business_date,
                before_night=True,
                open_only=False,
                kinds=_WITHOUT_PROOF,
                cards=sorted(asked),
            )
        }
        outcomes |= {
            change.item_id: change.outcome
            for change in self._tonight.changes
            if change.item_id.startswith(_TORN)
        }
        places = (name.split("/")[1:] for name, said in outcomes.items() if said in _TOOK)
        return {(int(batch_seq), int(row)) for batch_seq, row in places}

    async def _change_of(self, found: Found) -> money.Change:
        tap = found.tap
        kind = 0
        if found.tariff.accumulation is not None:
            line = line_of(self._lines, tap.record[CARD], self._ground)
            kind = cards.unpack(line).card_kind if line else 0
        return money.change_of(found, kind, found.gross_fen)

    async def _open(self, found: Found) -> Standing:
        change = await self._change_of(found)
        transfer = found.tariff.transfer
        said = {"discount_fen": change.discount_fen, "bearer": Bearer(transfer.bearer).name.lower()}
        reason = Reason.TRANSFER_UNPROVEN
        item = self._item(found, ItemKind.TRANSFER, change.discount_fen, None, reason, said)
        self._night.items.append(item)
        return _as_opened(item)

    def _item(
        self,
        found: Found,
        kind: ItemKind,
        amount_fen: int,
        account_no: int | None,
        reason: Reason,
        said: dict[str, Any],
    ) -> Item:
        tap = found.tap
        tapped_at = moment_of(tap.tapped_s)
        return Item(
            item_id=item_id_of_tap(kind, tap.batch_seq, tap.row_no),
            kind=kind,
            opened_on=self._ground.business_date,
            batch_seq=tap.batch_seq,
            row_no=tap.row_no,
            card=tap.record[CARD],
            operator_no=found.batch.operator_no,
            amount_fen=amount_fen,
            account_no=account_no,
            due_on=self._ground.due(tapped_at.date()),
            body={
                "reason": reason.name.lower(),
                "kind": TapKind(tap.kind).name.lower(),
                "tapped_at": tapped_at.isoformat(),
                "amount_fen": tap.amount_fen,
                "batch": found.batch.number,
            }
            | said,
        )

    async def _settle(self, standing: Standing, found: Found) -> None:
        on = self._ground.business_date
        if found.qualifies:
            await self._prove(standing, found)
        elif found.qualifies is False:
            self._close(standing, ItemOutcome.REFUTED)
        elif standing.item.due_on <= on:
            self._close(standing, ItemOutcome.NOT_PROVEN)

    def _close(self, standing: Standing, outcome: ItemOutcome, booked: str | None = None) -> None:
        self._night.changes.append(
            standing.change(self._ground.business_date, ItemState.CLOSED, outcome, entry_id=booked)
        )

    async def _prove(self, standing: Standing, found: Found) -> None:
        """Book what the kernels would have booked, had they known the whole history."""
        change, name = await self._change_of(found), standing.item.item_id
        issuer = self._ground.issuer_of(_card(standing))
        liability = self._ground.account(AccountKind.CARD_LIABILITY, issuer.number)
        entry = Entry(
            entry_id=entry_id(self._ground.business_date, name),
            narrative="transfer that its card's history proves",
            corrects=f"tap {found.tap.batch_seq}/{found.tap.row_no}",
            postings=money.postings_of(found, change, liability),
        )
        if change.excess_fen:
            again = await self._set_aside(found, change, entry.entry_id)
            entry = msgspec.structs.replace(entry, postings=entry.postings + again)
        if entry.postings:
            self._night.entries.append(entry)
        self._close(standing, ItemOutcome.PROVEN, entry.entry_id if entry.postings else None)

    async def _set_aside(
        self, found: Found, change: money.Change, booked: str
    ) -> tuple[Posting, ...]:
        """What was charged beyond the fare is an excess, beside what was one before and is still owed.

        Returns what that books: what people wrote off waits again with the rest.
        """
        suspense = self._ground.account(AccountKind.SUSPENSE)
        before = await self._excess_before(found)
        if before is None:
            said = {"credited_fen": found.tap.credited_fen - change.excess_fen}
            self._night.items.append(
                self._item(
                    found, ItemKind.EXCESS, change.excess_fen, suspense, Reason.ABOVE_TARIFF, said
                )
            )
            return ()
        stands_fen = before.amount_fen if before.account_no is not None else 0
        self._night.changes.append(
            before.change(
                self._ground.business_date,
                ItemState.OPEN,
                ItemOutcome.RESTATED,
                amount_fen=stands_fen + change.excess_fen,
                account_no=suspense,
                entry_id=booked,
            )
        )
        if before.account_no in (None, suspense):
            return ()
        return (
            Posting(before.account_no, Purpose.WRITE_OFF, stands_fen, 1),
            Posting(suspense, Purpose.WRITE_OFF, -stands_fen, 1),
        )

    async def _excess_before(self, found: Found) -> Standing | None:
        tap = found.tap
        name = item_id_of_tap(ItemKind.EXCESS, tap.batch_seq, tap.row_no)
        standing = await read_standing(
            self._connection,
            self._ground.business_date,
            before_night=True,
            open_only=False,
            item_ids=[name],
        )
        tonight = (_as_opened(item) for item in self._tonight.items if item.item_id == name)
        return next((each for each in chain(standing, tonight)), None)


def _card(standing: Standing) -> bytes:
    assert standing.item.card is not None
    return standing.item.card


def _asked(standing: Standing) -> tuple[Place, bytes, date]:
    item = standing.item
    assert item.batch_seq is not None
    assert item.row_no is not None
    tapped_on = datetime.fromisoformat(item.body["tapped_at"]).date()
    return (item.batch_seq, item.row_no), _card(standing), tapped_on


def _as_opened(item: Item) -> Standing:
    return Standing(
        item=item,
        state=ItemState.OPEN,
        outcome=ItemOutcome.OPENED,
        amount_fen=item.amount_fen,
        account_no=item.account_no,
        changed_on=item.opened_on,
        changes=0,
    )
