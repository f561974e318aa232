"""The province: the same seed gives the same bytes, chains hold, and every fault is there."""

import hashlib
import itertools
from collections import defaultdict
from collections.abc import Iterator
from datetime import date, timedelta

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from loadtest import crypto, facts
from loadtest.desk import Delivery
from loadtest.faults.table import FAULTS
from loadtest.province import Province
from schemas import batch as envelope
from schemas import record, registry
from schemas.codes import Algorithm, TapKind
from schemas.reasons import Reason, names
from schemas.record import Tap

DAY = date(2026, 1, 5)


def fares_with_transfer() -> dict[str, facts.CityFares]:
    """The small province, with a transfer discount in its first city."""
    fares = dict(facts.BUILT_IN)
    transfer = facts.TransferFact(20, 5400, 3)
    city = fares["7910"]
    bus = msgspec.structs.replace(city.bus, transfer=transfer)
    metro = msgspec.structs.replace(city.metro, transfer=transfer, supplement_fen=200)
    fares["7910"] = msgspec.structs.replace(city, bus=bus, metro=metro)
    return fares


def small(seed: int = 1, taps: int = 4000, **more: object) -> Province:
    return Province(seed, taps, DAY, fares=fares_with_transfer(), **more)


@pytest.fixture(scope="module")
def province() -> Province:
    return small(days=2)


@pytest.fixture(scope="module")
def deliveries(province: Province) -> list[Delivery]:
    return list(province.run())


def rows(deliveries: list[Delivery]) -> Iterator[tuple[Delivery, Tap, object]]:
    for delivery in deliveries:
        for number, expected in enumerate(delivery.expected):
            data = delivery.batch.records[number * record.SIZE : (number + 1) * record.SIZE]
            yield delivery, record.unpack(data), expected


def bytes_of(province: Province) -> str:
    digest = hashlib.sha256()
    for delivery in province.run():
        digest.update(envelope.to_binary(delivery.batch))
        digest.update(msgspec.json.encode(delivery.expected))
    for city in province.cities:
        digest.update(msgspec.json.encode(province.registry_rows(city)))
        digest.update(msgspec.json.encode(list(province.issued_cards(city))))
    return digest.hexdigest()


def test_the_same_seed_gives_the_same_bytes_and_another_one_others() -> None:
    assert bytes_of(small(5, 1500)) == bytes_of(small(5, 1500))
    assert bytes_of(small(5, 1500)) != bytes_of(small(6, 1500))


def test_the_number_of_taps_is_reached_and_hardly_passed(deliveries: list[Delivery]) -> None:
    for day in (DAY, DAY + timedelta(days=1)):
        taps = sum(d.batch.header.count for d in deliveries if d.business_date == day)
        assert 4000 <= taps <= 4100


def test_every_batch_is_numbered_once_signed_and_summed(
    province: Province, deliveries: list[Delivery]
) -> None:
    keys = {
        (city, row.number): row.public_key
        for city in province.cities
        for _, row in province.registry_rows(city)
        if isinstance(row, registry.Operator)
    }
    numbers = set()
    for delivery in deliveries:
        header = delivery.batch.header
        where = (delivery.city, header.operator)
        assert (*where, header.number) not in numbers
        numbers.add((*where, header.number))
        assert header.sums == envelope.tally(delivery.batch.records)
        assert header.digest == envelope.digest_of(header, delivery.batch.records)
        encoded = bytes.fromhex(keys[where])
        assert encoded[0] == 1
        Ed25519PublicKey.from_public_bytes(encoded[1:]).verify(
            bytes.fromhex(header.signature), envelope.signing_input(header.digest)
        )


def test_chains_of_cards_without_faults_hold(deliveries: list[Delivery]) -> None:
    chains = defaultdict(list)
    faulty = set()
    for _, tap, expected in rows(deliveries):
        card = (tap.family, tap.issuer, tap.serial)
        if expected.fault:
            faulty.add(card)
        else:
            chains[card].append(tap)
    clean = {card: taps for card, taps in chains.items() if card not in faulty}
    assert len(clean) > 300
    for taps in clean.values():
        taps.sort(key=lambda tap: tap.offline_counter + tap.online_counter)
        assert [tap.tapped_at for tap in taps] == sorted(tap.tapped_at for tap in taps)
        for before, after in itertools.pairwise(taps):
            load = after.kind == TapKind.TOP_UP
            assert after.balance_before_fen == before.balance_after_fen
            assert after.offline_counter == before.offline_counter + (not load)
            assert after.online_counter == before.online_counter + load
            assert after.balance_after_fen >= 0


def test_chains_begin_at_the_issued_position(
    province: Province, deliveries: list[Delivery]
) -> None:
    first: dict[tuple[str, str], Tap] = {}
    for _, tap, expected in rows(deliveries):
        card = (tap.issuer, tap.serial)
        order = tap.offline_counter + tap.online_counter
        known = first.get(card)
        if not expected.fault and (
            known is None or order < known.offline_counter + known.online_counter
        ):
            first[card] = tap
    checked = 0
    for city in province.cities:
        for card in province.issued_cards(city):
            tap = first.get((card.issuer, card.serial))
            if tap is not None:
                checked += 1
                assert tap.balance_before_fen == card.balance_fen
                assert tap.card_kind == card.card_kind
                steps = tap.offline_counter + tap.online_counter
                assert steps == card.offline_counter + card.online_counter + 1
    assert checked > 300


def test_taps_without_faults_carry_their_cards_tac(
    province: Province, deliveries: list[Delivery]
) -> None:
    keys = {keys.issuer: keys for city in province.cities for keys in province.key_sets(city)}
    checked = 0
    for _, tap, expected in rows(deliveries):
        if expected.fault:
            continue
        key_set = keys[tap.issuer]
        algorithm = Algorithm[key_set.algorithm.upper()]
        code = key_set.city_code + "FF0000000000" if key_set.city_code else tap.issuer
        factors = (bytes.fromhex(code), bytes.fromhex(tap.serial)[2:])
        card_key = crypto.walk(algorithm, key_set.master_key, factors)
        amount = tap.amount_fen.to_bytes(4, "big")
        head = amount + bytes([tap.type_byte])
        number = tap.terminal_number.to_bytes(4, "big")
        if tap.kind == TapKind.TOP_UP:
            after = tap.balance_after_fen.to_bytes(4, "big")
            head, number = after + tap.online_counter.to_bytes(2, "big") + head, b""
        data = head + bytes.fromhex(tap.terminal_id) + number + bytes.fromhex(tap.tapped_at)
        assert crypto.tac(algorithm, card_key, data).hex().upper() == tap.tac
        checked += 1
    assert checked > 6000


def test_both_families_and_all_modes_and_visitors_are_there(deliveries: list[Delivery]) -> None:
    kinds, families, visitors = set(), set(), set()
    for delivery, tap, expected in rows(deliveries):
        if not expected.fault:
            kinds.add(tap.kind)
            families.add(tap.family)
            if expected.reason == "tac_by_issuer":
                visitors.add((delivery.city, tap.kind))
    assert kinds == {TapKind(number) for number in (1, 4, 5, 7, 8)}
    assert families == {1, 2}
    assert {city for city, _ in visitors} == {"7910", "7930"}
    assert ("7910", TapKind.TOP_UP) in visitors


def test_every_fault_of_the_table_is_there(deliveries: list[Delivery]) -> None:
    found = {expected.fault for _, _, expected in rows(deliveries)} - {""}
    assert found == {fault.name for fault in FAULTS}


def test_every_reason_that_traffic_can_show_is_expected_somewhere(
    deliveries: list[Delivery],
) -> None:
    shown = set()
    for _, _, expected in rows(deliveries):
        shown |= {expected.reason, *names(expected.flags)}
    elsewhere = {
        # of batches, of other sources, of issuers' answers, of production
        Reason.DECLARED_LATE,
        Reason.TAC_UNAVAILABLE,
        Reason.CARD_UNREGISTERED,
        Reason.TRANSFER_UNMARKED,
        Reason.REFUSED_BY_ISSUER,
        Reason.TEST_CARD,
        # of presentments, and of rule sets and contracts with holes
        Reason.DUPLICATE_OTHER_CITY,
        Reason.ACCOUNT_MISSING,
        Reason.FEE_RULE_MISSING,
    }
    due = {r.name.lower() for r in Reason if r < 64 and r not in elsewhere}
    assert shown == due


def test_test_cards_are_refused_in_production() -> None:
    reasons = {line.reason for line in small(3, 1000, production=True).expected()}
    assert "test_card" in reasons


def test_the_rate_of_faults_is_as_asked() -> None:
    for rate in (0.01, 0.05):
        province = small(2, 20_000, fault_rate=rate)
        lines = list(province.expected())
        first = [line for line in lines if line.fault]
        # An occurrence has one to three taps.
        assert rate * 0.9 < len(first) / len(lines) < rate * 2


def test_a_batch_that_is_declared_late_is_named(
    province: Province, deliveries: list[Delivery]
) -> None:
    late = {
        (d.city, d.batch.header.operator, d.batch.header.number)
        for d in deliveries
        if d.batch.header.declared_date < d.business_date.strftime("%Y%m%d")
    }
    assert late == set(province.declared_late)
    assert len(late) == 4


def test_denied_cards_stand_in_the_registry_of_the_city_that_sees_them(
    province: Province,
) -> None:
    denied = [row for _, row in province.registry_rows("7910") if isinstance(row, registry.Denied)]
    assert {row.version for row in denied} == {1, 2, 3}


def test_one_city_alone_has_no_visitors() -> None:
    province = small(1, 1500, cities=("7910",))
    lines = list(province.expected())
    assert not [line for line in lines if line.fault.startswith("visitor")]
    assert {city for city, _ in small(1, 500, cities=("7910",)).days()} == {"7910"}


def test_an_unknown_city_is_refused() -> None:
    with pytest.raises(ValueError, match="9999"):
        Province(1, 100, DAY, cities=("9999",), fares={"9999": facts.BUILT_IN["7930"]})


def test_a_province_runs_once() -> None:
    province = small(1, 300)
    assert sum(batch.header.count for _, batch in province.days()) >= 300
    with pytest.raises(RuntimeError, match="once"):
        next(province.run())


def test_transfers_cross_from_bus_to_metro_and_back(deliveries: list[Delivery]) -> None:
    marked = {
        (tap.kind, tap.transfer_operator % 100)
        for _, tap, expected in rows(deliveries)
        if tap.discount_claimed and not expected.fault and expected.reason == "clean"
    }
    assert marked == {(kind, mode) for kind in (1, 5) for mode in (1, 2)}


def test_clean_taps_lie_in_the_business_day(deliveries: list[Delivery]) -> None:
    for delivery, tap, expected in rows(deliveries):
        if not expected.fault:
            assert tap.tapped_at[:8] == delivery.business_date.strftime("%Y%m%d")
