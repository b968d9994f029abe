"""What one enterprise's events of a VCO mean, and its pages of them, over real HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from collector.model import FactKind
from collector.orchestrator.port import OrchestratorError
from collector.orchestrator.quota import Quota
from collector.orchestrator.velocloud.adapter import VeloCloud
from collector.settings import OrchestratorSettings
from config.clock import ManualClock
from inventory.model import Device, DeviceRole, Inventory, LifeCycle, Link, OrchestratorIdentity

pytestmark = pytest.mark.rim

START = datetime(2026, 3, 3, 12, 0, tzinfo=UTC)
END = START + timedelta(minutes=5)
START_MS = 1772539200000
STATUS = "monitoring/getEnterpriseEdgeLinkStatus"
EVENTS = "event/getEnterpriseEvents"


@pytest.fixture
async def vco(settings: OrchestratorSettings, inventory: Inventory) -> AsyncIterator[VeloCloud]:
    adapter = VeloCloud(
        "vco1", settings, inventory, ManualClock(START + timedelta(minutes=20)), Quota(1_000_000, penalty=0.05)
    )
    yield adapter
    await adapter.close()


def event(number: int, name: str = "LINK_DEAD", **changes: Any) -> Any:
    return {
        "id": number,
        "eventTime": "2026-03-03T12:01:07.000Z",
        "event": name,
        "category": "NETWORK",
        "severity": "ALERT",
        "message": "Link GE1 is now DEAD",
        "detail": None,
        "edgeName": "ACME-0117",
    } | changes


def page(*events: Any, more: bool = False, **meta: Any) -> Any:
    return {"metaData": {"limit": 2048, "more": more, **meta}, "data": list(events)}


@pytest.mark.parametrize(
    ("changes", "subject"),
    [
        ({}, "store-117-dia"),
        ({"message": "Interface USB1 is down", "event": "EDGE_INTERFACE_DOWN"}, "store-117-lte"),
        ({"detail": '{"internalId": "00000001-2222-4AAA-8aaa-0123456789ab"}'}, "store-117-lte"),
        ({"message": "Edge is down", "event": "EDGE_DOWN"}, "edge-117"),
        ({"message": None}, "edge-117"),
        ({"message": "Link GE9 is now DEAD"}, "edge-117"),
        ({"edgeName": "ACME-0118", "message": "Link GE2 is no longer DEAD", "event": "LINK_ALIVE"}, "store-118-cable"),
    ],
)
async def test_an_event_belongs_to_the_line_it_names_else_to_the_device(
    host: Any, vco: VeloCloud, fleet: list[Any], changes: Any, subject: str
) -> None:
    host.replies[STATUS] = [fleet]
    host.replies[EVENTS] = [page(event(1, **changes))]
    (fact,) = await vco.events(START, END)
    assert fact.subject == subject
    assert fact.kind is FactKind.EVENT
    assert fact.value == changes.get("event", "LINK_DEAD")
    assert fact.time == datetime(2026, 3, 3, 12, 1, 7, tzinfo=UTC)


@pytest.mark.parametrize(
    "changes",
    [{"edgeName": "SOMEBODY-ELSE"}, {"eventTime": "0000-00-00 00:00:00"}, {"eventTime": "2026-03-03T12:05:00.000Z"}],
)
async def test_events_of_others_without_a_time_or_outside_the_window_say_nothing(
    host: Any, vco: VeloCloud, fleet: list[Any], changes: Any
) -> None:
    host.replies[STATUS] = [fleet]
    host.replies[EVENTS] = [page(event(1, **changes))]
    assert not await vco.events(START, END)


async def test_an_event_of_a_line_that_is_not_watched_is_the_devices(
    host: Any, settings: OrchestratorSettings, fleet: list[Any]
) -> None:
    identity = OrchestratorIdentity(name="vco1", enterprise_id="41", edge_id="702")
    known = Inventory.of(
        devices=[Device(id="d", site="s", role=DeviceRole.SDWAN_EDGE, orchestrator=identity)],
        links=[Link(id="old", site="s", device="d", interface="GE1", life_cycle=LifeCycle.RETIRED)],
    )
    host.replies[STATUS] = [fleet]
    host.replies[EVENTS] = [page(event(1))]
    vco = VeloCloud("vco1", settings, known, ManualClock(END), Quota(1_000_000))
    (fact,) = await vco.events(START, END)
    await vco.close()
    assert fact.subject == "d"


async def test_every_page_of_events_is_read(host: Any, vco: VeloCloud, fleet: list[Any]) -> None:
    host.replies[STATUS] = [fleet]
    later = {"eventTime": "2026-03-03T12:02:00.000Z", "event": "LINK_ALIVE"}
    host.replies[EVENTS] = [page(event(1), more=True, nextPageLink="abc"), page(event(2, **later))]
    assert [fact.value for fact in await vco.events(START, END)] == ["LINK_DEAD", "LINK_ALIVE"]
    assert [call.body.get("nextPageLink") for call in host.called(EVENTS)] == [None, "abc"]


async def test_more_events_without_a_link_to_them_are_asked_for_in_halves(
    host: Any, vco: VeloCloud, fleet: list[Any]
) -> None:
    def first_five_minutes_overflow(_request: Any, body: Any) -> Any:
        from aiohttp import web

        whole = body["interval"]["end"] - body["interval"]["start"] == 300_000
        inside = body["interval"]["start"] <= START_MS + 67_000 < body["interval"]["end"]
        return web.json_response(page(*[event(1)] * inside, more=whole))

    host.replies[STATUS] = [fleet]
    host.replies[EVENTS] = [first_five_minutes_overflow]
    assert len(await vco.events(START, END)) == 1
    assert len(host.called(EVENTS)) == 3


async def test_pages_that_go_in_a_circle_end_in_an_error(host: Any, vco: VeloCloud, fleet: list[Any]) -> None:
    host.replies[STATUS] = [fleet]
    host.replies[EVENTS] = [page(event(1), more=True, nextPageLink="abc")]
    with pytest.raises(OrchestratorError, match="circle"):
        await vco.events(START, END)


@pytest.mark.parametrize("answer", [[], {"metaData": {}}, {"data": {}}])
async def test_events_that_are_no_pages_are_a_fault(host: Any, vco: VeloCloud, fleet: list[Any], answer: Any) -> None:
    host.replies = {STATUS: [fleet], EVENTS: [answer]}
    with pytest.raises(OrchestratorError, match="not an object with a list `data`"):
        await vco.events(START, END)


async def test_two_edges_of_one_name_are_not_guessed_between(host: Any, vco: VeloCloud, fleet: list[Any]) -> None:
    fleet[2]["edgeName"] = "ACME-0117"
    host.replies[STATUS] = [fleet]
    host.replies[EVENTS] = [page(event(1))]
    assert not await vco.events(START, END)
