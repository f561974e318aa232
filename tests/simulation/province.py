"""A generated province put before kernels directly, without a database."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, time

import msgspec

from clearing import cards, rules, verdicts
from clearing.compile import accounts_for, compile_plan
from clearing.kernel import BatchContext, Judgement, Kernel
from clearing.keys.chains import Chain, ChainEntry, KeySetId, check_chain
from clearing.keys.port import KeySet
from clearing.plan import Plan, local_day, local_seconds
from loadtest.auditor import Actual
from loadtest.cards import IssuedCard, TestKeySet
from loadtest.province import Province
from schemas import registry
from schemas.accounts import Account, code_of
from schemas.batch import Batch
from schemas.codes import Check, Source
from tests.world import LIMITS

RULE_SETS = {"7910": "xian", "7930": "baoji"}


class ProvinceKeys:
    """The test keys of a city, as a key store."""

    def __init__(self, key_sets: Sequence[TestKeySet]) -> None:
        self._masters: dict[KeySetId, tuple[Chain, bytes]] = {}
        for row in key_sets:
            entry = ChainEntry(
                issuer=row.issuer,
                key_version=row.key_version,
                key_index=row.key_index,
                algorithm=row.algorithm,
                factors=row.factors,
                city_code=row.city_code,
            )
            chain = check_chain(entry, "province", row.issuer)
            self._masters[chain.key_set] = (chain, row.master_key)

    def key_sets(self) -> tuple[KeySet, ...]:
        return tuple(KeySet(chain, True, "000000") for chain, _ in self._masters.values())

    def level_key(self, key_set_id: KeySetId) -> bytes:
        chain, master = self._masters[key_set_id]
        return chain.level_key(master)

    def require_production(self) -> None:
        raise AssertionError("test keys")

    def close(self) -> None:
        pass


def registry_of(province: Province, city: str) -> dict[str, list[msgspec.Struct]]:
    """The city's registry rows by kind."""
    found: dict[str, list[msgspec.Struct]] = {}
    for kind, row in province.registry_rows(city):
        found.setdefault(kind, []).append(row)
    return found


def plan_of(province: Province, city: str) -> Plan:
    """The plan of a city, with accounts numbered in the order they are wanted."""
    rows = registry_of(province, city)
    rule_set = rules.load(rules.read([RULE_SETS[city]]))
    accounts = {
        code_of(purse, kind, participant): Account(
            number, code_of(purse, kind, participant), purse, kind, participant
        )
        for number, (purse, kind, participant) in enumerate(accounts_for(rows, rule_set), 1)
    }
    keys = ProvinceKeys(province.key_sets(city))
    return compile_plan(rows, rule_set, accounts, keys, LIMITS, (1, 1))


def line_of(card: IssuedCard, issuer_number: int) -> bytes:
    """The opening line of an issued card."""
    return cards.pack(
        cards.CardLine(
            family=card.family,
            card_kind=card.card_kind,
            issuer_number=issuer_number,
            serial=bytes.fromhex(card.serial),
            status=cards.STATUS_CLOSED if card.closed else cards.STATUS_GOOD,
            flags=cards.REGISTERED | cards.BALANCE_KNOWN,
            offline_highest=card.offline_counter,
            online_highest=card.online_counter,
            expires_day=local_day(card.expires),
            counter_window=2**64 - 1,
            stated_balance_fen=card.balance_fen,
            book_balance_fen=card.balance_fen,
        )
    )


def open_kernel(kernel: Kernel, province: Province, city: str) -> Kernel:
    """A kernel with the city's plan and cards."""
    kernel.configure(plan_of(province, city))
    numbers = {
        row.issuer.upper(): row.number
        for row in registry_of(province, city)["issuer"]
        if isinstance(row, registry.Issuer)
    }
    kernel.add_cards(
        b"".join(line_of(c, numbers[c.issuer.upper()]) for c in province.issued_cards(city))
    )
    return kernel


def context_of(batch: Batch, seq: int, day: date) -> BatchContext:
    """The context of an operator's batch on a business date, at the end of the date."""
    return BatchContext(
        batch_seq=seq,
        business_day=local_day(day),
        judged_at_s=local_seconds(datetime.combine(day, time(23, 59, 59))),
        source=Source.OPERATOR,
        operator=batch.header.operator,
        checks=Check.ALL,
        salt_key=seq.to_bytes(32, "big"),
    )


def judge_all(
    province: Province, kernels: Mapping[str, Kernel]
) -> Iterator[tuple[str, Batch, Judgement]]:
    """Every batch of the province through its city's kernel, in the order of arrival."""
    seqs = dict.fromkeys(kernels, 0)
    for delivery in province.run():
        seqs[delivery.city] += 1
        context = context_of(delivery.batch, seqs[delivery.city], delivery.business_date)
        judgement = verdicts.judge(kernels[delivery.city], delivery.batch.records, context)
        yield delivery.city, delivery.batch, judgement


def answers(city: str, batch: Batch, judgement: Judgement) -> Iterator[Actual]:
    """The answers to a batch as the auditor reads them."""
    header, count = batch.header, judgement.count
    flags = struct.unpack(f"<{count}Q", judgement.flags)
    money = zip(
        *(
            struct.unpack(f"<{count}i", column)
            for column in (judgement.priced_fen, judgement.credited_fen, judgement.subsidy_fen)
        ),
        strict=True,
    )
    for row, (reason, flag, fens) in enumerate(zip(judgement.reasons, flags, money, strict=True)):
        yield (city, header.operator, header.number, row, reason, flag, *fens)
