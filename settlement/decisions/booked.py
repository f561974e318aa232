"""Loads that people booked from the issuer's log: the record of one of them must not be booked again.

Its record, if it comes, mostly comes past its window and is held, so that no night books it either.
"""

from datetime import datetime

from clearing.plan import moment_of
from schemas import record
from schemas.items import ItemKind, ItemOutcome
from settlement.decisions.case import Case
from settlement.decisions.errors import DecisionRefused
from settlement.store.items import read_standing
from settlement.store.loads import LoadRow
from settlement.store.top_ups import TopUp


async def must_not_be_booked(case: Case) -> None:
    """Raises ``DecisionRefused`` where the top-up of this case was booked from the load log."""
    top_up = _top_up(case)
    for each in await read_standing(
        case.connection,
        case.open_date,
        open_only=False,
        kinds=[ItemKind.LOG_WITHOUT_LOAD],
        cards=[case.card],
    ):
        item = each.item
        load = LoadRow(
            issuer_no=item.body["issuer"],
            authorisation=item.body["authorisation"],
            card=case.card,
            online_counter=item.body["online_counter"],
            amount_fen=item.amount_fen,
            loaded_at=datetime.fromisoformat(item.body["loaded_at"]),
            operator_no=item.operator_no or 0,
            imported_on=item.opened_on,
        )
        if each.outcome == ItemOutcome.BOOKED and top_up.is_load(load):
            raise DecisionRefused(
                f"The load of {case.item.item_id} was booked from the issuer's log: {item.item_id}.",
                "Dismiss it; its money is with the card already.",
            )


def _top_up(case: Case) -> TopUp:
    tap, item = case.tap, case.item
    fields = record.unpack(tap.record.ljust(record.SIZE, b"\0"))
    return TopUp(
        batch_seq=tap.batch_seq,
        row=tap.row_no,
        issuer_no=tap.issuer_no,
        card=case.card,
        terminal_id=item.terminal_id or b"",
        online_counter=fields.online_counter,
        amount_fen=tap.amount_fen,
        credited_fen=tap.credited_fen,
        tapped_at=moment_of(tap.tapped_s),
        operator_no=item.operator_no,
    )
