"""What is found at an agent that speaks pysnmp's codec: its make, rows and own objects, and in how many datagrams."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from pysnmp.proto.api import v2c

from collector.snmp.agent import Agent, Community
from collector.snmp.ask import Outcome
from collector.snmp.discovery import Discovery, discover
from collector.snmp.gauges import gauge_value
from collector.snmp.interfaces import Column
from collector.snmp.poller import SnmpPoller
from collector.snmp.profile_files import load_profiles
from collector.snmp.profiles import Profiles
from collector.snmp.survey import survey
from inventory.model import Access, Link

pytestmark = pytest.mark.rim

StartAgent = Callable[..., Awaitable[Any]]
Objects = dict[str, Any]
ACME = """
name: acme
match: [{object: 1.3.6.1.4.1.99999}]
columns: [ifOperStatus, ifHCInOctets]
tables:
  - name: lineTable
    label: 1.3.6.1.4.1.99999.1.9
    rows:
      - {column: 1.3.6.1.4.1.99999.1.2, holds: interface}
      - {column: 1.3.6.1.4.1.99999.1.3, via: 1.3.6.1.4.1.99999.2.1, holds: interface}
    values:
      - {name: lineRoundTrip, oid: 1.3.6.1.4.1.99999.1.4, field: rtt_ms, scale: 0.001, sentinels: [0], meaning: twice}
      - {name: lineOldRoundTrip, oid: 1.3.6.1.4.1.99999.1.5, field: rtt_ms}
      - {name: lineNote, oid: 1.3.6.1.4.1.99999.1.6}
  - name: radioTable
    rows: [{cellular: single}]
    values:
      - {name: radioSignal, oid: 1.3.6.1.4.1.99999.3.1, field: rssi_dbm}
device:
  - {name: acmeSerial, oid: 1.3.6.1.4.1.99999.9.0, meaning: serial number}
"""
ACME_OID = "1.3.6.1.4.1.99999"


@pytest.fixture
def profiles(tmp_path: Path) -> Profiles:
    (tmp_path / "acme.yaml").write_text(ACME)
    return load_profiles(tmp_path)


def system(object_id: str = ACME_OID, description: str = "a box") -> Objects:
    return {
        "1.3.6.1.2.1.1.1.0": v2c.OctetString(description),
        "1.3.6.1.2.1.1.2.0": v2c.ObjectIdentifier(object_id),
        "1.3.6.1.2.1.1.5.0": v2c.OctetString("edge-1"),
    }


def line(row: int, **values: Any) -> Objects:
    columns = {"interface": 2, "number": 3, "rtt": 4, "old_rtt": 5, "note": 6, "label": 9}
    return {
        f"{ACME_OID}.1.{columns[name]}.{row}": v2c.OctetString(value) if isinstance(value, str) else v2c.Integer(value)
        for name, value in values.items()
    }


def at(agent: Any) -> Agent:
    return Agent("127.0.0.1", agent.port, Community(b"public"))


def link(name: str, interface: str, access: Access | None = None) -> Link:
    return Link(id=name, site="s", interface=interface, access=access)


def now(found: Discovery, objects: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    """The gauges' values by link and field, out of what the agent holds."""
    return {
        name: {gauge.field: gauge_value(gauge, int(objects[gauge.oid])) for gauge in gauges}
        for name, gauges in found.gauges.items()
    }


async def test_an_agent_is_known_and_its_rows_are_found(
    start_agent: StartAgent, poller: SnmpPoller, profiles: Profiles, if_row: Any
) -> None:
    agent = await start_agent({**system(), **if_row(1, "ge0"), **if_row(7, "ge1")})
    found = await discover(poller, at(agent), [link("a", "ge1"), link("b", "ge9")], profiles)
    assert found.answer.outcome is Outcome.OK
    assert (found.system.object_id, found.system.name) == (ACME_OID, "edge-1")
    assert found.profile is profiles.by_name["acme"]
    assert {name: row.index for name, row in found.rows.items()} == {"a": 7}
    assert found.rows["a"].columns == (Column.IF_OPER_STATUS, Column.IF_HC_IN_OCTETS)
    assert (found.missing, found.names, found.gauges) == (("b",), ("ge0", "ge1"), {})


@pytest.mark.parametrize("counted", [20, 0])
async def test_twenty_interfaces_take_few_datagrams_even_where_the_agent_cannot_count(
    start_agent: StartAgent, poller: SnmpPoller, profiles: Profiles, if_row: Any, counted: int
) -> None:
    objects = {**system("1.3.6.1.4.1.14988.1"), "1.3.6.1.2.1.2.1.0": v2c.Integer(counted)}
    for index in range(1, 21):
        objects |= if_row(index, f"ether{index}")
    agent = await start_agent(objects)
    links = [link(f"l{index}", f"ether{index}", Access.BROADBAND) for index in range(1, 21)]
    found = await discover(poller, at(agent), links, profiles)
    assert len(found.rows) == 20
    bulks = sum(isinstance(request, v2c.GetBulkRequestPDU) for request in agent.requests)
    print(f"20 interfaces: {bulks} GETBULK of {len(agent.requests)} datagrams")
    assert bulks <= 5
    assert found.datagrams == len(agent.requests) <= 3


async def test_a_device_whose_links_are_given_by_index_needs_no_names(
    start_agent: StartAgent, poller: SnmpPoller, profiles: Profiles, if_row: Any
) -> None:
    agent = await start_agent({**system("1.3.6.1.4.1.2007"), **if_row(1, "ge0")})
    found = await discover(poller, at(agent), [link("a", "ifIndex:1", Access.DSL)], profiles)
    assert found.rows["a"].index == 1
    assert len(agent.requests) == 1


async def test_a_makes_own_objects_become_gauges_of_the_links_they_name(
    start_agent: StartAgent, poller: SnmpPoller, profiles: Profiles, if_row: Any
) -> None:
    objects = {
        **system(), **if_row(1, "ge0"), **if_row(2, "ge1"),
        **line(11, interface="ge1", rtt=12_500), **line(12, interface="ge0", rtt=900, note="x"),
    }  # fmt: skip
    agent = await start_agent(objects)
    found = await discover(poller, at(agent), [link("a", "ge0"), link("b", "ge1")], profiles)
    assert now(found, objects) == {"a": {"rtt_ms": 0.9}, "b": {"rtt_ms": 12.5}}
    (gauge,) = found.gauges["b"]
    assert (gauge.oid, gauge.name, gauge.unit) == (f"{ACME_OID}.1.4.11", "lineRoundTrip", "ms")
    assert gauge.holder == (f"{ACME_OID}.1.2.11", b"ge1")
    assert found.notes == ()


async def test_of_two_objects_for_one_field_the_first_that_has_a_value_is_taken(
    start_agent: StartAgent, poller: SnmpPoller, profiles: Profiles, if_row: Any
) -> None:
    objects = {
        **system(), **if_row(1, "ge0"), **if_row(2, "ge1"), **if_row(3, "ge2"),
        **line(1, interface="ge0", rtt=5_000, old_rtt=9), **line(2, interface="ge1", rtt=0, old_rtt=9),
        **line(3, interface="ge2", rtt=0),
    }  # fmt: skip
    agent = await start_agent(objects)
    links = [link("a", "ge0"), link("b", "ge1"), link("c", "ge2")]
    found = await discover(poller, at(agent), links, profiles)
    values = now(found, objects)
    assert values["a"] == {"rtt_ms": 5.0}
    assert values["b"] == {"rtt_ms": 9.0}
    assert math.isnan(values["c"]["rtt_ms"])  # it is there, and may have a value later


async def test_a_row_can_name_the_interface_by_a_number_of_another_table(
    start_agent: StartAgent, poller: SnmpPoller, profiles: Profiles, if_row: Any
) -> None:
    objects = {**system(), **if_row(1, "ge0"), **line(1, number=44, rtt=5_000)}
    objects[f"{ACME_OID}.2.1.44"] = v2c.OctetString("ge0")
    agent = await start_agent(objects)
    found = await discover(poller, at(agent), [link("a", "ge0")], profiles)
    assert now(found, objects) == {"a": {"rtt_ms": 5.0}}
    assert found.gauges["a"][0].holder == (f"{ACME_OID}.2.1.44", b"ge0")


async def test_a_link_is_known_by_its_interface_even_where_if_mib_does_not_show_it(
    start_agent: StartAgent, poller: SnmpPoller, profiles: Profiles
) -> None:
    objects = {**system(), **line(1, interface="ge0", rtt=5_000)}
    agent = await start_agent(objects)
    found = await discover(poller, at(agent), [link("a", "ge0")], profiles)
    assert (found.missing, now(found, objects)) == (("a",), {"a": {"rtt_ms": 5.0}})


async def test_what_a_table_told_is_not_looked_for_in_the_next(
    start_agent: StartAgent, poller: SnmpPoller, profiles: Profiles, if_row: Any, tmp_path: Path
) -> None:
    more = ACME.replace("device:", "  - name: second\n    rows: [{index: ifindex}]\n    values:\n      "
                        "- {name: again, oid: 1.3.6.1.4.1.99999.4.1, field: rtt_ms}\ndevice:")  # fmt: skip
    (tmp_path / "acme.yaml").write_text(more)
    second = {f"{ACME_OID}.4.1.{row}": v2c.Integer(50 + row) for row in (1, 2)}
    objects = {**system(), **if_row(1, "ge0"), **if_row(2, "ge1"), **line(1, interface="ge0", rtt=5_000), **second}
    agent = await start_agent(objects)
    found = await discover(poller, at(agent), [link("a", "ge0", Access.DIA)], load_profiles(tmp_path))
    assert now(found, objects) == {"a": {"rtt_ms": 5.0}}
    asked = [str(oid) for request in agent.requests for oid, _ in v2c.apiPDU.get_varbinds(request)]
    assert not [oid for oid in asked if oid.startswith(f"{ACME_OID}.4")]
    links = [link("a", "ge0", Access.DIA), link("b", "ge1", Access.DIA)]
    both = await discover(poller, at(agent), links, load_profiles(tmp_path))
    assert now(both, objects) == {"a": {"rtt_ms": 5.0}, "b": {"rtt_ms": 52.0}}


@pytest.mark.parametrize(
    ("rows", "fitting", "other"),
    [
        ("{index: ifindex}", Link(id="a", site="s", interface="ifIndex:1"), Link(id="a", site="s", interface="ge9")),
        (
            "{column: 1.3.6.1.4.1.99999.4.2, holds: target}",
            Link(id="a", site="s", interface="ge9", probe_target="icmp://192.0.2.1"),
            Link(id="a", site="s", interface="ge9"),
        ),
        (
            "{column: 1.3.6.1.4.1.99999.4.2, holds: carrier}",
            Link(id="a", site="s", interface="ge9", carrier="A", access=Access.LTE),
            Link(id="a", site="s", interface="ge9", carrier="A", access=Access.DIA),
        ),
    ],
)
async def test_a_table_that_can_tell_nothing_of_a_link_is_not_asked(
    start_agent: StartAgent, poller: SnmpPoller, tmp_path: Path, rows: str, fitting: Link, other: Link
) -> None:
    value = "{name: v, oid: 1.3.6.1.4.1.99999.4.1, field: rtt_ms}"
    table = f"tables:\n  - {{name: t, rows: [{rows}], values: [{value}]}}\n"
    (tmp_path / "acme.yaml").write_text(f"name: acme\nmatch: [{{object: {ACME_OID}}}]\n{table}")
    agent = await start_agent(system())

    async def asks(link: Link) -> bool:
        agent.requests.clear()
        await discover(poller, at(agent), [link], load_profiles(tmp_path))
        asked = [str(oid) for request in agent.requests for oid, _ in v2c.apiPDU.get_varbinds(request)]
        return f"{ACME_OID}.4.1" in asked

    assert [await asks(fitting), await asks(other)] == [True, False]


async def test_an_agent_without_names_shows_its_descriptions(
    start_agent: StartAgent, poller: SnmpPoller, profiles: Profiles, if_row: Any
) -> None:
    agent = await start_agent({**system(), **if_row(1, ""), **if_row(2, "")})
    found = await discover(poller, at(agent), [link("a", "ge9")], profiles)
    assert (found.missing, found.names) == (("a",), ("Port 1", "Port 2"))


async def test_a_cellular_link_has_the_only_modem_and_a_wired_one_is_not_even_asked_about(
    start_agent: StartAgent, poller: SnmpPoller, profiles: Profiles, if_row: Any
) -> None:
    objects = {**system(), **if_row(1, "ge0"), f"{ACME_OID}.3.1.5": v2c.Integer(-77)}
    agent = await start_agent(objects)
    found = await discover(poller, at(agent), [link("a", "ge0", Access.LTE)], profiles)
    assert now(found, objects) == {"a": {"rssi_dbm": -77.0}}
    agent.requests.clear()
    assert (await discover(poller, at(agent), [link("a", "ge0", Access.DIA)], profiles)).gauges == {}
    asked = [str(oid) for request in agent.requests for oid, _ in v2c.apiPDU.get_varbinds(request)]
    assert not [oid for oid in asked if oid.startswith(f"{ACME_OID}.3")]


async def test_objects_that_a_row_lacks_or_whose_factor_is_unknown_are_no_gauges(
    start_agent: StartAgent, poller: SnmpPoller, tmp_path: Path, if_row: Any
) -> None:
    values = [
        "{name: there, oid: 1.3.6.1.4.1.99999.4.1, field: rtt_ms}",
        "{name: elsewhere, oid: 1.3.6.1.4.1.99999.4.2, field: jitter_ms}",
        "{name: strange, oid: 1.3.6.1.4.1.99999.4.1, field: mos, "
        "scale_by: {column: 1.3.6.1.4.1.99999.4.3, values: {1: 1}}}",
    ]
    table = f"tables:\n  - {{name: t, rows: [{{index: ifindex}}], values: [{', '.join(values)}]}}\n"
    (tmp_path / "acme.yaml").write_text(f"name: acme\nmatch: [{{object: {ACME_OID}}}]\n{table}")
    rows = {f"{ACME_OID}.4.1.1": 4, f"{ACME_OID}.4.3.1": 2, f"{ACME_OID}.4.2.9": 4, f"{ACME_OID}.4.1.2": 3}
    agent = await start_agent(
        {**system(), **if_row(1, "ge0"), **if_row(2, "ge1"), **{oid: v2c.Integer(value) for oid, value in rows.items()}}
    )
    found = await discover(poller, at(agent), [link("a", "ge0"), link("b", "ge1")], load_profiles(tmp_path))
    fields = {
        name: [(gauge.name, gauge.meaning, gauge.scale) for gauge in gauges] for name, gauges in found.gauges.items()
    }
    assert fields == {"a": [("there", "t", 1.0)], "b": [("there", "t", 1.0), ("strange", "t", 1.0)]}


async def test_which_modem_is_whose_is_not_guessed(
    start_agent: StartAgent, poller: SnmpPoller, profiles: Profiles, if_row: Any
) -> None:
    modems = {f"{ACME_OID}.3.1.{row}": v2c.Integer(-70 - row) for row in (1, 2)}
    agent = await start_agent({**system(), **if_row(1, "ge0"), **modems})
    found = await discover(poller, at(agent), [link("a", "ge0", Access.FIVE_G)], profiles)
    assert found.gauges == {}
    assert found.notes == (
        "radioTable: which of the rows 1, 2 is which of the cellular links a is not known; none of them is read",
    )


async def test_a_silent_agent_is_a_timeout_and_nothing_more(
    start_agent: StartAgent, impatient: SnmpPoller, profiles: Profiles
) -> None:
    agent = await start_agent(system())
    agent.community = b"another"
    found = await discover(impatient, at(agent), [link("a", "ge0")], profiles)
    assert (found.answer.outcome, found.profile, found.missing) == (Outcome.TIMEOUT, None, ())
    assert (await survey(impatient, at(agent), profiles)).answer.outcome is Outcome.TIMEOUT


async def test_a_table_that_cannot_be_read_costs_no_interface(
    start_agent: StartAgent, poller: SnmpPoller, profiles: Profiles, if_row: Any
) -> None:
    agent = await start_agent({**system(), **if_row(1, "ge0"), **line(1, interface="ge0", rtt=5_000)})
    agent.refuse = {f"{ACME_OID}.1.4": 5}
    found = await discover(poller, at(agent), [link("a", "ge0")], profiles)
    assert (set(found.rows), found.gauges) == ({"a"}, {})
    assert found.notes[0].startswith("lineTable could not be read: error-status genErr")


async def test_a_table_whose_rows_cannot_be_told_apart_gives_nothing_and_says_so(
    start_agent: StartAgent, impatient: SnmpPoller, profiles: Profiles, if_row: Any
) -> None:
    agent = await start_agent({**system(), **if_row(1, "ge0"), **line(1, interface="ge0", rtt=5_000)})
    whole = agent.datagram_received

    def deaf_to_names(data: bytes, source: Any) -> None:
        if bytes.fromhex("2b0601040186 8d1f0102 01".replace(" ", "")) not in data:  # 1.3.6.1.4.1.99999.1.2.1
            whole(data, source)

    agent.datagram_received = deaf_to_names
    found = await discover(impatient, at(agent), [link("a", "ge0")], profiles)
    assert (set(found.rows), found.gauges) == ({"a"}, {})
    assert found.notes == ("lineTable could not be read: timeout",)


async def test_an_agent_that_says_nothing_of_itself_is_any_device(
    start_agent: StartAgent, poller: SnmpPoller, profiles: Profiles, if_row: Any
) -> None:
    agent = await start_agent(if_row(1, "ge0"))
    found = await discover(poller, at(agent), [link("a", "ge0")], profiles)
    assert (found.profile is profiles.by_name["if-mib"], found.rows["a"].index) == (True, 1)


async def test_a_survey_reads_everything_with_its_meaning(
    start_agent: StartAgent, poller: SnmpPoller, profiles: Profiles, if_row: Any
) -> None:
    objects = {
        **system(), **if_row(1, "ge0"), **line(1, interface="ge0", rtt=12_500, note="fine", label="carrier A"),
        **line(2, interface="ge7", rtt=0), f"{ACME_OID}.9.0": v2c.OctetString("AC-1"),
        "1.3.6.1.2.1.2.2.1.6.1": v2c.OctetString(hexValue="0200c0a80001"),
    }  # fmt: skip
    agent = await start_agent(objects)
    seen = await survey(poller, at(agent), profiles)
    assert seen.answer.outcome is Outcome.OK
    assert seen.interfaces[1]["ifName"] == "ge0"
    assert seen.interfaces[1]["ifPhysAddress"] == "02:00:c0:a8:00:01"
    by_oid = {value.oid: value for value in seen.all_values()}
    assert by_oid["1.3.6.1.2.1.31.1.1.1.15.1"].value == 1000
    assert by_oid["1.3.6.1.2.1.31.1.1.1.15.1"].unit == "Mbit/s"
    serial = by_oid[f"{ACME_OID}.9.0"]
    assert (serial.name, serial.value, serial.meaning, serial.interface) == (
        "acmeSerial",
        "AC-1",
        "serial number",
        None,
    )
    rtt = by_oid[f"{ACME_OID}.1.4.1"]
    assert (rtt.value, rtt.raw, rtt.unit, rtt.field) == (12.5, 12_500, "ms", "rtt_ms")
    assert (rtt.row, rtt.interface, rtt.meaning) == ("carrier A", "ge0", "twice")
    unmeasured = by_oid[f"{ACME_OID}.1.4.2"]
    assert (unmeasured.value, unmeasured.raw, unmeasured.row) == (None, 0, "2")
    assert by_oid[f"{ACME_OID}.1.6.1"].value == "fine"


async def test_a_surveyed_row_is_named_after_its_interface_or_as_its_index_spells(
    start_agent: StartAgent, poller: SnmpPoller, tmp_path: Path, if_row: Any
) -> None:
    spelled = ".".join(str(octet) for octet in b"wan9")
    (tmp_path / "acme.yaml").write_text(f"""
name: acme
match: [{{object: {ACME_OID}}}]
tables:
  - {{name: a, rows: [{{index: ifindex}}], values: [{{name: a, oid: {ACME_OID}.4.1}}]}}
  - {{name: b, index: text, rows: [{{index: interface}}], values: [{{name: b, oid: {ACME_OID}.5.1, rows: '^wan'}}]}}
""")
    rows = {f"{ACME_OID}.4.1.1": 1, f"{ACME_OID}.4.1.2": 1, f"{ACME_OID}.4.1.7": 1, f"{ACME_OID}.5.1.{spelled}": 1}
    lan = f"{ACME_OID}.5.1." + ".".join(str(octet) for octet in b"lan")
    objects = {oid: v2c.Integer(value) for oid, value in {**rows, lan: 1}.items()}
    agent = await start_agent({**system(), **if_row(1, "ge0"), **if_row(2, ""), **objects})
    seen = await survey(poller, at(agent), load_profiles(tmp_path))
    named = [(value.name, value.row, value.interface) for value in seen.values]
    assert named == [("a", "1", "ge0"), ("a", "2", "Port 2"), ("a", "7", None), ("b", "wan9", "wan9")]
