"""How long what is kept, and when nothing may expire because the clock is not to be believed. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from collector.store.manifest import DAY_MS


@dataclass(frozen=True, slots=True)
class Retention:
    """Whole days for which raw samples and facts are kept, and roll-ups: 25 months."""

    raw_days: int = 95
    rollup_days: int = 761


JUMP_MS = DAY_MS
"""A wall clock that went further than this since the last upkeep may have jumped."""
HELD_MS = 6 * 3_600_000
"""How long the time after a jump must stand before anything expires by it."""


def held_until(upkeep_at: int, held: int, now_ms: int) -> int:
    """Until when nothing expires, given when the store was last looked after (0: never) and what held till now.

    The time after a jump forward must stand for six hours, in which people see the alarm; stepping back ends the
    wait, for then the jump is undone. Epoch milliseconds.
    """
    if now_ms < upkeep_at:
        return 0
    if upkeep_at and now_ms - upkeep_at > JUMP_MS:
        return now_ms + HELD_MS
    return held
