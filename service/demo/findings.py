"""What the service found, read the way its commands read it, and written where a person can look at it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from service.demo.compare import Answer, CaseFound, Row, VerdictFound
from service.demo.promises import Verified
from service.documents import case_document, ticket_document
from service.installation import Installation
from service.reporting import write_evidence, write_performance
from service.simulator.truth import Exchanged, PhoneCall, Truth
from service.verifying import verified
from triage import repository
from triage.cases import Proposal
from triage.model import VerdictKind
from triage.reasons import Reason
from triage.repository import OutboxStatus
from triage.tickets.builtin import BuiltinTickets

DRAINED_WITHIN = 10.0
"""Real seconds for what is meant for the ticket system to get there."""
FORMATS = ("html", "pdf", "json")


async def drained(installation: Installation) -> bool:
    """Wait until the outbox is empty; False when it is not in time."""
    deadline = asyncio.get_running_loop().time() + DRAINED_WITHIN
    while asyncio.get_running_loop().time() < deadline:
        async with installation.database.reading() as connection:
            waiting = await repository.outbox(connection, statuses=(OutboxStatus.PENDING, OutboxStatus.TRYING))
        if not waiting:
            return True
        await asyncio.sleep(0.1)
    return False


async def answers(
    installation: Installation, calls: Sequence[tuple[PhoneCall, Mapping[str, Any]]]
) -> Sequence[tuple[Answer, Sequence[Mapping[str, Any]]]]:
    """Each call with its first and final verdict, and the documents of both. A verdict that waited for statistics is
    followed by the one the service reached by itself when they were there."""
    result = []
    for call, first in calls:
        following = await _following(installation, first)
        answer = Answer(call=call, first=verdict_found(first), final=verdict_found(following[-1]))
        result.append((answer, following))
    return result


async def _following(installation: Installation, first: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    if first["verdict"] != VerdictKind.INCONCLUSIVE or first.get("case") is None:
        return [first]
    async with installation.database.reading() as connection:
        verdicts = await repository.verdicts_of(connection, first["case"])
    later = [one.document for one in reversed(verdicts) if _number(one.id) > _number(first["id"])]
    conclusive = [one for one in later if one["verdict"] != VerdictKind.INCONCLUSIVE]
    return [first, *conclusive[:1]]


def _number(identity: str) -> int:
    return int(identity.rpartition("-")[2])


def verdict_found(document: Mapping[str, Any]) -> VerdictFound:
    onset = document.get("onset")
    return VerdictFound(
        id=document.get("id", ""),
        verdict=document["verdict"],
        cause=document["cause"],
        scope=document.get("scope", ""),
        link=document.get("link"),
        onset=datetime.fromisoformat(onset) if onset else None,
    )


def built_in(installation: Installation) -> BuiltinTickets:
    """The demonstration's ticket system, which is always this one."""
    assert isinstance(installation.tickets, BuiltinTickets)  # noqa: S101 - the stage's settings name no other
    return installation.tickets


async def cases_found(installation: Installation) -> Sequence[CaseFound]:
    """Every case that was opened, with the tickets of its own."""
    tickets = await built_in(installation).list()
    found = []
    async with installation.database.reading() as connection:
        for case in reversed(await repository.cases(connection)):
            decisions = await repository.decisions_of(connection, site=case.site)
            found.append(
                CaseFound(
                    id=case.id,
                    site=case.site,
                    status=case.status.value,
                    cause=case.cause.value,
                    link=case.link,
                    onset=case.onset,
                    origins=tuple(origin.value for origin in case.origins),
                    held=any(one.case == case.id and one.reason == Reason.TROUBLE_HELD for one in decisions),
                    tickets=tuple(one.id for one in tickets if one.external_id.split(":")[0] == case.id),
                    parent=case.parent,
                )
            )
    return found


async def figures_verified(installation: Installation, cases: Sequence[CaseFound]) -> Sequence[Verified]:
    """What `lineproof case show --verify` finds on each site's case that has a ticket."""
    found = []
    for case in cases:
        if case.tickets and case.link is not None:
            checks = await verified(installation, case.id)
            differing = tuple(f"{check['what']}: {check['detail']}" for check in checks if not check["ok"])
            found.append(Verified(case=case.id, figures=len(checks), differing=differing))
    return found


async def write_out(
    installation: Installation, out: Path, told: Sequence[tuple[Answer, Sequence[Mapping[str, Any]]]]
) -> Sequence[Path]:
    """Verdicts, cases, tickets with their attachments, evidence of the calls' cases, and every client's report."""
    written = [_write_json(out / "verdicts" / f"{answer.call.id}.json", list(documents)) for answer, documents in told]
    async with installation.database.reading() as connection:
        cases = await repository.cases(connection)
    written.append(_write_json(out / "cases.json", [case_document(case) for case in cases]))
    tickets = built_in(installation)
    for ticket in await tickets.list():
        full = await tickets.show(ticket.id)
        written.append(_write_json(out / "tickets" / ticket.id / "ticket.json", ticket_document(full)))
        for attachment in full.attachments:
            file = await tickets.attachment(ticket.id, attachment.name)
            path = out / "tickets" / ticket.id / file.name
            path.write_bytes(file.content)
            written.append(path)
    called = {case for answer, _ in told for case in [_case_at(cases, answer.call.site)] if case}
    for case in sorted(called):
        written += await write_evidence(installation, case, out / "evidence", FORMATS)
    month = installation.clock.now().strftime("%Y-%m")
    for client in sorted((await installation.inventory()).clients):
        written += await write_performance(installation, client, month, out / "reports", ("html", "pdf"))
    return written


def _case_at(cases: Sequence[Any], site: str) -> str | None:
    return next((case.id for case in cases if case.site == site), None)


def write_reroute(out: Path, proposal: Proposal | None) -> Sequence[Path]:
    """What would have been sent to carry the proposal out, if there was one."""
    if proposal is None:
        return []
    path = out / f"reroute-{proposal.id}.txt"
    path.write_text(proposal.result + "\n", encoding="utf-8")
    return [path]


def write_result(out: Path, rows: Sequence[Row], truth: Truth, exchanged: Exchanged) -> Path:
    """The final table, the truth and the counters as JSON."""
    document = {
        "agree": all(row.agrees for row in rows),
        "rows": [{**asdict(row), "agrees": row.agrees} for row in rows],
        "truth": truth.model_dump(mode="json"),
        "exchanged": exchanged.model_dump(mode="json"),
    }
    return _write_json(out / "result.json", document)


def _write_json(path: Path, document: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=2, ensure_ascii=False), encoding="utf-8")
    return path
