"""A generated month comes out on a real node as was written down before its first tap."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

import msgspec
import pytest

from loadtest.month.files import BatchLine, Writer
from loadtest.month.model.audit import Night
from loadtest.month.month import TAPS, Month
from tests.simulation.month import Differs, differing_end, play
from tests.simulation.month_node import open_node

FIRST = date(2026, 1, 5)
SEED = 1


async def test_a_small_month_with_every_fault(migrated: str, tmp_path: Path) -> None:
    folder = tmp_path / "month"
    Writer(Month(SEED, 20_000, FIRST, fault_rate=0.1), folder).write()
    context = await open_node(migrated, tmp_path / "home", folder)
    played = await play(context, folder)
    assert await differing_end(context, folder) == []
    assert len(played.nights) == 71
    assert played.taps > 19_000


async def test_an_honest_month_with_late_lost_and_doubled_data(
    migrated: str, tmp_path: Path
) -> None:
    """Ten transaction dates: what the nights say of honest cards is what was written down, no alarm."""
    folder = tmp_path / "month"
    month = Month(SEED, 3_000, FIRST, days=10, fault_rate=0.2, honest=True)
    Writer(month, folder, honest=True).write()
    context = await open_node(migrated, tmp_path / "home", folder)
    await play(context, folder)
    assert await differing_end(context, folder) == []


@pytest.mark.parametrize("what", ["a flag", "suspense", "an item"])
async def test_a_difference_is_found_and_named(migrated: str, tmp_path: Path, what: str) -> None:
    folder = tmp_path / "month"
    Writer(Month(SEED, 1_500, FIRST, days=2, late_days=40, fault_rate=0.5), folder).write()
    named = _spoil(folder / "expected", what)
    context = await open_node(migrated, tmp_path / "home", folder)
    with pytest.raises(Differs, match=named):
        await play(context, folder, until=2)


def _spoil(expected: Path, what: str) -> str:
    """Write something else than was expected; what the message must name."""
    if what == "a flag":
        path = expected / f"{FIRST}.jsonl"
        lines = [
            msgspec.json.decode(text, type=BatchLine) for text in path.read_bytes().splitlines()
        ]
        line = next(line for line in lines if line.rows)
        line.rows[0] = (*line.rows[0][:3], line.rows[0][3] ^ 1 << 42, *line.rows[0][4:])
        path.write_bytes(msgspec.json.Encoder().encode_lines(lines))
        return f"{line.file} row {line.rows[0][0]}"
    path = expected / "nights.jsonl"
    nights = [msgspec.json.decode(text, type=Night) for text in path.read_bytes().splitlines()]
    named = "principal/suspense"
    if what == "suspense":
        nights[0].suspense_fen += 1
    else:
        named = nights[0].changes.pop().item_id
    path.write_bytes(msgspec.json.Encoder().encode_lines(nights))
    return named


@pytest.mark.torture
async def test_five_million_taps(
    migrated: str, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    folder = tmp_path / "month"
    started = time.monotonic()
    summary = Writer(Month(SEED, TAPS, FIRST), folder).write()
    record_property("seed", SEED)
    record_property("taps", summary.taps)
    record_property("faulty_taps", sum(summary.faults.values()))
    record_property("generating_s", round(time.monotonic() - started, 1))
    context = await open_node(migrated, tmp_path / "home", folder)
    played = await play(context, folder)
    record_property("submitting_s", round(played.submitting_s, 1))
    record_property("nights_s", round(sum(played.nights.values()), 1))
    record_property("longest_night_s", max(played.nights.values()))
    record_property("comparing_s", round(played.comparing_s, 1))
    assert await differing_end(context, folder) == []
    assert played.taps == summary.taps >= TAPS
