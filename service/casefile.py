"""A case with everything that hangs on it, and its figures computed again from the evidence pack."""

from __future__ import annotations

from typing import Any

from service.documents import case_document, decision_document, proposal_document
from service.installation import Installation
from triage import repository
from triage.verify import verify_pack


async def read_case_file(installation: Installation, identity: str) -> dict[str, Any]:
    """Case, its children, verdicts (the newest first), proposals and decisions. Raises NotFoundError."""
    async with installation.database.reading() as connection:
        case = await repository.case_by_id(connection, identity)
        children = await repository.cases(connection, parent=identity) if case.is_parent else []
        verdicts = await repository.verdicts_of(connection, identity)
        proposals = await repository.proposals_of(connection, identity)
        decisions = await repository.decisions_of(connection, site=case.site)
    return {
        "case": case_document(case),
        "children": [child.id for child in reversed(children)],
        "verdicts": [dict(verdict.document) for verdict in verdicts],
        "proposals": [proposal_document(proposal) for proposal in proposals],
        "decisions": [decision_document(decision) for decision in decisions if decision.case == identity],
    }


async def verified(installation: Installation, identity: str) -> list[dict[str, Any]]:
    """Every figure of every verdict, computed again from its pack; `ok` False where it differs."""
    async with installation.database.reading() as connection:
        verdicts = await repository.verdicts_of(connection, identity)
    return [
        {"verdict": verdict.id, "what": check.what, "ok": check.ok, "detail": check.detail}
        for verdict in verdicts
        for check in verify_pack(installation.evidence.get(verdict.evidence_sha256), verdict.document)
    ]
