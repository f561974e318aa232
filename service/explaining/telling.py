"""An explanation as sections of sentences, in both languages and in the order in which people ask."""

from typing import Final

import msgspec

from schemas import reasons
from schemas.codes import Check, Source, Verdict
from schemas.reasons import ROW, Reason, Row
from schemas.record import Tap
from schemas.registry import Issuer, Terminal
from service import evidence
from service.evidence import Told
from service.explaining import (
    telling_chain,
    telling_items,
    telling_money,
    telling_proof,
    vocabulary,
    would,
)
from service.explaining.found import Explanation, First, Section
from service.masking import masked
from service.text import Said, moment_of_record


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
        ("proof", Said("交易包、凭证与证明", "Batch, receipt and proof"), telling_proof.proof_of(found)),
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
            f"交易 {batch.batch_seq}:{tap.row_no}：{at} {kind.zh}，{_amount(found).zh}。",
            f"Tap {batch.batch_seq}:{tap.row_no} at {at}: {kind.en}, {_amount(found).en}.",
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


def _amount(found: Explanation) -> Said:
    """The record's money: of a ride before discounts, too; of a load or a refund what it brings or takes."""
    tap, money = found.tap, evidence.fen(found.tap.amount_fen)
    if tap.kind not in vocabulary.NO_DEBITS:
        gross = evidence.fen(tap.gross_fen)
        return Said(
            f"扣款 {money.zh}，优惠前 {gross.zh}",
            f"charged {money.en}, {gross.en} before discounts",
        )
    return Said(f"金额 {money.zh}", f"{money.en}")


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
    whose = Said(f"运营商第 {batch.number} 号交易包", f"the operator's batch number {batch.number}")
    if batch.source == Source.PRESENTMENT:
        whose = Said(f"城市间提交文件 {batch.origin}", f"presentment {batch.origin}")
    zh = f"到达：{whose.zh}，申报日 {declared}，清算日 {batch.business_date}"
    en = f"Arrival: {whose.en}, declared for {declared}, cleared on {batch.business_date}"
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
    if found.first is not None:
        lines += _first(found.first, found.fields)
    also = Said("另外", "Also")
    if tap.verdict != Verdict.ACCEPTED:
        also = Said("此外（若被接受才起作用）", "Also (of consequence only if it is accepted)")
    for name in reasons.names(tap.flags):
        lines += _reason(ROW[Reason[name.upper()]], told, also, found.fields)
    claim = found.claim
    if claim is not None and claim.state == "refused" and not claim.incoming:
        ours, issuers = ROW[Reason.REFUSED_BY_ISSUER], ROW[Reason(claim.refused_for)]
        lines.append(
            Said(
                f"其后：{ours.chinese}（{ours.name}，{ours.reason}）：{issuers.chinese}。",
                f"Later: {ours.english} ({ours.name}, {ours.reason}): {issuers.english}.",
            )
        )
    return [*lines, *_judged_by(found)]


def _first(first: First, fields: Tap) -> list[Said]:
    """Who brought the first of two same taps, and in which fields they differ."""
    lines = []
    if first.origin:
        city = first.origin.split("-", 1)[0]
        lines.append(
            Said(
                f"  首笔 {first.place} 由城市 {city} 提交（{first.origin}）。",
                f"  The first one, {first.place}, was presented by city {city} ({first.origin}).",
            )
        )
    before, after = msgspec.structs.asdict(first.fields), msgspec.structs.asdict(fields)
    for name in (name for name in before if before[name] != after[name]):
        word = vocabulary.field(name)
        lines.append(
            Said(
                f"  {word.zh}（{name}）：首笔 {before[name]}，本笔 {after[name]}。",
                f"  {word.en} ({name}): {before[name]} in the first one, {after[name]} in this.",
            )
        )
    return lines


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
    versions = Said(f"登记版本 {since} 起", f"from registry version {since} on")
    if until is not None:
        versions = Said(f"登记版本 {since}–{until - 1}", f"registry versions {since}–{until - 1}")
    line = Said(f"线路 {terminal.line}", f"line {terminal.line}")
    device = Said(f"设备 {terminal.device}", f"device {terminal.device}")
    line = line if terminal.line else Said("任意线路", "any line")
    device = device if terminal.device else Said("任意设备", "any device")
    until_day = f" – {terminal.until}" if terminal.until else ""
    return Said(
        f"终端 {name}：登记于运营商 {found.ground.terminal_owner}，{line.zh}，{device.zh}，"
        f"自 {terminal.since}{until_day}（{versions.zh}）。",
        f"Terminal {name}: registered for operator {found.ground.terminal_owner}, {line.en},"
        f" {device.en}, since {terminal.since}{until_day} ({versions.en}).",
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
