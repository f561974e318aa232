"""Mutants of intake, pipeline, state and ledger, and of what goes between cities. See ``mutant``."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

ENGINE = "tests/clearing/test_engine.py::"
NIGHT = "tests/settlement/test_day.py::"
DAYS = "tests/settlement/test_engine_and_night.py::"
EXCHANGE = "tests/settlement/exchange/"

CLEARING = (
    Mutant(
        "ledger: debits are credits",
        "clearing/ledger.py",
        "((movement.debit, 1), (movement.credit, -1))",
        "((movement.debit, -1), (movement.credit, 1))",
        (NIGHT + "test_positions_payments_and_books_of_a_sealed_day",),
        "the books would balance and say the opposite",
    ),
    Mutant(
        "pipeline: a batch is acknowledged before the commit",
        "clearing/pipeline.py",
        "        try:\n            await self._commit(group)\n",
        "        try:\n            for judged in group:\n"
        "                judged.submission.done.set_result(judged.row.receipt)\n"
        "            await self._commit(group)\n",
        (ENGINE + "test_a_defect_while_writing_ends_one_batch_and_not_the_writer",),
        "a receipt would be out for taps that a crash then loses",
    ),
    Mutant(
        "pipeline: what was judged in vain is not undone",
        "clearing/pipeline.py",
        "        await self._in_thread(self.state.kernel.undo, row.batch_seq)\n",
        "",
        (ENGINE + "test_a_defect_while_writing_ends_one_batch_and_not_the_writer",),
        "after a failed commit, honest taps would be duplicates",
    ),
    Mutant(
        "pipeline: a batch is written under a registry of before",
        "clearing/pipeline.py",
        "if registered != group[0].row.registry_version:",
        "if registered < group[0].row.registry_version:",
        ("tests/service/test_registration_race.py",),
        "a card registered meanwhile would lose what its first ride took",
    ),
    Mutant(
        "state: cards that came while batches were undone are not put in again",
        "clearing/state.py",
        "            self._cards_version, self.plan = since, None\n",
        "            self.plan = None\n",
        ("tests/service/test_registration_race.py",),
        "a card registered meanwhile would be unknown until the engine starts anew",
    ),
    Mutant(
        "pipeline: the cut-off is ignored",
        "clearing/pipeline.py",
        'if await store.read_open_date(connection, lock="FOR SHARE") != day:',
        "if False:",
        (ENGINE + "test_cut_off_between_judging_and_commit_moves_the_batch",),
        "taps would appear on a date whose positions are final",
    ),
    Mutant(
        "pipeline: an engine that lost its place goes on writing",
        "clearing/pipeline.py",
        "_, registered = await store.check_epoch(connection, self._epoch)\n",
        "registered = group[0].row.registry_version\n",
        ("tests/clearing/test_engine_fenced.py",),
        "two engines would write one node's books",
    ),
    Mutant(
        "state: sealed dates are not asked for old taps",
        "clearing/state.py",
        "    if not identities:\n        return {}\n",
        "    return {}\n",
        (DAYS + "test_a_date_that_stays_open_past_midnight_keeps_its_taps_known",),
        "a tap of a sealed date would be paid again",
    ),
    Mutant(
        "state: held taps of a future date are not kept",
        "clearing/state.py",
        "self.kernel.add_identities(await held_identities(connection, last_sealed))",
        "pass",
        (DAYS + "test_a_tap_held_for_its_future_date_is_known_when_that_date_comes",),
        "a tap that was held for its future date would be paid when that date comes",
    ),
    Mutant(
        "intake: a number may be used twice",
        "clearing/engine.py",
        "if row.digest.hex().upper() != header.digest.upper():",
        "if False:",
        (ENGINE + "test_receipt_comes_back_byte_for_byte",),
        "a batch with other content would be answered with the receipt of the first",
    ),
    Mutant(
        "intake: any signature will do",
        "clearing/intake.py",
        "if not key.verify(header.signature_algorithm, message, bytes.fromhex(header.signature)):",
        "if False:",
        ("tests/service/test_http.py::test_another_hand_is_refused",),
        "anybody could submit for an operator",
    ),
    Mutant(
        "intake: the digest is not looked at",
        "clearing/intake.py",
        "if digest != header.digest.upper():",
        "if False:",
        ("tests/service/test_http.py::test_a_tampered_body_is_refused",),
        "records could be changed under the operator's signature",
    ),
)

BETWEEN_CITIES = (
    Mutant(
        "exchange: signatures are not checked",
        "settlement/exchange/codec.py",
        "if not key.verify(message.signature_algorithm, signed, message.signature):",
        "if False:",
        (EXCHANGE + "test_post.py::test_what_nobody_sent_is_not_stored",),
        "anybody on the line could answer for a city",
    ),
    Mutant(
        "exchange: a number may be used for another message",
        "settlement/exchange/post.py",
        'raise MessageError(Code.REFUSED, "its number was used for another message")',
        'raise MessageError(Code.DUPLICATE, "it was received before")',
        (EXCHANGE + "test_post.py::test_numbers_come_in_order_and_once",),
        "a message could vanish without a word",
    ),
    Mutant(
        "exchange: the province takes a presentment twice",
        "settlement/exchange/province.py",
        "if await store.lock_presentment(connection, presentment.presentment_id) is not None:",
        "if False:",
        (EXCHANGE + "test_objections.py"
         "::test_a_presentment_again_under_another_number_is_a_duplicate",),
        "a hostile city would be paid twice for one day's taps",
    ),
    Mutant(
        "exchange: an answer is booked twice",
        "settlement/exchange/acquirer.py",
        'if row.state != "presented":',
        "if False:",
        (EXCHANGE + "test_objections.py"
         "::test_a_presentment_again_under_another_number_is_a_duplicate",),
        "operators would lose a refused fare twice",
    ),
    Mutant(
        "exchange: a refused fare stays with the operator",
        "settlement/exchange/acquirer.py",
        "lines.move(credit.account, pending, _purpose(credit), credit.amount_fen)",
        "pass",
        (EXCHANGE + "test_exchange.py::test_one_way_traffic_is_owed_by_cycle",),
        "the acquiring city would pay for forged taps",
    ),
    Mutant(
        "exchange: a total is booked that our books do not bear",
        "settlement/exchange/cycle.py",
        "if sum_fen != total.amount_fen:",
        "if False:",
        ("tests/attacks/test_cities.py::test_a_clearing_total_that_is_not_the_sum",),
        "a wrong total would be paid",
    ),
    Mutant(
        "exchange: an issuer confirms what it rejected",
        "settlement/exchange/issuer.py",
        "        if amount or reason in _REJECTING:\n",
        "        if amount and reason not in _REJECTING:\n",
        (EXCHANGE + "test_exchange.py::test_one_way_traffic_is_owed_by_cycle",),
        "a city would be paid for taps with a wrong TAC",
    ),
    Mutant(
        "exchange: an overheard pull may be repeated",
        "settlement/exchange/post.py",
        "if request.counter <= used:",
        "if False:",
        (EXCHANGE + "test_post.py::test_a_pull_is_signed_and_used_once",),
        "a listener could have messages acknowledged that their city never got",
    ),
)  # fmt: skip
