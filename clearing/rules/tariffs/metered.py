"""A taxi meter: a start, then steps of distance and of waiting."""

from typing import Final

from clearing.plan import Meter, TariffType
from clearing.rules.document import Table
from clearing.rules.tariffs.registry import Body, Context

TYPE: Final = "metered"
KEYS: Final = {
    "start_fen": "the fare of the start",
    "start_m": "metres that the start includes",
    "step_fen": "what each begun step adds",
    "step_m": "length of a step, metres",
    "wait_fen": "what each full waiting time adds",
    "wait_s": "length of a waiting time, seconds; absent: waiting costs nothing",
    "tolerance_fen": "how far the device's fare may differ from ours, either way",
}


def build(version: Table, context: Context) -> Body:  # noqa: ARG001 - all types have it
    """Compile a meter."""
    if version.has("wait_fen") != version.has("wait_s"):
        raise version.error(
            "wait_fen" if version.has("wait_fen") else "wait_s",
            "Waiting has a price or a time, not both.",
            "Give wait_fen and wait_s together, or neither.",
        )
    return Body(
        TariffType.METERED,
        meter=Meter(
            version.integer("start_fen"),
            version.integer("start_m"),
            version.integer("step_fen"),
            version.integer("step_m", 1),
            version.integer_or("wait_fen", 0),
            version.integer_or("wait_s", 0, 1),
            version.integer_or("tolerance_fen", 0),
        ),
    )
