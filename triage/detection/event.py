"""What a detector found on one link, in epoch milliseconds; the judge makes `Finding`s of it."""

from __future__ import annotations

from dataclasses import dataclass

from collector.model import FIELDS, Source
from config.clock import from_epoch_ms
from triage.model import Cause, Direction, Finding

MINUTE = 60_000
EDGE = 10 * MINUTE
OUTAGE = 50.0
"""Weight of an outage: more than anything that still lets packets through."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A degradation over [onset, end); `end` None while the newest sample still shows it.

    `weight` is how many times the smallest fault that counts it is: what decides which cause is named.
    """

    link: str
    source: Source
    metric: str
    cause: Cause
    direction: Direction
    onset: int
    end: int | None
    value: float
    baseline: float | None
    threshold: float
    rule: str
    statistic: str
    bad_samples: int
    weight: float
    habitual: bool = False
    """As bad as always."""
    ordinary: bool = False
    """No more than this link does by itself: no fault, unless others of the carrier have it at the same time."""
    weak: bool = False
    """Too small to count by itself; it does when other sites of the carrier began to suffer at the same time."""

    @property
    def doubtful(self) -> bool:
        return self.ordinary or self.weak

    def lasted_at_most(self, minutes: float) -> bool:
        """Whether it is over and was this short."""
        return self.end is not None and self.end - self.onset <= minutes * MINUTE

    def until(self, now: int) -> int:
        return now if self.end is None else self.end

    def overlap(self, start: int, end: int, now: int) -> int:
        """Milliseconds that the event shares with [start, end)."""
        return max(0, min(self.until(now), end) - max(self.onset, start))

    def finding(self) -> Finding:
        return Finding(
            link=self.link,
            source=self.source,
            metric=self.metric,
            cause=self.cause,
            direction=self.direction,
            onset=from_epoch_ms(self.onset),
            end=None if self.end is None else from_epoch_ms(self.end),
            value=self.value,
            unit=FIELDS.get(self.metric, ""),
            baseline=self.baseline,
            threshold=self.threshold,
            rule=self.rule,
            statistic=self.statistic,
            bad_samples=self.bad_samples,
            habitual=self.habitual,
        )


def meanwhile(effect: Event, origin: Event, now: int) -> bool:
    """Whether `origin` was there during at least half of `effect`; sources of other steps see edges minutes apart."""
    length = max(1, effect.until(now) - effect.onset)
    return origin.overlap(effect.onset - EDGE, effect.until(now) + EDGE, now) >= 0.5 * length


def direction_of(metric: str) -> Direction:
    """rx is download, towards the site; a two-way figure does not tell."""
    if "_rx" in metric or metric.startswith("rx_"):
        return Direction.DOWNLOAD
    if "_tx" in metric or metric.startswith("tx_"):
        return Direction.UPLOAD
    return Direction.UNKNOWN
