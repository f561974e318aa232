"""What ``make torture`` leaves behind: ``evidence/torture.json``, one entry a test.

Each says whether it passed, how long it took, and what it recorded of itself (seed, kills, examples).
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
FILE = ROOT / "evidence" / "torture.json"


class Evidence:
    """A pytest plugin that collects results and writes them when the run is over."""

    def __init__(self) -> None:
        self._tests: list[dict[str, Any]] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep the call of each test, or whatever else of it failed."""
        if report.when == "call" or report.failed:
            self._tests.append(
                {
                    "test": report.nodeid,
                    "result": report.outcome,
                    "seconds": round(report.duration, 2),
                    **dict(report.user_properties),
                }
            )

    def pytest_sessionfinish(self) -> None:
        """Write the file."""
        commit = subprocess.run(
            ["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False
        ).stdout.strip()
        results = [test["result"] for test in self._tests]
        found = {
            "commit": commit,
            "passed": results.count("passed"),
            "failed": results.count("failed"),
            "tests": self._tests,
        }
        FILE.parent.mkdir(exist_ok=True)
        FILE.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")
