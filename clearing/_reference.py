"""The reference kernel: what a tap gets, in plain Python, slow and obvious.

It shares the plan and the published words with ``_fastpath`` and no code. One tap at a time goes
through ``_Row``: read → identity → batch and time → terminal → issuer and TAC → card → price, then
``decide``; then money and state move. ``clearing.pricing`` is its price list.
"""

import hashlib
import struct
from datetime import datetime

from clearing import cards, pricing
from clearing.cards import CardLine
from clearing.kernel import BatchContext, Evidence, Judgement, Movement
from clearing.keys import reference as crypto
from clearing.plan import (
    FOREVER,
    Bearer,
    Issuer,
    KeySet,
    Operator,
    Plan,
    Purpose,
    Tariff,
    Terminal,
    TransferType,
    local_seconds,
)
from schemas import proof, record
from schemas.codes import (
    DEBIT_KINDS,
    ZERO_ALLOWED,
    Algorithm,
    CardFamily,
    CardKind,
    Check,
    Discount,
    Mode,
    Source,
    TapKind,
    TypeByte,
    Verdict,
)
from schemas.reasons import Reason, decide
from schemas.record import FIELD, OFFSET, Tap

_TORN = "FFFFFFFF"
_COPY_HEAD = struct.Struct("!H iI iQ iI iH iH iQ iH iQ iH iq ii ii ii ii ii".replace(" ", ""))
_TAPS_IN = frozenset({TapKind.BUS_TAP_IN, TapKind.METRO_TAP_IN})
_TAPS_OUT = frozenset({TapKind.BUS_TAP_OUT, TapKind.METRO_TAP_OUT})
_WINDOW_STARTS = frozenset({TapKind.BUS_FLAT, TapKind.BUS_TAP_IN, TapKind.METRO_TAP_OUT})
_LOAD_TYPED = frozenset({TapKind.TOP_UP, TapKind.TOP_UP_REVERSAL})
_DEBIT_TYPES = frozenset({TypeByte.SINGLE_JOURNEY, TypeByte.PURCHASE, TypeByte.COMPOUND})


def _seconds(text: str) -> int | None:
    """Local seconds of YYYYMMDDHHMMSS; None where it is no time between 2000 and 2099."""
    if not text.isdecimal() or not 2000 <= int(text[:4]) <= 2099:
        return None
    month, day, hour, minute, second = (int(text[at : at + 2]) for at in range(4, 14, 2))
    try:
        return local_seconds(datetime(int(text[:4]), month, day, hour, minute, second))
    except ValueError:
        return None


def _malformed_field(tap: Tap) -> str | None:
    """The first field, in the record's order, that makes a tap malformed."""
    if tap.version != record.VERSION:
        return "version"
    if not CardFamily.MOHURD <= tap.family <= CardFamily.ANONYMISED:
        return "family"
    for name in ("issuer", "serial"):
        if not getattr(tap, name).isdecimal():
            return name
    if _seconds(tap.tapped_at) is None:
        return "tapped_at"
    if tap.kind in _LOAD_TYPED and tap.type_byte != TypeByte.LOAD:
        return "type_byte"
    if tap.kind in DEBIT_KINDS and tap.type_byte not in _DEBIT_TYPES:
        return "type_byte"
    for name in ("amount_fen", "gross_fen"):
        if getattr(tap, name) < 0:
            return name
    if not tap.city.isdecimal():
        return "city"
    if tap.mode > Mode.DEGRADED:
        return "mode"
    for name in ("entry_at", "transfer_at"):
        if int(getattr(tap, name), 16) and _seconds(getattr(tap, name)) is None:
            return name
    return "reserved" if tap.reserved != "000000" else None


class _Row:
    """One tap on its way to a verdict."""

    def __init__(self, number: int, data: bytes) -> None:
        self.number, self.data = number, data
        self.tap = record.unpack(data)
        self.identity = data[record.IDENTITY]
        self.head = hashlib.sha256(data).digest()[:4]
        self.tapped_s = _seconds(self.tap.tapped_at)
        self.flags = 0
        self.evidence: list[Evidence] = []
        self.issuer: Issuer | None = None
        self.line: CardLine | None = None
        self.tac_proven = False
        self.newer = False
        self.expected_fen = self.tap.amount_fen
        self.subsidy_fen = 0
        self.subsidy_bearer = Bearer.OPERATOR
        self.split: tuple[tuple[int, int], ...] = ()
        self.transfer_used = False
        self.stopped = False

    def say(self, reason: Reason, expected: int, actual: int) -> None:
        """A reason applies, with evidence."""
        self.flags |= 1 << reason
        self.evidence.append(Evidence(self.number, reason, expected, actual))

    def note(self, reason: Reason) -> None:
        """A reason applies that needs no evidence."""
        self.flags |= 1 << reason

    @property
    def seconds(self) -> int:
        assert self.tapped_s is not None
        return self.tapped_s

    @property
    def is_debit(self) -> bool:
        return self.tap.kind in DEBIT_KINDS

    @property
    def own(self) -> bool:
        return self.issuer is not None and self.issuer.own


class ReferenceKernel:
    """``clearing.kernel.Kernel`` in plain Python."""

    name = "reference"

    def __init__(self) -> None:
        self._lines: dict[bytes, CardLine] = {}
        self._identities: dict[bytes, tuple[int, int, bytes, int]] = {}
        self._journal: list[tuple[int, dict[bytes, bytes | None], list[bytes]]] = []

    # -- state -----------------------------------------------------------------------------------

    def configure(self, plan: Plan) -> None:
        self._plan = plan
        self._operators = {row.number: row for row in plan.operators}
        self._terminals = {row.terminal_id: row for row in plan.terminals}
        self._issuers = {(row.family, row.issuer): row for row in plan.issuers}
        self._key_sets = {
            (row.issuer_number, row.key_version, row.key_index, row.algorithm): row
            for row in plan.key_sets
        }
        self._denied = {row.card: row for row in plan.denied}

    def add_cards(self, lines: bytes) -> None:
        if len(lines) % cards.SIZE or 0 in lines[:: cards.SIZE]:
            raise ValueError(f"card lines have {cards.SIZE} bytes each, and a family")
        for at in range(0, len(lines), cards.SIZE):
            data = lines[at : at + cards.SIZE]
            self._lines[cards.key_of(data)] = cards.unpack(data)

    def add_identities(self, rows: list[tuple[bytes, int, int, bytes, int]]) -> None:
        for identity, batch_seq, row, head, business_day in rows:
            if len(identity) != record.IDENTITY.stop - record.IDENTITY.start or len(head) != 4:
                raise ValueError("an identity has 37 bytes, a digest's head 4")
            self._identities[identity] = (batch_seq, row, head, business_day)

    def undo(self, batch_seq: int) -> None:
        while self._journal and self._journal[-1][0] >= batch_seq:
            _, lines, identities = self._journal.pop()
            for key, old in lines.items():
                if old is None:
                    del self._lines[key]
                else:
                    self._lines[key] = cards.unpack(old)
            for identity in identities:
                # It may have been forgotten meanwhile, with its day.
                self._identities.pop(identity, None)

    def keep(self, batch_seq: int) -> None:
        self._journal = [entry for entry in self._journal if entry[0] > batch_seq]

    def forget(self, business_day: int) -> None:
        self._identities = {
            identity: seen for identity, seen in self._identities.items() if seen[3] > business_day
        }

    def card_lines(self) -> bytes:
        return b"".join(cards.pack(self._lines[key]) for key in sorted(self._lines))

    def card_line(self, card: bytes) -> bytes | None:
        if len(card) != record.CARD.stop - record.CARD.start:
            raise ValueError("a card has 19 bytes")
        issuer = self._issuers.get((card[0], card[1:9]))
        if issuer is None:
            return None
        line = self._lines.get(_card_key(card[0], issuer.number, card[9:19]))
        return None if line is None else cards.pack(line)

    def dump_state(self) -> bytes:
        seen = sorted(
            hashlib.sha256(identity).digest()[:16]
            + struct.pack(">QI4sI", batch_seq, row, head, business_day)
            for identity, (batch_seq, row, head, business_day) in self._identities.items()
        )
        return self.card_lines() + b"".join(seen)

    # -- one batch -------------------------------------------------------------------------------

    def judge(self, records: bytes, context: BatchContext) -> Judgement:
        self._refuse(context)
        rows = [
            _Row(number, records[at : at + record.SIZE])
            for number, at in enumerate(range(0, len(records), record.SIZE))
        ]
        self._journal.append((context.batch_seq, {}, []))
        tally = _Tally(self._plan, context, len(rows))
        for row in rows:
            self._check(row, context)
            verdict, reason, flags = decide(row.flags)
            proven = self._proven(row)
            self._move(row, context, verdict, proven)
            tally.add(row, verdict, reason, flags, proven)
        return tally.judgement()

    def _refuse(self, context: BatchContext) -> None:
        """Raise for a context that no batch has, before anything has moved."""
        for name, bound in (("batch_seq", 2**31), ("business_day", 2**31), ("judged_at_s", 2**32)):
            # A place, batch_seq << 32 | row, is evidence and must fit a bigint.
            if not 0 <= getattr(context, name) < bound:
                raise ValueError(f"{name} is {getattr(context, name)}; it must be below {bound}")
        if context.source not in (Source.OPERATOR, Source.PRESENTMENT):
            raise ValueError(f"a source is {context.source}")
        if context.source == Source.OPERATOR and context.operator not in self._operators:
            raise KeyError(context.operator)

    def _check(self, row: _Row, context: BatchContext) -> None:
        self._check_form(row)
        if not row.stopped:
            self._check_identity(row, context)
        if row.stopped:
            return
        self._check_batch_and_time(row, context)
        if context.source == Source.OPERATOR and Check.TERMINAL_REGISTRY in context.checks:
            self._check_terminal(row, context)
        self._check_issuer(row, context)
        if row.own:
            self._check_card(row, context)
            if Check.COUNTERS in context.checks:
                self._check_counters(row)
        if Check.BALANCES in context.checks:
            self._check_balances(row)
        if context.source == Source.OPERATOR and row.is_debit:
            self._check_fare(row, context)

    def _check_form(self, row: _Row) -> None:
        field = _malformed_field(row.tap)
        if field is not None:
            row.say(Reason.MALFORMED, OFFSET[field], row.data[OFFSET[field]])
            row.stopped = True
        elif not TapKind.BUS_FLAT <= row.tap.kind <= TapKind.CARD_LOSS:
            row.say(Reason.UNKNOWN_KIND, 0, row.tap.kind)
            row.stopped = True

    def _check_identity(self, row: _Row, context: BatchContext) -> None:
        seen = self._identities.get(row.identity)
        if seen is None:
            known = context.known.get(row.identity)
            if known is None:
                return
            batch_seq, number, head = known
        else:
            batch_seq, number, head, _ = seen
        if head != row.head:
            reason = Reason.DUPLICATE_ALTERED
        elif batch_seq == context.batch_seq:
            reason = Reason.DUPLICATE_IN_BATCH
        else:
            reason = Reason.DUPLICATE
        row.say(reason, batch_seq << 32 | number, context.batch_seq << 32 | row.number)
        row.stopped = True

    def _check_batch_and_time(self, row: _Row, context: BatchContext) -> None:
        tap, limits = row.tap, self._plan.limits
        if context.source == Source.OPERATOR and tap.operator != context.operator:
            row.say(Reason.OPERATOR_OTHER, context.operator, tap.operator)
        latest = context.judged_at_s + limits.clock_tolerance_s
        if row.seconds > latest:
            row.say(Reason.FUTURE, latest, row.seconds)
        earliest = context.business_day - limits.presentment_window_days
        if row.seconds // 86400 < earliest:
            row.say(Reason.PRESENTED_LATE, earliest, row.seconds // 86400)
        if tap.kind in (TapKind.TOP_UP_REVERSAL, TapKind.CARD_LOSS):
            row.say(Reason.KIND_NOT_SUPPORTED, 0, tap.kind)
        if tap.kind == TapKind.CARD_REFUND:
            row.say(Reason.REFUND_HELD, 0, tap.kind)
        if tap.amount_fen == 0 and tap.kind not in ZERO_ALLOWED:
            row.say(Reason.ZERO_AMOUNT, 1, 0)
        if tap.amount_fen > limits.amount_max_fen:
            row.say(Reason.AMOUNT_ABOVE_LIMIT, limits.amount_max_fen, tap.amount_fen)
        if tap.mode == Mode.DEGRADED:
            row.note(Reason.DEGRADED_MODE)

    def _check_terminal(self, row: _Row, context: BatchContext) -> None:
        terminal: Terminal | None = self._terminals.get(row.data[FIELD["terminal_id"].offset :][:6])
        if terminal is None or not terminal.since_s <= row.seconds < terminal.until_s:
            row.say(Reason.TERMINAL_UNKNOWN, 0, 0)
            return
        if terminal.operator != context.operator:
            row.say(Reason.TERMINAL_OF_OTHER_OPERATOR, terminal.operator, context.operator)
        if terminal.line and terminal.line != row.tap.line:
            row.say(Reason.TERMINAL_LINE_DIFFERS, terminal.line, row.tap.line)

    def _check_issuer(self, row: _Row, context: BatchContext) -> None:
        tap = row.tap
        issuer = self._issuers.get((tap.family, bytes.fromhex(tap.issuer)))
        if issuer is None or (context.source == Source.PRESENTMENT and not issuer.own):
            row.say(Reason.ISSUER_UNKNOWN, 0, tap.family)
            return
        row.issuer = issuer
        if not issuer.own and not issuer.since_s <= row.seconds < issuer.until_s:
            row.say(Reason.ISSUER_NOT_INTEROPERABLE, issuer.since_s, row.seconds)
        if context.source == Source.OPERATOR:
            self._check_denylist(row, context)
        self._check_tac(row, context)

    def _check_denylist(self, row: _Row, context: BatchContext) -> None:
        denied = self._denied.get(row.data[record.CARD])
        if denied is None or row.seconds < denied.since_s:
            return
        acknowledged = self._operators[context.operator].denylist_effective_s
        known = denied.version < len(acknowledged)
        effective = acknowledged[denied.version] if known else FOREVER
        late = row.seconds >= effective
        row.say(Reason.DENYLISTED if late else Reason.DENYLIST_UNDELIVERED, effective, row.seconds)

    def _check_tac(self, row: _Row, context: BatchContext) -> None:
        tap = row.tap
        if tap.algorithm == Algorithm.NONE:
            if Check.TAC in context.checks:
                row.say(Reason.TAC_NOT_ALLOWED_ABSENT, 0, tap.algorithm)
            else:
                row.note(Reason.TAC_UNAVAILABLE)
                row.tac_proven = True
            return
        if tap.tac == _TORN:
            row.say(Reason.TAC_TORN, 0, 0xFFFFFFFF)
            return
        if not row.own:
            row.note(Reason.TAC_BY_ISSUER)
            return
        assert row.issuer is not None
        key_set = self._key_sets.get(
            (row.issuer.number, tap.key_version, tap.key_index, tap.algorithm)
        )
        if key_set is None:
            row.say(
                Reason.KEY_SET_UNKNOWN,
                0,
                tap.key_version << 16 | tap.key_index << 8 | tap.algorithm,
            )
        elif _tac(key_set, tap, row.data).hex().upper() != tap.tac:
            row.say(Reason.TAC_WRONG, 0, int(tap.tac, 16))
        else:
            row.tac_proven = True

    def _check_card(self, row: _Row, context: BatchContext) -> None:
        tap, issuer = row.tap, row.issuer
        assert issuer is not None
        serial = bytes.fromhex(tap.serial)
        line = self._lines.get(_card_key(tap.family, issuer.number, serial))
        if line is None:
            if not issuer.open_registry:
                row.say(Reason.CARD_NOT_ISSUED, 0, 0)
                return
            line = CardLine(
                family=tap.family,
                card_kind=tap.card_kind,
                issuer_number=issuer.number,
                serial=serial,
            )
        row.line = line
        if not line.flags & cards.REGISTERED:
            row.note(Reason.CARD_UNREGISTERED)
        if line.status == cards.STATUS_CLOSED:
            row.say(Reason.CARD_CLOSED, cards.STATUS_GOOD, line.status)
        if line.expires_day and row.seconds // 86400 > line.expires_day:
            row.say(Reason.CARD_EXPIRED, line.expires_day, row.seconds // 86400)
        if line.card_kind == CardKind.TEST and self._plan.limits.production:
            row.say(Reason.TEST_CARD, 0, line.card_kind)
        if tap.card_kind and tap.card_kind != line.card_kind:
            row.say(Reason.CARD_KIND_DIFFERS, line.card_kind, tap.card_kind)

    def _check_counters(self, row: _Row) -> None:
        tap, line = row.tap, row.line
        if line is None:
            return
        row.newer = (
            tap.offline_counter + tap.online_counter > line.offline_highest + line.online_highest
        )
        if row.is_debit and tap.offline_counter:
            behind = line.offline_highest - tap.offline_counter
            if 0 <= behind < 64 and line.counter_window >> behind & 1:
                row.say(Reason.COUNTER_REUSED, line.offline_highest, tap.offline_counter)
            elif behind >= 0:
                row.say(Reason.COUNTER_LATE, line.offline_highest, tap.offline_counter)
        elif tap.kind == TapKind.TOP_UP and tap.online_counter:
            if tap.online_counter <= line.online_highest:
                row.say(Reason.COUNTER_LATE, line.online_highest, tap.online_counter)

    def _check_balances(self, row: _Row) -> None:
        tap, line, limit = row.tap, row.line, self._plan.limits.balance_max_fen
        if not (row.is_debit or tap.kind == TapKind.TOP_UP):
            return
        signed = -tap.amount_fen if row.is_debit else tap.amount_fen
        if tap.balance_before_fen + signed != tap.balance_after_fen:
            after = tap.balance_before_fen + signed
            row.say(Reason.BALANCE_ARITHMETIC, after, tap.balance_after_fen)
        if tap.balance_after_fen > limit:
            row.say(Reason.BALANCE_ABOVE_LIMIT, limit, tap.balance_after_fen)
        if line is not None and row.newer and line.flags & cards.BALANCE_KNOWN:
            known = line.stated_balance_fen
            if tap.balance_before_fen < known:
                row.say(Reason.CHAIN_GAP_PENDING, known, tap.balance_before_fen)
            elif tap.balance_before_fen > known:
                row.say(Reason.BALANCE_RISE_PENDING, known, tap.balance_before_fen)

    # -- price -----------------------------------------------------------------------------------

    def _check_fare(self, row: _Row, context: BatchContext) -> None:
        tap, operator = row.tap, self._operators[context.operator]
        row.split = _split_at(operator, row.seconds)
        if not row.split:
            row.say(Reason.TARIFF_MISSING, 0, tap.line)
            return
        entry_station = self._entry_station(row, context)
        if Check.TARIFF not in context.checks or tap.mode == Mode.DEGRADED:
            return
        if tap.kind in _TAPS_IN:
            row.expected_fen = 0
            self._compare(row)
            return
        tariff = pricing.tariff_at(operator.tariffs, tap.kind, row.seconds)
        bounds = None
        if tariff is not None:
            ride = pricing.Ride(
                tap.kind,
                tap.line,
                entry_station,
                tap.station,
                tap.gross_fen,
                tap.distance_m,
                tap.duration_s,
            )
            bounds = pricing.gross_bounds(tariff, ride)
        if tariff is None or bounds is None:
            row.say(Reason.TARIFF_MISSING, 0, tap.line)
            return
        gross_fen = min(max(tap.gross_fen, bounds[0]), bounds[1])
        if gross_fen != tap.gross_fen:
            row.say(Reason.GROSS_DIFFERS, gross_fen, tap.gross_fen)
        self._price(row, tariff, gross_fen)
        self._compare(row)

    def _entry_station(self, row: _Row, context: BatchContext) -> int:
        tap, line = row.tap, row.line
        if tap.kind not in _TAPS_OUT:
            return 0
        if tap.entry_station:
            return tap.entry_station
        if line is not None and line.flags & cards.JOURNEY_OPEN:
            return line.entry_station
        if Check.JOURNEYS in context.checks:
            row.say(Reason.TAP_OUT_WITHOUT_TAP_IN, 0, tap.station)
        return 0

    def _price(self, row: _Row, tariff: Tariff, gross_fen: int) -> None:
        tap = row.tap
        marked = bool(tap.discount_claimed & Discount.TRANSFER)
        if tariff.by_amount and row.own:
            found = pricing.explain_by_amount(tariff, gross_fen, tap.amount_fen, marked)
            row.expected_fen = found.fare_fen
            if found.unmarked_transfer:
                row.say(Reason.TRANSFER_UNMARKED, found.plain_fen, tap.amount_fen)
            return
        fare_class = None
        if row.own:
            kind = row.line.card_kind if row.line is not None else tap.card_kind
            fare_class = pricing.class_of(tariff, kind)
        fare_fen = pricing.discounted(fare_class, gross_fen)
        if fare_class is not None and fare_class.bearer != Bearer.OPERATOR:
            row.subsidy_fen, row.subsidy_bearer = gross_fen - fare_fen, fare_class.bearer
        if marked and tariff.transfer.type != TransferType.NONE:
            if self._transfer_qualifies(row, tariff):
                fare_fen = pricing.transferred(tariff, fare_fen)
                row.transfer_used = True
            else:
                base = row.line.transfer_base_s if row.line is not None else 0
                row.say(Reason.TRANSFER_UNQUALIFIED, base + tariff.transfer.window_s, row.seconds)
        row.expected_fen = fare_fen

    def _transfer_qualifies(self, row: _Row, tariff: Tariff) -> bool:
        line, transfer = row.line, tariff.transfer
        if not row.own:
            return False
        if transfer.by_mark:
            return True
        return (
            line is not None
            and line.transfer_base_s > 0
            and 0 <= row.seconds - line.transfer_base_s <= transfer.window_s
            and line.transfers_used < transfer.count_max
        )

    @staticmethod
    def _compare(row: _Row) -> None:
        if row.tap.amount_fen > row.expected_fen:
            row.say(Reason.ABOVE_TARIFF, row.expected_fen, row.tap.amount_fen)
        elif row.tap.amount_fen < row.expected_fen:
            row.say(Reason.BELOW_TARIFF, row.expected_fen, row.tap.amount_fen)

    # -- what follows ----------------------------------------------------------------------------

    @staticmethod
    def _proven(row: _Row) -> bool:
        """Whether the record proves that money left, or came onto, a card of ours."""
        return (
            row.tac_proven
            and row.own
            and row.line is not None
            and (row.is_debit or row.tap.kind == TapKind.TOP_UP)
        )

    def _move(self, row: _Row, context: BatchContext, verdict: Verdict, proven: bool) -> None:
        _, old_lines, new_identities = self._journal[-1]
        if verdict != Verdict.REJECTED:
            self._identities[row.identity] = (
                context.batch_seq,
                row.number,
                row.head,
                context.business_day,
            )
            new_identities.append(row.identity)
        if not proven or (not row.is_debit and verdict != Verdict.ACCEPTED):
            return
        line = row.line
        assert line is not None
        key = _card_key(line.family, line.issuer_number, line.serial)
        if key not in old_lines:
            old = self._lines.get(key)
            old_lines[key] = None if old is None else cards.pack(old)
        self._lines[key] = line
        self._move_counters_and_balance(row, line, context)
        if row.is_debit:
            self._move_journey(row, line, context)
        line.last_tap_s = max(line.last_tap_s, row.seconds)

    @staticmethod
    def _move_counters_and_balance(row: _Row, line: CardLine, context: BatchContext) -> None:
        tap = row.tap
        booked = line.book_balance_fen + (-tap.amount_fen if row.is_debit else tap.amount_fen)
        # Only absurd amounts reach the bounds; the float identity shows what stopped there.
        line.book_balance_fen = min(max(booked, -(2**31)), 2**31 - 1)
        if Check.COUNTERS in context.checks:
            if row.is_debit and tap.offline_counter:
                ahead = tap.offline_counter - line.offline_highest
                if ahead > 0:
                    shifted = line.counter_window << ahead if ahead < 64 else 0
                    line.counter_window = (shifted | 1) & 0xFFFF_FFFF_FFFF_FFFF
                    line.offline_highest = tap.offline_counter
                elif ahead > -64:
                    line.counter_window |= 1 << -ahead
            elif not row.is_debit:
                line.online_highest = max(line.online_highest, tap.online_counter)
        if Check.BALANCES in context.checks and row.newer:
            line.stated_balance_fen = tap.balance_after_fen
            line.flags |= cards.BALANCE_KNOWN

    @staticmethod
    def _move_journey(row: _Row, line: CardLine, context: BatchContext) -> None:
        tap = row.tap
        if row.seconds < line.last_tap_s:
            return
        if tap.kind in _TAPS_IN:
            line.flags |= cards.JOURNEY_OPEN
            line.entry_at_s, line.entry_station = row.seconds, tap.station
            line.entry_operator = tap.operator
        elif tap.kind in _TAPS_OUT:
            line.flags &= ~cards.JOURNEY_OPEN
            line.entry_at_s = line.entry_station = line.entry_operator = 0
        if row.transfer_used:
            # A mark alone may claim any number of transfers; the count stops at the byte's end.
            line.transfers_used = min(line.transfers_used + 1, 255)
        elif tap.kind in _WINDOW_STARTS:
            line.transfer_base_s, line.transfer_operator = row.seconds, tap.operator
            line.transfers_used = 0


def _card_key(family: int, issuer_number: int, serial: bytes) -> bytes:
    return struct.pack("<BH", family, issuer_number) + serial


def _split_at(operator: Operator, at_s: int) -> tuple[tuple[int, int], ...]:
    for split in operator.splits:
        if split.since_s <= at_s < split.until_s:
            return split.shares
    return ()


def _tac(key_set: KeySet, tap: Tap, data: bytes) -> bytes:
    """The TAC that the card would have made (domain §4)."""
    amount = tap.amount_fen.to_bytes(4, "big")
    terminal = bytes.fromhex(tap.terminal_id)
    moment = bytes.fromhex(tap.tapped_at)
    type_byte = bytes([tap.type_byte])
    if tap.type_byte == TypeByte.LOAD:
        after = tap.balance_after_fen.to_bytes(4, "big", signed=True)
        counter = tap.online_counter.to_bytes(2, "big")
        signed = after + counter + amount + type_byte + terminal + moment
    else:
        number = tap.terminal_number.to_bytes(4, "big")
        signed = amount + type_byte + terminal + number + moment
    start = FIELD["issuer"].offset + key_set.factor_offset
    algorithm = Algorithm(key_set.algorithm)
    card_key = crypto.diversify(algorithm, key_set.level_key, data[start : start + 8])
    return crypto.tac(algorithm, card_key, signed, key_set.fold)


class _Tally:
    """Columns, money and counts of a batch, as they come together row by row."""

    def __init__(self, plan: Plan, context: BatchContext, count: int) -> None:
        self.plan, self.context = plan, context
        self.salts = proof.salts(context.salt_key, count)
        self.verdicts = [0, 0, 0]
        self.reason_counts = [0] * 64
        self.gross_fen = self.charged_fen = self.accepted_fen = 0
        self.columns: dict[str, list[bytes]] = {name: [] for name in _COLUMNS}
        self.evidence: list[Evidence] = []
        self.movements: dict[tuple[int, int, int], tuple[int, int]] = {}
        self.count = count

    def add(self, row: _Row, verdict: Verdict, reason: Reason, flags: int, proven: bool) -> None:
        tap = row.tap
        priced = row.expected_fen
        excess = max(tap.amount_fen - priced, 0) if row.is_debit else 0
        credited, subsidy, shares = 0, 0, b""
        if verdict == Verdict.ACCEPTED:
            credited = tap.amount_fen - excess
            shares = self._accept(row, credited, excess)
            if row.own and self.context.source == Source.OPERATOR:
                subsidy = self._subsidise(row)
        elif proven and row.is_debit:
            assert row.issuer is not None
            credited = self._divert(row, row.issuer.account, verdict, reason)
        self._count(row, verdict, reason, flags)
        self._write(row, verdict, reason, flags, (priced, credited, subsidy), shares)

    def _accept(self, row: _Row, credited: int, excess: int) -> bytes:
        issuer, plan = row.issuer, self.plan
        assert issuer is not None
        if self.context.source == Source.PRESENTMENT:
            if row.is_debit:
                self._book(issuer.account, plan.province_account, Purpose.FARE, credited)
            else:
                self._book(plan.province_account, issuer.account, Purpose.TOP_UP, credited)
            return b""
        operator = next(o for o in plan.operators if o.number == self.context.operator)
        if not row.is_debit:
            self._book(operator.load_agent_account, issuer.account, Purpose.TOP_UP, credited)
            return b""
        self._book(issuer.account, plan.suspense_account, Purpose.EXCESS, excess)
        purpose = Purpose.FARE if issuer.own else Purpose.FARE_UNCONFIRMED
        parts = pricing.split_fen(credited, tuple(weight for _, weight in row.split))
        packed = b""
        for (account, _), fen in zip(row.split, parts, strict=True):
            self._book(issuer.account, account, purpose, fen)
            packed += struct.pack("<Ii", account, fen)
        return packed

    def _subsidise(self, row: _Row) -> int:
        if row.subsidy_fen:
            plan = self.plan
            operator = next(o for o in plan.operators if o.number == self.context.operator)
            payer = plan.issuer_discount_account
            if row.subsidy_bearer == Bearer.BUDGET:
                payer = plan.budget_account
            self._book(payer, operator.subsidy_account, Purpose.SUBSIDY, row.subsidy_fen)
        return row.subsidy_fen

    def _divert(self, row: _Row, liability: int, verdict: Verdict, reason: Reason) -> int:
        plan, amount = self.plan, row.tap.amount_fen
        if self.context.source == Source.PRESENTMENT and verdict == Verdict.HELD:
            # The debit is proven: the issuer pays, whatever it thinks of its own card.
            self._book(liability, plan.province_account, Purpose.FARE, amount)
            return amount
        if verdict == Verdict.HELD:
            self._book(liability, plan.suspense_account, Purpose.HELD, amount)
        else:
            self._book(liability, plan.unclaimed_accounts[reason], Purpose.REJECTED, amount)
        return 0

    def _book(self, debit: int, credit: int, purpose: Purpose, fen: int) -> None:
        if fen:
            count, total = self.movements.get((debit, credit, purpose), (0, 0))
            self.movements[debit, credit, purpose] = (count + 1, total + fen)

    def _count(self, row: _Row, verdict: Verdict, reason: Reason, flags: int) -> None:
        self.verdicts[verdict] += 1
        self.reason_counts[reason] += 1
        for bit in range(1, 64):
            self.reason_counts[bit] += flags >> bit & 1
        if row.is_debit and not row.flags & 1 << Reason.MALFORMED:
            self.gross_fen += row.tap.gross_fen
            self.charged_fen += row.tap.amount_fen
            if verdict == Verdict.ACCEPTED:
                self.accepted_fen += row.tap.amount_fen
        self.evidence.extend(row.evidence)

    def _write(
        self,
        row: _Row,
        verdict: Verdict,
        reason: Reason,
        flags: int,
        money: tuple[int, int, int],
        shares: bytes,
    ) -> None:
        context, plan, tap = self.context, self.plan, row.tap
        issuer_number = row.issuer.number if row.issuer is not None else 0
        shares = shares.ljust(proof.SHARES_SIZE, b"\0")
        columns = self.columns
        columns["reasons"].append(struct.pack("<B", reason))
        columns["flags"].append(struct.pack("<Q", flags))
        for name, fen in zip(("priced_fen", "credited_fen", "subsidy_fen"), money, strict=True):
            columns[name].append(struct.pack("<i", fen))
        columns["issuer_numbers"].append(struct.pack("<H", issuer_number))
        columns["shares"].append(shares)
        moment = -(2**63) if row.tapped_s is None else row.tapped_s * 1_000_000
        head = _COPY_HEAD.pack(
            17, 4, context.business_day, 8, context.batch_seq, 4, row.number, 2, verdict, 2, reason,
            8, flags,
            2, tap.kind, 8, tap.operator, 2, issuer_number, 8, moment, 4, tap.amount_fen,
            4, tap.gross_fen, 4, money[0], 4, money[1], 4, money[2],
        )  # fmt: skip
        rest = row.data[:1] + row.data[record.REST :]
        columns["copy_rows"].append(
            head + struct.pack("!i", 37) + row.identity + struct.pack("!i", len(rest)) + rest
        )
        big = b"".join(struct.pack(">Ii", *struct.unpack_from("<Ii", shares, at)) for at in range(0, 32, 8))  # fmt: skip
        columns["leaves"].append(
            proof.leaf(
                self.salts[16 * row.number : 16 * row.number + 16],
                context.batch_seq,
                row.number,
                row.data,
                (verdict, reason, flags),
                money,
                issuer_number,
                (plan.rules_version, plan.registry_version, plan.denylist_version),
                big,
            )
        )

    def judgement(self) -> Judgement:
        accepted, held, rejected = self.verdicts
        return Judgement(
            count=self.count,
            verdict_counts=(accepted, held, rejected),
            reason_counts=tuple(self.reason_counts),
            gross_fen=self.gross_fen,
            charged_fen=self.charged_fen,
            accepted_fen=self.accepted_fen,
            evidence=tuple(sorted(self.evidence)),
            movements=tuple(
                Movement(*key, *value) for key, value in sorted(self.movements.items())
            ),
            **{name: b"".join(parts) for name, parts in self.columns.items()},
        )


_COLUMNS = (
    "reasons", "flags", "priced_fen", "credited_fen", "subsidy_fen", "issuer_numbers", "shares",
    "copy_rows", "leaves",
)  # fmt: skip
