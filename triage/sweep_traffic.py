"""The sweep's rule for traffic that is gone: fallen at once, from the middle of an hour to that of three slots."""

from __future__ import annotations

import numpy as np

from collector.model import FloatArray
from triage.detection.traffic import row_medians
from triage.sweep_minutes import HAIR, Indices, Mask, Minutes
from triage.sweep_ordinary import Ordinary

ROUNDED = 1e-6
"""More than a power of ten, below 14, is off by in float32."""
LEAST_OF_AN_HOUR = 30
"""Minutes of an hour that are not below its middle."""
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
    deepest = np.maximum(_lowest_of_three(traffic), _floor(traffic)) * _factor(traffic)
    above = np.count_nonzero(traffic.values >= deepest.astype(np.float32)[:, None], axis=1)
    rows = np.flatnonzero(above >= np.minimum(1 + _measured(traffic) // 8, LEAST_OF_AN_HOUR))
    some = traffic.some(rows)
    reached = _reached(some)
    low = np.maximum(reached / np.sqrt(_factor(some)), _floor(some)) * (1 + 8 * HAIR)
    recovered = some.held.each(lambda policy: policy.claims.recovered_after_minutes)
    fallen = reached * (1 + HAIR) >= deepest[rows]
    return traffic.mask(rows, fallen & some.lately(some.values <= low.astype(np.float32)[:, None], recovered))


def _measured(traffic: Minutes) -> Indices:
    return np.asarray(np.count_nonzero(~np.isnan(traffic.values), axis=1))


def _reached(traffic: Minutes) -> FloatArray:
    """What no middle of an hour is above: reached by half an hour's minutes, or by a quarter of the few there are."""
    ordered = np.sort(traffic.values, axis=1)
    count = _measured(traffic)
    place = np.maximum(count - np.clip(count // 4, 1, LEAST_OF_AN_HOUR), 0)
    return np.asarray(ordered[np.arange(len(ordered)), place].astype(np.float64) * (1 + HAIR))


def _lowest_of_three(traffic: Minutes) -> FloatArray:
    """The least middle of three slots, where some lack the least of them, as the middle of two is the lower one."""
    lowest = np.full(len(traffic), np.nan)
    widths = _whole(traffic.width)
    for width in np.unique(widths).tolist():
        rows = np.flatnonzero(widths == width)
        values = traffic.values if len(rows) == len(traffic) else traffic.some(rows).values
        one, two, three = (values[:, place : values.shape[1] - 2 * width + place] for place in (0, width, 2 * width))
        least, most = np.minimum(one, two), np.maximum(one, two)
        middle = np.maximum(least, np.minimum(most, three))
        gaps = np.isnan(middle)
        if gaps.any():
            middle[gaps] = np.fmin(np.fmin(one[gaps], two[gaps]), three[gaps])
        # The newest two slots have nothing after them.
        lowest[rows] = np.fmin.reduce(np.concatenate((middle, values[:, -2 * width :]), axis=1), axis=1)
    return lowest


def _fell(traffic: Minutes, width: int, ordinary: Ordinary) -> Mask:
    """Rows of one width. The detector's medians are of slots, these of minutes: the same, as a slot fills all of its
    minutes."""
    effect = (np.log10(_factor(traffic)) - 2 * HAIR)[:, None]
    level = np.log10(np.maximum(traffic.values.astype(np.float64, order="C"), _floor(traffic)[:, None]))
    after = _middles_ahead(level, 3 * width)
    usual_now = np.where(ordinary.stored[:, None], ordinary.centre + ROUNDED, np.inf)[:, ordinary.block]
    highest = np.minimum(np.log10(np.maximum(_reached(traffic), 1e-9))[:, None], usual_now)
    row, column = np.nonzero(after <= highest - effect)
    before = _middles_behind(level, row, column)
    fell = before - after[row, column] >= effect[row, 0]
    row, column, before = row[fell], column[fell], before[fell]
    usual = np.full(len(level), -np.inf)
    np.maximum.at(usual, row, before)
    low = level <= usual[:, None] - effect / 2
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
