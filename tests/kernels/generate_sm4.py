"""Make ``sm4_circuit.h`` and ``sm4_affine.h``: the S-box of SM4 as gates, and by the instructions for AES.

The box is S(x) = A · 1/(A · x + c) + c over GF(2^8) modulo x^8+x^7+x^6+x^5+x^4+x^2+1, with one matrix A
and one constant c (GB/T 32907 gives the table alone; ``affine_parts`` finds the two and checks them on it).

**As gates.** An element is written with two halves, x = a·Y + b·Y^16, where a and b lie in the field of 16
elements inside and Y + Y^16 = 1. Then x^17 = n·(a + b)² + a·b =: d lies in the small field too, n being
Y^17, and 1/x = x^16 / x^17 = (b/d)·Y + (a/d)·Y^16: one inverse of four bits and three products of four bits.
A product takes nine ANDs (Karatsuba twice); what stands before and after the ANDs are sums: linear forms of the eight
inputs, and the eight outputs as sums of eighteen products. Sums share parts: the pair of terms that
most sums have in common is made first (C. Paar, 1997). Constants cost nothing before an AND (AND NOT,
NOR) nor before the inverse of four bits, whose circuit is searched for as those of DES are. Which of the many
bases makes the fewest gates is found by trying; ``FOUND`` says which it was.

**By the instructions for AES.** All fields of 256 elements are alike: with a matrix P that takes this one to
that of AES, 1/y = P⁻¹ · (inverse of AES)(P · y). GFNI has both steps as instructions: an affine map,
and the inverse of AES followed by an affine map. So two matrices and two constants are the whole box.

Run it to write the headers again: ``python tests/kernels/generate_sm4.py``; with ``search TRIES`` it looks for a
basis with fewer gates and prints it.
"""

from __future__ import annotations

import random
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import Final

from generate_circuits import TWO, Circuit, Found, search_program, searched
from generate_tables import KERNELS, sm4_box

POLYNOMIAL: Final = 0x1F5
AES_POLYNOMIAL: Final = 0x11B

Matrix = tuple[int, ...]
"""Row i is a mask of the inputs whose sum is output bit i; bit 0 is the lowest."""


@dataclass(frozen=True)
class Basis:
    """Y, two elements of the field of 16 over that of 4, two of the field of 4; a seed for ties in sums."""

    y: int
    sixteen: tuple[int, int]
    four: tuple[int, int]
    seed: int
    inverse: Found


FOUND: Final = Basis(148, (118, 1), (1, 92), 711, Found(4, 21))


def times(one: int, other: int, polynomial: int = POLYNOMIAL) -> int:
    """The product of two elements."""
    product = 0
    while other:
        if other & 1:
            product ^= one
        one <<= 1
        if one & 0x100:
            one ^= polynomial
        other >>= 1
    return product


def power(base: int, exponent: int, polynomial: int = POLYNOMIAL) -> int:
    """``base`` to the power."""
    result = 1
    for _ in range(exponent):
        result = times(result, base, polynomial)
    return result


@cache
def inverse(element: int, polynomial: int = POLYNOMIAL) -> int:
    """The inverse; that of 0 is 0."""
    return power(element, 254, polynomial)


def apply(matrix: Sequence[int], vector: int) -> int:
    """Matrix times vector."""
    return sum(((row & vector).bit_count() & 1) << bit for bit, row in enumerate(matrix))


def matrix_of(images: Sequence[int], rows: int = 8) -> Matrix:
    """The matrix that takes unit vector i to ``images[i]``."""
    return tuple(
        sum((image >> row & 1) << column for column, image in enumerate(images))
        for row in range(rows)
    )


def product(one: Sequence[int], other: Sequence[int]) -> Matrix:
    """The matrix that does ``other`` first and then ``one``."""
    return matrix_of([apply(one, apply(other, 1 << bit)) for bit in range(8)])


def inverted(matrix: Sequence[int]) -> Matrix:
    """The inverse matrix of 8 × 8; ValueError where there is none."""
    table = {apply(matrix, value): value for value in range(256)}
    if len(table) != 256:
        raise ValueError("no inverse")
    return matrix_of([table[1 << bit] for bit in range(8)])


@cache
def affine_parts() -> tuple[Matrix, int]:
    """A and c of the box: the circulant matrix and the constant for which S(x) = A · 1/(A·x + c) + c."""
    box = sm4_box()
    for row in range(256):
        circulant = tuple(((row << by) | (row >> (8 - by))) & 255 for by in range(8))
        images = [apply(circulant, value) for value in range(256)]
        if len(set(images)) != 256:
            continue
        for constant in range(256):
            if all(
                apply(circulant, inverse(images[value] ^ constant)) ^ constant == box[value]
                for value in range(256)
            ):
                return circulant, constant
    raise ValueError("the box is not of this form")


# By the instructions for AES -----------------------------------------------------------------


def to_aes() -> Matrix:
    """The matrix from SM4's field to that of AES: a root of SM4's polynomial there gives it."""
    for root in range(2, 256):
        powers = [power(root, exponent, AES_POLYNOMIAL) for exponent in range(9)]
        total = 0
        for exponent, value in enumerate(powers):
            if POLYNOMIAL >> exponent & 1:
                total ^= value
        if total == 0:
            return matrix_of(powers[:8])
    raise ValueError("no root")


def affine_steps() -> tuple[Matrix, int, Matrix, int]:
    """(matrix, constant) before the inverse of AES, (matrix, constant) after it."""
    outer, constant = affine_parts()
    there = to_aes()
    return product(there, outer), apply(there, constant), product(outer, inverted(there)), constant


def as_operand(matrix: Matrix) -> int:
    """A matrix as GF2P8AFFINEQB wants it: the row of output bit 7 in the lowest byte."""
    return sum(row << 8 * (7 - bit) for bit, row in enumerate(matrix))


# As gates ------------------------------------------------------------------------------------


class Sums:
    """Linear forms as chains of XOR, the pair of terms most in demand made first."""

    def __init__(self, names: list[str], seed: int) -> None:
        self.names = list(names)
        self.lines: list[str] = []
        self._random = random.Random(seed)

    def make(self, wanted: dict[str, int], prefix: str) -> dict[str, str]:
        """Wanted name → mask of terms; returns wanted name → the name that holds it."""
        rows = {
            name: {bit for bit in range(len(self.names)) if mask >> bit & 1}
            for name, mask in wanted.items()
        }
        while any(len(row) > 1 for row in rows.values()):
            counts = Counter(
                pair
                for row in map(frozenset, rows.values())
                for pair in combinations(sorted(row), 2)
            )
            most = max(counts.values())
            first, second = self._random.choice(
                sorted(pair for pair, count in counts.items() if count == most)
            )
            name = f"{prefix}{len(self.lines)}"
            self.lines.append(f"{name} = {self.names[first]} ^ {self.names[second]}")
            self.names.append(name)
            for row in rows.values():
                if first in row and second in row:
                    row -= {first, second}
                    row.add(len(self.names) - 1)
        return {name: self.names[next(iter(row))] for name, row in rows.items()}


FORMS: Final = (0b0001, 0b0010, 0b0011, 0b0100, 0b1000, 0b1100, 0b0101, 0b1010, 0b1111)
"""Of four coordinates: the forms whose nine products make a product of two elements of 16 (Karatsuba)."""


def coordinates(basis: Sequence[int]) -> dict[int, int]:
    """Element → its coordinates in a basis, for every element that the basis reaches."""
    found = {}
    for mask in range(1 << len(basis)):
        element = 0
        for bit, part in enumerate(basis):
            if mask >> bit & 1:
                element ^= part
        found[element] = mask
    if len(found) != 1 << len(basis):
        raise ValueError("not a basis")
    return found


def recombination(basis: Sequence[int]) -> list[int]:
    """For each of the nine products, which coordinates of the product of two elements it is added to."""
    where = coordinates(basis)
    masks = [0] * len(FORMS)
    for coordinate in range(4):
        # The bilinear form of this coordinate, as the set of pairs (i, j) of basis elements whose product has it.
        wanted = frozenset(
            (i, j) for i in range(4) for j in range(4)
            if where[times(basis[i], basis[j])] >> coordinate & 1
        )  # fmt: skip
        rest = set(wanted)
        for choice in _spanning(rest):
            masks[choice] |= 1 << coordinate
    return masks


def _spanning(wanted: set[tuple[int, int]]) -> list[int]:
    """Which forms' products sum to a bilinear form: by trying all subsets of the nine."""
    parts = [
        frozenset((i, j) for i in range(4) for j in range(4) if form >> i & 1 and form >> j & 1)
        for form in FORMS
    ]
    for mask in range(1 << len(FORMS)):
        total: frozenset[tuple[int, int]] = frozenset()
        for number, part in enumerate(parts):
            if mask >> number & 1:
                total ^= part
        if total == wanted:
            return [number for number in range(len(FORMS)) if mask >> number & 1]
    raise ValueError("no product of this form")


def subfield(size: int) -> list[int]:
    """The elements of the field of ``size`` elements inside."""
    return [element for element in range(256) if power(element, size) == element]


def tower(basis: Basis) -> list[int]:
    """Eight elements of the field: the basis in which the box is computed, a's four before b's."""
    inner = [times(four, sixteen) for sixteen in basis.sixteen for four in basis.four]
    other = power(basis.y, 16)
    return [times(part, basis.y) for part in inner] + [times(part, other) for part in inner]


@dataclass(frozen=True)
class Plan:
    """What a basis comes to: masks of inputs and of products, and the inverse of four bits as a table."""

    forms: dict[str, int]
    """Linear forms of the inputs: a0 to a8, b0 to b8, and e0 to e3, what d has beside products."""
    flipped: frozenset[str]
    """Those forms that are wanted with their bit turned (from the constant c)."""
    inside: list[int]
    """Product i of d → mask of d's coordinates."""
    table: list[int]
    """d's coordinates, as the circuit makes them, → those of 1/d."""
    outputs: list[int]
    """Output bit → mask of the eighteen products, those with b first."""
    constant: int


def plan(basis: Basis) -> Plan:
    """The box in this basis."""
    outer, constant = affine_parts()
    small = [times(four, sixteen) for sixteen in basis.sixteen for four in basis.four]
    where = coordinates(tower(basis))
    into = matrix_of([where[apply(outer, 1 << bit)] for bit in range(8)])
    shift = where[constant]
    forms, flipped = {}, set()
    for half, letter in enumerate("ab"):
        for number, form in enumerate(FORMS):
            mask = form << 4 * half
            forms[f"{letter}{number}"] = _form(into, mask)
            if (mask & shift).bit_count() & 1:
                flipped.add(f"{letter}{number}")
    norm, places = power(basis.y, 17), coordinates(small)
    squares = matrix_of([places[times(norm, times(part, part))] for part in small], 4)
    offset = 0
    for coordinate in range(4):
        mask = squares[coordinate] | squares[coordinate] << 4
        forms[f"e{coordinate}"] = _form(into, mask)
        offset |= ((mask & shift).bit_count() & 1) << coordinate
    inside = recombination(small)
    # Products of two turned bits are made as NOR, (a ^ 1)(b ^ 1) = ~(a | b): right as they are.
    elements = {mask: element for element, mask in places.items()}
    table = [places[inverse(elements[value ^ offset])] for value in range(16)]
    images = []
    for half in (basis.y, power(basis.y, 16)):
        for number in range(len(FORMS)):
            element = 0
            for coordinate in range(4):
                if inside[number] >> coordinate & 1:
                    element ^= times(small[coordinate], half)
            images.append(apply(outer, element))
    return Plan(forms, frozenset(flipped), inside, table, list(matrix_of(images)), constant)


def _form(matrix: Sequence[int], mask: int) -> int:
    """The sum of some rows of a matrix: a form of coordinates as one of inputs."""
    total = 0
    for bit, row in enumerate(matrix):
        if mask >> bit & 1:
            total ^= row
    return total


def conjunction(one: str, other: str, one_flipped: bool, other_flipped: bool) -> str:
    """The product of two bits that may be turned."""
    if one_flipped and other_flipped:
        return f"~({one} | {other})"
    if one_flipped:
        return f"{other} & ~{one}"
    return f"{one} & ~{other}" if other_flipped else f"{one} & {other}"


def lines_of(basis: Basis, circuit: Circuit | None) -> list[str]:
    """The box as assignments, one gate each (two where a line has ~), from in0 … in7 (bit 0 first) to out0 … out7."""
    parts = plan(basis)
    top = Sums([f"in{bit}" for bit in range(8)], basis.seed)
    names = top.make(parts.forms, "t")
    lines = list(top.lines)
    for number in range(len(FORMS)):
        a, b = f"a{number}", f"b{number}"
        text = conjunction(names[a], names[b], a in parts.flipped, b in parts.flipped)
        lines.append(f"p{number} = {text}")
    middle = Sums(
        [f"p{number}" for number in range(9)] + [names[f"e{bit}"] for bit in range(4)], basis.seed
    )
    masks = {
        f"d{bit}": sum(1 << number for number in range(9) if parts.inside[number] >> bit & 1)
        | 1 << (9 + bit)
        for bit in range(4)
    }
    inside = middle.make(masks, "m")
    lines += middle.lines
    values = [inside["d3"], inside["d2"], inside["d1"], inside["d0"], "0", "0"]
    if circuit is not None:
        for place, gate in enumerate(circuit.gates, start=6):
            lines.append(f"v{place} = " + gate.text(values))
            values.append(f"v{place}")
        inverses = {f"i{3 - place}": values[output] for place, output in enumerate(circuit.outputs)}
    else:
        inverses = {f"i{bit}": f"i{bit}" for bit in range(4)}
    low = Sums([inverses[f"i{bit}"] for bit in range(4)], basis.seed)
    factors = low.make({f"f{number}": form for number, form in enumerate(FORMS)}, "f")
    lines += low.lines
    for half, letter in enumerate("ba"):
        for number in range(len(FORMS)):
            name = f"{letter}{number}"
            text = conjunction(names[name], factors[f"f{number}"], name in parts.flipped, False)
            lines.append(f"q{9 * half + number} = {text}")
    bottom = Sums([f"q{number}" for number in range(18)], basis.seed)
    outputs = bottom.make({f"out{bit}": mask for bit, mask in enumerate(parts.outputs)}, "s")
    lines += bottom.lines
    for bit in range(8):
        lines.append(
            f"out{bit} = " + ("~" if parts.constant >> bit & 1 else "") + outputs[f"out{bit}"]
        )
    return lines


def gates_of(lines: list[str]) -> int:
    """How many gates: each operator is one, but AND NOT is one of its own."""
    return sum(
        line.count("^") + line.count("|") + line.count("&") + line.count("~") - line.count("& ~")
        for line in lines
    )


def inverse_box(basis: Basis) -> list[int]:
    """The inverse of four bits as a box of six inputs, of which the last two do not matter."""
    return [plan(basis).table[bits >> 2] for bits in range(64)]


def search(tries: int) -> None:
    """Print ever better bases, as many as are tried at random; their inverse is searched for by hand."""
    source = random.Random(tries)
    small, smaller = subfield(16)[1:], subfield(4)[1:]
    outer = [element for element in range(256) if element ^ power(element, 16) == 1]
    fewest = gates_of(lines_of(FOUND, None))
    for _ in range(tries):
        sixteen = (source.choice(small), source.choice(small))
        first, second = source.sample(smaller, 2)
        basis = Basis(
            source.choice(outer), sixteen, (first, second), source.randrange(1000), Found(0, 0)
        )
        try:
            gates = gates_of(lines_of(basis, None))
        except ValueError:
            continue  # the elements are no basis
        if gates < fewest:
            fewest = gates
            print(gates, "gates and the inverse:", basis, "inverse box:", *inverse_box(basis))


def render_box(lines: list[str]) -> str:
    """The box as a C function on eight slices."""
    body = []
    for line in lines:
        name, _, text = line.partition(" = ")
        body.append(
            f"    x[{name[3:]}] = {text};" if name.startswith("out") else f"    LANES(word) {line};"
        )
    inputs = [f"    LANES(word) in{bit} = x[{bit}];" for bit in range(8)]
    return (
        f"/* The S-box of SM4 in {gates_of(lines)} gates: eight slices, the lowest bit's first. */\n"
        "static inline void LANES(sm4_box)(LANES(word) x[8])\n{\n"
        + "\n".join(inputs + body)
        + "\n}"
    )


def render_affine() -> str:
    """The constants of the box by GFNI, as C."""
    before, before_constant, after, after_constant = affine_steps()
    return "\n".join(
        f"#define {name} 0x{value:0{digits}x}{suffix} /* {about} */"
        for name, value, digits, suffix, about in (
            ("SM4_TO_AES", as_operand(before), 16, "ULL", "the matrix before the inverse"),
            ("SM4_TO_AES_ADD", before_constant, 2, "", "what is added behind it"),
            ("SM4_FROM_AES", as_operand(after), 16, "ULL", "the matrix after the inverse"),
            ("SM4_FROM_AES_ADD", after_constant, 2, "", "what is added behind it"),
        )
    )


def headers() -> dict[str, str]:
    """File name → text of the headers."""
    made = "Made by tests/kernels/generate_sm4.py; do not edit."
    with tempfile.TemporaryDirectory() as folder:
        circuit = searched(search_program(Path(folder)), inverse_box(FOUND), TWO, FOUND.inverse)
    return {
        "sm4_circuit.h": f"/* The S-box of SM4 in gates. A part of lanes.h.\n * {made} */\n"
        + render_box(lines_of(FOUND, circuit))
        + "\n",
        "sm4_affine.h": f"/* The S-box of SM4 as the inverse of AES between two affine maps.\n * {made} */\n"
        "#ifndef ONECARD_SM4_AFFINE_H\n#define ONECARD_SM4_AFFINE_H\n\n"
        + render_affine()
        + "\n\n#endif /* ONECARD_SM4_AFFINE_H */\n",
    }


if __name__ == "__main__":
    if sys.argv[1:2] == ["search"]:
        search(int(sys.argv[2]))
    else:
        for file_name, text in headers().items():
            (KERNELS / file_name).write_text(text, encoding="ascii")
