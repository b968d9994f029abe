"""When exactly a change began and ended: least squares between samples, then inside the part-covered one."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from collector.model import FloatArray, TimeArray
from triage.detection.view import View

REACH = 8
"""Samples on either side of a segment's edge in which its true edge is looked for (+-40 min of 5-minute ones)."""


def refined(view: View, share: FloatArray, first: int, stop: int) -> tuple[int, int | None]:
    """Onset and end in epoch milliseconds of the change that a detector saw in rows [first, stop); at least one
    measured row starts between them.

    Rows count within the judged window. `share` is how much of the full change each row shows: 0 ordinary, 1 full,
    NaN unmeasured. End is None when the last row still shows it. A change-point is placed by least squares of two
    levels; a row that shows a part of the change was covered by it in that part; unmeasured time between two rows
    is split in half.
    """
    onset, end = _placed(view, share, first, stop)
    if np.isnan(share[view.inside(onset, end)]).all():
        return int(view.time[first]), view.end_after(stop)
    return onset, end


def extent(
    view: View, share: FloatArray, first: int, stop: int, holds: Callable[[NDArray[np.bool_]], bool]
) -> tuple[int, int | None]:
    """As `refined`, unless the samples of the finer extent no longer make a fault: then rows [first, stop) as they are.

    `holds` says of a mask of judged rows whether their figure still reaches its threshold.
    """
    onset, end = refined(view, share, first, stop)
    if holds(view.inside(onset, end)):
        return onset, end
    return int(view.time[first]), view.end_after(stop)


def _placed(view: View, share: FloatArray, first: int, stop: int) -> tuple[int, int | None]:
    time, step = view.time, view.step
    shown = np.clip(np.nan_to_num(share), 0.0, 1.0)
    onset, first_row = _edge(time, step, shown, first, stop, measured=~np.isnan(share))
    if stop >= len(time):
        return onset, view.end_after(stop)
    # The same, seen in a mirror: time runs backwards and a slot starts at its end.
    mirrored = -(time[::-1] + step)
    size = len(time)
    backwards, _ = _edge(mirrored, step, shown[::-1], size - stop, size - first_row, measured=~np.isnan(share[::-1]))
    return onset, max(-backwards, onset + 1)


def _edge(
    time: TimeArray, step: int, shown: FloatArray, first: int, stop: int, *, measured: np.ndarray
) -> tuple[int, int]:
    low = max(0, first - REACH)
    row = low + _change_point(shown[low : min(stop, first + REACH)]) if first > 0 else first
    if row > 0 and shown[row - 1] > 0.15 and measured[row - 1]:
        row -= 1
    part = float(shown[row])
    if 0.0 < part < 0.9 and row + 1 < stop:
        return int(time[row] + (1 - part) * step), row
    gap = int(time[row] - time[row - 1]) - step if row > 0 else 0
    return int(time[row] - max(0, gap) // 2), row


def _change_point(values: FloatArray) -> int:
    """The row at which two levels, the second one higher, fit best (least squares)."""
    n = len(values)
    if n < 2:
        return 0
    count = np.arange(1, n)
    total = np.cumsum(values)
    left = total[:-1] / count
    right = (total[-1] - total[:-1]) / (n - count)
    gain = np.where(right > left, count * (n - count) * (right - left) ** 2, -1.0)
    if gain.max() <= 0:
        return 0
    return int(np.argmax(gain)) + 1
