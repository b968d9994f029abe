"""The datagrams that read a device: few, small, complete, and each with the names that say whose its values are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyasn1.codec.ber import encoder
from pysnmp.proto.api import v2c

from collector.snmp.gauges import Gauge
from collector.snmp.interfaces import COLUMNS, READ_COLUMNS, SYS_UPTIME, Column
from collector.snmp.lane import LaneRow, Part, plan, steady_columns

LARGEST_ANSWER = 1400
"""Octets: an Ethernet frame's 1,500 less 28 for IPv4 and UDP, and some for a tunnel."""
USUAL = (
    Column.IF_OPER_STATUS,
    Column.IF_LAST_CHANGE,
    Column.IF_IN_DISCARDS,
    Column.IF_IN_ERRORS,
    Column.IF_OUT_DISCARDS,
    Column.IF_OUT_ERRORS,
    Column.IF_HC_IN_OCTETS,
    Column.IF_HC_OUT_OCTETS,
    Column.IF_HIGH_SPEED,
    Column.IF_COUNTER_DISCONTINUITY_TIME,
)
"""What a router with 64-bit counters is asked about an interface: 10 numbers, and its name."""
SYNTAX = {
    Column.IF_OPER_STATUS: v2c.Integer(7),
    Column.IF_LAST_CHANGE: v2c.TimeTicks(2**32 - 1),
    Column.IF_SPEED: v2c.Gauge32(2**32 - 1),
    Column.IF_HIGH_SPEED: v2c.Gauge32(2**32 - 1),
    Column.IF_HC_IN_OCTETS: v2c.Counter64(2**64 - 1),
    Column.IF_HC_OUT_OCTETS: v2c.Counter64(2**64 - 1),
    Column.IF_COUNTER_DISCONTINUITY_TIME: v2c.TimeTicks(2**32 - 1),
}
"""Each column at its largest (RFC 2863); all others are Counter32."""


def row(place: int, columns: tuple[Column, ...] = USUAL, index: int | None = None, name: str | None = None) -> LaneRow:
    index = place + 1 if index is None else index
    return LaneRow(
        place=place, index=index, columns=columns, name_column=Column.IF_NAME, name=(name or f"ge{index}").encode()
    )


def gauge(number: int, holder: tuple[str, bytes] | None = None) -> Gauge:
    return Gauge(field="rssi_dbm", oid=f"1.3.6.1.4.1.9.9.661.1.3.4.1.1.{number}", name="", unit="dBm", holder=holder)


def names_of(part: Part) -> dict[str, bytes]:
    return {part.template.oids[at]: text for at, text in part.template.fixed.items()}


def objects_of(part: Part) -> list[tuple[int, str]]:
    """Harvest cell and OID of every number that a datagram reads."""
    return list(zip(part.cells.tolist(), part.template.oids[part.numbers], strict=True))


def largest_answer(part: Part) -> int:
    """Octets of pysnmp's answer when every value is as large as its syntax lets it be."""
    columns = {meaning.oid: column for column, meaning in COLUMNS.items()}
    answered = []
    for at, oid in enumerate(part.template.oids):
        column = columns.get(oid.rpartition(".")[0])
        text = part.template.fixed.get(at)
        value = v2c.OctetString(text) if text is not None else v2c.TimeTicks(2**32 - 1)
        if text is None and column is not None:
            value = SYNTAX.get(column, v2c.Counter32(2**32 - 1))
        answered.append((oid, value))
    pdu = v2c.GetResponsePDU()
    v2c.apiPDU.set_defaults(pdu)
    v2c.apiPDU.set_request_id(pdu, 2**31 - 1)
    v2c.apiPDU.set_varbinds(pdu, answered)
    message = v2c.Message()
    v2c.apiMessage.set_defaults(message)
    v2c.apiMessage.set_community(message, "sixteen-octets-1")
    v2c.apiMessage.set_pdu(message, pdu)
    return len(encoder.encode(message))


@pytest.mark.parametrize(("links", "datagrams"), [(1, 1), (4, 1), (5, 2), (8, 2), (9, 3)])
def test_four_usual_links_share_a_datagram(links: int, datagrams: int) -> None:
    assert len(plan([row(place) for place in range(links)], [])) == datagrams


@pytest.mark.parametrize("index", [1, 2**31 - 1])
@pytest.mark.parametrize("name", ["ge0", "n" * 255])
@pytest.mark.parametrize("columns", [USUAL, READ_COLUMNS])
def test_no_answer_is_cut_into_ip_fragments(columns: tuple[Column, ...], name: str, index: int) -> None:
    rows = [row(place, columns, index - place if index > 100 else index + place, name) for place in range(40)]
    sizes = [largest_answer(part) for part in plan(rows, [])]
    assert max(sizes) <= LARGEST_ANSWER
    assert min(sizes[:-1]) > LARGEST_ANSWER * 0.65  # worth the datagram


@pytest.mark.parametrize(
    ("most", "sizes"),
    [
        (34, [34]),  # sysUpTime, and three times ten numbers and a name
        (33, [33, 3]),
        (23, [23, 12]),
        (22, [22, 14]),
        (14, [14, 14, 10]),
        (13, [12, 12, 12]),
        (12, [12, 12, 12]),
        (11, [11, 11, 11, 7]),
        (3, [3] * 30),
    ],
)
def test_an_agent_is_asked_for_as_many_objects_as_it_can_answer_at_once(most: int, sizes: list[int]) -> None:
    rows = [row(place) for place in range(3)]
    assert [len(part.template.oids) for part in plan(rows, [], most)] == sizes


def test_a_row_that_is_read_in_two_datagrams_shows_its_name_in_both() -> None:
    first, second = plan([row(0, name="wan")], [], 8)
    name = {f"{COLUMNS[Column.IF_NAME].oid}.1": b"wan"}
    assert (names_of(first), names_of(second)) == (name, name)


def test_a_row_known_by_its_index_has_no_name_to_compare() -> None:
    (part,) = plan([LaneRow(place=0, index=7, columns=(Column.IF_OPER_STATUS,))], [])
    assert part.template.oids == (SYS_UPTIME, "1.3.6.1.2.1.2.2.1.8.7")
    assert part.template.fixed == {}


def test_an_alias_is_compared_where_it_is_what_the_row_was_found_by() -> None:
    known = LaneRow(place=0, index=7, columns=(Column.IF_OPER_STATUS,), name_column=Column.IF_ALIAS, name=b"to carrier")
    (part,) = plan([known], [])
    assert names_of(part) == {"1.3.6.1.2.1.31.1.1.1.18.7": b"to carrier"}


def test_sys_uptime_comes_first_in_every_datagram() -> None:
    parts = plan([row(place) for place in range(9)], [(0, gauge(1))])
    assert {part.template.oids[0] for part in parts} == {SYS_UPTIME}
    assert {part.numbers.start for part in parts} == {1}


def test_an_agent_without_sys_uptime_is_not_asked_for_it() -> None:
    (part,) = plan([row(0)], [(0, gauge(1))], uptime=False)
    assert SYS_UPTIME not in part.template.oids
    assert (part.numbers, part.gauge_values) == (slice(0, 10), slice(10, 11))


@pytest.mark.parametrize("uptime", [True, False])
def test_where_there_is_nothing_to_read_sys_uptime_alone_is_asked(uptime: bool) -> None:
    (part,) = plan([], [], uptime=uptime)
    assert part.template.oids == (SYS_UPTIME,)
    assert (len(part.cells), part.gauges) == (0, ())


def test_gauges_stand_behind_the_numbers_with_the_objects_that_say_whose_they_are() -> None:
    holder = ("1.3.6.1.4.1.9.9.661.1.1.1.5", b"Cellular0")
    first, second = gauge(1, holder), gauge(2, holder)
    (part,) = plan([row(3, (Column.IF_OPER_STATUS,))], [(3, first), (5, second)])
    assert part.template.oids == (
        SYS_UPTIME,
        "1.3.6.1.2.1.2.2.1.8.4",
        first.oid,
        second.oid,
        "1.3.6.1.2.1.31.1.1.1.1.4",
        holder[0],
    )
    assert part.gauges == ((3, first), (5, second))
    assert part.template.oids[part.gauge_values] == (first.oid, second.oid)
    assert names_of(part) == {"1.3.6.1.2.1.31.1.1.1.1.4": b"ge4", holder[0]: b"Cellular0"}


def test_the_numbers_of_a_row_go_to_its_place_in_the_harvest() -> None:
    (part,) = plan([row(7, (Column.IF_SPEED, Column.IF_HC_IN_OCTETS))], [])
    places = [7 * len(READ_COLUMNS) + READ_COLUMNS.index(each) for each in (Column.IF_SPEED, Column.IF_HC_IN_OCTETS)]
    assert objects_of(part) == list(zip(places, ["1.3.6.1.2.1.2.2.1.5.8", "1.3.6.1.2.1.31.1.1.1.6.8"], strict=True))


def test_a_value_must_go_on_having_the_type_that_it_had() -> None:
    known = gauge(1)
    types = {SYS_UPTIME: 0x43, "1.3.6.1.2.1.2.2.1.8.1": 0x02, "1.3.6.1.2.1.31.1.1.1.1.1": 0x04, "1.3.6.1.2.1.9.9": 0x41}
    (part,) = plan([row(0, (Column.IF_OPER_STATUS, Column.IF_SPEED))], [(0, known)], tags=types | {known.oid: 0x42})
    assert [each.tag for each in part.template.expected] == [0x43, 0x02, 0, 0x42, 0x04]


HOLDERS = st.none() | st.tuples(st.sampled_from(["1.3.6.1.4.1.7.1.1", "1.3.6.1.4.1.7.1.2"]), st.just(b"Cellular0"))


@st.composite
def rows_of_a_device(draw: st.DrawFn) -> list[LaneRow]:
    """Rows that were found by a name, and rows known by their index, of different interfaces."""
    indices = draw(st.lists(st.integers(1, 2**31 - 1), max_size=12, unique=True))
    rows = []
    for place, index in enumerate(indices):
        columns = tuple(draw(st.lists(st.sampled_from(READ_COLUMNS), unique=True, max_size=14)))
        column = draw(st.none() | st.sampled_from([Column.IF_NAME, Column.IF_DESCR, Column.IF_ALIAS]))
        name = draw(st.binary(max_size=255)) if column else None
        rows.append(LaneRow(place=place, index=index, columns=columns, name_column=column, name=name))
    return rows


@given(
    rows=rows_of_a_device(),
    holders=st.lists(st.tuples(st.integers(0, 20), HOLDERS), max_size=12),
    most=st.integers(1, 120),
    uptime=st.booleans(),
)
def test_whatever_is_wanted_is_asked_exactly_once_beside_what_says_whose_it_is(
    rows: list[LaneRow], holders: list[tuple[int, tuple[str, bytes] | None]], most: int, uptime: bool
) -> None:
    gauges = [(place, gauge(number, holder)) for number, (place, holder) in enumerate(holders)]
    wanted = {
        (each.place * len(READ_COLUMNS) + READ_COLUMNS.index(column), f"{COLUMNS[column].oid}.{each.index}"): each
        for each in rows
        for column in each.columns
    }
    parts = plan(rows, gauges, most, uptime=uptime)
    asked = [cell for part in parts for cell in objects_of(part)]
    assert sorted(asked) == sorted(wanted)
    assert [each for part in parts for each in part.gauges] == gauges
    for part in parts:
        oids = part.template.oids
        cells, values = objects_of(part), oids[part.gauge_values]
        assert values == tuple(each.oid for _, each in part.gauges)
        has_uptime = uptime or (not wanted and not gauges)
        assert oids[:1] == (SYS_UPTIME,) if has_uptime else SYS_UPTIME not in oids
        must_show = {each.holder for _, each in part.gauges if each.holder} | {
            (f"{COLUMNS[each.name_column].oid}.{each.index}", each.name)
            for each in map(wanted.__getitem__, cells)
            if each.name_column
        }
        assert set(names_of(part).items()) == must_show
        assert len(oids) == has_uptime + len(cells) + len(values) + len(must_show)
        assert len(oids) <= most or len(cells) + len(values) <= 1
        assert largest_answer(part) <= LARGEST_ANSWER or len(cells) + len(values) <= 1


SPEED, HIGH_SPEED = Column.IF_SPEED, Column.IF_HIGH_SPEED


def test_no_32_bit_counter_is_read_beside_its_64_bit_one() -> None:
    answered = dict.fromkeys(READ_COLUMNS, 5)
    left = set(READ_COLUMNS) - set(steady_columns(answered))
    assert left == {Column.IF_IN_OCTETS, Column.IF_OUT_OCTETS}


def test_a_32_bit_counter_without_a_64_bit_one_is_read() -> None:
    answered = {Column.IF_IN_OCTETS: 1, Column.IF_OUT_OCTETS: 1, Column.IF_HC_OUT_OCTETS: 1}
    assert steady_columns(answered) == (Column.IF_IN_OCTETS, Column.IF_HC_OUT_OCTETS)


@pytest.mark.parametrize(
    ("speed", "high_speed", "read"),
    [
        (1_000_000_000, 1000, {HIGH_SPEED}),
        (2**32 - 1, 10_000, {HIGH_SPEED}),  # ifSpeed says: look there (RFC 2863)
        (1_544_000, 2, {SPEED, HIGH_SPEED}),  # a T1; ifHighSpeed is rounded
        (64_000, 0, {SPEED, HIGH_SPEED}),
        (2**32 - 1, 0, {SPEED, HIGH_SPEED}),
        (0, 0, {SPEED, HIGH_SPEED}),
        (0, 100, {SPEED, HIGH_SPEED}),
        (1_000_000, 1, {HIGH_SPEED}),
        (None, 100, {HIGH_SPEED}),
        (1_000_000, None, {SPEED}),
    ],
)
def test_a_speed_is_read_where_it_says_more_than_the_other(
    speed: int | None, high_speed: int | None, read: set[Column]
) -> None:
    answered = {SPEED: speed, HIGH_SPEED: high_speed}
    assert set(steady_columns({column: value for column, value in answered.items() if value is not None})) == read


def test_only_what_was_answered_is_read() -> None:
    assert steady_columns({}) == ()
    assert steady_columns({Column.IF_OPER_STATUS: 1, Column.IF_NAME: 0}) == (Column.IF_OPER_STATUS,)
