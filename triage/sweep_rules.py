"""What the sweep looks for on all lines at once: for each detector a condition that whatever it confirms must fulfil.

Pure. Each rule first passes over the many lines that are clearly quiet, then goes over the minutes of the others.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from collector.model import FloatArray
from triage.detection.traffic import row_medians
from triage.policy import EffectSize, Policy
from triage.sweep_minutes import HAIR, TINY, Indices, Mask, Minutes
from triage.sweep_ordinary import Ordinary

NEWEST_MINUTES = 15


def _recovered(minutes: Minutes) -> FloatArray:
    return minutes.held.each(lambda policy: policy.claims.recovered_after_minutes)


def _delayed(minutes: Minutes, slots: int) -> Indices:
    """How many columns lie between something and its like so many slots later; briefer slots share a minute."""
    return np.where(minutes.width < 1, slots - 1, slots * minutes.width).astype(np.intp)


def _back(history: FloatArray, column: int, delay: Indices, before: float) -> FloatArray:
    """What `history` (minutes, rows) held `delay` (rows) columns ago; `before` where it had not begun."""
    then = column - delay
    return np.where(then >= 0, history[np.maximum(then, 0), np.arange(len(delay))], before)


def lossy(loss: Minutes) -> Mask:
    """Two lossy slots with the policy's minimum between them, or the absolute limit over its window, of which half
    must be lossy: so its last loss is at most half a window back."""
    limit = loss.held.each(lambda policy: policy.limits.loss_pct)
    bad = loss.values > 0
    several = np.count_nonzero(bad, axis=1) >= np.where(loss.width < 1, 1, 2)
    several |= np.fmax.reduce(loss.values, axis=1) >= limit * (1 - HAIR)
    rows = np.flatnonzero(several & loss.lately(bad, _half_a_window(loss)))
    some = loss.some(rows)
    apart = _mean_reaches(some, some.held.each(lambda policy: policy.loss.minimum_pct), _recovered(some), 1)
    over = _mean_reaches(some, limit[rows], _half_a_window(some), 0)
    return loss.mask(rows, apart | over)


def _half_a_window(loss: Minutes) -> FloatArray:
    return _recovered(loss) + loss.held.each(lambda policy: policy.limits.window_minutes) / 2


def _mean_reaches(loss: Minutes, least: FloatArray, within: FloatArray, slots: int) -> Mask:
    """Whether a stretch from a lossy minute to a lossy minute, so many slots later or more, that is still told of has
    a mean of at least this (rows)."""
    found = np.zeros(len(loss), dtype=bool)
    total, lowest = np.zeros(len(loss)), np.full(len(loss), np.inf)
    starts = np.empty(loss.values.shape[::-1])
    delay = _delayed(loss, slots)
    for column, value, told in loss.minute_by_minute(within):
        value *= 1 + HAIR
        bad = value > 0
        starts[column] = np.where(bad, total, np.inf)
        total += np.nan_to_num(value - least)
        lowest = np.minimum(lowest, _back(starts, column, delay, np.inf))
        found |= told & bad & (total - lowest >= -TINY)
    return found


def slower(
    delay: Minutes, size: Callable[[Policy], EffectSize], limit: Callable[[Policy], float], ordinary: Ordinary
) -> Mask:
    """Delay or its variation risen over what is ordinary by the detector's own scores, or over the absolute limit for
    its window, of which every other sample may be below.

    Where nothing is stored of a line, the best half hour seen is taken for ordinary; half of the smallest fault in the
    middle of the newest quarter of an hour then counts too.
    """
    limits = delay.held.each(limit)
    rows = np.flatnonzero(delay.lately(_above(delay, ordinary.or_least_of(delay), size, limits), _recovered(delay)))
    some, usual = delay.some(rows), ordinary.some(rows)
    unknown = np.flatnonzero(~usual.stored)
    usual = usual.or_best_quarter_of(some)
    middle = np.zeros(len(rows), dtype=bool)
    newest = row_medians(some.some(unknown).values[:, -NEWEST_MINUTES:].astype(np.float64)) * (1 + HAIR)
    half = some.held.each(lambda policy: size(policy).minimum / 2)[unknown]
    middle[unknown] = newest - usual.centre[unknown, 0] * (1 - HAIR) >= half
    return delay.mask(rows, middle | _risen(some, usual, size, limits[rows]))


def _above(delay: Minutes, usual: Ordinary, size: Callable[[Policy], EffectSize], limit: FloatArray) -> Mask:
    """Minutes over half of the smallest fault, or over the limit (rows)."""
    least = np.minimum(usual.centre + _effect(delay, usual, size) / 2, limit[:, None]).astype(np.float32)
    least *= np.float32(1 - 8 * HAIR)
    bad = np.empty(delay.values.shape, dtype=bool, order="F")
    for column, block in enumerate(usual.block.tolist()):
        np.greater_equal(delay.values[:, column], least[:, block], out=bad[:, column])
    return bad


def _effect(delay: Minutes, usual: Ordinary, size: Callable[[Policy], EffectSize]) -> FloatArray:
    """The excess that the detector looks for (rows, half hours); `triage.detection.shift` has the rule."""
    minimum = delay.held.each(lambda policy: size(policy).minimum)[:, None]
    share = delay.held.each(lambda policy: size(policy).share)[:, None]
    spreads = delay.held.each(lambda policy: size(policy).spreads)[:, None]
    return np.maximum(np.maximum(minimum, share * usual.centre), spreads / 2 * usual.spread)


def _risen(delay: Minutes, usual: Ordinary, size: Callable[[Policy], EffectSize], limit: FloatArray) -> Mask:
    """A stretch that sums up to the detector's minimum, or what may be the end of one that began before the window: it
    sums up to more than nothing from there on (no part of a best stretch at its end is worth less)."""
    centre = np.ascontiguousarray((usual.centre * (1 - HAIR)).T)
    effect = np.ascontiguousarray((_effect(delay, usual, size) * (1 - HAIR)).T)
    least = (delay.held.each(lambda policy: policy.bad_samples) - 0.1) * delay.width - TINY
    enough = delay.held.each(lambda policy: policy.limits.window_minutes) / 2 - delay.width
    found = np.zeros(len(delay), dtype=bool)
    total, run, over = np.zeros(len(delay)), np.zeros(len(delay)), np.zeros(len(delay))
    for column, value, told in delay.minute_by_minute(_recovered(delay)):
        value *= 1 + HAIR
        block = usual.block[column]
        score = np.nan_to_num(np.clip(2 * (value - centre[block]) / effect[block] - 1, -1.0, 1.0))
        total += score
        run = np.maximum(run, 0) + score
        beyond = value >= limit
        over += beyond
        ends = (run >= least) | (usual.stored & (score > 0) & (total >= -TINY))
        found |= told & (ends | (beyond & (over >= enough)))
    return found


def full(traffic: Minutes, capacity: FloatArray) -> Mask:
    """Full (capacity: rows, bit/s, NaN unknown) for half of the policy's minimum less what its edges blur, or in two of
    the last three slots, as a line that fills right now is believed earlier."""
    capacity = np.where(capacity > 0, capacity * (1 - HAIR), np.nan)
    share = traffic.held.each(lambda policy: policy.saturation.utilisation_pct)
    at_least = (capacity * share / 100 * (1 - 8 * HAIR)).astype(np.float32)
    rows = np.flatnonzero(traffic.lately(traffic.values >= at_least[:, None], _recovered(traffic)))
    some, capacity, share = traffic.some(rows), capacity[rows], share[rows]
    shortest = some.held.each(lambda policy: policy.saturation.minimum_minutes)
    long = np.maximum(1, (shortest - 3 * some.width) / 2)
    join = some.held.each(lambda policy: policy.windows.join_minutes)
    counts = np.empty(some.values.shape[::-1])
    count, found = np.zeros(len(rows)), np.zeros(len(rows), dtype=bool)
    after = np.count_nonzero(~np.isnan(some.values), axis=1)
    for column, value, told in some.minute_by_minute(_recovered(some)):
        at = 100 * value * (1 + HAIR) * (1 + TINY) / capacity >= share
        count += at
        counts[column] = count
        after -= ~np.isnan(value)
        newest = (after <= some.width + 1) & (some.values.shape[1] - 1 - column <= some.width + 1 + join)
        recent = count - _back(counts, column, _delayed(some, 3), 0)
        filling = newest & (recent >= np.where(some.width < 1, 1, 2 * some.width))
        found |= at & ((told & (count >= long)) | filling)
    return traffic.mask(rows, found)


def port_down(state: Minutes) -> Mask:
    """Any sample that says so and is still told of."""
    return state.lately(state.values == 0, _recovered(state))


def flapping(flaps: Minutes) -> Mask:
    """As many changes as the policy calls flapping, the last of them still told of."""
    changed = flaps.values > 0
    rows = np.flatnonzero(flaps.lately(changed, _told_of_flapping(flaps)))
    many = flaps.held.each(lambda policy: policy.flapping.changes)[rows]
    return flaps.mask(rows, np.nansum(flaps.some(rows).values * (1 + HAIR), axis=1, dtype=np.float64) >= many)


def unsteady_port(state: Minutes) -> Mask:
    """As many changes of a port's state, the last of them still told of."""
    rows = np.flatnonzero((state.values == 0).any(axis=1))
    some = state.some(rows)
    last, count = np.full(len(rows), np.nan), np.zeros(len(rows))
    changed = np.zeros(some.values.shape, dtype=bool)
    for column in range(some.values.shape[1]):
        value = some.values[:, column]
        changed[:, column] = np.abs(value - last) > 0
        count += changed[:, column]
        last = np.where(np.isnan(value), last, value)
    many = count >= some.held.each(lambda policy: policy.flapping.changes)
    return state.mask(rows, many & some.lately(changed, _told_of_flapping(some)))


def _told_of_flapping(minutes: Minutes) -> FloatArray:
    return np.maximum(_recovered(minutes), minutes.held.each(lambda policy: policy.flapping.half_life_minutes))
