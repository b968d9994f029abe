"""One access line probe by probe: what a background and what is wrong with it give as samples.

Everything is drawn for each probe and only then made into samples (median, mean difference, count), as a real probe
does. So a fault covers its first and last sample in part, and nothing here knows how detectors look at samples.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
MINUTE = 60.0
DAY = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """`rows` samples of `step` seconds from `start` (Unix seconds), each of `probes` probes."""

    start: float
    step: float
    rows: int
    probes: int

    @property
    def time(self) -> Array:
        return self.start + self.step * np.arange(self.rows)

    @property
    def probe_times(self) -> Array:
        """(rows, probes)"""
        return self.time[:, None] + self.step * (np.arange(self.probes) + 0.5)[None, :] / self.probes

    @property
    def end(self) -> float:
        return self.start + self.step * self.rows

    @property
    def hour(self) -> Array:
        """Hour of the day of each sample, 0 to 24."""
        return (self.time % DAY) / 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Background:
    """What a line does by itself, per sample: the delay of its path, the mean of the queueing delay that each probe
    meets (exponential), the probability that a probe is lost; `quantum` ms is what its delays are rounded to, `wild`
    the share of probes that some device answers late."""

    base_ms: Array
    queue_ms: Array
    loss: Array
    quantum: float = 0.0
    wild: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Harm:
    """What is wrong over [start, end): each probe's delay grows by `delay_ms`, and for two in five by an exponential
    one besides, so that the mean difference between neighbours grows by `wobble_ms`; `loss` is a probability."""

    start: float
    end: float
    delay_ms: float = 0.0
    wobble_ms: float = 0.0
    loss: float = 0.0


WOBBLING = 0.4
DIFFERENCE = 2 * WOBBLING * (1 - WOBBLING) + WOBBLING**2
"""Mean difference of two neighbours when each is late with probability WOBBLING by an exponential delay of mean 1."""


def sampled(
    background: Background, harms: Sequence[Harm], clock: Clock, random: np.random.Generator
) -> dict[str, Array]:
    """rtt_ms (median), jitter_ms (mean difference of successive answers), sent, lost, loss_pct of each sample; NaN
    where no probe came back."""
    shape = (clock.rows, clock.probes)
    rtt = background.base_ms[:, None] + background.queue_ms[:, None] * random.standard_exponential(shape)
    if background.wild:
        rtt += (random.random(shape) < background.wild) * random.exponential(80.0, shape)
    gone = random.random(shape) < background.loss[:, None]
    when = clock.probe_times
    for harm in harms:
        rows = slice(*np.searchsorted(clock.time, [harm.start - clock.step, harm.end]))
        during = (when[rows] >= harm.start) & (when[rows] < harm.end)
        late = random.random(during.shape) < WOBBLING
        scale = harm.wobble_ms / DIFFERENCE
        rtt[rows] += during * (
            harm.delay_ms + late * random.exponential(scale, during.shape) if scale else during * harm.delay_ms
        )
        gone[rows] |= during & (random.random(during.shape) < harm.loss)
    if background.quantum:
        rtt = np.maximum(background.quantum, np.round(rtt / background.quantum) * background.quantum)
    rtt[gone] = np.nan
    lost = gone.sum(axis=1).astype(float)
    sent = np.full(clock.rows, float(clock.probes))
    return {
        "rtt_ms": _medians(rtt),
        "jitter_ms": _differences(rtt),
        "sent": sent,
        "lost": lost,
        "loss_pct": 100 * lost / sent,
    }


def _medians(rtt: Array) -> Array:
    ordered = np.sort(rtt, axis=1)
    count = np.count_nonzero(~np.isnan(rtt), axis=1)
    rows = np.arange(len(rtt))
    low, high = ordered[rows, np.maximum(count - 1, 0) // 2], ordered[rows, np.maximum(count, 1) // 2]
    return np.asarray(np.where(count, (low + np.where(count > 1, high, low)) / 2, np.nan))


def _differences(rtt: Array) -> Array:
    """The mean difference of successive answers, over lost ones too; NaN with fewer than two."""
    filled = rtt.copy()
    for column in range(1, rtt.shape[1]):
        filled[:, column] = np.where(np.isnan(rtt[:, column]), filled[:, column - 1], rtt[:, column])
    steps = np.where(np.isnan(rtt[:, 1:]), np.nan, np.abs(np.diff(filled, axis=1)))
    known = ~np.isnan(steps)
    count = known.sum(axis=1)
    return np.asarray(np.where(count, np.where(known, steps, 0.0).sum(axis=1) / np.maximum(count, 1), np.nan))


def carried(clock: Clock, capacity: float, random: np.random.Generator, *, used: float, night: float) -> Array:
    """bit/s of a shop's traffic: `used` of the capacity in its hours, `night` of that outside, wandering by itself."""
    hour = clock.hour
    open_share = 1 / (1 + np.exp(-(hour - 8) * 2)) - 1 / (1 + np.exp(-(hour - 21) * 2))
    pace = night + (1 - night) * open_share
    wander = wandering(clock.rows, random, 0.35, memory=MINUTE * 30 / clock.step)
    return np.minimum(0.88 * capacity, capacity * used * pace * np.exp(wander))


def wandering(rows: int, random: np.random.Generator, spread: float, memory: float) -> Array:
    """A noise of this standard deviation that remembers itself for about `memory` samples."""
    width = max(1, int(memory))
    noise = np.convolve(random.standard_normal(rows + width - 1), np.ones(width) / width**0.5, mode="valid")
    return np.asarray(spread * noise)


def severity_of(samples: Mapping[str, Array], rows: NDArray[np.bool_]) -> str:
    """By the E-model over the rows, as the format of scenario sets says: medians of delay and jitter, mean loss."""
    loss = samples["loss_pct"][rows]
    if np.mean(loss >= 99) >= 0.5:
        return "critical"
    median = [float(np.nanmedian(samples[name][rows])) for name in ("rtt_ms", "jitter_ms")]
    lost = float(np.mean(loss))
    delay = median[0] / 2 + 2 * median[1] + 10
    rating = 93.2 - (0.024 * delay + 0.11 * max(0.0, delay - 177.3)) - 95 * lost / (lost + 10)
    mos = 1 + 0.035 * rating + rating * (rating - 60) * (100 - rating) * 7e-6 if rating > 0 else 1.0
    return "critical" if mos < 2.6 else "major" if mos < 3.6 else "minor"
