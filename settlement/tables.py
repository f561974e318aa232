"""Tables as CSV, JSON and plain text, the same bytes each time.

Money is whole fen. Headings that a person reads name things in both languages; a JSON key is English.
"""

import csv
import io
import unicodedata
from collections.abc import Iterable, Sequence

import msgspec

Cell = str | int | None
Row = Sequence[Cell]

HEADINGS = {
    "account": "账户",
    "accepted": "正常笔数",
    "accepted_fen": "正常金额(分)",
    "adjusted_fen": "挂账调整(分)",
    "age_days": "账龄(天)",
    "amount_fen": "金额(分)",
    "balance_fen": "余额(分)",
    "base_fen": "计费金额(分)",
    "base_taps": "计费笔数",
    "batch_seq": "包序号",
    "batches": "包数",
    "bearer": "承担方",
    "billing": "结算方式",
    "book_fen": "账面卡余额(分)",
    "booked_fen": "入账(分)",
    "budget_fen": "财政承担(分)",
    "card": "卡号(脱敏)",
    "card_kind": "发卡卡种",
    "cards": "卡数",
    "charged_fen": "实收票款(分)",
    "closing_fen": "期末(分)",
    "corrected_fen": "更正入账(分)",
    "count": "笔数",
    "credit_fen": "贷方(分)",
    "credited_fen": "入账票款(分)",
    "creditor": "收款方",
    "debit_fen": "借方(分)",
    "debtor": "付款方",
    "decided_fen": "审批及链审计入账(分)",
    "details": "详情",
    "fare_class": "优惠类别",
    "fare_fen": "应付票价(分)",
    "fee": "费用规则",
    "difference_fen": "差额(分)",
    "digest": "摘要",
    "due_on": "到期日",
    "due_fen": "当日应计(分)",
    "fee_fen": "手续费(分)",
    "first_due": "最早到期",
    "first_number": "首包号",
    "flags": "附加原因",
    "from_11": "11天及以上笔数",
    "from_11_fen": "11天及以上(分)",
    "from_6_to_10": "6至10天笔数",
    "from_6_to_10_fen": "6至10天(分)",
    "gross_fen": "应收票款(分)",
    "held": "可疑笔数",
    "instruction_id": "指令号",
    "issuer": "发卡机构",
    "issuer_fen": "发卡方承担(分)",
    "item_id": "挂账项号",
    "item_kind": "挂账类别",
    "items": "项数",
    "kind": "交易类型",
    "last_number": "末包号",
    "liability_fen": "卡负债(分)",
    "meaning": "说明",
    "missing": "缺号",
    "mode": "业务",
    "month_base_fen": "当月计费金额(分)",
    "month_base_taps": "当月计费笔数",
    "month_due_fen": "当月应计(分)",
    "name": "名称",
    "net_fen": "净额(分)",
    "number": "包号",
    "of": "计费卡范围",
    "oldest": "最早开立",
    "opened_on": "开立日期",
    "opening_fen": "期初(分)",
    "operator": "运营商",
    "outcome": "结果",
    "paid_fen": "实付(分)",
    "participant": "参与方",
    "pending_fen": "在途差额(分)",
    "purpose": "用途",
    "purse": "资金类别",
    "reason": "原因",
    "refund_fen": "代退(分)",
    "rejected": "拒绝笔数",
    "remedy": "处理办法",
    "rides": "乘次",
    "row": "行",
    "rules_version": "规则版本",
    "stated_fen": "卡面余额(分)",
    "steps": "分档计算",
    "subsidy_fen": "补贴(分)",
    "tariff": "票价规则",
    "tapped_at": "交易时间",
    "taps": "交易笔数",
    "taps_root": "交易根",
    "terminal_id": "终端号",
    "top_up_fen": "充值(分)",
    "unconfirmed_fen": "待确认票款(分)",
    "up_to_5": "5天及以内笔数",
    "up_to_5_fen": "5天及以内(分)",
    "verdict": "判定",
    "why": "原因",
}
"""The Chinese of a column's name; a column without one is headed by its name alone."""


def heading(name: str) -> str:
    """A column's heading in both languages."""
    return f"{name} {HEADINGS[name]}" if name in HEADINGS else name


def csv_bytes(names: Sequence[str], rows: Iterable[Row]) -> bytes:
    """A table as CSV: UTF-8, lines end with a line feed, an absent value is empty."""
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow([heading(name) for name in names])
    writer.writerows([["" if cell is None else cell for cell in row] for row in rows])
    return buffer.getvalue().encode()


def json_bytes(value: object) -> bytes:
    """A value as canonical JSON: keys sorted, indented by one blank, one line feed at the end."""
    return msgspec.json.format(msgspec.json.encode(value, order="sorted"), indent=1) + b"\n"


def line_bytes(value: object) -> bytes:
    """A value as one line of canonical JSON, without a line feed."""
    return msgspec.json.encode(value, order="sorted")


def width(text: str) -> int:
    """How many columns of a terminal a text takes: Chinese characters take two."""
    return sum(
        0 if unicodedata.combining(char) else 1 + (unicodedata.east_asian_width(char) in "WF")
        for char in text
    )


def text_table(
    names: Sequence[str], rows: Sequence[Row], *, numbers: Iterable[int] | None = None
) -> str:
    """A table as aligned text; columns of numbers stand right, others left.

    ``numbers`` are the places of the columns of numbers, where their cells are text already.
    """
    cells = [["" if cell is None else str(cell) for cell in row] for row in rows]
    if numbers is None:
        right = [
            bool(rows) and not any(isinstance(row[at], str) for row in rows)
            for at in range(len(names))
        ]
    else:
        standing_right = frozenset(numbers)
        right = [at in standing_right for at in range(len(names))]
    widths = [
        max([width(name), *(width(row[at]) for row in cells)]) for at, name in enumerate(names)
    ]
    lines = [_line(list(names), widths, right), _line(["-" * w for w in widths], widths, right)]
    lines += [_line(row, widths, right) for row in cells]
    return "\n".join(lines) + "\n"


def _line(cells: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> str:
    padded = [
        " " * (size - width(cell)) + cell if to_right else cell + " " * (size - width(cell))
        for cell, size, to_right in zip(cells, widths, right, strict=True)
    ]
    return "  ".join(padded).rstrip()
