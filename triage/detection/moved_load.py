"""Trouble that one line's failing makes on another: its traffic moves there and fills it."""

from __future__ import annotations

from collections.abc import Sequence

from inventory.model import Link, LinkRole
from triage.detection.event import Event, meanwhile
from triage.model import Cause

FAILING = (Cause.LINK_DOWN, Cause.INSTABILITY, Cause.FAILOVER)
"""What sends a line's traffic to another one."""
QUEUEING = (Cause.SATURATION, Cause.LATENCY, Cause.JITTER, Cause.LOSS)
_ORDER = list(LinkRole)


def rank(link: Link) -> int:
    """0 for a site's first line, more for those that stand in for it."""
    return _ORDER.index(link.role)


def origin_of(event: Event, others: Sequence[Event], links: Sequence[Link], now: int) -> Event | None:
    """The failing of an equal or better line of the site while which this line queued; None when there is none.

    A line of lower rank that fails sends no traffic to a better one, so it explains nothing there.
    """
    ranks = {link.id: rank(link) for link in links if link.is_wan}
    if event.cause not in QUEUEING or event.link not in ranks:
        return None
    failing = [
        other
        for other in others
        if other.cause in FAILING
        and other.link != event.link
        and ranks.get(other.link, len(_ORDER)) <= ranks[event.link]
        and meanwhile(event, other, now)
    ]
    return max(failing, key=lambda other: other.weight, default=None)
