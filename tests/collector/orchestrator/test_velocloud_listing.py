"""The whole inventory of a VCO as one account sees it, over real HTTP. Expected values by hand."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp import web

from collector.orchestrator.port import OrchestratorError
from collector.orchestrator.quota import Quota
from collector.orchestrator.velocloud.adapter import VeloCloud
from collector.settings import OrchestratorSettings
from config.clock import ManualClock
from inventory.listing import ListedEdge, ListedLink, Listing
from inventory.model import Inventory

pytestmark = pytest.mark.rim

NOW = datetime(2026, 3, 3, 14, 3, tzinfo=UTC)
OPERATORS = "network/getNetworkEnterprises"
PARTNERS = "enterpriseProxy/getEnterpriseProxyEnterprises"
CUSTOMERS = "enterprise/getEnterprise"
EDGES = "enterprise/getEnterpriseEdges"
CONFIGURATION = "edge/getEdgeConfigurationModules"
DIA, LTE = "00000001-1111-4aaa-8aaa-0123456789ab", "00000001-2222-4aaa-8aaa-0123456789ab"
ACME = {"id": 41, "name": "Acme Dental|90001|"}
OTHER = {"id": 77, "name": "Not Yet Ours"}


@pytest.fixture
async def vco(settings: OrchestratorSettings, inventory: Inventory) -> AsyncIterator[VeloCloud]:
    adapter = VeloCloud("vco1", settings, inventory, ManualClock(NOW), Quota(1_000_000, penalty=0.01))
    yield adapter
    await adapter.close()


def link(**changes: Any) -> Any:
    return {
        "id": 5101,
        "logicalId": "00:00:5e:00:53:01:0000",
        "internalId": DIA,
        "interface": "GE1",
        "displayName": "DIA-Example-100M",
        "isp": "Example Fiber",
        "lastActive": "2026-03-03T14:02:12.000Z",
        "state": "STABLE",
        "linkMode": "ACTIVE",
        "serviceGroups": ["ALL", "PUBLIC_WIRED"],
    } | changes


def lte(**changes: Any) -> Any:
    """It shares the next hop, and with that the logicalId, of the other line."""
    spare = {"linkMode": "BACKUP", "state": "STANDBY", "serviceGroups": ["PUBLIC_WIRELESS"]}
    return link(id=5102, internalId=LTE, interface="USB1", displayName="LTE", isp=None, **spare) | changes


SITE = {
    "streetAddress": "12 Main Street",
    "city": "Springfield",
    "state": "OH",
    "postalCode": "45501",
    "country": "US",
    "timezone": "America/New_York",
    "contactName": "a person",
    "contactEmail": "person@acme.example",
}


def edge(**changes: Any) -> Any:
    return {
        "id": 702,
        "enterpriseId": 41,
        "name": "ACME-0117",
        "modelNumber": "edge520",
        "serialNumber": "VC05990000118",
        "haSerialNumber": "VC05990000117",
        "activationState": "ACTIVATED",
        "edgeState": "CONNECTED",
        "site": SITE,
        "links": [link(), lte()],
    } | changes


def configured(**changes: Any) -> Any:
    return {
        "internalId": DIA,
        "name": "DIA-Example-100M",
        "type": "WIRED",
        "interfaces": ["GE1"],
        "isp": "Example Fiber",
        "upstreamMbps": "20",
        "downstreamMbps": "100",
        "backupOnly": False,
    } | changes


def modules(*links: Any) -> Any:
    return {"WAN": {"version": "1", "data": {"links": list(links), "networks": []}}}


@pytest.fixture
def known_host(host: Any) -> Any:
    """An operator's host with the one enterprise that the inventory names."""
    host.replies = {OPERATORS: [[ACME]], EDGES: [[edge()]], CONFIGURATION: [modules(configured())]}
    return host


def refused(*_: object) -> web.Response:
    words = "user does not have privilege [READ:ENTERPRISE] required to access [it]"
    return web.json_response({"error": {"code": -32603, "message": words}}, status=400)


def by_enterprise(answers: dict[int, Any]) -> Callable[[Any, Any], Any]:
    def reply(request: Any, body: Any) -> Any:
        answer = answers[body["enterpriseId"]]
        return answer(request, body) if callable(answer) else web.json_response(answer)

    return reply


def only(listing: Listing) -> ListedEdge:
    (one,) = listing.edges
    return one


async def test_an_edge_with_its_lines_rates_and_place(known_host: Any, vco: VeloCloud) -> None:
    listing = await vco.listing()
    assert listing == Listing(
        orchestrator="vco1",
        vendor="velocloud",
        read_at=NOW,
        edges=[
            ListedEdge(
                edge_id="702",
                enterprise_id="41",
                enterprise_name="Acme Dental|90001|",
                name="ACME-0117",
                model="edge520",
                serials=("VC05990000117", "VC05990000118"),
                address="12 Main Street, Springfield, OH, 45501, US",
                timezone="America/New_York",
                links=(
                    ListedLink(
                        id=DIA,
                        interface="GE1",
                        name="DIA-Example-100M",
                        isp="Example Fiber",
                        down_bps=100e6,
                        up_bps=20e6,
                        wireless=False,
                        backup=False,
                        last_active=datetime(2026, 3, 3, 14, 2, 12, tzinfo=UTC),
                    ),
                    ListedLink(
                        id=LTE,
                        interface="USB1",
                        name="LTE",
                        wireless=True,
                        backup=True,
                        last_active=datetime(2026, 3, 3, 14, 2, 12, tzinfo=UTC),
                    ),
                ),
            )
        ],
        unread=[],
        unrated=[],
    )
    (asked,) = known_host.called(EDGES)
    assert (asked.body["enterpriseId"], asked.body["with"]) == (41, ["links", "site"])
    assert known_host.called(CONFIGURATION)[0].body == {"enterpriseId": 41, "edgeId": 702, "modules": ["WAN"]}


async def test_a_failover_of_a_pair_changes_nothing_in_the_listing(known_host: Any, vco: VeloCloud) -> None:
    before = await vco.listing()
    known_host.replies[EDGES] = [[edge(serialNumber="VC05990000117", haSerialNumber="VC05990000118")]]
    assert await vco.listing() == before


@pytest.mark.parametrize(
    ("changes", "activated"),
    [
        ({}, True),
        ({"activationState": "REACTIVATION_PENDING"}, True),
        ({"activationState": "PENDING"}, False),
        ({"activationState": "UNASSIGNED"}, False),
        ({"activationState": None, "edgeState": "NEVER_ACTIVATED"}, False),
        ({"activationState": None}, True),
        ({"edgeState": "OFFLINE"}, True),
    ],
)
async def test_an_edge_that_never_came_up_is_listed_as_such_and_not_asked_for_rates(
    known_host: Any, vco: VeloCloud, changes: Any, activated: bool
) -> None:
    known_host.replies[EDGES] = [[edge(**changes)]]
    assert only(await vco.listing()).activated is activated
    assert len(known_host.called(CONFIGURATION)) == activated


async def test_enterprises_that_the_inventory_lacks_are_listed_too(known_host: Any, vco: VeloCloud) -> None:
    new = edge(id=1201, enterpriseId=77, name="NEW-1", haSerialNumber=None)
    known_host.replies |= {OPERATORS: [[ACME, OTHER]], EDGES: [by_enterprise({41: [edge()], 77: [new]})]}
    listing = await vco.listing()
    assert [(one.edge_id, one.enterprise_name) for one in listing.edges] == [
        ("702", "Acme Dental|90001|"),
        ("1201", "Not Yet Ours"),
    ]
    assert not listing.unread


@pytest.mark.parametrize(
    ("replies", "asked"),
    [
        ({OPERATORS: [[ACME]]}, [OPERATORS]),
        ({OPERATORS: [refused], PARTNERS: [[ACME]]}, [OPERATORS, PARTNERS]),
        ({OPERATORS: [refused], PARTNERS: [refused], CUSTOMERS: [ACME]}, [OPERATORS, PARTNERS, CUSTOMERS]),
    ],
)
async def test_operators_partners_and_customers_learn_of_enterprises_by_methods_of_their_own(
    known_host: Any, vco: VeloCloud, replies: Any, asked: list[str]
) -> None:
    del known_host.replies[OPERATORS]
    known_host.replies |= replies
    listing = await vco.listing()
    assert only(listing).enterprise_name == "Acme Dental|90001|"
    assert [call.method for call in known_host.calls[: len(asked)]] == asked
    assert not listing.unread


async def test_an_account_that_learns_of_no_enterprises_lists_those_of_the_inventory_and_says_so(
    known_host: Any, vco: VeloCloud
) -> None:
    known_host.replies |= {OPERATORS: [refused], PARTNERS: [refused], CUSTOMERS: [refused]}
    listing = await vco.listing()
    assert only(listing).edge_id == "702"
    (said,) = listing.unread
    assert "of the inventory alone" in said


async def test_an_enterprise_of_ours_that_the_account_does_not_see_is_unread_and_not_empty(
    known_host: Any, vco: VeloCloud
) -> None:
    known_host.replies |= {OPERATORS: [[OTHER]], EDGES: [by_enterprise({77: [edge(id=1)], 41: refused})]}
    listing = await vco.listing()
    assert only(listing).enterprise_id == "77"
    (said,) = listing.unread
    assert said.startswith("enterprise 41: ")
    assert "privilege" in said


async def test_one_enterprise_in_trouble_is_unread_and_the_others_are_listed(known_host: Any, vco: VeloCloud) -> None:
    trouble = lambda *_: web.Response(status=502)  # noqa: E731
    known_host.replies |= {OPERATORS: [[OTHER, ACME]], EDGES: [by_enterprise({77: trouble, 41: [edge()]})]}
    listing = await vco.listing()
    assert only(listing).edge_id == "702"
    (said,) = listing.unread
    assert said.startswith("enterprise 77 Not Yet Ours: ")
    assert "502" in said


async def test_a_host_that_fails_again_and_again_is_an_error_and_not_asked_to_the_end(
    known_host: Any, vco: VeloCloud
) -> None:
    known_host.replies |= {
        OPERATORS: [[{"id": number, "name": ""} for number in range(100)]],
        EDGES: [lambda *_: web.Response(status=502)],
    }
    with pytest.raises(OrchestratorError, match="502"):
        await vco.listing()
    assert len(known_host.called(EDGES)) == 5


@pytest.mark.parametrize("enterprises", [[ACME], [], [OTHER, ACME]])
async def test_an_empty_answer_for_a_known_fleet_is_an_error_and_no_empty_listing(
    known_host: Any, vco: VeloCloud, enterprises: Any
) -> None:
    known_host.replies |= {OPERATORS: [enterprises], EDGES: [[]]}
    with pytest.raises(
        OrchestratorError, match=r"no edge, though the inventory has 2 .* nothing is concluded"
    ) as caught:
        await vco.listing()
    assert caught.value.retryable


async def test_an_enterprise_of_ours_that_is_empty_beside_others_is_unread(known_host: Any, vco: VeloCloud) -> None:
    known_host.replies |= {OPERATORS: [[OTHER, ACME]], EDGES: [by_enterprise({77: [edge(id=1)], 41: []})]}
    listing = await vco.listing()
    assert only(listing).enterprise_id == "77"
    assert "enterprise 41 Acme Dental|90001|: no edge is listed, though the inventory has 2" in listing.unread[0]


async def test_an_enterprise_without_edges_that_we_do_not_know_is_simply_empty(known_host: Any, vco: VeloCloud) -> None:
    known_host.replies |= {OPERATORS: [[OTHER, ACME]], EDGES: [by_enterprise({77: [], 41: [edge()]})]}
    listing = await vco.listing()
    assert only(listing).edge_id == "702"
    assert not listing.unread


@pytest.mark.parametrize(
    "trouble", [web.Response(status=503), web.Response(text="<html>"), web.json_response({"a": 1})]
)
async def test_a_host_in_trouble_before_it_named_any_enterprise_is_an_error(
    known_host: Any, vco: VeloCloud, trouble: web.Response
) -> None:
    del known_host.replies[EDGES]
    known_host.replies[OPERATORS] = [lambda *_: web.Response(status=trouble.status, body=trouble.body)]
    with pytest.raises(OrchestratorError):
        await vco.listing()


def page(*edges: Any, more: bool = False, **meta: Any) -> Any:
    return {"metaData": {"limit": 500, "more": more, **meta}, "data": list(edges)}


async def test_edges_come_in_pages_where_the_host_has_them(known_host: Any, vco: VeloCloud) -> None:
    known_host.replies[EDGES] = [page(edge(id=1), more=True, nextPageLink="abc"), page(edge(id=2))]
    assert [one.edge_id for one in (await vco.listing()).edges] == ["1", "2"]
    assert [call.body.get("nextPageLink") for call in known_host.called(EDGES)] == [None, "abc"]
    assert known_host.called(EDGES)[0].body["limit"] == 500


async def test_a_plain_list_as_long_as_a_page_may_be_cut_off_and_is_asked_for_whole(
    known_host: Any, vco: VeloCloud
) -> None:
    def cut_off(_request: Any, body: Any) -> Any:
        rows = [edge(id=number, links=[]) for number in range(600)]
        return web.json_response(rows[: body.get("limit", 600)])

    known_host.replies[EDGES] = [cut_off]
    assert len((await vco.listing()).edges) == 600
    assert len(known_host.called(EDGES)) == 2


async def test_more_edges_without_a_link_to_them_are_asked_for_without_pages(known_host: Any, vco: VeloCloud) -> None:
    known_host.replies[EDGES] = [page(edge(id=1), more=True), [edge(id=1), edge(id=2)]]
    assert [one.edge_id for one in (await vco.listing()).edges] == ["1", "2"]


async def test_pages_of_edges_in_a_circle_are_no_whole_enterprise(known_host: Any, vco: VeloCloud) -> None:
    known_host.replies[EDGES] = [page(edge(), more=True, nextPageLink="abc")]
    with pytest.raises(OrchestratorError, match="circle"):
        await vco.listing()


@pytest.mark.parametrize("links", [None, "none", {"GE1": {}}])
async def test_an_edge_whose_links_are_not_told_says_nothing_of_them(
    known_host: Any, vco: VeloCloud, links: Any
) -> None:
    known_host.replies[EDGES] = [[edge(links=links)]]
    assert only(await vco.listing()).links is None


async def test_an_edge_without_links_has_none(known_host: Any, vco: VeloCloud) -> None:
    known_host.replies[EDGES] = [[edge(links=[])]]
    assert only(await vco.listing()).links == ()


async def test_a_link_without_an_id_is_left_out_and_said(known_host: Any, vco: VeloCloud) -> None:
    known_host.replies[EDGES] = [[edge(links=[link(), lte(internalId=None)])]]
    listing = await vco.listing()
    assert [one.id for one in only(listing).links or ()] == [DIA]
    assert listing.unread == ["enterprise 41 Acme Dental|90001|: 1 links have no internalId and are left out"]


async def test_damaged_edges_lose_what_is_damaged_alone(known_host: Any, vco: VeloCloud) -> None:
    damaged = edge(
        id="703", name=[], modelNumber=520, serialNumber=None, haSerialNumber="", site="none", activationState=3
    )
    known_host.replies[EDGES] = [[None, {}, damaged, "text", edge(id=None), edge(links=[link(lastActive="never"), 7])]]
    first, second = (await vco.listing()).edges
    assert first == ListedEdge(
        edge_id="703", enterprise_id="41", enterprise_name="Acme Dental|90001|", links=first.links, serials=()
    )
    assert [(one.id, one.last_active) for one in second.links or ()] == [(DIA, None)]


async def test_nothing_of_a_sites_people_is_kept(known_host: Any, vco: VeloCloud) -> None:
    assert "person" not in repr(await vco.listing())


async def test_a_host_of_nobody_known_may_be_empty(
    host: Any, settings: OrchestratorSettings, inventory: Inventory
) -> None:
    host.replies = {OPERATORS: [[OTHER]], EDGES: [[]]}
    elsewhere = VeloCloud("vco9", settings, inventory, ManualClock(NOW), Quota(1_000_000))
    listing = await elsewhere.listing()
    await elsewhere.close()
    assert (list(listing.edges), list(listing.unread)) == ([], [])
