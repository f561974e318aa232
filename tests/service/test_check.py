"""``onecard check``: the kernel's word on files before they are submitted, without keys and database."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import msgspec
import pytest

from clearing import rules
from clearing.keys.signing import SigningKey
from loadtest.province import Province
from schemas import batch as envelope
from schemas import record, registry
from schemas.batch import Batch
from schemas.codes import Discount, Mode, SignatureAlgorithm, TapKind, TypeByte, Verdict
from schemas.forms import Form, encode
from schemas.reasons import ROW, Reason, names
from schemas.registry import key_of
from service.checking import Outcome, check_files
from service.supposing import ISSUERS_MAX, Given
from tests import world
from tests.schemas.test_fuzz import BODIES, MANGLE
from tests.schemas.test_wrong_bodies import REFUSED
from tests.service.conftest import CITY, DAY, Answer
from tests.world import BUS, TAXI, Card

NOW = datetime.fromisoformat("2026-01-05T23:59:59")
OneCard = Callable[..., Answer]


def rows(*, but: tuple[str, ...] = ()) -> dict[tuple[str, str], msgspec.Struct]:
    """The small world's registry as an operator's extract has it."""
    found: list[tuple[str, msgspec.Struct]] = [("issuer", row) for row in world.issuers()]
    found += [("operator", row) for row in world.operators()]
    found += [
        ("terminal", registry.Terminal(terminal_id=world.terminal(op), operator=op))
        for op in (BUS, TAXI)
    ]
    return {(kind, key_of(kind, row)): row for kind, row in found if kind not in but}


def given(**changes: object) -> Given:
    """The shipped rules of Xi'an and the small world's registry, at the end of its day."""
    base = {"rule_files": rules.read(["xian"]), "rows": rows(), "now": NOW}
    return Given(**(base | changes))  # type: ignore[arg-type]


def written(tmp_path: Path, *batches: Batch, form: Form = Form.BINARY) -> list[Path]:
    """Files of batches, in order."""
    paths = []
    for number, batch in enumerate(batches):
        path = tmp_path / f"{number}.batch"
        path.write_bytes(encode(batch, form))
        paths.append(path)
    return paths


def rides(*taps: bytes, number: int = 1, operator: int = BUS) -> Batch:
    """A signed batch."""
    return world.batch(operator, number, b"".join(taps))


def counts(outcome: Outcome) -> dict[str, int]:
    """Taps by reason."""
    return {said.reason: said.count for said in outcome.reasons}


def ride(card: Card, at: str = "20260105083015", **changes: object) -> bytes:
    """A bus ride of 50 fen: 1 yuan at half price."""
    good_tac = bool(changes.pop("good_tac", True))
    number = 100 * card.number + card.offline
    data = card.tap(BUS, 50, at=at, number=number, gross_fen=100)
    return world.sealed(msgspec.structs.replace(record.unpack(data), **changes), good_tac)


@pytest.mark.parametrize("form", Form)
def test_clean_files_of_every_form_say_nothing(form: Form, tmp_path: Path) -> None:
    card = Card(1)
    files = written(tmp_path, rides(ride(card), ride(card, "20260105183015")), form=form)
    outcome = check_files(files, given())
    assert (outcome.exit_code, outcome.reasons) == (0, [])
    (file,) = outcome.files
    assert (file.state, file.taps, file.clean, file.charged_fen) == ("judged", 2, 2, 100)
    assert file.form == form.name.lower()


def test_a_tac_is_not_compared_and_a_torn_one_is_seen(tmp_path: Path) -> None:
    card = Card(1)
    forged = ride(card, good_tac=False)
    torn = ride(card, "20260105093015")
    torn = torn[:129] + b"\xff" * 4 + torn[133:]
    outcome = check_files(written(tmp_path, rides(forged, torn)), given())
    assert counts(outcome) == {"tac_torn": 1}
    assert any(line.startswith("TAC") for line in outcome.not_done)


ODD = {
    Reason.MALFORMED: {"version": 2},
    Reason.UNKNOWN_KIND: {"kind": 12},
    Reason.OPERATOR_OTHER: {"operator": TAXI},
    Reason.ISSUER_UNKNOWN: {"issuer": "0000000000009999"},
    Reason.TAC_NOT_ALLOWED_ABSENT: {"algorithm": 255},
    Reason.KEY_SET_UNKNOWN: {"algorithm": 7},
    Reason.ZERO_AMOUNT: {"amount_fen": 0, "gross_fen": 0, "kind": TapKind.METRO_SUPPLEMENT,
                         "balance_after_fen": 5000},
    Reason.TERMINAL_UNKNOWN: {"terminal_id": "710000119999"},
    Reason.TERMINAL_OF_OTHER_OPERATOR: {"terminal_id": world.terminal(TAXI)},
    Reason.BALANCE_ARITHMETIC: {"balance_after_fen": 4000},
    Reason.BALANCE_ABOVE_LIMIT: {"balance_before_fen": 200_000, "balance_after_fen": 199_950},
    Reason.FUTURE: {"tapped_at": "20260106083015"},
    Reason.PRESENTED_LATE: {"tapped_at": "20251101083015"},
    Reason.REFUND_HELD: {"kind": TapKind.CARD_REFUND},
    Reason.KIND_NOT_SUPPORTED: {"kind": TapKind.TOP_UP_REVERSAL, "type_byte": TypeByte.LOAD},
    Reason.ABOVE_TARIFF: {"amount_fen": 90, "balance_after_fen": 4910},
    Reason.BELOW_TARIFF: {"amount_fen": 40, "balance_after_fen": 4960},
    Reason.GROSS_DIFFERS: {"gross_fen": 700},
    Reason.DEGRADED_MODE: {"mode": Mode.DEGRADED},
    Reason.CARD_KIND_UNKNOWN: {"card_kind": 99},
    Reason.CONCESSION_NOT_OF_CARD: {"discount_claimed": Discount.CONCESSION},
    Reason.TRANSFER_UNPROVEN: {"discount_claimed": Discount.TRANSFER},
}  # fmt: skip
"""What is wrong with one ride, by the reason that it gets."""


@pytest.mark.parametrize("reason", ODD, ids=lambda reason: reason.name.lower())
def test_what_needs_no_keys_is_found_with_its_row(reason: Reason, tmp_path: Path) -> None:
    good = [ride(Card(n)) for n in (2, 3)]
    outcome = check_files(
        written(tmp_path, rides(good[0], ride(Card(1), **ODD[reason]), good[1])), given()
    )
    (said,) = [said for said in outcome.reasons if said.reason == reason.name.lower()]
    assert (said.count, said.outcome) == (1, ROW[reason].outcome.name.lower())
    (example,) = said.examples
    assert example.row == 1
    assert example.card.endswith("0001")
    assert "0" * 12 not in example.card  # masked
    (file,) = outcome.files
    assert (file.taps, file.clean) == (3, 2)
    if ROW[reason].outcome != Verdict.ACCEPTED:
        assert file.held + file.rejected == 1
    assert outcome.exit_code == 1


def test_a_reason_says_field_expected_and_came(tmp_path: Path) -> None:
    outcome = check_files(written(tmp_path, rides(ride(Card(1), gross_fen=700))), given())
    (said,) = [said for said in outcome.reasons if said.reason == "gross_differs"]
    (example,) = said.examples
    assert example.field == "gross_fen"
    assert example.expected.endswith("yuan")
    assert example.actual == "7.00 yuan"


def test_duplicates_are_found_across_files_and_named_by_file(tmp_path: Path) -> None:
    one, two = ride(Card(1)), ride(Card(2))
    altered = two[:80] + b"\x05" + two[81:]
    files = written(
        tmp_path, rides(one, two), rides(one, altered, number=2), rides(one, one, number=3)
    )
    outcome = check_files(files, given())
    assert counts(outcome) == {"duplicate": 3, "duplicate_altered": 1}
    (said,) = [said for said in outcome.reasons if said.reason == "duplicate"]
    assert said.examples[0].expected == f"the first is row 0 of {files[0]}"
    assert said.examples[0].file == str(files[1])


def test_the_chain_of_the_files_own_taps(tmp_path: Path) -> None:
    card = Card(1)
    first, missing, third = (ride(card, f"2026010508{n}015") for n in (1, 2, 3))
    assert missing
    outcome = check_files(written(tmp_path, rides(first, third)), given())
    assert counts(outcome) == {"chain_gap_pending": 1}
    again = Card(1)
    clone = ride(again, "20260105091015", terminal_number=77)
    outcome = check_files(written(tmp_path, rides(first, third, clone)), given())
    assert counts(outcome) == {"chain_gap_pending": 1, "counter_reused": 1}


# -- file level --------------------------------------------------------------------------------------


def test_the_file_level_is_the_engines_own(tmp_path: Path) -> None:
    good = rides(ride(Card(1)))
    late = world.batch(BUS, 2, ride(Card(2)), "20260106")
    wrong_digest = Batch(msgspec.structs.replace(good.header, number=3), good.records)
    kinds = (envelope.KindSum(1, 9, 9),)
    wrong_sums = Batch(msgspec.structs.replace(good.header, number=4, sums=kinds), good.records)
    key = SigningKey.from_seed(b"x" * 32)
    made = envelope.make(
        BUS, 5, "20260105", ride(Card(5)), signature_algorithm=SignatureAlgorithm.ED25519
    )
    forged = envelope.signed(made, key.sign(envelope.signing_input(made.header.digest)))
    unknown = world.batch(99, 1, ride(Card(6)))
    files = written(tmp_path, good, late, wrong_digest, wrong_sums, forged, unknown)
    outcome = check_files(files, given())
    words = [
        file.refused_for[0].split(":")[0] if file.refused_for else "" for file in outcome.files
    ]
    assert words == [
        "", "declared_future", "digest_wrong", "header_differs", "signature_wrong", "operator_unknown",
    ]  # fmt: skip
    assert [file.state for file in outcome.files] == ["judged", *["refused"] * 5]
    assert outcome.exit_code == 1


def test_without_a_key_a_signature_says_nothing_and_that_is_said(tmp_path: Path) -> None:
    files = written(tmp_path, rides(ride(Card(1))))
    outcome = check_files(files, given(rows=rows(but=("operator",))))
    assert outcome.exit_code == 0
    assert any("signature" in line for line in outcome.not_done)
    wrong = SigningKey.from_seed(b"x" * 32).public.encode().hex()
    outcome = check_files(files, given(rows=rows(but=("operator",)), public_key=wrong))
    assert outcome.files[0].refused_for[0].startswith("signature_wrong")
    right = world.operator_key(BUS).public.encode().hex()
    outcome = check_files(files, given(rows=rows(but=("operator",)), public_key=right))
    assert outcome.exit_code == 0


def test_the_same_batch_again_is_no_fault_and_its_number_for_another_is(tmp_path: Path) -> None:
    first = rides(ride(Card(1)))
    outcome = check_files(written(tmp_path, first, first, rides(ride(Card(2)))), given())
    assert [file.state for file in outcome.files] == ["judged", "again", "refused"]
    assert outcome.files[2].refused_for[0].startswith("number_used")


def test_missing_numbers_and_another_operator_are_named(tmp_path: Path) -> None:
    files = written(tmp_path, rides(ride(Card(1))), rides(ride(Card(2)), number=5))
    outcome = check_files(files, given(operator=BUS))
    assert outcome.files[1].remarks[0].startswith("number_gap")
    outcome = check_files(files, given(operator=TAXI))
    assert all(file.refused_for[0].startswith("key_wrong") for file in outcome.files)


def test_without_any_registry_the_rest_is_still_checked(tmp_path: Path) -> None:
    card = Card(1)
    taps = ride(card), ride(card, "20260105093015", gross_fen=900), ride(card, "20260106093015")
    outcome = check_files(written(tmp_path, rides(*taps)), given(rows={}))
    assert counts(outcome) == {"future": 1}
    left_out = " ".join(outcome.not_done)
    for word in ("TAC", "terminal", "denylist", "issuer", "fares", "contract", "registries"):
        assert word in left_out
    outcome = check_files(written(tmp_path, rides(*taps)), given(rows={}, tariff="xian/bus"))
    assert counts(outcome)["gross_differs"] == 1


def test_ever_new_issuers_are_no_attack(tmp_path: Path) -> None:
    taps = [ride(Card(n), issuer=f"{n:016}") for n in range(ISSUERS_MAX + 5)]
    outcome = check_files(written(tmp_path, rides(*taps)), given(rows={}))
    assert counts(outcome) == {"issuer_unknown": 5}


# -- as the engine would -----------------------------------------------------------------------------


KEYLESS = {
    "malformed", "unknown_kind", "operator_other", "duplicate", "duplicate_in_batch",
    "duplicate_altered", "issuer_unknown", "issuer_not_interoperable", "terminal_unknown",
    "terminal_of_other_operator", "zero_amount", "amount_above_limit", "balance_above_limit",
    "balance_arithmetic", "future", "presented_late", "tac_torn", "tac_not_allowed_absent",
    "denylisted", "degraded_mode", "terminal_line_differs",
}  # fmt: skip
"""Reasons that need neither keys nor card registry nor history."""


def test_what_the_check_says_is_what_the_traffic_expects(tmp_path: Path) -> None:
    province = Province(11, 2_000, DAY)
    registered = {(kind, key_of(kind, row)): row for kind, row in _converted(province)}
    batches, expected = [], Counter[str]()
    for delivery in province.run():
        if delivery.city == CITY:
            batches.append(delivery.batch)
            for row in delivery.expected:
                expected.update({row.reason, *names(row.flags)} & KEYLESS)
    outcome = check_files(
        written(tmp_path, *batches),
        given(rule_files=rules.read(rules.shipped_sets()), rows=registered),
    )
    found = {name: count for name, count in counts(outcome).items() if name in KEYLESS}
    assert found == expected
    assert len(found) > 12  # the traffic has faults enough that this test means something


def _converted(province: Province) -> Iterator[tuple[str, msgspec.Struct]]:
    for kind, row in province.registry_rows(CITY):
        yield kind, msgspec.json.decode(msgspec.json.encode(row), type=registry.KINDS[kind])


# -- broken files ------------------------------------------------------------------------------------


def test_whatever_the_bytes_a_file_gets_an_answer(tmp_path: Path) -> None:
    source = random.Random("check")
    paths = []
    for number in range(600):
        body = BODIES[source.choice(list(Form))]
        for _ in range(source.choice((1, 1, 2, 4))):
            body = source.choice(MANGLE)(source, body)
        paths.append(tmp_path / f"{number}")
        paths[-1].write_bytes(body)
    for number, (body, _) in enumerate(REFUSED.values()):
        paths.append(tmp_path / f"refused-{number}")
        paths[-1].write_bytes(body)
    paths.append(tmp_path / "absent")
    outcome = check_files(paths, given(rows={}))
    assert outcome.exit_code == 2
    assert len(outcome.files) == len(paths)
    states = Counter(file.state for file in outcome.files)
    assert states["unreadable"] > 300
    assert states["judged"] + states["refused"] + states["again"] > 10
    assert all(
        file.refused_for for file in outcome.files if file.state in ("unreadable", "refused")
    )


@pytest.mark.parametrize("kernel", ["fastpath", "reference"])
def test_records_of_any_bytes_are_judged(kernel: str, tmp_path: Path) -> None:
    source = random.Random(7)
    taps = [bytearray(ride(Card(n))) for n in range(300)]
    for tap in taps:
        for _ in range(source.choice((1, 2, 8, 100))):
            tap[source.randrange(len(tap))] = source.choice((0, 0xFF, source.randrange(256)))
    outcome = check_files(
        written(
            tmp_path,
            rides(*map(bytes, taps)),
            rides(*(source.randbytes(144) for _ in range(50)), number=2),
        ),
        given(),
        kernel,
    )
    assert [file.taps for file in outcome.files] == [300, 50]
    for file in outcome.files:
        assert file.clean + file.remarked + file.held + file.rejected == file.taps


# -- the command -------------------------------------------------------------------------------------


def test_the_command_prints_and_exits_as_it_found(tmp_path: Path, onecard: OneCard) -> None:
    lines = [{"kind": kind, "row": row} for (kind, _), row in rows().items()]
    extract = tmp_path / "registry.jsonl"
    extract.write_bytes(msgspec.json.Encoder().encode_lines(lines))
    clean, odd = written(
        tmp_path,
        rides(ride(Card(1))),
        rides(ride(Card(2), terminal_id="710000119999"), number=2),
        form=Form.CSV,
    )
    options = ("--registry", extract, "--rules", "xian", "--now", "2026-01-05T23:00:00")
    answer = onecard("check", clean, *options)
    assert (answer.code, answer.err) == (0, "")
    assert "nothing to say" in answer.out
    answer = onecard("check", clean, odd, *options)
    assert answer.code == 1
    for words in (
        "would be held 将挂账",
        "terminal_unknown",
        "终端未登记",
        "row 0 (line 3)",
        "not checked here",
    ):
        assert words in answer.out
    answer = onecard("check", odd, *options, "--json")
    document = msgspec.json.decode(answer.out)
    assert document["reasons"][0]["reason"] == "terminal_unknown"
    assert document["files"][0]["held"] == 1
    odd.write_bytes(b"none of the forms")
    answer = onecard("check", clean, odd, *options)
    assert answer.code == 2
    assert "unreadable" in answer.out


def test_the_command_asks_for_no_database(
    tmp_path: Path, onecard: OneCard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ONECARD_DSN", "postgresql://nobody@127.0.0.1:1/none")
    (path,) = written(tmp_path, rides(ride(Card(1))))
    assert onecard("check", path, "--now", "2026-01-05T23:00:00").code == 0


def test_wrong_options_are_told(tmp_path: Path, onecard: OneCard) -> None:
    (path,) = written(tmp_path, rides(ride(Card(1))))
    assert onecard("check", path, "--public-key", "zz").code == 2
    answer = onecard("check", path, "--tariff", "xian/none")
    assert answer.code == 1
    assert "no tariff" in answer.err
    broken = tmp_path / "broken.jsonl"
    broken.write_text('{"kind": "terminal", "row": {}}\n')
    answer = onecard("check", path, "--registry", broken)
    assert answer.code == 1
    assert "broken.jsonl:1" in answer.err
