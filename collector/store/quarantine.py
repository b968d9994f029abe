"""Parts that are damaged or missing: found by their SHA-256, set aside, and taken back when they are whole again.

The manifest is replaced first: from then on nobody reads the part. Its file is moved to the folder `quarantine` beside
`parts`. Whoever has a good copy puts it into `parts` under its name; the next maintenance takes it back.
"""

from __future__ import annotations

import errno
import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import structlog

from collector.store.manifest import (
    ROLLUPS,
    Kind,
    Manifest,
    Part,
    Quarantined,
    day_text,
    maintaining,
    read_manifest,
    sync_folder,
    translated,
    write_manifest,
)
from collector.store.port import StoreError

log = structlog.get_logger()

SCRUBBED_BYTES = 64 << 20
"""So much is checked by each run of maintenance, in turn."""


class DamagedError(StoreError):
    """A part that is not what the manifest says."""

    def __init__(self, part: Part, reason: str) -> None:
        super().__init__(f"the part {part.name} {reason}; put a good copy into its place, if there is one")
        self.part, self.reason = part, reason


def damage(folder: Path, part: Part) -> str | None:
    """What is wrong with a part's file, if anything. Raises StoreError when that cannot be told now."""
    path = folder / part.name
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return "is missing"
    except OSError as error:
        if error.errno == errno.EIO:
            return "cannot be read: the disk reports an error"
        advice = f"{path} cannot be read: {error.strerror}; check the folder's rights"
        raise StoreError(advice, retryable=True) from error
    return None if digest == part.sha256 else "was changed or damaged: its SHA-256 is not the manifest's"


def check_whole(folder: Path, parts: Sequence[Part]) -> None:
    """Raise DamagedError for the first of these parts that is not whole."""
    for part in parts:
        if reason := damage(folder, part):
            raise DamagedError(part, reason)


def set_aside(manifest: Manifest, part: Part, reason: str, at: int) -> Manifest:
    """The manifest without a damaged part, which it names as quarantined.

    A raw part's day keeps the roll-ups that it has. A damaged roll-up is made again where the raw samples are there.
    """
    rolled = {
        day: state
        for day, state in manifest.rolled.items()
        if part.kind not in ROLLUPS or state.final or not part.day <= day < part.day + part.days
    }
    return replace(
        manifest,
        parts=tuple(other for other in manifest.parts if other != part),
        rolled=rolled,
        quarantined=(*manifest.quarantined, Quarantined(part, reason, at)),
    )


def taken_back(manifest: Manifest, part: Part) -> Manifest:
    """The manifest with a quarantined part again; its day is rolled up once more, if it was in the meantime."""
    rolled = {
        day: state
        for day, state in manifest.rolled.items()
        if part.kind is not Kind.SAMPLES or state.final or day != part.day
    }
    return replace(
        manifest,
        parts=(*manifest.parts, part),
        rolled=rolled,
        quarantined=tuple(one for one in manifest.quarantined if one.part != part),
    )


def has_rollups(manifest: Manifest, day: int) -> bool:
    """Whether any part has roll-ups of this day, or of days around it."""
    return any(part.kind in ROLLUPS and part.day <= day < part.day + part.days for part in manifest.parts)


def holes(manifest: Manifest, day: int) -> list[tuple[str, str]]:
    """First and last link of each quarantined part of a day's samples, where earlier roll-ups may know more than the
    samples that are left."""
    earlier = has_rollups(manifest, day)
    return [
        (one.part.first_key, one.part.last_key)
        for one in manifest.quarantined
        if earlier and one.part.kind is Kind.SAMPLES and one.part.day == day
    ]


def move_aside(parts: Path, name: str) -> None:
    """Put a part's file into `quarantine`, where it may be looked at; a missing one stays missing."""
    folder = parts.with_name("quarantine")
    with translated(folder):
        folder.mkdir(exist_ok=True)
        try:
            (parts / name).replace(folder / name)
        except FileNotFoundError:
            return
        sync_folder(folder)


def report(part: Part, reason: str) -> None:
    log.error(
        "store_part_quarantined",
        part=part.name,
        reason=reason,
        kind=str(part.kind),
        day=day_text(part.day),
        rows=part.rows,
        links=f"{part.first_key} to {part.last_key}",
    )


def quarantine(folder: Path, damaged: Sequence[tuple[Part, str]], now_ms: int) -> Sequence[Part]:
    """Set parts of the store in `folder` aside, each for its reason; those that were still named and so went.

    Raises StoreError, also when another process maintains the store.
    """
    with maintaining(folder):
        manifest = read_manifest(folder / "manifest.json")
        gone = []
        for part, reason in damaged:
            if part in manifest.parts:
                manifest = set_aside(manifest, part, reason, now_ms)
                gone.append((part, reason))
        if gone:
            write_manifest(folder / "manifest.json", manifest)
        for part, reason in gone:
            report(part, reason)
            move_aside(folder / "parts", part.name)
        return [part for part, _ in gone]


def to_scrub(manifest: Manifest) -> list[Part]:
    """The parts to be checked next: in order of their names from the one checked last, round and round."""
    if not manifest.parts:
        return []
    named = sorted((part.name, part) for part in manifest.parts)
    after = sum(name <= manifest.scrubbed for name, _ in named)
    chosen: list[Part] = []
    size = 0
    for _, part in named[after:] + named[:after]:
        if chosen and size + part.size > SCRUBBED_BYTES:
            break
        chosen.append(part)
        size += part.size
    return chosen
