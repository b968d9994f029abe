"""What a carrier's notice means for our lines (NANOG BCOP): which, how badly, and what a later one changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from inventory.changes import merged
from inventory.maintenance import covers
from inventory.model import Client, Impact, Inventory, Link, MaintenanceStatus, MaintenanceWindow, Site
from triage.cases import Case, CaseStatus, Origin
from triage.inputs import CarrierTold
from triage.mail.notices import (
    CarrierNotice,
    MailRefusal,
    NoticeReading,
    RefusedMailError,
    outages_in,
    outages_told,
    told_cases,
    windows_of,
)
from triage.model import Cause, Scope, Severity

START, END = datetime(2026, 3, 10, 6, tzinfo=UTC), datetime(2026, 3, 10, 8, tzinfo=UTC)
NOW = datetime(2026, 3, 2, 10, tzinfo=UTC)
LINES = [
    Link(id="wan1", site="s", carrier="Meridian Fiber", circuit_id="MF/1"),
    Link(id="wan2", site="s", carrier="Meridian Fiber", circuit_id="MF/2", carrier_account="A-2"),
    Link(id="wan3", site="s", carrier="Reseller", underlying_carrier="Meridian Fiber", circuit_id="MF/3"),
    Link(id="wan4", site="s", carrier="Nutmeg", circuit_id="MF/4"),
    Link(id="wan5", site="s", carrier="Meridian Fiber", circuit_id="MF/2", carrier_account="A-5"),
]
KNOWN = Inventory.of([Client(id="c", name="c")], [Site(id="s", client="c")], links=LINES)
NOTICE = CarrierNotice(
    account="A-1", id="MF-7", status="CONFIRMED", circuits=(("MF/1", "OUTAGE"),), start=START, end=END, stamp=NOW,
    sequence=1, summary="A splice",
)  # fmt: skip


def read(*notices: CarrierNotice, known: Inventory = KNOWN, now: datetime = NOW) -> NoticeReading:
    return windows_of(notices, "Meridian Fiber", known, now, timedelta(days=14))


def after(reading: NoticeReading, known: Inventory = KNOWN) -> Inventory:
    return merged(known, Inventory.of(maintenance=reading.windows))


def covered(windows: Sequence[MaintenanceWindow], moment: datetime = START) -> set[str]:
    return {link.id for link in LINES for window in windows if covers(window, link, moment)}


def test_a_notice_becomes_a_window_on_its_circuits_line():
    (window,) = read(NOTICE).windows
    assert (window.id, window.links, window.start, window.end) == (
        "Meridian-Fiber-MF-7-" + window.id[-8:],
        ("wan1",),
        START,
        END,
    )
    assert (window.source.value, window.status.value, window.reason) == ("carrier", "confirmed", "A splice")
    assert (window.notice.provider, window.notice.id, window.notice.circuits) == ("Meridian Fiber", "MF-7", ("MF/1",))
    assert covered([window]) == {"wan1"}


def test_a_notice_speaks_of_its_own_carriers_lines_alone():
    """Whoever may announce work for Meridian cannot silence a line of Nutmeg, whatever circuit the mail names."""
    reading = read(replace(NOTICE, circuits=(("MF/4", "OUTAGE"), ("MF/1", "OUTAGE"), ("MF/9", "OUTAGE"))))
    assert covered(reading.windows) == {"wan1"}
    assert reading.unknown == ("MF/4 of notice MF-7", "MF/9 of notice MF-7")


def test_the_carrier_on_whose_network_a_line_runs_may_announce_work_too():
    assert covered(read(replace(NOTICE, circuits=(("mf/3", "OUTAGE"),))).windows) == {"wan3"}


def test_of_two_lines_with_one_circuit_the_account_decides_and_without_it_none_is_taken():
    twice = replace(NOTICE, circuits=(("MF/2", "OUTAGE"),))
    assert covered(read(replace(twice, account="A-5")).windows) == {"wan5"}
    assert read(twice).unknown == ("MF/2 of notice MF-7",)
    assert covered(read(twice).windows) == set()


def test_each_circuit_has_the_impact_that_was_told_of_it():
    mixed = replace(NOTICE, circuits=(("MF/1", "NO-IMPACT"), ("MF/3", "OUTAGE")))
    windows = read(mixed).windows
    assert {(window.links, window.notice.impact) for window in windows} == {
        (("wan1",), Impact.NO_IMPACT), (("wan3",), Impact.OUTAGE),
    }  # fmt: skip
    assert covered(windows) == {"wan3"}


@pytest.mark.parametrize(
    ("status", "counts"),
    [
        ("TENTATIVE", False), ("CONFIRMED", True), ("CANCELLED", False), ("IN-PROCESS", True),
        ("RE-SCHEDULED", True), ("NO-CHANGE", False),
    ],
)  # fmt: skip
def test_each_status_of_the_standard(status: str, counts: bool):
    """NO-CHANGE of work that nobody has announced promises nothing yet."""
    assert covered(read(replace(NOTICE, status=status)).windows) == ({"wan1"} if counts else set())


def test_a_later_notice_moves_the_work_and_an_earlier_one_that_comes_late_does_not():
    known = after(read(replace(NOTICE, sequence=2)))
    day = timedelta(days=1)
    moved = replace(NOTICE, status="RE-SCHEDULED", sequence=3, start=START + day, end=END + day)
    windows = after(read(moved, known=known), known).maintenance
    assert (covered(windows, START), covered(windows, START + day)) == (set(), {"wan1"})
    assert read(replace(moved, sequence=1), known=known).windows == ()
    assert read(replace(NOTICE, sequence=2), known=known).windows == ()


def test_carriers_that_count_nothing_are_ordered_by_their_stamps():
    known = after(read(NOTICE))
    hour = timedelta(hours=1)
    assert read(replace(NOTICE, stamp=NOW - hour, status="CANCELLED"), known=known).windows == ()
    later = read(replace(NOTICE, stamp=NOW + hour, status="CANCELLED"), known=known)
    assert later.windows[0].status is MaintenanceStatus.CANCELLED


def test_a_cancellation_without_circuits_cancels_what_was_announced():
    known = after(read(replace(NOTICE, circuits=(("MF/1", "OUTAGE"), ("MF/3", "NO-IMPACT")))))
    reading = read(replace(NOTICE, status="CANCELLED", circuits=(), sequence=2), known=known)
    windows = after(reading, known).maintenance
    assert {window.status for window in windows} == {MaintenanceStatus.CANCELLED}
    assert covered(windows) == set()


def test_a_circuit_that_is_no_longer_named_is_no_longer_covered():
    known = after(read(replace(NOTICE, circuits=(("MF/1", "OUTAGE"), ("MF/3", "OUTAGE")))))
    assert covered(after(read(replace(NOTICE, sequence=2), known=known), known).maintenance) == {"wan1"}


@pytest.mark.parametrize(
    ("told", "until"),
    [(START + timedelta(minutes=30), START + timedelta(minutes=30)), (END, END), (END + timedelta(hours=1), END)],
)
def test_work_that_is_completed_ends_when_that_was_said(told: datetime, until: datetime):
    """A line that is dead after the carrier says it is done is a fault; what the work took stays left out."""
    known = after(read(NOTICE))
    done = replace(NOTICE, status="COMPLETED", circuits=(), sequence=2, stamp=told)
    windows = after(read(done, known=known, now=told + timedelta(minutes=1)), known).maintenance
    assert [(window.start, window.end, window.links) for window in windows] == [(START, until, ("wan1",))]
    assert covered(windows, START) == {"wan1"}
    assert covered(windows, until) == set()


@pytest.mark.parametrize("told", [START - timedelta(hours=1), START])
def test_work_that_is_completed_before_it_began_is_cancelled(told: datetime):
    known = after(read(NOTICE))
    early = replace(NOTICE, status="COMPLETED", sequence=2, stamp=told)
    (window,) = after(read(early, known=known, now=START), known).maintenance
    assert (window.status, window.end) == (MaintenanceStatus.CANCELLED, END)


def test_no_change_keeps_the_status_that_the_work_has():
    known = after(read(NOTICE))
    reading = read(replace(NOTICE, status="NO-CHANGE", sequence=2, end=END + timedelta(hours=1)), known=known)
    assert [window.status.value for window in reading.windows] == ["confirmed"]


def test_several_times_of_one_notice_are_as_many_windows():
    day = timedelta(days=1)
    windows = read(NOTICE, replace(NOTICE, start=START + day, end=END + day)).windows
    assert (len(windows), covered(windows, START), covered(windows, START + day)) == (2, {"wan1"}, {"wan1"})


@pytest.mark.parametrize(("longer", "refused"), [(timedelta(), False), (timedelta(seconds=1), True)])
def test_work_beyond_the_longest_is_left_to_a_person(longer: timedelta, refused: bool):
    long = replace(NOTICE, end=START + timedelta(days=14) + longer)
    if not refused:
        assert read(long).windows
        return
    with pytest.raises(RefusedMailError) as why:
        read(long)
    assert why.value.reason is MailRefusal.TOO_LONG


def case(link: str | None = "wan1", **instead: object) -> Case:
    values: dict[str, object] = {
        "id": "C-1", "client": "c", "site": "s", "status": CaseStatus.OPEN, "origins": (Origin.MACHINE,), "title": "t",
        "cause": Cause.LINK_DOWN, "scope": Scope.LINK, "severity": Severity.MAJOR, "link": link, "onset": START,
        "opened_at": START, "updated_at": START,
    }  # fmt: skip
    return Case(**(values | instead))  # type: ignore[arg-type]


def test_a_case_on_a_line_that_is_worked_on_now_is_told_the_carriers_number_and_its_end():
    during = START + timedelta(minutes=20)
    reading = read(replace(NOTICE, status="IN-PROCESS"))
    known = after(reading)
    assert told_cases(reading.windows, [case(), case("wan4", id="C-2")], known, during) == [
        CarrierTold(
            case="C-1", who="Meridian Fiber's notice", number="MF-7", carrier="Meridian Fiber", link="wan1",
            opened_at=NOW, etr=END, account="A-1", reason_for_outage="A splice",
        )
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("stamp", "impact", "status", "heard_of", "told"),
    [
        (START, "OUTAGE", "IN-PROCESS", False, True),
        (START, "OUTAGE", "CONFIRMED", False, True),
        (START - timedelta(seconds=1), "OUTAGE", "IN-PROCESS", False, False),
        (START, "DEGRADED", "IN-PROCESS", False, False),
        (START, "OUTAGE", "TENTATIVE", False, False),
        (START, "OUTAGE", "IN-PROCESS", True, False),
    ],
    ids=["begun", "confirmed", "announced", "slower", "tentative", "planned"],
)
def test_an_outage_is_what_takes_a_line_down_and_was_not_announced(
    stamp: datetime, impact: str, status: str, heard_of: bool, told: bool
):
    before = after(read(NOTICE)) if heard_of else KNOWN
    notice = replace(NOTICE, circuits=(("MF/1", impact),), status=status, stamp=stamp, sequence=2)
    reading = read(notice, known=before, now=START)
    sudden = outages_in(reading.windows, before)
    found = outages_told(sudden, after(reading, before), START + timedelta(minutes=1))
    assert [(one.site, one.case, one.number, one.link) for one in found] == (
        [("s", "", "MF-7", "wan1")] if told else []
    )


@pytest.mark.parametrize(
    ("moment", "status"), [(START - timedelta(seconds=1), "CONFIRMED"), (END, "CONFIRMED"), (START, "TENTATIVE")]
)
def test_no_case_is_told_of_work_that_is_not_under_way(moment: datetime, status: str):
    reading = read(replace(NOTICE, status=status))
    assert told_cases(reading.windows, [case(), case(None)], after(reading), moment) == []
