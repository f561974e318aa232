"""What-if 试算: closed dates of a node under other rules, as tables, pictures and pages.

``simulate_rules`` asks; ``grouping`` adds up by operator, card kind, line; ``tables``, ``drawing`` and
``page`` show it, ``folder`` writes it down. The judging is ``settlement.repricing``.
"""

from service.simulating.asking import simulate_rules
from service.simulating.folder import write_folder
from service.simulating.tables import to_text

__all__ = ["simulate_rules", "to_text", "write_folder"]
