"""The stored baselines as arrays beside the hot window's: read anew for a new half hour, version or line only."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date, tzinfo

import numpy as np

from collector.model import FloatArray
from collector.store.hot import Floats, HotWindow
from collector.store.rows import SOURCES
from config.clock import from_epoch_ms
from triage.baselines.table import StoredBaselines
from triage.detection import shift
from triage.detection.event import MINUTE
from triage.sweep_ordinary import HALF_HOUR, Ordinary, half_hours

TRAFFIC = ("rx_bps", "tx_bps")
"""On a scale of powers of ten."""


_NOTHING: Floats = np.empty(0, np.float32)


class StoredOrdinary:
    """What is stored of a hot window's series. `zones` and `holidays` are those of each of its links' sites."""

    def __init__(self, zones: Sequence[tzinfo], holidays: Sequence[Collection[date]]) -> None:
        self._zones, self._holidays = zones, holidays
        self._version = ""
        self._wanted = range(0)
        self._columns: dict[tuple[str, int], tuple[Floats, Floats]] = {}
        self._ordinary: dict[str, Ordinary] = {}

    def of(self, stored: StoredBaselines, hot: HotWindow, now_ms: int) -> Mapping[str, Ordinary]:
        """For each field that has something ordinary: centre and spread in each half hour of the window, of each series
        that `hot` has of it, in their order. Raises BaselineError."""
        first, block = half_hours(now_ms // MINUTE, hot.minutes)
        wanted = range(first, first + int(block[-1]) + 1)
        if self._version != stored.version:
            self._version, self._columns = stored.version, {}
        self._columns = {key: both for key, both in self._columns.items() if key[1] in wanted}
        fields = [name for name in (*shift.METRICS, *TRAFFIC) if name in hot.fields and len(hot.measured(name))]
        # Half hour by half hour, as the table keeps in memory what it was asked for last.
        read = [self._read(stored, hot, name, half_hour) for half_hour in wanted for name in fields]
        for name in fields:
            before = self._ordinary.get(name)
            if any(read) or before is None or wanted != self._wanted:
                columns = [self._columns[name, half_hour] for half_hour in wanted]
                centre = np.stack([centre for centre, _ in columns], axis=1, dtype=np.float32)
                spread = np.stack([spread for _, spread in columns], axis=1, dtype=np.float32)
                known = np.asarray(~(np.isnan(centre) | np.isnan(spread)).any(axis=1))
                self._ordinary[name] = Ordinary(centre, spread, block, known)
            else:
                self._ordinary[name] = Ordinary(before.centre, before.spread, block, before.stored)
        self._wanted = wanted
        return {name: self._ordinary[name] for name in fields}

    def _read(self, stored: StoredBaselines, hot: HotWindow, name: str, half_hour: int) -> bool:
        """Read what is not there yet of one column; whether there was anything."""
        centre, spread = self._columns.get((name, half_hour), (_NOTHING, _NOTHING))
        series = hot.measured(name)[len(centre) :]
        if not len(series):
            return False
        link = hot.link[series].tolist()
        lines = [
            (hot.links[code], SOURCES[source]) for code, source in zip(link, hot.source[series].tolist(), strict=True)
        ]
        zones, holidays = [self._zones[code] for code in link], [self._holidays[code] for code in link]
        moment = half_hour * HALF_HOUR * MINUTE
        fresh = stored.at(lines, name, moment, zones, holidays)
        if any(_is_off_by_a_quarter(zone, moment) for zone in set(zones)):
            # Two half hours of such a zone meet in one of ours: that counts by which more is nominated.
            other = stored.at(lines, name, moment + HALF_HOUR * MINUTE // 2, zones, holidays)
            least = np.maximum if name in TRAFFIC else np.minimum
            fresh = (least(fresh[0], other[0]), np.minimum(fresh[1], other[1]))
        self._columns[name, half_hour] = (_joined(centre, fresh[0]), _joined(spread, fresh[1]))
        return True


def _joined(before: Floats, fresh: FloatArray) -> Floats:
    return np.concatenate((before, fresh), dtype=np.float32)


def _is_off_by_a_quarter(zone: tzinfo, moment: int) -> bool:
    offset = from_epoch_ms(moment).astimezone(zone).utcoffset()
    return offset is not None and offset.total_seconds() % (60 * HALF_HOUR) != 0
