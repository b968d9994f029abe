"""Our adapter against the simulated dashboard, which knows nothing of it: what it says is what happens there."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest

from collector.model import FactKind, SampleBatch
from collector.orchestrator.directory import directory
from collector.orchestrator.meraki import calls
from collector.orchestrator.meraki.adapter import Meraki
from collector.orchestrator.port import OrchestratorError, SessionExpiredError, StateReport
from collector.orchestrator.quota import Quota
from collector.settings import OrchestratorSettings
from config.clock import epoch_ms
from inventory.model import Inventory
from service.simulator.meraki.fleet import Network
from service.simulator.meraki.happenings import Fault, Outage
from service.simulator.meraki.inventory import identifier, inventory
from service.simulator.meraki.troubles import TroubleKind

pytestmark = pytest.mark.rim

Start = Callable[..., Awaitable[Any]]
Opened = Callable[..., Meraki]


def device_of(network: Network) -> str:
    return f"{identifier(network)}-mx"


def link_of(network: Network, interface: str) -> str:
    return f"{identifier(network)}-{interface}"


def inventory_of(running: Any) -> Inventory:
    """Everything that the simulated fleet has."""
    return inventory(running.server.world.organizations, "meraki1")


def without_links(known: Inventory) -> Inventory:
    return Inventory.of(devices=known.devices.values())


@pytest.fixture
async def opened() -> AsyncIterator[Opened]:
    async with AsyncExitStack() as stack:

        def make(running: Any, known: Inventory | None = None, **changes: Any) -> Meraki:
            adapter = Meraki(
                "meraki1",
                settings_of(running, **changes),
                inventory_of(running) if known is None else known,
                running.server.clock,
                Quota(360_000, penalty=0.01),
            )
            stack.push_async_callback(adapter.close)
            return adapter

        yield make


def settings_of(running: Any, **changes: Any) -> OrchestratorSettings:
    given = {"kind": "meraki", "url": running.url, "token": "a-key-of-the-simulator", "timeout": 10}
    return OrchestratorSettings.model_validate(given | changes)


def window(running: Any, late: int = 10) -> tuple[datetime, datetime]:
    start: datetime = running.server.clock.now() - timedelta(minutes=late)
    return start, start + timedelta(minutes=5)


def values(report: StateReport, kind: FactKind) -> dict[str, str]:
    return {fact.subject: fact.value for fact in report.facts if fact.kind is kind}


def row_of(samples: SampleBatch, link: str) -> dict[str, float]:
    place = samples.links.index(link)
    return {name: float(column[place]) for name, column in samples.fields.items()}


async def test_a_whole_fleet_is_well(dashboard: Start, opened: Opened):
    running = await dashboard(12, 3)
    report = await opened(running).states()
    assert not report.absent
    assert not report.unmapped
    assert set(values(report, FactKind.EDGE_STATE).values()) == {"connected"}
    assert set(values(report, FactKind.LINK_STATE).values()) == {"stable", "standby"}
    assert len(values(report, FactKind.EDGE_STATE)) == 15
    pairs = {device_of(network) for place in (0, 1) for network in running.networks(place) if network.paired}
    assert values(report, FactKind.HA_STATE) == dict.fromkeys(pairs, "ready")


async def test_a_window_gives_every_line_its_loss_latency_and_rates(dashboard: Start, opened: Opened):
    running = await dashboard(12, 3)
    samples = await opened(running).statistics(*window(running))
    lines = {
        link_of(network, line.interface): line
        for place in (0, 1)
        for network in running.networks(place)
        for line in network.lines
    }
    assert sorted(samples.links) == sorted(lines)
    assert set(samples.time.tolist()) == {epoch_ms(window(running)[0])}
    for name, line in lines.items():
        row = row_of(samples, name)
        assert 0.9 * line.latency - 0.1 <= row["rtt_ms"] <= 1.2 * line.latency + 0.1
        assert 0 <= row["loss_pct"] < 4
        # What was sent is the upload, which is slower in this fleet's every line with a slower up than down.
        assert row["tx_bps"] <= row["rx_bps"] <= 1.5 * line.load * line.down * 1000


async def test_a_failover_keeps_the_site_in_sight(dashboard: Start, opened: Opened):
    running = await dashboard(1)
    network = running.networks()[0]
    adapter = opened(running)
    began = running.server.clock.now().timestamp() - 1800
    running.happenings.outages.append(Outage(serial=network.serials[0], start=began))
    report = await adapter.states()
    assert values(report, FactKind.EDGE_STATE) == {device_of(network): "connected"}
    assert values(report, FactKind.HA_STATE) == {device_of(network): "failed"}
    assert set(values(report, FactKind.LINK_STATE).values()) == {"stable", "standby"}
    samples = await adapter.statistics(*window(running))
    assert len(samples) == len(network.lines)
    assert all(row_of(samples, link)["rx_bps"] > 0 for link in samples.links)


async def test_contact_lost_is_no_line_down_and_no_zero(dashboard: Start, opened: Opened):
    running = await dashboard(3)
    adapter = opened(running)
    network = running.networks()[1]
    began = running.server.clock.now().timestamp() - 1800
    running.happenings.outages.append(Outage(serial=network.serials[0], start=began))
    report = await adapter.states()
    assert values(report, FactKind.EDGE_STATE)[device_of(network)] == "offline"
    states = values(report, FactKind.LINK_STATE)
    assert {states[link_of(network, line.interface)] for line in network.lines} == {"unknown"}
    samples = await adapter.statistics(*window(running))
    # The dashboard tells its volumes as 0, which nobody measured.
    assert not [link for link in samples.links if link.startswith(identifier(network))]


async def test_a_dead_line_is_down_and_all_loss_and_a_dead_target_is_neither(dashboard: Start, opened: Opened):
    running = await dashboard(1)
    network = running.networks()[0]
    began = running.server.clock.now().timestamp() - 1800
    dead = Fault(network=network.id, interface="wan2", start=began)
    unreached = Fault(network=network.id, interface="wan1", start=began, target=network.targets[0])
    running.happenings.faults += [dead, unreached]
    adapter = opened(running)
    samples = await adapter.statistics(*window(running))
    states = values(await adapter.states(), FactKind.LINK_STATE)
    assert states == {link_of(network, "wan1"): "stable", link_of(network, "wan2"): "disconnected"}
    lost = row_of(samples, link_of(network, "wan2"))
    assert lost["loss_pct"] == 100
    assert all(math.isnan(lost[name]) for name in ("rtt_ms", "rx_bps", "tx_bps"))
    assert row_of(samples, link_of(network, "wan1"))["loss_pct"] < 5


async def test_the_targets_stand_in_the_states_once_they_are_known(dashboard: Start, opened: Opened):
    running = await dashboard(1)
    adapter = opened(running)
    await adapter.statistics(*window(running))
    details = [fact.detail for fact in (await adapter.states()).facts if fact.kind is FactKind.LINK_STATE]
    assert all(detail.endswith("measured to 1.1.1.1, 8.8.8.8") for detail in details)


async def test_stale_and_missing_appliances_are_told(dashboard: Start, opened: Opened):
    running = await dashboard(5)
    stale, missing = running.networks()[1], running.networks()[2]
    running.happenings.stale.add(stale.serials[0])
    running.server.world.missing.add(missing.serials[0])
    report = await opened(running).states()
    states = values(report, FactKind.LINK_STATE)
    assert {states[link_of(stale, line.interface)] for line in stale.lines} == {"unknown"}
    gone = [device_of(missing), *(link_of(missing, line.interface) for line in missing.lines)]
    assert report.absent == sorted(gone)


@pytest.mark.parametrize("known", ["before", "anew"])
async def test_the_past_of_a_device_is_what_its_windows_were(dashboard: Start, opened: Opened, known: str):
    running = await dashboard(2)
    network = running.networks()[0]
    adapter = opened(running)
    windows = [window(running, late) for late in (20, 15, 10)]
    then = [await adapter.statistics(*one) for one in windows]
    if known == "before":
        await adapter.states()
    else:
        adapter = opened(running)
    past = await adapter.history(device_of(network), windows[0][0], windows[-1][1])
    assert len(past) == 3 * len(network.lines)
    for batch in then:
        for place, link in enumerate(batch.links):
            if not link.startswith(identifier(network)):
                continue
            same = [i for i, one in enumerate(past.links) if one == link and past.time[i] == batch.time[place]]
            for name in ("loss_pct", "rtt_ms", "rx_bps", "tx_bps"):
                assert past.fields[name][same[0]] == pytest.approx(batch.fields[name][place], abs=1.0)
            assert not np.isnan(past.fields["jitter_ms"][same[0]])


async def test_history_of_a_device_without_lines_is_empty_and_calls_nothing(dashboard: Start, opened: Opened):
    running = await dashboard(1)
    network = running.networks()[0]
    assert (
        len(await opened(running, without_links(inventory_of(running))).history(device_of(network), *window(running)))
        == 0
    )
    assert not running.server.calls


async def test_events_are_outages_of_our_appliances(dashboard: Start, opened: Opened):
    running = await dashboard(4)
    network = running.networks()[2]
    now = running.server.clock.now()
    at = now.timestamp() - 1800
    running.happenings.outages.append(Outage(serial=network.serials[0], start=at, end=at + 600))
    facts = await opened(running).events(now - timedelta(hours=1), now)
    assert sorted((fact.time.timestamp(), fact.subject, fact.value) for fact in facts) == [
        (at, device_of(network), "offline"),
        (at + 600, device_of(network), "online"),
    ]


async def test_a_look_names_each_uplink_target_and_unit(dashboard: Start, opened: Opened):
    running = await dashboard(1)
    network = running.networks()[0]
    report = await opened(running).look(device_of(network))
    assert not report.notes
    names = {(figure.subject, figure.name) for figure in report.figures}
    wan1 = link_of(network, "wan1")
    device = device_of(network)
    for serial in network.serials:
        for name in ("loss", "latency", "jitter"):
            assert {(wan1, f"{name} {serial} to 8.8.8.8"), (wan1, f"{name} {serial} to 1.1.1.1")} <= names
        assert {(device, f"performance score of {serial}"), (device, f"role of {serial}")} <= names
    assert {fact.subject for fact in report.facts} == {device, wan1, link_of(network, "wan2")}
    assert len(report.samples)
    values = {figure.name: figure.value for figure in report.figures}
    assert values[f"wan1 of {network.serials[0]}"] == "active, 198.51.100.7 as 203.0.113.9"


async def test_a_look_shows_no_tick_that_is_not_over(dashboard: Start, opened: Opened):
    # At 12:09:30 three minutes of the tick from 12:05 on are there, but it is not over.
    running = await dashboard(1)
    noon = running.server.clock.now()
    running.server.clock.move_to(noon + timedelta(minutes=9, seconds=30))
    report = await opened(running).look(device_of(running.networks()[0]))
    assert max(report.samples.time.tolist()) == epoch_ms(noon)


async def test_what_a_look_may_not_read_is_a_note(dashboard: Start, opened: Opened):
    running = await dashboard(1)
    network = running.networks()[0]
    running.server.troubles.begin(TroubleKind.FORBIDDEN, "lossAndLatencyHistory")
    running.server.troubles.begin(TroubleKind.SERVER_ERROR, "usageHistory")
    running.server.troubles.begin(TroubleKind.NO_API, "performance")
    report = await opened(running).look(device_of(network))
    assert report.facts
    assert len(report.samples) == 0
    assert any("403" in note or "500" in note for note in report.notes)
    assert any("performance with 404" in note for note in report.notes)


async def test_a_listing_has_pairs_as_one_edge_rates_and_zones(dashboard: Start, opened: Opened):
    running = await dashboard(12, 3)
    listing = await opened(running, Inventory.of()).listing()
    assert not listing.unread
    edges = {edge.edge_id: edge for edge in listing.edges}
    for place in (0, 1):
        organization = running.server.world.organizations[place]
        for network in organization.networks:
            edge = edges[network.serials[0]]
            assert edge.activated
            assert (edge.enterprise_id, edge.enterprise_name) == (organization.id, organization.name)
            assert (edge.serials, edge.timezone, edge.address) == (network.serials, network.zone, network.address)
            assert edge.links is not None
            found = {link.id: (link.down_bps, link.up_bps, link.isp, link.wireless) for link in edge.links}
            assert found == {
                line.interface: (
                    line.down * 1000.0 if line.limited else None,
                    line.up * 1000.0 if line.limited else None,
                    line.provider or None,
                    True if line.interface == "cellular" else None,
                )
                for line in network.lines
            }
    assert len(edges) == 15


async def test_an_appliance_without_any_report_was_prepared_and_never_came_up(dashboard: Start, opened: Opened):
    running = await dashboard(3)
    silent = running.networks()[1].serials[0]
    running.happenings.never.add(silent)
    listing = await opened(running, Inventory.of()).listing()
    assert [edge.edge_id for edge in listing.edges if not edge.activated] == [silent]


async def test_what_a_listing_cannot_read_is_said(dashboard: Start, opened: Opened):
    running = await dashboard(4, 2)
    second = running.server.world.organizations[1].id
    running.server.troubles.begin(TroubleKind.NO_API, f"{second}/devices")
    running.server.troubles.begin(TroubleKind.FORBIDDEN, "uplinkBandwidth", calls=2)
    listing = await opened(running, Inventory.of()).listing()
    assert len(listing.edges) == 4
    assert any(second in sentence for sentence in listing.unread)
    assert any("the rates of 2 networks" in sentence for sentence in listing.unrated)


async def test_uplinks_that_cannot_be_read_say_nothing_of_the_links(dashboard: Start, opened: Opened):
    running = await dashboard(4)
    running.server.troubles.begin(TroubleKind.FORBIDDEN, "uplink/statuses")
    listing = await opened(running, Inventory.of()).listing()
    assert {edge.links for edge in listing.edges} == {None}
    assert len(listing.unread) == 1


async def test_nothing_to_be_read_at_all_is_an_error(dashboard: Start, opened: Opened):
    running = await dashboard(4)
    running.server.troubles.begin(TroubleKind.REVOKED_KEY)
    with pytest.raises(SessionExpiredError):
        await opened(running, Inventory.of()).listing()


async def test_a_listing_takes_as_many_calls_as_planned(dashboard: Start, opened: Opened):
    running = await dashboard(6)
    known = inventory_of(running)
    plan = calls.planned(settings_of(running), directory(known, "meraki1"))
    await opened(running, known).listing()
    assert sum(running.server.calls.values()) == plan.listing


async def test_the_first_contact_takes_as_many_calls_as_planned(dashboard: Start, opened: Opened):
    """With one target a line, and networks and targets known from states and statistics; one of the four is a pair."""
    running = await dashboard(6)
    everything = inventory_of(running)
    sites = {identifier(network) for network in running.networks() if len(network.targets) == 1}
    known = Inventory.of(
        devices=[device for device in everything.devices.values() if device.site in sites],
        links=[link for link in everything.links.values() if link.site in sites],
    )
    adapter = opened(running, known)
    await adapter.states()
    await adapter.statistics(*window(running))
    running.server.calls.clear()
    for device in known.devices:
        await adapter.history(device, *window(running))
    assert (
        sum(running.server.calls.values())
        == calls.planned(settings_of(running), directory(known, "meraki1")).at_first_contact
    )


async def test_troubles_on_the_way_end_by_themselves(dashboard: Start, opened: Opened):
    running = await dashboard(3)
    adapter = opened(running)
    running.server.troubles.begin(TroubleKind.MOVED)
    running.server.troubles.begin(TroubleKind.NGINX_LIMITED, "availabilities", calls=2)
    assert not (await adapter.states()).absent
    for kind in (TroubleKind.HALF_ANSWER, TroubleKind.HTML, TroubleKind.SERVER_ERROR, TroubleKind.EMPTY):
        running.server.troubles.begin(kind, calls=1)
        with pytest.raises(OrchestratorError) as raised:
            await adapter.states()
        assert raised.value.retryable
        assert not (await adapter.states()).absent


async def test_pages_in_a_circle_are_an_error(dashboard: Start, opened: Opened):
    running = await dashboard(3)
    running.server.troubles.begin(TroubleKind.CIRCLE, "statuses")
    with pytest.raises(OrchestratorError, match="circle"):
        await opened(running).states()
