"""The simulated dashboard speaks as the Dashboard API v1 is described, and goes wrong as it is told."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

import aiohttp
import pytest

from config.clock import rfc3339
from service.simulator.meraki.fleet import draw_organizations
from service.simulator.meraki.happenings import Fault, Outage
from service.simulator.meraki.troubles import TroubleKind

pytestmark = pytest.mark.rim

Start = Callable[..., Awaitable[Any]]
Get = Callable[..., Awaitable[tuple[int, Any, Any]]]


@pytest.fixture
async def get() -> AsyncIterator[Get]:
    async with aiohttp.ClientSession() as session:

        async def call(running: Any, path: str, key: str = "a-key-of-the-simulator", **query: str) -> Any:
            url = path if path.startswith("http") else f"{running.url}/api/v1/{path}"
            headers = {"Authorization": f"Bearer {key}"}
            async with session.get(url, params=query, headers=headers, allow_redirects=False) as response:
                body = await response.json() if "json" in response.content_type else await response.text()
                return response.status, body, response

        yield call


def organization(running: Any) -> str:
    return str(running.server.world.organizations[0].id)


def now(running: Any) -> datetime:
    moment: datetime = running.server.clock.now()
    return moment


def span(running: Any, start: float, end: float) -> dict[str, str]:
    """Minutes before now."""
    return {
        "t0": rfc3339(now(running) - timedelta(minutes=start)),
        "t1": rfc3339(now(running) - timedelta(minutes=end)),
    }


def test_the_same_seed_gives_the_same_fleet_and_another_another():
    assert draw_organizations(1, [10, 3]) == draw_organizations(1, [10, 3])
    assert draw_organizations(1, [10]) != draw_organizations(2, [10])


async def test_only_a_known_key_is_answered(dashboard: Start, get: Get):
    running = await dashboard(3)
    status, body, _ = await get(running, "organizations", key="another")
    assert (status, body) == (401, {"errors": ["Invalid API key"]})
    assert (await get(running, "organizations"))[0] == 200


async def test_pages_follow_one_another_by_links(dashboard: Start, get: Get):
    running = await dashboard(8)
    url, serials, pages = f"organizations/{organization(running)}/devices", [], 0
    query = {"perPage": "4"}
    while url:
        _, body, response = await get(running, url, **query)
        serials += [row["serial"] for row in body]
        pages, query = pages + 1, {}
        url = str(response.links["next"]["url"]) if "next" in response.links else ""
    assert serials == sorted(serial for network in running.networks() for serial in network.serials)
    assert pages == 3  # eight networks of which two have a pair: ten appliances


async def test_too_small_a_page_is_refused(dashboard: Start, get: Get):
    running = await dashboard(3)
    assert (await get(running, f"organizations/{organization(running)}/devices", perPage="2"))[0] == 400


async def test_another_organization_is_not_found(dashboard: Start, get: Get):
    assert (await get(await dashboard(3), "organizations/1/devices"))[0] == 404


@pytest.mark.parametrize(
    ("start", "end", "status"), [(7, 2, 200), (7.5, 2, 400), (6, 1.9, 400), (10, 5, 200), (5, 10, 400)]
)
async def test_loss_is_given_for_five_minutes_up_to_two_minutes_ago(
    dashboard: Start, get: Get, start: float, end: float, status: int
):
    running = await dashboard(3)
    path = f"organizations/{organization(running)}/devices/uplinksLossAndLatency"
    assert (await get(running, path, **span(running, start, end)))[0] == status


async def test_each_line_has_a_point_a_minute_to_each_target(dashboard: Start, get: Get):
    running = await dashboard(1)
    path = f"organizations/{organization(running)}/devices/uplinksLossAndLatency"
    _, body, _ = await get(running, path, **span(running, 10, 5))
    network = running.networks()[0]
    assert len(body) == len(network.serials) * len(network.lines) * len(network.targets)
    assert {len(row["timeSeries"]) for row in body} == {5}
    assert set(body[0]["timeSeries"][0]) == {"ts", "lossPercent", "latencyMs"}


async def test_an_outage_ends_the_points_and_shows_in_states_and_history(dashboard: Start, get: Get):
    running = await dashboard(2)
    (network,) = running.networks()[1:]
    (serial,) = network.serials
    began = now(running).timestamp() - 600
    running.happenings.outages.append(Outage(serial=serial, start=began))
    base = f"organizations/{organization(running)}"
    _, rows, _ = await get(running, f"{base}/devices/availabilities", productTypes="appliance")
    assert {row["status"] for row in rows if row["serial"] == serial} == {"offline"}
    _, rows, _ = await get(running, f"{base}/devices/uplinksLossAndLatency", **span(running, 8, 3))
    assert {len(row["timeSeries"]) for row in rows if row["serial"] == serial} == {0}
    _, rows, _ = await get(running, f"{base}/devices/availabilities/changeHistory", **span(running, 60, 0))
    assert [(row["device"]["serial"], row["details"]["new"][0]["value"]) for row in rows] == [(serial, "offline")]
    _, rows, _ = await get(running, f"{base}/appliance/uplink/statuses", serials=serial)
    assert datetime.fromisoformat(rows[0]["lastReportedAt"]).timestamp() == began


async def test_a_failover_gives_the_spare_the_active_line(dashboard: Start, get: Get):
    running = await dashboard(1)
    primary, spare = running.networks()[0].serials
    path = f"organizations/{organization(running)}/appliance/uplink/statuses"

    async def active() -> list[str]:
        _, rows, _ = await get(running, path)
        return [row["serial"] for row in rows if any(one["status"] == "active" for one in row["uplinks"])]

    assert await active() == [primary]
    running.happenings.outages.append(Outage(serial=primary, start=now(running).timestamp() - 60))
    # The lost unit still shows what it said last.
    assert set(await active()) == {primary, spare}


async def test_a_fault_of_a_target_leaves_the_line_alone(dashboard: Start, get: Get):
    running = await dashboard(1)
    network = running.networks()[0]
    began = now(running).timestamp() - 3600
    dead = Fault(network=network.id, interface="wan1", start=began, target=network.targets[0])
    running.happenings.faults.append(dead)
    base = f"organizations/{organization(running)}"
    _, rows, _ = await get(running, f"{base}/devices/uplinksLossAndLatency", uplink="wan1", **span(running, 7, 2))
    worst = {row["ip"]: max(point["lossPercent"] for point in row["timeSeries"]) for row in rows}
    assert worst[network.targets[0]] == 100
    assert worst[network.targets[1]] < 100
    _, rows, _ = await get(running, f"{base}/devices/availabilities")
    assert {row["status"] for row in rows} == {"online"}


async def test_volumes_of_minutes_add_up_to_those_of_the_window(dashboard: Start, get: Get):
    running = await dashboard(1)
    network = running.networks()[0]
    window = span(running, 10, 5)
    path = f"organizations/{organization(running)}/appliance/uplinks/usage/byNetwork"
    _, rows, _ = await get(running, path, **window)
    whole = {one["interface"]: one["received"] for one in rows[0]["byUplink"]}
    _, slots, _ = await get(running, f"networks/{network.id}/appliance/uplinks/usageHistory", **window)
    assert len(slots) == 5
    for name, received in whole.items():
        parts = [one["received"] for slot in slots for one in slot["byInterface"] if one["interface"] == name]
        assert sum(parts) == pytest.approx(received, abs=5)


async def test_more_than_a_burst_and_ten_a_second_is_limited(dashboard: Start, get: Get):
    running = await dashboard(1)
    path = f"organizations/{organization(running)}/devices"
    statuses = [(await get(running, path))[0] for _ in range(60)]
    assert statuses[:20] == [200] * 20
    assert 429 in statuses


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (TroubleKind.RATE_LIMITED, 429),
        (TroubleKind.NGINX_LIMITED, 429),
        (TroubleKind.REVOKED_KEY, 401),
        (TroubleKind.NO_API, 404),
        (TroubleKind.FORBIDDEN, 403),
        (TroubleKind.SERVER_ERROR, 500),
        (TroubleKind.HTML, 502),
        (TroubleKind.MOVED, 308),
    ],
)
async def test_each_trouble_meets_so_many_calls(dashboard: Start, get: Get, kind: TroubleKind, status: int):
    running = await dashboard(1)
    running.server.troubles.begin(kind, "devices", calls=1, seconds=7)
    path = f"organizations/{organization(running)}/devices"
    assert (await get(running, "organizations"))[0] == 200
    first, _, response = await get(running, path)
    assert first == status
    assert response.headers.get("Retry-After") == ("7" if kind is TroubleKind.RATE_LIMITED else None)
    assert (await get(running, path))[0] == 200


async def test_a_half_answer_breaks_off_and_an_empty_one_is_empty(dashboard: Start, get: Get):
    running = await dashboard(1)
    running.server.troubles.begin(TroubleKind.HALF_ANSWER, calls=1)
    with pytest.raises(aiohttp.ClientPayloadError):
        await get(running, "organizations")
    running.server.troubles.begin(TroubleKind.EMPTY, calls=1)
    assert (await get(running, "organizations"))[1] == []


async def test_a_missing_appliance_is_in_no_answer_and_a_stale_one_reports_no_more(dashboard: Start, get: Get):
    running = await dashboard(3)
    gone, stale = running.networks()[1].serials[0], running.networks()[2].serials[0]
    running.server.world.missing.add(gone)
    running.happenings.stale.add(stale)
    base = f"organizations/{organization(running)}"
    _, rows, _ = await get(running, f"{base}/appliance/uplink/statuses")
    reported = {row["serial"]: datetime.fromisoformat(row["lastReportedAt"]) for row in rows}
    assert gone not in reported
    assert now(running) - reported[stale] == timedelta(hours=1)
