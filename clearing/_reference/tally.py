"""Columns, money and counts of a batch, as they come together row by row."""

import struct

from clearing import pricing
from clearing._reference.row import Row
from clearing.kernel import BatchContext, Evidence, Judgement, Movement
from clearing.plan import Bearer, Plan, Purpose
from schemas import proof, record
from schemas.codes import Source, Verdict
from schemas.reasons import Reason

_COPY_HEAD = struct.Struct("!H iI iQ iI iH iH iQ iH iQ iH iq ii ii ii ii ii i?".replace(" ", ""))


def pays(verdict: Verdict, context: BatchContext) -> bool:
    """Whether a proven tap is booked to its counterpart. An issuer pays another city for what it holds:
    the money left its card, or came onto it, whatever it thinks of the card."""
    held_by_issuer = context.source == Source.PRESENTMENT and verdict == Verdict.HELD
    return verdict == Verdict.ACCEPTED or held_by_issuer


class Tally:
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

    def add(self, row: Row, verdict: Verdict, reason: Reason, flags: int, proven: bool) -> None:
        priced = row.expected_fen
        excess = max(row.paid_fen - priced, 0) if row.is_debit else 0
        credited, subsidy, shares = 0, 0, b""
        if verdict == Verdict.ACCEPTED:
            credited = row.paid_fen - excess
            shares = self._accept(row, credited, excess)
            if row.own and self.context.source == Source.OPERATOR:
                subsidy = self._subsidise(row)
        elif proven and (row.is_debit or pays(verdict, self.context)):
            assert row.issuer is not None
            credited = self._divert(row, row.issuer.account, verdict, reason)
        self._count(row, verdict, reason, flags)
        money = (priced, credited, subsidy)
        self._write(row, (verdict, reason, flags), money, shares, proven and row.is_debit)

    def _accept(self, row: Row, credited: int, excess: int) -> bytes:
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

    def _subsidise(self, row: Row) -> int:
        plan = self.plan
        operator = next(o for o in plan.operators if o.number == self.context.operator)
        payers = {
            Bearer.ISSUER: plan.issuer_discount_account,
            Bearer.BUDGET: plan.budget_account,
        }
        for bearer, fen in row.subsidies.items():
            self._book(payers[bearer], operator.subsidy_account, Purpose.SUBSIDY, fen)
        return sum(row.subsidies.values())

    def _divert(self, row: Row, liability: int, verdict: Verdict, reason: Reason) -> int:
        plan, amount = self.plan, row.tap.amount_fen
        if pays(verdict, self.context):
            if row.is_debit:
                self._book(liability, plan.province_account, Purpose.FARE, amount)
            else:
                self._book(plan.province_account, liability, Purpose.TOP_UP, amount)
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

    def _count(self, row: Row, verdict: Verdict, reason: Reason, flags: int) -> None:
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
        row: Row,
        outcome: tuple[Verdict, Reason, int],
        money: tuple[int, int, int],
        shares: bytes,
        debit_proven: bool,
    ) -> None:
        verdict, reason, flags = outcome
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
            18, 4, context.business_day, 8, context.batch_seq, 4, row.number, 2, verdict, 2, reason,
            8, flags,
            2, tap.kind, 8, tap.operator, 2, issuer_number, 8, moment, 4, tap.amount_fen,
            4, tap.gross_fen, 4, money[0], 4, money[1], 4, money[2], 1,
            debit_proven,
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
                outcome,
                money,
                issuer_number,
                (plan.rules_version, plan.registry_version, plan.denylist_version),
                big,
            )
        )

    def judgement(self) -> Judgement:
        accepted, held, rejected = self.verdicts
        columns = {name: b"".join(parts) for name, parts in self.columns.items()}
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
            root=proof.root(self.columns["leaves"]),
            **columns,
        )


_COLUMNS = (
    "reasons", "flags", "priced_fen", "credited_fen", "subsidy_fen", "issuer_numbers", "shares",
    "copy_rows", "leaves",
)  # fmt: skip
