"""A manifest made anew from the parts themselves, where the one that was there is damaged or lost.

What makes it safe: the journal's cursor says durably up to which entry everything is in the parts, entries after it
are still in the journal, and samples and facts merge by identity, so that a part too many changes no answer. Samples
and facts that begin after the cursor are left out: their entries are sealed again. Roll-ups (whose numbers are versions
and no journal entries) are made again where samples are there, and stay as they are where these have expired.

What it cannot know is whether a part is still as it was written; its SHA-256 is taken as the file is now.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import polars as pl

from collector.model import FIELDS
from collector.store.embedded import EmbeddedStore
from collector.store.manifest import (
    CURSOR,
    DAY_MS,
    RAW,
    ROLLUPS,
    Kind,
    Manifest,
    Part,
    Rolled,
    maintaining,
    read_manifest,
    translated,
    write_manifest,
)
from collector.store.port import StoreError
from collector.store.quarantine import move_aside

_NAME = re.compile(r"(samples|facts|hours|days)-(\d{4}-\d{2}-\d{2})-(\d{12})-(\d{12})-(\d{4})\.parquet")


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """Parts that the new manifest names, and files that could not be read and were set aside."""

    parts: int
    unreadable: tuple[str, ...]


def rebuild_manifest(store: EmbeddedStore) -> Rebuilt:
    """Write a new manifest; the damaged one stays beside it as `manifest.json.damaged`.

    Raises StoreError when the manifest is whole, when the journal is not the one that belongs to the parts, or another
    process maintains the store.
    """
    with maintaining(store.folder):
        _refuse_whole(store.manifest_path)
        _refuse_foreign(store)
        position = store.journal.cursor(CURSOR)
        found: list[Part] = []
        unreadable: list[str] = []
        for path in sorted(store.parts_folder.glob("*.parquet")):
            match = _NAME.fullmatch(path.name)
            if match is None or (match[1] in RAW and int(match[3]) > position):
                continue
            try:
                found.append(_part(path, match))
            except (pl.exceptions.PolarsError, OSError, ValueError):
                unreadable.append(path.name)
        with translated(store.manifest_path):
            if store.manifest_path.exists():
                store.manifest_path.replace(store.manifest_path.with_name("manifest.json.damaged"))
        write_manifest(store.manifest_path, Manifest(position, tuple(found), rolled=dict(_rolled(found))))
        for name in unreadable:
            move_aside(store.parts_folder, name)
        return Rebuilt(len(found), tuple(unreadable))


def _refuse_whole(path: Path) -> None:
    if not path.exists():
        return
    try:
        read_manifest(path)
    except StoreError as error:
        if "has format" in str(error):
            raise
    else:
        raise StoreError(f"{path} is whole; nothing to rebuild. `lineproof store verify` checks the parts")


def _refuse_foreign(store: EmbeddedStore) -> None:
    """A journal that was made anew counts from 1 again: its cursor says nothing about these parts."""
    newest = max((int(match[4]) for match in _names(store.parts_folder) if match[1] in RAW), default=0)
    if newest > store.journal.position():
        raise StoreError(
            f"the parts in {store.parts_folder} hold journal entries up to {newest}, and the journal "
            f"{store.journal.path} has come to {store.journal.position()}: it is not theirs. Restore both from the "
            "same copy, or keep the parts elsewhere, where other tools can read them, and begin in an empty folder"
        )


def _names(folder: Path) -> Iterator[re.Match[str]]:
    return (match for path in folder.glob("*.parquet") if (match := _NAME.fullmatch(path.name)))


def _part(path: Path, match: re.Match[str]) -> Part:
    """What the manifest would say of a part, read from its file."""
    kind, day = Kind(match[1]), (date.fromisoformat(match[2]) - date(1970, 1, 1)).days
    frame = pl.read_parquet(path)
    key = frame["subject" if kind is Kind.FACTS else "link"]
    times = frame["time"].dt.epoch("ms")
    start, end = times.min(), times.max()
    if not isinstance(start, int) or not isinstance(end, int):
        raise ValueError(f"{path.name} is empty")
    if kind is Kind.SAMPLES:
        fields = tuple(name for name in FIELDS if name in frame.columns and frame[name].null_count() < len(frame))
    else:
        fields = tuple(sorted(frame["field"].unique())) if kind in ROLLUPS else ()
    content = path.read_bytes()
    return Part(
        kind=kind,
        day=day,
        first=int(match[3]),
        last=int(match[4]),
        slice=int(match[5]),
        rows=len(frame),
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        start=start,
        end=end,
        first_key=str(key[0]),
        last_key=str(key[-1]),
        fields=fields,
        days=max(1, end // DAY_MS - day + 1),
    )


def _rolled(parts: list[Part]) -> Iterator[tuple[int, Rolled]]:
    """Days whose samples have expired keep the roll-ups that they have; all others are rolled up again."""
    raw = {part.day for part in parts if part.kind is Kind.SAMPLES}
    for part in sorted(parts, key=lambda part: part.last):
        if part.kind in ROLLUPS:
            for day in range(part.day, part.day + part.days):
                if day not in raw:
                    yield day, Rolled(part.last, 0, final=True)
