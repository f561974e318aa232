"""The HTTP door: batches in, receipts and verdicts out, messages between nodes.

In: requests under an operator's API key; bodies are counted while they come, never trusted by length.
Out: receipts as they were stored, verdicts with evidence, problem details (RFC 9457) that name our
reasons. What an operator may read is enforced by the database as well: queries run in its own role.

- ``app``       the routes and what happens to errors; ``server`` runs it in the engine's own process
- ``doors``     what every handler holds: engine, connections, keys, limits
- ``batches``   submit, receipt, verdicts; ``about`` reasons and health; ``exchange`` between nodes
- ``bodies``    reading a body within bounds; ``problems`` errors; ``throttle`` requests per key

It runs in one process and one event loop, because the engine is the single writer.
"""
