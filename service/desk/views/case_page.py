"""A case's page. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from config.errors import LineproofError
from inventory.model import Inventory
from service.desk.views.home import CaseLine
from service.desk.views.repair import RepairView
from service.desk.views.site_page import DecisionLine
from service.desk.views.verdicts import Verdict
from service.desk.views.words import ORIGINS, PROPOSAL_STATUS, Badge
from triage.actuator.plan import ReroutePlan
from triage.cases import Case, Proposal, ProposalStatus
from triage.effects import plan_of
from triage.inputs import PersonAct
from triage.repository import OutboxRow
from triage.tickets.port import Ticket

NEXT_ACTS: Mapping[ProposalStatus, tuple[PersonAct, ...]] = {
    ProposalStatus.PROPOSED: (PersonAct.APPROVE, PersonAct.REFUSE),
    ProposalStatus.APPROVED: (PersonAct.APPLY,),
    ProposalStatus.APPLIED: (PersonAct.REVERT,),
}


@dataclass(frozen=True, slots=True)
class ProposalView:
    """A proposal, exactly what carrying it out would send, and what a person may do with it now."""

    proposal: Proposal
    badge: Badge
    plan: ReroutePlan | None
    problem: str
    acts: tuple[PersonAct, ...]
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CasePage:
    """`verdict` None: its evidence cannot be shown, and `problem` says why."""

    line: CaseLine
    verdict: Verdict | None
    problem: str
    decisions: tuple[DecisionLine, ...]
    proposals: tuple[ProposalView, ...]
    ticket: Ticket | None
    outbox: tuple[OutboxRow, ...]
    acts: tuple[PersonAct, ...]
    key: str
    repair: RepairView
    parent: Case | None = None
    """The carrier's case that this site's is part of: of the others it tells how many."""
    children: tuple[CaseLine, ...] = ()
    """Of a carrier's case: the sites' own."""

    @property
    def origins(self) -> str:
        return " and ".join(ORIGINS[origin] for origin in self.line.case.origins)


def proposal_views(proposals: Sequence[Proposal], inventory: Inventory, key: str) -> tuple[ProposalView, ...]:
    views = []
    for proposal in proposals:
        plan, problem = None, ""
        try:
            plan = plan_of(proposal, inventory)
        except LineproofError as error:
            problem = str(error)
        acts = NEXT_ACTS.get(proposal.status, ())
        views.append(ProposalView(proposal, PROPOSAL_STATUS[proposal.status], plan, problem, acts, key))
    return tuple(views)
