"""Rows of links for an account that may not ask for all of them at once, over real HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp import web

from collector.orchestrator.port import OrchestratorError
from collector.orchestrator.quota import Quota
from collector.orchestrator.velocloud.adapter import VeloCloud
from collector.orchestrator.velocloud.rights import Refusals
from collector.orchestrator.velocloud.session import VcoSession
from collector.orchestrator.velocloud.status import read_status, status_items
from collector.settings import OrchestratorSettings
from config.clock import ManualClock
from inventory.model import Inventory

NOW = datetime(2026, 3, 3, 14, 3, tzinfo=UTC)
STATUS = "monitoring/getEnterpriseEdgeLinkStatus"
EDGES = "enterprise/getEnterpriseEdges"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


@pytest.fixture
async def session(settings: OrchestratorSettings) -> AsyncIterator[VcoSession]:
    one = VcoSession("vco1", settings, Quota(1_000_000, penalty=0.01))
    yield one
    await one.close()


def refusal(*_: object) -> web.Response:
    words = f"user does not have privilege [READ:ENTERPRISE] required to access [{STATUS}]"
    return web.json_response({"error": {"code": -32603, "message": words}}, status=400)


def edge(**changes: Any) -> Any:
    """The first edge of the fixture `fleet`, as a customer is told of it."""
    link = {
        "id": 5101,
        "internalId": "00000001-1111-4aaa-8aaa-0123456789ab",
        "interface": "GE1",
        "state": "STABLE",
        "lastActive": "2026-03-03T14:00:12.000Z",
        "linkMode": "ACTIVE",
        "backupState": "UNCONFIGURED",
    }
    return {
        "id": 702,
        "name": "ACME-0117",
        "edgeState": "CONNECTED",
        "lastContact": "2026-03-03T14:02:31.000Z",
        "haSerialNumber": None,
        "links": [link],
    } | changes


@pytest.mark.rim
async def test_a_customers_account_reads_the_same_rows_edge_by_edge_of_its_one_enterprise(
    host: Any, session: VcoSession, clock: ManualClock, fleet: list[Any]
) -> None:
    host.replies = {STATUS: [[fleet[0]]], EDGES: [[edge()]]}
    rows = await read_status(session, Refusals("vco1", clock), [41])
    host.replies[STATUS] = [refusal]
    assert list(await read_status(session, Refusals("vco1", clock), [41])) == list(rows)
    assert host.called(EDGES)[0].body == {"enterpriseId": 41, "with": ["links"]}


@pytest.mark.rim
async def test_a_customers_account_has_states(
    host: Any, settings: OrchestratorSettings, inventory: Inventory, clock: ManualClock
) -> None:
    host.replies = {STATUS: [refusal], EDGES: [[edge()]]}
    vco = VeloCloud("vco1", settings, inventory, clock, Quota(1_000_000, penalty=0.01))
    report = await vco.states()
    await vco.close()
    assert {(fact.subject, fact.value) for fact in report.facts} == {
        ("edge-117", "connected"),
        ("store-117-dia", "stable"),
    }
    assert "edge-118" in report.absent


@pytest.mark.rim
async def test_a_missing_privilege_is_one_whatever_status_it_comes_with(
    host: Any, session: VcoSession, clock: ManualClock
) -> None:
    said = {"error": {"code": -32603, "message": "user does not have privilege [READ:ENTERPRISE]"}}
    host.replies = {STATUS: [lambda *_: web.json_response(said, status=500)], EDGES: [[edge()]]}
    assert len(await read_status(session, Refusals("vco1", clock), [41])) == 1


@pytest.mark.rim
async def test_what_was_refused_is_not_asked_again_for_a_day(
    host: Any, session: VcoSession, clock: ManualClock
) -> None:
    host.replies = {STATUS: [refusal], EDGES: [[edge()]]}
    refusals = Refusals("vco1", clock)
    for _ in range(3):
        assert len(await read_status(session, refusals, [41])) == 1
    assert len(host.called(STATUS)) == 1
    clock.move_to(NOW + timedelta(days=1))
    await read_status(session, refusals, [41])
    assert len(host.called(STATUS)) == 2


@pytest.mark.rim
async def test_where_both_are_refused_the_first_refusal_is_told_each_time(
    host: Any, session: VcoSession, clock: ManualClock
) -> None:
    host.replies = {STATUS: [refusal], EDGES: [refusal]}
    refusals = Refusals("vco1", clock)
    for _ in range(2):
        with pytest.raises(OrchestratorError, match=f"answered {STATUS} with 400"):
            await read_status(session, refusals, [41])
    assert len(host.called(STATUS)) == 2


@pytest.mark.rim
async def test_trouble_at_the_second_method_is_told_as_trouble(
    host: Any, session: VcoSession, clock: ManualClock
) -> None:
    host.replies = {STATUS: [refusal], EDGES: [lambda *_: web.Response(status=502)]}
    with pytest.raises(OrchestratorError, match=f"answered {EDGES} with 502") as caught:
        await read_status(session, Refusals("vco1", clock), [41])
    assert caught.value.retryable


@pytest.mark.rim
async def test_a_provider_with_many_customers_is_never_asked_customer_by_customer(
    host: Any, session: VcoSession, clock: ManualClock
) -> None:
    host.replies = {STATUS: [refusal], EDGES: [[edge()]]}
    with pytest.raises(OrchestratorError, match="privilege"):
        await read_status(session, Refusals("vco1", clock), [41, 42])
    assert not host.called(EDGES)


@pytest.mark.rim
async def test_a_host_in_trouble_is_no_refusal(host: Any, session: VcoSession, clock: ManualClock) -> None:
    host.replies = {STATUS: [lambda *_: web.Response(status=503)], EDGES: [[edge()]]}
    with pytest.raises(OrchestratorError, match="503"):
        await read_status(session, Refusals("vco1", clock), [41])
    assert not host.called(EDGES)


@pytest.mark.parametrize("links", [None, [], "none", [7, None]])
def test_an_edge_without_links_is_one_row(links: Any) -> None:
    (row,) = status_items(edge(links=links), "41")
    assert (row["edgeId"], row["edgeState"], row.get("linkId")) == (702, "CONNECTED", None)
