"""Writes reports into a folder under names that stay the same."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from reports.html import html_page
from reports.model import Report, ReportError
from reports.pdf import pdf_document
from triage.evidence import EvidenceFile

FORMATS = ("html", "pdf", "json")


def report_files(report: Report, formats: Sequence[str] = FORMATS) -> tuple[EvidenceFile, ...]:
    """The report in each format named; `json` is what it was made from, where it has that. Raises ReportError."""
    files: list[EvidenceFile] = []
    name = file_name(report.id)
    if "html" in formats:
        files.append(EvidenceFile(f"{name}.html", "text/html", html_page(report).encode()))
    if "pdf" in formats:
        files.append(EvidenceFile(f"{name}.pdf", "application/pdf", pdf_document(report)))
    if "json" in formats and report.attachments:
        source = report.attachments[0]
        files.append(EvidenceFile(source.name, source.media_type, source.content))
    return tuple(files)


def deliver(files: Sequence[EvidenceFile], folder: Path) -> list[Path]:
    """Writes each file whole or not at all, replacing one of the same name. Raises ReportError naming the folder."""
    paths: list[Path] = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for file in files:
            path = folder / file_name(file.name)
            scratch = path.with_name(f".{path.name}.{os.getpid()}.tmp")
            try:
                scratch.write_bytes(file.content)
                scratch.replace(path)
            finally:
                scratch.unlink(missing_ok=True)
            paths.append(path)
    except OSError as error:
        why = error.strerror or str(error)
        raise ReportError(f"cannot write reports to {folder}: {why}; make room there or name another folder") from error
    return paths


def file_name(name: str) -> str:
    """The name without what could leave the folder: letters, digits, dot, hyphen and underscore stay."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).lstrip(".") or "report"
