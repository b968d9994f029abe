"""What collecting costs, by hand arithmetic."""

from __future__ import annotations

import pytest

from collector.plan import gets_for, polling_plan
from collector.settings import CollectorSettings
from inventory.model import (
    Device,
    DeviceRole,
    Inventory,
    LifeCycle,
    Link,
    LinkRole,
    OrchestratorIdentity,
    Site,
    SnmpAccess,
)

SETTINGS = CollectorSettings.model_validate(
    {
        "snmp": {"every": 60},
        "probe": {"every": 60, "packets": 20},
        "orchestrators": {"vco1": {"url": "https://vco.example", "token": "t"}},
    }
)


def edge(number: int, enterprise: int, **more: object) -> Device:
    return Device(
        id=f"edge-{number}",
        site="s",
        role=DeviceRole.SDWAN_EDGE,
        management_address="192.0.2.1",
        snmp=SnmpAccess(credential="lab"),
        orchestrator=OrchestratorIdentity(name="vco1", enterprise_id=enterprise, edge_id=number),
        **more,  # type: ignore[arg-type]
    )


def line(number: int, device: int, **more: object) -> Link:
    return Link(id=f"line-{number}", site="s", device=f"edge-{device}", interface=f"GE{number}", **more)  # type: ignore[arg-type]


FLEET = Inventory.of(
    sites=[Site(id="s", client="c")],
    devices=[edge(1, 41), edge(2, 41), edge(3, 77), edge(4, 77, life_cycle=LifeCycle.RETIRED)],
    links=[
        line(1, 1),
        line(2, 1, role=LinkRole.SECONDARY, metered=True, cap_bytes=1_036_800_000, probe_target="icmp://192.0.2.9"),
        line(3, 2, probe_target="udp://192.0.2.9:7"),
        line(4, 3),
    ],
)


def test_a_poll_is_one_question_and_one_answer_while_it_fits_a_datagram() -> None:
    plan = polling_plan(FLEET, SETTINGS).snmp
    assert (plan.devices, plan.links) == (3, 4)
    assert plan.polls_per_minute == 3.0
    assert plan.datagrams_per_minute == 6.0


@pytest.mark.parametrize(("links", "gets"), [(0, 1), (1, 1), (3, 1), (4, 2), (7, 3)])
def test_a_device_with_many_links_needs_several_datagrams(links: int, gets: int) -> None:
    # 48 varbinds: sysUpTime and three links of 14 columns each.
    assert gets_for(links) == gets


def test_orchestrator_calls_do_not_grow_with_the_fleet() -> None:
    (host,) = polling_plan(FLEET, SETTINGS).orchestrators
    calls = {each.method: each.calls_per_hour for each in host.methods}
    assert calls == {
        "monitoring/getEnterpriseEdgeLinkStatus": 60.0,
        "monitoring/getAggregateEdgeLinkMetrics": 24.0,
        "event/getEnterpriseEvents": 24.0,
    }
    assert host.calls_per_hour == 108.0
    # Three days are 864 ticks of five minutes: one call for each of the three edges.
    assert host.calls_at_first_contact == 3
    assert (host.name, host.host, host.devices, host.links) == ("vco1", "vco.example", 3, 4)


def test_a_pair_costs_a_second_call_with_every_reading_of_states() -> None:
    fleet = Inventory.of(devices=[edge(1, 41, serials=("A", "B"))])
    (host,) = polling_plan(fleet, SETTINGS).orchestrators
    assert {each.method: each.calls_per_hour for each in host.methods}["network/getNetworkEnterprises"] == 60.0


def test_a_metered_line_shows_what_probes_take_of_its_cap() -> None:
    # 60 octets a packet, both ways, 20 packets a minute, 43,200 minutes: 103.68 MB.
    plan = polling_plan(FLEET, SETTINGS)
    (metered,) = plan.metered
    assert metered.link == "line-2"
    assert metered.megabytes_per_month == pytest.approx(103.68)
    assert metered.percent_of_cap == pytest.approx(10.0)
    assert (plan.probe.links, plan.probe.packets_per_minute) == (2, 40.0)


def test_without_probes_nothing_is_sent_over_metered_lines() -> None:
    quiet = SETTINGS.model_copy(update={"probe": SETTINGS.probe.model_copy(update={"enabled": False})})
    plan = polling_plan(FLEET, quiet)
    assert plan.metered == ()
    assert plan.probe.packets_per_minute == 0.0


def test_the_plan_reads_as_sentences() -> None:
    text = "\n".join(polling_plan(FLEET, SETTINGS).lines())
    assert "SNMP: 3 devices with 4 links, 3 polls and 6 datagrams a minute" in text
    assert "Orchestrator vco1 (vco.example): 3 devices with 4 links, 108 calls an hour, 3 once at first contact" in text
    assert "Metered line-2: 103.7 MB a month by probes, 10.0 % of its cap" in text
