"""The carriers' troubles of the moment, from the cases that stand: the reading that `group` and `regroup` need."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from inventory.model import Inventory
from triage import repository, tables
from triage.cases import CaseRules, Decision
from triage.group import group
from triage.parents import Moment, populations_of, regroup, troubles_of
from triage.policy import CarrierPolicy

USUAL_DAYS = timedelta(days=7)
"""How far back a carrier's usual troubles are counted: a week holds every weekday."""


async def regrouped(
    connection: AsyncConnection, inventory: Inventory, policy: CarrierPolicy, rules: CaseRules, now: datetime
) -> list[Decision]:
    """What follows for parent cases and their children, by the cases as this transaction has them."""
    cases = await repository.cases(connection, only_open=True, limit=repository.ALL)
    troubles = troubles_of(cases, inventory)
    counted = Counter(trouble.carrier for trouble in troubles)
    crowded = sorted(carrier for carrier, number in counted.items() if number > policy.minimum_sites)
    if not crowded and not any(case.is_parent or case.parent for case in cases):
        return []
    known = {case.id for case in cases}
    for orphaned in sorted({case.parent for case in cases if case.parent and case.parent not in known}):
        cases.append(await repository.case_by_id(connection, orphaned))
    since = max(now - USUAL_DAYS, await repository.first_decision(connection) or now)
    ended = await repository.ended_by_site(connection, since) if crowded else {}
    populations = populations_of(inventory, crowded, ended, (now - since) / timedelta(hours=1))
    found = group(troubles, now, populations, policy)
    number = await repository.next_number(connection, tables.case)
    return regroup(cases, found, Moment(now=now, rules=rules, others=policy.minimum_sites, number=number))
