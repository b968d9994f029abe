"""Debian's snmpd, killed, stopped, wiped and replaced between two polls: the next poll has its answer all the same."""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest

from collector.model import Fact, FactKind, SampleBatch
from collector.settings import SnmpSettings
from collector.snmp.poller import SnmpPoller
from collector.snmp.report import PollOutcome
from collector.snmp.watch import SnmpWatch
from config.clock import Clock, ManualClock, SystemClock, epoch_ms
from inventory.model import Device, DeviceRole, Inventory, Link, Site, SnmpAccess

pytestmark = [
    pytest.mark.real,
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("snmpd") is None, reason="net-snmp's snmpd is not installed (Debian: snmpd)"),
]

COMMUNITY, PASSWORD = "lineproof-lab", "authentic-password"
CREDENTIALS = {
    "v2c": {"community": COMMUNITY},
    "v3": {
        "user": "usual", "auth": "sha1", "auth_password": PASSWORD, "priv": "aes128", "priv_password": PASSWORD,
    },
}  # fmt: skip
EVERY = 4
"""Seconds of a slot; rates are known from a quarter of it on."""
BETWEEN = 1.5
NO_LONGER_YOUNG = 3.0
"""An agent that is up for no longer than the time between two polls, and two seconds, may have started in it."""


def free_port() -> int:
    """Below the kernel's ephemeral ports, which our own sockets have."""
    while True:
        port = 20_000 + secrets.randbelow(10_000)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


@dataclass
class Snmpd:
    """An agent whose engine id and boots are what the test says before it starts."""

    folder: Path
    port: int = field(default_factory=free_port)
    engine_id: bytes = b"lineproof-one"
    boots: int = 4
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        engine = f"0x80001f8804{self.engine_id.hex()}"
        (self.folder / "v3.conf").write_text(
            f"exactEngineID {engine}\noldEngineID {engine}\nengineBoots {self.boots}\n"
            f"rocommunity {COMMUNITY} 127.0.0.1\ncreateUser usual SHA {PASSWORD} AES {PASSWORD}\nrouser usual priv\n"
        )
        shutil.rmtree(self.folder / "kept", ignore_errors=True)
        self.process = subprocess.Popen(
            ["snmpd", "-f", "-Lf", str(self.folder / "log"), "-C", "-c", str(self.folder / "v3.conf"),
             f"udp:127.0.0.1:{self.port}"],
            env={**os.environ, "SNMP_PERSISTENT_DIR": str(self.folder / "kept"), "MIBS": ""},
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        self.wait()

    def wait(self) -> None:
        """Until it answers a GET of sysUpTime, at most 20 s."""
        body = b"\x02\x01\x01\x04" + bytes([len(COMMUNITY)]) + COMMUNITY.encode()
        body += bytes.fromhex("a019020101020100020100300e300c06082b060102010103000500")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.connect(("127.0.0.1", self.port))
            sock.settimeout(0.1)
            for _ in range(200):
                with contextlib.suppress(ConnectionRefusedError, TimeoutError):
                    sock.send(b"\x30" + bytes([len(body)]) + body)
                    sock.recv(1500)
                    return
                time.sleep(0.05)
        raise AssertionError("snmpd does not answer")

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait(10)
            self.process = None


@contextlib.contextmanager
def started(folder: Path) -> Iterator[Snmpd]:
    folder.mkdir()
    agent = Snmpd(folder)
    try:
        agent.start()
        yield agent
    finally:
        agent.stop()


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Snmpd]:
    with started(tmp_path / "agent") as agent:
        yield agent


@pytest.fixture
async def poller() -> AsyncIterator[SnmpPoller]:
    poller = SnmpPoller(timeout=2.0, retries=1)
    yield poller
    poller.close()


class Collected:
    """A sink that remembers."""

    def __init__(self) -> None:
        self.batches: list[SampleBatch] = []
        self.said: list[Fact] = []

    async def samples(self, batch: SampleBatch) -> None:
        self.batches.append(batch)

    async def facts(self, facts: Sequence[Fact]) -> None:
        self.said.extend(facts)

    def rates(self) -> list[float]:
        return [float(value) for batch in self.batches for value in batch.fields["rx_bps"]]

    def outcomes(self) -> list[str]:
        return [fact.value for fact in self.said if fact.kind is FactKind.POLL_OUTCOME]


def watching(
    agent: Snmpd, poller: SnmpPoller, credential: str, clock: Clock | None = None
) -> tuple[SnmpWatch, Device, Collected]:
    device = Device(
        id="rtr",
        site="s",
        role=DeviceRole.ROUTER,
        management_address="127.0.0.1",
        snmp=SnmpAccess(credential=credential, port=agent.port),
    )
    links = [Link(id="line", site="s", device="rtr", interface="lo")]
    inventory = Inventory.of(sites=[Site(id="s", client="c")], devices=[device], links=links)
    settings = SnmpSettings.model_validate({"every": EVERY, "credentials": CREDENTIALS})
    sink = Collected()
    return SnmpWatch(inventory, settings, clock or SystemClock(), sink, poller), device, sink


async def turn(watch: SnmpWatch) -> None:
    await watch.turn("rtr", epoch_ms(SystemClock().now()) // 1000 * 1000)
    await watch.hand_over()


async def test_an_agent_that_starts_again_is_no_reboot_and_costs_one_rate(tmp_path: Path, poller: SnmpPoller) -> None:
    """The host ran on, which hrSystemUptime says. Two agents side by side, for all of it takes its time."""
    with started(tmp_path / "one") as one, started(tmp_path / "other") as other:
        await asyncio.gather(
            costs_one_rate(one, poller, "v2c", signal.SIGTERM), costs_one_rate(other, poller, "v3", signal.SIGKILL)
        )
    assert poller.counts.timeouts == 0


async def costs_one_rate(agent: Snmpd, poller: SnmpPoller, credential: str, how: signal.Signals) -> None:
    watch, _, sink = watching(agent, poller, credential)
    await asyncio.sleep(NO_LONGER_YOUNG)
    await turn(watch)
    await asyncio.sleep(BETWEEN)
    await turn(watch)
    agent.boots = 5
    await asyncio.to_thread(agent.stop, how)
    await asyncio.to_thread(agent.start)
    await asyncio.sleep(NO_LONGER_YOUNG)
    await turn(watch)
    await asyncio.sleep(BETWEEN)
    await turn(watch)
    assert set(sink.outcomes()) == {"ok"}
    assert [fact for fact in sink.said if fact.kind is FactKind.REBOOT] == []
    assert [math.isnan(rate) for rate in sink.rates()] == [True, False, True, False]


@pytest.mark.parametrize(
    ("engine_id", "boots"),
    [
        (b"lineproof-one", 5),
        (b"lineproof-one", 4),  # its boots were not counted
        (b"lineproof-one", 0),  # its memory was wiped
        (b"lineproof-two", 0),  # another device has the address
    ],
    ids=["counted", "not counted", "wiped", "another engine"],
)
async def test_the_next_poll_has_its_answer_whatever_the_engine_became(
    engine_id: bytes, boots: int, agent: Snmpd, poller: SnmpPoller
) -> None:
    watch, device, _ = watching(agent, poller, "v3")
    await asyncio.sleep(BETWEEN)  # so that the engine's time falls
    assert (await watch.poll_device(device)).outcome is PollOutcome.OK
    agent.engine_id, agent.boots = engine_id, boots
    await asyncio.to_thread(agent.stop, signal.SIGKILL)
    await asyncio.to_thread(agent.start)
    before = poller.counts.sent
    report = await watch.poll_device(device)
    assert (report.outcome, report.measurements["line"]["oper_up"]) == (PollOutcome.OK, 1)
    cost = poller.counts.sent - before
    again = await watch.poll_device(device)
    assert again.outcome is PollOutcome.OK
    assert (poller.counts.timeouts, poller.counts.retries) == (0, 0)
    assert cost <= 20  # it is found and read in full, and its clock learnt


@pytest.mark.parametrize("credential", CREDENTIALS)
async def test_an_agent_that_is_away_for_a_while_is_polled_in_full_when_it_is_back(
    credential: str, agent: Snmpd
) -> None:
    poller = SnmpPoller(timeout=0.3, retries=0)
    clock = ManualClock(SystemClock().now())
    watch, _, sink = watching(agent, poller, credential, clock)
    await turn(watch)
    await asyncio.to_thread(agent.stop, signal.SIGKILL)
    for _ in range(4):
        clock.move_to(clock.now() + timedelta(seconds=EVERY))
        await turn(watch)
    assert watch.dead == 1
    agent.boots = 5
    await asyncio.to_thread(agent.start)
    clock.move_to(clock.now() + timedelta(seconds=EVERY))
    await turn(watch)
    poller.close()
    assert sink.outcomes() == ["ok", *["timeout"] * 4, "ok"]
    assert watch.dead == 0
    assert len(sink.rates()) == 2
