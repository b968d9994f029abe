"""The list of cases, filtered, what needs somebody most first. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from service.desk.views.home import CaseLine, urgency
from service.desk.views.words import CASE_STATUS, SEVERITY

MOST_SHOWN = 200
NOBODY = "-"
"""As an owner: of nobody."""


@dataclass(frozen=True, slots=True)
class CaseFilter:
    """Empty means all; `all` has ended cases too."""

    text: str = ""
    status: str = ""
    severity: str = ""
    owner: str = ""
    all: bool = False


@dataclass(frozen=True, slots=True)
class CaseList:
    """`found`: how many fit the filter, of `total` that were read; `cut`: there are older ones that were not."""

    lines: tuple[CaseLine, ...]
    found: int
    total: int
    cut: bool
    filter: CaseFilter
    owners: tuple[str, ...]
    statuses: tuple[tuple[str, str], ...] = tuple((status.value, badge.text) for status, badge in CASE_STATUS.items())
    severities: tuple[tuple[str, str], ...] = tuple((grade.value, badge.text) for grade, badge in SEVERITY.items())

    @property
    def more(self) -> int:
        return self.found - len(self.lines)


def case_list(lines: Sequence[CaseLine], wanted: CaseFilter, *, cut: bool = False) -> CaseList:
    """`lines`: the newest first, in which order all cases are shown; open ones by how urgent they are."""
    found = [line for line in lines if _fits(line, wanted)]
    if not wanted.all:
        found.sort(key=urgency)
    return CaseList(
        tuple(found[:MOST_SHOWN]),
        len(found),
        len(lines),
        cut,
        wanted,
        tuple(sorted({line.case.owner for line in lines if line.case.owner})),
    )


def _fits(line: CaseLine, wanted: CaseFilter) -> bool:
    case = line.case
    site = line.site.name if line.site is not None else ""
    text = f"{case.id} {case.title} {case.site} {site} {case.link or ''} {case.ticket or ''} {line.client}".casefold()
    return (
        wanted.text.casefold() in text
        and wanted.status in ("", case.status.value)
        and wanted.severity in ("", case.severity.value if case.severity is not None else "")
        and wanted.owner in ("", case.owner or NOBODY)
    )
