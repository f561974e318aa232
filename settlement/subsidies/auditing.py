"""An audit of a date's claim: every ride worked out again, held against the papers and the accounts."""

from collections.abc import Iterator
from datetime import date

import msgspec

from clearing.store import Connection
from settlement import comparing, store
from settlement.books import decoded
from settlement.context import Context
from settlement.findings import Finding
from settlement.store.subsidies import read_subsidised
from settlement.subsidies.claim import (
    CLAIM,
    RIDES,
    Claim,
    added_up,
    lines_of,
    read_claim,
    unreconciled,
)
from settlement.subsidies.later import read_later_rides
from settlement.subsidies.rides import SubsidisedRide, work_out


class Audit(msgspec.Struct, frozen=True):
    """What an audit looked at, and what differs."""

    rides: int
    subsidy_fen: int
    findings: list[Finding]


async def audit_claim(connection: Connection, context: Context, on: date) -> Audit:
    """Work every ride of a stated date's claim out again from records, card registry and rules."""
    claim = await read_claim(connection, context, on)
    rides = await store.read_paper(connection, on, RIDES)
    paper = await store.read_paper(connection, on, CLAIM)
    findings = [*await _against_rules(connection, context, on)]
    if rides is None or paper is None:
        findings.append(Finding(f"claim of {on}", "is not stated yet"))
    else:
        findings += _against_papers(claim, rides, paper)
    findings += await unreconciled(connection, on, claim.lines)
    return Audit(
        len(claim.rides),
        sum(ride.subsidy_fen for ride in claim.rides),
        list(dict.fromkeys(findings)),
    )


async def _against_rules(connection: Connection, context: Context, on: date) -> list[Finding]:
    """What of a ride does not follow from its record and the rules in force."""
    taps = await read_subsidised(connection, on)
    taps += [each.tap for each in await read_later_rides(connection, on) if each.later.is_ride]
    return [
        Finding(f"ride {tap.batch_seq}/{tap.row_no}", what, expected, actual)
        for tap, _, worked in await work_out(connection, context, taps, audit=True)
        for what, expected, actual in worked.why_not
    ]


def _against_papers(claim: Claim, rides: bytes, paper: bytes) -> Iterator[Finding]:
    try:
        listed = [msgspec.json.decode(line, type=SubsidisedRide) for line in rides.splitlines()]
        lines = lines_of(decoded(paper))
    except (msgspec.DecodeError, UnicodeDecodeError, KeyError, TypeError) as error:
        yield Finding("papers of the claim", f"cannot be read: {error}")
        return
    old = {_subject(ride): ride for ride in claim.rides}
    new = {_subject(ride): ride for ride in listed}
    for subject in sorted(old.keys() | new.keys()):
        yield from comparing.compare_rows(subject, old.get(subject), new.get(subject))
    if len(new) != len(listed):
        yield Finding("list of rides", "rides", str(len(new)), str(len(listed)))
    if added_up(listed) != lines:
        yield Finding("claim", "is not the sum of the listed rides")


def _subject(ride: SubsidisedRide) -> str:
    by = f" by {ride.entry}" if ride.entry else ""
    return f"ride {ride.batch_seq}/{ride.row}{by}"
