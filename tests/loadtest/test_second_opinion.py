"""The engine's kernels answer a province's days as the generator wrote beforehand, to the fen.

Here, and only here, the two opinions meet: plan, rules and kernel are the engine's, everything that
was expected is the generator's.
"""

from __future__ import annotations

import importlib.util
import struct
from datetime import date

import pytest

from clearing import cards, rules
from clearing.compile import accounts_for, compile_plan
from clearing.kernel import BatchContext, Kernel, choose
from clearing.keys.chains import ChainEntry, KeySetId, check_chain
from clearing.keys.port import KeySet
from clearing.limits import (
    AMOUNT_MAX_FEN,
    BALANCE_MAX_FEN,
    CLOCK_TOLERANCE_S,
    PRESENTMENT_WINDOW_DAYS,
)
from clearing.plan import Limits, local_day
from loadtest.auditor import Actual, compare
from loadtest.desk import Delivery
from loadtest.province import Province
from loadtest.rule_facts import SET_OF_CITY
from schemas.accounts import Account, code_of
from schemas.codes import Check, Source

DAY = date(2026, 1, 5)
LIMITS = Limits(AMOUNT_MAX_FEN, BALANCE_MAX_FEN, CLOCK_TOLERANCE_S, PRESENTMENT_WINDOW_DAYS, False)
BUILT = importlib.util.find_spec("clearing._fastpath") is not None
KERNELS = ["reference", "fastpath"] if BUILT else ["reference"]


class ProvinceKeys:
    """The test keys of a city, as the engine asks for them."""

    def __init__(self, province: Province, city: str) -> None:
        self._keys: dict[KeySetId, tuple[KeySet, bytes]] = {}
        for given in province.key_sets(city):
            entry = ChainEntry(
                issuer=given.issuer,
                key_version=given.key_version,
                key_index=given.key_index,
                algorithm=given.algorithm,
                factors=given.factors,
                city_code=given.city_code,
            )
            key_set = KeySet(check_chain(entry, city, given.issuer), True, "000000")
            self._keys[key_set.id] = (key_set, given.master_key)

    def key_sets(self) -> tuple[KeySet, ...]:
        return tuple(key_set for key_set, _ in self._keys.values())

    def level_key(self, key_set_id: KeySetId) -> bytes:
        key_set, master_key = self._keys[key_set_id]
        return key_set.chain.level_key(master_key)

    def require_production(self) -> None:
        raise AssertionError("test keys")


def card_lines(province: Province, city: str, numbers: dict[str, int]) -> bytes:
    """The opening lines of a city's cards."""
    return b"".join(
        cards.pack(
            cards.CardLine(
                family=card.family,
                card_kind=card.card_kind,
                issuer_number=numbers[card.issuer],
                serial=bytes.fromhex(card.serial),
                status=cards.STATUS_CLOSED if card.closed else cards.STATUS_GOOD,
                offline_highest=card.offline_counter,
                online_highest=card.online_counter,
                expires_day=local_day(card.expires),
                flags=cards.REGISTERED | cards.BALANCE_KNOWN,
                counter_window=0xFFFF_FFFF_FFFF_FFFF,
                stated_balance_fen=card.balance_fen,
                book_balance_fen=card.balance_fen,
            )
        )
        for card in province.issued_cards(city)
    )


def kernel_of(province: Province, city: str, name: str) -> Kernel:
    """A kernel that knows what the city's node must know beforehand."""
    rows: dict[str, list[object]] = {}
    for kind, row in province.registry_rows(city):
        rows.setdefault(kind, []).append(row)
    rule_set = rules.load(rules.read([SET_OF_CITY[city]]))
    accounts = {}
    for number, (purse, kind, participant) in enumerate(accounts_for(rows, rule_set), 1):
        code = code_of(purse, kind, participant)
        accounts[code] = Account(number, code, purse, kind, participant)
    plan = compile_plan(rows, rule_set, accounts, ProvinceKeys(province, city), LIMITS, (1, 1))
    kernel = choose(name)
    kernel.configure(plan)
    numbers = {row.issuer.hex().upper(): row.number for row in plan.issuers}
    kernel.add_cards(card_lines(province, city, numbers))
    return kernel


def answers(kernel: Kernel, delivery: Delivery, batch_seq: int) -> list[Actual]:
    """What the kernel says to a batch, at the end of its business day."""
    header, day = delivery.batch.header, local_day(delivery.business_date)
    context = BatchContext(
        batch_seq=batch_seq,
        business_day=day,
        judged_at_s=(day + 1) * 86_400 - 1,
        source=Source.OPERATOR,
        operator=header.operator,
        checks=Check.ALL,
        salt_key=bytes(32),
    )
    found = kernel.judge(delivery.batch.records, context)
    kernel.keep(batch_seq)
    columns = [
        struct.unpack(f"<{found.count}{code}", data)
        for code, data in zip(
            "BQiii",
            (found.reasons, found.flags, found.priced_fen, found.credited_fen, found.subsidy_fen),
            strict=True,
        )
    ]
    where = (delivery.city, header.operator, header.number)
    return [(*where, row, *values) for row, values in enumerate(zip(*columns, strict=True))]


@pytest.mark.parametrize("name", KERNELS)
@pytest.mark.parametrize("seed", [1, 2])
def test_the_engine_answers_as_was_expected(seed: int, name: str) -> None:
    """Two cities, two days, every fault of the table."""
    province = Province(seed, 6000, DAY, days=2)
    kernels = {city: kernel_of(province, city, name) for city in province.cities}
    expected, actual = [], []
    for batch_seq, delivery in enumerate(province.run(), 1):
        actual += answers(kernels[delivery.city], delivery, batch_seq)
        expected += delivery.expected
    differences = list(compare(expected, actual))
    assert not differences, "\n".join(differences[:20])
    assert len(expected) >= 12_000
