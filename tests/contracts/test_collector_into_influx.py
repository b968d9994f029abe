"""A collector whose store is InfluxDB: what is measured goes through the journal into a real server."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from collector.model import Series, Source
from collector.running import Collector
from collector.settings import CollectorSettings
from collector.store.opening import open_store
from config.clock import SystemClock
from inventory.model import Inventory, Link, Site


class Reflector(asyncio.DatagramProtocol):
    """Sends back what comes."""

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self.transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.transport.sendto(data, addr)


@pytest.mark.real
@pytest.mark.slow
async def test_a_collectors_samples_arrive_in_influxdb(influx_proxy: Any, influx_bucket: str, tmp_path: Path) -> None:
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(Reflector, local_addr=("127.0.0.1", 0))
    target = f"udp://127.0.0.1:{transport.get_extra_info('sockname')[1]}"
    inventory = Inventory.of(
        sites=[Site(id="s", client="c")], links=[Link(id="line", site="s", interface="GE1", probe_target=target)]
    )
    settings = CollectorSettings.model_validate(
        {
            "probe": {"every": 1, "packets": 2, "timeout": 0.2},
            "store": {
                "kind": "influx",
                "influx": {"url": influx_proxy.url, "token": influx_proxy.token, "bucket": influx_bucket},
            },
        }
    )
    journal, store = open_store(settings.store, tmp_path)
    collector = Collector(settings, inventory, journal, store, SystemClock())
    running = asyncio.create_task(collector.run())
    probed: list[Series] = []
    while not any(len(series) >= 2 for series in probed):  # for ever is told by the timeout
        await asyncio.sleep(0.1)
        now = datetime.now(UTC)
        probed = list(await store.window(["line"], ["loss_pct"], now - timedelta(minutes=5), now))
    health = await collector.health()
    await collector.stop()
    await running
    transport.close()
    await store.close()
    assert [series.source for series in probed] == [Source.PROBE]
    assert set(probed[0].column("loss_pct").tolist()) == {0.0}
    assert health.ok, health.problems
