"""A case's page. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from config.errors import LineproofError
from inventory.model import Inventory
from service.desk.views.alerts import OutboxLine
from service.desk.views.home import CaseLine
from service.desk.views.repair import RepairView
from service.desk.views.verdicts import Verdict
from service.desk.views.words import ORIGINS, PROPOSAL_STATUS, Badge
from service.storytelling import Told
from triage.actuator.plan import ReroutePlan
from triage.cases import Case, Proposal, ProposalStatus
from triage.effects import plan_of
from triage.inputs import PersonAct
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
    proposals: tuple[ProposalView, ...]
    ticket: Ticket | None
    outbox: tuple[OutboxLine, ...]
    """Of this case, what waits, was given up or withheld."""
    system: str
    """The ticket system that has its ticket."""
    story: tuple[Told, ...]
    """From the audit trail, in order."""
    acts: tuple[PersonAct, ...]
    key: str
    repair: RepairView
    stopped: float
    """Seconds that its clock has stood still."""
    parent: Case | None = None
    """The carrier's case that this site's is part of: of the others it tells how many."""
    children: tuple[CaseLine, ...] = ()
    """Of a carrier's case: the sites' own."""

    @property
    def origins(self) -> str:
        return " and ".join(ORIGINS[origin] for origin in self.line.case.origins)


def stopped_seconds(case: Case, now: datetime) -> float:
    """How long the time to repair has stood still by now, the wait that stands included."""
    waits = case.pending
    standing = (now - waits.since).total_seconds() if waits is not None and waits.why.stops_clock else 0.0
    return case.clock_stopped_seconds + max(0.0, standing)


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
