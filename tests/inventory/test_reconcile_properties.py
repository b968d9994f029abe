"""Whatever a host lists: accepting everything once leaves nothing to accept, and nothing is ever lost by it."""

from dataclasses import fields
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from inventory.changes import diff, merged
from inventory.crosscheck import clashes
from inventory.differences import outcome
from inventory.listing import ListedEdge, ListedLink, Listing
from inventory.model import (
    Client,
    Device,
    DeviceRole,
    Inventory,
    LifeCycle,
    Link,
    LinkRole,
    OrchestratorIdentity,
    Site,
)
from inventory.reconcile import reconciled

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
# Few values, so that the two sides often mean the same, and often contradict each other.
ids = st.sampled_from(["1", "2", "3", "a", "A", "b"])
enterprises = st.sampled_from(["", "41", "42"])
names = st.sampled_from(["", "s1", "S-1", "Store 2", "x\x1b[0m", "店"])
ports = st.sampled_from(["GE1", "ge1", "GE2", "USB1"])
serials = st.lists(st.sampled_from(["V1", "v1", "V2", "V3"]), max_size=2, unique_by=str.casefold).map(tuple)
carriers = st.sampled_from(["Comcast", "Comcast Cable LLC", "AT&T", "att", "Unknown", "*", "Inc", ""])
rates = st.none() | st.sampled_from([0.0, -1.0, float("nan"), float("inf"), 1e6, 1.0005e6, 50e6, 100e6])
moments = st.none() | st.sampled_from(
    [NOW, NOW - timedelta(days=29), NOW - timedelta(days=31), NOW + timedelta(days=1)]
)
cycles = st.sampled_from(LifeCycle)

listed_links = st.builds(
    ListedLink,
    id=ids | st.just(""),
    interface=st.none() | ports | st.just(""),
    name=st.none() | names,
    isp=st.none() | carriers,
    down_bps=rates,
    up_bps=rates,
    wireless=st.none() | st.booleans(),
    backup=st.none() | st.booleans(),
    last_active=moments,
)
listed_edges = st.builds(
    ListedEdge,
    edge_id=ids | st.just(""),
    enterprise_id=enterprises,
    enterprise_name=names,
    name=names,
    model=st.sampled_from(["", "edge520", "Edge 520", "MX68"]),
    serials=serials,
    activated=st.booleans(),
    timezone=st.none() | st.sampled_from(["America/Chicago", "Mars/Olympus"]),
    links=st.none() | st.lists(listed_links, max_size=4).map(tuple),
)
listings = st.builds(
    Listing,
    orchestrator=st.just("vco1"),
    vendor=st.just("velocloud"),
    read_at=st.just(NOW),
    edges=st.lists(listed_edges, max_size=5),
    unread=st.sampled_from([(), ("something",)]),
)
identities = st.none() | st.builds(
    OrchestratorIdentity, name=st.sampled_from(["vco1", "vco2"]), edge_id=ids, enterprise_id=enterprises
)


@st.composite
def inventories(draw: st.DrawFn) -> Inventory:
    """One as an import leaves it: without contradictions."""
    clients = [Client(id="acme", name="Acme"), Client(id="globex", name="s1")]
    sites = [
        Site(id=name, client=draw(st.sampled_from(["acme", "globex"])), name=draw(st.sampled_from(["", "Store 2"])))
        for name in ("s1", "s2")
    ]
    devices = [
        Device(
            id=name,
            site=draw(st.sampled_from(["s1", "s2"])),
            role=DeviceRole.SDWAN_EDGE,
            model=draw(st.sampled_from(["", "Edge 520"])),
            serials=draw(serials),
            orchestrator=draw(identities),
            life_cycle=draw(cycles),
        )
        for name in ("d1", "d2", "s1-edge")[: draw(st.integers(0, 3))]
    ]
    links = []
    for number in range(draw(st.integers(0, 5))):
        device = draw(st.none() | st.sampled_from(devices)) if devices else None
        links.append(
            Link(
                id=f"s1-ge{number}",
                site=device.site if device else draw(st.sampled_from(["s1", "s2"])),
                device=device.id if device else None,
                interface=draw(st.none() | ports) if device else None,
                orchestrator_link=draw(st.none() | ids) if device else None,
                role=draw(st.sampled_from(LinkRole)),
                carrier=draw(st.none() | carriers),
                underlying_carrier=draw(st.none() | carriers),
                committed_down_bps=draw(st.none() | st.sampled_from([1e6, 100e6])),
                committed_up_bps=draw(st.none() | st.sampled_from([1e6, 100e6])),
                life_cycle=draw(cycles),
            )
        )
    found = Inventory.of(clients, sites, devices, links)
    while wrong := clashes(found, {"links": set(found.links), "devices": set(found.devices)}):
        gone = {clash.id for clash in wrong}
        devices = [device for device in devices if device.id not in gone]
        kept = {device.id for device in devices}
        links = [link for link in links if link.id not in gone and (link.device is None or link.device in kept)]
        found = Inventory.of(clients, sites, devices, links)
    return found


@given(listings, inventories())
@settings(deadline=None)
def test_accepting_everything_leaves_nothing_to_accept(listing: Listing, inventory: Inventory) -> None:
    found = [each for each in reconciled(listing, inventory) if each.acceptable]
    made = outcome(inventory, found)
    assert made.refused == {}
    after = merged(inventory, made.items)
    assert [each.id for each in reconciled(listing, after) if each.acceptable] == []


@given(listings, inventories())
@settings(deadline=None)
def test_ids_are_unique_and_the_same_in_every_run(listing: Listing, inventory: Inventory) -> None:
    found = [each.id for each in reconciled(listing, inventory)]
    assert len(set(found)) == len(found)
    assert [each.id for each in reconciled(listing, inventory)] == found


@given(listings, inventories(), st.randoms(use_true_random=False))
@settings(deadline=None)
def test_what_is_accepted_contradicts_nothing_and_removes_nothing(
    listing: Listing, inventory: Inventory, random: object
) -> None:
    found = [each for each in reconciled(listing, inventory) if each.acceptable]
    chosen = [each for each in found if random.random() < 0.5]  # type: ignore[attr-defined]
    after = merged(inventory, outcome(inventory, chosen).items)
    assert clashes(after, {"links": set(after.links), "devices": set(after.devices), "sites": set(after.sites)}) == []
    for before, now in ((inventory.devices, after.devices), (inventory.links, after.links)):
        assert before.keys() <= now.keys()
        assert all(now[name].site == item.site for name, item in before.items())
    for name, link in inventory.links.items():
        if link.life_cycle is not LifeCycle.ORDERED:
            assert after.links[name].life_cycle is link.life_cycle
        untouched = {one.name for one in fields(Link)} - {
            "device", "interface", "orchestrator_link", "carrier", "underlying_carrier", "committed_down_bps",
            "committed_up_bps", "life_cycle",
        }  # fmt: skip
        assert all(getattr(after.links[name], one) == getattr(link, one) for one in untouched)


@given(inventories())
@settings(deadline=None)
def test_an_empty_listing_says_nothing(inventory: Inventory) -> None:
    listing = Listing(orchestrator="vco1", vendor="velocloud", read_at=NOW, edges=[])
    assert reconciled(listing, inventory) == []


@given(listings, inventories())
@settings(deadline=None)
def test_a_difference_that_is_not_accepted_changes_nothing(listing: Listing, inventory: Inventory) -> None:
    assert not diff(inventory, outcome(inventory, []).items)
    told = [each for each in reconciled(listing, inventory) if not each.acceptable]
    assert outcome(inventory, told).items == Inventory()
