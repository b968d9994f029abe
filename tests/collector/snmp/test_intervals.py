"""Nobody is polled more often than his site, our pace and his metered line's budget bear."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.settings import CollectorSettings
from collector.snmp.intervals import Intervals, Reason, intervals, least_multiple
from inventory.model import Device, DeviceRole, Inventory, LifeCycle, Link, LinkRole, Site, SnmpAccess

OCTETS = 288 + 356
"""A poll of one line with a short name, see test_sizes; 27,820,800 in the 43,200 minutes of 30 days."""
PROBES = 2 * 60 * 20
"""Twenty probe packets of 60 octets, both ways; 103,680,000 in 30 days."""


def settings(**sections: object) -> CollectorSettings:
    return CollectorSettings.model_validate(sections)


def router(identity: str, site: str = "s", **more: object) -> Device:
    return Device(
        id=identity, site=site, role=DeviceRole.ROUTER, management_address="192.0.2.1",
        snmp=SnmpAccess(credential="lab"), **more,
    )  # type: ignore[arg-type] # fmt: skip


def line(identity: str, device: str | None, site: str = "s", **more: object) -> Link:
    return Link(id=identity, site=site, device=device, interface="GE1", **more)  # type: ignore[arg-type]


def plan(
    devices: Sequence[Device], links: Sequence[Link], chosen: CollectorSettings, probed: Sequence[Link] = ()
) -> Intervals:
    inventory = Inventory.of(sites=[Site(id="s", client="c")], devices=devices, links=links)
    polled = [(device, [link for link in links if link.device == device.id]) for device in devices]
    return intervals(inventory, polled, probed, chosen)


def everies(found: Intervals) -> list[int]:
    return [entry.every for entry in found.entries]


def test_what_fits_is_polled_in_the_ordinary_interval() -> None:
    found = plan([router("a"), router("b")], [line("1", "a"), line("2", "b")], settings(), [line("1", "a")])
    assert everies(found) == [60, 60]
    assert found.probe_every == {}
    assert [entry.octets for entry in found.entries] == [OCTETS, OCTETS]
    assert found.stretched == ()


def test_version_3_and_ipv6_are_told_by_credential_and_address() -> None:
    user = {"user": "lp", "auth": "sha256", "auth_password": "authpass1"}
    chosen = settings(snmp={"credentials": {"lab": user}})
    link = line("1", "a")
    # 123 octets more of each datagram for a user's message; 20 for IPv6's header, which a name may mean too.
    assert plan([router("a")], [link], chosen).entries[0].octets == OCTETS + 2 * 123
    six, named = (replace(router("a"), management_address=address) for address in ("2001:db8::1", "edge.example.net"))
    for device in (six, named):
        assert plan([device], [link], settings()).entries[0].octets == OCTETS + 2 * 20


def test_a_metered_line_s_budget_stretches_the_interval_with_a_fifth_left_for_retries() -> None:
    lte = line("lte", "a", metered=True)
    # 27.8 of 34.7 MB is just more than four fifths, of 34.8 MB just less.
    tight, roomy = (plan([router("a")], [lte], settings(metered={"budget_mb": mb})) for mb in (34.7, 34.8))
    assert everies(tight) == [120]
    assert everies(roomy) == [60]
    (stretched,) = tight.stretched
    assert (stretched.subject, stretched.every, stretched.reason) == ("a", 120, Reason.METERED)
    assert stretched.why == "its metered line lte may carry 34.7 MB of polling and probing a month"
    (load,) = tight.metered
    assert (load.link, load.budget, load.probe) == ("lte", 34_700_000, 0)
    assert load.snmp == pytest.approx(OCTETS * 43_200 / 2)


def test_polling_and_probing_of_a_line_are_stretched_alike() -> None:
    lte = line("lte", "a", metered=True, probe_target="icmp://192.0.2.9")
    # 131.5 MB into four fifths of 50: each fourth slot.
    found = plan([router("a")], [lte], settings(metered={"budget_mb": 50}), [lte])
    assert everies(found) == [240]
    assert found.probe_every == {"lte": 240}
    (load,) = found.metered
    assert load.snmp + load.probe == pytest.approx((OCTETS + PROBES) * 43_200 / 4)


def test_a_small_cap_makes_the_budget_smaller() -> None:
    lte = line("lte", "a", metered=True, cap_bytes=400_000_000)
    found = plan([router("a")], [lte], settings(metered={"budget_mb": 250, "cap_percent": 5}))
    assert found.budgets == {"lte": 20_000_000}
    assert everies(found) == [120]


@pytest.mark.parametrize(
    ("links", "charged"),
    [
        ([line("fibre", "a"), line("lte", "a", metered=True, role=LinkRole.SECONDARY)], ()),
        ([line("fibre", "a", role=LinkRole.SECONDARY), line("lte", "a", metered=True)], ("lte",)),
        ([line("lte", "a", metered=True), line("lan", "a", role=LinkRole.LAN)], ("lte",)),
        (
            [line("lte", "a", metered=True), line("5g", "a", metered=True, role=LinkRole.SECONDARY)],
            ("lte", "5g"),
        ),
        (
            [line("old", "a", life_cycle=LifeCycle.SUSPENDED), line("lte", "a", metered=True, role=LinkRole.TERTIARY)],
            ("lte",),
        ),
        ([line("fibre", "b"), line("lte", "a", metered=True, role=LinkRole.SECONDARY)], ("lte",)),
        ([line("fibre", "b"), line("lte", None, metered=True, role=LinkRole.SECONDARY)], ()),
        ([line("lte", None, metered=True)], ("lte",)),
        ([line("lte", "a", metered=True, life_cycle=LifeCycle.RETIRED)], ()),
    ],
    ids=[
        "a metered secondary beside an unmetered primary carries nothing while that works",
        "a metered primary carries the management",
        "a port towards the site is no way out",
        "any of several metered lines may carry it",
        "a suspended line carries nothing",
        "a device's own line is its way, whatever else the site has",
        "a device without a line of its own is reached over the site's primary",
        "or over the site's only line",
        "a retired line carries nothing",
    ],
)
def test_polling_is_charged_to_the_metered_lines_that_may_carry_it(links: list[Link], charged: tuple[str, ...]) -> None:
    inventory = Inventory.of(sites=[Site(id="s", client="c")], devices=[router("a")], links=links)
    found = intervals(inventory, [(router("a"), [])], [], settings())
    assert found.lines.get("a", ()) == charged


def test_a_site_is_never_sent_more_than_its_share_with_all_retries() -> None:
    devices = [router(f"d{number}") for number in range(40)]
    # 40 requests with two retries each are 120; a minute has room for 60 at one a second.
    chosen = settings(snmp={"site_packets_per_second": 1, "retries": 2})
    found = plan(devices, [], chosen)
    assert everies(found) == [120] * 40
    assert {each.reason for each in found.stretched} == {Reason.SITE}
    assert everies(plan(devices[:20], [], chosen)) == [60] * 20
    assert everies(plan(devices[:21], [], chosen)) == [120] * 21
    assert everies(plan(devices, [], settings(snmp={"site_packets_per_second": 1, "retries": 0}))) == [60] * 40


def test_only_the_crowded_site_is_stretched() -> None:
    devices = [*(router(f"d{number}") for number in range(40)), router("alone", site="t")]
    found = plan(devices, [], settings(snmp={"site_packets_per_second": 1}))
    assert everies(found)[-1] == 60
    assert {each.why for each in found.stretched} == {"at most 1 requests a second may go to site s"}


def test_the_overall_pace_stretches_all_that_are_polled_more_often_than_it_bears() -> None:
    slow = line("lte", "d0", site="s0", metered=True)
    devices = [router(f"d{number}", site=f"s{number}") for number in range(240)]
    # Four fifths of 2 a second are 96 in a minute: each third minute. The metered one waits longer already.
    found = plan(devices, [slow], settings(snmp={"packets_per_second": 2}, metered={"budget_mb": 4}))
    assert everies(found) == [540, *[180] * 239]
    assert [each.reason for each in found.stretched] == [Reason.METERED, *[Reason.PACE] * 239]


LOADS = st.lists(st.tuples(st.floats(0.001, 1e6), st.integers(1, 50)), min_size=1, max_size=20)


@given(LOADS, st.floats(0.01, 1e6))
def test_the_multiple_found_fits_and_the_next_smaller_one_does_not(loads: list[tuple[float, int]], room: float) -> None:
    def taken(multiple: int) -> float:
        return sum(load / max(own, multiple) for load, own in loads)

    found = least_multiple(loads, room)
    assert taken(found) <= room * (1 + 1e-9)
    assert found == 1 or taken(found - 1) > room * (1 - 1e-9)
