"""What one decision leaves in the records database, within the transaction of its input."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncConnection

from triage import inbox, repository, tables, troubles
from triage.cases import Decision
from triage.documents import verdict_document
from triage.matters import Matter
from triage.reasons import QUIET


async def write(connection: AsyncConnection, row: inbox.Row, matter: Matter, decision: Decision, digest: str) -> None:
    case = decision.case
    if case is not None:
        await repository.save_case(connection, case)
    if decision.judged is not None and case is not None:
        number = await repository.next_number(connection, tables.verdict)
        document = verdict_document(
            decision.judged.verdict, id=f"V-{number}", case=case.id, evidence_sha256=decision.judged.evidence_sha256
        )
        await repository.save_verdict(connection, case.id, row.seq, row.now, decision.judged.evidence_sha256, document)
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
    for effect in decision.effects:
        await repository.add_effect(connection, effect, row.now)
    if decision.reason not in QUIET:
        await repository.save_decision(connection, row.seq, decision, row.now, digest, matter.site)
