"""Evidence packs at rest: files named by their own SHA-256, so that writing one twice is harmless."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from config.errors import LineproofError, NotFoundError
from triage.evidence import EvidencePack

MANY = 100
"""From so many packs on the disk is told once, by a sync of all that it has to write."""


class EvidenceFolder:
    """Packs live here as long as the case that rests on them; samples in them do not expire with the raw ones."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, pack: EvidencePack) -> Path:
        """Write a pack durably: the file is whole or absent, whenever the process dies. Raises LineproofError."""
        path = self._path(pack.sha256)
        if not path.exists():
            with self._told(path):
                self._written(pack, flushed=True).replace(path)
        return path

    def put_all(self, packs: Sequence[EvidencePack]) -> None:
        """As `put`, of each. Of many the disk is told once: it takes longer to tell than to write."""
        fresh = {pack.sha256: pack for pack in packs if not self._path(pack.sha256).exists()}
        if len(fresh) < MANY:
            for pack in fresh.values():
                self.put(pack)
            return
        scratch: dict[Path, Path] = {}
        try:
            for pack in fresh.values():
                path = self._path(pack.sha256)
                with self._told(path):
                    scratch[path] = self._written(pack, flushed=False)
            os.sync()
            for path, written in scratch.items():
                with self._told(path):
                    written.replace(path)
        except LineproofError:
            for written in scratch.values():
                written.unlink(missing_ok=True)
            raise

    def _written(self, pack: EvidencePack, *, flushed: bool) -> Path:
        """The pack's content in a file beside its own."""
        path = self._path(pack.sha256)
        scratch = path.with_suffix(f".{os.getpid()}.tmp")
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with scratch.open("wb") as file:
                file.write(pack.content)
                file.flush()
                if flushed:
                    os.fsync(file.fileno())
        except OSError:
            with suppress(OSError):
                scratch.unlink(missing_ok=True)
            raise
        return scratch

    @contextmanager
    def _told(self, path: Path) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise LineproofError(
                f"the evidence pack {path} cannot be written: {error.strerror}; free disk space or give us the folder",
                retryable=True,
            ) from error

    def get(self, sha256: str) -> EvidencePack:
        """Raises NotFoundError, and LineproofError for a pack whose content no longer has its name's digest."""
        path = self._path(sha256)
        try:
            pack = EvidencePack(path.read_bytes(), sha256)
        except FileNotFoundError:
            raise NotFoundError(
                f"no evidence pack {sha256[:16]}... in {self._folder}; restore it from a backup"
            ) from None
        if not pack.intact:
            raise LineproofError(f"{path} was changed after it was written; restore it from a backup")
        return pack

    def _path(self, sha256: str) -> Path:
        return self._folder / sha256[:2] / f"{sha256}.json"
