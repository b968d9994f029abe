"""A case with everything that hangs on it: verdicts, proposals, decisions, and its story as the audit trail has it."""

from __future__ import annotations

from typing import Any

from service.documents import case_document, decision_document, proposal_document
from service.installation import Installation
from service.storytelling import story_document
from triage import audit, repository


async def read_case_file(installation: Installation, identity: str) -> dict[str, Any]:
    """Case, its children, verdicts (the newest first), proposals, decisions and story. Raises NotFoundError."""
    async with installation.database.reading() as connection:
        case = await repository.case_by_id(connection, identity)
        children = await repository.cases(connection, parent=identity) if case.is_parent else []
        verdicts = await repository.verdicts_of(connection, identity)
        proposals = await repository.proposals_of(connection, identity)
        decisions = await repository.decisions_of(connection, site=case.site)
        told = await audit.story(connection, identity)
        number, digest = await audit.head(connection)
    inventory = await installation.inventory()
    site = inventory.sites.get(case.site)
    return {
        "case": case_document(case, inventory),
        "children": [child.id for child in reversed(children)],
        "verdicts": [dict(verdict.document) for verdict in verdicts],
        "proposals": [proposal_document(proposal) for proposal in proposals],
        "decisions": [decision_document(decision) for decision in decisions if decision.case == identity],
        "timezone": site.timezone if site is not None else "UTC",
        "story": [story_document(one) for one in told],
        "audit_head": {"number": number, "sha256": digest},
    }
