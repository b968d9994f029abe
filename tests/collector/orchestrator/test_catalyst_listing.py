"""A manager's inventory as a listing, and one device seen closer, over real HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from aiohttp.test_utils import TestServer

from collector.model import FactKind
from collector.orchestrator.catalyst.adapter import Catalyst
from collector.orchestrator.catalyst.rows import interface_rows
from collector.orchestrator.port import OrchestratorError
from collector.orchestrator.quota import Quota
from collector.settings import OrchestratorSettings
from config.clock import ManualClock
from inventory.listing import ListedEdge, ListedLink
from inventory.model import Inventory
from service.simulator.catalyst.fabric import Trouble, TroubleKind, fabric
from service.simulator.catalyst.server import ManagerServer

pytestmark = pytest.mark.rim

NOW = datetime(2026, 3, 3, 14, 3, tzinfo=UTC)


@pytest.fixture
async def simulated() -> AsyncIterator[tuple[ManagerServer, OrchestratorSettings]]:
    manager = ManagerServer(fabric=fabric(4), clock=ManualClock(NOW), collects_every=600.0)
    server = TestServer(manager.application())
    await server.start_server()
    given = {"kind": "catalyst", "url": str(server.make_url("")), "username": "lineproof", "password": "simulated"}
    yield manager, OrchestratorSettings.model_validate(given)
    await server.close()


@pytest.fixture
def manager(simulated: tuple[ManagerServer, OrchestratorSettings]) -> ManagerServer:
    return simulated[0]


def opened(simulated: tuple[ManagerServer, OrchestratorSettings], inventory: Inventory) -> Catalyst:
    return Catalyst("manager1", simulated[1], inventory, ManualClock(NOW), Quota(1_000_000, penalty=0.05))


@pytest.fixture
async def catalyst(simulated: tuple[ManagerServer, OrchestratorSettings]) -> AsyncIterator[Catalyst]:
    adapter = opened(simulated, simulated[0].fabric.inventory("manager1"))
    yield adapter
    await adapter.close()


async def test_every_edge_is_listed_with_its_transports_and_configured_rates(
    manager: ManagerServer, catalyst: Catalyst
):
    listing = await catalyst.listing()
    assert listing.vendor == "catalyst"
    assert listing.read_at == NOW
    assert not listing.unread
    edges = {edge.name: edge for edge in listing.edges}
    simulated = next(edge for edge in manager.fabric.edges if edge.name == "branch-00003")
    assert edges["branch-00003"] == ListedEdge(
        edge_id=simulated.uuid,
        name="branch-00003",
        model="vedge-C8200-1N-4T",
        serials=(simulated.serial,),
        links=(
            ListedLink(
                id="biz-internet",
                interface="GigabitEthernet0/0/0",
                name="biz-internet",
                down_bps=200e6,
                up_bps=40e6,
                backup=False,
            ),
            ListedLink(
                id="lte",
                interface="Cellular0/1/0",
                name="lte",
                down_bps=20e6,
                up_bps=4e6,
                wireless=True,
                backup=True,
            ),
        ),
    )
    assert "controller-1" not in edges


async def test_an_edge_that_was_bought_and_never_came_up_is_listed_as_such(catalyst: Catalyst):
    spare = next(edge for edge in (await catalyst.listing()).edges if edge.edge_id == "C8200-1N-4T-SIMSPARE")
    assert not spare.activated
    assert spare.links is None
    assert spare.serials == ("0BADCAFE",)


async def test_edges_are_named_as_our_inventory_names_them(simulated: tuple[ManagerServer, OrchestratorSettings]):
    adapter = opened(simulated, simulated[0].fabric.inventory("manager1", by_address=True))
    listing = await adapter.listing()
    await adapter.close()
    listed = {edge.edge_id for edge in listing.edges if edge.activated}
    assert listed == {edge.address for edge in simulated[0].fabric.edges}


async def test_what_the_account_may_not_read_is_unread_and_costs_no_edge(manager: ManagerServer, catalyst: Catalyst):
    manager.faults.forbidden |= {"system/device/vedges", "data/device/state/CEdgeInterface"}
    listing = await catalyst.listing()
    assert len(listing.unread) == 1
    assert "system/device/vedges" in listing.unread[0]
    assert len(listing.unrated) == 1
    assert "CEdgeInterface" in listing.unrated[0]
    assert len(listing.edges) == 6
    assert all(link.down_bps is None for edge in listing.edges for link in edge.links or ())


async def test_an_empty_list_of_devices_is_no_listing(manager: ManagerServer, catalyst: Catalyst):
    manager.faults.empty.add("device")
    with pytest.raises(OrchestratorError, match="nothing is concluded"):
        await catalyst.listing()


def test_a_rate_of_zero_is_none():
    row = {"vdevice-name": "1.1.1.1", "ifname": "x", "bandwidth-downstream": "0", "bandwidth-upstream": "8000"}
    found = interface_rows([row]).rows[0]
    assert str(found.down_bps) == "nan"
    assert found.up_bps == 8e6


async def test_one_device_is_seen_closer(manager: ManagerServer, catalyst: Catalyst):
    report = await catalyst.look("branch-00001")
    assert {fact.subject for fact in report.facts} == {
        "branch-00001",
        "branch-00001-mpls",
        "branch-00001-public-internet",
    }
    assert FactKind.EDGE_STATE in {fact.kind for fact in report.facts}
    figures = {(figure.subject, figure.name): figure.value for figure in report.figures}
    address = next(edge.address for edge in manager.fabric.edges if edge.name == "branch-00001")
    assert figures["branch-00001", "system IP"] == address
    assert figures["branch-00001", "certificate valid until"] == "Nov 01 00:00:00 2034 GMT"
    assert figures["branch-00001", "memory"] == "8034240"
    tunnels = [name for subject, name in figures if name.startswith("tunnel ") and subject != "branch-00001"]
    assert tunnels
    assert all(figure.meaning for figure in report.figures)
    assert not report.notes
    assert len(report.samples)


async def test_a_device_without_contact_is_looked_at_with_notes_on_what_could_not_be_read(
    manager: ManagerServer, catalyst: Catalyst
):
    address = next(edge.address for edge in manager.fabric.edges if edge.name == "branch-00001")
    at = NOW.timestamp()
    manager.fabric.troubles.append(Trouble(kind=TroubleKind.UNREACHABLE, address=address, start=at - 60, end=at + 60))
    report = await catalyst.look("branch-00001")
    assert {fact.value for fact in report.facts if fact.kind is FactKind.EDGE_STATE} == {"offline"}
    assert len(report.notes) == 3


async def test_looking_at_an_unknown_device_is_an_error_that_says_what_to_do(catalyst: Catalyst):
    with pytest.raises(OrchestratorError, match="check its orchestrator ids"):
        await catalyst.look("nobody")
