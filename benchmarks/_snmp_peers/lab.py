"""Agents, peers and clients on loopback, each a process of its own: agents on the last core, what is measured on the
first. All of them end with the `Lab`. What this machine lacks is in `missing`, and said in the table."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from _snmp_peers import fleet

HERE = Path(__file__).parent
V3_DEVICES = 50
TEXTS = {
    f"{fleet.IF_X_ENTRY}.1": "DisplayString", f"{fleet.IF_X_ENTRY}.18": "DisplayString",
    f"{fleet.IF_ENTRY}.2": "DisplayString", f"{fleet.IF_ENTRY}.6": "PhysAddress48",
}  # fmt: skip
LONGEST_RUN = 300


class WrongValuesError(Exception):
    """A client got values that the agents did not give: its speed means nothing."""


class Lab:
    """Build it with `with`."""

    def __init__(self) -> None:
        self.missing: dict[str, str] = {}
        self.exporter_process = 0
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Lab:
        self.folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="snmp-bench-")))
        for module, package in (("gufo.snmp", "gufo-snmp"), ("pysnmp", "pysnmp")):
            if not _importable(module):
                self.missing[package] = f"pip install {package}"
        for command, package in (("prometheus-snmp-exporter", "prometheus-snmp-exporter"), ("snmpd", "snmpd")):
            if shutil.which(command) is None:
                self.missing[command] = f"Debian: {package}"
        if shutil.which("cc") is None:
            self.missing["cc"] = "a C compiler for the agents and the floor; Debian: gcc"
        else:
            for name in ("responder", "floor"):
                subprocess.run(["cc", "-O2", "-o", str(self.folder / name), str(HERE / f"{name}.c")], check=True)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def responder(self, *options: str) -> Responder:
        """A fleet on a port of its own; the options are responder.c's."""
        port = free_port()
        process = self._started([str(self.folder / "responder"), *options, str(port)], stdout=subprocess.PIPE)
        assert process.stdout is not None
        process.stdout.readline()
        return Responder(port, process)

    def snmpd(self) -> int:
        """The port of net-snmp's agent on the first `V3_DEVICES` addresses, v2c and v3."""
        port = free_port()
        addresses = ",".join(f"udp:{fleet.address(number)}:{port}" for number in range(V3_DEVICES))
        configuration = self.folder / "snmpd.conf"
        configuration.write_text(
            f"agentaddress {addresses}\nrocommunity {fleet.COMMUNITY}\nrouser {fleet.USER} authpriv\n"
            f'createUser {fleet.USER} SHA "{fleet.AUTH_PASSWORD}" AES "{fleet.PRIV_PASSWORD}"\n'
        )
        command = ["snmpd", "-f", "-Lf", str(self.folder / "snmpd.log"), "-C", "-c", str(configuration)]
        self._started(command, SNMP_PERSISTENT_DIR=str(self.folder))
        until(lambda: self.reference(port) is not None, "snmpd answers")
        return port

    def reference(self, port: int) -> str | None:
        """What snmpd says now to `fleet.SNMPD_OIDS`, asked by net-snmp's own client where it is there."""
        names = fleet.SNMPD_OIDS
        command = ["snmpget", "-v2c", "-c", fleet.COMMUNITY, "-m", "", "-Oqvt", f"{fleet.address(0)}:{port}", *names]
        asked = subprocess.run(command, capture_output=True, text=True, check=False)
        return ",".join(asked.stdout.split()) if asked.returncode == 0 else None

    def exporter(self, more: dict[str, Sequence[str]]) -> int:
        """The port of prometheus-snmp-exporter; `more` are modules that GET these objects."""
        port = free_port()
        full = [f"{fleet.IF_ENTRY}.{n}" for n in range(1, 22)] + [f"{fleet.IF_X_ENTRY}.{n}" for n in range(1, 20)]
        modules = {
            "wan": _module("get", fleet.WAN_OIDS, _columns(fleet.WAN_OIDS)),
            "table": _module("walk", fleet.TABLE_COLUMNS, fleet.TABLE_COLUMNS),
            "if_mib": _module("walk", (fleet.IF_ENTRY, fleet.IF_X_ENTRY), full),
            **{name: _module("get", oids, _columns(oids)) for name, oids in more.items()},
        }
        configuration = self.folder / "exporter.yml"
        configuration.write_text(json.dumps(modules))  # JSON is YAML
        command = ["prometheus-snmp-exporter", f"--config.file={configuration}", "--log.level=error"]
        process = self._started([*command, f"--web.listen-address=127.0.0.1:{port}"], core=0, GOMAXPROCS="1")
        self.exporter_process = process.pid
        until(lambda: _connects(port), "the exporter listens")
        return port

    def client(self, script: str, what: str, *, core: int = 0, pure: bool = False, **options: object) -> dict[str, Any]:
        """What one client measured. Raises WrongValuesError."""
        words = [f"--{name.replace('_', '-')}={value}" for name, value in options.items()]
        environment = os.environ | ({"LINEPROOF_PURE": "1"} if pure else {})
        return _ran([sys.executable, str(HERE / script), what, *words], core, environment)

    def floor(self, port: int, polls: int, in_flight: int, devices: int) -> dict[str, Any]:
        datagram, place = fleet.request(fleet.WAN_OIDS)
        numbers = (port, polls, in_flight, devices, fleet.FIRST, datagram.hex(), place, _answer_place(port, datagram))
        return _ran([str(self.folder / "floor"), *map(str, numbers)], 0, dict(os.environ))

    def _started(
        self, command: Sequence[str], core: int = -1, stdout: int = subprocess.DEVNULL, **environment: str
    ) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            command, stdout=stdout, stderr=subprocess.DEVNULL, env=os.environ | environment, preexec_fn=_pinned(core)
        )
        self._stack.callback(process.wait)
        self._stack.callback(process.terminate)
        return process


class Responder:
    def __init__(self, port: int, process: subprocess.Popen[bytes]) -> None:
        self.port = port
        self._process = process

    def asked(self) -> dict[str, Any]:
        """Datagrams so far, and the names of the last GET of more than one."""
        assert self._process.stdout is not None
        self._process.send_signal(signal.SIGUSR1)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as waker:  # it looks between two datagrams
            waker.sendto(b"", ("127.0.0.1", self.port))
        return dict(json.loads(self._process.stdout.readline()))


def _ran(command: Sequence[str], core: int, environment: dict[str, str]) -> dict[str, Any]:
    done = subprocess.run(
        command, capture_output=True, text=True, env=environment, preexec_fn=_pinned(core), timeout=LONGEST_RUN
    )
    name = Path(command[1] if command[0] == sys.executable else command[0]).name
    if done.returncode:
        raise RuntimeError(f"{name} failed: {done.stderr[-2000:]}")
    figures = dict(json.loads(done.stdout.splitlines()[-1]))
    if figures["wrong"] or not figures["polls"] + figures["failed"]:
        raise WrongValuesError(f"{name}: {figures} {done.stderr[-500:]}")
    return figures


def _pinned(core: int) -> Callable[[], None]:
    cores = sorted(os.sched_getaffinity(0))
    return lambda: os.sched_setaffinity(0, {cores[core]})


def _importable(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("0.0.0.0", 0))
        return int(free.getsockname()[1])


def until(condition: Callable[[], bool], what: str, seconds: float = 10.0) -> None:
    ends = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > ends:
            raise TimeoutError(f"not within {seconds:.0f} s: {what}")
        time.sleep(0.05)


def _connects(port: int) -> bool:
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


def _answer_place(port: int, datagram: bytes) -> int:
    """Where the request id is in this agent's answers."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(5)
        sock.sendto(datagram, (fleet.address(0), port))
        return sock.recv(2048).index(b"\x02\x04\x40\x00\x00\x00") + 2


def _columns(oids: Sequence[str]) -> Iterator[str]:
    return iter(dict.fromkeys(oid.rsplit(".", 1)[0] for oid in oids))


def _module(how: str, oids: Sequence[str], columns: Sequence[str] | Iterator[str]) -> dict[str, Any]:
    """A module of the exporter's configuration (version 0.21)."""
    metrics = [
        {
            "name": "m_" + column.replace(".", "_"),
            "oid": column,
            "type": TEXTS.get(column, "gauge"),
            "help": "-",
            "indexes": [] if column.startswith("1.3.6.1.2.1.1.") else [{"labelname": "ifIndex", "type": "gauge"}],
        }
        for column in columns
    ]
    return {how: list(oids), "metrics": metrics, "version": 2, "max_repetitions": 25, "retries": 1, "timeout": "2s",
            "auth": {"community": fleet.COMMUNITY}}  # fmt: skip
