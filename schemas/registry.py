"""Registry rows: who and what takes part, as dated data.

Each row is one struct, stored as JSON under (kind, key) and in force between two registry versions
(``clearing.registry``). Dates are ISO; ``until`` is exclusive and absent while open.
"""

from datetime import date
from typing import Final

import msgspec

from schemas.codes import Check


class Operator(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An operator 运营商 and its contract.

    ``tariff``, ``split`` and ``fee`` name rules of the rule set, ``fees`` more fees. ``checks`` are the checks that the
    contract demands (a profile may support fewer only if the contract does not demand them).
    ``public_key`` verifies batch signatures (66 hex digits: algorithm id and key; empty: unsigned
    batches are taken, over the command line only); ``api_key_sha256`` is the digest of its API key.
    """

    number: int
    code: str
    name: str
    mode: str
    tariff: str
    split: str = ""
    fee: str = ""
    fees: tuple[str, ...] = ()
    checks: int = int(Check.ALL)
    load_agent: bool = False
    public_key: str = ""
    api_key_sha256: str = ""
    payee_account: str = ""
    payee_name: str = ""
    suspended: bool = False
    since: date = date(2000, 1, 1)
    until: date | None = None
    denylist_acknowledged: tuple[tuple[int, str], ...] = ()
    """(denylist version, ISO local time when the operator acknowledged it)."""

    @property
    def all_fees(self) -> tuple[str, ...]:
        """The fees of the contract, each once, in order."""
        return tuple(dict.fromkeys(name for name in (self.fee, *self.fees) if name))


class Terminal(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A terminal: PSAM id (12 hex digits), owner, line (0 = any) and device."""

    terminal_id: str
    operator: int
    line: int = 0
    device: int = 0
    since: date = date(2000, 1, 1)
    until: date | None = None


class Issuer(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An issuer 发卡机构 of a family; ``city`` is its UnionPay area code.

    ``own``: this node's. ``open_registry``: it keeps no list of issued cards here, a card is known
    from its first tap. Interoperable here between ``since`` and ``until``.
    """

    number: int
    family: int
    issuer: str
    city: str
    name: str
    own: bool
    open_registry: bool = False
    since: date = date(2000, 1, 1)
    until: date | None = None


class Denied(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A denied card: family, issuer and serial; from local time ``since``; by list ``version``."""

    family: int
    issuer: str
    serial: str
    since: str
    version: int


class Denylist(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A denylist version 黑名单: when it was published (ISO local time), how many cards it added and
    removed. Its cards are the ``denied`` rows; one that was removed is a row in force no more."""

    version: int
    published_at: str
    added: int
    removed: int


class Station(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A name for a line, station or vehicle number that records use (scope: operator, 0 = any)."""

    number: int
    name: str
    line: int = 0
    operator: int = 0


class City(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A city of the exchange: its node's public key and payee account."""

    city: str
    name: str
    public_key: str
    payee_account: str = ""
    payee_name: str = ""


class Staff(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A person of the clearing centre who may propose or decide; ``key_sha256`` is of the own key."""

    name: str
    full_name: str = ""
    key_sha256: str
    since: date = date(2000, 1, 1)
    until: date | None = None


KINDS: Final[dict[str, type[msgspec.Struct]]] = {
    "operator": Operator,
    "terminal": Terminal,
    "issuer": Issuer,
    "denied": Denied,
    "denylist": Denylist,
    "station": Station,
    "line": Station,
    "vehicle": Station,
    "city": City,
    "staff": Staff,
}
"""The struct of each kind of row."""


def key_of(kind: str, row: msgspec.Struct) -> str:
    """The key under which a row is kept; a second row with it replaces the first."""
    match row:
        case Operator() | Issuer():
            return str(row.number)
        case Terminal():
            return row.terminal_id.upper()
        case Denied():
            return f"{row.family}/{row.issuer}/{row.serial}".upper()
        case Denylist():
            return str(row.version)
        case Station():
            return f"{row.operator}/{row.line}/{row.number}"
        case City():
            return row.city
        case Staff():
            return row.name
    raise KeyError(kind)
