"""What the sweep takes for ordinary: what is stored of a line for each half hour of its day, or the best it sees."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from triage.detection.traffic import row_medians
from triage.sweep_minutes import Indices, Mask, Minutes

HALF_HOUR = 30
"""Minutes. Clocks of zones are whole half hours off UTC, but for a few that are quarters."""
QUARTERS = 4


@dataclass(frozen=True, slots=True, eq=False)
class Ordinary:
    """Centre and spread (rows, half hours) of one field, and of each minute of a window its half hour (minutes).

    `stored` (rows): whether they are what the judge holds against; else they are what the window shows, or NaN.
    """

    centre: NDArray[np.float32]
    spread: NDArray[np.float32]
    block: Indices
    stored: Mask

    def some(self, rows: Indices | slice) -> Ordinary:
        return Ordinary(self.centre[rows], self.spread[rows], self.block, self.stored[rows])

    def or_least_of(self, minutes: Minutes) -> Ordinary:
        """Where nothing is stored the least value of the window: no middle of anything is below it."""
        return self._or(np.fmin.reduce(minutes.values, axis=1)[~self.stored])

    def or_best_quarter_of(self, minutes: Minutes) -> Ordinary:
        """Where nothing is stored the lowest median of the window's quarters: half hours of two hours."""
        unknown = np.flatnonzero(~self.stored)
        parts = np.array_split(minutes.some(unknown).values, QUARTERS, axis=1)
        return self._or(np.fmin.reduce([row_medians(part.astype(np.float64)) for part in parts], axis=0))

    def _or(self, seen: NDArray[np.floating]) -> Ordinary:
        centre, spread = self.centre.copy(), self.spread.copy()
        centre[~self.stored] = seen[:, None]
        spread[~self.stored] = 0.0
        return replace(self, centre=centre, spread=spread)


def half_hours(minute: int, minutes: int) -> tuple[int, Indices]:
    """The first half hour since 1970 of the `minutes` up to and with `minute`, and of each the place of its own."""
    every = np.arange(minute - minutes + 1, minute + 1) // HALF_HOUR
    return int(every[0]), every - every[0]


def nothing_stored(rows: int, block: Indices) -> Ordinary:
    shape = (rows, int(block[-1]) + 1)
    return Ordinary(
        np.full(shape, np.nan, np.float32), np.full(shape, np.nan, np.float32), block, np.zeros(rows, dtype=bool)
    )
