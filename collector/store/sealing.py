"""The sealer: journal entries to parts, small parts to large ones, old parts away.

At every step the new files are synced first, then the manifest names them in place of what they contain, and only
then are old files or journal entries removed. Killed anywhere, it leaves at most files that no manifest names.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np

from collector.entries import epoch_us
from collector.journal import Journal
from collector.model import Fact
from collector.store.answers import distinct
from collector.store.manifest import (
    CURSOR,
    DAY_MS,
    Kind,
    Manifest,
    Part,
    read_manifest,
    sync_folder,
    translated,
    write_manifest,
)
from collector.store.parts import links_of, read_facts, read_whole, write_facts, write_samples
from collector.store.port import MaintenanceReport
from collector.store.retention import Retention
from collector.store.rows import Rows, concatenated, rows_of, settled

PART_ROWS = 250_000
"""A part of samples holds about so many rows: it bounds the memory of sealing and lets the manifest prune by link."""
CLOSED_AFTER_MS = 2 * 3_600_000
"""A day counts as closed so long after its end; late statistics have come by then."""


class Sealer:
    """Works on one folder of parts; only one may at a time (the caller holds the folder's lock)."""

    def __init__(self, journal: Journal, manifest: Path, parts: Path) -> None:
        self._journal, self._path, self._parts = journal, manifest, parts
        self._manifest = read_manifest(manifest)
        self._sealed = self._written = self._removed = 0

    def run(self, now_ms: int, retention: Retention | int) -> MaintenanceReport:
        """Seal what the journal holds now, merge, expire, and trim the journal."""
        raw_days = retention if isinstance(retention, int) else retention.raw_days
        self._remove_strays()
        # What is appended meanwhile waits for the next run; else a busy writer would keep this one for ever.
        goal = self._journal.position()
        while self._manifest.position < goal and self._seal_some():
            pass
        self._journal.advance(CURSOR, self._manifest.position)
        for kind, day in sorted({(part.kind, part.day) for part in self._manifest.parts}):
            if (day + 1 + raw_days) * DAY_MS <= now_ms:
                self._replace([part for part in self._manifest.parts if (part.kind, part.day) == (kind, day)], [])
            else:
                self._merge_day(kind, day, closed=(day + 1) * DAY_MS + CLOSED_AFTER_MS <= now_ms)
        self._journal.trim()
        return MaintenanceReport(self._sealed, self._written, self._removed)

    def _remove_strays(self) -> None:
        """Files that a killed run left, and parts that one removed from the manifest but not yet from the disk."""
        named = {part.name for part in self._manifest.parts}
        for file in self._parts.iterdir():
            if file.name not in named:
                file.unlink(missing_ok=True)

    def _seal_some(self) -> bool:
        """Seal the next journal entries; False when there is none."""
        entries = self._journal.read(self._manifest.position, limit=5000)
        if not entries:
            return False
        first, last = self._manifest.position + 1, entries[-1].seq
        rows = rows_of([batch for entry in entries for batch in entry.batches])
        new = list(self._sample_parts(rows.named(sorted(rows.names)), first, last))
        for day, facts in _by_day([fact for entry in entries for fact in entry.facts]).items():
            new.append(write_facts(facts, self._parts, day, first, last))
        self._sealed += sum(entry.rows for entry in entries)
        self._replace([], new, position=last)
        return True

    def _sample_parts(self, rows: Rows, first: int, last: int) -> Iterator[Part]:
        days = rows.time // DAY_MS
        for day in np.unique(days):
            table = settled(rows.take(days == day))
            for number, (low, high) in enumerate(_cuts(np.bincount(table.link))):
                piece = table.take((table.link >= low) & (table.link < high))
                yield write_samples(piece, self._parts, int(day), first, last, number)

    def _merge_day(self, kind: Kind, day: int, *, closed: bool) -> None:
        generations: dict[tuple[int, int], list[Part]] = {}
        for part in sorted(self._manifest.parts, key=lambda part: (part.first, part.slice)):
            if (part.kind, part.day) == (kind, day):
                generations.setdefault((part.first, part.last), []).append(part)
        ranges = list(generations)
        sizes = [sum(part.rows for part in generations[span]) for span in ranges]
        start = merge_from(sizes, closed=closed)
        if start >= len(ranges) - 1:
            return
        old = [part for span in ranges[start:] for part in generations[span]]
        merge = self._merged_samples if kind is Kind.SAMPLES else self._merged_facts
        self._replace(old, merge(old, day, ranges[start][0], ranges[-1][1]))

    def _merged_samples(self, old: Sequence[Part], day: int, first: int, last: int) -> list[Part]:
        """The same rows in as few files as may be, one stretch of links in memory at a time."""
        counts = links_of([self._parts / part.name for part in old])
        links = list(counts)
        new = []
        for number, (low, high) in enumerate(_cuts(np.array(list(counts.values())))):
            names = links[low:high]
            tables = [
                read_whole(self._parts / part.name, names, names[0], names[-1], part.fields)
                for part in old
                if part.first_key <= names[-1] and part.last_key >= names[0]
            ]
            new.append(write_samples(settled(concatenated(tables)), self._parts, day, first, last, number))
        return new

    def _merged_facts(self, old: Sequence[Part], day: int, first: int, last: int) -> list[Part]:
        facts = read_facts([self._parts / part.name for part in old], None, 0, (day + 1) * DAY_MS * 1000, ())
        return [write_facts(distinct(facts), self._parts, day, first, last)]

    def _replace(self, old: Sequence[Part], new: Sequence[Part], position: int | None = None) -> None:
        """Put `new` in the place of `old` in the manifest, then remove the old files."""
        gone = {part.name for part in old}
        kept = [part for part in self._manifest.parts if part.name not in gone]
        manifest = Manifest(self._manifest.position if position is None else position, (*kept, *new))
        with translated(self._parts):
            sync_folder(self._parts)
        write_manifest(self._path, manifest)
        self._manifest = manifest
        self._written += len(new)
        self._removed += len(gone)
        for name in gone:
            (self._parts / name).unlink(missing_ok=True)


def merge_from(sizes: Sequence[int], *, closed: bool) -> int:
    """From which on a day's parts, given by rows in the order of the journal, are merged into one.

    In an open day a part is merged with those after it once they are half its size together: few parts, and each
    row rewritten a few times a day. A closed day becomes one, unless what came late is a trifle (below 1 %).
    """
    if closed and len(sizes) > 1 and (len(sizes) > 4 or sum(sizes[1:]) * 100 >= sizes[0]):
        return 0
    start, rows = len(sizes) - 1, sum(sizes[-1:])
    while start > 0 and sizes[start - 1] < 2 * rows:
        start -= 1
        rows += sizes[start]
    return start


def _cuts(counts: np.ndarray[tuple[int], np.dtype[np.int64]]) -> Iterator[tuple[int, int]]:
    """Stretches [low, high) of link codes with about PART_ROWS rows each; a link is never cut."""
    stretch = np.cumsum(counts) // PART_ROWS
    edges = [0, *(np.flatnonzero(np.diff(stretch)) + 1).tolist(), len(counts)]
    for low, high in pairwise(edges):
        if counts[low:high].sum():
            yield low, high


def _by_day(facts: Sequence[Fact]) -> Mapping[int, list[Fact]]:
    days: dict[int, list[Fact]] = {}
    for fact in distinct(facts):
        days.setdefault(epoch_us(fact.time) // 1000 // DAY_MS, []).append(fact)
    return days
