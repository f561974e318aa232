"""The claim of a date and of a month: rides added up, held against the subsidy accounts; the papers."""

from collections.abc import Iterable
from datetime import date
from typing import Any, Final

import msgspec

from clearing.plan import Purpose, moment_of
from clearing.rules.fees import is_last_of_month
from clearing.store import Connection, read_accounts
from schemas.accounts import AccountKind
from schemas.record import CARD
from settlement import store
from settlement.books import decoded, lines_bytes, numbered
from settlement.context import Context
from settlement.errors import AuditFailed
from settlement.findings import Finding
from settlement.items.paper import hidden
from settlement.store.subsidies import SubsidisedTap, read_subsidised
from settlement.subsidies.later import LaterRide, read_later_rides
from settlement.subsidies.rides import SubsidisedRide, Worked, kind_name, work_out
from settlement.tables import csv_bytes, json_bytes, line_bytes

CLAIM: Final = "centre/subsidy_claim.json"
RIDES: Final = "centre/subsidy_rides.jsonl"
MONTH: Final = "centre/subsidy_claim_month.json"
_REPLACE: Final = msgspec.structs.replace


class ClaimLine(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """Rides of one operator, tariff, class, card kind and rule version, fen."""

    operator: int
    tariff: str
    fare_class: str
    card_kind: str
    rules_version: int
    rides: int = 0
    gross_fen: int = 0
    fare_fen: int = 0
    paid_fen: int = 0
    subsidy_fen: int = 0
    budget_fen: int = 0
    issuer_fen: int = 0


_KEY: Final = ("operator", "tariff", "fare_class", "card_kind", "rules_version")
_SUMS: Final = tuple(name for name in ClaimLine.__struct_fields__ if name not in _KEY)
COLUMNS: Final = ("operator", "name", *ClaimLine.__struct_fields__[1:])


class Claim(msgspec.Struct, frozen=True):
    """What a date claims: its rides in order, and their sums."""

    rides: list[SubsidisedRide]
    lines: list[ClaimLine]


async def read_claim(connection: Connection, context: Context, on: date) -> Claim:
    """The claim of a date from its taps and books, every ride worked out anew."""
    taps = await read_subsidised(connection, on)
    later = await read_later_rides(connection, on)
    found = [
        _ride(context, tap, kind, worked)
        for tap, kind, worked in await work_out(connection, context, taps)
    ]
    given = [each.tap for each in later]
    for each, (tap, kind, worked) in zip(
        later, await work_out(connection, context, given), strict=True
    ):
        found.append(_later_ride(each, _ride(context, tap, kind, worked)))
    return Claim(found, added_up(found))


def _ride(context: Context, tap: SubsidisedTap, kind: int, worked: Worked) -> SubsidisedRide:
    return SubsidisedRide(
        batch_seq=tap.batch_seq,
        row=tap.row_no,
        entry="",
        operator=tap.operator_no,
        rules_version=tap.rules_version,
        tariff=worked.tariff,
        fare_class=worked.fare_class,
        card=hidden(context.node, tap.record[CARD].hex()),
        card_kind=kind_name(kind),
        tapped_at=moment_of(tap.tapped_s).isoformat(),
        rides=1,
        gross_fen=tap.gross_fen,
        fare_fen=tap.priced_fen,
        paid_fen=min(tap.amount_fen, tap.priced_fen),
        subsidy_fen=tap.subsidy_fen,
        budget_fen=worked.budget_fen,
        issuer_fen=worked.issuer_fen,
    )


def _later_ride(each: LaterRide, ride: SubsidisedRide) -> SubsidisedRide:
    """A released ride is claimed whole; of one that was claimed before (re-cleared, its transfer
    proven, taken back as a double deduction) the difference."""
    later = each.later
    ride = _REPLACE(
        ride, entry=later.entry_id, budget_fen=later.budget_fen, issuer_fen=later.issuer_fen
    )
    if later.is_ride:
        return ride
    return _REPLACE(ride, fare_class="", rides=0, gross_fen=0, fare_fen=0, paid_fen=0)


def added_up(rides: Iterable[SubsidisedRide | ClaimLine]) -> list[ClaimLine]:
    """The sums of rides, or of dates, in order."""
    sums: dict[tuple[Any, ...], list[int]] = {}
    for ride in rides:
        line = sums.setdefault(tuple(getattr(ride, name) for name in _KEY), [0] * len(_SUMS))
        for at, name in enumerate(_SUMS):
            line[at] += getattr(ride, name)
    return sorted(
        ClaimLine(**dict(zip((*_KEY, *_SUMS), (*key, *line), strict=True)))
        for key, line in sums.items()
    )


# -- against the books ---------------------------------------------------------------------------


_BEARERS: Final = {
    AccountKind.BUDGET: "the budget",
    AccountKind.ISSUER_DISCOUNT: "the issuer",
}


async def unreconciled(
    connection: Connection, on: date, lines: Iterable[ClaimLine]
) -> list[Finding]:
    """Subsidy accounts that moved on a date by something else than the claim says.

    Per operator what it is owed, and over all what the budget owes, and what the issuer does.
    """
    accounts = numbered(await read_accounts(connection))
    moved: dict[str, int] = {}
    for row in await store.read_sums(connection, on):
        account = accounts[row.account]
        if row.purpose == Purpose.SUBSIDY:
            who = _BEARERS.get(account.kind, f"operator {account.participant}")
            sign = -1 if account.kind == AccountKind.SUBSIDY else 1
            moved[who] = moved.get(who, 0) + sign * row.amount_fen
    claimed: dict[str, int] = {}
    for line in lines:
        for who, fen in (
            (f"operator {line.operator}", line.subsidy_fen),
            (_BEARERS[AccountKind.BUDGET], line.budget_fen),
            (_BEARERS[AccountKind.ISSUER_DISCOUNT], line.issuer_fen),
        ):
            claimed[who] = claimed.get(who, 0) + fen
    return [
        Finding(
            f"subsidies of {who}",
            "Σ claim, fen,", str(moved.get(who, 0)), str(claimed.get(who, 0)),
        )
        for who in sorted(moved.keys() | claimed.keys())
        if moved.get(who, 0) != claimed.get(who, 0)
    ]  # fmt: skip


# -- papers --------------------------------------------------------------------------------------


async def claim_papers(
    connection: Connection, context: Context, on: date, names: dict[str, str]
) -> dict[str, bytes]:
    """The claim of a date, on the last date of a month the month's too. Raises ``AuditFailed`` where it is
    not what the subsidy accounts moved."""
    claim = await read_claim(connection, context, on)
    findings = await unreconciled(connection, on, claim.lines)
    if findings:
        raise AuditFailed(f"{on} has subsidies that are not the claim", findings)
    found = {
        RIDES: lines_bytes(map(line_bytes, claim.rides)),
        CLAIM: json_bytes(told(f"{on}", claim.lines, names)),
        "centre/subsidy_claim.csv": claim_csv(claim.lines, names),
    }
    if is_last_of_month(on):
        papers = await read_month(connection, on) | {on: told(f"{on}", claim.lines, names)}
        month = told_month(on, papers)
        found[MONTH] = json_bytes(month)
        found["centre/subsidy_claim_month.csv"] = claim_csv(lines_of(month), names)
    return found


async def read_month(connection: Connection, up_to: date) -> dict[date, dict[str, Any]]:
    """The claims of a month's dates before one, as their papers have them."""
    found: dict[date, dict[str, Any]] = {}
    for day in await store.read_days_before(connection, up_to):
        if (day.business_date.year, day.business_date.month) == (up_to.year, up_to.month):
            paper = await store.read_paper(connection, day.business_date, CLAIM)
            if paper is not None:
                found[day.business_date] = decoded(paper)
    return found


def told(period: str, lines: list[ClaimLine], names: dict[str, str]) -> dict[str, Any]:
    """A claim for whoever pays it."""
    return {
        "title": "补贴申报 subsidy claim",
        "period": period,
        **_sums(lines),
        "lines": [
            msgspec.structs.asdict(line) | {"name": names.get(f"operator/{line.operator}", "")}
            for line in lines
        ],
    }


def told_month(month: date, papers: dict[date, dict[str, Any]]) -> dict[str, Any]:
    """The claims of dates, as told, added up for their month."""
    names = {
        f"operator/{line['operator']}": line["name"]
        for _, paper in sorted(papers.items())
        for line in paper["lines"]
    }
    lines = added_up(line for paper in papers.values() for line in lines_of(paper))
    dates = {f"{on}": _sums(lines_of(paper)) for on, paper in sorted(papers.items())}
    return told(f"{month:%Y-%m}", lines, names) | {"dates": dates}


def _sums(lines: list[ClaimLine]) -> dict[str, int]:
    return {name: sum(getattr(line, name) for line in lines) for name in _SUMS}


def lines_of(told_claim: dict[str, Any]) -> list[ClaimLine]:
    """The lines of a claim as told."""
    return [
        ClaimLine(**{name: row[name] for name in (*_KEY, *_SUMS)}) for row in told_claim["lines"]
    ]


def claim_csv(lines: list[ClaimLine], names: dict[str, str]) -> bytes:
    """A claim as a table."""
    return csv_bytes(
        COLUMNS,
        [
            (line.operator, names.get(f"operator/{line.operator}", ""),
             *(getattr(line, name) for name in COLUMNS[2:]))
            for line in lines
        ],
    )  # fmt: skip
