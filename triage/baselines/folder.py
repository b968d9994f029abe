"""The versions of an installation's baselines: a folder of files named by their content, and a manifest of versions."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import polars as pl

from collector.store.manifest import replace_file
from triage.baselines.table import BaselineError, StoredBaselines, TableFile, Version, encoded
from triage.detection.habits import DAY
from triage.evidence import canonical_json

FORMAT = 1
MANIFEST = "manifest.json"


class BaselineFolder:
    """Reads the manifest anew when it has changed, so that each process sees what another one has published."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._stamp = (0, 0)
        self._versions: tuple[StoredBaselines, ...] = ()
        self._known: tuple[Version, ...] = ()

    def newest(self) -> StoredBaselines | None:
        """The one that a sweep uses. Raises BaselineError."""
        versions = self._current()
        return versions[-1] if versions else None

    def before(self, moment_ms: int, taught_by: str) -> StoredBaselines | None:
        """The newest that was learnt by such a policy from samples before this moment only: what is judged must not
        teach what it is judged by. Raises BaselineError."""
        fit = (one for one in reversed(self._current()) if one.until <= moment_ms and one.taught_by == taught_by)
        return next(fit, None)

    def versions(self) -> Sequence[Version]:
        """All that are kept, ascending by time. Raises BaselineError."""
        self._current()
        return self._known

    def put(self, frame: pl.DataFrame) -> TableFile:
        """Write one file of a version that is being made. Raises StoreError."""
        name, content = encoded(frame)
        self._folder.mkdir(parents=True, exist_ok=True)
        if not (self._folder / name).exists():
            replace_file(self._folder / name, content)
        links = frame["link"]
        return TableFile(name, str(links[0]), str(links[-1]))

    def publish(self, files: Sequence[TableFile], until: int, taught_by: str, kept_days: float) -> Version:
        """Make these files the newest version, and remove those that are older by more than `kept_days`.

        The same samples and policy make the same version. Raises BaselineError and StoreError.
        """
        made_of = {"until": until, "taught_by": taught_by, "files": [file.name for file in files]}
        digest = "sha256:" + hashlib.sha256(canonical_json(made_of)).hexdigest()
        version = Version(digest, until, taught_by, tuple(files))
        others = [one for one in self.versions() if one.name != digest and one.until >= until - kept_days * DAY]
        kept = sorted((*others, version), key=lambda one: one.until)
        document = {"format": FORMAT, "versions": [asdict(one) for one in kept]}
        self._folder.mkdir(parents=True, exist_ok=True)
        replace_file(self._folder / MANIFEST, canonical_json(document))
        self._remove_strays({file.name for one in kept for file in one.files})
        return version

    def _remove_strays(self, named: set[str]) -> None:
        """Files of versions that are gone, and what a killed night left."""
        for path in self._folder.glob("*.parquet*"):
            if path.name not in named:
                path.unlink(missing_ok=True)

    def _current(self) -> tuple[StoredBaselines, ...]:
        path = self._folder / MANIFEST
        try:
            state = path.stat()
            stamp = (state.st_mtime_ns, state.st_ino)
            if stamp != self._stamp:
                self._known = _versions_of(path.read_bytes())
                self._versions = tuple(StoredBaselines(self._folder, one) for one in self._known)
                self._stamp = stamp
        except FileNotFoundError:
            self._stamp, self._known, self._versions = (0, 0), (), ()
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise BaselineError(
                f"{path} cannot be read: {error!r}; remove it, and the next night's baselines begin anew"
            ) from error
        return self._versions


def _versions_of(content: bytes) -> tuple[Version, ...]:
    document = json.loads(content)
    if document["format"] != FORMAT:
        raise ValueError(f"format {document['format']} instead of {FORMAT}")
    return tuple(
        Version(one["name"], one["until"], one["taught_by"], tuple(TableFile(**file) for file in one["files"]))
        for one in document["versions"]
    )
