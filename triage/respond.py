"""What follows from what a person decided, and from what a far end answered. Pure."""

from __future__ import annotations

from dataclasses import replace

from triage.acts import on_act, refused
from triage.byob import on_told
from triage.cases import Case, Context, Decision, Effect, EffectKind, ProposalStatus
from triage.consequences import attach
from triage.inputs import Answered, PersonAct, PersonActed
from triage.reasons import Reason


def on_person(case: Case | None, acted: PersonActed, context: Context) -> Decision:
    """A named person decided. What does not fit the state of things is refused, with the reason in `detail`."""
    if case is None or not acted.who.strip():
        return refused("no such case or proposal" if case is None else "a decision needs the name of a person")
    if acted.does in (PersonAct.APPROVE, PersonAct.REFUSE, PersonAct.APPLY, PersonAct.REVERT):
        return _on_proposal(case, acted, context)
    return on_act(case, acted, context)


def _on_proposal(case: Case, acted: PersonActed, context: Context) -> Decision:
    proposal = context.proposal
    if proposal is None:
        return refused(f"no proposal {acted.target}")
    steps = {
        PersonAct.APPROVE: (ProposalStatus.PROPOSED, ProposalStatus.APPROVED, None),
        PersonAct.REFUSE: (ProposalStatus.PROPOSED, ProposalStatus.REFUSED, None),
        PersonAct.APPLY: (ProposalStatus.APPROVED, ProposalStatus.APPLYING, EffectKind.APPLY_REROUTE),
        PersonAct.REVERT: (ProposalStatus.APPLIED, ProposalStatus.APPLYING, EffectKind.REVERT_REROUTE),
    }
    needed, following, effect_kind = steps[acted.does]
    if proposal.status is not needed:
        return refused(f"proposal {proposal.id} is {proposal.status}, {acted.does} needs one that is {needed}")
    after = replace(proposal, status=following)
    if effect_kind is None:
        after = replace(after, decided_by=acted.who, decided_at=context.now)
        return Decision(case=None, reason=Reason.PERSON_ACTED, proposal=after)
    key = f"{proposal.id}:{effect_kind}"
    effect = Effect(key=key, kind=effect_kind, case=case.id, proposal=proposal.id, text=f"asked by {acted.who}")
    return Decision(case=None, reason=Reason.PERSON_ACTED, proposal=after, effects=(effect,))


def on_answer(case: Case, answered: Answered, context: Context) -> Decision:
    """A far end answered: the case learns its ticket, a proposal its result."""
    if answered.proposal is not None and context.proposal is not None:
        done = {EffectKind.APPLY_REROUTE: ProposalStatus.APPLIED, EffectKind.REVERT_REROUTE: ProposalStatus.REVERTED}
        carried_out = answered.ok and not answered.withheld
        status = done[answered.kind] if carried_out else ProposalStatus.FAILED
        proposal = replace(context.proposal, status=status, result=answered.text)
        return Decision(case=None, reason=_answer_reason(answered), proposal=proposal, detail=_what(answered))
    if answered.kind is EffectKind.TELL_CLIENT:
        return on_told(case, answered, context)
    if answered.kind is EffectKind.OPEN_TICKET and answered.ok and answered.ticket is not None:
        after = replace(case, ticket=answered.ticket, updated_at=context.now)
        return Decision(
            case=after, reason=Reason.FAR_END_ANSWERED, effects=_newest_evidence(after), detail=_what(answered)
        )
    if answered.ok:
        # One that was withheld has no ticket to be learnt; what would have gone there is withheld too, and listed.
        meant = _newest_evidence(case) if answered.kind is EffectKind.OPEN_TICKET else ()
        return Decision(case=None, reason=Reason.FAR_END_ANSWERED, effects=meant, detail=_what(answered))
    after = replace(case, next_action=f"{answered.kind} was given up: {answered.text}", next_action_at=context.now)
    return Decision(case=after, reason=Reason.FAR_END_GAVE_UP, detail=answered.text)


def _newest_evidence(case: Case) -> tuple[Effect, ...]:
    return (attach(case, case.evidence_sha256),) if case.evidence_sha256 is not None else ()


def _answer_reason(answered: Answered) -> Reason:
    return Reason.FAR_END_ANSWERED if answered.ok else Reason.FAR_END_GAVE_UP


def _what(answered: Answered) -> str:
    """What was answered, for the log of the case: the effect and the ticket or proposal it was about."""
    about = answered.proposal or answered.ticket or ""
    withheld = "withheld:" if answered.withheld else ""
    said = answered.text if answered.proposal is None else ""
    return " ".join(part for part in (answered.kind.value.replace("_", " "), about, withheld, said) if part)
