"""One table of baselines as Parquet files: a row per link, source and metric; a column per bin, `centre_00` and
`spread_00` to 95.

A column a bin, as the sweep asks for one bin of all lines and a judgement for all bins of a few lines. Traffic is on a
scale of powers of ten. Of a loss metric `centre` is the ordinary rate (0 to 1), `lost` and `sent` its counts.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, tzinfo
from pathlib import Path

import numpy as np
import polars as pl

from collector.model import FloatArray, Source
from config.errors import LineproofError
from triage.detection.habits import BINS, bins_of
from triage.detection.learnt import Baseline, Learnt, LossRate

CENTRES = tuple(f"centre_{number:02d}" for number in range(BINS))
SPREADS = tuple(f"spread_{number:02d}" for number in range(BINS))
KEYS = ("link", "source", "metric")


class BaselineError(LineproofError):
    """A table of baselines cannot be read or written."""


@dataclass(frozen=True, slots=True)
class TableFile:
    """One file: its name is its content's SHA-256; it holds the links from `first` to `last`, in their order."""

    name: str
    first: str
    last: str


@dataclass(frozen=True, slots=True)
class Version:
    """`name` is `sha256:` and the digest of what it is made of: everything learnt before `until` (epoch milliseconds)
    with what a policy of the digest `taught_by` says of learning. `files` ascend by link."""

    name: str
    until: int
    taught_by: str
    files: tuple[TableFile, ...]


def frame_of(learnt: Mapping[tuple[str, Source], Learnt]) -> pl.DataFrame:
    """Everything learnt of some lines as rows, ascending by link, source and metric."""
    nothing = np.full(BINS, np.nan)
    rows = []
    for (link, source), known in learnt.items():
        for metric, one in known.baselines.items():
            rows.append((link, source.value, metric, one.samples, one.all_day, np.nan, np.nan, one.centre, one.spread))
        for metric, rate in known.loss.items():
            rows.append((link, source.value, metric, 0, np.nan, rate.lost, rate.sent, rate.rate, nothing))
    rows.sort(key=lambda row: row[:3])
    centres = np.array([row[7] for row in rows]).reshape(-1, BINS)
    spreads = np.array([row[8] for row in rows]).reshape(-1, BINS)
    columns = list(zip(*(row[:7] for row in rows), strict=True)) if rows else [()] * 7
    names = (*KEYS, "samples", "all_day", "lost", "sent")
    kinds = (*[pl.String] * 3, pl.Int64, *[pl.Float64] * 3)
    return pl.DataFrame(
        [
            *(pl.Series(name, values, kind) for name, values, kind in zip(names, columns, kinds, strict=True)),
            *(pl.Series(name, centres[:, number], pl.Float64) for number, name in enumerate(CENTRES)),
            *(pl.Series(name, spreads[:, number], pl.Float64) for number, name in enumerate(SPREADS)),
        ]
    )


def encoded(frame: pl.DataFrame) -> tuple[str, bytes]:
    """A file's name and content; the same rows always make the same."""
    buffer = io.BytesIO()
    frame.write_parquet(buffer, compression="zstd", compression_level=1)
    content = buffer.getvalue()
    return f"{hashlib.sha256(content).hexdigest()}.parquet", content


class StoredBaselines:
    """One version, read when it is asked. Files that a later night removed, or a damaged one, raise BaselineError."""

    def __init__(self, folder: Path, version: Version) -> None:
        self.version = version.name
        self.until = version.until
        self.taught_by = version.taught_by
        self._folder = folder
        self._files = version.files
        self._places: pl.DataFrame | None = None
        self._bins: dict[int, tuple[FloatArray, FloatArray]] = {}

    def of(self, links: Sequence[str]) -> Mapping[tuple[str, Source], Learnt]:
        """All that was learnt of these links, by link and source; a link that is new since then has no entry."""
        wanted = sorted(set(links))
        found: dict[tuple[str, Source], Learnt] = {}
        for file in self._files:
            inside = [link for link in wanted if file.first <= link <= file.last]
            if inside:
                rows = self._read(file, None).filter(pl.col("link").is_in(inside))
                found.update(_learnt_of(rows, self.version, self.until))
        return found

    def at(
        self,
        series: Sequence[tuple[str, Source]],
        metric: str,
        moment_ms: int,
        zones: Sequence[tzinfo],
        holidays: Sequence[Collection[date]] | None = None,
    ) -> tuple[FloatArray, FloatArray]:
        """Centre and spread of `metric` at this moment, one value a series in their order; NaN where unknown.

        `zones`, and `holidays` where given, are those of each series' site. Of a loss metric the first is the rate (0
        to 1) and the second NaN; traffic is on a scale of powers of ten. The columns of the bins of this moment stay
        in memory, those of other half hours do not.
        """
        centre, spread = np.full(len(series), np.nan), np.full(len(series), np.nan)
        rows = self._rows_of(series, metric)
        bins = _bins_at(moment_ms, zones, holidays)
        self._bins = {wanted: self._bin(wanted) for wanted in np.unique(bins).tolist()}
        for wanted, (centres, spreads) in self._bins.items():
            chosen = np.flatnonzero((bins == wanted) & (rows >= 0))
            centre[chosen], spread[chosen] = centres[rows[chosen]], spreads[rows[chosen]]
        return centre, spread

    def _rows_of(self, series: Sequence[tuple[str, Source]], metric: str) -> np.ndarray:
        if self._places is None:
            self._places = self._all(KEYS).with_row_index("row")
        asked = pl.DataFrame(
            {"link": [link for link, _ in series], "source": [source.value for _, source in series]},
            {"link": pl.String, "source": pl.String},
        )
        known = self._places.filter(pl.col("metric") == metric).select("link", "source", "row")
        joined = asked.join(known, on=("link", "source"), how="left", maintain_order="left")
        return joined["row"].cast(pl.Int64).fill_null(-1).to_numpy()

    def _bin(self, number: int) -> tuple[FloatArray, FloatArray]:
        if number in self._bins:
            return self._bins[number]
        both = self._all((CENTRES[number], SPREADS[number]))
        return both[:, 0].to_numpy(), both[:, 1].to_numpy()

    def _all(self, columns: Sequence[str]) -> pl.DataFrame:
        parts = [self._read(file, columns) for file in self._files]
        return pl.concat(parts, rechunk=True) if parts else frame_of({}).select(columns)

    def _read(self, file: TableFile, columns: Sequence[str] | None) -> pl.DataFrame:
        path = self._folder / file.name
        try:
            return pl.read_parquet(path, columns=None if columns is None else list(columns))
        except (OSError, pl.exceptions.PolarsError) as error:
            raise BaselineError(f"{path} cannot be read: {error}; the next night's baselines replace it") from error


def _bins_at(moment_ms: int, zones: Sequence[tzinfo], holidays: Sequence[Collection[date]] | None) -> np.ndarray:
    moment = np.array([moment_ms], dtype=np.int64)
    known: dict[tuple[tzinfo, frozenset[date]], int] = {}
    found = np.empty(len(zones), dtype=np.int64)
    for place, zone in enumerate(zones):
        key = (zone, frozenset(holidays[place]) if holidays is not None else frozenset())
        if key not in known:
            known[key] = int(bins_of(moment, *key)[0])
        found[place] = known[key]
    return found


def _learnt_of(rows: pl.DataFrame, version: str, until: int) -> dict[tuple[str, Source], Learnt]:
    centres, spreads = rows.select(CENTRES).to_numpy(), rows.select(SPREADS).to_numpy()
    baselines: dict[tuple[str, Source], dict[str, Baseline]] = {}
    loss: dict[tuple[str, Source], dict[str, LossRate]] = {}
    keys = rows.select(*KEYS, "samples", "all_day", "lost", "sent").rows()
    for place, (link, source, metric, samples, all_day, lost, sent) in enumerate(keys):
        line = (link, Source(source))
        baselines.setdefault(line, {})
        loss.setdefault(line, {})
        if np.isnan(sent):
            baselines[line][metric] = Baseline(centres[place], spreads[place], all_day, samples)
        else:
            loss[line][metric] = LossRate(centres[place], lost, sent)
    return {line: Learnt(version, until, baselines[line], loss[line]) for line in baselines}
