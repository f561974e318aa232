"""How many requests a key may make: a bucket of tokens for each, filled at a steady rate."""

import time
from collections.abc import Callable
from typing import Final

BUCKETS_MAX: Final = 10_000
"""Buckets kept; beyond it the full ones go, whose owners lose nothing by it."""


class Throttle:
    """Token buckets by name. ``rate_per_s`` tokens a second, at most ``burst`` at once."""

    def __init__(
        self, rate_per_s: float, burst: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.rate_per_s, self.burst, self._clock = rate_per_s, burst, clock
        self._buckets: dict[str, tuple[float, float]] = {}

    def take(self, name: str) -> float:
        """Take a token; returns 0, or the seconds until there is one."""
        now = self._clock()
        tokens, then = self._buckets.get(name, (float(self.burst), now))
        tokens = min(float(self.burst), tokens + (now - then) * self.rate_per_s)
        if tokens < 1:
            self._buckets[name] = (tokens, now)
            return (1 - tokens) / self.rate_per_s
        self._buckets[name] = (tokens - 1, now)
        if len(self._buckets) > BUCKETS_MAX:
            self._forget(now)
        return 0.0

    def _forget(self, now: float) -> None:
        full_after = self.burst / self.rate_per_s
        kept = {
            name: bucket for name, bucket in self._buckets.items() if now - bucket[1] < full_after
        }
        self._buckets = kept if len(kept) <= BUCKETS_MAX else {}
