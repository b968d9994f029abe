"""Everything that goes wrong with real orchestrators can be made to go wrong with the simulated one."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
import pytest

from service.simulator.faults import FaultKind
from service.simulator.vco.control import VcoControl

pytestmark = pytest.mark.rim

NOON = 1_773_230_400.0
STATUS = "monitoring/getEnterpriseEdgeLinkStatus"
METRICS = "monitoring/getAggregateEdgeLinkMetrics"
TOKEN = {"Authorization": "Token operator-token"}


def edge_of(premises: Any) -> int:
    return int(premises.device.orchestrator.edge_id)


async def rows_of(host: Any, premises: Any) -> Any:
    return [row for row in (await host.call(STATUS))[1] if str(row["edgeId"]) == str(edge_of(premises))]


async def test_an_ended_session_is_refused_until_the_next_log_in(host: Any) -> None:
    known = {"username": "op", "password": "op-word"}
    await host.session.post("/login/operatorLogin", json=known, allow_redirects=False)
    host.begin(kind="expired_session", calls=1)
    for _ in range(3):
        assert (await host.call(STATUS, {}, {}))[1]["error"]["code"] == -32000
    await host.session.post("/login/operatorLogin", json=known, allow_redirects=False)
    assert isinstance((await host.call(STATUS, {}, {}))[1], list)


async def test_a_429_begins_a_penalty_in_which_every_call_is_refused(host: Any) -> None:
    host.begin(kind="rate_limited", calls=1)
    assert [(await host.call("monitoring/getAggregates"))[0] for _ in range(3)] == [429, 429, 429]


@pytest.mark.parametrize(("kind", "status"), [("server_error", 500), ("empty", 200)])
async def test_a_trouble_lasts_for_so_many_calls_of_its_methods(host: Any, kind: str, status: int) -> None:
    host.begin(kind=kind, methods=frozenset({STATUS}), calls=2)
    assert (await host.call("monitoring/getAggregates"))[1]["edgeCount"] == 22
    troubled = [await host.call(STATUS) for _ in range(2)]
    assert [code for code, _ in troubled] == [status, status]
    assert all(not body or "error" in body for _, body in troubled)
    assert len((await host.call(STATUS))[1]) > 40


async def test_an_html_page_comes_in_place_of_json(host: Any) -> None:
    host.begin(kind="html")
    async with host.session.post(f"/portal/rest/{STATUS}", json={}, headers=TOKEN) as answer:
        assert (answer.status, answer.content_type) == (502, "text/html")


async def test_a_chance_falls_the_same_with_the_same_seed(start: Callable[..., Any]) -> None:
    fell = []
    for _ in range(2):
        host = await start(limited=False)
        host.begin(kind="html", share=0.5)
        codes = []
        for _ in range(20):
            async with host.session.post("/portal/rest/monitoring/getAggregates", json={}, headers=TOKEN) as answer:
                codes.append(answer.status)
        fell.append(codes)
    assert fell[0] == fell[1]
    assert set(fell[0]) == {200, 502}


async def test_half_an_answer_breaks_off_in_the_middle_of_the_body(host: Any) -> None:
    host.begin(kind="half_answer", calls=1)
    with pytest.raises(aiohttp.ClientPayloadError):
        await host.call(STATUS)
    assert (await host.call(STATUS))[0] == 200


async def test_a_slow_answer_comes_late(host: Any) -> None:
    host.begin(kind="slow", seconds=30.0)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await host.call(STATUS)
    host.server.troubles.end_all()
    assert (await host.call(STATUS))[0] == 200


async def test_missing_edges_are_in_no_answer(host: Any, place: Any) -> None:
    host.begin(kind="missing_edges", edges=frozenset({edge_of(place.site)}))
    assert await rows_of(host, place.site) == []
    assert len(await rows_of(host, place.other)) == 2
    assert (await host.call("edge/getEdgeConfigurationModules", {"edgeId": edge_of(place.site)}))[0] == 400


async def test_late_statistics_come_when_their_lateness_is_over(host: Any) -> None:
    # The host's clock shows half past twelve.
    start = round(NOON * 1000) + 900_000
    asked = {"interval": {"start": start, "end": start + 300_000}}
    assert len((await host.call(METRICS, asked))[1]) > 40
    host.begin(kind="late_statistics", seconds=1200.0)
    assert (await host.call(METRICS, asked))[1] == []
    host.clock.move_to(host.clock.now().replace(minute=50))
    assert len((await host.call(METRICS, asked))[1]) > 40


async def test_links_behind_one_router_share_a_logical_id(host: Any, place: Any) -> None:
    async def ids() -> set[str]:
        asked = {"edgeId": edge_of(place.site)}
        _, modules = await host.call("edge/getEdgeConfigurationModules", asked)
        return {link["logicalId"] for link in modules["WAN"]["data"]["links"]}

    assert len(await ids()) == 2
    host.begin(kind="shared_logical_id", edges=frozenset({edge_of(place.site)}))
    assert len(await ids()) == 1


async def test_a_stale_link_is_disconnected_for_months_and_still_in_service(host: Any, place: Any) -> None:
    host.begin(kind="stale_link", edges=frozenset({edge_of(place.site)}))
    *alive, stale = await rows_of(host, place.site)
    assert [row["linkState"] for row in alive] != ["DISCONNECTED"] * 2
    # The plan of these tests begins at eleven o'clock on March 11; 300 days before that is May 15.
    assert (stale["linkState"], stale["linkLastActive"]) == ("DISCONNECTED", "2025-05-15T11:00:00.000Z")


@pytest.mark.parametrize(
    ("kind", "field", "value"),
    [
        ("zero_dates", "edgeLastContact", "0000-00-00 00:00:00"),
        ("zero_dates", "linkLastActive", "0000-00-00 00:00:00"),
        ("unknown_enum", "linkState", "HIBERNATING"),
        ("unknown_enum", "edgeState", "HIBERNATING"),
        ("null_states", "edgeState", None),
        ("no_links", "linkId", None),
    ],
)
async def test_oddities_of_form_show_on_their_edge_alone(
    host: Any, place: Any, kind: str, field: str, value: object
) -> None:
    number = host.begin(kind=kind, edges=frozenset({edge_of(place.site)}))
    assert {row[field] for row in await rows_of(host, place.site)} == {value}
    assert value not in {row[field] for row in await rows_of(host, place.other)}
    host.server.troubles.end(number)
    assert value not in {row[field] for row in await rows_of(host, place.site)}


async def test_numbers_can_come_as_text_in_every_answer(host: Any, place: Any) -> None:
    host.begin(kind="numbers_as_text", edges=frozenset({edge_of(place.site)}))
    (row, _) = await rows_of(host, place.site)
    assert row["edgeId"] == str(edge_of(place.site))
    asked = {"edgeId": edge_of(place.site), "interval": {"start": round(NOON * 1000)}, "metrics": ["bytesRx"]}
    _, rows = await host.call("metrics/getEdgeLinkMetrics", asked)
    assert all(each["bytesRx"].isdecimal() for each in rows)
    _, rows = await host.call(METRICS, {"metrics": ["bestLatencyMsRx"]})
    texts = [each["bestLatencyMsRx"] for each in rows if each["link"]["edgeId"] == str(edge_of(place.site))]
    assert all(isinstance(text, str) and float(text) > 0 for text in texts)


async def edge_object(host: Any, premises: Any) -> Any:
    _, rows = await host.call("network/getNetworkEnterprises", {"with": ["edges"]})
    return next(edge for row in rows for edge in row["edges"] if edge["id"] == edge_of(premises))


async def test_a_failover_swaps_the_pairs_serials_and_says_so_in_an_event(host: Any, place: Any) -> None:
    before = await edge_object(host, place.pair)
    host.begin(kind="failed_over", edges=frozenset({edge_of(place.pair)}))
    after = await edge_object(host, place.pair)
    assert (after["serialNumber"], after["haSerialNumber"]) == (before["haSerialNumber"], before["serialNumber"])
    assert (after["edgeState"], after["haState"]) == ("CONNECTED", "READY")
    host.clock.move_to(host.clock.now().replace(minute=31))
    _, page = await host.call("monitoring/getAggregateEnterpriseEvents", {"filter": {"limit": 10}})
    assert [event["event"] for event in page["data"]] == ["HA_GOING_ACTIVE"]


async def test_a_pair_that_lost_its_standby_is_connected_and_failed(host: Any, place: Any) -> None:
    host.begin(kind="standby_lost", edges=frozenset({edge_of(place.pair)}))
    pair = await edge_object(host, place.pair)
    assert (pair["edgeState"], pair["haState"]) == ("CONNECTED", "FAILED")


async def test_a_pair_out_of_contact_still_shows_its_old_ha_state(host: Any, place: Any) -> None:
    host.begin(kind="offline_pair", edges=frozenset({edge_of(place.pair)}))
    pair = await edge_object(host, place.pair)
    assert (pair["edgeState"], pair["haState"]) == ("OFFLINE", "READY")
    assert {row["linkState"] for row in await rows_of(host, place.pair)} == {"DISCONNECTED"}


@pytest.fixture
async def control(host: Any) -> AsyncIterator[aiohttp.ClientSession]:
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listening.bind(("127.0.0.1", 0))
    runner = await VcoControl(host.server).start(listening)
    async with aiohttp.ClientSession(f"http://127.0.0.1:{listening.getsockname()[1]}") as session:
        yield session
    await runner.cleanup()


async def test_troubles_are_begun_listed_and_ended_over_http(host: Any, control: aiohttp.ClientSession) -> None:
    wanted = {"kind": "empty", "methods": [STATUS]}
    async with control.post("/troubles", json=wanted) as answer:
        assert (answer.status, await answer.json()) == (201, {"number": 1})
    assert (await host.call(STATUS))[1] == []
    async with control.get("/troubles") as answer:
        (listed,) = await answer.json()
        assert (listed["number"], listed["kind"], listed["methods"]) == (1, "empty", [STATUS])
    async with control.delete("/troubles/1") as answer:
        assert answer.status == 204
    async with control.delete("/troubles/1") as answer:
        assert answer.status == 404
    assert (await host.call(STATUS))[1] != []


async def test_a_trouble_that_nobody_knows_is_refused_with_the_reason(control: aiohttp.ClientSession) -> None:
    for wrong in ({"kind": "gremlins"}, {"kind": "slow", "secs": 3}, []):
        async with control.post("/troubles", data=json.dumps(wrong)) as answer:
            assert answer.status == 400
            assert (await answer.json())["error"]


async def test_a_line_can_be_cut_over_http(host: Any, place: Any, control: aiohttp.ClientSession) -> None:
    cut = {"kind": FaultKind.LINE_DOWN, "edge": edge_of(place.site), "seconds": 3600}
    async with control.post("/hits", json=cut) as answer:
        assert (answer.status, await answer.json()) == (201, {"link": place.site.links[0].id})
    host.clock.move_to(host.clock.now().replace(minute=33))
    first, second = await rows_of(host, place.site)
    assert (first["linkState"], second["linkState"] == "DISCONNECTED") == ("DISCONNECTED", False)
    async with control.post("/hits", json={**cut, "edge": 1}) as answer:
        assert answer.status == 404


async def test_sessions_are_ended_and_calls_counted_over_http(host: Any, control: aiohttp.ClientSession) -> None:
    known = {"username": "op", "password": "op-word"}
    await host.session.post("/login/operatorLogin", json=known, allow_redirects=False)
    async with control.delete("/sessions") as answer:
        assert answer.status == 204
    assert "error" in (await host.call(STATUS, {}, {}))[1]
    async with control.get("/calls") as answer:
        assert await answer.json() == {"log_in": 1, STATUS: 1}
