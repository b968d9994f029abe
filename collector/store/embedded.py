"""The embedded store: immutable Parquet parts under a manifest, plus the journal's tail.

    folder/manifest.json          which parts count, and the journal entry up to which they hold everything
    folder/parts/*.parquet        samples and facts by UTC day
    folder/writer.lock            held while one process maintains

Any number of processes read while one writes and maintains. polars is loaded by the first question, not by opening.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from collector.entries import epoch_us
from collector.journal import Journal
from collector.model import Fact, FactKind, SampleBatch, Series, Source
from collector.store.answers import bucketed, check_question, distinct, series_of
from collector.store.manifest import CURSOR, Kind, Manifest, day_text, maintaining, read_manifest, translated
from collector.store.newest import Newest
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
from collector.store.retention import Retention
from collector.store.rows import Rows, empty
from collector.store.tail import Tail
from config.clock import epoch_ms, from_epoch_ms

if TYPE_CHECKING:
    from collector.store.scan import Outlines
    from collector.store.view import View

Answer = TypeVar("Answer")
_NEWEST_AT_ONCE = 2000
_SILENT_AT_ONCE = 200
_NEWEST_WITHIN_MS = 900_000
_HOUR = timedelta(hours=1)
_FOREVER_MS = 1 << 62


class EmbeddedStore:
    """A MeasurementStore on `journal` and `folder`; raw samples are kept for `raw_days` whole days, roll-ups for
    `rollup_days`."""

    def __init__(self, journal: Journal, folder: Path, raw_days: int, rollup_days: int = 761) -> None:
        self.journal, self.folder = journal, folder
        self.retention = Retention(raw_days, rollup_days)
        self.manifest_path, self.parts_folder = folder / "manifest.json", folder / "parts"
        if not journal.read_only:
            with translated(self.parts_folder):
                self.parts_folder.mkdir(parents=True, exist_ok=True)
            if CURSOR not in journal.cursors():
                journal.advance(CURSOR, 0)
        self._tail, self._lock = Tail(journal), threading.Lock()
        self._known: tuple[tuple[int, int, int], Manifest] | None = None
        self._outlines: Outlines | None = None
        self._newest_of: tuple[object, ...] = ()

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
        """A manifest, and all that the journal holds after it: together everything, each entry once."""
        with self._lock:
            return self._snapshot()

    def _snapshot(self) -> tuple[Manifest, list[Rows], list[Fact]]:
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

    def _viewed(self, read: Callable[[View], Answer]) -> Answer:
        """What `read` finds in the store as it is now; again with the new manifest when a part was merged away."""
        from collector.store.scan import Outlines
        from collector.store.view import View

        if self._outlines is None:
            self._outlines = Outlines(self.parts_folder)
        for _ in range(10):
            manifest, tail, said = self.snapshot()
            with contextlib.suppress(FileNotFoundError):
                return read(View(manifest, tail, said, self.parts_folder, self._outlines))
        raise StoreError(f"a part that {self.manifest_path} names is missing; run `lineproof store verify`")

    def rows(self, links: Sequence[str], fields: Sequence[str] | None, start: int, end: int) -> Mapping[Source, Rows]:
        """Merged rows of these links with start <= time < end (epoch milliseconds), of each source that has any; all
        fields when None. Blocks."""
        distinct_links = tuple(dict.fromkeys(links))
        return self._viewed(lambda view: view.rows(distinct_links, fields, start, end))

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
        position = {link: place for place, link in enumerate(dict.fromkeys(links))}
        found: list[Series] = []
        rolled = None
        if every is not None and agg is not None and not every % _HOUR:
            rolled = self._hourly(tuple(position), fields, epoch_ms(start), epoch_ms(end), every, agg)
        if rolled is not None:
            found += series_of(rolled)
        else:
            for rows in self.rows(links, fields, epoch_ms(start), epoch_ms(end)).values():
                bucket = every // timedelta(milliseconds=1) if every is not None else 0
                found += series_of(bucketed(rows, bucket, agg) if agg is not None else rows)
        return sorted(found, key=lambda series: position[series.link])

    def _hourly(
        self, links: Sequence[str], fields: Sequence[str], start: int, end: int, every: timedelta, agg: Aggregate
    ) -> Rows | None:
        from collector.store.periods import hourly

        every_ms = every // timedelta(milliseconds=1)
        return self._viewed(lambda view: hourly(view, links, fields, start, end, every_ms, agg))

    async def facts(
        self, subjects: Sequence[str], start: datetime, end: datetime, kinds: Sequence[FactKind] = ()
    ) -> Sequence[Fact]:
        return await asyncio.to_thread(self.facts_between, subjects, start, end, kinds)

    def facts_between(
        self, subjects: Sequence[str], start: datetime, end: datetime, kinds: Sequence[FactKind]
    ) -> Sequence[Fact]:
        """As `facts`. Blocks."""
        from collector.store.parts import read_facts
        from collector.store.scan import naming
        from collector.store.view import pruned

        wanted = frozenset(subjects)

        def read(view: View) -> list[Fact]:
            parts = pruned(view.manifest.parts, (Kind.FACTS,), subjects, epoch_ms(start) - 1, epoch_ms(end) + 1)
            paths = [self.parts_folder / part.name for part in parts]
            with naming(paths):
                found = read_facts(paths, subjects, epoch_us(start), epoch_us(end), kinds)
            found += [
                fact
                for fact in view.said
                if fact.subject in wanted and start <= fact.time < end and (not kinds or fact.kind in kinds)
            ]
            return sorted(distinct(found))

        return self._viewed(read)

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
        return await asyncio.to_thread(self._summary, selector, fields, start, end, stats, due, approximate)

    def _summary(
        self,
        selector: Selector,
        fields: Sequence[str],
        start: datetime,
        end: datetime,
        stats: Sequence[Statistic],
        due: Due | None,
        approximate: bool,
    ) -> Sequence[Summary]:
        from collector.store.approximate import Asked
        from collector.store.periods import approximate_summaries, links_at_once, summaries

        read = approximate_summaries if approximate else summaries
        asked = Asked(fields, epoch_ms(start), epoch_ms(end), stats, due)
        links = tuple(dict.fromkeys(selector.links))
        found: dict[str, Summary] = {}
        at_once = links_at_once(asked)
        for first in range(0, len(links), at_once):
            some = Selector(links[first : first + at_once], selector.source)
            answers = self._viewed(lambda view, some=some: read(view, some, asked))  # type: ignore[misc]
            found |= zip(some.links, answers, strict=True)
        return [found[link] for link in selector.links]

    async def latest(self, selector: Selector, now: datetime, max_age: timedelta) -> SampleBatch:
        return await asyncio.to_thread(self._latest, selector, epoch_ms(now - max_age))

    def _latest(self, selector: Selector, since: int) -> SampleBatch:
        links = tuple(dict.fromkeys(selector.links))
        for _ in range(10):
            with self._lock:
                manifest, _, _ = self._snapshot()
                newest = self._newest(manifest)
                lacking = newest.lacking(links, selector.source, since)
                if not lacking:
                    return newest.answer(links, selector.source, since)
            self._load_newest(sorted(lacking), selector.source, since, newest)
        raise StoreError(f"the store {self.folder} changes faster than it can be read; try again", retryable=True)

    def _newest(self, manifest: Manifest) -> Newest:
        """The newest rows as of this snapshot; begun anew when parts went without being merged."""
        days = [part.day for part in manifest.parts if part.kind is Kind.SAMPLES]
        # Without any samples left, all that was sealed has expired.
        of = (min(days) if days else manifest.position, bool(days), manifest.quarantined)
        if self._tail.newest is None or self._newest_of != of:
            self._newest_of = of
            return self._tail.follow()
        return self._tail.newest

    def _load_newest(self, links: Sequence[str], source: Source, since: int, newest: Newest) -> None:
        """Let `newest` know what the parts hold of these links, which ascend. Of most the last minutes tell enough;
        only the silent ones are looked for further back."""

        def load(view: View, asked: Sequence[str], since: int, at_once: int) -> list[str]:
            silent = []
            for first in range(0, len(asked), at_once):
                some = asked[first : first + at_once]
                rows = view.newest(some, source, since)
                found = {rows.names[code] for code in np.unique(rows.link).tolist()}
                with self._lock:
                    newest.load(sorted(found), source, rows, since)
                silent += [link for link in some if link not in found]
            return silent

        def read(view: View) -> None:
            parts = [part for part in view.manifest.parts if part.kind is Kind.SAMPLES]
            recent = max([since, *(part.end - _NEWEST_WITHIN_MS for part in parts)])
            silent = load(view, links, recent, _NEWEST_AT_ONCE)
            if recent > since:
                silent = load(view, silent, since, _SILENT_AT_ONCE)
            with self._lock:
                newest.load(silent, source, empty(), since)

        self._viewed(read)

    async def maintain(self, now: datetime) -> MaintenanceReport:
        return await asyncio.to_thread(self._maintain, now)

    def _maintain(self, now: datetime) -> MaintenanceReport:
        from collector.store.sealing import Sealer

        with maintaining(self.folder):
            return Sealer(self.journal, self.manifest_path, self.parts_folder).run(epoch_ms(now), self.retention)

    async def health(self) -> StoreHealth:
        return await asyncio.to_thread(self._health)

    def _health(self) -> StoreHealth:
        """Not well while a part is set aside: answers lack its samples until it is restored, or they are too old."""
        manifest, tail, _ = self.snapshot()
        backlog = self.journal.position() - manifest.position
        times = [part.end for part in manifest.parts if part.kind is Kind.SAMPLES]
        times += [int(run.time.max()) for run in tail if len(run)]
        days = {part.day for part in manifest.parts}
        span = f"{day_text(min(days))} to {day_text(max(days))}" if days else "none yet"
        detail = f"{len(manifest.parts)} parts ({span}), {backlog} journal entries not in parts yet"
        if manifest.quarantined:
            first = min(manifest.quarantined, key=lambda one: one.at)
            rows = sum(one.part.rows for one in manifest.quarantined)
            detail += (
                f"; {len(manifest.quarantined)} damaged parts with {rows} rows are set aside, the first since "
                f"{from_epoch_ms(first.at):%Y-%m-%d %H:%M} UTC ({first.part.name}: {first.reason}); restore them "
                "from a copy and run `lineproof store verify`"
            )
        ok = not manifest.quarantined
        return StoreHealth(ok, backlog, from_epoch_ms(max(times)) if times else None, detail)

    async def close(self) -> None:
        await asyncio.to_thread(self.journal.close)
