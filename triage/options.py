"""Ways to relieve a site: its other lines, ranked. Pure; what a person sees before a re-route is approved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from collector.model import FloatArray
from inventory.model import LifeCycle, Link, Ownership
from triage.detection.baseline import usual_traffic
from triage.detection.event import MINUTE
from triage.detection.link import QUALITY, Examined
from triage.detection.traffic import capacity, utilisation
from triage.model import Cause, Option, UnfitReason
from triage.policy import Policy

STEER_ALL = "steer_all"
STEER_PRIORITY = "steer_priority"
"""Not everything fits: the applications that the client's business stands on go first."""

Rates = tuple[float | None, float | None]


def recent_utilisation(each: Examined, policy: Policy) -> Rates:
    """Download and upload in % of capacity over the policy's recent minutes (median); None where unknown."""
    if not each.views:
        return None, None
    now = each.views[0].now
    return utilisation_in(each, policy, now - int(policy.options.recent_minutes * MINUTE), now)


def utilisation_in(each: Examined, policy: Policy, start: int, end: int) -> Rates:
    """Download and upload in % of capacity over [start, end) in epoch milliseconds (median); None where unknown."""
    view = each.view(policy.sources.traffic, "rx_bps", "tx_bps")
    if view is None:
        return None, None
    inside = (view.time >= start) & (view.time < end)
    down, up = (_median(utilisation(view, each.link, metric)[inside]) for metric in ("rx_bps", "tx_bps"))
    return down, up


def recent_rates(each: Examined, policy: Policy) -> Rates:
    """Download and upload in bit/s that the link carries, or, while it carries nothing, what is ordinary for it."""
    view = each.view(policy.sources.traffic, "rx_bps", "tx_bps")
    if view is None:
        return None, None
    recent = view.time >= view.now - policy.options.recent_minutes * MINUTE
    rates: list[float | None] = []
    for metric in ("rx_bps", "tx_bps"):
        ordinary = usual_traffic(view, metric, policy.traffic_gone.minimum_bps)
        current = _median(view.column(metric)[recent])
        known = [value for value in (ordinary, current) if value is not None]
        rates.append(max(known) if known else None)
    return rates[0], rates[1]


def options_of(
    examined: Sequence[Examined], troubled: Link, policy: Policy, now: int, *, outage: bool = False
) -> tuple[Option, ...]:
    """The site's other WAN links, best first: fit before unfit, room for everything before priority traffic only,
    independent before shared fate, unmetered before metered, then by the room that is left.

    `outage`: the troubled link carries nothing at all, so that a line of the same fate cannot be trusted either.
    """
    load = next((recent_rates(each, policy) for each in examined if each.link.id == troubled.id), (None, None))
    options = [
        _option(each, troubled, load, policy, now, outage=outage)
        for each in examined
        if each.link.is_wan and each.link.id != troubled.id
    ]
    return tuple(replace(option, rank=rank) for rank, option in enumerate(sorted(options, key=_preference), 1))


def _preference(option: Option) -> tuple[bool, bool, bool, bool, float]:
    after = (option.utilisation_after_rx_pct, option.utilisation_after_tx_pct)
    used = max((value for value in after if value is not None), default=1000.0)
    return not option.fit, option.action != STEER_ALL, option.shared_fate, option.metered, used


def _option(each: Examined, troubled: Link, load: Rates, policy: Policy, now: int, *, outage: bool) -> Option:
    link = each.link
    own = recent_rates(each, policy)
    capacities = (capacity_now(each, "rx_bps", policy), capacity_now(each, "tx_bps", policy))
    down, up = (_after(mine, extra, capacity) for mine, extra, capacity in zip(own, load, capacities, strict=True))
    known = [value for value in (down, up) if value is not None]
    shared = shares_fate(link, troubled)
    reason = _unhealthy(each, policy, now) or _unsuitable(each, capacities, load, policy, shared=shared and outage)
    return Option(
        rank=0,
        link=link.id,
        action=STEER_ALL if known and max(known) <= policy.options.headroom_pct else STEER_PRIORITY,
        fit=reason is None,
        reason=reason,
        utilisation_after_rx_pct=down,
        utilisation_after_tx_pct=up,
        metered=link.metered,
        shared_fate=shared,
    )


def _after(own: float | None, extra: float | None, capacity: float | None) -> float | None:
    if own is None or extra is None or capacity is None:
        return None
    return 100 * (own + extra) / capacity


def capacity_now(each: Examined, metric: str, policy: Policy) -> float | None:
    """Committed, else last measured capacity in bit/s; None where unknown, as zero is."""
    committed = each.link.committed_down_bps if metric == "rx_bps" else each.link.committed_up_bps
    if committed:
        return committed
    view = each.view(policy.sources.traffic, "rx_bps", "tx_bps")
    return _median(capacity(view, each.link, metric)) if view is not None else None


def shares_fate(link: Link, troubled: Link) -> bool:
    """Whether the two lines can fail together: one carrier's network, or one duct, pole or mast."""
    same_network = link.fault_domain is not None and link.fault_domain == troubled.fault_domain
    same_path = link.last_mile_group is not None and link.last_mile_group == troubled.last_mile_group
    return same_network or same_path


def _unhealthy(each: Examined, policy: Policy, now: int) -> UnfitReason | None:
    """What the line's own recent samples say. Not measured is not healthy."""
    if each.link.life_cycle is not LifeCycle.LIVE:
        return UnfitReason.NOT_LIVE
    recent = now - int(policy.options.recent_minutes * MINUTE)
    settled = now - int(policy.options.settled_minutes * MINUTE)
    bad = [event for event in each.events if event.overlap(settled, now, now) > 0 and not event.doubtful]
    if any(event.cause is Cause.LINK_DOWN for event in bad):
        return UnfitReason.DOWN
    if bad:
        return UnfitReason.DEGRADED
    view = each.view(policy.sources.quality, *QUALITY)
    if view is None or not view.measured(QUALITY)[view.time >= recent].any():
        return UnfitReason.NO_DATA
    return None


def _unsuitable(each: Examined, capacities: Rates, load: Rates, policy: Policy, *, shared: bool) -> UnfitReason | None:
    """Reasons beyond health. Traffic that does not all fit is no hindrance: the important part can be moved."""
    link = each.link
    if shared:
        return UnfitReason.SHARED_FATE
    if link.ownership is Ownership.CLIENT:
        return UnfitReason.CONSENT_NEEDED
    if all(value is None for value in capacities):
        return UnfitReason.CAPACITY_UNKNOWN
    used = [value for value in recent_utilisation(each, policy) if value is not None]
    if used and max(used) >= policy.options.headroom_pct:
        return UnfitReason.NO_HEADROOM
    if link.metered and link.cap_bytes is not None and _cap_days(link.cap_bytes, load) < policy.options.cap_days:
        return UnfitReason.DATA_CAP
    return None


def _cap_days(cap_bytes: int, load: Rates) -> float:
    """Days until the site's traffic would have used the monthly allowance up."""
    bits = sum(value for value in load if value is not None)
    return cap_bytes * 8 / (bits * 86_400) if bits else float("inf")


def _median(values: FloatArray) -> float | None:
    known = values[~np.isnan(values)]
    return float(np.median(known)) if len(known) else None
