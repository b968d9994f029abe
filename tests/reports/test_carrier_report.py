"""The report of a carrier's trouble: as much of it as people read, and the pack with all of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from reports.carrier_evidence import carrier_report
from reports.model import Report, Table, Text
from triage.carrier_pack import build_carrier_pack
from triage.cases import Case, CaseStatus, Origin
from triage.evidence import EvidencePack
from triage.group import ANYWHERE, Domain, Population, Trouble
from triage.model import Cause, Scope, Severity
from triage.policy_files import load_policy

NOON = datetime(2026, 3, 3, 12, 0, tzinfo=UTC)
FIBER = Domain("Fiber", ANYWHERE)
PARENT = Case(
    id="C-9", client="", site=FIBER.site, status=CaseStatus.RESOLVED, origins=(Origin.MACHINE,), title="Fiber: down",
    cause=Cause.LINK_DOWN, scope=Scope.CARRIER, severity=Severity.MAJOR, link=None, onset=NOON, opened_at=NOON,
    updated_at=NOON, reopened=1,
)  # fmt: skip


def pack_of(sites: int) -> EvidencePack:
    """Every third of them in the west, an onset each second."""
    children = [replace(PARENT, id=f"C-{n + 10}", client="acme", site=f"s{n}", parent="C-9") for n in range(sites)]
    troubles = [
        Trouble(case=one.id, site=one.site, carrier="Fiber", market="west" if n % 3 == 2 else "east",
                onset=NOON + timedelta(seconds=n), cause=Cause.LINK_DOWN, severity=Severity.MAJOR)
        for n, one in enumerate(children)
    ]  # fmt: skip
    populations = {FIBER: Population(sites=2 * sites)}
    return build_carrier_pack(PARENT, children, troubles, populations, load_policy(), NOON + timedelta(hours=1))


def listed(report: Report) -> tuple[list[Table], list[str]]:
    (section,) = [one for one in report.sections if one.title == "The sites' own cases"]
    tables = [block for block in section.blocks if isinstance(block, Table)]
    return tables, [block.text for block in section.blocks if isinstance(block, Text)]


def test_markets_come_before_the_cases():
    tables, texts = listed(carrier_report(pack_of(6), "C-9", "Northstar"))
    markets, cases = tables
    assert [[cell.text for cell in row][:2] for row in markets.rows] == [["east", "4"], ["west", "2"]]
    assert [cell.text for cell in markets.rows[0]][2:] == ["2026-03-03 12:00 UTC", "2026-03-03 12:00:04 UTC"]
    assert [row[0].text for row in cases.rows] == [f"C-{n}" for n in range(10, 16)]
    assert {row[5].text for row in cases.rows} == {"resolved"}
    assert texts == []


def test_no_more_cases_are_listed_than_somebody_reads():
    """Ten thousand rows were 21 MB."""
    pack = pack_of(201)
    report = carrier_report(pack, "C-9", "Northstar")
    tables, texts = listed(report)
    assert len(tables[1].rows) == 200
    assert texts == ["The first 200 of 201; the pack that the PDF carries has them all."]
    assert [one.content for one in report.attachments] == [pack.content]
    assert len(pack.document()["children"]) == 201


def test_how_its_case_stands_is_told():
    report = carrier_report(pack_of(6), "C-9", "Northstar")
    told = {row.label: row.value for row in report.meta}
    assert (told["Its case"], told["Taken up again"]) == ("resolved", "1")
    assert report.headline.startswith("6 sites of this carrier began to suffer within minutes of each other")
