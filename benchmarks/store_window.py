"""How fast the embedded store answers the question of a triage: a site's links over 30 days of minute samples.

    benchmarks/store_window.py [--quick] [--json]

Peer: the same rows in InfluxDB 1.x where `influxd` is installed, else in a plain SQLite table with an index. The peer
holds the asked-for links alone, the store all of them. Both are asked in turn; the best of seven passes counts.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import socket
import sqlite3
import subprocess
import tempfile
import time
import urllib.parse
import urllib.request
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from collector.journal import Journal
from collector.model import SampleBatch, Source
from collector.store.embedded import EmbeddedStore
from collector.store.influx import InfluxStore
from collector.store.port import MeasurementStore, Selector, Statistic

START = datetime(2026, 3, 1, tzinfo=UTC)
DAYS = 30
END = START + timedelta(days=DAYS)
FIELDS = ("rtt_ms", "jitter_ms", "loss_pct", "rx_bps", "tx_bps", "oper_up")
Rows = list[dict[str, Any]]


def day_of_samples(links: list[str], day: int, seed: int) -> SampleBatch:
    """A day of minute samples of these links: 6 fields, noise as lines have it."""
    random = np.random.default_rng(seed)
    n = len(links) * 1440
    begin = round(START.timestamp() * 1000) + day * 86_400_000
    at = np.tile(begin + np.arange(1440, dtype=np.int64) * 60_000, len(links))
    fields = {
        "rtt_ms": random.gamma(20, 1, n).round(2),
        "jitter_ms": random.gamma(2, 0.5, n).round(2),
        "loss_pct": np.where(random.random(n) < 0.02, 5.0, 0.0),
        "rx_bps": random.gamma(2, 2e7, n).round(),
        "tx_bps": random.gamma(2, 4e6, n).round(),
        "oper_up": np.ones(n),
    }
    names = [link for link in links for _ in range(1440)]
    return SampleBatch(Source.PROBE, names, at, np.full(n, 60, np.int32), at + 61_000, fields)


def links_of_fleet(count: int) -> list[str]:
    return [f"store-{n // 2:04d}-wan{n % 2 + 1}" for n in range(count)]


async def filled_store(folder: Path, links: list[str], rows: Rows) -> EmbeddedStore:
    store = EmbeddedStore(Journal(folder / "journal.sqlite"), folder / "store", raw_days=95)
    appending = sealing = 0.0
    for day in range(DAYS):
        batch = day_of_samples(links, day, day)
        began = time.perf_counter()
        await store.write(batch)
        appending += time.perf_counter() - began
        began = time.perf_counter()
        await store.maintain(START + timedelta(days=day + 1))
        sealing += time.perf_counter() - began
    total = len(links) * 1440 * DAYS
    size = sum(part.size for part in store.manifest().parts)
    rows.append(row("append of a day's batch, durable", total / appending / 1e6, "M rows/s"))
    rows.append(row("sealing", total / sealing / 1e6, "M rows/s"))
    rows.append(row("parts on disk", size / total, "bytes/row"))
    return store


def row(name: str, value: float, unit: str, peer: str | None = None, peer_value: float | None = None) -> dict[str, Any]:
    ratio = round(peer_value / value, 2) if peer_value is not None else None
    shown = round(peer_value, 3) if peer_value is not None else None
    return {"name": name, "value": round(value, 3), "unit": unit, "peer": peer, "peer_value": shown, "ratio": ratio}


async def in_turn(passes: int, *questions: Callable[[], Awaitable[object]]) -> list[float]:
    """The best time of each question in milliseconds, asked in turn."""
    best = [float("inf")] * len(questions)
    for _ in range(passes):
        for i, question in enumerate(questions):
            began = time.perf_counter()
            await question()
            best[i] = min(best[i], (time.perf_counter() - began) * 1000)
    return best


class SqlitePeer:
    """One row a sample in SQLite, clustered by link and time: what one would write first."""

    name = "SQLite rows"

    def __init__(self, folder: Path) -> None:
        self.db = sqlite3.connect(folder / "peer.sqlite")
        columns = ", ".join(FIELDS)
        self.db.execute(f"CREATE TABLE s (link, time, {columns}, PRIMARY KEY (link, time)) WITHOUT ROWID")

    async def load(self, batch: SampleBatch) -> None:
        values = zip(batch.links, batch.time.tolist(), *(batch.fields[f].tolist() for f in FIELDS), strict=True)
        self.db.executemany(f"INSERT INTO s VALUES ({','.join('?' * (2 + len(FIELDS)))})", values)
        self.db.commit()

    async def ask(self, links: list[str]) -> object:
        marks = ",".join("?" * len(links))
        query = f"SELECT link, time, {', '.join(FIELDS)} FROM s WHERE link IN ({marks}) AND time >= ? AND time < ?"
        span = (START.timestamp() * 1000, END.timestamp() * 1000)
        found = self.db.execute(query, (*links, *span)).fetchall()
        return np.array([each[1:] for each in found], dtype=float)

    async def close(self) -> None:
        self.db.close()


class InfluxPeer:
    """Debian's influxd, loaded and asked as its adapter does, but writing by /write (1.6 lacks the later path)."""

    name = "InfluxDB 1.6"

    def __init__(self, folder: Path) -> None:
        ports = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
        rpc, http = (port.getsockname()[1] for port in ports)
        for port in ports:
            port.close()
        self.url = f"http://127.0.0.1:{http}"
        (folder / "influx.conf").write_text(
            f'reporting-disabled = true\nbind-address = "127.0.0.1:{rpc}"\n'
            f'[meta]\ndir = "{folder}/meta"\n[data]\ndir = "{folder}/data"\nwal-dir = "{folder}/wal"\n'
            'index-version = "tsi1"\nquery-log-enabled = false\n[monitor]\nstore-enabled = false\n'
            f'[http]\nbind-address = "127.0.0.1:{http}"\nlog-enabled = false\n[logging]\nlevel = "error"\n'
        )
        self.process = subprocess.Popen(["influxd", "run", "-config", str(folder / "influx.conf")])
        for _ in range(100):
            try:
                self._post("/query", urllib.parse.urlencode({"q": "CREATE DATABASE wan"}).encode())
                break
            except OSError:
                time.sleep(0.1)
        self.store: MeasurementStore = InfluxStore(self.url, None, "wan")

    def _post(self, path: str, body: bytes) -> None:
        urllib.request.urlopen(urllib.request.Request(self.url + path, body), timeout=60).close()

    async def load(self, batch: SampleBatch) -> None:
        from collector.store.lineprotocol import sample_lines
        from collector.store.rows import rows_of

        lines = sample_lines(rows_of([batch]))
        for first in range(0, len(lines), 10_000):
            self._post("/write?db=wan&precision=ms", "\n".join(lines[first : first + 10_000]).encode())

    async def ask(self, links: list[str]) -> object:
        return await self.store.window(links, FIELDS, START, END)

    async def close(self) -> None:
        await self.store.close()
        self.process.terminate()
        self.process.wait()


async def measured(folder: Path, quick: bool) -> Rows:
    rows: Rows = []
    links = links_of_fleet(60 if quick else 500)
    asked = links[30:50]
    store = await filled_store(folder, links, rows)
    peer = (InfluxPeer if shutil.which("influxd") else SqlitePeer)(folder)
    try:
        for day in range(DAYS):
            await peer.load(day_of_samples(asked, day, day))
        for count in (1, 3, 20):
            some = asked[:count]
            ours, theirs = await in_turn(
                3 if quick else 7,
                lambda some=some: store.window(some, FIELDS, START, END),
                lambda some=some: peer.ask(some),
            )
            name = f"window of {count} links, {DAYS} days, {len(FIELDS)} fields, {len(links)} links stored"
            rows.append(row(name, ours, "ms", peer.name, theirs))
    finally:
        await peer.close()
    await more_questions(store, links, asked, rows)
    await store.close()
    return rows


async def more_questions(store: EmbeddedStore, links: list[str], asked: list[str], rows: Rows) -> None:
    now = END
    tail = day_of_samples(links, DAYS, 99)
    last = np.flatnonzero(tail.time >= tail.time.max() - 240_000)
    small = SampleBatch(
        tail.source,
        [tail.links[i] for i in last],
        tail.time[last],
        tail.seconds[last],
        tail.received_at[last],
        {name: values[last] for name, values in tail.fields.items()},
    )
    appended = []
    for _ in range(50):
        began = time.perf_counter()
        await store.write(small)
        appended.append((time.perf_counter() - began) * 1000)
    rows.append(row(f"append of {len(small)} rows, durable, p50", sorted(appended)[25], "ms"))
    rows.append(row(f"append of {len(small)} rows, durable, worst of 50", max(appended), "ms"))
    now = END + timedelta(days=1)
    wanted = Selector(tuple(links), Source.PROBE)
    (latest,) = await in_turn(5, lambda: store.latest(wanted, now, timedelta(minutes=5)))
    rows.append(row(f"latest of {len(links)} links", latest, "ms"))
    stats = [Statistic.P50, Statistic.P95]
    (summary,) = await in_turn(
        2, lambda: store.summary(Selector(tuple(links), Source.PROBE), ("rtt_ms",), START, END, stats)
    )
    rows.append(row(f"p50 and p95 of {len(links)} links over {DAYS} days", summary, "ms"))
    (day,) = await in_turn(7, lambda: store.window(asked[:1], FIELDS, END - timedelta(days=1), END))
    rows.append(row("window of 1 link, 24 h", day, "ms"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="60 links instead of 500, three passes")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        rows = asyncio.run(measured(Path(name), options.quick))
    if options.json:
        print(json.dumps({"rows": rows}))
        return
    for each in rows:
        beside = f"   {each['peer']}: {each['peer_value']} ({each['ratio']}x)" if each["peer"] else ""
        print(f"{each['name']:<70} {each['value']:>10} {each['unit']}{beside}")


if __name__ == "__main__":
    main()
