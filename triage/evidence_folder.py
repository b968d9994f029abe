"""Evidence packs at rest: files named by their own SHA-256, so that writing one twice is harmless."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from config.errors import LineproofError, NotFoundError
from triage.evidence import EvidencePack


class EvidenceFolder:
    """Packs live here as long as the case that rests on them; samples in them do not expire with the raw ones."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, pack: EvidencePack) -> Path:
        """Write a pack durably: the file is whole or absent, whenever the process dies. Raises LineproofError."""
        path = self._path(pack.sha256)
        if path.exists():
            return path
        scratch = path.with_suffix(f".{os.getpid()}.tmp")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with scratch.open("wb") as file:
                file.write(pack.content)
                file.flush()
                os.fsync(file.fileno())
            scratch.replace(path)
        except OSError as error:
            with suppress(OSError):
                scratch.unlink(missing_ok=True)
            raise LineproofError(
                f"the evidence pack {path} cannot be written: {error.strerror}; free disk space or give us the folder",
                retryable=True,
            ) from error
        return path

    def put_all(self, packs: Sequence[EvidencePack]) -> None:
        """As `put`, of each."""
        for pack in packs:
            self.put(pack)

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
