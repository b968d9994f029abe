"""How long what is kept, and when nothing may expire because the clock is not to be believed. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from collector.store.manifest import DAY_MS, RAW, Change, Kind, Manifest, Part

CLOSED_AFTER_MS = 2 * 3_600_000
"""A day counts as closed so long after its end; late statistics have come by then."""


@dataclass(frozen=True, slots=True)
class Retention:
    """Whole days for which raw samples and facts are kept, and roll-ups: 25 months."""

    raw_days: int = 95
    rollup_days: int = 761

    def is_over(self, part: Part, now_ms: int) -> bool:
        """Whether all days of a part are older than what is kept of its kind."""
        kept = self.raw_days if part.kind in RAW else self.rollup_days
        return (part.day + part.days + kept) * DAY_MS <= now_ms

    def is_rolled_up(self, day: int, now_ms: int) -> bool:
        """Whether roll-ups of a day would be kept at all."""
        return (day + 1 + self.rollup_days) * DAY_MS > now_ms


JUMP_MS = DAY_MS
"""A wall clock that went further than this since the last upkeep may have jumped."""
HELD_MS = 6 * 3_600_000
"""How long the time after a jump must stand before anything expires by it."""


def held_until(upkeep_at: int, held: int, now_ms: int) -> int:
    """Until when nothing expires (epoch milliseconds), given when the store was last looked after (0: never) and what
    held till now.

    The time after a jump forward must stand for six hours, in which people see the alarm. A clock that is back by more
    than a day ends the wait: the jump is undone. By less does not, for clocks are set right by seconds all the time.
    """
    if upkeep_at and now_ms - upkeep_at > JUMP_MS:
        return now_ms + HELD_MS
    if now_ms < held - HELD_MS - JUMP_MS:
        return 0
    return held


def expired(manifest: Manifest, retention: Retention, now_ms: int) -> Sequence[Part]:
    """Parts whose time is over; raw samples only when their day has its roll-ups, or would not keep them."""
    rolled = manifest.rolled_days()
    return [
        part
        for part in manifest.parts
        if retention.is_over(part, now_ms)
        and (part.kind is not Kind.SAMPLES or part.day in rolled or not retention.is_rolled_up(part.day, now_ms))
    ]


def expiry(manifest: Manifest, old: Sequence[Part]) -> Change:
    """The change that removes expired parts: a day without raw samples keeps its roll-ups as they are."""
    days = {part.day for part in old if part.kind is Kind.SAMPLES} & manifest.rolled.keys()
    return Change(old, rolled={day: replace(manifest.rolled[day], final=True) for day in days})


def forgotten(manifest: Manifest, retention: Retention, now_ms: int) -> Manifest:
    """The manifest without what it says of days whose roll-ups are over, and of quarantined parts that would be."""
    return replace(
        manifest,
        rolled={day: state for day, state in manifest.rolled.items() if retention.is_rolled_up(day, now_ms)},
        quarantined=tuple(one for one in manifest.quarantined if not retention.is_over(one.part, now_ms)),
    )
