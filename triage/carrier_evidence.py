"""Gives a carrier's case its evidence, within the transaction in which its ticket hears of the trouble: at its opening
and its return, where it has grown or worsened, and at its end."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from inventory.model import Inventory
from triage import repository
from triage.carrier_pack import build_carrier_pack
from triage.cases import Case, Decision, EffectKind
from triage.consequences import attach
from triage.evidence import EvidencePack
from triage.grouping import populations_now
from triage.parents import troubles_of
from triage.policy import Policy
from triage.reasons import Reason

TOLD = frozenset({Reason.TROUBLE_HELD, Reason.REOPENED, Reason.RECOVERY_BROKEN, Reason.TROUBLE_CHANGED})


def is_told(decision: Decision, now: datetime) -> bool:
    """Whether its ticket hears of a carrier's trouble, or of its end."""
    parent = decision.case
    if parent is None or not parent.is_parent:
        return False
    return _ends(decision) or (decision.reason in TOLD and parent.documented_at == now)


async def documented(
    connection: AsyncConnection, decision: Decision, inventory: Inventory, policy: Policy, now: datetime
) -> tuple[Decision, EvidencePack | None]:
    """The decision with its case naming the pack, and the pack; of any other decision itself, and None."""
    parent = decision.case
    if parent is None or not is_told(decision, now):
        return decision, None
    over = _ends(decision)
    children = await repository.cases(connection, parent=parent.id, only_open=not over, limit=repository.ALL)
    troubles = troubles_of(children, inventory, over=over)
    carriers = sorted({trouble.carrier for trouble in troubles})
    populations = await populations_now(connection, inventory, carriers, now)
    pack = build_carrier_pack(parent, children, troubles, populations, policy, now)
    return with_evidence(decision, replace(parent, evidence_sha256=pack.sha256), pack.sha256), pack


def _ends(decision: Decision) -> bool:
    return any(effect.kind is EffectKind.RESOLVE_TICKET for effect in decision.effects)


def with_evidence(decision: Decision, parent: Case, digest: str) -> Decision:
    """A ticket that is opened gets it when it is there; one that is resolved, before."""
    effects = decision.effects
    if _ends(decision):
        effects = (attach(parent, digest), *effects)
    elif all(effect.kind is not EffectKind.OPEN_TICKET for effect in effects):
        effects = (*effects, attach(parent, digest))
    return replace(decision, case=parent, effects=effects)
