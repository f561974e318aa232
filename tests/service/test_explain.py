"""``onecard explain``: what is told of a tap of every reason, as of any date, and where its words come from."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import msgspec
import pytest

from clearing import inspection, store
from clearing.engine import Engine
from clearing.node import Node
from clearing.plan import Purpose
from clearing.state import Plans
from schemas import record
from schemas.batch import to_binary
from schemas.codes import CardFamily, Check, TapKind, Verdict
from schemas.items import Action, ItemKind, ItemOutcome
from schemas.reasons import RECORD_LEVEL, ROW, Reason
from service.commands.explaining import lines_of
from service.config import Settings
from service.database import Server, create_database, drop_database
from service.errors import ServiceError
from service.explaining import gathering, naming, vocabulary
from service.explaining.document import document_of
from service.explaining.found import Explanation
from service.explaining.naming import Asked
from service.explaining.telling import sections
from service.home import OpenNode
from service.masking import masked
from settlement.context import Context
from settlement.day import settle_day
from settlement.store import decisions
from tests import world
from tests.service.conftest import DAY, Answer, World
from tests.service.explain_cases import CASES, ELSEWHERE, NEXT, city
from tests.settlement import night
from tests.settlement.exchange.cities import BAOJI, XIAN, card_of, exchange
from tests.world import BUS, OPEN, Card

Run = Callable[[Any], Any]
OneCard = Callable[..., Answer]
ORDER = [
    "what_happened", "why", "who_pays", "what_next", "card_chain", "terminal", "would_change", "proof",
]  # fmt: skip


def opened(node: Node, dsn: str) -> OpenNode:
    """A node whose database runs."""
    return OpenNode(node.home, Settings(), dsn, node)


async def told(
    dsn: str, node: Node, text: str, as_of: date | None = None, **options: bool
) -> Explanation:
    """What is gathered of a tap."""
    connection = await asyncpg.connect(dsn)
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            place = await naming.find(connection, node, Asked(text=text))
            return await gathering.gather(connection, opened(node, dsn), place, as_of, **options)
    finally:
        await connection.close()


def text_of(found: Explanation, *names: str, language: str = "en") -> str:
    """The sentences of some sections (none named: of all)."""
    return "\n".join(
        line
        for section in sections(found)
        if section.name in names or not names
        for line in lines_of([section], language)[1:]
    )


@dataclass
class Town:
    """The city in which every reason happened."""

    dsn: str
    node: Node
    places: dict[Reason, tuple[int, int, int]]
    run: Run
    known: dict[Reason, Explanation] = field(default_factory=dict)

    def of(self, reason: Reason) -> Explanation:
        """What is gathered of a reason's tap, once."""
        if reason not in self.known:
            self.known[reason] = self.run(told(self.dsn, self.node, self.text(reason)))
        return self.known[reason]

    def text(self, reason: Reason) -> str:
        """How a reason's tap is named."""
        operator, number, row = self.places[reason]
        return f"{operator}/{number}:{row}"


@pytest.fixture(scope="module")
def town(
    postgres: Server, template: str, run: Run, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Town]:
    dsn = run(create_database(postgres.dsn, "onecard_explained", template=template))
    node, places = run(city(dsn, tmp_path_factory.mktemp("explained")))
    yield Town(dsn, node, places, run)
    run(drop_database(postgres.dsn, "onecard_explained"))


def test_every_reason_has_a_case() -> None:
    assert {row.reason for row in RECORD_LEVEL} == set(CASES) - {Reason.CLEAN} | ELSEWHERE


# -- every reason ------------------------------------------------------------------------------------

WORDS: dict[Reason, tuple[str, ...]] = {
    Reason.CLEAN: ("nothing to say against it", "Nothing to do", "rejected as a duplicate"),
    Reason.MALFORMED: ("expected a valid value, came 000001", "If the field reserved", "the number is missing"),
    Reason.UNKNOWN_KIND: ("unknown kind 99", "published table instead of kind 99", "Its kind is not known"),
    Reason.DUPLICATE_IN_BATCH: ("  Nothing to do: the first one counts.", "no second debit", "= the same tap", "like 4:0, the same tap, which holds it"),
    Reason.DUPLICATE: ("expected tap 5:0 alone, came tap 6:0 again", "Nobody loses anything", "counts already as"),
    Reason.DUPLICATE_ALTERED: ("other unsigned fields", "counts already as", "(vehicle): 0 in the first one, 1280 in this", "keeps what it got"),
    Reason.DUPLICATE_OTHER_DATE: ("another business date", "cleared on 2026-01-05"),
    Reason.TAC_WRONG: ("not proven", "booked nothing", "no TAC that was checked and found right", "over amount, terminal, number, time"),
    Reason.TAC_TORN: ("card's next record settles it", "counter above 1", "49.50 yuan", "Item torn/",
                      "its next record tells", "take the money as taken"),
    Reason.KEY_SET_UNKNOWN: ("version 9, index 1, algorithm 0",),
    Reason.ISSUER_UNKNOWN: ("0000000000009999", "If this issuer code were in the registry", "nobody can say",
                            "Also (of consequence only if it is accepted)"),
    Reason.ISSUER_NOT_INTEROPERABLE: ("Weinan", "until 2026-01-01", "and no more", "none, only accepted taps"),
    Reason.CARD_NOT_ISSUED: ("as the record says", "If the issuer had registered this card"),
    Reason.TEST_CARD: ("kind test (as issued)", "principal/unclaimed/test_card", "Item unclaimed/"),
    Reason.CARD_EXPIRED: ("until 2000-04-10", "Item held/"),
    Reason.CARD_CLOSED: ("before its refund at 2026-01-05 07:00:15", "principal/unclaimed/card_closed",
                         "unclaimed money (the card was refunded or closed before the tap)"),
    Reason.DENYLISTED: ("acknowledged by the operator at 2026-01-01 00:00:00", "binds the operator 24 hours later",
                        "principal/unclaimed/denylisted", "list version 1"),
    Reason.DENYLIST_UNDELIVERED: ("not acknowledged", "issuer bears the loss", "the tap would be rejected",
                                  "fetch and acknowledge the list"),
    Reason.TERMINAL_UNKNOWN: ("not in the registry then", "had been registered by 2026-01-05",
                              "Now 0.50 yuan stand on: suspense", "release it to the operator"),
    Reason.TERMINAL_OF_OTHER_OPERATOR: ("12 taxi operator", "were registered for operator 11"),
    Reason.OPERATOR_OTHER: ("If operator 12, whom the record names, had submitted it",),
    Reason.ZERO_AMOUNT: ("no money was to leave", "If the amount were above zero"),
    Reason.COUNTER_REUSED: ("a counter not used before (highest 1)", "Debit counter 1 was used by tap", "the same counters twice", "Item chain_break/"),
    Reason.AMOUNT_ABOVE_LIMIT: ("at most 500.00 yuan", "Now 600.00 yuan stand on: suspense"),
    Reason.BALANCE_ABOVE_LIMIT: ("at most 1,000.00 yuan",),
    Reason.BALANCE_ARITHMETIC: ("If the balance after were 49.50 yuan instead of 40.00 yuan",),
    Reason.FUTURE: ("no later than 2026-01-06 00:09:59", "device's clock"),
    Reason.PRESENTED_LATE: ("within 30 days of the tap", "from 2025-12-06", "its window closed on 2025-12-31"),
    Reason.TARIFF_MISSING: ("xian/rules.toml:", 'taps = ["bus_flat"]', "priced this kind of tap (bus tap-off)"),
    Reason.ACCOUNT_MISSING: ("If a split were in force",),
    Reason.FEE_RULE_MISSING: ("If the contract's fee had a rule in force",),
    Reason.KIND_NOT_SUPPORTED: ("top-up reversal, 0.50 yuan.", "Nothing in the record", "Item held_unproven/",
                                "takes a load back off the card", "book it as if it had been accepted"),
    Reason.REFUND_HELD: ("by itself when its waiting time is over", "Item refund/",
                         "its window closes on 2026-02-05", "card refund, 50.00 yuan.",
                         "goes on owing the cardholder 50.00 yuan", "pay it before the window has closed"),
    Reason.ABOVE_TARIFF: ("0.30 yuan charged beyond the tariff", "If the amount were 0.50 yuan", "Item excess/",
                          "fare_fen = 100"),
    Reason.BELOW_TARIFF: ("0.10 yuan charged less than the tariff are the operator's loss",),
    Reason.TRANSFER_UNMARKED: ("If the record marked the transfer discount", "value_fen = 40",
                               "no mark, and 1.20 yuan", "There is no TAC; by contract"),
    Reason.TRANSFER_UNQUALIFIED: ("none is known", "window_s = 5400", "check how the device finds transfers"),
    Reason.TRANSFER_UNPROVEN: ("If the leg that has not come", "missing: 2 debits", "ask for the missing leg",
                               "What to do: wait for the missing taps"),
    Reason.CARD_KIND_DIFFERS: ("expected ordinary, came student",),
    Reason.CARD_KIND_UNKNOWN: ("expected ordinary, came code 99",),
    Reason.CONCESSION_NOT_OF_CARD: ("no concession for the issued kind (ordinary)",),
    Reason.BALANCE_RISE_PENDING: ("from 50.00 yuan to 70.00 yuan", "missing: 1 load", "20.00 yuan by which the balance rose are borne"),
    Reason.CHAIN_GAP_PENDING: ("missing debit with counter 2 (1 in all, 0.50 yuan)", "missing: 1 debit",
                               "Item chain_gap/", "0.50 yuan of the missing debits nothing is booked",
                               "another approve: put the card on the denylist; dismiss it."),
    Reason.COUNTER_LATE: ("before the card's newer taps",),
    Reason.TAP_OUT_WITHOUT_TAP_IN: ("out at station", "If the entry had arrived before"),
    Reason.ENTRY_WITHOUT_EXIT: ("an exit after the entry at 2026-01-05 08:30:15", "nobody pays"),
    Reason.JOURNEY_TOO_LONG: ("an exit no later than 2026-01-05 12:30:15 instead of an exit at 2026-01-05 13:30:15",
                              "see whether the entry belongs to this journey"),
    Reason.TERMINAL_LINE_DIFFERS: ("line 17", "the registered 17 instead of 4"),
    Reason.TERMINAL_DEVICE_DIFFERS: ("device 5", "the registered 5 instead of 9"),
    Reason.TERMINAL_NUMBER_REUSED: ("number 77777 to tap", "also given to 1 other tap", "Item terminal_repeat/"),
    Reason.TAC_BY_ISSUER: ("presentment 7910-7930-20260105-1", "unconfirmed fare", "may still refuse it"),
    Reason.TAC_UNAVAILABLE: ("the contract allows it", "states no counters", "If it was not, the operator bears that"),
    Reason.TAC_NOT_ALLOWED_ABSENT: ("If the record had a TAC, or the contract allowed",),
    Reason.DEGRADED_MODE: ("Fares are not checked",),
    Reason.CARD_UNREGISTERED: ("the card was taken as it came", "No registry vouches for the card"),
    Reason.GROSS_DIFFERS: ("If the fare before discounts were 1.00 yuan instead of 3.00 yuan",),
}  # fmt: skip
"""What only this tap's own evidence can have said."""


@pytest.mark.parametrize("reason", CASES, ids=lambda reason: reason.name.lower())
def test_a_tap_of_every_reason_is_told(town: Town, reason: Reason) -> None:
    found = town.of(reason)
    tap = found.tap
    bits = tap.flags | (1 << tap.reason if tap.reason else 0)
    assert bits >> reason & 1 or reason is Reason.CLEAN
    assert [section.name for section in sections(found)] == ORDER
    assert all(section.lines for section in sections(found))
    english, chinese = text_of(found), text_of(found, language="zh")
    if reason:
        row = ROW[reason]
        assert row.english in english
        assert row.chinese in chinese
        # A remedy that begins a sentence has a capital letter.
        assert ROW[Reason(tap.reason)].remedy_english.lower() in english.lower()
    for words in WORDS[reason]:
        assert words in english, words
    assert ("What this tap booked" in english) == bool(found.moved)
    assert found.proven
    assert "path to the receipt's root holds" in english
    serial = found.fields.serial
    assert serial[:16] not in english + chinese
    assert serial[-4:] in english


@pytest.mark.parametrize("reason", CASES, ids=lambda reason: reason.name.lower())
def test_every_sentence_is_in_the_language_asked_for(town: Town, reason: Reason) -> None:
    found = town.of(reason)
    both = [said for section in sections(found) for said in section.lines if said.en]
    assert both
    for said in both:
        if any(character.isalpha() for character in said.en.replace("batch", "")):
            assert any("一" <= character <= "鿿" for character in said.zh), said.zh
        assert not any("一" <= character <= "鿿" for character in said.en), said.en


@pytest.mark.parametrize("reason", CASES, ids=lambda reason: reason.name.lower())
def test_the_document_says_the_same_to_machines(town: Town, reason: Reason) -> None:
    found = town.of(reason)
    document = msgspec.json.decode(msgspec.json.encode(document_of(found)))
    assert document["reason"] == Reason(found.tap.reason).name.lower()
    assert document["verdict"] == Verdict(found.tap.verdict).name.lower()
    assert sum(line["amount_fen"] for line in document["postings"]) == sum(
        m.amount_fen for m in found.moved
    )
    assert found.fields.serial[:16] not in str(document)
    assert [section["name"] for section in document["sections"]] == ORDER


def test_the_number_is_shown_to_who_asks_for_it(town: Town) -> None:
    text = town.text(Reason.CHAIN_GAP_PENDING)
    found = town.run(told(town.dsn, town.node, text, unmasked=True))
    assert found.fields.serial in text_of(found)


# -- money -------------------------------------------------------------------------------------------


async def _sums(dsn: str, node: Node) -> list[tuple[int, dict[Any, int], dict[Any, int]]]:
    """Of every batch: what its taps moved one by one, and what its entry has, by account and purpose."""
    connection = await asyncpg.connect(dsn)
    plans, found = Plans(node), []
    try:
        codes = {a.number: a.code for a in (await store.read_accounts(connection)).values()}
        for (seq,) in await connection.fetch("SELECT batch_seq FROM clearing.batch ORDER BY 1"):
            batch = await inspection.batch_by_seq(connection, seq)
            assert batch is not None
            plan = await plans.plan(connection, batch.rules_version, batch.registry_version)
            moved: dict[Any, int] = {}
            for tap in await inspection.read_taps(connection, batch, 0, batch.tap_count, own=False):
                lines = await store.read_card_lines(connection, [tap.record[record.CARD]])
                kind = next(
                    (line[1] for line in lines.values()), record.unpack(tap.record).card_kind
                )
                for move in inspection.moved_by(batch, tap, plan, kind):
                    for account, sign in ((move.debit, 1), (move.credit, -1)):
                        key = (codes[account], int(move.purpose))
                        moved[key] = moved.get(key, 0) + sign * move.amount_fen
            booked: dict[Any, int] = {}
            for line in await inspection.read_postings(connection, seq):
                if line.entry_id == f"batch/{seq}":
                    key = (line.account, line.purpose)
                    booked[key] = booked.get(key, 0) + line.amount_fen
            found.append((seq, {k: fen for k, fen in moved.items() if fen}, booked))
    finally:
        await connection.close()
    return found


def test_what_taps_moved_one_by_one_is_what_their_batch_booked(town: Town) -> None:
    sums = town.run(_sums(town.dsn, town.node))
    assert len(sums) > 50
    for seq, moved, booked in sums:
        assert moved == booked, seq


async def test_so_it_is_with_subsidies_splits_and_loads(migrated: str, tmp_path: Path) -> None:
    deck = night.cards()
    context = await night.city(migrated, tmp_path, deck)
    await night.clear(context, night.traffic(deck))
    sums = await _sums(migrated, context.node)
    for seq, moved, booked in sums:
        assert moved == booked, seq
    purposes = {purpose for _, moved, _ in sums for _, purpose in moved}
    assert purposes >= {Purpose.FARE, Purpose.SUBSIDY, Purpose.TOP_UP, Purpose.HELD, Purpose.EXCESS,
                        Purpose.FARE_UNCONFIRMED}  # fmt: skip


# -- as of -------------------------------------------------------------------------------------------


@pytest.fixture
async def two_days(migrated: str, tmp_path: Path) -> Node:
    """One card: its first and third ride come on the first day, the second on the next."""
    card = Card(1)
    node = await world.settle_in(migrated, tmp_path, [card, Card(2)])
    first, second, third = (
        card.tap(BUS, 50, at=f"2026010508{minute}15", gross_fen=100) for minute in (10, 20, 30)
    )
    for number, taps in enumerate((first + third, second), 1):
        engine = await Engine.start(migrated, node)
        try:
            await engine.clear_batch(to_binary(world.batch(BUS, number, taps)))
        finally:
            await engine.close()
        await settle_day(Context(migrated, node), OPEN + timedelta(days=number - 1))
    return node


async def test_a_gap_is_told_as_it_was_known(two_days: Node, migrated: str) -> None:
    then = await told(migrated, two_days, "1:1", OPEN)
    text = text_of(then, "card_chain", "what_next", "would_change")
    assert "missing: 1 debit (place 2), 0.50 yuan" in text
    assert "gap in the card's chain" in text
    assert "; waiting." in text
    now = await told(migrated, two_days, "1:1")
    text = text_of(now, "card_chain")
    assert "missing" not in text
    assert "2:0" in text
    assert f"arrived {NEXT}" in text
    (item,) = [each for each in now.waiting if each.standing.item.kind == ItemKind.CHAIN_GAP]
    assert item.standing.outcome == ItemOutcome.ARRIVED
    assert "the records arrived" in text_of(now, "what_next")


async def test_what_came_later_was_not_known_and_left_its_place_empty(
    two_days: Node, migrated: str
) -> None:
    found = await told(migrated, two_days, "2:0", OPEN)
    assert not found.known
    text = text_of(found)
    assert f"At the end of {OPEN} this tap was not known here: it arrived on {NEXT}" in text
    assert "Its place in the chain was empty then" in text
    assert "missing: 1 debit (place 2), 0.50 yuan (then)" in text
    assert text.count("next to each other") == 1
    assert "1:0" in text
    assert "Verdict" not in text
    assert "verdict" not in document_of(found)
    arrived = text_of(await told(migrated, two_days, "2:0", NEXT))
    assert "counter_late" in arrived
    assert ROW[Reason.DECLARED_LATE].english in arrived


def test_proposals_and_decisions_are_told_from_their_date_on(town: Town) -> None:
    text = town.text(Reason.TERMINAL_UNKNOWN)
    found = town.of(Reason.TERMINAL_UNKNOWN)
    item_id = next(each.standing.item.item_id for each in found.waiting if each.of_tap)

    async def decide() -> None:
        connection = await asyncpg.connect(town.dsn)
        try:
            proposal = decisions.Proposal(
                proposal_no=0, item_id=item_id, action=Action.RELEASE, body={"why": "registered"},
                proposed_by="wang", business_date=NEXT, clock_s=820_540_800,
            )  # fmt: skip
            proposal_no = await decisions.add_proposal(connection, proposal)
            await decisions.add_decision(
                connection,
                decisions.Decision(
                    proposal_no=proposal_no, approved=False, decided_by="zhang", why="no papers",
                    business_date=NEXT, clock_s=820_540_900,
                ),
            )  # fmt: skip
        finally:
            await connection.close()

    town.run(decide())
    assert "wang" not in text_of(town.run(told(town.dsn, town.node, text, OPEN)))
    now = text_of(town.run(told(town.dsn, town.node, text)), "what_next")
    assert "wang): release it to the operator" in now
    assert "turned down by zhang" in now
    assert "no papers" in now


# -- between cities ----------------------------------------------------------------------------------


async def test_a_claim_is_told_from_presentment_to_cycle_and_refusal(
    postgres: Server, template: str, tmp_path: Path
) -> None:
    async with exchange(postgres, template, tmp_path) as cities:
        taps = [
            card_of(BAOJI, n).tap(BUS, 100, at=f"202601050800{n:02}", good_tac=n == 1)
            for n in (1, 2)
        ]
        xian, baoji = cities.cities[XIAN], cities.cities[BAOJI]
        await xian.submit(BUS, taps)
        before = await told(xian.dsn, xian.node, "1:0")
        assert "not presented to 7930 yet" in text_of(before, "who_pays")
        await cities.night()
        paid, refused = [await told(xian.dsn, xian.node, f"1:{row}") for row in (0, 1)]
        assert "confirmed, in cycle 2026-01-05" in text_of(paid, "who_pays")
        assert "its issuer has checked and taken it" in text_of(paid, "would_change")
        assert "found the debit right" in text_of(paid, "who_pays")
        assert "may still refuse" not in text_of(paid) + text_of(refused)
        assert ROW[Reason.REFUSED_BY_ISSUER].english in text_of(refused, "why")
        words = text_of(refused, "who_pays")
        assert "go to the operator's side" not in words
        assert "refused by the issuer" in words
        assert ROW[Reason.TAC_WRONG].english in words
        assert "Booked later: exchange/7910-7930-20260105-1/refused/1" in words
        next_steps = text_of(refused, "what_next")
        for row in (ROW[Reason.REFUSED_BY_ISSUER], ROW[Reason.TAC_WRONG]):
            assert row.remedy_english in next_steps
        assert "who bears it" in words
        assert "Nothing to do." in text_of(paid, "what_next")
        assert refused.claim is not None
        assert refused.claim.refused_for == Reason.TAC_WRONG
        then = await told(xian.dsn, xian.node, "1:1", OPEN)
        assert "presented, the issuer has not answered" in text_of(then, "who_pays")
        incoming = await told(baoji.dsn, baoji.node, "1:1")
        assert "from 7910 to us as issuer" in text_of(incoming, "who_pays")
        assert "presented by another city" in text_of(incoming, "what_happened")


async def test_a_tap_that_two_cities_present_is_told(migrated: str, tmp_path: Path) -> None:
    card = Card(1)
    node = await world.settle_in(migrated, tmp_path, [card])
    data = card.tap(BUS, 50, gross_fen=100)
    engine = await Engine.start(migrated, node)

    async def nothing(*_: object) -> None:
        """No answer is written along."""

    try:
        for city_code in ("7930", "7950"):
            batch = world.batch(0, 1, data)
            origin = f"{city_code}-7910-20260105-1"
            await engine.clear_presentment(batch, origin, Check.ALL, nothing)
    finally:
        await engine.close()
    text = text_of(await told(migrated, node, "2:0"))
    assert ROW[Reason.DUPLICATE_OTHER_CITY].english in text
    assert ROW[Reason.DUPLICATE_OTHER_CITY].remedy_english in text
    assert "counts already as 1:0" in text
    assert "was presented by city 7930 (7930-7910-20260105-1)" in text


# -- naming a tap ------------------------------------------------------------------------------------


def test_a_tap_is_named_by_its_item(town: Town) -> None:
    found = town.of(Reason.TAC_TORN)
    again = town.run(told(town.dsn, town.node, f"torn/{found.batch.batch_seq}/{found.tap.row_no}"))
    assert again.tap == found.tap
    gap = town.of(Reason.CHAIN_GAP_PENDING)
    item = next(e.standing.item for e in gap.waiting if e.standing.item.kind == ItemKind.CHAIN_GAP)
    hidden = next(e.name for e in gap.waiting if e.standing.item is item)
    for name in (item.item_id, hidden):
        with pytest.raises(ServiceError, match="about no tap"):
            town.run(told(town.dsn, town.node, name))


@pytest.mark.parametrize("text", ["held/99/0", "99:0", "1:7", "11/999:0", "words", "1:2:3", ""])
def test_what_is_not_there_is_said(town: Town, text: str) -> None:
    with pytest.raises(ServiceError):
        town.run(told(town.dsn, town.node, text))


def test_kinds_and_families_have_words() -> None:
    assert set(vocabulary.KINDS) == set(TapKind)
    assert set(vocabulary.FAMILIES) == set(CardFamily)
    assert set(vocabulary.PURPOSES) == set(Purpose)
    assert set(vocabulary.ACTIONS) == set(Action)
    assert set(vocabulary.OUTCOMES) == set(ItemOutcome)
    assert {row.field for row in RECORD_LEVEL} <= set(vocabulary.FIELDS)
    assert {vocabulary.kind_of_item(kind) for kind in ItemKind}


# -- the command -------------------------------------------------------------------------------------


async def test_the_command(
    given_database: str, world: World, tmp_path: Path, onecard: OneCard
) -> None:
    home = tmp_path / "node"
    await world.make(home, given_database)
    batch = next(b for b in world.batches if b.header.count > 1)
    path = tmp_path / "batch"
    path.write_bytes(to_binary(batch))
    assert (await asyncio.to_thread(onecard, "submit", path, "--home", home)).code == 0

    async def explain(*words: object) -> Answer:
        return await asyncio.to_thread(onecard, "explain", *words, "--home", home)

    both = await explain("1:0")
    assert both.code == 0
    assert "一、发生了什么  1. What happened" in both.out
    english = await explain(f"{batch.header.operator}/{batch.header.number}:0", "--language", "en")
    assert "1. What happened" in english.out
    assert "发生了什么" not in english.out
    chinese = await explain("1:0", "--language", "zh", "--as-of", DAY)
    assert "What happened" not in chinese.out
    assert msgspec.json.decode((await explain("1:0", "--json")).out)["tap"] == "1:0"
    tap = record.unpack(batch.records[: record.SIZE])
    at = datetime.strptime(tap.tapped_at, "%Y%m%d%H%M%S").isoformat()  # noqa: DTZ007 - local
    by_card = await explain("--card", tap.serial, "--at", at)
    assert by_card.code == 0
    assert "1:0" in by_card.out
    assert tap.serial not in by_card.out
    connection = await asyncpg.connect(given_database)
    try:
        events = await connection.fetch(
            "SELECT subject FROM clearing.event WHERE kind = $1", decisions.LOOK_UP
        )
    finally:
        await connection.close()
    assert [row["subject"] for row in events] == [f"tap 1:0 by card {masked(tap.serial)}#1"]
    assert (await explain("1:0", "--unmasked")).code == 2
    for words in (
        (),
        ("1:0", "--card", tap.serial, "--at", at),
        ("--card", tap.serial),
        ("1:0", "--at", at),
    ):
        assert (await explain(*words)).code == 2
    nobody = await explain("--card", "99999999", "--at", at)
    assert nobody.code == 1
    assert "No tap of card ****9999" in nobody.err
