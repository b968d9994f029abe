"""What a manager's states mean: edges, lines, its own parts, events."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp.test_utils import TestServer

from collector.model import Fact, FactKind
from collector.orchestrator.catalyst.adapter import Catalyst
from collector.orchestrator.catalyst.calls import planned
from collector.orchestrator.catalyst.mapping import event_facts, part_facts, state_report
from collector.orchestrator.catalyst.places import places
from collector.orchestrator.catalyst.rows import device_rows, event_rows, is_up, session_rows, wan_rows
from collector.orchestrator.directory import directory
from collector.orchestrator.quota import Quota
from collector.settings import OrchestratorSettings
from config.clock import ManualClock
from inventory.model import Device, DeviceRole, Inventory, LifeCycle, Link, OrchestratorIdentity, Site
from service.simulator.catalyst.fabric import Fabric, Trouble, TroubleKind, fabric
from service.simulator.catalyst.server import ManagerServer

NOW = datetime(2026, 3, 3, 14, 3, tzinfo=UTC)
AT = NOW.timestamp()


def trouble(kind: TroubleKind, address: str, colour: str | None = None, **changes: Any) -> Trouble:
    return Trouble(**{"kind": kind, "address": address, "colour": colour, "start": AT - 600, "end": AT + 600} | changes)


class Seen:
    """A fleet of two hubs and branches, and what is said of it; branch n is of shape n + 1 of the simulator's three:
    1 = mpls + public-internet, 2 = mpls + biz-internet, 3 = biz-internet + lte (a last-resort circuit)."""

    def __init__(self, simulated: ManagerServer, server: TestServer) -> None:
        self.simulated, self.server = simulated, server
        self.clock = ManualClock(NOW)

    @property
    def fabric(self) -> Fabric:
        return self.simulated.fabric

    def address(self, name: str) -> str:
        return next(edge.address for edge in self.fabric.edges if edge.name == name)

    def opened(self, inventory: Inventory | None = None) -> Catalyst:
        known = self.fabric.inventory("manager1") if inventory is None else inventory
        return Catalyst("manager1", self.settings(), known, self.clock, Quota(1_000_000, penalty=0.05))

    def settings(self) -> OrchestratorSettings:
        given = {"kind": "catalyst", "url": str(self.server.make_url("")), "username": "lineproof", "timeout": 5}
        return OrchestratorSettings.model_validate(given | {"password": "simulated"})

    async def facts(self, inventory: Inventory | None = None) -> dict[str, Fact]:
        adapter = self.opened(inventory)
        try:
            return {fact.subject: fact for fact in (await adapter.states()).facts}
        finally:
            await adapter.close()


@pytest.fixture
async def seen() -> AsyncIterator[Seen]:
    simulated = ManagerServer(fabric=fabric(6), clock=ManualClock(NOW))
    server = TestServer(simulated.application())
    await server.start_server()
    yield Seen(simulated, server)
    await server.close()


pytestmark = pytest.mark.rim


async def test_a_healthy_fleet_is_told_line_by_line(seen: Seen):
    adapter = seen.opened()
    report = await adapter.states()
    told = {(fact.subject, fact.kind.value, fact.value) for fact in report.facts}
    assert ("branch-00001", "edge_state", "connected") in told
    assert ("branch-00001-mpls", "link_state", "stable") in told
    assert ("branch-00003-lte", "link_state", "standby") in told
    assert len([fact for fact in report.facts if fact.kind is FactKind.EDGE_STATE]) == 8
    assert len([fact for fact in report.facts if fact.kind is FactKind.LINK_STATE]) == 16
    assert {fact.time for fact in report.facts} == {NOW}
    assert not report.absent
    assert not report.unmapped
    await adapter.close()


async def test_edges_are_found_by_uuid_and_by_system_ip_alike(seen: Seen):
    by_uuid = await seen.facts()
    by_address = await seen.facts(seen.fabric.inventory("manager1", by_address=True))
    assert by_uuid == by_address


async def test_a_line_all_of_whose_tunnels_are_down_is_disconnected(seen: Seen):
    seen.fabric.troubles.append(trouble(TroubleKind.LINE_DOWN, seen.address("branch-00001"), "mpls"))
    facts = await seen.facts()
    assert facts["branch-00001-mpls"].value == "disconnected"
    assert "0 of 2 tunnels up" in facts["branch-00001-mpls"].detail
    assert facts["branch-00001"].value == "connected"
    assert facts["branch-00001-public-internet"].value == "stable"
    assert facts["hub-1-mpls"].value == "stable"


async def test_a_line_whose_interface_is_down_is_disconnected_though_no_tunnel_is_listed(seen: Seen):
    seen.fabric.troubles.append(trouble(TroubleKind.LINE_SHUT, seen.address("branch-00001"), "mpls"))
    assert (await seen.facts())["branch-00001-mpls"].value == "disconnected"


async def test_a_last_resort_circuit_that_carries_is_stable_and_one_that_fails_then_is_disconnected(seen: Seen):
    branch = seen.address("branch-00003")
    seen.fabric.troubles.append(trouble(TroubleKind.LINE_DOWN, branch, "biz-internet"))
    facts = await seen.facts()
    assert facts["branch-00003-biz-internet"].value == "disconnected"
    assert facts["branch-00003-lte"].value == "stable"
    seen.fabric.troubles.append(trouble(TroubleKind.LINE_SHUT, branch, "lte"))
    assert (await seen.facts())["branch-00003-lte"].value == "disconnected"


async def test_hubs_that_are_down_for_everybody_are_no_fault_of_the_branches(seen: Seen):
    for hub in ("hub-1", "hub-2"):
        seen.fabric.troubles.append(trouble(TroubleKind.LINE_DOWN, seen.address(hub), "mpls"))
    facts = await seen.facts()
    assert facts["branch-00001-mpls"].value == "stable"
    assert "the far ends are down for other sites as well" in facts["branch-00001-mpls"].detail
    assert facts["hub-1-mpls"].value == "disconnected"


async def test_contact_that_is_lost_says_offline_while_the_tunnels_of_others_prove_the_lines(seen: Seen):
    seen.fabric.troubles.append(trouble(TroubleKind.UNREACHABLE, seen.address("branch-00001")))
    facts = await seen.facts()
    assert facts["branch-00001"].value == "offline"
    assert facts["branch-00001-mpls"].value == "stable"
    assert "contact with its edge lost, but tunnels of 2 other sites to it are up" in facts["branch-00001-mpls"].detail


async def test_contact_that_is_lost_with_the_tunnels_is_a_line_that_is_down(seen: Seen):
    branch = seen.address("branch-00001")
    seen.fabric.troubles.extend([trouble(TroubleKind.UNREACHABLE, branch), trouble(TroubleKind.LINE_DOWN, branch)])
    facts = await seen.facts()
    assert facts["branch-00001"].value == "offline"
    assert facts["branch-00001-mpls"].value == "disconnected"


async def test_a_last_resort_circuit_of_an_edge_without_contact_is_in_standby_while_its_other_line_carries(seen: Seen):
    branch = seen.address("branch-00003")
    seen.fabric.troubles.append(trouble(TroubleKind.UNREACHABLE, branch))
    facts = await seen.facts()
    assert facts["branch-00003-lte"].value == "standby"
    assert facts["branch-00003-biz-internet"].value == "stable"
    seen.fabric.troubles.append(trouble(TroubleKind.LINE_DOWN, branch))
    assert (await seen.facts())["branch-00003-lte"].value == "unknown"


async def test_what_the_host_leaves_out_is_absent_and_neither_healthy_nor_down(seen: Seen):
    seen.simulated.faults.missing.add(seen.address("branch-00002"))
    adapter = seen.opened()
    report = await adapter.states()
    assert report.absent == ["branch-00002", "branch-00002-biz-internet", "branch-00002-mpls"]
    assert not {fact.subject for fact in report.facts} & set(report.absent)
    await adapter.close()


async def test_what_the_inventory_does_not_know_is_named(seen: Seen):
    whole = seen.fabric.inventory("manager1")
    known = Inventory.of(
        clients=list(whole.clients.values()),
        sites=list(whole.sites.values()),
        devices=[device for device in whole.devices.values() if device.id != "branch-00004"],
        links=[
            link
            for link in whole.links.values()
            if link.device != "branch-00004" and link.id != "branch-00001-public-internet"
        ],
    )
    adapter = seen.opened(known)
    report = await adapter.states()
    edge = seen.fabric.edge(seen.address("branch-00004"))
    assert edge is not None
    assert report.unmapped == [
        f"edge {edge.uuid} branch-00004",
        "link public-internet at GigabitEthernet0/0/1 of branch-00001",
    ]
    await adapter.close()


async def test_controllers_are_parts_of_the_manager_and_no_unknown_edges(seen: Seen):
    adapter = seen.opened()
    facts = await adapter.own_parts()
    assert {(fact.subject, fact.value) for fact in facts} == {
        ("manager1/manager", "ok"),
        ("manager1/controller-1", "ok"),
        ("manager1/controller-2", "ok"),
        ("manager1/validator", "ok"),
    }
    assert {fact.kind for fact in facts} == {FactKind.PART_STATE}
    await adapter.close()


async def test_events_are_about_the_line_that_they_name(seen: Seen):
    branch = seen.address("branch-00001")
    rebooted = trouble(TroubleKind.REBOOT, seen.address("branch-00002"), end=AT - 60)
    seen.fabric.troubles.extend([trouble(TroubleKind.LINE_SHUT, branch, "mpls"), rebooted])
    adapter = seen.opened()
    facts = await adapter.events(NOW - timedelta(hours=1), NOW)
    await adapter.close()
    down = NOW - timedelta(seconds=600)
    assert {(fact.time, fact.subject, fact.value) for fact in facts} == {
        (down, "branch-00001-mpls", "bfd-state-change"),
        (down, "branch-00001-mpls", "interface-state-change"),
        (NOW - timedelta(seconds=60), "branch-00002", "system-reboot-complete"),
    }
    assert any("new-state=down" in fact.detail for fact in facts)


async def test_events_outside_the_period_are_left_out(seen: Seen):
    seen.fabric.troubles.append(trouble(TroubleKind.LINE_SHUT, seen.address("branch-00001"), "mpls"))
    adapter = seen.opened()
    assert not await adapter.events(NOW - timedelta(seconds=599), NOW)
    assert await adapter.events(NOW - timedelta(seconds=600), NOW - timedelta(seconds=599))
    await adapter.close()


@pytest.mark.parametrize(("late", "readings"), [(600, 2), (2400, 1)])
async def test_the_plan_of_calls_is_what_is_called(seen: Seen, late: int, readings: int):
    """An hour of the watch: states each minute, each window twice, or once if that is late anyhow, events each tick."""
    settings = seen.settings().model_copy(update={"late": late})
    seen.simulated.collects_every = 600.0
    adapter = seen.opened()
    await adapter.states()
    seen.simulated.calls.clear()
    for _ in range(3600 // settings.states_every):
        await adapter.states()
    hour = NOW.replace(minute=0) - timedelta(hours=2)
    tick = timedelta(seconds=settings.tick)
    for number in range(3600 // settings.tick):
        for _ in range(readings):
            await adapter.statistics(hour + number * tick, hour + (number + 1) * tick)
        await adapter.events(hour, hour + tick)
        await adapter.own_parts()
    plan = planned(settings, directory(seen.fabric.inventory("manager1"), "manager1"))
    assert dict(seen.simulated.calls) == plan.hourly

    seen.simulated.calls.clear()
    await adapter.listing()
    assert sum(seen.simulated.calls.values()) == plan.listing

    seen.simulated.calls.clear()
    for device in seen.fabric.inventory("manager1").devices:
        await adapter.history(device, hour, hour + timedelta(hours=1))
    assert sum(seen.simulated.calls.values()) == plan.at_first_contact
    await adapter.close()


def one_edge(**device: Any) -> dict[str, Any]:
    return {
        "system-ip": "10.0.0.1",
        "uuid": "C8K-1",
        "host-name": "edge-1",
        "personality": "vedge",
        "reachability": "reachable",
        "state": "green",
        "state_description": "All daemons up",
        "site-id": "101",
        "lastupdated": 1772546520000,
        "certificate-validity": "Valid",
    } | device


def transport(colour: str = "mpls", **changes: Any) -> dict[str, Any]:
    return {
        "vdevice-name": "10.0.0.1",
        "color": colour,
        "interface": f"if-{colour}",
        "admin-state": "up",
        "operation-state": "up",
        "num-vsmarts": 2,
        "num-vmanages": 1,
        "last-resort": "false",
    } | changes


def session(
    remote: str, state: str, local: str = "10.0.0.1", colour: str = "mpls", far: str = "mpls"
) -> dict[str, Any]:
    return {"vdevice-name": local, "local-color": colour, "system-ip": remote, "color": far, "state": state}


def small() -> Inventory:
    identity = OrchestratorIdentity(name="m", edge_id="C8K-1")
    return Inventory.of(
        clients=[],
        sites=[Site(id="s1", client="c")],
        devices=[Device(id="edge-1", site="s1", role=DeviceRole.SDWAN_EDGE, orchestrator=identity)],
        links=[
            Link(id="l-mpls", site="s1", device="edge-1", orchestrator_link="mpls"),
            Link(id="l-port", site="s1", device="edge-1", interface="IF-LTE"),
        ],
    )


def told(
    devices: list[dict[str, Any]], wan: list[dict[str, Any]], sessions: list[dict[str, Any]], inventory: Inventory
) -> dict[str, Fact]:
    rows, transports = device_rows(devices).rows, wan_rows(wan).rows
    known = places(rows, transports, directory(inventory, "m"))
    report = state_report(rows, transports, session_rows(sessions).rows, known, NOW)
    return {fact.subject: fact for fact in report.facts}


@pytest.mark.parametrize(
    ("changes", "ours"),
    [
        ({}, "connected"),
        ({"reachability": "unreachable"}, "offline"),
        ({"reachability": "auth-failed"}, "offline"),
        ({"state": "red", "state_description": "Some daemons down"}, "degraded"),
        ({"state": "yellow"}, "degraded"),
        ({"reachability": "beyond-the-sea"}, "unknown"),
        ({"reachability": None}, "unknown"),
        ({"reachability": "staging"}, "never_activated"),
    ],
)
def test_reachability_is_contact_with_the_manager(changes: dict[str, Any], ours: str):
    fact = told([one_edge(**changes)], [transport()], [], small())["edge-1"]
    assert fact.value == ours
    assert "last update 2026-03-03T14:02:00Z" in fact.detail


@pytest.mark.parametrize(
    ("certificate", "said"), [("Expired", "certificate Expired"), ("Valid", ""), ("valid", ""), (None, "")]
)
def test_a_certificate_that_is_not_valid_stands_in_the_detail(certificate: str | None, said: str):
    detail = told([one_edge(**{"certificate-validity": certificate})], [], [], small())["edge-1"].detail
    assert detail == "; ".join(filter(None, (said, "last update 2026-03-03T14:02:00Z")))


@pytest.mark.parametrize(
    ("states", "ours"),
    [
        (["up", "up", "up"], "stable"),
        (["up", "up", "down"], "stable"),
        (["up", "down", "down"], "unstable"),
        (["up", "down"], "unstable"),
        (["down", "down"], "disconnected"),
        (["init", "init"], "unknown"),
    ],
)
def test_a_line_is_what_its_tunnels_are(states: list[str], ours: str):
    sessions = [session(f"10.0.1.{i}", state) for i, state in enumerate(states)]
    operation = {"operation-state": None} if "init" in states else {}
    assert told([one_edge()], [transport(**operation)], sessions, small())["l-mpls"].value == ours


def test_one_far_end_that_is_down_and_nobody_to_compare_with_says_so():
    fact = told([one_edge()], [transport()], [session("10.0.1.1", "down")], small())["l-mpls"]
    assert fact.value == "disconnected"
    assert "nobody to compare with" in fact.detail


def test_one_far_end_that_another_site_reaches_is_compared():
    sessions = [session("10.0.1.1", "down"), session("10.0.1.1", "up", local="10.0.0.2")]
    devices = [one_edge(), one_edge(**{"system-ip": "10.0.0.2", "uuid": "C8K-2", "site-id": "102"})]
    fact = told(devices, [transport()], sessions, small())["l-mpls"]
    assert fact.value == "disconnected"
    assert "nobody to compare with" not in fact.detail


@pytest.mark.parametrize(
    ("others", "control", "ours"),
    [
        ([], 3, "disconnected"),
        (["102"], 3, "disconnected"),
        (["102", "102"], 3, "disconnected"),
        (["101", "101"], 3, "disconnected"),
        (["102", "103"], 3, "stable"),
        (["102", "103"], 0, "unknown"),
    ],
)
def test_a_far_end_is_down_for_all_when_two_other_sites_say_so(others: list[str], control: int, ours: str):
    sessions = [session("10.0.1.1", "down")]
    devices = [one_edge()]
    for number, site in enumerate(others):
        address = f"10.0.2.{number}"
        devices.append(one_edge(**{"system-ip": address, "uuid": f"C8K-{address}", "site-id": site}))
        sessions.append(session("10.0.1.1", "down", local=address))
    wan = [transport(**{"num-vsmarts": control, "num-vmanages": 0})]
    assert told(devices, wan, sessions, small())["l-mpls"].value == ours


def test_a_line_without_tunnels_that_holds_control_connections_is_quiet():
    assert told([one_edge()], [transport()], [], small())["l-mpls"].value == "quiet"
    assert (
        told([one_edge()], [transport(**{"num-vsmarts": 0, "num-vmanages": 0})], [], small())["l-mpls"].value
        == "unknown"
    )


def test_a_shut_interface_is_told_as_one():
    wan = [transport(**{"admin-state": "down", "operation-state": "down"})]
    assert "interface shut" in told([one_edge()], wan, [], small())["l-mpls"].detail


def test_a_link_without_a_colour_in_the_inventory_is_found_by_its_interface():
    facts = told([one_edge()], [transport(), transport("lte", interface="if-lte")], [], small())
    assert "l-port" in facts


@pytest.mark.parametrize("word", ["true", True, "True", 1, "yes"])
def test_last_resort_is_read_in_every_spelling(word: object):
    wan = [transport(), transport("lte", interface="if-lte", **{"last-resort": word})]
    assert told([one_edge()], wan, [session("10.0.1.1", "up")], small())["l-port"].value == "standby"


def test_what_an_edge_without_contact_said_last_is_no_news():
    devices = [one_edge(reachability="unreachable")]
    assert told(devices, [transport()], [session("10.0.1.1", "up")], small())["l-mpls"].value == "unknown"


def test_the_word_of_a_hub_whose_own_line_is_down_proves_nothing_about_a_lost_edge():
    devices = [one_edge(reachability="unreachable"), one_edge(**{"system-ip": "10.0.1.1", "uuid": "H"})]
    sessions = [session("10.0.0.1", "down", local="10.0.1.1"), session("10.0.0.9", "down", local="10.0.1.1")]
    assert told(devices, [transport()], sessions, small())["l-mpls"].value == "unknown"
    sessions[1]["state"] = "up"
    assert told(devices, [transport()], sessions, small())["l-mpls"].value == "disconnected"


@pytest.mark.parametrize("changes", [{"life_cycle": LifeCycle.SUSPENDED}])
def test_what_is_not_watched_is_not_told(changes: dict[str, Any]):
    identity = OrchestratorIdentity(name="m", edge_id="10.0.0.1")
    device = Device(id="edge-1", site="s1", role=DeviceRole.SDWAN_EDGE, orchestrator=identity, **changes)
    inventory = Inventory.of(clients=[], sites=[Site(id="s1", client="c")], devices=[device], links=[])
    assert "edge-1" not in told([one_edge()], [transport()], [], inventory)


@pytest.mark.parametrize(
    ("row", "state"),
    [
        ({"reachability": "reachable", "state": "green"}, "ok"),
        ({"reachability": "reachable", "state": "red"}, "degraded"),
        ({"reachability": "unreachable"}, "down"),
        ({"reachability": "?"}, "unknown"),
    ],
)
def test_a_controllers_state_is_a_part_state(row: dict[str, Any], state: str):
    rows = device_rows([one_edge(**row | {"personality": "vsmart", "host-name": "c1"})])
    assert [(fact.subject, fact.value) for fact in part_facts(rows, "m", NOW)] == [("m/c1", state)]


def test_an_events_details_are_pairs():
    row = event_rows(
        [{"entry_time": 1772546520000, "eventname": "x", "system_ip": "1.1.1.1", "details": "a=1; b = two;c;d=e=f"}]
    ).rows[0]
    assert row.values == {"a": "1", "b": "two", "d": "e=f"}


@pytest.mark.parametrize(
    ("name", "address", "told_of"),
    [
        ("bfd-state-change", "10.0.0.1", ["l-mpls"]),
        ("bfd-state-change", "10.0.0.77", []),
        ("system-login-change", "10.0.0.1", []),
    ],
)
def test_events_of_others_and_of_other_things_are_left_out(name: str, address: str, told_of: list[str]):
    row = {"entry_time": 1772546520000, "eventname": name, "system_ip": address, "details": "local-color=mpls"}
    rows, transports = device_rows([one_edge()]).rows, wan_rows([transport()]).rows
    known = places(rows, transports, directory(small(), "m"))
    assert [fact.subject for fact in event_facts(event_rows([row]), known, NOW)] == told_of


@pytest.mark.parametrize(
    ("word", "up"),
    [
        ("up", True),
        ("Up", True),
        ("if-state-up", True),
        ("if-oper-state-ready", True),
        ("down", False),
        ("if-oper-state-lower-layer-down", False),
        ("", None),
        (None, None),
        ("init", None),
    ],
)
def test_the_words_for_up_and_down_differ_between_the_families_of_edges(word: str | None, up: bool | None):
    assert is_up(word) is up
