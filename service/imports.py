"""Registry rows, issued cards and test master keys from files that somebody else wrote."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any, Final

import asyncpg
import msgspec

from clearing import cards as card_lines
from clearing import rules, store
from clearing.keys.chains import ChainEntry, check_chain
from clearing.keys.port import Secret
from clearing.keys.soft import MasterKey
from clearing.store import Connection
from schemas.codes import CardKind
from schemas.registry import KINDS, Issuer, Operator, key_of
from service import rowchecks
from service.documents import Line, Problem, Refused, convert, read_lines
from service.errors import ServiceError
from service.home import open_node
from service.masking import masked
from service.registration import issued_card, register_in
from service.registry import Change, by_key, change_of, end_of
from service.rowchecks import Facts

CARD: Final = "card"
"""The kind of issued cards, which are no registry rows but come in the same files."""

_SPELLINGS: Final = {
    **{kind: kind for kind in (*KINDS, CARD)},
    **{f"{kind}s": kind for kind in (*KINDS, CARD)},
    "cities": "city",
}
"""Words that a file's name may begin with, and the kind of rows that it then holds."""


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


class Imported(msgspec.Struct):
    """What an import did, or would do. ``unchanged`` counts by kind; cards that are registered with
    another content stay as they are (``kept``, masked)."""

    version: int = 0
    changes: list[Change] = []
    unchanged: dict[str, int] = {}
    rows: int = 0
    cards: int = 0
    new_cards: int = 0
    opening_fen: int = 0
    kept: list[str] = []
    warnings: list[str] = []


class Named(msgspec.Struct, frozen=True):
    """A file, and the kind of those of its rows that name none (None: as the file's name says)."""

    path: Path
    kind: str | None = None


class _Row(msgspec.Struct, frozen=True):
    """A row of a file, with where it stands."""

    line: Line
    kind: str
    row: msgspec.Struct


class _Undone(Exception):
    """Takes a transaction back that was only to show what it would do."""


async def import_files(
    home: Path,
    files: Sequence[Named],
    *,
    whole: Iterable[str] = (),
    dry_run: bool = False,
) -> Imported:
    """Put the rows and cards of files in force, all or none; returns what changed.

    ``whole``: of these kinds
    the files hold every row, and what they do not hold ends. ``dry_run``: everything is done and taken
    back. Raises ``Refused`` with every wrong row.
    """
    problems: list[Problem] = []
    lines = [line for file in files for line in _with_kinds(file, problems)]
    async with open_node(home) as opened:
        connection = await asyncpg.connect(opened.dsn)
        done = Imported()
        try:
            async with connection.transaction():
                await _import_in(connection, lines, frozenset(whole), problems, done)
                if dry_run:
                    raise _Undone
        except _Undone:
            pass
        finally:
            await connection.close()
    return done


async def _import_in(
    connection: Connection,
    lines: Sequence[tuple[str, Line]],
    whole: frozenset[str],
    problems: list[Problem],
    done: Imported,
) -> None:
    open_date = await store.read_open_date(connection, lock="FOR SHARE")
    await connection.execute("SELECT pg_advisory_xact_lock($1)", store.REGISTRY_LOCK)
    rules_version, version = await store.read_versions(connection)
    in_force = by_key(await store.read_registry(connection, version))
    rule_set = rules.load(await store.read_rules(connection, rules_version))
    rows = _distinct(_rows_of(lines, in_force["operator"], problems), problems)
    _check(rows, in_force, rule_set, problems)
    issuers = [*in_force["issuer"].values(), *(row.row for row in rows)]
    cards = _cards_of(lines, issuers, problems)
    if problems:
        raise Refused(problems)
    ended = _look_for_changes(rows, in_force, whole, open_date, done)
    await _look_at_cards(connection, cards, done)
    put = [(row.kind, row.row) for row in rows]
    put += [(kind, new) for kind, _, new in ended if new is not None]
    done.version = await register_in(
        connection, put, list(cards.values()), [(kind, key) for kind, key, new in ended if not new]
    )


# -- reading -------------------------------------------------------------------------------------


def _with_kinds(file: Named, problems: list[Problem]) -> Iterable[tuple[str, Line]]:
    """(kind, row) of a file. A row says its kind itself, or whoever gave the file, or its name."""
    word = re.split(r"[^a-z]", file.path.name.lower(), maxsplit=1)[0]
    default = file.kind or _SPELLINGS.get(word)
    for line in read_lines(file.path, problems):
        fields = dict(line.fields)
        named = fields.pop("kind", default)
        if set(fields) == {"row"} and isinstance(fields["row"], dict):
            fields = fields["row"]
        if named is None:
            problems.append(
                line.problem("kind", "the row does not say what it is.", "Give --kind KIND.")
            )
        elif named not in {*KINDS, CARD}:
            known = ", ".join((*KINDS, CARD))
            problems.append(
                line.problem("kind", f"there is no kind of row {named!r}.", f"Known are {known}.")
            )
        else:
            yield named, Line(line.file, line.line, fields, line.strict)


def _rows_of(
    lines: Sequence[tuple[str, Line]],
    operators: Mapping[str, msgspec.Struct],
    problems: list[Problem],
) -> list[_Row]:
    found: list[_Row] = []
    for kind, line in lines:
        if kind == CARD:
            continue
        row: Any = convert(line, KINDS[kind], problems)
        if row is None:
            continue
        old = operators.get(str(row.number)) if isinstance(row, Operator) else None
        if isinstance(old, Operator) and "denylist_acknowledged" not in line.fields:
            # What an operator acknowledged is no matter of whoever writes its contract.
            row = msgspec.structs.replace(row, denylist_acknowledged=old.denylist_acknowledged)
        found.append(_Row(line, kind, row))
    return found


def _distinct(rows: Sequence[_Row], problems: list[Problem]) -> list[_Row]:
    """Each key once; the same row again is nothing, another one under its key is a problem."""
    first: dict[tuple[str, str], _Row] = {}
    for row in rows:
        earlier = first.setdefault((row.kind, key_of(row.kind, row.row)), row)
        if earlier.row != row.row:
            problems.append(
                row.line.problem(
                    "",
                    f"the {row.kind} stands in {earlier.line.file}:{earlier.line.line} with other"
                    " content.",
                    "Keep the row that holds.",
                )
            )
    return list(first.values())


def _check(
    rows: Sequence[_Row],
    in_force: Mapping[str, Mapping[str, msgspec.Struct]],
    rule_set: rules.RuleSet,
    problems: list[Problem],
) -> None:
    given = [row.row for row in rows]
    known = [*in_force["operator"].values(), *given]
    facts = Facts(frozenset(row.number for row in known if isinstance(row, Operator)), rule_set)
    for row in rows:
        problems += [row.line.problem(*wrong) for wrong in rowchecks.check(row.row, facts)]


def _cards_of(
    lines: Sequence[tuple[str, Line]],
    issuers: Iterable[msgspec.Struct],
    problems: list[Problem],
) -> dict[bytes, tuple[bytes, bytes]]:
    """Cards by number (19 bytes)."""
    own = {
        (row.family, row.issuer.upper()): row.number
        for row in issuers
        if isinstance(row, Issuer) and row.own
    }
    found: dict[bytes, tuple[bytes, bytes]] = {}
    for kind, line in lines:
        if kind != CARD:
            continue
        document = convert(line, CardDocument, problems)
        if document is None:
            continue
        wrong = list(_wrong_card(document, own))
        problems += [line.problem(*words) for words in wrong]
        if wrong:
            continue
        number = own[document.family, document.issuer.upper()]
        card = issued_card(issuer_number=number, **msgspec.structs.asdict(document))
        if found.setdefault(card[0], card) != card:
            problems.append(
                line.problem("serial", "the card stands in the files with other content.",
                             "Keep the row that holds.")
            )  # fmt: skip
    return found


def _wrong_card(
    card: CardDocument, own: Mapping[tuple[int, str], int]
) -> Iterable[rowchecks.Wrong]:
    if (card.family, card.issuer.upper()) not in own:
        yield (
            "issuer",
            f"issuer {card.issuer} is not this node's own.",
            "Register the issuer first.",
        )
    if not re.fullmatch(r"[0-9A-Fa-f]{20}", card.serial):
        yield "serial", f"{card.serial!r} is not 20 hexadecimal digits.", "Give all of them."
    if card.card_kind not in set(CardKind):
        kinds = ", ".join(f"{int(kind)} {kind.name.lower()}" for kind in CardKind)
        yield "card_kind", f"there is no card kind {card.card_kind}.", f"Known are {kinds}."
    for field in ("offline_counter", "online_counter"):
        if not 0 <= getattr(card, field) < 2**16:
            yield field, f"{getattr(card, field)} is no counter.", "Use 0 to 65535."
    if not -(2**31) <= card.balance_fen < 2**31:
        yield "balance_fen", f"{card.balance_fen} fen is no balance.", "Give fen, not more."
    if card.expires is not None and card.expires < date(2000, 1, 1):
        yield "expires", f"{card.expires} lies before 2000.", "Give the date printed on the card."


# -- what changes --------------------------------------------------------------------------------


def _look_for_changes(
    rows: Sequence[_Row],
    in_force: Mapping[str, Mapping[str, msgspec.Struct]],
    whole: frozenset[str],
    open_date: date,
    done: Imported,
) -> list[tuple[str, str, msgspec.Struct | None]]:
    """Notes what changes; returns the rows that end: (kind, key, the row with its end or None)."""
    unchanged: Counter[str] = Counter()
    given: dict[str, set[str]] = {}
    for row in rows:
        key = key_of(row.kind, row.row)
        given.setdefault(row.kind, set()).add(key)
        old = in_force[row.kind].get(key)
        change = change_of(row.kind, key, old, row.row)
        if change is None:
            unchanged[row.kind] += 1
        else:
            done.changes.append(change)
            done.warnings += rowchecks.warnings(old, row.row, open_date)
    ended: list[tuple[str, str, msgspec.Struct | None]] = []
    for kind in sorted(whole):
        for key, old in sorted(in_force[kind].items()):
            if key in given.get(kind, ()) or getattr(old, "until", None) is not None:
                continue
            new = end_of(old, open_date)
            change = change_of(kind, key, old, new)
            assert change is not None
            done.changes.append(change)
            ended.append((kind, key, new))
    done.rows, done.unchanged = len(rows), dict(unchanged)
    return ended


async def _look_at_cards(
    connection: Connection, cards: Mapping[bytes, tuple[bytes, bytes]], done: Imported
) -> None:
    known = await store.read_card_lines(connection, list(cards)) if cards else {}
    for card, line in cards.values():
        if card not in known:
            done.new_cards += 1
            done.opening_fen += card_lines.unpack(line).book_balance_fen
        elif known[card] != line:
            done.kept.append(masked(card[9:].hex().upper()))
    done.cards = len(cards)


# -- master keys ---------------------------------------------------------------------------------


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
