"""Debian's influxd beside us: a folder of its own, loopback, ended with the benchmark. Asked as suits it best."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.parse
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from _store_peers.fleet import SOURCE, Samples

from collector.measures import percentile

NAME = "InfluxDB 1.6"
_CONFIGURATION = """
reporting-disabled = true
bind-address = "127.0.0.1:{rpc}"
[meta]
dir = "{folder}/meta"
[data]
dir = "{folder}/data"
wal-dir = "{folder}/wal"
index-version = "tsi1"
query-log-enabled = false
cache-snapshot-write-cold-duration = "10s"
compact-full-write-cold-duration = "10s"
[monitor]
store-enabled = false
[http]
bind-address = "127.0.0.1:{http}"
log-enabled = false
[logging]
level = "error"
"""


def installed() -> bool:
    return shutil.which("influxd") is not None


def lines_of(rows: Samples) -> bytes:
    """Line protocol of everything that a row has, as our own adapter writes it into InfluxDB."""
    parts = [pl.lit("samples,link=") + pl.Series(rows.names()) + pl.lit(f",source={SOURCE} ")]
    for name, values in rows.fields.items():
        column = pl.Series(name, values, nan_to_null=True)
        parts.append(pl.lit(f"{name}=") + column.cast(pl.String) + pl.lit(","))
    parts.append(pl.lit(f"seconds={rows.seconds}i,received_at=") + pl.Series(rows.received_at).cast(pl.String))
    parts.append(pl.lit("i ") + pl.Series(rows.time).cast(pl.String))
    frame = pl.select(pl.concat_str(parts, ignore_nulls=True).alias("line"))
    return "\n".join(frame["line"]).encode()


@contextlib.contextmanager
def running(folder: Path) -> Iterator[Influxd]:
    folder.mkdir()
    ports = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    rpc, port = (each.getsockname()[1] for each in ports)
    for each in ports:
        each.close()
    settings = folder / "influxdb.conf"
    settings.write_text(_CONFIGURATION.format(folder=folder, rpc=rpc, http=port))
    with (folder / "influxd.log").open("wb") as log:
        process = subprocess.Popen(["influxd", "run", "-config", str(settings)], stdout=log, stderr=log)
    server = Influxd(folder, port, process.pid)
    try:
        server.wait_until_it_answers()
        yield server
    finally:
        server.close()
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()


class Influxd:
    def __init__(self, folder: Path, port: int, process: int) -> None:
        self._folder, self._port, self._process = folder, port, process
        self._connection = self._connect()

    def _connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self._port, timeout=300)

    def wait_until_it_answers(self) -> None:
        for _ in range(200):
            with contextlib.suppress(OSError):
                self.ask("CREATE DATABASE wan")
                self.ask("CREATE DATABASE fleet")
                self.ask("CREATE DATABASE year")
                return
            self._connection.close()
            time.sleep(0.1)
        raise RuntimeError(f"influxd did not start: {(self._folder / 'influxd.log').read_text()[-2000:]}")

    def write(self, body: bytes, database: str = "wan", connection: http.client.HTTPConnection | None = None) -> None:
        """One batch of lines; returns when the server says that it has them."""
        connection = connection or self._connection
        connection.request("POST", f"/write?db={database}&precision=ms", body)
        with connection.getresponse() as answer:
            said = answer.read()
        if answer.status != 204:
            raise RuntimeError(f"influxd refused a batch: {answer.status} {said[:300]!r}")

    def load(self, rows: Samples, database: str = "wan") -> None:
        """Everything, over two connections and in large batches: not timed."""
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda piece: self._load_one(piece, database), rows.pieces(20_000)))

    def _load_one(self, piece: Samples, database: str) -> None:
        connection = self._connect()
        try:
            self.write(lines_of(piece), database, connection)
        finally:
            connection.close()

    def ask(self, query: str, database: str = "wan") -> Sequence[Mapping[str, Any]]:
        """The series of one statement, as the client's JSON parser gives them."""
        form = urllib.parse.urlencode({"q": query, "db": database, "epoch": "ms"})
        self._connection.request("POST", "/query", form, {"Content-Type": "application/x-www-form-urlencoded"})
        with self._connection.getresponse() as answer:
            (result,) = json.loads(answer.read())["results"]
        if "error" in result:
            raise RuntimeError(f"influxd refused a question: {result['error']}")
        series: Sequence[Mapping[str, Any]] = result.get("series", [])
        return series

    def settle(self, quiet: float = 1.0, longest: float = 120.0) -> None:
        """Wait until it compacts no more: until it took less than 5 % of a core for `quiet` seconds. Full compaction
        begins when nothing was written for ten."""
        ticks = os.sysconf("SC_CLK_TCK")
        until = time.monotonic() + longest
        while time.monotonic() < until:
            before = self._cpu()
            time.sleep(quiet)
            if self._cpu() - before < 0.05 * quiet * ticks:
                return

    def _cpu(self) -> int:
        fields = Path(f"/proc/{self._process}/stat").read_text().rpartition(")")[2].split()
        return int(fields[11]) + int(fields[12])

    def size(self, database: str) -> int:
        """Bytes of a database's files, its write-ahead log with it."""
        roots = [self._folder / kind / database for kind in ("data", "wal")]
        return sum(file.stat().st_size for root in roots for file in root.rglob("*") if file.is_file())

    def close(self) -> None:
        self._connection.close()


def links_condition(links: Sequence[str]) -> str:
    """One regular expression is faster in influxd than many comparisons."""
    return "link =~ /^(" + "|".join(links) + ")$/"


def columns(series: Mapping[str, Any]) -> dict[str, np.ndarray[Any, np.dtype[np.float64]]]:
    """A series as columns; null is NaN."""
    table = np.array(series["values"], dtype=np.float64)
    return {name: table[:, place] for place, name in enumerate(series["columns"])}


def span(start_ms: int, end_ms: int) -> str:
    return f"time >= {start_ms}ms AND time < {end_ms}ms"


def window(server: Influxd, links: Sequence[str], fields: Sequence[str], start: int, end: int) -> object:
    where = f"link = '{links[0]}'" if len(links) == 1 else links_condition(links)
    query = f"SELECT {', '.join(fields)} FROM samples WHERE {where} AND {span(start, end)} GROUP BY link"
    return [columns(series) for series in server.ask(query)]


def summary(server: Influxd, links: Sequence[str], start: int, end: int) -> object:
    """p50, p95 and availability in the server, whose ranks are not quite ours: the way that suits it best."""
    return server.ask(
        "SELECT percentile(rtt_ms, 50), percentile(rtt_ms, 95), mean(oper_up) FROM samples "
        f"WHERE {links_condition(links)} AND {span(start, end)} GROUP BY link"
    )


def latest(server: Influxd, since: int, end: int) -> object:
    """One field of each link's newest sample, where ours gives all."""
    return server.ask(f"SELECT last(rtt_ms) FROM samples WHERE {span(since, end)} GROUP BY link", "fleet")


def by_hour(server: Influxd, link: str, start: int, end: int) -> object:
    """From minute samples: influxd has no roll-ups but those that its user makes."""
    query = (
        f"SELECT mean(rtt_ms) FROM samples WHERE link = '{link}' AND {span(start, end)} GROUP BY time(1h) fill(none)"
    )
    return [columns(series) for series in server.ask(query, "year")]


def figures(server: Influxd, link: str, start: int, end: int) -> tuple[float, float, float, float]:
    """p95 of rtt_ms ranked here, availability in percent, sum of rx_bps, count of rows."""
    where = f"FROM samples WHERE link = '{link}' AND {span(start, end)}"
    (told,) = server.ask(f"SELECT mean(oper_up), sum(rx_bps), count(oper_up) {where}")
    (rows,) = server.ask(f"SELECT rtt_ms {where}")
    _, up, total, count = told["values"][0]
    return percentile(columns(rows)["rtt_ms"], 95), 100 * up, total, count
