"""Every way of making many TACs gives the bytes of the plain one, and of the library's ciphers."""

from __future__ import annotations

import os
import random
from pathlib import Path

import generate_circuits
import generate_sm4
import published
import pytest
from generate_tables import KERNELS, sm4_box

from clearing import _crypto
from clearing.keys import reference

WAYS = _crypto.tac_ways_here()
FORMS = ((0, 0), (1, 0), (1, 1))
TORTURE = os.environ.get("TORTURE") == "1"


@pytest.fixture(scope="module")
def circuits() -> dict[int, list[generate_circuits.Circuit]]:
    return {
        inputs: generate_circuits.circuits(inputs)
        for inputs in (generate_circuits.TWO, generate_circuits.THREE)
    }


def test_the_plain_way_and_slices_are_anywhere() -> None:
    assert WAYS[:2] == ("scalar", "words")


def test_headers_are_what_their_generators_make() -> None:
    for name, text in (generate_circuits.headers() | generate_sm4.headers()).items():
        assert (KERNELS / name).read_text(encoding="ascii") == text, name


@pytest.mark.parametrize("inputs", [generate_circuits.TWO, generate_circuits.THREE])
@pytest.mark.parametrize("box", range(8))
def test_a_circuit_of_des_gives_its_box(
    circuits: dict[int, list[generate_circuits.Circuit]], inputs: int, box: int
) -> None:
    circuit = circuits[inputs][box]
    assert [circuit.evaluate(bits) for bits in range(64)] == generate_circuits.box_table(box)


def test_the_circuit_of_sm4_gives_its_box() -> None:
    """Its lines are run as they stand in the header, on 256 lanes that hold all values at once."""
    text = (KERNELS / "sm4_circuit.h").read_text(encoding="ascii")
    values: dict[str, int] = {}
    slices = {
        f"x[{bit}]": sum((value >> bit & 1) << value for value in range(256)) for bit in range(8)
    }
    for line in text.splitlines():
        words = line.strip().removeprefix("LANES(word) ").removesuffix(";").partition(" = ")
        if words[1]:
            expression = words[2]
            for name, slice_ in slices.items():
                expression = expression.replace(name, str(slice_))
            values[words[0]] = eval(expression, {}, values)  # our own header's text
    results = [values[f"x[{bit}]"] & (1 << 256) - 1 for bit in range(8)]
    assert [
        sum((results[bit] >> value & 1) << bit for bit in range(8)) for value in range(256)
    ] == sm4_box()


def test_affine_maps_round_the_inverse_of_aes_give_the_box_of_sm4() -> None:
    before, before_constant, after, after_constant = generate_sm4.affine_steps()
    for value in range(256):
        there = generate_sm4.apply(before, value) ^ before_constant
        inverse = generate_sm4.inverse(there, generate_sm4.AES_POLYNOMIAL)
        assert generate_sm4.apply(after, inverse) ^ after_constant == sm4_box()[value]


@pytest.mark.parametrize("way", WAYS)
def test_the_specifications_own_tac(way: str) -> None:
    level_key = _crypto.diversify(0, published.MASTER_KEY, published.FACTORS[0])
    keys = _crypto.KeySet(0, level_key)
    for count in (1, 3, 64, 65, 700):
        found = keys.tac_many(published.FACTORS[1] * count, published.PURCHASE * count, 22, way)
        assert found == published.TAC * count


def _mixed(numbers: random.Random, count: int, way: str) -> None:
    """Taps of mixed ciphers, folds, keys and lengths; all against the tables, a few against the library."""
    forms = [numbers.choice(FORMS) for _ in range(numbers.randrange(1, 40))]
    level_keys = [numbers.randbytes(16) for _ in forms]
    sets = [
        _crypto.KeySet(form[0], key, form[1]) for form, key in zip(forms, level_keys, strict=True)
    ]
    chosen = bytes(numbers.randrange(len(sets)) for _ in range(count))
    sizes = bytes(numbers.choice((22, 22, 22, 24)) for _ in range(count))
    factors, inputs = numbers.randbytes(8 * count), numbers.randbytes(sum(sizes))
    found = _crypto.tac_mixed(sets, chosen, factors, inputs, sizes, way)
    assert found == _crypto.tac_mixed(sets, chosen, factors, inputs, sizes, "scalar")
    for row in numbers.sample(range(count), min(count, 10)):
        algorithm, fold = forms[chosen[row]]
        factor, start = factors[8 * row : 8 * row + 8], sum(sizes[:row])
        card_key = reference.diversify(algorithm, level_keys[chosen[row]], factor)
        tac = reference.tac(algorithm, card_key, inputs[start : start + sizes[row]], fold)
        assert found[4 * row : 4 * row + 4] == tac


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("count", [0, 1, 2, 63, 64, 65, 127, 128, 129, 511, 512, 513, 1500])
def test_lanes_mix_keys_ciphers_and_lengths(way: str, count: int) -> None:
    _mixed(random.Random(count), count, way)


@pytest.mark.torture
@pytest.mark.skipif(not TORTURE, reason="run by make torture")
@pytest.mark.parametrize("way", WAYS)
def test_fuzz_against_the_library(way: str) -> None:
    numbers = random.Random(32907)
    for _ in range(2000):
        _mixed(numbers, numbers.randrange(1500), way)


@pytest.mark.parametrize("way", WAYS)
def test_every_bit_of_key_factor_and_input_counts_in_every_lane(way: str) -> None:
    """One lane differs from all others in one bit: its TAC differs, and no other's does."""
    numbers = random.Random(978)
    lanes = 600
    for algorithm in (0, 1):
        factors, inputs = bytearray(8 * lanes), bytearray(24 * lanes)
        for row in range(lanes):
            bit = numbers.randrange(256)
            if bit < 64:
                factors[8 * row + bit // 8] ^= 1 << bit % 8
            else:
                inputs[24 * row + (bit - 64) // 8] ^= 1 << bit % 8
        keys = _crypto.KeySet(algorithm, bytes(range(16)))
        found = keys.tac_many(bytes(factors), bytes(inputs), 24, way)
        alone = [
            keys.tac(bytes(factors[8 * row : 8 * row + 8]), bytes(inputs[24 * row : 24 * row + 24]))
            for row in range(lanes)
        ]
        assert found == b"".join(alone)
        assert len(set(alone)) > lanes // 3


def test_a_way_that_cannot_be_had_is_refused() -> None:
    keys = _crypto.KeySet(0, bytes(16))
    with pytest.raises(ValueError, match="no way 'abacus' of making TACs: scalar, words"):
        keys.tac_many(b"", b"", 22, "abacus")


def test_sources_of_the_template_are_read_by_no_look_up() -> None:
    """Slices look nothing up: neither template takes a table of the scalar ciphers but the key constants."""
    for name in ("lanes.h", "lanes_des.h", "lanes_sm4.h"):
        text = Path(KERNELS / name).read_text(encoding="ascii")
        assert not any(
            table in text
            for table in ("des_round_table", "des_key_table", "sm4_box[", "sm4_round_table")
        )
