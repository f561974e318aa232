"""Rides that an entry of a later date subsidises, as they were judged when it did.

A ride that was released, or whose transfer was proven, after its date had been re-cleared was priced by the
corrected rules, and so is what its claim says of it.
"""

from datetime import date

import msgspec

from clearing.store import Connection
from settlement.reclearing.booking import PREFIX as RECLEAR
from settlement.store import reclears
from settlement.store.subsidies import LaterSubsidy, SubsidisedTap, read_later, read_taps


class LaterRide(msgspec.Struct, frozen=True):
    """A subsidy of a later entry, and the tap as if it had been subsidised so at once.

    Of a re-clearing's entry the tap tells no more than the version of the rules: the rest was told before.
    """

    later: LaterSubsidy
    tap: SubsidisedTap


async def read_later_rides(connection: Connection, on: date) -> list[LaterRide]:
    """The rides that a date subsidises beside those of its batches, in the order of the entries."""
    later = await read_later(connection, on)
    known = await read_taps(connection, (each.place for each in later))
    places = [each.place for each in later if not each.entry_id.startswith(RECLEAR)]
    corrected = await reclears.read_corrected(connection, places, as_of=on)
    approved = await reclears.read_reclears(connection, decided_on=on)
    versions = {each.proposal_no: each.rules_version for each in approved}
    found = []
    for each in later:
        tap = msgspec.structs.replace(
            known[each.place], subsidy_fen=each.budget_fen + each.issuer_fen
        )
        if each.entry_id.startswith(RECLEAR):
            number = int(each.entry_id.removeprefix(RECLEAR).split("/")[0])
            tap = msgspec.structs.replace(
                tap, rules_version=versions.get(number, tap.rules_version)
            )
        elif each.place in corrected:
            tap = _as_corrected(tap, corrected[each.place])
        found.append(LaterRide(each, tap))
    return found


def _as_corrected(tap: SubsidisedTap, last: reclears.Corrected) -> SubsidisedTap:
    return msgspec.structs.replace(
        tap,
        rules_version=last.rules_version,
        gross_fen=last.answer.gross_fen,
        priced_fen=last.answer.priced_fen,
    )
