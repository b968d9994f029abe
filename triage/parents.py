"""Parent cases: one carrier's trouble at many sites is one case and one ticket. Pure.

Which sites' cases a parent stands for; how it lives itself: `triage.parent_life`. The carrier's trouble is over when no
child is troubled any more, but for fewer than make a carrier's trouble: those stand alone again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from inventory.model import Inventory
from triage.carried import waits_for_parent
from triage.cases import Case, CaseStatus, Decision, TimerKind
from triage.consequences import note
from triage.group import ANYWHERE, Domain, Group, Population, Trouble
from triage.life_cycle import has_ticket, is_suspected_again
from triage.parent_life import TROUBLED, Moment, followed, is_left_to_a_person, not_held, suspected
from triage.reasons import Reason
from triage.scope import SHARED, Usual


def troubles_of(cases: Sequence[Case], inventory: Inventory, *, over: bool = False) -> list[Trouble]:
    """The troubles that the open cases stand for, as far as a carrier can be behind them; `over`: those too that are
    gone."""
    found = []
    for case in cases:
        link = inventory.links.get(case.link or "")
        if link is None or case.onset is None or case.cause not in SHARED:
            continue
        if not over and (case.alone or case.status not in TROUBLED):
            continue
        if link.is_wan and link.fault_domain and link.site in inventory.sites:
            found.append(
                Trouble(
                    case=case.id,
                    site=case.site,
                    carrier=link.fault_domain,
                    market=inventory.sites[link.site].market,
                    onset=case.onset,
                    cause=case.cause,
                    severity=case.severity,
                )
            )
    return found


def populations_of(
    inventory: Inventory, carriers: Sequence[str], ended: Mapping[str, int], hours: float
) -> dict[Domain, Population]:
    """Each market's watched sites of these carriers and all of theirs. `ended`: cases that a site had, in `hours`."""
    found: dict[Domain, Population] = {}
    for carrier in carriers:
        sites = {link.site for link in inventory.links_in_fault_domain(carrier) if link.watched}
        inside: dict[str, list[str]] = {ANYWHERE: sorted(sites)}
        for site in inside[ANYWHERE]:
            inside.setdefault(inventory.sites[site].market, []).append(site)
        for market, names in inside.items():
            usual = Usual(onsets=sum(ended.get(name, 0) for name in names), hours=len(names) * hours)
            found[Domain(carrier, market)] = Population(sites=len(names), usual=usual)
    return found


def regroup(
    cases: Sequence[Case], groups: Sequence[Group], moment: Moment, ended: Mapping[str, Sequence[Case]] | None = None
) -> list[Decision]:
    """What follows for parents and children from the carriers' troubles that stand now.

    `cases` are all open ones, and the parents of some that have ended; `ended` are the parents that have, by their
    site, newest first. New parents are suspected first, as every trouble is, and so is one that was resolved lately
    and seems to be back; troubled sites join; a parent whose children are well is watched; children that are troubled
    when their parent ends stand alone.
    """
    now = {case.id: case for case in cases}
    now |= {case.id: _released(case, now) for case in _orphans(now, moment)}
    decisions: list[Decision] = []
    number = moment.number
    for one in sorted(groups, key=lambda each: (each.domain.market != ANYWHERE, each.domain)):
        standing = [case for case in now.values() if case.is_parent and case.status.is_open]
        absorbed = _absorbed(one, standing)
        lost = {None, *(case.id for case in absorbed)}
        free = [now[trouble.case] for trouble in one.troubles if now[trouble.case].parent in lost]
        free = [case for case in free if not case.alone]
        parent = _parent_of(one, standing)
        if parent is None:
            if len(free) <= moment.others:
                continue
            begun = suspected(one, len(free), replace(moment, number=number), ended or {})
            if begun is None or begun.case is None:
                continue
            parent = begun.case
            number += parent.id == f"C-{number}"
            decisions.append(begun)
            now[parent.id] = parent
        for other in absorbed:
            joined = not_held(other, Reason.JOINED_PARENT, f"part of {parent.id}", moment)
            decisions.append(joined)
            now[other.id] = joined.case or other
        now |= {case.id: replace(case, parent=parent.id) for case in free}
        now |= {
            case.id: replace(case, parent=None)
            for case in now.values()
            if case.status.is_open and case.parent in lost - {None}
        }
    for parent, children in families(now.values()):
        follow = followed(parent, children, moment)
        decisions += [follow] if follow is not None else []
    return [*decisions, *_moved(cases, now, moment)]


def families(cases: Iterable[Case]) -> list[tuple[Case, list[Case]]]:
    """Each open parent among these cases, with its children."""
    children: dict[str, list[Case]] = {}
    for case in cases:
        if case.parent is not None:
            children.setdefault(case.parent, []).append(case)
    return [(case, children.get(case.id, [])) for case in cases if case.is_parent and case.status.is_open]


def _parent_of(one: Group, standing: Iterable[Case]) -> Case | None:
    """The case that stands for the group's domain, or for the whole carrier."""
    by_site = {case.site: case for case in standing}
    return by_site.get(one.domain.site) or by_site.get(Domain(one.domain.carrier, ANYWHERE).site)


def _absorbed(one: Group, standing: Iterable[Case]) -> list[Case]:
    """The parents of single markets that a trouble of the whole carrier takes over: those that have not held yet."""
    if one.domain.market != ANYWHERE:
        return []
    markets = {Domain(trouble.carrier, trouble.market).site for trouble in one.troubles}
    return [case for case in standing if case.site in markets and case.status is CaseStatus.SUSPECTED]


def _orphans(now: Mapping[str, Case], moment: Moment) -> list[Case]:
    """The children that no parent stands for. One that is watched stays with a parent that is over: what comes back
    there is looked at as the carrier's before it gets a ticket of its own."""
    troubled = Counter(case.parent for case in now.values() if case.parent and case.status in TROUBLED)
    orphans = []
    for case in now.values():
        if case.parent is None or not case.status.is_open:
            continue
        parent = now.get(case.parent)
        if parent is None or parent.status is CaseStatus.CLOSED:
            orphans.append(case)
        elif not parent.status.is_open:
            orphans += [case] if case.status is not CaseStatus.MONITORING else []
        elif is_left_to_a_person(parent) and case.status in TROUBLED and troubled[parent.id] < moment.others:
            orphans.append(case)
    return orphans


def _released(case: Case, now: Mapping[str, Case]) -> Case:
    """Without its parent; for good where that was resolved while this site's trouble was there."""
    parent = now.get(case.parent or "")
    ended = parent.ended_at if parent is not None and parent.status is CaseStatus.RESOLVED else None
    alone = ended is not None and (case.onset is None or case.onset <= ended)
    return replace(case, parent=None, alone=alone)


def _moved(before: Sequence[Case], now: Mapping[str, Case], moment: Moment) -> list[Decision]:
    """The children that have joined a parent, and those whose parent has ended."""
    moved = []
    children = Counter(case.parent for case in before)
    shared = Counter(case.parent for case in now.values() if case.status in TROUBLED)
    for case in before:
        after = replace(now[case.id], updated_at=moment.now)
        if after.parent == case.parent:
            continue
        if after.parent is None:
            moved.append(
                Decision(case=after, reason=Reason.LEFT_PARENT, detail=f"{case.parent} stands for it no longer")
            )
            continue
        # One that seems to be back tells of the time before until it has held.
        stands = now[after.parent]
        sites = shared[stands.id] if is_suspected_again(stands) else stands.sites
        text = (
            f"The carrier has a trouble that {sites} of the sites watched here share; this site's is "
            f"part of it, and {after.parent} stands for it."
        )
        times = stands.reopened + is_suspected_again(stands)
        key = f"parent:{stands.id}" + (f":{times}" if times else "")
        told = (note(after, key, text),) if has_ticket(after) else ()
        cancelled = (TimerKind.QUARANTINE,) if waits_for_parent(after, children[after.parent]) else ()
        children[after.parent] += 1
        detail = f"part of {after.parent}"
        moved.append(
            Decision(case=after, reason=Reason.JOINED_PARENT, effects=told, detail=detail, cancelled=cancelled)
        )
    return moved
