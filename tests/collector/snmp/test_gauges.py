"""What an agent's own objects mean for a link. Figures by hand; ranges from 3GPP TS 38.133."""

from __future__ import annotations

import math
import re
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.snmp.ber import Missing, Value
from collector.snmp.gauges import Cells, Gauge, gauge_value, row_indices, rows_of, scale_of, spelled, wanted
from collector.snmp.interfaces import Row
from collector.snmp.profiles import By, Factors, Holds, Relation, TableSpec, ValueSpec
from inventory.model import Access, Link

DBM = re.compile(r"(-?\d+) *dBm")


def gauge(**given: object) -> Gauge:
    return Gauge(**{"field": "rsrp_dbm", "oid": "1.3.1", "name": "v", "unit": "dBm", **given})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "value", "expected"),
    [
        ({}, -85, -85.0),
        ({"scale": 0.1}, -70, -7.0),
        ({"scale": 0.1}, 236, 23.6),
        ({"scale": 0.000001}, 12_500_000, 12.5),
        ({"offset": -141}, 42, -99.0),
        ({"scale": 2, "offset": -113}, 31, -51.0),
        ({}, b"-85", -85.0),
        ({}, b"16.1\0", 16.1),
        ({"text": DBM}, b"-87 dBm", -87.0),
        ({}, b"-87 dBm", math.nan),
        ({"text": DBM}, b"N/A", math.nan),
        ({}, b"", math.nan),
        ({}, b"nan", math.nan),
        ({}, b"1_000", math.nan),
        ({}, b"\xff\xfe", math.nan),
        ({"sentinels": (0, -32768, 255)}, 0, math.nan),
        ({"sentinels": (0, -32768, 255)}, 255, math.nan),
        ({"sentinels": (0,)}, b"0.000", math.nan),
        ({"sentinels": ("---",)}, b"---", math.nan),
        ({"sentinels": (-7,), "scale": 0.1}, -70, -7.0),
        ({"lowest": -156, "highest": -31}, -156, -156.0),
        ({"lowest": -156, "highest": -31}, -157, math.nan),
        ({"lowest": -156, "highest": -31}, -31, -31.0),
        ({"lowest": -156, "highest": -31}, -30, math.nan),
        ({"lowest": -156, "highest": -31}, 2**32 - 85, -85.0),
        ({}, 2**32 - 85, 2.0**32 - 85),
        ({"lowest": 0}, 2**31, 2.0**31),
        ({}, b"\x9f\x78\x04" + struct.pack(">f", -7.5), -7.5),
        ({}, None, math.nan),
        ({}, Missing.NO_SUCH_INSTANCE, math.nan),
        ({}, "1.3.6.1", math.nan),
    ],
)
def test_a_value_is_read_as_its_object_means_it(given: dict[str, object], value: Value, expected: float) -> None:
    assert gauge_value(gauge(**given), value) == pytest.approx(expected, nan_ok=True, abs=0)


@given(st.one_of(st.integers(-(2**63), 2**64), st.binary(max_size=40), st.text(max_size=20), st.sampled_from(Missing)))
def test_whatever_an_agent_says_is_within_the_range_or_not_measured(value: Value) -> None:
    read = gauge_value(gauge(scale=0.1, sentinels=(0, "x"), lowest=-156, highest=-31), value)
    assert math.isnan(read) or -156 <= read <= -31


BY_INDEX = Relation(by=By.INDEX)
BY_NAME = Relation(by=By.COLUMN, holds=Holds.INTERFACE, column="1.3.9")
BY_TARGET = Relation(by=By.COLUMN, holds=Holds.TARGET, column="1.3.8")
BY_CARRIER = Relation(by=By.COLUMN, holds=Holds.CARRIER, column="1.3.7")
BY_BEING_ALONE = Relation(by=By.CELLULAR)
VALUES = (ValueSpec(name="v", oid="1.3.1", field="rtt_ms", unit="ms"),)


def whose(
    links: list[Link], relations: list[Relation], held: dict[str, Value], **given: object
) -> tuple[object, list[str]]:
    """Link id to row index, when `held` is what the first column relation's column shows row by row."""
    table = TableSpec(name="probes", values=VALUES, relations=tuple(relations))
    column = next((relation for relation in relations if relation.column), BY_NAME)
    cells = Cells(
        {"1.3.1": dict.fromkeys(held, 1)}, tuple(held), {(column, row): ("", value) for row, value in held.items()}
    )
    rows = {link.id: Row(int(link.id), None, b"") for link in links if link.id.isdigit()}
    people = [wanted(link, rows.get(link.id), given.get("shown", ())) for link in links]  # type: ignore[arg-type]
    found, notes = rows_of(people, table, cells, frozenset(given.get("usable", held)))  # type: ignore[call-overload]
    return {link: row for link, (row, _) in found.items()}, notes


def link(name: str, interface: str = "", **given: object) -> Link:
    return Link(id=name, site="s", interface=interface or None, **given)  # type: ignore[arg-type]


def test_a_row_with_the_interfaces_index_is_the_links() -> None:
    assert whose([link("3"), link("4")], [BY_INDEX], {"3": None, "33": None}) == ({"3": "3"}, [])


def test_a_row_that_names_the_interface_is_the_links() -> None:
    held: dict[str, Value] = {"7": b"wan1", "8": b"WAN2"}
    assert whose([link("a", "wan2"), link("b", "wan1"), link("c", "wan")], [BY_NAME], held) == (
        {"a": "8", "b": "7"},
        [],
    )


def test_an_interface_goes_by_its_if_descr_as_well() -> None:
    named = whose([link("a", "Ce0/3/0")], [BY_NAME], {"7": b"Cellular0/3/0"}, shown=["Ce0/3/0", "Cellular0/3/0"])
    assert named == ({"a": "7"}, [])


def test_the_part_of_a_text_that_counts_is_picked_out() -> None:
    modem = Relation(by=By.COLUMN, holds=Holds.INTERFACE, column="1.3.9", pattern=re.compile(r" on (\S+)"))
    held: dict[str, Value] = {"7": b"Modem on Cellular0", "8": b"Modem on Cellular0/1", "9": b"Cellular0"}
    assert whose([link("a", "Cellular0")], [modem], held) == ({"a": "7"}, [])


def test_an_index_can_spell_the_interface() -> None:
    spells = Relation(by=By.INDEX, holds=Holds.INTERFACE)
    row = ".".join(str(octet) for octet in b"cellular0")
    assert whose([link("a", "cellular0"), link("b", "cellular")], [spells], {row: None}) == ({"a": row}, [])


@pytest.mark.parametrize(
    "held", [b"\xc0\x00\x02\x01", b"192.0.2.1", "192.0.2.1"], ids=["octets", "text", "IpAddress"]
)  # fmt: skip
def test_a_probe_to_the_links_target_is_the_links(held: Value) -> None:
    links = [link("a", probe_target="icmp://192.0.2.1"), link("b", probe_target="udp://192.0.2.2:7"), link("c")]
    assert whose(links, [BY_TARGET], {"7": held}) == ({"a": "7"}, [])


def test_an_ipv6_target_is_compared_as_an_address() -> None:
    octets = bytes.fromhex("20010db8000000000000000000000001")
    assert whose([link("a", probe_target="icmp://[2001:db8::1]")], [BY_TARGET], {"7": octets}) == ({"a": "7"}, [])


def test_a_target_can_stand_in_the_index() -> None:
    tunnel = Relation(by=By.INDEX, holds=Holds.TARGET, address_at=5)
    rows: dict[str, Value] = {
        "4.192.0.2.9.4.192.0.2.1.2.12346.12346": None,
        "4.192.0.2.1.4.192.0.2.9.2.1.1": None,
        "3": None,
    }
    assert whose([link("a", probe_target="icmp://192.0.2.1")], [tunnel], rows) == (
        {"a": "4.192.0.2.9.4.192.0.2.1.2.12346.12346"}, [],
    )  # fmt: skip


@pytest.mark.parametrize(
    "row", ["4.192.0.2.9", "4.192.0.2.9.4", "4.192.0.2.9.4.192.0.2", "4.1.1.1.1.4.192.0.2.256", "1.2"]
)
def test_an_index_without_a_whole_address_is_no_targets(row: str) -> None:
    tunnel = Relation(by=By.INDEX, holds=Holds.TARGET, address_at=5)
    assert whose([link("a", probe_target="icmp://192.0.2.1")], [tunnel], {row: None}) == ({}, [])


def test_a_column_can_hold_the_interfaces_index() -> None:
    number = Relation(by=By.COLUMN, holds=Holds.IF_INDEX, column="1.3.9")
    assert whose([link("3"), link("4"), link("a", "ge0")], [number], {"70": 4, "80": 3}) == ({"3": "80", "4": "70"}, [])


def test_a_cellular_link_without_any_row_is_nothing_to_speak_of() -> None:
    assert whose([link("a", access=Access.LTE)], [BY_BEING_ALONE], {"1": None}, usable=[]) == ({}, [])


def test_of_two_probes_over_one_line_the_first_is_read_and_that_is_said() -> None:
    found, notes = whose([link("a", "wan1")], [BY_NAME], {"1": b"wan1", "2": b"wan1"})
    assert found == {"a": "1"}
    assert notes == ["probes: rows 1, 2 are all of link a; the first is read"]


def test_the_single_cellular_link_has_the_single_row_with_a_value() -> None:
    links = [link("a", access=Access.LTE), link("b", access=Access.DSL)]
    assert whose(links, [BY_BEING_ALONE], {"1": None, "2": None}, usable=["2"]) == ({"a": "2"}, [])


def test_two_modems_and_one_cellular_link_are_left_out_and_that_is_said() -> None:
    found, notes = whose([link("a", access=Access.FIVE_G)], [BY_BEING_ALONE], {"1": None, "2": None})
    assert found == {}
    assert notes == [
        "probes: which of the rows 1, 2 is which of the cellular links a is not known; none of them is read"
    ]


def test_two_cellular_links_and_one_modem_are_left_out() -> None:
    found, notes = whose([link("a", access=Access.LTE), link("b", access=Access.LTE)], [BY_BEING_ALONE], {"1": None})
    assert (found, len(notes)) == ({}, 1)


def test_modems_are_told_by_their_operators_where_that_leaves_no_choice() -> None:
    links = [
        link("a", access=Access.LTE, carrier="Telstra"),
        link("b", access=Access.LTE, carrier="reseller", underlying_carrier="Optus"),
    ]
    relations = [BY_CARRIER, BY_BEING_ALONE]
    assert whose(links, relations, {"1": b"OPTUS", "2": b"Telstra"}) == ({"a": "2", "b": "1"}, [])
    assert whose(links, relations, {"1": b"Telstra", "2": b"Telstra"})[0] == {}
    assert whose(links[:1], relations, {"1": b"roaming"}) == ({"a": "1"}, [])


def test_what_one_relation_told_the_next_does_not_take_again() -> None:
    links = [link("a", "wan1", access=Access.LTE), link("b", "wan9", access=Access.LTE)]
    assert whose(links, [BY_NAME, BY_BEING_ALONE], {"1": b"wan1", "2": b"other"}) == ({"a": "1", "b": "2"}, [])


@pytest.mark.parametrize(
    ("index", "text"),
    [
        ("3.75.80.78.7.75.80.78.45.82.80.77", "KPN KPN-RPM"),
        ("5.119.108.97.110.48", "wlan0"),
        ("99.101.108.108", "cell"),
        ("97.32.126", "a ~"),
        ("97.31.98", "97.31.98"),
        ("97.127.98", "97.127.98"),
        ("3", "3"),
        ("4.192.0.2.1", "4.192.0.2.1"),
        ("2.65", "2.65"),
    ],
)
def test_an_index_of_texts_is_spelled_out(index: str, text: str) -> None:
    assert spelled(index) == text


def test_rows_are_those_of_the_values_without_their_suffixes_in_the_order_of_numbers() -> None:
    specs = (ValueSpec(name="a", oid="1.1", suffix="2.1"), ValueSpec(name="b", oid="1.2"))
    values: dict[str, dict[str, Value]] = {"1.1": {"9.2.1": 1, "9.2.2": 1, "12.1": 1}, "1.2": {"10": 1, "9": 1}}
    assert row_indices(TableSpec(name="t", values=specs), values) == ("9", "10")


def test_a_value_can_be_kept_to_some_rows_of_its_column() -> None:
    snr = ".".join(str(octet) for octet in (5, *b"snr-a"))
    rate = ".".join(str(octet) for octet in (6, *b"rate-a"))
    specs = (ValueSpec(name="a", oid="1.1", rows=re.compile("^snr-")),)
    values: dict[str, dict[str, Value]] = {"1.1": {snr: b"20", rate: b"7"}}
    assert row_indices(TableSpec(name="t", values=specs), values) == (snr,)


def test_a_link_given_by_its_index_goes_by_the_names_of_its_row() -> None:
    assert wanted(link("a", "ifIndex:7"), Row(7, None, b""), ["ge0"]).names == {"ge0"}
    assert wanted(link("a", "ifAlias:uplink"), None, []).names == frozenset()
    assert wanted(link("a", "GE0"), None, ["ge0", "port 0"]).names == {"ge0", "port 0"}


@pytest.mark.parametrize(("named", "scale"), [(1, 1.0), (2, 0.001), (3, None), (None, 1.0)])
def test_a_row_can_name_the_factor_of_its_values(named: int | None, scale: float | None) -> None:
    spec = ValueSpec(name="v", oid="1.1", factors=Factors(column="1.9", by_value={1: 1.0, 2: 0.001}))
    assert scale_of(spec, "7", {} if named is None else {("1.9", "7"): named}) == scale
