"""The vendor's own SDK works with the simulated dashboard: it lists, pages, follows to the shard, and waits out a 429.

The SDK follows only links into the vendor's domains. So its calls to `api.meraki.com` come to the simulator as to its
HTTP proxy, and every link and redirect is what a real dashboard would send; nothing leaves this machine.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import meraki
import meraki.aio
import pytest

from config.clock import ManualClock, rfc3339
from service.simulator.meraki.asked import World
from service.simulator.meraki.fleet import draw_organizations
from service.simulator.meraki.happenings import Happenings
from service.simulator.meraki.server import DashboardServer
from service.simulator.meraki.troubles import TroubleKind

pytestmark = pytest.mark.rim

KEY = "a-key-of-the-simulator"
NOON = datetime(2026, 3, 11, 12, 0, tzinfo=UTC)
QUIET = {
    "suppress_logging": True,
    "output_log": False,
    "print_console": False,
    "smart_flow_enabled": False,
    "smart_flow_cache_path": "",
}


@pytest.fixture
async def server() -> AsyncIterator[tuple[DashboardServer, str]]:
    """Two organizations with thirty and four networks; six and one of these with a pair."""
    world = World(draw_organizations(1, (30, 4)), Happenings(1), set())
    dashboard = DashboardServer(world, ManualClock(NOON), {KEY})
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    runner = await dashboard.start(listening)
    yield dashboard, f"http://127.0.0.1:{listening.getsockname()[1]}"
    await runner.cleanup()


@contextmanager
def sdk(url: str, **changes: Any) -> Iterator[Any]:
    """The synchronous SDK behind the proxy."""
    given = QUIET | {"base_url": "http://api.meraki.com/api/v1", "requests_proxy": url} | changes
    dashboard = meraki.DashboardAPI(given.pop("api_key", KEY), **given)
    try:
        yield dashboard
    finally:
        dashboard._session.close()


async def test_it_lists_what_there_is(server: tuple[DashboardServer, str]):
    dashboard, url = server
    world = dashboard.world.organizations

    def listed() -> tuple[Any, ...]:
        with sdk(url, base_url=f"{url}/api/v1", requests_proxy="") as api:
            first = api.organizations.getOrganizations()[0]["id"]
            return (
                api.organizations.getOrganizations(),
                api.organizations.getOrganizationDevices(first, productTypes=["appliance"]),
                api.organizations.getOrganizationNetworks(first),
                api.appliance.getOrganizationApplianceUplinkStatuses(first),
                api.organizations.getOrganizationDevicesAvailabilities(first, productTypes=["appliance"]),
            )

    organizations, devices, networks, statuses, availabilities = await asyncio.to_thread(listed)
    assert [one["name"] for one in organizations] == [one.name for one in world]
    serials = [serial for serial, _ in world[0].appliances()]
    assert len(serials) == 36
    for rows in (devices, statuses, availabilities):
        assert [row["serial"] for row in rows] == serials
    assert [row["id"] for row in networks] == [network.id for network in world[0].networks]
    assert {row["status"] for row in availabilities} == {"online"}


async def test_it_reads_loss_latency_volumes_and_what_stands_about_one_device(server: tuple[DashboardServer, str]):
    dashboard, url = server
    organization = dashboard.world.organizations[1]
    network = organization.networks[0]
    window = {"t0": rfc3339(NOON - timedelta(minutes=10)), "t1": rfc3339(NOON - timedelta(minutes=5))}

    def read() -> tuple[Any, ...]:
        with sdk(url) as api:
            serial = network.serials[0]
            return (
                api.organizations.getOrganizationDevicesUplinksLossAndLatency(organization.id, **window),
                api.devices.getDeviceLossAndLatencyHistory(serial, "8.8.8.8", uplink="wan1", **window),
                api.appliance.getOrganizationApplianceUplinksUsageByNetwork(organization.id, **window),
                api.appliance.getNetworkApplianceUplinksUsageHistory(network.id, resolution=300, **window),
                api.appliance.getNetworkApplianceTrafficShapingUplinkBandwidth(network.id),
                api.appliance.getNetworkApplianceConnectivityMonitoringDestinations(network.id),
                api.appliance.getDeviceAppliancePerformance(serial),
            )

    now, past, usage, slots, limits, targets, score = await asyncio.to_thread(read)
    ours = next(row for row in now if row["serial"] == network.serials[0] and row["ip"] == "8.8.8.8")
    assert [point["latencyMs"] for point in ours["timeSeries"]] == [row["latencyMs"] for row in past]
    assert usage[0]["byUplink"][0]["received"] == slots[0]["byInterface"][0]["received"] > 0
    assert limits["bandwidthLimits"]["wan1"] == {"limitUp": network.lines[0].up, "limitDown": network.lines[0].down}
    assert [one["ip"] for one in targets["destinations"]] == list(network.targets)
    assert 0 < score["perfScore"] < 100


async def test_it_follows_every_page(server: tuple[DashboardServer, str]):
    dashboard, url = server
    organization = dashboard.world.organizations[0]

    def paged() -> Any:
        with sdk(url) as api:
            return api.organizations.getOrganizationDevices(organization.id, total_pages="all", perPage=7)

    devices = await asyncio.to_thread(paged)
    assert [row["serial"] for row in devices] == [serial for serial, _ in organization.appliances()]
    assert dashboard.calls["organizations/{id}/devices"] == 6


async def test_it_follows_to_the_shard(server: tuple[DashboardServer, str]):
    dashboard, url = server
    moving = dashboard.troubles.begin(TroubleKind.MOVED, calls=2)

    def moved() -> Any:
        with sdk(url) as api:
            api.organizations.getOrganizations()
            return api.organizations.getOrganizationDevices("549000", total_pages="all", perPage=10)

    assert len(await asyncio.to_thread(moved)) == 36
    # The second was the shard's own already.
    assert moving.calls == 0
    assert dashboard.calls["organizations"] == 2


@pytest.mark.slow
async def test_it_waits_out_a_429(server: tuple[DashboardServer, str]):
    dashboard, url = server
    dashboard.troubles.begin(TroubleKind.RATE_LIMITED, calls=1, seconds=1)
    began = time.monotonic()
    given = QUIET | {"base_url": f"{url}/api/v1"}
    async with meraki.aio.AsyncDashboardAPI(KEY, **given) as api:
        assert len(await api.organizations.getOrganizations()) == 2
    assert time.monotonic() - began >= 1
    assert dashboard.calls["limited"] == 1


async def test_a_wrong_key_is_its_error(server: tuple[DashboardServer, str]):
    _, url = server

    def refused() -> None:
        with sdk(url, api_key="wrong") as api:
            api.organizations.getOrganizations()

    with pytest.raises(meraki.APIError, match="Invalid API key"):
        await asyncio.to_thread(refused)
