"""An explanation as sections of sentences, in both languages and in the order in which people ask."""

import hashlib
from typing import Final

import msgspec

from schemas import proof, reasons
from schemas.codes import Check, Source, Verdict
from schemas.reasons import ROW, Reason, Row
from schemas.record import Tap
from schemas.registry import Issuer, Terminal
from service import evidence
from service.evidence import Told
from service.explaining import telling_chain, telling_items, telling_money, vocabulary, would
from service.explaining.found import Explanation, Section
from service.masking import masked
from service.text import Said, moment_of_record, yuan


def sections(found: Explanation) -> list[Section]:
    """Everything, in order: what, why, who pays, what next, the neighbours, what would change it, proof."""
    told = {item.reason: item for item in map(evidence.told, found.tap.remarks)}
    parts: list[tuple[str, Said, list[Said]]] = [
        ("what_happened", Said("发生了什么", "What happened"), _what(found)),
    ]
    if not found.known:
        # Nothing but the place that it left empty was known then.
        parts.append(_chain(found))
        return [Section(*part) for part in parts]
    parts += [
        ("why", Said("为什么", "Why"), _why(found, told)),
        ("who_pays", Said("谁承担，钱在哪里", "Who pays, and where the money stands"),
         telling_money.who_pays(found)),
        ("what_next", Said("接下来做什么", "What next"), telling_items.what_next(found)),
        _chain(found),
        ("terminal", Said("终端前后流水", "The terminal's numbers around it"),
         telling_chain.terminal(found)),
        ("would_change", Said("怎样会有不同结果", "What would change the verdict"),
         would.sentences(found, told)),
        ("proof", Said("交易包、凭证与证明", "Batch, receipt and proof"), _proof(found)),
    ]  # fmt: skip
    return [Section(*part) for part in parts]


def _chain(found: Explanation) -> tuple[str, Said, list[Said]]:
    title = Said(
        "该卡前后交易（按卡自身顺序）", "The card's taps around it, in the card's own order"
    )
    return "card_chain", title, telling_chain.card(found)


# -- what happened -----------------------------------------------------------------------------------


def _what(found: Explanation) -> list[Said]:
    tap, fields, batch = found.tap, found.fields, found.batch
    kind, family = vocabulary.kind_of_tap(tap.kind), vocabulary.family(fields.family)
    at = moment_of_record(fields.tapped_at)
    serial = fields.serial if found.unmasked else masked(fields.serial)
    issued = evidence.card_kind(found.ground.card_kind)
    source = (
        Said("发卡登记", "as issued")
        if found.ground.issued
        else Said("记录所载", "as the record says")
    )
    issuer = found.ground.issuer.name if found.ground.issuer else fields.issuer
    lines = [
        Said(
            f"交易 {batch.batch_seq}:{tap.row_no}：{at} {kind.zh}，扣款 {yuan(tap.amount_fen)} 元，"
            f"优惠前 {yuan(tap.gross_fen)} 元。",
            f"Tap {batch.batch_seq}:{tap.row_no} at {at}: {kind.en}, charged {yuan(tap.amount_fen)} yuan,"
            f" {yuan(tap.gross_fen)} yuan before discounts.",
        ),
        Said(
            f"卡：{family.zh}，发卡方 {issuer}，卡号 {serial}，卡种 {issued.zh}（{source.zh}）。",
            f"Card: {family.en}, issuer {issuer}, serial {serial}, kind {issued.en} ({source.en}).",
        ),
        _where(found),
    ]
    if not found.known:
        return [
            Said(
                f"截至 {found.as_of} 日终，清分中心尚无该交易：它于 {batch.business_date} 才到达"
                f"（交易包 {batch.batch_seq}）。以下只是当日所知。",
                f"At the end of {found.as_of} this tap was not known here: it arrived on"
                f" {batch.business_date}, with batch {batch.batch_seq}. Below is what was known then.",
            ),
            *lines,
        ]
    return [*lines, _arrival(found)]


def _where(found: Explanation) -> Said:
    fields, batch, names = found.fields, found.batch, found.ground.names
    operator = found.ground.operator
    who = f"{batch.operator_no} {operator.name if operator else ''}".rstrip()
    zh, en = f"运营商 {who}", f"operator {who}"
    if batch.source == Source.PRESENTMENT:
        zh, en = f"他城提交（{batch.origin}）", f"presented by another city ({batch.origin})"
    places = [
        (zh_word, en_word, f"{getattr(fields, kind)} {names.get(kind, '')}".rstrip())
        for kind, zh_word, en_word in (
            ("line", "线路", "line"), ("station", "站点", "station"), ("vehicle", "车辆", "vehicle"),
        )
        if getattr(fields, kind)
    ]  # fmt: skip
    return Said(
        f"地点：{zh}，终端 {fields.terminal_id}，终端流水号 {fields.terminal_number}"
        + "".join(f"，{word} {text}" for word, _, text in places) + "。",
        f"Where: {en}, terminal {fields.terminal_id}, its number {fields.terminal_number}"
        + "".join(f", {word} {text}" for _, word, text in places) + ".",
    )  # fmt: skip


def _arrival(found: Explanation) -> Said:
    batch, declared = found.batch, found.batch.declared_date
    zh = f"到达：运营商第 {batch.number} 号交易包，申报日 {declared}，清算日 {batch.business_date}"
    en = (
        f"Arrival: the operator's batch number {batch.number}, declared for {declared}, cleared on"
        f" {batch.business_date}"
    )
    if declared < batch.business_date:
        late = ROW[Reason.DECLARED_LATE]
        zh, en = f"{zh}（{late.chinese}）", f"{en} ({late.english})"
    if batch.profile:
        zh, en = f"{zh}，来源 {batch.profile}", f"{en}, source {batch.profile}"
    return Said(f"{zh}。", f"{en}.")


# -- why ---------------------------------------------------------------------------------------------


def _why(found: Explanation, told: dict[Reason, Told]) -> list[Said]:
    tap = found.tap
    verdict = vocabulary.VERDICTS[Verdict(tap.verdict)]
    lines = [Said(f"结论：{verdict.zh}。", f"Verdict: {verdict.en}.")]
    if not tap.reason:
        lines.append(Said("原因：无异常。", "Reason: clean, there is nothing to say against it."))
    else:
        lines += _reason(ROW[Reason(tap.reason)], told, Said("原因", "Reason"), found.fields)
    for name in reasons.names(tap.flags):
        lines += _reason(ROW[Reason[name.upper()]], told, Said("另外", "Also"), found.fields)
    return [*lines, *_judged_by(found)]


def _reason(row: Row, told: dict[Reason, Told], lead: Said, fields: Tap) -> list[Said]:
    lines = [
        Said(
            f"{lead.zh}：{row.chinese}（{row.name}，{row.reason}）。",
            f"{lead.en}: {row.english} ({row.name}, {row.reason}).",
        )
    ]
    item = told.get(row.reason)
    if item is not None and (item.expected.en or item.actual.en):
        name = vocabulary.field(item.field)
        if row.reason is Reason.MALFORMED:
            came = f"{getattr(fields, item.field, item.actual.en)}"
            item = msgspec.structs.replace(item, actual=Said(came, came))
        lines.append(
            Said(
                f"  {name.zh}（{item.field}）：应为 {item.expected.zh}，实为 {item.actual.zh}。",
                f"  {name.en} ({item.field}): expected {item.expected.en}, came {item.actual.en}.",
            )
        )
    return lines


def _judged_by(found: Explanation) -> list[Said]:
    """Rules and registry rows: by name, version and line."""
    batch, ground = found.batch, found.ground
    lines = [
        Said(
            f"依据：规则版本 {batch.rules_version}，登记版本 {batch.registry_version}，"
            f"黑名单版本 {batch.denylist_version}。",
            f"Judged under rules version {batch.rules_version}, registry version"
            f" {batch.registry_version}, denylist version {batch.denylist_version}.",
        )
    ]
    if not batch.checks & Check.TAC and Reason.TAC_UNAVAILABLE not in _all_reasons(found):
        lines.append(
            Said("该来源没有 TAC，按合同不校验。", "The source gives no TAC; the contract lets it.")
        )
    lines += _rules(found)
    if batch.source == Source.OPERATOR:
        lines.append(_terminal_row(ground.terminal, found))
    if ground.issuer is not None and not ground.issuer.own:
        lines.append(_issuer_row(ground.issuer))
    if ground.denied is not None:
        lines.append(_denied_row(found))
    return lines


def _issuer_row(issuer: Issuer) -> Said:
    until = (
        Said(f"至 {issuer.until}（不含）", f" until {issuer.until}, excluded")
        if issuer.until
        else Said("起", "")
    )
    return Said(
        f"发卡方 {issuer.name}（{issuer.city}）：自 {issuer.since} {until.zh}在本城互通。",
        f"Issuer {issuer.name} ({issuer.city}): its cards are accepted here from {issuer.since}{until.en}.",
    )


def _rules(found: Explanation) -> list[Said]:
    """The rules that priced or split it; their text where a reason speaks of fares."""
    given = _all_reasons(found)
    decisive = given if found.tap.verdict == Verdict.ACCEPTED else given[:1]
    about_fares = any(reason in _FARES for reason in decisive)
    about_transfers = any(reason in _TRANSFERS for reason in decisive)
    names = {
        "tariff": Said("票价规则", "Tariff"), "discount": Said("优惠规则", "Discounts"),
        "transfer": Said("换乘规则", "Transfer"), "split": Said("分账规则", "Split"),
        "accumulation": Said("累计优惠规则", "Accumulation"), "calendar": Said("日历", "Calendar"),
    }  # fmt: skip
    lines: list[Said] = []
    for rule in found.ground.rules:
        word = names[rule.what]
        place = f"{rule.file}:{rule.first}–{rule.last}"
        lines.append(Said(f"{word.zh} {rule.name}，{place}", f"{word.en} {rule.name}, {place}"))
        about_it = about_fares and rule.what not in ("split", "calendar")
        if about_transfers if rule.what == "transfer" else about_it:
            lines += [Said(f"    {line}", "") for line in rule.text]
    return lines


_FARES: Final = frozenset(
    {
        Reason.ABOVE_TARIFF, Reason.BELOW_TARIFF, Reason.GROSS_DIFFERS, Reason.TRANSFER_UNMARKED,
        Reason.TRANSFER_UNQUALIFIED, Reason.TRANSFER_UNPROVEN, Reason.CONCESSION_NOT_OF_CARD,
        Reason.TARIFF_MISSING,
    }
)  # fmt: skip


_TRANSFERS: Final = frozenset(
    {Reason.TRANSFER_UNMARKED, Reason.TRANSFER_UNQUALIFIED, Reason.TRANSFER_UNPROVEN}
)


def _all_reasons(found: Explanation) -> list[Reason]:
    tap = found.tap
    given = [Reason(tap.reason)] if tap.reason else []
    return given + [Reason(n) for n in range(1, 64) if tap.flags >> n & 1]


def _terminal_row(terminal: Terminal | None, found: Explanation) -> Said:
    name = found.fields.terminal_id
    if terminal is None:
        return Said(f"终端 {name}：当时未登记。", f"Terminal {name}: not in the registry then.")
    since, until = found.ground.terminal_versions or (0, None)
    versions = f"{since}–{until - 1}" if until is not None else f"{since}–"
    line = Said(f"线路 {terminal.line}", f"line {terminal.line}")
    device = Said(f"设备 {terminal.device}", f"device {terminal.device}")
    line = line if terminal.line else Said("任意线路", "any line")
    device = device if terminal.device else Said("任意设备", "any device")
    until_day = f" – {terminal.until}" if terminal.until else ""
    return Said(
        f"终端 {name}：登记于运营商 {found.ground.terminal_owner}，{line.zh}，{device.zh}，"
        f"自 {terminal.since}{until_day}（登记版本 {versions}）。",
        f"Terminal {name}: registered for operator {found.ground.terminal_owner}, {line.en},"
        f" {device.en}, since {terminal.since}{until_day} (registry versions {versions}).",
    )


def _denied_row(found: Explanation) -> Said:
    ground = found.ground
    denied = ground.denied
    assert denied is not None
    acknowledged = Said("运营商尚未确认收到", "not acknowledged by the operator yet")
    if ground.acknowledged:
        acknowledged = Said(
            f"运营商于 {ground.acknowledged} 确认，自 {ground.binding_from} 起生效",
            f"acknowledged by the operator at {ground.acknowledged}, binding from {ground.binding_from}",
        )
    since = denied.since.replace("T", " ")
    return Said(
        f"黑名单：自 {since} 起，名单版本 {denied.version}；{acknowledged.zh}。",
        f"Denylist: from {since}, list version {denied.version}; {acknowledged.en}.",
    )


# -- proof -------------------------------------------------------------------------------------------


def _same(text: str) -> Said:
    return Said(text, "")


def _proof(found: Explanation) -> list[Said]:
    batch = found.batch
    lines = [
        Said(
            f"交易包 {batch.batch_seq}：{batch.tap_count:,} 笔。",
            f"Batch {batch.batch_seq}: {batch.tap_count:,} taps.",
        ),
        _same(f"  SHA-256 {batch.digest.hex()}"),
        Said("  凭证的 SHA-256：", "  SHA-256 of the receipt:"),
        _same(f"  {hashlib.sha256(batch.receipt).hexdigest()}"),
    ]
    if found.postings:
        lines.append(
            Said(
                "整个交易包的分录（借 +，贷 −，元）：",
                "What the whole batch booked (debit +, credit −, yuan):",
            )
        )
        lines += [telling_money.booked(line) for line in found.postings]
    else:
        lines.append(Said("整个交易包没有分录。", "The batch booked nothing."))
    holds = Said("成立", "holds") if found.proven else Said("不成立！", "DOES NOT HOLD")
    lines.append(
        Said(
            f"证明：叶节点到凭证根的路径{holds.zh}。",
            f"Proof: the leaf's path to the receipt's root {holds.en}.",
        )
    )
    lines += [_same(f"  leaf {found.leaf.hex()}"), *_steps(found.path)]
    lines.append(_same(f"  batch root {batch.batch_root.hex()}"))
    return [*lines, *_day_proof(found)]


def _day_proof(found: Explanation) -> list[Said]:
    batch = found.batch
    if found.taps_root is None:
        return [
            Said(
                f"  {batch.business_date} 尚未结算，还没有日根。",
                f"  {batch.business_date} has no roots yet: settle it first.",
            )
        ]
    node = proof.batch_node(batch.batch_seq, batch.batch_root)
    reaches = proof.climb(node, found.day_path) == found.taps_root
    lines = [_same(f"  batch's node in the day {node.hex()}"), *_steps(found.day_path)]
    failed = "" if reaches else "  (THE PATH DOES NOT REACH IT)"
    lines.append(_same(f"  taps root {found.taps_root.hex()}{failed}"))
    if found.seal is not None:
        lines.append(_same(f"  seal {found.seal.hex()}"))
    return lines


def _steps(path: list[tuple[bool, bytes]]) -> list[Said]:
    return [_same(f"  {'left ' if left else 'right'} {sibling.hex()}") for left, sibling in path]
