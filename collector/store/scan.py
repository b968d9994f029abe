"""Whole parts as they lie: for questions about many links over many days, where nothing needs merging.

What a part holds where (its `Outline`) never changes, so it is read once and remembered; then a question reads the
columns it needs and nothing else. Measured on 8.6 M rows: link, source, time and seconds, which nearly always are as
regular as a clock, take as long to read as the values themselves.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from collector.availability import SETTLING, SPEAKING, StateArray, sample_states, settled
from collector.model import FloatArray, Source, TimeArray
from collector.store.manifest import Part
from collector.store.port import StoreError
from collector.store.rollups import seconds_held
from collector.store.rows import SOURCES, IntArray, Rows
from collector.store.summaries import Stretches, stretches

_RUNS_KEPT = 500_000
"""About 25 MB: a month of 3,000 links, each from five sources."""


@dataclass(frozen=True, slots=True, eq=False)
class Outline:
    """Where what lies in a plain part: r runs of one link and source, `first[i]` to `first[i + 1]` being its rows.

    `last` is the time of a run's last row. `every`: all its rows have so many seconds and none begins before the one
    before it is over; 0 where that is not so, and times must be read.
    """

    names: tuple[str, ...]
    source: NDArray[np.int8]
    first: IntArray
    begin: TimeArray
    last: TimeArray
    every: IntArray


class Outlines:
    """Outlines of the parts in a folder, the most recently used ones in memory. Safe for threads."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: OrderedDict[str, Outline] = OrderedDict()
        self._runs = 0
        self._lock = threading.Lock()

    def of(self, part: Part) -> Outline:
        """Raises FileNotFoundError when the part is gone, StoreError when it is unreadable."""
        with self._lock:
            if part.name in self._known:
                self._known.move_to_end(part.name)
                return self._known[part.name]
        with naming([self._folder / part.name]):
            outline = _outline(self._folder / part.name)
        with self._lock:
            if part.name not in self._known:
                self._known[part.name] = outline
                self._runs += len(outline.source)
            while self._runs > _RUNS_KEPT and len(self._known) > 1:
                self._runs -= len(self._known.popitem(last=False)[1].source)
        return outline


def _outline(path: Path) -> Outline:
    frame = pl.scan_parquet(path, glob=False).select("link", "source", "time", "seconds").collect()
    time, seconds = frame["time"].to_physical().to_numpy(), frame["seconds"].to_numpy().astype(np.int64)
    starts = np.union1d(_changes(frame["link"]), _changes(frame["source"]))
    lasts = np.append(starts[1:], len(frame)) - 1
    steady = np.ones(len(frame), dtype=bool)
    steady[1:] = (seconds[1:] == seconds[:-1]) & (np.diff(time) >= seconds[:-1] * 1000)
    steady[starts] = True
    every = np.where(np.logical_and.reduceat(steady, starts), seconds[starts], 0)
    code = {str(source): number for number, source in enumerate(SOURCES)}
    source = np.fromiter((code[text] for text in frame["source"].gather(starts)), np.int8, len(starts))
    names = tuple(frame["link"].gather(starts))
    return Outline(names, source, np.append(starts, len(frame)), time[starts], time[lasts], every)


def _changes(column: pl.Series) -> IntArray:
    lengths = column.rle().struct.field("len").to_numpy().astype(np.int64)
    return np.concatenate(([0], np.cumsum(lengths)[:-1])) if len(lengths) else np.empty(0, np.int64)


def part_stretches(
    path: Path,
    part: Part,
    outline: Outline,
    positions: Mapping[str, int],
    source: Source,
    fields: Sequence[str],
    *,
    states: bool,
) -> Stretches | None:
    """What a plain part has of these links (with their positions in the question) from one source; None for nothing.

    Raises FileNotFoundError when the part is gone, StoreError when it is unreadable.
    """
    wanted = [positions.get(name, -1) for name in outline.names]
    link = np.array(wanted, np.int64)
    runs = np.flatnonzero((link >= 0) & (outline.source == SOURCES.index(source)))
    if not len(runs):
        return None
    with naming([path]):
        return _stretches(_Columns(path, part, outline, runs), link[runs], fields, states=states)


class _Columns:
    """Columns of some runs of a part, read as they are asked for: one stretch of the file, of which the wanted rows are
    kept."""

    def __init__(self, path: Path, part: Part, outline: Outline, runs: IntArray) -> None:
        self._path, self._part = path, part
        self.outline, self.runs = outline, runs
        firsts, lengths = outline.first[runs], np.diff(outline.first)[runs]
        self._low, high = int(firsts[0]), int(firsts[-1] + lengths[-1])
        self._span = high - self._low
        self.starts = np.cumsum(lengths) - lengths
        self.n = int(lengths.sum())
        self._rows = (
            None
            if self.n == self._span
            else np.repeat(firsts - self._low - self.starts, lengths) + np.arange(self.n, dtype=np.int64)
        )

    def read(self, names: Sequence[str]) -> dict[str, FloatArray]:
        """Of these fields those that the part has, NaN for null."""
        names = [name for name in dict.fromkeys(names) if name in self._part.fields]
        if not names:
            return {}
        frame = self._frame([pl.col(name).fill_null(np.nan) for name in names])
        return {name: frame[name].to_numpy() for name in names}

    def times(self) -> tuple[TimeArray, NDArray[np.int32]]:
        frame = self._frame([pl.col("time"), pl.col("seconds")])
        return frame["time"].to_physical().to_numpy(), frame["seconds"].to_numpy()

    def _frame(self, columns: Sequence[pl.Expr]) -> pl.DataFrame:
        frame = pl.scan_parquet(self._path, glob=False).slice(self._low, self._span).select(columns).collect()
        return frame if self._rows is None else frame[self._rows]


def _stretches(columns: _Columns, link: IntArray, fields: Sequence[str], *, states: bool) -> Stretches:
    outline, runs = columns.outline, columns.runs
    asked = dict.fromkeys((*fields, *SETTLING) if states else fields)
    found = columns.read(list(asked))
    values = {name: found.get(name) for name in fields}
    said = _states(columns, found) if states else np.zeros(columns.n, np.int8)
    held: IntArray | None = None
    if (outline.every[runs] == 0).any():
        time, seconds = columns.times()
        code = np.repeat(np.arange(len(runs), dtype=np.int32), np.diff(outline.first)[runs])
        held = seconds_held(Rows((), code, np.zeros(columns.n, np.int8), time, seconds, time, {}))
    return stretches(
        link, columns.starts, outline.begin[runs], outline.last[runs], outline.every[runs] * 1000, held, said, values
    )


def _states(columns: _Columns, found: Mapping[str, FloatArray]) -> StateArray:
    """What each row says; the fields that seldom matter are read only where a row is not settled without them."""
    speaking = {name: found[name] for name in SETTLING if name in found}
    if not settled(speaking, columns.n).all():
        speaking |= columns.read([name for name in SPEAKING if name not in speaking])
    return sample_states(speaking, columns.n)


@contextmanager
def naming(paths: Sequence[Path]) -> Iterator[None]:
    """An error in reading these parts as a StoreError that names the damaged one and says what to do.

    Damaged bytes may also decode to texts and lengths that cannot be, or make polars panic.
    """
    try:
        yield
    except FileNotFoundError:
        raise
    except (
        StoreError,
        OSError,
        KeyError,
        ValueError,
        pl.exceptions.PolarsError,
        pl.exceptions.PanicException,
    ) as error:
        raise damaged(paths, error) from error


def damaged(paths: Sequence[Path], error: BaseException) -> StoreError:
    """Which of these parts cannot be read; when each can, the error itself as a StoreError."""
    for path in paths:
        try:
            pl.read_parquet(path)
        except FileNotFoundError:
            continue
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, ValueError) as reason:
            words = str(reason).splitlines()[0] if str(reason) else type(reason).__name__
            return StoreError(
                f"{path} is damaged ({words}); run `lineproof store verify`: it sets the part aside, and the rest of "
                "the store can be read"
            )
    words = str(error).splitlines()[0] if str(error) else type(error).__name__
    if isinstance(error, StoreError):
        return error
    names = ", ".join(path.name for path in paths[:3])
    return StoreError(f"{names} cannot be read ({words}); run `lineproof store verify`")
