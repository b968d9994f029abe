"""Parent cases: one carrier's trouble at many sites is one case and one ticket. Pure.

A parent lives as any case does (`triage.decide`); what it knows of the trouble are its children, the sites' own cases.
The carrier's trouble is over when no child is troubled any more, but for fewer than make a carrier's trouble: those
stand alone again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from config.clock import rfc3339
from inventory.model import Inventory
from triage.case_rules import without_data
from triage.cases import (
    Case,
    CaseRules,
    CaseStatus,
    Decision,
    Effect,
    EffectKind,
    Origin,
    Timer,
    TimerKind,
)
from triage.consequences import note, resolve_ticket
from triage.group import ANYWHERE, Domain, Group, Population, Trouble
from triage.life_cycle import has_ticket
from triage.model import Cause, Scope, Severity
from triage.reasons import Reason
from triage.scope import SHARED, Usual
from triage.words import CAUSE_WORDS

TROUBLED = (CaseStatus.SUSPECTED, CaseStatus.OPEN)
CHILDREN_NAMED = 50
"""How many children's case numbers a ticket lists."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """What decisions about parents may know; new cases are numbered from `number`. `others` as in `carrier` policy:
    how many sites beside one make a carrier's trouble."""

    now: datetime
    rules: CaseRules
    others: int
    number: int


def troubles_of(cases: Sequence[Case], inventory: Inventory) -> list[Trouble]:
    """The troubles that the open cases stand for, as far as a carrier can be behind them."""
    found = []
    for case in cases:
        link = inventory.links.get(case.link or "")
        if link is None or case.onset is None or case.cause not in SHARED:
            continue
        if case.alone or case.status not in TROUBLED:
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


def regroup(cases: Sequence[Case], groups: Sequence[Group], moment: Moment) -> list[Decision]:
    """What follows for parents and children from the carriers' troubles that stand now.

    `cases` are all open ones, and the parents of some that have ended. New parents are suspected first, as every
    trouble is; troubled sites join; a parent whose children are well is watched; children whose parent has ended stand
    alone.
    """
    now = {case.id: case for case in cases}
    now |= {case.id: _released(case, now) for case in cases if _is_orphan(case, now)}
    decisions: list[Decision] = []
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
            parent = _suspected(one, len(free), f"C-{moment.number + len(now) - len(cases)}", moment)
            timer = Timer(case=parent.id, kind=TimerKind.QUARANTINE, due_at=moment.now + moment.rules.quarantine)
            decisions.append(Decision(case=parent, reason=Reason.CARRIER_WIDE, timers=(timer,), detail=parent.title))
            now[parent.id] = parent
        for other in absorbed:
            ended = _ended(other, CaseStatus.CLOSED, Reason.JOINED_PARENT, f"part of {parent.id}", moment)
            decisions.append(ended)
            now[other.id] = replace(other, status=CaseStatus.CLOSED)
        now |= {case.id: replace(case, parent=parent.id) for case in free}
        now |= {case.id: _released(case, now) for case in now.values() if _is_orphan(case, now)}
    for parent, children in families(now.values()):
        followed = _followed(parent, children, moment)
        decisions += [followed] if followed is not None else []
    return [*decisions, *_moved(cases, now, moment)]


def families(cases: Iterable[Case]) -> list[tuple[Case, list[Case]]]:
    """Each open parent among these cases, with its children."""
    children: dict[str, list[Case]] = {}
    for case in cases:
        if case.parent is not None:
            children.setdefault(case.parent, []).append(case)
    return [(case, children.get(case.id, [])) for case in cases if case.is_parent and case.status.is_open]


def on_parent_timer(kind: TimerKind, parent: Case, children: Sequence[Case], moment: Moment) -> Decision:
    """Quarantine or recovery of a parent is over: what its open children show decides."""
    opened = sum(child.status is CaseStatus.OPEN for child in children)
    troubled = sum(child.status in TROUBLED for child in children)
    if kind is TimerKind.QUARANTINE and parent.status is CaseStatus.SUSPECTED:
        if opened > moment.others:
            return _opened(parent, children, moment)
        if troubled > moment.others:
            after, reason = without_data(parent, moment.now, moment.rules)
            due = after.next_action_at or moment.now
            again = Timer(case=parent.id, kind=TimerKind.QUARANTINE, due_at=due)
            return Decision(case=after, reason=reason, timers=(again,))
        return _ended(parent, CaseStatus.CLOSED, Reason.TROUBLE_DID_NOT_HOLD, "", moment)
    if kind is TimerKind.RECOVERY and parent.status is CaseStatus.MONITORING:
        if troubled >= moment.others:
            return _back(parent, moment)
        return _ended(parent, CaseStatus.RESOLVED, Reason.RECOVERY_HELD, "The trouble has stayed gone.", moment)
    return Decision(case=None, reason=Reason.TROUBLE_ONGOING)


def _parent_of(one: Group, standing: Iterable[Case]) -> Case | None:
    """The case that stands for the group's domain, or for the whole carrier."""
    by_site = {case.site: case for case in standing}
    return by_site.get(one.domain.site) or by_site.get(Domain(one.domain.carrier, ANYWHERE).site)


def _absorbed(one: Group, standing: Iterable[Case]) -> list[Case]:
    """The parents of single markets that a trouble of the whole carrier takes over: those without a ticket yet."""
    if one.domain.market != ANYWHERE:
        return []
    markets = {Domain(trouble.carrier, trouble.market).site for trouble in one.troubles}
    return [case for case in standing if case.site in markets and case.status is CaseStatus.SUSPECTED]


def _is_orphan(case: Case, now: Mapping[str, Case]) -> bool:
    return case.status.is_open and case.parent is not None and not _stands(now.get(case.parent))


def _stands(parent: Case | None) -> bool:
    return parent is not None and parent.status.is_open


def _released(case: Case, now: Mapping[str, Case]) -> Case:
    """Without its parent; for good where that was resolved, by its recovery or a person."""
    parent = now.get(case.parent or "")
    return replace(case, parent=None, alone=parent is not None and parent.status is CaseStatus.RESOLVED)


def _suspected(one: Group, sites: int, identity: str, moment: Moment) -> Case:
    return Case(
        id=identity,
        client="",
        site=one.domain.site,
        status=CaseStatus.SUSPECTED,
        origins=(Origin.MACHINE,),
        title=_title(one.domain.site, one.cause, sites),
        cause=one.cause,
        scope=Scope.CARRIER,
        severity=one.severity,
        link=None,
        onset=one.onset,
        opened_at=moment.now,
        updated_at=moment.now,
        next_action="look again before a ticket is opened",
        next_action_at=moment.now + moment.rules.quarantine,
        sites=sites,
    )


def _followed(parent: Case, children: Sequence[Case], moment: Moment) -> Decision | None:
    """A standing parent after its children: watched, back, or grown; None where nothing has changed."""
    if parent.opened_at == moment.now:
        return None
    troubled = [child for child in children if child.status in TROUBLED]
    if parent.status is CaseStatus.OPEN and len(troubled) < moment.others:
        due = moment.now + moment.rules.recovery
        after = replace(
            parent, status=CaseStatus.MONITORING, updated_at=moment.now, next_action_at=due,
            next_action="resolve if the trouble stays gone",
        )  # fmt: skip
        timer = Timer(case=parent.id, kind=TimerKind.RECOVERY, due_at=due)
        return Decision(case=after, reason=Reason.RECOVERY_SEEN, timers=(timer,))
    if parent.status is CaseStatus.MONITORING and len(troubled) >= moment.others:
        return _back(parent, moment)
    sites = max(parent.sites, len(children))
    order = list(Severity)
    graded = [one.severity for one in (parent, *troubled) if one.severity is not None]
    severity = min(graded, key=order.index, default=None)
    if (sites, severity) == (parent.sites, parent.severity):
        return None
    after = replace(
        parent, sites=sites, severity=severity, title=_title(parent.site, parent.cause, sites), updated_at=moment.now
    )
    return Decision(case=after, reason=Reason.TROUBLE_CHANGED, detail=after.title)


def _moved(before: Sequence[Case], now: Mapping[str, Case], moment: Moment) -> list[Decision]:
    """The children that have joined a parent, and those whose parent has ended."""
    moved = []
    for case in before:
        after = replace(now[case.id], updated_at=moment.now)
        if after.parent == case.parent:
            continue
        if after.parent is None:
            moved.append(Decision(case=after, reason=Reason.LEFT_PARENT, detail=f"{case.parent} has ended"))
            continue
        text = (
            f"The carrier has a trouble that {now[after.parent].sites} of the sites watched here share; this site's is "
            f"part of it, and {after.parent} stands for it."
        )
        told = (note(after, f"parent:{after.parent}", text),) if has_ticket(after) else ()
        moved.append(Decision(case=after, reason=Reason.JOINED_PARENT, effects=told, detail=f"part of {after.parent}"))
    return moved


def _opened(parent: Case, children: Sequence[Case], moment: Moment) -> Decision:
    sites = max(parent.sites, len(children))
    after = replace(
        parent, status=CaseStatus.OPEN, sites=sites, title=_title(parent.site, parent.cause, sites), ticket_wanted=True,
        updated_at=moment.now, next_action="work on the trouble with the carrier", next_action_at=None,
    )  # fmt: skip
    effect = Effect(
        key=f"{parent.id}:ticket",
        kind=EffectKind.OPEN_TICKET,
        case=parent.id,
        title=after.title,
        text=_text(after, children),
        severity=after.severity,
    )
    return Decision(case=after, reason=Reason.TROUBLE_HELD, effects=(effect,), detail=after.title)


def _back(parent: Case, moment: Moment) -> Decision:
    after = replace(
        parent, status=CaseStatus.OPEN, updated_at=moment.now, next_action="work on the trouble with the carrier",
        next_action_at=None,
    )  # fmt: skip
    told = (note(after, f"back:{rfc3339(moment.now)}", "The trouble is back."),) if has_ticket(after) else ()
    return Decision(case=after, reason=Reason.RECOVERY_BROKEN, effects=told, cancelled=(TimerKind.RECOVERY,))


def _ended(parent: Case, status: CaseStatus, reason: Reason, text: str, moment: Moment) -> Decision:
    after = replace(
        parent, status=status, updated_at=moment.now, ended_at=moment.now, next_action="", next_action_at=None
    )
    told = (resolve_ticket(after, text),) if has_ticket(parent) else ()
    close = Timer(case=parent.id, kind=TimerKind.CLOSE, due_at=moment.now + moment.rules.close)
    timers = (close,) if status is CaseStatus.RESOLVED else ()
    return Decision(case=after, reason=reason, effects=told, timers=timers, cancelled=tuple(TimerKind), detail=text)


def _title(site: str, cause: Cause, sites: int) -> str:
    carrier, _, market = site.removeprefix("carrier:").rpartition("@")
    where = f"{carrier} in {market}" if market not in ("", ANYWHERE) else carrier
    return f"{where}: {CAUSE_WORDS[cause]} at {sites} sites"


def _text(parent: Case, children: Sequence[Case]) -> str:
    """A ticket's text. It names no client, site or line: a ticket may be shown to any of them."""
    named = ", ".join(child.id for child in children[:CHILDREN_NAMED])
    more = f" and {len(children) - CHILDREN_NAMED} more" if len(children) > CHILDREN_NAMED else ""
    since = f" since {rfc3339(parent.onset)}" if parent.onset is not None else ""
    return "\n".join(
        [
            f"{parent.title}{since}: their troubles began within minutes of each other, more than chance makes of "
            "this carrier's usual faults.",
            f"Severity: {parent.severity or 'not known'}.",
            f"The sites' own cases: {named}{more}. Their tickets wait for this one.",
        ]
    )
