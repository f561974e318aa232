"""Make the lookup tables of ``des_tables.h`` and ``sm4_tables.h`` from the standards' own boxes.

The small tables below are copied from the standards (facts); everything large is computed from them,
so that a reader checks 8 + 1 boxes and a handful of permutations instead of two thousand numbers.
``test_tables.py`` runs this file and compares the result with the headers in ``clearing/_kernels``.

Run it to write the headers again: ``python tests/kernels/generate_tables.py``.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

KERNELS = Path(__file__).resolve().parents[2] / "clearing" / "_kernels"

# FIPS 46-3, "Primitive functions": S1 to S8, four rows of sixteen each.
DES_BOXES = """
14 4 13 1 2 15 11 8 3 10 6 12 5 9 0 7   0 15 7 4 14 2 13 1 10 6 12 11 9 5 3 8
4 1 14 8 13 6 2 11 15 12 9 7 3 10 5 0   15 12 8 2 4 9 1 7 5 11 3 14 10 0 6 13

15 1 8 14 6 11 3 4 9 7 2 13 12 0 5 10   3 13 4 7 15 2 8 14 12 0 1 10 6 9 11 5
0 14 7 11 10 4 13 1 5 8 12 6 9 3 2 15   13 8 10 1 3 15 4 2 11 6 7 12 0 5 14 9

10 0 9 14 6 3 15 5 1 13 12 7 11 4 2 8   13 7 0 9 3 4 6 10 2 8 5 14 12 11 15 1
13 6 4 9 8 15 3 0 11 1 2 12 5 10 14 7   1 10 13 0 6 9 8 7 4 15 14 3 11 5 2 12

7 13 14 3 0 6 9 10 1 2 8 5 11 12 4 15   13 8 11 5 6 15 0 3 4 7 2 12 1 10 14 9
10 6 9 0 12 11 7 13 15 1 3 14 5 2 8 4   3 15 0 6 10 1 13 8 9 4 5 11 12 7 2 14

2 12 4 1 7 10 11 6 8 5 3 15 13 0 14 9   14 11 2 12 4 7 13 1 5 0 15 10 3 9 8 6
4 2 1 11 10 13 7 8 15 9 12 5 6 3 0 14   11 8 12 7 1 14 2 13 6 15 0 9 10 4 5 3

12 1 10 15 9 2 6 8 0 13 3 4 14 7 5 11   10 15 4 2 7 12 9 5 6 1 13 14 0 11 3 8
9 14 15 5 2 8 12 3 7 0 4 10 1 13 11 6   4 3 2 12 9 5 15 10 11 14 1 7 6 0 8 13

4 11 2 14 15 0 8 13 3 12 9 7 5 10 6 1   13 0 11 7 4 9 1 10 14 3 5 12 2 15 8 6
1 4 11 13 12 3 7 14 10 15 6 8 0 5 9 2   6 11 13 8 1 4 10 7 9 5 0 15 14 2 3 12

13 2 8 4 6 15 11 1 10 9 3 14 5 0 12 7   1 15 13 8 10 3 7 4 12 5 6 11 0 14 9 2
7 11 4 1 9 12 14 2 0 6 10 13 15 3 5 8   2 1 14 7 4 10 8 13 15 12 9 0 3 5 6 11
"""

# FIPS 46-3: the permutation P of a round's output, and permuted choice 2 of the key schedule.
DES_P = "16 7 20 21 29 12 28 17 1 15 23 26 5 18 31 10 2 8 24 14 32 27 3 9 19 13 30 6 22 11 4 25"
DES_PC2 = (
    "14 17 11 24 1 5 3 28 15 6 21 10 23 19 12 4 26 8 16 7 27 20 13 2 "
    "41 52 31 37 47 55 30 40 51 45 33 48 44 49 39 56 34 53 46 42 50 36 29 32"
)

# GB/T 32907-2016, table 1: the S-box of SM4.
SM4_BOX = """
d690e9fecce13db716b614c228fb2c05 2b679a762abe04c3aa44132649860699
9c4250f491ef987a33540b43edcfac62 e4b31ca9c908e89580df94fa758f3fa6
4707a7fcf37317ba83593c19e6854fa8 686b81b27164da8bf8eb0f4b70569d35
1e240e5e6358d1a225227c3b01217887 d40046579fd327524c3602e7a0c4c89e
eabf8ad240c738b5a3f7f2cef96115a1 e0ae5da49b341a55ad933230f58cb1e3
1df6e22e8266ca60c02923ab0d534e6f d5db3745defd8e2f03ff6a726d6c5b51
8d1baf92bbddbc7f11d95c411f105ad8 0ac13188a5cd7bbd2d74d012b8e5b4b0
8969974a0c96777e65b9f109c56ec684 18f07dec3adc4d2079ee5f3ed7cb3948
"""


def numbers(text: str) -> list[int]:
    """The decimal numbers in ``text``."""
    return [int(word) for word in text.split()]


def rotate_left(word: int, by: int) -> int:
    """``word`` (32 bits) rotated left."""
    return ((word << by) | (word >> (32 - by))) & 0xFFFFFFFF


def des_round_tables() -> list[list[int]]:
    """S-box and P in one: table[box][6 input bits] is P's output, rotated right by one as ``des.h`` keeps halves."""
    boxes, permutation = numbers(DES_BOXES), numbers(DES_P)
    tables = []
    for box in range(8):
        table = []
        for bits in range(64):
            row, column = (bits >> 4 & 2) | (bits & 1), bits >> 1 & 15
            before = boxes[box * 64 + row * 16 + column] << (28 - 4 * box)
            after = 0
            for position in permutation:
                after = after << 1 | (before >> (32 - position) & 1)
            table.append(rotate_left(after, 31))
        tables.append(table)
    return tables


def des_key_tables() -> list[list[int]]:
    """Permuted choice 2 by lookup: table[n][7 bits] for bits 7n+1 to 7n+7 of the 56-bit C|D.

    An entry holds both words of a round key: S1, S3, S5, S7 in the upper 32 bits, S2, S4, S6, S8 in the
    lower; each box's six bits stand at the top of its byte.
    """
    choice = numbers(DES_PC2)
    where = {}
    for index, position in enumerate(choice):
        box, bit = divmod(index, 6)
        word_shift = 32 if box % 2 == 0 else 0
        where[position] = word_shift + 31 - 8 * (box // 2) - bit
    tables = []
    for part in range(8):
        table = []
        for bits in range(128):
            entry = 0
            for bit in range(7):
                position = 7 * part + bit + 1
                if bits >> (6 - bit) & 1 and position in where:
                    entry |= 1 << where[position]
            table.append(entry)
        tables.append(table)
    return tables


def sm4_box() -> list[int]:
    """The S-box of SM4 as 256 numbers."""
    return list(bytes.fromhex("".join(SM4_BOX.split())))


def sm4_round_tables() -> list[list[int]]:
    """S-box and the linear map L in one, a table for each byte of the word, most significant first."""
    tables = []
    for byte in range(4):
        table = []
        for value in sm4_box():
            word = value << (24 - 8 * byte)
            mixed = word
            for by in (2, 10, 18, 24):
                mixed ^= rotate_left(word, by)
            table.append(mixed)
        tables.append(table)
    return tables


def sm4_key_constants() -> list[int]:
    """CK of the key schedule (GB/T 32907-2016, 7.3): byte j of word i is (4i + j) * 7 mod 256."""
    return [
        int.from_bytes(bytes((4 * word + byte) * 7 % 256 for byte in range(4)), "big")
        for word in range(32)
    ]


def render(name: str, kind: str, digits: int, per_line: int, tables: Iterable[list[int]]) -> str:
    """A C array of arrays."""
    suffix = "ULL" if digits == 16 else ""
    tables = list(tables)
    lines = [f"static const {kind} {name}[{len(tables)}][{len(tables[0])}] = {{"]
    for table in tables:
        cells = [f"0x{value:0{digits}x}{suffix}" for value in table]
        lines.append("    {")
        lines += [
            "        " + ", ".join(cells[start : start + per_line]) + ","
            for start in range(0, len(cells), per_line)
        ]
        lines.append("    },")
    lines.append("};")
    return "\n".join(lines)


def header(guard: str, about: str, parts: list[str]) -> str:
    """A whole header file."""
    text = f"/* {about}\n * Made by tests/kernels/generate_tables.py; do not edit. */\n"
    text += f"#ifndef {guard}\n#define {guard}\n\n#include <stdint.h>\n\n"
    return text + "\n\n".join(parts) + f"\n\n#endif /* {guard} */\n"


def headers() -> dict[str, str]:
    """File name → text of the table headers."""
    return {
        "des_tables.h": header(
            "ONECARD_DES_TABLES_H",
            "Lookup tables of DES (FIPS 46-3): S-box with P, and permuted choice 2.",
            [
                render("des_round_table", "uint32_t", 8, 8, des_round_tables()),
                render("des_key_table", "uint64_t", 16, 4, des_key_tables()),
            ],
        ),
        "sm4_tables.h": header(
            "ONECARD_SM4_TABLES_H",
            "Lookup tables of SM4 (GB/T 32907-2016): the S-box, and the S-box with L.",
            [
                render("sm4_box", "uint8_t", 2, 16, [sm4_box()]),
                render("sm4_key_constant", "uint32_t", 8, 8, [sm4_key_constants()]),
                render("sm4_round_table", "uint32_t", 8, 8, sm4_round_tables()),
            ],
        ),
    }


if __name__ == "__main__":
    for file_name, text in headers().items():
        (KERNELS / file_name).write_text(text, encoding="ascii")
