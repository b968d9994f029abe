"""The simulated orchestrator speaks as VCO hosts do, with their lateness and their ways to fail."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Mapping
from random import Random
from typing import Any

import aiohttp
import numpy as np
import pytest

from config.clock import ManualClock, from_epoch_ms
from service.simulator.faults import Fault, FaultKind, Hit, Plan
from service.simulator.fleet import Premises, draw_fleet
from service.simulator.vco import answers, records
from service.simulator.vco.answers import World
from service.simulator.vco.rate_limit import CALLS_IN_SPAN, PENALTY, LeakyBucket
from service.simulator.vco.server import OrchestratorServer
from service.simulator.vco.statistics import TICK, readable_at

pytestmark = pytest.mark.rim

NOON = 1_773_230_400.0
FLEET = draw_fleet(1)
EDGES = [each for each in FLEET.premises if each.has_edge and not any(line.cold for line in each.lines)]
SITE, OTHER = EDGES[0], EDGES[1]


def world(*kinds: FaultKind, site: Premises = SITE, until: float = NOON + 7200, **values: float) -> World:
    """A fleet in which these faults of one site begin at noon."""
    hits = tuple(
        Hit(kind=kind, site=site.site.id, link=site.links[0].id, start=NOON, end=until, **values) for kind in kinds
    )
    faults = tuple(Fault(id=hit.kind, kind=hit.kind, hits=(hit,)) for hit in hits)
    return World(fleet=FLEET, plan=Plan(start=NOON - 3600, over=NOON + 9000, faults=faults, calls=()))


def status(of: World, link: str, now: float) -> Mapping[str, Any]:
    known = next(each for each in FLEET.inventory().links.values() if each.id == link)
    return next(row for row in answers.link_status(of, now) if row["internalId"] == known.orchestrator_link)


def test_a_dead_link_becomes_unstable_and_then_disconnected() -> None:
    dead, link = world(FaultKind.LINE_DOWN), SITE.links[0].id
    assert status(dead, link, NOON - 1)["linkState"] == "STABLE"
    assert status(dead, link, NOON + 80)["linkState"] == "UNSTABLE"
    assert status(dead, link, NOON + 120)["linkState"] == "DISCONNECTED"
    assert status(dead, link, NOON + 120)["edgeState"] == "CONNECTED"


def test_an_edge_without_contact_is_offline_and_all_its_links_disconnected() -> None:
    lost = world(FaultKind.MANAGEMENT_LOST)
    rows = [row for row in answers.link_status(lost, NOON + 200) if row["edgeId"] == answers.edge_id(SITE)]
    assert {row["edgeState"] for row in rows} == {"OFFLINE"}
    assert {row["linkState"] for row in rows} == {"DISCONNECTED"}
    assert {row["edgeLastContact"] for row in rows} == {"2026-03-11T12:00:00.000Z"}


def test_a_retired_line_is_still_listed_as_disconnected() -> None:
    retired = next(link for each in FLEET.premises for link in each.links if link.id.endswith("wan3"))
    assert status(world(), retired.id, NOON)["linkState"] == "DISCONNECTED"


def test_statistics_come_after_their_interval_and_within_ten_minutes_of_its_start() -> None:
    ticks = np.arange(0, 500, dtype=np.int64) * TICK + int(NOON)
    delay = readable_at("edge", ticks) - ticks
    assert delay.min() > TICK
    assert delay.max() <= 600
    assert (delay > 500).any()


def test_a_link_without_a_readable_interval_is_not_listed() -> None:
    asked = answers.aggregates(world(), NOON, NOON + TICK, NOON + TICK)
    assert asked == []
    assert len(answers.aggregates(world(), NOON, NOON + TICK, NOON + 600)) > 40


def test_a_link_that_was_dead_all_through_has_zeros() -> None:
    rows = answers.aggregates(world(FaultKind.LINE_DOWN), NOON + TICK, NOON + 2 * TICK, NOON + 1200)
    row = next(row for row in rows if row["linkId"] == answers.link_id(SITE, SITE.links[0]))
    assert row["bytesRx"] == row["bestLatencyMsRx"] == row["bestLossPctRx"] == 0


def test_an_edge_without_contact_sends_no_statistics() -> None:
    rows = answers.aggregates(world(FaultKind.MANAGEMENT_LOST), NOON + TICK, NOON + 2 * TICK, NOON + 1200)
    assert answers.edge_id(SITE) not in {row["link"]["edgeId"] for row in rows}
    assert answers.edge_id(OTHER) in {row["link"]["edgeId"] for row in rows}


def test_the_series_and_the_aggregate_of_an_interval_agree() -> None:
    lossy = world(FaultKind.LOSS, strength=15.0)
    series = answers.series(lossy, SITE, NOON, NOON + 1800, ["bestLossPctRx", "bytesRx"], NOON + 3600)
    tick = {each["metric"]: each["data"][2] for each in series[0]["series"]}
    rows = answers.aggregates(lossy, NOON + 600, NOON + 900, NOON + 3600)
    row = next(row for row in rows if row["linkId"] == series[0]["linkId"])
    assert tick["bytesRx"] == row["bytesRx"]
    assert tick["bestLossPctRx"] == row["bestLossPctRx"] == pytest.approx(15, abs=3)


def test_a_series_shorter_than_a_quarter_of_an_hour_is_empty() -> None:
    assert answers.series(world(), SITE, NOON, NOON + 899, ["bytesRx"], NOON + 3600) == []
    assert len(answers.series(world(), SITE, NOON, NOON + 900, ["bytesRx"], NOON + 3600)) == 2


def test_a_flapping_link_is_told_in_events() -> None:
    flapping = world(FaultKind.FLAPPING, period=200.0, down_seconds=80.0)
    found = records.events(flapping, None, NOON, NOON + 600, NOON + 600)
    assert [event["event"] for event in reversed(found)] == ["LINK_DEAD", "LINK_ALIVE"] * 3
    assert {event["edgeName"] for event in found} == {SITE.site.id.upper()}


def test_the_contracted_rates_stand_as_text_in_the_wan_module() -> None:
    module = records.configuration_modules(world(), SITE, NOON)
    committed = SITE.links[0].committed_down_bps or 0
    assert module["WAN"]["data"]["links"][0]["downstreamMbps"] == f"{committed / 1e6:g}"


def test_one_call_too_many_is_punished_for_five_seconds() -> None:
    bucket = LeakyBucket()
    assert all(bucket.admits(100.0) for _ in range(CALLS_IN_SPAN))
    assert not bucket.admits(100.0)
    assert not bucket.admits(100.0 + PENALTY - 0.1)
    assert bucket.admits(100.0 + PENALTY)


@pytest.fixture
async def host() -> AsyncIterator[aiohttp.ClientSession]:
    """A session to the server over real HTTP, without credentials."""
    clock = ManualClock(from_epoch_ms(round(NOON * 1000)))
    server = OrchestratorServer(
        world(), clock, "right-token", {"desk": "right-password"}, hiccup_share=0.0, chance=Random(1)
    )
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listening.bind(("127.0.0.1", 0))
    runner = await server.start(listening)
    base = f"http://127.0.0.1:{listening.getsockname()[1]}"
    async with aiohttp.ClientSession(base, cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        yield session
    await runner.cleanup()


STATUS = "/portal/rest/monitoring/getEnterpriseEdgeLinkStatus"


async def test_a_wrong_token_is_told_in_a_body_of_status_200(host: aiohttp.ClientSession) -> None:
    async with host.post(STATUS, json={}, headers={"Authorization": "Token wrong"}) as answer:
        assert (answer.status, answer.headers["Expires"]) == (200, "0")
        assert (await answer.json())["error"]["code"] == -32000


async def test_a_token_opens_the_door(host: aiohttp.ClientSession) -> None:
    async with host.post(STATUS, json={}, headers={"Authorization": "Token right-token"}) as answer:
        assert len(await answer.json()) > 40


async def test_a_login_gives_a_cookie_and_a_failed_one_a_redirect(host: aiohttp.ClientSession) -> None:
    path = "/portal/rest/login/enterpriseLogin"
    async with host.post(path, json={"username": "desk", "password": "wrong"}, allow_redirects=False) as answer:
        assert answer.status == 302
        assert "velocloud.message" in answer.cookies
    async with host.post(path, json={"username": "desk", "password": "right-password"}) as answer:
        assert "velocloud.session" in answer.cookies
    async with host.post(STATUS, json={}) as answer:
        assert isinstance(await answer.json(), list)


async def test_bad_parameters_are_refused_with_the_vendors_code(host: aiohttp.ClientSession) -> None:
    path, token = "/portal/rest/metrics/getEdgeLinkSeries", {"Authorization": "Token right-token"}
    async with host.post(path, json={"edgeId": 1}, headers=token) as answer:
        assert (answer.status, (await answer.json())["error"]["code"]) == (400, -32600)


async def test_hammering_is_answered_with_429(host: aiohttp.ClientSession) -> None:
    token = {"Authorization": "Token right-token"}
    path = "/portal/rest/network/getNetworkEnterprises"
    codes = []
    for _ in range(CALLS_IN_SPAN * 2):
        async with host.post(path, json={}, headers=token) as answer:
            codes.append(answer.status)
    assert 429 in codes
    assert codes[-1] == 429
