"""What fees come to: tables worked out by hand."""

from datetime import date
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearing.plan import Rounding
from clearing.pricing import split_fen
from clearing.rules import FeeRule, Volume, load
from clearing.rules.fees import Billing, Tier, is_last_of_month

TOP = 2**53 - 1


def fee(text: str) -> FeeRule:
    """A fee from its rates."""
    more = "" if "rounding" in text else 'rounding = "half_up"\n'
    rules = load(
        {
            "town/rules.toml": f"[[fee.standard]]\nsince = 2026-01-01\n{text}\n{more}"
            'recipients = [{ role = "clearing_centre", per_mille = 1000 }]\n'
        }
    )
    return rules.fee("town/standard", date(2026, 1, 31))


TIERS = """tiers = [
    { from_fen = 0, per_mille = 5 },
    { from_fen = 100_000, per_mille = 3 },
    { from_fen = 200_000, per_mille = 0 },
]"""
RIDES = "tiers = [{ from_taps = 0, per_tap_fen = 3 }, { from_taps = 10, per_tap_fen = 2 }]"

WHOLE = [
    # rates, (principal fen, rides), fee fen
    ("per_mille = 5", (0, 0), 0),
    ("per_mille = 5", (99, 1), 0),
    ("per_mille = 5", (100, 1), 1),  # 0.5 fen
    ("per_mille = 5", (299, 1), 1),  # 1.495
    ("per_mille = 5\nrounding = 'up'", (201, 1), 2),  # 1.005
    ("per_mille = 5\nrounding = 'down'", (399, 1), 1),  # 1.995
    ("per_tap_fen = 2", (0, 7), 14),  # rides that cost nothing
    ("per_tap_fen = 2\nper_mille = 5", (10_000, 7), 64),
    (TIERS, (99_999, 1), 500),  # 499.995
    (TIERS, (100_000, 1), 500),
    (TIERS, (100_333, 1), 501),  # 500 + 0.999
    (TIERS, (200_000, 1), 800),
    (TIERS, (900_000, 1), 800),
    (TIERS + "\nper_tap_fen = 1", (200_000, 30), 830),
    (RIDES, (0, 10), 30),
    (RIDES, (0, 11), 32),
    (RIDES + "\nper_mille = 1", (1_000, 11), 33),
    ("per_mille = 5\nmin_fen = 20", (1_000, 1), 20),
    ("per_mille = 5\nmin_fen = 20", (0, 1), 0),  # nothing on nothing
    ("per_tap_fen = 5\nmin_fen = 20", (0, 1), 20),
    ("per_tap_fen = 5\nmin_fen = 20", (500, 0), 0),
    ("per_mille = 5\nmax_fen = 4", (1_000, 1), 4),
    # A month of a whole operator, 21.5 million yuan and more.
    ("per_mille = 1000", (3_000_000_000, 1), 3_000_000_000),
    ("per_tap_fen = 2147483647", (0, 2_000_000), 4_294_967_294_000_000),
    ("per_mille = 5\nmax_fen = 5000000000", (2_000_000_000_000, 1), 5_000_000_000),
    ("per_mille = 0\nmin_fen = 5000000000", (100, 1), 5_000_000_000),
    (TIERS.replace("200_000", "3_000_000_000"), (4_000_000_000, 1), 9_000_200),
    ("per_mille = 5\nmin_fen = 20", (-1_000, 1), -5),  # taken back: no bound holds
    ("per_tap_fen = 5\nmin_fen = 20", (0, -3), -15),
    (TIERS, (-200_000, 0), -1_000),  # at the first tier's rate
]


@pytest.mark.parametrize(("text", "volume", "expected"), WHOLE)
def test_of_a_whole_volume(text: str, volume: tuple[int, int], expected: int) -> None:
    assert fee(text).fee_fen(Volume(*volume)) == expected


MONTHS = [
    # rates; the principal of four dates; what each adds to the fee, fen
    ("per_mille = 5", (100, 100, 100, 0), (1, 1, 1, 0)),  # each date is rounded for itself
    ("per_mille = 5\nbilling = 'monthly'", (100, 100, 100, 0), (1, 0, 1, 0)),  # 0.5, 1.0, 1.5
    (TIERS, (60_000, 60_000, 60_000, 60_000), (300, 260, 180, 60)),
    (TIERS, (0, 250_000, 0, 1), (0, 800, 0, 0)),
    (TIERS + "\nmin_fen = 100\nmax_fen = 290", (60_000, 60_000, 60_000, 60_000), (290, 260, 180, 100)),
    (TIERS + "\nmin_fen = 100", (0, 250_000, 0, 1), (0, 800, 0, 100)),
    (TIERS, (60_000, -10_000, 20_000, 0), (300, -50, 100, 0)),  # a correction gives back
    (TIERS + "\nbilling = 'monthly'\nmin_fen = 400", (60_000, 10_000, 20_000, 20_000), (400, 0, 50, 80)),
    (TIERS + "\nbilling = 'monthly'\nmax_fen = 600", (60_000, 60_000, 60_000, 60_000), (300, 260, 40, 0)),
    ("per_mille = 5\nmax_fen = 300", (50_000, 90_000, -500, 10), (250, 300, -2, 0)),
    ("per_mille = 5\nbilling = 'monthly'", (-10_000, 4_000, 0, 1_000), (-50, 20, 0, 5)),
]  # fmt: skip


@pytest.mark.parametrize(("text", "dates", "expected"), MONTHS)
def test_date_by_date(text: str, dates: tuple[int, ...], expected: tuple[int, ...]) -> None:
    assert add_up(fee(text), [Volume(fen, 1) for fen in dates]) == list(expected)


def add_up(rule: FeeRule, dates: list[Volume]) -> list[int]:
    """What each date of a month adds to a fee."""
    before, dues = Volume(), list[int]()
    for today in dates:
        dues.append(rule.due_fen(before, sum(dues), today))
        before += today
    return dues


def test_parts_say_how_a_fee_is_found() -> None:
    parts = fee(TIERS + "\nper_tap_fen = 2").parts(Volume(150_000, 3))
    assert [(part.of, part.start, part.rate, part.volume, part.mille) for part in parts] == [
        ("fen", 0, 5, 100_000, 500_000),
        ("fen", 100_000, 3, 50_000, 150_000),
        ("taps", 0, 2, 3, 6_000),
    ]


@pytest.mark.parametrize(
    ("day", "last"),
    [
        (date(2026, 1, 30), False),
        (date(2026, 1, 31), True),
        (date(2026, 2, 28), True),
        (date(2028, 2, 28), False),
        (date(2028, 2, 29), True),
        (date(2026, 12, 31), True),
    ],
)
def test_the_last_date_of_a_month(day: date, last: bool) -> None:
    assert is_last_of_month(day) is last


# -- whatever the numbers ----------------------------------------------------------------------------


@st.composite
def tiers(draw: st.DrawFn, top: int) -> tuple[Tier, ...]:
    starts = sorted(draw(st.sets(st.integers(1, 10**6), max_size=4)))
    return tuple(Tier(start, draw(st.integers(0, top))) for start in (0, *starts))


@st.composite
def rules(draw: st.DrawFn, *, bounded: bool) -> FeeRule:
    low = draw(st.integers(0, 2_000)) if bounded else 0
    high = low + draw(st.integers(0, 5_000)) if bounded else None
    return FeeRule(
        name="town/any",
        since=date(2026, 1, 1),
        fen_tiers=draw(tiers(1000)),
        tap_tiers=draw(st.one_of(st.just(()), tiers(50))),
        tiered=True,
        min_fen=low,
        max_fen=high,
        rounding=draw(st.sampled_from(Rounding)),
        billing=draw(st.sampled_from(Billing)),
        recipients=(("clearing_centre", 1000),),
    )


VOLUMES = st.builds(Volume, st.integers(0, 2 * 10**6), st.integers(0, 10**6))
MOVES = st.builds(Volume, st.integers(-(10**5), 10**6), st.integers(0, 10**4))


@given(rules(bounded=False), st.lists(MOVES, max_size=31))
def test_dates_sum_up_to_the_month_to_the_fen(rule: FeeRule, dates: list[Volume]) -> None:
    assert sum(add_up(rule, dates)) == rule.scheduled_fen(sum(dates, Volume()))


@given(rules(bounded=True), st.lists(MOVES, max_size=31))
def test_a_monthly_bill_is_within_its_bounds(rule: FeeRule, dates: list[Volume]) -> None:
    whole = sum(dates, Volume())
    if rule.billing is Billing.MONTHLY:
        billed = sum(add_up(rule, dates))
        assert billed == rule.fee_fen(whole)
        if billed < 0:
            assert billed == rule.scheduled_fen(whole)
        else:
            assert rule.max_fen is not None
            assert billed == 0 or rule.min_fen <= billed <= rule.max_fen


@given(rules(bounded=True), VOLUMES, VOLUMES)
def test_more_volume_never_costs_less(rule: FeeRule, one: Volume, more: Volume) -> None:
    assert rule.fee_fen(one + more) >= rule.fee_fen(one)


@given(rules(bounded=False), VOLUMES)
def test_every_unit_is_charged_once_at_its_own_rate(rule: FeeRule, volume: Volume) -> None:
    parts = rule.parts(volume)
    assert sum(part.volume for part in parts if part.of == "fen") == volume.fen
    for one, other in pairwise(part for part in parts if part.of == "fen"):
        assert one.start + one.volume == other.start
    by_hand = 0
    for at, tier in enumerate(rule.fen_tiers):
        end = rule.fen_tiers[at + 1].start if at + 1 < len(rule.fen_tiers) else 2**62
        by_hand += tier.rate * len(range(tier.start, min(end, volume.fen)))
    assert by_hand == sum(part.mille for part in parts if part.of == "fen")


SUMS = st.one_of(st.integers(0, TOP), st.sampled_from((2**31 - 1, 2**31, 2**32, TOP - 1, TOP)))


@given(
    st.lists(SUMS.filter(bool), max_size=4, unique=True),
    st.lists(st.integers(1, 1000), min_size=5, max_size=5),
    SUMS,
    st.tuples(SUMS, SUMS),
)
def test_sums_of_a_whole_operator_are_written_and_charged_to_the_fen(
    starts: list[int], rates: list[int], principal: int, bounds: tuple[int, int]
) -> None:
    """Rule files take every sum up to 2^53 − 1, and exact fractions agree."""
    low, high = sorted(bounds)
    tiers = list(zip((0, *sorted(starts)), rates, strict=False))
    rows = ", ".join(f"{{ from_fen = {start}, per_mille = {rate} }}" for start, rate in tiers)
    rule = fee(f"tiers = [{rows}]\nmin_fen = {low}\nmax_fen = {max(high, 1)}")
    ends = (*(start for start, _ in tiers[1:]), max(principal, TOP))
    exact = sum(
        (Fraction(max(min(principal, end) - start, 0) * rate, 1000))
        for (start, rate), end in zip(tiers, ends, strict=True)
    )
    scheduled = int(exact + Fraction(1, 2))
    assert rule.scheduled_fen(Volume(principal)) == scheduled
    expected = min(max(scheduled, low), max(high, 1)) if principal else 0
    assert rule.fee_fen(Volume(principal)) == expected


@given(
    st.integers(0, 10**12),
    st.lists(st.integers(0, 1000), min_size=1, max_size=4).filter(lambda found: sum(found) > 0),
)
def test_recipients_share_the_whole_fee(fen: int, weights: list[int]) -> None:
    assert sum(split_fen(fen, tuple(weights))) == fen
