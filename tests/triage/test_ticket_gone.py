"""A ticket that its system does not have any more: the case says so and goes on, and a person decides."""

from __future__ import annotations

from dataclasses import replace

import pytest

from triage.cases import Case, CaseStatus, Decision, EffectKind
from triage.decide import on_quarantine, on_trouble
from triage.inputs import Opening, PersonAct, PersonActed, TicketChanged
from triage.model import Cause
from triage.openings import on_opened
from triage.reasons import Reason
from triage.ticket_changes import on_ticket_changed


def kept(decision: Decision) -> Case:
    assert decision.case is not None
    return decision.case


@pytest.fixture
def opened(context, judged) -> Case:
    suspected = kept(on_trouble(None, judged(), context()))
    return replace(kept(on_quarantine(suspected, judged(), context(3))), ticket="T-1")


@pytest.fixture
def missing(noon) -> TicketChanged:
    return TicketChanged(case="C-1", ticket="T-1", by="somebody", at=noon, note="somebody deleted T-1", gone=True)


def linking(ticket: str) -> PersonActed:
    opening = Opening(existing_ticket=ticket)
    return PersonActed(who="Kim", does=PersonAct.OPEN, target="store-114", note="goes on there", opening=opening)


def test_the_case_stays_as_it_is_and_says_what_is_to_be_done(opened, missing, context):
    decision = on_ticket_changed(opened, missing, context(9))
    after = kept(decision)
    assert (after.status, after.ticket, after.decided_by) == (CaseStatus.OPEN, "T-1", None)
    assert "T-1 is gone" in after.next_action
    assert "--existing-ticket" in after.next_action
    assert (decision.effects, decision.timers, decision.cancelled) == ((), (), ())
    assert "somebody deleted T-1" in decision.detail


def test_no_other_ticket_is_opened_by_itself(opened, missing, context, judged):
    gone = kept(on_ticket_changed(opened, missing, context(9)))
    worse = on_trouble(gone, judged(cause=Cause.SITE_DOWN), context(20))
    assert EffectKind.OPEN_TICKET not in {effect.kind for effect in worse.effects}


def test_a_person_may_name_another_one_and_only_then(opened, missing, context, judged):
    refused = on_opened(opened, linking("T-9"), judged(), context(10))
    assert refused.reason is Reason.PERSON_ACT_REFUSED
    gone = kept(on_ticket_changed(opened, missing, context(9)))
    decision = on_opened(gone, linking("T-9"), judged(), context(10))
    assert (kept(decision).ticket, kept(decision).ticket_gone) == ("T-9", False)
    assert {effect.ticket for effect in decision.effects} == {"T-9"}
    assert on_ticket_changed(kept(decision), missing, context(12)).case is None, "of a ticket that is its own no more"


def test_one_that_is_back_is_its_ticket_again(opened, missing, context):
    gone = kept(on_ticket_changed(opened, missing, context(9)))
    back = kept(on_ticket_changed(gone, replace(missing, gone=False), context(12)))
    assert (back.ticket_gone, back.next_action) == (False, "work on the trouble")


def test_of_a_closed_case_it_is_no_news(opened, missing, context):
    assert on_ticket_changed(replace(opened, status=CaseStatus.CLOSED), missing, context(9)).case is None
