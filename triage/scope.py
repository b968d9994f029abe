"""Is it this line alone, or its carrier? The onsets of other sites on the same network, against coincidence."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from triage.detection.event import MINUTE, Event
from triage.detection.link import Examined
from triage.model import Cause
from triage.policy import Policy

SHARED = (Cause.LINK_DOWN, Cause.LOSS, Cause.LATENCY, Cause.JITTER, Cause.INSTABILITY)
"""What a carrier's network can do to many lines at once. A client's own traffic is its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CarrierPicture:
    """Of `peers` other sites on the same network that were measured, `struck` began to suffer at the same time."""

    peers: int
    struck: int
    shared: bool


def carrier_picture(
    event: Event, domain: str | None, peers: Sequence[Examined], now: int, policy: Policy
) -> CarrierPicture:
    """Whether other sites of the same carrier have onsets within minutes of the event's, more than by chance.

    Chance: the binomial probability of as many sites or more when each has an onset then with the policy's
    `chance`. So two of four are enough, two of forty are not.
    """
    near = policy.carrier.onset_minutes * MINUTE
    sites: dict[str, bool] = {}
    for examined in peers:
        if domain is None or examined.link.fault_domain != domain or event.cause not in SHARED:
            continue
        if not any(len(view.time) for view in examined.views):
            continue
        hit = any(
            other.cause in SHARED
            and not other.doubtful
            and abs(other.onset - event.onset) <= near
            and other.overlap(event.onset, event.until(now), now) > 0
            for other in examined.events
        )
        site = examined.link.site
        sites[site] = sites.get(site, False) or hit
    struck = sum(sites.values())
    unlikely = binomial_tail(len(sites), struck, policy.carrier.chance) <= policy.carrier.significance
    return CarrierPicture(peers=len(sites), struck=struck, shared=struck >= policy.carrier.minimum_sites and unlikely)


def binomial_tail(n: int, k: int, p: float) -> float:
    """P(at least k of n) when each happens with probability p."""
    return math.fsum(math.comb(n, i) * p**i * (1 - p) ** (n - i) for i in range(k, n + 1))
