"""Parts as Parquet files, by polars: any tool can read them. One schema for all, whatever was measured.

Samples: link, source, time, seconds, received_after_ms (received_at - time, which is nearly a constant and takes 1.4
bytes a row less than a second timestamp) and every measurement field (null = not measured), sorted by link, source,
time. Row groups of 60,000 rows and pages of 64 kB: a link's month of minutes costs half a millisecond more to read
than with pages of 12 kB, for 2.3 bytes a row less.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl

from collector.entries import epoch_us, from_epoch_us
from collector.model import FIELDS, Fact, FactKind, Source
from collector.store.manifest import DAY_MS, Kind, Part, day_text, part_name, write_file
from collector.store.port import StoreError
from collector.store.rollup_frames import rollup_frame, rollup_of_frame
from collector.store.rollups import HOUR_MS, ROLLED, Rollup
from collector.store.rows import SOURCES, Rows, identity_starts, starts_of

ROW_GROUP = 60_000
PAGE_BYTES = 65_536
ROLLUP_GROUP = 20_000
DAYS_GROUP = 2_500
"""Days are sorted by field first: a summary reads one field of many links, an hourly window all of one link."""
LEVEL = 3
"""Of zstd: 1.1 bytes a row less than level 1, in the same time."""
_MS, _US = pl.Datetime("ms", "UTC"), pl.Datetime("us", "UTC")
_SAMPLE_KEYS = ("link", "source", "time", "seconds", "received_after_ms")
_FACT_COLUMNS = ("time", "subject", "kind", "value", "source", "received_at", "detail")


def _written(frame: pl.DataFrame, folder: Path, name: str, row_group: int = ROW_GROUP) -> tuple[int, str]:
    """Write and sync one file under its final name; its size and SHA-256. The folder is synced by the caller."""
    buffer = io.BytesIO()
    frame.write_parquet(
        buffer, compression="zstd", compression_level=LEVEL, row_group_size=row_group, data_page_size=PAGE_BYTES
    )
    content = buffer.getbuffer()
    write_file(folder / name, content)
    return len(content), hashlib.sha256(content).hexdigest()


def sample_frame(rows: Rows) -> pl.DataFrame:
    """Rows in the schema of the parts, in their order."""
    names = pl.Series(rows.names, dtype=pl.String)
    sources = pl.Series([str(source) for source in SOURCES])
    columns = {
        "link": names.gather(rows.link.astype(np.uint32)),
        "source": sources.gather(rows.source.astype(np.uint32)),
        "time": pl.Series(rows.time).cast(_MS),
        "seconds": pl.Series(rows.seconds, dtype=pl.Int32),
        "received_after_ms": pl.Series(rows.received_at - rows.time),
    }
    for field in FIELDS:
        values = rows.fields.get(field)
        columns[field] = (
            pl.Series([None], dtype=pl.Float64).new_from_index(0, len(rows))
            if values is None
            else pl.Series(values, dtype=pl.Float64, nan_to_null=True)
        )
    return pl.DataFrame(columns)


def write_samples(rows: Rows, folder: Path, day: int, first: int, last: int, number: int) -> Part:
    """One part of settled rows whose link codes ascend by name."""
    size, digest = _written(sample_frame(rows), folder, part_name(Kind.SAMPLES, day, first, last, number))
    return Part(
        kind=Kind.SAMPLES,
        day=day,
        first=first,
        last=last,
        slice=number,
        rows=len(rows),
        size=size,
        sha256=digest,
        start=int(rows.time.min()),
        end=int(rows.time.max()),
        first_key=rows.names[rows.link[0]],
        last_key=rows.names[rows.link[-1]],
        fields=tuple(name for name, values in rows.fields.items() if not np.isnan(values).all()),
        plain=len(identity_starts(rows)) == len(rows),
    )


def read_samples(
    paths: Sequence[Path], links: Sequence[str], span: tuple[int, int] | None, fields: Sequence[str]
) -> list[Rows]:
    """Rows of these links from parts, a table a source, link after link and part after part; link codes are positions
    in `links`.

    `span` is start <= time < end; None where all parts lie within it, since comparing costs a tenth of the reading.

    Raises FileNotFoundError when a part is gone, StoreError when one is unreadable.
    """
    if not paths or not links:
        return []
    query = pl.scan_parquet(list(paths), glob=False).filter(pl.col("link").is_in(list(links)))
    if span is not None:
        start, end = (pl.lit(edge).cast(_MS) for edge in span)
        query = query.filter((pl.col("time") >= start) & (pl.col("time") < end))
    frame = _collected(query.select(*_SAMPLE_KEYS, *fields))
    return _by_source(frame, links)


def _by_source(frame: pl.DataFrame, links: Sequence[str]) -> list[Rows]:
    """The rows of each source, with the fields that it measured; runs of one link and source are moved as a whole."""
    link = _codes(frame["link"], {name: code for code, name in enumerate(links)})
    source = _codes(frame["source"], {str(name): code for code, name in enumerate(SOURCES)})
    starts = starts_of(link, source)
    lengths = np.diff(np.append(starts, len(frame)))
    tables = []
    for code in np.unique(source[starts]):
        runs = np.flatnonzero(source[starts] == code)
        runs = runs[np.argsort(link[starts[runs]], kind="stable")]
        spans = zip(starts[runs].tolist(), lengths[runs].tolist(), strict=True)
        table = pl.concat([frame.slice(start, length) for start, length in spans])
        measured = [name for name in table.columns if table[name].null_count() < len(table)]
        tables.append(rows_of_frame(table.select(measured).rechunk(), links))
    return tables


def read_whole(path: Path, links: Sequence[str], first: str, last: str, fields: Sequence[str]) -> Rows:
    """All rows of a part whose link lies in first..last; codes are positions in `links`, which must hold them."""
    keys = pl.col("link")
    query = pl.scan_parquet(path, glob=False).filter((keys >= first) & (keys <= last))
    return rows_of_frame(_collected(query.select(*_SAMPLE_KEYS, *fields)), links)


def _collected(query: pl.LazyFrame) -> pl.DataFrame:
    try:
        return query.collect()
    except FileNotFoundError:
        raise
    except (pl.exceptions.PolarsError, OSError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise StoreError(f"a part of the store is unreadable ({reason}); run `lineproof store verify`") from error


def rows_of_frame(frame: pl.DataFrame, links: Sequence[str]) -> Rows:
    """A frame in the schema of the parts as rows; null is NaN again."""
    fields = [name for name in frame.columns if name in FIELDS]
    time = frame["time"].to_physical().to_numpy()
    return Rows(
        names=tuple(links),
        link=_codes(frame["link"], {name: code for code, name in enumerate(links)}).astype(np.int32),
        source=_codes(frame["source"], {str(name): code for code, name in enumerate(SOURCES)}).astype(np.int8),
        time=time,
        seconds=frame["seconds"].to_numpy(),
        received_at=time + frame["received_after_ms"].to_numpy(),
        fields={name: frame[name].to_numpy() for name in fields if frame[name].null_count() < len(frame)},
    )


def _codes(column: pl.Series, code: dict[str, int]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """A sorted text column as codes; it is long runs of few texts, so each run is looked up once."""
    if not len(column):
        return np.empty(0, np.int64)
    runs = column.rle().struct
    values = np.fromiter((code[text] for text in runs.field("value")), np.int64)
    return np.repeat(values, runs.field("len").to_numpy())


def links_of(paths: Sequence[Path], key: Literal["link", "subject"] = "link") -> dict[str, int]:
    """Links (subjects) in these parts with their number of rows, ascending by name."""
    frame = _collected(pl.scan_parquet(list(paths), glob=False).group_by(key).len().sort(key))
    return dict(zip(frame[key], frame["len"], strict=True))


def write_rollup(rollup: Rollup, folder: Path, day: int, days: int, first: int, last: int, number: int) -> Part:
    """One part of a roll-up in its order, of whole days from `day` on."""
    kind = Kind.HOURS if rollup.every * 1000 == HOUR_MS else Kind.DAYS
    name = part_name(kind, day, first, last, number)
    frame = rollup_frame(rollup)
    if kind is Kind.DAYS:
        frame = frame.sort("field", maintain_order=True)
    size, digest = _written(frame, folder, name, ROLLUP_GROUP if kind is Kind.HOURS else DAYS_GROUP)
    return Part(
        kind=kind,
        day=day,
        first=first,
        last=last,
        slice=number,
        rows=len(rollup),
        size=size,
        sha256=digest,
        start=int(rollup.time.min()),
        end=int(rollup.time.max()),
        first_key=rollup.names[rollup.link[0]],
        last_key=rollup.names[rollup.link[-1]],
        fields=tuple(ROLLED[code] for code in np.unique(rollup.field)),
        days=days,
    )


def read_rollup(path: Path, links: Sequence[str], first: str, last: str) -> Rollup:
    """What a part of roll-ups has of the links first..last; codes are positions in `links`, in ascending order."""
    key = pl.col("link")
    query = pl.scan_parquet(path, glob=False).filter((key >= first) & (key <= last))
    return rollup_of_frame(_collected(query), links)


def fact_frame(facts: Sequence[Fact]) -> pl.DataFrame:
    """Facts in the schema of the parts, in their order."""
    return pl.DataFrame(
        {
            "time": pl.Series([epoch_us(fact.time) for fact in facts], dtype=pl.Int64).cast(_US),
            "subject": pl.Series([fact.subject for fact in facts], dtype=pl.String),
            "kind": pl.Series([str(fact.kind) for fact in facts], dtype=pl.String),
            "value": pl.Series([fact.value for fact in facts], dtype=pl.String),
            "source": pl.Series([str(fact.source) for fact in facts], dtype=pl.String),
            "received_at": pl.Series([epoch_us(fact.received_at) for fact in facts], dtype=pl.Int64).cast(_US),
            "detail": pl.Series([fact.detail for fact in facts], dtype=pl.String),
        }
    )


def write_facts(facts: Sequence[Fact], folder: Path, day: int, first: int, last: int, number: int = 0) -> Part:
    """One part of facts, sorted by subject and time."""
    facts = sorted(facts, key=lambda fact: (fact.subject, fact.time))
    size, digest = _written(fact_frame(facts), folder, part_name(Kind.FACTS, day, first, last, number))
    times = [epoch_us(fact.time) // 1000 for fact in facts]
    return Part(
        kind=Kind.FACTS,
        day=day,
        first=first,
        last=last,
        slice=number,
        rows=len(facts),
        size=size,
        sha256=digest,
        start=min(times),
        end=max(times),
        first_key=facts[0].subject,
        last_key=facts[-1].subject,
    )


def read_facts(
    paths: Sequence[Path], subjects: Sequence[str] | None, start_us: int, end_us: int, kinds: Sequence[FactKind]
) -> list[Fact]:
    """Facts about these subjects (None: all) with start <= time < end (epoch microseconds), part after part."""
    if not paths:
        return []
    query = pl.scan_parquet(list(paths), glob=False)
    if subjects is not None:
        query = query.filter(pl.col("subject").is_in(list(subjects)))
    if kinds:
        query = query.filter(pl.col("kind").is_in([str(kind) for kind in kinds]))
    query = query.filter((pl.col("time") >= pl.lit(start_us).cast(_US)) & (pl.col("time") < pl.lit(end_us).cast(_US)))
    frame = _collected(query.select(_FACT_COLUMNS)).with_columns(
        pl.col("time").to_physical(), pl.col("received_at").to_physical()
    )
    return [
        Fact(from_epoch_us(time), subject, FactKind(kind), value, Source(source), from_epoch_us(received_at), detail)
        for time, subject, kind, value, source, received_at, detail in frame.iter_rows()
    ]


def part_problem(path: Path, part: Part) -> str | None:
    """What is wrong with a part's contents, if anything."""
    key = "subject" if part.kind is Kind.FACTS else "link"
    try:
        frame = pl.read_parquet(path, columns=[key, "time"])
    except (pl.exceptions.PolarsError, OSError) as error:
        return f"cannot be read as Parquet ({str(error).splitlines()[0]}); restore it from a copy"
    if len(frame) != part.rows:
        return f"holds {len(frame)} rows where the manifest says {part.rows}; restore both from the same copy"
    if frame.is_empty() or (frame[key].min(), frame[key].max()) != (part.first_key, part.last_key):
        return "holds other links than the manifest says; restore both from the same copy"
    days = frame["time"].dt.epoch("ms") // DAY_MS
    if not days.is_between(part.day, part.day + part.days - 1).all():
        span = f"{day_text(part.day)} to {day_text(part.day + part.days - 1)}"
        return f"holds times outside of {span}; restore it from a copy"
    return None
