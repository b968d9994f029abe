"""Cases, tickets and outbox rows as JSON documents for the command line's --json."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter

from collector.model import SampleBatch
from collector.orchestrator.port import DeviceReport
from collector.snmp.report import PollReport
from config.clock import from_epoch_ms, rfc3339
from inventory.model import Inventory
from service.installation import Installation
from service.tickets import KnownTicket, SeenTicket
from triage.cases import Case, Effect, Proposal
from triage.intake import known, missing
from triage.model import Intake
from triage.repository import OutboxRow, StoredDecision
from triage.tickets.builtin import BuiltinTickets
from triage.tickets.port import Ticket
from triage.tickets.tmf621.document import to_document

_CASE = TypeAdapter(Case)
_TICKET = TypeAdapter(Ticket)
_KNOWN_TICKET = TypeAdapter(KnownTicket)
_PROPOSAL = TypeAdapter(Proposal)
_DECISION = TypeAdapter(StoredDecision)
_EFFECT = TypeAdapter(Effect)


def case_document(case: Case, inventory: Inventory | None = None) -> dict[str, Any]:
    """With an inventory also `intake`, what is known of the repair's, and `missing`, what a carrier will ask."""
    document: dict[str, Any] = _CASE.dump_python(case, mode="json")
    site = inventory.sites.get(case.site) if inventory is not None else None
    if inventory is not None and site is not None:
        intake = known(case.claim.intake if case.claim is not None else case.intake or Intake(), site)
        link = inventory.links.get(case.link or "")
        questions = missing(case.claim, site, inventory.client_of(site.id), link, case.intake)
        document |= {"intake": asdict(intake), "missing": [question.value for question in questions]}
    return document


def ticket_document(ticket: Ticket) -> dict[str, Any]:
    document: dict[str, Any] = _TICKET.dump_python(ticket, mode="json")
    return document


def known_ticket_document(known: KnownTicket) -> dict[str, Any]:
    document: dict[str, Any] = _KNOWN_TICKET.dump_python(known, mode="json")
    return {"id": document.pop("ticket"), **document}


async def seen_ticket_document(installation: Installation, seen: SeenTicket) -> dict[str, Any]:
    """A ticket as its system shows it, or what we know of it and the `problem`; `tmf621`: the built-in one's document
    in the standard's form, version 5."""
    known = known_ticket_document(seen.known) if seen.known else None
    if seen.ticket is None:
        return {**(known or {}), "problem": seen.problem}
    document = {**ticket_document(seen.ticket), "known": known}
    if isinstance(installation.tickets, BuiltinTickets):
        document["tmf621"] = to_document(await installation.tickets.trouble_ticket(seen.ticket.id))
    return document


def proposal_document(proposal: Proposal) -> dict[str, Any]:
    document: dict[str, Any] = _PROPOSAL.dump_python(proposal, mode="json")
    return document


def decision_document(decision: StoredDecision) -> dict[str, Any]:
    document: dict[str, Any] = _DECISION.dump_python(decision, mode="json")
    return document


def outbox_document(row: OutboxRow, now: datetime, reason: str) -> dict[str, Any]:
    """`would_send` is the effect as it was meant: what a dry run keeps back, to the letter."""
    effect = _EFFECT.dump_python(row.effect, mode="json")
    meant = {name: value for name, value in effect.items() if value not in ("", None)}
    return {
        "key": row.effect.key,
        "kind": row.effect.kind.value,
        "case": row.effect.case,
        "status": row.status.value,
        "attempts": row.attempts,
        "interrupted": row.interrupted,
        "next_at": rfc3339(row.next_at),
        "error": row.last_error,
        "reason": reason,
        "created_at": rfc3339(row.created_at),
        "age_seconds": round((now - row.created_at).total_seconds()),
        "would_send": meant,
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


def unpolled_document(device: str) -> dict[str, Any]:
    """The document of a device that is not asked over SNMP: the keys of `poll_document`, saying nothing."""
    nothing: dict[str, Any] = dict.fromkeys(("address", "port", "outcome", "message", "milliseconds"))
    empty: dict[str, Any] = {"measurements": {}, "values": [], "notes": [], "datagrams_not_taken": {}}
    return {"device": device, **nothing, "missing": [], "profile": None, "system": None, **empty}


@dataclass(frozen=True, slots=True)
class Looked:
    """What a device's orchestrator said of it; without a report `error` says why."""

    device: str
    orchestrator: str
    report: DeviceReport | None
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Newest:
    """A link's newest sample, with the fields that were measured."""

    link: str
    start: datetime
    seconds: int
    fields: dict[str, float]


def newest_samples(batch: SampleBatch) -> Iterator[Newest]:
    """Each link's newest sample, links in their order in the batch."""
    rows: dict[str, int] = {}
    for row, link in enumerate(batch.links):
        if link not in rows or batch.time[row] > batch.time[rows[link]]:
            rows[link] = row
    for link, row in rows.items():
        measured = {name: float(column[row]) for name, column in batch.fields.items()}
        yield Newest(
            link=link,
            start=from_epoch_ms(int(batch.time[row])),
            seconds=int(batch.seconds[row]),
            fields={name: value for name, value in measured.items() if not math.isnan(value)},
        )


def looked_document(looked: Looked) -> dict[str, Any]:
    report = looked.report
    return {
        "name": looked.orchestrator,
        "error": looked.error or None,
        "facts": [
            {
                "time": rfc3339(fact.time),
                "subject": fact.subject,
                "kind": fact.kind.value,
                "value": fact.value,
                "detail": fact.detail,
            }
            for fact in (report.facts if report else ())
        ],
        "samples": [
            {"link": each.link, "time": rfc3339(each.start), "seconds": each.seconds, "fields": each.fields}
            for each in (newest_samples(report.samples) if report else ())
        ],
        "figures": [asdict(figure) for figure in (report.figures if report else ())],
        "notes": list(report.notes) if report else [],
    }
