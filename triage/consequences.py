"""What decisions have in common: the effects on a case's one ticket, and how a case ends. Pure."""

from __future__ import annotations

from dataclasses import replace

from triage.cases import (
    Case,
    CaseStatus,
    Context,
    Decision,
    Effect,
    EffectKind,
    Judged,
    TimerKind,
)
from triage.reasons import Reason


def ticket_effects(case: Case, judged: Judged) -> tuple[Effect, ...]:
    """Open the case's one ticket, if it is wanted; its key names only the case, so it can never be a second one."""
    if not case.ticket_wanted or case.ticket is not None or case.status is CaseStatus.SUSPECTED:
        return ()
    return (
        Effect(
            key=f"{case.id}:ticket",
            kind=EffectKind.OPEN_TICKET,
            case=case.id,
            title=judged.title,
            text=judged.text,
            severity=judged.verdict.severity,
            evidence_sha256=judged.evidence_sha256,
        ),
    )


def evidence_effects(case: Case, judged: Judged, text: str, *, key: str | None = None) -> tuple[Effect, ...]:
    """A note on the case's ticket, and the new evidence beside it. `key` tells the note from the case's others."""
    digest = judged.evidence_sha256
    return (note(case, key or f"note:{digest[:16]}", text), attach(case, digest))


def note(case: Case, key: str, text: str) -> Effect:
    return Effect(key=f"{case.id}:{key}", kind=EffectKind.NOTE_TICKET, case=case.id, ticket=case.ticket, text=text)


def attach(case: Case, digest: str) -> Effect:
    return Effect(
        key=f"{case.id}:evidence:{digest[:16]}",
        kind=EffectKind.ATTACH_EVIDENCE,
        case=case.id,
        ticket=case.ticket,
        evidence_sha256=digest,
    )


def resolved(case: Case, text: str, reason: Reason, context: Context) -> Decision:
    after = replace(
        case,
        status=CaseStatus.RESOLVED,
        updated_at=context.now,
        ended_at=context.now,
        next_action="",
        next_action_at=None,
    )
    effects = (resolve_ticket(after, text),) if case.ticket is not None else ()
    return Decision(case=after, reason=reason, effects=effects, cancelled=tuple(TimerKind), detail=text)


def resolve_ticket(case: Case, text: str) -> Effect:
    return Effect(key=f"{case.id}:resolve", kind=EffectKind.RESOLVE_TICKET, case=case.id, ticket=case.ticket, text=text)
