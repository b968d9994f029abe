"""Traps and informs of net-snmp's own snmptrap and snmpinform, in every version and level of security."""

from __future__ import annotations

import asyncio
import json
import shutil
import socket
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from collector.model import Fact, Source
from collector.settings import CollectorSettings
from collector.sink import Gatherer, NoSink
from collector.snmp.trap_admission import TrapOutcome
from collector.snmp.traps import TrapReceiver
from config.clock import SystemClock
from inventory.model import Device, DeviceRole, Inventory, Link, Site

pytestmark = [
    pytest.mark.real,
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("snmptrap") is None, reason="net-snmp's snmptrap is not installed (Debian: snmp)"),
]

COMMUNITY, AUTH, PRIV = "lab-Traps", "lab-authentication", "lab-privacy"
LINK_DOWN, LINK_UP, COLD_START = "1.3.6.1.6.3.1.1.5.3", "1.3.6.1.6.3.1.1.5.4", "1.3.6.1.6.3.1.1.5.1"
GE1 = ("1.3.6.1.2.1.2.2.1.1.3", "i", "3", "1.3.6.1.2.1.31.1.1.1.1.3", "s", "GE1")
ENGINE = "0x80001f8880c0ffee"
IMPATIENT = ("-r", "0", "-t", "1")
LEVELS = {
    "md5-des": ("MD5", "DES"),
    "sha1-aes128": ("SHA", "AES"),
    "sha256-aes128": ("SHA-256", "AES"),
    "sha512-aes128": ("SHA-512", "AES"),
    "sha1-aes192": ("SHA", "AES-192"),
    "sha256-aes256": ("SHA-256", "AES-256"),
    "sha1-aes256-reeder": ("SHA", "AES-256-C"),
    "sha224-none": ("SHA-224", None),
    "sha384-none": ("SHA-384", None),
}


class Keeping(Gatherer):
    def __init__(self) -> None:
        super().__init__(Source.SNMP, [], NoSink(), SystemClock())
        self.facts: list[Fact] = []

    def add_fact(self, fact: Fact) -> None:
        self.facts.append(fact)


class Lab:
    """A receiver with a community, and a user named after each level."""

    def __init__(self, folder: Path) -> None:
        users = {
            name: {"user": name, "auth": name.split("-")[0], "auth_password": AUTH}
            | ({} if priv is None else {"priv": name.partition("-")[2], "priv_password": PRIV})
            for name, (_, priv) in LEVELS.items()
        }
        users["open"] = {"user": "open"}
        settings = CollectorSettings.model_validate(
            {
                "snmp": {"credentials": users},
                "traps": {
                    "enabled": True, "listen": ["127.0.0.1"], "port": 0, "communities": [COMMUNITY],
                    "users": list(users), "per_source": 100,
                },
            }
        )  # fmt: skip
        inventory = Inventory.of(
            sites=[Site(id="s", client="c")],
            devices=[Device(id="rtr", site="s", role=DeviceRole.ROUTER, management_address="127.0.0.1")],
            links=[Link(id="dia", site="s", device="rtr", interface="GE1")],
        )
        credentials = {name: each.credential() for name, each in settings.snmp.credentials.items()}
        self.gatherer = Keeping()
        self.receiver = TrapReceiver(settings.traps, inventory, self.gatherer, SystemClock(), credentials, folder)
        self.running = asyncio.create_task(self.receiver.run())

    @property
    def told(self) -> list[tuple[str, str]]:
        return [(fact.subject, fact.value) for fact in self.gatherer.facts]

    def outcomes(self) -> dict[str, int]:
        """Without the questions that come before a v3 inform; how many there are is net-snmp's affair."""
        counts = self.receiver.counts.items()
        return {outcome.value: count for outcome, count in counts if count and outcome.value != "synchronised"}

    async def until(self, done: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while True:
                if done():
                    return
                await asyncio.sleep(0.01)

    async def run(self, program: str, *arguments: str) -> tuple[int, str]:
        """(exit status, what it printed) of snmptrap or snmpinform, once the receiver has dealt with what it sent."""
        before = sum(self.receiver.counts.values())
        process = await asyncio.create_subprocess_exec(
            program, "-m", "", *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        printed, _ = await process.communicate()
        await self.until(lambda: sum(self.receiver.counts.values()) > before)
        return process.returncode or 0, printed.decode()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.receiver.port}"

    def user(self, name: str, auth: str = AUTH, priv: str = PRIV) -> list[str]:
        """net-snmp's options for one of the users."""
        authentication, privacy = LEVELS[name]
        options = ["-v3", "-u", name, "-a", authentication, "-A", auth]
        return [*options, "-l", "authPriv", "-x", privacy, "-X", priv] if privacy else [*options, "-l", "authNoPriv"]


@pytest.fixture
async def lab(tmp_path: Path) -> AsyncIterator[Lab]:
    lab = Lab(tmp_path)
    await lab.until(lambda: lab.receiver.port > 0)
    yield lab
    lab.running.cancel()
    await asyncio.gather(lab.running, return_exceptions=True)


async def test_a_v1_trap(lab: Lab) -> None:
    await lab.run(
        "snmptrap", "-v1", "-c", COMMUNITY, lab.address, "1.3.6.1.4.1.9.1.1", "192.0.2.7", "2", "0", "4711", *GE1
    )
    assert lab.told == [("dia", "EDGE_INTERFACE_DOWN")]
    assert lab.gatherer.facts[0].detail == (
        "linkDown (1.3.6.1.6.3.1.1.5.3): snmpTrapAddress 192.0.2.7, ifIndex 3, ifName GE1, sysUpTime 47 s"
    )


async def test_a_v1_trap_of_a_vendor(lab: Lab) -> None:
    enterprise = "1.3.6.1.4.1.12356.101.2"
    await lab.run("snmptrap", "-v1", "-c", COMMUNITY, lab.address, enterprise, "192.0.2.7", "6", "302", "4711")
    assert lab.told == [("rtr", "VPN_TUNNEL_DOWN")]


async def test_a_v2c_trap_and_an_inform_that_is_acknowledged(lab: Lab) -> None:
    await lab.run("snmptrap", "-v2c", "-c", COMMUNITY, lab.address, "4711", LINK_DOWN, *GE1)
    status, printed = await lab.run("snmpinform", "-v2c", "-c", COMMUNITY, lab.address, "4711", LINK_UP, *GE1)
    assert (status, printed) == (0, "")
    assert lab.told == [("dia", "EDGE_INTERFACE_DOWN"), ("dia", "EDGE_INTERFACE_UP")]


@pytest.mark.parametrize("name", LEVELS)
async def test_a_v3_trap_of_an_engine_that_nobody_told_us_of(lab: Lab, name: str) -> None:
    await lab.run("snmptrap", *lab.user(name), "-e", ENGINE, lab.address, "4711", LINK_DOWN, *GE1)
    assert lab.told == [("dia", "EDGE_INTERFACE_DOWN")]
    assert lab.outcomes() == {"taken": 1}


@pytest.mark.parametrize("name", LEVELS)
async def test_a_v3_inform_finds_our_engine_and_is_acknowledged(lab: Lab, name: str) -> None:
    status, printed = await lab.run("snmpinform", *lab.user(name), lab.address, "4711", LINK_DOWN, *GE1)
    assert (status, printed) == (0, "")
    assert lab.told == [("dia", "EDGE_INTERFACE_DOWN")]


async def test_a_user_without_authentication_is_taken_only_where_it_is_configured_so(lab: Lab) -> None:
    await lab.run("snmptrap", "-v3", "-u", "open", "-l", "noAuthNoPriv", "-e", ENGINE, lab.address, "1", LINK_DOWN)
    await lab.run("snmptrap", "-v3", "-u", "sha1-aes128", "-l", "noAuthNoPriv", "-e", ENGINE, lab.address, "1", LINK_UP)
    assert lab.told == [("rtr", "EDGE_INTERFACE_DOWN")]
    assert lab.outcomes() == {"taken": 1, "level": 1}


async def test_a_wrong_community_is_refused_and_not_acknowledged(lab: Lab) -> None:
    status, printed = await lab.run("snmpinform", *IMPATIENT, "-v2c", "-c", "wrong", lab.address, "1", LINK_DOWN)
    assert (status, printed.strip()) == (1, "snmpinform: Timeout")
    assert (lab.told, lab.outcomes()) == ([], {"community": 1})


@pytest.mark.parametrize(
    ("auth", "priv", "complaint", "outcome"),
    [
        ("wrong-password", PRIV, "Authentication failure (incorrect password, community or key)", "digest"),
        (AUTH, "wrong-password", "Decryption error", "decryption"),
    ],
)
async def test_a_wrong_password_is_refused_and_the_sender_is_told_which(
    lab: Lab, auth: str, priv: str, complaint: str, outcome: str
) -> None:
    options = lab.user("sha1-aes128", auth, priv)
    status, printed = await lab.run("snmpinform", *IMPATIENT, *options, lab.address, "1", LINK_DOWN)
    assert (status, printed.strip()) == (1, f"snmpinform: {complaint}")
    assert (lab.told, lab.outcomes()) == ([], {outcome: 1})


async def test_an_unknown_user_is_refused(lab: Lab) -> None:
    options = ["-v3", "-u", "nobody", "-l", "authNoPriv", "-a", "SHA", "-A", AUTH]
    status, printed = await lab.run("snmpinform", *IMPATIENT, *options, lab.address, "1", LINK_DOWN)
    assert (status, printed.strip()) == (1, "snmpinform: Unknown user name")
    await lab.run("snmptrap", *options, "-e", ENGINE, lab.address, "1", LINK_DOWN)
    assert (lab.told, lab.outcomes()) == ([], {"user": 2})


async def test_a_trap_older_than_its_engines_newest_is_refused(lab: Lab) -> None:
    """-Z gives snmptrap another boots and time than its engine has."""
    trap = [*lab.user("sha1-aes128"), "-e", ENGINE]
    for clock in ("5,1000", "5,849", "4,99999", "5,850", "6,1"):
        await lab.run("snmptrap", *trap, "-Z", clock, lab.address, "1", LINK_DOWN)
    assert lab.outcomes() == {"taken": 3, "time_window": 2}


async def test_a_trap_that_was_recorded_and_sent_again_is_no_second_event(lab: Lab) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ear:
        ear.bind(("127.0.0.1", 0))
        ear.setblocking(False)
        address = f"127.0.0.1:{ear.getsockname()[1]}"
        process = await asyncio.create_subprocess_exec(
            "snmptrap", "-m", "", *lab.user("sha1-aes128"), "-e", ENGINE, address, "4711", LINK_DOWN
        )
        await process.wait()
        recorded = await asyncio.get_running_loop().sock_recv(ear, 65535)
        for _ in range(3):
            ear.sendto(recorded, ("127.0.0.1", lab.receiver.port))
    await lab.until(lambda: sum(lab.receiver.counts.values()) == 3)
    assert (lab.told, lab.outcomes()) == ([("rtr", "EDGE_INTERFACE_DOWN")], {"taken": 1, "duplicate": 2})


async def test_a_sender_that_knows_our_engine_but_not_its_time_is_told_it(lab: Lab, tmp_path: Path) -> None:
    lab.running.cancel()
    await asyncio.gather(lab.running, return_exceptions=True)
    lab.running = asyncio.create_task(lab.receiver.run())
    await lab.until(lambda: lab.receiver.port > 0)
    engine = json.loads((tmp_path / "snmp-engine.json").read_text())
    assert engine["boots"] == 2
    # With -e net-snmp does not ask for the engine; its first message has boots 0 and time 0.
    options = [*lab.user("sha1-aes128"), "-e", f"0x{engine['engine_id']}"]
    status, printed = await lab.run("snmpinform", *options, lab.address, "1", LINK_UP)
    assert (status, printed) == (0, "")
    assert lab.told == [("rtr", "EDGE_INTERFACE_UP")]
    assert lab.receiver.counts[TrapOutcome.SYNCHRONISED] == 1
