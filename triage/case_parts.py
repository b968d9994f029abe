"""What the decisions about a case are put together from: a new one, one with a newer verdict, its proposal. Pure."""

from __future__ import annotations

from dataclasses import replace

from triage.case_rules import graded, resolved_before, troubled_lines
from triage.cases import Case, CaseStatus, Context, Effect, Judged, Origin, Proposal
from triage.consequences import attach, evidence_effects, ticket_effects
from triage.life_cycle import has_ticket, reopen_ticket
from triage.model import VerdictKind


def new_case(origin: Origin, judged: Judged, context: Context) -> Case:
    verdict = judged.verdict
    return Case(
        id=context.new_case_id,
        client=verdict.client,
        site=verdict.site,
        status=CaseStatus.SUSPECTED,
        origins=(origin,),
        title=judged.title,
        cause=verdict.cause,
        scope=verdict.scope,
        severity=graded(verdict, None, context),
        link=verdict.link,
        lines=troubled_lines(verdict),
        onset=verdict.onset,
        opened_at=context.now,
        updated_at=context.now,
        evidence_sha256=judged.evidence_sha256,
        resolved_before=resolved_before(context.ended, verdict.link, context.now),
    )


def with_verdict(case: Case, judged: Judged, context: Context) -> Case:
    """The case as the newer verdict tells it."""
    verdict = judged.verdict
    return replace(
        case,
        title=case.title if "title" in case.set_by_person else judged.title,
        cause=verdict.cause,
        scope=verdict.scope,
        severity=graded(verdict, case, context),
        link=verdict.link,
        lines=troubled_lines(verdict),
        onset=verdict.onset,
        evidence_sha256=judged.evidence_sha256,
        looks_without_data=0,
    )


def joined_origins(origins: tuple[Origin, ...], origin: Origin) -> tuple[Origin, ...]:
    return origins if origin in origins else (*origins, origin)


def wanting_ticket(case: Case, judged: Judged, context: Context) -> Case:
    """With a ticket of its own, where the policy opens one for the cause and no parent case stands for it."""
    ticketed = judged.verdict.cause not in context.rules.causes_without_ticket
    withheld = ticketed and case.parent is not None and not case.ticket_wanted
    return replace(case, ticket_wanted=case.ticket_wanted or (ticketed and not withheld), ticket_withheld=withheld)


def reported_effects(before: Case, after: Case, judged: Judged, text: str, key: str) -> tuple[Effect, ...]:
    """Somebody reports a trouble: the case's ticket is opened, or hears of it in `text`; of one that is taken up again
    it is re-opened too. `key` tells the note from the case's others."""
    if not has_ticket(before):
        return ticket_effects(after, judged)
    if after.reopened > before.reopened:
        return (reopen_ticket(after, text), attach(after, judged.evidence_sha256))
    effects = evidence_effects(after, judged, text, key=key)
    if before.ticket is None and before.evidence_sha256 is not None:
        # Once its ticket is open a case brings its newest evidence there; its text names what it was opened with.
        effects = (attach(before, before.evidence_sha256), *effects)
    return effects


def proposed(case: Case, judged: Judged, context: Context) -> Proposal | None:
    """The best fit option as a proposal, once per case, while the trouble is there."""
    verdict = judged.verdict
    best = next(((option.link, option.action) for option in verdict.options if option.fit), None)
    return proposal_over(case, best, context) if verdict.verdict is VerdictKind.CONFIRMED else None


def proposal_over(case: Case, way: tuple[str, str] | None, context: Context) -> Proposal | None:
    """The proposal to relieve a case's line over another (that line, and how), once per case."""
    if case.link is None or way is None or context.proposal is not None:
        return None
    link, action = way
    return Proposal(
        id=context.new_proposal_id,
        case=case.id,
        site=case.site,
        from_link=case.link,
        to_link=link,
        action=action,
        proposed_at=context.now,
    )
