"""The Meraki adapter against a dashboard that says exactly what a test scripts, over real HTTP.

Answers are written after the Dashboard API v1's own description.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from structlog.testing import capture_logs
from watched import StoreSink

from collector.model import FactKind
from collector.orchestrator.directory import directory
from collector.orchestrator.meraki import calls
from collector.orchestrator.meraki.adapter import Meraki
from collector.orchestrator.port import OrchestratorError
from collector.orchestrator.quota import Quota
from collector.orchestrator.watch import OrchestratorWatch
from collector.settings import OrchestratorSettings
from collector.store.embedded import EmbeddedStore
from config.clock import ManualClock
from config.errors import ConfigurationError
from inventory.model import Client, Device, DeviceRole, Inventory, Link, LinkRole, OrchestratorIdentity, Site

pytestmark = pytest.mark.rim

NOW = datetime(2026, 3, 3, 14, 10, tzinfo=UTC)
START = datetime(2026, 3, 3, 14, 0, tzinfo=UTC)
END = START + timedelta(minutes=5)
KEY = "0123456789abcdef0123456789abcdef01234567"
STATUSES = "/organizations/5000/appliance/uplink/statuses"
AVAILABILITIES = "/organizations/5000/devices/availabilities"
LOSS = "/organizations/5000/devices/uplinksLossAndLatency"
USAGE = "/organizations/5000/appliance/uplinks/usage/byNetwork"
CHANGES = "/organizations/5000/devices/availabilities/changeHistory"

Reply = Any


@dataclass
class Dashboard:
    """`replies[path]` is a list used up from the front; its last element answers for ever."""

    url: str = ""
    replies: dict[str, list[Reply]] = field(default_factory=dict)
    calls: list[web.Request] = field(default_factory=list)

    def called(self, path: str) -> list[web.Request]:
        return [call for call in self.calls if call.path.endswith("/api/v1" + path)]

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.calls.append(request)
        script = self.replies.get("/" + request.match_info["path"])
        if script is None:
            return web.json_response({"errors": ["Not found"]}, status=404)
        reply = script.pop(0) if len(script) > 1 else script[0]
        if callable(reply):
            reply = reply(request)
        return reply if isinstance(reply, web.StreamResponse) else web.json_response(reply)


@pytest.fixture
async def dashboard() -> AsyncIterator[Dashboard]:
    scripted = Dashboard()
    app = web.Application()
    app.router.add_get("/api/v1/{path:.+}", scripted.handle)
    app.router.add_get("/shard/api/v1/{path:.+}", scripted.handle)
    server = TestServer(app)
    await server.start_server()
    scripted.url = str(server.make_url("")).rstrip("/")
    scripted.replies |= {
        STATUSES: [[appliance("Q2AA-AAAA-0001"), appliance("Q2BB-BBBB-0002", uplinks=[uplink("wan1")])]],
        AVAILABILITIES: [[availability("Q2AA-AAAA-0001"), availability("Q2BB-BBBB-0002")]],
        LOSS: [[measured("Q2AA-AAAA-0001", "wan1")]],
        USAGE: [[usage("N_1", [("Q2AA-AAAA-0001", "wan1", 7_500_000, 75_000_000)])]],
        CHANGES: [[]],
    }
    yield scripted
    await server.close()


def uplink(interface: str, status: str = "active", **more: Any) -> dict[str, Any]:
    return {"interface": interface, "status": status, "ip": "198.51.100.7", "publicIp": "203.0.113.9"} | more


def appliance(serial: str, network: str | None = None, **changes: Any) -> dict[str, Any]:
    return {
        "networkId": network or f"N_{serial[-1]}",
        "serial": serial,
        "model": "MX68C",
        "highAvailability": {"enabled": False, "role": "primary"},
        "lastReportedAt": "2026-03-03T14:09:12Z",
        "uplinks": [uplink("wan1"), uplink("wan2", "ready")],
    } | changes


def availability(serial: str, status: str = "online", network: str | None = None) -> dict[str, Any]:
    return {
        "mac": "00:11:22:33:44:55",
        "name": "store",
        "network": {"id": network or f"N_{serial[-1]}"},
        "productType": "appliance",
        "serial": serial,
        "status": status,
        "tags": [],
    }


def measured(
    serial: str, name: str, ip: str = "8.8.8.8", loss: Any = 0.0, latency: Any = 20.0, minutes: int = 5, **more: Any
) -> dict[str, Any]:
    series = [
        {"ts": f"2026-03-03T14:0{minute}:31Z", "lossPercent": loss, "latencyMs": latency} | more
        for minute in range(minutes)
    ]
    return {"networkId": f"N_{serial[-1]}", "serial": serial, "uplink": name, "ip": ip, "timeSeries": series}


def usage(network: str, rows: list[tuple[str, str, Any, Any]]) -> dict[str, Any]:
    uplinks = [{"serial": one, "interface": name, "sent": sent, "received": got} for one, name, sent, got in rows]
    return {"networkId": network, "name": "store", "byUplink": uplinks}


def mx(name: str, serial: str, *more: str, organization: str = "5000") -> Device:
    return Device(
        id=name,
        site="store-1",
        role=DeviceRole.SDWAN_EDGE,
        serials=(serial, *more) if more else (),
        orchestrator=OrchestratorIdentity(name="meraki1", enterprise_id=organization, edge_id=serial),
    )


def line(name: str, device: str, uplink_name: str, role: LinkRole = LinkRole.PRIMARY) -> Link:
    return Link(id=name, site="store-1", device=device, orchestrator_link=uplink_name, role=role)


def inventory(*devices: Device, links: list[Link]) -> Inventory:
    return Inventory.of(
        clients=[Client(id="acme", name="Acme")],
        sites=[Site(id="store-1", client="acme")],
        devices=list(devices),
        links=links,
    )


TWO_STORES = inventory(
    mx("mx-1", "Q2AA-AAAA-0001"),
    mx("mx-2", "Q2BB-BBBB-0002"),
    links=[
        line("s1-dia", "mx-1", "wan1"),
        line("s1-dsl", "mx-1", "wan2", LinkRole.SECONDARY),
        line("s2-dia", "mx-2", "wan1"),
    ],
)
PAIR = inventory(
    mx("mx-1", "Q2AA-AAAA-0001", "Q2AA-AAAA-0009"),
    links=[line("s1-dia", "mx-1", "wan1"), line("s1-dsl", "mx-1", "wan2", LinkRole.SECONDARY)],
)
TWO_ORGANIZATIONS = inventory(
    mx("mx-1", "Q2AA-AAAA-0001"),
    mx("mx-2", "Q2BB-BBBB-0002", organization="6000"),
    links=[line("s1-dia", "mx-1", "wan1"), line("s2-dia", "mx-2", "wan1")],
)

Opened = Callable[..., Meraki]


@pytest.fixture
async def opened(dashboard: Dashboard) -> AsyncIterator[Opened]:
    """An adapter with what is to differ from the two stores."""
    adapters = []

    def make(known: Inventory = TWO_STORES, **changes: Any) -> Meraki:
        given = {"kind": "meraki", "url": dashboard.url, "token": KEY, "timeout": 5} | changes
        settings = OrchestratorSettings.model_validate(given)
        quota = Quota(settings.calls_per_hour, penalty=0.01)
        adapters.append(Meraki("meraki1", settings, known, ManualClock(NOW), quota))
        return adapters[-1]

    yield make
    for adapter in adapters:
        await adapter.close()


def facts_of(report: Any) -> dict[tuple[str, str], str]:
    return {(fact.subject, fact.kind.value): fact.value for fact in report.facts}


async def test_states_take_two_calls_for_an_organization_with_the_key_as_bearer(dashboard: Dashboard, opened: Opened):
    report = await opened().states()
    assert facts_of(report) == {
        ("mx-1", "edge_state"): "connected",
        ("mx-2", "edge_state"): "connected",
        ("s1-dia", "link_state"): "stable",
        ("s1-dsl", "link_state"): "standby",
        ("s2-dia", "link_state"): "stable",
    }
    assert not report.absent
    assert not report.unmapped
    assert len(dashboard.calls) == 2
    assert {call.headers["Authorization"] for call in dashboard.calls} == {f"Bearer {KEY}"}
    assert dashboard.called(AVAILABILITIES)[0].query["productTypes[]"] == "appliance"


async def test_what_an_organization_leaves_out_is_absent(dashboard: Dashboard, opened: Opened):
    dashboard.replies[STATUSES] = [[appliance("Q2AA-AAAA-0001", uplinks=[uplink("wan1")])]]
    dashboard.replies[AVAILABILITIES] = [[availability("Q2AA-AAAA-0001")]]
    report = await opened().states()
    assert report.absent == ["mx-2", "s1-dsl", "s2-dia"]


@pytest.mark.parametrize("path", [STATUSES, AVAILABILITIES])
async def test_an_empty_answer_for_a_known_organization_is_a_fault(dashboard: Dashboard, opened: Opened, path: str):
    dashboard.replies[path] = [[]]
    with pytest.raises(OrchestratorError, match="empty list, though the inventory has 2 appliances") as raised:
        await opened().states()
    assert raised.value.retryable


async def test_one_window_becomes_one_row_with_loss_latency_and_both_rates(dashboard: Dashboard, opened: Opened):
    samples = await opened().statistics(START, END)
    # 75,000,000 bytes received in 300 s are 2 Mbit/s down, 7,500,000 sent are 200 kbit/s up.
    assert samples.links == ["s1-dia"]
    assert samples.seconds.tolist() == [300]
    assert {name: column.tolist() for name, column in samples.fields.items() if name != "jitter_ms"} == {
        "loss_pct": [0.0],
        "rtt_ms": [20.0],
        "rx_bps": [2_000_000.0],
        "tx_bps": [200_000.0],
    }
    assert math.isnan(samples.fields["jitter_ms"][0])
    query = dashboard.called(LOSS)[0].query
    assert (query["t0"], query["t1"]) == ("2026-03-03T14:00:00Z", "2026-03-03T14:05:00Z")


async def test_a_longer_tick_is_asked_in_pieces_of_five_minutes(dashboard: Dashboard, opened: Opened):
    await opened(tick=600).statistics(START, START + timedelta(minutes=10))
    assert [call.query["t0"][11:16] for call in dashboard.called(LOSS)] == ["14:00", "14:05"]
    assert len(dashboard.called(USAGE)) == 1


async def test_a_tick_of_broken_minutes_is_refused_by_the_settings(opened: Opened):
    with pytest.raises(ConfigurationError, match="whole minutes"):
        opened(tick=90)


async def test_a_window_that_would_be_asked_for_too_early_is_refused_by_the_settings(opened: Opened):
    opened(late=120)
    with pytest.raises(ConfigurationError, match="late is at least 120"):
        opened(late=119)


async def test_without_the_right_to_read_volumes_the_rest_stands(dashboard: Dashboard, opened: Opened):
    dashboard.replies[USAGE] = [lambda _: web.json_response({"errors": ["no"]}, status=403)]
    with capture_logs() as logs:
        samples = await opened().statistics(START, END)
    assert samples.fields["rtt_ms"].tolist() == [20.0]
    assert math.isnan(samples.fields["rx_bps"][0])
    assert [entry["step"] for entry in logs if entry["event"] == "organization_unread"] == ["volumes"]


async def test_loss_is_not_missed_where_no_appliance_is_reached(dashboard: Dashboard, opened: Opened):
    adapter = opened()
    dashboard.replies[LOSS] = [[]]
    await adapter.states()
    with pytest.raises(OrchestratorError, match="empty list"):
        await adapter.statistics(START, END)
    gone = [availability("Q2AA-AAAA-0001", "offline"), availability("Q2BB-BBBB-0002", "dormant")]
    dashboard.replies[AVAILABILITIES] = [gone]
    dashboard.replies[USAGE] = [[]]
    await adapter.states()
    assert len(await adapter.statistics(START, END)) == 0


async def test_an_organization_that_refuses_costs_the_others_nothing(dashboard: Dashboard, opened: Opened):
    dashboard.replies["/organizations/6000/appliance/uplink/statuses"] = [
        lambda _: web.json_response({"errors": ["API access is not enabled for this organization"]}, status=404)
    ]
    with capture_logs() as logs:
        adapter = opened(TWO_ORGANIZATIONS)
        report = await adapter.states()
        await adapter.states()
    assert facts_of(report) == {("mx-1", "edge_state"): "connected", ("s1-dia", "link_state"): "stable"}
    # Neither a state nor "not mentioned": what was known of it stops holding by itself.
    assert not report.absent
    assert ["6000" in entry["id"] for entry in logs if entry["event"] == "organization_unread"] == [True]
    assert "API access is not enabled" in next(entry["error"] for entry in logs if "error" in entry)


async def test_the_source_says_which_organization_does_not_answer_and_is_ok_otherwise(
    dashboard: Dashboard, opened: Opened, store: EmbeddedStore
):
    settings = OrchestratorSettings.model_validate({"kind": "meraki", "url": dashboard.url, "token": KEY})
    clock = ManualClock(NOW)
    watch = OrchestratorWatch(opened(TWO_ORGANIZATIONS), settings, TWO_ORGANIZATIONS, clock, StoreSink(store), store)
    assert await watch.read_states()
    assert "organization 6000" in watch.health().detail
    dashboard.replies["/organizations/6000/appliance/uplink/statuses"] = [[appliance("Q2BB-BBBB-0002")]]
    dashboard.replies["/organizations/6000/devices/availabilities"] = [[availability("Q2BB-BBBB-0002")]]
    assert await watch.read_states()
    assert "6000" not in watch.health().detail


async def test_a_device_without_its_organization_is_told(opened: Opened):
    with pytest.raises(OrchestratorError, match="enterprise_id"):
        await opened(inventory(mx("mx-1", "Q2AA-AAAA-0001", organization=""), links=[])).states()


async def test_a_device_without_its_organization_is_absent_beside_others(opened: Opened):
    stray = mx("mx-3", "Q2CC-CCCC-0003", organization="")
    known = inventory(mx("mx-1", "Q2AA-AAAA-0001"), stray, links=[line("s1-dia", "mx-1", "wan1")])
    assert (await opened(known).states()).absent == ["mx-3"]


async def test_events_are_the_changes_of_our_appliances(dashboard: Dashboard, opened: Opened):
    def change(serial: str, minute: int, old: str, new: str) -> dict[str, Any]:
        return {
            "ts": f"2026-03-03T13:{minute:02d}:00Z",
            "category": "status",
            "device": {"serial": serial, "name": "store", "productType": "appliance", "model": "MX68"},
            "network": {"id": "N_1", "name": "store", "tags": []},
            "details": {"old": [{"name": "status", "value": old}], "new": [{"name": "status", "value": new}]},
        }

    dashboard.replies[CHANGES] = [
        [
            change("Q2BB-BBBB-0002", 0, "alerting", "online"),
            change("Q2AA-AAAA-0001", 30, "online", "offline"),
            change("Q2AA-AAAA-0001", 42, "offline", "online"),
            change("Q2ZZ-ZZZZ-9999", 42, "offline", "online"),
            change("Q2BB-BBBB-0002", 59, "online", "alerting"),
        ]
    ]
    start = datetime(2026, 3, 3, 13, 0, tzinfo=UTC)
    facts = await opened().events(start, start + timedelta(minutes=59))
    assert [(fact.subject, fact.value, fact.time.minute) for fact in facts] == [
        ("mx-2", "online", 0),
        ("mx-1", "offline", 30),
        ("mx-1", "online", 42),
    ]
    assert facts[1].kind is FactKind.EVENT
    assert facts[1].detail == "Q2AA-AAAA-0001 was online, is offline"
    assert dashboard.called(CHANGES)[0].query["productTypes[]"] == "appliance"


async def test_the_plan_is_what_is_called(dashboard: Dashboard, opened: Opened):
    adapter = opened()
    settings = OrchestratorSettings.model_validate(
        {"kind": "meraki", "url": dashboard.url, "token": KEY, "states_every": 60, "tick": 300}
    )
    plan = calls.planned(settings, directory(TWO_STORES, "meraki1"))
    await adapter.states()
    await adapter.statistics(START, END)
    await adapter.events(START, END)
    once = dict.fromkeys(plan.hourly, 0)
    for call in dashboard.calls:
        path = call.path.removeprefix("/api/v1/").replace("5000", "{organization}")
        once[path] += 1
    # An hour has 60 readings of states, 12 ticks that are each read twice, and events with each tick.
    times = {
        calls.UPLINK_STATUSES: 60,
        calls.AVAILABILITIES: 60,
        calls.LOSS_AND_LATENCY: 24,
        calls.USAGE_BY_NETWORK: 24,
        calls.CHANGE_HISTORY: 12,
    }
    assert plan.hourly == {method: times[method] * count for method, count in once.items()}


async def test_a_target_that_gave_no_point_is_not_named(dashboard: Dashboard, opened: Opened):
    silent = measured("Q2AA-AAAA-0001", "wan1", ip="192.0.2.1", minutes=0)
    nameless = measured("Q2AA-AAAA-0001", "wan1", ip="") | {"ip": None}
    dashboard.replies[LOSS] = [[measured("Q2AA-AAAA-0001", "wan1"), silent, nameless]]
    adapter = opened()
    await adapter.statistics(START, END)
    details = {fact.subject: fact.detail for fact in (await adapter.states()).facts}
    assert details["s1-dia"].endswith("; measured to 8.8.8.8")
    assert "measured" not in details["s1-dsl"]


def test_pages_are_planned_for_each_organization_by_itself():
    many = [mx(f"mx-{number}", f"Q2AA-{number:04d}") for number in range(1001)]
    known = directory(inventory(*many, mx("mx-far", "Q2BB", organization="6000"), links=[]), "meraki1")
    settings = OrchestratorSettings.model_validate({"kind": "meraki", "url": "http://127.0.0.1:1", "token": KEY})
    plan = calls.planned(settings, known)
    # Two pages of a thousand for the one, one page for the other, each minute.
    assert plan.hourly[calls.AVAILABILITIES] == 3 * 60
    assert plan.hourly[calls.LOSS_AND_LATENCY] == 2 * 24


async def test_calls_of_several_organizations_are_made_at_once(dashboard: Dashboard, opened: Opened):
    dashboard.replies["/organizations/6000/appliance/uplink/statuses"] = [[appliance("Q2BB-BBBB-0002")]]
    dashboard.replies["/organizations/6000/devices/availabilities"] = [[availability("Q2BB-BBBB-0002")]]
    adapter = opened(TWO_ORGANIZATIONS)
    report = await asyncio.wait_for(adapter.states(), 5)
    assert facts_of(report)["mx-2", "edge_state"] == "connected"
    assert not report.absent
