"""The arithmetic of measurements. Pure; arrays in, numbers out; NaN is "not measured" and is left out."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from collector.model import Cadence, FloatArray, TimeArray


def percentile(values: FloatArray, percent: int) -> float:
    """The nearest-rank percentile: the ceil(percent n / 100)-th smallest measured value; NaN when none is.

    Every adapter ranks by this rule; InfluxQL's own PERCENTILE ranks differently.
    """
    measured = np.sort(values[~np.isnan(values)])
    return float(measured[rank_of(np.asarray(len(measured)), percent) - 1]) if len(measured) else math.nan


def rank_of(count: NDArray[np.int64], percent: int) -> NDArray[np.int64]:
    """The nearest rank among `count` values, counted from 1: ceil(percent count / 100)."""
    return np.maximum(1, -(-percent * count // 100))


def bit_rate(octets: FloatArray, seconds: NDArray[np.number]) -> FloatArray:
    """Octets in so many seconds as whole bit/s.

    The moment of a counter's reading is known to some milliseconds at best, 1e-5 of a minute: fractions of a bit say
    nothing, and would take half of the space that a sample takes.
    """
    rates: FloatArray = np.rint(octets * 8 / seconds)
    return rates


@dataclass(frozen=True, slots=True, kw_only=True)
class Availability:
    """Seconds up, down and expected over a period. Unknown time is neither up nor down."""

    up: float
    down: float
    expected: float

    @property
    def percent(self) -> float | None:
        """up / (up + down) x 100; None when nothing was measured."""
        known = self.up + self.down
        return 100 * self.up / known if known else None

    @property
    def coverage_percent(self) -> float | None:
        """(up + down) / expected x 100; None when nothing was expected."""
        return 100 * (self.up + self.down) / self.expected if self.expected else None


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotCount:
    present: int
    expected: int
    pending: int


def slot_count(
    time: TimeArray, seconds: NDArray[np.int32], start: int, end: int, cadence: Cadence, now: int
) -> SlotCount:
    """How many slots of [start, end) are there, should be there, and may still come. Times in epoch milliseconds.

    Slots are aligned to 1970 in steps of `cadence.every`. One that is absent is pending until its end + late, and
    then missing; one that is not over at `now` does not count at all. A row of more `seconds` than a slot, of a device
    that is polled less often, stands for every slot that it spans.
    """
    step = cadence.every * 1000
    spans = np.maximum(1, seconds.astype(np.int64) // cadence.every)
    if (spans > 1).any():
        firsts = np.repeat(np.cumsum(spans) - spans, spans)
        time = np.repeat(time, spans) + (np.arange(spans.sum()) - firsts) * step
    first = -(-start // step)
    last = min(-(-end // step), now // step)
    slots = np.arange(first, last)
    there = np.isin(slots, time // step)
    due = (slots + 1) * step + cadence.late * 1000 <= now
    return SlotCount(present=int(there.sum()), expected=int((there | due).sum()), pending=int((~there & ~due).sum()))


def estimated_mos(rtt_ms: float, jitter_ms: float, loss_pct: float, *, robustness: float = 25.1) -> float:
    """Estimated MOS by the E-model (ITU-T G.107, simplified for G.711), 1.0 to 4.5.

    One-way delay is taken as rtt/2 + 2 jitter + 10 ms (codec); `robustness` is G.113's Bpl (25.1: G.711 with
    packet-loss concealment). An estimate from network figures, not a measurement of speech.
    """
    delay = rtt_ms / 2 + 2 * jitter_ms + 10
    delay_impairment = 0.024 * delay + 0.11 * max(0.0, delay - 177.3)
    loss_impairment = 95 * loss_pct / (loss_pct + robustness)
    rating = 93.2 - delay_impairment - loss_impairment
    if rating <= 0:
        return 1.0
    rating = min(rating, 100.0)
    return max(1.0, 1 + 0.035 * rating + rating * (rating - 60) * (100 - rating) * 7e-6)
