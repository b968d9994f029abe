"""The carriers' troubles of the moment, from the cases that stand: the reading that `group` and `regroup` need."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from inventory.model import Inventory
from triage import repository, tables
from triage.cases import CaseRules, Decision
from triage.group import Domain, Population, group
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
    populations = await populations_now(connection, inventory, crowded, now)
    found = group(troubles, now, populations, policy)
    number = await repository.next_number(connection, tables.case)
    return regroup(cases, found, Moment(now=now, rules=rules, others=policy.minimum_sites, number=number))


async def populations_now(
    connection: AsyncConnection, inventory: Inventory, carriers: Sequence[str], now: datetime
) -> dict[Domain, Population]:
    """How many sites these carriers have in each market, and how often their troubles began over the last week."""
    since = max(now - USUAL_DAYS, await repository.first_decision(connection) or now)
    ended = await repository.ended_by_site(connection, since) if carriers else {}
    return populations_of(inventory, carriers, ended, (now - since) / timedelta(hours=1))
