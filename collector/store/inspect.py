"""Looking after an embedded store: what is in it, and whether it is whole.

All of it blocks and may run beside a writer. `stats` reads the manifest and the journal's counters alone; the columns
of the samples are read by `stats_by_link`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

import numpy as np

from collector.journal import Journal
from collector.measures import slot_count
from collector.model import Cadence, Series, Source
from collector.store.answers import series_of
from collector.store.embedded import EmbeddedStore
from collector.store.manifest import DAY_MS, Kind, Part, Quarantined, day_text
from collector.store.parts import links_of, part_problem
from collector.store.port import StoreError
from collector.store.quarantine import damage, quarantine
from config.clock import epoch_ms, from_epoch_ms

Answer = TypeVar("Answer")
_ROWS_AT_ONCE = 500_000
_FAR_MS = 1 << 53


@dataclass(frozen=True, slots=True, kw_only=True)
class KindStats:
    """Everything of one kind in the parts. `oldest` and `newest` are times of rows (of roll-ups: of buckets)."""

    kind: Kind
    days: int
    parts: int
    rows: int
    size: int
    oldest: datetime
    newest: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DayStats:
    """One kind in one day's parts; `last_day` differs from `day` where roll-ups are kept by the month. Size in bytes on
    disk."""

    day: str
    last_day: str
    kind: Kind
    parts: int
    rows: int
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReaderStats:
    """How far a reader of the journal is. `rows_shed` went before it had them because the journal was full,
    `rows_aside` it refused itself; `waiting_since` is when the oldest entry that it has yet to take was received."""

    name: str
    position: int
    waiting: int
    waiting_since: datetime | None
    rows_shed: int
    rows_aside: int


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalStats:
    """Bytes in use, the most that may wait, and who reads. `alarm`: since when it is nearly full."""

    size: int
    limit: int
    position: int
    alarm: datetime | None
    readers: Sequence[ReaderStats]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreStats:
    kinds: Sequence[KindStats]
    days: Sequence[DayStats]
    quarantined: Sequence[Quarantined]
    upkeep_at: datetime | None
    held_until: datetime | None
    """Nothing expires before this moment, because the clock jumped."""

    @property
    def size(self) -> int:
        return sum(kind.size for kind in self.kinds)


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkStats:
    """One link's samples from one source. `size` is its share of the parts' bytes by rows. `expected` counts the slots
    from its oldest sample to now that are due; a gap is a stretch without a sample."""

    link: str
    source: Source
    rows: int
    size: int
    oldest: datetime
    newest: datetime
    present: int
    expected: int
    gaps: int
    longest_gap: timedelta

    @property
    def coverage_percent(self) -> float | None:
        return 100 * self.present / self.expected if self.expected else None


def stats(store: EmbeddedStore) -> StoreStats:
    """Sizes by kind and day, and what was set aside. Raises StoreError when the manifest is damaged or lost."""
    _refuse_lost(store)
    manifest = store.manifest()
    grouped: dict[tuple[int, int, Kind], list[Part]] = {}
    for part in manifest.parts:
        grouped.setdefault((part.day, part.days, part.kind), []).append(part)
    return StoreStats(
        kinds=[
            _of_kind(kind, parts) for kind in Kind if (parts := [one for one in manifest.parts if one.kind is kind])
        ],
        days=[
            DayStats(
                day=day_text(day),
                last_day=day_text(day + days - 1),
                kind=kind,
                parts=len(parts),
                rows=sum(part.rows for part in parts),
                size=sum(part.size for part in parts),
            )
            for (day, days, kind), parts in sorted(grouped.items())
        ],
        quarantined=manifest.quarantined,
        upkeep_at=from_epoch_ms(manifest.upkeep_at) if manifest.upkeep_at else None,
        held_until=from_epoch_ms(manifest.held_until) if manifest.held_until > manifest.upkeep_at else None,
    )


def _refuse_lost(store: EmbeddedStore) -> None:
    """Without a manifest a store seems empty; entries that are gone from the journal tell that it is not."""
    if not store.manifest_path.exists() and store.journal.trimmed():
        raise StoreError(
            f"{store.manifest_path} is gone; restore the whole folder from a copy, or make it anew from the parts: "
            "`lineproof store verify --rebuild`"
        )


def _of_kind(kind: Kind, parts: Sequence[Part]) -> KindStats:
    return KindStats(
        kind=kind,
        days=len({day for part in parts for day in range(part.start // DAY_MS, part.end // DAY_MS + 1)}),
        parts=len(parts),
        rows=sum(part.rows for part in parts),
        size=sum(part.size for part in parts),
        oldest=from_epoch_ms(min(part.start for part in parts)),
        newest=from_epoch_ms(max(part.end for part in parts)),
    )


def journal_stats(journal: Journal, limit: int) -> JournalStats:
    """How full the journal is, of `limit` bytes, and how far its readers are."""
    position, trimmed = journal.position(), journal.trimmed()
    shed, aside, cursors = journal.tallies("shed"), journal.tallies("aside"), journal.cursors()
    readers = []
    for name in sorted({*cursors, *shed, *aside}):
        done = max(cursors.get(name, position), trimmed)
        readers.append(
            ReaderStats(
                name=name,
                position=cursors.get(name, 0),
                waiting=position - done,
                waiting_since=_received_at(journal, done),
                rows_shed=shed[name].rows if name in shed else 0,
                rows_aside=aside[name].rows if name in aside else 0,
            )
        )
    return JournalStats(size=journal.size(), limit=limit, position=position, alarm=journal.alarm(), readers=readers)


def _received_at(journal: Journal, after: int) -> datetime | None:
    """When the first entry after `after` that holds anything was received."""
    for entry in journal.read(after, limit=10):
        times = [from_epoch_ms(int(batch.received_at.min())) for batch in entry.batches if len(batch)]
        times += [fact.received_at for fact in entry.facts]
        if times:
            return min(times)
    return None


def stats_by_link(store: EmbeddedStore, cadences: Mapping[Source, Cadence], now: datetime) -> Iterator[LinkStats]:
    """Every link and source that has samples, in the parts or the journal, ascending by link; some links at a time.

    Coverage is judged by the source's cadence (none is declared for imports: their rows are the slots there are).
    """
    counts = rows_by_link(store)
    _, tail, _ = store.snapshot()
    for rows in tail:
        for code, count in enumerate(np.bincount(rows.link, minlength=len(rows.names)).tolist()):
            counts[rows.names[code]] = counts.get(rows.names[code], 0) + count
    sealed = [part for part in store.manifest().parts if part.kind is Kind.SAMPLES]
    per_row = sum(part.size for part in sealed) / max(1, sum(part.rows for part in sealed))
    for links in stretches(sorted(counts), counts, _ROWS_AT_ONCE):
        by_source = store.rows(links, (), 0, _FAR_MS)
        found = [one for rows in by_source.values() for one in series_of(rows)]
        for series in sorted(found, key=lambda one: (one.link, one.source)):
            yield _of_link(series, cadences.get(series.source), epoch_ms(now), per_row)


def rows_by_link(store: EmbeddedStore) -> dict[str, int]:
    """Sealed rows of each link, by name. Reads one column of every part."""

    def read() -> dict[str, int]:
        paths = [store.parts_folder / part.name for part in store.manifest().parts if part.kind is Kind.SAMPLES]
        return links_of(paths) if paths else {}

    return again(read)


def stretches(links: Sequence[str], counts: Mapping[str, int], rows: int) -> Iterator[list[str]]:
    """Links in their order, so many at a time as have about `rows` rows together."""
    some: list[str] = []
    held = 0
    for link in links:
        some.append(link)
        held += counts.get(link, 1)
        if held >= rows:
            yield some
            some, held = [], 0
    if some:
        yield some


def again(read: Callable[[], Answer]) -> Answer:
    """Read once more, by the manifest as it is then, when a part was merged away in between."""
    for _ in range(10):
        with contextlib.suppress(FileNotFoundError):
            return read()
    raise StoreError("a part that the manifest names is missing; run `lineproof store verify`")


def _of_link(series: Series, cadence: Cadence | None, now_ms: int, per_row: float) -> LinkStats:
    ends = series.time + series.seconds.astype(np.int64) * 1000
    reached = np.maximum.accumulate(ends)
    missing = np.maximum(series.time[1:] - reached[:-1], 0)
    start = int(series.time[0])
    if cadence is None:
        present = expected = len(series)
    else:
        step = cadence.every * 1000
        counted = slot_count(series.time, series.seconds, start // step * step, now_ms, cadence, now_ms)
        present, expected = counted.present, counted.expected
        # Up to now: what is due since the newest sample and did not come is a gap, too.
        due = (now_ms - cadence.late * 1000) // step * step
        missing = np.append(missing, max(0, due - int(reached[-1])))
    return LinkStats(
        link=series.link,
        source=series.source,
        rows=len(series),
        size=round(len(series) * per_row),
        oldest=from_epoch_ms(start),
        newest=from_epoch_ms(int(series.time[-1])),
        present=present,
        expected=expected,
        gaps=int(np.count_nonzero(missing)),
        longest_gap=timedelta(milliseconds=int(missing.max(initial=0))),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A part that is not what the manifest says. `set_aside`: it is quarantined now, and nobody reads it any more."""

    file: str
    kind: Kind
    day: str
    last_day: str
    first_key: str
    last_key: str
    rows: int
    reason: str
    set_aside: bool


def verify(store: EmbeddedStore, now: datetime | None = None) -> Sequence[Problem]:
    """Read every part that the manifest names: there, unchanged (SHA-256), readable and as the manifest says.

    With `now` what is damaged is quarantined. Raises StoreError when the manifest itself is damaged, does not belong
    to the journal, or another process maintains the store.
    """
    _refuse_lost(store)
    store.snapshot()
    found = list(_damaged(store))
    aside = set(quarantine(store.folder, found, epoch_ms(now))) if found and now is not None else set()
    return [
        Problem(
            file=part.name,
            kind=part.kind,
            day=day_text(part.day),
            last_day=day_text(part.day + part.days - 1),
            first_key=part.first_key,
            last_key=part.last_key,
            rows=part.rows,
            reason=reason,
            set_aside=part in aside,
        )
        for part, reason in found
    ]


def _damaged(store: EmbeddedStore) -> Iterator[tuple[Part, str]]:
    for part in store.manifest().parts:
        reason = damage(store.parts_folder, part) or part_problem(store.parts_folder / part.name, part)
        # A part may have been merged away since the manifest was read.
        if reason and part in store.manifest().parts:
            yield part, reason
