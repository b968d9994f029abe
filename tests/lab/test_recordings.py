"""Recordings of real devices, served by snmpsim and polled by ours; every stated port value is compared."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from collector.model import Fact, SampleBatch
from collector.settings import SnmpSettings
from collector.snmp.agent import Agent, Community
from collector.snmp.ask import Outcome
from collector.snmp.interfaces import Column
from collector.snmp.poller import SnmpPoller
from collector.snmp.report import PollOutcome
from collector.snmp.watch import SnmpWatch
from config.clock import SystemClock
from inventory.model import Device, DeviceRole, Inventory, Link, Site, SnmpAccess

DATA = Path(__file__).parents[2].parent / "shared" / "data" / "snmprec"
RECORDINGS = (
    "draytek_vigor2962",
    "edgeos",
    "fortigate_60f",
    "iosxe_c1100tgx",
    "iosxe_isr4321",
    "junos_rpm",
    "oneaccess_lbb350",
    "openwrt",
    "panos_440",
    "pepwave",
    "routeros_rb750gr3",
    "rutos-2xx_rut240v7",
    "rutos-rutx_rutx11",
    "teldat_rs123w-4g",
    "velocloud",
    "viptela_vedge-2000",
    "zyxelusg_usgflex100",
)
"""Those whose expected file states values of IF-MIB ports."""

pytestmark = [
    pytest.mark.real,
    pytest.mark.slow,
    pytest.mark.skipif(not DATA.is_dir(), reason="the recordings are not here: ../shared/data/snmprec is absent"),
]

STATUS = {"up": 1, "down": 2, "testing": 3, "unknown": 4, "dormant": 5, "notPresent": 6, "lowerLayerDown": 7}
COUNTERS = {
    "ifInOctets": (Column.IF_HC_IN_OCTETS, Column.IF_IN_OCTETS),
    "ifOutOctets": (Column.IF_HC_OUT_OCTETS, Column.IF_OUT_OCTETS),
    "ifInErrors": (Column.IF_IN_ERRORS,),
    "ifOutErrors": (Column.IF_OUT_ERRORS,),
    "ifInDiscards": (Column.IF_IN_DISCARDS,),
    "ifOutDiscards": (Column.IF_OUT_DISCARDS,),
    "ifLastChange": (Column.IF_LAST_CHANGE,),
}


class Nowhere:
    async def samples(self, batch: SampleBatch) -> None: ...

    async def facts(self, facts: Sequence[Fact]) -> None: ...


@pytest.fixture(scope="module")
def responder() -> Iterator[int]:
    """snmpsim on a free port; the community names the recording."""
    folder = Path(tempfile.mkdtemp(prefix="lineproof-snmpsim-"))
    (folder / "data").mkdir()
    (folder / "cache").mkdir()
    for name in RECORDINGS:
        shutil.copy(DATA / "recordings" / f"{name}.snmprec", folder / "data")
    for path in (folder, folder / "data", *(folder / "data").iterdir()):
        path.chmod(0o755)
    (folder / "cache").chmod(0o777)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [
        sys.executable, str(Path(__file__).with_name("snmpsim_launcher.py")), f"--data-dir={folder / 'data'}",
        f"--cache-dir={folder / 'cache'}", f"--agent-udpv4-endpoint=127.0.0.1:{port}", "--log-level=error",
        *(["--process-user=nobody", "--process-group=nogroup"] if os.geteuid() == 0 else []),
    ]  # fmt: skip
    with (folder / "log").open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, cwd=folder)
    yield port
    process.terminate()
    process.wait(10)
    shutil.rmtree(folder)


@pytest.fixture
async def poller(responder: int) -> AsyncIterator[SnmpPoller]:
    poller = SnmpPoller(timeout=2.0, retries=3)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        answer = await poller.get(
            Agent("127.0.0.1", responder, Community(RECORDINGS[0].encode())), ("1.3.6.1.2.1.1.3.0",)
        )
        if answer.outcome is Outcome.OK:
            break
    yield poller
    poller.close()


def expected_ports(name: str) -> list[dict[str, Any]]:
    """Ports as stated: what the poller found, over what discovery found."""
    stated = json.loads((DATA / "expected" / f"{name}.json").read_text())["ports"]
    polled = stated["poller"] if isinstance(stated["poller"], dict) else stated["discovery"]
    return [port for port in polled["ports"] if not port["deleted"] and not port["disabled"]]


def interface_of(port: Mapping[str, Any], ports: Sequence[Mapping[str, Any]]) -> str:
    """The name by which an inventory would call it; the index where the name is borne by several."""
    alike = [other for other in ports if str(other["ifName"]).casefold() == str(port["ifName"]).casefold()]
    return str(port["ifName"]) if len(alike) == 1 and port["ifName"] else f"ifIndex:{port['ifIndex']}"


def differences(port: Mapping[str, Any], values: Mapping[Column, int]) -> tuple[int, list[str]]:
    """How many stated values were compared, and those that differ."""
    pairs: list[tuple[str, int, int | None]] = []
    if port["ifOperStatus"]:
        pairs.append(("ifOperStatus", STATUS[port["ifOperStatus"]], values.get(Column.IF_OPER_STATUS)))
    if port["ifSpeed"]:
        high = values.get(Column.IF_HIGH_SPEED, 0) * 1_000_000
        pairs.append(("ifSpeed", port["ifSpeed"], high or values.get(Column.IF_SPEED)))
    for name, columns in COUNTERS.items():
        if port.get(name):  # zero also stands for "was not there"
            read = [values[column] for column in columns if column in values]
            pairs.append((name, port[name], read[0] if read else None))
    wrong = [f"{port['ifName']} {name}: stated {stated}, read {read}" for name, stated, read in pairs if stated != read]
    return len(pairs), wrong


@pytest.mark.parametrize("name", RECORDINGS)
async def test_every_stated_port_value_is_read(name: str, responder: int, poller: SnmpPoller) -> None:
    ports = expected_ports(name)
    device = Device(
        id=name,
        site="s",
        role=DeviceRole.ROUTER,
        management_address="127.0.0.1",
        snmp=SnmpAccess(credential="lab", port=responder),
    )
    links = [
        Link(id=str(port["ifIndex"]), site="s", device=name, interface=interface_of(port, ports)) for port in ports
    ]
    settings = SnmpSettings.model_validate({"credentials": {"lab": {"community": name}}})
    inventory = Inventory.of(sites=[Site(id="s", client="c")], devices=[device], links=links)
    watch = SnmpWatch(inventory, settings, SystemClock(), Nowhere(), poller)
    report = await watch.poll_device(device)
    assert (report.outcome, report.missing) == (PollOutcome.OK, ()), report.message
    assert {link: row.index for link, row in report.rows.items()} == {link: int(link) for link in report.rows}
    compared, wrong = 0, []
    for port in ports:
        more, differing = differences(port, report.readings[str(port["ifIndex"])].values)
        compared += more
        wrong += differing
    print(f"{name}: {len(ports)} ports, {compared} stated values compared, {len(wrong)} differ")
    assert wrong == []
    assert compared >= len(ports)
