"""What collecting costs, by hand arithmetic."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from collector.orchestrator.port import CallPlan
from collector.plan import Plan, busiest_minute, duration, polling_plan
from collector.settings import CollectorSettings, MeteredSettings, SnmpSettings
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
        "orchestrators": {"vco1": {"url": "https://vco.example", "token": "env:HOME"}},
    }
)


def edge(number: int, enterprise: int, **more: object) -> Device:
    return Device(
        id=f"edge-{number}",
        site="s",
        role=DeviceRole.SDWAN_EDGE,
        management_address="192.0.2.1",
        snmp=SnmpAccess(credential="lab"),
        orchestrator=OrchestratorIdentity(name="vco1", enterprise_id=str(enterprise), edge_id=str(number)),
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


def test_the_octets_of_a_poll_count_both_ways_with_their_headers() -> None:
    # One link: 288 and 356 octets (see snmp/test_sizes). A second adds its bindings: six of 18 and five of 19 octets,
    # and two for longer lengths; in the answer the same, and 57 for its values (sysUpTime is asked once).
    one = 288 + 356
    two = one + 2 * (6 * 18 + 5 * 19 + 2) + 57
    assert polling_plan(FLEET, SETTINGS).snmp.bytes_per_minute == pytest.approx(2 * one + two)


def test_a_device_with_many_links_needs_several_datagrams() -> None:
    lines = [line(number, 1) for number in range(12)]
    plan = polling_plan(Inventory.of(devices=[edge(1, 41)], links=lines), SETTINGS).snmp
    assert plan.datagrams_per_minute > 2
    assert plan.bytes_per_minute / plan.datagrams_per_minute < 1400 + 28


def test_the_share_of_a_core_is_counted_by_the_requests() -> None:
    # 1,000 devices a minute are 16.7 requests a second; at 15 us each a fortieth of a percent.
    fleet = Inventory.of(devices=[replace(edge(number, 41), site=f"s{number}") for number in range(1000)])
    assert polling_plan(fleet, SETTINGS).snmp.core_percent == pytest.approx(0.025)


def test_a_round_takes_as_long_as_the_fullest_site_needs() -> None:
    # Three devices at one site, each with two retries: nine requests at ten a second.
    plan = polling_plan(FLEET, SETTINGS).snmp
    assert plan.every == 60
    assert plan.fastest_round_seconds == pytest.approx(0.9)
    # 1,500 requests at 1,000 a second, each to a site of its own.
    spread = Inventory.of(devices=[replace(edge(number, 41), site=f"s{number}") for number in range(1500)])
    slow = CollectorSettings(snmp=SnmpSettings(packets_per_second=1000))
    assert polling_plan(spread, slow).snmp.fastest_round_seconds == pytest.approx(1.5)


def test_an_empty_inventory_has_a_plan() -> None:
    plan = polling_plan(Inventory(), CollectorSettings())
    assert plan.snmp.devices == plan.snmp.fastest_round_seconds == plan.snmp.core_percent == 0
    assert next(plan.lines()).startswith("SNMP: 0 devices")


def test_orchestrator_calls_do_not_grow_with_the_fleet() -> None:
    (host,) = polling_plan(FLEET, SETTINGS).orchestrators
    calls = {each.method: each.calls_per_hour for each in host.methods}
    assert calls == {
        "monitoring/getEnterpriseEdgeLinkStatus": 60.0,
        "monitoring/getAggregateEdgeLinkMetrics": 24.0,
        "monitoring/getAggregateEnterpriseEvents": 12.0,
        "network/getNetworkGateways": 12.0,
    }
    assert host.calls_per_hour == 108.0
    # Three days are 864 ticks of five minutes: one call for each of the three edges.
    assert host.calls_at_first_contact == 3
    assert (host.name, host.host, host.devices, host.links) == ("vco1", "vco.example", 3, 4)


def test_each_method_has_its_share_of_the_quota() -> None:
    (host,) = polling_plan(FLEET, SETTINGS).orchestrators
    shares = {each.method: each.percent_of_quota for each in host.methods}
    assert shares["monitoring/getEnterpriseEdgeLinkStatus"] == pytest.approx(100 * 60 / 3600)
    assert host.percent_of_quota == pytest.approx(3.0) == pytest.approx(math.fsum(shares.values()))


def hosts(calls_per_hour: int, *urls: str) -> CollectorSettings:
    named = {
        f"vco{number}": {"url": url, "token": "env:HOME", "calls_per_hour": calls_per_hour}
        for number, url in enumerate(urls, start=1)
    }
    return SETTINGS.model_validate({"probe": {"enabled": False}, "orchestrators": named})


def test_what_is_read_once_takes_as_long_as_the_steady_state_leaves_of_the_quota() -> None:
    fleet = Inventory.of(devices=[edge(number, 41) for number in range(1, 101)], sites=[Site(id="s", client="c")])
    (host,) = polling_plan(fleet, hosts(308, "https://vco.example")).orchestrators
    # 108 an hour leave 200: a hundred edges' past takes half an hour.
    assert host.calls_per_hour == 108.0
    assert host.calls_at_first_contact == 100
    assert host.seconds_at_first_contact == pytest.approx(1800.0)
    assert host.seconds_of_a_listing == pytest.approx(host.calls_of_a_listing * 18)
    text = "\n".join(host.lines())
    assert "the past, once at first contact: 100 calls, about 30 min" in text


def test_two_accounts_at_one_host_share_its_quota() -> None:
    one, other, third = polling_plan(
        FLEET, hosts(400, "https://vco.example", "https://vco.example:443/portal", "https://vco.example:8443")
    ).orchestrators
    assert (one.shares_quota_with, other.shares_quota_with, third.shares_quota_with) == (("vco2",), ("vco1",), ())
    together = one.calls_per_hour + other.calls_per_hour
    assert one.percent_of_quota_together == other.percent_of_quota_together == pytest.approx(together / 4)
    assert third.percent_of_quota_together == third.percent_of_quota
    assert one.seconds_at_first_contact == pytest.approx(3 * 3600 / (400 - together))
    assert "  shares that quota with vco2: " in "\n".join(one.lines())


@pytest.mark.parametrize(
    ("quota", "warning", "past"),
    [
        (145, None, "about 5 min"),
        (143, "leaves little for people who wait", "about 5 min"),
        (108, "leaves little for people who wait", "never done, for the quota leaves nothing"),
        (107, "is more than the quota", "never done, for the quota leaves nothing"),
    ],
)
def test_a_plan_that_its_quota_does_not_bear_is_warned_of(quota: int, warning: str | None, past: str) -> None:
    # 108 calls an hour; three quarters of 144 are 108.
    (host,) = polling_plan(FLEET, hosts(quota, "https://vco.example")).orchestrators
    warnings = [sentence for sentence in host.lines() if "WARNING" in sentence]
    assert len(warnings) == (warning is not None)
    assert all(str(warning) in sentence for sentence in warnings)
    assert host.exceeds_quota == (quota == 107)
    assert f"the past, once at first contact: 3 calls, {past}" in "\n".join(host.lines())


def test_the_busiest_minute_has_a_round_of_every_clock() -> None:
    settings = SETTINGS.orchestrators["vco1"]
    calls = CallPlan(
        hourly={"states": 60.0, "metrics": 24.0, "events": 12.0, "ha": 12.0},
        clocks={"states": "states", "metrics": "statistics", "events": "events", "ha": "events"},
        at_first_contact=0,
        listing=0,
    )
    # States once a minute, two windows twice each ten minutes, two methods once each five.
    assert busiest_minute(calls, settings) == pytest.approx(1 + 4 + 1 + 1)
    assert busiest_minute(replace(calls, clocks={"states": "states"}), settings) is None
    quick = settings.model_copy(update={"states_every": 15, "statistics_every": 60})
    # Four a minute; however often we look for statistics, a tick of five minutes has two calls.
    quickly = replace(calls, hourly=calls.hourly | {"states": 240.0})
    assert busiest_minute(quickly, quick) == pytest.approx(4 + 2 + 1 + 1)


def test_shares_beyond_all_of_a_quota_read_as_numbers() -> None:
    (host,) = polling_plan(FLEET, hosts(100, "https://vco.example")).orchestrators
    assert "  about 108 % of its quota of 100 calls an hour" in list(host.lines())


def test_one_call_is_no_calls() -> None:
    fleet = Inventory.of(devices=[edge(1, 41)], sites=[Site(id="s", client="c")])
    (host,) = polling_plan(fleet, hosts(1000, "https://vco.example")).orchestrators
    assert "  the past, once at first contact: 1 call, about 5 s" in list(host.lines())


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.2, "1 s"), (89, "89 s"), (90, "2 min"), (3540, "59 min"), (3600, "1 h 0 min"), (10_020, "2 h 47 min")],
)
def test_a_duration_reads_as_people_say_it(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_a_pair_costs_a_call_more() -> None:
    fleet = Inventory.of(devices=[edge(1, 41, serials=("A", "B"))])
    (host,) = polling_plan(fleet, SETTINGS).orchestrators
    assert {each.method: each.calls_per_hour for each in host.methods}["network/getNetworkEnterprises"] == 12.0
    (single,) = polling_plan(Inventory.of(devices=[edge(1, 41, serials=("A",))]), SETTINGS).orchestrators
    assert "network/getNetworkEnterprises" not in {each.method for each in single.methods}


def test_a_metered_line_shows_what_probes_take_of_its_cap() -> None:
    # 60 octets a packet, both ways, 20 packets a minute, 43,200 minutes: 103.68 MB, twice what its budget bears.
    roomy = SETTINGS.model_copy(update={"metered": MeteredSettings(cap_percent=20)})
    plan = polling_plan(FLEET, roomy)
    (metered,) = plan.metered
    assert metered.link == "line-2"
    assert metered.megabytes_per_month == metered.probe_megabytes_per_month == pytest.approx(103.68)
    assert metered.snmp_megabytes_per_month == 0
    assert metered.percent_of_cap == pytest.approx(10.0)
    assert metered.budget_megabytes == pytest.approx(207.36)
    assert metered.percent_of_budget == pytest.approx(50.0)
    assert plan.stretched == ()
    assert (plan.probe.links, plan.probe.packets_per_minute) == (2, 40.0)
    assert plan.probe.bytes_per_minute == 40 * 120


def test_a_plan_that_a_metered_line_cannot_bear_is_stretched_and_says_so() -> None:
    # 5 % of the cap are 51.84 MB, four fifths of that 41.47: 103.68 MB fit in each third minute.
    plan = polling_plan(FLEET, SETTINGS)
    (metered,) = plan.metered
    assert metered.megabytes_per_month == pytest.approx(34.56)
    assert plan.probe.packets_per_minute == pytest.approx(20 + 20 / 3)
    (stretched,) = plan.stretched
    assert (stretched.subject, stretched.every) == ("line-2", 180)


def test_an_lte_only_site_shows_polling_and_probing() -> None:
    lte = line(1, 1, metered=True, probe_target="icmp://192.0.2.9")
    plan = polling_plan(Inventory.of(devices=[edge(1, 41)], links=[lte]), SETTINGS)
    (metered,) = plan.metered
    assert metered.snmp_megabytes_per_month == pytest.approx((288 + 356) * 43_200 / 1e6)
    assert metered.megabytes_per_month == pytest.approx(103.68 + 27.8208)
    assert metered.percent_of_cap is None


def test_without_probes_nothing_is_sent_over_a_metered_secondary() -> None:
    quiet = SETTINGS.model_copy(update={"probe": SETTINGS.probe.model_copy(update={"enabled": False})})
    plan = polling_plan(FLEET, quiet)
    assert [(line.link, line.megabytes_per_month) for line in plan.metered] == [("line-2", 0.0)]
    assert plan.probe.packets_per_minute == 0.0


def test_the_plan_reads_as_sentences() -> None:
    text = "\n".join(polling_plan(FLEET, SETTINGS).lines())
    assert "SNMP: 3 devices with 4 links, 3 polls and 6 datagrams a minute, 2.4 kB a minute" in text
    assert (
        "a round is spread over 60 s, and could be done in 0.9 s within the limits; it takes less than 0.01 %" in text
    )
    assert "only each 180 s, 1 of them (line-2): its metered line line-2 may carry 51.84 MB" in text
    assert "Orchestrator vco1 (vco.example): 3 devices with 4 links, 108 calls an hour" in text
    assert "  about 3 % of its quota of 3600 calls an hour" in text
    assert "  monitoring/getEnterpriseEdgeLinkStatus: 60.0 an hour, about 1.7 %" in text
    assert "  the past, once at first contact: 3 calls, about 4 s" in text
    assert (
        "Metered line-2: 34.6 MB a month (0.0 by SNMP, 34.6 by probes), 3.3 % of its cap, "
        "67 % of its budget of 51.84 MB" in text
    )


def test_a_terminal_is_shown_the_dearest_lines_and_how_many_more_there_are() -> None:
    lines = [
        line(number, 1, metered=True, role=LinkRole.SECONDARY, probe_target="icmp://192.0.2.9") for number in range(25)
    ]
    idle = line(99, 1, metered=True, role=LinkRole.SECONDARY)
    text = list(polling_plan(Inventory.of(devices=[edge(1, 41)], links=[idle, *lines, line(100, 1)]), SETTINGS).lines())
    metered = [sentence for sentence in text if sentence.startswith("Metered")]
    assert len(metered) == 20
    assert all("103.7 MB" in sentence for sentence in metered)
    assert text[-1] == "and 6 more metered lines, none of which carries more"


def crowded(sites: int, devices: int) -> Plan:
    """So many devices at each of so many sites, whose uplinks bear one request in two minutes."""
    chosen = CollectorSettings(snmp=SnmpSettings(site_packets_per_second=1 / 120, retries=0))
    fleet = [
        replace(edge(site * devices + number, 41), site=f"site-{site}")
        for site in range(sites)
        for number in range(devices)
    ]
    return polling_plan(Inventory.of(devices=fleet), chosen)


def test_longer_intervals_are_told_site_by_site_with_a_few_names() -> None:
    four = [sentence for sentence in crowded(1, 4).lines() if "only each" in sentence]
    assert four == [
        "  only each 480 s, 4 of them (edge-0, edge-1, edge-2, edge-3): "
        "at most 0.00833333 requests a second may go to site site-0"
    ]
    (five,) = [sentence for sentence in crowded(1, 5).lines() if "only each" in sentence]
    assert next(crowded(1, 5).lines()).startswith("SNMP: 5 devices with 0 links, 0.5 polls and 1 datagrams a minute")
    assert "5 of them (edge-0, edge-1, edge-2, edge-3, ...)" in five


@pytest.mark.parametrize(("sites", "more"), [(20, []), (23, ["  and 3 more reasons to poll or probe less often"])])
def test_a_terminal_is_shown_twenty_reasons_for_longer_intervals(sites: int, more: list[str]) -> None:
    text = list(crowded(sites, 1).lines())
    assert sum("only each 120 s" in sentence for sentence in text) == 20
    assert [sentence for sentence in text if "more reasons" in sentence] == more


def test_all_lines_are_named_where_there_are_twenty() -> None:
    lines = [line(number, 1, metered=True, role=LinkRole.SECONDARY) for number in range(20)]
    text = list(polling_plan(Inventory.of(devices=[edge(1, 41)], links=[line(99, 1), *lines]), SETTINGS).lines())
    assert sum(sentence.startswith("Metered") for sentence in text) == 20
    assert not any("more metered lines" in sentence for sentence in text)
