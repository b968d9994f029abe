"""A sketch of many values, from which percentiles can be read after sketches have been added. Pure.

DDSketch: Masson, Rim, Lee, "DDSketch: A Fast and Fully-Mergeable Quantile Sketch with Relative-Error Guarantees",
VLDB 2019. Values are counted in bins whose edges grow by the factor GAMMA, so that the middle of a bin is within
RELATIVE_ERROR of every value in it; adding sketches is adding counts. No bin is ever collapsed, so the bound holds for
every percentile.

A bin is an int32 that ascends with the value: 0 holds zero, bin i > 0 magnitudes from LEAST * GAMMA**(i - 1) to below
LEAST * GAMMA**i, bin -i the same below zero.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from collector.measures import rank_of
from collector.model import FloatArray
from collector.store.port import Statistic
from collector.store.rows import IntArray

RELATIVE_ERROR = 0.01
GAMMA = (1 + RELATIVE_ERROR) / (1 - RELATIVE_ERROR)
LEAST = 1e-9
"""What is nearer to zero counts as zero. There is no upper limit: the largest float is in bin 36,525."""

PERCENT: Mapping[Statistic, int] = {Statistic.P50: 50, Statistic.P95: 95, Statistic.P99: 99}

AT_ONCE = 1 << 15
"""Values or bins that are worked on at a time: what then lies beside them stays in the processor's cache."""
CELLS_AT_ONCE = 1 << 20

BinArray = NDArray[np.int32]
_LARGEST = float(np.finfo(np.float64).max)
_LOG_GAMMA, _LOG_LEAST = math.log(GAMMA), math.log(LEAST)


def bins_of(values: FloatArray) -> BinArray:
    """The bin of each value, in the shape of `values`, which holds no NaN; an infinity counts as the largest float."""
    magnitude = np.abs(values)
    index = np.log(np.clip(magnitude, LEAST, _LARGEST))
    index -= _LOG_LEAST
    index /= _LOG_GAMMA
    bins = np.asarray(index.astype(np.int32) + 1, np.int32)
    bins[magnitude < LEAST] = 0
    return np.where(values < 0, -bins, bins)


def value_of(bins: BinArray) -> FloatArray:
    """The value that stands for each bin: within RELATIVE_ERROR of all that it holds."""
    exponent = np.abs(bins) * _LOG_GAMMA + (_LOG_LEAST + math.log(2 / (GAMMA + 1)))
    magnitude = np.exp(np.minimum(exponent, math.log(_LARGEST)))
    return np.asarray(np.sign(bins) * magnitude, np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class Sketches:
    """How the values of n days are spread: day i has the bins `bins[first[i]:first[i + 1]]`, ascending, with `counts`
    values in each. p50, p95 and p99 are exact; a day without values has NaN and no bins."""

    p50: FloatArray
    p95: FloatArray
    p99: FloatArray
    first: IntArray
    bins: BinArray
    counts: NDArray[np.int32]

    def take(self, which: IntArray) -> Sketches:
        lengths = np.diff(self.first)[which]
        first = np.concatenate(([0], np.cumsum(lengths)))
        bins, counts = self.bins, self.counts
        if first[-1] < len(bins) or not (which[1:] > which[:-1]).all():
            held = np.repeat(self.first[which] - first[:-1], lengths) + np.arange(first[-1])
            bins, counts = bins[held], counts[held]
        return Sketches(self.p50[which], self.p95[which], self.p99[which], first, bins, counts)


def no_sketches(n: int) -> Sketches:
    """Sketches of n times nothing."""
    nothing, none = np.full(n, np.nan), np.zeros(0, np.int32)
    return Sketches(nothing, nothing, nothing, np.zeros(n + 1, np.int64), none, none)


def joined_sketches(sketches: Sequence[Sketches]) -> Sketches | None:
    if not sketches:
        return None
    lengths = np.concatenate([np.diff(one.first) for one in sketches])
    return Sketches(
        np.concatenate([one.p50 for one in sketches]),
        np.concatenate([one.p95 for one in sketches]),
        np.concatenate([one.p99 for one in sketches]),
        np.concatenate(([0], np.cumsum(lengths))),
        np.concatenate([one.bins for one in sketches]),
        np.concatenate([one.counts for one in sketches]),
    )


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """Buckets of about the same number of rows, so that sorting them as a matrix wastes little."""

    buckets: IntArray
    rows: IntArray
    """Row numbers, int64[len(buckets), most rows of one of them]; beyond a bucket's own rows: its last one."""
    beyond: NDArray[np.bool_]


def blocks_of(starts: IntArray, n: int) -> list[Block]:
    """Buckets of rows by size, each size at most twice the smallest of its block."""
    lengths = np.diff(np.append(starts, n))
    magnitude = np.frexp(lengths - 0.5)[1]
    blocks = []
    for power in np.unique(magnitude).tolist():
        alike = np.flatnonzero(magnitude == power)
        at_once = max(1, AT_ONCE >> power)
        for buckets in np.split(alike, range(at_once, len(alike), at_once)):
            place = np.arange(lengths[buckets].max())
            last = lengths[buckets, np.newaxis] - 1
            blocks.append(Block(buckets, starts[buckets, np.newaxis] + np.minimum(place, last), place > last))
    return blocks


def sketched(values: FloatArray, count: IntArray, blocks: Sequence[Block]) -> Sketches:
    """The sketch of each bucket; `count` says how many of its values are measured, `blocks` which rows are its."""
    exact = {stat: np.full(len(count), np.nan) for stat in PERCENT}
    lengths = np.zeros(len(count), np.int64)
    order, found, found_counts = [], [], []
    for block in blocks:
        matrix = values[block.rows]
        matrix[block.beyond] = np.nan
        matrix.sort(axis=1)
        held = count[block.buckets]
        place = np.arange(len(held))
        for stat, percent in PERCENT.items():
            exact[stat][block.buckets] = matrix[place, rank_of(held, percent) - 1]
        ends = np.cumsum(held)
        full = int(held.min()) == matrix.shape[1]
        flat = matrix.ravel() if full else matrix[np.arange(matrix.shape[1]) < held[:, np.newaxis]]
        bins = bins_of(flat)
        begins = np.ones(len(bins), dtype=bool)
        begins[1:] = bins[1:] != bins[:-1]
        begins[ends[:-1][ends[:-1] < len(bins)]] = True
        runs = np.flatnonzero(begins)
        lengths[block.buckets] = np.diff(np.searchsorted(runs, ends, side="left"), prepend=0)
        order.append(block.buckets)
        found.append(bins[runs])
        found_counts.append(np.diff(np.append(runs, len(bins))))
    written = np.concatenate(order)
    first = np.concatenate(([0], np.cumsum(lengths[written])))
    p50, p95, p99 = (exact[stat][written] for stat in (Statistic.P50, Statistic.P95, Statistic.P99))
    counts = np.concatenate(found_counts).astype(np.int32)
    sketches = Sketches(p50, p95, p99, first, np.concatenate(found), counts)
    return sketches if len(blocks) == 1 else sketches.take(np.argsort(written))


def percentiles(bins: BinArray, counts: NDArray[np.int32], edges: IntArray, percents: Sequence[int]) -> FloatArray:
    """Nearest-rank percentiles of sketches added up: float64[len(percents), k] for k + 1 `edges`.

    `bins[edges[i]:edges[i + 1]]` with `counts` values in each are what is added for the i-th, in any order and bins
    repeated; NaN where that is nothing.
    """
    found = np.full((len(percents), len(edges) - 1), np.nan)
    if not len(bins):
        return found
    lowest = int(bins.min())
    width = int(bins.max()) - lowest + 1
    first = 0
    while first < len(edges) - 1:
        last = int(np.searchsorted(edges, edges[first] + AT_ONCE, side="right")) - 1
        last = max(first + 1, min(last, first + CELLS_AT_ONCE // width))
        span = slice(edges[first], edges[last])
        rows = np.arange(last - first)
        cells = bins[span] + np.repeat(rows * width - lowest, np.diff(edges[first : last + 1]))
        added = np.bincount(cells, counts[span], len(rows) * width).reshape(len(rows), width)
        below = np.cumsum(added, axis=1)
        whole = below[:, -1].astype(np.int64)
        for i, percent in enumerate(percents):
            reached = (below >= rank_of(whole, percent)[:, np.newaxis]).argmax(axis=1)
            found[i, first:last] = np.where(whole > 0, value_of((reached + lowest).astype(np.int32)), np.nan)
        first = last
    return found
