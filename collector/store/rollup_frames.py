"""Roll-ups as polars frames, the schema of their parts: one row for each (link, source, field, hour or day).

Days have besides p50, p95 and p99 the columns `bins` and `counts`: how many values lay in each bin of the sketch
(`collector.store.sketch` says what a bin is), both as little-endian int32 one after the other, which is read twenty
times faster than lists. Null stands for "does not apply": extremes, percentiles and bins of the pseudo-fields.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import polars as pl
from numpy.typing import NDArray

from collector.model import FloatArray
from collector.store.rollups import HOUR_MS, ROLLED, Rollup, newest_of
from collector.store.rows import SOURCES, IntArray
from collector.store.sketch import Sketches

_MS = pl.Datetime("ms", "UTC")


def rollup_frame(rollup: Rollup) -> pl.DataFrame:
    """A roll-up in the schema of the parts, in its order."""
    columns = {
        "link": _texts(rollup.names, rollup.link),
        "source": _texts([str(source) for source in SOURCES], rollup.source),
        "field": _texts(ROLLED, rollup.field),
        "time": pl.Series(rollup.time).cast(_MS),
        "count": pl.Series(rollup.count, dtype=pl.Int32),
        "sum": _floats(rollup.total),
        "min": _floats(rollup.least),
        "max": _floats(rollup.greatest),
        "received_at": pl.Series(rollup.received_at).cast(_MS),
    }
    sketches = rollup.sketches
    if sketches is not None:
        columns |= {"p50": _floats(sketches.p50), "p95": _floats(sketches.p95), "p99": _floats(sketches.p99)}
        columns |= {"bins": _packed(sketches.bins, sketches.first), "counts": _packed(sketches.counts, sketches.first)}
    return pl.DataFrame(columns)


def _texts(texts: Sequence[str], codes: NDArray[np.integer]) -> pl.Series:
    return pl.Series(texts, dtype=pl.String).gather(codes.astype(np.uint32))


def _floats(values: FloatArray) -> pl.Series:
    return pl.Series(values, dtype=pl.Float64, nan_to_null=True)


def _packed(values: NDArray[np.int32], first: IntArray) -> pl.Series:
    """`values[first[i]:first[i + 1]]` for each i as little-endian int32; null where that is empty."""
    data, edges = values.astype("<i4").tobytes(), (first * 4).tolist()
    return pl.Series([data[begin:end] or None for begin, end in pairwise(edges)], dtype=pl.Binary)


def rollup_of_frame(frame: pl.DataFrame, links: Sequence[str]) -> Rollup:
    """Rows in the schema of the parts, of one kind and in any order, as a roll-up whose codes are positions in `links`.

    Of rows of one identity the last one stays. Rows of other links, and of fields that this version does not know, are
    left out.
    """
    codes = {
        "link": _codes(frame["link"], links),
        "source": _codes(frame["source"], [str(source) for source in SOURCES]),
        "field": _codes(frame["field"], ROLLED),
    }
    if any(code.null_count() for code in codes.values()):
        known = ~(codes["link"].is_null() | codes["source"].is_null() | codes["field"].is_null())
        frame = frame.filter(known)
        codes = {name: code.filter(known) for name, code in codes.items()}
    rollup = Rollup(
        every=86_400 if "bins" in frame.columns else HOUR_MS // 1000,
        names=tuple(links),
        link=codes["link"].to_numpy().astype(np.int32),
        source=codes["source"].to_numpy().astype(np.int8),
        field=codes["field"].to_numpy().astype(np.int8),
        time=frame["time"].to_physical().to_numpy(),
        count=frame["count"].to_numpy(),
        total=frame["sum"].to_numpy(),
        least=frame["min"].to_numpy(),
        greatest=frame["max"].to_numpy(),
        received_at=frame["received_at"].to_physical().to_numpy(),
        sketches=_sketches(frame) if "bins" in frame.columns else None,
    )
    return newest_of([rollup])


def _codes(column: pl.Series, texts: Sequence[str]) -> pl.Series:
    """Each text's position in `texts`, null where it has none."""
    return column.cast(pl.Enum(list(texts)), strict=False).to_physical()


def with_lists(frame: pl.DataFrame) -> pl.DataFrame:
    """A frame of days whose bins and counts any tool can read: lists of int."""
    lists = {
        name: pl.Series(
            [None if packed is None else np.frombuffer(packed, "<i4").tolist() for packed in frame[name]],
            dtype=pl.List(pl.Int32),
        )
        for name in ("bins", "counts")
        if name in frame.columns
    }
    return frame.with_columns(**lists)


def _sketches(frame: pl.DataFrame) -> Sketches:
    lengths = frame["bins"].bin.size().fill_null(0).to_numpy() // 4
    return Sketches(
        frame["p50"].to_numpy(),
        frame["p95"].to_numpy(),
        frame["p99"].to_numpy(),
        np.concatenate(([0], np.cumsum(lengths, dtype=np.int64))),
        _unpacked(frame["bins"]),
        _unpacked(frame["counts"]),
    )


def _unpacked(column: pl.Series) -> NDArray[np.int32]:
    return np.frombuffer(b"".join(column.drop_nulls()), "<i4").astype(np.int32)
