"""Findings: what differs from what must be there, named exactly."""

import msgspec


class Finding(msgspec.Struct, frozen=True):
    """One difference.

    ``subject`` names the thing (``tap 17/3``, ``entry batch/17 line 2``, ``receipt of batch 17``,
    ``paper centre/float.json``), ``part`` the column or field, the other two what differs there.
    """

    subject: str
    part: str
    expected: str = ""
    actual: str = ""

    @property
    def sentence(self) -> str:
        """The finding in words, without a full stop."""
        if not self.expected and not self.actual:
            return f"{self.subject}: {self.part}"
        return f"{self.subject}: {self.part} is {self.actual}, must be {self.expected}"


def shown(value: object) -> str:
    """A value as findings print it; long bytes are cut."""
    if isinstance(value, bytes | memoryview):
        text = bytes(value).hex()
        return text if len(text) <= 80 else f"{text[:76]}…"
    return str(value)
