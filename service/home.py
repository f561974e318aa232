"""A node's home: making it (``onecard init``) and opening it (every other command).

::

    home/onecard.toml          settings
    home/keys/                 node.pem (Ed25519), node.secret, encryption.key, master-keys.json
    home/database/             the embedded PostgreSQL, unless ONECARD_DSN names another
    home/papers/DATE/          what the nights write

Making goes file by file and ends with one transaction that writes the node's row; whatever broke off
before it is taken up again by the next ``init``.
"""

import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Final

import asyncpg

from clearing import rules, store
from clearing.keys.chains import ChainEntry, check_chain
from clearing.keys.encryption_key import KeyEncryptionKey
from clearing.keys.files import read_private, write_private
from clearing.keys.signing import SigningKey
from clearing.keys.soft import MasterKey, SealedKeyStore, open_key_store, seal
from clearing.keys.visible import visible_test_key
from clearing.limits import (
    AMOUNT_MAX_FEN,
    BALANCE_MAX_FEN,
    CLOCK_TOLERANCE_S,
    PRESENTMENT_WINDOW_DAYS,
)
from clearing.node import SHANGHAI, Node
from clearing.plan import Limits
from clearing.store import Connection, NodeRow
from schemas import cities, migrations
from schemas.cities import CityFacts
from schemas.codes import CardFamily
from schemas.registry import Issuer
from service import config
from service.config import Settings
from service.database import running
from service.errors import HomeError
from service.registration import issued_card, register, register_in

__all__ = ["OpenNode", "default_issuers", "issued_card", "make_home", "open_node", "register"]

TEST_KEY_SEED: Final = 0
"""Seed of the visible test keys that ``init`` seals; no secret, as the keys are none."""

KEY_VERSION: Final = 1
KEY_INDEX: Final = 1
PROVINCE_NAME: Final = "Shaanxi"


@dataclass(frozen=True)
class OpenNode:
    """A node whose database runs, for as long as its block lasts."""

    home: Path
    settings: Settings = field(repr=False)
    dsn: str = field(repr=False)
    node: Node

    @property
    def kernel(self) -> str | None:
        """The kernel's name for ``Engine.start``; None: as the environment says."""
        return self.settings.kernel or None


@asynccontextmanager
async def open_node(home: Path) -> AsyncIterator[OpenNode]:
    """Open the node of a home: settings, database, keys.

    Raises ``HomeError`` where there is none, ``SettingError``, ``KeysError``, ``DatabaseError``.
    """
    home = _absolute(home)
    if not (home / config.FILE).is_file():
        raise HomeError(f"{home} is no node's home.", f"Make one: onecard init --home {home}")
    settings = config.load(home)
    async with running(home, dsn=settings.dsn or None) as server:
        connection = await asyncpg.connect(server.dsn)
        try:
            await migrations.apply(connection)
            row = await store.read_node(connection)
        finally:
            await connection.close()
        if row is None:
            raise HomeError(
                f"The node in {home} was not made to its end.", f"Run onecard init --home {home}"
            )
        keys = open_keys(home, settings)
        try:
            if row.production:
                keys.require_production()
            yield OpenNode(home, settings, server.dsn, node_of(home, row, keys))
        finally:
            keys.close()


def _absolute(home: Path) -> Path:
    return home.absolute()


def open_keys(home: Path, settings: Settings) -> SealedKeyStore:
    """The sealed master keys of a home. Raises ``KeysError``."""
    sealing = settings.key_encryption_file
    return open_key_store(home / settings.keys_file, home / sealing if sealing else None)


def node_of(home: Path, row: NodeRow, keys: SealedKeyStore) -> Node:
    """The node as the engine sees it."""
    return Node(
        row=row,
        home=home,
        limits=Limits(
            amount_max_fen=AMOUNT_MAX_FEN,
            balance_max_fen=BALANCE_MAX_FEN,
            clock_tolerance_s=CLOCK_TOLERANCE_S,
            presentment_window_days=PRESENTMENT_WINDOW_DAYS,
            production=row.production,
        ),
        keys=keys,
        signing=SigningKey.load(home / "keys" / "node.pem"),
        secret=read_private(home / "keys" / "node.secret", "node secret"),
    )


# -- making one ----------------------------------------------------------------------------------


async def make_home(
    home: Path,
    *,
    city: CityFacts | None,
    opened_on: date | None = None,
    rule_sets: Sequence[str | Path] = (),
    issuers: Sequence[Issuer] | None = None,
    master_keys: Sequence[MasterKey] | None = None,
) -> NodeRow:
    """Make a node's home; returns the node's row. ``city`` None makes the province node.

    ``opened_on``: the first open business date, today in Shanghai by default. ``rule_sets`` as in
    ``rules.read``, by default all that are shipped. ``issuers`` and ``master_keys`` replace the
    default issuers of the cities and the visible test keys of this city's own.

    Raises ``HomeError`` where a node is already, or where the directory holds something else.
    """
    home = _absolute(home)
    today = datetime.now(SHANGHAI).date()
    opened = opened_on or today
    row = NodeRow(
        role="city" if city else "province",
        city=city.area if city else cities.PROVINCE,
        name=city.name if city else PROVINCE_NAME,
        opened_on=opened,
        historical=opened < today,
        production=False,
        registry_version=0,
        rules_version=0,
    )
    # Rules that do not hold are refused before anything is written.
    files = rules.read(rule_sets or rules.province_sets())
    digest = rules.load(files).digest
    _lay_out(home)
    settings = config.load(home)
    _make_keys(home, settings, _default_keys(city) if master_keys is None else master_keys)
    async with running(home, dsn=settings.dsn or None) as server:
        connection = await asyncpg.connect(server.dsn)
        try:
            await migrations.apply(connection)
            async with connection.transaction():
                await _refuse_second(connection, home)
                await store.create_node(connection, row)
                await store.add_rules(connection, digest, files)
                rows = default_issuers(city) if issuers is None else issuers
                await register_in(connection, [("issuer", issuer) for issuer in rows])
                made = await store.read_node(connection)
        finally:
            await connection.close()
    assert made is not None
    return made


def _lay_out(home: Path) -> None:
    """The directory and its settings; the settings come first, as the sign that it is a home."""
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        strangers = {path.name for path in home.iterdir()} - {config.FILE}
        if strangers and not (home / config.FILE).exists():
            raise HomeError(
                f"{home} is not empty, and no node's home.",
                "Name a directory that is new or empty.",
            )
        if not (home / config.FILE).exists():
            write_private(home / config.FILE, config.template().encode())
        (home / "keys").mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise HomeError(
            f"The home {home} cannot be made: {error.strerror}.",
            "Name a place where you may write.",
        ) from error


def _make_keys(home: Path, settings: Settings, master_keys: Sequence[MasterKey]) -> None:
    """What is missing of the keys. Nothing that exists is replaced."""
    keys = home / "keys"
    if not (keys / "node.secret").exists():
        write_private(keys / "node.secret", secrets.token_bytes(32), replace=False)
    if not (keys / "node.pem").exists():
        SigningKey.generate().save(keys / "node.pem")
    if (home / settings.keys_file).exists():
        _refuse_other_keys(home, settings, master_keys)
        return
    if not settings.key_encryption_file:
        sealing = KeyEncryptionKey.from_environment()
    elif (home / settings.key_encryption_file).exists():
        sealing = KeyEncryptionKey.from_file(home / settings.key_encryption_file)
    else:
        sealing = KeyEncryptionKey.create_file(home / settings.key_encryption_file)
    seal(home / settings.keys_file, master_keys, sealing)


def _refuse_other_keys(home: Path, settings: Settings, master_keys: Sequence[MasterKey]) -> None:
    """An earlier ``init`` that broke off may have sealed the keys of another city."""
    store_of_keys = open_keys(home, settings)
    try:
        sealed = {key_set.id for key_set in store_of_keys.key_sets()}
    finally:
        store_of_keys.close()
    if sealed != {master.chain.key_set for master in master_keys}:
        raise HomeError(
            f"{home} has keys that were sealed for another node.",
            "Finish that node's init, or name another directory.",
        )


async def _refuse_second(connection: Connection, home: Path) -> None:
    await connection.execute("SELECT pg_advisory_xact_lock($1)", store.REGISTRY_LOCK)
    row = await store.read_node(connection)
    if row is not None:
        raise HomeError(
            f"{home} is the home of {row.name} already, opened on {row.opened_on}.",
            "Use it as it is, or name another directory.",
        )


def default_issuers(city: CityFacts | None) -> list[Issuer]:
    """Two issuers for each city of the province: its MOHURD card and its T-Union card."""
    found: list[Issuer] = []
    for position, facts in enumerate(cities.CITIES):
        families = (
            (CardFamily.MOHURD, facts.mohurd_code, "MOHURD city card"),
            (CardFamily.T_UNION, facts.t_union_issuer, "T-Union card"),
        )
        for offset, (family, code, name) in enumerate(families, 1):
            found.append(
                Issuer(
                    number=2 * position + offset,
                    family=int(family),
                    issuer=cities.issuer_bytes(code),
                    city=facts.area,
                    name=f"{facts.name} {name}",
                    own=facts is city,
                )
            )
    return found


def _default_keys(city: CityFacts | None) -> list[MasterKey]:
    """A visible test key for each of the city's own families; the province has none."""
    if city is None:
        return []
    entries = [
        ChainEntry(
            issuer=cities.issuer_bytes(city.mohurd_code),
            key_version=KEY_VERSION,
            key_index=KEY_INDEX,
            algorithm="des",
            factors=("city_code|FF0000000000", "serial_8"),
            city_code=city.mohurd_code,
        ),
        ChainEntry(
            issuer=cities.issuer_bytes(city.t_union_issuer),
            key_version=KEY_VERSION,
            key_index=KEY_INDEX,
            algorithm="sm4",
            factors=("issuer", "serial_last8"),
        ),
    ]
    chains = [check_chain(entry, "onecard init", entry.algorithm) for entry in entries]
    return [
        MasterKey(chain, visible_test_key(chain.key_set, TEST_KEY_SEED), test=True)
        for chain in chains
    ]
