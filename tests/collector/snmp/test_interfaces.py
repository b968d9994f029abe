"""What IF-MIB rows mean for a link. Figures by hand: octets x 8 / seconds."""

from __future__ import annotations

import math
from collections.abc import Mapping

import pytest

from collector.snmp.interfaces import (
    Column,
    Facing,
    LinkMeasurement,
    Reading,
    Row,
    find_row,
    flaps,
    measure,
    naming_columns,
    oper_up,
    speed_bps,
)
from inventory.model import Link, LinkRole

BASE = {
    Column.IF_HC_IN_OCTETS: 1_000_000,
    Column.IF_HC_OUT_OCTETS: 2_000_000,
    Column.IF_IN_ERRORS: 10,
    Column.IF_OUT_ERRORS: 20,
    Column.IF_IN_DISCARDS: 30,
    Column.IF_OUT_DISCARDS: 40,
    Column.IF_OPER_STATUS: 1,
    Column.IF_LAST_CHANGE: 500,
    Column.IF_HIGH_SPEED: 100,
}
LATER = BASE | {
    Column.IF_HC_IN_OCTETS: 76_000_000,  # 75 MB in 60 s: 10 Mbit/s
    Column.IF_HC_OUT_OCTETS: 9_500_000,  # 7.5 MB: 1 Mbit/s
    Column.IF_IN_ERRORS: 11,
    Column.IF_OUT_ERRORS: 22,
    Column.IF_IN_DISCARDS: 33,
    Column.IF_OUT_DISCARDS: 44,
}


def reading(values: Mapping[Column, int], moment: float = 0.0, uptime: int | None = 100_000) -> Reading:
    return Reading(moment=moment, uptime=uptime, values=values)


def minute_later(values: Mapping[Column, int], uptime: int | None = 106_000, moment: float = 60.0) -> Reading:
    return reading(values, moment, uptime)


def traffic(measured: LinkMeasurement) -> tuple[float, ...]:
    return (measured.rx_bps, measured.tx_bps, measured.errors_rx, measured.errors_tx, measured.discards_rx)


def test_on_a_wan_port_what_comes_in_is_download() -> None:
    measured = measure(reading(BASE), minute_later(LATER), Facing.WAN, every=60)
    assert (measured.rx_bps, measured.tx_bps) == (10e6, 1e6)
    assert (measured.errors_rx, measured.errors_tx) == (1, 2)
    assert (measured.discards_rx, measured.discards_tx) == (3, 4)
    assert (measured.rx_capacity_bps, measured.tx_capacity_bps) == (100e6, 100e6)
    assert (measured.oper_up, measured.flaps) == (1, 0)


def test_on_a_lan_port_what_comes_in_is_upload() -> None:
    measured = measure(reading(BASE), minute_later(LATER), Facing.LAN, every=60)
    assert (measured.rx_bps, measured.tx_bps) == (1e6, 10e6)
    assert (measured.errors_rx, measured.errors_tx) == (2, 1)
    assert (measured.discards_rx, measured.discards_tx) == (4, 3)


@pytest.mark.parametrize(
    ("role", "facing"), [(LinkRole.LAN, Facing.LAN), (LinkRole.PRIMARY, Facing.WAN), (LinkRole.TERTIARY, Facing.WAN)]
)
def test_the_role_of_a_link_says_where_its_port_looks(role: LinkRole, facing: Facing) -> None:
    assert Facing.of(Link(id="l", site="s", role=role)) is facing


def test_one_reading_tells_the_state_but_no_rate() -> None:
    measured = measure(None, reading(BASE), Facing.WAN, every=60)
    assert measured.oper_up == 1
    assert measured.rx_capacity_bps == 100e6
    assert all(map(math.isnan, (*traffic(measured), measured.flaps)))


def test_no_rate_is_known_across_a_reboot() -> None:
    measured = measure(reading(BASE), minute_later(LATER, uptime=3_000), Facing.WAN, every=60)
    assert all(map(math.isnan, (*traffic(measured), measured.flaps)))
    assert measured.oper_up == 1


def test_no_rate_is_known_across_a_counter_discontinuity() -> None:
    column = Column.IF_COUNTER_DISCONTINUITY_TIME
    measured = measure(reading(BASE | {column: 0}), minute_later(LATER | {column: 103_000}), Facing.WAN, every=60)
    assert all(map(math.isnan, traffic(measured)))
    assert measured.flaps == 0


def test_a_counter_that_was_reset_leaves_the_other_direction_known() -> None:
    measured = measure(reading(BASE), minute_later(LATER | {Column.IF_HC_IN_OCTETS: 5}), Facing.WAN, every=60)
    assert math.isnan(measured.rx_bps)
    assert measured.tx_bps == 1e6


@pytest.mark.parametrize(("moment", "known"), [(14.9, False), (15.0, True), (150.0, True), (150.1, False)])
def test_readings_too_close_or_too_far_apart_give_no_rate(moment: float, known: bool) -> None:
    measured = measure(reading(BASE, uptime=None), minute_later(LATER, None, moment), Facing.WAN, every=60)
    assert math.isnan(measured.rx_bps) is not known


def test_the_agents_own_clock_divides_when_our_answer_was_late() -> None:
    measured = measure(reading(BASE), minute_later(LATER, uptime=106_000, moment=75.0), Facing.WAN, every=60)
    assert measured.rx_bps == 10e6


def test_without_64_bit_counters_those_of_32_bits_serve_and_may_wrap() -> None:
    before = {Column.IF_IN_OCTETS: 2**32 - 1_000, Column.IF_OUT_OCTETS: 0, Column.IF_SPEED: 10_000_000}
    now = {Column.IF_IN_OCTETS: 6_500, Column.IF_OUT_OCTETS: 75_000, Column.IF_SPEED: 10_000_000}
    measured = measure(reading(before), minute_later(now), Facing.WAN, every=60)
    assert (measured.rx_bps, measured.tx_bps) == (1_000, 10_000)


def test_a_32_bit_counter_of_a_fast_port_gives_no_rate() -> None:
    values = {Column.IF_IN_OCTETS: 0, Column.IF_OUT_OCTETS: 0, Column.IF_HIGH_SPEED: 1_000}
    measured = measure(reading(values), minute_later(values | {Column.IF_IN_OCTETS: 5_000}), Facing.WAN, every=60)
    assert math.isnan(measured.rx_bps)


def test_errors_of_a_fast_port_still_count() -> None:
    fast = {Column.IF_HIGH_SPEED: 100_000}
    measured = measure(reading(BASE | fast), minute_later(LATER | fast), Facing.WAN, every=60)
    assert measured.errors_rx == 1


def test_a_rate_beyond_the_port_is_not_a_rate_unless_the_line_is_faster_than_its_router_says() -> None:
    slow = {Column.IF_HIGH_SPEED: 5}
    before, now = reading(BASE | slow), minute_later(LATER | slow)
    assert math.isnan(measure(before, now, Facing.WAN, every=60).rx_bps)
    assert measure(before, now, Facing.WAN, every=60, committed_bps=20e6).rx_bps == 10e6


@pytest.mark.parametrize(
    ("high", "low", "speed"),
    [
        (1_000, 1_000_000_000, 1e9),
        (10_000, 2**32 - 1, 1e10),
        (0, 2_048_000, 2_048_000),
        (None, 2_048_000, 2_048_000),
        (2**32 - 1, 2**32 - 1, math.nan),
        (0, 0, math.nan),
        (None, None, math.nan),
    ],
)
def test_a_speed_that_an_agent_does_not_know_is_not_zero(high: int | None, low: int | None, speed: float) -> None:
    given = {Column.IF_HIGH_SPEED: high, Column.IF_SPEED: low}
    assert speed_bps({column: value for column, value in given.items() if value is not None}) == pytest.approx(
        speed, nan_ok=True
    )


@pytest.mark.parametrize(
    ("status", "up"), [(1, 1), (2, 0), (3, 0), (4, math.nan), (5, math.nan), (6, 0), (7, 0), (99, math.nan)]
)
def test_if_oper_status_is_read_as_rfc_2863_means_it(status: int, up: float) -> None:
    assert oper_up({Column.IF_OPER_STATUS: status}) == pytest.approx(up, nan_ok=True)


def test_an_absent_if_oper_status_is_not_down() -> None:
    assert math.isnan(oper_up({}))


@pytest.mark.parametrize(
    ("before", "now", "count"),
    [
        ((1, 500), (1, 500), 0),
        ((1, 500), (2, 9_000), 1),
        ((2, 500), (1, 500), 1),  # an agent that does not keep ifLastChange
        ((1, 500), (1, 9_000), 2),  # down and up again between the readings
    ],
)
def test_flaps_are_the_fewest_changes_that_explain_both_readings(
    before: tuple[int, int], now: tuple[int, int], count: int
) -> None:
    columns = (Column.IF_OPER_STATUS, Column.IF_LAST_CHANGE)
    assert flaps(dict(zip(columns, before, strict=True)), dict(zip(columns, now, strict=True))) == count


TABLE: Mapping[Column, Mapping[str, bytes]] = {
    Column.IF_NAME: {"1": b"Gi0/0/0", "2": b"gi0/0/1", "3": b"GI0/0/1", "4": b"ge0\0", "5": b"same", "6": b"same"},
    Column.IF_DESCR: {"1": b"GigabitEthernet0/0/0", "9": b"only described", "2": b"Gi0/0/0"},
    Column.IF_ALIAS: {"1": b"WAN to carrier"},
}


@pytest.mark.parametrize(
    ("interface", "index", "column"),
    [
        ("Gi0/0/0", 1, Column.IF_NAME),  # ifName comes before the ifDescr of another row
        ("GI0/0/0", 1, Column.IF_NAME),
        ("gigabitethernet0/0/0", 1, Column.IF_DESCR),
        ("GI0/0/1", 3, Column.IF_NAME),  # exact before alike
        ("ge0", 4, Column.IF_NAME),
        ("only described", 9, Column.IF_DESCR),
        ("ifIndex:7", 7, None),
        ("ifAlias:wan to carrier", 1, Column.IF_ALIAS),
    ],
)
def test_an_interface_is_found_by_name(interface: str, index: int, column: Column | None) -> None:
    row = find_row(interface, TABLE)
    assert row is not None
    assert (row.index, row.column) == (index, column)


@pytest.mark.parametrize(
    "interface", ["ge1", "gI0/0/1", "same", "ifIndex:x", "ifIndex:", "ifAlias:none", "WAN to carrier"]
)
def test_a_name_that_is_absent_or_borne_twice_finds_nothing(interface: str) -> None:
    assert find_row(interface, TABLE) is None


def test_only_the_columns_that_the_names_need_are_read() -> None:
    assert naming_columns(["ifIndex:1", "ifIndex:2"]) == ()
    assert naming_columns(["ge0", "ifIndex:2"]) == (Column.IF_NAME, Column.IF_DESCR)
    assert naming_columns(["ifAlias:wan"]) == (Column.IF_ALIAS,)


def test_a_row_asks_for_its_name_first_so_that_a_moved_index_shows() -> None:
    row = Row(3, Column.IF_NAME, b"ge0", (Column.IF_OPER_STATUS,))
    assert row.oids == ("1.3.6.1.2.1.31.1.1.1.1.3", "1.3.6.1.2.1.2.2.1.8.3")
    assert Row(3, None, b"", (Column.IF_OPER_STATUS,)).oids == ("1.3.6.1.2.1.2.2.1.8.3",)
