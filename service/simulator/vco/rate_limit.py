"""The orchestrator's patience: a leaky bucket over five seconds, with a penalty. Pure state, told the time."""

from __future__ import annotations

from dataclasses import dataclass

SPAN = 5.0
CALLS_IN_SPAN = 60
MOST_IN_FLIGHT = 10
PENALTY = 5.0


@dataclass(slots=True)
class LeakyBucket:
    """CALLS_IN_SPAN leak out in SPAN seconds; one call too many begins a penalty in which all are refused."""

    level: float = 0.0
    at: float = 0.0
    limited_until: float = 0.0
    in_flight: int = 0

    def admits(self, now: float) -> bool:
        """Whether a call at `now` (seconds) is let through; if it is, it counts."""
        self.level = max(0.0, self.level - (now - self.at) * CALLS_IN_SPAN / SPAN)
        self.at = now
        if now < self.limited_until:
            return False
        if self.level + 1 > CALLS_IN_SPAN or self.in_flight >= MOST_IN_FLIGHT:
            self.limited_until = now + PENALTY
            return False
        self.level += 1
        return True
