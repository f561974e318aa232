"""The C headers alone: each compiles by itself without a warning, and all answers hold under sanitizers."""

from __future__ import annotations

import hashlib
import random
import subprocess
from pathlib import Path

import published
import pytest
from generate_tables import KERNELS, headers

from clearing.keys import reference
from schemas import proof

HERE = Path(__file__).resolve().parent
OURS = (
    "des", "des_tables", "des_wiring", "sm4", "sm4_tables", "sm4_affine", "sm4_gfni", "sha256", "tac", "tac_lanes",
    "tac_ways", "tac_many", "locked", "wipe", "merkle",
)  # fmt: skip
WARNINGS = ["-Wall", "-Wextra", "-Werror", "-std=c11"]
SANITIZERS = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-g1", "-O0"]


@pytest.mark.parametrize("name", OURS)
@pytest.mark.parametrize("level", ["-O0", "-O3"])
def test_a_header_compiles_alone_and_twice(name: str, level: str, tmp_path: Path) -> None:
    source = tmp_path / "alone.c"
    source.write_text(f'#include "{name}.h"\n#include "{name}.h"\nint main(void) {{ return 0; }}\n')
    command = [
        "gcc",
        *WARNINGS,
        level,
        f"-I{KERNELS}",
        "-c",
        str(source),
        "-o",
        str(tmp_path / "o"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_tables_are_those_of_the_standards() -> None:
    for name, text in headers().items():
        assert (KERNELS / name).read_text(encoding="ascii") == text


def test_headers_know_no_python() -> None:
    for name in OURS:
        assert "Python.h" not in (KERNELS / f"{name}.h").read_text(encoding="utf-8")


def _text(data: bytes) -> str:
    return data.hex().upper() or "-"


def _published_cases() -> list[str]:
    vectors = published.VECTORS
    cases = [f"des {entry['key']} {entry['in']} {entry['out']}" for entry in vectors["des"]]
    cases += [f"ede2 {entry['key']} {entry['in']} {entry['out']}" for entry in vectors["des_ede2"]]
    cases += [
        f"ede2 {entry['key']} {entry['in']} {entry['expect']}"
        for entry in vectors["pboc_epurse"]
        if "key" in entry
    ]
    cases += [
        f"sm4 {entry['iterations']} {entry['key']} {entry['in']} {entry['out']}"
        for entry in vectors["sm4"]
    ]
    padded = published.PURCHASE + b"\x80\x00"
    key = published.xor(published.CARD_KEY[:8], published.CARD_KEY[8:])
    cases.append(f"desmac {_text(key)} {_text(padded)} {_text(published.PURCHASE_BLOCK)}")
    return cases


def _tac_cases(numbers: random.Random) -> list[str]:
    level_key = reference.diversify(0, published.MASTER_KEY, published.FACTORS[0])
    identity = bytes(10) + published.FACTORS[1]
    cases = [
        f"diversify 0 {_text(level_key)} {_text(published.FACTORS[1])} {_text(published.CARD_KEY)}",
        f"tac 0 0 10 {_text(level_key)} {_text(identity)} {_text(published.PURCHASE)} CC583207",
    ]
    for algorithm, fold in ((0, 0), (1, 0), (1, 1)):
        for offset in range(11):
            for size in (22, 24):
                key, identity = numbers.randbytes(16), numbers.randbytes(18)
                data = numbers.randbytes(size)
                factor = identity[offset : offset + 8]
                card_key = reference.diversify(algorithm, key, factor)
                tac = reference.tac(algorithm, card_key, data, fold)
                cases += [
                    f"diversify {algorithm} {_text(key)} {_text(factor)} {_text(card_key)}",
                    f"tac {algorithm} {fold} {offset} {_text(key)} {_text(identity)} {_text(data)} "
                    + _text(tac),
                ]
    for algorithm, fold, offset, result in (
        (0, 0, 10, 0), (1, 0, 0, 0), (1, 1, 10, 0),
        (0, 1, 10, -1), (1, 2, 10, -1), (2, 0, 10, -1), (255, 0, 10, -1), (0, 0, 11, -1),
    ):  # fmt: skip
        cases.append(f"keyset {algorithm} {fold} {offset} {result}")
    for one, other in (("0", "0"), ("FFFFFFFF", "FFFFFFFF"), ("80000000", "80000000")):
        cases.append(f"equal {one} {other} 1")
    for one, other in (("0", "1"), ("0", "80000000"), ("FFFFFFFF", "7FFFFFFF"), ("12", "13")):
        cases.append(f"equal {one} {other} 0")
    return cases


def _cbc_cases(numbers: random.Random) -> list[str]:
    cases = []
    for blocks in range(1, 6):
        key, data, chained, out = (
            numbers.randbytes(16),
            numbers.randbytes(16 * blocks),
            bytes(16),
            b"",
        )
        for start in range(0, len(data), 16):
            chained = reference.sm4_encrypt(key, published.xor(chained, data[start : start + 16]))
            out += chained
        cases.append(f"sm4cbc {_text(key)} {'00' * 16} {_text(data)} {_text(out)}")
    return cases


def _digest_cases(numbers: random.Random) -> list[str]:
    cases = []
    for way in range(4):
        for size in range(301):
            message = numbers.randbytes(size)
            digest = hashlib.sha256(message).digest()
            cases.append(f"sha256 {way} - {_text(message)} {_text(digest)}")
        for prefix_size in (1, 32, 33, 63):
            for size in (0, 1, 22, 23, 30, 31, 32, 63, 64, 65, 119, 256):
                prefix, message = numbers.randbytes(prefix_size), numbers.randbytes(size)
                digest = hashlib.sha256(prefix + message).digest()
                cases.append(f"sha256 {way} {_text(prefix)} {_text(message)} {_text(digest)}")
        for size in (1, 55, 56, 64, 65, 256):
            for count in (0, 1, 2, 3, 7, 16, 21, 33):
                digests = b"".join(
                    hashlib.sha256(bytes((i * 7 + j) % 256 for j in range(size))).digest()
                    for i in range(count)
                )
                digest = hashlib.sha256(digests).digest()
                cases.append(f"many {way} {size} {count} {_text(digest)}")
    for count in (*range(10), 31, 32, 33, 100):
        leaves = [bytes((i * 7 + j) % 256 for j in range(32)) for i in range(count)]
        cases.append(f"merkle {count} {_text(proof.root(leaves))}")
    return cases


LOCKED_CASES = [
    "locked 1 1",
    "locked 4096 1",
    "locked 4097 1",
    "locked 0 0",
    f"locked {2**64 - 1} 0",
]


def test_known_answers_under_sanitizers(tmp_path: Path) -> None:
    driver = tmp_path / "driver"
    command = [
        "gcc",
        *WARNINGS,
        *SANITIZERS,
        f"-I{KERNELS}",
        str(HERE / "driver.c"),
        "-o",
        str(driver),
    ]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    numbers = random.Random(978)
    cases = [
        *_published_cases(),
        *_tac_cases(numbers),
        *_cbc_cases(numbers),
        *_digest_cases(numbers),
        *LOCKED_CASES,
    ]
    done = subprocess.run(
        [str(driver)], input="\n".join(cases), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout == f"{len(cases)} cases, 0 failed\n"
    assert done.stderr == ""


def test_the_driver_notices_a_wrong_answer(tmp_path: Path) -> None:
    driver = tmp_path / "driver"
    command = ["gcc", *WARNINGS, "-O0", f"-I{KERNELS}", str(HERE / "driver.c"), "-o", str(driver)]
    subprocess.run(command, check=True)
    wrong = "des 133457799BBCDFF1 0123456789ABCDEF 85E813540F0AB404"
    done = subprocess.run([str(driver)], input=wrong, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "line 1 failed (des)" in done.stdout
