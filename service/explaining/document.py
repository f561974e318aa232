"""An explanation for machines: the data beside the sentences, card numbers masked as there."""

from typing import Any

import msgspec

from clearing.plan import Purpose
from schemas import reasons
from schemas.codes import Verdict
from schemas.reasons import Reason
from service import evidence
from service.explaining import vocabulary
from service.explaining.correction import Correction
from service.explaining.found import Explanation, Position, Waiting
from service.explaining.telling import sections
from service.masking import masked
from settlement.store.traces import TracedTap, number_of


def document_of(found: Explanation) -> dict[str, Any]:
    """One JSON object. Money in fen, dates ISO; ``sections`` hold what is printed."""
    tap, batch, fields = found.tap, found.batch, found.fields
    head: dict[str, Any] = {
        "tap": f"{batch.batch_seq}:{tap.row_no}",
        "as_of": found.as_of,
        "known": found.known,
        "card": fields.serial if found.unmasked else masked(fields.serial),
        "tapped_at": fields.tapped_at,
        "terminal_id": fields.terminal_id,
        "terminal_number": fields.terminal_number,
        "arrived_on": batch.business_date,
        "sections": sections(found),
        "card_chain": [_position(each) for each in found.chain.positions],
    }
    if not found.known:
        return head
    return head | {
        "verdict": Verdict(tap.verdict).name.lower(),
        "reason": Reason(tap.reason).name.lower(),
        "flags": reasons.names(tap.flags),
        "evidence": [evidence.in_words(remark) for remark in tap.remarks],
        "money": {
            "amount_fen": tap.amount_fen,
            "gross_fen": tap.gross_fen,
            "priced_fen": tap.priced_fen,
            "credited_fen": tap.credited_fen,
            "subsidy_fen": tap.subsidy_fen,
            "debit_proven": tap.debit_proven,
        },
        "postings": [
            {
                "debit": found.accounts.get(move.debit),
                "credit": found.accounts.get(move.credit),
                "purpose": Purpose(move.purpose).name.lower(),
                "amount_fen": move.amount_fen,
            }
            for move in found.moved
        ],
        "later": found.later,
        "corrections": [_correction(each) for each in found.corrections],
        "claim": found.claim,
        "items": [_item(each) for each in found.waiting],
        "terminal": [_tap(each) for each in found.terminal],
        "judged_by": {
            "rules_version": batch.rules_version,
            "registry_version": batch.registry_version,
            "denylist_version": batch.denylist_version,
            "rules": [
                {
                    "what": rule.what,
                    "name": rule.name,
                    "file": rule.file,
                    "lines": [rule.first, rule.last],
                }
                for rule in found.ground.rules
            ],
        },
        "proof": {
            "leaf": found.leaf.hex(),
            "batch_root": batch.batch_root.hex(),
            "holds": found.proven,
            "taps_root": found.taps_root.hex() if found.taps_root else None,
            "seal": found.seal.hex() if found.seal else None,
        },
    }


def _position(position: Position) -> dict[str, Any]:
    values = msgspec.structs.asdict(position)
    values["tapped_at"] = None if position.opening else vocabulary.when(position.tapped_at)
    return values


def _tap(tap: TracedTap) -> dict[str, Any]:
    return {
        "tap": f"{tap.batch_seq}:{tap.row_no}",
        "terminal_number": number_of(tap),
        "tapped_at": vocabulary.when(tap.tapped_at),
        "verdict": Verdict(tap.verdict).name.lower(),
        "reason": Reason(tap.reason).name.lower(),
        "amount_fen": tap.amount_fen,
    }


def _correction(each: Correction) -> dict[str, Any]:
    reclear, decision = each.reclear, each.reclear.decision
    assert decision is not None
    return {
        "proposal": reclear.proposal_no,
        "corrects": reclear.corrects,
        "booked_on": decision.business_date,
        "why": reclear.body["why"],
        "proposed_by": reclear.proposed_by,
        "approved_by": decision.decided_by,
        "rules_before": each.rules_before,
        "rules_after": reclear.rules_version,
        "was": each.tap.was,
        "becomes": each.tap.becomes,
        "entry": each.entry_id,
        "deltas": [
            {"account": code, "purpose": Purpose(purpose).name.lower(), "amount_fen": fen}
            for code, purpose, fen in each.deltas
        ],
    }


def _item(each: Waiting) -> dict[str, Any]:
    standing, item = each.standing, each.standing.item
    return {
        "item": each.name,
        "kind": item.kind,
        "of_tap": each.of_tap,
        "state": standing.state,
        "outcome": standing.outcome,
        "amount_fen": standing.amount_fen,
        "account": each.account,
        "opened_on": item.opened_on,
        "due_on": item.due_on,
        "changes": [
            {
                "business_date": change.business_date,
                "outcome": change.outcome,
                "amount_fen": change.amount_fen,
                "entry": change.entry_id,
            }
            for change in each.history
        ],
        "proposals": [
            {
                "proposal": decided.proposal.proposal_no,
                "action": decided.proposal.action,
                "by": decided.proposal.proposed_by,
                "decided_by": decided.decision.decided_by if decided.decision else None,
                "approved": decided.decision.approved if decided.decision else None,
            }
            for decided in each.proposals
        ],
    }
