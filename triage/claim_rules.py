"""What a claim brings beside its verdict: whether its reporter may report, and the intake of the ticket. Pure."""

from __future__ import annotations

from dataclasses import replace

from triage.cases import Case, Context, Decision, EffectKind
from triage.intake import Authority, authority, call_back
from triage.model import Claim
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


def with_intake(decision: Decision, context: Context) -> Decision:
    """The ticket that is opened, or hears of another claim, carries what the case knows of the repair's intake, and
    what is still to be asked."""
    case, site, client = decision.case, context.site, context.client
    telling = {EffectKind.OPEN_TICKET}
    if decision.reason in (Reason.CLAIM_JOINED, Reason.REOPENED):
        telling |= {EffectKind.NOTE_TICKET, EffectKind.UPDATE_TICKET}
    told = any(effect.kind in telling for effect in decision.effects)
    if not told or case is None or site is None or client is None:
        return decision
    link = next((one for one in context.links if one.id == case.link), None)
    asked = intake_text(case.claim, site, client, link)
    effects = tuple(
        replace(effect, text=f"{effect.text}\n\n{asked}") if effect.kind in telling and effect.text else effect
        for effect in decision.effects
    )
    return replace(decision, effects=effects)
