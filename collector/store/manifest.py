"""The list of parts that make up the embedded store, replaced atomically: what it names exists, whole and synced."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from enum import StrEnum
from pathlib import Path

from collector.store.port import StoreError

FORMAT = 1
DAY_MS = 86_400_000
CURSOR = "parts"
"""The sealer's cursor in the journal."""


class Kind(StrEnum):
    SAMPLES = "samples"
    FACTS = "facts"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One immutable Parquet file: rows of one UTC day that the journal entries first..last held.

    `slice` counts the files of one day and range, cut by link. `start` and `end` are the first and the last time in
    it (epoch milliseconds, both inside); `first_key` and `last_key` the first and last link (of facts: subject).
    `fields` names the measurement fields that anything in it measured: nothing else needs to be read.
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

    @property
    def name(self) -> str:
        return part_name(self.kind, self.day, self.first, self.last, self.slice)


def part_name(kind: Kind, day: int, first: int, last: int, number: int) -> str:
    """The file's name; the same input makes the same name, so that work repeated after a crash repeats in place."""
    return f"{kind}-{day_text(day)}-{first:012d}-{last:012d}-{number:04d}.parquet"


def day_text(day: int) -> str:
    """A day counted from 1970 as YYYY-MM-DD."""
    return (date(1970, 1, 1) + timedelta(days=day)).isoformat()


@dataclass(frozen=True, slots=True)
class Manifest:
    """`position` is the journal entry up to which everything is in the parts."""

    position: int
    parts: tuple[Part, ...]


def read_manifest(path: Path) -> Manifest:
    """The manifest at `path`; an empty one when there is none. Raises StoreError when it is damaged."""
    try:
        document = json.loads(path.read_bytes())
        if document["format"] != FORMAT:
            raise StoreError(f"{path} has format {document['format']}; this version reads {FORMAT}: update Lineproof")
        parts = tuple(
            Part(**{**part, "kind": Kind(part["kind"]), "fields": tuple(part["fields"])}) for part in document["parts"]
        )
        return Manifest(int(document["position"]), parts)
    except FileNotFoundError:
        return Manifest(0, ())
    except OSError as error:
        raise StoreError(f"{path} cannot be read: {error.strerror}; check the folder's rights") from error
    except (ValueError, KeyError, TypeError) as error:
        raise StoreError(f"{path} is damaged ({error}); restore it from a copy") from error


def write_manifest(path: Path, manifest: Manifest) -> None:
    """Replace the manifest: after a crash either the old or the new one is there."""
    document = {
        "format": FORMAT,
        "position": manifest.position,
        "parts": [asdict(part) for part in manifest.parts],
    }
    replace_file(path, json.dumps(document, separators=(",", ":")).encode())


def replace_file(path: Path, content: bytes) -> None:
    """Write `path` atomically and durably."""
    with translated(path):
        beside = path.with_name(path.name + ".new")
        with beside.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
        sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make renames in `folder` durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextlib.contextmanager
def translated(path: Path) -> Iterator[None]:
    """OSError on a file of the store as StoreError; worth trying again, since disks are freed."""
    try:
        yield
    except OSError as error:
        advice = f"{path} cannot be written: {error.strerror}; free disk space or check the folder's rights"
        raise StoreError(advice, retryable=True) from error
