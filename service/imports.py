"""Registry rows, issued cards and test master keys from files that somebody else wrote."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any, Final, TypeVar

import asyncpg
import msgspec

from clearing import store
from clearing.keys.chains import ChainEntry, check_chain
from clearing.keys.port import Secret
from clearing.keys.soft import MasterKey
from schemas.registry import KINDS, Issuer
from service.errors import ServiceError
from service.home import issued_card, open_node, register

Document = TypeVar("Document")


class CardDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An issued card: ``issuer`` 16, ``serial`` 20 hexadecimal digits."""

    family: int
    issuer: str
    serial: str
    card_kind: int
    expires: date | None = None
    offline_counter: int = 0
    online_counter: int = 0
    balance_fen: int = 0
    closed: bool = False


class _RowDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    kind: str
    row: dict[str, Any]


class _KeyDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    issuer: str
    key_version: int
    key_index: int
    algorithm: str
    factors: tuple[str, ...]
    master_key: str
    fold: str = "left"
    city_code: str = ""
    area_code: str = ""


_REMEDY: Final = "Mend that line; nothing was registered."


def _lines(path: Path, of: type[Document]) -> Iterator[tuple[int, Document]]:
    decoder = msgspec.json.Decoder(of)
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                yield number, decoder.decode(line)
            except (msgspec.MsgspecError, UnicodeDecodeError) as error:
                raise ServiceError(f"{path.name}:{number}: {error}.", _REMEDY) from error


def read_rows(path: Path) -> list[tuple[str, msgspec.Struct]]:
    """(kind, row) of a file of JSON Lines. Raises ``ServiceError`` naming the line."""
    rows: list[tuple[str, msgspec.Struct]] = []
    for number, document in _lines(path, _RowDocument):
        if document.kind not in KINDS:
            raise ServiceError(
                f"{path.name}:{number}: there is no kind of row {document.kind!r}.",
                f"Known are {', '.join(KINDS)}.",
            )
        try:
            rows.append((document.kind, msgspec.convert(document.row, KINDS[document.kind])))
        except msgspec.ValidationError as error:
            raise ServiceError(f"{path.name}:{number}: {error}.", _REMEDY) from error
    return rows


def read_cards(path: Path, issuers: dict[tuple[int, str], int]) -> list[tuple[bytes, bytes]]:
    """Cards of a file of JSON Lines; ``issuers`` maps (family, code) to the registry's number."""
    cards: list[tuple[bytes, bytes]] = []
    for number, card in _lines(path, CardDocument):
        issuer = issuers.get((card.family, card.issuer.upper()))
        if issuer is None:
            raise ServiceError(
                f"{path.name}:{number}: issuer {card.issuer} is not this node's own.", _REMEDY
            )
        fields = msgspec.structs.asdict(card)
        try:
            cards.append(issued_card(issuer_number=issuer, **fields))
        except ValueError as error:
            raise ServiceError(f"{path.name}:{number}: {error}.", _REMEDY) from error
    return cards


async def import_files(home: Path, rows: Path | None, cards: Path | None) -> tuple[int, int, int]:
    """Put the rows and cards of files in force: how many of each, and the registry version."""
    new_rows = read_rows(rows) if rows else []
    async with open_node(home) as opened:
        issuers = {
            (row.family, row.issuer.upper()): row.number
            for row in [*await _issuers(opened.dsn), *(row for _, row in new_rows)]
            if isinstance(row, Issuer) and row.own
        }
        new_cards = read_cards(cards, issuers) if cards else []
        version = await register(opened.dsn, new_rows, new_cards)
    return len(new_rows), len(new_cards), version


async def _issuers(dsn: str) -> list[msgspec.Struct]:
    connection = await asyncpg.connect(dsn)
    try:
        _, version = await store.read_versions(connection)
        return (await store.read_registry(connection, version))["issuer"]
    finally:
        await connection.close()


def read_master_keys(path: Path) -> list[MasterKey]:
    """Test master keys of a JSON file: a list of chains, each with its ``master_key``.

    Raises ``ServiceError`` or ``ChainError``; no message holds a key.
    """
    try:
        documents = msgspec.json.decode(path.read_bytes(), type=list[_KeyDocument])
        keys = [bytes.fromhex(document.master_key) for document in documents]
    except (OSError, ValueError) as error:
        raise ServiceError(
            f"{path.name} is no list of chains with master keys.", "See docs/operator-guide.md."
        ) from error
    masters: list[MasterKey] = []
    for number, (document, key) in enumerate(zip(documents, keys, strict=True), 1):
        fields = msgspec.structs.asdict(document)
        del fields["master_key"]
        chain = check_chain(ChainEntry(**fields), path.name, f"chain {number}")
        masters.append(MasterKey(chain, Secret(key)))
    return masters
