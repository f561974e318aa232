"""The report, settled or not, and how it is printed; statements and the bank's file."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import msgspec
import pytest
from lxml import etree

from settlement.context import Context
from settlement.errors import DayNotReady
from settlement.iso20022 import complaints
from settlement.report import report, to_csv, to_text
from settlement.tables import csv_bytes, json_bytes, text_table, width
from tests.settlement import night
from tests.world import OPEN

ISSUE_KEYS = {
    "business_date", "totals", "by_operator", "reasons", "positions", "trial_balance",
    "taps_root", "ledger_root", "seal",
}  # fmt: skip


async def test_report_of_a_sealed_day(sealed: Context) -> None:
    found = json.loads(msgspec.json.encode(await report(sealed, OPEN)))
    assert found.keys() >= ISSUE_KEYS
    assert found["totals"] == {
        "taps": 204, "accepted": 200, "held": 1, "rejected": 3,
        "gross_fen": 43_300, "charged_fen": 34_830, "accepted_fen": 34_630,
    }  # fmt: skip
    assert found["reasons"]["tac_by_issuer"] == 4
    assert found["trial_balance"] == {"principal": 0, "fees": 0, "subsidies": 0}
    bus = found["by_operator"][0]
    assert (bus["operator"], bus["mode"], bus["net_fen"], bus["unconfirmed_fen"]) == (
        11, "bus", 8_257, 300,
    )  # fmt: skip
    assert bus.keys() >= {"taps", "gross_fen", "charged_fen", "accepted_fen", "name"}
    assert sum(row["taps"] for row in found["by_operator"]) == 204
    seal = json.loads((sealed.papers / f"{OPEN}" / "seal.json").read_bytes())
    for name in ("taps_root", "ledger_root", "seal"):
        assert found[name] == seal[name]
    assert found["float"][0]["book_fen"] == found["float"][0]["closing_fen"] == 260_620
    assert found["completeness"] == {"11": [[3, 3]]}
    assert found["suspense_fen"] == 50 + 30
    assert sum(row["amount_fen"] for row in found["payments"]) == 56_473


async def test_report_of_an_open_day_has_no_roots_yet(migrated: str, tmp_path: Path) -> None:
    deck = night.cards()
    context = await night.city(migrated, tmp_path, deck)
    await night.clear(context, night.traffic(deck))
    found = await report(context, OPEN)
    assert (found.state, found.taps_root, found.ledger_root, found.seal) == (
        "open", None, None, None,
    )  # fmt: skip
    assert found.totals.taps == 204
    assert found.float is None
    with pytest.raises(DayNotReady):
        await report(context, OPEN.replace(day=9))


async def test_text_and_csv(sealed: Context) -> None:
    found = await report(sealed, OPEN)
    text = to_text(found)
    assert "taps 交易 204: accepted 正常 200, held 可疑 1, rejected 拒绝 3" in text
    assert found.seal is not None
    assert found.seal in text
    rows = list(csv.reader(io.StringIO(to_csv(found).decode())))
    assert rows[0][:2] == ["operator 运营商", "name 名称"]
    assert [row[0] for row in rows[1:]] == ["11", "12", "13"]


def test_tables_are_aligned_whatever_the_script() -> None:
    lines = text_table(("name", "fen"), [("西安地铁", 5), ("bus", 1_200)]).splitlines()
    assert lines == ["name       fen", "--------  ----", "西安地铁     5", "bus       1200"]
    assert len({width(line) for line in lines}) == 1


def test_tables_have_one_spelling() -> None:
    assert csv_bytes(("name", "taps"), [('a "b"', None)]) == (
        'name 名称,taps 交易笔数\n"a ""b""",\n'.encode()
    )
    assert json_bytes({"b": 1, "a": [2]}) == b'{\n "a": [\n  2\n ],\n "b": 1\n}\n'


async def test_statements_agree_with_each_other(sealed: Context) -> None:
    papers = sealed.papers / f"{OPEN}"
    centre = json.loads((papers / "centre/statement.json").read_bytes())
    for line in centre["by_operator"]:
        own = json.loads((papers / f"operators/{line['operator']}/statement.json").read_bytes())
        assert own["line"] == line
        assert sum(row["taps"] for row in own["taps"]) == line["taps"]
        assert own["taps_root"] == centre["taps_root"]
    listed = (papers / "operators/11/exceptions.csv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(io.StringIO(listed)))
    assert [row["reason 原因"] for row in rows] == [
        "duplicate", "duplicate", "tac_wrong", "terminal_unknown",
    ]  # fmt: skip
    # Card numbers are personal data.
    assert {row["card 卡号(脱敏)"] for row in rows} == {
        "1/7100/****0001", "1/7100/****0002", "1/7100/****0031", "1/7100/****0032",
    }  # fmt: skip


async def test_payment_file_is_valid_and_pays_what_is_instructed(sealed: Context) -> None:
    content = (sealed.papers / f"{OPEN}" / "payments/principal.pain.001.xml").read_bytes()
    assert complaints("pain.001.001.09", content) == []
    root = etree.fromstring(content)
    name = {"p": "urn:iso:std:iso:20022:tech:xsd:pain.001.001.09"}
    assert root.xpath("string(//p:GrpHdr/p:CreDtTm)", namespaces=name) == (
        "2026-01-05T23:59:59+08:00"
    )
    assert root.xpath("//p:PmtInf/p:Dbtr/p:Nm/text()", namespaces=name) == ["agent company", "西安"]
    amounts = root.xpath("//p:InstdAmt/text()", namespaces=name)
    assert amounts == ["220.00", "239.20", "83.00", "20.80"]
    assert root.xpath("string(//p:GrpHdr/p:CtrlSum)", namespaces=name) == "563.00"


def test_a_broken_payment_file_is_refused() -> None:
    good = b'<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.001.001.09"/>'
    assert complaints("pain.001.001.09", good)
