"""An installation as a person makes it, with commands run as processes, an agent that answers, and a measured past."""

from __future__ import annotations

import asyncio
import bisect
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from pyasn1.codec.ber import decoder, encoder
from pyasn1.error import PyAsn1Error
from pysnmp.proto.api import v2c

from collector.model import SampleBatch, Source
from collector.settings import StoreSettings
from collector.store.opening import open_store
from config.clock import epoch_ms

COMMUNITY = "a-community-nobody-may-read"
TOKEN = "a-token-nobody-may-read"
ENVIRONMENT = {**os.environ, "TEST_COMMUNITY": COMMUNITY, "TEST_TOKEN": TOKEN, "COLUMNS": "200"}
IF_ENTRY = "1.3.6.1.2.1.2.2.1"
IF_X_ENTRY = "1.3.6.1.2.1.31.1.1.1"


def free_ports(count: int) -> list[int]:
    """Ports that nothing listens on; all are held until all are known, so that they differ."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [int(each.getsockname()[1]) for each in sockets]
    finally:
        for each in sockets:
            each.close()


class SnmpAgent(threading.Thread):
    """Answers GET and GETBULK for one interface whose counters grow; silent on another community, as v2c agents are.

    `garbled` makes it answer with bytes that are no SNMP.
    """

    def __init__(self, interface: str = "ge0") -> None:
        super().__init__(daemon=True)
        self.interface = interface
        self.garbled = False
        self.silent = False
        self.asked = 0
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.settimeout(0.2)
        self._ending = threading.Event()
        self.port = int(self._socket.getsockname()[1])
        self._began = time.monotonic()

    def objects(self) -> dict[tuple[int, ...], Any]:
        seconds = time.monotonic() - self._began
        octets = v2c.Counter64(round(1e9 + seconds * 1e6))
        columns = {
            f"{IF_ENTRY}.2.1": v2c.OctetString(self.interface),
            f"{IF_ENTRY}.8.1": v2c.Integer(1),
            f"{IF_X_ENTRY}.1.1": v2c.OctetString(self.interface),
            f"{IF_X_ENTRY}.6.1": octets,
            f"{IF_X_ENTRY}.10.1": octets,
            f"{IF_X_ENTRY}.15.1": v2c.Gauge32(1000),
            "1.3.6.1.2.1.1.3.0": v2c.TimeTicks(round(seconds * 100) + 100_000),
        }
        return {tuple(map(int, name.split("."))): value for name, value in columns.items()}

    def run(self) -> None:
        while not self._ending.is_set():
            with suppress(TimeoutError):
                data, source = self._socket.recvfrom(65_535)
                self.asked += 1
                answer = b"\x30\x82garbled" if self.garbled else self._answer(data)
                if answer and not self.silent:
                    self._socket.sendto(answer, source)
        self._socket.close()

    def _answer(self, data: bytes) -> bytes | None:
        try:
            message, _ = decoder.decode(data, asn1Spec=v2c.Message())
        except PyAsn1Error:
            return None
        if bytes(v2c.apiMessage.get_community(message)) != COMMUNITY.encode():
            return None
        request = v2c.apiMessage.get_pdu(message)
        names = [tuple(name) for name, _ in v2c.apiPDU.get_varbinds(request)]
        known = self.objects()
        if isinstance(request, v2c.GetBulkRequestPDU):
            rows = self._successors(names, known, int(v2c.apiBulkPDU.get_max_repetitions(request)))
        else:
            rows = [(name, known.get(name, v2c.NoSuchInstance(""))) for name in names]
        reply = v2c.apiMessage.get_response(message)
        v2c.apiPDU.set_varbinds(v2c.apiMessage.get_pdu(reply), rows)
        return bytes(encoder.encode(reply))

    @staticmethod
    def _successors(names: list[tuple[int, ...]], known: dict[tuple[int, ...], Any], times: int) -> list[Any]:
        order, rows = sorted(known), []
        for _ in range(times):
            for column, name in enumerate(names):
                place = bisect.bisect_right(order, name)
                names[column] = order[place] if place < len(order) else name
                rows.append((names[column], known[order[place]] if place < len(order) else v2c.EndOfMibView("")))
        return rows

    def end(self) -> None:
        self._ending.set()
        self.join()


@dataclass
class House:
    """One installation's folder; `lineproof` runs a command on it as a person would."""

    folder: Path
    desk: int
    collector: int
    engine: int
    commands: Any
    environment: dict[str, str] = field(default_factory=dict)
    started: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def settings(self) -> Path:
        return self.folder / "lineproof.yaml"

    @property
    def records(self) -> Path:
        return self.folder / "var" / "records.db"

    def configure(self, **changes: Any) -> None:
        """Replace whole sections of the settings; None takes one out."""
        document = {**yaml.safe_load(self.settings.read_text()), **changes}
        document = {name: value for name, value in document.items() if value is not None}
        self.settings.write_text(yaml.safe_dump(document))

    def lineproof(self, *arguments: str, timeout: float = 60) -> subprocess.CompletedProcess[str]:
        """Run `lineproof ARGUMENTS -c SETTINGS` to its end."""
        if arguments[0] == "serve":  # it imports for its children what is safe to fork, and a template more than that
            return subprocess.run(
                self.command(*arguments),
                capture_output=True, text=True, timeout=timeout, check=False, env=self.environment, cwd=self.folder,
            )  # fmt: skip
        words = (*arguments, "-c", str(self.settings))
        done: subprocess.CompletedProcess[str] = self.commands.run(
            *words, folder=self.folder, environment=self.environment, timeout=timeout
        )
        return done

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "service.cli", *arguments, "-c", str(self.settings)]

    def start(self, arguments: list[str], **options: Any) -> subprocess.Popen[bytes]:
        """Start a process that is ended with the test, whatever happens."""
        process = subprocess.Popen(arguments, env={**self.environment, **options.pop("env", {})}, **options)
        self.started.append(process)
        return process

    def end(self) -> None:
        for process in self.started:
            if process.poll() is None:
                process.kill()
            process.wait()
            for stream in (process.stdin, process.stdout, process.stderr):
                if stream is not None:
                    stream.close()

    def measure(self, link: str, start: datetime, minutes: int, *, lossy_from: datetime | None = None) -> None:
        """Probe samples of `minutes` minutes from `start`; a quarter of the packets is lost from `lossy_from` on."""
        time_of = epoch_ms(start) + np.arange(minutes, dtype=np.int64) * 60_000
        lost = np.where(time_of >= epoch_ms(lossy_from), 5.0, 0.0) if lossy_from else np.zeros(minutes)
        fields = {
            "rtt_ms": 12.0 + np.arange(minutes) % 3,
            "jitter_ms": np.full(minutes, 1.0),
            "loss_pct": lost * 5.0,
            "sent": np.full(minutes, 20.0),
            "lost": lost,
        }
        seconds = np.full(minutes, 60, dtype=np.int32)
        batch = SampleBatch(Source.PROBE, [link] * minutes, time_of, seconds, time_of + 60_000, fields)

        async def write() -> None:
            _, store = open_store(StoreSettings(folder=self.folder / "var" / "measurements"), self.folder / "var")
            await store.write(batch)
            await store.close()

        asyncio.run(write())


INVENTORY = {
    "clients": [
        {"id": "acme", "name": "Acme Stores", "timezone": "America/Chicago"},
        {"id": "globex", "name": "Globex", "timezone": "UTC"},
    ],
    "sites": [
        {"id": "store-114", "client": "acme", "aliases": ["114", "Pier"]},
        {"id": "store-207", "client": "acme", "aliases": ["207"]},
        {"id": "store-300", "client": "acme", "aliases": ["300"]},
        {"id": "depot-1", "client": "globex", "aliases": ["Pier"]},
    ],
    "devices": [
        {
            "id": "store-114-rtr",
            "site": "store-114",
            "role": "router",
            "management_address": "127.0.0.1",
            "snmp": {"credential": "stores", "port": 9},
            "command_line": {"credential": "cli", "platform": "cisco_ios"},
        }
    ],
    "links": [
        {
            "id": "store-114-wan1", "site": "store-114", "device": "store-114-rtr", "interface": "ge0",
            "access": "dia", "carrier": "Meridian", "committed_down_bps": "100M", "committed_up_bps": "100M",
            "probe_target": "udp://127.0.0.1:9", "next_hop": "192.0.2.1",
        },
        {
            "id": "store-114-dsl", "site": "store-114", "device": "store-114-rtr", "interface": "ge1",
            "access": "dsl", "role": "secondary", "carrier": "Summit", "committed_down_bps": "50M",
            "committed_up_bps": "10M", "probe_target": "udp://127.0.0.1:9", "next_hop": "198.51.100.1",
        },
        {"id": "store-207-wan1", "site": "store-207", "access": "broadband", "carrier": "Lakes",
         "probe_target": "udp://127.0.0.1:9"},
        {"id": "store-300-wan1", "site": "store-300", "access": "broadband", "carrier": "Prairie",
         "probe_target": "udp://127.0.0.1:9"},
    ],
}  # fmt: skip


@pytest.fixture(scope="session")
def founded(tmp_path_factory: pytest.TempPathFactory, commands: Any) -> Path:
    """A folder as `db upgrade` and `inventory import` leave it; tests work on copies."""
    house = _house(tmp_path_factory.mktemp("founded"), commands)
    (house.folder / "inventory.yaml").write_text(yaml.safe_dump(INVENTORY))
    for arguments in (("db", "upgrade"), ("inventory", "import", str(house.folder / "inventory.yaml"))):
        done = house.lineproof(*arguments)
        assert done.returncode == 0, done.stderr
    return house.folder


@pytest.fixture(scope="session")
def build(founded: Path, commands: Any) -> Iterator[Callable[[Path], House]]:
    """`build(folder)`: another installation; what it starts is ended with the session."""
    built: list[House] = []

    def make(folder: Path) -> House:
        built.append(_house(Path(shutil.copytree(founded, folder)), commands))
        return built[-1]

    yield make
    for each in built:
        each.end()


@pytest.fixture
def house(tmp_path: Path, build: Callable[[Path], House]) -> Iterator[House]:
    made = build(tmp_path / "house")
    yield made
    made.end()


def _house(folder: Path, commands: Any) -> House:
    desk, collector, engine = free_ports(3)
    house = House(folder, desk, collector, engine, commands)
    house.environment = dict(ENVIRONMENT)
    document = {
        "data": "var",
        "snmp": {
            "every": 1, "timeout": 0.3, "retries": 0, "credentials": {"stores": {"community": "env:TEST_COMMUNITY"}},
        },
        "probe": {"enabled": False},
        "listen": {"desk": desk, "collector": collector, "engine": engine},
    }  # fmt: skip
    house.settings.write_text(yaml.safe_dump(document))
    return house


@pytest.fixture(scope="session")
def environment() -> dict[str, str]:
    """Where a process finds the secrets that the settings name."""
    return dict(ENVIRONMENT)


@pytest.fixture
def agent() -> Iterator[SnmpAgent]:
    started = SnmpAgent()
    started.start()
    yield started
    started.end()


@pytest.fixture
def secrets() -> tuple[str, ...]:
    """What must stand in no log and no answer."""
    return (COMMUNITY, TOKEN)


@pytest.fixture
def eventually() -> Callable[..., Any]:
    """`eventually(question, within=10)`: ask until the answer is true, and return it."""

    def ask(question: Callable[[], Any], within: float = 20.0) -> Any:
        deadline = time.monotonic() + within
        while not (answer := question()):
            assert time.monotonic() < deadline, f"not within {within:.0f} s"
            time.sleep(0.1)
        return answer

    return ask


@pytest.fixture(scope="session")
def now() -> datetime:
    """The beginning of the minute in which the tests began."""
    return datetime.now(UTC).replace(second=0, microsecond=0)
