"""Writes evidence and performance reports of an installation into a folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from config.errors import ConfigurationError, NotFoundError
from service.installation import Installation
from triage import repository


def read_formats(text: str, known: Sequence[str]) -> tuple[str, ...]:
    """`html,pdf` as names. Raises ConfigurationError (usage) for one that this report does not have."""
    wanted = tuple(part.strip() for part in text.split(",") if part.strip())
    wrong = [name for name in wanted if name not in known]
    if wrong or not wanted:
        raise ConfigurationError(f"--format {text!r}: choose any of {','.join(known)}")
    return wanted


async def write_evidence(installation: Installation, case_id: str, out: Path, formats: Sequence[str]) -> list[Path]:
    """The evidence report of a case's newest pack. Raises NotFoundError."""
    from reports.evidence import ReportRenderer

    async with installation.database.reading() as connection:
        case = await repository.case_by_id(connection, case_id)
    if case.evidence_sha256 is None:
        raise NotFoundError(f"{case_id} has no evidence yet")
    files = await ReportRenderer().render(installation.evidence.get(case.evidence_sha256), case_id)
    return _written(out, [(file.name, file.content) for file in files if file.name.rpartition(".")[2] in formats])


def _written(out: Path, files: Sequence[tuple[str, bytes]]) -> list[Path]:
    out.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, content in files:
        path = out / name
        path.write_bytes(content)
        paths.append(path)
    return paths
