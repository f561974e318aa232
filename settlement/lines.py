"""Lines of a date per operator and per city: what reports and statements both say."""

from typing import Final

import msgspec

from clearing.plan import Purpose
from schemas.accounts import AccountKind
from schemas.codes import Purse
from schemas.registry import Operator
from settlement.fees import Volumes
from settlement.figures import Figures
from settlement.store import Flow

_DECIDED: Final = (Purpose.RELEASE, Purpose.CHAIN, Purpose.RETURN)


class OperatorLine(msgspec.Struct, frozen=True, kw_only=True):
    """An operator on a date, fen.

    ``gross_fen`` and ``charged_fen`` are of every debit it handed in, ``accepted_fen`` of the accepted
    ones. ``fare_fen`` became its own and its drivers' on this date (``driver_fen`` of it theirs);
    ``decided_fen`` of it by people's decisions and card chains, on taps of earlier dates,
    ``corrected_fen`` by re-clearings of earlier dates;
    ``unconfirmed_fen`` moved among the fares of other cities' cards that wait for the clearing total.
    ``net_fen`` = fares − fee. Top-ups that it owes, subsidies and what it paid out to cardholders as
    refund agent, which it is owed, stand apart.
    """

    operator: int
    code: str
    name: str
    mode: str
    taps: int
    accepted: int
    held: int
    rejected: int
    gross_fen: int
    charged_fen: int
    accepted_fen: int
    fare_fen: int
    driver_fen: int
    decided_fen: int
    corrected_fen: int
    unconfirmed_fen: int
    fee_base_fen: int
    fee_fen: int
    net_fen: int
    top_up_fen: int
    subsidy_fen: int
    refund_fen: int


def operator_line(figures: Figures, operator: Operator) -> OperatorLine:
    """The line of one operator."""
    number = str(operator.number)
    totals = figures.totals(operator.number)
    driver_fen = figures.position(Purse.PRINCIPAL, f"driver/{number}")
    fare_fen = figures.position(Purse.PRINCIPAL, f"operator/{number}") + driver_fen
    fee_fen = figures.moved((AccountKind.FEE,), (Purpose.FEE,), f"operator-{number}")
    return OperatorLine(
        operator=operator.number,
        code=operator.code,
        name=operator.name,
        mode=operator.mode,
        **msgspec.structs.asdict(totals),
        fare_fen=fare_fen,
        driver_fen=driver_fen,
        decided_fen=-figures.moved((AccountKind.OPERATOR, AccountKind.DRIVER), _DECIDED, number),
        corrected_fen=-figures.moved(
            (AccountKind.OPERATOR, AccountKind.DRIVER), (Purpose.RECLEAR,), number
        ),
        unconfirmed_fen=-figures.moved(
            (AccountKind.OPERATOR, AccountKind.DRIVER), (Purpose.FARE_UNCONFIRMED,), number
        ),
        fee_base_fen=figures.volumes.get(operator.number, Volumes()).whole.fen,
        fee_fen=fee_fen,
        net_fen=fare_fen - fee_fen,
        top_up_fen=-figures.position(Purse.PRINCIPAL, f"load_agent/{number}"),
        subsidy_fen=figures.position(Purse.SUBSIDIES, f"operator/{number}"),
        refund_fen=figures.position(Purse.PRINCIPAL, f"refund_agent/{number}"),
    )


def operator_lines(figures: Figures) -> list[OperatorLine]:
    """The lines of every operator that is in force, or handed in, or is owed something."""
    return [operator_line(figures, operator) for operator in figures.operators]


class NettingLine(msgspec.Struct, frozen=True):
    """A city in a cycle at the province, fen; ``net_fen`` positive: is to be paid."""

    city: str
    name: str
    owed_fen: int
    owes_fen: int
    net_fen: int


class Netting(msgspec.Struct, frozen=True):
    """What netting saves: money that would move for each flow, for each pair, and as it is."""

    gross_fen: int
    bilateral_fen: int
    multilateral_fen: int
    saving_fen: int
    saving_per_mille: int
    cities: list[NettingLine]


def netting_of(figures: Figures, flows: list[Flow], names: dict[str, str]) -> Netting:
    """The figures of a cycle: what each city is owed, owes, and comes to."""
    due: dict[tuple[str, str], int] = {}
    for flow in flows:
        for payer, payee, fen in (
            (flow.issuer, flow.acquirer, flow.debit_fen),
            (flow.acquirer, flow.issuer, flow.load_fen),
        ):
            due[payer, payee] = due.get((payer, payee), 0) + fen
    gross = sum(due.values())
    bilateral = sum(max(0, fen - due.get((payee, payer), 0)) for (payer, payee), fen in due.items())
    positions = {
        row.participant.removeprefix("city/"): row.amount_fen
        for row in figures.positions
        if row.participant.startswith("city/")
    }
    multilateral = sum(fen for fen in positions.values() if fen > 0)
    cities = sorted(positions.keys() | {city for pair in due for city in pair})
    saving = gross - multilateral
    return Netting(
        gross,
        bilateral,
        multilateral,
        saving,
        saving * 1000 // gross if gross else 0,
        [
            NettingLine(
                city,
                names.get(f"city/{city}", city),
                sum(fen for (_, payee), fen in due.items() if payee == city),
                sum(fen for (payer, _), fen in due.items() if payer == city),
                positions.get(city, 0),
            )
            for city in cities
        ],
    )
