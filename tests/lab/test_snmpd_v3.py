"""The watch and Debian's snmpd in SNMPv3: every level, every mistake in a credential, and an enemy on the path."""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import os
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
import structlog

from collector.model import Fact, SampleBatch
from collector.settings import SnmpSettings
from collector.snmp.agent import Agent, Credential, User
from collector.snmp.ask import Outcome
from collector.snmp.poller import SnmpPoller
from collector.snmp.report import PollOutcome, PollReport
from collector.snmp.strays import Stray
from collector.snmp.watch import SnmpWatch
from config.clock import ManualClock, epoch_ms
from inventory.model import Device, DeviceRole, Inventory, Link, Site, SnmpAccess
from service.documents import poll_document

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(shutil.which("snmpd") is None, reason="net-snmp's snmpd is not installed (Debian: snmpd)"),
]

NOW = datetime(2026, 3, 3, 9, 30, tzinfo=UTC)
PASSWORD, PRIVACY, COMMUNITY = "authentic-m4ple", "private-m4ple", "c0mmunity-m4ple"
CONTACT = "1.3.6.1.2.1.1.4.0"
CONFIGURATION = f"""
syscontact the-real-one
rocommunity {COMMUNITY} 127.0.0.1
createUser clear
createUser signed SHA-256 {PASSWORD}
createUser old MD5 {PASSWORD} DES {PRIVACY}
createUser usual SHA {PASSWORD} AES {PRIVACY}
createUser strong SHA-512 {PASSWORD} AES-256 {PRIVACY}
rouser clear noauth
rouser signed auth
rouser old priv
rouser usual priv
rouser strong priv
"""
SIGNED = {"auth": "sha256", "auth_password": PASSWORD}
PRIVATE = {"auth": "sha1", "auth_password": PASSWORD, "priv": "aes128", "priv_password": PRIVACY}
USUAL = {"user": "usual", **PRIVATE}
LEVELS: Mapping[str, dict[str, str]] = {
    "noAuthNoPriv": {"user": "clear"},
    "authNoPriv": {"user": "signed", **SIGNED},
    "authPriv": USUAL,
    "old protocols": {**USUAL, "user": "old", "auth": "md5", "priv": "des"},
    "long keys": {**USUAL, "user": "strong", "auth": "sha512", "priv": "aes256"},
    "v2c": {"community": COMMUNITY},
}


def credential_of(settings: dict[str, str]) -> Credential:
    return SnmpSettings.model_validate({"credentials": {"it": settings}}).credentials["it"].credential()


def free_port() -> int:
    """Below the kernel's ephemeral ports, which our own sockets have."""
    while True:
        port = 20_000 + secrets.randbelow(10_000)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def wait_for(port: int) -> None:
    """Until an agent answers a GET of sysUpTime, at most 20 s."""
    body = b"\x02\x01\x01\x04" + bytes([len(COMMUNITY)]) + COMMUNITY.encode()
    body += bytes.fromhex("a019020101020100020100300e300c06082b060102010103000500")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.connect(("127.0.0.1", port))
        sock.settimeout(0.1)
        for _ in range(200):
            with contextlib.suppress(ConnectionRefusedError, TimeoutError):
                sock.send(b"\x30" + bytes([len(body)]) + body)
                sock.recv(1500)
                return
            time.sleep(0.05)
    raise AssertionError("snmpd does not answer")


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Where a snmpd listens with all users of CONFIGURATION."""
    folder, port = tmp_path_factory.mktemp("snmpd"), free_port()
    (folder / "v3.conf").write_text(CONFIGURATION)
    process = subprocess.Popen(
        ["snmpd", "-f", "-Lf", str(folder / "log"), "-C", "-c", str(folder / "v3.conf"), f"udp:127.0.0.1:{port}"],
        env={**os.environ, "SNMP_PERSISTENT_DIR": str(folder / "kept"), "MIBS": ""},
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for(port)
        yield port
    finally:
        process.terminate()
        process.wait(10)


class Collected:
    """A sink that remembers."""

    def __init__(self) -> None:
        self.batches: list[SampleBatch] = []
        self.said: list[Fact] = []

    async def samples(self, batch: SampleBatch) -> None:
        self.batches.append(batch)

    async def facts(self, facts: Sequence[Fact]) -> None:
        self.said.extend(facts)


@dataclass
class Watched:
    """Devices at one address and port, one for each credential; each has a line at `lo`."""

    watch: SnmpWatch
    sink: Collected
    devices: dict[str, Device]

    @classmethod
    def of(cls, port: int, poller: SnmpPoller, credentials: Mapping[str, dict[str, str]]) -> Watched:
        devices = {
            name: Device(
                id=name,
                site="s",
                role=DeviceRole.ROUTER,
                management_address="127.0.0.1",
                snmp=SnmpAccess(credential=name, port=port),
            )
            for name in credentials
        }
        links = [Link(id=name, site="s", device=name, interface="lo") for name in devices]
        inventory = Inventory.of(sites=[Site(id="s", client="c")], devices=list(devices.values()), links=links)
        settings = SnmpSettings.model_validate({"every": 60, "credentials": dict(credentials)})
        sink = Collected()
        return cls(SnmpWatch(inventory, settings, ManualClock(NOW), sink, poller), sink, devices)

    async def poll(self, name: str) -> PollReport:
        return await self.watch.poll_device(self.devices[name])


@pytest.fixture
async def poller() -> AsyncIterator[SnmpPoller]:
    """For an agent that answers: patient, so that a busy machine fails no test."""
    poller = SnmpPoller(timeout=3.0, retries=1)
    yield poller
    poller.close()


@pytest.fixture
async def impatient() -> AsyncIterator[SnmpPoller]:
    """For an agent that is there and does not answer."""
    poller = SnmpPoller(timeout=0.5, retries=0)
    yield poller
    poller.close()


async def test_a_device_of_every_level_is_polled_in_one_watch(port: int, poller: SnmpPoller) -> None:
    watched = Watched.of(port, poller, LEVELS)
    for slot in range(3):
        await asyncio.gather(*(watched.watch.turn(name, epoch_ms(NOW) + 60_000 * slot) for name in LEVELS))
        await watched.watch.hand_over()
    assert {(fact.subject, fact.value) for fact in watched.sink.said} == {(name, "ok") for name in LEVELS}
    for batch in watched.sink.batches:
        assert set(batch.links) == set(LEVELS)
        assert batch.fields["oper_up"].tolist() == [1] * len(LEVELS)
    assert len(watched.sink.batches) == 3
    assert sum(poller.strays.counts.values()) == 0


async def test_a_poll_in_the_steady_state_is_one_datagram_under_snmpv3_too(port: int, poller: SnmpPoller) -> None:
    agent = Agent("127.0.0.1", port, credential_of(USUAL))
    assert (await poller.get(agent, [CONTACT])).outcome is Outcome.OK
    before = poller.counts.sent
    for _ in range(10):
        answer = await poller.get(agent, [CONTACT])
        assert answer.varbinds[0].value == b"the-real-one"
    assert poller.counts.sent - before == 10


@pytest.mark.parametrize(
    ("credential", "says"),
    [
        ({"user": "stranger"}, "the agent knows no such user; correct the user's name, or create the user there"),
        ({**USUAL, "user": "stranger"}, "the agent knows no such user; correct the user's name"),
        (
            {**USUAL, "auth_password": "another-one"},
            "correct the authentication password or the authentication protocol",
        ),
        ({**USUAL, "auth": "sha256"}, "correct the authentication password or the authentication protocol"),
        ({"user": "signed", **PRIVATE, "auth": "sha256"}, "the agent does not let this user in at this level"),
        ({"user": "clear", **SIGNED}, "the agent does not let this user in at this level"),
    ],
    ids=[
        "no such user",
        "no such private user",
        "authentication password",
        "protocol",
        "no privacy",
        "no authentication",
    ],
)
async def test_a_credential_that_the_agent_refuses_is_told_with_what_to_correct(
    credential: dict[str, str], says: str, port: int, poller: SnmpPoller
) -> None:
    watched = Watched.of(port, poller, {"rtr": credential})
    report = await watched.poll("rtr")
    assert report.outcome is PollOutcome.AUTH
    assert report.message.startswith(f"127.0.0.1:{port}: ")
    assert says in report.message
    await watched.watch.turn("rtr", 0)
    await watched.watch.hand_over()
    assert [(fact.value, says in fact.detail) for fact in watched.sink.said] == [("auth", True)]
    assert watched.watch.dead == 0


@pytest.mark.parametrize(
    "credential",
    [{"user": "usual"}, {"user": "usual", "auth": "sha1", "auth_password": PASSWORD}],
    ids=["nothing", "authentication alone"],
)
async def test_a_level_that_is_too_low_is_an_access_error(
    credential: dict[str, str], port: int, poller: SnmpPoller
) -> None:
    """net-snmp answers authorizationError where its access rules ask for a higher level."""
    report = await Watched.of(port, poller, {"rtr": credential}).poll("rtr")
    assert report.outcome is PollOutcome.AUTH
    assert "authorizationError" in report.message


async def test_what_cannot_be_decrypted_is_met_with_silence_and_told_with_what_to_correct(
    port: int, impatient: SnmpPoller
) -> None:
    watched = Watched.of(port, impatient, {"rtr": {**USUAL, "priv_password": "another-one"}})
    report = await watched.poll("rtr")
    assert (report.outcome, report.readings) == (PollOutcome.TIMEOUT, {})
    assert "correct the privacy password or the privacy protocol" in report.message


async def test_the_silence_of_an_agent_that_has_answered_this_user_blames_no_password(
    path: Relay, impatient: SnmpPoller
) -> None:
    watched = Watched.of(path.port, impatient, {"rtr": USUAL})
    await watched.poll("rtr")
    path.answers = lambda data: []
    report = await watched.poll("rtr")
    assert report.outcome is PollOutcome.TIMEOUT
    assert "password" not in report.message


async def test_many_requests_at_once_to_an_agent_not_yet_known_are_all_answered(port: int, poller: SnmpPoller) -> None:
    agent = Agent("127.0.0.1", port, credential_of(USUAL))
    answers = await asyncio.gather(*(poller.get(agent, [CONTACT]) for _ in range(100)))
    assert {(answer.outcome, answer.varbinds[0].value) for answer in answers} == {(Outcome.OK, b"the-real-one")}
    assert poller.counts.timeouts == 0
    assert sum(poller.strays.counts.values()) == 0


class Relay(asyncio.DatagramProtocol):
    """The path to the agent, with an enemy on it: `answers` turns each answer into what really arrives."""

    def __init__(self, port: int) -> None:
        self.agent = ("127.0.0.1", port)
        self.client: Any = None
        self.answers: Callable[[bytes], Iterable[bytes]] = lambda data: [data]
        self.recorded: list[bytes] = []

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.port: int = transport.get_extra_info("sockname")[1]

    def datagram_received(self, data: bytes, source: Any) -> None:
        if source != self.agent:
            self.client = source
            self.transport.sendto(data, self.agent)
            return
        self.recorded.append(data)
        for datagram in self.answers(data):
            self.transport.sendto(datagram, self.client)


@pytest.fixture
async def path(port: int) -> AsyncIterator[Relay]:
    loop = asyncio.get_running_loop()
    transport, relay = await loop.create_datagram_endpoint(lambda: Relay(port), local_addr=("127.0.0.1", 0))
    yield relay
    transport.close()


def flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 0x01]) + data[at + 1 :]


@pytest.mark.parametrize("level", ["authNoPriv", "authPriv", "old protocols", "long keys"])
async def test_changed_and_doubled_answers_are_refused_and_the_good_one_is_taken(
    level: str, path: Relay, poller: SnmpPoller
) -> None:
    """A bit is changed in the value, in the digest, in the engine's time and in what the cipher needs."""
    user = credential_of(LEVELS[level])
    agent = Agent("127.0.0.1", path.port, user)
    assert (await poller.get(agent, [CONTACT])).outcome is Outcome.OK
    good = path.recorded[-1]
    assert isinstance(user, User)
    places = [len(good) - 1, len(good) - 40, good.index(user.name.encode()) + len(user.name) + 4]
    path.answers = lambda data: [*(flipped(data, at) for at in places), data, data]
    for asked in range(1, 6):
        answer = await poller.get(agent, [CONTACT])
        assert (answer.outcome, answer.varbinds[0].value) == (Outcome.OK, b"the-real-one")
        for _ in range(100):
            if poller.strays.counts[Stray.REPEATED] >= asked:
                break
            await asyncio.sleep(0.01)
        assert poller.strays.counts == {Stray.REFUSED: 3 * asked, Stray.REPEATED: asked}


async def test_changed_answers_alone_are_told_and_are_no_values(path: Relay, impatient: SnmpPoller) -> None:
    watched = Watched.of(path.port, impatient, {"rtr": USUAL})
    await watched.poll("rtr")
    path.answers = lambda data: [flipped(data, len(data) - 1)]
    report = await watched.poll("rtr")
    assert (report.outcome, report.readings) == (PollOutcome.ERROR, {})
    assert "an SNMPv3 answer was refused: its digest is wrong" in report.message
    assert set(report.strays) == {"refused"}


async def test_answers_that_are_sent_again_later_change_nothing(path: Relay, poller: SnmpPoller) -> None:
    """Neither those of requests that ended nor, under a new msgID, those that were never meant for it."""
    user = credential_of(USUAL)
    agent = Agent("127.0.0.1", path.port, user)
    await poller.get(agent, [CONTACT])
    await poller.get(agent, ["1.3.6.1.2.1.1.3.0"])
    old = path.recorded[-1]
    before = (await poller.get(agent, ["1.3.6.1.2.1.1.3.0"])).varbinds[0].value
    id_at = old.index(b"\x02\x04") + 2

    def replayed(data: bytes) -> list[bytes]:
        return [old, old[:id_at] + data[id_at : id_at + 4] + old[id_at + 4 :], data]

    path.answers = replayed
    await asyncio.sleep(0.05)
    answer = await poller.get(agent, ["1.3.6.1.2.1.1.3.0"])
    after = answer.varbinds[0].value
    assert isinstance(before, int)
    assert isinstance(after, int)
    assert after > before
    assert poller.strays.counts == {Stray.REPEATED: 1, Stray.REFUSED: 1}


async def test_answers_that_are_held_back_come_late_and_are_no_values(path: Relay, impatient: SnmpPoller) -> None:
    watched = Watched.of(path.port, impatient, {"rtr": USUAL})
    await watched.poll("rtr")
    held: list[bytes] = []
    path.answers = lambda data: held.append(data) or []  # type: ignore[func-returns-value]
    assert (await watched.poll("rtr")).outcome is PollOutcome.TIMEOUT
    path.answers = lambda data: [*held, data]
    report = await watched.poll("rtr")
    assert report.outcome is PollOutcome.OK
    assert not math.isnan(report.measurements["rtr"]["oper_up"])
    assert set(report.strays) == {"late"}


@pytest.mark.parametrize("level", LEVELS)
async def test_no_password_is_in_logs_facts_reports_or_documents(level: str, port: int, impatient: SnmpPoller) -> None:
    wrong = {"auth_password": "wr0ng-m4ple", "priv_password": "wr0ng-m4ple-too", "community": "wr0ng-m4ple"}
    mistaken = {key: wrong.get(key, value) for key, value in LEVELS[level].items()}
    watched = Watched.of(port, impatient, {"rtr": LEVELS[level], "mistaken": mistaken})
    with structlog.testing.capture_logs() as logs:
        reports = [await watched.watch.poll_device(device, in_full=True) for device in watched.devices.values()]
        for name in watched.devices:
            await watched.watch.turn(name, 0)
        await watched.watch.hand_over()
    shown = [repr(logs), repr(watched.sink.said), *map(repr, reports)]
    shown += [json.dumps(poll_document(report)) for report in reports]
    assert not any("m4ple" in text or b"m4ple".hex() in text for text in shown)
