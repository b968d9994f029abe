"""The moments of all devices that are polled in one interval, and which of them is the next. Pure."""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left
from dataclasses import dataclass


@dataclass(slots=True, eq=False)
class Ring:
    """The devices of one interval, from number `first` on, by their moment in it.

    `moment` is the next turn's, the `at`-th of slot `slot`.
    """

    every: int
    first: int
    offsets: array[float]
    slot: int = 0
    at: int = 0
    moment: float = math.inf

    def align(self, now: float) -> None:
        """Let the first moment from `now` on be the next."""
        self.slot = int(now // self.every)
        self.go_to(bisect_left(self.offsets, now - self.slot * self.every))

    def go_to(self, at: int) -> None:
        """Let the `at`-th moment of this slot be the next; behind the last comes the first of the next slot."""
        self.slot, self.at = (self.slot, at) if at < len(self.offsets) else (self.slot + 1, 0)
        self.moment = self.slot * self.every + self.offsets[self.at]

    def leave_out(self, until: float) -> int:
        """Pass over every turn before `until`; returns how many."""
        before = self.slot * len(self.offsets) + self.at
        self.align(until)
        return self.slot * len(self.offsets) + self.at - before


def first_slot(moment: float, every: int, share: float) -> int:
    """The first slot in which the turn at this share of it is not before `moment`."""
    return math.ceil(moment / every - share)
