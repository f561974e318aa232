"""What the demonstration found: filled in as it goes, printed at the end."""

from dataclasses import dataclass, field
from typing import Any

from service.demo import traffic as day_traffic
from settlement.exchange.summary import Summary


@dataclass
class Outcome:
    """``reports`` by area code, those of the next date under ``AREA+1``; ``wrong`` is empty if all is well."""

    traffic: day_traffic.Summary
    taps: int = 0
    seconds: float = 0.0
    reports: dict[str, dict[str, Any]] = field(default_factory=dict)
    exchange: dict[str, Summary] = field(default_factory=dict)
    claims: list[day_traffic.Claims] = field(default_factory=list)
    verified: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
