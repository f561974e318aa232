"""kill -9 in mid-submit and mid-settle: the day comes out byte for byte as if nothing had happened."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.kills.runs import (
    DAY,
    KILLS,
    command,
    copy_of,
    files_of,
    killed_then_finished,
    outcome,
    seconds_of,
)

pytestmark = pytest.mark.kills
AREA = "7910"
SEED = 20261124


def test_killed_submit_and_settle_change_nothing(
    prepared: Path, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    record_property("seed", SEED)
    source = random.Random(SEED)
    calm = copy_of(prepared, AREA, tmp_path / "calm")
    stormy = copy_of(prepared, AREA, tmp_path / "stormy")
    files = files_of(prepared, AREA)
    submitting = seconds_of("submit", *files, "--home", str(calm))
    settling = seconds_of("settle", "--date", str(DAY), "--home", str(calm))
    expected = outcome(calm)

    hits = killed_then_finished(source, KILLS, submitting, "submit", *files, "--home", str(stormy))
    hits += killed_then_finished(
        source, KILLS, settling, "settle", "--date", str(DAY), "--home", str(stormy)
    )
    record_property("kills", hits)
    assert hits == 2 * KILLS, f"only {hits} kills met a command at work (seed {SEED})"
    assert outcome(stormy) == expected, f"seed {SEED}"
    command("verify", "--date", str(DAY), "--home", str(stormy))
