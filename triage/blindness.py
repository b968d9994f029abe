"""Are we blind ourselves? Pure.

If an unlikely share of unrelated sites goes silent at once, it is our outage: no troubles, no tickets, one alarm.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from collector.model import Cadence, Source
from collector.store.hot import MINUTE_MS, HotWindow
from collector.store.rows import SOURCES
from config.clock import epoch_ms

SILENT_SHARE = 0.5
FEWEST_SITES = 6
"""With fewer sites than this, half of them silent is not unlikely enough."""


def heard(
    hot: HotWindow, site: NDArray[np.intp], cadences: Mapping[Source, Cadence], now: datetime
) -> NDArray[np.bool_]:
    """Of each site that was measured within the hot window whether anything was heard of it lately; `site` numbers the
    site of each of its links.

    A site is silent when no source has a slot younger than twice its cadence plus its lateness.
    """
    moment = epoch_ms(now)
    silence = np.array([_silence_ms(cadences.get(source)) for source in SOURCES])
    known = np.flatnonzero(hot.newest >= moment - hot.minutes * MINUTE_MS)
    fresh = hot.newest[known] >= moment - silence[hot.source[known]]
    places = site[hot.link[known]]
    count = int(site.max(initial=-1)) + 1
    slots, spoken = np.bincount(places, minlength=count), np.bincount(places[fresh], minlength=count)
    return np.asarray(spoken[slots > 0] > 0)


def blind(spoke: NDArray[np.bool_]) -> bool:
    """Whether at least half of the sites that were measured (as `heard` says) are silent from every source."""
    if len(spoke) < FEWEST_SITES:
        return False
    return int(np.count_nonzero(~spoke)) >= SILENT_SHARE * len(spoke)


def settled(hot: HotWindow, cadences: Mapping[Source, Cadence], since: datetime, now: datetime) -> bool:
    """Whether we have followed, since `since`, for as long as the slowest source may be silent.

    Before that silence says nothing: after a stop of everything the newest slots are those from before it.
    """
    sources = {SOURCES[code] for code in np.unique(hot.source).tolist()}
    grace = max((_silence_ms(cadences.get(source)) for source in sources), default=0)
    return epoch_ms(now) - epoch_ms(since) >= grace


def _silence_ms(cadence: Cadence | None) -> int:
    every, late = (cadence.every, cadence.late) if cadence else (300, 600)
    return (2 * every + late) * 1000
