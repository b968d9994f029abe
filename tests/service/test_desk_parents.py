"""A carrier's trouble on the desk: the parent lists its sites' cases, a site's own case tells of the others a count."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from service.casefile import read_case_file
from service.cli.wording import case_lines
from triage import repository
from triage.cases import Case, CaseStatus, Origin
from triage.model import Cause, Scope, Severity

pytestmark = pytest.mark.rim

NOON = datetime(2026, 3, 3, 12, 0, tzinfo=UTC)
PARENT = Case(
    id="C-1", client="", site="carrier:Meridian@Boston", status=CaseStatus.OPEN, origins=(Origin.MACHINE,),
    title="Meridian in Boston: packet loss at 3 sites", cause=Cause.LOSS, scope=Scope.CARRIER, severity=Severity.MAJOR,
    link=None, onset=NOON, opened_at=NOON, updated_at=NOON, sites=3,
)  # fmt: skip
OWN = replace(PARENT, id="C-2", client="acme", site="store-207", title="Elm Street: packet loss", link="store-207-wan1",
              parent="C-1", ticket_withheld=True, sites=0)  # fmt: skip
OTHER = replace(OWN, id="C-3", client="lakeside", site="clinic-1", title="Clinic: packet loss", link="clinic-1-wan1")


@pytest.fixture
async def standing(desk: Any) -> Any:
    async with desk.installation.database.writing() as connection:
        for case in (PARENT, OWN, OTHER):
            await repository.save_case(connection, case)
    return desk


async def test_a_parents_page_lists_its_sites_cases(standing: Any) -> None:
    status, text = await standing.get("/cases/C-1")
    assert status == 200
    assert "Meridian in Boston: packet loss at 3 sites" in text
    assert 'href="/cases/C-2"' in text
    assert 'href="/cases/C-3"' in text
    assert "/sites/carrier" not in text


async def test_a_childs_page_tells_of_the_others_how_many_they_are(standing: Any) -> None:
    status, text = await standing.get("/cases/C-2")
    assert status == 200
    assert 'href="/cases/C-1"' in text
    assert "the carrier&#39;s trouble at 3 sites" in text or "the carrier's trouble at 3 sites" in text
    assert "waits for C-1" in text
    assert not [name for name in ("C-3", "clinic-1", "Lakeside", "lakeside") if name in text]


async def test_the_list_of_cases_names_the_parent_without_a_site(standing: Any) -> None:
    status, text = await standing.get("/cases")
    assert status == 200
    assert "3 sites of the carrier" in text
    assert "/sites/carrier" not in text


async def test_the_command_line_shows_parent_and_children(standing: Any) -> None:
    parent = "\n".join(case_lines(await read_case_file(standing.installation, "C-1")))
    assert "at 3 sites; their own cases: C-2, C-3" in parent
    child = "\n".join(case_lines(await read_case_file(standing.installation, "C-2")))
    assert "part of C-1, a trouble of the carrier" in child
    assert "C-3" not in child
