"""``onecard check``: batch files judged offline, by the same kernel, without a node, its keys or its state.

What needs keys or the centre's state is left out and named: the TAC is not compared (a record that has
one counts as proven), no issuer's card registry is asked, and a card's history is what the given files
hold of it. Everything else is the engine's own: intake, compiled plan, kernel, reason table.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Final

import msgspec

from clearing import intake
from clearing.inspection import Remark
from clearing.intake import Refusal
from clearing.kernel import BatchContext, Judgement, choose
from clearing.limits import BATCH_BYTES_MAX
from clearing.plan import local_day, local_seconds
from schemas import batch as envelope
from schemas import record
from schemas.batch import Batch
from schemas.codes import Check, Source, Verdict
from schemas.forms import Form, detect
from schemas.reasons import RECORD_LEVEL, ROW, Reason, decide
from schemas.registry import Operator
from service.evidence import in_words
from service.supposing import Given, suppose, without_tac
from service.text import moment_of_record

EXAMPLES: Final = 5
"""Rows that are shown for each reason."""

_PLACES: Final = frozenset(
    {
        Reason.DUPLICATE, Reason.DUPLICATE_IN_BATCH, Reason.DUPLICATE_ALTERED,
        Reason.DUPLICATE_OTHER_DATE, Reason.DUPLICATE_OTHER_CITY,
    }
)  # fmt: skip
_ABSENT: Final = 1 << Reason.TAC_NOT_ALLOWED_ABSENT
_OF_TAC: Final = 1 << Reason.KEY_SET_UNKNOWN | 1 << Reason.TAC_BY_ISSUER
_UNQUALIFIED: Final = 1 << Reason.TRANSFER_UNQUALIFIED
_UNPROVEN: Final = 1 << Reason.TRANSFER_UNPROVEN
"""The leg that a transfer came from may lie outside the files, so nothing here disproves one."""
_UNSAID: Final = (
    1 << Reason.TAC_UNAVAILABLE | 1 << Reason.TAC_BY_ISSUER | 1 << Reason.CARD_UNREGISTERED
)
"""What the kernel says only because there are neither keys nor card registries here."""
_FIRST_LINE: Final = {Form.JSON_LINES: 2, Form.CSV: 3}


class Example(msgspec.Struct, frozen=True, kw_only=True):
    """A row that a reason applies to. ``line`` is its line in a text form, 0 in the others."""

    file: str
    row: int
    line: int
    card: str
    terminal: str
    tapped_at: str
    field: str
    expected: str
    actual: str


class Said(msgspec.Struct, kw_only=True):
    """One reason over all files: how many taps it applies to, and the first of them."""

    reason: str
    outcome: str
    chinese: str
    english: str
    remedy_chinese: str
    remedy_english: str
    count: int = 0
    examples: list[Example] = []


class FileSaid(msgspec.Struct, kw_only=True):
    """What is to be said of one file as a whole. ``state``: ``judged``, ``refused``, ``unreadable``, or
    ``again`` (the same batch as an earlier file)."""

    file: str
    state: str = "judged"
    form: str = ""
    operator: int = 0
    number: int = 0
    taps: int = 0
    clean: int = 0
    remarked: int = 0
    held: int = 0
    rejected: int = 0
    charged_fen: int = 0
    refused_for: list[str] = []
    remarks: list[str] = []


class Outcome(msgspec.Struct, kw_only=True):
    """Everything that a check came to."""

    now: str
    files: list[FileSaid]
    reasons: list[Said]
    not_done: list[str]

    @property
    def exit_code(self) -> int:
        """0 clean, 1 something to say, 2 a file that could not be read."""
        if any(file.state == "unreadable" for file in self.files):
            return 2
        said = any(file.refused_for or file.remarks for file in self.files)
        return int(said or bool(self.reasons))


class _Read(msgspec.Struct):
    """A file that is a batch; ``first_line`` of its taps, 0 where the form has no lines."""

    said: FileSaid
    batch: Batch
    first_line: int


def check_files(paths: Sequence[Path], given: Given, kernel: str | None = None) -> Outcome:
    """Check batch files in the order given, as if they were submitted at ``given.now``.

    Whatever the bytes, each file gets an answer. Raises ``ClearingError`` for rules and registry rows
    that do not hold.
    """
    files = [_read(path) for path in paths]
    read = [file for file in files if isinstance(file, _Read)]
    bench = _Bench(given, [file.batch for file in read], kernel)
    for file in read:
        bench.check(file)
    bench.note_number_gaps(read)
    return Outcome(
        now=f"{given.now:%Y-%m-%d %H:%M:%S}",
        files=[file.said if isinstance(file, _Read) else file for file in files],
        reasons=sorted(bench.said.values(), key=_by_weight),
        not_done=list(_not_done(given, bench.operators.values())),
    )


def _by_weight(said: Said) -> tuple[int, int]:
    return -Verdict[said.outcome.upper()], -said.count


def _read(path: Path) -> _Read | FileSaid:
    said = FileSaid(file=str(path))
    try:
        with path.open("rb") as file:
            body = file.read(BATCH_BYTES_MAX + 1)
        batch, form = intake.read(body), detect(body)
    except Refusal as refusal:
        said.state = "refused" if refusal.reason is Reason.EMPTY else "unreadable"
        said.refused_for.append(_of(refusal))
        return said
    except OSError as error:
        said.state = "unreadable"
        said.refused_for.append(f"cannot be read: {error.strerror or error}")
        return said
    header = batch.header
    said.form, said.operator = form.name.lower(), header.operator
    said.number, said.taps = header.number, header.count
    return _Read(said, batch, _FIRST_LINE.get(form, 0))


def _of(refusal: Refusal) -> str:
    row = ROW[refusal.reason]
    return f"{row.name}: {refusal} {row.chinese}"


class _Bench:
    """The plan and the kernel, and what they have said so far."""

    def __init__(self, given: Given, batches: Sequence[Batch], kernel: str | None) -> None:
        self.given = given
        self.said: dict[Reason, Said] = {}
        self.operators, plan = suppose(given, batches)
        self._kernel = choose(kernel)
        self._kernel.configure(plan)
        self._numbers: dict[tuple[int, int], _Read] = {}
        self._files: list[_Read] = []

    def check(self, file: _Read) -> None:
        """File level, then each record; a file that is refused has its records judged too."""
        header, said = file.batch.header, file.said
        operator = self.operators.get(header.operator)
        if self.given.operator not in (None, header.operator):
            came = f"a batch of operator {header.operator}"
            _refuse(said, Refusal(Reason.KEY_WRONG, actual=came))
        earlier = self._numbers.setdefault((header.operator, header.number), file)
        if earlier is not file:
            if earlier.batch.header.digest == header.digest:
                said.state = "again"
                said.remarks.append("the same batch as an earlier file: it gets that one's receipt")
                return
            _refuse(said, Refusal(Reason.NUMBER_USED, actual=str(header.number)))
        self._files.append(file)
        checks = Check.ALL
        try:
            checks = self._file_level(file.batch, operator)
        except Refusal as refusal:
            _refuse(said, refusal)
        if header.declared_date < f"{self.given.now:%Y%m%d}":
            row = ROW[Reason.DECLARED_LATE]
            said.remarks.append(f"{row.name}: {row.english} ({header.declared_date}) {row.chinese}")
        if operator is not None:
            self._judge(file, operator, checks)

    def _file_level(self, batch: Batch, operator: Operator | None) -> Check:
        """The engine's own file-level checks; without a public key a signature says nothing."""
        today = f"{self.given.now:%Y%m%d}"
        try:
            return intake.check(batch, operator, today, trusted=True)
        except Refusal as refusal:
            unknown = operator is not None and not operator.public_key
            if refusal.reason is not Reason.SIGNATURE_WRONG or not unknown:
                raise
        header = batch.header
        unsigned = envelope.make(
            header.operator,
            header.number,
            header.declared_date,
            batch.records,
            profile=header.profile,
        )
        return intake.check(unsigned, operator, today, trusted=True)

    # -- records -----------------------------------------------------------------------------------

    def _judge(self, file: _Read, operator: Operator, checks: Check) -> None:
        absent: set[int] = set()
        records = without_tac(file.batch.records, absent, allowed=Check.TAC not in checks)
        judged = self._kernel.judge(records, self._context(operator, checks))
        rows: dict[tuple[int, Reason], Example] = {}
        bits_of_rows = zip(judged.reasons, memoryview(judged.flags).cast("Q"), strict=True)
        for row, (reason, flags) in enumerate(bits_of_rows):
            bits = flags | (1 << reason if reason else 0)
            if row in absent and bits & _OF_TAC:
                bits = bits & ~_OF_TAC | _ABSENT
            if bits & _UNQUALIFIED:
                bits = bits & ~_UNQUALIFIED | _UNPROVEN
            verdict, reasons = _decided(bits & ~_UNSAID)
            _count(file.said, verdict, bool(reasons))
            for each in reasons:
                said = self.said.setdefault(each, _said(each))
                said.count += 1
                if len(said.examples) < EXAMPLES:
                    rows[row, each] = example = self._example(file, row, each)
                    said.examples.append(example)
        file.said.charged_fen = judged.charged_fen
        self._fill_in(rows, judged)

    def _context(self, operator: Operator, checks: Check) -> BatchContext:
        left_out = Check.TAC
        if not self.given.has("terminal"):
            left_out |= Check.TERMINAL_REGISTRY
        if not operator.tariff:
            left_out |= Check.TARIFF
        now = self.given.now
        return BatchContext(
            batch_seq=len(self._files),
            business_day=local_day(now.date()),
            judged_at_s=local_seconds(now),
            source=Source.OPERATOR,
            operator=operator.number,
            checks=checks & ~left_out,
            salt_key=bytes(32),
        )

    def _example(self, file: _Read, row: int, reason: Reason) -> Example:
        at = row * record.SIZE
        tap = record.unpack(file.batch.records[at : at + record.SIZE])
        return Example(
            file=file.said.file,
            row=row,
            line=row + file.first_line if file.first_line else 0,
            card="*" * 16 + tap.serial[-4:],
            terminal=tap.terminal_id,
            tapped_at=moment_of_record(tap.tapped_at),
            field=ROW[reason].field,
            expected="a TAC" if reason is Reason.TAC_NOT_ALLOWED_ABSENT else "",
            actual="none" if reason is Reason.TAC_NOT_ALLOWED_ABSENT else "",
        )

    def _fill_in(self, rows: dict[tuple[int, Reason], Example], judged: Judgement) -> None:
        """What was expected and what came, of the rows that are shown."""
        if not rows:
            return
        shown = {row for row, _ in rows}
        for item in judged.evidence:
            reason = Reason(item.reason)
            if reason is Reason.TRANSFER_UNQUALIFIED:
                reason = Reason.TRANSFER_UNPROVEN
            if item.row not in shown or (item.row, reason) not in rows:
                continue
            words = in_words(Remark(item.reason, item.expected, item.actual))
            expected, actual = words.expected, words.actual
            if reason in _PLACES:
                expected, actual = f"the first is {self._place(item.expected)}", ""
            old = rows[item.row, reason]
            new = msgspec.structs.replace(
                old,
                field=words.field,
                expected=expected,
                actual=actual,
            )
            examples = self.said[reason].examples
            examples[examples.index(old)] = new

    def _place(self, packed: int) -> str:
        seq, row = packed >> 32, packed & 0xFFFF_FFFF
        return f"row {row} of {self._files[seq - 1].said.file}"

    def note_number_gaps(self, files: Sequence[_Read]) -> None:
        """Batch numbers that are missing between those of the given files."""
        numbers: dict[int, dict[int, FileSaid]] = {}
        for file in files:
            header = file.batch.header
            numbers.setdefault(header.operator, {}).setdefault(header.number, file.said)
        row = ROW[Reason.NUMBER_GAP]
        for known in numbers.values():
            for before, after in pairwise(sorted(known)):
                if after - before > 1:
                    known[after].remarks.append(
                        f"{row.name}: no file here has the numbers between {before} and {after}"
                        f" {row.chinese}"
                    )


def _refuse(said: FileSaid, refusal: Refusal) -> None:
    said.state = "refused"
    said.refused_for.append(_of(refusal))


@lru_cache(maxsize=65_536)
def _decided(bits: int) -> tuple[Verdict, tuple[Reason, ...]]:
    """The verdict of these reasons, and the reasons in table order."""
    verdict, _, _ = decide(bits)
    return verdict, tuple(row.reason for row in RECORD_LEVEL if bits >> row.reason & 1)


def _count(said: FileSaid, verdict: Verdict, remarked: bool) -> None:
    if verdict == Verdict.REJECTED:
        said.rejected += 1
    elif verdict == Verdict.HELD:
        said.held += 1
    elif remarked:
        said.remarked += 1
    else:
        said.clean += 1


def _said(reason: Reason) -> Said:
    row = ROW[reason]
    return Said(
        reason=row.name,
        outcome=row.outcome.name.lower(),
        chinese=row.chinese,
        english=row.english,
        remedy_chinese=row.remedy_chinese,
        remedy_english=row.remedy_english,
        examples=[],
    )


def _not_done(given: Given, operators: Iterable[Operator]) -> Iterator[str]:
    """Which checks were left out, and why."""
    known = list(operators)
    yield "TAC, key sets: they need the issuers' keys 未校验 TAC（需发卡方密钥）"
    yield (
        "card issued, kind as issued, expired, refunded, test card: the issuers' card registries are at"
        " the centre 未核对发卡登记"
    )
    yield (
        "duplicates and batch numbers of earlier submissions, counters, balances, journeys and transfers"
        " beyond these files: the centre's state 未核对清分中心已有数据"
    )
    if not given.has("issuer"):
        yield "issuer known and interoperable: no issuer rows were given (--registry) 未核对发卡机构"
    if not given.has("terminal"):
        yield "terminals: no terminal rows were given (--registry) 未核对终端登记"
    if not given.has("denied"):
        yield "denylist: no denied rows were given (--registry) 未核对黑名单"
    if not given.has("operator"):
        yield "contract, splits and fees: no operator rows were given (--registry) 未核对合同与分账规则"
    if any(not row.tariff for row in known):
        yield "fares of operators without a tariff: give --tariff or operator rows 未核对票价"
    if any(not row.public_key for row in known):
        yield "signatures of operators without a public key: give --public-key or operator rows 未验签名"
