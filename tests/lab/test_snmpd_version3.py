"""Debian's snmpd with a user for every protocol it has, asked in SNMPv3 by ours and by net-snmp's own client."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from collector.snmp.agent import AuthProtocol, PrivProtocol, User
from collector.snmp.engine import Engine
from collector.snmp.message import VarBind, decode_pdu, get_request
from collector.snmp.refusals import NextStep, Report, explain_silence, next_step
from collector.snmp.version3 import Opened, Wrapping, discovered, discovery_request, message_id

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(shutil.which("snmpd") is None, reason="net-snmp's snmpd is not installed (Debian: snmpd)"),
]

AUTH = {
    "MD5": AuthProtocol.MD5,
    "SHA": AuthProtocol.SHA1,
    "SHA-224": AuthProtocol.SHA224,
    "SHA-256": AuthProtocol.SHA256,
    "SHA-384": AuthProtocol.SHA384,
    "SHA-512": AuthProtocol.SHA512,
}
PRIV = {
    "DES": PrivProtocol.DES,
    "AES": PrivProtocol.AES128,
    "AES-192": PrivProtocol.AES192,
    "AES-256": PrivProtocol.AES256,
    "AES-192-C": PrivProtocol.AES192_REEDER,
    "AES-256-C": PrivProtocol.AES256_REEDER,
}
AUTH_PASSWORD, PRIV_PASSWORD = "authentication-1", "privacy-password-2"
OIDS = ("1.3.6.1.2.1.1.1.0", "1.3.6.1.2.1.1.4.0", "1.3.6.1.2.1.1.5.0", "1.3.6.1.2.1.1.6.0", "1.3.6.1.2.1.1.7.0")


def user_of(auth: str | None, priv: str | None) -> User:
    name = f"{auth or 'nobody'}-{priv or 'clear'}"
    return User(
        name=name,
        auth=AUTH[auth] if auth else None,
        auth_password=AUTH_PASSWORD if auth else "",
        priv=PRIV[priv] if priv else None,
        priv_password=PRIV_PASSWORD if priv else "",
    )


LEVELS = [(None, None), *((auth, None) for auth in AUTH), *((auth, priv) for auth in AUTH for priv in PRIV)]
SHA_AES = user_of("SHA", "AES")


def configuration(levels: Sequence[tuple[str | None, str | None]]) -> str:
    lines = ["syscontact a contact", "syslocation a location", "sysname a-name", "sysservices 72"]
    for auth, priv in levels:
        user = user_of(auth, priv)
        secret = " ".join(
            [auth, AUTH_PASSWORD, *([priv, PRIV_PASSWORD] if priv else [])] if auth else []  # as createUser has it
        )
        level = "priv" if priv else "auth" if auth else "noauth"
        lines += [f"createUser {user.name} {secret}", f"rouser {user.name} {level}"]
    return "\n".join(lines) + "\n"


@dataclass
class Snmpd:
    folder: Path
    port: int
    levels: Sequence[tuple[str | None, str | None]]
    engine_id: str = "80001f8804" + b"lineproof".hex()
    boots: int = 4
    """What it remembers of its last start."""
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        engine = f"exactEngineID 0x{self.engine_id}\noldEngineID 0x{self.engine_id}\nengineBoots {self.boots}\n"
        (self.folder / "v3.conf").write_text(engine + configuration(self.levels))
        self.process = subprocess.Popen(
            ["snmpd", "-f", "-Lf", str(self.folder / "log"), "-C", "-c", str(self.folder / "v3.conf"),
             f"udp:127.0.0.1:{self.port}"],
            env={**os.environ, "SNMP_PERSISTENT_DIR": str(self.folder / "kept"), "MIBS": ""},
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            try:
                Conversation(self.port, SHA_AES, patience=0.2).discover()
            except OSError:
                time.sleep(0.02)
                continue
            return
        self.stop()
        raise AssertionError("snmpd does not answer")

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(10)


@pytest.fixture(scope="module")
def snmpd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Snmpd]:
    agent = Snmpd(tmp_path_factory.mktemp("snmpd"), free_port(), LEVELS)
    agent.start()
    yield agent
    agent.stop()


@pytest.fixture
def own_snmpd(tmp_path: Path) -> Iterator[Snmpd]:
    agent = Snmpd(tmp_path, free_port(), [("SHA", "AES")])
    agent.start()
    yield agent
    agent.stop()


def free_port() -> int:
    """Below the kernel's ephemeral ports: a socket that asks an agent not yet there could else be its own answerer."""
    while True:
        port = 20_000 + secrets.randbelow(10_000)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


@dataclass
class Conversation:
    """One user with one agent; `ahead` is by how many seconds our clock runs ahead of what it was."""

    port: int
    user: User
    patience: float = 5.0
    ahead: float = 0.0
    engine: Engine | None = None
    reports: list[Report] = field(default_factory=list)
    datagrams: int = 0
    number: int = field(default_factory=lambda: 0x4000_0000 + secrets.randbelow(2**29))

    def discover(self) -> None:
        self.number += 1
        self.engine = discovered(self.exchange(discovery_request(self.number)))

    def ask(self, oids: tuple[str, ...] = OIDS) -> tuple[VarBind, ...] | Report:
        """The values, or the report that was the last word. Raises TimeoutError on silence."""
        self.reports = []
        if self.engine is None:
            self.discover()
        while True:
            opened = self.once(oids)
            self.engine = opened.engine
            if opened.report is None:
                return decode_pdu(opened.pdu, 0, len(opened.pdu)).varbinds
            tried = self.reports.count(Report.UNKNOWN_ENGINE_IDS), self.reports.count(Report.NOT_IN_TIME_WINDOWS)
            self.reports.append(opened.report)
            step = next_step(opened.report, authenticated=opened.authenticated, discoveries=tried[0], resyncs=tried[1])
            if step is NextStep.REFUSED:
                return opened.report
            if step is NextStep.DISCOVER:
                self.discover()

    def once(self, oids: tuple[str, ...]) -> Opened:
        assert self.engine is not None
        self.number += 1
        wrapping = Wrapping(self.user, self.engine.id)
        pdu = get_request(oids).encoded(self.number)
        request = wrapping.request(self.engine, self.now(), self.number, pdu, secrets.randbits(64))
        return wrapping.open(self.exchange(request), self.engine, self.now())

    def now(self) -> float:
        return time.monotonic() + self.ahead

    def exchange(self, request: bytes) -> bytes:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.connect(("127.0.0.1", self.port))
            sock.settimeout(self.patience)
            sock.send(request)
            answer = sock.recv(65535)
        self.datagrams += 1
        assert message_id(answer) == self.number
        return answer


def snmpget(port: int, auth: str | None, priv: str | None) -> list[str]:
    user = user_of(auth, priv)
    secrets_of = ["-a", auth, "-A", AUTH_PASSWORD] if auth else []
    secrets_of += ["-x", priv, "-X", PRIV_PASSWORD] if priv else []
    level = "authPriv" if priv else "authNoPriv" if auth else "noAuthNoPriv"
    command = ["snmpget", "-v3", "-u", user.name, "-l", level, *secrets_of, "-m", "", "-OqvU", f"127.0.0.1:{port}"]
    for _ in range(2):  # once in some thousand times it got no answer, from an agent that answered us before and after
        done = subprocess.run([*command, *OIDS], check=False, capture_output=True, text=True, timeout=20)
        if done.returncode == 0:
            return [line.strip('"') for line in done.stdout.splitlines()]
    raise AssertionError(done.stderr)


@pytest.mark.skipif(shutil.which("snmpget") is None, reason="net-snmp's snmpget is not installed (Debian: snmp)")
@pytest.mark.parametrize(("auth", "priv"), LEVELS)
def test_our_values_are_net_snmps_with_every_protocol(auth: str | None, priv: str | None, snmpd: Snmpd):
    answer = Conversation(snmpd.port, user_of(auth, priv)).ask()
    assert not isinstance(answer, Report)
    ours = [value.value.decode() if isinstance(value.value, bytes) else str(value.value) for value in answer]
    assert ours[1:] == ["a contact", "a-name", "a location", "72"]
    assert ours == snmpget(snmpd.port, auth, priv)


def test_the_first_answer_costs_three_datagrams_and_each_further_one_one(snmpd: Snmpd):
    conversation = Conversation(snmpd.port, SHA_AES)
    conversation.ask()
    assert (conversation.datagrams, conversation.reports) == (3, [Report.NOT_IN_TIME_WINDOWS])
    for _ in range(5):
        conversation.ask()
    assert (conversation.datagrams, conversation.reports) == (8, [])


@pytest.mark.parametrize(
    ("user", "report"),
    [
        (replace(SHA_AES, name="nobody-knows-me"), Report.UNKNOWN_USER_NAMES),
        (replace(SHA_AES, auth_password="another one"), Report.WRONG_DIGESTS),
        (replace(SHA_AES, auth=AuthProtocol.MD5), Report.WRONG_DIGESTS),
        (
            replace(user_of("SHA", None), priv=PrivProtocol.DES, priv_password="any at all"),
            Report.UNSUPPORTED_SEC_LEVELS,
        ),
    ],
    ids=lambda value: value.value if isinstance(value, Report) else "",
)
def test_the_agent_says_what_is_wrong_with_a_user(user: User, report: Report, snmpd: Snmpd):
    assert Conversation(snmpd.port, user).ask() is report


@pytest.mark.parametrize("priv", ["DES", "AES", "AES-256-C"])
def test_a_wrong_privacy_password_is_known_by_silence_after_the_clock_was_told(priv: str, snmpd: Snmpd):
    conversation = Conversation(snmpd.port, replace(user_of("SHA", priv), priv_password="another one"), patience=0.3)
    with pytest.raises(TimeoutError):
        conversation.ask()
    assert "correct the privacy password" in explain_silence(conversation.user, conversation.engine)


@pytest.mark.parametrize(("ahead", "reports"), [(100.0, []), (1000.0, [Report.NOT_IN_TIME_WINDOWS])])
def test_a_clock_that_ran_away_is_set_right_by_one_report(ahead: float, reports: list[Report], snmpd: Snmpd):
    conversation = Conversation(snmpd.port, SHA_AES)
    conversation.ask()
    conversation.ahead += ahead
    assert not isinstance(conversation.ask(), Report)
    assert conversation.reports == reports


def restarted(agent: Snmpd, conversation: Conversation) -> tuple[Engine, Engine]:
    """The engine as the conversation has it before and after a start of the agent between two questions."""
    conversation.ask()
    before = conversation.engine
    agent.stop()
    agent.start()
    assert not isinstance(conversation.ask(), Report)
    assert before is not None
    assert conversation.engine is not None
    return before, conversation.engine


def test_an_agent_that_starts_again_is_asked_on_with_its_new_boots(own_snmpd: Snmpd):
    conversation = Conversation(own_snmpd.port, SHA_AES)
    own_snmpd.boots = 5
    before, after = restarted(own_snmpd, conversation)
    assert conversation.reports == [Report.NOT_IN_TIME_WINDOWS]
    assert (before.boots, after.boots) == (5, 6)


@pytest.mark.parametrize("boots", [4, 0], ids=["not counted", "forgotten"])
def test_an_agent_that_starts_again_without_counting_its_boots_is_not_lost(boots: int, own_snmpd: Snmpd):
    conversation = Conversation(own_snmpd.port, SHA_AES)
    conversation.ask()
    assert conversation.engine is not None
    conversation.engine = conversation.engine._replace(time=conversation.engine.time + 86_400)
    own_snmpd.stop()
    own_snmpd.boots = boots
    own_snmpd.start()
    assert not isinstance(conversation.ask(), Report)
    assert conversation.reports == [Report.NOT_IN_TIME_WINDOWS]
    assert conversation.engine.boots == boots + 1


def test_another_device_at_the_same_address_is_discovered(own_snmpd: Snmpd):
    conversation = Conversation(own_snmpd.port, SHA_AES)
    own_snmpd.engine_id = "80001f8804" + b"another".hex()
    _, after = restarted(own_snmpd, conversation)
    assert conversation.reports == [Report.UNKNOWN_ENGINE_IDS, Report.NOT_IN_TIME_WINDOWS]
    assert after.id.hex() == own_snmpd.engine_id
