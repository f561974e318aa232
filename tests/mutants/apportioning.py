"""Mutants of apportionment: ways, their metres, and the frozen tables. See ``mutant``."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

RULES = "tests/clearing/rules/"

APPORTIONING = (
    Mutant(
        "ways: whatever a way costs, it counts",
        "clearing/rules/ways.py",
        "likely = [way for way in ways if way.cost_m * 1000 <= dearest]",
        "likely = ways",
        (RULES + "test_ways.py::test_a_dearer_way_counts_up_to_the_stretch_itself",),
        "owners would be paid for detours that nobody makes",
    ),
    Mutant(
        "ways: airport lines are passed over",
        "clearing/rules/ways.py",
        "may_change=common or from_apart",
        "may_change=True",
        (RULES + "test_ways.py::test_nobody_passes_over_a_line_apart",),
        "a line that costs extra would be paid out of fares that do not have it in them",
    ),
    Mutant(
        "apportioning: metres are cut off, not rounded",
        "clearing/rules/apportioning.py",
        "(2 * of_line + total) // (2 * total)",
        "of_line // total",
        (RULES + "test_apportioning.py::test_metres_are_the_exact_average_rounded_once",
         RULES + "test_apportioning.py::test_the_table_is_what_its_network_makes"),
        "an auditor's table would differ from the one that both parties signed",
    ),
    Mutant(
        "frozen: a table of another network is taken",
        "clearing/rules/frozen.py",
        "if made_of != DIGEST_ROW + declared.digest():",
        "if False:",
        (RULES + "test_rules_refused_apportioning.py::test_refused_at_its_line[other_network]",),
        "a new line would open and earn nothing",
    ),
    Mutant(
        "frozen: only the way there has weights",
        "clearing/rules/frozen.py",
        'weights[there : there + count] = weights[back : back + count] = array("I", sums)',
        'weights[there : there + count] = array("I", sums)',
        ("tests/clearing/test_apportioned_day.py",),
        "half of all rides would be the gate's company's alone",
    ),
    Mutant(
        "frozen: a changed weight is as good as the network's",
        "clearing/rules/frozen.py",
        "if kept != row:",
        "if kept is None:",
        (RULES + "test_apportioning.py::test_differences_name_what_differs",),
        "whoever can write the file could pay himself",
    ),
)  # fmt: skip
