"""The fast kernel's C alone: each header compiles by itself, and its tables hold under sanitizers."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from clearing import kernel

HERE = Path(__file__).resolve().parent
KERNELS = Path(kernel.__file__).resolve().parent / "_kernels"
HEADERS = (
    "codes", "record", "calendar", "reasons", "pages", "room", "card_table", "terminal_lines", "identity_table",
    "journal", "movements", "hours", "tariffs", "fares", "discounts", "splits", "spending", "plan", "tap", "batch",
    "checks", "card_checks", "price",
    "card_moves", "money", "postgres_copy", "leaves", "tac_ahead", "judge",
)  # fmt: skip
WARNINGS = ["-Wall", "-Wextra", "-Werror", "-Wconversion", "-Wno-sign-conversion", "-std=gnu11"]
SANITIZERS = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-g1", "-O0"]


def _compile(source: Path, *flags: str) -> Path:
    program = source.with_suffix(".out")
    command = ["gcc", *flags, f"-I{KERNELS}", f"-I{HERE}", str(source), "-o", str(program)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return program


@pytest.mark.parametrize("name", HEADERS)
def test_a_header_compiles_alone_and_twice(name: str, tmp_path: Path) -> None:
    source = tmp_path / "alone.c"
    source.write_text(f'#include "{name}.h"\n#include "{name}.h"\nint main(void) {{ return 0; }}\n')
    _compile(source, *WARNINGS, "-O2")


def test_headers_know_no_python() -> None:
    for name in HEADERS:
        assert "Python.h" not in (KERNELS / f"{name}.h").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Path:
    source = tmp_path_factory.mktemp("driver") / "kernel_driver.c"
    source.write_bytes((HERE / "kernel_driver.c").read_bytes())
    return _compile(source, "-Wall", "-Wextra", "-Werror", "-std=gnu11", *SANITIZERS)


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize(("part", "rounds"), [("tables", 5000), ("judge", 300), ("sums", 20_000)])
def test_the_parts_hold_under_sanitizers(driver: Path, part: str, rounds: int, seed: int) -> None:
    command = [str(driver), part, str(seed), str(rounds)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
