"""The simulated Catalyst SD-WAN Manager: deterministic, and as hard to talk to as the real one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import aiohttp
import pytest
from aiohttp.test_utils import TestServer

from config.clock import ManualClock
from service.simulator.catalyst import records, statistics
from service.simulator.catalyst.fabric import End, Fabric, Trouble, TroubleKind, fabric
from service.simulator.catalyst.server import MOST_SESSIONS, ManagerServer

NOW = datetime(2026, 3, 3, 14, 3, tzinfo=UTC)
AT = NOW.timestamp()
STATES = "/dataservice/data/device/state/BFDSessions"
STATISTICS = "/dataservice/data/device/statistics/approutestatsstatistics"
PERIOD = {"startDate": "2026-03-03T13:00:00", "endDate": "2026-03-03T13:29:59", "timeZone": "UTC", "count": "10000"}


@dataclass(frozen=True, slots=True)
class Visitor:
    simulated: ManagerServer
    client: aiohttp.ClientSession

    async def log_in(self, password: str = "simulated") -> str:
        form = {"j_username": "lineproof", "j_password": password}
        async with self.client.post("/j_security_check", data=form) as answer:
            assert answer.status == 200
            return await answer.text()

    async def get(self, path: str, **query: str) -> Any:
        async with self.client.get(path, params=query) as answer:
            assert answer.status == 200, answer.status
            return await answer.json()

    async def status(self, path: str, **query: str) -> tuple[int, str, str | None]:
        async with self.client.get(path, params=query, allow_redirects=False) as answer:
            return answer.status, (await answer.text())[:6], answer.headers.get("Retry-After")


@pytest.fixture
async def visitor() -> AsyncIterator[Visitor]:
    simulated = ManagerServer(fabric=fabric(4), clock=ManualClock(NOW), collects_every=600.0)
    server = TestServer(simulated.application())
    await server.start_server()
    async with aiohttp.ClientSession(server.make_url("/"), cookie_jar=aiohttp.CookieJar(unsafe=True)) as client:
        yield Visitor(simulated, client)
    await server.close()


pytestmark = pytest.mark.rim


def bad(kind: TroubleKind, overlay: Fabric, number: int, colour: str | None = None, **changes: Any) -> Trouble:
    address = overlay.edges[number].address
    return Trouble(**{"kind": kind, "address": address, "colour": colour, "start": AT - 7200, "end": AT + 60} | changes)


def test_the_same_seed_gives_the_same_fleet_and_another_seed_another():
    one, same, other = fabric(9, seed=1), fabric(9, seed=1), fabric(9, seed=2)
    assert one == same
    assert {edge.uuid for edge in one.edges}.isdisjoint(edge.uuid for edge in other.edges)
    period = (AT - 3600, AT - 1800, AT, 600.0)
    assert statistics.app_route(one, *period) == statistics.app_route(same, *period)
    assert statistics.interface_statistics(one, *period) == statistics.interface_statistics(same, *period)


def test_every_tunnel_is_told_by_both_its_ends():
    overlay = fabric(5)
    keys = ("vdevice-name", "local-color", "system-ip", "color")
    sessions = {tuple(row[key] for key in keys) for row in records.bfd_sessions(overlay, AT)}
    assert sessions == {(far, far_colour, near, near_colour) for near, near_colour, far, far_colour in sessions}


def test_private_and_public_transports_do_not_meet():
    pairs = {(near.transport.colour, far.transport.colour) for near, far in fabric(6).tunnels()}
    assert ("mpls", "mpls") in pairs
    assert all((near == "mpls") == (far == "mpls") for near, far in pairs)


def test_loss_of_two_lines_multiplies():
    overlay = fabric(3)
    near, far = next(pair for pair in overlay.tunnels() if pair[0].transport.colour == "mpls")
    for end in (near, far):
        number = overlay.edges.index(end.edge)
        overlay.troubles.append(bad(TroubleKind.LINE_LOSS, overlay, number, "mpls", size=10.0))
    assert overlay.loss(near, far, AT) == pytest.approx(1 - 0.9 * 0.9)
    assert overlay.loss(far, near, AT) == overlay.loss(near, far, AT)


def test_a_last_resort_circuit_carries_only_without_the_other_line():
    overlay = fabric(3)
    edge = next(edge for edge in overlay.edges if edge.transports[1].last_resort)
    waiting = End(edge, edge.transports[1])
    assert not overlay.carries(waiting, AT)
    overlay.troubles.append(bad(TroubleKind.LINE_DOWN, overlay, overlay.edges.index(edge), "biz-internet"))
    assert overlay.carries(waiting, AT)


def test_readings_come_every_ten_minutes_and_are_collected_at_the_next_round():
    overlay = fabric(2)
    moments = list(statistics.readings(overlay, overlay.edges[0], AT - 3600, AT))
    assert len(moments) == 6
    assert {second - first for first, second in pairwise(moments)} == {600.0}
    assert statistics.collected_at(1790.0, 1800.0) == 1830.0
    assert statistics.collected_at(1800.0, 1800.0) == 3630.0
    start, end = AT - 7200, AT - 5400
    assert not statistics.app_route(overlay, start, end, start + 60, 1800.0)
    assert statistics.app_route(overlay, start, end, end + 1800 + statistics.PROCESSING, 1800.0)


def test_an_edge_without_contact_gives_no_statistics_and_its_tunnels_stay_up():
    overlay = fabric(2)
    overlay.troubles.append(bad(TroubleKind.UNREACHABLE, overlay, 2))
    address = overlay.edges[2].address
    rows = statistics.app_route(overlay, AT - 3600, AT - 1800, AT, 600.0)
    assert rows
    assert address not in {row["vdevice_name"] for row in rows}
    assert {row["state"] for row in records.bfd_sessions(overlay, AT) if row["system-ip"] == address} == {"up"}


async def test_a_log_in_gives_an_empty_body_and_a_refusal_the_log_in_page(visitor: Visitor):
    assert "<html>" in await visitor.log_in("wrong")
    assert (await visitor.status("/dataservice/device"))[:2] == (200, "<html>")
    assert await visitor.log_in() == ""
    assert len((await visitor.get("/dataservice/device"))["data"]) == 10


async def test_the_token_of_another_session_is_forbidden(visitor: Visitor):
    await visitor.log_in()
    async with visitor.client.get("/dataservice/device", headers={"X-XSRF-TOKEN": "other"}) as answer:
        assert answer.status == 403
        assert "SessionTokenFilter" in await answer.text()


async def test_sessions_are_limited_in_number_and_the_oldest_goes(visitor: Visitor):
    await visitor.log_in()
    first = next(iter(visitor.simulated.sessions))
    for _ in range(MOST_SESSIONS):
        await visitor.log_in()
    assert len(visitor.simulated.sessions) == MOST_SESSIONS
    assert first not in visitor.simulated.sessions


async def test_states_have_pages_by_their_end(visitor: Visitor):
    await visitor.log_in()
    whole = (await visitor.get(STATES, count="10000"))["data"]
    found, query = [], {"count": "7"}
    for _ in range(100):
        page = await visitor.get(STATES, **query)
        found += page["data"]
        if not page["pageInfo"]["moreEntries"]:
            break
        query = {"count": "7", "startId": page["pageInfo"]["endId"]}
    assert found == whole


async def test_statistics_have_pages_under_one_scroll_id(visitor: Visitor):
    await visitor.log_in()
    whole = (await visitor.get(STATISTICS, **PERIOD))["data"]
    visitor.simulated.page = 9
    page = await visitor.get(STATISTICS, **PERIOD)
    found, scroll = page["data"], page["pageInfo"]["scrollId"]
    while page["pageInfo"]["hasMoreData"]:
        page = await visitor.get(STATISTICS, scrollId=scroll, count="10000")
        assert page["pageInfo"]["scrollId"] == scroll
        found += page["data"]
    assert found == whole
    assert not visitor.simulated.scrolls


@pytest.mark.parametrize(
    ("changes", "answer"),
    [
        ({"limited": 1}, (429, "Too Ma", "1")),
        ({"busy": 1}, (503, "Servic", "1")),
        ({"broken": 1}, (500, '{"erro', None)),
        ({"html": 1}, (502, "<html>", None)),
        ({"forbidden": {"device"}}, (403, '{"erro', None)),
    ],
)
async def test_faults_are_switched_on_and_pass(visitor: Visitor, changes: dict[str, Any], answer: object):
    await visitor.log_in()
    for name, value in changes.items():
        setattr(visitor.simulated.faults, name, value)
    assert await visitor.status("/dataservice/device") == answer
    visitor.simulated.faults.forbidden.clear()
    assert (await visitor.status("/dataservice/device"))[0] == 200


@pytest.mark.parametrize("told", [200, 302, 403])
async def test_a_lost_session_is_told_by_the_log_in_page(visitor: Visitor, told: int):
    await visitor.log_in()
    visitor.simulated.expire_sessions()
    visitor.simulated.faults.expired_as = told
    assert (await visitor.status("/dataservice/device"))[:2] == (told, "<html>")


async def test_answers_may_be_halved_emptied_and_lack_devices(visitor: Visitor):
    await visitor.log_in()
    visitor.simulated.faults.half.add("device")
    with pytest.raises(ValueError, match=r"Expecting|Unterminated"):
        await visitor.get("/dataservice/device")
    visitor.simulated.faults.half.clear()
    visitor.simulated.faults.missing.add(visitor.simulated.fabric.edges[0].address)
    assert len((await visitor.get("/dataservice/device"))["data"]) == 9
    visitor.simulated.faults.empty.add("device")
    assert (await visitor.get("/dataservice/device"))["data"] == []


@pytest.mark.parametrize(
    ("path", "query", "status"),
    [
        ("/dataservice/nothing", {}, 404),
        (STATISTICS, {}, 400),
        (STATISTICS, PERIOD | {"timeZone": "CET"}, 400),
        (STATES, {"count": "many"}, 400),
        ("/dataservice/device/bfd/sessions", {"deviceId": "10.1.2.3"}, 404),
        ("/dataservice/statistics/approute/page", {"query": "{}"}, 400),
    ],
)
async def test_what_the_manager_does_not_understand_it_refuses(
    visitor: Visitor, path: str, query: dict[str, str], status: int
):
    await visitor.log_in()
    assert (await visitor.status(path, **query))[0] == status
