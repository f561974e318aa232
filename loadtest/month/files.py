"""The directory of a month.

- ``keys.json``, ``operators.json``, ``cards.jsonl``: test keys and the issuers' lists
- ``rules/SET/rules.toml``: a rule set that the node needs beside the city's own one
- ``dates/DATE/registry.jsonl``: rows to import before the date's first batch (the first date: all)
- ``dates/DATE/load-log.json``: the issuers' lines to import on the date, ``complete_until``
- ``dates/DATE/batches/NNNNNN-OPERATOR-NUMBER.bin``: in the order of submission
- ``expected/DATE.jsonl``: one line a batch (``BatchLine``)
- ``expected/nights.jsonl``: one line a date (``loadtest.month.model.audit.Night``)
- ``expected/cards.jsonl``, ``expected/items.jsonl``: how it all ends
- ``expected/summary.json``

The node is one in production. A row of a batch that is not among ``rows`` is accepted, with nothing to say but ``tac_by_issuer`` of
another city's card, and credited in full.
"""

from collections import Counter
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Final

import msgspec

from loadtest.cards import TestKeySet
from loadtest.month.model.card import Card
from loadtest.month.month import BusinessDate, Imported, Month, Submitted
from loadtest.month.newcomer import RULE_SET
from schemas import batch
from schemas.items import LoadLogged
from schemas.reasons import names

encoder: Final = msgspec.json.Encoder()

Row = tuple[int, int, str, int, int, int, int, str]
"""Row number, verdict, reason, remaining flags; priced, credited and subsidy fen; planted fault."""


class BatchLine(msgspec.Struct):
    """What a batch must get. ``again``: these bytes came before, so the answer is the first receipt."""

    file: str
    operator: int
    number: int
    again: bool
    batch_seq: int
    declared_late: bool
    count: int
    verdicts: tuple[int, int, int]
    priced_fen: int
    credited_fen: int
    subsidy_fen: int
    rows: list[Row]


class CardEnd(msgspec.Struct):
    """A card as the node must know it in the end. ``owed_fen``: book balance and adjustments."""

    card: str
    offline: int
    online: int
    stated_fen: int
    book_fen: int
    owed_fen: int


class ItemEnd(msgspec.Struct):
    """An item that is still open in the end."""

    item_id: str
    kind: str
    amount_fen: int
    card: str


class Summary(msgspec.Struct):
    """Counts of the whole month; ``reasons`` counts reasons and flags, ``faults`` the taps of each."""

    seed: int
    first: str
    dates: int
    taps: int
    batches: int
    honest: bool
    reasons: dict[str, int]
    faults: dict[str, int]


class LogFile(msgspec.Struct):
    """What is imported of the load logs on a date. ``lines``: by issuer number."""

    complete_until: str
    lines: dict[int, list[LoadLogged]]


def line_of(submitted: Submitted, position: int, day: date) -> BatchLine:
    """The line of one batch that arrives on a business date."""
    header = submitted.sent.batch.header
    answers = submitted.answers
    verdicts = [0, 0, 0]
    rows = []
    for at, (answer, item) in enumerate(zip(answers, submitted.sent.items, strict=False)):
        verdicts[answer.verdict] += 1
        if not answer.silent:
            fens = (answer.priced_fen, answer.credited_fen, answer.subsidy_fen)
            rows.append((at, answer.verdict, answer.reason, answer.flags, *fens, item.fault))
    return BatchLine(
        f"{position:06d}-{header.operator}-{header.number}.bin",
        header.operator,
        header.number,
        submitted.again,
        submitted.batch_seq,
        header.declared_date < day.strftime("%Y%m%d"),
        header.count,
        (verdicts[0], verdicts[1], verdicts[2]),
        sum(answer.priced_fen for answer in answers),
        sum(answer.credited_fen for answer in answers),
        sum(answer.subsidy_fen for answer in answers),
        rows,
    )


def log_of(imported: Imported, month: Month) -> LogFile:
    """The load logs of a date as they are handed in."""
    lines: dict[int, list[LoadLogged]] = {pool.issuer.number: [] for pool in month.world.pools}
    for line in imported.lines:
        draft = line.ride.draft
        at = draft.tapped_at.hex()
        day, clock = f"{at[:4]}-{at[4:6]}-{at[6:8]}", f"{at[8:10]}:{at[10:12]}:{at[12:]}"
        assert line.amount_fen is not None
        lines[line.ride.pool.issuer.number].append(
            LoadLogged(
                family=draft.family,
                issuer=draft.issuer.hex().upper(),
                serial=draft.serial.hex().upper(),
                online_counter=line.online,
                amount_fen=line.amount_fen,
                loaded_at=f"{day}T{clock}",
                operator=draft.operator,
                authorisation=line.authorisation,
            )
        )
    return LogFile(f"{imported.complete_until}T00:00:00", lines)


def key_row(keys: TestKeySet) -> dict[str, object]:
    """A key set as ``keys.json`` has it."""
    return {**msgspec.structs.asdict(keys), "master_key": keys.master_key.hex().upper()}


def end_of(card: Card) -> CardEnd:
    """How a card ends."""
    owed = card.book_fen + card.adjusted_fen
    name = card.name.hex().upper()
    return CardEnd(name, card.offline, card.online, card.stated_fen, card.book_fen, owed)


class Writer:
    """Writes a month date by date."""

    def __init__(self, month: Month, out: Path, *, honest: bool = False) -> None:
        self.month, self.out = month, out
        self._reasons: Counter[str] = Counter()
        self._faults: Counter[str] = Counter()
        self._taps = self._batches = self._position = 0
        self._honest = honest

    def write(self, progress: Callable[[int], None] = lambda _: None) -> Summary:
        """Everything; ``progress`` is told the taps so far."""
        self._beforehand()
        with (self.out / "expected" / "nights.jsonl").open("wb") as nights:
            for business in self.month.run():
                self._date(business)
                nights.write(encoder.encode(business.night) + b"\n")
                progress(self._taps)
        self._end()
        summary = Summary(
            self.month.seed,
            self.month.first.isoformat(),
            self.month.last + 1,
            self._taps,
            self._batches,
            self._honest,
            dict(sorted(self._reasons.items())),
            dict(sorted(self._faults.items())),
        )
        text = msgspec.json.format(encoder.encode(summary), indent=2)
        (self.out / "expected" / "summary.json").write_bytes(text + b"\n")
        return summary

    def _beforehand(self) -> None:
        (self.out / "expected").mkdir(parents=True)
        keys = [key_row(keys) for keys in self.month.key_sets()]
        (self.out / "keys.json").write_bytes(encoder.encode(keys))
        rules = self.out / "rules" / RULE_SET
        rules.mkdir(parents=True)
        (rules / "rules.toml").write_text(self.month.newcomer.rules(), encoding="utf-8")
        with (self.out / "cards.jsonl").open("wb") as cards:
            for card in self.month.issued_cards():
                cards.write(encoder.encode(card) + b"\n")
        operators = [
            {
                "operator": operator.number,
                "api_key": operator.api_key,
                "signing_key": operator.signing_key.private_bytes_raw().hex(),
            }
            for operator in self.month.world.operators.values()
        ]
        (self.out / "operators.json").write_bytes(encoder.encode(operators))

    def _date(self, business: BusinessDate) -> None:
        folder = self.out / "dates" / business.day.isoformat()
        (folder / "batches").mkdir(parents=True)
        if business.registry:
            rows = [{"kind": kind, "row": row} for kind, row in business.registry]
            (folder / "registry.jsonl").write_bytes(encoder.encode_lines(rows))
        if business.load_log is not None:
            log = log_of(business.load_log, self.month)
            (folder / "load-log.json").write_bytes(encoder.encode(log))
        with (self.out / "expected" / f"{business.day}.jsonl").open("wb") as expected:
            for submitted in business.batches:
                self._position += 1
                line = line_of(submitted, self._position, business.day)
                body = batch.to_binary(submitted.sent.batch)
                (folder / "batches" / line.file).write_bytes(body)
                expected.write(encoder.encode(line) + b"\n")
                self._count(line)

    def _count(self, line: BatchLine) -> None:
        if line.again:
            return
        self._batches += 1
        self._taps += line.count
        for _, _, reason, flags, _, _, _, fault in line.rows:
            self._reasons.update((reason, *names(flags)))
            if fault:
                self._faults[fault] += 1

    def _end(self) -> None:
        assert self.month.model is not None
        with (self.out / "expected" / "cards.jsonl").open("wb") as file:
            for card in self.month.cards():
                file.write(encoder.encode(end_of(card)) + b"\n")
        with (self.out / "expected" / "items.jsonl").open("wb") as file:
            for _, item in sorted(self.month.model.items.open.items()):
                name = item.card.hex().upper()
                end = ItemEnd(item.item_id, item.kind.value, item.amount_fen, name)
                file.write(encoder.encode(end) + b"\n")
