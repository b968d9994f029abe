"""The embedded store: immutable Parquet parts under a manifest, plus the journal's tail.

    folder/manifest.json          which parts count, and the journal entry up to which they hold everything
    folder/parts/*.parquet        samples and facts by UTC day
    folder/writer.lock            held while one process maintains

Any number of processes read while one writes and maintains. polars is loaded by the first question, not by opening.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar

from collector.entries import epoch_us
from collector.journal import Journal
from collector.model import FIELDS, Fact, FactKind, SampleBatch, Series, Source
from collector.store.answers import (
    bucketed,
    check_question,
    distinct,
    last_of_each,
    series_of,
    summary_of,
)
from collector.store.manifest import CURSOR, Kind, Manifest, Part, day_text, read_manifest, translated
from collector.store.port import (
    Aggregate,
    Due,
    MaintenanceReport,
    Selector,
    Statistic,
    StoreError,
    StoreHealth,
    Summary,
)
from collector.store.rows import SOURCES, Rows, batch_of_rows, concatenated, empty, merged
from collector.store.tail import Tail
from config.clock import epoch_ms, from_epoch_ms

Answer = TypeVar("Answer")
_LINKS_AT_ONCE = 16
_NEWEST_AT_ONCE = 1000
_FOREVER_MS = 1 << 62


class EmbeddedStore:
    """A MeasurementStore on `journal` and `folder`; raw samples are kept for `raw_days` whole days."""

    def __init__(self, journal: Journal, folder: Path, raw_days: int) -> None:
        self.journal, self.folder, self.raw_days = journal, folder, raw_days
        self.manifest_path, self.parts_folder = folder / "manifest.json", folder / "parts"
        with translated(self.parts_folder):
            self.parts_folder.mkdir(parents=True, exist_ok=True)
        if CURSOR not in journal.cursors():
            journal.advance(CURSOR, 0)
        self._tail, self._lock = Tail(journal), threading.Lock()
        self._known: tuple[tuple[int, int, int], Manifest] | None = None

    async def write(self, batch: SampleBatch) -> None:
        await self.journal.append([batch], [])

    async def write_facts(self, facts: Sequence[Fact]) -> None:
        await self.journal.append([], facts)

    def manifest(self) -> Manifest:
        """The manifest as it is now; read again only when the file was replaced."""
        try:
            status = self.manifest_path.stat()
        except FileNotFoundError:
            return Manifest(0, ())
        key = (status.st_ino, status.st_mtime_ns, status.st_size)
        if self._known is None or self._known[0] != key:
            self._known = key, read_manifest(self.manifest_path)
        return self._known[1]

    def snapshot(self) -> tuple[Manifest, list[Rows], list[Fact]]:
        """A manifest, and all that the journal holds after it: together everything, each entry at least once."""
        with self._lock:
            for _ in range(10):
                manifest = self.manifest()
                rows, facts = self._tail.after(manifest.position)
                # What was trimmed meanwhile must be in the parts of this very manifest.
                if self.journal.trimmed() <= manifest.position <= self.journal.position():
                    return manifest, rows, facts
        raise StoreError(
            f"the parts in {self.folder} and the journal {self.journal.path} do not belong together; restore both "
            "from the same copy"
        )

    def _retried(self, read: Callable[[], Answer]) -> Answer:
        """Read again with the new manifest when a part was merged away in between."""
        for _ in range(10):
            with contextlib.suppress(FileNotFoundError):
                return read()
        raise StoreError(f"a part that {self.manifest_path} names is missing; run `lineproof store verify`")

    def rows(self, links: Sequence[str], fields: Sequence[str] | None, start: int, end: int) -> Mapping[Source, Rows]:
        """Merged rows of these links with start <= time < end (epoch milliseconds), of each source that has any; all
        fields when None. Blocks."""
        from collector.store.parts import read_samples

        links = tuple(dict.fromkeys(links))

        def read() -> Mapping[Source, Rows]:
            manifest, tail, _ = self.snapshot()
            parts = _pruned(manifest.parts, Kind.SAMPLES, links, start, end)
            span = None if all(start <= part.start and part.end < end for part in parts) else (start, end)
            present = {name for part in parts for name in part.fields}
            wanted = [name for name in dict.fromkeys(FIELDS if fields is None else fields) if name in present]
            sealed = read_samples([self.parts_folder / part.name for part in parts], links, span, wanted)
            recent = [_only(run.named(links).between(start, end), fields) for run in tail]
            found = {}
            for code, source in enumerate(SOURCES):
                tables = [table.take(table.source == code) for table in recent if len(table)]
                tables = [*(table for table in sealed if table.source[0] == code), *tables]
                found[source] = merged(replace(concatenated(tables), names=links))
            return {source: rows for source, rows in found.items() if len(rows)}

        return self._retried(read)

    async def window(
        self,
        links: Sequence[str],
        fields: Sequence[str],
        start: datetime,
        end: datetime,
        every: timedelta | None = None,
        agg: Aggregate | None = None,
    ) -> Sequence[Series]:
        check_question(fields, every, agg)
        return await asyncio.to_thread(self._window, links, fields, start, end, every, agg)

    def _window(
        self,
        links: Sequence[str],
        fields: Sequence[str],
        start: datetime,
        end: datetime,
        every: timedelta | None,
        agg: Aggregate | None,
    ) -> Sequence[Series]:
        found = []
        for rows in self.rows(links, fields, epoch_ms(start), epoch_ms(end)).values():
            bucket = every // timedelta(milliseconds=1) if every is not None else 0
            found += series_of(bucketed(rows, bucket, agg) if agg is not None else rows)
        position = {link: place for place, link in enumerate(dict.fromkeys(links))}
        return sorted(found, key=lambda series: position[series.link])

    async def facts(
        self, subjects: Sequence[str], start: datetime, end: datetime, kinds: Sequence[FactKind] = ()
    ) -> Sequence[Fact]:
        return await asyncio.to_thread(self.facts_between, subjects, start, end, kinds)

    def facts_between(
        self, subjects: Sequence[str], start: datetime, end: datetime, kinds: Sequence[FactKind]
    ) -> Sequence[Fact]:
        """As `facts`. Blocks."""
        from collector.store.parts import read_facts

        wanted = frozenset(subjects)

        def read() -> list[Fact]:
            manifest, _, tail = self.snapshot()
            parts = _pruned(manifest.parts, Kind.FACTS, subjects, epoch_ms(start) - 1, epoch_ms(end) + 1)
            paths = [self.parts_folder / part.name for part in parts]
            found = read_facts(paths, subjects, epoch_us(start), epoch_us(end), kinds)
            found += [
                fact
                for fact in tail
                if fact.subject in wanted and start <= fact.time < end and (not kinds or fact.kind in kinds)
            ]
            return sorted(distinct(found))

        return self._retried(read)

    async def summary(
        self,
        selector: Selector,
        fields: Sequence[str],
        start: datetime,
        end: datetime,
        stats: Sequence[Statistic],
        due: Due | None = None,
        *,
        approximate: bool = False,
    ) -> Sequence[Summary]:
        check_question(fields, None, None)
        del due, approximate
        return await asyncio.to_thread(self._summary, selector, fields, start, end, stats)

    def _summary(
        self, selector: Selector, fields: Sequence[str], start: datetime, end: datetime, stats: Sequence[Statistic]
    ) -> Sequence[Summary]:
        found = []
        for first in range(0, len(selector.links), _LINKS_AT_ONCE):
            links = selector.links[first : first + _LINKS_AT_ONCE]
            by_link = self._of_source(replace(selector, links=links), fields, epoch_ms(start), epoch_ms(end))
            found += [summary_of(link, by_link.get(link), fields, stats) for link in links]
        return found

    def _of_source(
        self, selector: Selector, fields: Sequence[str] | None, start: int, end: int
    ) -> Mapping[str, Series]:
        rows = self.rows(selector.links, fields, start, end).get(selector.source, empty())
        return {series.link: series for series in series_of(rows)}

    async def latest(self, selector: Selector, now: datetime, max_age: timedelta) -> SampleBatch:
        return await asyncio.to_thread(self._latest, selector, epoch_ms(now - max_age))

    def _latest(self, selector: Selector, since: int) -> SampleBatch:
        found = []
        for first in range(0, len(selector.links), _NEWEST_AT_ONCE):
            links = selector.links[first : first + _NEWEST_AT_ONCE]
            found.append(last_of_each(self.rows(links, None, since, _FOREVER_MS).get(selector.source, empty())))
        return batch_of_rows(selector.source, concatenated(found))

    async def maintain(self, now: datetime) -> MaintenanceReport:
        return await asyncio.to_thread(self._maintain, now)

    def _maintain(self, now: datetime) -> MaintenanceReport:
        from collector.store.sealing import Sealer

        with self._alone():
            self.snapshot()
            return Sealer(self.journal, self.manifest_path, self.parts_folder).run(epoch_ms(now), self.raw_days)

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Hold the folder's lock; the system releases it when a process dies."""
        with translated(self.folder), (self.folder / "writer.lock").open("a+") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                lock.seek(0)
                raise StoreError(
                    f"{self.folder} is being maintained by process {lock.read().strip() or 'unknown'}; "
                    "let only one process maintain a store",
                    retryable=True,
                ) from None
            lock.truncate(0)
            lock.write(str(os.getpid()))
            lock.flush()
            yield

    async def health(self) -> StoreHealth:
        return await asyncio.to_thread(self._health)

    def _health(self) -> StoreHealth:
        manifest, tail, _ = self.snapshot()
        backlog = self.journal.position() - manifest.position
        times = [part.end for part in manifest.parts if part.kind is Kind.SAMPLES]
        times += [int(run.time.max()) for run in tail if len(run)]
        days = {part.day for part in manifest.parts}
        span = f"{day_text(min(days))} to {day_text(max(days))}" if days else "none yet"
        detail = f"{len(manifest.parts)} parts ({span}), {backlog} journal entries not in parts yet"
        return StoreHealth(True, backlog, from_epoch_ms(max(times)) if times else None, detail)

    async def close(self) -> None:
        await asyncio.to_thread(self.journal.close)


def _only(rows: Rows, fields: Sequence[str] | None) -> Rows:
    if fields is None:
        return rows
    return replace(rows, fields={name: rows.fields[name] for name in dict.fromkeys(fields) if name in rows.fields})


def _pruned(parts: Sequence[Part], kind: Kind, keys: Sequence[str], start: int, end: int) -> list[Part]:
    """Parts that may hold rows of these links (subjects) with start <= time < end, in the journal's order."""
    chosen = [
        part
        for part in parts
        if part.kind is kind
        and part.start < end
        and part.end >= start
        and any(part.first_key <= key <= part.last_key for key in keys)
    ]
    return sorted(chosen, key=lambda part: (part.first, part.slice))
