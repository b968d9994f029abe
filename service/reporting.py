"""Writes evidence and performance reports of an installation into a folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from config.errors import ConfigurationError, NotFoundError
from service.installation import Installation
from triage import repository
from triage.cases import Case, CaseStatus
from triage.model import Cause

if TYPE_CHECKING:
    from reports.month import Outage


def read_formats(text: str, known: Sequence[str]) -> tuple[str, ...]:
    """`html,pdf` as names. Raises ConfigurationError (usage) for one that this report does not have."""
    wanted = tuple(part.strip() for part in text.split(",") if part.strip())
    wrong = [name for name in wanted if name not in known]
    if wrong or not wanted:
        raise ConfigurationError(f"--format {text!r}: choose any of {','.join(known)}")
    return wanted


async def write_evidence(installation: Installation, case_id: str, out: Path, formats: Sequence[str]) -> list[Path]:
    """The evidence report of a case's newest pack. Raises NotFoundError."""
    from reports.delivery import deliver
    from reports.evidence import ReportRenderer

    async with installation.database.reading() as connection:
        case = await repository.case_by_id(connection, case_id)
    if case.evidence_sha256 is None:
        raise NotFoundError(f"{case_id} has no evidence yet")
    files = await ReportRenderer().render(installation.evidence.get(case.evidence_sha256), case_id)
    return deliver([file for file in files if file.name.rpartition(".")[2] in formats], out)


async def write_performance(
    installation: Installation, client_id: str, month: str, out: Path, formats: Sequence[str]
) -> list[Path]:
    """A client's proof of performance for `YYYY-MM`. Raises NotFoundError, MonthError, ReportError, StoreError."""
    from reports.delivery import deliver, report_files
    from reports.performance import gather_performance, performance_report

    async with installation.database.reading() as connection:
        cases = await repository.cases(connection, client=client_id, limit=10_000)
    data = await gather_performance(
        installation.store,
        await installation.inventory(),
        client_id,
        month,
        outages=outages_of(cases),
        cadences=installation.settings.cadences(),
        now=installation.clock.now(),
    )
    report = performance_report(data)
    return deliver(report_files(report, formats), out)


def outages_of(cases: Sequence[Case]) -> list[Outage]:
    """The cases that were a line or site down, as outages with their tickets. Suspicions that fell are none."""
    from reports.month import Outage

    down = (Cause.LINK_DOWN, Cause.SITE_DOWN)
    return [
        Outage(
            link=case.link,
            start=case.onset or case.opened_at,
            end=case.ended_at,
            case=case.id,
            tickets=(case.ticket,) if case.ticket else (),
        )
        for case in cases
        if case.cause in down and case.link is not None and case.status is not CaseStatus.CLOSED
    ]
