"""The sweep's rule for traffic that is gone: fallen at once, from the middle of an hour to that of three slots."""

from __future__ import annotations

import numpy as np

from collector.model import FloatArray
from triage.detection.traffic import row_medians
from triage.sweep_minutes import HAIR, Indices, Mask, Minutes
from triage.sweep_ordinary import Ordinary

PLACES_AT_ONCE = 8192
ROWS_AT_ONCE = 512
"""Hours, and series, whose middles are taken at the same time: they bound memory, not speed."""


def gone(traffic: Minutes, ordinary: Ordinary) -> Mask:
    """Fallen by the policy's factor below the hour before and below what is stored of this one, and still low."""
    found = np.zeros(len(traffic), dtype=bool)
    rows = np.flatnonzero(_may_have_fallen(traffic))
    widths = _whole(traffic.width[rows])
    for width in np.unique(widths).tolist():
        chosen = rows[widths == width]
        found[chosen] = _fell(traffic.some(chosen), int(width), ordinary.some(chosen))
    return found


def _whole(width: FloatArray) -> Indices:
    return np.maximum(width, 1).astype(np.intp)


def _factor(traffic: Minutes) -> FloatArray:
    return traffic.held.each(lambda policy: policy.traffic_gone.factor) * (1 - 8 * HAIR)


def _floor(traffic: Minutes) -> FloatArray:
    return traffic.held.each(lambda policy: policy.traffic_gone.minimum_bps)


def _may_have_fallen(traffic: Minutes) -> Mask:
    """Rows with three slots of which the middle one is the policy's factor below what no middle of an hour is above,
    and with a minute that is still told of and half of that (on a scale of powers) below it."""
    recovered = traffic.held.each(lambda policy: policy.claims.recovered_after_minutes)
    lowest = np.maximum(np.fmin.reduce(traffic.values, axis=1), _floor(traffic))
    deep = np.fmax.reduce(traffic.values, axis=1) >= lowest * _factor(traffic)
    rows = np.flatnonzero(deep)
    some = traffic.some(rows)
    reached = _reached(some)
    least = np.maximum(reached / _factor(some), _floor(some))[:, None].astype(np.float32) * np.float32(1 + 8 * HAIR)
    low = np.maximum(reached / np.sqrt(_factor(some)), _floor(some))[:, None].astype(np.float32)
    down = _lowest_of_three(some) <= least[:, 0]
    down &= reached >= _floor(some) * _factor(some)
    return traffic.mask(rows, down & some.lately(some.values <= low * np.float32(1 + 8 * HAIR), recovered[rows]))


def _reached(traffic: Minutes) -> FloatArray:
    """What no middle of an hour is above: reached by half an hour's minutes, or by a quarter of the few there are."""
    ordered = np.sort(traffic.values, axis=1)
    count = np.count_nonzero(~np.isnan(ordered), axis=1)
    place = np.maximum(count - np.clip(count // 4, 1, 30), 0)
    return np.asarray(ordered[np.arange(len(ordered)), place].astype(np.float64) * (1 + HAIR))


def _lowest_of_three(traffic: Minutes) -> FloatArray:
    """No more than the least middle of three slots; the least value where a minute is missing, as the middle of two is
    the lower one."""
    lowest = np.fmin.reduce(traffic.values, axis=1)
    whole = np.flatnonzero(~np.isnan(traffic.values).any(axis=1))
    widths = _whole(traffic.width[whole])
    for width in np.unique(widths).tolist():
        rows = whole[widths == width]
        values = traffic.some(rows).values
        one, two, three = (values[:, place : place + values.shape[1] - 2 * width] for place in (0, width, 2 * width))
        middle = np.maximum(np.minimum(one, two), np.minimum(np.maximum(one, two), three))
        # The newest two slots have nothing after them.
        lowest[rows] = np.minimum(middle.min(axis=1), values[:, -2 * width :].min(axis=1))
    return np.asarray(lowest)


def _fell(traffic: Minutes, width: int, ordinary: Ordinary) -> Mask:
    """Rows of one width. The detector's medians are of slots, these of minutes: the same, as a slot fills all of its
    minutes."""
    effect = (np.log10(_factor(traffic)) - 2 * HAIR)[:, None]
    level = np.log10(np.maximum(traffic.values.astype(np.float64, order="C"), _floor(traffic)[:, None]))
    after = _middles_ahead(level, 3 * width)
    usual_now = np.where(ordinary.stored[:, None], ordinary.centre, np.inf)[:, ordinary.block]
    highest = np.minimum(np.log10(np.maximum(_reached(traffic), 1e-9))[:, None], usual_now)
    row, column = np.nonzero(after <= highest - effect)
    before = _middles_behind(level, row, column)
    fell = before - after[row, column] >= effect[row, 0]
    row, column, before = row[fell], column[fell], before[fell]
    usual = np.full(len(level), -np.inf)
    np.maximum.at(usual, row, before)
    first = np.full(len(level), level.shape[1])
    np.minimum.at(first, row, column)
    low = (level <= usual[:, None] - effect / 2) & (np.arange(level.shape[1]) >= first[:, None])
    return traffic.lately(low, traffic.held.each(lambda policy: policy.claims.recovered_after_minutes))


def _middles_ahead(level: FloatArray, count: int) -> FloatArray:
    """Of each minute the lower median of so many from it on."""
    padded = np.pad(level, ((0, 0), (0, count - 1)), constant_values=np.nan)
    windows = np.lib.stride_tricks.sliding_window_view(padded, count, axis=1)
    middles = np.empty_like(level)
    for first in range(0, len(level), ROWS_AT_ONCE):
        part = windows[first : first + ROWS_AT_ONCE]
        middles[first : first + ROWS_AT_ONCE] = row_medians(part.reshape(-1, count)).reshape(part.shape[:2])
    return middles


def _middles_behind(level: FloatArray, row: Indices, column: Indices) -> FloatArray:
    """Of these minutes the lower median of the hour before each."""
    padded = np.pad(level, ((0, 0), (60, 0)), constant_values=np.nan)
    windows = np.lib.stride_tricks.sliding_window_view(padded, 60, axis=1)
    parts = [slice(first, first + PLACES_AT_ONCE) for first in range(0, len(row), PLACES_AT_ONCE)]
    return np.concatenate([np.empty(0), *(row_medians(windows[row[part], column[part]]) for part in parts)])
