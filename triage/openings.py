"""What follows when a person opens a case of a site, or a carrier's notice tells of its outage there. Pure.

At most one case of a site is open, whoever saw it first: they join it, and it keeps that they did. Both know what they
speak of: nothing waits for a second look, and what they told of is a person's to resolve. The site is judged at once,
so that the case has a verdict and a pack; a trouble that is measured gets its ticket as if found by us.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from triage.acts import by_person, refused
from triage.carrier_leg import on_carrier_told
from triage.case_parts import joined_origins, new_case, proposed, reported_effects, wanting_ticket, with_verdict
from triage.cases import Case, CaseStatus, Context, Decision, Effect, EffectKind, Judged, Origin
from triage.consequences import attach, note
from triage.inputs import Answered, CarrierTold, Input, Opening, PersonActed
from triage.life_cycle import has_ticket, is_same_work, is_suspected_again, left, passed, reopened
from triage.model import VerdictKind
from triage.reasons import Reason
from triage.ticket_comparison import LINKED


def on_opened(
    case: Case | None, acted: PersonActed, judged: Judged, context: Context, linked_to: str | None = None
) -> Decision:
    """`linked_to`: the case that has the existing ticket already."""
    said, who, words = acted.opening or Opening(), acted.who.strip(), acted.note.strip()
    why = _refusal(case, said, context, linked_to)
    if not who or not words:
        why = "a case is opened by a named person, and says what is wrong"
    if why:
        return refused(why)
    before, after = _reported(case, Origin.PERSON, words, said.link, judged, context)
    if before.id == context.new_case_id:
        after = by_person(after, "title")
    if said.severity is not None:
        after = by_person(replace(after, severity=said.severity), "severity")
    text = f"{who} {'opened it' if case is None else 'reports it too'}: {words}"
    if said.existing_ticket:
        ticket = said.existing_ticket
        after = replace(after, ticket=ticket, ticket_wanted=True, ticket_withheld=False, ticket_gone=False)
        linked = f"{text}. This is the ticket of {after.id}. {judged.text}"
        effects: tuple[Effect, ...] = (note(after, "linked", linked), attach(after, judged.evidence_sha256))
    else:
        after = replace(after, ticket_wanted=after.ticket_wanted or said.ticket)
        effects = _told(before, after, judged, text, context)
        if said.severity is not None and has_ticket(before):
            effects = (*effects, _severity(after, context))
    return _decision(before, after, Reason.PERSON_ACTED, effects, text, judged, context)


def on_carrier_outage(case: Case | None, told: CarrierTold, judged: Judged, context: Context) -> Decision:
    """The carrier's own ticket is noted on the case too (`triage.carrier_leg`)."""
    lines = {one.id: one.carrier for one in context.links}
    if told.link is None and len(lines) == 1:
        told = replace(told, link=next(iter(lines)))
    if told.link is not None and told.link not in lines:
        return _not_so(f"{told.link!r} is no line of {told.site}; its lines: {', '.join(lines) or 'none'}")
    if told.closed_at is not None:
        return _not_so("a carrier's ticket that is closed opens no case; tell it of the case that it was about")
    carrier = told.carrier or lines.get(told.link or "", "") or "the carrier"
    said = told.reason_for_outage or f"ticket {told.number}"
    text = f"{carrier} tells of an outage: {said}"
    before, opened = _reported(case, Origin.CARRIER, text, told.link, judged, context)
    leg = on_carrier_told(opened, told, context)
    if leg.case is None:
        return leg
    effects = (*_told(before, leg.case, judged, text, context), *leg.effects)
    decision = _decision(before, leg.case, Reason.CARRIER_TOLD, effects, leg.detail, judged, context)
    return replace(decision, timers=leg.timers, cancelled=(*decision.cancelled, *leg.cancelled))


def learnt_tickets(happened: Input, decided: Sequence[Decision]) -> list[tuple[str, str, str]]:
    """The tickets that cases have now by this input, with the case and our key: opened by us, or linked by a person."""
    if isinstance(happened, Answered):
        opened = happened.kind is EffectKind.OPEN_TICKET and happened.ok and happened.ticket is not None
        return [(str(happened.ticket), happened.case, happened.key)] if opened else []
    if not isinstance(happened, PersonActed) or happened.opening is None or not happened.opening.existing_ticket:
        return []
    ticket = happened.opening.existing_ticket
    return [(ticket, one.case.id, f"{one.case.id}{LINKED}") for one in decided if one.case is not None]


def _refusal(case: Case | None, said: Opening, context: Context, linked_to: str | None) -> str:
    if said.link is not None and said.link not in {one.id for one in context.links}:
        lines = ", ".join(one.id for one in context.links)
        return f"{said.link!r} is no line of this site; its lines: {lines or 'none'}"
    if not said.existing_ticket:
        return ""
    if linked_to is not None:
        return f"{said.existing_ticket} is the ticket of {linked_to}"
    if case is not None and has_ticket(case) and not case.ticket_gone:
        return f"{case.id} has {case.ticket or 'a ticket that is being opened'}; write there what is to be done"
    return ""


def _not_so(why: str) -> Decision:
    return Decision(case=None, reason=Reason.CARRIER_REFUSED, detail=why)


def _reported(
    case: Case | None, origin: Origin, title: str, link: str | None, judged: Judged, context: Context
) -> tuple[Case, Case]:
    """The case that it is about, before and after: the open one; the resolved one whose trouble is measured again; or
    a new one. What is measured now outranks what a report names; of a line that is well the report says more."""
    measured = judged.verdict.verdict is VerdictKind.CONFIRMED
    ended = context.ended if case is None and measured else None
    if ended is not None and not is_same_work(ended, judged.verdict, context.now, context.rules.reopen):
        ended = None
    before = case or ended
    if before is None:
        before = replace(new_case(origin, judged, context), title=title)
        if link is not None and not measured:
            before = replace(before, link=link, lines=(link,))
        told = before
    else:
        told = with_verdict(before, judged, context) if measured else before
    status = CaseStatus.PENDING if before.status is CaseStatus.PENDING else CaseStatus.OPEN
    if ended is not None or is_suspected_again(before):
        after = reopened(told, status, context)
    else:
        after = passed(told, status, context.now, before.pending)
    after = replace(
        after,
        origins=joined_origins(before.origins, origin),
        documented_at=context.now if measured else before.documented_at,
    )
    if status is CaseStatus.OPEN:
        what = "work on the trouble" if measured else "look into what was reported: it is not measured now"
        after = replace(after, next_action=what, next_action_at=None)
    if measured and not context.in_maintenance:
        after = wanting_ticket(after, judged, context)
    return before, after


def _told(before: Case, after: Case, judged: Judged, text: str, context: Context) -> tuple[Effect, ...]:
    words = replace(judged, title=after.title, text=f"{text}\n\n{judged.text}")
    return reported_effects(before, after, words, f"{text}. {judged.text}", f"reported:{context.input}")


def _severity(after: Case, context: Context) -> Effect:
    key = f"{after.id}:severity:{context.input}"
    update = EffectKind.UPDATE_TICKET
    return Effect(key=key, kind=update, case=after.id, ticket=after.ticket, severity=after.severity)


def _decision(
    before: Case,
    after: Case,
    reason: Reason,
    effects: tuple[Effect, ...],
    detail: str,
    judged: Judged,
    context: Context,
) -> Decision:
    return Decision(
        case=after,
        reason=reason,
        effects=effects,
        cancelled=left(before, after),
        proposal=proposed(after, judged, context),
        judged=judged,
        detail=detail,
    )
