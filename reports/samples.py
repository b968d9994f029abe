"""The samples of an evidence pack as a table that any tool reads: CSV and Parquet, the same rows in both."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator

import polars as pl

from collector.model import FIELDS
from config.clock import from_epoch_ms, rfc3339
from reports.pack import PackDocument

KEYS = ("link", "source", "time", "seconds", "received_at")
_MOMENT = pl.Datetime("ms", "UTC")


def samples_csv(document: PackDocument) -> bytes:
    """RFC 4180; times RFC 3339, fields in their units (`docs/evidence.md`), empty where nothing was measured."""
    fields = _fields(document)
    table = io.StringIO(newline="")
    writer = csv.writer(table)
    writer.writerow((*KEYS, *fields))
    for link, source, time, seconds, received_at, values in _rows(document, fields):
        moments = (rfc3339(from_epoch_ms(time)), seconds, rfc3339(from_epoch_ms(received_at)))
        writer.writerow((link, source, *moments, *("" if math.isnan(value) else repr(value) for value in values)))
    return table.getvalue().encode()


def samples_parquet(document: PackDocument) -> bytes:
    """The same rows; null where nothing was measured."""
    fields = _fields(document)
    rows = list(_rows(document, fields))
    keys = {name: [row[place] for row in rows] for place, name in enumerate(KEYS)}
    schema = {"link": pl.String, "source": pl.String, "time": pl.Int64, "seconds": pl.Int32, "received_at": pl.Int64}
    frame = pl.DataFrame(keys, schema=schema).with_columns(pl.col("time", "received_at").cast(_MOMENT))
    measured = [
        pl.Series(name, [row[-1][place] for row in rows], dtype=pl.Float64).fill_nan(None)
        for place, name in enumerate(fields)
    ]
    table = io.BytesIO()
    frame.with_columns(measured).write_parquet(table, compression="zstd", compression_level=3)
    return table.getvalue()


def _fields(document: PackDocument) -> list[str]:
    """Those that were measured, in the product's order."""
    present = {name for one in document.series for name in one.fields}
    return [name for name in FIELDS if name in present]


def _rows(document: PackDocument, fields: list[str]) -> Iterator[tuple[str, str, int, int, int, tuple[float, ...]]]:
    for one in document.series:
        columns = [one.column(name).tolist() for name in fields]
        received = one.received_at or one.time
        for place, (time, seconds) in enumerate(zip(one.time, one.lengths.tolist(), strict=True)):
            values = tuple(column[place] for column in columns)
            yield one.link, one.source.value, time, seconds, received[place], values
