"""Statistics and availability of a period, gathered from stretches of samples of many links. Pure.

A stretch is what one link has of one source within one UTC day, in order of time. Stretches come from anywhere (a part
as it lies, or merged rows) and are put together here, so that the rules stand once: nearest rank, what a sample says
of its line (`sample_states`), how long it speaks (`seconds_held`, and not beyond the period), what was to be expected
(`slot_count`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from collector.availability import LinkState, StateArray, sample_states
from collector.measures import Availability, rank_of, slot_count
from collector.model import FloatArray, TimeArray
from collector.store.manifest import DAY_MS
from collector.store.port import Due, Statistic, Summary
from collector.store.rollups import seconds_held
from collector.store.rows import IntArray, Rows, starts_of
from collector.store.sketch import PERCENT
from config.clock import epoch_ms, from_epoch_ms


@dataclass(frozen=True, slots=True, eq=False)
class Stretches:
    """m stretches; `link[i]` is a position in the links that were asked about.

    `begin` and `last` are the times of the first and the last row (epoch milliseconds), `held` for how many
    milliseconds the last one speaks and `said` what it says (LinkState). `up` and `down` are milliseconds, the last
    row's in full. `values` holds of each asked field m columns, and is absent where nothing measured it.
    """

    link: IntArray
    begin: TimeArray
    last: TimeArray
    rows: IntArray
    held: IntArray
    said: StateArray
    up: IntArray
    down: IntArray
    values: Mapping[str, Sequence[FloatArray]]

    def __len__(self) -> int:
        return len(self.link)


def stretches_of(rows: Rows, fields: Sequence[str], *, states: bool) -> Stretches:
    """Merged rows of one source as stretches, their link codes being positions in the asked links."""
    starts = starts_of(rows.link, rows.time // DAY_MS)
    lasts = np.append(starts[1:], len(rows)) - 1 if len(rows) else starts
    said = sample_states(rows.fields, len(rows)) if states else np.zeros(len(rows), np.int8)
    return stretches(
        rows.link[starts].astype(np.int64),
        starts,
        rows.time[starts],
        rows.time[lasts],
        np.zeros(len(starts), np.int64),
        seconds_held(rows),
        said,
        {name: rows.fields.get(name) for name in fields},
    )


def stretches(
    link: IntArray,
    starts: IntArray,
    begin: TimeArray,
    last: TimeArray,
    every: IntArray,
    held: IntArray | None,
    said: StateArray,
    columns: Mapping[str, FloatArray | None],
) -> Stretches:
    """Stretches that begin at `starts` of the rows of which there are columns. `held` tells for how many milliseconds
    each row speaks; without it each row of stretch i speaks for `every[i]`."""
    edges = np.append(starts, len(said))
    spans = [slice(first, last) for first, last in pairwise(edges.tolist())]
    up, down = (_spoken(said == state, spans, every, held) for state in (LinkState.UP, LinkState.DOWN))
    return Stretches(
        link=link,
        begin=begin,
        last=last,
        rows=np.diff(edges),
        held=every if held is None else held[edges[1:] - 1],
        said=said[edges[1:] - 1],
        up=up,
        down=down,
        values={name: [values[span] for span in spans] for name, values in columns.items() if values is not None},
    )


def _spoken(said: NDArray[np.bool_], spans: Sequence[slice], every: IntArray, held: IntArray | None) -> IntArray:
    if held is None:
        return np.array([np.count_nonzero(said[span]) for span in spans], np.int64) * every
    return np.array([held[span][said[span]].sum() for span in spans], np.int64)


@dataclass(slots=True)
class Gathered:
    """All stretches of the asked links over [start, end) (epoch milliseconds); `rows` of the samples at its end."""

    links: Sequence[str]
    start: int
    end: int
    stretches: list[Stretches] = field(default_factory=list)
    pending: Rows | None = None
    """Merged rows, whose link codes are positions in `links`: at least all that reach into a slot that may be pending
    (`settled_until`)."""

    def summaries(
        self, fields: Sequence[str], stats: Sequence[Statistic], due: Due | None, pool: Executor
    ) -> list[Summary]:
        """One summary a link, in the order of `links`."""
        found = [each for each in self.stretches if len(each)]
        link = np.concatenate([each.link for each in found]) if found else np.empty(0, np.int64)
        begin = np.concatenate([each.begin for each in found]) if found else link
        order = np.lexsort((begin, link))
        samples = _by_link(link, [each.rows for each in found], len(self.links))
        newest = np.full(len(self.links), -1, np.int64)
        for each in found:
            np.maximum.at(newest, each.link, each.last)
        available = _availabilities(self, found, due) if due is not None else [None] * len(self.links)
        statistics = self._statistics(found, order, link, fields, stats, pool)
        return [
            Summary(name, values, int(n), from_epoch_ms(int(last)) if n else None, available[place])
            for place, (name, values, n, last) in enumerate(zip(self.links, statistics, samples, newest, strict=True))
        ]

    def _statistics(
        self,
        found: Sequence[Stretches],
        order: IntArray,
        link: IntArray,
        fields: Sequence[str],
        stats: Sequence[Statistic],
        pool: Executor,
    ) -> list[dict[str, dict[Statistic, float]]]:
        values: list[dict[str, dict[Statistic, float]]] = [{} for _ in self.links]
        edges = np.searchsorted(link[order], np.arange(len(self.links) + 1)).tolist()
        for name in dict.fromkeys(fields):
            pieces: list[FloatArray | None] = []
            for each in found:
                pieces += each.values.get(name, [None] * len(each))
            by_link = [
                [piece for piece in map(pieces.__getitem__, order[first:last].tolist()) if piece is not None]
                for first, last in pairwise(edges)
            ]
            for place, one in enumerate(pool.map(lambda some: statistics(some, stats), by_link)):
                if one is not None:
                    values[place][name] = one
        return values


def statistics(pieces: Sequence[FloatArray], stats: Sequence[Statistic]) -> dict[Statistic, float] | None:
    """Statistics of the measured values of one link; None when there is none."""
    if not pieces:
        return None
    values = np.concatenate(pieces)
    ordered = np.sort(values)  # NaN stands last
    count = len(values) - int(np.count_nonzero(np.isnan(values)))
    if not count:
        return None
    found: dict[Statistic, float] = {}
    for stat in stats:
        if stat in PERCENT:
            found[stat] = float(ordered[rank_of(np.asarray([count]), PERCENT[stat])[0] - 1])
        elif stat is Statistic.MEAN:
            measured = values if count == len(values) else values[~np.isnan(values)]
            found[stat] = float(measured.mean())
        else:
            found[stat] = {
                Statistic.MIN: float(ordered[0]),
                Statistic.MAX: float(ordered[count - 1]),
                Statistic.COUNT: float(count),
            }[stat]
    return found


def _by_link(link: IntArray, values: Sequence[IntArray], links: int) -> IntArray:
    joined = np.concatenate(values) if values else np.empty(0, np.int64)
    return np.bincount(link, joined, links).astype(np.int64)


def _availabilities(gathered: Gathered, found: Sequence[Stretches], due: Due) -> list[Availability | None]:
    links = len(gathered.links)
    if not found:
        up = down = np.zeros(links, np.int64)
    else:
        link = np.concatenate([each.link for each in found])
        begin, last, held, up, down = (
            np.concatenate([getattr(each, name) for each in found]) for name in ("begin", "last", "held", "up", "down")
        )
        said = np.concatenate([each.said for each in found])
        order = np.lexsort((begin, link))
        until = np.full(len(link), gathered.end)
        same = link[order][1:] == link[order][:-1]
        until[order[:-1][same]] = np.minimum(begin[order][1:][same], gathered.end)
        beyond = np.maximum(0, last + held - until)
        up = _by_link(link, [up - np.where(said == LinkState.UP, beyond, 0)], links)
        down = _by_link(link, [down - np.where(said == LinkState.DOWN, beyond, 0)], links)
    expected = expected_seconds(gathered.pending, links, gathered.start, gathered.end, due)
    return [
        Availability(up=u / 1000, down=d / 1000, expected=float(e))
        for u, d, e in zip(up.tolist(), down.tolist(), expected.tolist(), strict=True)
    ]


def settled_until(due: Due) -> int:
    """The end of the last slot that counts whether it is there or not, in epoch milliseconds."""
    step = due.cadence.every * 1000
    return (epoch_ms(due.now) - due.cadence.late * 1000) // step * step


def expected_seconds(rows: Rows | None, links: int, start: int, end: int, due: Due) -> IntArray:
    """Seconds of the slots of [start, end) that each link should have, by `slot_count`. Only where a slot may still be
    pending does it depend on the link's rows: those of `rows`."""
    now, none = epoch_ms(due.now), np.empty(0, np.int64)
    settled = min(end, max(start, settled_until(due)))
    seconds = slot_count(none, none.astype(np.int32), start, settled, due.cadence, now).expected * due.cadence.every
    found = np.full(links, seconds, np.int64)
    if settled < end and rows is not None and len(rows):
        reaching = rows.take(rows.time + rows.seconds.astype(np.int64) * 1000 > settled)
        edges = [*starts_of(reaching.link).tolist(), len(reaching)] if len(reaching) else [0]
        for first, last in pairwise(edges):
            span = slice(first, last)
            slots = slot_count(reaching.time[span], reaching.seconds[span], settled, end, due.cadence, now)
            found[reaching.link[first]] += slots.expected * due.cadence.every
    return found
