"""The sealer: journal entries to parts, small parts to large ones, closed days to roll-ups, old parts away.

At every step the new files are synced first, then the manifest names them in place of what they contain, and only
then are old files or journal entries removed. Killed anywhere, it leaves at most files that no manifest names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import structlog

from collector.entries import epoch_us
from collector.journal import Entry, Journal
from collector.model import Fact
from collector.store.answers import distinct
from collector.store.manifest import (
    CURSOR,
    DAY_MS,
    RAW,
    ROLLUPS,
    Change,
    Kind,
    Manifest,
    Part,
    day_text,
    read_manifest,
    sync_folder,
    translated,
    write_manifest,
)
from collector.store.merging import PART_ROWS, cuts, generations, merge, merge_from
from collector.store.parts import write_facts, write_samples
from collector.store.port import MaintenanceReport, StoreError
from collector.store.quarantine import (
    DamagedError,
    check_whole,
    damage,
    move_aside,
    report,
    set_aside,
    taken_back,
    to_scrub,
)
from collector.store.retention import Retention, expired, expiry, forgotten, held_until
from collector.store.rolling import is_due, late_parts, roll_day
from collector.store.rows import SOURCES, Rows, rows_of, settled

log = structlog.get_logger()

CLOSED_AFTER_MS = 2 * 3_600_000
"""A day counts as closed so long after its end; late statistics have come by then."""
SEALED_BYTES = 80 << 20
"""So much of the journal, decoded, is sealed at once: a day of 500 links. The more, the less is merged later, and the
more memory it takes."""


class Sealer:
    """Works on one folder of parts; only one may at a time (the caller holds the folder's lock)."""

    def __init__(self, journal: Journal, manifest: Path, parts: Path) -> None:
        self._journal, self._path, self._parts = journal, manifest, parts
        self._manifest = read_manifest(manifest)
        self._report = MaintenanceReport(0, 0, 0)
        self._now_ms = 0

    def run(self, now_ms: int, retention: Retention | int) -> MaintenanceReport:
        """Seal what the journal holds now, merge, roll up closed days, expire, and trim the journal.

        Raises StoreError; what was done until then stays done, nothing is half done, and the next run goes on.
        """
        if isinstance(retention, int):
            retention = Retention(raw_days=retention)
        self._now_ms = now_ms
        try:
            self._remove_strays()
            self._note_upkeep()
            self._expire(retention)
            self._seal()
            self._look_after_days(retention)
            self._look_after_months()
            self._expire(retention)
            self._scrub()
            self._write(self._manifest)
        except StoreError:
            # The manifest may have been replaced, and not be durable: what either of the two names has to stay.
            meant, self._manifest = self._manifest, read_manifest(self._path)
            self._remove_strays(meant.parts)
            raise
        return self._report

    def _remove_strays(self, also_named: Sequence[Part] = ()) -> None:
        """Files that a killed run left, and parts that one removed from the manifest but not yet from the disk."""
        named = {part.name for part in (*self._manifest.parts, *also_named)}
        quarantined = {one.part.name: one.part for one in self._manifest.quarantined}
        for file in self._parts.iterdir():
            if file.name in named:
                continue
            if file.name not in quarantined:
                file.unlink(missing_ok=True)
            elif damage(self._parts, quarantined[file.name]):
                move_aside(self._parts, file.name)
            else:
                log.info("store_part_taken_back", part=file.name)
                self._write(taken_back(self._manifest, quarantined[file.name]))

    def _note_upkeep(self) -> None:
        """Take down that the store is looked after now, and whether the clock is to be believed."""
        known = self._manifest
        held = held_until(known.upkeep_at, known.held_until, self._now_ms)
        if held > known.held_until:
            log.error(
                "store_clock_jumped",
                since=day_text(known.upkeep_at // DAY_MS),
                now=day_text(self._now_ms // DAY_MS),
                advice="nothing expires for six hours; see that this machine's clock is right",
            )
        self._manifest = replace(known, upkeep_at=self._now_ms, held_until=held)

    def _seal(self) -> None:
        # What is appended meanwhile waits for the next run; else a busy writer would keep this one for ever.
        goal = self._journal.position()
        while self._manifest.position < goal and self._seal_some():
            pass
        self._journal.advance(CURSOR, self._manifest.position)
        self._journal.trim()

    def _seal_some(self) -> bool:
        """Seal the next journal entries; False when there is none."""
        entries = self._next_entries()
        if not entries:
            return False
        first, last = self._manifest.position + 1, entries[-1].seq
        sealed = sum(entry.rows for entry in entries)
        facts = [fact for entry in entries for fact in entry.facts]
        rows = rows_of([batch for entry in entries for batch in entry.batches])
        entries.clear()
        new = list(self._sample_parts(rows.named(sorted(rows.names)), first, last))
        for day, said in _by_day(facts).items():
            new.append(write_facts(said, self._parts, day, first, last))
        self._report = replace(self._report, sealed_rows=self._report.sealed_rows + sealed)
        self._replace(Change(new=new), position=last)
        return True

    def _next_entries(self) -> list[Entry]:
        """About SEALED_BYTES of journal entries."""
        entries: list[Entry] = []
        size, position = 0, self._manifest.position
        while size < SEALED_BYTES and (some := self._journal.read(position, limit=5000)):
            entries += some
            position = some[-1].seq
            size += sum(_size(entry) for entry in some)
        return entries

    def _sample_parts(self, rows: Rows, first: int, last: int) -> Iterator[Part]:
        days = rows.time // DAY_MS
        series = rows.link * np.int32(len(SOURCES)) + rows.source
        # Numbers of 16 bits are sorted by radix, ten times faster.
        keys = series.astype(np.uint16) if len(rows.names) * len(SOURCES) < 1 << 16 else series
        for day in np.unique(days):
            here = np.flatnonzero(days == day)
            order = here[np.argsort(keys[here], kind="stable")]
            counts = np.bincount(rows.link[here])
            edges = np.concatenate(([0], np.cumsum(counts)))
            for number, (low, high) in enumerate(cuts(counts, PART_ROWS[Kind.SAMPLES])):
                piece = settled(rows.take(order[edges[low] : edges[high]]))
                yield write_samples(piece, self._parts, int(day), first, last, number)

    def _look_after_days(self, retention: Retention) -> None:
        days: dict[tuple[Kind, int], list[Part]] = {}
        for part in self._manifest.parts:
            if part.kind in RAW:
                days.setdefault((part.kind, part.day), []).append(part)
        for (kind, day), parts in sorted(days.items()):
            closed = (day + 1) * DAY_MS + CLOSED_AFTER_MS <= self._now_ms
            rolled = self._manifest.rolled.get(day)
            if kind is Kind.FACTS or not closed or not retention.is_rolled_up(day, self._now_ms):
                self._merge_day(kind, day, parts, closed=closed)
            elif rolled is None:
                self._merge_day(kind, day, parts, closed=True)
                self._roll_day(day)
            elif rolled.final or not (late := late_parts(parts, rolled)):
                self._merge_day(kind, day, parts, closed=True)
            elif is_due(rolled, self._now_ms):
                self._roll_day(day)
                self._merge_day(kind, day, parts, closed=True)
            else:
                # Rows that came late stay apart until they are rolled up: they tell which links they touch.
                self._merge_day(kind, day, late, closed=False, after=rolled.last)

    def _merge_day(self, kind: Kind, day: int, parts: Sequence[Part], *, closed: bool, after: int = 0) -> None:
        self._merge(parts, lambda part: part.kind is kind and part.day == day and part.last > after, closed=closed)

    def _look_after_months(self) -> None:
        months: dict[tuple[Kind, str], list[Part]] = {}
        for part in self._manifest.parts:
            if part.kind in ROLLUPS:
                months.setdefault((part.kind, day_text(part.day)[:7]), []).append(part)
        for kind, month in sorted(months):
            self._merge_month(kind, month, months[kind, month])

    def _merge_month(self, kind: Kind, month: str, parts: Sequence[Part]) -> None:
        now = day_text((self._now_ms - CLOSED_AFTER_MS) // DAY_MS - 1)[:7]
        self._merge(parts, lambda part: part.kind is kind and day_text(part.day)[:7] == month, closed=month < now)

    def _merge(self, parts: Sequence[Part], belongs: Callable[[Part], bool], *, closed: bool) -> None:
        """Merge what is worth it of `parts`, which are all that belong together as the manifest stands."""

        def step() -> Change | None:
            found = generations(part for part in self._manifest.parts if belongs(part))
            start = merge_from([sum(part.rows for part in one) for one in found], closed=closed)
            if start >= len(found) - 1:
                return None
            return merge([part for one in found[start:] for part in one], self._parts)

        if len(generations(parts)) > 1:
            self._attempt(step)

    def _roll_day(self, day: int) -> None:
        if self._attempt(lambda: roll_day(self._manifest, self._parts, day, self._now_ms)):
            self._report = replace(self._report, rolled_days=self._report.rolled_days + 1)

    def _attempt(self, step: Callable[[], Change | None]) -> bool:
        """Make a change to the parts; whatever turns out to be damaged is set aside, and the rest goes on."""
        while True:
            try:
                change = step()
            except DamagedError as error:
                self._quarantine(error.part, error.reason)
            else:
                if change is not None:
                    self._replace(change)
                return change is not None

    def _expire(self, retention: Retention) -> None:
        if self._now_ms < self._manifest.held_until:
            return
        kept = forgotten(self._manifest, retention, self._now_ms)
        names = {one.part.name for one in self._manifest.quarantined} - {one.part.name for one in kept.quarantined}
        old = expired(kept, retention, self._now_ms)
        if old or kept != self._manifest:
            self._report = replace(self._report, expired_parts=self._report.expired_parts + len(old))
            change = expiry(kept, old)
            self._manifest = kept
            self._replace(change)
        for name in names:
            with translated(self._parts):
                (self._parts.with_name("quarantine") / name).unlink(missing_ok=True)

    def _scrub(self) -> None:
        for part in to_scrub(self._manifest):
            self._manifest = replace(self._manifest, scrubbed=part.name)
            try:
                check_whole(self._parts, [part])
            except DamagedError as error:
                self._quarantine(error.part, error.reason)

    def _quarantine(self, part: Part, reason: str) -> None:
        self._write(set_aside(self._manifest, part, reason, self._now_ms))
        report(part, reason)
        move_aside(self._parts, part.name)
        self._report = replace(self._report, quarantined=self._report.quarantined + 1)

    def _replace(self, change: Change, position: int | None = None) -> None:
        """Put new parts in the place of old ones in the manifest, then remove the old files."""
        if change.new:
            with translated(self._parts):
                sync_folder(self._parts)
        manifest = change.of(self._manifest)
        self._write(manifest if position is None else replace(manifest, position=position))
        self._report = replace(
            self._report,
            parts_written=self._report.parts_written + len(change.new),
            parts_removed=self._report.parts_removed + len(change.old),
        )
        for part in change.old:
            with translated(self._parts):
                (self._parts / part.name).unlink(missing_ok=True)

    def _write(self, manifest: Manifest) -> None:
        write_manifest(self._path, manifest)
        self._manifest = manifest


def _size(entry: Entry) -> int:
    return sum(len(batch) * (len(batch.fields) + 3) * 8 for batch in entry.batches) + 200 * len(entry.facts)


def _by_day(facts: Sequence[Fact]) -> Mapping[int, list[Fact]]:
    days: dict[int, list[Fact]] = {}
    for fact in distinct(facts):
        days.setdefault(epoch_us(fact.time) // 1000 // DAY_MS, []).append(fact)
    return days
