"""Statements 清算报表: what each participant and the centre gets to read, as CSV and JSON.

Bytes follow from the books and the registry of the date: sorted, no clock, no place. Both roots stand
on every statement, so that what is printed can be held against the seal.
"""

from typing import Any, Final

from clearing.store import read_accounts
from schemas.accounts import AccountKind
from schemas.codes import Purse, Source, TapKind, Verdict
from schemas.reasons import ROW, Reason
from schemas.registry import Issuer
from settlement import books, fee_lines, papers, parties, store
from settlement.books import numbered
from settlement.context import Context
from settlement.exceptions import exception_papers
from settlement.fee_lines import FeeLine
from settlement.figures import Figures, gaps_of, read_figures
from settlement.items import listing
from settlement.lines import OperatorLine, netting_of, operator_lines
from settlement.reclearing.paper import corrections_of
from settlement.store import Connection, DayRow, TapGroup
from settlement.subsidies.claim import claim_papers
from settlement.tables import csv_bytes, json_bytes

JOURNAL: Final = "centre/journal.jsonl"
EVENTS: Final = "centre/events.jsonl"

_GROUP_COLUMNS: Final = (
    "kind", "verdict", "reason", "meaning", "taps", "amount_fen", "gross_fen", "credited_fen",
    "subsidy_fen",
)  # fmt: skip


async def state(connection: Connection, context: Context, day: DayRow) -> None:
    """Write the statements of the date."""
    await papers.keep(
        connection, day.business_date, await statement_papers(connection, context, day)
    )


async def statement_papers(
    connection: Connection, context: Context, day: DayRow
) -> dict[str, bytes]:
    """Every statement of a date that is netted, by name."""
    figures = await read_figures(connection, day)
    numbers = await store.read_batch_numbers(connection, day.business_date)
    board = gaps_of(numbers)
    found = await _proof_papers(connection, day)
    found |= await exception_papers(connection, day)
    corrections = await corrections_of(connection, day.business_date)
    found |= _centre_papers(figures, board, corrections)
    found |= await _item_papers(connection, context, figures, board)
    fees = await fee_lines.read_lines(connection, context, day, figures.registry)
    found |= fee_lines.fee_papers(fees)
    names = parties.names(figures.registry)
    found |= await claim_papers(connection, context, day.business_date, names)
    for line in operator_lines(figures):
        found |= _operator_papers(figures, line, board, corrections, fees)
    for issuer in sorted(parties.rows(figures.registry, "issuer", Issuer), key=lambda i: i.number):
        if issuer.own:
            found |= _issuer_papers(figures, issuer)
    if context.is_province:
        found |= await _city_papers(connection, figures)
    return found


# -- what every statement says -------------------------------------------------------------------


def _head(figures: Figures, title: str) -> dict[str, Any]:
    day = figures.day
    return {
        "title": title,
        "business_date": day.business_date,
        "taps_root": (day.taps_root or b"").hex(),
        "ledger_root": (day.ledger_root or b"").hex(),
        "rules_version": day.rules_version,
        "registry_version": day.registry_version,
    }


def _meaning(reason: int) -> str:
    row = ROW.get(Reason(reason))
    return f"{row.chinese} {row.english}" if row is not None else "正常 clean"


def _group_row(group: TapGroup) -> list[str | int]:
    kind = TapKind(group.kind).name.lower() if group.kind in set(TapKind) else str(group.kind)
    return [
        kind,
        Verdict(group.verdict).name.lower(),
        Reason(group.reason).name.lower(),
        _meaning(group.reason),
        group.taps,
        group.amount_fen,
        group.gross_fen,
        group.credited_fen,
        group.subsidy_fen,
    ]


def _group_papers(name: str, groups: list[TapGroup]) -> dict[str, bytes]:
    return {name: csv_bytes(_GROUP_COLUMNS, [_group_row(group) for group in groups])}


def _groups(figures: Figures, source: Source, operator: int | None = None) -> list[TapGroup]:
    return [
        group
        for group in figures.groups
        if group.source == source and operator in (None, group.operator)
    ]


def _as_objects(groups: list[TapGroup]) -> list[dict[str, str | int]]:
    return [dict(zip(_GROUP_COLUMNS, _group_row(group), strict=True)) for group in groups]


# -- the centre ----------------------------------------------------------------------------------


async def _proof_papers(connection: Connection, day: DayRow) -> dict[str, bytes]:
    """The journal and the events, line by line as the roots cover them."""
    accounts = numbered(await read_accounts(connection))
    entries = await store.read_entries(connection, day.business_date)
    events = await store.read_events(connection, day.business_date)
    return {
        JOURNAL: books.lines_bytes(books.entry_line(row, accounts) for row in entries),
        EVENTS: books.lines_bytes(map(books.event_line, events)),
    }


def _centre_papers(
    figures: Figures, board: dict[int, dict[str, Any]], corrections: list[dict[str, Any]]
) -> dict[str, bytes]:
    lines = figures.lines()
    names = parties.names(figures.registry)
    positions = [
        (Purse(row.purse).name.lower(), row.participant, names.get(row.participant, ""),
         row.amount_fen)
        for row in figures.positions
    ]  # fmt: skip
    statement = _head(figures, "清分中心日报 statement of the centre") | {
        "totals": figures.totals(),
        "presented_to_us": figures.totals(source=Source.PRESENTMENT),
        "reasons": figures.reasons(),
        "by_operator": operator_lines(figures),
        "positions": [
            {"purse": row[0], "participant": row[1], "name": row[2], "amount_fen": row[3]}
            for row in positions
        ],
        "accounts": lines,
        "trial_balance": figures.trial_balance(),
        "completeness": _board(figures, board),
        "corrections": corrections,
    }
    return {
        "centre/statement.json": json_bytes(statement),
        "centre/positions.csv": csv_bytes(
            ("purse", "participant", "name", "amount_fen"), positions
        ),
        "centre/trial_balance.csv": csv_bytes(
            ("account", "purse", "opening_fen", "debit_fen", "credit_fen", "closing_fen"),
            [
                (row.account, row.purse, row.opening_fen, row.debit_fen, row.credit_fen,
                 row.closing_fen)
                for row in lines
            ],
        ),
        "centre/completeness.csv": csv_bytes(
            ("operator", "name", "batches", "last_number", "missing"),
            [
                (row["operator"], row["name"], row["batches"], row["last_number"],
                 " ".join(f"{low}-{high}" for low, high in row["missing"]))
                for row in _board(figures, board)
            ],
        ),
        **_group_papers("centre/taps.csv", _groups(figures, Source.OPERATOR)),
        **_group_papers("centre/presented_to_us.csv", _groups(figures, Source.PRESENTMENT)),
        **_subsidy_papers(figures),
    }  # fmt: skip


async def _item_papers(
    connection: Connection, context: Context, figures: Figures, board: dict[int, dict[str, Any]]
) -> dict[str, bytes]:
    """Open items: the centre's by kind and age, each operator's own one by one, both with what became
    of others on the date."""
    on, node = figures.day.business_date, context.node
    codes = {number: account.code for number, account in figures.accounts.items()}
    items = await listing.read_open(connection, node, on, codes)
    settled = await listing.read_settled(connection, node, on)
    centre = _head(figures, "挂账项 open items") | {
        "kinds": listing.by_kind(items),
        "settled": settled,
        "suspense_fen": sum(figures.balance(AccountKind.SUSPENSE).values()),
        "unclaimed_fen": figures.balance(AccountKind.UNCLAIMED),
    }
    found = {
        "centre/items.csv": listing.kinds_csv(items),
        "centre/items.json": json_bytes(centre),
        "centre/open_items.csv": listing.items_csv(items),
    }
    for row in _board(figures, board):
        number = row["operator"]
        own = [item for item in items if item.operator == number]
        statement = _head(figures, "运营商挂账项 open items of an operator") | {
            "kinds": listing.by_kind(own),
            "missing_batches": row["missing"],
            "settled": [each for each in settled if each["operator"] == number],
        }
        found[f"operators/{number}/items.csv"] = listing.items_csv(own)
        found[f"operators/{number}/items.json"] = json_bytes(statement)
    return found


def _board(figures: Figures, board: dict[int, dict[str, Any]]) -> list[dict[str, Any]]:
    """The completeness board: batches of the date, the last number, what never came."""
    return [
        {
            "operator": operator.number,
            "name": operator.name,
            "batches": sum(
                batch.source == Source.OPERATOR and batch.operator_no == operator.number
                for batch in figures.batches
            ),
            **board.get(operator.number, {"last_number": 0, "missing": []}),
        }
        for operator in figures.operators
    ]


def _subsidy_papers(figures: Figures) -> dict[str, bytes]:
    """The invoice to the public budget: what concessions took off the fares, by operator."""
    rows = [
        (line.operator, line.name, line.subsidy_fen)
        for line in operator_lines(figures)
        if line.subsidy_fen
    ]
    invoice = _head(figures, "财政补贴账单 invoice to the public budget") | {
        "budget_fen": -figures.position(Purse.SUBSIDIES, "budget"),
        "issuer_fen": -figures.position(Purse.SUBSIDIES, "issuer_discount"),
        "by_operator": [
            {"operator": number, "name": name, "subsidy_fen": fen} for number, name, fen in rows
        ],
    }
    return {
        "centre/subsidies.json": json_bytes(invoice),
        "centre/subsidies.csv": csv_bytes(("operator", "name", "subsidy_fen"), rows),
    }


# -- participants --------------------------------------------------------------------------------


def _operator_papers(
    figures: Figures,
    line: OperatorLine,
    board: dict[int, dict[str, Any]],
    corrections: list[dict[str, Any]],
    fees: list[FeeLine],
) -> dict[str, bytes]:
    groups = _groups(figures, Source.OPERATOR, line.operator)
    roles = ("operator", "driver", "load_agent", "refund_agent")
    statement = _head(figures, "运营商对账单 statement of an operator") | {
        "line": line,
        "taps": _as_objects(groups),
        "reasons": figures.reasons(line.operator),
        "fees": [fee for fee in fees if fee.operator == line.operator],
        "positions": {
            purse.name.lower(): {
                role: figures.position(purse, f"{role}/{line.operator}") for role in roles
            }
            for purse in Purse
        },
        "completeness": next(
            row for row in _board(figures, board) if row["operator"] == line.operator
        ),
        "corrections": [row for row in corrections if row["operator"] == line.operator],
        "batches": [
            {
                "batch_seq": batch.batch_seq,
                "number": batch.number,
                "digest": batch.digest.hex(),
                "taps": batch.tap_count,
                "batch_root": batch.batch_root.hex(),
            }
            for batch in figures.batches
            if batch.source == Source.OPERATOR and batch.operator_no == line.operator
        ],
    }
    place = f"operators/{line.operator}"
    return {
        f"{place}/statement.json": json_bytes(statement),
        **_group_papers(f"{place}/statement.csv", groups),
    }


def _issuer_papers(figures: Figures, issuer: Issuer) -> dict[str, bytes]:
    """What an own issuer's cards moved, by purpose, as its liability account has it."""
    code = f"principal/card_liability/{issuer.number}"
    statement = _head(figures, "发卡机构对账单 statement of an issuer") | {
        "issuer": issuer.number,
        "name": issuer.name,
        "position_fen": figures.position(Purse.PRINCIPAL, f"issuer/{issuer.number}"),
        "liability": next((row for row in figures.lines() if row.account == code), None),
        "presented_to_us": _as_objects(_groups(figures, Source.PRESENTMENT)),
    }
    return {f"issuers/{issuer.number}/statement.json": json_bytes(statement)}


async def _city_papers(connection: Connection, figures: Figures) -> dict[str, bytes]:
    """The province: what the cities owe each other, and what netting saves."""
    flows = await store.read_flows(connection, figures.day.business_date)
    netting = netting_of(figures, flows, parties.names(figures.registry))
    found = {
        "centre/netting.json": json_bytes(
            _head(figures, "城际轧差 netting between cities") | {"netting": netting}
        ),
        "centre/netting.csv": csv_bytes(
            ("city", "name", "owed_fen", "owes_fen", "net_fen"),
            [(c.city, c.name, c.owed_fen, c.owes_fen, c.net_fen) for c in netting.cities],
        ),
    }
    for city in netting.cities:
        statement = _head(figures, "城市对账单 statement of a city") | {
            "city": city,
            "flows": [flow for flow in flows if city.city in (flow.acquirer, flow.issuer)],
        }
        found[f"cities/{city.city}/statement.json"] = json_bytes(statement)
    return found
