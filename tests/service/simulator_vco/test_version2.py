"""API v2 of the simulated VCO: GUIDs, links to resources, pages, and its own errors."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from service.simulator.faults import FaultKind

pytestmark = pytest.mark.rim

NOON_MS = 1_773_230_400_000
GUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


async def edges_path(host: Any) -> str:
    _, found = await host.get("enterprises/")
    assert all(GUID.fullmatch(row["logicalId"]) for row in found["data"])
    return f"enterprises/{found['data'][0]['logicalId']}/edges"


async def test_edges_are_found_by_the_guids_of_their_enterprise(host: Any) -> None:
    path = await edges_path(host)
    _, edges = await host.get(path)
    _, known = await host.call("enterprise/getEnterpriseEdges", {"enterpriseId": 41})
    assert [edge["logicalId"] for edge in edges["data"]] == [edge["logicalId"] for edge in known]
    assert "id" not in edges["data"][0]
    assert edges["data"][0]["isLive"] is True
    status, one = await host.get(f"{path}/{known[0]['logicalId']}/")
    assert (status, one["serialNumber"]) == (200, known[0]["serialNumber"])


async def test_collections_are_paged(host: Any) -> None:
    path = await edges_path(host)
    _, first = await host.get(f"{path}?limit=5")
    assert (len(first["data"]), first["metaData"]["more"]) == (5, True)
    _, second = await host.get(f"{path}?limit=5&nextPageLink={first['metaData']['nextPageLink']}")
    assert {edge["name"] for edge in first["data"]}.isdisjoint(edge["name"] for edge in second["data"])


async def test_events_are_filtered_and_paged_by_their_link(start: Callable[..., Any], world: Any, place: Any) -> None:
    host = await start(world(FaultKind.FLAPPING, period=200.0, down_seconds=80.0))
    _, found = await host.get("enterprises/")
    number = int(place.site.device.orchestrator.enterprise_id)
    guid = found["data"][number - 41]["logicalId"]
    _, page = await host.get(f"enterprises/{guid}/events?start={NOON_MS}&event%5Bin%5D=LINK_DEAD&limit=6")
    assert ({event["event"] for event in page["data"]}, page["metaData"]["more"]) == ({"LINK_DEAD"}, True)
    _, rest = await host.get(f"enterprises/{guid}/events?nextPageLink={page['metaData']['nextPageLink']}")
    assert (len(page["data"]) + len(rest["data"]), rest["metaData"]["more"]) == (9, False)


async def test_statistics_of_an_edge(host: Any) -> None:
    path = await edges_path(host)
    _, edges = await host.get(path)
    edge = f"{path}/{edges['data'][0]['logicalId']}"
    window = f"start={NOON_MS}&end={NOON_MS + 1_200_000}"
    _, health = await host.get(f"{edge}/healthStats?{window}&metrics=cpuPct")
    assert health["cpuPct"]["min"] <= health["cpuPct"]["average"] <= health["cpuPct"]["max"]
    # Without an interval it is the last twelve hours.
    _, longer = await host.get(f"{edge}/healthStats?metrics=cpuPct")
    assert longer["cpuPct"]["min"] < health["cpuPct"]["min"] < health["cpuPct"]["max"] < longer["cpuPct"]["max"]
    _, links = await host.get(f"{edge}/linkStats?{window}&metrics=bytesRx")
    _, series = await host.get(f"{edge}/linkStats/timeSeries?{window}&metrics=bytesRx")
    totals = [row["series"][0]["total"] for row in series]
    assert [row["bytesRx"] for row in links] == totals
    _, scores = await host.get(f"{edge}/linkQualityStats?{window}")
    assert all(0 <= row["scoreBeforeVoice"] <= row["scoreAfterVoice"] <= 10 for row in scores)


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("enterprises/", {"Authorization": "Token wrong"}, 401),
        ("enterprises/00000000-0000-4000-8000-000000000000/edges/", None, 404),
        ("applicationMaps/", None, 404),
        ("enterprises/?limit=0", None, 400),
    ],
)
async def test_errors_have_a_status_and_a_code(host: Any, path: str, headers: Any, status: int) -> None:
    code, body = await (host.get(path) if headers is None else host.get(path, headers))
    assert code == status
    assert body["code"]
    assert body["message"]


async def test_a_customer_reaches_its_own_enterprise_only(host: Any) -> None:
    _, found = await host.get("enterprises/")
    own, other = (row["logicalId"] for row in found["data"][:2])
    customer = {"Authorization": "Token customer-token"}
    assert (await host.get(f"enterprises/{own}/edges/", customer))[0] == 200
    assert (await host.get(f"enterprises/{other}/edges/", customer))[0] == 404


async def test_the_path_of_older_releases_is_redirected(host: Any) -> None:
    async with host.session.get("/sdwan/enterprises/?limit=1", allow_redirects=False) as answer:
        assert (answer.status, answer.headers["Location"]) == (308, "/api/sdwan/v2/enterprises/?limit=1")
