"""What the audit trail says of inputs, decisions and effects: who, what, why; texts by their digest, no contacts."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

from config.clock import rfc3339
from triage import inbox
from triage.audit import MACHINE, Entry, Kind
from triage.cases import Decision, Effect
from triage.contacts import without_contacts
from triage.inputs import CarrierTold, ClaimReported, IntakeTold, PersonActed, TicketChanged
from triage.intake import answered_fields


class Outcome(StrEnum):
    DONE = "done"
    FAILED = "failed"
    """It is tried again."""
    WITHHELD = "withheld"
    """`tickets: dry_run`: it would have been called."""
    DEAD = "dead"
    """Given up; a person has to do it."""
    CANCELLED = "cancelled"
    """No longer wanted before it was tried."""


def of_input(row: inbox.Row, case: str | None, site: str | None) -> Entry | None:
    """What a person, client or carrier did; None for the machine's own ticks, timers and answers.

    A far end's answer stands in the trail as the outcome that its performer wrote.
    """
    match row.input:
        case ClaimReported(claim=claim, open_ticket=wanted):
            actor, reason = claim.reported_by or "client", "claim"
            said: dict[str, Any] = {
                "symptom": claim.symptom.value,
                "since": _time(claim.since),
                "reported_at": _time(claim.reported_at),
                "words": claim.words,
                "open_ticket": wanted,
            }
        case PersonActed() as acted:
            actor, reason = acted.who, acted.does.value
            said = {"target": acted.target, "value": acted.value, "until": _time(acted.until), "note": acted.note}
            if acted.opening is not None:
                said |= {"severity": acted.opening.severity, "link": acted.opening.link}
                said |= {"open_ticket": acted.opening.ticket, "ticket": acted.opening.existing_ticket}
        case TicketChanged() as changed:
            actor, reason = changed.by, "ticket_changed"
            said = {
                "ticket": changed.ticket,
                "at": _time(changed.at),
                "status": changed.status,
                "owner": changed.owner,
                "queue": changed.queue,
                "severity": changed.severity,
                "note": changed.note,
            }
        case IntakeTold() as answered:
            actor, reason = answered.who, "intake_told"
            said = {"answered": ", ".join(answered_fields(answered.intake))}
        case CarrierTold() as told:
            actor, reason, said = told.who, "carrier_told", _carrier_told(told)
        case _:
            return None
    return Entry(
        at=row.now,
        kind=Kind.INPUT,
        reason=reason,
        actor=actor or MACHINE,
        case=case,
        site=site,
        inbox_seq=row.seq,
        document=_plain(said),
    )


def of_decision(row: inbox.Row, decision: Decision, policy: str, site: str | None, case: str | None = None) -> Entry:
    """`site` and `case` are those of the matter; the decision's own case counts first."""
    decided = decision.case
    said = {
        "policy": policy,
        "detail": decision.detail,
        "status": decided.status if decided is not None else None,
        "owner": decided.owner if decided is not None else None,
        "parent": decided.parent if decided is not None else None,
        "evidence_sha256": decided.evidence_sha256 if decided is not None and decided.is_parent else None,
    }
    document = {"detail": "", **_plain(said)}
    return _about(row, Kind.DECISION, decision.reason.value, decided.id if decided else case, site, document)


def of_verdict(row: inbox.Row, case: str, site: str, document: Mapping[str, Any]) -> Entry:
    """`document` is the verdict as it is kept."""
    said = {name: document[name] for name in ("id", "cause", "scope", "severity", "link", "onset", "end")}
    said["evidence_sha256"] = document["evidence_sha256"]
    return _about(row, Kind.VERDICT, document["verdict"], case, site, _plain(said))


def of_intent(row: inbox.Row, effect: Effect, site: str | None) -> Entry:
    said = {
        "key": effect.key,
        "ticket": effect.ticket,
        "status": effect.status,
        "severity": effect.severity,
        "queue": effect.queue,
        "owner": effect.owner,
        "link": effect.link,
        "proposal": effect.proposal,
        "evidence_sha256": effect.evidence_sha256,
        "text_sha256": hashlib.sha256(effect.text.encode()).hexdigest() if effect.text else None,
    }
    return _about(row, Kind.INTENT, effect.kind.value, effect.case, site, _plain(said))


def of_attempt(effect: Effect, attempt: int, now: datetime) -> Entry:
    """To be appended in the transaction that marks the outbox row `trying`; `attempt` counts from 1."""
    document = {"key": effect.key, "attempt": attempt}
    return Entry(at=now, kind=Kind.ATTEMPT, reason=effect.kind.value, case=effect.case, document=document)


def of_outcome(
    effect: Effect, outcome: Outcome, attempt: int, now: datetime, *, ticket: str | None = None, text: str = ""
) -> Entry:
    """To be appended in the transaction that marks the outbox row; `text` is the far end's word or the error."""
    said = {"key": effect.key, "effect": effect.kind, "attempt": attempt, "ticket": ticket, "text": text}
    return Entry(at=now, kind=Kind.OUTCOME, reason=outcome.value, case=effect.case, document=_plain(said))


def _about(
    row: inbox.Row, kind: Kind, reason: str, case: str | None, site: str | None, document: Mapping[str, Any]
) -> Entry:
    return Entry(at=row.now, kind=kind, reason=reason, case=case, site=site, inbox_seq=row.seq, document=document)


def _carrier_told(ticket: CarrierTold) -> dict[str, Any]:
    """The carrier's repair contact and account are left out."""
    return {
        "number": ticket.number,
        "carrier": ticket.carrier,
        "link": ticket.link,
        "opened_at": _time(ticket.opened_at),
        "etr": _time(ticket.etr),
        "next_update_at": _time(ticket.next_update_at),
        "reason_for_outage": ticket.reason_for_outage,
        "closed_at": _time(ticket.closed_at),
    }


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else rfc3339(moment)


FREE_TEXT = frozenset({"words", "note", "value", "detail", "text", "reason_for_outage"})


def _plain(said: Mapping[str, Any]) -> dict[str, Any]:
    """What was said at all, as JSON; free text without contacts."""
    return {
        name: without_contacts(str(value))
        if name in FREE_TEXT
        else value.value
        if isinstance(value, StrEnum)
        else value
        for name, value in said.items()
        if value not in (None, "")
    }
