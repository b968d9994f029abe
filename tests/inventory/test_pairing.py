"""Which line that a host lists is which line of the inventory."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from differing import changed, kinds, new_edge, only, written

from inventory.changes import merged
from inventory.differences import DifferenceKind, Setting
from inventory.listing import ListedLink
from inventory.model import (
    Device,
    Inventory,
    LifeCycle,
    Link,
    LinkRole,
    SnmpAccess,
)
from inventory.reconcile import reconciled


def test_moving_a_line_that_snmp_reads_by_its_port_says_so(inventory: Inventory, host: Any) -> None:
    polled = changed(
        inventory, inventory.devices["edge-117"], management_address="192.0.2.1", snmp=SnmpAccess(credential="stores")
    )
    assert "SNMP" in only(reconciled(host.with_link(interface="GE4"), polled), DifferenceKind.INTERFACE).note


def test_a_line_that_shares_a_port_is_known_by_its_id_alone(inventory: Inventory, host: Any) -> None:
    shared = ListedLink(id="l-9", interface="GE1", isp="Valley Cable")
    found = only(reconciled(host.beside(shared), inventory), DifferenceKind.NEW_LINK)
    assert found.acceptable
    (link,) = found.added
    assert isinstance(link, Link)
    assert (link.interface, link.orchestrator_link) == (None, "l-9")
    assert reconciled(host.beside(shared), written(inventory, [found])) == []


def test_a_line_that_the_host_knows_under_a_new_id_keeps_its_record(inventory: Inventory, host: Any) -> None:
    found = only(reconciled(host.with_link(id="l-7"), inventory), DifferenceKind.LINK_IDENTITY)
    assert found.settings == (Setting("links", "store-117-dia", "orchestrator_link", "l-7"),)
    assert found.ours == "GE1, id l-1"


def test_a_line_known_by_its_port_alone_gets_its_id(inventory: Inventory, host: Any) -> None:
    by_port = changed(inventory, inventory.links["store-117-dia"], orchestrator_link=None)
    found = only(reconciled(host.same(), by_port), DifferenceKind.LINK_IDENTITY)
    assert found.settings == (Setting("links", "store-117-dia", "orchestrator_link", "L-1"),)


def test_of_two_lines_at_one_port_the_one_in_use_gets_the_id(inventory: Inventory, host: Any) -> None:
    by_port = changed(inventory, inventory.links["store-117-dia"], orchestrator_link=None)
    earlier = ListedLink(id="a-0", interface="GE1", last_active=host.now - timedelta(days=20))
    found = reconciled(host.beside(earlier), by_port)
    (identity,) = (each for each in found if each.kind is DifferenceKind.LINK_IDENTITY)
    assert identity.settings[0].value == "L-1"


def test_a_line_without_port_and_id_is_found_by_its_carrier(inventory: Inventory, host: Any) -> None:
    dangling = changed(inventory, inventory.links["store-117-dia"], device=None, interface=None, orchestrator_link=None)
    found = only(reconciled(host.same(), dangling), DifferenceKind.LINK_IDENTITY)
    assert {(one.field, one.value) for one in found.settings} == {
        ("device", "edge-117"), ("orchestrator_link", "L-1"), ("interface", "ge1"),
    }  # fmt: skip
    assert written(dangling, [found]).links["store-117-dia"].device == "edge-117"


def test_two_lines_of_one_carrier_without_ports_are_not_guessed_apart(inventory: Inventory, host: Any) -> None:
    dangling = changed(inventory, inventory.links["store-117-dia"], device=None, interface=None, orchestrator_link=None)
    twin = replace(dangling.links["store-117-dia"], id="store-117-twin")
    found = reconciled(host.same(), merged(dangling, Inventory.of(links=[twin])))
    assert kinds(found) == ["new_link"]


def test_a_new_edge_takes_over_the_lines_of_its_site_by_their_carrier(inventory: Inventory, host: Any) -> None:
    cable = Link(
        id="store-118-cable", site="store-118", carrier="Valley Cable Inc.", circuit_id="VC-1", committed_down_bps=250e6
    )
    known = merged(inventory, Inventory.of(links=[cable]))
    found = reconciled(host.of(host.same().edges[0], new_edge(name="118")), known)
    assert kinds(found) == ["new_edge", "rates"]
    after = written(known, found)
    line = after.links["store-118-cable"]
    assert (line.device, line.interface, line.orchestrator_link) == ("store-118-edge", "GE1", "r-1")
    assert (line.circuit_id, line.committed_down_bps) == ("VC-1", 300e6)
    assert [link.id for link in after.links_at("store-118")] == ["store-118-cable", "store-118-usb1"]


def test_a_line_known_by_its_port_alone_is_missed_too(inventory: Inventory, host: Any) -> None:
    by_port = changed(inventory, inventory.links["store-117-lte"], orchestrator_link=None)
    fibre, _ = host.same().edges[0].links
    found = only(reconciled(host.with_edge(links=(fibre,)), by_port), DifferenceKind.MISSING_LINK)
    assert found.ours == "USB1, no id"


def test_a_line_without_port_and_id_is_not_missed(inventory: Inventory, host: Any) -> None:
    dangling = changed(inventory, inventory.links["store-117-lte"], interface=None, orchestrator_link=None)
    fibre, _ = host.same().edges[0].links
    assert reconciled(host.with_edge(links=(fibre,)), dangling) == []


def test_of_two_lines_at_one_port_one_that_was_never_active_is_the_other(inventory: Inventory, host: Any) -> None:
    by_port = changed(inventory, inventory.links["store-117-dia"], orchestrator_link=None)
    never = ListedLink(id="a-0", interface="GE1")
    found = reconciled(host.beside(never), by_port)
    (identity,) = (each for each in found if each.kind is DifferenceKind.LINK_IDENTITY)
    assert identity.settings[0].value == "L-1"


def test_a_stale_line_does_not_get_the_record_of_the_line_at_its_port(inventory: Inventory, host: Any) -> None:
    by_port = changed(inventory, inventory.links["store-117-dia"], orchestrator_link=None)
    ghost = host.with_link(id="ghost", last_active=host.now - timedelta(days=90))
    assert kinds(reconciled(ghost, by_port)) == ["stale_link", "missing_link"]


def test_a_retired_line_does_not_come_back_by_its_port(inventory: Inventory, host: Any) -> None:
    retired = changed(inventory, inventory.links["store-117-dia"], life_cycle=LifeCycle.RETIRED, orchestrator_link=None)
    assert kinds(reconciled(host.same(), retired)) == ["new_link"]


def test_of_two_records_with_one_id_the_one_in_use_is_the_line(inventory: Inventory, host: Any) -> None:
    earlier = replace(
        inventory.links["store-117-dia"], id="store-117-zz", life_cycle=LifeCycle.RETIRED, committed_down_bps=1e6
    )
    assert reconciled(host.same(), merged(inventory, Inventory.of(links=[earlier]))) == []


def test_a_line_whose_isp_the_host_does_not_know_is_not_found_by_carrier(inventory: Inventory, host: Any) -> None:
    dangling = changed(inventory, inventory.links["store-117-dia"], device=None, interface=None, orchestrator_link=None)
    for isp in (None, "Unknown"):
        assert kinds(reconciled(host.with_link(isp=isp), dangling)) == ["new_link"]


def test_a_port_that_is_called_like_the_id_adds_nothing(inventory: Inventory, host: Any) -> None:
    uplink = changed(inventory, inventory.links["store-117-dia"], interface=None, orchestrator_link="wan1")
    assert reconciled(host.with_link(id="wan1", interface="WAN1"), uplink) == []
    moved = changed(uplink, uplink.links["store-117-dia"], interface="GE1")
    assert kinds(reconciled(host.with_link(id="wan1", interface="wan1"), moved)) == ["interface"]


@pytest.mark.parametrize("other", [{"life_cycle": LifeCycle.RETIRED}, {"role": LinkRole.LAN}])
def test_only_lines_in_use_are_found_by_their_carrier(inventory: Inventory, host: Any, other: dict[str, Any]) -> None:
    dangling = changed(
        inventory, inventory.links["store-117-dia"], device=None, interface=None, orchestrator_link=None, **other
    )
    assert kinds(reconciled(host.same(), dangling)) == ["new_link"]


def test_a_line_of_another_device_is_not_found_by_its_carrier(inventory: Inventory, host: Any) -> None:
    router = Device(id="router-117", site="store-117", role=inventory.devices["edge-117"].role)
    elsewhere = changed(
        merged(inventory, Inventory.of(devices=[router])),
        inventory.links["store-117-dia"],
        device="router-117",
        interface=None,
        orchestrator_link=None,
    )
    assert kinds(reconciled(host.same(), elsewhere)) == ["new_link"]
