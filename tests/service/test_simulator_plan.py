"""A seed decides everything, and each story holds every kind of fault on sites of its own."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from inventory.importing import read_inventory
from inventory.model import Access, LifeCycle, Tool
from service.simulator.faults import FaultKind
from service.simulator.fleet import draw_fleet
from service.simulator.inventory_file import inventory_yaml
from service.simulator.plan import draw_plan, draw_rounds

START = 1_773_241_200.0
SEEDS = st.integers(0, 10_000)


@settings(max_examples=10, deadline=None)
@given(SEEDS)
def test_every_fleet_is_as_varied_as_promised(seed: int) -> None:
    inventory = draw_fleet(seed).inventory()
    assert len(inventory.sites) >= 25
    assert len(inventory.clients) >= 3
    primary = {inventory.links[f"{site}-wan1"].access for site in inventory.sites}
    secondary = {inventory.links[f"{site}-wan2"].access for site in inventory.sites}
    assert primary == {Access.DIA, Access.BROADBAND}
    assert secondary <= {Access.DSL, Access.LTE, Access.FIVE_G}
    assert sum(len(device.serials) == 2 for device in inventory.devices.values()) == 1
    assert sum(link.life_cycle is LifeCycle.RETIRED for link in inventory.links.values()) == 1
    assert sum(not device.monitoring.subscribed for device in inventory.devices.values()) == 1
    assert sum(Tool.PROBE in device.monitoring.tools for device in inventory.devices.values()) >= 4


@settings(max_examples=10, deadline=None)
@given(SEEDS)
def test_every_story_holds_every_kind_of_fault_and_no_site_has_two(seed: int) -> None:
    plan = draw_plan(seed, draw_fleet(seed), START)
    single = {fault.kind for fault in plan.faults if fault.carrier is None}
    assert single >= {
        FaultKind.LINE_DOWN,
        FaultKind.LOSS,
        FaultKind.SATURATION,
        FaultKind.FLAPPING,
        FaultKind.MANAGEMENT_LOST,
    }
    sites = [site for fault in plan.faults for site in fault.sites]
    assert len(sites) == len(set(sites))
    assert any(call.about is None for call in plan.calls)


@settings(max_examples=10, deadline=None)
@given(SEEDS)
def test_a_carrier_is_hit_at_four_sites_within_three_minutes(seed: int) -> None:
    fleet = draw_fleet(seed)
    fault = next(fault for fault in draw_plan(seed, fleet, START).faults if fault.carrier)
    starts = [hit.start for hit in fault.hits]
    links = fleet.inventory().links
    assert len(fault.sites) >= 4
    assert max(starts) - min(starts) <= 180
    assert {links[hit.link].carrier for hit in fault.hits} == {fault.carrier}


@settings(max_examples=10, deadline=None)
@given(SEEDS)
def test_nobody_phones_before_the_trouble_or_names_a_time_to_come(seed: int) -> None:
    plan = draw_plan(seed, draw_fleet(seed), START)
    faults = {fault.id: fault for fault in plan.faults}
    for call in plan.calls:
        assert call.since < call.at < plan.over
        if call.about:
            assert all(hit.start < call.at for hit in faults[call.about].hits if hit.site == call.site)


def test_the_unsubscribed_site_is_left_out_of_the_story() -> None:
    for seed in range(10):
        fleet = draw_fleet(seed)
        plan = draw_plan(seed, fleet, START)
        unsubscribed = {each.site.id for each in fleet.premises if not each.watched}
        told = {site for fault in plan.faults for site in fault.sites} | {call.site for call in plan.calls}
        assert not told & unsubscribed


def test_the_same_seed_gives_the_same_story_and_another_one_another() -> None:
    assert draw_plan(3, draw_fleet(3), START) == draw_plan(3, draw_fleet(3), START)
    assert draw_fleet(3).inventory() != draw_fleet(4).inventory()


def test_rounds_follow_one_another() -> None:
    plan = draw_rounds(2, draw_fleet(2), START, 3)
    first, second = plan.calls[0], plan.calls[9]
    assert first.at < plan.over < second.at


def test_the_inventory_file_is_read_back_as_it_was_drawn(tmp_path: Path) -> None:
    fleet = draw_fleet(1)
    ports = {each.device.id: 20_000 + number for number, each in enumerate(fleet.premises)}
    probes = {link.id: 30_000 + n for n, link in enumerate(x for e in fleet.premises if not e.has_edge for x in e.wan)}
    inventory = fleet.with_ports(ports, probes).inventory()
    path = tmp_path / "inventory.yaml"
    path.write_text(inventory_yaml(inventory), encoding="utf-8")
    assert read_inventory(path) == inventory
