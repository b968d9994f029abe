"""Are we blind ourselves? Pure.

If an unlikely share of unrelated sites goes silent at once, it is our outage: no troubles, no tickets, one alarm.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import numpy as np

from collector.model import Cadence, Source
from config.clock import epoch_ms
from triage.model import Measured

SILENT_SHARE = 0.5
FEWEST_SITES = 6
"""With fewer sites than this, half of them silent is not unlikely enough."""


def heard(hot: Sequence[Measured], cadences: Mapping[Source, Cadence], now: datetime) -> Mapping[str, bool]:
    """The sites that were measured within the hot window, and whether anything was heard of each lately.

    A site is silent when no source has a slot younger than twice its cadence plus its lateness.
    """
    moment = epoch_ms(now)
    spoke: dict[str, bool] = {}
    for measured in hot:
        for series in measured.series:
            if not len(series):
                continue
            fresh = bool(np.any(series.time >= moment - _silence_ms(cadences.get(series.source))))
            spoke[measured.link.site] = spoke.get(measured.link.site, False) or fresh
    return spoke


def blind(spoke: Mapping[str, bool]) -> bool:
    """Whether at least half of the sites that were measured (as `heard` says) are silent from every source."""
    if len(spoke) < FEWEST_SITES:
        return False
    silent = sum(not fresh for fresh in spoke.values())
    return silent >= SILENT_SHARE * len(spoke)


def _silence_ms(cadence: Cadence | None) -> int:
    every, late = (cadence.every, cadence.late) if cadence else (300, 600)
    return (2 * every + late) * 1000
