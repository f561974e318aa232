"""Exceptions of the engine. Data errors are answers, not exceptions: see ``schemas.reasons``.

ClearingError                what a person at a terminal can be told: sentence, remedy
├── RuleError                a rule file that does not hold: file, line, rule
├── RegistryError            a registry row that does not hold
├── NotTheWriter             another engine holds this node's writer lock, or took it over
├── StoreUnavailable         the database is away; nothing was half-written
└── DayClosed                the business date is not open (any more)
"""


class ClearingError(Exception):
    """An error with one clear ``sentence`` and a ``remedy``."""

    def __init__(self, sentence: str, remedy: str = "") -> None:
        self.sentence, self.remedy = sentence, remedy
        super().__init__(f"{sentence} {remedy}".strip())


class RuleError(ClearingError):
    """A rule set that was refused at load, with ``file``, ``line`` and ``rule``."""

    def __init__(self, file: str, line: int, rule: str, sentence: str, remedy: str) -> None:
        self.file, self.line, self.rule = file, line, rule
        super().__init__(f"{file}:{line}: {rule}: {sentence}", remedy)


class RegistryError(ClearingError):
    """A registry row that does not hold."""


class NotTheWriter(ClearingError):
    """Another engine is, or became, this node's writer."""


class StoreUnavailable(ClearingError):
    """The database cannot be reached; nothing was half-written."""


class DayClosed(ClearingError):
    """The business date is not open."""
