"""What a poll costs: CPU of this process for each 11-object SNMP v2c GET, and for a whole watch over a fleet.

    benchmarks/snmp_poll.py [--quick] [--json]

Peers, against the same responder (a process of its own with canned answers) in the same run, in turn, medians of
three rounds: pysnmp 7 (v1arch, raw varbinds: its fastest way), and a bare socket that sends prebuilt octets and
decodes nothing. CPU is user + system of this process; the harness's own share is inside.
"""

from __future__ import annotations

import argparse
import asyncio
import bisect
import json
import resource
import socket
import statistics
import struct
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import uvloop

from collector.model import Fact, SampleBatch
from collector.settings import SnmpSettings
from collector.snmp import ber
from collector.snmp.agent import Agent, Community
from collector.snmp.ask import Outcome
from collector.snmp.message import PduType, community_head, get_request
from collector.snmp.poller import SnmpPoller
from collector.snmp.watch import SnmpWatch
from config.clock import SystemClock
from inventory.model import Device, DeviceRole, Inventory, Link, Site, SnmpAccess

OIDS = (
    "1.3.6.1.2.1.1.3.0",
    *(
        f"1.3.6.1.2.1.{column}.{index}"
        for index in (1, 2)
        for column in ("31.1.1.1.6", "31.1.1.1.10", "2.2.1.14", "2.2.1.13", "2.2.1.8")
    ),
)
COLUMNS = {
    "2.2.1.2": ber.OCTET_STRING, "2.2.1.5": ber.GAUGE32, "2.2.1.8": ber.INTEGER, "2.2.1.9": ber.TIME_TICKS,
    "2.2.1.10": ber.COUNTER32, "2.2.1.13": ber.COUNTER32, "2.2.1.14": ber.COUNTER32, "2.2.1.16": ber.COUNTER32,
    "2.2.1.19": ber.COUNTER32, "2.2.1.20": ber.COUNTER32, "31.1.1.1.1": ber.OCTET_STRING,
    "31.1.1.1.6": ber.COUNTER64, "31.1.1.1.10": ber.COUNTER64, "31.1.1.1.15": ber.GAUGE32,
    "31.1.1.1.19": ber.TIME_TICKS,
}  # fmt: skip
IP_PKTINFO = 8
DEVICES, LINKS = 1500, 2500
Row = dict[str, Any]


def key(oid: str) -> tuple[int, ...]:
    return tuple(map(int, oid.split(".")))


def objects() -> dict[str, bytes]:
    """What the responder's agents hold: sysUpTime and two interfaces; each OID with its encoded value."""
    held = {"1.3.6.1.2.1.1.3.0": ber.encode(ber.TIME_TICKS, (123_456).to_bytes(4, "big"))}
    for number, (column, tag) in enumerate(COLUMNS.items()):
        for index in (1, 2):
            content = f"ge{index}".encode() if tag == ber.OCTET_STRING else bytes((number + 1, index))
            held[f"1.3.6.1.2.1.{column}.{index}"] = ber.encode(tag, b"\x01" if column == "2.2.1.8" else content)
    return dict(sorted(held.items(), key=lambda item: key(item[0])))


def pieces(datagram: bytes) -> tuple[int, int, int]:
    """Where the PDU's tag is, and where the request id's content begins and ends."""
    _, at, end = ber.read_header(datagram, 0, len(datagram))
    _, at = ber.read_integer(datagram, at, end)
    _, _, pdu = ber.read_header(datagram, at, end)
    _, inside, _ = ber.read_header(datagram, pdu, end)
    _, start, stop = ber.read_header(datagram, inside, end)
    return pdu, start, stop


def answer(datagram: bytes, held: dict[str, bytes], ordered: list[tuple[int, ...]]) -> tuple[bytes, bytes]:
    """The response without its request id, as what precedes the PDU and what follows the id."""
    pdu, _, at = pieces(datagram)
    _, at = ber.read_integer(datagram, at, len(datagram))
    repetitions, at = ber.read_integer(datagram, at, len(datagram))
    _, at, _ = ber.read_header(datagram, at, len(datagram))
    asked = []
    while at < len(datagram):
        _, inside, at = ber.read_header(datagram, at, len(datagram))
        _, start, stop = ber.read_header(datagram, inside, at)
        asked.append(ber.decode_oid(datagram[start:stop]))
    names = list(held)
    found: list[tuple[str, bytes]] = []
    if datagram[pdu] == PduType.GET:
        found = [(oid, held.get(oid, b"\x81\x00")) for oid in asked]
    for _ in range(repetitions):
        places = [bisect.bisect_right(ordered, key(oid)) for oid in asked]
        asked = [names[place] if place < len(names) else oid for place, oid in zip(places, asked, strict=True)]
        over = [place >= len(names) for place in places]
        found += [(oid, b"\x82\x00" if end else held[oid]) for oid, end in zip(asked, over, strict=True)]
    listed = b"".join(ber.encode(ber.SEQUENCE, ber.encode_oid(oid) + value) for oid, value in found)
    _, community, _ = ber.read_header(datagram, 0, len(datagram))
    return datagram[community:pdu], b"\x02\x01\x00\x02\x01\x00" + ber.encode(ber.SEQUENCE, listed)


def respond(port: int) -> None:
    """Answer until killed, from the very address that was asked."""
    held = objects()
    ordered = [key(oid) for oid in held]
    canned: dict[tuple[bytes, bytes], tuple[bytes, bytes]] = {}
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    sock.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1)
    sock.bind(("0.0.0.0", port))
    while True:
        datagram, ancillary, _, source = sock.recvmsg(4096, 64)
        _, start, stop = pieces(datagram)
        request = (datagram[:start], datagram[stop:])
        if request not in canned:
            canned[request] = answer(datagram, held, ordered)
        head, tail = canned[request]
        body = ber.encode(PduType.RESPONSE, ber.encode(ber.INTEGER, datagram[start:stop]) + tail)
        here = struct.pack("=I4s4s", 0, ancillary[0][2][8:12], bytes(4))
        sock.sendmsg([ber.encode(ber.SEQUENCE, head + body)], [(socket.IPPROTO_IP, IP_PKTINFO, here)], 0, source)


def cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


async def many(count: int, at_once: int, one: Callable[[], Awaitable[None]]) -> float:
    """CPU microseconds for each of `count` calls, `at_once` in flight."""
    left = iter(range(count))

    async def worker() -> None:
        for _ in left:
            await one()

    started = cpu()
    await asyncio.gather(*(worker() for _ in range(at_once)))
    return (cpu() - started) / count * 1e6


async def ours(port: int, count: int) -> float:
    poller = SnmpPoller(timeout=2.0, retries=2)

    async def one() -> None:
        got = await poller.get(Agent("127.0.0.1", port, Community(b"public")), OIDS)
        if got.outcome is not Outcome.OK or len(got.varbinds) != len(OIDS) or got.varbinds[0].value != 123_456:
            raise SystemExit(f"a wrong answer: {got}")

    await many(50, 10, one)
    used = await many(count, 200, one)
    poller.close()
    return used


async def pysnmp(port: int, count: int) -> float:
    from pysnmp.hlapi.v1arch.asyncio import CommunityData, SnmpDispatcher, UdpTransportTarget, get_cmd
    from pysnmp.proto.rfc1902 import Null, ObjectIdentifier

    dispatcher, community = SnmpDispatcher(), CommunityData("public", mpModel=1)
    target = await UdpTransportTarget.create(("127.0.0.1", port), timeout=2.0, retries=2)
    names = [(ObjectIdentifier(oid), Null("")) for oid in OIDS]

    async def one() -> None:
        failed, _, _, got = await get_cmd(dispatcher, community, target, *names)
        if failed or len(got) != len(OIDS) or int(got[0][1]) != 123_456:
            raise SystemExit(f"pysnmp: {failed} {got}")

    await many(10, 5, one)
    used = await many(count, 50, one)
    dispatcher.transport_dispatcher.close_dispatcher()
    return used


def bare(port: int, count: int) -> float:
    """200 in flight, nothing decoded."""
    pdu = get_request(OIDS).encoded(0x4000_0000)
    datagram = community_head(b"public", len(pdu)) + pdu
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    started, sent = cpu(), 0
    for received in range(count):
        while sent < count and sent - received < 200:
            sock.sendto(datagram, ("127.0.0.1", port))
            sent += 1
        sock.recv(2048)
    sock.close()
    return (cpu() - started) / count * 1e6


class Counted:
    """A sink that only counts."""

    rows = 0

    async def samples(self, batch: SampleBatch) -> None:
        self.rows += len(batch)

    async def facts(self, facts: Sequence[Fact]) -> None: ...


def fleet(port: int) -> Inventory:
    """1,500 devices on 1,500 loopback addresses, 1,000 of them with two links."""
    devices = [
        Device(
            id=f"d{number}", site=f"s{number}", role=DeviceRole.ROUTER,
            management_address=f"127.1.{number // 250}.{number % 250 + 1}",
            snmp=SnmpAccess(credential="lab", port=port),
        )
        for number in range(DEVICES)
    ]  # fmt: skip
    links = [
        Link(id=f"l{number}", site=f"s{number % DEVICES}", device=f"d{number % DEVICES}",
             interface=f"ge{number // DEVICES + 1}")
        for number in range(LINKS)
    ]  # fmt: skip
    return Inventory.of(
        sites=[Site(id=f"s{number}", client="c") for number in range(DEVICES)], devices=devices, links=links
    )


def resident_mib() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 2**20


async def watched(port: int, slots: int, every: int) -> tuple[float, float, float]:
    """CPU microseconds a poll in the steady state (schedule, GET, rates, rows, batch), MiB it added, share answered."""
    before = resident_mib()
    settings = SnmpSettings.model_validate({"every": every, "credentials": {"lab": {"community": "public"}}})
    poller, sink = SnmpPoller(timeout=2.0, retries=2), Counted()
    watch = SnmpWatch(fleet(port), settings, SystemClock(), sink, poller)
    running = asyncio.create_task(watch.run())
    await asyncio.sleep(every * 2.2)  # every device found and asked once
    polls, started = sum(watch.polls.values()), cpu()
    await asyncio.sleep(every * slots)
    used, done = cpu() - started, sum(watch.polls.values()) - polls
    good = watch.polls["ok"] / sum(watch.polls.values())
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    poller.close()
    return used / done * 1e6, resident_mib() - before, good


def row(name: str, value: float, unit: str, peer: str = "", peer_value: float | None = None) -> Row:
    ratio = round(peer_value / value, 2) if peer_value else None
    return {
        "name": name,
        "value": round(value, 2),
        "unit": unit,
        "peer": peer,
        "peer_value": peer_value,
        "ratio": ratio,
    }


def measured(port: int, quick: bool) -> list[Row]:
    count, fewer, rounds = (4_000, 200, 3) if quick else (30_000, 1_500, 3)
    figures: dict[str, list[float]] = {"uvloop": [], "asyncio": [], "pysnmp": [], "bare": []}
    for _ in range(rounds):
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            figures["uvloop"].append(runner.run(ours(port, count)))
        with asyncio.Runner() as runner:
            figures["asyncio"].append(runner.run(ours(port, count)))
        with asyncio.Runner() as runner:
            figures["pysnmp"].append(runner.run(pysnmp(port, fewer)))
        figures["bare"].append(bare(port, count))
    middle = {name: round(statistics.median(values), 2) for name, values in figures.items()}
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        each, added, good = runner.run(watched(port, 2, 4 if quick else 10))
    unit = "us CPU"
    return [
        row("GET of 11 objects, uvloop", middle["uvloop"], unit, "pysnmp 7 v1arch", middle["pysnmp"]),
        row("GET of 11 objects, stock asyncio", middle["asyncio"], unit, "pysnmp 7 v1arch", middle["pysnmp"]),
        row("GET of 11 objects, uvloop", middle["uvloop"], unit, "bare socket, no decoding", middle["bare"]),
        row(f"a poll of the whole watch, {DEVICES} devices, {LINKS} links", each, unit),
        row("memory the watch adds", added, "MiB"),
        row("polls answered", good * 100, "%"),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--respond", type=int, metavar="PORT", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.respond:
        respond(arguments.respond)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("0.0.0.0", 0))
        port = free.getsockname()[1]
    responder = subprocess.Popen([sys.executable, __file__, "--respond", str(port)])
    try:
        time.sleep(1.5)
        rows = measured(port, arguments.quick)
    finally:
        responder.kill()
        responder.wait()
    if arguments.json:
        print(json.dumps({"rows": rows}))
        return
    for line in rows:
        peer = f"{line['peer']}: {line['peer_value']} ({line['ratio']}x)" if line["peer"] else ""
        print(f"{line['name']:<58} {line['value']:>9} {line['unit']:<7} {peer}")


if __name__ == "__main__":
    main()
