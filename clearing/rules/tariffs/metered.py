"""A taxi meter: a start, then steps of distance and of waiting."""

from typing import Final

from clearing.plan import Meter, TariffType
from clearing.rules.document import Table
from clearing.rules.tariffs.registry import Body, Context
from clearing.rules.words import Said, yuan_words

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


def tell(version: Table) -> list[Said]:
    """The meter in words."""
    data = version.data
    start, step = yuan_words(data["start_fen"]), yuan_words(data["step_fen"])
    told = [
        (
            f"start, with {data['start_m']:,} metres: {start[0]}",
            f"起步价 {start[1]}（含{data['start_m']:,}米）",
        ),
        (
            f"each {data['step_m']:,} metres begun: {step[0]} more",
            f"每{data['step_m']:,}米加 {step[1]}",
        ),
    ]
    if version.has("wait_s"):
        wait = yuan_words(data["wait_fen"])
        told.append(
            (
                f"each full {data['wait_s']} s of waiting: {wait[0]} more",
                f"等候每满{data['wait_s']}秒加 {wait[1]}",
            )
        )
    if version.has("tolerance_fen"):
        bound = yuan_words(data["tolerance_fen"])
        told.append((f"the device's fare may differ by {bound[0]}", f"计价器允许误差 {bound[1]}"))
    return told
