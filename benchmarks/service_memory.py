"""What the whole service weighs while it polls a fleet: PSS of all its processes, 2,500 links by default.

    benchmarks/service_memory.py [--quick] [--json]

`lineproof serve` runs as it is installed, against SNMP agents of 1,250 devices with two lines each in a process of
their own on loopback (net of this figure). The peer is the limit that we set ourselves, 350 MB.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

LIMIT_MB = 350.0
FIRST_PORT = 21_000
LINES = 2
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


def pss_mb(pid: int) -> float:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    return 0.0


def cpu_seconds(pids: list[int]) -> float:
    ticks = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def measure(devices: int, seconds: float) -> list[dict[str, object]]:
    lineproof = [sys.executable, "-m", "service.cli"]
    with tempfile.TemporaryDirectory() as text:
        settings = write_installation(Path(text), devices)
        for words in (["db", "upgrade"], ["inventory", "import", str(Path(text) / "inventory.yaml")]):
            subprocess.run([*lineproof, *words, "-c", str(settings)], check=True, stdout=subprocess.DEVNULL)
        agents = subprocess.Popen([sys.executable, __file__, "--agents", str(devices)], stdout=subprocess.PIPE)
        assert agents.stdout is not None
        agents.stdout.readline()
        service = subprocess.Popen(
            [*lineproof, "serve", "-c", str(settings)], stderr=subprocess.DEVNULL, start_new_session=True
        )
        try:
            time.sleep(seconds)
            pids = processes_under(service.pid)
            before = cpu_seconds(pids)
            time.sleep(60)
            used = (cpu_seconds(pids) - before) / 60
            weights = {pid: pss_mb(pid) for pid in pids}
            polls = _polls()
        finally:
            service.send_signal(signal.SIGTERM)
            service.wait(30)
            agents.kill()
    links = devices * LINES
    total = sum(weights.values())
    return [
        {"name": f"PSS of all processes, {links} links", "value": total, "unit": "MB", "peer": "limit",
         "peer_value": LIMIT_MB, "ratio": total / LIMIT_MB},
        {"name": "heaviest process", "value": max(weights.values()), "unit": "MB", "peer": None, "peer_value": None,
         "ratio": None},
        {"name": "CPU of all processes", "value": 100 * used, "unit": "% of one core", "peer": None,
         "peer_value": None, "ratio": None},
        {"name": "polls answered", "value": polls, "unit": "polls", "peer": None, "peer_value": None, "ratio": None},
    ]  # fmt: skip


def _polls() -> float:
    from urllib.request import urlopen

    with urlopen("http://127.0.0.1:18081/metrics", timeout=5) as answer:
        for line in answer.read().decode().splitlines():
            if line.startswith("lineproof_polls_total") and 'outcome="ok"' in line:
                return float(line.split()[-1])
    return 0.0


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--quick", action="store_true", help="250 links, one minute")
    arguments.add_argument("--json", action="store_true")
    arguments.add_argument("--agents", type=int, help=argparse.SUPPRESS)
    chosen = arguments.parse_args()
    if chosen.agents:
        serve_agents(chosen.agents)
        return
    rows = measure(125, 60) if chosen.quick else measure(1250, 200)
    if chosen.json:
        print(json.dumps({"rows": rows}))
        return
    for row in rows:
        peer = f"   {row['peer']} {row['peer_value']:g}, ratio {row['ratio']:.2f}" if row["peer"] else ""
        print(f"{row['name']:40} {row['value']:10.1f} {row['unit']}{peer}")


if __name__ == "__main__":
    main()
