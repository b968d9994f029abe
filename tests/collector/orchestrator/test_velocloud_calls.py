"""What `check` says will be called, against the calls that a real host counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from collector.journal import Journal
from collector.model import Fact, SampleBatch
from collector.orchestrator.directory import directory
from collector.orchestrator.quota import Quota
from collector.orchestrator.velocloud.adapter import VeloCloud
from collector.orchestrator.velocloud.calls import planned
from collector.orchestrator.watch import OrchestratorWatch
from collector.settings import OrchestratorSettings
from collector.store.embedded import EmbeddedStore
from config.clock import ManualClock
from inventory.model import Device, DeviceRole, Inventory, Link, OrchestratorIdentity

START = datetime(2026, 3, 3, 12, 0, tzinfo=UTC)
STATUS = "monitoring/getEnterpriseEdgeLinkStatus"
METRICS = "monitoring/getAggregateEdgeLinkMetrics"
AGGREGATE_EVENTS = "monitoring/getAggregateEnterpriseEvents"
EVENTS = "event/getEnterpriseEvents"
PAIRS = "network/getNetworkEnterprises"
GATEWAYS = "network/getNetworkGateways"


class Sink:
    """Keeps nothing: every window is asked for as at a host whose answers bring nothing new."""

    async def samples(self, batch: SampleBatch) -> None: ...

    async def facts(self, facts: Sequence[Fact]) -> None: ...


def fleet_of(enterprises: Sequence[str], *, pair: bool, inventory: Inventory) -> Inventory:
    """One edge in each enterprise, a pair in the first if wanted."""
    devices = [
        Device(
            id=f"edge-{enterprise}",
            site="store-117",
            role=DeviceRole.SDWAN_EDGE,
            serials=("VC1", "VC2") if pair and enterprise == enterprises[0] else ("VC3",),
            orchestrator=OrchestratorIdentity(name="vco1", enterprise_id=enterprise, edge_id=f"7{enterprise}"),
        )
        for enterprise in enterprises
    ]
    links = [
        Link(
            id=f"line-{enterprise}", site="store-117", device=f"edge-{enterprise}", orchestrator_link=f"i-{enterprise}"
        )
        for enterprise in enterprises
    ]
    sites, clients = inventory.sites.values(), inventory.clients.values()
    return Inventory.of(clients=clients, sites=sites, devices=devices, links=links)


def rows_of(fleet: Inventory) -> list[Any]:
    rows = []
    for device in fleet.devices.values():
        identity = device.orchestrator
        assert identity is not None
        rows.append(
            {
                "enterpriseId": int(identity.enterprise_id),
                "edgeId": int(identity.edge_id),
                "edgeName": device.id,
                "edgeState": "CONNECTED",
                "edgeSerialNumber": "VC1",
                "edgeHASerialNumber": "VC2" if len(device.serials) > 1 else None,
                "internalId": f"i-{identity.enterprise_id}",
                "linkId": int(identity.edge_id),
                "linkState": "STABLE",
            }
        )
    return rows


@pytest.mark.rim
@pytest.mark.parametrize(
    ("enterprises", "pair", "changes", "expected"),
    [
        (["41"], False, {}, {STATUS: 60, METRICS: 24, EVENTS: 12, GATEWAYS: 12}),
        (["41", "42"], True, {}, {STATUS: 60, METRICS: 24, AGGREGATE_EVENTS: 12, GATEWAYS: 12, PAIRS: 12}),
        (["41"], True, {"states_every": 240}, {STATUS: 15, METRICS: 24, EVENTS: 12, GATEWAYS: 12, PAIRS: 7.5}),
        (["41"], False, {"statistics_every": 300}, {STATUS: 60, METRICS: 24, EVENTS: 12, GATEWAYS: 12}),
    ],
)
async def test_the_plan_is_what_a_host_counts_in_an_hour(
    host: Any,
    inventory: Inventory,
    tmp_path: Path,
    enterprises: list[str],
    pair: bool,
    changes: Any,
    expected: dict[str, float],
) -> None:
    settings = OrchestratorSettings.model_validate({"url": host.url, "token": "t0k3n", **changes})
    fleet = fleet_of(enterprises, pair=pair, inventory=inventory)
    status = rows_of(fleet)
    page = {"metaData": {"more": False}, "data": []}
    host.replies = {
        STATUS: [status],
        METRICS: [[{"linkId": row["linkId"], "bytesRx": 1, "bytesTx": 1, "link": row} for row in status]],
        EVENTS: [page],
        AGGREGATE_EVENTS: [page],
        PAIRS: [[{"id": 41, "edges": [{"id": row["edgeId"], "haState": "READY"} for row in status]}]],
        GATEWAYS: [[]],
    }
    clock = ManualClock(START)
    vco = VeloCloud("vco1", settings, fleet, clock, Quota(1_000_000))
    store = EmbeddedStore(Journal(tmp_path / "journal.sqlite"), tmp_path, 95)
    watch = OrchestratorWatch(vco, settings, fleet, clock, Sink(), store)
    two_hours = 2 * 3600
    for second in range(0, two_hours, 60):
        clock.move_to(START + timedelta(seconds=second))
        if second == two_hours // 2:
            host.calls.clear()
        if second % settings.tick == 0:
            await watch.read_events()
            await vco.own_parts()
        if second % settings.states_every == 0:
            await watch.read_states()
        if second % settings.statistics_every == 0:
            await watch.read_statistics()
    await vco.close()
    await store.close()
    plan = planned(settings, directory(fleet, "vco1"))
    assert plan.hourly == expected
    counted = Counter(call.method for call in host.calls)
    assert counted.keys() == plan.hourly.keys()
    assert all(abs(counted[method] - calls) < 1 for method, calls in plan.hourly.items())


@pytest.mark.rim
async def test_the_plan_of_a_listing_is_what_a_host_counts(host: Any, inventory: Inventory) -> None:
    settings = OrchestratorSettings.model_validate({"url": host.url, "token": "t0k3n"})
    fleet = fleet_of(["41", "42", "43"], pair=False, inventory=inventory)

    def edges(_request: Any, body: Any) -> Any:
        one = {"id": int(f"7{body['enterpriseId']}"), "activationState": "ACTIVATED", "links": [{"internalId": "i"}]}
        return web.json_response([one])

    host.replies = {
        PAIRS: [[{"id": 41}, {"id": 42}, {"id": 43}]],
        "enterprise/getEnterpriseEdges": [edges],
        "edge/getEdgeConfigurationModules": [{"WAN": {"data": {"links": []}}}],
    }
    vco = VeloCloud("vco1", settings, fleet, ManualClock(START), Quota(1_000_000))
    plan = planned(settings, directory(fleet, "vco1"))
    await vco.listing()
    assert len(host.calls) == plan.listing == 7
    host.calls.clear()
    await vco.listing(rates=False)
    assert len(host.calls) == 4
    assert "of a listing 4 calls are for the edges" in plan.notes[0]
    await vco.close()


def test_the_past_is_read_once_for_each_watched_edge_in_windows_of_1024_ticks(inventory: Inventory) -> None:
    settings = OrchestratorSettings.model_validate({"url": "http://127.0.0.1", "token": "t", "history_days": 4})
    fleet = fleet_of(["41", "42"], pair=False, inventory=inventory)
    three_and_a_half_days_at_most = 2
    assert planned(settings, directory(fleet, "vco1")).at_first_contact == 2 * three_and_a_half_days_at_most


def test_an_enterprise_of_more_edges_than_a_page_holds_is_listed_in_pages(inventory: Inventory) -> None:
    devices = [
        Device(
            id=f"edge-{number}",
            site="store-117",
            role=DeviceRole.SDWAN_EDGE,
            orchestrator=OrchestratorIdentity(name="vco1", enterprise_id="41", edge_id=str(number)),
        )
        for number in range(501)
    ]
    fleet = Inventory.of(clients=inventory.clients.values(), sites=inventory.sites.values(), devices=devices, links=[])
    settings = OrchestratorSettings.model_validate({"url": "http://127.0.0.1", "token": "t"})
    assert planned(settings, directory(fleet, "vco1")).listing == 1 + 2 + 501


def test_an_account_with_fewer_rights_is_told_what_that_costs(inventory: Inventory) -> None:
    settings = OrchestratorSettings.model_validate({"url": "http://127.0.0.1", "token": "t"})
    fleet = fleet_of(["41", "42", "43"], pair=True, inventory=inventory)
    notes = " ".join(planned(settings, directory(fleet, "vco1")).notes)
    assert f"{AGGREGATE_EVENTS} asks each enterprise: 36 calls an hour" in notes
    assert f"{PAIRS} asks each enterprise that has pairs: up to 36 calls an hour" in notes


@pytest.mark.parametrize(("enterprises", "pair", "notes"), [(["41"], True, 1), (["41", "42"], False, 2)])
def test_what_rights_cannot_change_is_not_told(
    inventory: Inventory, enterprises: list[str], pair: bool, notes: int
) -> None:
    settings = OrchestratorSettings.model_validate({"url": "http://127.0.0.1", "token": "t"})
    fleet = fleet_of(enterprises, pair=pair, inventory=inventory)
    assert len(planned(settings, directory(fleet, "vco1")).notes) == notes


def test_a_host_without_devices_of_ours_is_asked_for_states_all_the_same(inventory: Inventory) -> None:
    settings = OrchestratorSettings.model_validate({"url": "http://127.0.0.1", "token": "t"})
    plan = planned(settings, directory(inventory, "vco9"))
    assert EVENTS not in plan.hourly
    assert AGGREGATE_EVENTS not in plan.hourly
    assert (plan.at_first_contact, plan.listing) == (0, 1)
