"""The command writes a province that can be read back."""

import json
from pathlib import Path

import msgspec
import pytest

from loadtest import expected, generate
from schemas.forms import Form, decode
from schemas.registry import KINDS


def run(out: Path, *more: str) -> None:
    assert generate.main(["--out", str(out), "--taps", "1200", "--seed", "9", *more]) == 0


@pytest.mark.parametrize("form", sorted(form.name.lower().replace("_", "-") for form in Form))
def test_every_form_holds_the_same_batches(tmp_path: Path, form: str) -> None:
    run(tmp_path / "binary")
    run(tmp_path / form, "--form", form)
    left = sorted((tmp_path / "binary" / "batches").iterdir())
    right = sorted((tmp_path / form / "batches").iterdir())
    assert [path.stem for path in left] == [path.stem for path in right]
    for one, other in zip(left, right, strict=True):
        assert decode(one.read_bytes()) == decode(other.read_bytes())


def test_the_papers_agree_with_the_batches(tmp_path: Path) -> None:
    run(tmp_path)
    lines = list(expected.read(tmp_path / expected.EXPECTED_FILE))
    summary = json.loads((tmp_path / expected.SUMMARY_FILE).read_text("utf-8"))
    batches = [decode(path.read_bytes()) for path in (tmp_path / "batches").iterdir()]
    assert summary["taps"] == len(lines) == sum(batch.header.count for batch in batches)
    assert summary["batches"] == len(batches)
    assert sum(summary["verdicts"].values()) == len(lines)
    for operator in summary["operators"]:
        own = [line for line in lines if line.operator == operator["operator"]]
        assert operator["taps"] == len(own)
        credited = operator["credited_fen"] + operator["loaded_fen"]
        assert credited == sum(line.credited_fen for line in own)
        assert operator["subsidy_fen"] == sum(line.subsidy_fen for line in own)
    refused = sum(claim["refused"] for claim in summary["claims"])
    assert refused == sum(line.fault in expected.REFUSALS for line in lines) > 0
    assert sum(claim["loads"] for claim in summary["claims"]) > 0


def test_what_a_node_must_know_can_be_read_back(tmp_path: Path) -> None:
    run(tmp_path)
    for city in ("7910", "7930"):
        for line in (tmp_path / city / "registry.jsonl").read_bytes().splitlines():
            row = json.loads(line)
            msgspec.convert(row["row"], KINDS[row["kind"]])
        keys = json.loads((tmp_path / city / "keys.json").read_text("utf-8"))
        # TEST in a hex dump: nobody takes them for real keys.
        assert all(row["master_key"].startswith("54455354") for row in keys)
        assert {row["algorithm"] for row in keys} == {"des", "sm4"}


def test_a_city_without_fares_is_refused_in_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert generate.main(["--out", str(tmp_path), "--cities", "7910,8060"]) == 1
    assert (
        capsys.readouterr().err == "no rule set is known for the city 8060: give its fare facts\n"
    )
