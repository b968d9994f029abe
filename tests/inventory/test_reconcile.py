"""What differs between a host and the inventory, and what accepting it writes."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from inventory.changes import diff, merged
from inventory.differences import Difference, DifferenceKind, Setting, outcome, proposed
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
    SnmpAccess,
)
from inventory.reconcile import reconciled


def changed(inventory: Inventory, item: Device | Link, **values: Any) -> Inventory:
    """The inventory with one item otherwise."""
    other = replace(item, **values)
    section = {"devices": [other]} if isinstance(other, Device) else {"links": [other]}
    return merged(inventory, Inventory.of(**section))  # type: ignore[arg-type]


def kinds(found: Sequence[Difference]) -> list[str]:
    return [each.kind.value for each in found]


def only(found: Sequence[Difference], kind: DifferenceKind) -> Difference:
    assert kinds(found) == [kind.value]
    return found[0]


def written(inventory: Inventory, found: Sequence[Difference]) -> Inventory:
    """The inventory after everything was accepted, which must leave nothing to accept."""
    return merged(inventory, outcome(inventory, [each for each in found if each.acceptable]).items)


def test_a_host_that_says_the_same_differs_in_nothing(inventory: Inventory, host: Any) -> None:
    assert reconciled(host.same(), inventory) == []


def test_the_two_serials_of_a_pair_may_swap(inventory: Inventory, host: Any) -> None:
    assert reconciled(host.with_edge(serials=("vc1170", "VC1171")), inventory) == []


def test_a_replaced_box_is_a_difference(inventory: Inventory, host: Any) -> None:
    found = only(reconciled(host.with_edge(serials=("VC1170", "VC9999")), inventory), DifferenceKind.SERIALS)
    assert (found.subject, found.ours, found.theirs) == ("edge-117", "VC1170 and VC1171", "VC1170 and VC9999")
    assert written(inventory, [found]).devices["edge-117"].serials == ("VC1170", "VC9999")


@pytest.mark.parametrize(
    "silence",
    [
        {"serials": ()},
        {"model": ""},
        {"links": None},
        {"enterprise_id": ""},
        {"name": "", "address": "", "timezone": None},
    ],
)
def test_where_the_host_says_nothing_nothing_differs(inventory: Inventory, host: Any, silence: dict[str, Any]) -> None:
    assert reconciled(host.with_edge(**silence), inventory) == []


@pytest.mark.parametrize(
    "silence",
    [{"down_bps": None, "up_bps": None}, {"down_bps": 0.0}, {"up_bps": float("nan")}, {"isp": None}, {"isp": "N/A"},
     {"interface": None}, {"interface": ""}, {"last_active": None}, {"wireless": None, "backup": None}],
)  # fmt: skip
def test_where_the_host_says_nothing_of_a_line_nothing_differs(
    inventory: Inventory, host: Any, silence: dict[str, Any]
) -> None:
    assert reconciled(host.with_link(**silence), inventory) == []


def test_a_download_rate_of_the_host_is_the_committed_rate_down(inventory: Inventory, host: Any) -> None:
    found = only(reconciled(host.with_link(down_bps=200e6), inventory), DifferenceKind.RATES)
    assert (found.ours, found.theirs) == (
        "100 Mbit/s down, 20 Mbit/s up",
        "200 Mbit/s down, 20 Mbit/s up",
    )
    assert found.settings == (Setting("links", "store-117-dia", "committed_down_bps", 200e6),)
    after = written(inventory, [found]).links["store-117-dia"]
    assert (after.committed_down_bps, after.committed_up_bps) == (200e6, 20e6)


def test_an_upload_rate_of_the_host_is_the_committed_rate_up(inventory: Inventory, host: Any) -> None:
    found = only(reconciled(host.with_link(up_bps=40e6), inventory), DifferenceKind.RATES)
    assert found.settings == (Setting("links", "store-117-dia", "committed_up_bps", 40e6),)


def test_a_rate_that_the_inventory_does_not_know_can_be_taken(inventory: Inventory, host: Any) -> None:
    unknown = changed(inventory, inventory.links["store-117-dia"], committed_down_bps=None, committed_up_bps=None)
    found = only(reconciled(host.same(), unknown), DifferenceKind.RATES)
    assert (found.ours, found.theirs) == ("not known", "100 Mbit/s down, 20 Mbit/s up")


@pytest.mark.parametrize(("down", "differs"), [(100.05e6, False), (99.95e6, False), (100.2e6, True), (99.8e6, True)])
def test_a_thousandth_of_a_rate_is_rounding(inventory: Inventory, host: Any, down: float, differs: bool) -> None:
    assert bool(reconciled(host.with_link(down_bps=down), inventory)) is differs


def test_another_network_is_written_as_the_one_the_line_runs_on(inventory: Inventory, host: Any) -> None:
    found = only(reconciled(host.with_link(isp="Eastern Light"), inventory), DifferenceKind.CARRIER)
    assert (found.ours, found.theirs) == ("Meridian Fiber", "Eastern Light")
    after = written(inventory, [found]).links["store-117-dia"]
    assert (after.carrier, after.underlying_carrier) == ("Meridian Fiber", "Eastern Light")


def test_a_carrier_that_the_inventory_does_not_know_is_the_carrier(inventory: Inventory, host: Any) -> None:
    unknown = changed(inventory, inventory.links["store-117-dia"], carrier=None)
    found = only(reconciled(host.same(), unknown), DifferenceKind.CARRIER)
    assert found.settings == (Setting("links", "store-117-dia", "carrier", "Meridian Fiber, LLC"),)


def test_the_underlying_carrier_is_the_carrier_too(inventory: Inventory, host: Any) -> None:
    resold = changed(
        inventory, inventory.links["store-117-dia"], carrier="Reseller", underlying_carrier="Meridian Fiber"
    )
    assert reconciled(host.same(), resold) == []


def test_a_line_that_moved_to_another_port(inventory: Inventory, host: Any) -> None:
    found = only(reconciled(host.with_link(interface="GE4"), inventory), DifferenceKind.INTERFACE)
    assert (found.ours, found.theirs, found.note) == ("GE1", "GE4", "")
    assert written(inventory, [found]).links["store-117-dia"].interface == "GE4"


def test_moving_a_line_that_snmp_reads_by_its_port_says_so(inventory: Inventory, host: Any) -> None:
    polled = changed(
        inventory, inventory.devices["edge-117"], management_address="192.0.2.1", snmp=SnmpAccess(credential="stores")
    )
    assert "SNMP" in only(reconciled(host.with_link(interface="GE4"), polled), DifferenceKind.INTERFACE).note


def test_a_line_cannot_move_to_a_port_that_another_one_holds(inventory: Inventory, host: Any) -> None:
    found = only(reconciled(host.with_link(interface="GE3"), inventory), DifferenceKind.INTERFACE)
    assert not found.acceptable
    assert "store-117-lan has it already" in found.blocked
    assert outcome(inventory, [found]).items == Inventory()


def test_two_lines_that_swapped_ports_are_accepted_together_or_not_at_all(inventory: Inventory, host: Any) -> None:
    fibre, radio = host.same().edges[0].links
    swapped = host.with_edge(links=(replace(fibre, interface="USB1"), replace(radio, interface="GE1")))
    found = reconciled(swapped, inventory)
    assert kinds(found) == ["interface", "interface"]
    assert all(each.acceptable for each in found)
    for one in found:
        alone = outcome(inventory, [one])
        assert alone.items == Inventory()
        assert "has it already" in alone.refused[one.id]
    assert written(inventory, found).links["store-117-lte"].interface == "GE1"


def test_another_model_is_a_difference(inventory: Inventory, host: Any) -> None:
    found = only(reconciled(host.with_edge(model="edge610"), inventory), DifferenceKind.MODEL)
    assert written(inventory, [found]).devices["edge-117"].model == "edge610"


def test_an_edge_of_another_enterprise_gets_its_identity_anew(inventory: Inventory, host: Any) -> None:
    found = only(reconciled(host.with_edge(enterprise_id="42"), inventory), DifferenceKind.EDGE_IDENTITY)
    assert found.ours == "vco1, edge 702 of enterprise 41"
    assert found.theirs == "vco1, edge 702 of enterprise 42"


def test_an_edge_that_was_made_anew_is_found_by_its_serial(inventory: Inventory, host: Any) -> None:
    found = only(reconciled(host.with_edge(edge_id="801"), inventory), DifferenceKind.EDGE_IDENTITY)
    assert found.note == "found by its serial number"
    after = written(inventory, [found])
    assert after.devices["edge-117"].orchestrator == OrchestratorIdentity(
        name="vco1", edge_id="801", enterprise_id="41"
    )
    assert reconciled(host.with_edge(edge_id="801"), after) == []


def test_a_box_with_our_serial_under_another_edge_is_not_taken_for_the_edge_that_is_there(
    inventory: Inventory, host: Any
) -> None:
    edge = host.same().edges[0]
    listing = host.of(replace(edge, serials=("VC5",)), replace(edge, edge_id="703", name="New", links=()))
    found = reconciled(listing, inventory)
    assert sorted(kinds(found)) == ["new_edge", "serials"]
    (new,) = (each for each in found if each.kind is DifferenceKind.NEW_EDGE)
    assert "VC1170" in outcome(inventory, [new]).refused[new.id]
    assert outcome(inventory, found).refused == {}


def test_an_ordered_device_that_came_up_can_go_live(inventory: Inventory, host: Any) -> None:
    ordered = changed(inventory, inventory.devices["edge-117"], life_cycle=LifeCycle.ORDERED)
    found = only(reconciled(host.same(), ordered), DifferenceKind.LIFE_CYCLE)
    assert written(ordered, [found]).devices["edge-117"].life_cycle is LifeCycle.LIVE


def test_a_live_device_that_was_never_activated_is_told(inventory: Inventory, host: Any) -> None:
    found = only(reconciled(host.with_edge(activated=False), inventory), DifferenceKind.LIFE_CYCLE)
    assert found.theirs == "never activated"
    assert written(inventory, [found]).devices["edge-117"].life_cycle is LifeCycle.ORDERED


@pytest.mark.parametrize("state", [LifeCycle.SUSPENDED])
def test_a_suspended_device_is_not_put_into_use(inventory: Inventory, host: Any, state: LifeCycle) -> None:
    assert reconciled(host.same(), changed(inventory, inventory.devices["edge-117"], life_cycle=state)) == []


def test_an_ordered_line_that_carries_traffic_can_go_live(inventory: Inventory, host: Any) -> None:
    ordered = changed(inventory, inventory.links["store-117-dia"], life_cycle=LifeCycle.ORDERED)
    found = only(reconciled(host.same(), ordered), DifferenceKind.LIFE_CYCLE)
    assert found.theirs == "in use, last active 2026-11-22"
    assert written(ordered, [found]).links["store-117-dia"].life_cycle is LifeCycle.LIVE


def test_what_is_missing_at_the_host_is_told_and_writes_nothing(inventory: Inventory, host: Any) -> None:
    fibre, _ = host.same().edges[0].links
    found = only(reconciled(host.with_edge(links=(fibre,)), inventory), DifferenceKind.MISSING_LINK)
    assert (found.subject, found.theirs) == ("store-117-lte", "not listed at ACME-0117")
    assert not found.acceptable

    other = ListedEdge(edge_id="9", enterprise_id="41", enterprise_name="Acme Dental", name="ACME-0009")
    gone = [each for each in reconciled(host.of(other), inventory) if each.kind is DifferenceKind.MISSING_EDGE]
    assert [(each.subject, each.note, each.acceptable) for each in gone] == [("edge-117", "", False)]


def test_an_enterprise_of_which_nothing_is_seen_is_said(inventory: Inventory, host: Any) -> None:
    other = ListedEdge(edge_id="9", enterprise_id="77", enterprise_name="Acme Dental", name="ACME-0009")
    (gone,) = (each for each in reconciled(host.of(other), inventory) if each.kind is DifferenceKind.MISSING_EDGE)
    assert "enterprise 41" in gone.note
    assert "may not see it" in gone.note


def test_what_an_incomplete_listing_lacks_is_not_missing(inventory: Inventory, host: Any) -> None:
    fibre, _ = host.same().edges[0].links
    half = replace(host.same().edges[0], links=(fibre,))
    assert reconciled(host.of(half, unread=("enterprise 42: 500",)), inventory) == []
    assert reconciled(host.of(), inventory) == []


@pytest.mark.parametrize("state", [LifeCycle.ORDERED, LifeCycle.RETIRED])
def test_what_is_not_in_service_is_not_missed(inventory: Inventory, host: Any, state: LifeCycle) -> None:
    fibre, _ = host.same().edges[0].links
    without = changed(inventory, inventory.links["store-117-lte"], life_cycle=state)
    assert reconciled(host.with_edge(links=(fibre,)), without) == []
    elsewhere = host.of(ListedEdge(edge_id="9", enterprise_id="41", name="118"))
    unused = changed(inventory, inventory.devices["edge-117"], life_cycle=state)
    assert kinds(reconciled(elsewhere, unused)) == ["new_edge"]


@pytest.mark.parametrize(("age", "stale"), [(timedelta(days=30), False), (timedelta(days=30, seconds=1), True)])
def test_a_line_not_active_for_thirty_days_is_stale(
    inventory: Inventory, host: Any, age: timedelta, stale: bool
) -> None:
    found = reconciled(host.with_link(last_active=host.now - age, down_bps=1e6), inventory)
    assert kinds(found) == (["stale_link"] if stale else ["rates"])
    assert [each.acceptable for each in found] == [not stale]


def test_a_stale_line_says_since_when(inventory: Inventory, host: Any) -> None:
    found = only(
        reconciled(host.with_link(last_active=host.now - timedelta(days=266)), inventory), DifferenceKind.STALE_LINK
    )
    assert (found.subject, found.theirs) == ("store-117-dia", "last active 2026-03-01, 266 days ago")
    assert "retire it" in found.note


def test_a_backup_line_that_is_cold_is_not_stale(inventory: Inventory, host: Any) -> None:
    assert reconciled(host.with_link(last_active=host.now - timedelta(days=90), backup=True), inventory) == []


def test_a_stale_line_that_we_do_not_have_is_no_new_line(inventory: Inventory, host: Any) -> None:
    ghost = ListedLink(id="old", interface="GE1", isp="Gone Telephone", last_active=host.now - timedelta(days=300))
    found = only(reconciled(host.beside(ghost), inventory), DifferenceKind.STALE_LINK)
    assert (found.subject, found.ours) == ("ACME-0117:GE1", "not in the inventory")


def test_a_retired_line_that_is_active_is_told(inventory: Inventory, host: Any) -> None:
    retired = changed(inventory, inventory.links["store-117-dia"], life_cycle=LifeCycle.RETIRED)
    found = only(reconciled(host.same(), retired), DifferenceKind.RETIRED_HERE)
    assert not found.acceptable


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


def new_edge(**changes: Any) -> ListedEdge:
    return replace(
        ListedEdge(
            edge_id="811",
            enterprise_id="41",
            enterprise_name="Acme Dental|90001|",
            name="ACME-0811 River Road",
            model="edge610",
            serials=("VC8110",),
            address="811 River Road, Peoria, IL",
            timezone="America/Chicago",
            links=(
                ListedLink(id="r-2", interface="USB1", isp="Summit Wireless", wireless=True, backup=True),
                ListedLink(id="r-1", interface="GE1", isp="Valley Cable", down_bps=300e6, up_bps=20e6),
            ),
        ),
        **changes,
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


def test_ids_of_differences_stay_from_run_to_run_and_change_with_what_would_be_written(
    inventory: Inventory, host: Any
) -> None:
    (first,) = reconciled(host.with_link(down_bps=200e6), inventory)
    (again,) = reconciled(replace(host.with_link(down_bps=200e6), read_at=host.now + timedelta(days=2)), inventory)
    (other,) = reconciled(host.with_link(down_bps=500e6), inventory)
    assert first.id == again.id
    assert first.id.startswith("rates/store-117-dia/")
    assert other.id != first.id


def test_what_another_host_manages_is_nobody_elses_business(inventory: Inventory, host: Any) -> None:
    elsewhere = changed(
        inventory,
        inventory.devices["edge-117"],
        orchestrator=OrchestratorIdentity(name="vco2", enterprise_id="41", edge_id="702"),
    )
    found = reconciled(host.of(ListedEdge(edge_id="9", enterprise_id="5", enterprise_name="Globex")), elsewhere)
    assert kinds(found) == ["new_edge"]


def test_accepting_writes_only_what_was_accepted(inventory: Inventory, host: Any) -> None:
    listing = host.with_link(down_bps=200e6, isp="Eastern Light")
    rates = next(each for each in reconciled(listing, inventory) if each.kind is DifferenceKind.RATES)
    changes = diff(inventory, merged(inventory, outcome(inventory, [rates]).items))
    assert [(one.id, [each.name for each in one.fields]) for one in changes.changed] == [
        ("store-117-dia", ["committed_down_bps"])
    ]


def test_texts_of_a_host_come_clean_into_the_inventory(inventory: Inventory, host: Any) -> None:
    odd = new_edge(name="Riv\x1b[2Jer\u202e Road\n", timezone="Mars/Olympus", address=" 1 \x00 Road ")
    found = only(reconciled(host.of(host.same().edges[0], odd), inventory), DifferenceKind.NEW_EDGE)
    site = found.added[0]
    assert isinstance(site, Site)
    assert (site.name, site.address, site.timezone) == ("Riv [2Jer Road", "1 Road", "America/Chicago")


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


def test_a_host_with_one_tenant_has_no_enterprise_to_name(inventory: Inventory, host: Any) -> None:
    tenant = ListedEdge(edge_id="C8K-1", name="branch-1")
    (found,) = reconciled(host.of(host.same().edges[0], tenant), inventory)
    assert found.blocked == "the inventory has no client for edges of this host yet"
    assert set(proposed(inventory, [found]).clients) == {"vco1"}


def test_rates_that_could_not_be_read_hide_no_missing_line(inventory: Inventory, host: Any) -> None:
    fibre, _ = host.same().edges[0].links
    listing = replace(host.with_edge(links=(fibre,)), unrated=("rates of 1 edge: 500",))
    assert kinds(reconciled(listing, inventory)) == ["missing_link"]


@pytest.mark.parametrize("known", [None, OrchestratorIdentity(name="vco2", enterprise_id="7", edge_id="9")])
def test_a_box_that_another_host_or_nobody_managed_is_found_by_its_serial(
    inventory: Inventory, host: Any, known: OrchestratorIdentity | None
) -> None:
    other = changed(inventory, inventory.devices["edge-117"], orchestrator=known)
    (identity, *_) = reconciled(host.with_edge(enterprise_id=""), other)
    assert identity.kind is DifferenceKind.EDGE_IDENTITY
    assert identity.settings[0].value == OrchestratorIdentity(name="vco1", edge_id="702")


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
