"""What the whole service weighs while it polls a fleet: PSS of all its processes, 2,500 links by default.

    benchmarks/service_memory.py [--quick] [--json]

`lineproof serve` runs as it is installed, against SNMP agents of 1,250 devices with two lines each in a process of
their own on loopback (net of this figure). It finds a day of minute samples of every line in its store. Each ten
seconds somebody opens the desk's first page, its list of sites and one site, and has a claim judged. PSS is looked at
four times a second, for 90 seconds in which the store's upkeep (every five minutes) falls, and the heaviest moment
counts. `--quick` is 250 links without that upkeep. The peer is the limit that we set ourselves.
Pages shared with processes outside of the service make PSS look smaller: let nothing else run from this venv.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import yaml

LIMIT_MB = 350.0
FIRST_PORT = 21_000
LINES = 2
DESK = "http://127.0.0.1:18080"
COLUMN_BASES = {
    (1, 3, 6, 1, 2, 1, 2, 2, 1): (2, 8, 13, 14, 19, 20),
    (1, 3, 6, 1, 2, 1, 31, 1, 1, 1): (1, 6, 10, 15, 18, 19),
}


def serve_agents(count: int) -> None:
    """Answer GET, GETNEXT and GETBULK for `count` devices, each on a port of its own, until killed."""
    from bisect import bisect_right

    from pyasn1.codec.ber import decoder, encoder
    from pysnmp.proto import rfc1905
    from pysnmp.proto.api import v2c

    began = time.monotonic()
    up_time = (1, 3, 6, 1, 2, 1, 1, 3, 0)
    order = sorted(
        [up_time]
        + [(*base, column, index) for base, columns in COLUMN_BASES.items() for column in columns for index in (1, 2)]
    )

    def value(oid: tuple[int, ...]) -> object:
        if oid not in order:
            return v2c.NoSuchInstance("")
        if oid == up_time:
            return v2c.TimeTicks(1_000_000 + int((time.monotonic() - began) * 100))
        column, index = oid[-2:]
        if oid[:-2] == (1, 3, 6, 1, 2, 1, 31, 1, 1, 1):
            if column in (1, 18):
                return v2c.OctetString(f"wan{index}")
            if column == 15:
                return v2c.Gauge32(100)
            if column == 19:
                return v2c.TimeTicks(0)
            return v2c.Counter64(int((time.monotonic() - began) * 1e6 * index))
        if column == 2:
            return v2c.OctetString(f"wan{index}")
        return v2c.Integer32(1) if column == 8 else v2c.Counter32(0)

    class Agent(asyncio.DatagramProtocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            self.transport = transport

        def datagram_received(self, data: bytes, addr: object) -> None:
            message, _ = decoder.decode(data, asn1Spec=v2c.Message())
            pdu = v2c.apiMessage.get_pdu(message)
            asked = [tuple(oid) for oid, _ in v2c.apiPDU.get_varbinds(pdu)]
            if pdu.isSameTypeWith(rfc1905.GetRequestPDU()):
                answer = [(oid, value(oid)) for oid in asked]
            else:
                times = int(pdu["max-repetitions"]) if pdu.isSameTypeWith(rfc1905.GetBulkRequestPDU()) else 1
                answer = []
                for _ in range(min(times, 10)):
                    places = [bisect_right(order, oid) for oid in asked]
                    asked = [
                        order[place] if place < len(order) else oid for place, oid in zip(places, asked, strict=True)
                    ]
                    answer += [
                        (oid, value(oid) if place < len(order) else v2c.EndOfMibView(""))
                        for place, oid in zip(places, asked, strict=True)
                    ]
            response = v2c.apiMessage.get_response(message)
            v2c.apiPDU.set_varbinds(v2c.apiMessage.get_pdu(response), answer)
            self.transport.sendto(encoder.encode(response), addr)

    async def run() -> None:
        loop = asyncio.get_running_loop()
        for number in range(count):
            await loop.create_datagram_endpoint(Agent, local_addr=("127.0.0.1", FIRST_PORT + number))
        print("ready", flush=True)
        await asyncio.Event().wait()

    asyncio.run(run())


def write_installation(folder: Path, devices: int) -> Path:
    sites = [{"id": f"s{n}", "client": "acme"} for n in range(devices)]
    boxes = [
        {
            "id": f"d{n}", "site": f"s{n}", "role": "router", "management_address": "127.0.0.1",
            "snmp": {"credential": "lab", "port": FIRST_PORT + n}, "monitoring": {"tools": ["snmp"]},
        }
        for n in range(devices)
    ]  # fmt: skip
    lines = [
        {
            "id": f"d{n}-wan{i}", "site": f"s{n}", "device": f"d{n}", "interface": f"wan{i}", "access": "dia",
            "role": "primary" if i == 1 else "secondary", "carrier": f"carrier {n % 7}", "committed_down_bps": "100M",
            "committed_up_bps": "100M", "monitoring": {"tools": ["snmp"]},
        }
        for n in range(devices)
        for i in range(1, LINES + 1)
    ]  # fmt: skip
    inventory = {"clients": [{"id": "acme", "name": "Acme"}], "sites": sites, "devices": boxes, "links": lines}
    (folder / "inventory.yaml").write_text(yaml.safe_dump(inventory))
    settings = {
        "snmp": {"credentials": {"lab": {"community": "public"}}},
        "listen": {"desk": 18080, "collector": 18081, "engine": 18082},
    }
    path = folder / "lineproof.yaml"
    path.write_text(yaml.safe_dump(settings))
    return path


def fill_store(settings: Path, links: int, hours: int = 24) -> None:
    """Minute samples of every line, as SNMP leaves them, until now."""
    import numpy as np

    from collector.model import SampleBatch, Source
    from collector.store.opening import open_store
    from service.settings import read_settings

    async def fill() -> None:
        read = read_settings(settings)
        _, store = open_store(read.store, read.data)
        names = [f"d{n}-wan{i}" for n in range(links // LINES) for i in range(1, LINES + 1)]
        random, count = np.random.default_rng(1), len(names) * 60
        now = int(time.time() * 1000) // 60_000 * 60_000
        for hour in range(hours, 0, -1):
            starts = now - hour * 3_600_000 + np.arange(60) * 60_000
            at = np.tile(starts, len(names))
            fields = {name: random.gamma(5, 2e6, count) for name in ("rx_bps", "tx_bps")}
            fields |= {"oper_up": np.ones(count), "flaps": np.zeros(count)}
            fields |= {"rx_capacity_bps": np.full(count, 1e8), "tx_capacity_bps": np.full(count, 1e8)}
            fields |= {name: np.zeros(count) for name in ("errors_rx", "errors_tx", "discards_rx", "discards_tx")}
            every = np.full(count, 60, np.int32)
            named = [name for name in names for _ in range(60)]
            await store.write(SampleBatch(Source.SNMP, named, at, every, at + 60_000, fields))
            if hour % 6 == 1:
                await store.maintain(datetime.now(UTC))
        await store.close()

    asyncio.run(fill())


def visit_desk(stop: threading.Event) -> None:
    """What a repair desk does all day: look, and have a claim judged."""
    number = 0
    while not stop.wait(10):
        number += 1
        for path in ("/", "/sites", f"/sites/s{number}"):
            with urlopen(DESK + path, timeout=30) as answer:
                answer.read()
        since = (datetime.now(UTC) - timedelta(minutes=50)).isoformat(timespec="seconds")
        form = urlencode({"since": since, "symptom": "slow"}).encode()
        with urlopen(Request(f"{DESK}/sites/s{number}/judge", form, {"Origin": DESK}), timeout=30) as answer:
            answer.read()


def processes_under(root: int) -> list[int]:
    """`root` and all that it started."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            parents[int(entry.name)] = int(fields[1])
    found = [root]
    for each in found:
        found += [child for child, parent in parents.items() if parent == each]
    return found


def role_of(pid: int) -> str:
    name = Path(f"/proc/{pid}/comm").read_text().strip()
    return name.removeprefix("serve-") if name.startswith("serve-") else "supervisor"


def pss_mb(pid: int) -> float:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    return 0.0


def by_role(root: int, measure: Callable[[int], float]) -> dict[str, float]:
    """`measure` of `root` and all that it started, summed by role; a process that ends meanwhile counts nothing."""
    found: dict[str, float] = {}
    for pid in processes_under(root):
        with contextlib.suppress(OSError):
            role = role_of(pid)
            found[role] = found.get(role, 0.0) + measure(pid)
    return found


def weighed(root: int, seconds: float) -> tuple[dict[str, float], float]:
    """PSS by role at the moment, looked for four times a second, when their sum was the largest; the sums' median."""
    heaviest: dict[str, float] = {}
    sums: list[float] = []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        now = by_role(root, pss_mb)
        sums.append(sum(now.values()))
        if sum(now.values()) > sum(heaviest.values()):
            heaviest = now
        time.sleep(0.25)
    return heaviest, statistics.median(sums)


def cpu_seconds(root: int) -> dict[str, float]:
    def of(pid: int) -> float:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    return by_role(root, of)


def measure(devices: int, settle: float, seconds: float) -> list[dict[str, object]]:
    lineproof = [sys.executable, "-m", "service.cli"]
    with tempfile.TemporaryDirectory() as text:
        settings = write_installation(Path(text), devices)
        for words in (["db", "upgrade"], ["inventory", "import", str(Path(text) / "inventory.yaml")]):
            subprocess.run([*lineproof, *words, "-c", str(settings)], check=True, stdout=subprocess.DEVNULL)
        fill_store(settings, devices * LINES)
        agents = subprocess.Popen([sys.executable, __file__, "--agents", str(devices)], stdout=subprocess.PIPE)
        assert agents.stdout is not None
        agents.stdout.readline()
        service = subprocess.Popen(
            [*lineproof, "serve", "-c", str(settings)], stderr=subprocess.DEVNULL, start_new_session=True
        )
        stop = threading.Event()
        visitor = threading.Thread(target=visit_desk, args=(stop,))
        try:
            time.sleep(20)
            visitor.start()
            time.sleep(settle)
            began, before = time.monotonic(), cpu_seconds(service.pid)
            weights, usual = weighed(service.pid, seconds)
            passed = time.monotonic() - began
            used = {role: spent - before.get(role, 0.0) for role, spent in cpu_seconds(service.pid).items()}
            polls = _polls()
        finally:
            stop.set()
            service.send_signal(signal.SIGTERM)
            service.wait(30)
            agents.kill()
    links = devices * LINES
    rows = [row(f"PSS of all processes, {links} links, at most", sum(weights.values()), "MB", LIMIT_MB)]
    rows.append(row("the same, half of the time at most", usual, "MB", LIMIT_MB))
    rows += [row(f"  {role}, then", weight, "MB") for role, weight in weights.items()]
    rows.append(row("CPU of all processes", 100 * sum(used.values()) / passed, "% of one core"))
    rows += [row(f"  {role}", 100 * each / passed, "% of one core") for role, each in used.items()]
    return [*rows, row("polls answered", polls, "polls")]


def row(name: str, value: float, unit: str, limit: float | None = None) -> dict[str, object]:
    peer, ratio = ("limit", value / limit) if limit else (None, None)
    return {"name": name, "value": value, "unit": unit, "peer": peer, "peer_value": limit, "ratio": ratio}


def _polls() -> float:
    with urlopen("http://127.0.0.1:18081/metrics", timeout=5) as answer:
        for line in answer.read().decode().splitlines():
            if line.startswith("lineproof_polls_total") and 'outcome="ok"' in line:
                return float(line.split()[-1])
    return 0.0


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--quick", action="store_true", help="250 links")
    arguments.add_argument("--json", action="store_true")
    arguments.add_argument("--agents", type=int, help=argparse.SUPPRESS)
    chosen = arguments.parse_args()
    if chosen.agents:
        serve_agents(chosen.agents)
        return
    rows = measure(125, 30, 30) if chosen.quick else measure(1250, 230, 90)
    if chosen.json:
        print(json.dumps({"rows": rows}))
        return
    for row in rows:
        peer = f"   {row['peer']} {row['peer_value']:g}, ratio {row['ratio']:.2f}" if row["peer"] else ""
        print(f"{row['name']:40} {row['value']:10.1f} {row['unit']}{peer}")


if __name__ == "__main__":
    main()
