"""What the sweep looks for on all lines at once: for each detector a condition that whatever it confirms must fulfil.

Pure, over matrices of one row a series and one column a minute, the newest last, NaN unmeasured. `width` (rows, 1) is
the length of a row's slots in minutes, as a slot fills all of its minutes. What a detector learns from two weeks of
samples the sweep does not know: it takes the best half hour that it sees for what is ordinary.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from collector.model import FloatArray
from triage.detection.traffic import row_medians
from triage.policy import EffectSize, Policy

HAIR = 2.0**-23
"""Twice the relative error of a float32 (IEEE 754: half a unit in the last of 24 bits is 2^-24): what is moved this far
towards a threshold is never on the wrong side of it by rounding alone."""
TINY = 1e-9
"""What sums of float64 may be off by; the detectors add in another order."""
BLOCKS = 4
FALLS_AT_ONCE = 256
"""Rows for which the middles of each hour are in memory at the same time."""
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Minutes:
    """One field of some series: `values` (rows, minutes) in the field's unit, float32 or float64, `width` (rows, 1)."""

    values: NDArray[np.floating]
    width: NDArray[np.int64]

    def some(self, rows: NDArray[np.intp]) -> Minutes:
        """These rows, in float64."""
        return Minutes(self.values[rows].astype(np.float64), self.width[rows])

    def still_told(self, within: float, silent: float) -> Mask:
        """Where something may end that is told of now: followed by no more measured minutes than `within` and its own
        slot, and no older than that and `silent` minutes of silence, after which nothing is assumed to go on."""
        measured = ~np.isnan(self.values)
        after = np.cumsum(measured[:, ::-1], axis=1)[:, ::-1] - measured
        age = np.arange(self.values.shape[1])[::-1]
        return np.asarray(measured & (after <= within + self.width + 1) & (age <= within + silent + self.width + 1))

    def raised(self) -> FloatArray:
        return np.asarray(self.values * (1 + HAIR))

    def lowered(self) -> FloatArray:
        return np.asarray(self.values * (1 - HAIR))


def _told(minutes: Minutes, policy: Policy, within: float = 0.0) -> Mask:
    recent = max(policy.claims.recovered_after_minutes, within)
    return minutes.still_told(recent, policy.windows.join_minutes)


def _where(rows: NDArray[np.intp], found: Mask, count: int) -> Mask:
    mask = np.zeros(count, dtype=bool)
    mask[rows[found]] = True
    return mask


def lossy(loss: Minutes, limit: FloatArray, window: FloatArray, policy: Policy) -> Mask:
    """Two lossy slots with the policy's minimum between them, or the absolute `limit` (rows, %) over its `window`
    (rows, minutes), of which half must be lossy: so its last loss is at most half a window back."""
    twice = np.count_nonzero(loss.values > 0, axis=1) >= 2
    rows = np.flatnonzero(twice | (np.fmax.reduce(loss.values, axis=1) * (1 + HAIR) >= limit))
    some = loss.some(rows)
    half = policy.claims.recovered_after_minutes + float(window.max(initial=0)) / 2
    found = _mean_reaches(some, policy.loss.minimum_pct, _told(some, policy), apart=True)
    found |= _mean_reaches(some, limit[rows, None], _told(some, policy, half), apart=False)
    return _where(rows, found, len(loss.values))


def _mean_reaches(loss: Minutes, least: FloatArray | float, told: Mask, *, apart: bool) -> Mask:
    """Whether a stretch from a lossy minute to a lossy minute that is still told of has a mean of at least this;
    `apart`: of different slots."""
    values = loss.raised()
    bad = np.nan_to_num(values) > 0
    excess = np.nan_to_num(values - least)
    total = np.cumsum(excess, axis=1)
    before = np.minimum.accumulate(np.where(bad, total - excess, np.inf), axis=1)
    if apart:
        column = np.arange(values.shape[1]) - loss.width
        before = np.where(column >= 0, np.take_along_axis(before, np.maximum(column, 0), axis=1), np.inf)
    return np.asarray((told & bad & (total - before >= -TINY)).any(axis=1))


def slower(delay: Minutes, size: EffectSize, limit: FloatArray, window: FloatArray, policy: Policy) -> Mask:
    """Delay or its variation risen over the best half hour seen, by the detector's own scores or by half of the
    smallest fault in the middle of a quarter of an hour; or over the absolute `limit` (rows, ms) for `window`
    (rows, minutes), of which every other sample may be below."""
    usual = _best_block(delay.values)
    most = np.fmax.reduce(delay.values, axis=1)
    rows = np.flatnonzero(most * (1 + 8 * HAIR) >= np.minimum(usual * (1 - 8 * HAIR) + size.minimum / 2, limit))
    some = delay.some(rows)
    found = _risen(some, usual[rows, None].astype(np.float64) * (1 - HAIR), size, policy)
    return _where(rows, found | _over(some, limit[rows, None], window[rows, None], policy), len(delay.values))


def _risen(delay: Minutes, usual: FloatArray, size: EffectSize, policy: Policy) -> Mask:
    effect = np.maximum(size.minimum, size.share * usual)
    scores = np.clip(2 * (delay.raised() - usual) / effect - 1, -1.0, 1.0)
    least = (policy.bad_samples - 0.1) * delay.width
    middle = row_medians(delay.raised()[:, -15:]) - usual[:, 0] >= size.minimum / 2
    return np.asarray(middle | _segment_reaches(scores, least, _told(delay, policy)))


def _over(delay: Minutes, limit: FloatArray, window: FloatArray, policy: Policy) -> Mask:
    over = delay.raised() >= limit
    enough = np.cumsum(over, axis=1) >= window / 2 - delay.width
    return np.asarray((_told(delay, policy) & over & enough).any(axis=1))


def _best_block(values: NDArray[np.floating]) -> NDArray[np.floating]:
    """The lowest median of the window's quarters; NaN where nothing is measured."""
    middles = [row_medians(block) for block in np.array_split(values, BLOCKS, axis=1)]
    return np.asarray(np.fmin.reduce(middles, axis=0))


def _segment_reaches(scores: FloatArray, least: NDArray[np.floating], told: Mask) -> Mask:
    """Whether a stretch that is still told of sums up to this (the scan of `maximal_segments`)."""
    known = np.nan_to_num(scores)
    total = np.cumsum(known, axis=1)
    best = total - np.minimum.accumulate(total - known, axis=1)
    return np.asarray((told & (best >= least - TINY)).any(axis=1))


def full(traffic: Minutes, capacity: FloatArray, policy: Policy) -> Mask:
    """Full (capacity: rows, 1 or minutes; bit/s, NaN unknown) for half of the policy's minimum less what its edges
    blur, or in two of the last three slots, as a line that fills right now is believed earlier."""
    capacity = np.where(capacity > 0, capacity * (1 - HAIR), np.nan)
    share = policy.saturation.utilisation_pct / 100
    rows = np.flatnonzero((traffic.values >= capacity * share * (1 - 8 * HAIR)).any(axis=1))
    some = traffic.some(rows)
    at = 100 * some.raised() * (1 + TINY) / capacity[rows] >= policy.saturation.utilisation_pct
    count = np.cumsum(at, axis=1)
    long = count >= np.maximum(1, (policy.saturation.minimum_minutes - 3 * some.width) / 2)
    newest = some.still_told(0, policy.windows.join_minutes)
    column = np.arange(at.shape[1]) - 3 * some.width
    earlier = np.where(column >= 0, np.take_along_axis(count, np.maximum(column, 0), axis=1), 0)
    found = at & ((_told(some, policy) & long) | (newest & (count - earlier > some.width)))
    return _where(rows, np.asarray(found.any(axis=1)), len(traffic.values))


def gone(traffic: Minutes, policy: Policy) -> Mask:
    """Fallen at once, from the middle of an hour to that of three slots, by the policy's factor, and still low."""
    rule = policy.traffic_gone
    ordered = np.sort(traffic.values, axis=1)
    count = np.count_nonzero(~np.isnan(ordered), axis=1)
    # The middle of an hour is reached by half an hour's minutes, or by a quarter of the few that there are.
    reached = ordered[np.arange(len(ordered)), np.maximum(count - np.clip(count // 4, 1, 30), 0)].astype(np.float64)
    least = np.maximum(ordered[:, 0].astype(np.float64) * (1 - HAIR), rule.minimum_bps)
    rows = np.flatnonzero(reached * (1 + HAIR) >= least * rule.factor * (1 - HAIR))
    found = np.zeros(len(rows), dtype=bool)
    for width in np.unique(traffic.width[rows]):
        same = np.flatnonzero(traffic.width[rows, 0] == width)
        for first in range(0, len(same), FALLS_AT_ONCE):
            chosen = same[first : first + FALLS_AT_ONCE]
            found[chosen] = _fell(traffic.some(rows[chosen]), reached[rows[chosen]], policy)
    return _where(rows, found, len(traffic.values))


def _fell(traffic: Minutes, reached: FloatArray, policy: Policy) -> Mask:
    """Rows of one width. The detector's medians are of slots, these of minutes: the same, as a slot fills all of its
    minutes. `reached`: what no median of an hour is above."""
    effect = math.log10(policy.traffic_gone.factor) - 2 * HAIR
    level = np.log10(np.maximum(traffic.values, policy.traffic_gone.minimum_bps))
    ahead = 3 * int(traffic.width[0, 0])
    after = _sliding_medians(np.pad(level, ((0, 0), (0, ahead - 1)), constant_values=np.nan), ahead)
    found = np.asarray((after <= np.log10(reached)[:, None] - effect).any(axis=1))
    rows = np.flatnonzero(found)
    hour = np.pad(level[rows, :-1], ((0, 0), (60, 0)), constant_values=np.nan)
    before = _sliding_medians(hour, 60)
    fell = before - after[rows] >= effect
    usual = np.where(fell, before, -np.inf).max(axis=1, initial=-np.inf)[:, None]
    low = (level[rows] <= usual - effect / 2) & (np.cumsum(fell, axis=1) > 0)
    found[rows] = (low & _told(traffic, policy)[rows]).any(axis=1)
    return found


def _sliding_medians(values: FloatArray, count: int) -> FloatArray:
    """Along each row the lower median of each `count` neighbours."""
    windows = np.lib.stride_tricks.sliding_window_view(values, count, axis=1)
    return row_medians(windows.reshape(-1, count)).reshape(windows.shape[:2])


def port_down(state: Minutes, policy: Policy) -> Mask:
    """Any sample that says so and is still told of."""
    rows = np.flatnonzero((state.values == 0).any(axis=1))
    some = state.some(rows)
    return _where(rows, (_told(some, policy) & (some.values == 0)).any(axis=1), len(state.values))


def flapping(flaps: Minutes, policy: Policy) -> Mask:
    """As many changes as the policy calls flapping, the last of them still told of."""
    rows = np.flatnonzero((flaps.values > 0).any(axis=1))
    some = flaps.some(rows)
    changed = _told(some, policy, policy.flapping.half_life_minutes) & (some.values > 0)
    found = (np.nansum(some.raised(), axis=1) >= policy.flapping.changes) & changed.any(axis=1)
    return _where(rows, found, len(flaps.values))
