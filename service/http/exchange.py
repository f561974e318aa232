"""Messages between nodes: where another node's signed messages come in and ours are fetched.

The room for ``POST /v1/exchange/messages`` and for pulls. A node's identity is its signature over the
message (``schemas.exchange``), not an API key, so handlers here do not ask ``Doors.operator_of``.
What a message does is ``settlement.exchange``'s matter; a handler reads the body with ``bodies.read``
inside ``doors.working()``, hands it on, and answers with what comes back.
"""

from typing import Final

from litestar import Router

ROUTER: Final = Router("/v1/exchange", route_handlers=[], tags=["exchange"])
"""The routes."""
