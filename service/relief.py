"""A site's re-route options and proposals as one document, with exactly what each proposal would send."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from config.errors import LineproofError
from inventory.model import Inventory
from service.documents import proposal_document
from service.installation import Installation
from triage import repository
from triage.cases import Proposal
from triage.documents import verdict_document
from triage.effects import plan_of


async def relief_document(installation: Installation, site: str) -> dict[str, Any]:
    """Options as judged now (read-only), and the proposals of the site's open case."""
    judging = await installation.judging()
    judgement = await judging.judge(site, None, installation.clock.now())
    verdict = verdict_document(judgement.verdict, id="", case=None, evidence_sha256=judgement.pack.sha256)
    async with installation.database.reading() as connection:
        case = await repository.open_case(connection, judgement.verdict.client, site)
        proposals = await repository.proposals_of(connection, case.id) if case is not None else []
    return {
        "site": site,
        "case": case.id if case is not None else None,
        "link": verdict["link"],
        "cause": verdict["cause"],
        "options": verdict["options"],
        "proposals": [_with_plan(proposal, judging.inventory) for proposal in proposals],
    }


def _with_plan(proposal: Proposal, inventory: Inventory) -> dict[str, Any]:
    try:
        plan = asdict(plan_of(proposal, inventory))
    except LineproofError as error:
        plan = {"error": str(error)}
    return {**proposal_document(proposal), "plan": plan}
