"""The fare that the device declares, within bounds: for sources that have no network."""

from typing import Final

from clearing.plan import TariffType
from clearing.rules.document import Table
from clearing.rules.tariffs.registry import Body, Context, bounds
from clearing.rules.words import Said, yuan

TYPE: Final = "declared"
KEYS: Final = {
    "min_fen": "lowest gross fare",
    "max_fen": "highest gross fare",
    "step_fen": "every gross fare is a multiple of it",
}


def build(version: Table, context: Context) -> Body:  # noqa: ARG001 - all types have it
    """Compile the bounds."""
    step = version.integer("step_fen", 1)
    least, most = bounds(version, version.integer("min_fen"), version.integer("max_fen"))
    for key, bound in (("min_fen", least), ("max_fen", most)):
        if bound % step:
            raise version.error(
                key, f"{key} {bound} is no multiple of step_fen {step}.", f"Correct {key}."
            )
    return Body(TariffType.DECLARED, least, most, step)


def tell(version: Table) -> list[Said]:
    """The bounds in words."""
    low, high, step = (yuan(version.data[key]) for key in KEYS)
    return [
        (
            f"as the device says: {low} to {high} yuan, in steps of {step}",
            f"按终端申报：{low}至{high}元，以{step}元为单位",
        )
    ]
