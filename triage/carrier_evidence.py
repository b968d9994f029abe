"""Gives a carrier's case its evidence when it is opened, within the transaction that opens it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from inventory.model import Inventory
from triage import repository
from triage.carrier_pack import build_carrier_pack
from triage.cases import Decision
from triage.evidence import EvidencePack
from triage.grouping import populations_now
from triage.parents import troubles_of
from triage.policy import Policy
from triage.reasons import Reason


async def documented(
    connection: AsyncConnection, decision: Decision, inventory: Inventory, policy: Policy, now: datetime
) -> tuple[Decision, EvidencePack | None]:
    """The decision with its case naming the pack, and the pack; of any other decision itself, and None."""
    parent = decision.case
    if parent is None or not parent.is_parent or decision.reason is not Reason.TROUBLE_HELD:
        return decision, None
    children = await repository.cases(connection, parent=parent.id, only_open=True, limit=repository.ALL)
    troubles = troubles_of(children, inventory)
    carriers = sorted({trouble.carrier for trouble in troubles})
    populations = await populations_now(connection, inventory, carriers, now)
    pack = build_carrier_pack(parent, children, troubles, populations, policy, now)
    return replace(decision, case=replace(parent, evidence_sha256=pack.sha256)), pack
