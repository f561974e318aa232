"""Runs of ``onecard`` commands that are killed -9 at random moments, and what is left of them."""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from datetime import date
from pathlib import Path
from typing import Any, Final

DAY: Final = date(2026, 1, 5)
NAMES: Final = {"7910": "Xi'an", "7930": "Baoji", "0000": "Shaanxi"}
ONECARD: Final = (sys.executable, "-c", "from service.cli import main; main()")
TRIES: Final = 5
KILLS: Final = 120 if os.environ.get("TORTURE") == "1" else 4
"""Kills of each kind; three kinds make twelve in an ordinary run."""


def copy_of(prepared: Path, area: str, to: Path) -> Path:
    """A prepared home, copied: the same keys, secrets and database."""
    home = to / area
    shutil.copytree(prepared / area, home, symlinks=True)
    return home


def files_of(prepared: Path, area: str) -> list[str]:
    """The batch files of a city, in their order."""
    return [str(path) for path in sorted((prepared / "traffic" / "batches").glob(f"*-{area}-*"))]


def command(*words: str) -> str:
    """Run a command to its end; returns what it printed. Fails the test if it fails."""
    done = subprocess.run(
        [*ONECARD, *words], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, f"{words}: {done.stdout[-2000:]} {done.stderr[-2000:]}"
    return done.stdout


def seconds_of(*words: str) -> float:
    """How long a command takes when nobody kills it."""
    started = time.monotonic()
    command(*words)
    return time.monotonic() - started


def killed_then_finished(source: random.Random, kills: int, lasts_s: float, *words: str) -> int:
    """Start a command and kill -9 it at a random moment, until ``kills`` of them found it at work;
    then let it finish. Returns how many did (it may be done before its moment comes)."""
    hits = tries = 0
    while hits < kills and tries < TRIES * kills:
        tries += 1
        process = subprocess.Popen(
            [*ONECARD, *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            process.wait(timeout=source.uniform(0.1, 0.9) * lasts_s)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            hits += 1
        process.wait()
    command(*words)
    return hits


def outcome(home: Path, day: date = DAY) -> dict[str, Any]:
    """Everything that must be the same: the report, and the digest of every paper."""
    report = json.loads(
        command("report", "--date", str(day), "--format", "json", "--home", str(home))
    )
    papers = home / "papers" / str(day)
    digests = {
        str(path.relative_to(papers)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(papers.rglob("*"))
        if path.is_file()
    }
    assert digests
    assert report["seal"]
    return {"report": report, "papers": digests}
