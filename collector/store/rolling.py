"""A closed day's samples into its roll-ups, with one stretch of links in memory at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from collector.store.manifest import ROLLUPS, Change, Kind, Manifest, Part, Rolled
from collector.store.merging import PART_ROWS, generations, holding, merged_span, stretches
from collector.store.parts import links_of, read_samples, read_whole, write_rollup, write_samples
from collector.store.quarantine import check_whole, has_rollups, holes
from collector.store.rollups import DOWN, HOUR_MS, ROLLED, SAMPLES, UP, Rollup, newest_of, rolled_days, rolled_hours
from collector.store.rows import Rows, concatenated, merged, settled

AGAIN_AFTER_MS = HOUR_MS
"""A day's roll-ups are made again at most so often, however many rows come late."""
_LINKS_AT_ONCE = 200


def late_parts(parts: Iterable[Part], rolled: Rolled) -> list[Part]:
    """Those of a day's raw parts whose rows came after its roll-ups were made."""
    return [part for part in parts if part.last > rolled.last]


def is_due(rolled: Rolled, now_ms: int) -> bool:
    """Whether a day for which rows came late may be rolled up again; at once when the clock went back since."""
    return not 0 <= now_ms - rolled.at < AGAIN_AFTER_MS


def roll_day(manifest: Manifest, folder: Path, day: int, now_ms: int) -> Change:
    """Roll-ups of a closed day that has none, or, where rows came late, of the links that they belong to.

    Several generations of samples of a day without roll-ups become one on the way, for they are read once only.
    Raises DamagedError when a part is not whole.
    """
    found = generations(part for part in manifest.parts if part.kind is Kind.SAMPLES and part.day == day)
    parts = [part for one in found for part in one]
    before = manifest.rolled.get(day)
    merging = before is None and len(found) > 1
    if before is None:
        check_whole(folder, parts)
        tables = _whole_day(parts, folder)
    else:
        late = late_parts(parts, before)
        touched = list(links_of([folder / part.name for part in late])) if late else []
        needed = [part for part in parts if touched and holding([part], touched)]
        check_whole(folder, needed)
        tables = _of_links(needed, folder, touched)
    again, lost = has_rollups(manifest, day), holes(manifest, day)
    version = max(manifest.position, 1 + newest_version(manifest))
    new: list[Part] = []
    samples: list[Part] = []
    waiting: dict[Kind, list[Rollup]] = {kind: [] for kind in ROLLUPS}
    numbers = dict.fromkeys(ROLLUPS, 0)

    def write(kind: Kind) -> None:
        if waiting[kind]:
            rollup = newest_of(waiting[kind])
            new.append(write_rollup(rollup, folder, day, 1, version, version, numbers[kind]))
            numbers[kind] += 1
            waiting[kind] = []

    for table in tables:
        if merging:
            first, last, free = merged_span(parts)
            samples.append(write_samples(settled(table), folder, day, first, last, free + len(samples)))
        rows = merged(without_links(table, lost))
        if len(rows):
            for kind, roll in ((Kind.HOURS, rolled_hours), (Kind.DAYS, rolled_days)):
                rollup = roll(rows)
                waiting[kind].append(with_zeros(rollup) if again else rollup)
                if sum(map(len, waiting[kind])) >= PART_ROWS[kind]:
                    write(kind)
    for kind in ROLLUPS:
        write(kind)
    return Change(parts if merging else (), [*samples, *new], rolled={day: Rolled(manifest.position, now_ms)})


def newest_version(manifest: Manifest) -> int:
    """The highest `last` of any roll-up, also of those that were set aside: a new one must stand after all of them."""
    parts = (*manifest.parts, *(one.part for one in manifest.quarantined))
    return max((part.last for part in parts if part.kind in ROLLUPS), default=0)


def _whole_day(parts: Sequence[Part], folder: Path) -> Iterator[Rows]:
    for names in stretches(parts, folder) if parts else ():
        held = holding(parts, names)
        yield concatenated([read_whole(folder / part.name, names, names[0], names[-1], part.fields) for part in held])


def _of_links(parts: Sequence[Part], folder: Path, links: Sequence[str]) -> Iterator[Rows]:
    for first in range(0, len(links), _LINKS_AT_ONCE):
        names = links[first : first + _LINKS_AT_ONCE]
        held = holding(parts, names)
        fields = list(dict.fromkeys(name for part in held for name in part.fields))
        yield concatenated(read_samples([folder / part.name for part in held], names, None, fields))


def without_links(rows: Rows, spans: Sequence[tuple[str, str]]) -> Rows:
    """Rows without those of links that lie in any of these spans (first and last name, both inside)."""
    if not spans or not len(rows):
        return rows
    lost = np.array([any(first <= name <= last for first, last in spans) for name in rows.names])
    return rows.take(~lost[rows.link])


def with_zeros(rollup: Rollup) -> Rollup:
    """A roll-up that says of every bucket with samples how many seconds it was up and down, also when none.

    Where a day is rolled up again, late rows may have made "up" of "down": the zero takes the place of the old row.
    """
    counted = rollup.take(rollup.field == ROLLED.index(SAMPLES))
    none = np.zeros(len(counted))
    zeros = [
        replace(
            counted,
            field=np.full(len(counted), ROLLED.index(name), np.int8),
            count=none.astype(np.int32),
            total=none,
        )
        for name in (UP, DOWN)
    ]
    return newest_of([*zeros, rollup])
