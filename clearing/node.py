"""A node as the engine sees it: who it is, what it signs with, which secrets and keys it holds."""

from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta, timezone
from pathlib import Path

from clearing.keys.port import KeyStore
from clearing.keys.signing import SigningKey
from clearing.plan import Limits, local_seconds
from clearing.store import NodeRow

SHANGHAI = timezone(timedelta(hours=8), "Asia/Shanghai")
"""The time zone of tap records; no summer time since 1992."""


@dataclass(frozen=True)
class Node:
    """``secret`` (32 bytes) seeds leaf salts; it never leaves the node. ``home`` holds papers."""

    row: NodeRow
    home: Path
    limits: Limits
    keys: KeyStore = field(repr=False)
    signing: SigningKey = field(repr=False)
    secret: bytes = field(repr=False)

    @property
    def city(self) -> str:
        """UnionPay area code, 0000 at the province."""
        return self.row.city

    def clock_s(self, open_date: date) -> int:
        """The node's clock in local seconds.

        A node that was opened in the past runs on a clock of its own: the last second of its open
        date, so that history clears as it was.
        """
        if self.row.historical:
            return local_seconds(datetime.combine(open_date, time(23, 59, 59)))
        return local_seconds(datetime.now(SHANGHAI).replace(tzinfo=None))
