"""Contracted rates of a VCO's lines, and what kind of line each is, from every edge's configuration. Over real HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp import web

from collector.orchestrator.quota import Quota
from collector.orchestrator.velocloud.adapter import VeloCloud
from collector.settings import OrchestratorSettings
from config.clock import ManualClock
from inventory.listing import ListedEdge, ListedLink, Listing
from inventory.model import Inventory

pytestmark = pytest.mark.rim

NOW = datetime(2026, 3, 3, 14, 3, tzinfo=UTC)
ENTERPRISES = "network/getNetworkEnterprises"
EDGES = "enterprise/getEnterpriseEdges"
CONFIGURATION = "edge/getEdgeConfigurationModules"
DIA, LTE = "00000001-1111-4aaa-8aaa-0123456789ab", "00000001-2222-4aaa-8aaa-0123456789ab"


@pytest.fixture
async def vco(settings: OrchestratorSettings, inventory: Inventory) -> AsyncIterator[VeloCloud]:
    adapter = VeloCloud("vco1", settings, inventory, ManualClock(NOW), Quota(1_000_000, penalty=0.01))
    yield adapter
    await adapter.close()


def link(**changes: Any) -> Any:
    return {"internalId": DIA, "interface": "GE1", "linkMode": "ACTIVE", "serviceGroups": ["PUBLIC_WIRED"]} | changes


def edge(**changes: Any) -> Any:
    links = [link(), link(internalId=LTE, interface="USB1")]
    return {"id": 702, "name": "ACME-0117", "activationState": "ACTIVATED", "links": links} | changes


def configured(**changes: Any) -> Any:
    rates = {"upstreamMbps": "20", "downstreamMbps": "100"}
    return {"internalId": DIA, "type": "WIRED", "interfaces": ["GE1"], "backupOnly": False, **rates} | changes


def modules(*links: Any) -> Any:
    return {"WAN": {"version": "1", "data": {"links": list(links), "networks": []}}}


@pytest.fixture
def known_host(host: Any) -> Any:
    """A host with one edge of one enterprise, which the inventory knows."""
    host.replies = {
        ENTERPRISES: [[{"id": 41, "name": "Acme Dental"}]],
        EDGES: [[edge()]],
        CONFIGURATION: [modules(configured())],
    }
    return host


def refused(*_: object) -> web.Response:
    words = "user does not have privilege [READ:ENTERPRISE_PROFILE] required to access [it]"
    return web.json_response({"error": {"code": -32603, "message": words}}, status=400)


def only(listing: Listing) -> ListedEdge:
    (one,) = listing.edges
    return one


def first(listing: Listing) -> ListedLink:
    return (only(listing).links or ())[0]


async def test_without_rates_no_edge_is_asked_for_alone(known_host: Any, vco: VeloCloud) -> None:
    listing = await vco.listing(rates=False)
    assert not known_host.called(CONFIGURATION)
    assert [(one.down_bps, one.up_bps) for one in only(listing).links or ()] == [(None, None), (None, None)]
    assert not listing.unread


@pytest.mark.parametrize("answer", [refused, lambda *_: web.Response(status=404), {}, {"WAN": None}])
async def test_an_edge_whose_rates_cannot_be_read_is_unread_and_no_error(
    known_host: Any, vco: VeloCloud, answer: Any
) -> None:
    known_host.replies[CONFIGURATION] = [answer]
    listing = await vco.listing()
    assert [one.id for one in only(listing).links or ()] == [DIA, LTE]
    assert all(one.down_bps is None for one in only(listing).links or ())
    (said,) = listing.unrated
    assert said.startswith("rates of 1 edges, ACME-0117: ")


async def test_rates_that_nobody_may_read_are_not_asked_for_ten_thousand_times(known_host: Any, vco: VeloCloud) -> None:
    known_host.replies |= {EDGES: [[edge(id=number) for number in range(50)]], CONFIGURATION: [refused]}
    listing = await vco.listing()
    assert len(listing.edges) == 50
    asked = len(known_host.called(CONFIGURATION))
    assert 5 <= asked <= 8
    reasons, skipped = listing.unrated
    assert reasons.startswith(f"rates of {asked} edges, ACME-0117, ACME-0117, ACME-0117, ...: ")
    assert skipped.startswith(f"rates of {50 - asked} more edges were not asked for")


async def test_single_failures_among_many_edges_stop_nothing(known_host: Any, vco: VeloCloud) -> None:
    every_third = iter(range(1000))

    def reply(*_: object) -> web.Response:
        answer = modules(configured())
        return web.Response(status=502) if next(every_third) % 3 == 0 else web.json_response(answer)

    known_host.replies |= {EDGES: [[edge(id=number) for number in range(30)]], CONFIGURATION: [reply]}
    listing = await vco.listing()
    assert len(known_host.called(CONFIGURATION)) == 30
    assert len([one for one in listing.edges if one.links and one.links[0].down_bps]) == 20
    (said,) = listing.unrated
    assert said.startswith("rates of 10 edges")


@pytest.mark.parametrize(
    ("changes", "down", "up"),
    [
        ({"downstreamMbps": "0", "upstreamMbps": ""}, None, None),
        ({"downstreamMbps": 250, "upstreamMbps": 12.5}, 250e6, 12.5e6),
        ({"downstreamMbps": "fast", "upstreamMbps": None}, None, None),
        ({"downstreamMbps": -1, "upstreamMbps": "1e9"}, None, None),
        ({"internalId": None}, 100e6, 20e6),
        ({"internalId": "another line at this port"}, None, None),
        ({"internalId": None, "interfaces": ["GE1", "GE2"]}, 100e6, 20e6),
        ({"internalId": None, "interfaces": "GE1"}, None, None),
    ],
)
async def test_a_rate_is_that_of_its_line_in_bits_a_second_or_absent(
    known_host: Any, vco: VeloCloud, changes: Any, down: float | None, up: float | None
) -> None:
    known_host.replies[CONFIGURATION] = [modules(configured(**changes))]
    line_read = first(await vco.listing())
    assert (line_read.down_bps, line_read.up_bps) == (down, up)


async def test_two_lines_configured_at_one_port_without_ids_rate_neither(known_host: Any, vco: VeloCloud) -> None:
    known_host.replies[CONFIGURATION] = [modules(configured(internalId=None), configured(internalId=None))]
    assert first(await vco.listing()).down_bps is None


@pytest.mark.parametrize(
    ("line", "configuration", "wireless", "backup"),
    [
        ({}, {"type": "WIRELESS"}, True, False),
        ({}, {"type": "A_NEW_WORD"}, False, False),
        ({"serviceGroups": None}, {"type": None}, None, False),
        ({"serviceGroups": ["PRIVATE_WIRED"]}, {"type": None}, False, False),
        ({"serviceGroups": [{}, 7]}, {"type": None}, None, False),
        ({"linkMode": None}, {}, False, None),
        ({"linkMode": "HOTSTANDBY"}, {}, False, True),
        ({"linkMode": "ACTIVE"}, {"hotStandby": True}, False, True),
    ],
)
async def test_what_kind_of_line_it_is(
    known_host: Any, vco: VeloCloud, line: Any, configuration: Any, wireless: bool | None, backup: bool | None
) -> None:
    known_host.replies |= {EDGES: [[edge(links=[link(**line)])]], CONFIGURATION: [modules(configured(**configuration))]}
    line_read = first(await vco.listing())
    assert (line_read.wireless, line_read.backup) == (wireless, backup)


async def test_name_and_isp_are_the_lines_own_else_those_of_its_configuration(known_host: Any, vco: VeloCloud) -> None:
    named = link(internalId=LTE, displayName="LTE", isp="Example Mobile")
    known_host.replies |= {
        EDGES: [[edge(links=[link(), named])]],
        CONFIGURATION: [modules(*(configured(internalId=each, name="entered", isp="Entered") for each in (DIA, LTE)))],
    }
    lines = only(await vco.listing()).links or ()
    assert [(line.name, line.isp) for line in lines] == [("entered", "Entered"), ("LTE", "Example Mobile")]
