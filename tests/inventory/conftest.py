"""A small inventory and a host's listing that says the same."""

from __future__ import annotations

import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from inventory.listing import ListedEdge, ListedLink, Listing
from inventory.model import (
    Access,
    Client,
    Device,
    DeviceRole,
    Inventory,
    Link,
    LinkRole,
    OrchestratorIdentity,
    Site,
)

sys.path.append(str(Path(__file__).parent))

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def the_inventory() -> Inventory:
    """An edge with a fibre and a radio line, and a LAN port; another client, whose site has no edge yet."""
    return Inventory.of(
        clients=[Client(id="acme", name="Acme Dental", timezone="America/Chicago"), Client(id="globex", name="Globex")],
        sites=[
            Site(id="store-117", client="acme", name="Acme Dental Oak Park", timezone="America/Chicago"),
            Site(id="store-118", client="acme", aliases=("118", "ACME-0118"), timezone="America/Chicago"),
            Site(id="depot-1", client="globex"),
        ],
        devices=[
            Device(
                id="edge-117",
                site="store-117",
                role=DeviceRole.SDWAN_EDGE,
                vendor="VeloCloud",
                model="Edge 520",
                serials=("VC1170", "VC1171"),
                orchestrator=OrchestratorIdentity(name="vco1", enterprise_id="41", edge_id="702"),
            ),
        ],
        links=[
            Link(
                id="store-117-dia",
                site="store-117",
                device="edge-117",
                interface="GE1",
                orchestrator_link="l-1",
                access=Access.DIA,
                carrier="Meridian Fiber",
                committed_down_bps=100e6,
                committed_up_bps=20e6,
            ),
            Link(
                id="store-117-lte",
                site="store-117",
                device="edge-117",
                interface="USB1",
                orchestrator_link="l-2",
                access=Access.LTE,
                role=LinkRole.SECONDARY,
                carrier="Summit Wireless",
            ),
            Link(id="store-117-lan", site="store-117", device="edge-117", interface="GE3", role=LinkRole.LAN),
        ],
    )


def the_edge() -> ListedEdge:
    return ListedEdge(
        edge_id="702",
        enterprise_id="41",
        enterprise_name="Acme Dental|90001|",
        name="ACME-0117",
        model="edge520",
        serials=("VC1171", "VC1170"),
        links=(
            ListedLink(
                id="L-1",
                interface="ge1",
                isp="Meridian Fiber, LLC",
                down_bps=100e6,
                up_bps=20e6,
                last_active=NOW - timedelta(minutes=1),
            ),
            ListedLink(id="l-2", interface="USB1", isp="Unknown", wireless=True, backup=True),
        ),
    )


class Hosts:
    """Listings of the host `vco1`."""

    now = NOW

    @staticmethod
    def of(*edges: ListedEdge, unread: tuple[str, ...] = ()) -> Listing:
        return Listing(orchestrator="vco1", vendor="velocloud", read_at=NOW, edges=edges, unread=unread)

    @classmethod
    def same(cls) -> Listing:
        return cls.of(the_edge())

    @classmethod
    def with_edge(cls, **changes: object) -> Listing:
        """The known edge otherwise."""
        return cls.of(replace(the_edge(), **changes))  # type: ignore[arg-type]

    @classmethod
    def with_link(cls, **changes: object) -> Listing:
        """The fibre otherwise; the radio line as it is."""
        fibre, radio = the_edge().links or ()
        return cls.with_edge(links=(replace(fibre, **changes), radio))  # type: ignore[arg-type]

    @classmethod
    def beside(cls, *links: ListedLink) -> Listing:
        """More lines at the known edge."""
        return cls.with_edge(links=(*(the_edge().links or ()), *links))


@pytest.fixture
def inventory() -> Inventory:
    return the_inventory()


@pytest.fixture
def host() -> Hosts:
    return Hosts()
