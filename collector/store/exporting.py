"""Taking measurements out of a store, into files that any tool reads: a UTC day at a time, some links at a time.

    samples-2026-03-03-0000.parquet     link, source, time, seconds, received_at, and every field (empty: not measured)
    facts-2026-03-03.parquet            time, subject, kind, value, source, received_at, detail
    hours-2026-03-01-0000.parquet       roll-ups as the store keeps them, by month; days-... likewise

Rows are merged, and those still in the journal are in. A CSV file holds a whole day, its times in RFC 3339.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import polars as pl

from collector.model import FIELDS, SampleBatch, Series
from collector.store.embedded import EmbeddedStore
from collector.store.inspect import again, stretches
from collector.store.manifest import DAY_MS, Kind, Part, day_text
from collector.store.parts import fact_frame, links_of, sample_frame
from collector.store.port import MeasurementStore, StoreError
from collector.store.rollup_frames import with_lists
from collector.store.rows import Rows, concatenated, ordered, rows_of
from config.clock import epoch_ms, from_epoch_ms
from config.errors import NotFoundError

Form = Literal["parquet", "csv"]
_ROWS_AT_ONCE = 250_000
_LINKS_AT_ONCE = 100
_MILLISECONDS, _MICROSECONDS = "%Y-%m-%dT%H:%M:%S%.3fZ", "%Y-%m-%dT%H:%M:%S%.6fZ"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is to be taken out: start <= time < end (epoch milliseconds), of these links (of all when none is named;
    facts: of these subjects), in this form."""

    start: int
    end: int
    kinds: frozenset[Kind]
    links: tuple[str, ...] = ()
    form: Form = "parquet"


@dataclass(frozen=True, slots=True)
class Written:
    path: Path
    rows: int


def open_folder(folder: Path, *, force: bool) -> None:
    """Make the folder of an export. Raises StoreError when it cannot be made, or holds something and not `force`."""
    if folder.exists() and not folder.is_dir():
        raise StoreError(f"{folder} is a file; name a folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        occupied = next(folder.iterdir(), None)
    except OSError as error:
        raise unwritable(folder, error.strerror or str(error)) from error
    if occupied is not None and not force:
        raise StoreError(
            f"{folder} is not empty ({occupied.name}); name an empty folder, or say --force to write into it"
        )


def unwritable(folder: Path, reason: str | None) -> StoreError:
    return StoreError(f"{folder} cannot be written: {reason}; free disk space or name another folder")


def _month(part: Part) -> str:
    return day_text(part.day)[:7]


def _of_month(month: str) -> Callable[[Part], bool]:
    return lambda part: _month(part) == month


def _spanning(link: str) -> Callable[[Part], bool]:
    return lambda part: part.first_key <= link <= part.last_key


def export(store: EmbeddedStore, folder: Path, wanted: Wanted) -> Iterator[Written]:
    """Write the files into an existing folder, one after the other; a file with its name is whole.

    Raises StoreError when the folder cannot be written, NotFoundError for a link that the store does not know.
    """
    try:
        yield from _Export(store, folder, wanted).files()
    except OSError as error:
        raise unwritable(folder, error.strerror or str(error)) from error


class _Export:
    def __init__(self, store: EmbeddedStore, folder: Path, wanted: Wanted) -> None:
        self._store, self._folder, self._wanted = store, folder, wanted

    def files(self) -> Iterator[Written]:
        wanted = self._wanted
        manifest, tail, facts = self._store.snapshot()
        recent = {Kind.SAMPLES: {day for rows in tail for day in set((rows.time // DAY_MS).tolist())}}
        recent[Kind.FACTS] = {epoch_ms(fact.time) // DAY_MS for fact in facts}
        self._tail_keys = {
            Kind.SAMPLES: {name for rows in tail for name in rows.names},
            Kind.FACTS: {fact.subject for fact in facts},
        }
        self._refuse_unknown()
        for kind in (Kind.SAMPLES, Kind.FACTS):
            if kind in wanted.kinds:
                days = {part.day for part in manifest.parts if part.kind is kind} | recent[kind]
                for day in sorted(days):
                    yield from self._day(kind, day)
        for kind in (Kind.HOURS, Kind.DAYS):
            if kind in wanted.kinds:
                yield from self._rollups(kind, [part for part in manifest.parts if part.kind is kind])

    def _refuse_unknown(self) -> None:
        """A link that is misspelled would otherwise be an empty export."""
        for link in self._wanted.links:
            known = any(link in keys for keys in self._tail_keys.values())
            if not known and not any(link in self._keys(kind, _spanning(link)) for kind in self._wanted.kinds):
                raise NotFoundError(
                    f"the store has nothing of {link!r}; `lineproof store stats --links` lists the links"
                )

    def _keys(self, kind: Kind, chosen: Callable[[Part], bool]) -> dict[str, int]:
        """Links (subjects) of the chosen parts of one kind, ascending, with their rows."""

        def read() -> dict[str, int]:
            parts = [part for part in self._store.manifest().parts if part.kind is kind and chosen(part)]
            paths = [self._store.parts_folder / part.name for part in parts]
            return links_of(paths, "subject" if kind is Kind.FACTS else "link") if paths else {}

        return again(read)

    def _day(self, kind: Kind, day: int) -> Iterator[Written]:
        wanted = self._wanted
        low, high = max(wanted.start, day * DAY_MS), min(wanted.end, (day + 1) * DAY_MS)
        if low >= high:
            return
        counts = self._keys(kind, lambda part: part.day == day)
        keys = sorted(set(wanted.links) or counts.keys() | self._tail_keys[kind])
        frames = self._facts(keys, low, high) if kind is Kind.FACTS else self._samples(keys, counts, low, high)
        yield from self._saved(f"{kind}-{day_text(day)}", frames)

    def _samples(self, links: Sequence[str], counts: dict[str, int], low: int, high: int) -> Iterator[pl.DataFrame]:
        for some in stretches(links, counts, _ROWS_AT_ONCE):
            found = self._store.rows(some, None, low, high)
            if found:
                yield _sample_frame(ordered(concatenated(list(found.values()))))

    def _facts(self, subjects: Sequence[str], low: int, high: int) -> Iterator[pl.DataFrame]:
        facts = self._store.facts_between(subjects, from_epoch_ms(low), from_epoch_ms(high), ())
        if facts:
            yield fact_frame(facts)

    def _rollups(self, kind: Kind, parts: Sequence[Part]) -> Iterator[Written]:
        """By calendar month, as the store keeps them."""
        for month in sorted({_month(part) for part in parts}):
            counts = self._keys(kind, _of_month(month))
            links = sorted(set(self._wanted.links) & counts.keys() if self._wanted.links else counts)
            frames = (self._rollup(kind, month, some) for some in stretches(links, counts, _ROWS_AT_ONCE))
            yield from self._saved(f"{kind}-{month}", (frame for frame in frames if len(frame)))

    def _rollup(self, kind: Kind, month: str, links: Sequence[str]) -> pl.DataFrame:
        """Of one identity the row of the part with the higher `last` stays."""
        time = pl.col("time").dt.epoch("ms")
        inside = pl.col("link").is_in(links) & (time >= self._wanted.start) & (time < self._wanted.end)

        def read() -> list[pl.DataFrame]:
            parts = [part for part in self._store.manifest().parts if part.kind is kind and _month(part) == month]
            return [
                pl.scan_parquet(self._store.parts_folder / part.name, glob=False).filter(inside).collect()
                for part in sorted(parts, key=lambda part: (part.last, part.slice))
                if part.first_key <= links[-1] and part.last_key >= links[0]
            ]

        identity = ["link", "source", "field", "time"]
        return with_lists(pl.concat(again(read)).unique(identity, keep="last", maintain_order=True).sort(identity))

    def _saved(self, name: str, frames: Iterator[pl.DataFrame]) -> Iterator[Written]:
        if self._wanted.form == "csv":
            yield from _saved_csv(self._folder / f"{name}.csv", frames)
        else:
            for number, frame in enumerate(frames):
                yield _saved_parquet(self._folder / f"{name}-{number:04d}.parquet", frame)


async def export_by_port(
    store: MeasurementStore, folder: Path, wanted: Wanted, links: Sequence[str], subjects: Sequence[str]
) -> AsyncIterator[Written]:
    """Samples and facts of a store that cannot be asked for its links, day by day from `start` on, some links a file.

    `links` and `subjects` are those of the inventory. Raises StoreError.
    """
    try:
        for day in range(wanted.start // DAY_MS, -(-wanted.end // DAY_MS)):
            low, high = max(wanted.start, day * DAY_MS), min(wanted.end, (day + 1) * DAY_MS)
            span = from_epoch_ms(low), from_epoch_ms(high)
            for number, first in enumerate(range(0, len(links), _LINKS_AT_ONCE)):
                if Kind.SAMPLES in wanted.kinds:
                    found = await store.window(links[first : first + _LINKS_AT_ONCE], tuple(FIELDS), *span)
                    if found:
                        rows = rows_of([_batch(series) for series in found])
                        frame = _sample_frame(ordered(rows.named(sorted(rows.names))))
                        yield _saved_one(folder / f"samples-{day_text(day)}-{number:04d}.{wanted.form}", frame)
            if Kind.FACTS in wanted.kinds and (facts := await store.facts(subjects, *span)):
                yield _saved_one(folder / f"facts-{day_text(day)}.{wanted.form}", fact_frame(facts))
    except OSError as error:
        raise unwritable(folder, error.strerror or str(error)) from error


def _sample_frame(rows: Rows) -> pl.DataFrame:
    """As the parts hold them, with the moment of receipt where these have its distance."""
    received_at = (pl.col("time") + pl.duration(milliseconds="received_after_ms")).alias("received_at")
    return sample_frame(rows).with_columns(received_after_ms=received_at).rename({"received_after_ms": "received_at"})


def _batch(series: Series) -> SampleBatch:
    links = [series.link] * len(series)
    return SampleBatch(series.source, links, series.time, series.seconds, series.received_at, series.fields)


def _saved_one(path: Path, frame: pl.DataFrame) -> Written:
    if path.suffix == ".csv":
        return next(_saved_csv(path, iter([frame])))
    return _saved_parquet(path, frame)


def _saved_parquet(path: Path, frame: pl.DataFrame) -> Written:
    with _whole(path) as beside:
        frame.write_parquet(beside, compression="zstd")
        beside.replace(path)
    return Written(path, len(frame))


def _saved_csv(path: Path, frames: Iterator[pl.DataFrame]) -> Iterator[Written]:
    """All of them in one file; none at all where there is no frame."""
    rows = 0
    with _whole(path) as beside:
        with beside.open("wb") as file:
            for frame in frames:
                _readable(frame).write_csv(file, include_header=not rows)
                rows += len(frame)
        if rows:
            beside.replace(path)
            yield Written(path, rows)


@contextlib.contextmanager
def _whole(path: Path) -> Iterator[Path]:
    """A name beside `path` to write under; what is still there at the end was no whole file and goes."""
    beside = path.with_name(path.name + ".new")
    try:
        yield beside
    except pl.exceptions.ComputeError as error:
        raise unwritable(path.parent, str(error)) from error
    finally:
        beside.unlink(missing_ok=True)


def _readable(frame: pl.DataFrame) -> pl.DataFrame:
    """Times in RFC 3339, and lists as numbers with spaces between."""
    columns = []
    for name, kind in frame.schema.items():
        if isinstance(kind, pl.Datetime):
            columns.append(pl.col(name).dt.strftime(_MICROSECONDS if kind.time_unit == "us" else _MILLISECONDS))
        elif isinstance(kind, pl.List):
            columns.append(pl.col(name).cast(pl.List(pl.String)).list.join(" "))
    return frame.with_columns(columns)
