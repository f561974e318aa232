"""A metro day over two owners and five lines: what the engine shares is what the frozen table says.

The engine clears the day on a real database; this file reads the table on its own, shares every fare by exact
fractions, and compares tap by tap and account by account.
"""

from __future__ import annotations

import itertools
import random
import struct
from collections import Counter
from datetime import datetime
from fractions import Fraction
from pathlib import Path

import asyncpg
import pytest

from clearing import inspection, rules, verdicts
from clearing.engine import Engine
from clearing.kernel import BatchContext, Judgement, Kernel
from schemas.batch import to_binary
from schemas.codes import TapKind, Verdict
from schemas.registry import Operator
from tests import world
from tests.world import Card

EAST, WEST = 21, 22
"""The two companies, which run gates as well as lines."""
OWNER = {1: EAST, 2: WEST, 3: WEST, 4: EAST, 5: WEST}
STATIONS = range(1, 12)
FILES = rules.read([Path(__file__).parent / "rules/delta"])
TAPS_PER_BATCH = 400
ON = datetime(2026, 1, 5, 9, 0)  # noqa: DTZ001 - local by design

Ride = tuple[int, int, int, int]
"""Operator of the gate, entry (0: the record does not state it), station, fare in fen."""


def companies() -> list[Operator]:
    """Both operators, on the same tariff and split."""
    return [
        Operator(
            number=number,
            code=f"metro-{number}",
            name=f"metro {number}",
            mode="metro",
            tariff="delta/metro",
            split="delta/metro",
            public_key=world.operator_key(number).public.encode().hex(),
            payee_account=f"CN{number:018}",
            payee_name=f"company {number}",
        )
        for number in (EAST, WEST)
    ]


def rides_of_a_day(per_pair: int) -> list[Ride]:
    """Every pair of stations, also back to the own one, at gates of both companies; one in nine without
    its entry. Fares are the tariff's."""
    delta = rules.load(FILES)
    quotes = delta.quote_pairs("delta/metro", ON)
    fares = {(row.origin, row.destination): row.fare_fen for row in quotes}
    places = {place.number: place.id for place in delta.stations("delta/metro")}
    chance, rides = random.Random(5), list[Ride]()
    for entry, station in itertools.product(STATIONS, STATIONS):
        for _ in range(per_pair):
            stated = 0 if chance.random() < 1 / 9 else entry
            fare = fares[places[entry], places[station]]
            rides.append((chance.choice((EAST, WEST)), stated, station, fare))
    chance.shuffle(rides)
    return rides


def owner_metres() -> dict[tuple[int, int], tuple[int, int]]:
    """By pair, either way round: the metres of (EAST, WEST), from the frozen file itself."""
    found = {}
    for row in FILES["delta/apportioned.csv"].splitlines():
        if row[0].isdigit():
            one, other, cells = row.split(",")
            metres: Counter[int] = Counter()
            for cell in cells.split(" "):
                line, along = cell.split(":")
                metres[OWNER[int(line)]] += int(along)
            both = metres[EAST], metres[WEST]
            found[int(one), int(other)] = found[int(other), int(one)] = both
    return found


def shared_by_hand(metres: tuple[int, int] | None, gate: int, fare_fen: int) -> tuple[int, int]:
    """(EAST, WEST) in fen: by metres, the fen left to the larger remainder, a tie to EAST; without metres
    all to the company of the gate."""
    if metres is None:
        return (fare_fen, 0) if gate == EAST else (0, fare_fen)
    exact = [Fraction(fare_fen * along, sum(metres)) for along in metres]
    whole = [fen.numerator // fen.denominator for fen in exact]
    rest = [fen - floor for fen, floor in zip(exact, whole, strict=True)]
    if sum(whole) < fare_fen:
        whole[0 if rest[0] >= rest[1] else 1] += 1
    assert sum(whole) == fare_fen
    return whole[0], whole[1]


def taps_of(rides: list[Ride], cards: list[Card]) -> dict[int, list[tuple[bytes, Ride]]]:
    """The records by operator of the gate, each with its ride, in order of time."""
    found: dict[int, list[tuple[bytes, Ride]]] = {EAST: [], WEST: []}
    for at, ride in enumerate(rides):
        gate, entry, station, fare_fen = ride
        minute, second = divmod(at * 15, 60)
        clock = f"20260105{6 + minute // 60:02}{minute % 60:02}{second:02}"
        stated = {"entry_station": entry, "entry_at": "20260105055900"} if entry else {}
        tap = cards[at % len(cards)].tap(
            gate, fare_fen, at=clock, kind=TapKind.METRO_TAP_OUT, number=len(found[gate]) + 1,
            station=station, **stated,
        )  # fmt: skip
        found[gate].append((tap, ride))
    return found


@pytest.mark.parametrize(("kernel", "per_pair"), [("fastpath", 30), ("reference", 4)])
async def test_every_fare_is_shared_by_the_table(
    migrated: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kernel: str, per_pair: int
) -> None:
    rides = rides_of_a_day(per_pair)
    cards = [Card(number, balance_fen=90_000) for number in range(1, 41)]
    node = await world.settle_in(migrated, tmp_path, cards, rule_files=FILES, running=companies())
    taps, metres = taps_of(rides, cards), owner_metres()
    judged: list[Judgement] = []
    judge = verdicts.judge

    def remembered(by: Kernel, records: bytes, context: BatchContext) -> Judgement:
        judged.append(judge(by, records, context))
        return judged[-1]

    monkeypatch.setattr(verdicts, "judge", remembered)
    batches: list[tuple[int, list[tuple[bytes, Ride]]]] = []
    engine = await Engine.start(migrated, node, kernel)
    try:
        for gate, rows in taps.items():
            for number, start in enumerate(range(0, len(rows), TAPS_PER_BATCH), 1):
                piece = rows[start : start + TAPS_PER_BATCH]
                batches.append((gate, piece))
                body = world.batch(gate, number, b"".join(tap for tap, _ in piece))
                await engine.clear_batch(to_binary(body))
    finally:
        await engine.close()
    connection = await asyncpg.connect(migrated)
    try:
        await _compare(connection, batches, judged, metres)
    finally:
        await connection.close()


async def _compare(
    connection: asyncpg.Connection[asyncpg.Record],
    batches: list[tuple[int, list[tuple[bytes, Ride]]]],
    judged: list[Judgement],
    metres: dict[tuple[int, int], tuple[int, int]],
) -> None:
    """Tap by tap what the kernel shared, batch by batch what was booked, and the day's balances."""
    rows = await connection.fetch("SELECT code, account_no FROM clearing.account")
    numbers = {row["code"]: row["account_no"] for row in rows}
    east, west = (f"principal/operator/{number}" for number in (EAST, WEST))
    day = Counter[str]()
    both = plain = 0
    assert len(judged) == len(batches)
    for seq, ((gate, piece), judgement) in enumerate(zip(batches, judged, strict=True), 1):
        expected = Counter[str]()
        assert judgement.verdict_counts == (len(piece), 0, 0)
        for row, (_, (_, entry, station, fare_fen)) in enumerate(piece):
            of_pair = metres.get((entry, station))
            by_hand = shared_by_hand(of_pair, gate, fare_fen)
            assert _shared(judgement, row, (numbers[east], numbers[west])) == by_hand
            expected[east] += by_hand[0]
            expected[west] += by_hand[1]
            both += min(by_hand) > 0
            plain += of_pair is None
        batch = await inspection.batch_by_seq(connection, seq)
        assert batch is not None
        booked = await inspection.read_postings(connection, seq)
        # A credit is negative.
        assert {line.account: -line.amount_fen for line in booked if line.amount_fen < 0} == {
            account: fen for account, fen in expected.items() if fen
        }
        assert sum(line.amount_fen for line in booked) == 0
        day += expected
    assert sum(day.values()) == sum(ride[3] for _, piece in batches for _, ride in piece)
    balances = await connection.fetch("SELECT code, amount_fen FROM clearing.trial_balance")
    assert {row["code"]: -row["amount_fen"] for row in balances if row["code"] in day} == day
    taps = await connection.fetchrow(
        "SELECT count(*), sum(credited_fen) FROM clearing.tap WHERE verdict = $1", Verdict.ACCEPTED
    )
    assert taps is not None
    assert tuple(taps) == (sum(len(piece) for _, piece in batches), sum(day.values()))
    # The day has what it is about: shared rides, and rides that no pair of the table is for.
    assert both > len(batches) * 10
    assert plain > len(batches) * 5


def _shared(judgement: Judgement, row: int, accounts: tuple[int, int]) -> tuple[int, int]:
    """What the kernel gave both companies for a row; nobody else may have got anything."""
    parts = struct.unpack_from("<IiIiIiIi", judgement.shares, 32 * row)
    by_account = Counter[int]()
    for account, fen in zip(parts[::2], parts[1::2], strict=True):
        by_account[account] += fen
    found = tuple(by_account.pop(account, 0) for account in accounts)
    assert not any(by_account.values())
    return found[0], found[1]
