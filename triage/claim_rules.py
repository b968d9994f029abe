"""What a claim brings beside its verdict: whether its reporter may report, and the intake of the ticket. Pure."""

from __future__ import annotations

from dataclasses import replace

from triage.cases import Case, Context, Decision, EffectKind
from triage.consequences import note
from triage.inputs import IntakeTold
from triage.intake import Authority, answered_fields, authority, call_back, merged
from triage.life_cycle import has_ticket
from triage.model import Claim, Intake
from triage.reasons import Reason
from triage.ticket_wording import intake_text


def on_reporter(case: Case | None, claim: Claim, context: Context) -> Decision:
    """Somebody who is not on the client's list reports: the claim stands, and the case says to call back.

    Nothing is withheld for it: a wrong line is wrong whoever says so, and a carrier's 47 CFR 64.2010 duty is met by the
    call back, which the ticket asks for.
    """
    if context.site is None or context.client is None:
        return Decision(case=None, reason=Reason.NOTHING_FOUND)
    if authority(claim, context.site, context.client) is not Authority.NOT_AUTHORISED:
        return Decision(case=None, reason=Reason.NOTHING_FOUND)
    why = call_back(claim, context.site, context.client)
    return Decision(case=case, reason=Reason.REPORTER_NOT_AUTHORISED, detail=why)


def on_intake_told(case: Case, told: IntakeTold, context: Context) -> Decision:
    """The client answered what a carrier asks, and reports nothing: no claim, and no other origin of the case."""
    if not told.who.strip() or not answered_fields(told.intake):
        why = "an answer is noted by a named person, and says something"
        return Decision(case=None, reason=Reason.PERSON_ACT_REFUSED, detail=why)
    if case.claim is not None:
        claim = replace(case.claim, intake=merged(case.claim.intake, told.intake))
        after = replace(case, claim=claim, updated_at=context.now)
    else:
        after = replace(case, intake=merged(case.intake or Intake(), told.intake), updated_at=context.now)
    text = "The client answered what a carrier asks."
    effects = (note(after, f"intake:{context.input}", text),) if has_ticket(after) else ()
    return Decision(case=after, reason=Reason.INTAKE_TOLD, effects=effects, detail=told.who)


def with_intake(decision: Decision, context: Context) -> Decision:
    """The ticket that is opened, or hears of another claim, carries what the case knows of the repair's intake, and
    what is still to be asked."""
    case, site, client = decision.case, context.site, context.client
    telling = {EffectKind.OPEN_TICKET}
    if decision.reason in (Reason.CLAIM_JOINED, Reason.REOPENED, Reason.INTAKE_TOLD):
        telling |= {EffectKind.NOTE_TICKET, EffectKind.UPDATE_TICKET}
    told = any(effect.kind in telling for effect in decision.effects)
    if not told or case is None or site is None or client is None:
        return decision
    link = next((one for one in context.links if one.id == case.link), None)
    asked = intake_text(case.claim, site, client, link, case.intake)
    effects = tuple(
        replace(effect, text=f"{effect.text}\n\n{asked}") if effect.kind in telling and effect.text else effect
        for effect in decision.effects
    )
    return replace(decision, effects=effects)
