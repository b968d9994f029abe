"""The receiver on loopback: what is let in, what is dropped, and what becomes of it."""

from __future__ import annotations

import asyncio
import random
import socket
import sys
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from collector.model import Fact, FactKind, Source
from collector.settings import CollectorSettings
from collector.sink import Gatherer, NoSink
from collector.snmp.trap_admission import TrapOutcome
from collector.snmp.traps import TrapReceiver, nowhere
from config.clock import ManualClock
from inventory.model import Device, DeviceRole, Inventory, Link, Site

pytestmark = pytest.mark.rim

NOW = datetime(2026, 3, 3, 9, 30, tzinfo=UTC)
COMMUNITY = "traps-7Qx"
LINK_DOWN, LINK_UP, COLD_START = (f"2b060106030101050{last}" for last in "341")
IF_INDEX = "300f060a2b060102010202010103020103"


def message(trap: str, *values: str, request_id: int = 1, pdu: int = 0xA7, community: str = COMMUNITY) -> bytes:
    """A v2c notification, put together by hand: sysUpTime 47.11 s, `trap` and `values` in hexadecimal BER."""

    def wrap(tag: int, content: bytes) -> bytes:
        size = len(content)
        return bytes((tag, size)) + content if size < 128 else bytes((tag, 0x82)) + size.to_bytes(2, "big") + content

    name = wrap(0x06, bytes.fromhex(trap))
    bindings = wrap(0x30, bytes.fromhex("06082b0601020101030043021267"))
    bindings += wrap(0x30, bytes.fromhex("060a2b060106030101040100") + name)
    bindings += b"".join(bytes.fromhex(value) for value in values)
    body = (
        b"\x02\x04" + (0x40000000 + request_id).to_bytes(4, "big") + b"\x02\x01\x00\x02\x01\x00" + wrap(0x30, bindings)
    )
    return wrap(0x30, b"\x02\x01\x01" + wrap(0x04, community.encode()) + wrap(pdu, body))


def named(name: str) -> str:
    """ifName.3 in hexadecimal BER."""
    value = bytes.fromhex("060b2b060102011f0101010103") + bytes((4, len(name))) + name.encode()
    return (bytes((0x30, len(value))) + value).hex()


class Keeping(Gatherer):
    """Keeps what it is given; `at_hand_over` is done first."""

    def __init__(self) -> None:
        super().__init__(Source.SNMP, [], NoSink(), ManualClock(NOW))
        self.facts: list[Fact] = []
        self.at_hand_over: Callable[[], None] = lambda: None

    def add_fact(self, fact: Fact) -> None:
        self.at_hand_over()
        self.facts.append(fact)

    @property
    def told(self) -> list[tuple[str, str]]:
        return [(fact.subject, fact.value) for fact in self.facts]


class Lab:
    """A receiver on 127.0.0.1, and senders at 127.0.0.N."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.inventory = inventory()
        self.gatherer = Keeping()
        self.polled: list[str] = []
        self.receiver: TrapReceiver
        self.running: asyncio.Task[None] | None = None
        self.sockets: dict[str, socket.socket] = {}

    async def start(self, link_at: Callable[[str, int], str | None] = nowhere, **traps: Any) -> None:
        traps = {"enabled": True, "listen": ["127.0.0.1"], "port": 0, "communities": [COMMUNITY], **traps}
        settings = CollectorSettings.model_validate({"traps": traps}).traps
        clock = ManualClock(NOW)
        self.receiver = TrapReceiver(
            settings,
            self.inventory,
            self.gatherer,
            clock,
            {},
            self.folder,
            on_event=self.polled.append,
            link_at=link_at,
        )
        self.running = asyncio.create_task(self.receiver.run())
        await self.until(lambda: self.receiver.port > 0)

    def sender(self, address: str = "127.0.0.1") -> socket.socket:
        if address not in self.sockets:
            sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
            sock.bind((address, 0))
            sock.connect(("127.0.0.1", self.receiver.port))
            self.sockets[address] = sock
        return self.sockets[address]

    async def send(self, *datagrams: bytes, address: str = "127.0.0.1") -> None:
        """Send, and wait until each has its outcome."""
        before = sum(self.receiver.counts.values())
        for datagram in datagrams:
            self.sender(address).send(datagram)
        await self.until(lambda: sum(self.receiver.counts.values()) >= before + len(datagrams))

    async def until(self, done: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not done():
                await asyncio.sleep(0.005)
                if self.running and self.running.done():
                    self.running.result()

    def outcomes(self) -> dict[str, int]:
        return {outcome.value: count for outcome, count in self.receiver.counts.items() if count}

    async def stop(self) -> None:
        if self.running:
            self.running.cancel()
            await asyncio.gather(self.running, return_exceptions=True)
        for sock in self.sockets.values():
            sock.close()


def inventory() -> Inventory:
    addresses = {"rtr": "127.0.0.1", "fw": "127.0.0.2", "one": "127.0.0.3", "other": "127.0.0.3"}
    devices = [
        Device(id=name, site="s", role=DeviceRole.ROUTER, management_address=address)
        for name, address in addresses.items()
    ]
    links = [
        Link(id="dia", site="s", device="rtr", interface="GE1"),
        Link(id="lte", site="s", device="rtr", interface="cellular0"),
        Link(id="fw-dia", site="s", device="fw", interface="GE1"),
    ]
    return Inventory.of(sites=[Site(id="s", client="c")], devices=devices, links=links)


@pytest.fixture
async def lab(tmp_path: Path) -> AsyncIterator[Lab]:
    lab = Lab(tmp_path)
    yield lab
    await lab.stop()


async def test_a_trap_is_an_event_of_the_link_and_never_a_state(lab: Lab) -> None:
    await lab.start()
    await lab.send(message(LINK_DOWN, IF_INDEX, named("GE1")))
    (fact,) = lab.gatherer.facts
    assert fact == Fact(
        NOW, "dia", FactKind.EVENT, "EDGE_INTERFACE_DOWN", Source.SNMP, NOW,
        "linkDown (1.3.6.1.6.3.1.1.5.3): ifIndex 3, ifName GE1, sysUpTime 47 s",
    )  # fmt: skip
    assert lab.polled == ["rtr"]


async def test_the_same_interface_of_another_device_is_another_link(lab: Lab) -> None:
    await lab.start()
    await lab.send(message(LINK_DOWN, named("GE1")), address="127.0.0.2")
    await lab.send(message(LINK_UP, named("GE7")), address="127.0.0.2")
    assert lab.gatherer.told == [("fw-dia", "EDGE_INTERFACE_DOWN"), ("fw", "EDGE_INTERFACE_UP")]


async def test_an_index_alone_is_looked_up_among_what_polls_found(lab: Lab) -> None:
    await lab.start(link_at=lambda device, index: {("rtr", 3): "lte", ("fw", 3): "lte"}.get((device, index)))
    await lab.send(message(LINK_DOWN, IF_INDEX))
    await lab.send(message(LINK_DOWN, IF_INDEX), address="127.0.0.2")
    assert [subject for subject, _ in lab.gatherer.told] == ["lte", "fw"]


async def test_a_cold_start_is_a_reboot_when_sys_up_time_is_young(lab: Lab) -> None:
    await lab.start()
    await lab.send(message(COLD_START))
    event, reboot = lab.gatherer.facts
    assert (event.kind, event.value) == (FactKind.EVENT, "COLD_START")
    assert (reboot.kind, reboot.value, reboot.subject) == (FactKind.REBOOT, "47", "rtr")
    assert (reboot.time, reboot.received_at) == (NOW - timedelta(seconds=47.11), NOW)


async def test_who_is_not_in_the_inventory_is_counted_and_dropped(lab: Lab) -> None:
    await lab.start()
    await lab.send(message(LINK_DOWN), address="127.0.0.9")
    await lab.send(message(LINK_DOWN), address="127.0.0.3")
    assert lab.outcomes() == {"unknown_source": 1, "ambiguous_source": 1}
    assert lab.gatherer.facts == []


async def test_a_notification_that_comes_again_counts_once(lab: Lab) -> None:
    await lab.start()
    inform = message(LINK_DOWN, named("GE1"), pdu=0xA6)
    await lab.send(inform, inform)
    await lab.send(message(LINK_DOWN, named("GE1"), pdu=0xA6, request_id=2))
    await lab.send(inform, address="127.0.0.2")
    assert lab.outcomes() == {"taken": 3, "duplicate": 1}
    assert [subject for subject, _ in lab.gatherer.told] == ["dia", "dia", "fw-dia"]


async def test_a_repeated_inform_is_acknowledged_again_for_the_first_answer_may_be_lost(lab: Lab) -> None:
    await lab.start()
    inform = message(LINK_DOWN, named("GE1"), pdu=0xA6)
    for _ in range(2):
        await lab.send(inform)
        answer = await asyncio.get_running_loop().sock_recv(lab.sender(), 65535)
        assert answer == message(LINK_DOWN, named("GE1"), pdu=0xA2)


async def test_an_inform_is_acknowledged_after_its_event_was_handed_over(lab: Lab) -> None:
    await lab.start()

    def nothing_yet() -> None:
        with pytest.raises(BlockingIOError):
            lab.sender().recv(65535)

    lab.gatherer.at_hand_over = nothing_yet
    await lab.send(message(LINK_DOWN, pdu=0xA6))
    assert await asyncio.get_running_loop().sock_recv(lab.sender(), 65535)
    assert len(lab.gatherer.facts) == 1


async def test_what_cannot_be_handed_over_is_not_acknowledged(lab: Lab) -> None:
    await lab.start()

    def full() -> None:
        raise MemoryError

    lab.gatherer.at_hand_over = full
    lab.sender().send(message(LINK_DOWN, pdu=0xA6))
    with pytest.raises(ExceptionGroup):
        await lab.until(lambda: False)
    with pytest.raises(BlockingIOError):
        lab.sender().recv(65535)


async def test_a_wrong_community_is_not_acknowledged_and_never_logged(lab: Lab) -> None:
    with capture_logs() as logs:
        await lab.start()
        for number in range(3):
            await lab.send(message(LINK_DOWN, pdu=0xA6, community="s3cret-Zw", request_id=number))
    (refusal,) = [entry for entry in logs if entry["event"] == "trap_refused"]
    assert (refusal["reason"], refusal["source"]) == ("community", "127.0.0.1")
    assert not any(secret in str(logs) for secret in ("s3cret-Zw", COMMUNITY))
    assert lab.outcomes() == {"community": 3}
    with pytest.raises(BlockingIOError):
        lab.sender().recv(65535)


async def test_what_strangers_send_does_not_hide_what_is_wrong_with_a_device(lab: Lab) -> None:
    with capture_logs() as logs:
        await lab.start()
        for number in range(40):
            await lab.send(message(LINK_DOWN), address=f"127.0.1.{number}")
        await lab.send(message(LINK_DOWN, community="wrong"))
    refused = [(entry["reason"], entry["source"]) for entry in logs if entry["event"] == "trap_refused"]
    assert len(refused) == 31
    assert ("community", "127.0.0.1") in refused


async def test_a_sources_surplus_is_dropped_and_other_sources_are_not_hurt(lab: Lab) -> None:
    await lab.start(per_source=2, overall=1000)
    await lab.send(*(message(LINK_DOWN, request_id=number) for number in range(60)))
    await lab.send(message(LINK_DOWN, named("GE1")), address="127.0.0.2")
    outcomes = lab.outcomes()
    assert 20 <= outcomes["taken"] <= 30
    assert outcomes["taken"] + outcomes["source_rate"] == 61
    assert lab.gatherer.told[-1] == ("fw-dia", "EDGE_INTERFACE_DOWN")


async def test_what_is_let_in_is_decoded_at_a_bounded_pace_and_what_cannot_wait_is_dropped(lab: Lab) -> None:
    await lab.start(per_source=100, overall=50, waiting=10)
    began = time.monotonic()
    await lab.send(*(message(LINK_DOWN, request_id=number) for number in range(200)))
    outcomes = lab.outcomes()
    assert outcomes["overall_rate"] > 100
    assert outcomes["taken"] <= 50 * (time.monotonic() - began) + 2


async def test_unknown_traps_are_counted_each_time_and_told_once_an_hour(lab: Lab) -> None:
    await lab.start()
    counted, name = {"oid": "1.3.6.1.4.1.35840.2"}, "2b0601040182980002"
    before = REGISTRY.get_sample_value("lineproof_unknown_traps_total", counted) or 0.0
    for number in range(5):
        await lab.send(message(name, request_id=number))
    await lab.send(message(name), address="127.0.0.2")
    assert lab.gatherer.told == [("rtr", "UNKNOWN_TRAP"), ("fw", "UNKNOWN_TRAP")]
    assert REGISTRY.get_sample_value("lineproof_unknown_traps_total", counted) == before + 6
    assert lab.polled == []


async def test_every_datagram_is_counted_by_what_became_of_it(lab: Lab) -> None:
    def exported(outcome: str) -> float:
        return REGISTRY.get_sample_value("lineproof_traps_total", {"outcome": outcome}) or 0.0

    before = {outcome: exported(outcome) for outcome in ("taken", "community")}
    await lab.start()
    await lab.send(message(LINK_DOWN), message(LINK_DOWN, community="wrong"))
    await lab.stop()
    assert {outcome: exported(outcome) - count for outcome, count in before.items()} == {"taken": 1, "community": 1}


async def test_what_the_kernel_had_no_room_for_is_counted_too(lab: Lab) -> None:
    await lab.start()
    for sock in lab.receiver._sockets:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    for number in range(500):  # the event loop has no turn in between
        lab.sender("127.0.0.9").send(message(LINK_DOWN, request_id=number))
    await asyncio.sleep(0.1)
    await lab.stop()
    seen, lost = lab.receiver.counts[TrapOutcome.UNKNOWN_SOURCE], lab.receiver.counts[TrapOutcome.RECEIVE_BUFFER]
    assert lost > 100
    assert seen + lost == 500


async def test_only_a_forwarder_may_speak_for_another(lab: Lab) -> None:
    address_of_fw = "301106092b06010603120103004004" + "7f000002"
    await lab.start(forwarders=["127.0.0.8"])
    await lab.send(message(LINK_DOWN, named("GE1"), address_of_fw), address="127.0.0.8")
    await lab.send(message(LINK_DOWN, named("GE1"), address_of_fw), address="127.0.0.1")
    await lab.send(message(LINK_DOWN, "301106092b06010603120103004004" + "7f000009"), address="127.0.0.8")
    await lab.send(message(LINK_DOWN, named("GE1")), address="127.0.0.8")
    assert lab.gatherer.told == [("fw-dia", "EDGE_INTERFACE_DOWN"), ("dia", "EDGE_INTERFACE_DOWN")]
    assert lab.outcomes() == {"taken": 2, "unknown_source": 2}


async def test_what_a_forwarder_says_of_nobody_known_is_not_acknowledged(lab: Lab) -> None:
    await lab.start(forwarders=["127.0.0.8"])
    await lab.send(message(LINK_DOWN, "301106092b06010603120103004004" + "7f000009", pdu=0xA6), address="127.0.0.8")
    with pytest.raises(BlockingIOError):
        lab.sender("127.0.0.8").recv(65535)


async def test_garbage_is_counted_and_the_next_trap_is_taken(lab: Lab) -> None:
    await lab.start(per_source=1000, overall=1000)
    noise = random.Random(7)
    garbage = [noise.randbytes(noise.randrange(1500)) for _ in range(200)]
    whole = message(LINK_DOWN, IF_INDEX, named("GE1"), request_id=0x01020304)
    garbage += [whole[:size] for size in range(len(whole))]
    for start in range(0, len(garbage), 50):
        await lab.send(*garbage[start : start + 50])
    await lab.send(bytes(5000), whole)
    assert lab.outcomes() == {"malformed": len(garbage), "too_large": 1, "taken": 1}
    assert lab.gatherer.told == [("dia", "EDGE_INTERFACE_DOWN")]


STORM = """
import socket, sys
datagram, port, count, source = bytes.fromhex(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.bind((source, 0))
at = datagram.index(b"\\x02\\x04\\x41\\x02\\x03\\x04") + 2
for number in range(count):
    sock.sendto(datagram[:at] + number.to_bytes(4, "big") + datagram[at + 4:], ("127.0.0.1", port))
"""


@pytest.mark.slow
@pytest.mark.parametrize(("source", "reason"), [("127.0.0.1", "source_rate"), ("127.0.0.9", "unknown_source")])
async def test_a_storm_is_dropped_and_the_event_loop_stays_free(lab: Lab, source: str, reason: str) -> None:
    await lab.start()
    stalls = []

    async def other_work() -> None:
        while True:  # CPU time and not the clock: other tests may have the machine
            before = time.process_time()
            await asyncio.sleep(0.001)
            stalls.append(time.process_time() - before)

    working = asyncio.create_task(other_work())
    datagram = message(LINK_DOWN, named("GE1"), request_id=0x01020304).hex()
    before, port = time.process_time(), str(lab.receiver.port)
    storm = await asyncio.create_subprocess_exec(sys.executable, "-c", STORM, datagram, port, "20000", source)
    assert await storm.wait() == 0
    while ("fw-dia", "EDGE_INTERFACE_DOWN") not in lab.gatherer.told:
        lab.sender("127.0.0.2").send(message(LINK_DOWN, named("GE1")))
        await asyncio.sleep(0.05)
    assert time.process_time() - before < 20_000 * 100e-6
    working.cancel()
    assert lab.outcomes()[reason] > 1_000
    assert len(lab.gatherer.facts) <= 200  # 50 at once and 5 a second, and the one of the other device
    assert sorted(stalls)[len(stalls) * 9 // 10] < 0.02


async def test_a_host_name_in_the_inventory_is_resolved(lab: Lab) -> None:
    device = Device(id="named", site="s", role=DeviceRole.ROUTER, management_address="localhost")
    lab.inventory = Inventory.of(sites=[Site(id="s", client="c")], devices=[device])
    await lab.start()
    await lab.until(lambda: lab.receiver._senders.at("127.0.0.1") is not TrapOutcome.UNKNOWN_SOURCE)
    await lab.send(message(LINK_DOWN))
    assert lab.gatherer.told == [("named", "EDGE_INTERFACE_DOWN")]
