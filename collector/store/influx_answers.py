"""InfluxQL's questions for samples and facts, and its answers as rows and facts. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from collector.entries import from_epoch_us
from collector.model import Fact, FactKind, FloatArray, Source
from collector.store.lineprotocol import any_of, original_text
from collector.store.rows import SOURCES, Rows

BY_SERIES = ' GROUP BY "link", "source"'
EVERY_FIELD = "*::field"
Answer = Mapping[str, Any]
"""One series of an answer: `columns`, `values` (a list of rows) and `tags`."""


def samples_query(chosen: str, links: Sequence[str] | None, start: int, end: int | None, rest: str = BY_SERIES) -> str:
    """Rows of these links, of every link when None, with start <= time < end (epoch milliseconds)."""
    about = f"{any_of('link', links)} AND " if links is not None else ""
    until = f" AND time < {end}ms" if end is not None else ""
    return f'SELECT {chosen} FROM "samples" WHERE {about}time >= {start}ms{until}{rest}'  # noqa: S608 - InfluxQL


def columns_of(fields: Sequence[str]) -> str:
    """What to choose for rows with these fields."""
    return ", ".join(f'"{name}"' for name in ("seconds", "received_at", *dict.fromkeys(fields)))


def rows_of_answer(series: Answer) -> Rows:
    """One series of samples as rows."""
    columns = table_of(series)
    time = columns.pop("time").astype(np.int64)
    return Rows(
        names=(link_of(series),),
        link=np.zeros(len(time), np.int32),
        source=np.full(len(time), source_of(series), np.int8),
        time=time,
        seconds=columns.pop("seconds").astype(np.int32),
        received_at=columns.pop("received_at").astype(np.int64),
        fields=columns,
    )


def table_of(series: Answer) -> dict[str, FloatArray]:
    """The columns of a series of numbers by name, null as NaN. Milliseconds and counts are exact up to 2**53."""
    columns = np.array(series["values"], dtype=np.float64).T
    return {name: np.ascontiguousarray(column) for name, column in zip(series["columns"], columns, strict=True)}


def link_of(series: Answer) -> str:
    return original_text(series["tags"]["link"])


def source_of(series: Answer) -> int:
    """Where a series' source stands in SOURCES."""
    return SOURCES.index(Source(series["tags"]["source"]))


def facts_query(subjects: Sequence[str], start_us: int, end_us: int, kinds: Sequence[FactKind]) -> str:
    """Facts about these subjects with start <= time < end (microseconds); of all kinds when none is named."""
    also = f" AND {any_of('kind', [str(kind) for kind in kinds])}" if kinds else ""
    return (
        f'SELECT "received_at", "detail" FROM "facts" WHERE {any_of("subject", subjects)} '  # noqa: S608 - InfluxQL
        f'AND time >= {start_us}u AND time < {end_us}u{also} GROUP BY "subject", "kind", "source", "value"'
    )


def newest_facts_query(subjects: Sequence[str], since_us: int) -> str:
    """The newest fact about each of these subjects with time >= since (microseconds)."""
    return (
        f'SELECT last("received_at") FROM "facts" WHERE {any_of("subject", subjects)} '  # noqa: S608 - InfluxQL
        f'AND time >= {since_us}u GROUP BY "subject"'
    )


def subject_of(series: Answer) -> str:
    return original_text(series["tags"]["subject"])


def facts_of_answer(series: Answer) -> list[Fact]:
    tags = {name: original_text(text) for name, text in series["tags"].items()}
    return [
        Fact(
            time=from_epoch_us(time),
            subject=tags["subject"],
            kind=FactKind(tags["kind"]),
            value=tags["value"],
            source=Source(tags["source"]),
            received_at=from_epoch_us(received_at),
            detail=original_text(detail or ""),
        )
        for time, received_at, detail in series["values"]
    ]
