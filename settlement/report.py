"""The report of a date: what ``onecard report`` says, settled or not, as a struct, text and CSV.

``report(context, date)`` reads; the other functions render. Roots and seal are null until the date has
them. Its JSON is ``msgspec.json.encode(report)``.
"""

from datetime import date
from typing import Any

import msgspec

from clearing.plan import Purpose
from schemas.accounts import AccountKind
from schemas.codes import Purse, Source
from settlement import fee_lines, floats, parties, store
from settlement.context import Context
from settlement.fee_lines import FeeLine
from settlement.figures import AccountLine, Figures, Totals, gaps_of, read_figures
from settlement.lines import Netting, OperatorLine, netting_of, operator_lines
from settlement.store import Connection
from settlement.store.waiting import read_waiting
from settlement.tables import csv_bytes, heading, text_table


class PositionLine(msgspec.Struct, frozen=True):
    """A position, fen; positive: is to be paid."""

    purse: str
    participant: str
    name: str
    amount_fen: int


class PaymentLine(msgspec.Struct, frozen=True):
    """An instruction to the bank, fen."""

    instruction_id: str
    purse: str
    debtor: str
    creditor: str
    amount_fen: int


class Subsidies(msgspec.Struct, frozen=True):
    """What concessions took off the fares, fen, by who bears it."""

    budget_fen: int
    issuer_fen: int
    by_operator: dict[str, int]


class WaitingItems(msgspec.Struct, frozen=True):
    """The open items of one kind: how many, how much money they speak of, fen, since when."""

    kind: str
    items: int
    amount_fen: int
    oldest: date


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """A business date of one node. ``totals``, ``reasons`` and ``by_operator`` are of what operators
    handed in; ``presented`` of what other cities presented of our cards."""

    node: str
    name: str
    business_date: date
    state: str
    totals: Totals
    presented: Totals
    by_operator: list[OperatorLine]
    reasons: dict[str, int]
    positions: list[PositionLine]
    payments: list[PaymentLine]
    fees: dict[str, int]
    fee_lines: list[FeeLine]
    subsidies: Subsidies
    suspense_fen: int
    unclaimed: dict[str, int]
    items: list[WaitingItems]
    unconfirmed_fen: int
    float: list[dict[str, Any]] | None
    completeness: dict[str, list[list[int]]]
    netting: Netting | None
    accounts: list[AccountLine]
    trial_balance: dict[str, int]
    taps_root: str | None
    ledger_root: str | None
    events_root: str | None
    seal: str | None


async def report(context: Context, business_date: date) -> Report:
    """The report of a date. Raises ``DayNotReady`` where the node has no such date."""
    async with store.reading(context.dsn) as connection:
        day = await store.read_day(connection, business_date)
        figures = await read_figures(connection, day)
        numbers = await store.read_batch_numbers(connection, business_date)
        gaps = {
            str(operator): line["missing"]
            for operator, line in gaps_of(numbers).items()
            if line["missing"]
        }
        return Report(
            node=context.node.city,
            name=context.node.row.name,
            business_date=business_date,
            state=day.state,
            totals=figures.totals(),
            presented=figures.totals(source=Source.PRESENTMENT),
            by_operator=[line for line in operator_lines(figures) if _says_something(line)],
            reasons=figures.reasons(),
            positions=_positions(figures),
            payments=await _payments(connection, business_date),
            fees={
                row.participant: row.amount_fen
                for row in figures.positions
                if row.purse == Purse.FEES
            },
            fee_lines=await fee_lines.read_lines(connection, context, day, figures.registry),
            subsidies=_subsidies(figures),
            suspense_fen=sum(figures.balance(AccountKind.SUSPENSE).values()),
            unclaimed=figures.balance(AccountKind.UNCLAIMED),
            items=[WaitingItems(*row) for row in await read_waiting(connection, business_date)],
            unconfirmed_fen=-figures.moved(
                (AccountKind.OPERATOR, AccountKind.DRIVER), (Purpose.FARE_UNCONFIRMED,)
            ),
            float=await _float(connection, business_date),
            completeness=gaps,
            netting=await _netting(connection, context, figures),
            accounts=figures.lines(),
            trial_balance=figures.trial_balance(),
            taps_root=_hex(day.taps_root),
            ledger_root=_hex(day.ledger_root),
            events_root=_hex(day.events_root),
            seal=_hex(day.seal),
        )


def _hex(value: bytes | None) -> str | None:
    return None if value is None else value.hex()


def _says_something(line: OperatorLine) -> bool:
    money = (
        line.fare_fen,
        line.unconfirmed_fen,
        line.top_up_fen,
        line.subsidy_fen,
        line.refund_fen,
    )
    return any((line.taps, *money))


def _positions(figures: Figures) -> list[PositionLine]:
    names = parties.names(figures.registry)
    return [
        PositionLine(
            Purse(row.purse).name.lower(),
            row.participant,
            names.get(row.participant, ""),
            row.amount_fen,
        )
        for row in figures.positions
    ]


def _subsidies(figures: Figures) -> Subsidies:
    return Subsidies(
        budget_fen=-figures.position(Purse.SUBSIDIES, "budget"),
        issuer_fen=-figures.position(Purse.SUBSIDIES, "issuer_discount"),
        by_operator={
            row.participant.removeprefix("operator/"): row.amount_fen
            for row in figures.positions
            if row.purse == Purse.SUBSIDIES and row.participant.startswith("operator/")
        },
    )


async def _payments(connection: Connection, business_date: date) -> list[PaymentLine]:
    return [
        PaymentLine(
            row.instruction_id,
            Purse(row.purse).name.lower(),
            row.debtor,
            row.creditor,
            row.amount_fen,
        )
        for row in await store.read_instructions(connection, business_date)
    ]


async def _float(connection: Connection, business_date: date) -> list[dict[str, Any]] | None:
    """The float table, once the audit has made it."""
    paper = await store.read_paper(connection, business_date, floats.PAPER)
    return None if paper is None else msgspec.json.decode(paper)


async def _netting(connection: Connection, context: Context, figures: Figures) -> Netting | None:
    if not context.is_province:
        return None
    flows = await store.read_flows(connection, figures.day.business_date)
    return netting_of(figures, flows, parties.names(figures.registry))


# -- rendering -----------------------------------------------------------------------------------

_OPERATOR_COLUMNS = (
    "operator", "name", "mode", "taps", "accepted", "held", "rejected", "gross_fen", "charged_fen",
    "accepted_fen", "net_fen", "decided_fen", "unconfirmed_fen", "fee_fen", "subsidy_fen",
    "top_up_fen", "refund_fen",
)  # fmt: skip


def to_csv(found: Report) -> bytes:
    """The operators of the date as CSV, headed in both languages."""
    return csv_bytes(
        _OPERATOR_COLUMNS,
        [[getattr(line, name) for name in _OPERATOR_COLUMNS] for line in found.by_operator],
    )


def to_text(found: Report) -> str:
    """The report for a person at a terminal."""
    totals, counts = found.totals, f"taps 交易 {found.totals.taps}"
    counts += f": accepted 正常 {totals.accepted}, held 可疑 {totals.held}"
    money = f"gross 应收 {totals.gross_fen} fen, charged 实收 {totals.charged_fen} fen"
    parts = [
        f"{found.name} ({found.node})  {found.business_date}  {found.state}",
        f"{counts}, rejected 拒绝 {totals.rejected}",
        f"{money}, accepted 正常 {totals.accepted_fen} fen",
    ]
    if found.presented.taps:
        parts.append(f"presented by other cities 他代本 {found.presented.taps} taps")
    parts += ["", text_table(_OPERATOR_COLUMNS, _rows(found.by_operator, _OPERATOR_COLUMNS))]
    parts.append(text_table(("reason 原因", "taps 笔数"), list(found.reasons.items())))
    if found.positions:
        columns = PositionLine.__struct_fields__
        parts.append(text_table(columns, _rows(found.positions, columns)))
    if found.fee_lines:
        rows = [fee_lines.row_of(line) for line in found.fee_lines]
        parts.append(text_table([heading(name) for name in fee_lines.COLUMNS], rows))
    if found.payments:
        columns = PaymentLine.__struct_fields__
        parts.append(text_table(columns, _rows(found.payments, columns)))
    if found.items:
        parts.append(
            text_table(
                ("open items 挂账项", "items 项数", "amount_fen 金额(分)", "oldest 最早开立"),
                [(row.kind, row.items, row.amount_fen, f"{row.oldest}") for row in found.items],
            )
        )
    if found.netting is not None:
        parts.append(
            f"netting 轧差: gross {found.netting.gross_fen} fen, bilateral "
            f"{found.netting.bilateral_fen} fen, multilateral {found.netting.multilateral_fen} fen"
        )
    balance = ", ".join(f"{purse} {fen}" for purse, fen in found.trial_balance.items())
    unclaimed_fen = sum(found.unclaimed.values())
    waiting = f"suspense 挂账 {found.suspense_fen} fen, unclaimed 无主 {unclaimed_fen} fen"
    parts += [
        f"{waiting}, unconfirmed 待确认 {found.unconfirmed_fen} fen",
        f"trial balance 试算平衡: {balance}",
        f"taps_root   {found.taps_root or '-'}",
        f"ledger_root {found.ledger_root or '-'}",
        f"seal        {found.seal or '-'}",
    ]
    return "\n".join(parts) + "\n"


def _rows(lines: list[Any], columns: tuple[str, ...]) -> list[list[str | int]]:
    return [[getattr(line, name) for name in columns] for line in lines]
