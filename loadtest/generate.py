"""``python -m loadtest.generate --out DIR``: the province's batches and expectations as files.

Written: ``CITY/registry.jsonl``, ``CITY/cards.jsonl``, ``CITY/keys.json`` (test keys),
``CITY/operators.json`` (test API keys), ``batches/NNNNNN-CITY-OPERATOR-NUMBER.EXT`` in the order in
which they are to be submitted, ``expected.jsonl`` and ``expected-summary.json``.
"""

import argparse
import sys
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Final

import msgspec

from loadtest.desk import Delivery
from loadtest.expected import EXPECTED_FILE, SUMMARY_FILE, Summary, Summing, encoder, lines_of
from loadtest.province import DEFAULT_CITIES, FAULT_RATE, Province
from schemas.forms import Form, encode

EXTENSIONS: Final = {
    Form.BINARY: "bin",
    Form.JSON_LINES: "jsonl",
    Form.CSV: "csv",
    Form.MESSAGE_PACK: "msgpack",
}
_FORMS: Final = {form.name.lower().replace("_", "-"): form for form in Form}


def summing_of(province: Province) -> Summing:
    """What adds up the province's deliveries."""
    modes, issuers = {}, {}
    for area, world in province.worlds.items():
        for operator in world.operators.values():
            modes[area, operator.number] = operator.mode
        for pool in world.pools:
            issuers[pool.issuer.code_bytes] = area
    for issuer in (province.excluded,):
        issuers[issuer.code_bytes] = issuer.city.area
    return Summing(province.seed, modes, issuers)


def write_beforehand(province: Province, out: Path) -> None:
    """What each node must know before the first batch."""
    for city in province.cities:
        folder = out / city
        folder.mkdir(parents=True, exist_ok=True)
        rows = [{"kind": kind, "row": row} for kind, row in province.registry_rows(city)]
        (folder / "registry.jsonl").write_bytes(encoder.encode_lines(rows))
        with (folder / "cards.jsonl").open("wb") as cards:
            for card in province.issued_cards(city):
                cards.write(encoder.encode(card) + b"\n")
        keys = [
            {**msgspec.structs.asdict(keys), "master_key": keys.master_key.hex().upper()}
            for keys in province.key_sets(city)
        ]
        (folder / "keys.json").write_bytes(encoder.encode(keys))
        operators = [
            {
                "operator": operator,
                "api_key": api_key,
                "signing_key": province.operator_keys[area, operator].private_bytes_raw().hex(),
            }
            for (area, operator), api_key in province.api_keys.items()
            if area == city
        ]
        (folder / "operators.json").write_bytes(encoder.encode(operators))


def file_name(position: int, delivery: Delivery, form: Form) -> str:
    """The name of a batch's file; names sort in the order of submission."""
    header = delivery.batch.header
    name = f"{position:06d}-{delivery.city}-{header.operator}-{header.number}"
    return f"{name}.{EXTENSIONS[form]}"


def write_province(
    province: Province,
    out: Path,
    form: Form = Form.BINARY,
    progress: Callable[[int], None] = lambda _: None,
) -> Summary:
    """Write everything into ``out``; ``progress`` is told the taps so far. One batch in memory."""
    write_beforehand(province, out)
    batches = out / "batches"
    batches.mkdir(parents=True, exist_ok=True)
    summing = summing_of(province)
    taps = 0
    with (out / EXPECTED_FILE).open("wb") as expected:
        for position, delivery in enumerate(province.run(), 1):
            expected.write(lines_of(delivery.expected))
            (batches / file_name(position, delivery, form)).write_bytes(
                encode(delivery.batch, form)
            )
            summing.add(delivery)
            taps += len(delivery.expected)
            progress(taps)
    summary = summing.result(province.declared_late)
    (out / SUMMARY_FILE).write_bytes(msgspec.json.format(encoder.encode(summary), indent=2) + b"\n")
    return summary


def _arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m loadtest.generate", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="directory to write to")
    parser.add_argument("--taps", type=int, default=300_000, help="taps per day (300000)")
    parser.add_argument("--seed", type=int, default=1, help="seed (1)")
    parser.add_argument("--date", type=date.fromisoformat, default=date(2026, 1, 5))
    parser.add_argument("--days", type=int, default=1, help="business days (1)")
    parser.add_argument("--cities", default=",".join(DEFAULT_CITIES), help="area codes")
    parser.add_argument("--form", choices=sorted(_FORMS), default="binary")
    parser.add_argument("--fault-rate", type=float, default=FAULT_RATE, help="share (0.02)")
    parser.add_argument("--batch-taps", type=int, default=0, help="taps per batch (0 = by size)")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Write a province to a directory."""
    options = _arguments(arguments)
    started = time.monotonic()
    try:
        province = Province(
            options.seed,
            options.taps,
            options.date,
            cities=tuple(options.cities.split(",")),
            days=options.days,
            fault_rate=options.fault_rate,
            batch_taps=options.batch_taps,
        )
    except ValueError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    total = options.taps * options.days

    def progress(taps: int) -> None:
        if sys.stderr.isatty():
            sys.stderr.write(f"\r{taps:,} of about {total:,} taps")

    summary = write_province(province, options.out, _FORMS[options.form], progress)
    seconds = time.monotonic() - started
    sys.stdout.write(
        f"\n{summary.taps:,} taps in {summary.batches:,} batches, "
        f"{sum(summary.faults.values()):,} from faults, {seconds:.1f} s\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
