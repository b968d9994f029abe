"""What a dashboard's states mean for our devices and links."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from collector.orchestrator.directory import directory
from collector.orchestrator.meraki.mapping import OrganizationStates, state_report
from collector.orchestrator.meraki.rows import availability_rows, unit_rows
from collector.orchestrator.meraki.units import learned, units
from collector.orchestrator.port import StateReport
from inventory.model import Client, Device, DeviceRole, Inventory, LifeCycle, Link, OrchestratorIdentity, Site

NOW = datetime(2026, 3, 3, 14, 10, tzinfo=UTC)
PRIMARY, SPARE, NEW = "Q2AA-AAAA-0001", "Q2AA-AAAA-0009", "Q2AA-AAAA-0777"


def mx(*serials: str, **changes: Any) -> Device:
    identity = OrchestratorIdentity(name="meraki1", enterprise_id="5000", edge_id=PRIMARY)
    return Device(id="mx-1", site="s", role=DeviceRole.SDWAN_EDGE, serials=serials, orchestrator=identity, **changes)


def line(name: str, interface: str, **changes: Any) -> Link:
    return Link(id=name, site="s", device="mx-1", orchestrator_link=interface, **changes)


def said(
    uplinks: dict[str, Any],
    *,
    serial: str = PRIMARY,
    reported: datetime | None = NOW,
    paired: bool = False,
    role: str = "primary",
    network: str = "N_1",
) -> dict[str, Any]:
    return {
        "networkId": network,
        "serial": serial,
        "model": "MX68",
        "highAvailability": {"enabled": paired, "role": role},
        "lastReportedAt": reported.isoformat() if reported else None,
        "uplinks": [{"interface": name, "status": status} for name, status in uplinks.items()],
    }


def listed(status: Any, serial: str = PRIMARY) -> dict[str, Any]:
    return {"serial": serial, "network": {"id": "N_1"}, "productType": "appliance", "status": status}


def report(
    appliances: Sequence[object],
    availabilities: Sequence[object],
    device: Device | None = None,
    links: Sequence[Link] = (line("dia", "wan1"), line("dsl", "wan2")),
    targets: dict[str, Sequence[str]] | None = None,
) -> StateReport:
    inventory = Inventory.of(
        clients=[Client(id="c", name="C")], sites=[Site(id="s", client="c")], devices=[device or mx()], links=links
    )
    known = directory(inventory, "meraki1")
    answer = OrganizationStates(
        organization="5000",
        appliances=unit_rows(appliances).rows,
        availabilities=availability_rows(availabilities).rows,
    )
    who = learned(units(known), [(row.serial, row.network) for row in answer.appliances])
    return state_report([answer], known, who, targets or {}, NOW)


def values(found: StateReport) -> dict[str, str]:
    return {f"{fact.subject} {fact.kind.value}": fact.value for fact in found.facts}


def detail(found: StateReport, subject: str) -> str:
    return next(fact.detail for fact in found.facts if fact.subject == subject)


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("online", "connected"),
        ("alerting", "degraded"),
        ("offline", "offline"),
        ("dormant", "offline"),
        ("a new word", "unknown"),
        (None, "unknown"),
        (17, "unknown"),
    ],
)
def test_each_availability_has_its_meaning(status: Any, state: str):
    found = report([said({"wan1": "active"})], [listed(status)])
    assert values(found)["mx-1 edge_state"] == state


def test_an_appliance_that_never_reported_was_never_activated():
    found = report([said({}, reported=None)], [listed("dormant")])
    assert values(found)["mx-1 edge_state"] == "never_activated"


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("active", "stable"),
        ("ready", "standby"),
        ("connecting", "initial"),
        ("not connected", "disconnected"),
        ("failed", "disconnected"),
        ("a new word", "unknown"),
        (None, "unknown"),
        (["active"], "unknown"),
    ],
)
def test_each_uplink_status_has_its_meaning_and_keeps_its_word(status: Any, state: str):
    found = report([said({"wan1": status})], [listed("online")])
    assert values(found)["dia link_state"] == state
    if isinstance(status, str):
        assert detail(found, "dia").startswith(status)


@pytest.mark.parametrize("status", ["offline", "dormant"])
@pytest.mark.parametrize("uplink", ["active", "failed"])
def test_with_contact_lost_an_uplink_is_neither_up_nor_down(status: str, uplink: str):
    found = report([said({"wan1": uplink})], [listed(status)])
    assert values(found)["dia link_state"] == "unknown"
    assert uplink in detail(found, "dia")


@pytest.mark.parametrize(("age", "state"), [(15 * 60, "stable"), (15 * 60 + 1, "unknown")])
def test_an_old_report_is_no_news(age: int, state: str):
    found = report([said({"wan1": "active"}, reported=NOW - timedelta(seconds=age))], [listed("online")])
    assert values(found)["dia link_state"] == state


def test_without_an_availability_a_fresh_report_speaks_for_the_uplinks_but_not_for_the_device():
    found = report([said({"wan1": "active"})], [])
    assert values(found) == {"dia link_state": "stable"}
    assert found.absent == ["dsl", "mx-1"]


def test_without_a_moment_of_report_the_availability_decides():
    assert values(report([said({"wan1": "active"}, reported=None)], [listed("online")]))["dia link_state"] == "stable"
    assert values(report([said({"wan1": "active"}, reported=None)], []))["dia link_state"] == "unknown"


def test_an_appliance_without_uplink_report_leaves_its_lines_absent():
    found = report([], [listed("online")])
    assert values(found) == {"mx-1 edge_state": "connected"}
    assert found.absent == ["dia", "dsl"]


def test_what_the_inventory_does_not_know_is_told_but_not_an_unused_port():
    stranger = said({"wan1": "active"}, serial="Q2ZZ-ZZZZ-0001", network="N_2")
    found = report(
        [said({"wan1": "active", "wan2": "ready", "cellular": "active", "wan3": "not connected"}), stranger],
        [listed("online"), listed("online", "Q2ZZ-ZZZZ-0001")],
    )
    assert found.unmapped == ["appliance Q2ZZ-ZZZZ-0001", "uplink cellular of mx-1"]


def test_upper_and_lower_case_of_serials_and_uplinks_are_one():
    found = report([said({"WAN1": "active"}, serial=PRIMARY.lower())], [listed("online", PRIMARY.lower())])
    assert values(found)["dia link_state"] == "stable"


def test_only_what_is_watched_becomes_a_fact():
    device = mx(life_cycle=LifeCycle.SUSPENDED)
    links = [line("dia", "wan1"), line("old", "wan2", life_cycle=LifeCycle.RETIRED)]
    found = report([said({"wan1": "active", "wan2": "failed"})], [listed("online")], device, links)
    assert values(found) == {"dia link_state": "stable"}


def test_a_line_says_where_it_was_measured_to():
    found = report([said({"wan1": "active"})], [listed("online")], targets={"dia": ["1.1.1.1", "8.8.8.8"]})
    assert detail(found, "dia").endswith("measured to 1.1.1.1, 8.8.8.8")


def pair(primary: str, spare: str, uplinks: dict[str, Any] | None = None) -> StateReport:
    return report(
        [
            said(uplinks or {"wan1": "active"}, paired=True),
            said({"wan1": "ready"}, serial=SPARE, paired=True, role="spare"),
        ],
        [listed(primary), listed(spare, SPARE)],
        mx(PRIMARY, SPARE),
        [line("dia", "wan1")],
    )


@pytest.mark.parametrize(
    ("primary", "spare", "edge", "ha"),
    [
        ("online", "online", "connected", "ready"),
        ("alerting", "online", "connected", "ready"),
        ("alerting", "alerting", "degraded", "ready"),
        ("online", "offline", "connected", "failed"),
        ("offline", "online", "connected", "failed"),
        ("dormant", "alerting", "degraded", "failed"),
        ("offline", "offline", "offline", "unknown"),
        ("offline", "dormant", "offline", "unknown"),
        ("online", "a new word", "connected", "unknown"),
        ("offline", "a new word", "unknown", "unknown"),
        ("dormant", "a new word", "unknown", "unknown"),
    ],
)
def test_a_pair_is_one_device_and_a_lost_unit_is_lost_redundancy(primary: str, spare: str, edge: str, ha: str):
    found = values(pair(primary, spare))
    assert (found["mx-1 edge_state"], found["mx-1 ha_state"]) == (edge, ha)


def test_a_failover_does_not_lose_the_line():
    found = pair("offline", "online", {"wan1": "failed"})
    assert values(found)["dia link_state"] == "standby"
    assert "failed at primary Q2AA-AAAA-0001 offline" in detail(found, "dia")


def test_a_fault_of_one_units_port_is_not_the_lines():
    assert values(pair("alerting", "online", {"wan1": "failed"}))["dia link_state"] == "standby"


@pytest.mark.parametrize(
    ("primary", "spare", "state"),
    [
        ("active", "failed", "stable"),
        ("a new word", "ready", "standby"),
        ("connecting", "failed", "initial"),
        ("failed", "not connected", "disconnected"),
        ("failed", "a new word", "unknown"),
        ("a new word", "connecting", "unknown"),
    ],
)
def test_of_two_units_the_better_word_speaks_and_a_new_one_may_mean_well(primary: str, spare: str, state: str):
    found = report(
        [said({"wan1": primary}, paired=True), said({"wan1": spare}, serial=SPARE, paired=True, role="spare")],
        [listed("online"), listed("online", SPARE)],
        mx(PRIMARY, SPARE),
        [line("dia", "wan1")],
    )
    assert values(found)["dia link_state"] == state


def test_a_pair_of_which_one_unit_is_told_has_an_unknown_redundancy():
    found = report([said({}, paired=True)], [listed("online")], mx(PRIMARY, SPARE), [])
    assert values(found) == {"mx-1 edge_state": "connected", "mx-1 ha_state": "unknown"}


def test_two_units_without_high_availability_are_unconfigured():
    found = report(
        [said({}), said({}, serial=SPARE)], [listed("online"), listed("online", SPARE)], mx(PRIMARY, SPARE), []
    )
    assert values(found)["mx-1 ha_state"] == "unconfigured"


def test_a_single_appliance_has_no_redundancy_to_tell_of():
    assert "mx-1 ha_state" not in values(report([said({})], [listed("online")], mx(PRIMARY), []))


def test_a_replaced_unit_is_found_by_its_network():
    found = report(
        [
            said({"wan1": "ready"}, serial=SPARE, paired=True, role="spare"),
            said({"wan1": "active"}, serial=NEW, paired=True),
        ],
        [listed("online", SPARE), listed("online", NEW)],
        mx(PRIMARY, SPARE),
        [line("dia", "wan1")],
    )
    assert values(found) == {
        "mx-1 edge_state": "connected",
        "mx-1 ha_state": "ready",
        "dia link_state": "stable",
    }
    assert not found.unmapped


def test_two_devices_of_ours_in_one_network_teach_nothing():
    known = directory(
        Inventory.of(
            devices=[
                mx(),
                Device(
                    id="mx-2",
                    site="s",
                    role=DeviceRole.SDWAN_EDGE,
                    orchestrator=OrchestratorIdentity(name="meraki1", enterprise_id="5000", edge_id=SPARE),
                ),
            ]
        ),
        "meraki1",
    )
    who = learned(units(known), [(PRIMARY, "N_1"), (SPARE, "N_1"), (NEW, "N_1")])
    assert who.edge_of(PRIMARY) == PRIMARY.casefold()
    assert who.edge_of(SPARE) == SPARE.casefold()
    assert who.edge_of(NEW, "N_1") is None


def test_what_was_learned_is_kept_and_a_network_of_strangers_is_not():
    known = directory(Inventory.of(devices=[mx()]), "meraki1")
    first = learned(units(known), [(PRIMARY, "N_1"), ("Q2ZZ-ZZZZ-0001", "N_2"), (NEW, None)])
    second = learned(first, [("Q2AA-AAAA-0888", "N_1")])
    assert second.edge_of("q2aa-aaaa-0888") == PRIMARY.casefold()
    assert second.edge_of("Q2ZZ-ZZZZ-0001", "N_2") is None
    assert second.edge_of(NEW) is None
    assert second.network_of(PRIMARY) == "N_1"
