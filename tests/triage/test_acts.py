"""What a named person does to a case, on the desk and in the ticket system itself, and that it stands."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from triage.acts import FITS
from triage.cases import Case, CaseStatus, Decision, EffectKind, Origin, Pending, PendingWhy, TimerKind
from triage.decide import on_quarantine, on_trouble
from triage.inputs import PersonAct, PersonActed, TicketChanged
from triage.life_cycle import passed
from triage.model import Cause, Severity
from triage.reasons import Reason
from triage.respond import on_person
from triage.ticket_changes import on_ticket_changed
from triage.tickets.port import TicketStatus


def kept(decision: Decision) -> Case:
    assert decision.case is not None
    return decision.case


def by_kim(does: PersonAct, **more: object) -> PersonActed:
    return PersonActed(who="Kim", does=does, target="C-1", **more)  # type: ignore[arg-type]


@pytest.fixture
def opened(context, judged) -> Case:
    suspected = kept(on_trouble(None, judged(), context()))
    return replace(kept(on_quarantine(suspected, judged(), context(3))), ticket="T-1")


@pytest.fixture
def closed(opened, context) -> Case:
    return kept(on_person(opened, by_kim(PersonAct.CLOSE), context(10)))


def test_who_takes_a_case_owns_it_and_so_its_ticket(opened, context, noon):
    decision = on_person(opened, by_kim(PersonAct.ACKNOWLEDGE), context(5, input=41))
    after = kept(decision)
    assert (after.owner, after.acknowledged_at) == ("Kim", noon + timedelta(minutes=5))
    assert [(one.key, one.kind, one.ticket, one.owner) for one in decision.effects] == [
        ("C-1:acknowledge:41", EffectKind.UPDATE_TICKET, "T-1", "Kim")
    ]
    given = kept(on_person(after, by_kim(PersonAct.ASSIGN, value="Bo"), context(9)))
    assert (given.owner, given.acknowledged_at) == ("Bo", noon + timedelta(minutes=5))


def test_of_a_case_without_a_ticket_nothing_is_sent(opened, context):
    quiet = replace(opened, ticket=None, ticket_wanted=False)
    assert on_person(quiet, by_kim(PersonAct.ACKNOWLEDGE), context(5)).effects == ()
    being_opened = replace(opened, ticket=None, ticket_wanted=True)
    assert [one.ticket for one in on_person(being_opened, by_kim(PersonAct.ACKNOWLEDGE), context(5)).effects] == [None]


def test_a_case_on_hold_waits_until_when_it_was_said(opened, context, noon):
    until = noon + timedelta(hours=2)
    decision = on_person(opened, by_kim(PersonAct.HOLD, value="access", until=until), context(5))
    after = kept(decision)
    assert after.pending == Pending(why=PendingWhy.ACCESS, since=noon + timedelta(minutes=5), until=until, by="Kim")
    assert after.status is CaseStatus.PENDING
    assert [(timer.kind, timer.due_at) for timer in decision.timers] == [(TimerKind.PENDING, until)]
    assert [one.status for one in decision.effects] == [TicketStatus.PENDING]
    in_chicago = context(5, zone=ZoneInfo("America/Chicago"))
    there = on_person(opened, by_kim(PersonAct.HOLD, value="access", until=until), in_chicago)
    assert there.detail == "Kim holds it until 2026-03-03 08:00 CST: access"
    back = on_person(after, by_kim(PersonAct.RESUME), context(35))
    assert (kept(back).status, kept(back).clock_stopped_seconds) == (CaseStatus.OPEN, 1800)
    assert TimerKind.PENDING in back.cancelled
    assert [one.status for one in back.effects] == [TicketStatus.IN_PROGRESS]


def test_a_case_that_a_person_moved_is_not_handed_over(opened, context):
    decision = on_person(opened, by_kim(PersonAct.MOVE, value="field"), context(5))
    assert (kept(decision).queue, kept(decision).set_by_person) == ("field", ("queue",))
    assert decision.cancelled == (TimerKind.HAND_OVER,)
    assert [one.queue for one in decision.effects] == ["field"]


def test_a_severity_that_a_person_set_is_kept_and_the_trouble_is_said_once(opened, context, judged):
    changed = TicketChanged(case="C-1", ticket="T-1", by="Robin", at=context(4).now, severity=Severity.MINOR)
    graded = kept(on_ticket_changed(opened, changed, context(5)))
    assert (graded.severity, graded.set_by_person) == (Severity.MINOR, ("severity",))
    assert on_trouble(graded, judged(severity=Severity.CRITICAL), context(10)).reason is Reason.TROUBLE_ONGOING
    worse = on_trouble(graded, judged(cause=Cause.SITE_DOWN, severity=Severity.CRITICAL), context(10))
    assert (kept(worse).cause, kept(worse).severity) == (Cause.SITE_DOWN, Severity.MINOR)


def test_a_case_becomes_part_of_an_open_carriers_trouble_only(opened, context):
    parent = replace(opened, id="C-9", client="", site="carrier:Fiber@east", title="Fiber in east", ticket="T-9")
    merge = by_kim(PersonAct.MERGE, value="C-9")
    decision = on_person(opened, merge, context(5, other=parent))
    assert kept(decision).parent == "C-9"
    assert [(one.kind, "C-9" in one.text) for one in decision.effects] == [(EffectKind.NOTE_TICKET, True)]
    for other in (None, replace(parent, status=CaseStatus.RESOLVED), replace(parent, site="s", client="acme")):
        assert on_person(opened, merge, context(5, other=other)).reason is Reason.PERSON_ACT_REFUSED
    assert on_person(parent, merge, context(5, other=parent)).reason is Reason.PERSON_ACT_REFUSED


def test_a_note_stands_on_the_ticket_and_is_word_to_a_client_who_waits(opened, context, noon):
    waits = replace(opened, origins=(Origin.CLIENT,), next_update_at=noon)
    decision = on_person(waits, by_kim(PersonAct.NOTE, note="splicing"), context(30, input=7))
    assert [(one.key, one.text) for one in decision.effects] == [("C-1:note:7", "Kim: splicing")]
    assert kept(decision).next_update_at == noon + timedelta(minutes=30 + 240)
    assert on_person(opened, by_kim(PersonAct.NOTE, note=" "), context(30)).reason is Reason.PERSON_ACT_REFUSED


def test_a_clients_yes_closes_the_case_and_the_ticket(opened, context):
    resolved = on_person(opened, by_kim(PersonAct.RESOLVE, note="spliced"), context(10))
    assert (kept(resolved).status, kept(resolved).decided_by) == (CaseStatus.RESOLVED, "Kim")
    assert [one.kind for one in resolved.effects] == [EffectKind.RESOLVE_TICKET]
    decision = on_person(kept(resolved), by_kim(PersonAct.CONFIRM), context(20))
    assert kept(decision).status is CaseStatus.CLOSED
    assert [one.status for one in decision.effects] == [TicketStatus.CLOSED]
    assert set(decision.cancelled) == set(TimerKind)


def test_a_closed_case_is_taken_up_again_by_a_person_alone(closed, context):
    decision = on_person(closed, by_kim(PersonAct.REOPEN, note="still bad"), context(20))
    assert (kept(decision).status, kept(decision).reopened, kept(decision).ended_at) == (CaseStatus.OPEN, 1, None)
    assert [(one.status, one.text) for one in decision.effects] == [(TicketStatus.IN_PROGRESS, "Kim: still bad")]
    second = replace(closed, id="C-2", status=CaseStatus.OPEN)
    refused = on_person(closed, by_kim(PersonAct.REOPEN), context(20, other=second))
    assert (refused.case, refused.reason) == (None, Reason.PERSON_ACT_REFUSED)
    assert "C-2 is open for store-114" in refused.detail


@pytest.mark.parametrize("does", list(FITS))
@pytest.mark.parametrize("status", CaseStatus)
def test_an_act_that_does_not_fit_is_refused_with_what_it_needs(opened, context, does, status):
    case = replace(opened, status=status)
    if status in FITS[does]:
        return
    decision = on_person(case, by_kim(does, value="client", note="x"), context(5))
    assert (decision.case, decision.effects) == (None, ())
    assert f"case C-1 is {status}, {does} needs one that is" in decision.detail
    assert ("reopen takes it up again" in decision.detail) is not status.is_open


@pytest.mark.parametrize(
    ("does", "more"),
    [
        (PersonAct.ASSIGN, {}),
        (PersonAct.MOVE, {"value": " "}),
        (PersonAct.HOLD, {"value": "the moon"}),
        (PersonAct.HOLD, {"value": "client", "until": "now"}),
        (PersonAct.MERGE, {}),
    ],
)
def test_an_act_that_says_too_little_is_refused(opened, context, does, more):
    more = {name: context(5).now if value == "now" else value for name, value in more.items()}
    decision = on_person(opened, by_kim(does, **more), context(5))
    assert (decision.case, decision.reason) == (None, Reason.PERSON_ACT_REFUSED)
    assert decision.detail


def in_t1(**changes: object) -> TicketChanged:
    return TicketChanged(case="C-1", ticket="T-1", by="Robin", at=changes.pop("at", None), **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("status", "becomes"),
    [
        (TicketStatus.RESOLVED, CaseStatus.RESOLVED),
        (TicketStatus.CLOSED, CaseStatus.CLOSED),
        (TicketStatus.CANCELLED, CaseStatus.CLOSED),
        (TicketStatus.REJECTED, CaseStatus.CLOSED),
        (TicketStatus.PENDING, CaseStatus.PENDING),
        (TicketStatus.HELD, CaseStatus.PENDING),
        (TicketStatus.IN_PROGRESS, CaseStatus.OPEN),
    ],
)
def test_a_case_follows_the_status_that_a_person_gave_its_ticket(opened, context, status, becomes):
    decision = on_ticket_changed(opened, in_t1(status=status), context(5))
    assert (kept(decision).status, decision.effects) == (becomes, ())
    if not becomes.is_open:
        assert kept(decision).decided_by == "Robin"


def test_work_on_a_ticket_takes_up_its_ended_case_and_ends_its_wait(opened, closed, context, noon):
    working = in_t1(status=TicketStatus.IN_PROGRESS)
    again = on_ticket_changed(closed, working, context(20))
    assert (kept(again).status, kept(again).reopened, kept(again).decided_by) == (CaseStatus.OPEN, 1, "Robin")
    held = kept(on_ticket_changed(opened, in_t1(status=TicketStatus.PENDING), context(5)))
    assert held.pending == Pending(why=PendingWhy.CLIENT, since=noon + timedelta(minutes=5), by="Robin")
    assert kept(on_ticket_changed(held, working, context(10))).clock_stopped_seconds == 300
    late = passed(opened, CaseStatus.PENDING, noon, Pending(why=PendingWhy.STATISTICS, since=noon))
    assert kept(on_ticket_changed(late, working, context(5))).status is CaseStatus.PENDING


def test_a_ticket_cannot_take_up_a_case_beside_another_but_what_else_was_set_counts(closed, context):
    second = replace(closed, id="C-2", status=CaseStatus.OPEN)
    changed = in_t1(status=TicketStatus.IN_PROGRESS, owner="Robin")
    decision = on_ticket_changed(closed, changed, context(20, other=second))
    assert (kept(decision).status, kept(decision).owner) == (CaseStatus.CLOSED, "Robin")
    assert decision.reason is Reason.PERSON_ACT_REFUSED


def test_owner_and_queue_of_the_ticket_are_the_cases(opened, context):
    decision = on_ticket_changed(opened, in_t1(owner="Robin", queue="Field"), context(5))
    after = kept(decision)
    assert (after.owner, after.queue, after.set_by_person) == ("Robin", "Field", ("owner", "queue"))
    assert TimerKind.HAND_OVER in decision.cancelled
    assert kept(on_ticket_changed(after, in_t1(owner=""), context(6))).owner is None
