"""Recordings of real devices, served by snmpsim, read by ours; every stated value of ports and radios is compared."""

from __future__ import annotations

import asyncio
import json
import math
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from collector.snmp.agent import Agent, Community
from collector.snmp.ask import Outcome
from collector.snmp.discovery import Discovery, discover
from collector.snmp.gauges import gauge_value
from collector.snmp.poller import SnmpPoller
from collector.snmp.profile_files import load_profiles
from collector.snmp.survey import SURVEY_COLUMNS, Survey, survey
from collector.snmp.walk import look_up
from inventory.model import Access, Link

DATA = Path(__file__).parents[2].parent / "shared" / "data" / "snmprec"

pytestmark = [
    pytest.mark.real,
    pytest.mark.slow,
    pytest.mark.skipif(not DATA.is_dir(), reason="the recordings are not here: ../shared/data/snmprec is absent"),
]

PROFILES = {
    "draytek_vigor2962": "draytek", "edgeos": "ubiquiti-edgeos", "fortigate_60f": "fortigate",
    "fortigate_sdwan": "fortigate", "ios_c3560-slas": "cisco-ios", "ios_ir809": "cisco-ios", "iosxe": "cisco-ios-xe",
    "iosxe_c1100tgx": "cisco-ios-xe", "iosxe_isr4321": "cisco-ios-xe", "junos": "junos", "junos_rpm": "junos",
    "merakimx": "meraki-mx", "netscaler-sdwan": "citrix-sdwan", "oneaccess_lbb350": "oneaccess", "openwrt": "openwrt",
    "opnsense_vm": "opnsense", "panos_440": "palo-alto", "pepwave": "peplink",
    "routeros_ltap-mini": "mikrotik-routeros", "routeros_rb750gr3": "mikrotik-routeros",
    "rutos-2xx_rut240v7": "teltonika", "rutos-rutx_rutx11": "teltonika", "teldat_rs123w-4g": "teldat",
    "velocloud": "velocloud-edge", "viptela_vedge-2000": "viptela-vedge", "vrp_ar169fgwl": "huawei-vrp",
    "zyxelusg_usgflex100": "zyxel-zywall",
}  # fmt: skip
"""What each is. A recording that is not named here is read all the same, and must be told from a generic device."""

RECORDINGS = sorted(path.stem for path in (DATA / "recordings").glob("*.snmprec"))
ENOUGH = 0.95

STATUS = {"up": 1, "down": 2, "testing": 3, "unknown": 4, "dormant": 5, "notPresent": 6, "lowerLayerDown": 7}
DUPLEX = {"unknown": 1, "halfDuplex": 2, "fullDuplex": 3}
PRESENT = {"true": 1, "false": 2}
TYPES = {
    "other": 1, "ethernetCsmacd": 6, "iso88023Csmacd": 7, "propPointToPointSerial": 22, "ppp": 23,
    "softwareLoopback": 24, "propVirtual": 53, "ieee80211": 71, "pppMultilinkBundle": 108, "tunnel": 131, "l2vlan": 135,
    "l3ipvlan": 136, "ipForward": 142, "ieee8023adLag": 161, "bridge": 209, "wwanPP": 243, "wwanPP2": 244,
    "ifPwType": 246, "ilan": 247,
}  # fmt: skip
"""Numbers of IANAifType-MIB."""
LINE_CLASSES = ("loss", "signal", "snr", "delay")
HUAWEI_MODEM = "1.3.6.1.4.1.2011.5.25.241."
COMPLETION_TIME = "1.3.6.1.4.1.9.9.42.1.2.10.1.1"
FIELD_OF = {"rssi": "rssi_dbm", "rsrp": "rsrp_dbm", "rsrq": "rsrq_db", "sinr": "sinr_db", "snr": "sinr_db"}
WIDE = tuple(way + kind for way in ("In", "Out") for kind in ("Octets", "UcastPkts", "MulticastPkts", "BroadcastPkts"))
NUMBERS: Mapping[str, tuple[str, ...]] = {
    **{f"if{counter}": (f"ifHC{counter}", f"if{counter}") for counter in WIDE},
    **{f"if{way}{kind}": (f"if{way}{kind}",) for way in ("In", "Out") for kind in ("NUcastPkts", "Errors", "Discards")},
    **{name: (name,) for name in ("ifInUnknownProtos", "ifLastChange", "ifMtu")},
}
"""Stated numbers, and the columns that hold them, the wide counter first."""


@dataclass
class Tally:
    """What became of the stated values of one recording."""

    compared: int = 0
    wrong: list[str] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)

    def compare(self, what: str, stated: object, read: object) -> None:
        self.compared += 1
        if stated != read:
            self.wrong.append(f"{what}: stated {stated!r}, read {read!r}")

    @property
    def stated(self) -> int:
        return self.compared + self.left_out.total()


def repaired(line: str) -> str:
    """Octets that were masked with letters beyond hexadecimal are read as FF."""
    name, _, rest = line.partition("|")
    tag, _, value = rest.partition("|")
    if not tag.endswith("x"):
        return line
    return f"{name}|{tag}|{re.sub('[^0-9A-Fa-f]', 'F', value.rstrip())}\n"


@pytest.fixture(scope="module")
def responder() -> Iterator[int]:
    """snmpsim on a free port; the community names the recording."""
    folder = Path(tempfile.mkdtemp(prefix="lineproof-snmpsim-"))
    (folder / "data").mkdir()
    (folder / "cache").mkdir()
    for name in RECORDINGS:
        lines = (
            (DATA / "recordings" / f"{name}.snmprec").read_text("utf-8", "surrogateescape").splitlines(keepends=True)
        )
        text = "".join(repaired(line) for line in lines if line.strip())
        (folder / "data" / f"{name}.snmprec").write_text(text, "utf-8", "surrogateescape")
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


@pytest.fixture(scope="module")
def surveys(responder: int) -> dict[str, Survey]:
    """Each recording read once, whole."""

    async def read() -> dict[str, Survey]:
        poller = SnmpPoller(timeout=2.0, retries=3)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            answer = await poller.get(agent(responder, RECORDINGS[0]), ("1.3.6.1.2.1.1.2.0",))
            if answer.outcome is Outcome.OK:
                break
        profiles = load_profiles()
        surveyed = {name: await survey(poller, agent(responder, name), profiles) for name in RECORDINGS}
        poller.close()
        return surveyed

    return asyncio.run(read())


def agent(port: int, recording: str) -> Agent:
    return Agent("127.0.0.1", port, Community(recording.encode()))


def expected(name: str, module: str) -> dict[str, list[dict[str, Any]]]:
    """What was polled, over what was discovered; nothing where the module, or the file, is absent."""
    path = DATA / "expected" / f"{name}.json"
    stated = json.loads(path.read_text()).get(module) if path.exists() else None
    if not stated:
        return {}
    return stated["poller"] if isinstance(stated["poller"], dict) else stated["discovery"]


def held(name: str) -> dict[str, str]:
    """The recording's own text by OID."""
    lines = (DATA / "recordings" / f"{name}.snmprec").read_text("utf-8", "surrogateescape").splitlines()
    return {parts[0].lstrip("."): parts[2] for line in lines if len(parts := line.split("|", 2)) == 3}


@pytest.mark.parametrize("name", RECORDINGS)
def test_a_recording_is_read_without_error_by_its_makes_profile(name: str, surveys: dict[str, Survey]) -> None:
    seen = surveys[name]
    assert (seen.answer.outcome, seen.notes) == (Outcome.OK, ()), seen.answer.detail
    assert seen.profile is not None
    if name in PROFILES:
        assert seen.profile.name == PROFILES[name]
    else:
        assert seen.profile.name not in ("if-mib", "net-snmp")


NO_SUCH_OBJECT = "the recording holds no such object; a zero fills the place"
NOT_IN_IF_MIB = "a port of another MIB, not of IF-MIB"
OF_ANOTHER_MIB = "read from another MIB: the VLAN of a bridge's port"
AGAINST_ITS_RECORDING = "not what the recording holds, and what the recording holds is read"
UNKNOWN_KIND = "a kind of interface whose number this test does not know"
REASONS = {NO_SUCH_OBJECT, NOT_IN_IF_MIB, OF_ANOTHER_MIB, AGAINST_ITS_RECORDING, UNKNOWN_KIND}
"""Why a stated value may be left out; nothing is left out without one of these."""
COMPARED = (
    "ifName", "ifDescr", "ifAlias", "ifType", "ifSpeed", "ifPhysAddress", "ifOperStatus", "ifAdminStatus", "ifDuplex",
    "ifConnectorPresent", *NUMBERS,
)  # fmt: skip
"""All of a port's columns but LibreNMS's own bookkeeping and the VLAN."""


def compare_ports(name: str, seen: Survey, tally: Tally) -> None:
    recording = held(name)
    for port in expected(name, "ports").get("ports", []):
        columns = seen.interfaces.get(port["ifIndex"])
        if columns is None:
            on_it = [
                oid for oid in recording if oid.startswith("1.3.6.1.2.1.2.2.1.") and oid.endswith(f".{port['ifIndex']}")
            ]
            assert not on_it, f"{name}: interface {port['ifIndex']} is in the recording and was not read"
            tally.left_out[NOT_IN_IF_MIB] += sum(port[key] is not None for key in COMPARED)
            continue
        _compare_names(port, columns, tally)
        _compare_states(port, columns, tally)
        for stated, possible in NUMBERS.items():
            if port.get(stated) is not None:
                _compare_number(recording, port, stated, possible, columns, tally)
        tally.left_out[OF_ANOTHER_MIB] += bool(port["ifVlan"]) + bool(port["ifTrunk"])


def _compare_names(port: Mapping[str, Any], columns: Mapping[str, int | str], tally: Tally) -> None:
    """Where an agent gives an interface no name or alias, what it does give stands in for it."""
    given = {key: str(columns.get(key, "")).strip('"') for key in ("ifName", "ifDescr", "ifAlias")}
    name = given["ifName"] or given["ifDescr"]
    description = given["ifDescr"] or given["ifName"]
    at = f"interface {port['ifIndex']}"
    for key, read in (("ifName", name), ("ifDescr", description), ("ifAlias", given["ifAlias"] or description)):
        if port[key] is not None:
            tally.compare(f"{at} {key}", port[key], read)


def _compare_states(port: Mapping[str, Any], columns: Mapping[str, int | str], tally: Tally) -> None:
    states = [key for key in ("ifOperStatus", "ifAdminStatus") if port[key]]
    stated: list[tuple[str, object, object]] = [(key, STATUS[port[key]], columns.get(key)) for key in states]
    if port["ifDuplex"]:
        duplex = DUPLEX.get(port["ifDuplex"], port["ifDuplex"])
        stated.append(("ifDuplex", str(duplex), str(columns.get("dot3StatsDuplexStatus"))))
    if port["ifConnectorPresent"]:
        stated.append(("ifConnectorPresent", PRESENT[port["ifConnectorPresent"]], columns.get("ifConnectorPresent")))
    kind = str(port["ifType"] or "")
    if kind.isdigit() or kind in TYPES:
        stated.append(("ifType", TYPES.get(kind) or int(kind), columns.get("ifType")))
    elif kind:
        tally.left_out[UNKNOWN_KIND] += 1
    if port["ifPhysAddress"]:
        read = str(columns.get("ifPhysAddress", "")).replace(":", "")
        stated.append(("ifPhysAddress", port["ifPhysAddress"], read))
    if port["ifSpeed"] is not None:
        high = columns.get("ifHighSpeed")
        speed = high * 1_000_000 if isinstance(high, int) and high else columns.get("ifSpeed")
        stated.append(("ifSpeed", port["ifSpeed"], speed))
    for what, should, does in stated:
        tally.compare(f"interface {port['ifIndex']} {what}", should, does)


def _compare_number(
    recording: Mapping[str, str], port: Mapping[str, Any], stated: str, possible: tuple[str, ...],
    columns: Mapping[str, int | str], tally: Tally,
) -> None:  # fmt: skip
    index = port["ifIndex"]
    read = [columns[column] for column in possible if column in columns]
    recorded = [recording.get(f"{SURVEY_COLUMNS[column].oid}.{index}") for column in possible]
    if not read and port[stated] == 0 and not any(recorded):
        tally.left_out[NO_SUCH_OBJECT] += 1
    elif read and read[0] != port[stated] and str(port[stated]) not in recorded and str(read[0]) in recorded:
        tally.left_out[AGAINST_ITS_RECORDING] += 1
    else:
        tally.compare(f"interface {index} {stated}", port[stated], read[0] if read else None)


def compare_sensors(name: str, seen: Survey, tally: Tally) -> None:
    """Radios, and what a line's own probes say: by OID."""
    read = {value.oid: value for value in seen.all_values()}
    for sensor in expected(name, "wireless").get("wireless_sensors", []):
        oid = json.loads(sensor["sensor_oids"])[0].lstrip(".")
        what = f"{sensor['sensor_class']} {sensor['sensor_descr']}"
        _compare_sensor(what, oid, sensor["sensor_current"], read, tally)
    for sensor in expected(name, "sensors").get("sensors", []):
        oid = sensor["sensor_oid"].lstrip(".")
        if oid not in read:  # jnxRpmResSumPercentLost is stated without its column
            oid = oid.replace("2636.3.50.1.2.1.", "2636.3.50.1.2.1.4.")
        if sensor["sensor_class"] in LINE_CLASSES or (sensor["sensor_class"] == "dbm" and oid.startswith(HUAWEI_MODEM)):
            what = f"{sensor['sensor_class']} {sensor['sensor_descr']}"
            _compare_sensor(what, oid, sensor["sensor_current"], read, tally)
    for sla in expected(name, "slas").get("slas", []):
        if sla["rtt"] is not None:
            _compare_sensor(f"IP SLA {sla['sla_nr']}", f"{COMPLETION_TIME}.{sla['sla_nr']}", sla["rtt"], read, tally)


def _compare_sensor(what: str, oid: str, stated: float, read: Mapping[str, Any], tally: Tally) -> None:
    value = read[oid].value if oid in read else None
    if value is None and oid in read and stated == 0:
        value = float(read[oid].raw)  # "not measured" is a zero there
    tally.compare(what, float(stated), None if value is None else float(value))


def test_nineteen_of_twenty_stated_values_are_read_and_equal(surveys: dict[str, Survey]) -> None:
    tallies: dict[str, Tally] = {}
    for name in RECORDINGS:
        tallies[name] = Tally()
        compare_ports(name, surveys[name], tallies[name])
        compare_sensors(name, surveys[name], tallies[name])
    print(f"\n{'recording':24}{'stated':>8}{'compared':>10}{'wrong':>7}  left out")
    for name, tally in tallies.items():
        reasons = "; ".join(f"{count} {reason}" for reason, count in tally.left_out.items() if count)
        print(f"{name:24}{tally.stated:8}{tally.compared:10}{len(tally.wrong):7}  {reasons}")
    assert [f"{name}: {wrong}" for name, tally in tallies.items() for wrong in tally.wrong] == []
    assert {reason for tally in tallies.values() for reason, count in tally.left_out.items() if count} <= REASONS
    held_by_a_recording = sum(tally.stated - tally.left_out[NO_SUCH_OBJECT] for tally in tallies.values())
    assert sum(tally.compared for tally in tallies.values()) >= ENOUGH * held_by_a_recording


def interface_of(port: Mapping[str, Any], ports: list[dict[str, Any]]) -> str:
    """The name by which an inventory would call it; the index where the name is borne by several."""
    alike = [other for other in ports if str(other["ifName"]).casefold() == str(port["ifName"]).casefold()]
    return str(port["ifName"]) if len(alike) == 1 and port["ifName"] else f"ifIndex:{port['ifIndex']}"


@pytest.mark.parametrize("name", RECORDINGS)
async def test_every_stated_port_is_found_by_its_name(name: str, responder: int, surveys: dict[str, Survey]) -> None:
    ports = [port for port in expected(name, "ports").get("ports", []) if port["ifIndex"] in surveys[name].interfaces]
    links = [Link(id=str(port["ifIndex"]), site="s", interface=interface_of(port, ports)) for port in ports]
    found = await found_for(responder, name, links)
    assert found.missing == ()
    assert {link: row.index for link, row in found.rows.items()} == {link.id: int(link.id) for link in links}


async def found_for(port: int, recording: str, links: list[Link]) -> Discovery:
    poller = SnmpPoller(timeout=2.0, retries=3)
    try:
        found = await discover(poller, agent(port, recording), links, load_profiles())
    finally:
        poller.close()
    assert found.answer.outcome is Outcome.OK, found.answer.detail
    return found


@pytest.mark.parametrize(
    ("name", "interface", "index"),
    [
        ("ios_ir809", "Cellular0", "14"),
        ("iosxe_c1100tgx", "Ce0/3/0", "7024"),
        ("routeros_ltap-mini", "lte1", "3"),
        ("rutos-rutx_rutx11", "qmimux0", "1"),
        ("teldat_rs123w-4g", "cellular1/0", "6"),
        ("teldat_rs123w-4g", "cellular1/1", "7"),
    ],
)
async def test_a_cellular_links_signal_is_that_of_its_modem(
    name: str, interface: str, index: str, responder: int, surveys: dict[str, Survey]
) -> None:
    sensors = expected(name, "wireless")["wireless_sensors"]
    stated = {
        FIELD_OF[sensor["sensor_class"]]: float(sensor["sensor_current"])
        for sensor in sensors
        if sensor["sensor_class"] in FIELD_OF and sensor["sensor_index"] == index
    }
    link = Link(id="lte", site="s", interface=interface, access=Access.LTE)
    assert stated
    assert await read_now(responder, name, link) == stated


async def test_one_of_several_modems_is_told_by_the_name_of_its_wan(responder: int, surveys: dict[str, Survey]) -> None:
    link = Link(id="lte", site="s", interface="Cellular 2", access=Access.LTE)
    assert await read_now(responder, "pepwave", link) == {"rssi_dbm": -58.0}


async def test_a_wired_link_has_no_signal(responder: int, surveys: dict[str, Survey]) -> None:
    link = Link(id="dsl", site="s", interface="cellular1/0", access=Access.DSL)
    assert await read_now(responder, "teldat_rs123w-4g", link) == {}


async def test_a_health_check_speaks_for_the_line_that_it_runs_over(responder: int, surveys: dict[str, Survey]) -> None:
    recording = held("fortigate_sdwan")
    health = "1.3.6.1.4.1.12356.101.4.9.2.1"
    row = next(
        oid.rpartition(".")[2] for oid, text in recording.items() if oid.startswith(f"{health}.14.") and text == "wan2"
    )
    stated = {
        field: float(recording[f"{health}.{column}.{row}"])
        for column, field in ((5, "rtt_ms"), (6, "jitter_ms"), (9, "loss_pct"))
    }
    assert await read_now(responder, "fortigate_sdwan", Link(id="b", site="s", interface="wan2")) == stated


async def test_an_ip_sla_is_no_measurement_because_it_shows_its_last_success_for_ever(
    responder: int, surveys: dict[str, Survey]
) -> None:
    sla = expected("ios_c3560-slas", "slas")["slas"][0]
    link = Link(id="a", site="s", interface="Gi0/1", probe_target=f"icmp://{sla['tag']}")
    assert await read_now(responder, "ios_c3560-slas", link) == {}
    shown = {value.oid: value.value for value in surveys["ios_c3560-slas"].all_values()}
    assert shown[f"{COMPLETION_TIME}.{sla['sla_nr']}"] == float(sla["rtt"])


async def read_now(port: int, recording: str, link: Link) -> dict[str, float]:
    """The fields of a link's gauges, as they are now."""
    found = await found_for(port, recording, [link])
    poller = SnmpPoller(timeout=2.0, retries=3)
    gauges = found.gauges.get(link.id, ())
    known = await look_up(poller, agent(port, recording), [gauge.oid for gauge in gauges])
    poller.close()
    values = {gauge.field: gauge_value(gauge, known.values[gauge.oid]) for gauge in gauges}
    return {name: value for name, value in values.items() if not math.isnan(value)}
