"""What follows from what: the life of a case, its one ticket, and what a person may do."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from collector.model import Source
from triage.cases import (
    Case,
    CaseStatus,
    Decision,
    EffectKind,
    Origin,
    Pending,
    PendingWhy,
    ProposalStatus,
    TimerKind,
)
from triage.decide import on_quarantine, on_recovery, on_trouble
from triage.decide_claims import on_claim, on_rejudge
from triage.inputs import Answered, ClaimReported, PersonAct, PersonActed
from triage.model import Cause, Claim, Direction, Finding, Severity, VerdictKind
from triage.reasons import QUIET, Reason
from triage.respond import on_answer, on_person


@pytest.fixture
def claim(noon: datetime) -> ClaimReported:
    said = Claim(site="store-114", client="acme", since=noon - timedelta(minutes=30), reported_at=noon)
    return ClaimReported(claim=said, open_ticket=True)


def kept(decision: Decision) -> Case:
    assert decision.case is not None
    return decision.case


def kinds(decision: Decision) -> list[EffectKind]:
    return [effect.kind for effect in decision.effects]


def test_a_trouble_is_suspected_before_it_is_a_ticket(context, judged, noon):
    decision = on_trouble(None, judged(), context())
    assert kept(decision).status is CaseStatus.SUSPECTED
    assert decision.effects == ()
    assert [(timer.kind, timer.due_at) for timer in decision.timers] == [
        (TimerKind.QUARANTINE, noon + timedelta(minutes=3))
    ]


def test_a_trouble_that_holds_opens_one_ticket_and_one_proposal(context, judged):
    suspected = kept(on_trouble(None, judged(), context()))
    decision = on_quarantine(suspected, judged(), context(3))
    assert kept(decision).status is CaseStatus.OPEN
    assert [(effect.kind, effect.key) for effect in decision.effects] == [(EffectKind.OPEN_TICKET, "C-1:ticket")]
    assert decision.proposal is not None
    assert (decision.proposal.from_link, decision.proposal.to_link) == ("store-114-wan1", "store-114-lte")


def test_a_trouble_that_does_not_hold_closes_without_a_ticket(context, judged):
    suspected = kept(on_trouble(None, judged(), context()))
    decision = on_quarantine(suspected, judged(VerdictKind.NOT_SUBSTANTIATED, Cause.NONE, None), context(3))
    assert kept(decision).status is CaseStatus.CLOSED
    assert decision.reason is Reason.TROUBLE_DID_NOT_HOLD
    assert decision.effects == ()


def test_a_second_look_without_data_is_neither_healthy_nor_down(context, judged, noon):
    suspected = kept(on_trouble(None, judged(), context()))
    decision = on_quarantine(suspected, judged(VerdictKind.INCONCLUSIVE, Cause.NO_DATA, None), context(3))
    assert kept(decision).status is CaseStatus.SUSPECTED
    assert [timer.due_at for timer in decision.timers] == [noon + timedelta(minutes=4)]


def test_management_contact_lost_opens_a_case_but_no_ticket(context, judged):
    lost = judged(cause=Cause.MANAGEMENT_LOST, severity=Severity.MINOR)
    decision = on_quarantine(kept(on_trouble(None, lost, context())), lost, context(3))
    assert kept(decision).status is CaseStatus.OPEN
    assert decision.effects == ()
    assert decision.reason is Reason.NO_TICKET_FOR_CAUSE


def test_announced_work_opens_nothing_and_says_why(context, judged):
    decision = on_trouble(None, judged(), context(in_maintenance=True))
    assert (decision.case, decision.reason) == (None, Reason.IN_MAINTENANCE)


def test_a_claim_opens_a_case_whatever_the_verdict(context, judged, claim):
    for kind in VerdictKind:
        decision = on_claim(None, claim, judged(kind), context())
        assert kept(decision).origins == (Origin.CLIENT,)
        assert kinds(decision) == [EffectKind.OPEN_TICKET], kind


def test_a_claim_without_a_ticket_asked_for_opens_none(context, judged, claim):
    decision = on_claim(None, replace(claim, open_ticket=False), judged(), context())
    assert decision.effects == ()


def test_a_second_claim_joins_the_open_case_and_adds_to_its_ticket(context, judged, claim):
    opened = replace(kept(on_claim(None, claim, judged(), context())), ticket="T-1")
    decision = on_claim(opened, claim, judged(sha="b" * 64), context(10))
    assert kept(decision).id == "C-1"
    assert kept(decision).claims == 2
    assert decision.reason is Reason.CLAIM_JOINED
    assert kinds(decision) == [EffectKind.NOTE_TICKET, EffectKind.ATTACH_EVIDENCE]


def test_a_second_claim_while_the_ticket_is_being_opened_leaves_a_note_and_both_packs(context, judged, claim):
    opened = kept(on_claim(None, claim, judged(), context()))
    decision = on_claim(opened, claim, judged(sha="b" * 64), context(1))
    assert kinds(decision) == [EffectKind.ATTACH_EVIDENCE, EffectKind.NOTE_TICKET, EffectKind.ATTACH_EVIDENCE]
    assert [effect.ticket for effect in decision.effects] == [None, None, None]
    third = on_claim(kept(decision), claim, judged(sha="b" * 64), context(2))
    assert {effect.key for effect in decision.effects if "claim" in effect.key} == {"C-1:claim:2"}
    assert {effect.key for effect in third.effects if "claim" in effect.key} == {"C-1:claim:3"}


def test_the_ticket_of_a_carriers_child_waits_for_the_parents(context, judged):
    suspected = replace(kept(on_trouble(None, judged(), context())), parent="C-9")
    decision = on_quarantine(suspected, judged(), context(3))
    assert (kept(decision).status, decision.reason) == (CaseStatus.OPEN, Reason.CARRIER_PARENT)
    assert (decision.effects, kept(decision).ticket_withheld) == ((), True)
    assert on_trouble(kept(decision), judged(), context(5)).reason is Reason.TROUBLE_ONGOING


def test_a_child_whose_trouble_outlives_the_parent_gets_its_own_ticket(context, judged):
    child = replace(kept(on_trouble(None, judged(), context())), parent="C-9")
    alone = replace(kept(on_quarantine(child, judged(), context(3))), parent=None, alone=True)
    decision = on_trouble(alone, judged(), context(30))
    assert (kinds(decision), decision.reason) == ([EffectKind.OPEN_TICKET], Reason.LEFT_PARENT)
    assert (kept(decision).ticket_wanted, kept(decision).ticket_withheld) == (True, False)
    assert on_trouble(kept(decision), judged(), context(35)).reason is Reason.TROUBLE_ONGOING


def test_a_person_who_asks_gets_a_ticket_for_a_child(context, judged, claim):
    child = replace(kept(on_trouble(None, judged(), context())), parent="C-9")
    assert kinds(on_claim(child, replace(claim, open_ticket=False), judged(), context(1))) == []
    assert kinds(on_claim(child, claim, judged(), context(1))) == [EffectKind.OPEN_TICKET]


def test_a_trouble_that_got_worse_in_quarantine_is_taken_at_once(context, judged):
    suspected = kept(on_trouble(None, judged(severity=Severity.MINOR), context()))
    decision = on_quarantine(suspected, judged(cause=Cause.SITE_DOWN, severity=Severity.CRITICAL), context(3))
    assert (kept(decision).cause, kept(decision).severity) == (Cause.SITE_DOWN, Severity.CRITICAL)
    assert kinds(decision) == [EffectKind.OPEN_TICKET]


def test_a_call_about_a_trouble_that_was_resolved_already_is_no_second_case(context, judged, claim, noon):
    opened = replace(
        kept(on_quarantine(kept(on_trouble(None, judged(), context())), judged(), context(3))), ticket="T-1"
    )
    ended = replace(opened, status=CaseStatus.RESOLVED, ended_at=noon + timedelta(minutes=40))
    late = context(50, new_case_id="C-2", ended=ended)
    decision = on_claim(None, claim, judged(VerdictKind.RECOVERED), late)
    assert (kept(decision).id, kept(decision).status) == ("C-1", CaseStatus.MONITORING)
    assert (decision.reason, kept(decision).reopened) == (Reason.REOPENED, 1)
    assert kinds(decision) == [EffectKind.UPDATE_TICKET, EffectKind.ATTACH_EVIDENCE]
    another = replace(ended, onset=noon - timedelta(minutes=46))
    assert kept(on_claim(None, claim, judged(VerdictKind.RECOVERED), replace(late, ended=another))).id == "C-2"
    assert kept(on_claim(None, claim, judged(VerdictKind.RECOVERED, Cause.LATENCY), late)).id == "C-2"
    assert kept(on_claim(None, claim, judged(VerdictKind.CONFIRMED), late)).id == "C-1"
    assert kept(on_claim(None, claim, judged(VerdictKind.CONFIRMED, Cause.LATENCY), late)).id == "C-2"
    fallen = replace(ended, status=CaseStatus.CLOSED)
    assert kept(on_claim(None, claim, judged(VerdictKind.RECOVERED), replace(late, ended=fallen))).id == "C-2"


def test_a_claim_takes_a_suspected_trouble_out_of_quarantine(context, judged, claim):
    suspected = kept(on_trouble(None, judged(), context()))
    decision = on_claim(suspected, claim, judged(), context(1))
    assert kept(decision).status is CaseStatus.OPEN
    assert kept(decision).origins == (Origin.MACHINE, Origin.CLIENT)
    assert decision.cancelled == (TimerKind.QUARANTINE,)


def test_a_client_who_says_the_same_prevents_no_ticket_of_the_machine(context, judged, claim):
    suspected = kept(on_trouble(None, judged(), context()))
    unasked = replace(claim, open_ticket=False)
    assert kinds(on_claim(suspected, unasked, judged(), context(1))) == [EffectKind.OPEN_TICKET]
    assert kinds(on_claim(suspected, unasked, judged(VerdictKind.NOT_SUBSTANTIATED), context(1))) == []
    assert kinds(on_claim(None, unasked, judged(), context(1))) == []


def test_a_claim_whose_statistics_are_late_is_pending_until_it_is_judged_again(context, judged, claim, noon):
    later = noon + timedelta(minutes=15)
    decision = on_claim(None, claim, judged(VerdictKind.INCONCLUSIVE, rejudge_at=later), context())
    assert kept(decision).status is CaseStatus.PENDING
    assert kept(decision).pending == Pending(why=PendingWhy.STATISTICS, since=noon, until=later)
    assert (TimerKind.REJUDGE, later) in [(timer.kind, timer.due_at) for timer in decision.timers]
    again = on_rejudge(replace(kept(decision), ticket="T-1"), judged(), context(15))
    assert kept(again).status is CaseStatus.OPEN
    assert kinds(again) == [EffectKind.NOTE_TICKET, EffectKind.ATTACH_EVIDENCE]


def test_a_trouble_confirmed_after_waiting_gets_its_ticket_unasked(context, judged, claim, noon):
    unasked = replace(claim, open_ticket=False)
    waiting = judged(VerdictKind.INCONCLUSIVE, rejudge_at=noon + timedelta(minutes=15))
    pending = kept(on_claim(None, unasked, waiting, context()))
    assert kinds(on_rejudge(pending, judged(), context(15))) == [EffectKind.OPEN_TICKET]
    assert kinds(on_rejudge(pending, judged(VerdictKind.RECOVERED), context(15))) == []
    assert kinds(on_rejudge(pending, judged(cause=Cause.MANAGEMENT_LOST), context(15))) == []


def test_an_open_case_whose_trouble_is_gone_is_watched_then_resolved(context, judged, noon):
    healthy = judged(VerdictKind.RECOVERED)
    opened = replace(
        kept(on_quarantine(kept(on_trouble(None, judged(), context())), judged(), context(3))), ticket="T-1"
    )
    watched = on_trouble(opened, healthy, context(30))
    assert kept(watched).status is CaseStatus.MONITORING
    assert watched.timers[0].due_at == noon + timedelta(minutes=50)
    resolved = on_recovery(kept(watched), healthy, context(50))
    assert kept(resolved).status is CaseStatus.RESOLVED
    assert kinds(resolved) == [EffectKind.RESOLVE_TICKET]


def test_a_case_is_never_resolved_on_absent_data(context, judged, claim):
    watched = replace(kept(on_trouble(None, judged(), context())), status=CaseStatus.MONITORING)
    decision = on_recovery(watched, judged(VerdictKind.INCONCLUSIVE, Cause.NO_DATA, None), context(50))
    assert decision.reason is Reason.RECHECK_WITHOUT_DATA
    assert kept(decision).status is CaseStatus.MONITORING


def test_a_case_that_a_client_reported_waits_for_the_clients_word(context, judged, claim, noon):
    watched = kept(on_claim(None, claim, judged(VerdictKind.RECOVERED), context()))
    assert watched.status is CaseStatus.MONITORING
    decision = on_recovery(watched, judged(VerdictKind.RECOVERED), context(20))
    assert decision.reason is Reason.CLIENT_MUST_CONFIRM
    assert kept(decision).status is CaseStatus.RESOLVED
    assert [(timer.kind, timer.due_at) for timer in decision.timers] == [
        (TimerKind.CLOSE, noon + timedelta(minutes=20, hours=72))
    ]
    confirmed = on_person(kept(decision), PersonActed(who="Kim", does=PersonAct.CONFIRM, target="C-1"), context(30))
    assert kept(confirmed).status is CaseStatus.CLOSED


def test_a_trouble_that_comes_back_while_watched_reopens_the_work(context, judged):
    watched = replace(kept(on_trouble(None, judged(), context())), status=CaseStatus.MONITORING, ticket="T-1")
    decision = on_trouble(watched, judged(sha="c" * 64), context(10))
    assert kept(decision).status is CaseStatus.OPEN
    assert decision.reason is Reason.RECOVERY_BROKEN
    assert TimerKind.RECOVERY in decision.cancelled


def test_a_ticket_answer_brings_the_evidence_to_the_ticket(context, judged, claim):
    opened = kept(on_claim(None, claim, judged(), context()))
    answer = Answered(key="C-1:ticket", kind=EffectKind.OPEN_TICKET, case="C-1", ok=True, ticket="T-7")
    decision = on_answer(opened, answer, context(1))
    assert kept(decision).ticket == "T-7"
    assert [(effect.kind, effect.evidence_sha256) for effect in decision.effects] == [
        (EffectKind.ATTACH_EVIDENCE, "a" * 64)
    ]


def test_a_far_end_that_gave_up_is_the_cases_next_action(context, judged, claim):
    opened = kept(on_claim(None, claim, judged(), context()))
    answer = Answered(key="C-1:ticket", kind=EffectKind.OPEN_TICKET, case="C-1", ok=False, text="refused: 403")
    decision = on_answer(opened, answer, context(1))
    assert decision.reason is Reason.FAR_END_GAVE_UP
    assert "refused: 403" in kept(decision).next_action


def test_nothing_is_sent_to_a_router_before_a_named_person_approved(context, judged, claim):
    opened = on_claim(None, claim, judged(), context())
    case, proposal = kept(opened), opened.proposal
    assert proposal is not None
    apply = PersonActed(who="Kim", does=PersonAct.APPLY, target="P-1")
    early = on_person(case, apply, context(1, proposal=proposal))
    assert early.reason is Reason.PERSON_ACT_REFUSED
    assert "approved" in early.detail
    nameless = PersonActed(who=" ", does=PersonAct.APPROVE, target="P-1")
    assert on_person(case, nameless, context(1, proposal=proposal)).reason is Reason.PERSON_ACT_REFUSED
    approve = PersonActed(who="Kim", does=PersonAct.APPROVE, target="P-1")
    approved = on_person(case, approve, context(1, proposal=proposal)).proposal
    assert approved is not None
    assert (approved.status, approved.decided_by) == (ProposalStatus.APPROVED, "Kim")
    applied = on_person(case, apply, context(2, proposal=approved))
    assert kinds(applied) == [EffectKind.APPLY_REROUTE]


def test_a_case_gets_one_proposal(context, judged, claim):
    first = on_claim(None, claim, judged(), context())
    second = on_claim(kept(first), claim, judged(), context(5, proposal=first.proposal))
    assert second.proposal is None


def test_no_proposal_without_a_fit_option(context, judged, claim):
    assert on_claim(None, claim, judged(fit=False), context()).proposal is None


def ended(judgement, metric):
    """The same trouble, that ended a minute ago by what this metric showed."""
    verdict = judgement.verdict
    end = verdict.onset + timedelta(minutes=29)
    finding = Finding(
        link="wan1", source=Source.PROBE, metric=metric, cause=verdict.cause, direction=Direction.BOTH,
        onset=verdict.onset, end=end, value=25.0, unit="%", baseline=0.0, threshold=2.0, rule="", statistic="mean",
        bad_samples=6,
    )  # fmt: skip
    return replace(judgement, verdict=replace(verdict, end=end, findings=(finding,)))


@pytest.mark.parametrize(
    ("cause", "metric", "over"),
    [
        (Cause.LINK_DOWN, "fact:link_state", True),
        (Cause.LINK_DOWN, "loss_pct", True),
        (Cause.DEVICE, "fact:reboot", True),
        (Cause.LOSS, "loss_pct", False),
        (Cause.LATENCY, "rtt_ms", False),
    ],
)
def test_an_outage_that_is_over_opens_nothing_but_a_lossy_line_has_good_minutes_by_chance(
    judged, context, cause, metric, over
):
    """With 10 % lost of 20 probes each eighth minute shows none (0.9^20)."""
    first = on_trouble(None, ended(judged(cause=cause), metric), context())
    assert first.reason is (Reason.TROUBLE_OVER if over else Reason.TROUBLE_SUSPECTED)
    case = on_trouble(None, judged(cause=cause), context()).case
    second = on_quarantine(case, ended(judged(cause=cause), metric), context(3))
    assert second.reason is (Reason.TROUBLE_DID_NOT_HOLD if over else Reason.TROUBLE_HELD)
    assert (second.case.status is CaseStatus.CLOSED, second.effects == ()) == (over, over)


def test_a_look_without_data_is_said_once_and_the_next_one_is_ever_further_off_up_to_an_hour(context, judged):
    dark = judged(VerdictKind.INCONCLUSIVE, Cause.NO_DATA, None)
    watched = replace(kept(on_trouble(None, judged(), context())), status=CaseStatus.MONITORING)
    minutes, reasons, case = 50, [], watched
    for wait in (1, 2, 4, 8, 16, 32, 60, 60):
        decision = on_recovery(case, dark, context(minutes))
        minutes += wait
        assert [timer.due_at for timer in decision.timers] == [context(minutes).now]
        case = kept(decision)
        reasons.append(decision.reason)
    assert reasons == [Reason.RECHECK_WITHOUT_DATA, *[Reason.STILL_WITHOUT_DATA] * 7]
    assert set(reasons[1:]) <= QUIET
    back = on_trouble(case, judged(VerdictKind.RECOVERED), context(minutes))
    assert [(timer.kind, timer.due_at) for timer in back.timers] == [(TimerKind.RECOVERY, context(minutes).now)]
    assert kept(on_recovery(case, judged(VerdictKind.RECOVERED), context(minutes))).looks_without_data == 0


def test_the_second_look_at_a_suspected_trouble_says_once_that_data_lack(context, judged):
    dark = judged(VerdictKind.INCONCLUSIVE, Cause.NO_DATA, None)
    first = on_quarantine(kept(on_trouble(None, judged(), context())), dark, context(3))
    second = on_quarantine(kept(first), dark, context(4))
    assert (first.reason, second.reason) == (Reason.RECHECK_WITHOUT_DATA, Reason.STILL_WITHOUT_DATA)
    assert [timer.due_at for timer in second.timers] == [context(6).now]
    assert kept(on_quarantine(kept(second), judged(), context(6))).looks_without_data == 0


def test_an_open_case_says_each_time_that_data_have_begun_to_lack(context, judged):
    dark = judged(VerdictKind.INCONCLUSIVE, Cause.NO_DATA, None)
    case = kept(on_quarantine(kept(on_trouble(None, judged(), context())), judged(), context(3)))
    first = on_trouble(case, dark, context(10))
    assert first.reason is Reason.RECHECK_WITHOUT_DATA
    assert on_trouble(kept(first), dark, context(15)).reason is Reason.STILL_WITHOUT_DATA
    seen = on_trouble(kept(first), judged(), context(20))
    assert seen.reason is Reason.TROUBLE_ONGOING
    assert on_trouble(kept(seen), dark, context(25)).reason is Reason.RECHECK_WITHOUT_DATA


def test_a_claim_that_still_waits_for_its_statistics_says_so_once(context, judged, claim, noon):
    waiting = judged(VerdictKind.INCONCLUSIVE, rejudge_at=noon + timedelta(minutes=15))
    case = kept(on_claim(None, claim, waiting, context()))
    first = on_rejudge(case, judged(VerdictKind.INCONCLUSIVE, rejudge_at=noon + timedelta(minutes=20)), context(15))
    assert (first.reason, first.timers[0].due_at) == (Reason.RECHECK_WITHOUT_DATA, noon + timedelta(minutes=20))
    second = on_rejudge(kept(first), judged(VerdictKind.INCONCLUSIVE, rejudge_at=context(21).now), context(20))
    assert (second.reason, second.judged) == (Reason.STILL_WITHOUT_DATA, None)
    assert second.timers[0].due_at == noon + timedelta(minutes=22), "two minutes, the second distance"
    assert kept(second).status is CaseStatus.PENDING


def test_a_watched_case_says_once_that_its_trouble_is_gone(context, judged):
    watched = replace(kept(on_trouble(None, judged(), context())), status=CaseStatus.MONITORING)
    decision = on_trouble(watched, judged(VerdictKind.RECOVERED), context(5))
    assert (decision.case, decision.reason) == (None, Reason.RECOVERY_GOES_ON)
    assert decision.reason in QUIET
