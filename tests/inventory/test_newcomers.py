"""What an edge or line that the inventory does not know would become in it."""

from datetime import timedelta
from typing import Any

import pytest
from differing import new_edge, only, written

from inventory.changes import merged
from inventory.differences import DifferenceKind, outcome, proposed
from inventory.listing import ListedEdge, ListedLink
from inventory.model import (
    Access,
    Device,
    Inventory,
    LifeCycle,
    Link,
    LinkRole,
    OrchestratorIdentity,
    Site,
)
from inventory.reconcile import reconciled


def test_a_stale_line_that_we_do_not_have_is_no_new_line(inventory: Inventory, host: Any) -> None:
    ghost = ListedLink(id="old", interface="GE1", isp="Gone Telephone", last_active=host.now - timedelta(days=300))
    found = only(reconciled(host.beside(ghost), inventory), DifferenceKind.STALE_LINK)
    assert (found.subject, found.ours) == ("ACME-0117:GE1", "not in the inventory")


def test_a_new_line_of_a_known_edge(inventory: Inventory, host: Any) -> None:
    new = ListedLink(id="l-9", interface="GE4", isp="Valley Cable", down_bps=300e6, up_bps=20e6, wireless=False)
    found = only(reconciled(host.beside(new), inventory), DifferenceKind.NEW_LINK)
    assert found.theirs == "GE4, Valley Cable, 300 Mbit/s down, 20 Mbit/s up"
    assert found.added == (
        Link(
            id="store-117-ge4",
            site="store-117",
            device="edge-117",
            interface="GE4",
            orchestrator_link="l-9",
            role=LinkRole.TERTIARY,
            carrier="Valley Cable",
            committed_down_bps=300e6,
            committed_up_bps=20e6,
        ),
    )


def test_a_new_edge_comes_with_a_site_and_its_lines(inventory: Inventory, host: Any) -> None:
    found = only(reconciled(host.of(host.same().edges[0], new_edge()), inventory), DifferenceKind.NEW_EDGE)
    assert found.acceptable
    site, device, cable, radio = found.added
    assert site == Site(
        id="acme-0811-river-road",
        client="acme",
        name="ACME-0811 River Road",
        address="811 River Road, Peoria, IL",
        timezone="America/Chicago",
    )
    assert isinstance(device, Device)
    assert (device.id, device.vendor, device.model) == ("acme-0811-river-road-edge", "VeloCloud", "edge610")
    assert device.orchestrator == OrchestratorIdentity(name="vco1", edge_id="811", enterprise_id="41")
    assert isinstance(cable, Link)
    assert isinstance(radio, Link)
    assert (cable.id, cable.role, cable.access) == ("acme-0811-river-road-ge1", LinkRole.PRIMARY, None)
    assert (cable.committed_down_bps, cable.committed_up_bps) == (300e6, 20e6)
    assert (radio.id, radio.role, radio.access) == (
        "acme-0811-river-road-usb1", LinkRole.SECONDARY, Access.LTE,
    )  # fmt: skip


def test_an_edge_that_was_never_activated_is_ordered_with_its_lines(inventory: Inventory, host: Any) -> None:
    listing = host.of(host.same().edges[0], new_edge(activated=False))
    found = only(reconciled(listing, inventory), DifferenceKind.NEW_EDGE)
    assert {item.life_cycle for item in found.added if not isinstance(item, Site)} == {LifeCycle.ORDERED}  # type: ignore[union-attr]
    assert reconciled(listing, written(inventory, [found])) == []


def test_a_new_edge_goes_to_the_site_that_is_called_like_it(inventory: Inventory, host: Any) -> None:
    listing = host.of(host.same().edges[0], new_edge(name="Acme 0118"))
    found = only(reconciled(listing, inventory), DifferenceKind.NEW_EDGE)
    assert found.site == "store-118"
    assert not any(isinstance(item, Site) for item in found.added)


def test_the_client_is_the_one_whose_devices_the_enterprise_holds(inventory: Inventory, host: Any) -> None:
    renamed = new_edge(enterprise_name="Globex")
    found = only(reconciled(host.of(host.same().edges[0], renamed), inventory), DifferenceKind.NEW_EDGE)
    assert isinstance(found.added[0], Site)
    assert found.added[0].client == "acme"


def test_else_the_client_that_is_called_like_the_enterprise(inventory: Inventory, host: Any) -> None:
    other = new_edge(enterprise_id="55", enterprise_name="GLOBEX|7|")
    found = only(reconciled(host.of(host.same().edges[0], other), inventory), DifferenceKind.NEW_EDGE)
    assert isinstance(found.added[0], Site)
    assert found.added[0].client == "globex"


def test_an_edge_of_a_client_that_nobody_knows_is_told_and_proposed_but_not_taken(
    inventory: Inventory, host: Any
) -> None:
    stranger = new_edge(enterprise_id="66", enterprise_name="Initech|5|")
    found = only(reconciled(host.of(host.same().edges[0], stranger), inventory), DifferenceKind.NEW_EDGE)
    assert not found.acceptable
    assert found.unplaced
    assert "enterprise 66 Initech" in found.blocked
    assert set(proposed(inventory, [found]).clients) == {"initech"}
    assert outcome(inventory, [found]).items == Inventory()


def test_an_enterprise_of_two_clients_leads_to_neither(inventory: Inventory, host: Any) -> None:
    second = Device(
        id="depot-edge",
        site="depot-1",
        role=inventory.devices["edge-117"].role,
        orchestrator=OrchestratorIdentity(name="vco1", enterprise_id="41", edge_id="703"),
    )
    shared = merged(inventory, Inventory.of(devices=[second]))
    depot = ListedEdge(edge_id="703", enterprise_id="41", name="depot")
    found = only(reconciled(host.of(host.same().edges[0], depot, new_edge()), shared), DifferenceKind.NEW_EDGE)
    assert found.unplaced


def test_texts_of_a_host_come_clean_into_the_inventory(inventory: Inventory, host: Any) -> None:
    odd = new_edge(name="Riv\x1b[2Jer\u202e Road\n", timezone="Mars/Olympus", address=" 1 \x00 Road ")
    found = only(reconciled(host.of(host.same().edges[0], odd), inventory), DifferenceKind.NEW_EDGE)
    site = found.added[0]
    assert isinstance(site, Site)
    assert (site.name, site.address, site.timezone) == ("Riv [2Jer Road", "1 Road", "America/Chicago")


def test_a_host_with_one_tenant_has_no_enterprise_to_name(inventory: Inventory, host: Any) -> None:
    tenant = ListedEdge(edge_id="C8K-1", name="branch-1")
    (found,) = reconciled(host.of(host.same().edges[0], tenant), inventory)
    assert found.blocked == "the inventory has no client for edges of this host yet"
    assert set(proposed(inventory, [found]).clients) == {"vco1"}


@pytest.mark.parametrize(("name", "expected"), [("LTE  backup\n", "store-117-lte-backup"), ("", "store-117-l-9")])
def test_a_line_without_a_port_is_called_by_its_name_else_by_its_id(
    inventory: Inventory, host: Any, name: str, expected: str
) -> None:
    found = only(reconciled(host.beside(ListedLink(id="l-9", name=name)), inventory), DifferenceKind.NEW_LINK)
    assert [item.id for item in found.added] == [expected]


def test_a_rate_of_zero_is_no_rate_of_a_new_line(inventory: Inventory, host: Any) -> None:
    new = ListedLink(id="l-9", interface="GE4", down_bps=0.0, up_bps=-1.0)
    (line,) = only(reconciled(host.beside(new), inventory), DifferenceKind.NEW_LINK).added
    assert isinstance(line, Link)
    assert (line.committed_down_bps, line.committed_up_bps) == (None, None)


def test_a_backup_line_is_never_the_primary(inventory: Inventory, host: Any) -> None:
    backup = ListedLink(id="r-1", interface="GE1", backup=True)
    alone = new_edge(links=(backup,))
    found = only(reconciled(host.of(host.same().edges[0], alone), inventory), DifferenceKind.NEW_EDGE)
    assert [item.role for item in found.added if isinstance(item, Link)] == [LinkRole.SECONDARY]


def test_a_name_that_two_sites_answer_to_leads_to_neither(inventory: Inventory, host: Any) -> None:
    twins = merged(inventory, Inventory.of(sites=[Site(id="store-119", client="acme", name="acme-0118")]))
    listing = host.of(host.same().edges[0], new_edge(name="ACME 0118"))
    found = only(reconciled(listing, twins), DifferenceKind.NEW_EDGE)
    assert found.site == "acme-0118"
    assert isinstance(found.added[0], Site)


def test_new_edges_of_one_name_share_a_site_within_a_client_and_not_across(inventory: Inventory, host: Any) -> None:
    first = new_edge(name="Depot", links=())
    second = new_edge(name="DEPOT", edge_id="812", serials=("VC8120",), links=())
    third = new_edge(
        name="Depot", edge_id="813", serials=("VC8130",), links=(), enterprise_id="5", enterprise_name="Globex"
    )
    found = reconciled(host.of(host.same().edges[0], first, second, third), inventory)
    places = {item.id: item.site for each in found for item in each.added if isinstance(item, Device)}
    assert places == {"depot-edge": "depot", "depot-edge-2": "depot", "depot-2-edge": "depot-2"}
    assert written(inventory, found).sites["depot-2"].client == "globex"


def test_lines_that_were_long_inactive_do_not_come_with_a_new_edge(inventory: Inventory, host: Any) -> None:
    ghost = ListedLink(id="old", interface="GE9", last_active=host.now - timedelta(days=31))
    listing = host.of(host.same().edges[0], new_edge(links=(ghost,)))
    found = only(reconciled(listing, inventory), DifferenceKind.NEW_EDGE)
    assert not any(isinstance(item, Link) for item in found.added)
    assert "1 more not active for a month and left out" in found.theirs


def test_an_edge_whose_lines_could_not_be_read_says_so(inventory: Inventory, host: Any) -> None:
    found = only(reconciled(host.of(host.same().edges[0], new_edge(links=None)), inventory), DifferenceKind.NEW_EDGE)
    assert "its lines could not be read" in found.theirs
