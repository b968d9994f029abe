"""The classes of trouble by which a provider decides how bad a ticket is, who works on it and how soon. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from inventory.model import LifeCycle, Link
from triage.model import Cause


class TroubleClass(StrEnum):
    """The worst first."""

    CARRIER_WIDE = "carrier_wide"
    """One carrier's trouble at many sites."""
    HARD_DOWN = "hard_down"
    """The whole site: its device, all its lines, or its only one."""
    LINK_DOWN = "link_down"
    """A line, while another is not known to be down."""
    INSTABILITY = "instability"
    SERVICE_AFFECTING = "service_affecting"


LINE_CAUSES = frozenset(
    {Cause.LINK_DOWN, Cause.LOSS, Cause.LATENCY, Cause.JITTER, Cause.SATURATION, Cause.INSTABILITY, Cause.FAILOVER}
)
"""What is wrong with a line itself, rather than with the device before it or the network behind it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HandOver:
    """To which desk's queue a ticket goes that nobody has taken, and after how long; no queue: to none."""

    queue: str
    day: timedelta
    night: timedelta


def trouble_class(cause: Cause, link: str | None, links: Sequence[Link]) -> TroubleClass:
    """`links` are the site's. A line of which nothing is known is not down."""
    if cause is Cause.INSTABILITY:
        return TroubleClass.INSTABILITY
    if cause is Cause.LINK_DOWN:
        others = any(one.is_wan and one.life_cycle is LifeCycle.LIVE and one.id != link for one in links)
        return TroubleClass.LINK_DOWN if others else TroubleClass.HARD_DOWN
    return TroubleClass.HARD_DOWN if cause is Cause.SITE_DOWN else TroubleClass.SERVICE_AFFECTING
