"""Whatever happens to a case in whatever order: one ticket, no work on what has ended, nothing sent unapproved."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from triage.case_rules import case_rules
from triage.cases import (
    Case,
    CaseStatus,
    Context,
    Decision,
    EffectKind,
    Judged,
    Proposal,
    ProposalStatus,
)
from triage.decide import on_quarantine, on_recovery, on_trouble
from triage.decide_claims import on_claim, on_rejudge
from triage.inputs import Answered, ClaimReported, PersonAct, PersonActed
from triage.model import Cause, Claim, Coverage, Direction, Option, Scope, Severity, Verdict, VerdictKind
from triage.policy_files import load_policy
from triage.respond import on_answer, on_person

NOON = datetime(2026, 3, 3, 12, 0, tzinfo=UTC)
RULES = replace(
    case_rules(load_policy()),
    quarantine=timedelta(minutes=3),
    recheck=timedelta(minutes=1),
    recovery=timedelta(minutes=20),
    causes_without_ticket=frozenset({Cause.MANAGEMENT_LOST}),
    outage_quarantine=timedelta(minutes=3),
    resolve_by_day=timedelta(minutes=90),
    resolve_by_night=timedelta(minutes=180),
    night=(0, 8),
    resolves=3,
)
CLAIM = Claim(site="store-114", client="acme", since=NOON, reported_at=NOON)
RELIEF = Option(
    rank=1, link="lte", action="steer_all", fit=True, reason=None, utilisation_after_rx_pct=None,
    utilisation_after_tx_pct=None, metered=False, shared_fate=False,
)  # fmt: skip


@st.composite
def judgements(draw: st.DrawFn) -> Judged:
    kind = draw(st.sampled_from(VerdictKind))
    verdict = Verdict(
        verdict=kind, cause=draw(st.sampled_from(Cause)), scope=Scope.LINK, severity=draw(st.sampled_from(Severity)),
        onset=NOON, end=None, site="store-114", client="acme", link="wan1", direction=Direction.BOTH, habitual=False,
        coverage=Coverage(present=1, expected=1, pending=0, newest=NOON),
        rejudge_at=NOON + timedelta(minutes=9) if kind is VerdictKind.INCONCLUSIVE else None,
        findings=(), side_findings=(), runner_up=None, detectable={}, secondary_fit=None, options=(RELIEF,),
        policy="sha256:0", reason="",
    )  # fmt: skip
    return Judged(verdict=verdict, evidence_sha256=draw(st.text("ab", min_size=64, max_size=64)), title="", text="")


happenings = st.one_of(
    st.tuples(st.just("claim"), judgements(), st.booleans()),
    st.tuples(st.sampled_from(["sweep", "quarantine", "rejudge", "recovery"]), judgements()),
    st.tuples(st.just("person"), st.sampled_from([one for one in PersonAct if one is not PersonAct.OPEN])),
    st.tuples(st.just("ticket answer"), st.booleans()),
    st.tuples(st.just("reroute answer"), st.booleans()),
)


def follow(case: Case | None, happening: tuple, context: Context) -> Decision | None:
    match happening:
        case ("claim", judged, wanted):
            return on_claim(case, ClaimReported(claim=CLAIM, open_ticket=wanted), judged, context)
        case ("sweep", judged):
            return on_trouble(case, judged, context)
        case ("person", act):
            target = "P-1" if act.value in ("approve", "refuse", "apply", "revert") else "C-1"
            return on_person(case, PersonActed(who="Kim", does=act, target=target), context)
    if case is None:
        return None
    match happening:
        case ("quarantine", judged):
            return on_quarantine(case, judged, context)
        case ("rejudge", judged):
            return on_rejudge(case, judged, context)
        case ("recovery", judged):
            return on_recovery(case, judged, context)
        case ("ticket answer", ok):
            answer = Answered(key="k", kind=EffectKind.OPEN_TICKET, case=case.id, ok=ok, ticket="T-1" if ok else None)
            return on_answer(case, answer, context)
        case ("reroute answer", ok):
            kind = EffectKind.APPLY_REROUTE
            return on_answer(case, Answered(key="k", kind=kind, case=case.id, ok=ok, proposal="P-1"), context)
    raise AssertionError(happening)


@given(st.lists(happenings, max_size=25))
def test_no_order_of_events_breaks_a_case(story: list[tuple]):
    case: Case | None = None
    proposal: Proposal | None = None
    number, approved, ticket_keys = 1, False, set()
    for minute, happening in enumerate(story):
        if case is not None and not case.status.is_open and happening[0] in ("claim", "sweep"):
            case, proposal, approved, number = None, None, False, number + 1
        if happening[0] == "reroute answer" and (proposal is None or proposal.status is not ProposalStatus.APPLYING):
            continue
        if happening[0] == "ticket answer" and f"C-{number}:ticket" not in ticket_keys:
            continue
        context = Context(
            now=NOON + timedelta(minutes=minute), rules=RULES, new_case_id=f"C-{number}", new_proposal_id="P-1",
            proposal=proposal,
        )  # fmt: skip
        ended = case is not None and not case.status.is_open
        decision = follow(case, happening, context)
        if decision is None:
            continue
        for effect in decision.effects:
            if effect.kind is EffectKind.OPEN_TICKET:
                ticket_keys.add(effect.key)
                assert effect.key == f"C-{number}:ticket"
            if effect.kind is EffectKind.APPLY_REROUTE:
                assert approved
            if effect.kind is EffectKind.RESOLVE_TICKET:
                assert decision.case is not None
                assert not decision.case.status.is_open
        if ended and decision.case is not None and happening != ("person", PersonAct.REOPEN):
            assert not decision.case.status.is_open
        if decision.proposal is not None:
            proposal = replace(decision.proposal)
            approved = approved or proposal.status is ProposalStatus.APPROVED
        case = decision.case or case
        if case is not None and case.status is CaseStatus.SUSPECTED:
            assert case.ticket is None
