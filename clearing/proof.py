"""Leaves, roots, receipts: what a batch's operator can check for ever, offline.

The layout of leaves and the way up are published in ``schemas.proof``; here they are put to work.
"""

import hashlib
from collections.abc import Callable

import msgspec

from clearing.kernel import Judgement
from schemas import proof, reasons
from schemas.batch import Header
from schemas.reasons import Reason


def taps_root(batches: list[tuple[int, bytes]]) -> bytes:
    """A day's root over (batch_seq, batch root), in order."""
    return proof.root([proof.batch_node(seq, root) for seq, root in batches])


def reason_names(reason_counts: tuple[int, ...]) -> dict[str, int]:
    """Counts by reason name, flags included, in table order; reasons that never applied left out."""
    counts = {"clean": reason_counts[Reason.CLEAN]} if reason_counts[Reason.CLEAN] else {}
    for row in reasons.RECORD_LEVEL:
        if reason_counts[row.reason]:
            counts[row.name] = reason_counts[row.reason]
    return counts


def receipt(
    node: str,
    business_date: str,
    batch_seq: int,
    header: Header,
    judgement: Judgement,
    versions: tuple[int, int, int],
    sign: Callable[[bytes], bytes],
) -> bytes:
    """The receipt of a batch, signed, as the bytes that are stored and sent."""
    accepted, held, rejected = judgement.verdict_counts
    unsigned = proof.Receipt(
        node=node,
        business_date=business_date,
        batch_seq=batch_seq,
        operator=header.operator,
        number=header.number,
        declared_date=header.declared_date,
        declared_late=header.declared_date < business_date.replace("-", ""),
        digest=header.digest,
        taps=judgement.count,
        accepted=accepted,
        held=held,
        rejected=rejected,
        gross_fen=judgement.gross_fen,
        charged_fen=judgement.charged_fen,
        accepted_fen=judgement.accepted_fen,
        reasons=reason_names(judgement.reason_counts),
        rules_version=versions[0],
        registry_version=versions[1],
        denylist_version=versions[2],
        batch_root=judgement.root.hex(),
    )
    signature = sign(proof.receipt_input(unsigned)).hex()
    return msgspec.json.encode(msgspec.structs.replace(unsigned, signature=signature))


def digest(*parts: bytes) -> bytes:
    """SHA-256 over parts, each after its length, so that no two lists of parts look alike."""
    hasher = hashlib.sha256()
    for part in parts:
        hasher.update(len(part).to_bytes(8, "big"))
        hasher.update(part)
    return hasher.digest()
