"""Statistics of a period from daily roll-ups, and from samples for what these do not cover. Pure.

Count, mean, extremes and availability are exact but for a day's last sample, which roll-ups let speak to its end;
percentiles are within 1 % of the value.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass

import numpy as np

from collector.availability import SPEAKING
from collector.measures import Availability
from collector.store.manifest import DAY_MS
from collector.store.port import Due, Statistic, Summary
from collector.store.rollups import DOWN, ROLLED, SAMPLES, UP, Rollup, day_statistics, newest_of, rolled_days, totals
from collector.store.rows import Rows
from collector.store.summaries import Gathered, expected_seconds, settled_until, stretches_of
from config.clock import from_epoch_ms

PERCENTILES = frozenset((Statistic.P50, Statistic.P95, Statistic.P99))


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked of each link: `fields` over start <= time < end (epoch milliseconds)."""

    fields: Sequence[str]
    start: int
    end: int
    stats: Sequence[Statistic]
    due: Due | None

    @property
    def columns(self) -> list[str]:
        """The fields of samples that it takes."""
        return list(dict.fromkeys((*self.fields, *SPEAKING) if self.due is not None else self.fields))

    @property
    def rolled(self) -> list[str]:
        """The fields of roll-ups that it takes."""
        return [*dict.fromkeys(self.fields), SAMPLES, *((UP, DOWN) if self.due is not None else ())]


def exact_summaries(rows: Rows, asked: Asked, pool: Executor) -> list[Summary]:
    """One summary of each of `rows.names`, from merged rows of one source with `asked.columns`."""
    stretches = stretches_of(rows, asked.fields, states=asked.due is not None)
    gathered = Gathered(rows.names, asked.start, asked.end, [stretches], rows)
    return gathered.summaries(asked.fields, asked.stats, asked.due, pool)


def settled_days(days: Sequence[int], due: Due | None) -> list[int]:
    """The days in which, and beside which, no slot may still be pending."""
    return [day for day in days if due is None or (day + 2) * DAY_MS <= settled_until(due)]


def approximate_summaries(days: Rollup, rows: Rows, asked: Asked, pool: Executor) -> list[Summary]:
    """One summary of each of `rows.names`, which ascend: `days` are roll-ups of one source's whole days, `rows` its
    merged samples of all other time. Where a link has no roll-up, or no percentile is asked for, it is exact."""
    links = rows.names
    told = set(np.unique(days.link).tolist())
    both = newest_of([days, _known(rolled_days(rows), asked.rolled)]) if len(rows) else days
    count, newest = np.zeros(len(links), np.int64), np.full(len(links), -1, np.int64)
    counted = totals(both, SAMPLES)
    count[counted.link] = counted.count
    np.maximum.at(newest, days.link, days.time)
    np.maximum.at(newest, rows.link, rows.time)
    values: list[dict[str, dict[Statistic, float]]] = [{} for _ in links]
    for name in dict.fromkeys(asked.fields):
        found, statistics = day_statistics(both, name, asked.stats)
        columns = [statistics[stat].tolist() for stat in asked.stats]
        for link, *row in zip(found.link.tolist(), *columns, strict=True):
            values[link][name] = dict(zip(asked.stats, row, strict=True))
    available = _available(both, rows, asked)
    ranked = not PERCENTILES.isdisjoint(asked.stats)
    answers = {
        name: Summary(
            name,
            values[place],
            int(count[place]),
            from_epoch_ms(int(newest[place])) if count[place] else None,
            available[place],
            approximate=ranked and place in told and bool(values[place]),
        )
        for place, name in enumerate(links)
    }
    alone = [name for place, name in enumerate(links) if place not in told and count[place]]
    if ranked and alone:
        answers |= {one.link: one for one in exact_summaries(rows.named(alone), asked, pool)}
    return [answers[name] for name in links]


def _available(both: Rollup, rows: Rows, asked: Asked) -> Sequence[Availability | None]:
    links = len(both.names)
    if asked.due is None:
        return [None] * links
    seconds = {}
    for name in (UP, DOWN):
        found = totals(both, name)
        seconds[name] = np.zeros(links)
        seconds[name][found.link] = found.total
    expected = expected_seconds(rows, links, asked.start, asked.end, asked.due)
    return [
        Availability(up=up, down=down, expected=float(due))
        for up, down, due in zip(seconds[UP].tolist(), seconds[DOWN].tolist(), expected.tolist(), strict=True)
    ]


def _known(rollup: Rollup, names: Sequence[str]) -> Rollup:
    """The rows of these fields only."""
    return rollup.take(np.isin(rollup.field, [ROLLED.index(name) for name in names]))
