"""The desk's list of cases: what needs somebody most first, narrowed by what a person asks for, never cut unsaid."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from inventory.model import Client, Inventory, Site
from service.desk.views.case_list import MOST_SHOWN, CaseFilter, case_list
from service.desk.views.home import case_lines, home_view
from triage.cases import Case, CaseStatus, Origin
from triage.model import Cause, Scope, Severity

NOON = datetime(2026, 3, 3, 12, 0, tzinfo=UTC)
INVENTORY = Inventory.of([Client(id="acme", name="Acme")], [Site(id="store-1", client="acme", name="Café Zürich")])
FIRST = Case(
    id="C-1", client="acme", site="store-1", status=CaseStatus.OPEN, origins=(Origin.MACHINE,), title="packet loss",
    cause=Cause.LOSS, scope=Scope.LINK, severity=Severity.MINOR, link="wan1", onset=None, opened_at=NOON,
    updated_at=NOON, owner="Kim Lee", ticket="T-9",
)  # fmt: skip
SECOND = replace(FIRST, id="C-2", site="store-2", severity=Severity.CRITICAL, owner=None, ticket=None)
THIRD = replace(FIRST, id="C-3", status=CaseStatus.SUSPECTED, severity=Severity.CRITICAL, owner="Zoë")


def listed(**wanted: object) -> list[str]:
    view = case_list(case_lines([THIRD, SECOND, FIRST], INVENTORY), CaseFilter(**wanted))  # type: ignore[arg-type]
    return [line.case.id for line in view.lines]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({}, ["C-2", "C-1", "C-3"]),
        ({"all": True}, ["C-3", "C-2", "C-1"]),
        ({"severity": "critical"}, ["C-2", "C-3"]),
        ({"status": "suspected"}, ["C-3"]),
        ({"owner": "Kim Lee"}, ["C-1"]),
        ({"owner": "-"}, ["C-2"]),
        ({"text": "zürich"}, ["C-1", "C-3"]),
        ({"text": "store-2"}, ["C-2"]),
        ({"text": "t-9", "owner": "Zoë"}, ["C-3"]),
        ({"text": "nowhere"}, []),
    ],
    ids=str,
)
def test_a_list_is_narrowed_by_each_part_of_the_filter(wanted: dict[str, object], found: list[str]) -> None:
    assert listed(**wanted) == found


def test_a_long_list_says_how_much_of_it_is_not_shown() -> None:
    many = [replace(FIRST, id=f"C-{n}", opened_at=NOON + timedelta(minutes=n)) for n in range(MOST_SHOWN + 3)]
    view = case_list(case_lines(many, INVENTORY), CaseFilter())
    assert (len(view.lines), view.found, view.more) == (MOST_SHOWN, MOST_SHOWN + 3, 3)
    first_page = home_view([], many, INVENTORY, (), NOON)
    assert (len(first_page.cases), first_page.open) == (25, MOST_SHOWN + 3)


def test_owners_are_offered_by_name_once() -> None:
    view = case_list(case_lines([THIRD, SECOND, FIRST, FIRST], INVENTORY), CaseFilter(severity="critical"))
    assert view.owners == ("Kim Lee", "Zoë")


@pytest.mark.parametrize(
    ("origin", "cause", "told"),
    [
        (Origin.PERSON, Cause.NO_DATA, "VPN drops"),
        (Origin.CARRIER, Cause.NONE, "VPN drops"),
        (Origin.PERSON, Cause.LOSS, ""),
        (Origin.CLIENT, Cause.NONE, ""),
        (Origin.MACHINE, Cause.NO_DATA, ""),
    ],
)
def test_what_a_person_or_a_carrier_told_of_is_said_in_their_words_until_a_cause_is_measured(
    origin: Origin, cause: Cause, told: str
) -> None:
    (line,) = case_lines([replace(FIRST, title="VPN drops", origins=(origin,), cause=cause)], INVENTORY)
    assert line.told == told
