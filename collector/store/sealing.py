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
from collector.journal import Journal
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
    last_entry,
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
from collector.store.retention import CLOSED_AFTER_MS, Retention, expired, expiry, forgotten, held_until
from collector.store.rolling import is_due, late_parts, roll_day
from collector.store.rows import SOURCES, IntArray, Rows, concatenated, rows_of, settled

log = structlog.get_logger()

ROLLUP_PATIENCE = 7
"""Roll-ups come once a day: a week of them waits to be merged, which rewrites each row twice a month and not five
times."""
SEALED_BYTES = 80 << 20
"""About so much of the journal, decoded, is sealed at once: the more, the less is merged later, and the more memory it
takes. A day of 500 links, at nine fields a minute, is below."""


class Sealer:
    """Works on one folder of parts; only one may at a time (the caller holds the folder's lock)."""

    def __init__(self, journal: Journal, manifest: Path, parts: Path) -> None:
        self._journal, self._path, self._parts = journal, manifest, parts
        self._manifest = read_manifest(manifest)
        self._report = MaintenanceReport(0, 0, 0)
        self._now_ms = 0

    def run(self, now_ms: int, retention: Retention) -> MaintenanceReport:
        """Seal what the journal holds now, merge, roll up closed days, expire, and trim the journal.

        Raises StoreError; what was done until then stays done, nothing is half done, and the next run goes on.
        """
        self._now_ms = now_ms
        self._refuse_foreign()
        try:
            self._remove_strays()
            self._note_upkeep()
            # What came since the last upkeep may be of a day that is over by now; on a full disk older ones make room.
            self._expire(retention, self._now_ms - DAY_MS)
            self._seal()
            self._look_after_days(retention)
            self._look_after_months()
            self._expire(retention, self._now_ms)
            self._scrub()
            self._write(self._manifest)
        except StoreError:
            # The manifest may have been replaced, and not be durable: what either of the two names has to stay.
            meant, self._manifest = self._manifest, read_manifest(self._path)
            self._remove_strays(meant.parts)
            raise
        return self._report

    def _refuse_foreign(self) -> None:
        """Parts of which this journal cannot be the source, named or not, must not be taken for what a crash left."""
        position = self._journal.position()
        belongs = self._journal.trimmed() <= self._manifest.position <= position
        if not belongs or any(last_entry(file.name) > position for file in self._parts.iterdir()):
            raise StoreError(
                f"the parts in {self._parts} and the journal {self._journal.path} do not belong together; restore both "
                "from the same copy"
            )

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
        """Seal the next journal entries, about SEALED_BYTES of them; False when there is none."""
        tables: list[Rows] = []
        facts: list[Fact] = []
        position, size, sealed = self._manifest.position, 0, 0
        while size < SEALED_BYTES and (entries := self._journal.read(position, limit=5000)):
            position = entries[-1].seq
            sealed += sum(entry.rows for entry in entries)
            facts += [fact for entry in entries for fact in entry.facts]
            tables.append(rows_of([batch for entry in entries for batch in entry.batches]))
            size += len(tables[-1]) * (3 + len(tables[-1].fields)) * 8 + 200 * sum(len(one.facts) for one in entries)
        if position == self._manifest.position:
            return False
        first = self._manifest.position + 1
        new = list(self._sample_parts(tables, first, position))
        for day, said in _by_day(facts).items():
            new.append(write_facts(said, self._parts, day, first, position))
        self._report = replace(self._report, sealed_rows=self._report.sealed_rows + sealed)
        self._replace(Change(new=new), position=position)
        return True

    def _sample_parts(self, tables: Sequence[Rows], first: int, last: int) -> Iterator[Part]:
        """Parts of what the journal held, by day and stretch of links; only a stretch is copied at a time."""
        names = sorted({name for table in tables for name in table.names})
        tables = [table.named(names) for table in tables if len(table)]
        days = [table.time // DAY_MS for table in tables]
        for day in sorted({int(one) for of_table in days for one in np.unique(of_table)}):
            chosen = [
                _by_link(table, np.flatnonzero(of_table == day)) for table, of_table in zip(tables, days, strict=True)
            ]
            counts = np.sum([np.diff(edges) for _, edges in chosen], axis=0)
            for number, (low, high) in enumerate(cuts(counts, PART_ROWS[Kind.SAMPLES])):
                piece = concatenated(
                    [
                        table.take(order[edges[low] : edges[high]])
                        for table, (order, edges) in zip(tables, chosen, strict=True)
                    ]
                )
                yield write_samples(settled(piece), self._parts, day, first, last, number)

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
        self._merge(
            parts,
            lambda part: part.kind is kind and day_text(part.day)[:7] == month,
            closed=month < now,
            patience=ROLLUP_PATIENCE,
        )

    def _merge(
        self, parts: Sequence[Part], belongs: Callable[[Part], bool], *, closed: bool, patience: int = 1
    ) -> None:
        """Merge what is worth it of `parts`, which are all that belong together as the manifest stands."""

        def step() -> Change | None:
            found = generations(part for part in self._manifest.parts if belongs(part))
            sizes = [sum(part.rows for part in one) for one in found]
            start = merge_from(sizes, closed=closed, patience=patience)
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

    def _expire(self, retention: Retention, now_ms: int) -> None:
        if self._now_ms < self._manifest.held_until:
            return
        kept = forgotten(self._manifest, retention, now_ms)
        names = {one.part.name for one in self._manifest.quarantined} - {one.part.name for one in kept.quarantined}
        old = expired(kept, retention, now_ms)
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


def _by_link(rows: Rows, which: IntArray) -> tuple[IntArray, IntArray]:
    """These rows' numbers by link and source, else in their order, and where in that each link begins (and the last
    one ends)."""
    series = rows.link[which] * np.int32(len(SOURCES)) + rows.source[which]
    # Numbers of 16 bits are sorted by radix, ten times faster.
    keys = series.astype(np.uint16) if len(rows.names) * len(SOURCES) < 1 << 16 else series
    counts = np.bincount(rows.link[which], minlength=len(rows.names))
    return which[np.argsort(keys, kind="stable")], np.concatenate(([0], np.cumsum(counts)))


def _by_day(facts: Sequence[Fact]) -> Mapping[int, list[Fact]]:
    days: dict[int, list[Fact]] = {}
    for fact in distinct(facts):
        days.setdefault(epoch_us(fact.time) // 1000 // DAY_MS, []).append(fact)
    return days
