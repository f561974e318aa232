"""Two people put a card on the denylist: its next version has it, from the node's present moment on."""

from clearing.node import Node
from clearing.store import Connection
from settlement.decisions.case import Case
from settlement.denylist import DeniedCard, publish_in


async def deny(connection: Connection, node: Node, case: Case) -> int:
    """Publish the next denylist version with the case's card; returns the version that has it.

    A card that is denied already stays as it is.
    """
    family, issuer, serial = case.card[0], case.card[1:9].hex(), case.card[9:].hex()
    done = await publish_in(
        connection, node, [DeniedCard(family=family, issuer=issuer, serial=serial)]
    )
    return done.known[0].version if done.known else done.version
