"""Each vendor's simulated host with our adapter for it, as one case of the suite. A new vendor is one entry more."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random

from aiohttp import web
from aiohttp.test_utils import TestServer
from between import Between, Json

from collector.orchestrator.catalyst.adapter import Catalyst
from collector.orchestrator.meraki.adapter import Meraki
from collector.orchestrator.port import Orchestrator
from collector.orchestrator.quota import Quota
from collector.orchestrator.velocloud.adapter import VeloCloud
from collector.settings import OrchestratorSettings
from config.clock import ManualClock
from inventory.model import Device, DeviceRole, Inventory, Link, OrchestratorIdentity
from service.simulator.catalyst.fabric import fabric
from service.simulator.catalyst.server import ManagerServer
from service.simulator.faults import Plan
from service.simulator.meraki.asked import World as Dashboard
from service.simulator.meraki.fleet import draw_organizations
from service.simulator.meraki.happenings import Happenings
from service.simulator.meraki.server import DashboardServer
from service.simulator.vco.accounts import Account, Door
from service.simulator.vco.big_fleet import draw_big_fleet
from service.simulator.vco.server import VcoServer
from service.simulator.vco.troubles import Troubles
from service.simulator.vco.world import World

NOON = datetime(2026, 3, 11, 12, 0, tzinfo=UTC)
NAME = "host1"
USER, PASSWORD = "robot", "pa55-of-the-robot"
KEY = "0123456789abcdef-the-key"
PENALTY = 0.2

Adapter = Callable[[str, OrchestratorSettings, Inventory, ManualClock, Quota], Orchestrator]


@dataclass(frozen=True, kw_only=True)
class Vendor:
    """What the suite must know of a vendor's wire.

    `received` and `sent` are the figures of a line's traffic as its site's edge counts them, set to thirty to one;
    `figures` all that is measured; `words` the states of edges and links.
    """

    kind: str
    adapter: Adapter
    log_ins: tuple[str, ...]
    received: Mapping[str, Json]
    sent: Mapping[str, Json]
    figures: tuple[str, ...]
    words: tuple[str, ...]
    window: tuple[timedelta, timedelta]
    html_is_a_log_in_page: bool = False


@dataclass(kw_only=True)
class Case:
    """One vendor's host, and what it manages. `end_sessions` is None where there is no session."""

    vendor: Vendor
    between: Between
    inventory: Inventory
    clock: ManualClock
    end_sessions: Callable[[], object] | None
    also_known_as: Mapping[str, set[str]] = field(default_factory=dict)

    def open(self, **changes: object) -> Orchestrator:
        """An adapter; close it."""
        secret = {"token": KEY} if self.end_sessions is None else {"username": USER, "password": PASSWORD}
        given = {"kind": self.vendor.kind, "url": self.between.url, "timeout": 5, **secret, **changes}
        settings = OrchestratorSettings.model_validate(given)
        return self.vendor.adapter(NAME, settings, self.inventory, self.clock, Quota(1_000_000, penalty=PENALTY))

    @property
    def window(self) -> tuple[datetime, datetime]:
        """A closed window whose statistics are there."""
        first, last = self.vendor.window
        return self.clock.now() - first, self.clock.now() - last

    @property
    def edge(self) -> Device:
        """An edge that is alone, with its links."""
        return max((one for one in self.inventory.devices.values() if len(one.serials) < 2), key=lambda one: one.id)

    def aliases(self, edge: Device) -> set[str]:
        """What else the host calls an edge by, in rows that lack its id."""
        return self.also_known_as.get(edge.id, set())

    def links_of(self, device: str) -> set[str]:
        return {link.id for link in self.inventory.links.values() if link.device == device}


VELOCLOUD = Vendor(
    kind="velocloud",
    adapter=VeloCloud,
    log_ins=("/portal/rest/login/",),
    received={"bytesRx": 1_125_000_000},
    sent={"bytesTx": 37_500_000},
    figures=(
        *("bytesRx", "bytesTx", "bestLatencyMsRx", "bestLatencyMsTx", "bestJitterMsRx", "bestJitterMsTx"),
        *("bestLossPctRx", "bestLossPctTx"),
    ),
    words=("edgeState", "linkState"),
    window=(timedelta(minutes=40), timedelta(minutes=35)),
)
CATALYST = Vendor(
    kind="catalyst",
    adapter=Catalyst,
    log_ins=("/j_security_check", "/dataservice/client/token", "/logout"),
    received={"rx_kbps": 30_000},
    sent={"tx_kbps": 1000},
    figures=("loss", "loss_percentage", "latency", "jitter", "total", "rx_kbps", "tx_kbps"),
    words=("reachability", "operation-state", "state"),
    window=(timedelta(minutes=120), timedelta(minutes=110)),
    html_is_a_log_in_page=True,
)
MERAKI = Vendor(
    kind="meraki",
    adapter=Meraki,
    log_ins=(),
    received={"received": 1_125_000_000},
    sent={"sent": 37_500_000},
    figures=("lossPercent", "latencyMs", "jitter", "received", "sent"),
    words=("status",),
    window=(timedelta(minutes=10), timedelta(minutes=5)),
)


@asynccontextmanager
async def opened(
    vendor: Vendor,
    application: web.Application,
    inventory: Inventory,
    clock: ManualClock,
    end_sessions: Callable[[], object] | None,
) -> AsyncIterator[Case]:
    """The host, and what stands between it and us, on loopback until the end."""
    async with TestServer(application) as host:
        between = Between(str(host.make_url("")).rstrip("/"), lambda path: path.startswith(vendor.log_ins))
        outside = web.Application(client_max_size=1 << 24)
        outside.router.add_route("*", "/{path:.*}", between.handle)
        async with TestServer(outside) as front:
            between.url = str(front.make_url("")).rstrip("/")
            yield Case(vendor=vendor, between=between, inventory=inventory, clock=clock, end_sessions=end_sessions)
            await between.close()


@asynccontextmanager
async def velocloud() -> AsyncIterator[Case]:
    clock, fleet = ManualClock(NOON), draw_big_fleet(1, 5, 12, NAME)
    server = VcoServer(
        World.of(fleet, Plan(start=NOON.timestamp() - 86_400, over=NOON.timestamp() + 86_400, faults=(), calls=())),
        clock,
        Door([Account(name=USER, password=PASSWORD)]),
        Troubles(Random(1)),
        limited=False,
    )
    async with opened(VELOCLOUD, server.application(), fleet.inventory(), clock, server.door.end_all) as case:
        yield case


@asynccontextmanager
async def catalyst() -> AsyncIterator[Case]:
    clock, fleet = ManualClock(NOON), fabric(4)
    server = ManagerServer(fabric=fleet, clock=clock, passwords={USER: PASSWORD})
    async with opened(CATALYST, server.application(), fleet.inventory(NAME), clock, server.expire_sessions) as case:
        case.also_known_as = {edge.name: {edge.address} for edge in fleet.edges}
        yield case


@asynccontextmanager
async def meraki() -> AsyncIterator[Case]:
    clock, organizations = ManualClock(NOON), draw_organizations(1, [6])
    server = DashboardServer(Dashboard(organizations, Happenings(1), set()), clock, {KEY}, limited=False)
    networks = [(one.id, network) for one in organizations for network in one.networks]
    inventory = Inventory.of(
        devices=[
            Device(
                id=network.name,
                site="s",
                role=DeviceRole.SDWAN_EDGE,
                serials=network.serials,
                orchestrator=OrchestratorIdentity(name=NAME, enterprise_id=organization, edge_id=network.serials[0]),
            )
            for organization, network in networks
        ],
        links=[
            Link(
                id=f"{network.name} {line.interface}",
                site="s",
                device=network.name,
                orchestrator_link=line.interface,
            )
            for _, network in networks
            for line in network.lines
        ],
    )
    async with opened(MERAKI, server.application(), inventory, clock, None) as case:
        yield case


HOSTS = {"velocloud": velocloud, "catalyst": catalyst, "meraki": meraki}
