"""From what a person typed to a claim that can be judged; what cannot be is refused in one sentence."""

from __future__ import annotations

from datetime import datetime

from inventory.model import Site
from service.times import UsageError, parse_moment
from triage.judge import check_claim
from triage.model import Claim, Intake, Symptom
from triage.policy import Policy


def read_claim(
    site: Site,
    policy: Policy,
    now: datetime,
    *,
    since: str,
    symptom: str = "slow",
    words: str = "",
    reported_by: str = "",
    reported_at: str | None = None,
    intake: Intake | None = None,
) -> Claim:
    """The claim in UTC. Raises UsageError for a symptom, time or age that cannot be."""
    if symptom not in list(Symptom):
        raise UsageError(f"{symptom!r} is no symptom; say one of {', '.join(Symptom)}")
    # Whole seconds: an inbox row cuts its own `now`, and a claim about now must not lie after it.
    now = now.replace(microsecond=0)
    claim = Claim(
        site=site.id,
        client=site.client,
        symptom=Symptom(symptom),
        since=parse_moment(since, site.zone, now) if since.strip() else None,
        reported_at=parse_moment(reported_at, site.zone, now) if reported_at else now,
        reported_by=reported_by,
        words=words,
        intake=intake or Intake(),
    )
    refusal = check_claim(claim, policy, now, site.zone)
    if refusal is not None:
        raise UsageError(refusal.message)
    return claim
