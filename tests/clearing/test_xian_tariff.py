"""Xi'an's tariff as a table: what a ride costs, on both kernels and by ``rules explain``.

The rides are the published ones: from 安远门 to 半坡 a single ticket is 4 yuan. 2026-01-05 is a Monday.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec
import pytest

from clearing import cards
from clearing.kernel import Judgement, Kernel
from clearing.plan import Plan, local_day, local_seconds
from clearing.rules import Claims, RuleSet, load, read
from clearing.rules.explaining import Question, explain
from schemas.codes import Discount, TapKind
from schemas.reasons import Reason
from tests.clearing.kernel_cases import (
    BUS,
    ISSUED,
    KERNELS,
    METRO,
    PLAN,
    TAXI,
    context,
    ints,
    line_of,
    tap,
)

R = Reason
FULL_YUAN = 4
TOP_YUAN = 12
BALANCE_FEN = 50_000
MONDAY, SATURDAY, SPRING_FESTIVAL = "2026-01-05", "2026-01-10", "2026-02-17"
WORKED_SUNDAY, WORKED_SATURDAY = "2026-01-04", "2026-02-14"


@pytest.fixture(scope="module")
def rules() -> RuleSet:
    return load(read(["xian"]))


@pytest.fixture(scope="module")
def plan(rules: RuleSet) -> Plan:
    """The small city under Xi'an's tariffs."""
    modes = {BUS: "bus", METRO: "metro", TAXI: "taxi"}
    operators = tuple(
        msgspec.structs.replace(row, tariffs=rules.tariff_for(f"xian/{mode}", row.number, modes))
        for row in PLAN.operators
        if (mode := modes.get(row.number))
    )
    terminals = tuple(row for row in PLAN.terminals if row.operator in modes)
    return msgspec.structs.replace(PLAN, operators=operators, terminals=terminals)


@pytest.fixture(params=KERNELS)
def xian(request: pytest.FixtureRequest, plan: Plan) -> Kernel:
    """A kernel with Xi'an's tariffs and cards that have 500 yuan on them."""
    kernel: Kernel = KERNELS[request.param]()
    kernel.configure(plan)
    lines = [
        line_of(card, stated_balance_fen=BALANCE_FEN, book_balance_fen=BALANCE_FEN)
        for card in ISSUED
    ]
    kernel.add_cards(b"".join(map(cards.pack, lines)))
    return kernel


def stamp(moment: datetime) -> str:
    return f"{moment:%Y%m%d%H%M%S}"


def judged(kernel: Kernel, operator: int, moment: datetime, data: bytes) -> Judgement:
    """The judgement of a tap on the evening of its own day."""
    day = local_day(moment.date())
    return kernel.judge(
        data, context(operator, business_day=day, judged_at_s=86_400 * (day + 1) - 1)
    )


def station(rules: RuleSet, name: str) -> int:
    place = rules.version_at("xian/metro", datetime.fromisoformat(MONDAY)).stations.find(name)
    assert place is not None
    return place.number


# card, day, out at, minutes inside, what is paid in yuan
RIDES = [
    # ordinary cards 90 %, students half, love cards free; no class for staff; other cities in full
    ("ordinary", MONDAY, "12:00:00", 30, 3.6),
    ("student", MONDAY, "12:00:00", 30, 2),
    ("love", MONDAY, "12:00:00", 30, 0),
    ("love", MONDAY, "08:00:00", 30, 0),
    ("staff", MONDAY, "08:00:00", 30, 4),
    ("foreign", MONDAY, "12:00:00", 30, 4),
    ("foreign", SATURDAY, "08:00:00", 30, 4),
    # seniors on workdays: free before 7, full fare from 7 to 9, free, full fare from 17 to 19, free
    ("senior", MONDAY, "06:59:59", 30, 0),
    ("senior", MONDAY, "07:00:00", 30, 4),
    ("senior", MONDAY, "08:59:59", 30, 4),
    ("senior", MONDAY, "09:00:00", 30, 0),
    ("senior", MONDAY, "16:59:59", 30, 0),
    ("senior", MONDAY, "17:00:00", 30, 4),
    ("senior", MONDAY, "18:59:59", 30, 4),
    ("senior", MONDAY, "19:00:00", 30, 0),
    # free all day on rest days and holidays, but not on a Sunday or Saturday that is worked
    ("senior", SATURDAY, "08:00:00", 30, 0),
    ("senior", SPRING_FESTIVAL, "08:00:00", 30, 0),
    ("senior", WORKED_SUNDAY, "08:00:00", 30, 4),
    ("senior", WORKED_SATURDAY, "18:00:00", 30, 4),
    # up to 120 minutes inside, then the highest fare of the network
    ("ordinary", MONDAY, "12:00:00", 120, 3.6),
    ("ordinary", MONDAY, "12:00:00", 121, TOP_YUAN * 0.9),
    ("student", MONDAY, "12:00:00", 121, TOP_YUAN * 0.5),
    ("senior", MONDAY, "12:00:00", 121, 0),
    ("senior", MONDAY, "08:00:00", 121, TOP_YUAN),
    ("foreign", MONDAY, "12:00:00", 121, TOP_YUAN),
]


@pytest.mark.parametrize(("card", "day", "out", "minutes", "yuan"), RIDES)
def test_a_metro_ride(
    xian: Kernel, rules: RuleSet, card: str, day: str, out: str, minutes: int, yuan: float
) -> None:
    moment = datetime.fromisoformat(f"{day}T{out}")
    entered = moment - timedelta(minutes=minutes)
    fare_fen = round(100 * yuan)
    gross_fen = 100 * (FULL_YUAN if minutes <= 120 else TOP_YUAN)
    data = tap(
        card,
        kind=TapKind.METRO_TAP_OUT,
        operator=METRO,
        tapped_at=stamp(moment),
        entry_at=stamp(entered),
        entry_station=station(rules, "安远门"),
        station=station(rules, "半坡"),
        gross_fen=gross_fen,
        amount_fen=fare_fen,
        balance_before_fen=BALANCE_FEN,
    )
    found = judged(xian, METRO, moment, data)
    assert ints(found.priced_fen, "i") == [fare_fen]
    said = R.TAC_BY_ISSUER if card == "foreign" else R.CLEAN
    assert list(found.reasons) == [said]
    # Whoever asks without a kernel is told the same, step by step.
    explained = explain(
        rules.version_at("xian/metro", moment),
        Question(
            at_s=local_seconds(moment),
            origin="安远门",
            destination="半坡",
            card_kind=card,
            claims=Claims(entry_at_s=local_seconds(entered)),
        ),
    )
    assert (explained.gross_fen, explained.fare_fen) == (gross_fen, fare_fen)


@pytest.mark.parametrize(
    ("card", "subsidy_fen"), [("ordinary", 0), ("student", 200), ("love", 400), ("foreign", 0)]
)
def test_what_the_budget_bears(xian: Kernel, rules: RuleSet, card: str, subsidy_fen: int) -> None:
    fares = {"ordinary": 360, "student": 200, "love": 0, "foreign": 400}
    moment = datetime.fromisoformat(f"{MONDAY}T12:00:00")
    data = tap(
        card,
        kind=TapKind.METRO_TAP_OUT,
        operator=METRO,
        tapped_at=stamp(moment),
        entry_at=stamp(moment - timedelta(minutes=20)),
        entry_station=station(rules, "安远门"),
        station=station(rules, "半坡"),
        gross_fen=400,
        amount_fen=fares[card],
        balance_before_fen=BALANCE_FEN,
    )
    assert ints(judged(xian, METRO, moment, data).subsidy_fen, "i") == [subsidy_fen]


# minutes after the first bus, what is paid in yuan on an ordinary card: half of 2, less 0.2 for a transfer
TRANSFERS = {
    "three, and a fourth in full": [(0, 1), (20, 0.8), (40, 0.8), (60, 0.8), (80, 1)],
    "at minute 90": [(0, 1), (90, 0.8)],
    "at minute 91, which begins a new window": [(0, 1), (91, 1), (120, 0.8)],
    "a fourth begins a new window": [(0, 1), (10, 0.8), (20, 0.8), (30, 0.8), (40, 1), (130, 0.8)],
}


@pytest.mark.parametrize("legs", TRANSFERS.values(), ids=TRANSFERS)
def test_transfers(xian: Kernel, legs: list[tuple[float, float]]) -> None:
    """The device takes 0.2 yuan off exactly where the rule gives it."""
    balance = BALANCE_FEN
    for number, (minute, yuan) in enumerate(legs):
        moment = datetime.fromisoformat(f"{MONDAY}T10:00:00") + timedelta(minutes=minute)
        amount = round(100 * yuan)
        data = tap(
            tapped_at=stamp(moment),
            line=603,
            terminal_number=number + 1,
            gross_fen=200,
            amount_fen=amount,
            balance_before_fen=balance,
            offline_counter=6 + number,
            discount_claimed=Discount.TRANSFER if amount == 80 else 0,
        )
        found = judged(xian, BUS, moment, data)
        assert ints(found.priced_fen, "i") == [amount], (minute, list(found.reasons))
        assert list(found.reasons) == [R.CLEAN]
        balance -= amount


@pytest.mark.parametrize(
    ("legs", "minute"), [([0, 20, 40, 60], 80), ([0], 91), ([], 0)], ids=["fourth", "late", "first"]
)
def test_a_transfer_that_is_none(xian: Kernel, legs: list[int], minute: int) -> None:
    """The device takes 0.2 yuan off where the rule does not: the fare is still 1 yuan."""
    balance = BALANCE_FEN
    start = datetime.fromisoformat(f"{MONDAY}T10:00:00")
    for number, after in enumerate([*legs, minute]):
        last = number == len(legs)
        amount = 80 if number else 100
        amount = 80 if last else amount
        moment = start + timedelta(minutes=after)
        data = tap(
            tapped_at=stamp(moment),
            line=603,
            terminal_number=number + 1,
            gross_fen=200,
            amount_fen=amount,
            balance_before_fen=balance,
            offline_counter=6 + number,
            discount_claimed=Discount.TRANSFER if amount == 80 else 0,
        )
        found = judged(xian, BUS, moment, data)
        balance -= amount
    assert ints(found.priced_fen, "i") == [100]
    assert R.TRANSFER_UNQUALIFIED in [*found.reasons, *_flags(found)]


def _flags(found: Judgement) -> list[int]:
    """The reasons that a row's flags name."""
    (bits,) = ints(found.flags, "Q")
    return [bit for bit in range(64) if bits >> bit & 1]


@pytest.mark.parametrize("over_fen", [0, 1])
@pytest.mark.parametrize(
    ("at", "gross_fen"),
    [
        ("12:00:00", 1000),
        ("22:59:59", 1000),
        ("23:00:00", 1100),
        ("05:59:59", 1100),
        ("06:00:00", 1000),
    ],
)
def test_a_taxi_by_night(
    xian: Kernel, rules: RuleSet, at: str, gross_fen: int, over_fen: int
) -> None:
    """3.5 km: 9 yuan to start, 1 for the half kilometre, 1 more by night; the device may be 1 off."""
    moment = datetime.fromisoformat(f"{MONDAY}T{at}")
    quote = rules.quote("xian/taxi", moment, 0, claims=Claims(distance_m=3500))
    assert quote.gross_fen == gross_fen
    data = tap(
        kind=TapKind.TAXI_TRIP,
        operator=TAXI,
        tapped_at=stamp(moment),
        distance_m=3500,
        gross_fen=gross_fen + 100 + over_fen,
        amount_fen=gross_fen + 100,
        balance_before_fen=BALANCE_FEN,
    )
    found = judged(xian, TAXI, moment, data)
    assert ints(found.priced_fen, "i") == [gross_fen + 100]
    assert list(found.reasons) == [R.GROSS_DIFFERS if over_fen else R.CLEAN]


@pytest.mark.parametrize("name", KERNELS)
def test_taps_from_before_and_after_a_change_arrive_mixed(plan: Plan, name: str) -> None:
    """From 04:00 on a bus without air conditioning costs 1.5 yuan; each tap is priced by its own second."""
    files = read(["xian"])
    files["xian/rules.toml"] += """
[[tariff.dearer]]
since = 2000-01-01
type = "flat"
taps = ["bus_flat"]
fare_fen = 100

[[tariff.dearer]]
since = 2026-01-05T04:00:00
type = "flat"
taps = ["bus_flat"]
fare_fen = 150
"""
    tariffs = load(files).tariff("xian/dearer")
    operators = tuple(
        msgspec.structs.replace(row, tariffs=tariffs) if row.number == BUS else row
        for row in plan.operators
    )
    kernel: Kernel = KERNELS[name]()
    kernel.configure(msgspec.structs.replace(plan, operators=operators))
    day = local_day(datetime.fromisoformat(MONDAY).date())
    fares = {"040000": 150, "035959": 100, "083000": 150, "000001": 100}
    taps = b"".join(
        tap(
            "open",
            tapped_at=f"20260105{at}",
            terminal_number=number,
            offline_counter=number,
            gross_fen=fare,
            amount_fen=fare,
        )
        for number, (at, fare) in enumerate(fares.items(), 1)
    )
    found = kernel.judge(taps, context(BUS, business_day=day, judged_at_s=86_400 * (day + 1) - 1))
    assert ints(found.priced_fen, "i") == list(fares.values())
