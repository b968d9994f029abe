"""A policy's rules for cases, and the questions that they answer. Pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, tzinfo

from inventory.model import Access
from triage.cases import Case, CaseRules, CaseStatus, Context
from triage.model import Cause, Scope, Severity, Verdict
from triage.policy import Policy, QueuePolicy
from triage.reasons import Reason
from triage.trouble_class import LINE_CAUSES, HandOver, TroubleClass, trouble_class

OUTAGES = (Cause.LINK_DOWN, Cause.SITE_DOWN)


def case_rules(policy: Policy) -> CaseRules:
    """What the policy says of cases; `policy` is what holds for the line."""
    rules = policy.cases
    return CaseRules(
        quarantine=timedelta(seconds=rules.quarantine_seconds),
        outage_quarantine=timedelta(seconds=rules.outage_quarantine_seconds),
        recheck=timedelta(seconds=rules.recheck_seconds),
        recheck_most=timedelta(seconds=rules.recheck_most_seconds),
        recovery=timedelta(minutes=rules.recovery_minutes),
        causes_without_ticket=frozenset(rules.causes_without_ticket),
        resolve_by_day=timedelta(minutes=rules.resolve_day_minutes),
        resolve_by_night=timedelta(minutes=rules.resolve_night_minutes),
        night=rules.night_hours,
        resolves=rules.resolves_per_day,
        close=timedelta(hours=rules.close_hours),
        reopen=timedelta(hours=rules.reopen_hours),
        client_update={
            severity: timedelta(minutes=getattr(rules.update_minutes, severity.value)) for severity in Severity
        },
        carrier_reminder=timedelta(minutes=rules.carrier_reminder_minutes),
        severities={
            TroubleClass.HARD_DOWN: rules.severities.hard_down,
            TroubleClass.LINK_DOWN: rules.severities.link_down,
        },
        hand_over={one: _hand_over(getattr(policy.hand_over, one.value)) for one in TroubleClass},
        client_reminder=timedelta(hours=rules.reminder_hours),
        assigned_access=frozenset(rules.assigned_access),
        modem_prefixes=policy.modems.mac_prefixes,
        modem_wait=timedelta(minutes=policy.modems.wait_minutes),
        modem_queue=policy.modems.queue,
    )


def _hand_over(said: QueuePolicy) -> HandOver:
    day, night = timedelta(minutes=said.day_minutes), timedelta(minutes=said.night_minutes)
    return HandOver(queue=said.queue, day=day, night=night)


def quarantine(verdict: Verdict, rules: CaseRules) -> timedelta:
    """How long a trouble is watched before it becomes a ticket; nothing where the policy trusts the line's outages.

    A carrier's trouble is always watched: its sites must have the time to be found as one.
    """
    if verdict.cause not in OUTAGES:
        return rules.quarantine
    if verdict.scope is Scope.CARRIER:
        return max(rules.quarantine, rules.outage_quarantine)
    return rules.outage_quarantine


def without_data(case: Case, now: datetime, rules: CaseRules) -> tuple[Case, Reason]:
    """A look at a case has found no data: said once. The next one is due at its `next_action_at`, at a growing
    distance."""
    looks = case.looks_without_data
    wait = rules.recheck
    for _ in range(looks):
        if wait >= rules.recheck_most:
            break
        wait = min(2 * wait, rules.recheck_most)
    after = replace(case, updated_at=now, next_action_at=now + wait, looks_without_data=looks + 1)
    return after, Reason.STILL_WITHOUT_DATA if looks else Reason.RECHECK_WITHOUT_DATA


def graded(verdict: Verdict, case: Case | None, context: Context) -> Severity | None:
    """How bad the site's ticket is. Where nothing comes through, a provider tells a site that is down from a line that
    is down at a site that lives; and no line that is down makes a case less severe that something else is wrong with.
    """
    if case is not None and "severity" in case.set_by_person:
        return case.severity
    severity = verdict.severity
    if severity is Severity.CRITICAL:
        kind = trouble_class(verdict.cause, verdict.link, context.links)
        severity = context.rules.severities.get(kind, severity)
    if case is None or case.status is not CaseStatus.OPEN or case.severity is None or severity is None:
        return severity
    order = list(Severity)
    if verdict.cause is Cause.LINK_DOWN and len(troubled_lines(verdict)) > 1:
        return min(severity, case.severity, key=order.index)
    return severity


def troubled_lines(verdict: Verdict) -> tuple[str, ...]:
    """The line that the verdict is about, and every other one on which something is wrong still."""
    others = {one.link for one in verdict.findings if one.end is None and one.cause in LINE_CAUSES and not one.habitual}
    own = () if verdict.link is None else (verdict.link,)
    return (*own, *sorted(others - {verdict.link}))


def has_changed(case: Case, verdict: Verdict, context: Context) -> bool:
    """Whether it is another trouble than the case tells of, by cause or severity, or has reached another line."""
    if case.cause is not verdict.cause or case.severity is not graded(verdict, case, context):
        return True
    return verdict.cause is Cause.LINK_DOWN and not set(troubled_lines(verdict)) <= {case.link, *case.lines}


def may_worsen(status: CaseStatus, cause: Cause) -> bool:
    """Whether a suspected trouble may become one that needs no second look, or a shorter one, before its own is due."""
    return status is CaseStatus.SUSPECTED and cause not in OUTAGES


def needs_a_person(
    case: Case, rules: CaseRules, zone: tzinfo, now: datetime, access: Access | None = None
) -> Reason | None:
    """Why the machine does not resolve a case whose trouble has stayed gone; None when it does.

    A provider's rule: never on a dedicated line (by `access`) that a person has in hand; only within 90 minutes by day
    and 180 by night of the last documented outage, and no more than three times a line; what stood longer or comes
    again and again has work behind it.
    """
    if case.owner and access in rules.assigned_access:
        return Reason.ASSIGNED_LINE
    limit = rules.resolve_by_night if is_night(now, zone, rules.night) else rules.resolve_by_day
    if now - (case.documented_at or case.opened_at) > limit:
        return Reason.STOOD_TOO_LONG
    return Reason.RESOLVED_TOO_OFTEN if case.resolved_before >= rules.resolves else None


def resolved_before(case: Case | None, link: str | None, now: datetime) -> int:
    """How often the machine has resolved this line's trouble within a day, by the case that ended last."""
    if case is None or case.link != link or case.ended_at is None or now - case.ended_at > timedelta(days=1):
        return 0
    return case.resolved_before + case.resolved_by_machine


def is_night(now: datetime, zone: tzinfo, night: tuple[int, int]) -> bool:
    """Whether it is night at the site: from the first of the hours to before the second, past midnight too."""
    begins, ends = night
    hour = now.astimezone(zone).hour
    return begins <= hour < ends if begins <= ends else hour >= begins or hour < ends
