"""What the sweep looks for on all lines at once: for each detector a condition that whatever it confirms must fulfil.

Pure. Each rule first passes over the many lines that are clearly quiet, then goes over the minutes of the others.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from collector.model import FloatArray
from triage.detection.traffic import row_medians
from triage.policy import EffectSize, Policy
from triage.sweep_minutes import HAIR, TINY, Mask, Minutes
from triage.sweep_ordinary import Ordinary

NEWEST_MINUTES = 15


def _recovered(minutes: Minutes) -> FloatArray:
    return minutes.held.each(lambda policy: policy.claims.recovered_after_minutes)


class _Earlier:
    """What was true so many slots ago, column by column; briefer slots share a minute."""

    def __init__(self, minutes: Minutes, slots: int, before: float) -> None:
        self._delay = np.where(minutes.width < 1, max(slots - 1, 0), slots * minutes.width).astype(np.intp)
        self._alike = len(self._delay) > 0 and bool((self._delay == self._delay[0]).all())
        self._before = np.full(len(minutes), before)
        self._kept = np.empty(minutes.values.shape[::-1])
        self._rows = np.arange(len(minutes))

    def then(self, column: int, now: FloatArray) -> FloatArray:
        """Keep what is true `now` (rows); what was so many columns before, `before` where nothing was yet."""
        self._kept[column] = now
        if self._alike:
            then = column - self._delay[0]
            return self._kept[then] if then >= 0 else self._before
        every = column - self._delay
        return np.where(every >= 0, self._kept[np.maximum(every, 0), self._rows], self._before)


def _unmeasured_as_nothing(values: FloatArray) -> FloatArray:
    np.copyto(values, 0.0, where=np.isnan(values))
    return values


def lossy(loss: Minutes) -> Mask:
    """Two lossy slots with the policy's minimum between them, or the absolute limit over its window, of which half
    must be lossy: so its last loss is at most half a window back."""
    minimum = loss.held.each(lambda policy: policy.loss.minimum_pct)
    limit = loss.held.each(lambda policy: policy.limits.loss_pct)
    half_a_window = _recovered(loss) + loss.held.each(lambda policy: policy.limits.window_minutes) / 2
    bad, worst = loss.values > 0, np.fmax.reduce(loss.values, axis=1) * (1 + HAIR)
    twice = np.count_nonzero(bad, axis=1) >= np.where(loss.width < 1, 1, 2)
    apart = np.flatnonzero(twice & (worst >= minimum) & loss.lately(bad, _recovered(loss)))
    over = np.flatnonzero((worst >= limit) & _fills_half(loss, bad) & loss.lately(bad, half_a_window))
    return loss.mask(apart, _mean_reaches(loss.some(apart), minimum[apart], _recovered(loss)[apart], 1)) | loss.mask(
        over, _mean_reaches(loss.some(over), limit[over], half_a_window[over], 0)
    )


def _fills_half(loss: Minutes, bad: Mask) -> Mask:
    """Whether half of the limit's window can be lossy by what the window shows. Where slots are missing, the rows of
    that window may reach further back than it: then it can."""
    window = loss.held.each(lambda policy: policy.limits.window_minutes)
    slot = np.maximum(loss.width, 1)
    slots = np.maximum(2, np.floor(window / slot))
    lossy = np.count_nonzero(bad, axis=1)
    # Briefer slots share a minute, so that each lossy minute may hold as many of them as there are.
    needed = np.where(loss.width < 1, np.floor(window / 2), slot * (np.ceil(slots / 2) - 1) + 1)
    measured = np.count_nonzero(~np.isnan(loss.values), axis=1)
    whole = measured >= slots * slot + _recovered(loss) + window / 2 + 2 * slot
    return np.asarray(~whole | (lossy >= np.maximum(needed, 1)))


def _mean_reaches(loss: Minutes, least: FloatArray, within: FloatArray, slots: int) -> Mask:
    """Whether a stretch from a lossy minute to a lossy minute, so many slots later or more, that is still told of has
    a mean of at least this (rows)."""
    found = np.zeros(len(loss), dtype=bool)
    if not len(loss):
        return found
    total, lowest = np.zeros(len(loss)), np.full(len(loss), np.inf)
    starts = _Earlier(loss, slots, np.inf)
    for column, value, told in loss.minute_by_minute(within):
        value *= 1 + HAIR
        bad = value > 0
        np.minimum(lowest, starts.then(column, np.where(bad, total, np.inf)), out=lowest)
        total += _unmeasured_as_nothing(value - least)
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
    if not len(rows):
        return np.zeros(len(delay), dtype=bool)
    some, usual = delay.some(rows), ordinary.some(rows)
    unknown = np.flatnonzero(~usual.stored)
    usual = usual.or_best_quarter_of(some)
    middle = np.zeros(len(rows), dtype=bool)
    newest = row_medians(some.some(unknown).values[:, -NEWEST_MINUTES:].astype(np.float64)) * (1 + HAIR)
    half = some.held.each(lambda policy: size(policy).minimum / 2)[unknown]
    middle[unknown] = newest - usual.centre[unknown, 0].astype(np.float64) * (1 - HAIR) >= half
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
    centre = np.ascontiguousarray((usual.centre.astype(np.float64) * (1 - HAIR)).T)
    twice = np.ascontiguousarray((2 / (_effect(delay, usual, size) * (1 - HAIR))).T)
    least = (delay.held.each(lambda policy: policy.bad_samples) - 0.1) * delay.width - TINY
    enough = delay.held.each(lambda policy: policy.limits.window_minutes) / 2 - delay.width
    found = np.zeros(len(delay), dtype=bool)
    total, run, over = np.zeros(len(delay)), np.zeros(len(delay)), np.zeros(len(delay))
    for column, value, told in delay.minute_by_minute(_recovered(delay)):
        value *= 1 + HAIR
        block = usual.block[column]
        score = _unmeasured_as_nothing(np.clip((value - centre[block]) * twice[block] - 1, -1.0, 1.0))
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
    high = traffic.values >= (capacity * share / 100 * (1 - 8 * HAIR)).astype(np.float32)[:, None]
    shortest = traffic.held.each(lambda policy: policy.saturation.minimum_minutes)
    long = np.maximum(1, (shortest - 3 * traffic.width) / 2)
    filling = np.where(traffic.width < 1, 1, 2 * traffic.width)
    enough = np.count_nonzero(high, axis=1) >= np.minimum(long, filling)
    rows = np.flatnonzero(enough & traffic.lately(high, _recovered(traffic)))
    some, capacity, share, long, filling = (
        traffic.some(rows), capacity[rows], share[rows], long[rows], filling[rows],
    )  # fmt: skip
    newest = some.width + 1
    oldest = newest + some.held.each(lambda policy: policy.windows.join_minutes)
    count, found = np.zeros(len(rows)), np.zeros(len(rows), dtype=bool)
    earlier = _Earlier(some, 3, 0.0)
    after = np.count_nonzero(~np.isnan(some.values), axis=1)
    for column, value, told in some.minute_by_minute(_recovered(some)):
        at = 100 * value * (1 + HAIR) * (1 + TINY) / capacity >= share
        count += at
        after -= ~np.isnan(value)
        now = (after <= newest) & (some.values.shape[1] - 1 - column <= oldest)
        found |= at & ((told & (count >= long)) | (now & (count - earlier.then(column, count) >= filling)))
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
