"""What the sweep's rules look at: one field of many series over the last minutes, and what holds for each of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from collector.model import FloatArray
from triage.policy import Policy

HAIR = 2.0**-23
"""Twice the relative error of a float32 (IEEE 754: half a unit in the last of 24 bits is 2^-24): what is moved this far
towards a threshold is never on the wrong side of it by rounding alone."""
TINY = 1e-9
"""What sums of float64 may be off by; the detectors add in another order."""
Mask = NDArray[np.bool_]
Indices = NDArray[np.intp]


def line_policy(own: Policy, of_site: Policy) -> Policy:
    """What holds for a line: claims are told of a whole site, so what is said of them is its site's."""
    return own.model_copy(update={"claims": of_site.claims})


@dataclass(frozen=True, slots=True, eq=False)
class Held:
    """Which policy holds for each row: `policies[kind[row]]`."""

    policies: Sequence[Policy]
    kind: Indices

    def each(self, value: Callable[[Policy], float]) -> FloatArray:
        """That value of each row's policy."""
        return np.array([value(policy) for policy in self.policies], dtype=np.float64)[self.kind]

    def some(self, rows: Indices) -> Held:
        return Held(self.policies, self.kind[rows])


@dataclass(frozen=True, slots=True, eq=False)
class Minutes:
    """One field of some series: `values` (rows, minutes) in the field's unit, the newest minute last, NaN unmeasured.

    A slot fills all of its minutes; `width` (rows) is the length of a row's slots in minutes, a part of one for briefer
    ones. The minutes of `values` lie together in memory, so that rules go minute by minute over all rows at once.
    """

    values: NDArray[np.float32]
    width: FloatArray
    held: Held

    def __len__(self) -> int:
        return len(self.values)

    def some(self, rows: Indices) -> Minutes:
        """A copy of these rows."""
        return Minutes(np.take(self.values.T, rows, axis=1).T, self.width[rows], self.held.some(rows))

    def mask(self, rows: Indices, found: Mask) -> Mask:
        """Which rows are those of `rows` that were `found`."""
        mask = np.zeros(len(self), dtype=bool)
        mask[rows[found]] = True
        return mask

    def lately(self, bad: Mask, within: FloatArray) -> Mask:
        """Rows with a `bad` measured minute (rows, minutes) that is still told of: see `minute_by_minute`."""
        near, far = self._told_until(within)
        found, after = np.zeros(len(self), dtype=bool), np.zeros(len(self), dtype=np.int16)
        for age in range(self.values.shape[1]):
            told = (after <= near) & (age <= far)
            if not told.any():
                break
            found |= bad[:, -1 - age] & told
            after += ~np.isnan(self.values[:, -1 - age])
        return found

    def minute_by_minute(self, within: FloatArray) -> Iterator[tuple[int, FloatArray, Mask]]:
        """Each column, oldest first: its place, its values in float64, and where something may end in it that is told
        of now: followed by no more measured minutes than `within` (rows) and its own slot, and no older than that and
        the policy's silence, after which nothing is assumed to go on."""
        near, far = self._told_until(within)
        measured = ~np.isnan(self.values)
        after = np.count_nonzero(measured, axis=1)
        last = self.values.shape[1] - 1
        for column in range(last + 1):
            there = measured[:, column]
            after -= there
            yield column, self.values[:, column].astype(np.float64), there & (after <= near) & (last - column <= far)

    def _told_until(self, within: FloatArray) -> tuple[FloatArray, FloatArray]:
        near = within + self.width + 1
        return near, near + self.held.each(lambda policy: policy.windows.join_minutes)
