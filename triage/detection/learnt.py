"""What is known to be ordinary for one line as one source sees it: values by bin (`habits.BINS`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from collector.model import FloatArray

COMPUTED = "computed"
"""Instead of a version: what is ordinary was computed from the samples before the judged window."""


@dataclass(frozen=True, slots=True, eq=False)
class Baseline:
    """`centre` and `spread` of a metric per bin (NaN where not asked for or unknown), the centre of the whole day,
    and the number of past samples they rest on. Traffic is on a scale of powers of ten."""

    centre: FloatArray
    spread: FloatArray
    all_day: float
    samples: int

    def thin(self, least: int) -> bool:
        """Whether it rests on fewer samples than the policy asks for: nothing in it is known then."""
        return self.samples < least


@dataclass(frozen=True, slots=True, eq=False)
class LossRate:
    """The ordinary share of lost packets (0 to 1, never 0) per bin, NaN where not asked for or unknown, and the packets
    of the past that it rests on."""

    rate: FloatArray
    lost: float
    sent: float

    @property
    def known(self) -> bool:
        return self.sent > 0


@dataclass(frozen=True, slots=True, eq=False)
class Learnt:
    """All that was learnt of one line by one source from its samples before `until` (epoch milliseconds), by metric;
    `version` names the table that it stands in."""

    version: str
    until: int
    baselines: Mapping[str, Baseline]
    loss: Mapping[str, LossRate]
