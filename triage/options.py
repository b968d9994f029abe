"""Ways to relieve a site: its other lines, ranked. Pure; what a person sees before a re-route is approved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from collector.model import FloatArray
from inventory.model import LifeCycle, Link, Ownership
from triage.detection.event import MINUTE
from triage.detection.link import QUALITY, Examined
from triage.detection.traffic import utilisation
from triage.model import Cause, Option, UnfitReason
from triage.policy import Policy

STEER_ALL = "steer_all"
STEER_PRIORITY = "steer_priority"
"""Not everything fits: the applications that the client's business stands on go first."""

Rates = tuple[float | None, float | None]


def recent_utilisation(each: Examined, policy: Policy) -> Rates:
    """Download and upload in % of capacity over the policy's recent minutes (median); None where unknown."""
    view = each.view(policy.sources.traffic, "rx_bps", "tx_bps")
    if view is None:
        return None, None
    recent = view.time >= view.now - policy.options.recent_minutes * MINUTE
    down, up = (_median(utilisation(view, each.link, metric)[recent]) for metric in ("rx_bps", "tx_bps"))
    return down, up


def recent_rates(each: Examined, policy: Policy) -> Rates:
    """Download and upload in bit/s that the link carries, or, while it carries nothing, what is ordinary for it."""
    view = each.view(policy.sources.traffic, "rx_bps", "tx_bps")
    if view is None:
        return None, None
    recent = view.time >= view.now - policy.options.recent_minutes * MINUTE
    rates: list[float | None] = []
    for metric in ("rx_bps", "tx_bps"):
        ordinary = _median(view.past_column(metric)[view.all_ordinary_rows])
        current = _median(view.column(metric)[recent])
        known = [value for value in (ordinary, current) if value is not None]
        rates.append(max(known) if known else None)
    return rates[0], rates[1]


def options_of(examined: Sequence[Examined], troubled: Link, policy: Policy, now: int) -> tuple[Option, ...]:
    """The site's other WAN links, best first: fit before unfit, everything before priority traffic only, unmetered
    before metered, then by the room that is left."""
    load = next((recent_rates(each, policy) for each in examined if each.link.id == troubled.id), (None, None))
    options = [
        _option(each, troubled, load, policy, now)
        for each in examined
        if each.link.is_wan and each.link.id != troubled.id
    ]
    options.sort(key=_preference)
    return tuple(_ranked(option, rank) for rank, option in enumerate(options, 1))


def _preference(option: Option) -> tuple[bool, bool, bool, bool, float]:
    used = [value for value in (option.utilisation_after_rx_pct, option.utilisation_after_tx_pct) if value is not None]
    return (
        not option.fit,
        option.action != STEER_ALL,
        option.shared_fate,
        option.metered,
        max(used, default=1000.0),
    )


def _ranked(option: Option, rank: int) -> Option:
    return replace(option, rank=rank)


def _option(each: Examined, troubled: Link, load: Rates, policy: Policy, now: int) -> Option:
    link = each.link
    down, up = (
        _after(own, extra, capacity)
        for own, extra, capacity in zip(
            recent_rates(each, policy), load, (link.committed_down_bps, link.committed_up_bps), strict=True
        )
    )
    used = [value for value in (down, up) if value is not None]
    room = bool(used) and max(used) <= policy.options.headroom_pct
    shared = shares_fate(link, troubled)
    reason = _unfit(each, policy, now)
    return Option(
        rank=0,
        link=link.id,
        action=STEER_ALL if room else STEER_PRIORITY,
        fit=reason is None,
        reason=reason,
        utilisation_after_rx_pct=down,
        utilisation_after_tx_pct=up,
        metered=link.metered,
        shared_fate=shared,
    )


def _after(own: float | None, extra: float | None, capacity: float | None) -> float | None:
    if own is None or extra is None or not capacity:
        return None
    return 100 * (own + extra) / capacity


def shares_fate(link: Link, troubled: Link) -> bool:
    """Whether the two lines can fail together: one carrier's network, or one duct, pole or mast."""
    same_network = link.fault_domain is not None and link.fault_domain == troubled.fault_domain
    same_path = link.last_mile_group is not None and link.last_mile_group == troubled.last_mile_group
    return same_network or same_path


def _unfit(each: Examined, policy: Policy, now: int) -> UnfitReason | None:
    link = each.link
    if link.life_cycle is not LifeCycle.LIVE:
        return UnfitReason.NOT_LIVE
    recent = now - int(policy.options.recent_minutes * MINUTE)
    bad = [event for event in each.events if event.overlap(recent, now, now) > 0 and not event.habitual]
    if any(event.cause is Cause.LINK_DOWN for event in bad):
        return UnfitReason.DOWN
    if bad:
        return UnfitReason.DEGRADED
    view = each.view(policy.sources.quality, *QUALITY)
    if view is None or not np.any(view.time >= recent):
        return UnfitReason.NO_DATA
    if link.ownership is Ownership.CLIENT:
        return UnfitReason.CONSENT_NEEDED
    return None


def _median(values: FloatArray) -> float | None:
    known = values[~np.isnan(values)]
    return float(np.median(known)) if len(known) else None
