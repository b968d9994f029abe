"""Where a row of scores is high for a while: maximal scoring segments, and runs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from collector.model import FloatArray


@dataclass(frozen=True, slots=True, order=True)
class Segment:
    """Rows [first, stop) and the sum of their scores."""

    first: int
    stop: int
    score: float


def maximal_segments(scores: FloatArray, minimum: float) -> list[Segment]:
    """The best-scoring segments of at least `minimum`, best first, none overlapping another.

    With scores that are log-likelihood ratios against "ordinary" each is the most likely extent of a change (the
    scan statistic with unknown length; Kulldorff 1997). NaN scores nothing. The search goes on left and right of
    the best one, vectorised, so the cost is linear in rows for each segment found.
    """
    found: list[Segment] = []
    scores = filled(scores)
    if np.maximum(scores, 0.0).sum() < minimum:
        return []
    waiting = [(0, scores)]
    while waiting:
        offset, part = waiting.pop()
        if not len(part):
            continue
        best = best_segment(part)
        if best.score < minimum:
            continue
        found.append(Segment(best.first + offset, best.stop + offset, best.score))
        waiting += [(offset, part[: best.first]), (offset + best.stop, part[best.stop :])]
    return sorted(found, key=lambda segment: -segment.score)


def best_segment(scores: FloatArray) -> Segment:
    """The best-scoring one of at least one row; `scores` hold one row or more, none NaN."""
    total = np.cumsum(scores)
    before = np.concatenate(([0.0], total[:-1]))
    last = int(np.argmax(total - np.minimum.accumulate(before)))
    # Of equally low starts the latest one: a segment does not begin with rows that add nothing.
    first = last - int(np.argmin(before[last::-1]))
    return Segment(first, last + 1, float(total[last] - before[first]))


def filled(values: FloatArray) -> FloatArray:
    """NaN as zero."""
    return np.where(np.isnan(values), 0.0, values)


def runs(mask: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """The [first, stop) of each unbroken run of True."""
    if not mask.any():
        return []
    edges = np.flatnonzero(np.diff(np.concatenate(([False], mask, [False])).astype(np.int8)))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))
