"""Writes as the official client makes them, taken by a real server that has the write path of InfluxDB 2 itself:
Debian's VictoriaMetrics. It has no InfluxQL, so what arrived is read by its own API."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta

import aiohttp
import numpy as np
import pytest

from collector.model import SampleBatch, Source
from collector.store.influx_connection import InfluxConnection
from collector.store.influx_writing import write_lines
from collector.store.lineprotocol import sample_lines, stored_text
from collector.store.own_times import with_own_times
from collector.store.rows import Rows, rows_of
from config.clock import epoch_ms

pytestmark = [pytest.mark.real, pytest.mark.slow]

NOW = epoch_ms(datetime.now(UTC) - timedelta(days=300)) // 60_000 * 60_000
"""Beyond its default retention of a month: without the flag it would drop these silently."""


@pytest.fixture(scope="module")
def victoria(tmp_path_factory: pytest.TempPathFactory, unused_ports: Callable[[int], list[int]]) -> Iterator[str]:
    """The url of a VictoriaMetrics of these tests' own."""
    if shutil.which("victoria-metrics") is None:
        message = "victoria-metrics is not installed (apt-get install --no-install-recommends victoria-metrics)"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(f"NOT TESTED against VictoriaMetrics: {message}")
    folder = tmp_path_factory.mktemp("victoria")
    (port,) = unused_ports(1)
    url = f"http://127.0.0.1:{port}"
    command = [
        "victoria-metrics",
        f"-httpListenAddr=127.0.0.1:{port}",
        f"-storageDataPath={folder / 'data'}",
        "-retentionPeriod=2y",
        "-influxMeasurementFieldSeparator=_",
        "-search.latencyOffset=0s",
    ]
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    for _ in range(100):
        try:
            urllib.request.urlopen(url + "/health", timeout=1).close()
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
        else:
            break
    else:
        pytest.fail(f"VictoriaMetrics did not start: {(folder / 'log').read_text()[-2000:]}")
    yield url
    process.terminate()
    process.wait(timeout=30)


async def written(url: str, rows: Rows) -> int:
    """Write rows as the store does; how many were refused."""
    connection = InfluxConnection(url, "a-token", "-", 30)

    async def post(lines: Sequence[str]) -> None:
        await connection.post_lines("wan/raw", lines, "ms")

    refused = await write_lines(
        post, len(rows), lambda first, last: sample_lines(rows.rearranged([slice(first, last)]))
    )
    await connection.close()
    return len(refused)


async def exported(url: str, field: str, link: str) -> dict[int, float]:
    """A field's values by time, by VictoriaMetrics' own words."""
    async with aiohttp.ClientSession() as session:
        async with session.get(url + "/internal/force_flush") as answer:
            assert answer.status == 200
        chosen = f"samples_{field}{{link={json.dumps(link)}}}"
        form = {"match[]": chosen, "start": "0", "end": str(NOW // 1000 + 86_400 * 30)}
        async with session.post(url + "/api/v1/export", data=form) as answer:
            assert answer.status == 200, await answer.text()
            series = [json.loads(line) for line in (await answer.text()).splitlines()]
    return {time: value for one in series for time, value in zip(one["timestamps"], one["values"], strict=True)}


def batch(link: str, count: int, **fields: float) -> SampleBatch:
    moments = NOW + np.arange(count, dtype=np.int64) * 60_000
    columns = {name: value + np.arange(count) / 8 for name, value in fields.items()}
    return SampleBatch(Source.SNMP, [link] * count, moments, np.full(count, 60, np.int32), moments + 5000, columns)


async def test_twelve_thousand_lines_arrive_whole(victoria: str) -> None:
    """12,000 rows are three requests; values are eighths, so that they are exact."""
    assert await written(victoria, rows_of([batch("many", 12_000, rtt_ms=20.0)])) == 0
    found = await exported(victoria, "rtt_ms", "many")
    assert found == {NOW + n * 60_000: 20 + n / 8 for n in range(12_000)}


@pytest.mark.parametrize("link", ["a b", "a,b", "a=b", "o'hara", 'say "x"', "back\\", "%5C", "Zürich-Süd", "line\nend"])
async def test_odd_names_arrive_as_themselves(victoria: str, link: str) -> None:
    assert await written(victoria, rows_of([batch(link, 1, rtt_ms=1.0)])) == 0
    assert await exported(victoria, "rtt_ms", stored_text(link)) == {NOW: 1.0}


async def test_own_times_arrive_beside_their_values(victoria: str) -> None:
    early, late = batch("own", 1, rtt_ms=1.0), batch("own", 1, loss_pct=2.0)
    late.received_at[:] += 60_000
    assert await written(victoria, with_own_times(rows_of([early, late]))) == 0
    assert await exported(victoria, "rtt_ms", "own") == {NOW: 1.0}
    assert await exported(victoria, "loss_pct", "own") == {NOW: 2.0}
    assert await exported(victoria, "rtt_ms_received_at", "own") == {NOW: NOW + 5000}
    assert await exported(victoria, "received_at", "own") == {NOW: NOW + 65_000}


async def test_a_field_that_was_not_measured_is_absent_there_too(victoria: str) -> None:
    assert await written(victoria, rows_of([batch("gap", 2, rtt_ms=np.nan), batch("gap", 1, mos=4.0)])) == 0
    assert await exported(victoria, "rtt_ms", "gap") == {}
    assert await exported(victoria, "mos", "gap") == {NOW: 4.0}
