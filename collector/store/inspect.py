"""Looking after an embedded store: what is in it, whether it is whole, and taking it out.

All of it reads and blocks; none of it changes the store, and it may run beside a writer.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

import polars as pl

from collector.store.embedded import EmbeddedStore
from collector.store.manifest import DAY_MS, Kind, Part, day_text
from collector.store.parts import fact_frame, links_of, part_problem, read_facts, sample_frame
from collector.store.port import StoreError
from collector.store.rows import concatenated, ordered
from config.clock import epoch_ms, from_epoch_ms

_LINKS_IN_A_FILE = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class DayStats:
    day: str
    kind: Kind
    parts: int
    rows: int
    size: int
    """Bytes on disk."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreStats:
    """`oldest` and `newest` are times of sealed samples; `waiting` counts journal entries not in parts yet."""

    days: Sequence[DayStats]
    oldest: datetime | None
    newest: datetime | None
    journal_size: int
    waiting: int
    cursors: dict[str, int]

    @property
    def rows(self) -> int:
        return sum(day.rows for day in self.days if day.kind is Kind.SAMPLES)

    @property
    def size(self) -> int:
        return sum(day.size for day in self.days) + self.journal_size


def stats(store: EmbeddedStore) -> StoreStats:
    """Sizes by day, and how far the journal's readers are. From the manifest alone: fast."""
    manifest = store.manifest()
    days = []
    for day, kind in sorted({(part.day, part.kind) for part in manifest.parts}):
        parts = [part for part in manifest.parts if (part.day, part.kind) == (day, kind)]
        rows, size = sum(part.rows for part in parts), sum(part.size for part in parts)
        days.append(DayStats(day=day_text(day), kind=kind, parts=len(parts), rows=rows, size=size))
    samples = [part for part in manifest.parts if part.kind is Kind.SAMPLES]
    journal = store.journal.path
    return StoreStats(
        days=days,
        oldest=from_epoch_ms(min(part.start for part in samples)) if samples else None,
        newest=from_epoch_ms(max(part.end for part in samples)) if samples else None,
        journal_size=sum(path.stat().st_size for path in journal.parent.glob(journal.name + "*")),
        waiting=store.journal.position() - manifest.position,
        cursors=store.journal.cursors(),
    )


def rows_by_link(store: EmbeddedStore) -> dict[str, int]:
    """Sealed rows of each link, by name. Reads one column of every part."""
    paths = [store.parts_folder / part.name for part in store.manifest().parts if part.kind is Kind.SAMPLES]
    return links_of(paths) if paths else {}


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong with a file of the store."""

    file: str
    what: str


def verify(store: EmbeddedStore) -> Sequence[Problem]:
    """Read every part that the manifest names: there, unchanged (SHA-256), readable and as the manifest says.

    Raises StoreError when the manifest itself is damaged, or does not belong to the journal.
    """
    store.snapshot()
    return list(_problems(store, store.manifest().parts))


def _problems(store: EmbeddedStore, parts: Sequence[Part]) -> Iterator[Problem]:
    for part in parts:
        path = store.parts_folder / part.name
        try:
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
        except FileNotFoundError:
            # A part may have been merged away since the manifest was read.
            if part in store.manifest().parts:
                yield Problem(part.name, "is missing; restore it from a copy")
            continue
        except OSError as error:
            yield Problem(part.name, f"cannot be read: {error.strerror}")
            continue
        if digest != part.sha256:
            yield Problem(
                part.name, "was changed or damaged: its SHA-256 is not the manifest's; restore it from a copy"
            )
        elif problem := part_problem(path, part):
            yield Problem(part.name, problem)


def export(
    store: EmbeddedStore, folder: Path, start: datetime, end: datetime, form: Literal["parquet", "csv"] = "parquet"
) -> Sequence[Path]:
    """Samples and facts with start <= time < end into files of `folder`, by UTC day; the files written.

    Rows are merged and those still in the journal are in. Raises StoreError when the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return list(_exported(store, folder, epoch_ms(start), epoch_ms(end), form))
    except OSError as error:
        raise StoreError(f"{folder} cannot be written: {error.strerror}; name another folder") from error


def _exported(store: EmbeddedStore, folder: Path, start: int, end: int, form: str) -> Iterator[Path]:
    manifest, tail, said = store.snapshot()
    days = {part.day for part in manifest.parts} | {time // DAY_MS for rows in tail for time in rows.time.tolist()}
    days |= {epoch_ms(fact.time) // DAY_MS for fact in said}
    links = sorted(rows_by_link(store).keys() | {name for rows in tail for name in rows.names})
    for day in sorted(days):
        low, high = max(start, day * DAY_MS), min(end, (day + 1) * DAY_MS)
        for number, first in enumerate(range(0, len(links), _LINKS_IN_A_FILE)):
            found = store.rows(links[first : first + _LINKS_IN_A_FILE], None, low, high)
            if found:
                rows = ordered(concatenated(list(found.values())))
                yield _saved(sample_frame(rows), folder / f"samples-{day_text(day)}-{number:04d}.{form}")
        subjects = _subjects(store, day) | {fact.subject for fact in said}
        facts = store.facts_between(sorted(subjects), from_epoch_ms(low), from_epoch_ms(high), ()) if low < high else []
        if facts:
            yield _saved(fact_frame(facts), folder / f"facts-{day_text(day)}.{form}")


def _subjects(store: EmbeddedStore, day: int) -> set[str]:
    paths = [
        store.parts_folder / part.name for part in store.manifest().parts if (part.kind, part.day) == (Kind.FACTS, day)
    ]
    return {fact.subject for fact in read_facts(paths, None, 0, (day + 1) * DAY_MS * 1000, ())}


def _saved(frame: pl.DataFrame, path: Path) -> Path:
    if path.suffix == ".csv":
        frame.write_csv(path)
    else:
        frame.write_parquet(path, compression="zstd")
    return path
