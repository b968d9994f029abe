"""A verdict as the desk shows it: the evidence report's own sections, the same strings as in its HTML and PDF. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from reports.evidence import evidence_report
from reports.model import Report, Row, Section, Tone
from triage.evidence import EvidencePack

_OF_THE_CASE = ("Case", "Client", "Site", "Address")
_CLAIMED = "What the client reported"
_VERIFY = "How to verify this report"


@dataclass(frozen=True, slots=True)
class Verdict:
    """`facts` are the report's labelled lines that the page around does not say already."""

    headline: str
    tone: Tone
    facts: tuple[Row, ...]
    sections: tuple[Section, ...]
    verification: tuple[Section, ...]


def verdict_view(pack: EvidencePack, case: str, *, with_claim: bool) -> Verdict:
    """`with_claim` False leaves out what the client reported: it has just been typed. Raises ReportError."""
    report: Report = evidence_report(pack, case)
    return Verdict(
        report.headline,
        report.tone,
        tuple(row for row in report.meta if row.label not in _OF_THE_CASE),
        tuple(
            section
            for section in report.sections
            if section.title != _VERIFY and (with_claim or section.title != _CLAIMED)
        ),
        tuple(section for section in report.sections if section.title == _VERIFY),
    )
