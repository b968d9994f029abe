"""What the engine tells Prometheus: why it decided what, and what became of every effect."""

from __future__ import annotations

from prometheus_client import Counter, Gauge

DECISIONS = Counter("lineproof_decisions_total", "Decisions by their reason", ["reason"])
EFFECTS = Counter(
    "lineproof_effects_total", "Tries of an effect at a far end by what came of it", ["effect", "outcome"]
)
OUTBOX = Gauge("lineproof_outbox_effects", "Effects in the outbox that are not done", ["status"])
OUTBOX_AGE = Gauge("lineproof_outbox_oldest_seconds", "How long the oldest of them has been there", ["status"])
AWAY = Gauge("lineproof_far_end_away", "1 while a far end does not answer", ["far_end"])
REPAIR_NOT_CREATED = Counter("lineproof_repair_not_created_total", "Answers 200 of a repair API that opened no ticket")
TICKET_CALLS = Counter("lineproof_ticket_calls_total", "Calls to the ticket system")
TICK_SECONDS = Gauge("lineproof_sweep_seconds", "How long the last sweep took")
"""In seconds of the clock in use."""
