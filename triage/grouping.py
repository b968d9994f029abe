"""The carriers' troubles of the moment, from the cases that stand: the reading that `group` and `regroup` need."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from inventory.model import Inventory
from triage import bulk, repository, standing, tables
from triage.carried import WITNESSES, waits_for_parent
from triage.cases import Case, CaseRules, Decision
from triage.group import ANYWHERE, Domain, Group, Population, group
from triage.known import ENDED_CASES
from triage.parent_life import Moment
from triage.parents import populations_of, regroup, troubles_of
from triage.policy import CarrierPolicy

USUAL_DAYS = timedelta(days=7)
"""How far back a carrier's usual troubles are counted: a week holds every weekday."""


async def regrouped(
    connection: AsyncConnection, inventory: Inventory, policy: CarrierPolicy, rules: CaseRules, now: datetime
) -> list[Decision]:
    """What follows for parent cases and their children, by the cases as this transaction has them."""
    carrier_of = {link: one.fault_domain for link, one in inventory.links.items() if one.is_wan and one.fault_domain}
    counted = Counter(carrier_of.get(link) for link in await standing.lines_in_trouble(connection))
    crowded = sorted(carrier for carrier, number in counted.items() if carrier and number > policy.minimum_sites)
    cases = await standing.related(
        connection, (lambda link: carrier_of.get(link) in crowded) if crowded else standing.nothing
    )
    if not cases:
        return []
    sketched = {case.id for case in cases if not case.is_parent}
    cases = [await repository.case_by_id(connection, case.id) if case.is_parent else case for case in cases]
    troubles = troubles_of(cases, inventory)
    known = {case.id for case in cases}
    for orphaned in sorted({case.parent for case in cases if case.parent and case.parent not in known}):
        cases.append(await repository.case_by_id(connection, orphaned))
    populations = await populations_now(connection, inventory, crowded, now)
    found = group(troubles, now, populations, policy)
    number = await repository.next_number(connection, tables.case)
    moment = Moment(now=now, rules=rules, others=policy.minimum_sites, number=number, inventory=inventory)
    decisions = regroup(cases, found, moment, await _ended_parents(connection, found, cases))
    whole = await standing.whole(connection, [one.case.id for one in decisions if one.case and one.case.id in sketched])
    return [_filled(decision, whole) for decision in decisions]


async def _ended_parents(
    connection: AsyncConnection, found: Sequence[Group], cases: Sequence[Case]
) -> dict[str, list[Case]]:
    """The parents that have ended of the domains where none stands for a group, by their site, the newest first; read
    only when there is such a group."""
    standing = {case.site for case in cases if case.is_parent and case.status.is_open}
    domains = [(one.domain.site, Domain(one.domain.carrier, ANYWHERE).site) for one in found]
    wanted = sorted({site for sites in domains if not standing & {*sites} for site in sites})
    last = await bulk.last_cases(connection, [("", site) for site in wanted], ENDED_CASES) if wanted else {}
    return {site: [case for case in known if not case.status.is_open] for (_, site), known in last.items()}


def _filled(decision: Decision, whole: Mapping[str, Case]) -> Decision:
    """A child's decision was made by a sketch of its case: what it changes, on the whole case."""
    made = decision.case
    if made is None or made.id not in whole:
        return decision
    child = replace(whole[made.id], parent=made.parent, alone=made.alone, updated_at=made.updated_at)
    if not decision.cancelled or not waits_for_parent(child, WITNESSES):
        return replace(decision, case=child, cancelled=())
    waits = replace(child, next_action=f"{made.parent} is looked at again, and this with it", next_action_at=None)
    return replace(decision, case=waits)


async def populations_now(
    connection: AsyncConnection, inventory: Inventory, carriers: Sequence[str], now: datetime
) -> dict[Domain, Population]:
    """How many sites these carriers have in each market, and how often their troubles began over the last week."""
    since = max(now - USUAL_DAYS, await repository.first_decision(connection) or now)
    ended = await repository.ended_by_site(connection, since) if carriers else {}
    return populations_of(inventory, carriers, ended, (now - since) / timedelta(hours=1))
