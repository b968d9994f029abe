"""A report as PDF/A-3a and PDF/UA-1, set by Typst. The same report always gives the same bytes."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC
from functools import cache
from typing import Any

import typst

from reports.formatting import plain
from reports.glyphs import FONTS, shown
from reports.html import TEMPLATES
from reports.model import Report, ReportError


def pdf_document(report: Report) -> bytes:
    """A4, tagged, with outline and page numbers; carries the report's attachments. Raises ReportError.

    The report reaches the template as data (JSON), never as markup, so no string in it can be read as Typst.
    """
    compiler = typst.Compiler(input=_template(), font_paths=_fonts())
    try:
        document = compiler.compile(
            format="pdf",
            sys_inputs={"report": json.dumps(_contents(report), ensure_ascii=False)},
            pdf_standards=["a-3a", "ua-1"],
            timestamp=int(report.made_at.astimezone(UTC).timestamp()),
        )
    except typst.TypstError as error:
        raise ReportError(f"the report {report.id} could not be set as PDF: {error.message}; see its HTML") from error
    if not isinstance(document, bytes):
        raise ReportError(f"the report {report.id} gave no PDF; see its HTML")
    return document


def _contents(report: Report) -> dict[str, Any]:
    """The report for the template: characters that the fonts lack are named; attachments stay as they are."""
    contents = asdict(report)
    attachments = [{**each, "content": list(each["content"])} for each in contents.pop("attachments")]
    contents["made_at"] = report.made_at.isoformat()
    shown_contents: dict[str, Any] = _shown(contents)
    return {**shown_contents, "attachments": attachments}


def _shown(value: Any) -> Any:  # noqa: ANN401 any JSON value
    if isinstance(value, str):
        return shown(plain(value))
    if isinstance(value, dict):
        return {key: shown(part, drawn=True) if key == "svg" else _shown(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_shown(part) for part in value]
    return value


@cache
def _template() -> bytes:
    return (TEMPLATES / "report.typ").read_bytes()


@cache
def _fonts() -> typst.Fonts:
    """Only fonts that ship with us, so that a report looks the same on every machine."""
    return typst.Fonts(include_system_fonts=False, font_paths=[FONTS])
