"""One consistent look at the embedded store: a manifest, and all that the journal holds beyond it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from collector.model import FIELDS, Fact, Source
from collector.store.manifest import DAY_MS, Kind, Manifest, Part
from collector.store.rows import SOURCES, Rows, concatenated, merged
from collector.store.scan import Outlines, naming

_FOREVER_MS = 1 << 62


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """`tail` and `said` are the journal's rows and facts, in the order in which they were written. Methods block, and
    raise FileNotFoundError when a part was merged away meanwhile: look again."""

    manifest: Manifest
    tail: Sequence[Rows]
    said: Sequence[Fact]
    folder: Path
    outlines: Outlines

    def recent(self, links: Sequence[str], start: int, end: int) -> list[Rows]:
        """The journal's rows of these links with start <= time < end; codes are positions in `links`."""
        return [rows for run in self.tail if len(rows := run.named(links).between(start, end))]

    def rows(self, links: Sequence[str], fields: Sequence[str] | None, start: int, end: int) -> Mapping[Source, Rows]:
        """Merged rows of these links with start <= time < end (epoch milliseconds), of each source that has any; all
        fields when None. Link codes are positions in `links`, which must be distinct."""
        parts = pruned(self.manifest.parts, (Kind.SAMPLES,), links, start, end)
        tables = self.sealed(parts, links, fields, start, end)
        return by_source([*tables, *(only(run, fields) for run in self.recent(links, start, end))], links)

    def newest(self, links: Sequence[str], source: Source, since: int) -> Rows:
        """What the parts hold of these links from one source with time >= since, in the order of writing."""
        parts = pruned(self.manifest.parts, (Kind.SAMPLES,), links, since, _FOREVER_MS)
        tables = self.sealed(parts, links, None, since, _FOREVER_MS) if parts else []
        rows = concatenated(tables)
        return rows.take(rows.source == SOURCES.index(source))

    def sealed(
        self, parts: Sequence[Part], links: Sequence[str], fields: Sequence[str] | None, start: int, end: int
    ) -> list[Rows]:
        """What these parts hold of the links with start <= time < end, in the order in which it was written."""
        from collector.store.parts import read_samples

        span = None if all(start <= part.start and part.end < end for part in parts) else (start, end)
        present = {name for part in parts for name in part.fields}
        wanted = [name for name in dict.fromkeys(FIELDS if fields is None else fields) if name in present]
        paths = [self.folder / part.name for part in parts]
        with naming(paths):
            return read_samples(paths, links, span, wanted)


def by_source(tables: Sequence[Rows], links: Sequence[str]) -> Mapping[Source, Rows]:
    """Tables in the order in which they were written, merged, by source; sources without rows are left out."""
    found = {}
    for code, source in enumerate(SOURCES):
        some = [table.take(mask) for table in tables if (mask := table.source == code).any()]
        if some:
            found[source] = merged(replace(concatenated(some), names=tuple(links)))
    return found


def only(rows: Rows, fields: Sequence[str] | None) -> Rows:
    """The rows with these fields only."""
    if fields is None:
        return rows
    return replace(rows, fields={name: rows.fields[name] for name in dict.fromkeys(fields) if name in rows.fields})


def pruned(parts: Sequence[Part], kinds: Collection[Kind], keys: Sequence[str], start: int, end: int) -> list[Part]:
    """Parts that may hold rows of these links (subjects) with start <= time < end, in the journal's order."""
    if not keys:
        return []
    ascending = np.array(sorted(keys), dtype=object)
    chosen = [part for part in parts if part.kind in kinds and part.start < end and part.end >= start]
    # Of each part: is there a key from its first on that is not beyond its last?
    at = np.searchsorted(ascending, np.array([part.first_key for part in chosen], dtype=object))
    chosen = [
        part
        for part, place in zip(chosen, at.tolist(), strict=True)
        if place < len(ascending) and ascending[place] <= part.last_key
    ]
    return sorted(chosen, key=lambda part: (part.first, part.slice))


def days_of(tables: Sequence[Rows]) -> set[int]:
    """UTC days (counted from 1970) of which these tables have rows."""
    found: set[int] = set()
    for rows in tables:
        if len(rows):
            days = rows.time // DAY_MS
            lowest = int(days.min())
            found.update((np.flatnonzero(np.bincount(days - lowest)) + lowest).tolist())
    return found
