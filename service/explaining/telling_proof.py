"""Batch, receipt and proof in sentences."""

import hashlib

from schemas import proof
from service.explaining import telling_money
from service.explaining.found import Explanation
from service.text import Said, many


def _same(text: str) -> Said:
    return Said(text, "")


def proof_of(found: Explanation) -> list[Said]:
    """The batch, what it booked as a whole, and the paths from the tap's leaf to the receipt and the day."""
    batch = found.batch
    lines = [
        Said(
            f"交易包 {batch.batch_seq}：{batch.tap_count:,} 笔。",
            f"Batch {batch.batch_seq}: {many(batch.tap_count, 'tap')}.",
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
    lines += [_hash("本笔的叶节点", "leaf", found.leaf), *_steps(found.path)]
    lines.append(_hash("交易包的根", "batch root", batch.batch_root))
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
    lines = [
        _hash("交易包在当日树中的节点", "batch's node in the day", node),
        *_steps(found.day_path),
    ]
    lines.append(_hash("当日交易的根", "taps root", found.taps_root))
    if not reaches:
        lines.append(Said("  路径不通向该根！", "  THE PATH DOES NOT REACH IT"))
    if found.seal is not None:
        lines.append(_hash("当日封签", "seal", found.seal))
    return lines


def _steps(path: list[tuple[bool, bytes]]) -> list[Said]:
    return [
        _hash("左", "left ", sibling) if left else _hash("右", "right", sibling)
        for left, sibling in path
    ]


def _hash(zh: str, en: str, value: bytes) -> Said:
    return Said(f"  {zh} {value.hex()}", f"  {en} {value.hex()}")
