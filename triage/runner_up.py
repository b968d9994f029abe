"""The second-best cause, and why it lost: what a person would ask next. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from triage import wording
from triage.detection.event import Event
from triage.detection.link import TRAFFIC, Examined
from triage.detection.traffic import full_by_measured, unknown_capacity, utilisation
from triage.model import Cause, RunnerUp
from triage.policy import Policy

QUEUEING = (Cause.LATENCY, Cause.JITTER, Cause.LOSS)
"""What a full line does as well."""
RIVALS = {
    Cause.FAILOVER: Cause.LAN,
    Cause.INSTABILITY: Cause.LOSS,
    Cause.LAN: Cause.FAILOVER,
    Cause.LINK_DOWN: Cause.MANAGEMENT_LOST,
    Cause.SITE_DOWN: Cause.MANAGEMENT_LOST,
    Cause.MANAGEMENT_LOST: Cause.LINK_DOWN,
}
"""The cause that shows itself most like this one."""


def runner_up(
    chosen: Event, together: Sequence[Event], own: Examined | None, wan: int, policy: Policy, now: int, *,
    explains: Sequence[Event],
) -> RunnerUp | None:  # fmt: skip
    """Another cause that was seen at the same time; else one that the chosen one accounts for; else the one that
    shows itself most like it. `explains` are those of `together` that the chosen one's traffic caused, `own` the line
    that it is on, `wan` how many lines the site has."""
    other = next((event for event in together if event.cause is not chosen.cause), None)
    if other is not None:
        return RunnerUp(cause=other.cause, why_not=wording.why_not(other, chosen, explained=other in explains))
    dropped = own.accounted_for if own is not None and chosen.cause in (Cause.SATURATION, Cause.INSTABILITY) else ()
    same = [event for event in dropped if event.overlap(chosen.onset, chosen.until(now), now) > 0]
    worst = max((event for event in same if event.cause is not chosen.cause), key=lambda e: e.weight, default=None)
    if worst is not None:
        return RunnerUp(cause=worst.cause, why_not=wording.accounted_for(worst, chosen))
    if chosen.cause in QUEUEING:
        return RunnerUp(cause=Cause.SATURATION, why_not=_load(chosen, own, policy, now))
    rival = RIVALS.get(chosen.cause)
    if rival is None or (chosen.cause is Cause.LAN and (wan < 2 or chosen.metric == "oper_up")):
        return None
    return RunnerUp(cause=rival, why_not=wording.rival(chosen))


def _load(chosen: Event, own: Examined | None, policy: Policy, now: int) -> str:
    """How full the line was meanwhile, as far as anybody knows."""
    view = own.view(policy.sources.traffic, *TRAFFIC) if own is not None else None
    if own is None or view is None:
        return wording.load(None, (), policy)
    inside = view.inside(chosen.onset, chosen.until(now))
    used = np.concatenate([utilisation(view, own.link, metric)[inside] for metric in TRAFFIC])
    known = used[~np.isnan(used)]
    most = float(known.max()) if len(known) else None
    told = wording.load(most, unknown_capacity(view, own.link, inside), policy)
    less = [size for metric in TRAFFIC if (size := full_by_measured(view, own.link, metric, inside, policy))]
    return "; ".join([told, *map(wording.full_by_measured, less)])
