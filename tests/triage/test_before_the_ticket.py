"""What happens to a case while its ticket is not open yet - its system is away, or in a dry run - is meant all the
same, and waits behind the ticket in the outbox."""

from __future__ import annotations

from dataclasses import replace

from triage.cases import Case, CaseStatus, Effect, EffectKind
from triage.consequences import attach
from triage.decide import on_quarantine, on_trouble
from triage.inputs import Answered, PersonAct, PersonActed
from triage.respond import on_answer, on_person
from triage.tickets.port import TicketStatus


def waiting(judged, context) -> Case:
    """A case whose ticket was meant and is not known."""
    suspected = on_trouble(None, judged(), context()).case
    return on_quarantine(suspected, judged(), context(3)).case


def keys(effects: tuple[Effect, ...]) -> list[str]:
    return [effect.key.split(":")[1] for effect in effects]


def test_a_trouble_that_comes_back_before_its_ticket_is_open_is_a_note_of_it(context, judged):
    case = replace(waiting(judged, context), status=CaseStatus.MONITORING)
    decision = on_trouble(case, judged(), context(20))
    assert {"note", "evidence"} <= set(keys(decision.effects))
    assert "ticket" not in keys(decision.effects)
    assert all(effect.ticket is None for effect in decision.effects)


def test_a_case_that_ends_before_its_ticket_is_open_ends_that_too(context, judged):
    ended = on_person(
        waiting(judged, context), PersonActed(who="Kim", does=PersonAct.RESOLVE, target="C-1"), context(5)
    )
    assert [effect.kind for effect in ended.effects] == [EffectKind.RESOLVE_TICKET]
    shut = on_person(ended.case, PersonActed(who="Kim", does=PersonAct.CLOSE, target="C-1"), context(6))
    assert [effect.status for effect in shut.effects] == [TicketStatus.CLOSED]
    learnt = on_answer(shut.case, opened("T-1"), context(7))
    assert keys(learnt.effects) == ["evidence"], "nothing that would take it up again"


def test_a_case_without_a_wish_for_a_ticket_asks_nothing_of_one(context, judged):
    case = replace(waiting(judged, context), ticket_wanted=False)
    ended = on_person(case, PersonActed(who="Kim", does=PersonAct.RESOLVE, target="C-1"), context(5))
    assert ended.effects == ()


def test_evidence_that_belongs_on_a_withheld_ticket_is_meant_and_then_withheld_too(context, judged):
    case = waiting(judged, context)
    assert case.evidence_sha256 is not None
    assert on_answer(case, opened(None), context(4)).effects == (attach(case, case.evidence_sha256),)


def opened(ticket: str | None) -> Answered:
    return Answered(key="C-1:ticket", kind=EffectKind.OPEN_TICKET, case="C-1", ok=True, ticket=ticket, text="")
