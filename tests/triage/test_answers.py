"""What a far end answered, or would have been asked: what counts as done."""

from __future__ import annotations

from triage.cases import EffectKind, ProposalStatus
from triage.decide import on_quarantine, on_trouble
from triage.inbox import KINDS
from triage.inputs import Answered, PersonAct, PersonActed
from triage.respond import on_answer, on_person

ANSWER_OF_BEFORE = {
    "key": "C-1:ticket", "kind": "open_ticket", "case": "C-1", "ok": True, "ticket": "T-7", "proposal": None,
    "text": "",
}  # fmt: skip
"""Of the inbox, from before `withheld` was a field."""


def test_an_answer_that_an_earlier_version_wrote_is_one_that_was_not_withheld():
    read = KINDS["answer"].validate_python(ANSWER_OF_BEFORE)
    assert read == Answered(key="C-1:ticket", kind=EffectKind.OPEN_TICKET, case="C-1", ok=True, ticket="T-7")
    assert not read.withheld


def test_a_reroute_that_was_withheld_is_not_applied(context, judged):
    opened = on_quarantine(on_trouble(None, judged(), context()).case, judged(), context(3))
    case, proposal = opened.case, opened.proposal
    assert (case is None, proposal is None) == (False, False)
    for act in (PersonAct.APPROVE, PersonAct.APPLY):
        acted = PersonActed(who="Kim Lee", does=act, target=proposal.id)
        proposal = on_person(case, acted, context(4, proposal=proposal)).proposal
    about = {"key": "P-1:apply_reroute", "kind": EffectKind.APPLY_REROUTE, "case": case.id, "proposal": proposal.id}
    withheld = Answered(**about, ok=True, text="switched off", withheld=True)
    carried_out = Answered(**about, ok=True, text="transcript")
    assert on_answer(case, withheld, context(5, proposal=proposal)).proposal.status is ProposalStatus.FAILED
    assert on_answer(case, carried_out, context(5, proposal=proposal)).proposal.status is ProposalStatus.APPLIED
