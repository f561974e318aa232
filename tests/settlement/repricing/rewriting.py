"""Other rules than those in force: the shipped set of the city, with words of it replaced."""

from __future__ import annotations

from clearing import rules
from settlement.repricing import OtherRules


def other(*replaced: tuple[str, str]) -> OtherRules:
    """Xi'an's rules with each text, which must be there, replaced by another."""
    files = rules.read(["xian"])
    for old, new in replaced:
        assert old in files["xian/rules.toml"], old
        files["xian/rules.toml"] = files["xian/rules.toml"].replace(old, new)
    return OtherRules(files, frozenset({"xian"}))
