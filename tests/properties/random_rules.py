"""Tariffs, classes, transfers, accumulations and splits at random: any numbers that a plan may hold."""

from __future__ import annotations

import struct

from hypothesis import strategies as st

from clearing.plan import (
    FOREVER,
    Accumulation,
    Basis,
    Bearer,
    Degraded,
    FareClass,
    Hours,
    Meter,
    MissingEntry,
    Period,
    Rounding,
    Split,
    Surcharge,
    Tariff,
    TariffType,
    Transfer,
    TransferType,
)
from schemas.codes import TapKind
from tests.clearing.kernel_cases import BUS, BUSINESS_DAY, METRO, TAPPED_S

FEN_MAX = 2**31 - 1
FEN = st.one_of(st.integers(0, 3000), st.sampled_from((0, 1, FEN_MAX - 1, FEN_MAX)))
UINT32 = st.one_of(st.integers(0, 5000), st.sampled_from((0, 1, 2**31, 2**32 - 1)))
STATIONS = st.integers(1, 6)
SOME_STATIONS = st.sets(STATIONS, max_size=3).map(lambda found: tuple(sorted(found)))
KINDS = (
    TapKind.BUS_FLAT, TapKind.BUS_TAP_OUT, TapKind.METRO_TAP_OUT, TapKind.METRO_SUPPLEMENT,
    TapKind.TAXI_TRIP,
)  # fmt: skip
SECONDS = st.one_of(st.integers(0, 86_400), st.sampled_from((0, 8 * 3600, 30615, 30616, 86_400)))
STAYS = st.one_of(st.just(0), st.integers(1, 20_000))

HOURS = st.lists(
    st.builds(Hours, days=st.integers(0, 7), from_s=SECONDS, to_s=SECONDS, basis=st.sampled_from(Basis)),
    max_size=2,
).map(tuple)  # fmt: skip
SURCHARGES = st.builds(
    Surcharge, lines=st.lists(st.integers(0, 4), max_size=2).map(tuple), hours=HOURS, add_fen=FEN,
    per_mille=st.one_of(st.integers(0, 3000), st.just(1_000_000)),
)  # fmt: skip
METERS = st.builds(
    Meter, start_fen=FEN, start_m=UINT32, step_fen=FEN, step_m=UINT32.map(lambda n: n or 1),
    wait_fen=FEN, wait_s=UINT32, tolerance_fen=FEN,
)  # fmt: skip


@st.composite
def classes(draw: st.DrawFn) -> FareClass:
    bounds = sorted(draw(st.lists(FEN, max_size=3)))
    bounds += [FOREVER] if draw(st.booleans()) else []
    return FareClass(
        name="class",
        card_kind=draw(st.sampled_from((0, 0, 1, 2, 3, 255))),
        bands=tuple((bound, draw(st.integers(0, 1000))) for bound in bounds),
        rounding=draw(st.sampled_from(Rounding)),
        bearer=draw(st.sampled_from(Bearer)),
        hours=draw(HOURS),
        stations=draw(SOME_STATIONS),
    )


@st.composite
def transfers(draw: st.DrawFn) -> Transfer:
    kind = draw(st.sampled_from(TransferType))
    return Transfer(
        type=kind,
        value_fen=draw(st.integers(0, 1000) if kind is TransferType.PER_MILLE else FEN),
        window_s=draw(UINT32),
        count_max=draw(st.integers(0, 300)),
        by_mark=draw(st.booleans()),
        without_mark=draw(st.booleans()),
        from_operators=draw(st.sampled_from(((), (), (BUS,), (METRO, BUS), (70_000,)))),
        rounding=draw(st.sampled_from(Rounding)),
        bearer=draw(st.sampled_from(Bearer)),
    )


@st.composite
def accumulations(draw: st.DrawFn) -> Accumulation:
    starts = [0, *sorted(draw(st.sets(st.integers(1, 5000), max_size=3)))]
    tiers = tuple((start, draw(st.integers(0, 1000))) for start in starts)
    return Accumulation(
        period=draw(st.sampled_from(Period)),
        tiers=tiers if draw(st.booleans()) else (),
        cap_fen=draw(st.one_of(st.just(0), UINT32)),
        rounding=draw(st.sampled_from(Rounding)),
        bearer=draw(st.sampled_from(Bearer)),
    )


@st.composite
def tariffs(draw: st.DrawFn) -> Tariff:
    stations = tuple(sorted(draw(st.sets(STATIONS))))
    count = len(stations) ** 2
    cells = draw(st.lists(st.one_of(FEN, st.just(-1)), min_size=count, max_size=count))
    since = draw(st.sampled_from((0, 0, TAPPED_S, TAPPED_S + 1)))
    found = draw(st.lists(classes(), max_size=4))
    return Tariff(
        name="tariff",
        type=draw(st.sampled_from(TariffType)),
        since_s=since,
        until_s=draw(st.sampled_from((FOREVER, FOREVER, TAPPED_S, TAPPED_S + 1))),
        kinds=sum(1 << kind for kind in draw(st.sets(st.sampled_from(KINDS), min_size=2))),
        min_fen=draw(FEN),
        max_fen=draw(FEN),
        step_fen=draw(st.integers(1, 300)),
        flat_fen=tuple(draw(st.lists(st.tuples(st.integers(0, 4), FEN), max_size=6))),
        stations=stations,
        od_fen=struct.pack(f"<{count}i", *cells),
        meter=draw(METERS),
        classes=tuple(found),
        by_amount=draw(st.sampled_from((False, False, True))),
        transfer=draw(transfers()),
        calendar=bytes(draw(st.lists(st.integers(0, 2), max_size=4))),
        calendar_from=draw(st.integers(BUSINESS_DAY - 3, BUSINESS_DAY + 1)),
        surcharges=tuple(draw(st.lists(SURCHARGES, max_size=2))),
        overstay_s=draw(STAYS),
        overstay_fen=draw(FEN),
        same_station_s=draw(STAYS),
        same_station_late_fen=draw(FEN),
        degraded=draw(st.sampled_from(Degraded)),
        degraded_fen=draw(FEN),
        missing_entry=draw(st.sampled_from(MissingEntry)),
        foreign_class=draw(st.integers(-1, len(found) - 1)),
        accumulation=draw(st.one_of(st.none(), accumulations())),
    )


@st.composite
def splits(draw: st.DrawFn) -> Split:
    weights = draw(st.lists(UINT32, min_size=1, max_size=4))
    if not sum(weights):
        weights[-1] = 1
    accounts = st.integers(70, 73)
    shares = tuple((draw(accounts), weight) for weight in weights)
    stations = draw(SOME_STATIONS)
    size = len(stations) ** 2 * len(shares)
    of_pairs = draw(st.lists(UINT32, min_size=size, max_size=size))
    return Split(
        draw(st.sampled_from((0, TAPPED_S + 1))),
        FOREVER,
        shares,
        stations,
        struct.pack(f"<{size}I", *of_pairs),
    )


MOMENTS = ("20260105083015", "20260105083016", "20260105235959", "20260104120000", "20251231235959",
           "20260105000000", "20260101000000")  # fmt: skip
ENTRIES = ("00000000000000", "20260105080000", "20260105043015", "20260104230000", "20260105083014")

RIDES = st.fixed_dictionaries(
    {
        "kind": st.sampled_from(KINDS),
        "amount_fen": FEN,
        "gross_fen": FEN,
        "line": st.integers(0, 4),
        "entry_line": st.integers(0, 4),
        "station": STATIONS,
        "entry_station": st.one_of(st.just(0), STATIONS),
        "entry_at": st.sampled_from(ENTRIES),
        "tapped_at": st.sampled_from((MOMENTS[0], MOMENTS[0], *MOMENTS)),
        "mode": st.sampled_from((0, 0, 0, 1)),
        "card_kind": st.sampled_from((0, 1, 2, 3, 9, 255)),
        "discount_claimed": st.integers(0, 3),
        "distance_m": UINT32,
        "duration_s": UINT32,
    }
)
