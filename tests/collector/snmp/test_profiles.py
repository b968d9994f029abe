"""Which profile a device gets, and what a person who writes one is told. The descriptions are the makes' own."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from collector.model import FIELDS
from collector.snmp.profile_files import SHIPPED, load_profiles
from collector.snmp.profiles import By, Profile, Profiles, Rule, System, of
from config.errors import ConfigurationError, Fault

NET_SNMP = "1.3.6.1.4.1.8072.3.2.10"
LINUX = "Linux gateway 5.4.229 #0 SMP armv7l"


@pytest.mark.parametrize(
    ("object_id", "description", "profile"),
    [
        (
            "1.3.6.1.4.1.9.1.2105",
            "Cisco IOS Software, ir800 Software, Version 15.8(3)M4, RELEASE SOFTWARE",
            "cisco-ios",
        ),
        ("1.3.6.1.4.1.9.1.1", "Cisco Internetwork Operating System Software IOS (tm)", "cisco-ios"),
        ("1.3.6.1.4.1.9.1.2093", "Cisco IOS Software [Bengaluru], ISR Software (X86_64_LINUX_IOSD-K9)", "cisco-ios-xe"),
        ("1.3.6.1.4.1.9.1.3004", "Cisco IOS Software [IOSXE], IR1101 Software\r\nTechnical Support", "cisco-ios-xe"),
        ("1.3.6.1.4.1.9.1.1745", "Cisco IOS Software, IOS-XE Software, Catalyst L3 Switch Software", "cisco-ios-xe"),
        ("1.3.6.1.4.1.9.1.1902", "Cisco Adaptive Security Appliance Version 9.8(2)", "if-mib"),
        ("1.3.6.1.4.1.12356.101.1.641", "", "fortigate"),
        ("1.3.6.1.4.1.12356.106.1.1081", "FortiSwitch-108E", "if-mib"),
        ("1.3.6.1.4.1.2636.1.1.1.2.41", "Juniper Networks, Inc. srx100h2 internet router", "junos"),
        ("1.3.6.1.4.1.41916.3.2.5", "Viptela SNMP agent", "viptela-vedge"),
        ("1.3.6.1.4.1.14988.1", "RouterOS RB912R-2nD", "mikrotik-routeros"),
        (NET_SNMP, "VeloCloud EDGE610", "velocloud-edge"),
        ("1.3.6.1.4.1.45346.1.1", "", "velocloud-edge"),
        (NET_SNMP, "Linux OpenWrt 5.4.137 #0 SMP armv7l", "openwrt"),
        (NET_SNMP, "USG FLEX 100H", "zyxel-zywall"),
        (NET_SNMP, LINUX, "net-snmp"),
        ("1.3.6.1.4.1.41112.1.5", "EdgeOS v2.0.9", "ubiquiti-edgeos"),
        ("1.3.6.1.4.1.27662", "Pepwave MAX HD4", "peplink"),
        ("1.3.6.1.4.1.23695", "Peplink Balance 20X", "peplink"),
        ("1.3.6.1.4.1.7367", "DrayTek Corporation, Router Model: Vigor2962", "draytek"),
        ("1.3.6.1.4.1.25461.2.3.54", "Palo Alto Networks PA-400 series firewall", "palo-alto"),
        ("1.3.6.1.4.1.2007.1.1.236", "Router model RS123w-4G", "teldat"),
        ("1.3.6.1.4.1.2011.2.224.133", "Huawei AR169FGW-L Huawei Versatile Routing Platform", "huawei-vrp"),
        ("1.3.6.1.4.1.13191.1.1.350", "OneOS-pCPE", "oneaccess"),
        ("1.3.6.1.4.1.3845.31.4", "Citrix Virtual WAN Appliance", "citrix-sdwan"),
        ("1.3.6.1.4.1.8072.3.2.8", "FreeBSD fw 12.1-RELEASE-p19-HBSD", "opnsense"),
        ("1.3.6.1.4.1.29671.2.111", "Meraki MX65W Cloud Managed Router", "meraki-mx"),
        ("1.3.6.1.4.1.99999.1", "something else", "if-mib"),
        ("", "", "if-mib"),
    ],
)
def test_a_device_is_told_by_its_object_id_and_description(object_id: str, description: str, profile: str) -> None:
    assert load_profiles().choose(System(object_id=object_id, description=description)).name == profile


@pytest.mark.parametrize(
    ("firmware", "profile"),
    [
        ({"1.3.6.1.4.1.48690.1.6.0": "RUTX_R_00.07.00"}, "teltonika"),
        ({"1.3.6.1.4.1.48690.2.14.0": "RUT9XX_R_00.05.01"}, "teltonika-legacy"),
        ({"1.3.6.1.4.1.45346.1.1.2.3.2.1.0": "2"}, "velocloud-edge"),
        ({"1.3.6.1.4.1.48690.1.6.0": "something else"}, "net-snmp"),
        ({}, "net-snmp"),
    ],
)
def test_what_looks_like_any_linux_is_told_by_what_it_answers(firmware: dict[str, str], profile: str) -> None:
    system = System(object_id=NET_SNMP, description=LINUX)
    assert set(firmware) <= set(load_profiles().questions(system))
    assert load_profiles().choose(system, firmware).name == profile


def test_nothing_more_is_asked_of_a_device_that_is_told_by_its_object_id() -> None:
    assert load_profiles().questions(System(object_id="1.3.6.1.4.1.14988.1")) == ()


def named(name: str, *rules: Rule) -> Profile:
    return Profile(name=name, rules=rules)


def chosen(*profiles: Profile, object_id: str = "1.3.6.1.4.1.9.1", description: str = "Linux") -> str:
    system = System(object_id=object_id, description=description)
    return of([Profile(name="if-mib", rules=(Rule(),)), *profiles]).choose(system, {"1.3.1.0": "7"}).name


def test_the_most_specific_rule_wins() -> None:
    by_object = named("a", Rule(object_id="1.3.6.1.4.1.9"))
    by_longer_object = named("b", Rule(object_id="1.3.6.1.4.1.9.1"))
    by_description = named("c", Rule(description=re.compile("Linux")))
    by_answer = named("d", Rule(answers=(("1.3.1.0", re.compile("7")),)))
    assert chosen(by_object) == "a"
    assert chosen(by_object, by_longer_object) == "b"
    assert chosen(by_object, by_longer_object, by_description) == "c"
    assert chosen(by_object, by_longer_object, by_description, by_answer) == "d"


def test_an_object_id_is_compared_number_by_number() -> None:
    assert chosen(named("a", Rule(object_id="1.3.6.1.4.1.9")), object_id="1.3.6.1.4.1.99.1") == "if-mib"


def test_every_condition_of_a_rule_must_hold() -> None:
    rule = Rule(object_id="1.3.6.1.4.1.9", description=re.compile("Windows"))
    assert chosen(named("a", rule)) == "if-mib"


SHIPPED_FILES = sorted(SHIPPED.glob("*.yaml"))


@pytest.mark.parametrize("path", SHIPPED_FILES, ids=lambda path: path.stem)
def test_a_shipped_profile_says_at_its_head_where_its_objects_come_from(path: Path) -> None:
    head = [line for line in path.read_text().splitlines() if line.startswith("#")]
    assert re.search(r"\w-MIB|RFC \d+|VIPTELA-|PEPLINK-", " ".join(head))
    assert path.stem in load_profiles().by_name


def test_shipped_profiles_store_what_the_model_has_in_its_own_units() -> None:
    specs = [spec for each in load_profiles().by_name.values() for table in each.tables for spec in table.values]
    stored = [spec for spec in specs if spec.field]
    assert stored
    assert all(spec.unit == FIELDS[str(spec.field)] for spec in stored)
    assert all(spec.lowest > float("-inf") and spec.highest < float("inf") for spec in stored)


def write(folder: Path, text: str, name: str = "own.yaml") -> Path:
    (folder / name).write_text(text, encoding="utf-8")
    return folder


def faults(folder: Path, text: str) -> list[Fault]:
    with pytest.raises(ConfigurationError) as caught:
        load_profiles(write(folder, text))
    return list(caught.value.faults)


def test_a_persons_profile_stands_beside_ours_and_over_one_of_the_same_name(tmp_path: Path) -> None:
    write(tmp_path, "name: acme\nmatch: [{object: 1.3.6.1.4.1.9.1}]\n", "a.yaml")
    write(tmp_path, "name: teldat\nabout: mine\n", "b.yaml")
    profiles = load_profiles(tmp_path)
    assert profiles.choose(System(object_id="1.3.6.1.4.1.9.1.5")).name == "acme"
    assert profiles.by_name["teldat"].about == "mine"
    assert profiles.by_name["junos"] == load_profiles().by_name["junos"]


def test_a_profile_that_extends_another_adds_to_it(tmp_path: Path) -> None:
    text = """
name: acme
extends: teldat
columns: [ifOperStatus]
tables:
  - name: more
    rows: [{index: ifindex}]
    values: [{name: rtt, oid: 1.3.6.1.4.1.1.1, field: rtt_ms, scale: 0.001, suffix: 2}]
"""
    profiles = load_profiles(write(tmp_path, text))
    acme, teldat = profiles.by_name["acme"], profiles.by_name["teldat"]
    assert acme.tables[:-1] == teldat.tables
    assert acme.columns == ("ifOperStatus",)
    spec = acme.tables[-1].values[0]
    assert (spec.unit, spec.suffix, spec.lowest, spec.highest) == ("ms", "2", 0.0, 60_000.0)


ROWS = "name: acme\ntables:\n  - {name: t, values: [{name: v, oid: 1.3.6}],\n     rows: ["
VALUE = "tables:\n  - name: t\n    rows: [{index: ifindex}]\n    values:\n      - {name: v, oid: 1.3.6.1.4.1.1.1, "


@pytest.mark.parametrize(
    ("text", "line", "expected"),
    [
        ("name: acme\nmach: []\n", 2, "did you mean match?"),
        ("name: Acme Corp\n", 1, "pattern"),
        ("name: acme\nmatch:\n  - {object: .1.3.6}\n", 3, "without a leading dot"),
        ("name: acme\nmatch:\n  - {object: 1.03.6}\n", 3, "object identifier"),
        ("name: acme\nmatch:\n  - {description: 'a('}\n", 3, "regular expression"),
        ("name: acme\nmatch:\n  - answers: {1.3.6: '('}\n", 3, "regular expression"),
        ("name: acme\ncolumns: [ifName]\n", 1, "columns out of"),
        (f"name: acme\n{VALUE}field: rssi}}\n", 6, "did you mean rssi_dbm?"),
        (f"name: acme\n{VALUE}field: rtt_ms, unit: us}}\n", 6, "unit 'ms'"),
        (f"name: acme\n{VALUE}text: 'dBm'}}\n", 6, "one group"),
        (f"name: acme\n{VALUE}suffix: 2.10}}\n", 6, "in quotes"),
        (f"name: acme\n{VALUE}kind: guage}}\n", 6, "did you mean gauge?"),
        ("name: acme\ntables:\n  - name: t\n    values: [{name: v, oid: 1.3.6, field: mos}]\n", 3, "whose link"),
        (f"{ROWS}{{column: 1.3.6}}]}}\n", 4, "holds"),
        (f"{ROWS}{{index: ifindex, cellular: single}}]}}\n", 4, "exactly one of"),
        (f"{ROWS}{{}}]}}\n", 4, "exactly one of"),
        (f"{ROWS}{{index: ifindex, via: 1.3.6}}]}}\n", 4, "via together with column"),
        ("name: acme\ntables: [{name: t, values: []}]\n", 2, "at least one of values"),
        ("name: acme\ncolumns: []\n", 1, "columns out of"),
        (f"{ROWS}{{index: target}}]}}\n", 4, "address_at"),
        ("name: acme\ndevice: [{name: v, oid: 1.3.6, field: mos}]\n", 1, "belongs to a link"),
        ("name: acme\nextends: teldta\n", 2, "did you mean teldat?"),
        ("name: acme\nextends: acme\n", 2, "one of"),
    ],
)  # fmt: skip
def test_a_fault_in_a_profile_is_named_with_its_line(tmp_path: Path, text: str, line: int, expected: str) -> None:
    found = faults(tmp_path, text)
    assert [(fault.file, fault.line) for fault in found] == [(str(tmp_path / "own.yaml"), line)]
    assert expected in found[0].expected


def test_the_faults_of_several_files_come_at_once(tmp_path: Path) -> None:
    write(tmp_path, "nmae: x\n", "a.yaml")
    assert {Path(fault.file).name for fault in faults(tmp_path, "name: 5\n")} == {"a.yaml", "own.yaml"}


def test_two_files_with_one_name_are_refused(tmp_path: Path) -> None:
    write(tmp_path, "name: acme\n", "a.yaml")
    assert [fault.value for fault in faults(tmp_path, "name: acme\n")] == ["acme"]


@pytest.mark.parametrize("folder", ["", "absent"])
def test_a_folder_without_profiles_is_refused(tmp_path: Path, folder: str) -> None:
    with pytest.raises(ConfigurationError, match="profile"):
        load_profiles(tmp_path / folder)


def test_only_cellular_tables_guess_by_being_the_only_one() -> None:
    """A table of probes with one row is not therefore the line's."""
    guessing = [
        table
        for each in load_profiles().by_name.values()
        for table in each.tables
        if any(relation.by is By.CELLULAR for relation in table.relations)
    ]
    radio = {"rssi_dbm", "rsrp_dbm", "rsrq_db", "sinr_db", None}
    assert guessing
    assert {spec.field for table in guessing for spec in table.values} <= radio


def test_profiles_without_the_generic_one_are_none() -> None:
    with pytest.raises(KeyError):
        Profiles({}).choose(System())
