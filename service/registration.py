"""Changes of a node's registry: rows, issued cards, the accounts that they need, opening money.

One transaction each, so that a row is never in force without its accounts, nor a card without the
entry for what is on it.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Final

import asyncpg
import msgspec

from clearing import cards as card_lines
from clearing import ledger, rules, store
from clearing.cards import CardLine
from clearing.compile import accounts_for, compile_plan
from clearing.keys.chains import KeySetId
from clearing.keys.port import KeySet
from clearing.plan import EPOCH, Limits
from clearing.store import Connection
from schemas.accounts import Account, AccountKind, code_of
from schemas.codes import Purse
from schemas.registry import Operator
from service import issuance
from service.errors import ServiceError

Rows = Iterable[tuple[str, msgspec.Struct]]
"""(kind, row) of ``schemas.registry``."""

Cards = Sequence[tuple[bytes, bytes]]
"""(card 19 bytes: family, issuer, serial; opening line 64 bytes)."""

_EVERY_COUNTER: Final = 0xFFFF_FFFF_FFFF_FFFF
_NO_LIMITS: Final = Limits(0, 0, 0, 0, False)


async def register(dsn: str, rows: Rows, cards: Cards = ()) -> int:
    """Put rows and newly issued cards in force; returns the registry version.

    Rows equal to those in force and cards that are registered already change nothing, so the same call
    again does nothing. Money on the cards is booked on the open date. An engine at work follows with
    its next batches.
    """
    connection = await asyncpg.connect(dsn)
    try:
        async with connection.transaction():
            return await register_in(connection, rows, cards)
    finally:
        await connection.close()


async def register_in(
    connection: Connection,
    rows: Rows,
    cards: Cards = (),
    ended: Iterable[tuple[str, str]] = (),
) -> int:
    """The same inside a transaction of the caller's; ``ended``: rows by (kind, key) that are in force
    no more."""
    # The date before the registry, as the engine's commits have it.
    open_date = await store.read_open_date(connection, lock="FOR SHARE")
    # Whoever changes the registry waits here, so that what is known is known for good.
    await connection.execute("SELECT pg_advisory_xact_lock($1)", store.REGISTRY_LOCK)
    new = await _not_registered(connection, cards)
    rules_version, version = await store.read_versions(connection)
    before = (await store.read_registry(connection, version, ("issuer",)))["issuer"]
    version = await store.change_registry(connection, rows, new, ended)
    in_force = await store.read_registry(connection, version)
    await issuance.check_issuers(
        connection, issuance.issuers_of(before), issuance.issuers_of(in_force["issuer"])
    )
    await issuance.check_not_used(connection, [card for card, _ in new], version)
    rule_set = rules.load(await store.read_rules(connection, rules_version))
    accounts = await store.ensure_accounts(
        connection,
        accounts_for(in_force, rule_set),
    )
    refuse_what_no_plan_holds(in_force, rule_set, accounts)
    openings = []
    for number, fen in sorted(_opening_fen(new).items()):
        codes = [
            code_of(Purse.PRINCIPAL, kind, str(number))
            for kind in (AccountKind.FLOAT_BANK, AccountKind.CARD_LIABILITY)
        ]
        if any(code not in accounts for code in codes):
            raise ServiceError(
                f"Cards of issuer {number} are registered, and it is no issuer of this node.",
                "Register the issuer as the node's own first.",
            )
        bank, liability = (accounts[code].number for code in codes)
        openings.append((bank, liability, fen))
    if openings:
        await store.add_entries(connection, open_date, [ledger.opening_entry(version, openings)])
    return version


def refuse_what_no_plan_holds(
    rows: dict[str, list[msgspec.Struct]], rule_set: rules.RuleSet, accounts: dict[str, Account]
) -> None:
    """An engine that met such a row could judge nobody's batches any more.

    Raises ``ClearingError``: a tariff, split or fee that the rules do not have, an owner of lines that is no
    operator, an id that is none.
    """
    operators = [row for row in rows["operator"] if isinstance(row, Operator)]
    numbers = {operator.number for operator in operators}
    try:
        compile_plan(rows, rule_set, accounts, _NoKeys(), _NO_LIMITS, (0, 0))
        for operator in operators:
            if operator.split:
                rule_set.check_owners(operator.split, numbers)
            for name in operator.all_fees:
                if name not in rule_set.fee_names():
                    raise ServiceError(
                        f"There is no fee named {name!r}.",
                        f"Known are: {', '.join(rule_set.fee_names())}.",
                    )
    except ValueError as error:
        raise ServiceError(
            f"A registry row does not hold: {error}.", "Mend it; nothing was registered."
        ) from error


class _NoKeys:
    """A key store without keys: whether registry rows hold is no matter of keys."""

    def key_sets(self) -> tuple[KeySet, ...]:
        """None."""
        return ()

    def level_key(self, key_set_id: KeySetId) -> bytes:
        """There is none to ask for."""
        raise AssertionError(key_set_id)

    def require_production(self) -> None:
        """Nothing to refuse."""

    def close(self) -> None:
        """Nothing to wipe."""


async def _not_registered(connection: Connection, cards: Cards) -> Cards:
    if not cards:
        return ()
    known = await store.read_card_lines(connection, [card for card, _ in cards])
    return [(card, line) for card, line in cards if card not in known]


def _opening_fen(cards: Cards) -> Counter[int]:
    """What is on the cards, fen, by issuer number."""
    sums: Counter[int] = Counter()
    for _, data in cards:
        line = card_lines.unpack(data)
        sums[line.issuer_number] += line.book_balance_fen
    return sums


def issued_card(
    *,
    family: int,
    issuer: str,
    issuer_number: int,
    serial: str,
    card_kind: int,
    expires: date | None = None,
    offline_counter: int = 0,
    online_counter: int = 0,
    balance_fen: int = 0,
    closed: bool = False,
) -> tuple[bytes, bytes]:
    """A card for ``register`` with its opening position.

    ``issuer`` has 16 and ``serial`` 20 hexadecimal digits. Counters up to the opening one count as used.
    """
    line = CardLine(
        family=family,
        card_kind=card_kind,
        issuer_number=issuer_number,
        serial=bytes.fromhex(serial),
        status=card_lines.STATUS_CLOSED if closed else card_lines.STATUS_GOOD,
        offline_highest=offline_counter,
        online_highest=online_counter,
        expires_day=(expires - EPOCH.date()).days if expires else 0,
        flags=card_lines.REGISTERED | card_lines.BALANCE_KNOWN,
        counter_window=_EVERY_COUNTER,
        stated_balance_fen=balance_fen,
        book_balance_fen=balance_fen,
    )
    card = bytes([family]) + bytes.fromhex(issuer) + bytes.fromhex(serial)
    return card, card_lines.pack(line)
