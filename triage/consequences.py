"""What decisions have in common: the effects on a case's one ticket. Pure."""

from __future__ import annotations

from triage.cases import Case, CaseStatus, Effect, EffectKind, Judged


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
            severity=case.severity,
            evidence_sha256=judged.evidence_sha256,
        ),
    )


def evidence_effects(case: Case, judged: Judged, text: str, *, key: str | None = None) -> tuple[Effect, ...]:
    """A note on the case's ticket, and the new evidence beside it. `key` tells the note from the case's others."""
    digest = judged.evidence_sha256
    return (note(case, key or f"note:{digest[:16]}", text), attach(case, digest))


def regraded(before: Case, after: Case, key: str) -> tuple[Effect, ...]:
    """The ticket gets the case's new severity; why stands in the note beside it, so that it needs no words of its own
    (a provider's reasons for severities once went to clients as mails, 2021-08-11). `key` tells it from the others."""
    if after.severity is before.severity or after.severity is None:
        return ()
    update = EffectKind.UPDATE_TICKET
    return (
        Effect(
            key=f"{after.id}:severity:{key}", kind=update, case=after.id, ticket=after.ticket, severity=after.severity
        ),
    )


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


def resolve_ticket(case: Case, text: str) -> Effect:
    """A case that was re-opened is resolved once more; its key tells the times apart."""
    key = f"{case.id}:resolve" + (f":{case.reopened}" if case.reopened else "")
    return Effect(key=key, kind=EffectKind.RESOLVE_TICKET, case=case.id, ticket=case.ticket, text=text)
