"""What the engine tells Prometheus: why it decided what, and what became of every effect."""

from __future__ import annotations

from prometheus_client import Counter, Gauge

DECISIONS = Counter("lineproof_decisions_total", "Decisions by their reason", ["reason"])
EFFECTS = Counter(
    "lineproof_effects_total", "Tries of an effect at a far end by what came of it", ["effect", "outcome"]
)
TICK_SECONDS = Gauge("lineproof_sweep_seconds", "How long the last sweep took")
"""In seconds of the clock in use."""
