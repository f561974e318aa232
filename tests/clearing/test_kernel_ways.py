"""The fast kernel by each way of making TACs: the same answer to the last byte, and the plain kernel's."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from clearing._fastpath import FastKernel, tac_ways_here
from clearing.errors import ClearingError
from clearing.kernel import choose
from schemas import record
from schemas.codes import Algorithm, TapKind
from schemas.reasons import Reason
from tests.clearing.kernel_cases import BUS, PLAN, context, make, tap

WAYS = tac_ways_here()
ROOT = Path(__file__).resolve().parents[2]
TAC = record.FIELD["tac"]
TAPS = 2500
OTHER_KEYS: dict[str, tuple[dict[str, Any], ...]] = {
    "ordinary": ({}, {"key_version": 2, "algorithm": Algorithm.SM4}),
    "union": ({}, {"key_index": 2, "algorithm": Algorithm.DES}),
}
"""So that vectors of either cipher hold lanes of different keys."""


def _tap(numbers: random.Random, row: int) -> bytes:
    """A tap of mixed issuer, cipher and length; some forged in one bit, torn, unsigned or without a key."""
    card = numbers.choice(("ordinary", "student", "union", "open", "foreign"))
    kind = TapKind.TOP_UP if numbers.randrange(8) == 0 else TapKind.BUS_FLAT
    fault = numbers.randrange(12)
    changes: dict[str, Any] = dict(numbers.choice(OTHER_KEYS.get(card, ({},))))
    if fault == 0:
        changes["algorithm"] = Algorithm.NONE
    elif fault == 1:
        changes["key_version"] = 9
    elif fault == 2:
        changes["tac"] = "ffffffff"
    data = tap(
        card, kind=kind, terminal_number=row + 1, amount_fen=numbers.randrange(500), **changes
    )
    if fault == 3:
        at = numbers.randrange(TAC.offset, TAC.end)
        data = data[:at] + bytes([data[at] ^ 1 << numbers.randrange(8)]) + data[at + 1 :]
    return data


@pytest.fixture(scope="module")
def taps() -> bytes:
    """More than a few vectors of the widest way, and a rest."""
    numbers = random.Random(166)
    return b"".join(_tap(numbers, row) for row in range(TAPS))


@pytest.mark.parametrize("way", WAYS)
def test_a_batch_is_judged_alike_by_every_way(
    way: str, taps: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = make("reference").judge(taps, context(BUS))
    monkeypatch.setenv("CLEARING_TAC", way)
    found = make("fastpath").judge(taps, context(BUS))
    assert found == plain
    for reason in (Reason.TAC_WRONG, Reason.TAC_TORN, Reason.KEY_SET_UNKNOWN):
        assert found.reason_counts[reason] > 50


@pytest.mark.parametrize("way", WAYS)
def test_taps_beyond_those_made_at_once_have_their_own_tacs(way: str) -> None:
    """A wrong TAC in any place of a batch that is longer than what is made ahead is found in that place."""
    right = [tap(terminal_number=row + 1) for row in range(100)]
    wrong = {0, 31, 32, 511, 512, 8191, 8192, 8193, 9999}
    records = [bytearray(right[row % 100]) for row in range(10_000)]
    for row in wrong:
        records[row][TAC.offset] ^= 1
    kernel = FastKernel(way)
    kernel.configure(PLAN)
    judgement = kernel.judge(b"".join(records), context(BUS))
    found = {row.row for row in judgement.evidence if row.reason == Reason.TAC_WRONG}
    assert found == wrong


def test_a_way_that_is_not_here_stops_the_service(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLEARING_TAC", "abacus")
    with pytest.raises(
        ClearingError, match="no way 'abacus' of making TACs: scalar, words"
    ) as caught:
        choose("fastpath")
    assert "CLEARING_TAC" in caught.value.remedy


@pytest.mark.torture
@pytest.mark.parametrize("way", WAYS)
def test_the_whole_suite_of_the_kernels_by_every_way(way: str) -> None:
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "tests/clearing",
        "tests/properties",
        "-k",
        "kernel",
    ]
    environment = {**os.environ, "CLEARING_TAC": way, "TORTURE": ""}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-4000:]
