"""What an orchestrator has on file about its edges, to be compared with the inventory. Values only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

RATES_NOT_ASKED = "rates, which were not asked for"
"""What a listing without rates says in `unrated`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedLink:
    """A link as the host lists it; None is "it does not say". Rates are bit/s, `down` towards the site.

    `id` is what `Link.orchestrator_link` holds.
    """

    id: str
    interface: str | None = None
    name: str | None = None
    isp: str | None = None
    down_bps: float | None = None
    up_bps: float | None = None
    wireless: bool | None = None
    backup: bool | None = None
    last_active: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedEdge:
    """An edge as the host lists it. `links` is None where its links could not be read, which says nothing of them."""

    edge_id: str
    enterprise_id: str = ""
    enterprise_name: str = ""
    name: str = ""
    model: str = ""
    serials: tuple[str, ...] = ()
    activated: bool = True
    """False for an edge that was prepared and never came up."""
    address: str = ""
    timezone: str | None = None
    links: tuple[ListedLink, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """A host's whole inventory as one account sees it. `unread` are sentences on edges and lines that could not be
    read, and why: what is missing from an incomplete listing is not missing from the host. `unrated` are sentences on
    rates and the like that could not be read of lines that are listed."""

    orchestrator: str
    vendor: str
    read_at: datetime
    edges: Sequence[ListedEdge]
    unread: Sequence[str] = ()
    unrated: Sequence[str] = ()
