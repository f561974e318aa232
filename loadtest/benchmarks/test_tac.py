"""TACs: last diversification level, MAC and compare, a fresh key for each tap, one core."""

from __future__ import annotations

import random
from typing import Any

import pytest

from clearing import _crypto
from clearing.keys import reference

TAPS = 50_000
LIBRARY_TAPS = 5_000
LEVEL_KEY = bytes(range(16))


def _inputs(taps: int) -> tuple[bytes, bytes]:
    """Factors (8 bytes each) and purchase inputs (22 bytes each) of random cards."""
    source = random.Random(1)
    return source.randbytes(8 * taps), source.randbytes(22 * taps)


@pytest.mark.parametrize("name", ["des", "sm4"])
def test_tac(benchmark: Any, name: str) -> None:
    """Our C."""
    algorithm = {"des": 0, "sm4": 1}[name]
    factors, inputs = _inputs(TAPS)
    key_set = _crypto.KeySet(algorithm, LEVEL_KEY)
    benchmark.extra_info.update(key=f"tac_{name}_taps_per_s", taps=TAPS)
    benchmark.pedantic(lambda: key_set.tac_many(factors, inputs, 22), rounds=5)


@pytest.mark.parametrize("name", ["des", "sm4"])
def test_tac_library(benchmark: Any, name: str) -> None:
    """The ciphers of ``cryptography``, tap by tap."""
    algorithm = {"des": 0, "sm4": 1}[name]
    factors, inputs = _inputs(LIBRARY_TAPS)

    def all_taps() -> None:
        for tap in range(LIBRARY_TAPS):
            key = reference.diversify(algorithm, LEVEL_KEY, factors[8 * tap : 8 * tap + 8])
            reference.tac(algorithm, key, inputs[22 * tap : 22 * tap + 22])

    benchmark.extra_info.update(key=f"tac_{name}_library_taps_per_s", taps=LIBRARY_TAPS)
    benchmark.pedantic(all_taps, rounds=3)
