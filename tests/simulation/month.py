"""A generated month played on a real node, night after night, and held against what it must come to.

``play`` submits every date's batches in their order, imports registries and load logs on their dates,
settles, and compares: receipts, every tap, suspense, unclaimed, card liability, adjustments, items. It
stops at the first date with a difference and names what differs.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import date, datetime
from pathlib import Path

import asyncpg
import msgspec

from clearing import cards as card_lines
from clearing import store
from clearing.engine import Engine
from loadtest.month.files import BatchLine, CardEnd, ItemEnd, LogFile
from loadtest.month.model.audit import Night
from schemas import proof
from schemas.codes import Verdict
from schemas.reasons import Reason
from service.registration import register
from settlement.context import Context
from settlement.day import settle_day
from settlement.store.items import read_standing
from settlement.store.loads import LoadRow, add_complete_until, add_loads
from tests.simulation.month_node import dates_of, read_rows

SHOWN = 20


class Differs(AssertionError):
    """The node says something else than was written down beforehand."""


class Played(msgspec.Struct):
    """How long it took, seconds; ``nights``: by date."""

    taps: int = 0
    batches: int = 0
    submitting_s: float = 0.0
    comparing_s: float = 0.0
    nights: dict[str, float] = {}


# -- playing --------------------------------------------------------------------------------------


async def play(context: Context, folder: Path, *, until: int = 10_000) -> Played:
    """Play a month on a node that was opened for it. Raises ``Differs``."""
    played = Played()
    nights = (folder / "expected" / "nights.jsonl").read_bytes().splitlines()
    engine = await Engine.start(context.dsn, context.node, context.kernel)
    try:
        for number, day in enumerate(dates_of(folder)[:until]):
            wanted = msgspec.json.decode(nights[number], type=Night)
            await _date(engine, context, folder, day, number, wanted, played)
    finally:
        await engine.close()
    return played


async def _date(
    engine: Engine,
    context: Context,
    folder: Path,
    day: date,
    number: int,
    wanted: Night,
    played: Played,
) -> None:
    here = folder / "dates" / f"{day}"
    if number:
        await register(context.dsn, read_rows(here / "registry.jsonl"))
    await import_log(context.dsn, here / "load-log.json", day)
    decode = msgspec.json.Decoder(BatchLine).decode
    lines = [
        decode(line) for line in (folder / "expected" / f"{day}.jsonl").read_bytes().splitlines()
    ]
    started = time.monotonic()
    await submit(engine, here / "batches", lines)
    played.submitting_s += time.monotonic() - started
    started = time.monotonic()
    connection = await asyncpg.connect(context.dsn)
    try:
        _refuse(day, "taps", await differing_taps(connection, day, lines))
        played.comparing_s += time.monotonic() - started
        started = time.monotonic()
        await settle_day(context, day)
        played.nights[f"{day}"] = round(time.monotonic() - started, 2)
        started = time.monotonic()
        found = [*await differing_money(connection, day, wanted)]
        found += await differing_items(connection, day, wanted)
        _refuse(day, "money and items", found)
        played.comparing_s += time.monotonic() - started
    finally:
        await connection.close()
    played.taps += sum(wanted.verdicts)
    played.batches += len(lines)


def _refuse(day: date, what: str, found: list[str]) -> None:
    if found:
        more = f"\n… and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
        raise Differs(f"{day}, {what}:\n" + "\n".join(found[:SHOWN]) + more)


async def import_log(dsn: str, path: Path, day: date) -> None:
    """Import the load logs of a date."""
    if not path.exists():
        return
    log = msgspec.json.decode(path.read_bytes(), type=LogFile)
    connection = await asyncpg.connect(dsn)
    try:
        async with connection.transaction():
            for issuer, lines in log.lines.items():
                rows = [
                    LoadRow(
                        issuer_no=issuer,
                        authorisation=line.authorisation,
                        card=bytes([line.family]) + bytes.fromhex(line.issuer + line.serial),
                        online_counter=line.online_counter,
                        amount_fen=line.amount_fen,
                        loaded_at=datetime.fromisoformat(line.loaded_at),
                        operator_no=line.operator,
                        imported_on=day,
                    )
                    for line in lines
                ]
                await add_loads(connection, rows)
                until = datetime.fromisoformat(log.complete_until)
                await add_complete_until(connection, issuer, until, day)
    finally:
        await connection.close()


async def submit(engine: Engine, folder: Path, lines: list[BatchLine]) -> None:
    """Hand a date's batches in, one after the other. One that came before gets its first receipt."""
    receipts: dict[tuple[int, int], bytes] = {}
    for line in lines:
        receipt = await engine.clear_batch((folder / line.file).read_bytes())
        place = (line.operator, line.number)
        if receipts.setdefault(place, receipt) != receipt:
            raise Differs(f"{line.file}: another receipt than the first one")
        said = msgspec.json.decode(receipt, type=proof.Receipt)
        if not line.again and said.batch_seq != line.batch_seq:
            raise Differs(f"{line.file}: batch_seq {said.batch_seq}, expected {line.batch_seq}")
        if not line.again and said.declared_late != line.declared_late:
            raise Differs(f"{line.file}: declared late {said.declared_late}, expected the contrary")


# -- comparing ------------------------------------------------------------------------------------

_NOT_SILENT = (
    f"verdict <> 0 OR reason NOT IN (0, {int(Reason.TAC_BY_ISSUER)}) OR flags <> 0"
    " OR credited_fen <> amount_fen"
)


async def differing_taps(
    connection: asyncpg.Connection[asyncpg.Record], day: date, lines: list[BatchLine]
) -> list[str]:
    """Every tap of a date that got another answer than it must get, in words."""
    said = await connection.fetch(
        "SELECT batch_seq, row_no, verdict, reason, flags, priced_fen, credited_fen, subsidy_fen"
        f" FROM clearing.tap WHERE business_date = $1 AND ({_NOT_SILENT})",
        day,
    )
    found = {
        (row[0], row[1]): (row[2], Reason(row[3]).name.lower(), *tuple(row)[4:]) for row in said
    }
    differences = []
    for line in lines:
        for at, *answer, fault in line.rows:
            actual = found.pop((line.batch_seq, at), None)
            if actual != tuple(answer):
                where = f"{line.file} row {at} [{fault}]"
                differences.append(f"{where}: {_words(actual)}; expected {_words(tuple(answer))}")
    files = {line.batch_seq: line.file for line in lines}
    for (batch_seq, at), actual in found.items():
        where = f"{files.get(batch_seq, batch_seq)} row {at}"
        differences.append(f"{where}: {_words(actual)}; expected nothing to be said")
    return differences or await _differing_sums(connection, day, lines)


def _words(answer: tuple[object, ...] | None) -> str:
    if answer is None:
        return "nothing is said"
    verdict, reason, flags, *fens = answer
    assert isinstance(verdict, int)
    assert isinstance(flags, int)
    others = [each.name.lower() for each in Reason if each < 64 and flags >> each & 1]
    return f"{Verdict(verdict).name.lower()} {reason} ({', '.join(others)}) {fens}"


async def _differing_sums(
    connection: asyncpg.Connection[asyncpg.Record], day: date, lines: list[BatchLine]
) -> list[str]:
    rows = await connection.fetch(
        "SELECT batch_seq, count(*), count(*) FILTER (WHERE verdict = 0), sum(priced_fen),"
        " sum(credited_fen), sum(subsidy_fen) FROM clearing.tap WHERE business_date = $1 GROUP BY 1",
        day,
    )
    said = {row[0]: tuple(row)[1:] for row in rows}
    differences = []
    for line in lines:
        fens = (line.priced_fen, line.credited_fen, line.subsidy_fen)
        wanted = (line.count, line.verdicts[0], *fens)
        if not line.again and said.get(line.batch_seq) != wanted:
            differences.append(f"{line.file}: sums {said.get(line.batch_seq)}, expected {wanted}")
    return differences


async def differing_money(
    connection: asyncpg.Connection[asyncpg.Record], day: date, wanted: Night
) -> Iterator[str]:
    """Accounts that do not stand where they must at the end of a date."""
    rows = await connection.fetch(
        "SELECT a.code, -sum(p.amount_fen)::bigint FROM clearing.posting p"
        " JOIN clearing.entry e USING (entry_id) JOIN clearing.account a USING (account_no)"
        " WHERE e.business_date <= $1 GROUP BY 1",
        day,
    )
    balances = {row[0]: row[1] for row in rows}
    due = {"principal/suspense": wanted.suspense_fen}
    for name, fen in wanted.unclaimed_fen.items():
        due[f"principal/unclaimed/{name}"] = fen
    for issuer, fen in wanted.card_liability_fen.items():
        due[f"principal/card_liability/{issuer}"] = fen
    for code in balances:
        if code.startswith("principal/unclaimed/"):
            due.setdefault(code, 0)
    adjusted = await connection.fetchval(
        "SELECT coalesce(sum(amount_fen), 0)::bigint FROM settlement.adjustment"
        " WHERE business_date <= $1",
        day,
    )
    balances["adjustments"], due["adjustments"] = adjusted, sum(wanted.adjustments_fen.values())
    return (
        f"{code}: {balances.get(code, 0)} fen, expected {fen}"
        for code, fen in sorted(due.items())
        if balances.get(code, 0) != fen
    )


async def differing_items(
    connection: asyncpg.Connection[asyncpg.Record], day: date, wanted: Night
) -> Iterator[str]:
    """Items that were opened or changed otherwise than they must; kinds of which others are open."""
    changed = await connection.fetch(
        "SELECT item_id, 0 AS change_no, 'opened', amount_fen FROM settlement.item"
        " WHERE opened_on = $1 UNION ALL SELECT item_id, change_no, outcome,"
        " CASE state WHEN 'open' THEN amount_fen ELSE 0 END"
        " FROM settlement.item_change WHERE business_date = $1 ORDER BY 1, 2",
        day,
    )
    said = Counter((row[0].lower(), row[2], row[3]) for row in changed)
    due = Counter((each.item_id.lower(), each.outcome, each.amount_fen) for each in wanted.changes)
    found = [f"{_told(each)}: not expected" for each in (said - due).elements()]
    found += [f"{_told(each)}: expected, and did not happen" for each in (due - said).elements()]
    waiting = await connection.fetch(
        "SELECT i.kind, count(*), sum(coalesce(c.amount_fen, i.amount_fen))::bigint"
        " FROM settlement.item i LEFT JOIN LATERAL (SELECT state, amount_fen"
        " FROM settlement.item_change c WHERE c.item_id = i.item_id ORDER BY change_no DESC LIMIT 1)"
        " c ON true WHERE coalesce(c.state, 'open') = 'open' GROUP BY 1"
    )
    kinds = {row[0]: (row[1], row[2]) for row in waiting}
    found += [
        f"{kind}: {kinds.get(kind)} open, expected {wanted.open_items.get(kind)}"
        for kind in sorted(kinds.keys() | wanted.open_items.keys())
        if kinds.get(kind) != wanted.open_items.get(kind)
    ]
    return iter(sorted(found))


def _told(change: tuple[str, str, int]) -> str:
    item_id, outcome, amount_fen = change
    return f"{item_id} {outcome} at {amount_fen} fen"


async def differing_end(context: Context, folder: Path) -> list[str]:
    """Cards and open items that do not end as they must."""
    connection = await asyncpg.connect(context.dsn)
    try:
        last = dates_of(folder)[-1]
        standing = await read_standing(connection, last)
        items = {(each.item.item_id.lower(), each.amount_fen) for each in standing}
        lines = await store.read_pages(connection, date.max)
        rows = await connection.fetch(
            "SELECT card, sum(amount_fen)::bigint FROM settlement.adjustment GROUP BY 1"
        )
    finally:
        await connection.close()
    lines_due = (folder / "expected" / "items.jsonl").read_bytes().splitlines()
    due = [msgspec.json.decode(line, type=ItemEnd) for line in lines_due]
    wanted = {(item.item_id.lower(), item.amount_fen) for item in due}
    found = [f"{item} is open, and was not expected" for item in sorted(items - wanted)]
    found += [f"{item} is not open, and was expected" for item in sorted(wanted - items)]
    adjusted = {row[0]: row[1] for row in rows}
    found += _differing_cards(folder, lines, adjusted)
    return found


def _differing_cards(
    folder: Path, pages: Iterable[tuple[int, bytes]], adjusted: dict[bytes, int]
) -> Iterator[str]:
    lines = {}
    for _, page in pages:
        for at in range(0, len(page), card_lines.SIZE):
            line = card_lines.unpack(page[at : at + card_lines.SIZE])
            lines[line.family, line.serial] = line
    for text in (folder / "expected" / "cards.jsonl").read_bytes().splitlines():
        wanted = msgspec.json.decode(text, type=CardEnd)
        name = bytes.fromhex(wanted.card)
        line = lines[name[0], name[9:]]
        said = CardEnd(
            wanted.card,
            line.offline_highest,
            line.online_highest,
            line.stated_balance_fen,
            line.book_balance_fen,
            line.book_balance_fen + adjusted.get(name, 0),
        )
        if said != wanted:
            yield f"{said}, expected {wanted}"
