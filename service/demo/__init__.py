"""``onecard demo``: a business day of two cities and the province, taps in, money out, all checked.

Everything is real: three homes with databases of their own, three ``onecard serve`` processes, batches
over HTTP with API keys and signatures, ``onecard settle`` and ``onecard verify`` as processes. What each
tap must get was written by the generator before the first node started (``loadtest``, another process:
the doors import no traffic). The last line says whether everything came out as expected.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from datetime import date
from pathlib import Path
from typing import Final

from rich.console import Console

from service.demo.course import Course
from service.errors import HomeError

DAY: Final = date(2026, 1, 5)
"""The business date of the demonstration: a Monday; the nodes run on a clock of their own."""


def run(*, taps: int, seed: int, on: date | None, home: Path | None) -> int:
    """Run the demonstration; 0 if everything came out as expected, else 1.

    ``home``: where the nodes are made and kept; by default a directory that is removed afterwards.
    """
    console = Console()
    if home is not None and home.exists() and (not home.is_dir() or any(home.iterdir())):
        raise HomeError(f"{home} is no empty directory.", "Name one that is new or empty.")
    root = home or Path(tempfile.mkdtemp(prefix="onecard-demo-"))
    try:
        return asyncio.run(
            Course(console, root, taps, seed, on or DAY, kept=home is not None).run()
        )
    finally:
        if home is None:
            shutil.rmtree(root, ignore_errors=True)
