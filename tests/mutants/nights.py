"""Mutants of the night, of items, and of what two people decide. See ``mutant``."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

NIGHT = "tests/settlement/test_day.py::"
VERIFY = "tests/settlement/test_verify.py::"

SETTLEMENT = (
    Mutant(
        "cut-off: the next date is skipped",
        "settlement/cutoff.py",
        "day.business_date + timedelta(days=1)",
        "day.business_date + timedelta(days=2)",
        (NIGHT + "test_a_second_night_is_refused_and_a_cut_off_is_not",),
        "a business date would be missing from the chain",
    ),
    Mutant(
        "audit: taps of sealed dates are not looked for",
        "settlement/audit.py",
        "    findings = list(await late_twins(connection, context, day.business_date))\n",
        "    findings = []\n",
        ("tests/settlement/test_audit_late_twins.py",),
        "a tap that two dates hold would be paid twice",
    ),
    Mutant(
        "audit: taps twice on a date are let through",
        "settlement/audit.py",
        '            Finding(f"taps {\' and \'.join(twins)}", "have one identity")\n'
        "            for twins in await store.read_twins(connection, day.business_date)\n",
        '            Finding(f"taps {\' and \'.join(twins)}", "have one identity")\n'
        "            for twins in []\n",
        (NIGHT + "test_a_day_that_was_changed_is_refused",),
        "the database could no longer prove the engine right",
    ),
    Mutant(
        "audit: the float identity is skipped",
        "settlement/floats.py",
        "if row.book_fen + row.adjusted_fen != row.closing_fen",
        "if False",
        (NIGHT + "test_a_day_that_was_changed_is_refused",),
        "cards could hold money that nobody owes them, or the reverse, for months",
    ),
    Mutant(
        "netting: drivers are forgotten",
        "settlement/netting.py",
        "if kind is None or row.participant not in payees:",
        'if kind is None or row.participant not in payees or role == "driver":',
        (NIGHT + "test_positions_payments_and_books_of_a_sealed_day",),
        "drivers would be told of money that is not paid",
    ),
    Mutant(
        "netting: positions need not balance",
        "settlement/netting.py",
        "    check_positions(positions)\n",
        "",
        (NIGHT + "test_unbalanced_books_are_refused",),
        "the centre would pay what nobody owes",
    ),
    Mutant(
        "positions: held money is the issuer's debt of the day",
        "settlement/positions.py",
        "Purpose.HELD, Purpose.EXCESS, Purpose.REJECTED, Purpose.OPENING,",
        "Purpose.EXCESS, Purpose.REJECTED, Purpose.OPENING,",
        (NIGHT + "test_positions_payments_and_books_of_a_sealed_day",),
        "money that waits for a decision would be paid out",
    ),
    Mutant(
        "payments: who owes is paid",
        "settlement/payments.py",
        "pays = row.amount_fen < 0",
        "pays = row.amount_fen > 0",
        (NIGHT + "test_positions_payments_and_books_of_a_sealed_day",),
        "money would flow the wrong way",
    ),
    Mutant(
        "statements: everyone reads everyone's taps",
        "settlement/statements.py",
        "operator in (None, group.operator)",
        "True",
        ("tests/settlement/test_report.py::test_statements_agree_with_each_other",),
        "operators would see each other's business",
    ),
    Mutant(
        "seal: the date before is not in it",
        "settlement/seal.py",
        'return proof.digest(previous, *(root or b"" for root in roots), papers_root)',
        'return proof.digest(*(root or b"" for root in roots), papers_root)',
        ("tests/settlement/test_seal_formula.py",),
        "a whole date could be exchanged without breaking the chain",
    ),
    Mutant(
        "verify: positions and instructions are not recomputed",
        "settlement/verify.py",
        "            *await _check_results(connection, context, day),\n",
        "",
        (VERIFY + "test_a_changed_result_is_named",),
        "an instruction could be pointed at another account after the seal",
    ),
    Mutant(
        "verify: receipts are not made anew",
        "settlement/replay.py",
        "            *_check_receipt(context, batch, judgement),\n",
        "",
        (VERIFY + "test_what_was_changed_is_named",),
        "what an operator holds in hand and what the node stores could differ",
    ),
    Mutant(
        "verify: evidence is not compared",
        "settlement/replay.py",
        "    if expected == stored:\n        return\n    for item in sorted(set(expected)",
        "    return\n    for item in sorted(set(expected)",
        (VERIFY + "test_what_was_changed_is_named",),
        "the reason that a tap was held for could be rewritten",
    ),
)

ITEMS = (
    Mutant(
        "items: an excess is as large as the tap",
        "settlement/items/tapped.py",
        "amount_fen=excess if kind == ItemKind.EXCESS else tap.amount_fen,",
        "amount_fen=tap.amount_fen,",
        ("tests/settlement/test_refund_payment.py",),
        "more would be given back than was taken too much",
    ),
    Mutant(
        "items: a refund is paid before its window closes",
        "settlement/items/refunds.py",
        "if each.item.due_on <= ground.business_date",
        "if True",
        ("tests/settlement/test_refund_payment.py",),
        "a card could be paid out and ride on in taps that come late",
    ),
    Mutant(
        "items: a refund is paid that the card does not cover",
        "settlement/items/refunds.py",
        "if owed_fen >= each.amount_fen:",
        "if True:",
        ("tests/settlement/test_refund_payment.py",),
        "an agent could be paid for money that nobody owes the card",
    ),
    Mutant(
        "items: a paid refund is still owed to the card",
        "settlement/items/refunds.py",
        "item.item_id, ground.business_date, -each.amount_fen)",
        "item.item_id, ground.business_date, 0)",
        ("tests/settlement/test_refund_payment.py",),
        "the float would not be what cards hold, and a second refund would be covered",
    ),
)

DECISIONS = (
    Mutant(
        "decisions: who proposes decides",
        "settlement/decisions/law.py",
        "if staff == proposal.proposed_by:",
        "if False:",
        (
            "tests/settlement/decisions/test_people.py::test_who_proposes_never_decides",
            "tests/settlement/reclearing/test_wrong_fare.py::test_two_people_book_it_on_the_open_date",
        ),
        "one person alone could move held money",
    ),
    Mutant(
        "decisions: the database lets one person decide",
        "schemas/migrations/0004_items.sql",
        "p.proposed_by = NEW.decided_by",
        "p.proposed_by <> NEW.decided_by",
        ("tests/settlement/decisions/test_people.py::test_who_proposes_never_decides",),
        "the second guard of the same rule would be gone",
    ),
    Mutant(
        "decisions: a release pays what was charged, not what the tariff says",
        "settlement/decisions/releases.py",
        "price_fen = case.amount_fen if excess else case.tap.priced_fen",
        "price_fen = case.amount_fen",
        ("tests/settlement/decisions/test_actions.py::test_action",),
        "an overcharge that was also held would be the operator's",
    ),
    Mutant(
        "decisions: a released top-up is not owed to its card",
        "settlement/decisions/moves.py",
        "        adjustment_fen=signed * (",
        "        adjustment_fen=0 * (",
        ("tests/settlement/decisions/test_actions.py::test_action",),
        "the float would not be what cards hold",
    ),
    Mutant(
        "decisions: a reversal forgets what was booked of the ride since",
        "settlement/decisions/brought.py",
        "moved.update(await read_booked_since(case.connection, *place))",
        "await read_booked_since(case.connection, *place)",
        (
            "tests/settlement/transfers/test_reversals.py::test_what_a_transfer_set_aside_is_not_taken_twice",
        ),
        "an operator would pay a second time what a proven transfer set aside",
    ),
    Mutant(
        "decisions: a load is taken back whatever the card has",
        "settlement/decisions/releases.py",
        "elif case.tap.kind in TAKING:",
        "elif case.tap.kind == TapKind.CARD_REFUND:",
        ("tests/settlement/decisions/test_refunds.py",),
        "an agent would be paid for money that is not on the card",
    ),
    Mutant(
        "transfers: what was written off of an excess is forgotten when it grows",
        "settlement/transfers/audit.py",
        "before.amount_fen if before.account_no is not None else 0",
        "before.amount_fen if before.state == ItemState.OPEN else 0",
        (
            "tests/settlement/transfers/test_decided.py::test_an_excess_that_was_decided_before_it_grows",
        ),
        "a night would stop before books that no item explains",
    ),
    Mutant(
        "transfers: a reversed ride is granted its transfer",
        "settlement/transfers/audit.py",
        "if places[each.item.item_id] in reversed_:",
        "if False:",
        (
            "tests/settlement/transfers/test_reversals.py::test_a_ride_that_was_reversed_takes_no_transfer",
        ),
        "a bearer would pay for a ride that was taken back",
    ),
)

RECLEARING = "tests/settlement/reclearing/"
RECLEARINGS = (
    Mutant(
        "re-clearing: a list that was changed is booked",
        "settlement/reclearing/people.py",
        "if reclears.digest_of(taps) != proposal.digest:",
        "if False:",
        (RECLEARING + "test_proof.py::test_a_changed_list_is_not_booked",),
        "what was approved would not be what is booked",
    ),
    Mutant(
        "re-clearing: a stale list is booked",
        "settlement/reclearing/people.py",
        "if changes_of(standing.get(tap.place, [])) != tap.items:",
        "if False:",
        (RECLEARING + "test_wrong_fare.py::test_a_stale_proposal_is_refused",),
        "money that was returned to a cardholder would be paid to the operator, too",
    ),
    Mutant(
        "re-clearing: what was corrected before is corrected again",
        "settlement/reclearing/rides.py",
        "            moved.subtract(before.moved)\n",
        "            pass\n",
        (RECLEARING + "test_wrong_fare.py::test_twice_the_second_goes_on_from_the_first",),
        "an operator would get the same difference twice",
    ),
    Mutant(
        "re-clearing: only answers are compared",
        "settlement/reclearing/replaying.py",
        "return before.splits != after.splits, before.tariffs != after.tariffs",
        "return False, False",
        (RECLEARING + "test_other_rules.py",),
        "a wrong split, or a discount that the wrong one bore, would stay for ever",
    ),
    Mutant(
        "re-clearing: what was decided is moved once more",
        "settlement/reclearing/selecting.py",
        "return each.outcome not in (ItemOutcome.OPENED, ItemOutcome.RECLEARED)",
        "return False",
        (RECLEARING + "test_wrong_fare.py::test_what_was_decided_before_is_left_out",),
        "an item that two people closed would be closed again, and its money paid twice",
    ),
    Mutant(
        "simulation: a date goes on from the one before it, corrected",
        "settlement/repricing/repricer.py",
        "                    view.after.kernel.add_cards(view.before.kernel.card_lines())\n",
        "                    pass\n",
        ("tests/settlement/repricing/test_simulation.py",),
        "a simulation would promise what no re-clearing of the later date does",
    ),
    Mutant(
        "re-clearing: a ride that is released later is subsidised by the fare that was wrong",
        "settlement/store/reclears.py",
        "        gross_fen=answer.gross_fen,\n",
        "",
        (RECLEARING + "test_released.py",),
        "the budget would pay a student's half of the old fare and the operator lose the rest",
    ),
    Mutant(
        "re-clearing: of what waits only the price is corrected",
        "settlement/reclearing/listing.py",
        "    return rides.released(tap, was, version) != now\n",
        "    return was.priced_fen != becomes.priced_fen\n",
        (RECLEARING + "test_released.py::test_a_released_fare_is_split_by_the_corrected_rules",),
        "a fare that is released later would go by the split that was wrong",
    ),
    Mutant(
        "re-clearing: a list need not go on from what was booked",
        "settlement/reclearing/checking.py",
        "        was=stored_answer(stored) if before is None else before.answer,\n",
        "",
        (RECLEARING + "test_proof.py",),
        "who can write to the database could correct what was never said",
    ),
    Mutant(
        "claims: bearers are held against accounts together",
        "settlement/subsidies/claim.py",
        '    AccountKind.ISSUER_DISCOUNT: "the issuer",\n',
        '    AccountKind.ISSUER_DISCOUNT: "the budget",\n',
        ("tests/settlement/subsidies/test_claims.py",),
        "the budget would be asked for what an issuer bears",
    ),
    Mutant(
        "re-clearing: the night does not look at lists",
        "settlement/audit.py",
        "    findings = await check_reclears(connection, context, day, entries)\n",
        "    findings = []\n",
        (RECLEARING + "test_proof.py::test_the_night_does_not_go_on_with_a_changed_list",),
        "a date would be netted on corrections that nobody approved",
    ),
)

COUNTING = "tests/settlement/test_counting.py::"
RULES, OTHER_RULES = "tests/service/test_rules.py", RECLEARING + "test_other_rules.py"
FEES = (
    Mutant(
        "fees: what was taken back stays counted",
        "settlement/counting.py",
        "return given and not any(last.get(by) for by in _TAKING)",
        "return given",
        (COUNTING + "test_a_double_deduction_that_is_reversed_in_the_month_after",),
        "an operator would pay for a ride whose fare it gave back",
    ),
    Mutant(
        "fees: a release counts a ride that counted before",
        "settlement/counting.py",
        "before = self.counts(date.fromordinal(on.toordinal() - 1))",
        "before = False",
        (COUNTING + "test_released_after_a_re_clearing_held_it",),
        "a ride would be charged twice over its life",
    ),
    Mutant(
        "fees: whose card it was says only the purpose",
        "settlement/store/fees.py",
        "coalesce(t.issuer_no <> ALL($6::integer[]), s.unconfirmed)",
        "coalesce(NULL, $6::integer[] IS NULL, s.unconfirmed)",
        (COUNTING + "test_what_is_released_of_other_cities_cards_is_theirs",),
        "our issuer would bear fees on other cities' cards",
    ),
    Mutant(
        "splits: an owner may be nobody",
        "service/registration.py",
        "                rule_set.check_owners(operator.split, numbers)\n",
        "                pass\n",
        (RULES + "::test_a_share_of_an_owner_whom_the_node_does_not_know_is_not_put",),
        "a share of every fare would stand on an account that nobody is paid from",
    ),
    Mutant(
        "re-clearing: contracts of then are not looked at",
        "settlement/reclearing/people.py",
        "        await prepare(connection, context, day, rules_version)\n",
        "        pass\n",
        (OTHER_RULES + "::test_a_contract_that_ended_and_an_owner_who_came_later",),
        "a correction would end in a KeyError, and nobody would know what is missing",
    ),
)
