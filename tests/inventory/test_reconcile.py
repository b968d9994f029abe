"""What differs between a host and the inventory, and what accepting it writes."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from differing import changed, kinds, only, written

from inventory.changes import diff, merged
from inventory.differences import DifferenceKind, Setting, outcome
from inventory.listing import ListedEdge
from inventory.model import (
    Inventory,
    LifeCycle,
    OrchestratorIdentity,
)
from inventory.reconcile import reconciled


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


def test_a_retired_line_that_is_active_is_told(inventory: Inventory, host: Any) -> None:
    retired = changed(inventory, inventory.links["store-117-dia"], life_cycle=LifeCycle.RETIRED)
    found = only(reconciled(host.same(), retired), DifferenceKind.RETIRED_HERE)
    assert not found.acceptable


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
