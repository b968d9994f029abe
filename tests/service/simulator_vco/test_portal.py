"""The simulated Portal API answers as a VCO does: log-ins, rights, limits, errors, both interfaces."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import aiohttp
import pytest

from service.simulator.faults import FaultKind
from service.simulator.vco.rate_limit import CALLS_IN_SPAN, PENALTY, LeakyBucket

pytestmark = pytest.mark.rim

NOON = 1_773_230_400.0
STATUS = "monitoring/getEnterpriseEdgeLinkStatus"
PARTNER, CUSTOMER = ({"Authorization": f"Token {kind}-token"} for kind in ("partner", "customer"))
HALF_PAST = {"start": round(NOON * 1000), "end": round((NOON + 1800) * 1000)}


async def test_a_wrong_token_is_told_in_a_body_of_status_200(host: Any) -> None:
    wrong = {"Authorization": "Token wrong"}
    async with host.session.post(f"/portal/rest/{STATUS}", json={}, headers=wrong) as answer:
        assert (answer.status, answer.headers["Expires"]) == (200, "0")
        error = (await answer.json())["error"]
    assert error["code"] == -32000
    assert error["message"].startswith("tokenError")


@pytest.mark.parametrize(
    ("path", "name", "status"),
    [
        ("/portal/rest/login/operatorLogin", "op", 200),
        ("/login/operatorLogin", "op", 302),
        ("/portal/rest/login/enterpriseLogin", "msp", 200),
        ("/login/enterpriseLogin", "own", 302),
    ],
)
async def test_a_log_in_gives_a_cookie_that_opens_the_portal(host: Any, path: str, name: str, status: int) -> None:
    known = {"username": name, "password": f"{name}-word"}
    async with host.session.post(path, json=known, allow_redirects=False) as answer:
        assert answer.status == status
        assert answer.cookies["velocloud.session"].value
    assert isinstance((await host.call("enterprise/getEnterpriseEdges", {"enterpriseId": 41}, {}))[1], list)


@pytest.mark.parametrize(
    ("kind", "name", "password"),
    [
        ("operatorLogin", "op", "wrong"),
        ("operatorLogin", "nobody", "op-word"),
        ("operatorLogin", "own", "own-word"),
        ("enterpriseLogin", "op", "op-word"),
    ],
)
async def test_a_refused_log_in_is_a_redirect_with_a_message(host: Any, kind: str, name: str, password: str) -> None:
    given = {"username": name, "password": password}
    async with host.session.post(f"/portal/rest/login/{kind}", json=given, allow_redirects=False) as answer:
        assert answer.status == 302
        assert answer.cookies["velocloud.message"].value == "Invalid%20username%20or%20password"
        assert "velocloud.session" not in answer.cookies


async def test_a_session_ends_after_its_lifetime_and_after_a_log_out(start: Callable[..., Any]) -> None:
    host = await start(lifetime=3600.0)
    known = {"username": "op", "password": "op-word"}
    await host.session.post("/login/operatorLogin", json=known, allow_redirects=False)
    host.clock.move_to(host.clock.now().replace(minute=59))
    assert isinstance((await host.call(STATUS, {}, {}))[1], list)
    host.clock.move_to(host.clock.now().replace(hour=13, minute=30))
    assert "error" in (await host.call(STATUS, {}, {}))[1]
    await host.session.post("/login/operatorLogin", json=known, allow_redirects=False)
    async with host.session.post("/logout", allow_redirects=False) as answer:
        assert answer.status == 302
    assert "error" in (await host.call(STATUS, {}, {}))[1]


async def test_a_customer_sees_its_own_enterprise_and_no_other(host: Any) -> None:
    _, own = await host.call("enterprise/getEnterpriseEdges", {}, CUSTOMER)
    assert {edge["enterpriseId"] for edge in own} == {41}
    status, refused = await host.call("enterprise/getEnterpriseEdges", {"enterpriseId": 42}, CUSTOMER)
    assert (status, refused["error"]["code"]) == (400, -32600)
    _, rows = await host.call("monitoring/getAggregateEdgeLinkMetrics", {"interval": HALF_PAST}, CUSTOMER)
    assert {row["link"]["enterpriseId"] for row in rows} == {41}
    foreign = next(edge for edge, each in host.server.world.register.by_edge.items() if "42" in str(each.device))
    assert (await host.call("metrics/getEdgeLinkMetrics", {"edgeId": foreign}, CUSTOMER))[0] == 400


@pytest.mark.parametrize(
    ("method", "customer", "partner"),
    [(STATUS, 400, 200), ("network/getNetworkEnterprises", 400, 400), ("network/getNetworkGateways", 400, 200)],
)
async def test_methods_of_providers_are_closed_to_customers(
    host: Any, method: str, customer: int, partner: int
) -> None:
    assert (await host.call(method, {}, CUSTOMER))[0] == customer
    assert (await host.call(method, {}, PARTNER))[0] == partner
    assert (await host.call(method))[0] == 200


async def test_a_partner_sees_the_enterprises_it_looks_after(host: Any) -> None:
    _, rows = await host.call(STATUS, {}, PARTNER)
    assert {row["enterpriseId"] for row in rows} == {41, 42}
    _, some = await host.call(STATUS, {"enterprises": [42, 43]}, PARTNER)
    assert {row["enterpriseId"] for row in some} == {42}


@pytest.mark.parametrize(
    ("method", "parameters"),
    [
        ("no/suchMethod", {}),
        ("metrics/getEdgeLinkSeries", {"edgeId": 1, "interval": HALF_PAST}),
        ("metrics/getEdgeLinkSeries", {"edgeId": 700}),
        ("metrics/getEdgeLinkMetrics", {"edgeId": "700"}),
        ("metrics/getGatewayStatusMetrics", {"gatewayId": True}),
        ("monitoring/getAggregateEdgeLinkMetrics", {"interval": {"start": NOON * 1000 + 1, "end": NOON * 1000}}),
        ("monitoring/getAggregateEdgeLinkMetrics", {"interval": {"start": "yesterday"}}),
        ("monitoring/getAggregateEdgeLinkMetrics", {"interval": {"start": 1_773_230_400}}),
        ("monitoring/getAggregateEdgeLinkMetrics", {"metrics": ["speed"]}),
        ("monitoring/getAggregateEnterpriseEvents", {}),
        ("event/getEnterpriseEvents", {}),
        ("event/getEnterpriseEvents", {"enterpriseId": 41, "nextPageLink": "nonsense"}),
        ("event/getEnterpriseEvents", {"enterpriseId": 41, "filter": {"rules": [{"field": "event", "op": "like"}]}}),
        (STATUS, []),
    ],
)
async def test_what_is_asked_wrongly_is_refused_with_the_vendors_code(
    host: Any, method: str, parameters: object
) -> None:
    status, answer = await host.call(method, parameters)
    assert (status, answer["error"]["code"]) == (400, -32600)


async def test_a_body_that_is_not_json_is_refused(host: Any) -> None:
    token = {"Authorization": "Token operator-token"}
    async with host.session.post(f"/portal/rest/{STATUS}", data=b"{", headers=token) as answer:
        assert answer.status == 400


async def json_rpc(host: Any, **envelope: Any) -> tuple[int, Any]:
    token = {"Authorization": "Token operator-token"}
    async with host.session.post("/portal/", data=json.dumps(envelope), headers=token) as answer:
        return answer.status, json.loads(await answer.read())


async def test_json_rpc_gives_the_same_result_in_an_envelope_with_the_callers_id(host: Any) -> None:
    status, answer = await json_rpc(host, jsonrpc="2.0", id="a-1", method=STATUS, params={})
    assert status == 200
    assert answer == {"jsonrpc": "2.0", "id": "a-1", "result": (await host.call(STATUS))[1]}


async def test_json_rpc_tells_errors_in_the_envelope_too(host: Any) -> None:
    _, unknown = await json_rpc(host, jsonrpc="2.0", id=7, method="no/suchMethod", params={})
    assert (unknown["id"], unknown["error"]["code"], "result" in unknown) == (7, -32600, False)
    host.begin(kind="expired_session", calls=1)
    _, expired = await json_rpc(host, jsonrpc="2.0", id=8, method=STATUS, params={})
    assert (expired["id"], expired["error"]["code"]) == (8, -32000)
    assert (await json_rpc(host, id=9, method=STATUS))[0] == 400


def test_one_call_too_many_is_punished_for_five_seconds() -> None:
    bucket = LeakyBucket()
    assert all(bucket.admits(100.0) for _ in range(CALLS_IN_SPAN))
    assert not bucket.admits(100.0)
    assert not bucket.admits(100.0 + PENALTY - 0.1)
    assert bucket.admits(100.0 + PENALTY)


async def test_hammering_is_answered_with_429_for_that_user_only(host: Any) -> None:
    codes = [(await host.call("monitoring/getAggregates"))[0] for _ in range(CALLS_IN_SPAN * 2)]
    assert codes[0] == 200
    assert codes[-1] == 429
    assert (await host.call("monitoring/getAggregates", {}, PARTNER))[0] == 200


async def test_the_limit_can_be_switched_off(start: Callable[..., Any]) -> None:
    host = await start(limited=False)
    assert {(await host.call("monitoring/getAggregates"))[0] for _ in range(CALLS_IN_SPAN * 2)} == {200}


async def test_the_contracted_rates_stand_as_text_in_the_wan_module(host: Any, place: Any) -> None:
    edge = int(place.site.device.orchestrator.edge_id)
    _, module = await host.call("edge/getEdgeConfigurationModules", {"edgeId": edge, "modules": ["WAN"]})
    (first, second) = module["WAN"]["data"]["links"]
    assert first["downstreamMbps"] == f"{place.site.links[0].committed_down_bps / 1e6:g}"
    assert first["interfaces"] != second["interfaces"]
    assert (await host.call("edge/getEdgeConfigurationModules", {"edgeId": edge, "modules": ["QOS"]}))[1] == {}


async def test_what_is_kept_from_an_earlier_call_moves_on_with_the_clock(host: Any, place: Any) -> None:
    def of_site(rows: Any) -> Any:
        return next(row for row in rows if row["edgeName"] == place.site.site.id.upper())

    first = of_site((await host.call(STATUS))[1])
    host.clock.move_to(host.clock.now().replace(hour=13))
    second = of_site((await host.call(STATUS))[1])
    moved = {name for name in first if first[name] != second[name]}
    assert moved == {"edgeLastContact", "linkLastActive"}
    assert "13:29:30" < second["edgeLastContact"][11:19] <= "13:30:00"


async def test_recent_links_leave_out_what_was_taken_away_long_ago(host: Any) -> None:
    listed = [edge for number in (41, 42, 43) for edge in await edges_of(host, number, "links", "recentLinks")]
    stale = [link for edge in listed for link in edge["links"] if link not in edge["recentLinks"]]
    assert [(link["state"], link["serviceState"]) for link in stale] == [("DISCONNECTED", "IN_SERVICE")]


async def edges_of(host: Any, enterprise: int, *parts: str) -> Any:
    _, rows = await host.call("enterprise/getEnterpriseEdges", {"enterpriseId": enterprise, "with": list(parts)})
    return rows


async def test_the_network_lists_each_enterprise_with_its_edges(host: Any) -> None:
    _, rows = await host.call("network/getNetworkEnterprises", {"with": ["edges"]})
    assert [row["id"] for row in rows] == [41, 42, 43]
    assert sum(row["edgeCount"] for row in rows) == sum(len(row["edges"]) for row in rows) == 22
    _, counts = await host.call("monitoring/getAggregates")
    assert counts["edges"] == {str(row["id"]): row["edgeCount"] for row in rows}


async def test_events_are_paged_and_a_page_link_says_all_itself(start: Callable[..., Any], world: Any) -> None:
    host = await start(world(FaultKind.FLAPPING, period=200.0, down_seconds=80.0))
    enterprise = int(host.server.world.edge(place_of(host)).device.orchestrator.enterprise_id)
    asked = {"enterpriseId": enterprise, "interval": HALF_PAST, "filter": {"limit": 4}}
    _, page = await host.call("event/getEnterpriseEvents", asked)
    seen = list(page["data"])
    while page["metaData"]["more"]:
        follow = {"enterpriseId": enterprise, "nextPageLink": page["metaData"]["nextPageLink"]}
        _, page = await host.call("event/getEnterpriseEvents", follow)
        seen += page["data"]
    # Half an hour of a period of 200 s begins nine times; each time the line dies and comes back.
    assert [event["event"] for event in reversed(seen)] == ["LINK_DEAD", "LINK_ALIVE"] * 9
    assert "edgeId" not in seen[0]
    assert json.loads(seen[0]["detail"]).keys() == {"logicalId", "internalId"}


def place_of(host: Any) -> int:
    (site,) = host.server.world.hits
    return next(edge for edge, each in host.server.world.register.by_edge.items() if each.site.id == site)


async def test_the_networks_events_name_the_edge_and_can_be_filtered(start: Callable[..., Any], world: Any) -> None:
    host = await start(world(FaultKind.FLAPPING, period=200.0, down_seconds=80.0))
    rules = [{"field": "event", "op": "is", "values": ["LINK_DEAD"]}]
    asked = {"interval": HALF_PAST, "filter": {"limit": 2048, "rules": rules}}
    _, page = await host.call("monitoring/getAggregateEnterpriseEvents", asked)
    assert {(event["edgeId"], event["event"], event["detail"]) for event in page["data"]} == {
        (place_of(host), "LINK_DEAD", None)
    }
    assert page["metaData"] == {"limit": 2048, "more": False}
    _, other = await host.call("monitoring/getAggregateEnterpriseEvents", {**asked, "detail": True, "with": ["edges"]})
    assert other["data"][0]["edge"]["id"] == place_of(host)
    assert other["data"][0]["detail"]


async def test_lossy_lines_score_red_before_remediation(start: Callable[..., Any], world: Any) -> None:
    host = await start(world(FaultKind.LOSS, strength=15.0))
    edge = place_of(host)
    links = host.server.world.edge(edge).links
    _, scored = await host.call("linkQualityEvent/getLinkQualityEvents", {"edgeId": edge, "interval": HALF_PAST})
    bad, good = scored[links[0].orchestrator_link], scored[links[1].orchestrator_link]
    assert {sample["before"]["0"] for sample in bad["timeseries"]} == {2}
    assert all(
        sample["after"]["0"] >= 3 for sample in bad["timeseries"] if sample["metadata"]["detail"]["latencyMsRx"] < 25
    )
    assert scored["overallLinkQuality"]["totalScore"] == max(bad["totalScore"], good["totalScore"])
    assert sum(good["distribution"]["0"].values()) == pytest.approx(1)


async def test_gateways_count_the_edges_they_name(host: Any) -> None:
    _, gateways = await host.call("network/getNetworkGateways")
    assert [each["connectedEdges"] for each in gateways] == [len(each["connectedEdgeList"]) for each in gateways]
    assert sum(each["connectedEdges"] for each in gateways) == 22
    _, health = await host.call("metrics/getGatewayStatusMetrics", {"gatewayId": 1, "metrics": ["tunnelCount"]})
    assert (
        310 <= health["tunnelCount"]["min"] <= health["tunnelCount"]["average"] <= health["tunnelCount"]["max"] <= 420
    )
    assert (await host.call("metrics/getGatewayStatusMetrics", {"gatewayId": 99}))[0] == 400
    _, edges = await host.call("gateway/getGatewayEdgeAssignments", {"gatewayId": 1})
    assert len(edges) == gateways[0]["connectedEdges"]


async def test_an_edges_health_has_least_mean_and_greatest(host: Any, place: Any) -> None:
    edge = int(place.site.device.orchestrator.edge_id)
    _, health = await host.call("metrics/getEdgeStatusMetrics", {"edgeId": edge, "metrics": ["cpuPct"]})
    assert list(health) == ["cpuPct"]
    assert 6 <= health["cpuPct"]["min"] < health["cpuPct"]["average"] < health["cpuPct"]["max"] <= 44
    _, every = await host.call("monitoring/getEnterpriseEdgeStatus", {"enterpriseId": 41, "limit": 3})
    assert (len(every["data"]), every["metaData"]["more"]) == (3, True)
    exactly = len(await edges_of(host, 41))
    _, every = await host.call("monitoring/getEnterpriseEdgeStatus", {"enterpriseId": 41, "limit": exactly})
    assert (len(every["data"]), every["metaData"]["more"]) == (exactly, False)


async def test_a_get_is_not_answered_by_the_portal(host: Any) -> None:
    token = {"Authorization": "Token operator-token"}
    async with host.session.get(f"/portal/rest/{STATUS}", headers=token) as answer:
        assert answer.status == 405
    with pytest.raises(aiohttp.ClientResponseError):
        async with host.session.post("/portal/rest/login/adminLogin", json={}, raise_for_status=True):
            pass


async def test_one_edge_is_found_by_its_number_or_its_guid(host: Any, place: Any) -> None:
    number = int(place.site.device.orchestrator.edge_id)
    _, edge = await host.call("edge/getEdge", {"id": number, "with": ["recentLinks", "site"]})
    assert (edge["id"], len(edge["recentLinks"]), edge.keys() & {"links", "licenses"}) == (number, 2, set())
    assert (await host.call("edge/getEdge", {"id": number, "with": ["licenses"]}))[1]["licenses"] == []
    _, same = await host.call("edge/getEdge", {"logicalId": edge["logicalId"]})
    assert same["serialNumber"] == edge["serialNumber"] == place.site.device.serials[0]
    assert (await host.call("edge/getEdge", {"name": "nobody"}))[0] == 400


async def test_an_interval_of_no_length_has_no_statistics(host: Any) -> None:
    at_once = {"start": round(NOON * 1000), "end": round(NOON * 1000)}
    assert await host.call("monitoring/getAggregateEdgeLinkMetrics", {"interval": at_once}) == (200, [])
