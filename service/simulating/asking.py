"""From rule directories and a node's home to a simulation."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path

from clearing import rules
from service.home import open_node
from settlement.context import Context
from settlement.repricing import OtherRules
from settlement.repricing.simulation import Simulation, simulate


async def simulate_rules(
    home: Path, sources: Sequence[str | Path], first: date, last: date
) -> Simulation:
    """Dates [first, last] of a node under rule sets from directories, or shipped ones by name.

    Each set stands in for the node's set of the same name; the node's other sets stay as they were on
    each date. Raises ``RuleError`` for rules that do not hold, before any date is judged, and what
    ``settlement.repricing.simulation.simulate`` raises.
    """
    files = rules.read(sources)
    rules.load(files)
    named = frozenset(Path(source).resolve().name for source in sources)
    async with open_node(home) as opened:
        context = Context(opened.dsn, opened.node, opened.kernel)
        return await simulate(context, OtherRules(files, named), first, last)
