"""What a VCO's statistics and history mean, over real HTTP. Expected values by hand."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from collector.model import SampleBatch
from collector.orchestrator.port import OrchestratorError
from collector.orchestrator.quota import Quota
from collector.orchestrator.velocloud.adapter import VeloCloud, series_windows
from collector.settings import OrchestratorSettings
from config.clock import ManualClock
from inventory.model import Device, DeviceRole, Inventory, LifeCycle, Link, Monitoring, OrchestratorIdentity, Tool

START = datetime(2026, 3, 3, 12, 0, tzinfo=UTC)
END = START + timedelta(minutes=5)
START_MS = 1772539200000
STATUS = "monitoring/getEnterpriseEdgeLinkStatus"
METRICS = "monitoring/getAggregateEdgeLinkMetrics"
SERIES = "metrics/getEdgeLinkSeries"


@pytest.fixture
async def vco(settings: OrchestratorSettings, inventory: Inventory) -> AsyncIterator[VeloCloud]:
    adapter = VeloCloud(
        "vco1", settings, inventory, ManualClock(START + timedelta(minutes=20)), Quota(1_000_000, penalty=0.05)
    )
    yield adapter
    await adapter.close()


def figures(link: Any, **changes: Any) -> Any:
    """One row of getAggregateEdgeLinkMetrics: 1.125 GB down and 37.5 MB up in five minutes."""
    return {
        "linkId": link["linkId"],
        "name": link["interface"],
        "bytesRx": 1_125_000_000,
        "bytesTx": 37_500_000,
        "bestLatencyMsRx": 31.5,
        "bestLatencyMsTx": 28.1667,
        "bestJitterMsRx": 2.25,
        "bestJitterMsTx": 1.0,
        "bestLossPctRx": 12.5,
        "bestLossPctTx": 0,
        "bpsOfBestPathRx": 50_000_000,
        "bpsOfBestPathTx": 10_000_000,
        "state": 0,
        "link": link,
    } | changes


def row_of(batch: SampleBatch, link: Any) -> Any:
    index = list(batch.links).index(link)
    return {name: float(column[index]) for name, column in batch.fields.items()}


async def test_rx_is_download_in_every_field(host: Any, vco: VeloCloud, fleet: list[Any]) -> None:
    host.replies[METRICS] = [[figures(fleet[0])]]
    batch = await vco.statistics(START, END)
    assert row_of(batch, "store-117-dia") == {
        "rx_bps": 30_000_000.0,
        "tx_bps": 1_000_000.0,
        "latency_rx_ms": 31.5,
        "latency_tx_ms": 28.1667,
        "jitter_rx_ms": 2.25,
        "jitter_tx_ms": 1.0,
        "loss_rx_pct": 12.5,
        "loss_tx_pct": 0.0,
        "rx_capacity_bps": 50_000_000.0,
        "tx_capacity_bps": 10_000_000.0,
    }
    assert batch.time.tolist() == [START_MS]
    assert batch.seconds.tolist() == [300]
    assert batch.received_at.tolist() == [START_MS + 20 * 60_000]
    sent = host.called(METRICS)[0].body
    assert sent["interval"] == {"start": START_MS, "end": START_MS + 300_000}
    assert sent["enterprises"] == [41]


async def test_a_link_without_activity_is_an_absent_row(host: Any, vco: VeloCloud, fleet: list[Any]) -> None:
    host.replies[METRICS] = [[figures(fleet[0])]]
    batch = await vco.statistics(START, END)
    assert list(batch.links) == ["store-117-dia"]


async def test_the_zeros_of_a_dead_link_are_no_measurement(host: Any, vco: VeloCloud, fleet: list[Any]) -> None:
    dead = fleet[0] | {"linkState": "DISCONNECTED"}
    zeros = dict.fromkeys([name for name in figures(dead) if name.startswith(("bytes", "best"))], 0)
    host.replies[METRICS] = [[figures(dead, **zeros), figures(fleet[2])]]
    batch = await vco.statistics(START, END)
    assert list(batch.links) == ["store-118-cable"]


async def test_a_link_that_died_with_a_few_bytes_has_a_rate_and_no_perfect_quality(
    host: Any, vco: VeloCloud, fleet: list[Any]
) -> None:
    dead = fleet[0] | {"linkState": "DISCONNECTED"}
    quality = dict.fromkeys([name for name in figures(dead) if name.startswith("best")], 0)
    host.replies[METRICS] = [[figures(dead, bytesRx=3750, bytesTx=0, **quality)]]
    row = row_of(await vco.statistics(START, END), "store-117-dia")
    assert (row["rx_bps"], row["tx_bps"]) == (100.0, 0.0)
    assert all(math.isnan(row[f"{name}_{way}"]) for name in ("latency", "jitter") for way in ("rx_ms", "tx_ms"))
    assert math.isnan(row["loss_rx_pct"])
    assert math.isnan(row["loss_tx_pct"])


async def test_a_link_that_died_after_the_window_keeps_what_was_measured_in_it(
    host: Any, vco: VeloCloud, fleet: list[Any]
) -> None:
    host.replies[METRICS] = [[figures(fleet[0] | {"linkState": "DISCONNECTED"})]]
    assert row_of(await vco.statistics(START, END), "store-117-dia")["loss_rx_pct"] == 12.5


async def test_a_latency_of_zero_in_one_direction_alone_is_a_measurement(
    host: Any, vco: VeloCloud, fleet: list[Any]
) -> None:
    host.replies[METRICS] = [[figures(fleet[0], bestLatencyMsTx=0)]]
    row = row_of(await vco.statistics(START, END), "store-117-dia")
    assert (row["latency_tx_ms"], row["loss_rx_pct"]) == (0.0, 12.5)


async def test_lines_that_are_not_watched_are_not_measured(
    host: Any, settings: OrchestratorSettings, fleet: list[Any]
) -> None:
    identity = OrchestratorIdentity(name="vco1", enterprise_id="41", edge_id="702")
    known = Inventory.of(
        devices=[Device(id="d", site="s", role=DeviceRole.SDWAN_EDGE, orchestrator=identity)],
        links=[
            Link(id="live", site="s", device="d", interface="GE1"),
            Link(id="suspended", site="s", device="d", interface="USB1", life_cycle=LifeCycle.SUSPENDED),
            Link(id="by-snmp", site="s", device="d", interface="GE3", monitoring=Monitoring(tools=(Tool.SNMP,))),
        ],
    )
    port = fleet[0] | {"interface": "GE3", "internalId": "z", "linkId": 9}
    rows = [*fleet[:2], port]
    host.replies[METRICS] = [[figures(row) for row in rows]]
    host.replies[SERIES] = [[series_row(row, {"bytesRx": [300] * 3}) for row in rows]]
    vco = VeloCloud("vco1", settings, known, ManualClock(END), Quota(1_000_000))
    now, past = await vco.statistics(START, END), await vco.history("d", START, START + timedelta(minutes=15))
    await vco.close()
    assert list(now.links) == ["live"]
    assert set(past.links) == {"live"}


async def test_a_capacity_of_zero_was_never_measured(host: Any, vco: VeloCloud, fleet: list[Any]) -> None:
    host.replies[METRICS] = [[figures(fleet[0], bpsOfBestPathRx=0)]]
    row = row_of(await vco.statistics(START, END), "store-117-dia")
    assert math.isnan(row["rx_capacity_bps"])
    assert row["tx_capacity_bps"] == 10_000_000.0


async def test_loss_is_a_percentage_and_never_a_count_of_packets(host: Any, vco: VeloCloud, fleet: list[Any]) -> None:
    host.replies[METRICS] = [[figures(fleet[0], bestLossPctRx=0.35, bestLossPctTx=100)]]
    row = row_of(await vco.statistics(START, END), "store-117-dia")
    assert (row["loss_rx_pct"], row["loss_tx_pct"]) == (0.35, 100.0)


async def test_a_rate_above_what_was_sold_or_measured_is_told_and_one_that_no_port_carries_is_not(
    host: Any, vco: VeloCloud, fleet: list[Any]
) -> None:
    # 400 Gbit/s over 300 s are 15e12 bytes.
    beyond = {"bytesTx": 15_000_000_001_000, "bpsOfBestPathTx": 400_000_000_001}
    host.replies[METRICS] = [[figures(fleet[0], bytesRx=15_000_000_000_000, **beyond)]]
    row = row_of(await vco.statistics(START, END), "store-117-dia")
    assert row["rx_bps"] == 400e9
    assert math.isnan(row["tx_bps"])
    assert math.isnan(row["tx_capacity_bps"])


async def test_damaged_figures_are_not_measured_and_the_others_stay(
    host: Any, vco: VeloCloud, fleet: list[Any]
) -> None:
    damage = {"bytesTx": "37500000", "bestLatencyMsRx": -3, "bestLossPctRx": 101, "bestJitterMsRx": None}
    host.replies[METRICS] = [[figures(fleet[0], **damage)]]
    row = row_of(await vco.statistics(START, END), "store-117-dia")
    assert row["tx_bps"] == 1_000_000.0
    assert all(math.isnan(row[name]) for name in ("latency_rx_ms", "loss_rx_pct", "jitter_rx_ms"))
    assert row["latency_tx_ms"] == 28.1667


async def test_a_row_that_lost_its_link_object_is_found_by_the_link_id_seen_before(
    host: Any, vco: VeloCloud, fleet: list[Any]
) -> None:
    host.replies[STATUS] = [fleet]
    row = figures(fleet[0])
    del row["link"]
    host.replies[METRICS] = [[row]]
    await vco.states()
    assert list((await vco.statistics(START, END)).links) == ["store-117-dia"]


async def test_figures_of_a_replaced_line_at_the_same_port_are_not_taken(
    host: Any, vco: VeloCloud, fleet: list[Any]
) -> None:
    old = fleet[2] | {"internalId": "old", "linkId": 1, "linkLastActive": "2026-02-01T00:00:00.000Z"}
    rows = [figures(fleet[2]), figures(old, bytesRx=300)]
    for answer in (rows, rows[::-1]):
        host.replies[METRICS] = [answer]
        assert row_of(await vco.statistics(START, END), "store-118-cable")["rx_bps"] == 30_000_000.0


async def test_empty_statistics_of_a_known_fleet_are_a_fault(host: Any, vco: VeloCloud) -> None:
    host.replies[METRICS] = [[]]
    with pytest.raises(OrchestratorError, match="empty list"):
        await vco.statistics(START, END)


def series_row(fleet_row: Any, metrics: dict[str, list[Any]], start: int = START_MS, tick: int = 300_000) -> Any:
    return {
        "edgeId": fleet_row["edgeId"],
        "linkId": fleet_row["linkId"],
        "series": [
            {"metric": name, "startTime": start, "tickInterval": tick, "data": data} for name, data in metrics.items()
        ],
        "link": {"id": fleet_row["linkId"], "internalId": fleet_row["internalId"], "interface": fleet_row["interface"]},
    }


async def test_history_is_read_tick_by_tick_and_a_null_tick_is_a_gap(
    host: Any, vco: VeloCloud, fleet: list[Any]
) -> None:
    metrics = {
        "bytesRx": [1_125_000_000, None, 375_000_000],
        "bytesTx": [37_500_000, None, 37_500_000],
        "bestLossPctRx": [0.5, None, None],
        "bestLatencyMsRx": [30, None, 40],
        "bestLatencyMsTx": [20, None, 20],
    }
    host.replies[SERIES] = [[series_row(fleet[0], metrics), series_row(fleet[2] | {"edgeId": 999}, metrics)]]
    batch = await vco.history("edge-117", START, START + timedelta(minutes=15))
    assert list(batch.links) == ["store-117-dia", "store-117-dia"]
    assert batch.time.tolist() == [START_MS, START_MS + 600_000]
    assert batch.fields["rx_bps"].tolist() == [30_000_000.0, 10_000_000.0]
    assert batch.fields["loss_rx_pct"][0] == 0.5
    assert math.isnan(batch.fields["loss_rx_pct"][1])
    sent = host.called(SERIES)[0].body
    assert (sent["enterpriseId"], sent["edgeId"]) == (41, 702)


async def test_history_outside_the_window_or_of_another_edge_is_left_out(
    host: Any, vco: VeloCloud, fleet: list[Any]
) -> None:
    ticks = {"bytesRx": [300, 600, 900, 1200, 1500], "bytesTx": [300] * 5}
    inside = series_row(fleet[0], ticks, start=START_MS - 300_000)
    elsewhere = series_row(fleet[1] | {"edgeId": 703}, ticks)
    host.replies[SERIES] = [[inside, elsewhere]]
    batch = await vco.history("edge-117", START, START + timedelta(minutes=15))
    assert list(batch.links) == ["store-117-dia"] * 3
    assert batch.time.tolist() == [START_MS, START_MS + 300_000, START_MS + 600_000]
    assert batch.fields["rx_bps"].tolist() == [16.0, 24.0, 32.0]


async def test_a_series_that_starts_inside_a_tick_is_put_on_the_tick(
    host: Any, vco: VeloCloud, fleet: list[Any]
) -> None:
    host.replies[SERIES] = [[series_row(fleet[0], {"bytesRx": [300], "bytesTx": [300]}, start=START_MS + 123_541)]]
    batch = await vco.history("edge-117", START, START + timedelta(minutes=15))
    assert batch.time.tolist() == [START_MS]


async def test_a_series_of_another_tick_is_left_out_for_it_would_replace_what_the_statistics_measured(
    host: Any, vco: VeloCloud, fleet: list[Any]
) -> None:
    hourly = series_row(fleet[0], {"bytesRx": [300], "bytesTx": [300]}, tick=3_600_000)
    usual = series_row(fleet[1], {"bytesRx": [300], "bytesTx": [300]})
    usual["series"].append({"metric": "bestLatencyMsRx", "startTime": START_MS, "tickInterval": 600_000, "data": [20]})
    host.replies[SERIES] = [[hourly, usual]]
    with capture_logs() as logs:
        batch = await vco.history("edge-117", START, START + timedelta(minutes=15))
        await vco.history("edge-117", START, START + timedelta(minutes=15))
    said = [each for each in logs if each["event"] == "series_of_another_tick_left_out"]
    assert [each["milliseconds"] for each in said] == [[600_000, 3_600_000]]
    assert list(batch.links) == ["store-117-lte"]
    assert batch.seconds.tolist() == [300]
    assert math.isnan(batch.fields["latency_rx_ms"][0])


async def test_history_of_a_replaced_line_at_the_same_port_is_that_of_the_one_active_last(
    host: Any, vco: VeloCloud, fleet: list[Any]
) -> None:
    old = series_row(fleet[2] | {"internalId": "old", "linkId": 1}, {"bytesRx": [300] * 3, "bytesTx": [300] * 3})
    old["link"]["lastActive"] = "2026-02-01T00:00:00.000Z"
    new = series_row(fleet[2], {"bytesRx": [600] * 3, "bytesTx": [600] * 3})
    new["link"]["lastActive"] = "2026-03-03T12:10:00.000Z"
    for rows in ([old, new], [new, old]):
        host.replies[SERIES] = [rows]
        batch = await vco.history("edge-118", START, START + timedelta(minutes=15))
        assert batch.fields["rx_bps"].tolist() == [16.0] * 3


async def test_history_and_statistics_give_one_moment_of_a_line_the_same_figures(
    host: Any, vco: VeloCloud, fleet: list[Any]
) -> None:
    row = figures(fleet[0])
    ticks = {name: [value] for name, value in row.items() if name.startswith(("bytes", "best", "bps"))}
    host.replies |= {METRICS: [[row]], SERIES: [[series_row(fleet[0], ticks)]]}
    now = await vco.statistics(START, END)
    past = await vco.history("edge-117", START, END)
    assert (list(now.links), now.time.tolist(), now.seconds.tolist()) == (
        list(past.links),
        past.time.tolist(),
        past.seconds.tolist(),
    )
    assert row_of(now, "store-117-dia") == row_of(past, "store-117-dia")


async def test_a_long_history_is_cut_into_calls_the_host_can_answer(host: Any, vco: VeloCloud) -> None:
    host.replies[SERIES] = [[]]
    await vco.history("edge-117", START - timedelta(days=4), START)
    intervals = [call.body["interval"] for call in host.called(SERIES)]
    assert len(intervals) == 2
    assert all(15 * 60_000 <= each["end"] - each["start"] <= 1024 * 300_000 for each in intervals)


async def test_history_of_a_device_without_an_edge_says_what_to_add(vco: VeloCloud) -> None:
    with pytest.raises(OrchestratorError, match="no-such-device no edge at vco1"):
        await vco.history("no-such-device", START, END)


@given(
    minutes=st.integers(0, 20_000),
    offset=st.integers(0, 299),
)
def test_series_windows_cover_every_whole_tick_within_the_hosts_limits(minutes: int, offset: int) -> None:
    start = START + timedelta(seconds=offset)
    end = start + timedelta(minutes=minutes)
    windows = series_windows(start, end, timedelta(seconds=300))
    covered = set()
    for first, last in windows:
        assert timedelta(minutes=15) <= last - first <= timedelta(seconds=1024 * 300)
        assert first.timestamp() % 300 == last.timestamp() % 300 == 0
        covered |= set(np.arange(first.timestamp(), last.timestamp(), 300).tolist())
    whole = np.arange(math.ceil(start.timestamp() / 300) * 300, math.floor(end.timestamp() / 300) * 300, 300)
    assert set(whole.tolist()) <= covered
    assert all(last <= end for _, last in windows)
