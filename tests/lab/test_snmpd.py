"""Debian's snmpd (net-snmp), polled by ours, against the kernel's own counters of a veth pair nobody else uses."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from collector.model import Fact, SampleBatch
from collector.settings import SnmpSettings
from collector.snmp.continuity import BLUR_SECONDS
from collector.snmp.interfaces import Column
from collector.snmp.poller import SnmpPoller
from collector.snmp.report import PollOutcome
from collector.snmp.watch import SnmpWatch
from config.clock import SystemClock
from inventory.model import Device, DeviceRole, Inventory, Link, LinkRole, Site, SnmpAccess

pytestmark = [
    pytest.mark.real,
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("snmpd") is None, reason="net-snmp's snmpd is not installed (Debian: snmpd)"),
    pytest.mark.skipif(os.geteuid() != 0, reason="a veth pair in a namespace of its own needs root"),
]

NAMESPACE, NEAR, FAR = f"lp{os.getpid()}", f"lpn{os.getpid() % 10**6}", f"lpf{os.getpid() % 10**6}"
MACS = ("02:00:00:77:00:01", "02:00:00:77:00:02")
COMMUNITY = "lineproof-lab"
PAYLOAD = 1200
REFRESH_SECONDS = 3.5
"""net-snmp reads the kernel's interface counters anew after 3 s."""


class Nowhere:
    async def samples(self, batch: SampleBatch) -> None: ...

    async def facts(self, facts: Sequence[Fact]) -> None: ...


@dataclass(frozen=True)
class Snmpd:
    port: int
    process: subprocess.Popen[bytes]


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


def neighbours() -> None:
    """Permanent ones; the kernel drops them when a port goes down."""
    ip("neigh", "replace", "198.18.77.2", "lladdr", MACS[1], "dev", NEAR, "nud", "permanent")
    ip("-n", NAMESPACE, "neigh", "replace", "198.18.77.1", "lladdr", MACS[0], "dev", FAR, "nud", "permanent")


@pytest.fixture(scope="module")
def veth() -> Iterator[str]:
    """A veth pair, the far end in another namespace, addresses 198.18.77.1 and .2 (RFC 2544's range)."""
    ip("netns", "add", NAMESPACE)
    try:
        ip("link", "add", NEAR, "address", MACS[0], "type", "veth", "peer", FAR, "address", MACS[1], "netns", NAMESPACE)
        # No IPv6 and no ARP, so that nothing but the test's own traffic is counted.
        inside = ("netns", "exec", NAMESPACE, "sh", "-c", f"echo 1 > /proc/sys/net/ipv6/conf/{FAR}/disable_ipv6")
        ip(*inside)
        Path(f"/proc/sys/net/ipv6/conf/{NEAR}/disable_ipv6").write_text("1")
        ip("addr", "add", "198.18.77.1/30", "dev", NEAR)
        ip("-n", NAMESPACE, "addr", "add", "198.18.77.2/30", "dev", FAR)
        ip("link", "set", NEAR, "up")
        ip("-n", NAMESPACE, "link", "set", FAR, "up")
        neighbours()
        yield NEAR
    finally:
        subprocess.run(["ip", "link", "del", NEAR], check=False, capture_output=True)
        ip("netns", "del", NAMESPACE)


@pytest.fixture(scope="module")
def snmpd(veth: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Snmpd]:
    folder = tmp_path_factory.mktemp("snmpd")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    configuration = folder / "snmpd.conf"
    configuration.write_text(f"rocommunity {COMMUNITY} 127.0.0.1\n")
    process = subprocess.Popen(
        ["snmpd", "-f", "-Lf", str(folder / "log"), "-C", "-c", str(configuration), f"udp:127.0.0.1:{port}"],
        env={**os.environ, "SNMP_PERSISTENT_DIR": str(folder)},
    )
    # One that has been up for less than the clocks' blur may have started again between two readings.
    time.sleep(BLUR_SECONDS + 1)
    yield Snmpd(port, process)
    process.terminate()
    process.wait(10)


@pytest.fixture
async def poller() -> AsyncIterator[SnmpPoller]:
    poller = SnmpPoller(timeout=1.0, retries=4)
    yield poller
    poller.close()


def watching(snmpd: Snmpd, poller: SnmpPoller, community: str = COMMUNITY) -> tuple[SnmpWatch, Device]:
    device = Device(
        id="rtr",
        site="s",
        role=DeviceRole.ROUTER,
        management_address="127.0.0.1",
        snmp=SnmpAccess(credential="lab", port=snmpd.port),
    )
    links = [
        Link(id="wan", site="s", device="rtr", interface=NEAR.upper()),
        Link(id="lan", site="s", device="rtr", interface=NEAR, role=LinkRole.LAN),
    ]
    settings = SnmpSettings.model_validate({"every": 10, "credentials": {"lab": {"community": community}}})
    inventory = Inventory.of(sites=[Site(id="s", client="c")], devices=[device], links=links)
    return SnmpWatch(inventory, settings, SystemClock(), Nowhere(), poller), device


def kernel(name: str) -> int:
    return int(Path(f"/sys/class/net/{NEAR}/statistics/{name}").read_text())


def send_and_receive(packets: int) -> None:
    """`packets` datagrams out of the near end and a third as many into it."""
    echo = (
        "import socket;s=socket.socket(socket.AF_INET,socket.SOCK_DGRAM);s.bind(('198.18.77.2',7007));s.settimeout(5)\n"
        "print('ready',flush=True)\n"
        f"for n in range({packets}):\n d,a=s.recvfrom(4096)\n if n%3==0: s.sendto(d,a)"
    )
    command = ["ip", "netns", "exec", NAMESPACE, shutil.which("python3") or "python3", "-c", echo]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as far:
        assert far.stdout is not None
        far.stdout.readline()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            for number in range(packets):
                sock.sendto(bytes(PAYLOAD), ("198.18.77.2", 7007))
                if number % 20 == 0:
                    time.sleep(0.002)
        far.wait(10)


@pytest.mark.alone
async def test_rates_are_those_of_the_kernels_own_counters(snmpd: Snmpd, poller: SnmpPoller) -> None:
    watch, device = watching(snmpd, poller)
    neighbours()
    first = await watch.poll_device(device)
    assert first.outcome is PollOutcome.OK, first.message
    await asyncio.sleep(REFRESH_SECONDS)
    before_in, before_out = kernel("rx_bytes"), kernel("tx_bytes")
    one = await watch.poll_device(device)
    assert one.readings["wan"][Column.IF_HC_OUT_OCTETS] == before_out
    await asyncio.to_thread(send_and_receive, 1500)
    await asyncio.sleep(REFRESH_SECONDS)
    sent, received = kernel("tx_bytes") - before_out, kernel("rx_bytes") - before_in
    two = await watch.poll_device(device)
    assert sent >= 1500 * (PAYLOAD + 42)  # Ethernet 14, IPv4 20, UDP 8
    assert received >= 500 * (PAYLOAD + 42)
    assert one.uptime_seconds is not None
    assert two.uptime_seconds is not None
    seconds = two.uptime_seconds - one.uptime_seconds
    wan, lan = two.measurements["wan"], two.measurements["lan"]
    assert wan["tx_bps"] == round(sent * 8 / seconds)
    assert wan["rx_bps"] == round(received * 8 / seconds)
    assert (lan["rx_bps"], lan["tx_bps"]) == (wan["tx_bps"], wan["rx_bps"])
    assert wan["oper_up"] == 1
    assert wan["flaps"] == 0


async def test_a_carrier_loss_is_a_line_down_and_its_return_is_seen(snmpd: Snmpd, poller: SnmpPoller) -> None:
    watch, device = watching(snmpd, poller)
    await watch.poll_device(device)
    ip("-n", NAMESPACE, "link", "set", FAR, "down")
    try:
        await asyncio.sleep(REFRESH_SECONDS)
        down = await watch.poll_device(device)
    finally:
        ip("-n", NAMESPACE, "link", "set", FAR, "up")
    await asyncio.sleep(REFRESH_SECONDS)
    up = await watch.poll_device(device)
    assert (down.outcome, down.measurements["wan"]["oper_up"], down.measurements["wan"]["flaps"]) == (
        PollOutcome.OK,
        0,
        1,
    )
    assert (up.measurements["wan"]["oper_up"], up.measurements["wan"]["flaps"]) == (1, 1)


async def test_a_real_agent_stays_silent_on_a_wrong_community(snmpd: Snmpd) -> None:
    poller = SnmpPoller(timeout=0.3, retries=1)
    watch, device = watching(snmpd, poller, community="wrong")
    report = await watch.poll_device(device)
    poller.close()
    assert report.outcome is PollOutcome.TIMEOUT
    assert report.message == (
        f"no SNMP answer from 127.0.0.1:{snmpd.port}; the address does answer ping; check community and ACL"
    )


async def test_our_values_are_those_of_net_snmps_own_client(snmpd: Snmpd, poller: SnmpPoller) -> None:
    if shutil.which("snmpget") is None:
        pytest.skip("net-snmp's snmpget is not installed (Debian: snmp)")
    watch, device = watching(snmpd, poller)
    await asyncio.sleep(REFRESH_SECONDS)
    report = await watch.poll_device(device)
    values = {value.oid: value.value for value in report.values() if value.link == "wan"}
    command = ["snmpget", "-v2c", "-c", COMMUNITY, "-m", "", "-OnqU", f"127.0.0.1:{snmpd.port}", *values]
    asked = await asyncio.to_thread(subprocess.run, command, check=True, capture_output=True, text=True)
    printed = asked.stdout.splitlines()
    theirs = dict(line.lstrip(".").split(" ", 1) for line in printed)
    compared = 0
    for oid, value in values.items():
        text = theirs[oid].strip('"')
        if ":" not in text:  # TimeTicks are printed as days and hours
            assert text == str(value)
            compared += 1
    assert compared >= 9
