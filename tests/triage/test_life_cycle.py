"""From one status to the next: what stops the clock, what ends a case, and what takes it up again."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from triage.cases import Case, CaseStatus, Context, Decision, EffectKind, Origin, Pending, PendingWhy, TimerKind
from triage.decide import on_quarantine, on_recovery, on_trouble
from triage.decide_claims import on_claim
from triage.healthy import Healthy
from triage.inputs import ClaimReported
from triage.life_cycle import on_client_update, on_close, on_pending, owing_word, passed
from triage.model import Cause, Claim, Severity, VerdictKind
from triage.reasons import Reason
from triage.tickets.port import TicketStatus


def kept(decision: Decision) -> Case:
    assert decision.case is not None
    return decision.case


@pytest.fixture
def opened(context, judged) -> Case:
    """Found by the machine, held, and ticketed as T-1."""
    suspected = kept(on_trouble(None, judged(), context()))
    return replace(kept(on_quarantine(suspected, judged(), context(3))), ticket="T-1")


@pytest.fixture
def ended(opened, context) -> Case:
    """Resolved by the machine 40 minutes after noon."""
    at = context(40).now
    return replace(opened, status=CaseStatus.RESOLVED, ended_at=at, resolved_by_machine=True)


@pytest.mark.parametrize(
    ("why", "seconds"),
    [
        (PendingWhy.CLIENT, 600),
        (PendingWhy.ACCESS, 600),
        (PendingWhy.CARRIER, 0),
        (PendingWhy.STATISTICS, 0),
        (PendingWhy.MAINTENANCE, 0),
    ],
)
def test_the_clock_stands_still_only_for_what_is_the_clients_to_do(opened, context, noon, why, seconds):
    """MEF 124: `pending` may stop the clock of the agreement; a slow carrier or late statistics are our own."""
    waiting = passed(opened, CaseStatus.PENDING, noon, Pending(why=why, since=noon))
    assert waiting.clock_stopped_seconds == 0
    again = passed(waiting, CaseStatus.OPEN, noon + timedelta(minutes=10))
    assert (again.clock_stopped_seconds, again.pending) == (seconds, None)


def test_two_waits_add_up_and_the_same_wait_counts_once(opened, noon):
    pending = Pending(why=PendingWhy.CLIENT, since=noon)
    waiting = passed(opened, CaseStatus.PENDING, noon, pending)
    still = passed(waiting, CaseStatus.PENDING, noon + timedelta(minutes=4), pending)
    assert still.clock_stopped_seconds == 0
    other = Pending(why=PendingWhy.ACCESS, since=noon + timedelta(minutes=5))
    changed = passed(still, CaseStatus.PENDING, other.since, other)
    assert passed(changed, CaseStatus.OPEN, noon + timedelta(minutes=8)).clock_stopped_seconds == 480


def test_a_resolved_case_is_closed_in_silence_and_its_ticket_with_it(ended, context):
    decision = on_close(ended, context(40 + 72 * 60))
    assert (kept(decision).status, decision.reason) == (CaseStatus.CLOSED, Reason.NOBODY_OBJECTED)
    assert kept(decision).ended_at == ended.ended_at
    assert [(effect.kind, effect.status) for effect in decision.effects] == [
        (EffectKind.UPDATE_TICKET, TicketStatus.CLOSED)
    ]
    assert on_close(replace(ended, status=CaseStatus.OPEN), context(41)).case is None


def test_a_wait_that_is_over_goes_on_by_itself(opened, context, noon):
    until = noon + timedelta(minutes=30)
    waiting = passed(
        opened, CaseStatus.PENDING, noon, Pending(why=PendingWhy.ACCESS, since=noon, until=until, by="Kim")
    )
    decision = on_pending(waiting, context(30))
    assert (kept(decision).status, decision.reason) == (CaseStatus.OPEN, Reason.WAIT_OVER)
    assert [effect.status for effect in decision.effects] == [TicketStatus.IN_PROGRESS]
    assert on_pending(opened, context(30)).case is None


@pytest.mark.parametrize(
    ("severity", "minutes"), [(Severity.CRITICAL, 60), (Severity.MAJOR, 240), (Severity.MINOR, 1440), (None, 1440)]
)
def test_a_client_who_waits_is_owed_word_by_severity(opened, context, noon, severity, minutes):
    case = replace(opened, origins=(Origin.CLIENT,), severity=severity)
    owing, timers = owing_word(case, context())
    assert owing.next_update_at == noon + timedelta(minutes=minutes)
    assert [(timer.kind, timer.due_at) for timer in timers] == [(TimerKind.CLIENT_UPDATE, owing.next_update_at)]
    assert owing_word(owing, context(5)) == (owing, ()), "a promise is not put off"
    told, _ = owing_word(owing, context(5), told=True)
    assert told.next_update_at == noon + timedelta(minutes=5 + minutes)
    due = on_client_update(owing, context(minutes))
    assert (kept(due).next_action, due.reason, due.timers) == (
        "tell the client how it goes", Reason.CLIENT_UPDATE_DUE, (),
    )  # fmt: skip


def test_nobody_is_owed_word_who_knows_of_nothing(opened, context):
    assert owing_word(opened, context()) == (opened, ())


@pytest.mark.parametrize(("minutes", "same"), [(40 + 24 * 60, True), (40 + 24 * 60 + 1, False)])
def test_the_same_trouble_within_a_day_is_the_same_case_and_ticket(ended, context, judged, minutes, same):
    """Resolved at 12:40; 24 hours to re-open. It has to hold again before its ticket is touched."""
    back = judged()
    back = replace(back, verdict=replace(back.verdict, onset=context(minutes - 5).now))
    seen = on_trouble(None, back, context(minutes, new_case_id="C-2", ended=ended))
    assert (kept(seen).id, kept(seen).status, seen.effects) == ("C-1" if same else "C-2", CaseStatus.SUSPECTED, ())
    held = on_quarantine(kept(seen), back, context(minutes + 3))
    if not same:
        assert [effect.key for effect in held.effects] == ["C-2:ticket"]
        return
    assert (kept(held).status, kept(held).reopened, held.reason) == (CaseStatus.OPEN, 1, Reason.REOPENED)
    assert [(effect.kind, effect.ticket, effect.status) for effect in held.effects] == [
        (EffectKind.UPDATE_TICKET, "T-1", TicketStatus.IN_PROGRESS),
        (EffectKind.ATTACH_EVIDENCE, "T-1", None),
    ]


def test_the_machine_counts_its_own_ends_of_a_case_that_comes_back(ended, context, judged):
    """As of separate cases: after the third within a day a person has to look."""
    seen = kept(on_trouble(None, judged(), context(60, ended=ended)))
    held = kept(on_quarantine(seen, judged(), context(63)))
    assert (held.resolved_before, held.resolved_by_machine) == (1, False)


def test_another_cause_is_another_case_but_flapping_is_the_outage_again(ended, context, judged):
    known = context(60, new_case_id="C-2", ended=replace(ended, cause=Cause.LINK_DOWN))
    assert kept(on_trouble(None, judged(cause=Cause.INSTABILITY), known)).id == "C-1"
    assert kept(on_trouble(None, judged(cause=Cause.LATENCY), known)).id == "C-2"


def test_what_does_not_hold_again_stays_resolved_and_is_closed_when_it_would_have_been(ended, context, judged):
    seen = kept(on_trouble(None, judged(), context(60, ended=ended)))
    decision = on_quarantine(seen, judged(VerdictKind.NOT_SUBSTANTIATED, Cause.NONE, None), context(63))
    assert (kept(decision).status, kept(decision).ended_at, decision.effects) == (
        CaseStatus.RESOLVED, ended.ended_at, (),
    )  # fmt: skip
    assert [(timer.kind, timer.due_at) for timer in decision.timers] == [
        (TimerKind.CLOSE, ended.ended_at + timedelta(hours=72))
    ]


@pytest.mark.parametrize(("apart", "quiet"), [(-15, True), (15, True), (16, False)])
def test_what_a_person_ended_is_not_opened_again_for_the_very_same_trouble(ended, context, judged, apart, quiet):
    """The case's onset is 11:30, the end that Kim gave it 11:35: another look may place the onset 15 minutes off."""
    by_kim = replace(ended, decided_by="Kim", ended_at=context(-25).now)
    seen = judged()
    seen = replace(seen, verdict=replace(seen.verdict, onset=seen.verdict.onset + timedelta(minutes=apart)))
    decision = on_trouble(None, seen, context(60, ended=by_kim))
    assert (decision.reason is Reason.PERSON_DECIDED) is quiet
    assert (decision.case is None) is quiet
    machine = replace(by_kim, decided_by=None)
    assert on_trouble(None, seen, context(60, ended=machine)).case is not None


def test_what_began_before_a_person_ended_it_is_what_they_ended(ended, context, judged):
    """A longer look may place the onset an hour earlier: at 12:40 Kim knew of it all the same."""
    by_kim = replace(ended, decided_by="Kim")
    seen = judged()
    early = replace(seen, verdict=replace(seen.verdict, onset=seen.verdict.onset - timedelta(hours=1)))
    assert on_trouble(None, early, context(60, ended=by_kim)).reason is Reason.PERSON_DECIDED
    late = replace(seen, verdict=replace(seen.verdict, onset=context(41).now))
    assert kept(on_trouble(None, late, context(60, ended=by_kim))).id == "C-1"


def test_what_a_person_took_up_again_is_a_persons_to_resolve(opened, context, judged):
    watched = replace(opened, status=CaseStatus.MONITORING, decided_by="Kim")
    well = replace(judged(VerdictKind.RECOVERED), healthy=Healthy(measured=frozenset({"store-114-wan1"})))
    decision = on_recovery(watched, well, context(60))
    assert (kept(decision).status, decision.reason) == (CaseStatus.MONITORING, Reason.PERSON_MUST_RESOLVE)
    assert kept(on_recovery(replace(watched, decided_by=None), well, context(60))).status is CaseStatus.RESOLVED


@pytest.mark.parametrize("kind", VerdictKind)
def test_a_client_who_objects_takes_up_the_same_case_whatever_is_measured(ended, context, judged, noon, kind):
    said = Claim(site="store-114", client="acme", since=noon, reported_at=noon + timedelta(hours=30))
    theirs = replace(ended, origins=(Origin.MACHINE, Origin.CLIENT))
    reported = ClaimReported(claim=said, open_ticket=True)
    decision = on_claim(None, reported, judged(kind), context(1800, new_case_id="C-2", ended=theirs))
    assert (kept(decision).id, kept(decision).reopened, decision.reason) == ("C-1", 1, Reason.REOPENED)
    assert decision.effects[0].status is TicketStatus.IN_PROGRESS
    assert TimerKind.CLOSE in decision.cancelled
    other_line = replace(theirs, link="store-114-lte")
    assert kept(on_claim(None, reported, judged(kind), context(1800, new_case_id="C-2", ended=other_line))).id == "C-2"
    closed = replace(theirs, status=CaseStatus.CLOSED)
    assert kept(on_claim(None, reported, judged(kind), context(1800, new_case_id="C-2", ended=closed))).id == "C-2"


def test_a_second_end_has_a_key_of_its_own(opened, context, judged):
    """Otherwise the outbox would take it for done."""
    well = replace(judged(VerdictKind.RECOVERED), healthy=Healthy(measured=frozenset({"store-114-wan1"})))
    watched = replace(opened, status=CaseStatus.MONITORING)
    first = on_recovery(watched, well, context(50))
    second = on_recovery(replace(watched, reopened=1), well, context(50))
    assert [first.effects[0].key, second.effects[0].key] == ["C-1:resolve", "C-1:resolve:1"]


def test_a_worse_trouble_of_a_held_case_is_said_and_stays_held(opened, context: Context, judged, noon):
    held = passed(opened, CaseStatus.PENDING, noon, Pending(why=PendingWhy.ACCESS, since=noon, by="Kim"))
    decision = on_trouble(held, judged(cause=Cause.SITE_DOWN, severity=Severity.CRITICAL), context(30))
    assert (kept(decision).status, kept(decision).pending) == (CaseStatus.PENDING, held.pending)
    assert [effect.kind for effect in decision.effects][:2] == [EffectKind.NOTE_TICKET, EffectKind.ATTACH_EVIDENCE]
    assert {effect.status for effect in decision.effects} == {None}
    assert on_trouble(held, judged(VerdictKind.NOT_SUBSTANTIATED), context(30)).case is None
