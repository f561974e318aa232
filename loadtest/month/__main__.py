"""``python -m loadtest.month --out DIR``: a month of one city, and what it must come to, as files."""

import argparse
import sys
import time
from datetime import date
from pathlib import Path

from loadtest.month.files import Writer
from loadtest.month.month import DAYS, FAULT_RATE, LATE_DAYS, TAPS, Month


def _arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m loadtest.month", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="a directory that is not there yet")
    parser.add_argument("--taps", type=int, default=TAPS, help=f"taps of the month ({TAPS})")
    parser.add_argument("--seed", type=int, default=1, help="seed (1)")
    parser.add_argument("--first", type=date.fromisoformat, default=date(2026, 1, 5))
    parser.add_argument("--days", type=int, default=DAYS, help=f"transaction dates ({DAYS})")
    parser.add_argument(
        "--late-days", type=int, default=LATE_DAYS, help=f"how late taps may be ({LATE_DAYS})"
    )
    parser.add_argument("--fault-rate", type=float, default=FAULT_RATE, help="share (0.02)")
    parser.add_argument("--batch-taps", type=int, default=0, help="taps per batch (0 = by size)")
    parser.add_argument("--honest", action="store_true", help="no fraud: late, lost, doubled data")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Write a month to a directory."""
    options = _arguments(arguments)
    started = time.monotonic()
    if options.out.exists():
        sys.stderr.write(f"{options.out} is there already; name another directory.\n")
        return 1
    month = Month(
        options.seed,
        options.taps,
        options.first,
        days=options.days,
        late_days=options.late_days,
        fault_rate=options.fault_rate,
        honest=options.honest,
        batch_taps=options.batch_taps,
    )

    def progress(taps: int) -> None:
        if sys.stderr.isatty():
            sys.stderr.write(f"\r{taps:,} of about {options.taps:,} taps")

    summary = Writer(month, options.out, honest=options.honest).write(progress)
    seconds = time.monotonic() - started
    sys.stdout.write(
        f"{summary.taps:,} taps in {summary.batches:,} batches over {summary.dates} dates, "
        f"{sum(summary.faults.values()):,} faulty ones, {seconds:.1f} s\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
