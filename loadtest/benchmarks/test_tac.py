"""TACs: last diversification level, MAC and compare, a fresh key for each tap, one core.

Every way that this processor has, beside a plain C loop over OpenSSL's own block ciphers that does the same
work, and beside the ciphers of ``cryptography`` tap by tap. Rounds alternate between all of them.
"""

from __future__ import annotations

import ctypes
import random
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from clearing import _crypto
from clearing.keys import reference

TAPS: Final = 40_000
LIBRARY_TAPS: Final = 5_000
LEVEL_KEY: Final = bytes(range(16))
ALGORITHMS: Final = {"des": 0, "sm4": 1}
WAYS: Final = _crypto.tac_ways_here()
LOOP: Final = Path(__file__).with_name("openssl_loop.c")


pytestmark = pytest.mark.benchmark(timer=time.thread_time)
"""All of it is one core's work without waiting: what others do on the machine meanwhile is not counted."""


@pytest.fixture(scope="module", params=range(1, 5), ids="round{}".format)
def turn(request: pytest.FixtureRequest) -> int:
    """Four rounds over everything; the first warms up and is not counted."""
    return int(request.param)


def _inputs(taps: int) -> tuple[bytes, bytes]:
    """Factors (8 bytes each) and purchase inputs (22 bytes each) of random cards."""
    source = random.Random(1)
    return source.randbytes(8 * taps), source.randbytes(22 * taps)


def _measure(benchmark: Any, key: str, taps: int, turn: int, call: Callable[[], Any]) -> None:
    benchmark.extra_info.update(key=key, taps=taps, counted=turn > 1)
    benchmark.pedantic(call, rounds=1, iterations=10)


@pytest.fixture(scope="module")
def loop(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    """The C loop, compiled for this very processor."""
    library = tmp_path_factory.mktemp("openssl") / "openssl_loop.so"
    command = [shutil.which("gcc") or "gcc", "-O3", "-march=native", "-shared", "-fPIC", str(LOOP)]
    built = subprocess.run(
        [*command, "-l:libcrypto.a", "-o", str(library)],
        capture_output=True,
        text=True,
        check=False,
    )
    if built.returncode:
        pytest.skip("OpenSSL's headers and static library are not here (Debian: libssl-dev)")
    return ctypes.CDLL(str(library))


@pytest.mark.parametrize("name", ALGORITHMS)
@pytest.mark.parametrize("way", WAYS)
def test_tac(benchmark: Any, way: str, name: str, turn: int) -> None:
    """Our C; the key without a way's name is the best that this processor has."""
    factors, inputs = _inputs(TAPS)
    key_set = _crypto.KeySet(ALGORITHMS[name], LEVEL_KEY)
    key = f"tac_{name}_{way}_taps_per_s" if way != WAYS[-1] else f"tac_{name}_taps_per_s"
    _measure(benchmark, key, TAPS, turn, lambda: key_set.tac_many(factors, inputs, 22, way))


@pytest.mark.parametrize("name", ALGORITHMS)
def test_tac_of_mixed_keys(benchmark: Any, name: str, turn: int) -> None:
    """The best way where eight key sets mix and every eighth tap is a top-up."""
    factors, _ = _inputs(TAPS)
    source = random.Random(2)
    sets = [_crypto.KeySet(ALGORITHMS[name], source.randbytes(16)) for _ in range(8)]
    chosen = bytes(source.randrange(8) for _ in range(TAPS))
    sizes = bytes(source.choice((22, 22, 22, 22, 22, 22, 22, 24)) for _ in range(TAPS))
    inputs = source.randbytes(sum(sizes))
    call = lambda: _crypto.tac_mixed(sets, chosen, factors, inputs, sizes)  # noqa: E731
    _measure(benchmark, f"tac_{name}_mixed_taps_per_s", TAPS, turn, call)


@pytest.mark.parametrize("name", ALGORITHMS)
def test_tac_openssl(benchmark: Any, loop: ctypes.CDLL, name: str, turn: int) -> None:
    """OpenSSL in a plain C loop: the same TACs."""
    factors, inputs = _inputs(TAPS)
    tacs = ctypes.create_string_buffer(4 * TAPS)
    function = loop[f"tac_{name}_openssl"]
    arguments = (LEVEL_KEY, factors, inputs, ctypes.c_size_t(TAPS), tacs)
    _measure(benchmark, f"tac_{name}_openssl_taps_per_s", TAPS, turn, lambda: function(*arguments))
    key_set = _crypto.KeySet(ALGORITHMS[name], LEVEL_KEY)
    assert tacs.raw == key_set.tac_many(factors, inputs, 22)


@pytest.mark.parametrize("name", ALGORITHMS)
def test_tac_library(benchmark: Any, name: str) -> None:
    """The ciphers of ``cryptography``, tap by tap."""
    algorithm = ALGORITHMS[name]
    factors, inputs = _inputs(LIBRARY_TAPS)

    def all_taps() -> None:
        for tap in range(LIBRARY_TAPS):
            key = reference.diversify(algorithm, LEVEL_KEY, factors[8 * tap : 8 * tap + 8])
            reference.tac(algorithm, key, inputs[22 * tap : 22 * tap + 22])

    benchmark.extra_info.update(key=f"tac_{name}_library_taps_per_s", taps=LIBRARY_TAPS)
    benchmark.pedantic(all_taps, rounds=3)
