"""What a manager's statistics mean for our links: windows, directions, whose loss it is, the past."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from aiohttp.test_utils import TestServer

from collector.model import FactKind, SampleBatch, Source
from collector.orchestrator.catalyst.adapter import Catalyst
from collector.orchestrator.catalyst.places import places
from collector.orchestrator.catalyst.readings import interface_readings, tunnel_readings
from collector.orchestrator.catalyst.rows import device_rows, wan_rows
from collector.orchestrator.catalyst.samples import readings_window, statistics_batch
from collector.orchestrator.directory import directory
from collector.orchestrator.port import OrchestratorError
from collector.orchestrator.quota import Quota
from collector.settings import OrchestratorSettings
from config.clock import ManualClock, epoch_ms
from inventory.model import Device, DeviceRole, Inventory, Link, OrchestratorIdentity, Site
from service.simulator.catalyst.fabric import Trouble, TroubleKind, fabric
from service.simulator.catalyst.server import ManagerServer

START = datetime(2026, 3, 3, 14, 0, tzinfo=UTC)
END = START + timedelta(minutes=10)
NOW = START + timedelta(hours=1)

pytestmark = pytest.mark.rim


class Measured:
    def __init__(self, simulated: ManagerServer, server: TestServer) -> None:
        self.simulated, self.fabric = simulated, simulated.fabric
        given = {"kind": "catalyst", "url": str(server.make_url("")), "username": "lineproof", "password": "simulated"}
        self.settings = OrchestratorSettings.model_validate(given)
        self.inventory = self.fabric.inventory("manager1")
        quota = Quota(1_000_000, penalty=0.05)
        self.catalyst = Catalyst("manager1", self.settings, self.inventory, ManualClock(NOW), quota)

    def suffers(self, kind: TroubleKind, name: str, colour: str | None = None, **changes: Any) -> None:
        address = next(edge.address for edge in self.fabric.edges if edge.name == name)
        start, end = (START - timedelta(hours=1)).timestamp(), NOW.timestamp()
        given = {"kind": kind, "address": address, "colour": colour, "start": start, "end": end}
        self.fabric.troubles.append(Trouble(**given | changes))

    async def window(self) -> dict[str, dict[str, float]]:
        return by_link(await self.catalyst.statistics(START, END))

    async def findings(self) -> dict[tuple[str, str], str]:
        facts = await self.catalyst.events(START, NOW)
        return {(fact.subject, fact.value): fact.detail for fact in facts if fact.value.isupper()}


def by_link(batch: SampleBatch) -> dict[str, dict[str, float]]:
    return {
        link: {name: float(column[i]) for name, column in batch.fields.items()} for i, link in enumerate(batch.links)
    }


@pytest.fixture
async def measured() -> AsyncIterator[Measured]:
    simulated = ManagerServer(fabric=fabric(6), clock=ManualClock(NOW), collects_every=600.0)
    server = TestServer(simulated.application())
    await server.start_server()
    found = Measured(simulated, server)
    yield found
    await found.catalyst.close()
    await server.close()


async def test_a_healthy_fleet_is_measured_link_by_link(measured: Measured):
    batch = await measured.catalyst.statistics(START, END)
    assert batch.source is Source.ORCHESTRATOR
    assert set(batch.time.tolist()) == {epoch_ms(START)}
    assert set(batch.seconds.tolist()) == {600}
    assert set(batch.received_at.tolist()) == {epoch_ms(NOW)}
    samples = by_link(batch)
    carrying = {link for link in measured.inventory.links if not link.endswith("-lte")}
    assert carrying <= samples.keys()
    for link in carrying:
        assert samples[link]["loss_pct"] == 0.0
        assert samples[link]["rtt_ms"] > 5.0
        assert samples[link]["jitter_ms"] >= 1.0


async def test_rx_of_a_transport_is_download(measured: Measured):
    """The simulated sites download eight times what they upload."""
    samples = await measured.window()
    for link in ("branch-00001-mpls", "branch-00002-biz-internet", "hub-1-mpls"):
        assert samples[link]["rx_bps"] == pytest.approx(8 * samples[link]["tx_bps"], rel=0.01)
        assert samples[link]["rx_bps"] > 1e6


async def test_loss_of_a_local_line_is_its_own(measured: Measured):
    measured.suffers(TroubleKind.LINE_LOSS, "branch-00001", "mpls", size=6.0)
    samples = await measured.window()
    assert samples["branch-00001-mpls"]["loss_pct"] == pytest.approx(6.0)
    assert [link for link, values in samples.items() if values["loss_pct"] > 0] == ["branch-00001-mpls"]
    assert not await measured.findings()


async def test_loss_at_one_hub_is_no_loss_of_the_branches_and_the_facts_say_whose_it_is(measured: Measured):
    measured.suffers(TroubleKind.LINE_LOSS, "hub-1", "mpls", size=20.0)
    samples = await measured.window()
    assert samples["hub-1-mpls"]["loss_pct"] == pytest.approx(20.0)
    assert samples["branch-00001-mpls"]["loss_pct"] == 0.0
    findings = await measured.findings()
    detail = findings["branch-00001-mpls", "REMOTE_END_LOSS"]
    assert "10.255.0.1 mpls: 20.0 %" in detail
    assert "3 of 3 other sites see loss there" in detail
    assert ("hub-1-mpls", "REMOTE_END_LOSS") not in findings


async def test_with_every_hub_lossy_the_branches_are_not_measured_rather_than_zero(measured: Measured):
    for hub in ("hub-1", "hub-2"):
        measured.suffers(TroubleKind.LINE_LOSS, hub, "mpls", size=20.0)
    values = (await measured.window())["branch-00001-mpls"]
    assert np.isnan(values["loss_pct"])
    assert np.isnan(values["rtt_ms"])
    assert values["rx_bps"] > 0


async def test_loss_between_two_good_lines_is_told_and_charged_to_neither(measured: Measured):
    hub = measured.fabric.edges[0]
    measured.suffers(TroubleKind.PATH_LOSS, "branch-00001", "mpls", size=30.0, towards=hub.address)
    samples = await measured.window()
    assert samples["branch-00001-mpls"]["loss_pct"] == 0.0
    assert samples["hub-1-mpls"]["loss_pct"] == 0.0
    assert "30.0 %" in (await measured.findings())["branch-00001-mpls", "TUNNEL_LOSS"]


async def test_loss_that_nobody_can_tell_apart_stands_and_says_so():
    simulated = ManagerServer(fabric=fabric(1, hubs=1), clock=ManualClock(NOW), collects_every=600.0)
    server = TestServer(simulated.application())
    await server.start_server()
    measured = Measured(simulated, server)
    measured.suffers(TroubleKind.LINE_LOSS, "branch-00001", "biz-internet", size=6.0)
    samples = await measured.window()
    assert samples["branch-00001-biz-internet"]["loss_pct"] == pytest.approx(6.0)
    findings = await measured.findings()
    assert "nobody to compare with" in findings["branch-00001-biz-internet", "LOSS_NOT_TOLD_APART"]
    assert ("hub-1-biz-internet", "LOSS_NOT_TOLD_APART") in findings
    await measured.catalyst.close()
    await server.close()


async def test_a_line_that_is_dead_loses_everything_and_has_no_round_trip(measured: Measured):
    measured.suffers(TroubleKind.LINE_DOWN, "branch-00001", "mpls")
    values = (await measured.window())["branch-00001-mpls"]
    assert values["loss_pct"] == 100.0
    assert np.isnan(values["rtt_ms"])
    assert np.isnan(values["jitter_ms"])


async def test_an_interface_that_is_down_is_not_measured_as_an_idle_line(measured: Measured):
    measured.suffers(TroubleKind.LINE_SHUT, "branch-00001", "mpls")
    assert "branch-00001-mpls" not in await measured.window()


async def test_an_edge_that_the_manager_could_not_collect_from_has_no_samples(measured: Measured):
    measured.suffers(TroubleKind.UNREACHABLE, "branch-00001", end=NOW.timestamp() + 1)
    samples = await measured.window()
    assert not [link for link in samples if link.startswith("branch-00001")]
    assert "branch-00002-mpls" in samples


async def test_findings_are_facts_of_their_window_and_may_be_asked_for_again(measured: Measured):
    measured.suffers(TroubleKind.LINE_LOSS, "hub-1", "mpls", size=20.0)
    await measured.window()
    await measured.window()
    first, second = [await measured.catalyst.events(START, NOW) for _ in range(2)]
    assert first == second
    assert {fact.time for fact in first} == {START}
    assert {fact.kind for fact in first} == {FactKind.EVENT}
    assert len({(fact.time, fact.subject, fact.value) for fact in first}) == len(first)


async def test_a_second_reading_of_a_window_knows_better_than_the_first(measured: Measured):
    measured.suffers(TroubleKind.LINE_LOSS, "hub-1", "mpls", size=20.0)
    await measured.window()
    assert await measured.findings()
    measured.fabric.troubles.clear()
    await measured.window()
    assert not await measured.findings()


async def test_nothing_at_all_for_a_known_fleet_is_a_fault_of_the_host(measured: Measured):
    for method in ("approutestatsstatistics", "interfacestatistics"):
        measured.simulated.faults.empty.add(f"data/device/statistics/{method}")
    with pytest.raises(OrchestratorError, match="what the manager collects"):
        await measured.catalyst.statistics(START, END)


@pytest.mark.parametrize("page", [5, 37])
async def test_statistics_in_pages_are_the_same(measured: Measured, page: int):
    whole = await measured.window()
    measured.simulated.page = page
    assert str(await measured.window()) == str(whole)


async def test_the_past_of_one_device_comes_tick_by_tick(measured: Measured):
    measured.suffers(TroubleKind.LINE_LOSS, "branch-00001", "mpls", size=6.0)
    batch = await measured.catalyst.history("branch-00001", START, START + timedelta(minutes=30), urgent=True)
    assert set(batch.links) == {"branch-00001-mpls", "branch-00001-public-internet"}
    assert sorted(set(batch.time.tolist())) == [epoch_ms(START + timedelta(minutes=10 * i)) for i in range(3)]
    of_mpls = [i for i, link in enumerate(batch.links) if link == "branch-00001-mpls"]
    assert batch.fields["loss_pct"][of_mpls].tolist() == pytest.approx([6.0, 6.0, 6.0])
    window = (await measured.window())["branch-00001-mpls"]
    first = next(i for i in of_mpls if batch.time[i] == epoch_ms(START))
    assert {name: column[first] for name, column in batch.fields.items()} == window


async def test_the_past_of_a_device_that_the_manager_does_not_list_is_an_error_that_says_so(measured: Measured):
    measured.simulated.faults.missing.add(measured.fabric.edges[2].address)
    with pytest.raises(OrchestratorError, match="does not list branch-00001"):
        await measured.catalyst.history("branch-00001", START, END)


def tunnel(end: datetime, **changes: Any) -> dict[str, Any]:
    return {
        "local_system_ip": "10.0.0.1",
        "local_color": "mpls",
        "remote_system_ip": "10.0.1.1",
        "remote_color": "mpls",
        "entry_time": epoch_ms(end),
        "total": 600,
        "loss": 3,
        "loss_percentage": 0.5,
        "latency": 40,
        "jitter": 2,
        "app_probe_class": "None",
    } | changes


def small() -> Inventory:
    identity = OrchestratorIdentity(name="m", edge_id="10.0.0.1")
    return Inventory.of(
        clients=[],
        sites=[Site(id="s1", client="c")],
        devices=[Device(id="edge-1", site="s1", role=DeviceRole.SDWAN_EDGE, orchestrator=identity)],
        links=[Link(id="l-mpls", site="s1", device="edge-1", interface="ge0", orchestrator_link="mpls")],
    )


def sampled(tunnels: list[dict[str, Any]], interfaces: list[dict[str, Any]] | None = None) -> dict[str, float]:
    rows = device_rows([{"system-ip": "10.0.0.1", "uuid": "C8K-1", "site-id": "1"}]).rows
    wan = wan_rows([{"vdevice-name": "10.0.0.1", "color": "mpls", "interface": "ge0"}]).rows
    known = places(rows, wan, directory(small(), "m"))
    readings = [tunnel_readings(tunnels)[0]], [interface_readings(interfaces or [])[0]]
    batch = statistics_batch(*readings, known, START, END, NOW).samples
    return by_link(batch).get("l-mpls", {})


def test_a_reading_belongs_to_the_window_that_holds_its_intervals_middle():
    """A reading at 14:05 measured 13:55 to 14:05; so 14:00 is its middle."""
    assert readings_window(START, END) == (START + timedelta(minutes=5), END + timedelta(minutes=5))
    for seconds, inside in ((299.999, False), (300, True), (899.999, True), (900, False)):
        assert bool(sampled([tunnel(START + timedelta(seconds=seconds))])) == inside


def test_readings_of_one_window_are_averaged_by_the_echoes_that_they_sent():
    """1 % of 600 and 4 % of 300 are 18 of 900, 2 %; the round trip (600 * 40 + 300 * 70) / 900."""
    at = START + timedelta(minutes=7)
    values = sampled(
        [
            tunnel(at, loss_percentage=1.0),
            tunnel(at + timedelta(minutes=2), loss_percentage=4.0, total=300, latency=70),
        ]
    )
    assert values["loss_pct"] == pytest.approx(2.0)
    assert values["rtt_ms"] == pytest.approx(50.0)


@pytest.mark.parametrize(
    ("changes", "loss", "rtt"),
    [
        ({}, 0.5, 40.0),
        ({"loss_percentage": None}, 0.5, 40.0),
        ({"loss_percentage": "0.5", "latency": "40"}, 0.5, 40.0),
        ({"loss_percentage": 120}, 0.5, 40.0),
        ({"loss_percentage": None, "loss": 700}, None, 40.0),
        ({"latency": -1}, 0.5, None),
        ({"latency": None}, 0.5, None),
        ({"loss_percentage": 100, "latency": 0}, 100.0, None),
        ({"loss_percentage": 0, "latency": 0}, 0.0, 0.0),
    ],
)
def test_what_is_wrong_in_a_reading_is_not_measured_and_the_rest_stays(
    changes: dict[str, Any], loss: float | None, rtt: float | None
):
    values = sampled([tunnel(START + timedelta(minutes=6), **changes)])
    for name, expected in (("loss_pct", loss), ("rtt_ms", rtt)):
        assert np.isnan(values[name]) if expected is None else values[name] == expected


def test_an_interval_without_echoes_was_not_measured_though_zeros_stand_there():
    assert not sampled([tunnel(START + timedelta(minutes=6), total=0, loss=0, loss_percentage=0, latency=0, jitter=0)])


def test_probes_of_a_class_of_their_own_do_not_speak_for_the_tunnel():
    at = START + timedelta(minutes=6)
    values = sampled([tunnel(at), tunnel(at, app_probe_class="voice", latency=500, loss_percentage=50)])
    assert values["rtt_ms"] == 40.0


def rates(**changes: Any) -> dict[str, Any]:
    at = epoch_ms(START + timedelta(minutes=6))
    row = {"vdevice_name": "10.0.0.1", "interface": "GE0", "entry_time": at, "rx_kbps": 1500.5, "tx_kbps": 300}
    return row | changes


def test_kbps_are_thousands_of_bits_and_interfaces_are_found_in_any_case():
    values = sampled([], [rates()])
    assert values["rx_bps"] == 1_500_500.0
    assert values["tx_bps"] == 300_000.0


def test_a_row_of_ipv6_repeats_the_interface():
    values = sampled([], [rates(), rates(af_type="ipv6", rx_kbps=9, tx_kbps=9)])
    assert values["rx_bps"] == 1_500_500.0


def test_interfaces_towards_the_site_are_no_links():
    assert not sampled([], [rates(interface="ge9")])
