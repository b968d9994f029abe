"""When a VCO is asked for the HA states of pairs, and what they say between two readings. Over real HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp import web

from collector.model import Fact, FactKind
from collector.orchestrator.quota import Quota
from collector.orchestrator.velocloud.adapter import VeloCloud
from collector.settings import OrchestratorSettings
from config.clock import ManualClock
from inventory.model import Inventory

pytestmark = pytest.mark.rim

NOW = datetime(2026, 3, 3, 14, 3, tzinfo=UTC)
STATUS = "monitoring/getEnterpriseEdgeLinkStatus"
ALL = "network/getNetworkEnterprises"
ONE = "enterprise/getEnterpriseEdges"
EVENTS = "event/getEnterpriseEvents"
FIRST, SECOND = "VC05990000117", "VC05990000118"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


@pytest.fixture
async def vco(settings: OrchestratorSettings, inventory: Inventory, clock: ManualClock) -> AsyncIterator[VeloCloud]:
    adapter = VeloCloud("vco1", settings, inventory, clock, Quota(1_000_000, penalty=0.05))
    yield adapter
    await adapter.close()


@pytest.fixture
def pair(host: Any, fleet: list[Any]) -> list[Any]:
    """Edge 702 is a pair, and well."""
    for row in fleet[:2]:
        row |= {"edgeSerialNumber": FIRST, "edgeHASerialNumber": SECOND}
    host.replies = {STATUS: [fleet], ALL: [enterprises("READY")]}
    return fleet


def enterprises(state: str | None) -> list[Any]:
    return [{"id": 41, "edges": [{"id": 702, "haState": state}, {"id": 703, "haState": "UNCONFIGURED"}]}]


def refused(*_: object) -> web.Response:
    return web.Response(status=403)


def failing(*_: object) -> web.Response:
    return web.Response(status=500)


async def ha_of(vco: VeloCloud) -> Fact:
    (fact,) = (fact for fact in (await vco.states()).facts if fact.kind is FactKind.HA_STATE)
    return fact


async def test_ha_states_are_read_each_five_minutes_and_never_claim_to_be_fresher(
    host: Any, vco: VeloCloud, clock: ManualClock, pair: list[Any]
) -> None:
    del pair
    times = []
    for minute in range(11):
        clock.move_to(NOW + timedelta(minutes=minute))
        times.append((await ha_of(vco)).time)
    assert len(host.called(STATUS)) == 11
    assert len(host.called(ALL)) == 3
    assert times == [NOW] * 5 + [NOW + timedelta(minutes=5)] * 5 + [NOW + timedelta(minutes=10)]


async def test_only_enterprises_with_pairs_of_ours_are_asked_for(
    host: Any, vco: VeloCloud, fleet: list[Any], status_row: Any, pair: list[Any]
) -> None:
    del pair
    fleet.append(status_row(edgeId=999, enterpriseId=77, edgeHASerialNumber=SECOND))
    await ha_of(vco)
    assert [call.body for call in host.called(ALL)] == [{"enterprises": [41], "with": ["edges"]}]


async def test_a_fleet_without_pairs_is_never_asked(host: Any, vco: VeloCloud, fleet: list[Any]) -> None:
    host.replies[STATUS] = [fleet]
    await vco.states()
    assert [call.method for call in host.calls] == [STATUS]


async def test_a_failover_is_seen_by_the_serials_that_changed_places_and_stays_one_edge(
    host: Any, vco: VeloCloud, clock: ManualClock, pair: list[Any]
) -> None:
    assert (await ha_of(vco)).value == "ready"
    for row in pair[:2]:
        row |= {"edgeSerialNumber": SECOND, "edgeHASerialNumber": FIRST}
    host.replies[ALL] = [enterprises("FAILED")]
    clock.move_to(NOW + timedelta(minutes=1))
    fact = await ha_of(vco)
    assert (fact.subject, fact.value, fact.time) == ("edge-117", "failed", clock.now())
    assert "standby is lost" in fact.detail
    clock.move_to(NOW + timedelta(minutes=2))
    await ha_of(vco)
    assert len(host.called(ALL)) == 2


async def test_an_ha_event_has_the_states_read_at_once_and_an_old_one_does_not(
    host: Any, vco: VeloCloud, clock: ManualClock, pair: list[Any]
) -> None:
    del pair

    def told(at: str, name: str) -> dict[str, Any]:
        event = {"eventTime": at, "event": name, "message": "", "edgeName": "ACME-0117"}
        return {"metaData": {"more": False}, "data": [event]}

    await ha_of(vco)
    host.replies[EVENTS] = [told("2026-03-03T14:02:00.000Z", "HA_FAILED")]
    clock.move_to(NOW + timedelta(minutes=1))
    await vco.events(NOW - timedelta(hours=1), clock.now())
    await ha_of(vco)
    assert len(host.called(ALL)) == 1
    host.replies[EVENTS] = [told("2026-03-03T14:04:30.000Z", "HA_GOING_ACTIVE")]
    clock.move_to(NOW + timedelta(minutes=2))
    await vco.events(NOW - timedelta(hours=1), clock.now())
    await ha_of(vco)
    await ha_of(vco)
    assert len(host.called(ALL)) == 2


async def test_the_state_of_a_pair_without_contact_is_old_and_read_anew_when_contact_is_back(
    host: Any, vco: VeloCloud, clock: ManualClock, pair: list[Any]
) -> None:
    await ha_of(vco)
    for row in pair[:2]:
        row["edgeState"] = "OFFLINE"
    clock.move_to(NOW + timedelta(minutes=1))
    lost = await ha_of(vco)
    assert (lost.value, lost.time) == ("unknown", clock.now())
    assert "contact lost; before that READY" in lost.detail
    assert len(host.called(ALL)) == 1
    for row in pair[:2]:
        row["edgeState"] = "CONNECTED"
    clock.move_to(NOW + timedelta(minutes=2))
    back = await ha_of(vco)
    assert (back.value, back.time) == ("ready", clock.now())


async def test_a_partner_who_may_not_ask_for_all_asks_each_enterprise_and_not_again_for_all(
    host: Any, vco: VeloCloud, clock: ManualClock, pair: list[Any]
) -> None:
    del pair
    host.replies |= {ALL: [refused], ONE: [[{"id": 702, "haState": "FAILED"}]]}
    assert (await ha_of(vco)).value == "failed"
    clock.move_to(NOW + timedelta(minutes=5))
    assert (await ha_of(vco)).time == clock.now()
    assert len(host.called(ALL)) == 1
    assert [call.body for call in host.called(ONE)] == [{"enterpriseId": 41}] * 2


async def test_many_enterprises_have_their_turn_one_after_the_other(
    host: Any, settings: OrchestratorSettings, inventory: Inventory, clock: ManualClock, status_row: Any
) -> None:
    first = inventory.devices["edge-117"]
    assert first.orchestrator
    devices = [
        replace(
            first,
            id=f"edge-{number}",
            orchestrator=replace(first.orchestrator, edge_id=str(number), enterprise_id=str(100 + number)),
        )
        for number in range(6)
    ]
    host.replies = {
        STATUS: [[status_row(edgeId=n, enterpriseId=100 + n, edgeHASerialNumber=SECOND) for n in range(6)]],
        ALL: [refused],
        ONE: [lambda _, body: web.json_response([{"id": body["enterpriseId"] - 100, "haState": "READY"}])],
    }
    vco = VeloCloud("vco1", settings, Inventory.of(devices=devices), clock, Quota(1_000_000))
    readings = []
    for minute in range(3):
        clock.move_to(NOW + timedelta(minutes=minute))
        facts = (await vco.states()).facts
        readings.append([fact.value for fact in facts if fact.kind is FactKind.HA_STATE].count("ready"))
    await vco.close()
    assert readings == [4, 6, 6]
    assert len(host.called(ONE)) == 6


async def test_a_reading_that_fails_leaves_the_last_one_for_a_quarter_of_an_hour(
    host: Any, vco: VeloCloud, clock: ManualClock, pair: list[Any]
) -> None:
    del pair
    await ha_of(vco)
    host.replies[ALL] = [failing]
    for minute, value in ((5, "ready"), (14, "ready"), (15, "unknown")):
        clock.move_to(NOW + timedelta(minutes=minute))
        fact = await ha_of(vco)
        assert fact.value == value
        assert fact.time == (NOW if value == "ready" else clock.now())
    host.replies[ALL] = [enterprises("READY")]
    assert (await ha_of(vco)).value == "ready"


async def test_a_pair_of_the_inventory_whose_standby_the_host_does_not_know_is_told(
    host: Any, settings: OrchestratorSettings, inventory: Inventory, clock: ManualClock, fleet: list[Any]
) -> None:
    devices = [
        replace(device, serials=(FIRST, SECOND)) if device.id == "edge-117" else device
        for device in inventory.devices.values()
    ]
    known = Inventory.of(devices=devices, links=inventory.links.values())
    host.replies = {STATUS: [fleet], ALL: [enterprises("UNCONFIGURED")]}
    vco = VeloCloud("vco1", settings, known, clock, Quota(1_000_000))
    assert (await ha_of(vco)).value == "unconfigured"
    await vco.close()
