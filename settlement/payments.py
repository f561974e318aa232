"""Payments 划款: what the bank is asked for, per purse one pain.001.001.09 file.

Pay-ins come first, then pay-outs, in the file as in the instructions. Everything follows from positions
and registry: ids from the node, the date and the order; times from the business date.
"""

from datetime import date, timedelta
from typing import Final

from lxml import etree

from clearing.store import read_accounts, read_registry
from schemas.codes import Purse
from settlement import papers, parties, store
from settlement.books import numbered
from settlement.context import Context
from settlement.errors import SettlementError
from settlement.iso20022 import NAMESPACE, complaints
from settlement.parties import CENTRE, Payee
from settlement.positions import payable
from settlement.store import Connection, DayRow, Instruction
from settlement.tables import csv_bytes, json_bytes

MESSAGE: Final = "pain.001.001.09"

_INTERNAL: Final = ("issuer", "centre", "clearing_centre", "province", "budget", "issuer_discount")
"""Roles that no instruction goes to from here: see ``settlement.netting``."""


async def instruct(connection: Connection, context: Context, day: DayRow) -> None:
    """Write the instructions of the date and the bank's files."""
    assert day.registry_version is not None
    registry = await read_registry(connection, day.registry_version)
    found, left = await plan_instructions(connection, context, day, registry)
    await store.write_instructions(connection, day.business_date, found)
    await papers.keep(
        connection, day.business_date, payment_papers(context, day, registry, found, left)
    )


async def plan_instructions(
    connection: Connection, context: Context, day: DayRow, registry: parties.Registry
) -> tuple[list[Instruction], list[store.Position]]:
    """The instructions of a date, and the positions that nobody can be paid for: no account."""
    accounts = numbered(await read_accounts(connection))
    sums = await store.read_sums(connection, day.business_date)
    positions = await store.read_positions(connection, day.business_date)
    payees = parties.payees(registry, context)
    found: list[Instruction] = []
    left: list[store.Position] = []
    rows = payable(positions, sums, accounts)
    # Pay-ins (negative) stand before pay-outs, each by participant.
    for row in sorted(rows, key=lambda r: (r.purse, r.amount_fen > 0, r.participant)):
        if row.participant == CENTRE or row.participant.partition("/")[0] in _INTERNAL:
            continue
        if row.participant not in payees:
            left.append(row)
            continue
        pays = row.amount_fen < 0
        purse = Purse(row.purse)
        number = sum(each.purse == row.purse for each in found) + 1
        found.append(
            Instruction(
                f"{context.node.city}-{day.business_date:%Y%m%d}-{purse.name[0]}-{number:05}",
                row.purse,
                row.participant if pays else CENTRE,
                CENTRE if pays else row.participant,
                abs(row.amount_fen),
            )
        )
    return found, left


def payment_papers(
    context: Context,
    day: DayRow,
    registry: parties.Registry,
    instructions: list[Instruction],
    left: list[store.Position],
) -> dict[str, bytes]:
    """The bank's files and their lists. Raises ``SettlementError`` where a file breaks its schema."""
    names = parties.names(registry)
    payees = parties.payees(registry, context) | {CENTRE: parties.centre(registry, context)}
    found: dict[str, bytes] = {}
    for purse in Purse:
        some = [row for row in instructions if row.purse == purse]
        if some:
            content = pain_001(context, day.business_date, purse, some, payees)
            wrong = complaints(MESSAGE, content)
            if wrong:
                raise SettlementError(
                    f"The payment file of {purse.name.lower()} breaks {MESSAGE}: {wrong[0]}.",
                    "Correct the payee's name or account in the registry.",
                )
            found[f"payments/{purse.name.lower()}.pain.001.xml"] = content
    found["payments/instructions.csv"] = csv_bytes(
        ("instruction_id", "purse", "debtor", "creditor", "amount_fen"),
        [
            (row.instruction_id, Purse(row.purse).name.lower(), row.debtor, row.creditor,
             row.amount_fen)
            for row in instructions
        ],
    )  # fmt: skip
    found["payments/uninstructed.json"] = json_bytes(
        [
            {
                "purse": Purse(row.purse).name.lower(),
                "participant": row.participant,
                "name": names.get(row.participant, ""),
                "amount_fen": row.amount_fen,
                "why": "no payee account in the registry 登记中无收款账户",
            }
            for row in left
        ]
    )
    return found


def yuan(fen: int) -> str:
    """An amount of fen as the bank writes it: yuan with two decimals."""
    return f"{fen // 100}.{fen % 100:02}"


def pain_001(
    context: Context,
    business_date: date,
    purse: Purse,
    instructions: list[Instruction],
    payees: dict[str, Payee],
) -> bytes:
    """A pain.001 of the instructions of one purse, one payment block per debtor."""
    root = etree.Element("Document", xmlns=NAMESPACE + MESSAGE)
    initiation = etree.SubElement(root, "CstmrCdtTrfInitn")
    message_id = f"{context.node.city}-{business_date:%Y%m%d}-{purse.name[0]}"
    header = etree.SubElement(initiation, "GrpHdr")
    _text(header, "MsgId", message_id)
    _text(header, "CreDtTm", f"{business_date}T23:59:59+08:00")
    _sums(header, instructions)
    _party(header, "InitgPty", payees[CENTRE].name)
    debtors = dict.fromkeys(row.debtor for row in instructions)
    for number, debtor in enumerate(debtors, 1):
        some = [row for row in instructions if row.debtor == debtor]
        block = etree.SubElement(initiation, "PmtInf")
        _text(block, "PmtInfId", f"{message_id}-{number:05}")
        _text(block, "PmtMtd", "TRF")
        _text(block, "BtchBookg", "false")
        _sums(block, some)
        execution = etree.SubElement(block, "ReqdExctnDt")
        _text(execution, "Dt", f"{business_date + timedelta(days=1)}")
        _party(block, "Dbtr", payees[debtor].name)
        _account(block, "DbtrAcct", payees[debtor].account)
        _agent(block, "DbtrAgt")
        for row in some:
            _transfer(block, row, payees[row.creditor], business_date, purse)
    etree.indent(root, " ")
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8") + b"\n"


def _transfer(
    block: etree._Element, row: Instruction, creditor: Payee, business_date: date, purse: Purse
) -> None:
    transfer = etree.SubElement(block, "CdtTrfTxInf")
    ids = etree.SubElement(transfer, "PmtId")
    _text(ids, "EndToEndId", row.instruction_id)
    amount = etree.SubElement(transfer, "Amt")
    _text(amount, "InstdAmt", yuan(row.amount_fen)).set("Ccy", "CNY")
    _agent(transfer, "CdtrAgt")
    _party(transfer, "Cdtr", creditor.name)
    _account(transfer, "CdtrAcct", creditor.account)
    remittance = etree.SubElement(transfer, "RmtInf")
    role = row.creditor if row.debtor == CENTRE else row.debtor
    _text(remittance, "Ustrd", f"onecard {business_date} {purse.name.lower()} {role}")


def _text(parent: etree._Element, name: str, text: str) -> etree._Element:
    child = etree.SubElement(parent, name)
    child.text = text
    return child


def _sums(parent: etree._Element, instructions: list[Instruction]) -> None:
    _text(parent, "NbOfTxs", str(len(instructions)))
    _text(parent, "CtrlSum", yuan(sum(row.amount_fen for row in instructions)))


def _party(parent: etree._Element, name: str, party: str) -> None:
    _text(etree.SubElement(parent, name), "Nm", party[:140])


def _account(parent: etree._Element, name: str, account: str) -> None:
    ids = etree.SubElement(etree.SubElement(parent, name), "Id")
    _text(etree.SubElement(ids, "Othr"), "Id", account[:34])


def _agent(parent: etree._Element, name: str) -> None:
    institution = etree.SubElement(etree.SubElement(parent, name), "FinInstnId")
    _text(etree.SubElement(institution, "Othr"), "Id", "NOTPROVIDED")
