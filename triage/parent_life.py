"""The life of a parent case: how one carrier's trouble at many sites begins, holds, ends and comes back. Pure.

It passes through the statuses of every case (`triage.life_cycle`) and is taken up again by the same rules; what it
knows of the trouble are its children, the sites' own cases.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from config.clock import rfc3339
from inventory.model import Inventory
from triage.case_rules import without_data
from triage.cases import (
    Case,
    CaseRules,
    CaseStatus,
    Context,
    Decision,
    Effect,
    EffectKind,
    Origin,
    Timer,
    TimerKind,
)
from triage.consequences import note, regraded
from triage.decide import whose_to_resolve
from triage.group import ANYWHERE, Domain, Group
from triage.handover import OWN, is_taken, on_hand_over, scheduled
from triage.life_cycle import closed as ended_for_good
from triage.life_cycle import (
    has_ticket,
    is_ended_by_person,
    is_lately_resolved,
    is_suspected_again,
    passed,
    reopen_ticket,
    reopened,
    resolved,
    still_resolved,
    suspected_again,
)
from triage.model import Cause, Scope, Severity
from triage.reasons import Reason
from triage.words import CAUSE_WORDS

TROUBLED = (CaseStatus.SUSPECTED, CaseStatus.OPEN)
TIMERS = (TimerKind.QUARANTINE, TimerKind.RECOVERY, TimerKind.HAND_OVER)
"""Those of a parent at which its children are looked at."""
CHILDREN_NAMED = 50
"""How many children's case numbers a ticket lists."""
GROWN = 2
"""So many times the sites that its ticket was last told of are news: a dozen words at most, however large it gets."""
NOTHING_COMES_THROUGH = frozenset({Cause.LINK_DOWN, Cause.SITE_DOWN, Cause.INSTABILITY})
"""A carrier's outage shows as any of these, by what else a site has; slow or lossy lines are another trouble."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """What decisions about parents may know; new cases are numbered from `number`. `others` as in `carrier` policy:
    how many sites beside one make a carrier's trouble."""

    now: datetime
    rules: CaseRules
    others: int
    number: int = 0
    inventory: Inventory = field(default_factory=Inventory)

    def context(self, children: Sequence[Case] = ()) -> Context:
        """As a site's case is decided with; its zone is the one that most of the children's sites have."""
        sites = [site for child in children if (site := self.inventory.sites.get(child.site)) is not None]
        links = [link for child in children if (link := self.inventory.links.get(child.link or "")) is not None]
        zones = Counter(site.timezone for site in sites)
        most = min(zones, key=lambda zone: (-zones[zone], zone), default=None)
        zone = next((site.zone for site in sites if site.timezone == most), None)
        known = Context(now=self.now, rules=self.rules, new_case_id="", new_proposal_id="", links=tuple(links))
        return known if zone is None else replace(known, zone=zone)


def suspected(one: Group, sites: int, moment: Moment, ended: Mapping[str, Sequence[Case]]) -> Decision | None:
    """The group's parent, which has to hold like every trouble: one that was resolved lately, or a new one with the
    moment's number; None where a person has ended it for this very trouble."""
    due = moment.now + moment.rules.quarantine
    before = _meant(one, ended, moment)
    if before is not None and is_ended_by_person(before, one.onset):
        return None
    detail = _title(one.domain.site, one.cause, sites)
    if before is not None:
        after, detail = suspected_again(before, moment.context()), f"it seems to be back: {detail}"
    else:
        after = _new(one, sites, moment)
    after = replace(after, next_action="look again before a ticket is opened", next_action_at=due)
    timer = Timer(case=after.id, kind=TimerKind.QUARANTINE, due_at=due)
    return Decision(
        case=after, reason=Reason.CARRIER_WIDE, timers=(timer,), cancelled=(TimerKind.CLOSE,), detail=detail
    )


def on_parent_timer(kind: TimerKind, parent: Case, children: Sequence[Case], moment: Moment) -> Decision:
    """Quarantine or recovery of a parent is over, or it is to be handed over: what its open children show decides."""
    troubled = [child for child in children if child.status in TROUBLED]
    if kind is TimerKind.HAND_OVER:
        return on_hand_over(parent, moment.context(troubled))
    if kind is TimerKind.QUARANTINE and parent.status is CaseStatus.SUSPECTED:
        if sum(child.status is CaseStatus.OPEN for child in troubled) > moment.others:
            return _held(parent, children, moment)
        if len(troubled) > moment.others:
            after, reason = without_data(parent, moment.now, moment.rules)
            due = after.next_action_at or moment.now
            again = Timer(case=parent.id, kind=TimerKind.QUARANTINE, due_at=due)
            return Decision(case=after, reason=reason, timers=(again,))
        return not_held(parent, Reason.TROUBLE_DID_NOT_HOLD, "", moment)
    if kind is TimerKind.RECOVERY and parent.status is CaseStatus.MONITORING:
        return _back(parent, moment) if len(troubled) >= moment.others else _recovered(parent, children, moment)
    return Decision(case=None, reason=Reason.TROUBLE_ONGOING)


def followed(parent: Case, children: Sequence[Case], moment: Moment) -> Decision | None:
    """A standing parent after its children: watched, back, or grown, and planned to be handed over; None where nothing
    has changed."""
    if parent.opened_at == moment.now or is_suspected_again(parent):
        return None
    troubled = [child for child in children if child.status in TROUBLED]
    if parent.status is CaseStatus.OPEN and len(troubled) < moment.others:
        due = moment.now + moment.rules.recovery
        after = replace(
            passed(parent, CaseStatus.MONITORING, moment.now), next_action_at=due,
            next_action="resolve if the trouble stays gone", left_to_person=False,
        )  # fmt: skip
        timer = Timer(case=parent.id, kind=TimerKind.RECOVERY, due_at=due)
        return Decision(case=after, reason=Reason.RECOVERY_SEEN, timers=(timer,))
    if parent.status is CaseStatus.MONITORING and len(troubled) >= moment.others:
        return _back(parent, moment)
    changed = _grown(parent, children, troubled, moment) or Decision(case=parent, reason=Reason.TROUBLE_ONGOING)
    decision = _planned(changed, troubled, moment)
    return None if decision.case == parent and not decision.timers else decision


def not_held(parent: Case, reason: Reason, text: str, moment: Moment) -> Decision:
    """What was suspected is none, or another's: resolved as it was before, or closed without a ticket."""
    if is_suspected_again(parent):
        after, timers = still_resolved(parent, moment.context())
        return Decision(case=after, reason=reason, timers=timers, cancelled=(TimerKind.QUARANTINE,), detail=text)
    return ended_for_good(parent, text, reason, moment.context())


def is_left_to_a_person(parent: Case) -> bool:
    """Whether its trouble has stayed gone and a person has to resolve it: it stands for no site in trouble."""
    return parent.status is CaseStatus.MONITORING and parent.left_to_person


def _new(one: Group, sites: int, moment: Moment) -> Case:
    return Case(
        id=f"C-{moment.number}",
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
        sites=sites,
    )


def _meant(one: Group, ended: Mapping[str, Sequence[Case]], moment: Moment) -> Case | None:
    """Of the ended parents of its domain, or else of the whole carrier, newest first: the one that a person has ended
    for this very trouble, or that was resolved lately and told of such a trouble."""
    for domain in (one.domain, Domain(one.domain.carrier, ANYWHERE)):
        for case in ended.get(domain.site, ()):
            lately = is_lately_resolved(case, moment.now, moment.rules.reopen)
            if _are_alike(case.cause, one.cause) and (lately or is_ended_by_person(case, one.onset)):
                return case
    return None


def _are_alike(cause: Cause, other: Cause) -> bool:
    return (cause in NOTHING_COMES_THROUGH) is (other in NOTHING_COMES_THROUGH)


def _title(site: str, cause: Cause, sites: int) -> str:
    carrier, _, market = site.removeprefix("carrier:").rpartition("@")
    where = f"{carrier} in {market}" if market not in ("", ANYWHERE) else carrier
    return f"{where}: {CAUSE_WORDS[cause]} at {sites} sites"


def _told(parent: Case, severity: Severity | None, sites: int, moment: Moment) -> Case:
    """As its ticket is told of it now. What a person has set stays."""
    title = parent.title if "title" in parent.set_by_person else _title(parent.site, parent.cause, sites)
    graded = parent.severity if "severity" in parent.set_by_person else severity
    return replace(
        parent, severity=graded, title=title, sites=sites, told_sites=sites, documented_at=moment.now,
        updated_at=moment.now,
    )  # fmt: skip


def _worst(cases: Sequence[Case]) -> Severity | None:
    order = list(Severity)
    return min((case.severity for case in cases if case.severity is not None), key=order.index, default=None)


def _held(parent: Case, children: Sequence[Case], moment: Moment) -> Decision:
    """The trouble is believed: one ticket, its own where it had one before."""
    again = is_suspected_again(parent)
    troubled = [child for child in children if child.status in TROUBLED]
    begun = passed(parent, CaseStatus.OPEN, moment.now)
    if again:
        begun = _as_it_is_now(reopened(parent, CaseStatus.OPEN, moment.context()), troubled)
    sites = len(troubled) if again else max(parent.sites, len(children))
    severity = _worst(troubled) if again else parent.severity
    after = replace(
        _told(begun, severity, sites, moment), ticket_wanted=True, next_action_at=None,
        next_action="work on the trouble with the carrier",
    )  # fmt: skip
    effects: tuple[Effect, ...] = (
        Effect(
            key=f"{parent.id}:ticket",
            kind=EffectKind.OPEN_TICKET,
            case=parent.id,
            title=after.title,
            text=_text(after, troubled),
            severity=after.severity,
        ),
    )
    if again and has_ticket(parent):
        text = f"The trouble is back. {_text(after, troubled)}"
        effects = (reopen_ticket(after, text), *regraded(parent, after, f"{after.reopened}"))
    reason = Reason.REOPENED if again else Reason.TROUBLE_HELD
    decision = Decision(case=after, reason=reason, effects=effects, detail=after.title)
    return _planned(decision, troubled, moment)


def _as_it_is_now(parent: Case, troubled: Sequence[Case]) -> Case:
    """A trouble that is back tells of what it is this time: the commonest cause, the first onset."""
    causes = Counter(child.cause for child in troubled)
    order = list(Cause)
    return replace(
        parent,
        cause=min(causes, key=lambda cause: (-causes[cause], order.index(cause))),
        onset=min((child.onset for child in troubled if child.onset is not None), default=parent.onset),
    )


def _grown(parent: Case, children: Sequence[Case], troubled: Sequence[Case], moment: Moment) -> Decision | None:
    """More sites, or a worse one; its ticket hears of many more, and of another severity."""
    # A child of the time before, whose recovery is watched still, is none of a trouble that is back.
    before = {child.id for child in children if _began_before(child, parent) and child.status not in TROUBLED}
    sites = max(parent.sites, len(children) - len(before))
    severity = parent.severity if "severity" in parent.set_by_person else _worst((parent, *troubled))
    if (sites, severity) == (parent.sites, parent.severity):
        return None
    after = _told(parent, severity, sites, moment)
    news = severity is not parent.severity or sites >= GROWN * (parent.told_sites or parent.sites)
    if not has_ticket(parent) or not news:
        quiet = replace(after, told_sites=parent.told_sites, documented_at=parent.documented_at)
        return Decision(case=quiet, reason=Reason.TROUBLE_CHANGED, detail=after.title)
    key = f"{after.reopened}:{sites}:{severity}"
    told = note(after, f"changed:{key}", f"The trouble has changed. {_text(after, troubled)}")
    return Decision(
        case=after, reason=Reason.TROUBLE_CHANGED, effects=(told, *regraded(parent, after, key)), detail=after.title
    )


def _began_before(child: Case, parent: Case) -> bool:
    return child.onset is not None and parent.onset is not None and child.onset < parent.onset


def _planned(decision: Decision, troubled: Sequence[Case], moment: Moment) -> Decision:
    """With the plan to hand it over, once; again where it came due in a wait, or it now has a line of ours."""
    case = decision.case
    if case is None or case.status is not CaseStatus.OPEN or not has_ticket(case) or is_taken(case):
        return decision
    overdue = case.hand_over_at is not None and case.hand_over_at < moment.now
    planned = case.hand_over_for and not case.hand_over_for.endswith(OWN) and not overdue
    if planned or case.hand_over_at == moment.now:
        return decision
    after, timers = scheduled(case, moment.context(troubled))
    return replace(decision, case=after, timers=(*decision.timers, *timers))


def _back(parent: Case, moment: Moment) -> Decision:
    after = replace(
        passed(parent, CaseStatus.OPEN, moment.now), next_action="work on the trouble with the carrier",
        next_action_at=None,
    )  # fmt: skip
    if parent.documented_at is None or moment.now - parent.documented_at >= moment.rules.recovery:
        after = replace(after, documented_at=moment.now)
    told = (note(after, f"back:{rfc3339(moment.now)}", "The trouble is back."),) if has_ticket(after) else ()
    return Decision(case=after, reason=Reason.RECOVERY_BROKEN, effects=told, cancelled=(TimerKind.RECOVERY,))


def _recovered(parent: Case, children: Sequence[Case], moment: Moment) -> Decision:
    """The trouble has stayed gone: resolved, unless it is a person's to do."""
    context = moment.context(children)
    why = whose_to_resolve(parent, context)
    if why is None:
        machine = replace(parent, resolved_by_machine=True)
        return resolved(machine, "The trouble has stayed gone.", Reason.RECOVERY_HELD, context)
    after = replace(
        parent, updated_at=moment.now, next_action="resolve it when it is understood", next_action_at=None,
        left_to_person=True,
    )  # fmt: skip
    return Decision(case=after, reason=why)


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
