"""A list of a re-clearing in sums, for people: by operator, by account, by reason."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from schemas.codes import Verdict
from schemas.reasons import Reason
from settlement.reclearing.listing import LeftOut, Listed
from settlement.reclearing.waiting import waits
from settlement.store.reclears import Answer, ReclearedTap

SHOWN_MAX = 20
"""Taps that are named one by one of each group that is left out."""


def summary_of(listed: Listed, codes: Mapping[int, str]) -> dict[str, Any]:
    """The sums of a list; ``codes``: of accounts by number. Money in fen.

    ``by_operator`` and ``by_reason``: by how much more is credited and paid as subsidy, how much more
    waits; ``by_account``: debits less credits; ``later``: accumulations of later dates that stay.
    """
    return {
        "taps": len(listed.taps),
        "silent": listed.silent,
        "by_operator": by_operator(listed.taps),
        "by_reason": _grouped(listed.taps, _reasons),
        "by_account": [
            {"account": codes[number], "amount_fen": fen}
            for number, fen in sorted(_accounts(listed.taps).items(), key=lambda e: codes[e[0]])
        ],
        "left_out": _left_out(listed.left_out),
        "later": [
            {**msgspec.structs.asdict(each), "first": f"{each.first}", "last": f"{each.last}"}
            for each in listed.later
        ],
    }


def by_operator(taps: Iterable[ReclearedTap]) -> list[dict[str, Any]]:
    """The sums of a list by operator."""
    return _grouped(taps, lambda tap: {"operator": tap.operator_no})


def said(answer: Answer) -> str:
    """An answer in two words: ``accepted clean``."""
    return f"{Verdict(answer.verdict).name.lower()} {Reason(answer.reason).name.lower()}"


def _reasons(tap: ReclearedTap) -> dict[str, Any]:
    return {"was": said(tap.was), "becomes": said(tap.becomes)}


def _grouped(
    taps: Iterable[ReclearedTap], key: Callable[[ReclearedTap], dict[str, Any]]
) -> list[dict[str, Any]]:
    groups: dict[tuple[Any, ...], dict[str, Any]] = {}
    for tap in taps:
        names = key(tap)
        empty = {**names, "taps": 0, "credited_fen": 0, "subsidy_fen": 0, "waiting_fen": 0}
        row = groups.setdefault(tuple(names.values()), empty)
        row["taps"] += 1
        row["credited_fen"] += tap.becomes.credited_fen - tap.was.credited_fen
        row["subsidy_fen"] += tap.becomes.subsidy_fen - tap.was.subsidy_fen
        row["waiting_fen"] += _waiting_fen(tap, tap.becomes) - _waiting_fen(tap, tap.was)
    return [row for _, row in sorted(groups.items())]


def _waiting_fen(tap: ReclearedTap, answer: Answer) -> int:
    waiting = waits(tap, answer)
    return waiting.amount_fen if waiting is not None and waiting.account is not None else 0


def _accounts(taps: Iterable[ReclearedTap]) -> dict[int, int]:
    found: dict[int, int] = {}
    for tap in taps:
        for delta in tap.deltas:
            found[delta.account] = found.get(delta.account, 0) + delta.amount_fen
    return {number: fen for number, fen in found.items() if fen}


def _left_out(taps: Iterable[LeftOut]) -> list[dict[str, Any]]:
    groups: dict[tuple[str, int], dict[str, Any]] = {}
    for tap in taps:
        empty: dict[str, Any] = {
            "why": tap.why.value, "operator": tap.operator_no, "taps": 0, "credited_fen": 0,
            "first": [],
        }  # fmt: skip
        row = groups.setdefault((tap.why.value, tap.operator_no), empty)
        row["taps"] += 1
        row["credited_fen"] += tap.fen
        if len(row["first"]) < SHOWN_MAX:
            row["first"].append(f"{tap.batch_seq}:{tap.row_no}")
    return [row for _, row in sorted(groups.items())]
