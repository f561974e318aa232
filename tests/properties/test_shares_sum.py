"""Whatever the weights and the fare: shares sum to the fare, and each is within one fen of its exact part."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clearing.pricing import split_fen
from clearing.rules import apportionments, read
from clearing.rules.apportioning import DIGEST_ROW, HEADER
from clearing.rules.frozen import read_frozen
from clearing.rules.shares import DatedSplit
from clearing.rules.sharing import fen_by_line, share, weights_of

TORTURE = os.environ.get("TORTURE") == "1"
pytestmark = [pytest.mark.torture] if TORTURE else []

DELTA = Path(__file__).parents[1] / "clearing/rules/delta"
[[DECLARED]] = apportionments(read([DELTA])).values()
STATIONS = [place.number for place in DECLARED.network.stations.places]
PAIRS = [(one, other) for one in STATIONS for other in STATIONS if one < other]

UINT32 = st.one_of(st.integers(0, 60_000), st.integers(0, 2**32 - 1), st.just(2**32 - 1))
WEIGHTS = st.lists(UINT32, min_size=1, max_size=4).filter(any)
FARES = st.one_of(st.integers(0, 3000), st.integers(0, 2**31 - 1))
METRES = st.dictionaries(st.integers(1, 5), st.integers(1, 800_000_000), min_size=1, max_size=5)


@given(weights=WEIGHTS, fen=FARES)
@settings(max_examples=20_000 if TORTURE else 1000, deadline=None)
def test_shares_sum_and_are_within_one_fen(weights: list[int], fen: int) -> None:
    """The kernels' rule, which ``test_prices_agree`` holds both of them to."""
    parts = split_fen(fen, tuple(weights))
    assert sum(parts) == fen
    for part, weight in zip(parts, weights, strict=True):
        assert abs(part - Fraction(fen * weight, sum(weights))) < 1
        assert part >= 0 if weight else part == 0


@given(
    metres=st.lists(METRES, min_size=1, max_size=7),
    pair=st.sampled_from(PAIRS),
    turned=st.booleans(),
    fen=FARES,
)
@settings(max_examples=5_000 if TORTURE else 200, deadline=None)
def test_any_table_shares_over_owners_and_lines(
    metres: list[dict[int, int]], pair: tuple[int, int], turned: bool, fen: int
) -> None:
    """A table of any metres: what is read of a pair is its row; lines sum to owners, owners to the fare."""
    along = {pair_: metres[at % len(metres)] for at, pair_ in enumerate(PAIRS)}
    rows = [
        f"{one},{other}," + " ".join(f"{line}:{m}" for line, m in sorted(along[one, other].items()))
        for one, other in PAIRS
    ]
    text = "\n".join([HEADER, DIGEST_ROW + DECLARED.digest(), *rows, ""])
    frozen = read_frozen(DECLARED, {DECLARED.file: text})
    shares = tuple((role, 0) for role in DECLARED.roles)
    split = DatedSplit(0, 1, shares, tuple(STATIONS), frozen.weights, frozen)
    entry, station = pair[::-1] if turned else pair
    by_owner = [0] * len(shares)
    for line, of_line in along[pair].items():
        by_owner[DECLARED.share_of_line[line]] += of_line
    assert weights_of(split, entry, station) == tuple(by_owner)
    owners = [row.fen for row in share("delta/metro", split, entry, station, fen).shares]
    lines = fen_by_line(split, entry, station, fen)
    assert sum(owners) == sum(lines.values()) == fen
    for at, of_owner in enumerate(owners):
        assert abs(of_owner - Fraction(fen * by_owner[at], sum(by_owner))) < 1
        owned = {line: fen for line, fen in lines.items() if DECLARED.share_of_line[line] == at}
        assert sum(owned.values()) == of_owner
        for line, of_line in owned.items():
            exact = Fraction(of_owner * along[pair][line], by_owner[at])
            assert abs(of_line - exact) < 1
