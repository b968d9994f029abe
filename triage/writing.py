"""What one decision leaves in the records database, within the transaction of its input."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from triage import inbox, repository, tables, troubles
from triage.audit import Entry
from triage.audit_entries import of_decision, of_input, of_intent, of_verdict
from triage.cases import Decision
from triage.documents import verdict_document
from triage.matters import Matter
from triage.reasons import QUIET


async def write(
    connection: AsyncConnection, row: inbox.Row, matter: Matter, decision: Decision, digest: str
) -> list[Entry]:
    """Returns what the audit trail has to tell of it: the caller appends it before it commits."""
    told: list[Entry] = []
    case = decision.case
    if case is not None:
        await repository.save_case(connection, case)
    if decision.judged is not None and case is not None:
        number = await repository.next_number(connection, tables.verdict)
        document = verdict_document(
            decision.judged.verdict, id=f"V-{number}", case=case.id, evidence_sha256=decision.judged.evidence_sha256
        )
        await repository.save_verdict(connection, case.id, row.seq, row.now, decision.judged.evidence_sha256, document)
        told.append(of_verdict(row, case.id, case.site, document))
    if case is not None:
        await troubles.follow(connection, case, matter.judgement.verdict if matter.judgement else None, row.now)
    if decision.proposal is not None:
        await repository.save_proposal(connection, decision.proposal)
    ended = decision.cancelled
    owner = case.id if case is not None else matter.case
    if owner is not None:
        for kind in ended:
            await repository.clear_timer(connection, owner, kind)
    for timer in decision.timers:
        await repository.set_timer(connection, timer)
    site = case.site if case is not None else matter.site
    if decision.reason not in QUIET:
        told.append(of_decision(row, decision, digest, site, matter.case))
    meant = [effect for effect in decision.effects if await repository.add_effect(connection, effect, row.now)]
    return told + [of_intent(row, effect, site) for effect in meant]


def heard(row: inbox.Row, decided: Sequence[tuple[Matter, Decision]]) -> list[Entry]:
    """What the audit trail says of the input itself, under the case that it came to."""
    matter, decision = decided[0] if decided else (None, None)
    case = decision.case.id if decision and decision.case else matter.case if matter else None
    entry = of_input(row, case, matter.site if matter else None)
    return [] if entry is None else [entry]
