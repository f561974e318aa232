"""Make ``des_circuits.h``: the S-boxes of DES as circuits of gates, and the wiring round them.

A sliced cipher holds bit n of many blocks in word n, so a permutation is a choice of words and costs
nothing; only the S-boxes need gates. Each box is found twice by ``circuit_search.c``: as few gates
of two inputs as it can (AND, OR, XOR, AND NOT: every processor), and as few gates of any three inputs
(AVX-512's VPTERNLOG). ``FOUND`` says under which seed and bound the search met its best circuit, so
that making the header again takes seconds and not hours. The search is explained in ``circuit_search.c``.

Run it to write the header again: ``python tests/kernels/generate_circuits.py``; to look for smaller
circuits, ``python tests/kernels/generate_circuits.py search SECONDS``, which prints new rows of FOUND.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from generate_tables import DES_BOXES, DES_P, DES_PC2, KERNELS, numbers

HERE = Path(__file__).resolve().parent

# FIPS 46-3: the initial permutation, its inverse, the expansion, permuted choice 1. Bit 1 is the top bit.
DES_IP = (
    "58 50 42 34 26 18 10 2 60 52 44 36 28 20 12 4 62 54 46 38 30 22 14 6 64 56 48 40 32 24 16 8 "
    "57 49 41 33 25 17 9 1 59 51 43 35 27 19 11 3 61 53 45 37 29 21 13 5 63 55 47 39 31 23 15 7"
)
DES_FP = (
    "40 8 48 16 56 24 64 32 39 7 47 15 55 23 63 31 38 6 46 14 54 22 62 30 37 5 45 13 53 21 61 29 "
    "36 4 44 12 52 20 60 28 35 3 43 11 51 19 59 27 34 2 42 10 50 18 58 26 33 1 41 9 49 17 57 25"
)
DES_E = (
    "32 1 2 3 4 5 4 5 6 7 8 9 8 9 10 11 12 13 12 13 14 15 16 17 "
    "16 17 18 19 20 21 20 21 22 23 24 25 24 25 26 27 28 29 28 29 30 31 32 1"
)
DES_PC1 = (
    "57 49 41 33 25 17 9 1 58 50 42 34 26 18 10 2 59 51 43 35 27 19 11 3 60 52 44 36 "
    "63 55 47 39 31 23 15 7 62 54 46 38 30 22 14 6 61 53 45 37 29 21 13 5 28 20 12 4"
)

TWO, THREE = 0, 1
"""Gates of two inputs, of three."""


@dataclass(frozen=True)
class Found:
    """Where the search met a circuit: under this seed, looking for at most so many gates."""

    seed: int
    bound: int


FOUND: Final[dict[int, Sequence[Found]]] = {
    TWO: (
        Found(300000102, 58),
        Found(100000106, 54),
        Found(100000018, 54),
        Found(300000051, 46),
        Found(100000039, 59),
        Found(100000111, 56),
        Found(200000050, 56),
        Found(200000005, 56),
    ),
    THREE: (
        Found(100000046, 31),
        Found(200000205, 28),
        Found(200000212, 28),
        Found(100000282, 26),
        Found(100000061, 30),
        Found(200000011, 29),
        Found(300000012, 29),
        Found(100000061, 30),
    ),
}


@dataclass(frozen=True)
class Gate:
    """One gate; a, b and c are numbers of gates before it, 0 to 5 being the inputs from the left."""

    kind: str
    a: int
    b: int
    c: int
    cells: int
    """Of a gate of three inputs: bit 4a + 2b + c is what it gives, as VPTERNLOG has it."""

    def text(self, names: Sequence[str]) -> str:
        """As C, on the names of the gates before it."""
        return TEXTS[self.kind].format(
            a=names[self.a], b=names[self.b], c=names[self.c], cells=self.cells
        )


@dataclass(frozen=True)
class Circuit:
    """An S-box: the gates from number 6 on, and which numbers are its four outputs from the left."""

    gates: tuple[Gate, ...]
    outputs: tuple[int, ...]

    def evaluate(self, bits: int) -> int:
        """The four output bits for six input bits, gate by gate."""
        values = [bits >> (5 - place) & 1 for place in range(6)]
        for gate in self.gates:
            a, b, c = values[gate.a], values[gate.b], values[gate.c]
            values.append(GATES[gate.kind](a, b, gate.cells >> (4 * a + 2 * b + c) & 1))
        return sum(values[output] << (3 - place) for place, output in enumerate(self.outputs))


GATES: Final[dict[str, Callable[[int, int, int], int]]] = {
    "not": lambda a, _b, _cell: 1 - a,
    "and": lambda a, b, _cell: a & b,
    "or": lambda a, b, _cell: a | b,
    "xor": lambda a, b, _cell: a ^ b,
    "andnot": lambda a, b, _cell: a & (1 - b),
    "three": lambda _a, _b, cell: cell,
}

TEXTS: Final = {
    "not": "~{a}",
    "and": "{a} & {b}",
    "or": "{a} | {b}",
    "xor": "{a} ^ {b}",
    "andnot": "{a} & ~{b}",
    "three": "LANES_THREE({a}, {b}, {c}, 0x{cells:02x})",
}


def box_table(box: int) -> list[int]:
    """What box 0 to 7 gives for each of its 64 inputs, the six bits in the order in which they stand."""
    rows = numbers(DES_BOXES)[64 * box : 64 * box + 64]
    return [rows[16 * ((bits >> 4 & 2) | (bits & 1)) + (bits >> 1 & 15)] for bits in range(64)]


def search_program(folder: Path) -> Path:
    """``circuit_search.c``, compiled."""
    program = folder / "circuit_search"
    command = ["gcc", "-O2", "-std=gnu11", str(HERE / "circuit_search.c"), "-o", str(program)]
    subprocess.run(command, check=True)
    return program


def searched(program: Path, table: Sequence[int], inputs: int, found: Found) -> Circuit:
    """The circuit of a box of 64 numbers that the search meets there. ValueError if it meets none."""
    command = [str(program), "show", str(inputs), str(found.seed), str(found.bound)]
    text = " ".join(str(value) for value in table)
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=True)
    gates: list[Gate] = []
    outputs: tuple[int, ...] = ()
    for line in done.stdout.splitlines():
        kind, *places = line.split()
        if kind == "outputs":
            outputs = tuple(int(place) for place in places)
        else:
            gates.append(Gate(kind, *(int(place) for place in places)))
    if not outputs:
        raise ValueError(f"no circuit under {found}")
    return Circuit(tuple(gates), outputs)


@cache
def circuits(inputs: int) -> list[Circuit]:
    """The eight boxes in gates of two or three inputs, searched anew where FOUND says."""
    with tempfile.TemporaryDirectory() as folder:
        program = search_program(Path(folder))
        return [
            searched(program, box_table(box), inputs, found)
            for box, found in enumerate(FOUND[inputs])
        ]


def render_box(box: int, circuit: Circuit, inputs: int) -> str:
    """A C function: six words in, four words changed."""
    names = [f"in{place}" for place in range(6)]
    lines = []
    for place, gate in enumerate(circuit.gates, start=6):
        lines.append(f"    LANES(word) g{place} = {gate.text(names)};")
        names.append(f"g{place}")
    lines += [f"    *to{place} ^= {names[output]};" for place, output in enumerate(circuit.outputs)]
    words = ", ".join(f"LANES(word) in{place}" for place in range(6))
    targets = ", ".join(f"LANES(word) *to{place}" for place in range(4))
    return (
        f"/* S{box + 1} in {len(circuit.gates)} gates. */\n"
        f"static inline void LANES(des_box_{box + 1})({words},\n    {targets})\n{{\n"
        + "\n".join(lines)
        + "\n}"
    )


def render_round() -> str:
    """One round of DES: expansion, round key, boxes and P, all but the boxes being wiring."""
    expansion, permutation, choice = numbers(DES_E), numbers(DES_P), numbers(DES_PC2)
    after = {before: place for place, before in enumerate(permutation)}
    calls = []
    for box in range(8):
        words = []
        for bit in range(6 * box, 6 * box + 6):
            key = choice[bit]
            words.append(
                f"from[{expansion[bit] - 1}] ^ "
                + (f"c[{key - 1}]" if key <= 28 else f"d[{key - 29}]")
            )
        targets = [f"&to[{after[4 * box + bit + 1]}]" for bit in range(4)]
        calls.append(
            f"    LANES(des_box_{box + 1})({', '.join(words[:3])},\n        {', '.join(words[3:])},\n"
            f"        {', '.join(targets)});"
        )
    return (
        "/* One round: to ^= P(S(E(from) ^ key)). `c` and `d` are the key's halves, rotated for the round. */\n"
        "static LANES_APART void LANES(des_round)(const LANES(word) from[32], LANES(word) to[32],\n"
        "                                         const LANES(word) *c, const LANES(word) *d)\n{\n"
        + "\n".join(calls)
        + "\n}"
    )


def plane(bit: int) -> int:
    """Where bit ``bit`` (1 to 64, from the top of the first byte) stands in a block read as a little-endian word."""
    byte, place = divmod(bit - 1, 8)
    return 8 * byte + 7 - place


def wiring() -> dict[str, tuple[str, list[int]]]:
    """Name → what it says, and the numbers, of each table of ``des_wiring.h``."""
    initial, final, choice = numbers(DES_IP), numbers(DES_FP), numbers(DES_PC1)
    return {
        "des_block_wires": (
            "Where word n of a block's state, left half first, stands in the transposed block (IP).",
            [plane(bit) for bit in initial],
        ),
        "des_key_wires": (
            "Where word n of a key, C before D, stands in the transposed key (PC-1).",
            [plane(bit) for bit in choice],
        ),
        "des_made_key_wires": (
            "The same where the key is what a cipher gave: word n of its state before FP.",
            [final[bit - 1] - 1 for bit in choice],
        ),
        "des_mac_wires": (
            "Which word of the last state is bit n of the MAC's left four bytes, from its lowest bit (FP).",
            [final[31 - bit] - 1 for bit in range(32)],
        ),
    }


def render_wiring() -> str:
    """The tables of ``wiring`` as C."""
    parts = []
    for name, (about, values) in wiring().items():
        rows = [
            "    " + ", ".join(str(value) for value in values[start : start + 16]) + ","
            for start in range(0, len(values), 16)
        ]
        parts.append(
            f"/* {about} */\nstatic const uint8_t {name}[{len(values)}] = {{\n"
            + "\n".join(rows)
            + "\n};"
        )
    return "\n\n".join(parts)


def headers() -> dict[str, str]:
    """File name → text of the headers."""
    made = "Made by tests/kernels/generate_circuits.py; do not edit."
    texts = {
        "des_wiring.h": f"/* The permutations of DES (FIPS 46-3) as choices of words.\n * {made} */\n"
        "#ifndef ONECARD_DES_WIRING_H\n#define ONECARD_DES_WIRING_H\n\n#include <stdint.h>\n\n"
        + render_wiring()
        + "\n\n#endif /* ONECARD_DES_WIRING_H */\n"
    }
    for inputs, name, about in (
        (TWO, "des_circuits_two.h", "gates of two inputs"),
        (THREE, "des_circuits_three.h", "gates of three inputs"),
    ):
        boxes = circuits(inputs)
        gates = sum(len(box.gates) for box in boxes)
        text = f"/* The S-boxes of DES in {about}, {gates} in all, and a round of DES. A part of lanes.h.\n * {made} */\n"
        text += "\n\n".join(render_box(box, circuit, inputs) for box, circuit in enumerate(boxes))
        texts[name] = text + "\n\n" + render_round() + "\n"
    return texts


def search(seconds: int) -> None:
    """Look for smaller circuits for so long in all, and print what is to be changed in FOUND."""
    with tempfile.TemporaryDirectory() as folder:
        program = search_program(Path(folder))
        for inputs in (TWO, THREE):
            for box in range(8):
                known = FOUND[inputs][box]
                bound = len(searched(program, box_table(box), inputs, known).gates) - 1
                command = [
                    str(program),
                    "search",
                    str(inputs),
                    str(known.seed + 1),
                    str(bound),
                    str(seconds // 16),
                ]
                table = " ".join(str(value) for value in box_table(box))
                done = subprocess.run(
                    command, input=table, capture_output=True, text=True, check=True
                )
                print(
                    f"box {box + 1}, {('two', 'three')[inputs]}:",
                    done.stdout.strip() or "none smaller",
                )


if __name__ == "__main__":
    if sys.argv[1:2] == ["search"]:
        search(int(sys.argv[2]))
    else:
        for file_name, text in headers().items():
            (KERNELS / file_name).write_text(text, encoding="ascii")
