"""The list of parts that make up the embedded store, replaced atomically: what it names exists, whole and synced."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import date, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any

from collector import claim
from collector.store.port import StoreError

FORMAT = 2
DAY_MS = 86_400_000
CURSOR = "parts"
"""The sealer's cursor in the journal."""


class Kind(StrEnum):
    SAMPLES = "samples"
    FACTS = "facts"
    HOURS = "hours"
    DAYS = "days"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One immutable Parquet file: rows of `days` UTC days from `day` on that the journal entries first..last held.

    Samples and facts are of one day, roll-ups of up to a calendar month. Of one identity in several roll-up parts the
    row of the part with the higher `last` stays. `slice` counts the files of one day and range, cut by link. `start`
    and `end` are the first and the last time in it (epoch milliseconds, both inside; of roll-ups the beginnings of
    buckets); `first_key` and `last_key` the first and last link (of facts: subject). `fields` names the measurement
    fields that anything in it measured (of roll-ups: what is rolled up): nothing else needs to be read. `plain`: of
    samples, no (link, source, time) stands twice in it.
    """

    kind: Kind
    day: int
    first: int
    last: int
    slice: int
    rows: int
    size: int
    sha256: str
    start: int
    end: int
    first_key: str
    last_key: str
    fields: tuple[str, ...] = ()
    days: int = 1
    plain: bool = False

    @property
    def name(self) -> str:
        return part_name(self.kind, self.day, self.first, self.last, self.slice)


RAW = (Kind.SAMPLES, Kind.FACTS)
ROLLUPS = (Kind.HOURS, Kind.DAYS)


def part_name(kind: Kind, day: int, first: int, last: int, number: int) -> str:
    """The file's name; the same input makes the same name, so that work repeated after a crash repeats in place."""
    return f"{kind}-{day_text(day)}-{first:012d}-{last:012d}-{number:04d}.parquet"


_RAW_NAME = re.compile(r"(?:samples|facts)-.{10}-\d{12}-(\d{12})-\d{4}\.parquet(?:\.new)?")


def last_entry(name: str) -> int:
    """The last journal entry that a file of raw parts holds, by its name; 0 for any other file."""
    found = _RAW_NAME.fullmatch(name)
    return int(found[1]) if found else 0


@functools.lru_cache(maxsize=2048)
def day_text(day: int) -> str:
    """A day counted from 1970 as YYYY-MM-DD."""
    return (date(1970, 1, 1) + timedelta(days=day)).isoformat()


@dataclass(frozen=True, slots=True)
class Rolled:
    """A day has roll-ups of all that the journal entries up to `last` held, made at `at` (epoch milliseconds).

    `final`: its raw samples have expired since, so that what comes late is no longer rolled up.
    """

    last: int
    at: int
    final: bool = False


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A part that was found damaged or missing at `at` (epoch milliseconds) and is no longer read, and why."""

    part: Part
    reason: str
    at: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """`position` is the journal entry up to which everything is in the parts.

    `rolled` tells by day what its roll-ups hold. `upkeep_at` is when the store was last looked after, `held_until`
    the time before which nothing expires (epoch milliseconds, 0 for never), `scrubbed` the name of the part that was
    checked last.
    """

    position: int
    parts: tuple[Part, ...]
    rolled: Mapping[int, Rolled] = field(default_factory=dict)
    quarantined: tuple[Quarantined, ...] = ()
    upkeep_at: int = 0
    held_until: int = 0
    scrubbed: str = ""

    def is_rolled(self, day: int) -> bool:
        """Whether the day's roll-ups hold all of its raw samples (which may have expired since)."""
        return day in self.rolled_days()

    def rolled_days(self) -> frozenset[int]:
        """All days of which `is_rolled` holds; one look at each part."""
        late = {
            part.day
            for part in self.parts
            if part.kind is Kind.SAMPLES and part.day in self.rolled and part.last > self.rolled[part.day].last
        }
        return frozenset(day for day, rolled in self.rolled.items() if rolled.final or day not in late)


@dataclass(frozen=True, slots=True)
class Change:
    """Parts that take the place of others, and what the days then have roll-ups of."""

    old: Sequence[Part] = ()
    new: Sequence[Part] = ()
    rolled: Mapping[int, Rolled] = field(default_factory=dict)

    def of(self, manifest: Manifest) -> Manifest:
        """The manifest after this change."""
        days, gone = {part.day for part in self.old}, {part.name for part in self.old}
        kept = [part for part in manifest.parts if part.day not in days or part.name not in gone]
        return replace(manifest, parts=(*kept, *self.new), rolled={**manifest.rolled, **self.rolled})


def read_manifest(path: Path) -> Manifest:
    """The manifest at `path`; an empty one when there is none. Raises StoreError when it is damaged."""
    try:
        document = json.loads(path.read_bytes())
        if document["format"] != FORMAT:
            advice = "update Lineproof" if int(document["format"]) > FORMAT else _ADVICE
            raise StoreError(f"{path} has format {document['format']}; this version reads {FORMAT}: {advice}")
        aside = document["quarantined"]
        return Manifest(
            position=int(document["position"]),
            parts=_parts(document["parts"], document["field_sets"]),
            rolled={int(day): Rolled(*rolled) for day, rolled in document["rolled"].items()},
            quarantined=tuple(
                map(Quarantined, _parts(aside["parts"], document["field_sets"]), aside["reasons"], aside["at"])
            ),
            upkeep_at=int(document["upkeep_at"]),
            held_until=int(document["held_until"]),
            scrubbed=str(document["scrubbed"]),
        )
    except FileNotFoundError:
        return Manifest(0, ())
    except OSError as error:
        raise StoreError(f"{path} cannot be read: {error.strerror}; check the folder's rights") from error
    except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        raise StoreError(
            f"{path} is damaged ({error}); restore it from a copy, or make it anew: `lineproof store verify --rebuild`"
        ) from error


_ADVICE = (
    "write the samples out with the version of Lineproof that wrote it (`lineproof store export`), and let this one "
    "begin in an empty folder"
)


def write_manifest(path: Path, manifest: Manifest) -> None:
    """Replace the manifest: after a crash either the old or the new one is there.

    Parts are written as columns: of 30,000 of them, a year of a large fleet, that is a third of the bytes and time.
    """
    aside = [one.part for one in manifest.quarantined]
    sets = {fields: number for number, fields in enumerate({part.fields: None for part in (*manifest.parts, *aside)})}
    document = {
        "format": FORMAT,
        "position": manifest.position,
        "upkeep_at": manifest.upkeep_at,
        "held_until": manifest.held_until,
        "scrubbed": manifest.scrubbed,
        "rolled": {str(day): [rolled.last, rolled.at, rolled.final] for day, rolled in manifest.rolled.items()},
        "field_sets": list(sets),
        "quarantined": {
            "reasons": [one.reason for one in manifest.quarantined],
            "at": [one.at for one in manifest.quarantined],
            "parts": _columns(aside, sets),
        },
        "parts": _columns(manifest.parts, sets),
    }
    replace_file(path, json.dumps(document, separators=(",", ":")).encode())


_NAMES = tuple(one.name for one in fields(Part))


def _columns(parts: Sequence[Part], sets: Mapping[tuple[str, ...], int]) -> dict[str, list[Any]]:
    columns: dict[str, list[Any]] = {name: [getattr(part, name) for part in parts] for name in _NAMES}
    return {**columns, "fields": [sets[part.fields] for part in parts]}


def _parts(columns: Mapping[str, list[Any]], sets: Sequence[Sequence[str]]) -> tuple[Part, ...]:
    tuples, kinds = [tuple(one) for one in sets], {str(kind): kind for kind in Kind}
    ready = {
        **columns,
        "kind": [kinds[kind] for kind in columns["kind"]],
        "fields": [tuples[number] for number in columns["fields"]],
    }
    rows = zip(*(ready[name] for name in _NAMES), strict=True)
    return tuple(Part(**dict(zip(_NAMES, row, strict=True))) for row in rows)


def replace_file(path: Path, content: bytes) -> None:
    """Write `path` atomically and durably; where that fails, the old file is there and nothing else."""
    write_file(path, content)
    with translated(path):
        sync_folder(path.parent)


def write_file(path: Path, content: bytes | memoryview) -> None:
    """As `replace_file`, but that the name is durable only when the folder has been synced."""
    beside = path.with_name(path.name + ".new")
    with translated(path):
        try:
            with beside.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(path)
        except OSError:
            beside.unlink(missing_ok=True)
            raise


def sync_folder(folder: Path) -> None:
    """Make renames in `folder` durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextlib.contextmanager
def maintaining(folder: Path) -> Iterator[None]:
    """Be the only one, in any process, that changes the parts of the store in `folder`. Raises StoreError.

    The system lets go of the lock when a process dies.
    """
    with translated(folder):
        try:
            lock = claim.locked(folder / "writer.lock")
        except claim.ClaimedError as error:
            raise StoreError(
                f"{folder} is being maintained by process {error.process or 'unknown'}; let only one process maintain "
                "a store, or try again when it is done",
                retryable=True,
            ) from None
    try:
        yield
    finally:
        os.close(lock)


@contextlib.contextmanager
def translated(path: Path) -> Iterator[None]:
    """OSError on a file of the store as StoreError; worth trying again, since disks are freed."""
    try:
        yield
    except OSError as error:
        advice = f"{path} cannot be written: {error.strerror}; free disk space or check the folder's rights"
        raise StoreError(advice, retryable=True) from error
