"""A VCO's events: whom to ask, every page, and which of our devices and lines each is about. Over real HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp import web
from structlog.testing import capture_logs

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
AGGREGATE = "monitoring/getAggregateEnterpriseEvents"
DIA = "00000001-1111-4aaa-8aaa-0123456789ab"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START + timedelta(minutes=20))


@pytest.fixture
async def vco(settings: OrchestratorSettings, inventory: Inventory, clock: ManualClock) -> AsyncIterator[VeloCloud]:
    """A host with one enterprise of ours."""
    adapter = VeloCloud("vco1", settings, inventory, clock, Quota(1_000_000, penalty=0.05))
    yield adapter
    await adapter.close()


@pytest.fixture
def two_enterprises(inventory: Inventory) -> Inventory:
    """Beside enterprise 41 a pair of boxes, edge 901 of enterprise 42."""
    pair = Device(
        id="pair-201",
        site="store-118",
        role=DeviceRole.SDWAN_EDGE,
        serials=("VC1", "VC2"),
        orchestrator=OrchestratorIdentity(name="vco1", enterprise_id="42", edge_id="901"),
    )
    line = Link(id="store-201-fibre", site="store-118", device="pair-201", interface="GE3", orchestrator_link="i-201")
    return Inventory.of(
        clients=inventory.clients.values(),
        sites=inventory.sites.values(),
        devices=[*inventory.devices.values(), pair],
        links=[*inventory.links.values(), line],
    )


@pytest.fixture
async def provider(
    settings: OrchestratorSettings, two_enterprises: Inventory, clock: ManualClock
) -> AsyncIterator[VeloCloud]:
    """A host with two enterprises of ours."""
    adapter = VeloCloud("vco1", settings, two_enterprises, clock, Quota(1_000_000, penalty=0.05))
    yield adapter
    await adapter.close()


def event(name: str = "LINK_DEAD", **changes: Any) -> Any:
    """As event/getEnterpriseEvents tells it: without ids."""
    return {
        "id": 88120301,
        "eventTime": "2026-03-03T12:01:07.000Z",
        "event": name,
        "category": "NETWORK",
        "severity": "ALERT",
        "message": "Link GE1 is now DEAD",
        "detail": None,
        "edgeName": "ACME-0117",
        "enterpriseUsername": "",
        "segmentName": None,
    } | changes


def told(name: str = "LINK_DEAD", **changes: Any) -> Any:
    """As monitoring/getAggregateEnterpriseEvents tells it: with ids."""
    return event(name, **({"enterpriseId": 41, "enterpriseName": "Acme Dental|90001|", "edgeId": 702} | changes))


def page(*events: Any, more: object = False, **meta: Any) -> Any:
    return {"metaData": {"limit": 2048, "more": more, **meta}, "data": list(events)}


def refusal(status: int, code: int = -32603) -> Callable[..., web.Response]:
    """How a VCO says that an account has no right to a method; 403 alone is what a proxy before it says."""
    words = "user does not have privilege [READ:ENTERPRISE] required to access [it]"
    return lambda *_: web.json_response({"error": {"code": code, "message": words}}, status=status)


@pytest.mark.parametrize(
    ("changes", "subject"),
    [
        ({}, "store-117-dia"),
        ({"message": "Interface USB1 is down", "event": "EDGE_INTERFACE_DOWN"}, "store-117-lte"),
        ({"message": "Link GE9 is now DEAD"}, "edge-117"),
        ({"message": "Edge is down", "event": "EDGE_DOWN"}, "edge-117"),
        ({"message": "words that nobody wrote", "detail": f'{{"internalId":"{DIA}"}}'}, "store-117-dia"),
        ({"detail": '{"internalId":"another line that had this port"}'}, "edge-117"),
        ({"detail": "[" * 100_000}, "store-117-dia"),
    ],
)
async def test_an_event_belongs_to_the_line_it_names_else_to_the_device(
    host: Any, provider: VeloCloud, changes: Any, subject: str
) -> None:
    host.replies[AGGREGATE] = [page(told(**changes))]
    (fact,) = await provider.events(START, END)
    assert fact.subject == subject
    assert fact.kind is FactKind.EVENT
    assert fact.time == START + timedelta(minutes=1, seconds=7)
    assert fact.received_at == START + timedelta(minutes=20)


async def test_the_edge_id_counts_and_not_a_name_that_was_given_anew(host: Any, provider: VeloCloud) -> None:
    host.replies[AGGREGATE] = [page(told(edgeId=703, edgeName="ACME-0117", message="Link GE2 is now DEAD"))]
    (fact,) = await provider.events(START, END)
    assert fact.subject == "store-118-cable"
    assert not host.called(STATUS)


async def test_without_an_edge_id_the_name_finds_the_edge_within_its_enterprise(
    host: Any, provider: VeloCloud, fleet: list[Any]
) -> None:
    namesake = fleet[2] | {"enterpriseId": 42, "edgeId": 901, "edgeName": "ACME-0117"}
    host.replies = {STATUS: [[*fleet, namesake]], AGGREGATE: [page(told(edgeId=None))]}
    (fact,) = await provider.events(START, END)
    assert fact.subject == "store-117-dia"


@pytest.mark.parametrize(
    "changes",
    [
        {"edgeId": 999},
        {"enterpriseId": 77, "edgeId": 999, "edgeName": "ACME-0117"},
        {"enterpriseId": 77},
        {"edgeId": None, "edgeName": None},
        {"eventTime": "0000-00-00 00:00:00"},
        {"eventTime": None},
        {"event": None},
        {"eventTime": "2026-03-03T11:59:59.999Z"},
        {"eventTime": "2026-03-03T12:05:00.000Z"},
        {"event": "MGD_CONF_APPLIED"},
    ],
)
async def test_events_of_others_without_a_time_outside_the_window_or_not_asked_for_say_nothing(
    host: Any, provider: VeloCloud, changes: Any
) -> None:
    host.replies[AGGREGATE] = [page(told(**changes))]
    assert not await provider.events(START, END)


async def test_the_first_moment_of_a_window_is_in_it(host: Any, provider: VeloCloud) -> None:
    host.replies[AGGREGATE] = [page(told(eventTime="2026-03-03T12:00:00.000Z"))]
    assert [fact.time for fact in await provider.events(START, END)] == [START]


async def test_one_damaged_event_takes_no_other_with_it(host: Any, provider: VeloCloud) -> None:
    broken = [None, 7, "text", {}, told(eventTime=[]), told(event={"a": 1}), told(message=5, detail=7)]
    host.replies[AGGREGATE] = [page(*broken, told("LINK_ALIVE"))]
    facts = await provider.events(START, END)
    assert [(fact.value, fact.subject) for fact in facts] == [
        ("LINK_DEAD", "edge-117"),
        ("LINK_ALIVE", "store-117-dia"),
    ]


async def test_a_pair_is_one_device_before_and_after_its_boxes_change_places(host: Any, provider: VeloCloud) -> None:
    pair = {"enterpriseId": 42, "edgeId": 901, "edgeName": "STORE-201"}
    before = {"id": 901, "serialNumber": "VC1", "haSerialNumber": "VC2"}
    after = {"id": 901, "serialNumber": "VC2", "haSerialNumber": "VC1"}
    host.replies[AGGREGATE] = [
        page(
            told("HA_GOING_ACTIVE", **pair, edge=before, message="standby VC2 is going active"),
            told("HA_READY", **pair, edge=after, message="VC1 is ready", eventTime="2026-03-03T12:03:00.000Z"),
        )
    ]
    facts = await provider.events(START, END)
    assert [(fact.subject, fact.value) for fact in facts] == [("pair-201", "HA_GOING_ACTIVE"), ("pair-201", "HA_READY")]


async def test_all_our_customers_are_asked_for_in_one_call_with_the_limit_and_the_detail_it_needs(
    host: Any, provider: VeloCloud
) -> None:
    other: Any = {"enterpriseId": 42, "edgeId": 901, "edgeName": "STORE-201", "detail": '{"internalId":"i-201"}'}
    host.replies[AGGREGATE] = [page(told(), told(**other))]
    assert [fact.subject for fact in await provider.events(START, END)] == ["store-117-dia", "store-201-fibre"]
    (call,) = host.calls
    assert call.body["filter"]["limit"] == 2048
    assert call.body["detail"] is True
    assert call.body["interval"] == {"start": START_MS, "end": START_MS + 300_000}
    (rule,) = call.body["filter"]["rules"]
    assert (rule["field"], rule["op"]) == ("event", "is")
    assert {"LINK_DEAD", "EDGE_DOWN", "HA_FAILED"} <= set(rule["values"])


async def test_a_single_customer_of_ours_is_asked_alone_so_that_no_other_customers_events_are_read(
    host: Any, vco: VeloCloud, fleet: list[Any]
) -> None:
    host.replies = {STATUS: [fleet], EVENTS: [page(event())]}
    (fact,) = await vco.events(START, END)
    assert fact.subject == "store-117-dia"
    assert host.called(EVENTS)[0].body["enterpriseId"] == 41
    assert not host.called(AGGREGATE)


@pytest.mark.parametrize("refused", [refusal(400), refusal(403), refusal(200), refusal(404), refusal(400, -32600)])
async def test_an_account_that_may_not_ask_for_all_asks_each_customer_and_tries_again_after_a_day(
    host: Any, provider: VeloCloud, clock: ManualClock, fleet: list[Any], refused: Any
) -> None:
    host.replies = {AGGREGATE: [refused], STATUS: [fleet], EVENTS: [page(event())]}
    with capture_logs() as logs:
        for _ in range(3):
            facts = await provider.events(START, END)
            assert [fact.subject for fact in facts] == ["store-117-dia"]
    assert [call.body["enterpriseId"] for call in host.called(EVENTS)] == [41, 42] * 3
    assert len(host.called(AGGREGATE)) == 1
    (said,) = [entry for entry in logs if entry["event"] == "orchestrator_refuses"]
    assert said["what"] == AGGREGATE
    clock.move_to(clock.now() + timedelta(hours=23, minutes=59))
    await provider.events(START, END)
    assert len(host.called(AGGREGATE)) == 1
    clock.move_to(clock.now() + timedelta(minutes=1))
    host.replies[AGGREGATE] = [page(told())]
    await provider.events(START, END)
    await provider.events(START, END)
    assert len(host.called(AGGREGATE)) == 3
    assert len(host.called(EVENTS)) == 8


@pytest.mark.parametrize(
    "fault",
    [
        lambda *_: web.Response(status=500),
        lambda *_: web.Response(text="<html>"),
        lambda *_: web.json_response({"error": {"code": -32000, "message": "tokenError [expired session cookie]"}}),
    ],
)
async def test_a_host_in_trouble_is_an_error_and_no_refusal(host: Any, provider: VeloCloud, fault: Any) -> None:
    host.replies = {AGGREGATE: [fault], EVENTS: [page()]}
    for _ in range(2):
        with pytest.raises(OrchestratorError):
            await provider.events(START, END)
    assert len(host.called(AGGREGATE)) == 2
    assert not host.called(EVENTS)


async def test_a_customer_that_is_refused_does_not_silence_the_others(
    host: Any, provider: VeloCloud, fleet: list[Any]
) -> None:
    def by_enterprise(request: Any, body: Any) -> Any:
        return refusal(400)(request) if body["enterpriseId"] == 42 else web.json_response(page(event()))

    host.replies = {AGGREGATE: [refusal(403)], STATUS: [fleet], EVENTS: [by_enterprise]}
    with capture_logs() as logs:
        for _ in range(2):
            assert [fact.subject for fact in await provider.events(START, END)] == ["store-117-dia"]
    said = [entry["what"] for entry in logs if entry["event"] == "orchestrator_refuses"]
    assert said == [AGGREGATE, "events of enterprise 42"]


async def test_when_every_customer_is_refused_that_is_an_error_each_time(host: Any, provider: VeloCloud) -> None:
    host.replies = {AGGREGATE: [refusal(403)], EVENTS: [refusal(400)]}
    for _ in range(2):
        with pytest.raises(OrchestratorError, match=r"getEnterpriseEvents.*check ids and rights"):
            await provider.events(START, END)


async def test_one_customer_in_trouble_is_an_error_so_that_nothing_is_taken_for_read(
    host: Any, provider: VeloCloud
) -> None:
    def by_enterprise(_request: Any, body: Any) -> Any:
        return web.Response(status=502) if body["enterpriseId"] == 42 else web.json_response(page())

    host.replies = {AGGREGATE: [refusal(403)], EVENTS: [by_enterprise]}
    with pytest.raises(OrchestratorError, match="502"):
        await provider.events(START, END)


async def test_names_that_a_host_never_told_are_asked_for_once(host: Any, vco: VeloCloud, fleet: list[Any]) -> None:
    host.replies = {STATUS: [fleet], EVENTS: [page(event())]}
    await vco.events(START, END)
    await vco.events(START, END)
    assert len(host.called(STATUS)) == 1


async def test_no_customer_of_ours_means_no_call(
    host: Any, settings: OrchestratorSettings, inventory: Inventory, clock: ManualClock
) -> None:
    elsewhere = VeloCloud("vco9", settings, inventory, clock, Quota(1_000_000))
    assert not await elsewhere.events(START, END)
    await elsewhere.close()
    assert not host.calls


@pytest.mark.parametrize("more", [True, "true", 1])
async def test_every_page_is_read_by_its_link(host: Any, provider: VeloCloud, more: object) -> None:
    later = told("LINK_ALIVE", eventTime="2026-03-03T12:02:00.000Z")
    last = told("EDGE_DOWN", eventTime="2026-03-03T12:03:00.000Z")
    host.replies[AGGREGATE] = [
        page(told(), more=more, nextPageLink="abc"),
        page(later, more=more, nextPageLink="def"),
        page(last),
    ]
    assert [fact.value for fact in await provider.events(START, END)] == ["LINK_DEAD", "LINK_ALIVE", "EDGE_DOWN"]
    assert [call.body.get("nextPageLink") for call in host.calls] == [None, "abc", "def"]


@pytest.mark.parametrize(
    "meta", [{"more": False, "nextPageLink": "abc"}, {"more": "false"}, {"more": None}, {}, None, 7]
)
async def test_without_more_there_is_no_further_page(host: Any, provider: VeloCloud, meta: Any) -> None:
    host.replies[AGGREGATE] = [{"metaData": meta, "data": [told()]}]
    assert len(await provider.events(START, END)) == 1
    assert len(host.calls) == 1


async def test_more_events_without_a_link_to_them_are_asked_for_in_halves_each_told_once(
    host: Any, provider: VeloCloud
) -> None:
    def overflows_beyond_two_minutes(_: Any, body: Any) -> Any:
        start, end = body["interval"]["start"] - START_MS, body["interval"]["end"] - START_MS
        inside = start <= 67_000 <= end
        return web.json_response(page(*[told()] * inside, more=end - start > 120_000))

    host.replies[AGGREGATE] = [overflows_beyond_two_minutes]
    assert len(await provider.events(START, END)) == 1
    assert len(host.calls) == 7


async def test_more_events_in_two_seconds_than_a_host_gives_are_an_error(host: Any, provider: VeloCloud) -> None:
    host.replies[AGGREGATE] = [page(told(), more=True)]
    with pytest.raises(OrchestratorError, match="two seconds"):
        await provider.events(START, START + timedelta(seconds=2))


async def test_pages_in_a_circle_are_an_error(host: Any, provider: VeloCloud) -> None:
    host.replies[AGGREGATE] = [
        page(told(), more=True, nextPageLink="abc"),
        page(told(), more=True, nextPageLink="def"),
        page(told(), more=True, nextPageLink="abc"),
    ]
    with pytest.raises(OrchestratorError, match="circle") as caught:
        await provider.events(START, END)
    assert caught.value.retryable
    assert len(host.calls) == 3


async def test_pages_without_end_are_an_error(host: Any, provider: VeloCloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("collector.orchestrator.velocloud.paging.MOST_PAGES", 10)
    endless = iter(range(1000))
    host.replies[AGGREGATE] = [lambda *_: web.json_response(page(more=True, nextPageLink=f"page {next(endless)}"))]
    with pytest.raises(OrchestratorError, match="circle"):
        await provider.events(START, END)
    assert len(host.calls) == 11


@pytest.mark.parametrize("answer", [[], {"data": None}, {"metaData": {}}, "text", 5, None])
async def test_what_is_no_page_is_a_fault_of_the_host(host: Any, provider: VeloCloud, answer: Any) -> None:
    host.replies[AGGREGATE] = [lambda *_: web.json_response(answer)]
    with pytest.raises(OrchestratorError, match="not an object with a list `data`") as caught:
        await provider.events(START, END)
    assert caught.value.retryable


async def test_an_event_of_a_line_that_is_not_watched_is_the_devices(
    host: Any, settings: OrchestratorSettings, two_enterprises: Inventory, clock: ManualClock
) -> None:
    links = [
        replace(link, life_cycle=LifeCycle.SUSPENDED) if link.id == "store-117-dia" else link
        for link in two_enterprises.links.values()
    ]
    changed = Inventory.of(
        clients=two_enterprises.clients.values(),
        sites=two_enterprises.sites.values(),
        devices=two_enterprises.devices.values(),
        links=links,
    )
    vco = VeloCloud("vco1", settings, changed, clock, Quota(1_000_000))
    host.replies[AGGREGATE] = [page(told())]
    (fact,) = await vco.events(START, END)
    await vco.close()
    assert fact.subject == "edge-117"
