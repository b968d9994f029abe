"""Cases, tickets and outbox rows as JSON documents for the command line's --json."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Any

from pydantic import TypeAdapter

from collector.snmp.report import PollReport
from config.clock import rfc3339
from triage.cases import Case, Proposal
from triage.repository import OutboxRow, StoredDecision
from triage.tickets.port import Ticket

_CASE = TypeAdapter(Case)
_TICKET = TypeAdapter(Ticket)
_PROPOSAL = TypeAdapter(Proposal)
_DECISION = TypeAdapter(StoredDecision)


def case_document(case: Case) -> dict[str, Any]:
    document: dict[str, Any] = _CASE.dump_python(case, mode="json")
    return document


def ticket_document(ticket: Ticket) -> dict[str, Any]:
    document: dict[str, Any] = _TICKET.dump_python(ticket, mode="json")
    return document


def proposal_document(proposal: Proposal) -> dict[str, Any]:
    document: dict[str, Any] = _PROPOSAL.dump_python(proposal, mode="json")
    return document


def decision_document(decision: StoredDecision) -> dict[str, Any]:
    document: dict[str, Any] = _DECISION.dump_python(decision, mode="json")
    return document


def outbox_document(row: OutboxRow) -> dict[str, Any]:
    return {
        "key": row.effect.key,
        "kind": row.effect.kind.value,
        "case": row.effect.case,
        "status": row.status.value,
        "attempts": row.attempts,
        "next_at": rfc3339(row.next_at),
        "error": row.last_error,
    }


def poll_document(report: PollReport) -> dict[str, Any]:
    survey = report.survey
    return {
        "device": report.device,
        "address": report.address,
        "port": report.port,
        "outcome": report.outcome.value,
        "message": report.message,
        "milliseconds": round(report.milliseconds, 3),
        "missing": list(report.missing),
        "profile": survey.profile.name if survey and survey.profile else None,
        "system": asdict(survey.system) if survey else None,
        "measurements": {
            link: {name: value for name, value in fields.items() if not math.isnan(value)}
            for link, fields in report.measurements.items()
        },
        "values": [asdict(value) for value in report.values()],
        "notes": list(survey.notes) if survey else [],
        "datagrams_not_taken": dict(report.strays),
    }
