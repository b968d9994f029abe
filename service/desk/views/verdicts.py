"""A verdict as the desk shows it: the evidence report's own sections, the same strings as in its HTML and PDF. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from reports.evidence import evidence_report
from reports.model import Report, Row, Section, Tone
from triage.evidence import EvidencePack

_OF_THE_CASE = ("Case", "Client", "Site", "Address")
_CLAIMED = "What the client reported"
_RELIEF = "Relief"
_VERIFY = "How to verify this report"
_ASIDE = (_CLAIMED, "For the carrier", "How complete this is", "What else it could have been", "Also seen")


@dataclass(frozen=True, slots=True)
class Verdict:
    """`facts` are the report's labelled lines that the page around does not say already; `aside` stands beside."""

    headline: str
    made_at: datetime
    tone: Tone
    facts: tuple[Row, ...]
    sections: tuple[Section, ...]
    aside: tuple[Section, ...]
    verification: tuple[Section, ...]


def verdict_view(pack: EvidencePack, case: str, *, with_claim: bool) -> Verdict:
    """`with_claim` False leaves out what the client reported: it has just been typed. Raises ReportError."""
    report: Report = evidence_report(pack, case)
    shown = [section for section in report.sections if with_claim or section.title != _CLAIMED]
    return Verdict(
        report.headline,
        report.made_at,
        report.tone,
        tuple(row for row in report.meta if row.label not in _OF_THE_CASE),
        tuple(
            sorted((one for one in shown if one.title not in (*_ASIDE, _VERIFY)), key=lambda one: one.title != _RELIEF)
        ),
        tuple(section for section in shown if section.title in _ASIDE),
        tuple(section for section in shown if section.title == _VERIFY),
    )
