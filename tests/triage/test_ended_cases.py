"""How often a site has had a trouble that held: what a carrier's usual rate is counted from."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from config.database import Database
from triage import repository
from triage.cases import Case, CaseStatus, Origin
from triage.model import Cause, Scope, Severity


@pytest.mark.rim
async def test_troubles_that_held_count_when_resolved_and_still_when_closed(tmp_path: Path, noon):
    """But not what was part of a carrier's trouble: it did not begin by itself, so that after a carrier's outage the
    next is no coincidence."""
    database = Database(tmp_path / "records.db")
    await database.create_all()
    cases = [
        (CaseStatus.RESOLVED, noon, None), (CaseStatus.CLOSED, noon, None), (CaseStatus.CLOSED, None, None),
        (CaseStatus.OPEN, noon, None), (CaseStatus.RESOLVED, noon, "C-9"), (CaseStatus.CLOSED, noon, "C-9"),
    ]  # fmt: skip
    async with database.writing() as connection:
        for number, (status, documented_at, parent) in enumerate(cases, 1):
            case = Case(
                id=f"C-{number}", client="acme", site="s", status=status, origins=(Origin.MACHINE,), title="",
                cause=Cause.LOSS, scope=Scope.LINK, severity=Severity.MAJOR, link=None, onset=noon, opened_at=noon,
                updated_at=noon, documented_at=documented_at, parent=parent,
            )  # fmt: skip
            await repository.save_case(connection, case)
    async with database.reading() as connection:
        assert await repository.ended_by_site(connection, noon) == {"s": 2}
        assert await repository.ended_by_site(connection, noon + timedelta(seconds=1)) == {}
    await database.close()
