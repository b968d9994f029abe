"""The newest row of each link and source, kept up as the journal grows: what `latest` answers from without a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from collector.model import SampleBatch, Source
from collector.store.rows import SOURCES, IntArray, Rows, batch_of_rows, concatenated, empty, merged, settled

_NEVER = 1 << 62


class Newest:
    """Of each series (link and source) all that was written of its newest slot.

    Begun at some entry of the journal, it is told of all later ones by `fold`. What stands before comes from parts, by
    `load`, series by series and as asked for. Not safe for threads at the same time.
    """

    def __init__(self) -> None:
        self._codes: dict[str, int] = {}
        self._rows = empty()
        self._time = np.empty(0, np.int64)
        self._since = np.empty(0, np.int64)
        """Of each series the time from which on parts have told their newest row."""
        self._shown: tuple[Rows, IntArray] | None = None

    def fold(self, rows: Rows, *, older: bool = False) -> None:
        """Rows in the order in which they were written, after all that was folded before; with `older` before it."""
        if not len(rows):
            return
        self._know(rows.names)
        rows = rows.named(tuple(self._codes))
        series = _series(rows)
        np.maximum.at(self._time, series, rows.time)
        rows = rows.take(rows.time == self._time[series])
        if not len(rows):
            return
        known = replace(self._rows, names=rows.names)
        known = known.take(known.time == self._time[_series(known)])
        self._rows, self._shown = settled(concatenated([rows, known] if older else [known, rows])), None

    def load(self, links: Sequence[str], source: Source, rows: Rows, since: int) -> None:
        """What parts that hold all entries before the first one folded know of these links from one source with
        time >= since, as far as it may be their newest row."""
        self.fold(rows, older=True)
        self._know(links)
        self._since[self._places(links, source)] = since

    def lacking(self, links: Sequence[str], source: Source, since: int) -> list[str]:
        """Those of which the parts must be asked first."""
        self._know(links)
        places = self._places(links, source)
        asked = self._since[places]
        lacking = (since < asked) & (self._time[places] < asked)
        return [links[place] for place in np.flatnonzero(lacking).tolist()] if lacking.any() else []

    def answer(self, links: Sequence[str], source: Source, since: int) -> SampleBatch:
        """The newest row of each link with time >= since, in the order of `links`, none of which is lacking."""
        if self._shown is None:
            rows = merged(replace(self._rows, names=tuple(self._codes)))
            row = np.full(len(self._time), -1, np.int64)
            row[_series(rows)] = np.arange(len(rows))
            self._shown = rows, row
        rows, row = self._shown
        found = row[self._places(links, source)]
        found = found[found >= 0]
        return batch_of_rows(source, rows.take(found[rows.time[found] >= since]))

    def _know(self, links: Sequence[str]) -> None:
        for link in links:
            self._codes.setdefault(link, len(self._codes))
        more = len(self._codes) * len(SOURCES) - len(self._time)
        if more:
            self._time = np.concatenate([self._time, np.full(more, -1, np.int64)])
            self._since = np.concatenate([self._since, np.full(more, _NEVER, np.int64)])
            self._shown = None

    def _places(self, links: Sequence[str], source: Source) -> IntArray:
        codes = np.fromiter(map(self._codes.__getitem__, links), np.int64, len(links))
        return codes * len(SOURCES) + SOURCES.index(source)


def _series(rows: Rows) -> NDArray[np.int64]:
    return rows.link.astype(np.int64) * len(SOURCES) + rows.source
