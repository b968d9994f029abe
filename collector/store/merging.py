"""Many small parts as few large ones: which of them, and how, with one stretch of links in memory at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np

from collector.store.answers import distinct
from collector.store.manifest import DAY_MS, ROLLUPS, Change, Kind, Part
from collector.store.parts import (
    links_of,
    read_facts,
    read_rollup,
    read_whole,
    write_facts,
    write_rollup,
    write_samples,
)
from collector.store.quarantine import check_whole
from collector.store.rollups import newest_of
from collector.store.rows import IntArray, concatenated, settled

PART_ROWS: dict[Kind, int] = {
    Kind.SAMPLES: 300_000,
    Kind.FACTS: 100_000,
    Kind.HOURS: 500_000,
    Kind.DAYS: 50_000,
}
"""A part holds about so many rows, at most: it bounds the memory of whoever writes it, and lets the manifest tell
which links need which files."""

Generation = list[Part]
"""The parts of one span of the journal, cut by link."""


def generations(parts: Iterable[Part]) -> list[Generation]:
    """Parts of one kind by generation, in the order in which they were written: a later one prevails."""
    found: dict[tuple[int, int, int], Generation] = {}
    for part in sorted(parts, key=lambda part: (part.last, part.first, part.day, part.slice)):
        found.setdefault((part.last, part.first, part.day), []).append(part)
    return list(found.values())


def merge_from(sizes: Sequence[int], *, closed: bool, patience: int = 1) -> int:
    """From which on the generations of a day (month), given by rows in their order, are merged into one.

    In an open day a part is merged with those after it once they are half its size together and at least `patience`:
    few parts, and each row rewritten a few times a day. A closed day becomes one, unless what came late is a trifle
    (below 1 %).
    """
    if closed and len(sizes) > 1 and (len(sizes) > 4 or sum(sizes[1:]) * 100 >= sizes[0]):
        return 0
    start, rows = len(sizes) - 1, sum(sizes[-1:])
    while start > 0 and sizes[start - 1] < 2 * rows:
        start -= 1
        rows += sizes[start]
    return start if len(sizes) - start > patience else max(len(sizes) - 1, 0)


def cuts(counts: IntArray, rows: int) -> Iterator[tuple[int, int]]:
    """Stretches [low, high) of link codes with about the same number of rows, at most about `rows`; a link, of which
    `counts` tells the rows, is never cut."""
    total = int(counts.sum())
    stretch = np.maximum(np.cumsum(counts) - 1, 0) * -(-total // rows) // max(total, 1)
    edges = [0, *(np.flatnonzero(np.diff(stretch)) + 1).tolist(), len(counts)]
    for low, high in pairwise(edges):
        if counts[low:high].any():
            yield low, high


def stretches(parts: Sequence[Part], folder: Path) -> Iterator[list[str]]:
    """The links (subjects) of parts of one kind, ascending by name, so many at a time as make a part."""
    kind = parts[0].kind
    counts = links_of([folder / part.name for part in parts], "subject" if kind is Kind.FACTS else "link")
    names = list(counts)
    for low, high in cuts(np.fromiter(counts.values(), np.int64), PART_ROWS[kind]):
        yield names[low:high]


def holding(parts: Iterable[Part], names: Sequence[str]) -> list[Part]:
    """Those parts that may hold any of these links, ascending by name."""
    return [part for part in parts if part.first_key <= names[-1] and part.last_key >= names[0]]


def merged_span(old: Sequence[Part]) -> tuple[int, int, int]:
    """First and last journal entry of parts that are merged, and the first free slice of that span.

    One of them may have the whole span already: the others were set aside once and have been taken back.
    """
    first, last = min(part.first for part in old), max(part.last for part in old)
    return first, last, max((part.slice + 1 for part in old if (part.first, part.last) == (first, last)), default=0)


def merge(old: Sequence[Part], folder: Path) -> Change:
    """Generations of one kind, in their order, as one. Raises DamagedError when a part is not whole."""
    check_whole(folder, old)
    first, last, free = merged_span(old)
    day = min(part.day for part in old)
    days = max(part.day + part.days for part in old) - day
    new = []
    for number, names in enumerate(stretches(old, folder), free):
        held = holding(old, names)
        if old[0].kind in ROLLUPS:
            rollups = [read_rollup(folder / part.name, names, names[0], names[-1]) for part in held]
            new.append(write_rollup(newest_of(rollups), folder, day, days, first, last, number))
        elif old[0].kind is Kind.FACTS:
            facts = read_facts([folder / part.name for part in held], names, 0, (day + 1) * DAY_MS * 1000, ())
            new.append(write_facts(distinct(facts), folder, day, first, last, number))
        else:
            tables = [read_whole(folder / part.name, names, names[0], names[-1], part.fields) for part in held]
            new.append(write_samples(settled(concatenated(tables)), folder, day, first, last, number))
    return Change(old, new)
