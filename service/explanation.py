"""Why a tap got what it got: everything that the node knows of it, gathered for a person."""

import hashlib
import re
from pathlib import Path
from typing import Final

import asyncpg
import msgspec

from clearing import inspection, store
from clearing.inspection import BookedLine, StoredTap
from clearing.plan import Purpose
from clearing.state import Plans
from clearing.store import BatchRow, Connection
from schemas import proof, record
from schemas.codes import CardFamily, Source, TapKind, Verdict
from schemas.reasons import ROW, Reason, names
from schemas.registry import Operator, Station
from service.errors import ServiceError
from service.evidence import in_words
from service.home import OpenNode, open_node
from service.text import moment_of_record, yuan

_Registry = dict[str, list[msgspec.Struct]]
_TAP: Final = re.compile(r"(?:(\d{1,19})|(\d{1,10})/(\d{1,20})):(\d{1,9})")


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """A tap with its batch, the way up to the roots, and what its batch booked."""

    tap: StoredTap
    batch: BatchRow
    operator: str
    places: str
    accounts: list[tuple[str, int]]
    """(account code, fen) that the tap's own fare was split over."""
    postings: list[BookedLine]
    leaf: bytes
    path: list[tuple[bool, bytes]]
    proven: bool
    """Whether leaf and path give the batch root that stands in the receipt."""
    day_path: list[tuple[bool, bytes]]
    taps_root: bytes | None
    seal: bytes | None


def parse(text: str) -> tuple[int | None, int, int, int]:
    """(batch_seq or None, operator, number, row) of ``batch_seq:row`` or ``operator/number:row``."""
    found = _TAP.fullmatch(text)
    if found is None:
        raise ServiceError(
            f"{text!r} names no tap.",
            "Write BATCH_SEQ:ROW or OPERATOR/NUMBER:ROW; rows count from 0.",
        )
    seq, operator, number, row = found.groups()
    return int(seq) if seq else None, int(operator or 0), int(number or 0), int(row)


async def explain(home: Path, text: str) -> Explanation:
    """Everything about a tap. Raises ``ServiceError`` where there is none."""
    place = parse(text)
    async with open_node(home) as opened:
        connection = await asyncpg.connect(opened.dsn)
        try:
            async with connection.transaction(isolation="repeatable_read", readonly=True):
                return await _gather(connection, opened, text, place)
        finally:
            await connection.close()


async def _gather(
    connection: Connection, opened: OpenNode, text: str, place: tuple[int | None, int, int, int]
) -> Explanation:
    seq, operator, number, row = place
    if seq is not None:
        batch = await inspection.batch_by_seq(connection, seq)
    else:
        batch = await inspection.batch_by_number(connection, operator, number)
    if batch is None or row >= batch.tap_count:
        what = "batch" if batch is None else "row"
        raise ServiceError(
            f"There is no tap {text}: the {what} is not there.",
            "Look at the receipt for batch_seq and taps; rows count from 0.",
        )
    registry = await store.read_registry(connection, batch.registry_version)
    taps = await inspection.read_taps(connection, batch, 0, batch.tap_count, own=False)
    plan = await Plans(opened.node).plan(connection, batch.rules_version, batch.registry_version)
    leaves = inspection.leaves_of(batch, taps, plan, opened.node.secret)
    path = proof.path(leaves, row)
    taps_root, seal, roots = await inspection.read_day_roots(connection, batch)
    nodes = [proof.batch_node(*root) for root in roots]
    position = [batch_seq for batch_seq, _ in roots].index(batch.batch_seq)
    codes = {a.number: a.code for a in (await store.read_accounts(connection)).values()}
    shares = inspection.shares_of(batch, taps[row], plan)
    return Explanation(
        tap=taps[row],
        batch=batch,
        operator=_operator_name(registry, batch),
        places=_places(registry, record.unpack(taps[row].record)),
        accounts=[(codes.get(account, str(account)), fen) for account, fen in shares],
        postings=await inspection.read_postings(connection, batch.batch_seq),
        leaf=leaves[row],
        path=path,
        proven=proof.climb(leaves[row], path) == batch.batch_root,
        day_path=proof.path(nodes, position),
        taps_root=taps_root,
        seal=seal,
    )


def _operator_name(registry: _Registry, batch: BatchRow) -> str:
    if batch.source != Source.OPERATOR:
        return f"presented by another city ({batch.origin})"
    for row in registry["operator"]:
        if isinstance(row, Operator) and row.number == batch.operator_no:
            return f"{row.number} {row.name}"
    return str(batch.operator_no)


def _places(registry: _Registry, fields: record.Tap) -> str:
    """Line, station and vehicle by number, and by name where the registry has one."""
    words = []
    for kind in ("line", "station", "vehicle"):
        number = getattr(fields, kind)
        found = {
            row.operator: row.name
            for row in registry[kind]
            if isinstance(row, Station) and row.number == number
        }
        name = found.get(fields.operator) or found.get(0, "")
        words.append(f"{kind} {number} {name}".rstrip())
    return ", ".join(words)


# -- in words ------------------------------------------------------------------------------------


def lines_of(found: Explanation) -> list[str]:
    """The explanation as lines of text."""
    return [
        *_tap_lines(found),
        *_verdict_lines(found.tap),
        *_money_lines(found),
        *_batch_lines(found),
        *_posting_lines(found),
        *_proof_lines(found),
    ]


def _tap_lines(found: Explanation) -> list[str]:
    tap, fields = found.tap, record.unpack(found.tap.record)
    kinds = {kind.value: kind.name.lower().replace("_", " ") for kind in TapKind}
    families = {family.value: family.name for family in CardFamily}
    return [
        (
            f"tap {found.batch.batch_seq}:{tap.row_no}  {kinds.get(tap.kind, f'kind {tap.kind}')}"
            f" at {moment_of_record(fields.tapped_at)}"
        ),
        (
            f"  card      {families.get(fields.family, fields.family)}, issuer {fields.issuer},"
            f" serial {'*' * 16}{fields.serial[-4:]}"
        ),
        f"  operator  {found.operator}",
        (
            f"  terminal  {fields.terminal_id}, its transaction {fields.terminal_number};"
            f" {found.places}"
        ),
    ]


def _verdict_lines(tap: StoredTap) -> list[str]:
    lines = [f"verdict: {Verdict(tap.verdict).name.lower()}"]
    if tap.reason:
        row = ROW[Reason(tap.reason)]
        lines += [
            f"  {row.name}: {row.english}  {row.chinese}",
            f"  who bears it: {row.bearer}; what to do: {row.remedy_english}  {row.remedy_chinese}",
        ]
    else:
        lines.append("  clean: nothing to say against it  无异常")
    for name in names(tap.flags):
        row = ROW[Reason[name.upper()]]
        lines.append(f"  also {name}: {row.english}  {row.chinese}")
    for remark in tap.remarks:
        evidence = in_words(remark)
        words = f"{evidence.field}"
        if evidence.expected or evidence.actual:
            words += f" expected {evidence.expected}, came {evidence.actual}"
        lines.append(f"  evidence for {evidence.reason}: {words}")
    return lines


def _money_lines(found: Explanation) -> list[str]:
    tap = found.tap
    lines = [
        (
            f"money (yuan): charged {yuan(tap.amount_fen)}, before discounts {yuan(tap.gross_fen)},"
            f" our tariff {yuan(tap.priced_fen)}, credited {yuan(tap.credited_fen)},"
            f" subsidy {yuan(tap.subsidy_fen)}"
        )
    ]
    return lines + [f"  {yuan(fen)} to {code}" for code, fen in found.accounts]


def _batch_lines(found: Explanation) -> list[str]:
    batch = found.batch
    digest = hashlib.sha256(batch.receipt).hexdigest()
    return [
        f"batch {batch.batch_seq}: number {batch.number}, declared for {batch.declared_date},"
        f" cleared on {batch.business_date}, {batch.tap_count:,} taps"
        + (f", profile {batch.profile}" if batch.profile else ""),
        (
            f"  judged under rules {batch.rules_version}, registry {batch.registry_version},"
            f" denylist {batch.denylist_version}"
        ),
        f"  digest {batch.digest.hex()}",
        f"  receipt's SHA-256 {digest}",
    ]


def _posting_lines(found: Explanation) -> list[str]:
    if not found.postings:
        return ["the batch booked nothing"]
    purposes = {purpose.value: purpose.name.lower() for purpose in Purpose}
    return ["the batch booked (debit +, credit −, yuan):"] + [
        f"  {line.entry_id}  {line.account}  {purposes.get(line.purpose, line.purpose)}"
        f"  {yuan(line.amount_fen)}  of {line.tap_count:,} taps"
        for line in found.postings
    ]


def _proof_lines(found: Explanation) -> list[str]:
    batch = found.batch
    holds = "holds" if found.proven else "DOES NOT HOLD"
    lines = [f"proof: the leaf's path to the receipt's root {holds}", f"  leaf {found.leaf.hex()}"]
    lines += _steps(found.path)
    lines.append(f"  batch root {batch.batch_root.hex()}")
    if found.taps_root is None:
        return [*lines, f"  {batch.business_date} has no roots yet: settle it first"]
    node = proof.batch_node(batch.batch_seq, batch.batch_root)
    reaches = proof.climb(node, found.day_path) == found.taps_root
    lines.append(f"  batch's node in the day {node.hex()}")
    lines += _steps(found.day_path)
    lines.append(
        f"  taps root {found.taps_root.hex()}"
        + ("" if reaches else "  (THE PATH DOES NOT REACH IT)")
    )
    if found.seal is not None:
        lines.append(f"  seal {found.seal.hex()}")
    return lines


def _steps(path: list[tuple[bool, bytes]]) -> list[str]:
    return [f"  {'left ' if left else 'right'} {sibling.hex()}" for left, sibling in path]
