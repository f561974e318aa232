"""One table and ``bench.json`` from what pytest-benchmark measured: medians, and ratios in one run."""

import json
import os
import platform
import statistics
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any, Final

PEERS: Final = {
    "durable_taps_per_s": ("copy_limit_rows_per_s", "script_taps_per_s"),
    **{
        f"tac_{name}{way}_taps_per_s": (
            f"tac_{name}_openssl_taps_per_s",
            f"tac_{name}_library_taps_per_s",
        )
        for name in ("des", "sm4")
        for way in ("", "_mixed", "_scalar", "_words", "_sse2", "_neon", "_avx2", "_avx512")
    },
}
"""Beside which peers a key is read."""


def medians(measured: dict[str, Any]) -> dict[str, float]:
    """The median rate of each key over its counted rounds, per second."""
    rates: dict[str, list[float]] = defaultdict(list)
    for row in measured["benchmarks"]:
        extra = row["extra_info"]
        if extra.get("counted", True):
            rates[extra["key"]].append(extra["taps"] / row["stats"]["median"])
    return {key: statistics.median(values) for key, values in sorted(rates.items())}


def machine() -> dict[str, str | int]:
    """What it was measured on."""
    model = platform.processor() or platform.machine()
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
    except OSError:
        pass
    return {"cpu": model, "cores": os.cpu_count() or 0, "python": platform.python_version()}


def table(found: dict[str, float]) -> str:
    """The table that a person reads."""
    lines = [f"{'key':32} {'per second':>14}   ratios in this run"]
    for key, rate in found.items():
        ratios = "   ".join(
            f"{rate / found[peer]:.2f} × {peer}" for peer in PEERS.get(key, ()) if peer in found
        )
        lines.append(f"{key:32} {rate:14,.0f}   {ratios}".rstrip())
    return "\n".join(lines)


def main(arguments: list[str]) -> int:
    """``python -m loadtest.benchmarks.report MEASURED.json``: prints the table, writes bench.json."""
    measured = json.loads(Path(arguments[0]).read_text())
    found = medians(measured)
    facts = machine()
    Path("bench.json").write_text(json.dumps({"machine": facts, "medians": found}, indent=2) + "\n")
    sys.stdout.write(f"{facts['cpu']}, {facts['cores']} cores, Python {facts['python']}\n\n")
    sys.stdout.write(table(found) + "\n\nwritten: bench.json\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
