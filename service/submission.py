"""Handing batches in: files in one of the four forms, or foreign ones through a profile."""

from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

import asyncpg
import httpx
import msgspec

from clearing import store
from clearing.engine import Engine
from clearing.intake import Refusal
from clearing.limits import BATCH_BYTES_MAX
from schemas.forms import Form, detect, encode
from schemas.proof import Receipt
from schemas.reasons import ROW, Reason
from schemas.registry import Operator
from service import completeness, profiles, terminal
from service.errors import ServiceError
from service.home import OpenNode, open_node, register
from service.logs import quiet
from service.profiles.batching import Batching, ranges
from service.profiles.enrolment import Directory, Survey
from service.profiles.layout import Layout

HTTP_WAIT_S: Final = 300.0
PORT_MAX: Final = 65_535


class Given(msgspec.Struct, frozen=True):
    """A receipt: its bytes, which are what counts, and what they say."""

    body: bytes
    fields: Receipt


class Total(msgspec.Struct):
    """Sums over batches."""

    batches: int = 0
    taps: int = 0
    accepted: int = 0
    held: int = 0
    rejected: int = 0
    gross_fen: int = 0
    charged_fen: int = 0
    reasons: dict[str, int] = {}


class Outcome(msgspec.Struct):
    """What became of files."""

    receipts: list[Given] = []
    refused: list[str] = []
    remarks: list[str] = []
    left_out: list[str] = []
    enrolled: list[str] = []

    def take(self, body: bytes) -> None:
        """A receipt came."""
        self.receipts.append(Given(body, msgspec.json.decode(body, type=Receipt)))

    def total(self) -> Total:
        """Sums over all batches; one that was handed in twice, and got its receipt twice, is one."""
        total, reasons = Total(), Counter[str]()
        distinct = {receipt.fields.batch_seq: receipt.fields for receipt in self.receipts}
        for fields in distinct.values():
            total.batches += 1
            for name in ("taps", "accepted", "held", "rejected", "gross_fen", "charged_fen"):
                setattr(total, name, getattr(total, name) + getattr(fields, name))
            reasons.update(fields.reasons)
        total.reasons = dict(reasons)
        return total


async def at_home(
    files: Sequence[Path], home: Path, profile: str | None, *, enrol: bool = False
) -> Outcome:
    """Hand files in to the node of a home, whose engine runs in this process meanwhile.

    Raises ``NotTheWriter`` where a server is at work on the node.
    """
    quiet()
    layout = profiles.find(profile) if profile else None
    async with open_node(home) as opened:
        if layout is not None:
            return await _through_profile(files, opened, layout, enrol=enrol)
        outcome = Outcome()
        engine = await Engine.start(opened.dsn, opened.node, opened.kernel)
        try:
            with terminal.progress("submitting", len(files)) as advance:
                for path in files:
                    await _hand_in(engine, path.name, _read(path), outcome)
                    advance(1)
        finally:
            await engine.close()
        await _remark_gaps(opened.dsn, outcome)
        return outcome


async def _hand_in(engine: Engine, name: str, body: bytes, outcome: Outcome) -> None:
    try:
        outcome.take(await engine.clear_batch(body, trusted=True))
    except Refusal as refusal:
        outcome.refused.append(refused_line(name, refusal))


def refused_line(name: str, refusal: Refusal) -> str:
    """A refusal in both languages: the reason's name, what was expected and what came, what to do."""
    row = ROW[refusal.reason]
    return (
        f"{name}: {row.name}: {refusal.sentence} {refusal.remedy}\n"
        f"  {row.chinese}；{row.remedy_chinese}"
    )


async def _remark_gaps(dsn: str, outcome: Outcome) -> None:
    """What is missing of the numbers of those operators whose batches were taken."""
    numbers = {receipt.fields.operator for receipt in outcome.receipts}
    if not numbers:
        return
    connection = await asyncpg.connect(dsn)
    try:
        _, version = await store.read_versions(connection)
        rows = (await store.read_registry(connection, version, ("operator",)))["operator"]
        operators = [row for row in rows if isinstance(row, Operator) and row.number in numbers]
        days = await completeness.days_of(connection, None)
        boards = await completeness.read_boards(connection, operators, days)
    finally:
        await connection.close()
    outcome.remarks += [words for words in map(completeness.remark_of, boards) if words]


def _read(path: Path) -> bytes:
    """A file, of which no more is read than a batch may have and one byte beyond."""
    with path.open("rb") as file:
        return file.read(BATCH_BYTES_MAX + 1)


# -- foreign files -------------------------------------------------------------------------------


async def _through_profile(
    files: Sequence[Path], opened: OpenNode, layout: Layout, *, enrol: bool
) -> Outcome:
    outcome = Outcome()
    survey = Survey(layout)
    with terminal.progress("reading") as advance:
        survey.look_through(files, advance)
    directory = await _directory(opened, layout)
    added = directory.enrol(survey) if enrol else []
    counts = Counter(kind for kind, _ in added)
    if counts:
        words = ", ".join(f"{count:,} {kind}s" for kind, count in counts.items())
        outcome.enrolled.append(f"enrolled: {words}")
    added += directory.name(survey)
    if added:
        await register(opened.dsn, added)
    batching = Batching(layout, directory)
    engine = await Engine.start(opened.dsn, opened.node, opened.kernel)
    try:
        with terminal.progress("submitting", survey.rows) as advance:
            for path in files:
                for made in batching.batches(path):
                    header = made.batch.header
                    name = (
                        f"{path.name}:{ranges(made.lines)}: {header.count:,} taps of"
                        f" {made.company}, declared for {header.declared_date}"
                    )
                    await _hand_in(engine, name, encode(made.batch, Form.BINARY), outcome)
                    advance(header.count)
    finally:
        await engine.close()
    _tell(batching, outcome)
    return outcome


async def _directory(opened: OpenNode, layout: Layout) -> Directory:
    connection = await asyncpg.connect(opened.dsn)
    try:
        _, version = await store.read_versions(connection)
        return Directory(layout, await store.read_registry(connection, version))
    finally:
        await connection.close()


def _tell(batching: Batching, outcome: Outcome) -> None:
    row = ROW[Reason.OPERATOR_UNKNOWN]
    outcome.refused += [
        f"{file}:{ranges(lines)}: {len(lines):,} taps of {company}: {row.name}:"
        f" {row.english}; {row.remedy_english}, or use --enrol\n"
        f"  {row.chinese}；{row.remedy_chinese}"
        for (file, company), lines in batching.unknown.items()
    ]
    outcome.left_out += [
        f"{file}:{ranges(lines)}: {reason}" for (file, reason), lines in batching.left_out.items()
    ]
    count = sum(len(lines) for lines in batching.left_out.values())
    if count:
        outcome.left_out.append(f"{count:,} rows in all, which no record can hold")


# -- over HTTP -----------------------------------------------------------------------------------


async def over_http(files: Iterable[Path], url: str, api_key: str) -> Outcome:
    """Post files to a node's HTTP door. Raises ``ServiceError`` where it does not answer."""
    _check_address(url, api_key)
    outcome = Outcome()
    names = list(files)
    headers = {"Authorization": f"Bearer {api_key}"}
    try:
        async with httpx.AsyncClient(
            base_url=url, headers=headers, timeout=HTTP_WAIT_S, follow_redirects=False
        ) as client:
            with terminal.progress("submitting", len(names)) as advance:
                for path in names:
                    await _post(client, path, outcome)
                    advance(1)
            if outcome.receipts:
                await _ask_for_gaps(client, outcome)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise ServiceError(
            f"{url} does not answer: {str(error) or type(error).__name__}.",
            "Start the node (onecard serve), or mend --url; what was acknowledged is kept.",
        ) from error
    return outcome


def _check_address(url: str, api_key: str) -> None:
    """What no request can be made of is said before one is tried."""
    if not (api_key.isascii() and api_key.isprintable()):
        raise ServiceError(
            "The API key holds characters that no key has.", "Give it as it was shown."
        )
    with suppress(httpx.InvalidURL):
        if (httpx.URL(url).port or 0) > PORT_MAX:
            raise ServiceError(f"{url} has no such port.", f"Ports go up to {PORT_MAX}.")


async def _post(client: httpx.AsyncClient, path: Path, outcome: Outcome) -> None:
    body = _read(path)
    try:
        form = detect(body).value
    except ValueError:
        form = "application/octet-stream"
    answer = await client.post("/v1/batches", content=body, headers={"Content-Type": form})
    if answer.is_success:
        outcome.take(answer.content)
        return
    try:
        problem = answer.json()
        words = f"{problem.get('reason', problem.get('title'))}: {problem.get('detail', '')}"
        if "reason" in problem:
            words += f" {problem['remedy']}\n  {problem['chinese']}；{problem['remedy_chinese']}"
    except ValueError:
        words = f"HTTP {answer.status_code}"
    outcome.refused.append(f"{path.name}: {words}")


async def _ask_for_gaps(client: httpx.AsyncClient, outcome: Outcome) -> None:
    """What the node says is missing of the operator's numbers."""
    answer = await client.get("/v1/completeness")
    if not answer.is_success:
        return
    board = answer.json()
    runs = [completeness.Missing(**run) for run in board["missing"]]
    words = completeness.gap_words(board["operator"], runs)
    if words:
        outcome.remarks.append(words)
