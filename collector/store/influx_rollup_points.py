"""Roll-ups as InfluxDB's points, and points as roll-ups. Pure.

    hours,field=rtt_ms,link=ID,source=snmp count=60i,sum=1234.5,min=18.2,max=33,received_at=1772496005000i 1772492400000
    days,...                               the same, and p50=20.1,p95=28,p99=31,bins="1203:40 1:12 3:8" 1772496000000
    rolled rows=1440i,received_at=1772496005000i,stale=0i 1772496000000

One point for each (link, source, field, hour or day); `field` is one of `rollups.ROLLED`. `bins` are those of
`collector.store.sketch`, each as its distance from the one before, with its count. `rolled` is one point a day that has
roll-ups: of how many samples, and of how new ones; stale once late samples came.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from collector.model import FloatArray, Source
from collector.store.influx_answers import Answer, link_of, source_of
from collector.store.lineprotocol import any_of, literal, tag
from collector.store.manifest import DAY_MS
from collector.store.rollups import HOUR_MS, ROLLED, Rollup, empty_rollup, newest_of
from collector.store.rows import SOURCES
from collector.store.sketch import Sketches

MEASUREMENTS: Mapping[int, str] = {HOUR_MS // 1000: "hours", DAY_MS // 1000: "days"}
_NUMBERS = ("count", "sum", "min", "max", "received_at")
_PERCENTILES = ("p50", "p95", "p99")


@dataclass(frozen=True, slots=True)
class Mark:
    """That a UTC day (counted from 1970) has roll-ups, made of so many rows, the newest received at `received_at`
    (epoch milliseconds); `stale` when rows came since."""

    day: int
    rows: int
    received_at: int
    stale: bool = False


def mark_line(mark: Mark) -> str:
    """A day's mark as a line, time in milliseconds."""
    values = f"rows={mark.rows}i,received_at={mark.received_at}i,stale={int(mark.stale)}i"
    return f"rolled {values} {mark.day * DAY_MS}"


def marks_query(start: int, end: int) -> str:
    """The marks of days that begin in start <= time < end (epoch milliseconds)."""
    return (
        'SELECT "rows", "received_at", "stale" FROM "rolled" '  # noqa: S608 - InfluxQL
        f"WHERE time >= {start}ms AND time < {end}ms"
    )


def marks_of(answer: Sequence[Answer]) -> dict[int, Mark]:
    """By day."""
    return {
        time // DAY_MS: Mark(time // DAY_MS, rows, received_at, bool(stale))
        for series in answer
        for time, rows, received_at, stale in series["values"]
    }


def rollup_lines(rollup: Rollup) -> list[str]:
    """One line a row, time in milliseconds."""
    measurement = MEASUREMENTS[rollup.every]
    heads: dict[tuple[int, int, int], str] = {}
    lines = []
    columns = (rollup.link, rollup.source, rollup.field, rollup.time, rollup.count, rollup.received_at)
    numbers = (rollup.total.tolist(), rollup.least.tolist(), rollup.greatest.tolist())
    more = _sketch_texts(rollup.sketches) if rollup.sketches is not None else [""] * len(rollup)
    keys = zip(*(column.tolist() for column in columns), *numbers, more, strict=True)
    for link, source, field, time, count, received_at, total, least, greatest, text in keys:
        head = heads.get((link, source, field))
        if head is None:
            head = f"{measurement},field={ROLLED[field]},link={tag(rollup.names[link])},source={SOURCES[source]}"
            heads[link, source, field] = head
        # least == least is false for NaN alone: a pseudo-field has no extremes.
        extremes = f"min={least!r},max={greatest!r}," if least == least else ""
        lines.append(f"{head} count={count}i,sum={total!r},{extremes}received_at={received_at}i{text} {time}")
    return lines


def _sketch_texts(sketches: Sketches) -> list[str]:
    columns = [(name, getattr(sketches, name).tolist()) for name in _PERCENTILES]
    texts = []
    for i, (first, last) in enumerate(zip(sketches.first[:-1].tolist(), sketches.first[1:].tolist(), strict=True)):
        if first == last:
            texts.append("")
            continue
        ranked = "".join(f",{name}={values[i]!r}" for name, values in columns)
        texts.append(f'{ranked},bins="{_bins_text(sketches.bins[first:last], sketches.counts[first:last])}"')
    return texts


def _bins_text(bins: NDArray[np.int32], counts: NDArray[np.int32]) -> str:
    steps = np.diff(bins, prepend=np.int32(0)).tolist()
    return " ".join(f"{step}:{count}" for step, count in zip(steps, counts.tolist(), strict=True))


def rollup_query(
    every: int, links: Sequence[str], source: Source | None, fields: Sequence[str], start: int, end: int
) -> str:
    """Roll-ups of these fields (of ROLLED) whose buckets begin in start <= time < end (epoch milliseconds)."""
    names = _NUMBERS if every * 1000 == HOUR_MS else (*_NUMBERS, *_PERCENTILES, "bins")
    chosen = ", ".join(f'"{name}"' for name in names)
    only = f' AND "source" = {literal(source)}' if source is not None else ""
    return (
        f'SELECT {chosen} FROM "{MEASUREMENTS[every]}" '  # noqa: S608 - InfluxQL
        f"WHERE {any_of('link', links)} AND {any_of('field', fields)}{only} AND time >= {start}ms AND time < {end}ms "
        'GROUP BY "link", "source", "field"'
    )


def rollup_of(answer: Sequence[Answer], every: int) -> Rollup:
    """The roll-up of an answer to `rollup_query`."""
    return newest_of([_rollup_of_series(series, every) for series in answer] or [empty_rollup(every)])


def _rollup_of_series(series: Answer, every: int) -> Rollup:
    columns = dict(zip(series["columns"], zip(*series["values"], strict=True), strict=True))
    n = len(series["values"])
    return Rollup(
        every,
        (link_of(series),),
        np.zeros(n, np.int32),
        np.full(n, source_of(series), np.int8),
        np.full(n, ROLLED.index(series["tags"]["field"]), np.int8),
        np.array(columns["time"], np.int64),
        np.array(columns["count"], np.int32),
        np.array(columns["sum"], np.float64),
        np.array(columns["min"], np.float64),
        np.array(columns["max"], np.float64),
        np.array(columns["received_at"], np.int64),
        _sketches_of(columns) if "bins" in columns else None,
    )


def _sketches_of(columns: Mapping[str, Sequence[object]]) -> Sketches:
    p50, p95, p99 = (_floats(columns[name]) for name in _PERCENTILES)
    texts = [str(text or "") for text in columns["bins"]]
    lengths = np.array([text.count(":") for text in texts], np.int64)
    first = np.concatenate(([0], np.cumsum(lengths)))
    pairs = np.array(" ".join(texts).replace(":", " ").split(), np.int64).reshape(-1, 2)
    walked = np.concatenate(([0], np.cumsum(pairs[:, 0])))
    bins = walked[1:] - np.repeat(walked[first[:-1]], lengths)
    return Sketches(p50, p95, p99, first, bins.astype(np.int32), pairs[:, 1].astype(np.int32))


def _floats(values: Sequence[object]) -> FloatArray:
    return np.array(values, np.float64)
