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
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from collector.model import FloatArray
from collector.store.rows import IntArray

RELATIVE_ERROR = 0.01
GAMMA = (1 + RELATIVE_ERROR) / (1 - RELATIVE_ERROR)
LEAST = 1e-9
"""What is nearer to zero counts as zero. There is no upper limit: the largest float is in bin 36,525."""

PERCENTS = (50, 95, 99)
"""The percentiles that are kept exactly of each day."""
CELLS_AT_ONCE = 1 << 21
ROWS_AT_ONCE = 1 << 15

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


def rank_of(count: IntArray, percent: int) -> IntArray:
    """The nearest rank among `count` values, counted from 1: ceil(percent count / 100), as `measures.percentile`."""
    return np.maximum(1, -(-percent * count // 100))


@dataclass(frozen=True, slots=True, eq=False)
class Sketches:
    """How the values of n days are spread. Row i has the bins `bins[first[i]:first[i + 1]]`,
    ascending, with `counts` values in each. p50, p95 and p99 are exact; pseudo-fields have NaN and no bins."""

    p50: FloatArray
    p95: FloatArray
    p99: FloatArray
    first: IntArray
    bins: BinArray
    counts: NDArray[np.int32]

    def take(self, which: IntArray) -> Sketches:
        lengths = np.diff(self.first)[which]
        first = np.concatenate(([0], np.cumsum(lengths)))
        held = np.repeat(self.first[which] - first[:-1], lengths) + np.arange(first[-1])
        return Sketches(self.p50[which], self.p95[which], self.p99[which], first, self.bins[held], self.counts[held])


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
        at_once = max(1, ROWS_AT_ONCE >> power)
        for buckets in np.split(alike, range(at_once, len(alike), at_once)):
            place = np.arange(lengths[buckets].max())
            last = lengths[buckets, np.newaxis] - 1
            blocks.append(Block(buckets, starts[buckets, np.newaxis] + np.minimum(place, last), place > last))
    return blocks


def sketched(values: FloatArray, count: IntArray, blocks: Sequence[Block]) -> Sketches:
    """The sketch of each bucket."""
    exact = np.full((len(PERCENTS), len(count)), np.nan)
    lengths = np.zeros(len(count), np.int64)
    order, found, found_counts = [], [], []
    for block in blocks:
        matrix = values[block.rows]
        matrix[block.beyond] = np.nan
        matrix.sort(axis=1)
        held = count[block.buckets]
        place = np.arange(len(held))
        for i, percent in enumerate(PERCENTS):
            exact[i, block.buckets] = matrix[place, rank_of(held, percent) - 1]
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
    p50, p95, p99 = exact[:, written]
    counts = np.concatenate(found_counts).astype(np.int32)
    sketches = Sketches(p50, p95, p99, first, np.concatenate(found), counts)
    return sketches if len(blocks) == 1 else sketches.take(np.argsort(written))


def percentiles(
    owner: IntArray, bins: BinArray, counts: NDArray[np.int32], owners: int, percents: tuple[int, ...]
) -> FloatArray:
    """Nearest-rank percentiles of sketches added up: float64[len(percents), owners].

    Entry i says that `counts[i]` values of `owner[i]` lie in `bins[i]`; entries stand in ascending order of owner, and
    entries of the same owner and bin are added. An owner without values has NaN.
    """
    found = np.full((len(percents), owners), np.nan)
    if not len(bins):
        return found
    lowest = int(bins.min())
    width = int(bins.max()) - lowest + 1
    at_once = max(1, CELLS_AT_ONCE // width)
    for first in range(0, owners, at_once):
        last = min(first + at_once, owners)
        span = slice(*np.searchsorted(owner, (first, last)).tolist())
        cells = (owner[span] - first) * width + (bins[span] - lowest)
        added = np.bincount(cells, counts[span], (last - first) * width).astype(np.int64)
        below = np.cumsum(added.reshape(last - first, width), axis=1)
        for i, percent in enumerate(percents):
            reached = below >= rank_of(below[:, -1], percent)[:, np.newaxis]
            value = value_of((reached.argmax(axis=1) + lowest).astype(np.int32))
            found[i, first:last] = np.where(below[:, -1] > 0, value, np.nan)
    return found
