"""What one input asks to be decided: a matter for each case that it is about."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import structlog

from config.errors import LineproofError
from inventory.maintenance import covering
from inventory.model import Inventory, Link
from triage import inbox
from triage.carried import Way, on_carried
from triage.cases import Case, Context, Decision, TimerKind
from triage.decide import on_quarantine, on_recovery, on_trouble
from triage.decide_claims import on_rejudge
from triage.inputs import ClaimReported, TimerDue
from triage.judging import Judgement, Judging
from triage.metrics import DECISIONS
from triage.model import Cause
from triage.reasons import Reason
from triage.turns import Standing

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Matter:
    """One case to decide within an input's transaction. `case` names it, or the site's open one is taken; `other` is
    the case that a person's act names beside it."""

    client: str
    site: str
    decide: Callable[[Case | None, Context], Decision]
    case: str | None = None
    proposal: str | None = None
    other: str | None = None
    judgement: Judgement | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """A matter with the input that asks for it."""

    row: inbox.Row
    matter: Matter


@dataclass(frozen=True, slots=True, eq=False)
class Decided:
    row: inbox.Row
    matter: Matter
    decision: Decision

    @property
    def case(self) -> str | None:
        """The case that it is about."""
        return self.decision.case.id if self.decision.case is not None else self.matter.case

    @property
    def is_of_parent(self) -> bool:
        return self.decision.case is not None and self.decision.case.is_parent


def settled(decision: Decision, case: Case | None = None) -> Matter:
    """A matter that is decided already."""
    about = decision.case or case
    client, site, ident = (about.client, about.site, about.id) if about is not None else ("", "", None)
    return Matter(client=client, site=site, decide=lambda _case, _context: decision, case=ident)


def look(site: str, judge: Callable[[], Judgement | None], due: TimerDue | None = None) -> Matter | None:
    """One site that cannot be judged, by a defect, must not blind the sweep for all others. `due`: what this look is
    for, where it is not the sweep's own."""
    try:
        judgement = judge()
        if judgement is None:
            return None
        judged = judgement.judged()
    except LineproofError:
        raise
    except Exception as error:
        DECISIONS.labels(Reason.INPUT_FAILED.value).inc()
        log.error("site_not_judged", site=site, exc_info=error)
        return None
    if due is not None:
        return judged_again(due, judgement)
    return Matter(
        client=judgement.verdict.client,
        site=site,
        decide=lambda case, context: on_trouble(case, judged, context),
        judgement=judgement,
    )


async def opening(judging: Judging, site: str, now: datetime, rule: Callable[..., Decision], unknown: Reason) -> Matter:
    """Somebody reports a trouble of a site, which is judged at once. `rule` is of the case, `judged` and `context`;
    `unknown` is the reason where there is no such site. Raises StoreError."""
    known = judging.inventory.sites.get(site)
    if known is None:
        return settled(Decision(case=None, reason=unknown, detail=f"the inventory has no site {site[:60]!r}"))
    judgement = await judging.judge(site, None, now)
    judged = judgement.judged()
    return Matter(
        client=known.client,
        site=site,
        decide=lambda case, context: rule(case, judged=judged, context=context),
        judgement=judgement,
    )


def judged_again(due: TimerDue, judgement: Judgement) -> Matter:
    """The case of a timer at which its site is judged again."""
    judged = judgement.judged()
    rule = {TimerKind.QUARANTINE: on_quarantine, TimerKind.REJUDGE: on_rejudge, TimerKind.RECOVERY: on_recovery}[
        due.kind
    ]

    def decide(current: Case | None, context: Context) -> Decision:
        if current is None:
            return Decision(case=None, reason=Reason.CASE_ENDED)
        return rule(current, judged, context)

    verdict = judgement.verdict
    return Matter(client=verdict.client, site=verdict.site, decide=decide, case=due.case, judgement=judgement)


def carried_by_parent(one: Standing, inventory: Inventory, way: Way | None) -> Matter:
    """A child whose parent's second look stands for its own; `way` to relieve its site."""

    def decide(current: Case | None, context: Context) -> Decision:
        if current is None:
            return Decision(case=None, reason=Reason.CASE_ENDED)
        return on_carried(current, way, context)

    client = inventory.sites[one.site].client if one.site in inventory.sites else ""
    return Matter(client=client, site=one.site, decide=decide, case=one.case)


def set_aside(row: inbox.Row, why: str) -> Matter:
    claim = row.input.claim if isinstance(row.input, ClaimReported) else None
    decision = Decision(case=None, reason=Reason.INPUT_FAILED, detail=f"{row.key}: {why}")
    return Matter(
        client=claim.client if claim else "", site=claim.site if claim else "", decide=lambda _case, _context: decision
    )


def line(inventory: Inventory, matter: Matter, case: Case | None) -> Link | None:
    """The line that the verdict is about, or else the case."""
    verdict = matter.judgement.verdict if matter.judgement else None
    link = verdict.link if verdict is not None else case.link if case is not None else None
    return inventory.links.get(link or "")


def in_maintenance(inventory: Inventory, matter: Matter, now: datetime) -> bool:
    """Whether announced work explains the verdict: it is on the verdict's line, and where the whole site is down on
    every line of it. One carrier's work never excuses another's outage."""
    verdict = matter.judgement.verdict if matter.judgement else None
    if verdict is not None and verdict.cause is Cause.SITE_DOWN:
        lines = [link for link in inventory.links_at(verdict.site) if link.watched and link.is_wan]
        return bool(lines) and all(covering(inventory, link, now) for link in lines)
    link = line(inventory, matter, None)
    return link is not None and covering(inventory, link, now) is not None
