"""The reference kernel: state, and the course of one batch through the checks."""

import hashlib
import struct

from clearing import cards, terminals
from clearing._reference import card, spending, terminal
from clearing._reference.fare import check_fare
from clearing._reference.row import Row, malformed_field
from clearing._reference.tally import Tally, pays
from clearing.cards import CardLine
from clearing.kernel import FOREIGN_CARD, BatchContext, Judgement
from clearing.keys import reference as crypto
from clearing.plan import FOREVER, KeySet, Plan
from clearing.terminals import TerminalLine
from schemas import record
from schemas.codes import (
    ZERO_ALLOWED,
    Algorithm,
    CardKind,
    Check,
    Mode,
    Source,
    TapKind,
    TypeByte,
    Verdict,
)
from schemas.reasons import Reason, decide
from schemas.record import FIELD, OFFSET, Tap

_TORN = "FFFFFFFF"


class ReferenceKernel:
    """``clearing.kernel.Kernel`` in plain Python."""

    name = "reference"

    def __init__(self) -> None:
        self._lines: dict[bytes, CardLine] = {}
        self._terminal_lines: dict[bytes, TerminalLine] = {}
        self._identities: dict[bytes, tuple[int, int, bytes, int, int]] = {}
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
            self._put_line(cards.key_of(data), data)

    def _put_line(self, key: bytes, data: bytes) -> None:
        if terminals.is_terminal(data):
            self._terminal_lines[key] = terminals.unpack(data)
        else:
            self._lines[key] = cards.unpack(data)

    def add_identities(self, rows: list[tuple[bytes, int, int, bytes, int, int]]) -> None:
        for identity, batch_seq, row, head, business_day, acquirer in rows:
            if len(identity) != record.IDENTITY.stop - record.IDENTITY.start or len(head) != 4:
                raise ValueError("an identity has 37 bytes, a digest's head 4")
            if not (0 <= business_day < 2**16 and 0 <= acquirer < 2**16):
                raise ValueError("days and acquirers are below 2^16")
            self._identities[identity] = (batch_seq, row, head, business_day, acquirer)

    def undo(self, batch_seq: int) -> None:
        while self._journal and self._journal[-1][0] >= batch_seq:
            _, lines, identities = self._journal.pop()
            for key, old in lines.items():
                if old is not None:
                    self._put_line(key, old)
                elif key[0] == terminals.FAMILY:
                    del self._terminal_lines[key]
                else:
                    del self._lines[key]
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
        lines = [cards.pack(self._lines[key]) for key in sorted(self._lines)]
        numbers = self._terminal_lines
        return b"".join(lines + [terminals.pack(numbers[key]) for key in sorted(numbers)])

    def card_line(self, card: bytes) -> bytes | None:
        if len(card) != record.CARD.stop - record.CARD.start:
            raise ValueError("a card has 19 bytes")
        if card[0] == terminals.FAMILY:
            numbers = self._terminal_lines.get(_card_key(card[0], 0, card[9:19]))
            return None if numbers is None else terminals.pack(numbers)
        issuer = self._issuers.get((card[0], card[1:9]))
        if issuer is None:
            return None
        line = self._lines.get(_card_key(card[0], issuer.number, card[9:19]))
        return None if line is None else cards.pack(line)

    def card_kinds(self, records: bytes) -> bytes:
        kinds = bytearray()
        for at in range(0, len(records), record.SIZE):
            card_name = records[at + record.CARD.start : at + record.CARD.stop]
            issuer = self._issuers.get((card_name[0], card_name[1:9]))
            if issuer is None:
                kinds.append(CardKind.UNSTATED)
            elif not issuer.own:
                kinds.append(FOREIGN_CARD)
            else:
                line = self._lines.get(_card_key(card_name[0], issuer.number, card_name[9:19]))
                kinds.append(CardKind.UNSTATED if line is None else line.card_kind)
        return bytes(kinds)

    def dump_state(self) -> bytes:
        seen = sorted(
            hashlib.sha256(identity).digest()[:16]
            + struct.pack(">QI4sII", batch_seq, row, head, business_day, acquirer)
            for identity, (
                batch_seq,
                row,
                head,
                business_day,
                acquirer,
            ) in self._identities.items()
        )
        return self.card_lines() + b"".join(seen)

    # -- one batch -------------------------------------------------------------------------------

    def judge(self, records: bytes, context: BatchContext) -> Judgement:
        self._refuse(context)
        rows = [
            Row(number, records[at : at + record.SIZE])
            for number, at in enumerate(range(0, len(records), record.SIZE))
        ]
        self._journal.append((context.batch_seq, {}, []))
        tally = Tally(self._plan, context, len(rows))
        for row in rows:
            self._check(row, context)
            verdict, reason, flags = decide(row.flags)
            if context.supposed and row.is_debit and verdict == Verdict.ACCEPTED:
                row.paid_fen = row.expected_fen
            proven = self._proven(row)
            self._move(row, context, verdict, proven)
            tally.add(row, verdict, reason, flags, proven)
        return tally.judgement()

    def _refuse(self, context: BatchContext) -> None:
        """Raise for a context that no batch has, before anything has moved."""
        bounds = {"batch_seq": 31, "business_day": 16, "judged_at_s": 32, "acquirer": 16}
        for name, bound in ((name, 2**bits) for name, bits in bounds.items()):
            # A place, batch_seq << 32 | row, is evidence and must fit a bigint.
            if not 0 <= getattr(context, name) < bound:
                raise ValueError(f"{name} is {getattr(context, name)}; it must be below {bound}")
        if context.source not in (Source.OPERATOR, Source.PRESENTMENT):
            raise ValueError(f"a source is {context.source}")
        if context.source == Source.OPERATOR and context.operator not in self._operators:
            raise KeyError(context.operator)

    def _check(self, row: Row, context: BatchContext) -> None:
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
            self._check_card(row)
            if Check.COUNTERS in context.checks:
                card.check_counters(row)
        if Check.BALANCES in context.checks:
            card.check_balances(row, self._plan.limits.balance_max_fen)
        if context.source == Source.OPERATOR and row.is_debit:
            operator = self._operators[context.operator]
            check_fare(row, context, operator, self._plan.limits)

    def _check_form(self, row: Row) -> None:
        field = malformed_field(row.tap)
        if field is not None:
            row.say(Reason.MALFORMED, OFFSET[field], row.data[OFFSET[field]])
            row.stopped = True
        elif not TapKind.BUS_FLAT <= row.tap.kind <= TapKind.CARD_LOSS:
            row.say(Reason.UNKNOWN_KIND, 0, row.tap.kind)
            row.stopped = True

    def _check_identity(self, row: Row, context: BatchContext) -> None:
        seen = self._identities.get(row.identity)
        if seen is None:
            known = context.known.get(row.identity)
            if known is None:
                return
            seen = known
        batch_seq, number, head, business_day, acquirer = seen
        reasons = []
        if head != row.head:
            reasons.append(Reason.DUPLICATE_ALTERED)
        if acquirer != context.acquirer:
            reasons.append(Reason.DUPLICATE_OTHER_CITY)
        if not reasons and batch_seq == context.batch_seq:
            reasons.append(Reason.DUPLICATE_IN_BATCH)
        elif not reasons:
            same = business_day == context.business_day
            reasons.append(Reason.DUPLICATE if same else Reason.DUPLICATE_OTHER_DATE)
        for reason in reasons:
            row.say(reason, batch_seq << 32 | number, context.batch_seq << 32 | row.number)
        row.stopped = True

    def _check_batch_and_time(self, row: Row, context: BatchContext) -> None:
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

    def _check_terminal(self, row: Row, context: BatchContext) -> None:
        terminal_id = bytes.fromhex(row.tap.terminal_id)
        registered = self._terminals.get(terminal_id)
        own = terminal.check_terminal(row, registered, context.operator)
        if own and row.tap.terminal_number:
            line = self._terminal_lines.get(_terminal_key(terminal_id))
            terminal.check_number(row, line or TerminalLine(terminal_id=terminal_id))

    def _check_issuer(self, row: Row, context: BatchContext) -> None:
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

    def _check_denylist(self, row: Row, context: BatchContext) -> None:
        denied = self._denied.get(row.data[record.CARD])
        if denied is None or row.seconds < denied.since_s:
            return
        acknowledged = self._operators[context.operator].denylist_effective_s
        known = denied.version < len(acknowledged)
        effective = acknowledged[denied.version] if known else FOREVER
        late = row.seconds >= effective
        row.say(Reason.DENYLISTED if late else Reason.DENYLIST_UNDELIVERED, effective, row.seconds)

    def _check_tac(self, row: Row, context: BatchContext) -> None:
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

    def _check_card(self, row: Row) -> None:
        issuer = row.issuer
        assert issuer is not None
        serial = bytes.fromhex(row.tap.serial)
        line = self._lines.get(_card_key(row.tap.family, issuer.number, serial))
        if line is None:
            if not issuer.open_registry:
                row.say(Reason.CARD_NOT_ISSUED, 0, 0)
                return
            line = card.open_line(row, issuer.number, serial)
        row.line = line
        card.check_line(row, line, production=self._plan.limits.production)
        card.check_room(row, line, self._plan.limits.amount_max_fen)

    @staticmethod
    def _proven(row: Row) -> bool:
        """Whether the record proves that money left, or came onto, a card of ours.

        Another operator's tap proves nothing in these hands: it waits for its own operator, who must
        find its identity free.
        """
        return (
            row.tac_proven
            and row.own
            and row.line is not None
            and (row.is_debit or row.tap.kind == TapKind.TOP_UP)
            and not row.has(Reason.OPERATOR_OTHER)
        )

    def _move(self, row: Row, context: BatchContext, verdict: Verdict, proven: bool) -> None:
        # What moved money is never free again, whatever its verdict.
        if verdict != Verdict.REJECTED or (proven and row.is_debit):
            self._identities[row.identity] = (
                context.batch_seq,
                row.number,
                row.head,
                context.business_day,
                context.acquirer,
            )
            self._journal[-1][2].append(row.identity)
            self._move_terminal(row)
        if card.refunds(row, verdict):
            card.move_refund(row, self._opened_line(row))
        if not proven or not (row.is_debit or pays(verdict, context)):
            return
        line = self._opened_line(row)
        card.move_counters_and_balance(row, line, context.checks)
        spending.move(row, line, verdict)
        if row.is_debit:
            card.move_journey(row, line)
        line.last_tap_s = max(line.last_tap_s, row.seconds)

    def _opened_line(self, row: Row) -> CardLine:
        """The line that a tap is going to change, noted in the journal and among the lines."""
        line, old_lines = row.line, self._journal[-1][1]
        assert line is not None
        key = _card_key(line.family, line.issuer_number, line.serial)
        if key not in old_lines:
            old = self._lines.get(key)
            old_lines[key] = None if old is None else cards.pack(old)
        self._lines[key] = line
        return line

    def _move_terminal(self, row: Row) -> None:
        line, old_lines = row.terminal_line, self._journal[-1][1]
        if line is None:
            return
        key = _terminal_key(line.terminal_id)
        if key not in old_lines:
            old = self._terminal_lines.get(key)
            old_lines[key] = None if old is None else terminals.pack(old)
        self._terminal_lines[key] = line
        terminal.move(line, row.tap.terminal_number, row.seconds)


def _terminal_key(terminal_id: bytes) -> bytes:
    return _card_key(terminals.FAMILY, 0, terminal_id + bytes(4))


def _card_key(family: int, issuer_number: int, serial: bytes) -> bytes:
    return struct.pack("<BH", family, issuer_number) + serial


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
