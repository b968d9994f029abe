"""What two readings of interface rows say about a slot. Figures by hand: octets x 8 / seconds."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest

from collector.snmp.continuity import AgentClocks
from collector.snmp.interfaces import READ_COLUMNS, Column
from collector.snmp.rates import COLUMN_AT, MEASURED_FIELDS, Readings, measure

Values = Mapping[Column, int]

TRAFFIC = ("rx_bps", "tx_bps", "errors_rx", "errors_tx", "discards_rx", "discards_tx")
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
TEN_MEGABIT = {Column.IF_SPEED: 10_000_000}
GIGABIT = {Column.IF_HIGH_SPEED: 1_000}
NO_SPEED = {Column.IF_HIGH_SPEED: 0, Column.IF_SPEED: 0}


def reading(*rows: Values, moment: float = 0.0, uptime: int | None = 100_000, absent: int = 7) -> Readings:
    """Rows read at one moment; `absent` is what stands where nothing was answered."""
    values = [[row.get(column, absent) for column in READ_COLUMNS] for row in rows]
    there = [[column in row for column in READ_COLUMNS] for row in rows]
    nobody = np.full(len(rows), -1)
    clocks = AgentClocks(np.full(len(rows), -1 if uptime is None else uptime), nobody, nobody, nobody)
    return Readings(np.full(len(rows), moment), clocks, np.array(values, dtype=np.uint64), np.array(there))


def later(*rows: Values, moment: float = 60.0, uptime: int | None = 106_000) -> Readings:
    return reading(*rows, moment=moment, uptime=uptime)


def measured(
    before: Readings,
    now: Readings,
    *,
    wan: bool = True,
    known: bool = True,
    every: float = 60.0,
    committed_bps: float = math.nan,
) -> dict[str, float]:
    """The only row's."""
    found = measure(
        before,
        now,
        known=np.array([known]),
        wan=np.array([wan]),
        every=np.array([every]),
        committed_bps=np.array([committed_bps]),
    )
    assert {(column.shape, column.dtype) for column in found.values()} == {((1,), np.dtype(np.float64))}
    return {name: float(column[0]) for name, column in found.items()}


def rate(column: Column, before: int, now: int, about: Values, seconds: float = 60.0) -> float:
    """Of one incoming counter, in bit/s where it counts octets."""
    later_on = later(about | {column: now}, moment=seconds, uptime=100_000 + round(seconds * 100))
    found = measured(reading(about | {column: before}), later_on)
    return found["errors_rx" if column is Column.IF_IN_ERRORS else "rx_bps"]


def nothing(found: Mapping[str, float], *names: str) -> bool:
    return all(math.isnan(found[name]) for name in names)


def test_the_fields_are_those_of_a_link() -> None:
    state = ("rx_capacity_bps", "tx_capacity_bps", "oper_up", "flaps")
    assert tuple(measured(reading(BASE), later(LATER))) == MEASURED_FIELDS
    assert set(MEASURED_FIELDS) == {*TRAFFIC, *state}
    assert [READ_COLUMNS[COLUMN_AT[column]] for column in READ_COLUMNS] == list(READ_COLUMNS)


def test_on_a_wan_port_what_comes_in_is_download() -> None:
    assert measured(reading(BASE), later(LATER)) == {
        "rx_bps": 10e6,
        "tx_bps": 1e6,
        "rx_capacity_bps": 100e6,
        "tx_capacity_bps": 100e6,
        "oper_up": 1,
        "flaps": 0,
        "errors_rx": 1,
        "errors_tx": 2,
        "discards_rx": 3,
        "discards_tx": 4,
    }


def test_on_a_lan_port_what_comes_in_is_upload() -> None:
    found = measured(reading(BASE), later(LATER), wan=False)
    assert [found[name] for name in TRAFFIC] == [1e6, 10e6, 2, 1, 4, 3]


def test_each_row_is_measured_by_its_own_port_line_and_slot() -> None:
    slow = {Column.IF_HIGH_SPEED: 5}
    before = reading(BASE, BASE, BASE | slow, BASE | slow, BASE, BASE)
    now = later(LATER, LATER, LATER | slow, LATER | slow, LATER, LATER)
    found = measure(
        before,
        now,
        known=np.array([True, True, True, True, False, True]),
        wan=np.array([True, False, True, True, True, True]),
        every=np.array([60.0, 60.0, 60.0, 60.0, 60.0, 600.0]),
        committed_bps=np.array([np.nan, np.nan, np.nan, 20e6, np.nan, np.nan]),
    )
    np.testing.assert_array_equal(found["rx_bps"], [10e6, 1e6, math.nan, 10e6, math.nan, math.nan])
    np.testing.assert_array_equal(found["tx_bps"], [1e6, 10e6, 1e6, 1e6, math.nan, math.nan])
    np.testing.assert_array_equal(found["rx_capacity_bps"], [100e6, 100e6, 5e6, 5e6, 100e6, 100e6])


def test_no_rows_give_empty_columns() -> None:
    none = np.zeros(0)
    nobody = AgentClocks(*(np.zeros(0, dtype=np.int64) for _ in range(4)))
    values = np.zeros((0, len(READ_COLUMNS)))
    empty = Readings(none, nobody, values.astype(np.uint64), values.astype(bool))
    flags = none.astype(bool)
    found = measure(empty, empty, known=flags, wan=flags, every=none, committed_bps=none)
    assert {name: column.shape for name, column in found.items()} == dict.fromkeys(MEASURED_FIELDS, (0,))


@pytest.mark.parametrize("moment", [0.0, math.nan])
def test_one_reading_tells_the_state_but_no_rate(moment: float) -> None:
    found = measured(reading(LATER, moment=moment, uptime=90_000), later(BASE), known=False)
    assert (found["oper_up"], found["rx_capacity_bps"]) == (1, 100e6)
    assert nothing(found, *TRAFFIC, "flaps")


@pytest.mark.parametrize(
    ("before", "now"),
    [
        (100_000, 3_000),  # it started again
        (100, 5_000),  # up for 1 s, then for 50: it started again or not
        (8_640_000, 4_320_000),  # set back, or the other unit of a pair
    ],
)
def test_no_rate_is_known_where_the_agent_may_not_have_run_on(before: int, now: int) -> None:
    found = measured(reading(BASE, uptime=before), later(LATER, uptime=now))
    assert nothing(found, *TRAFFIC, "flaps")
    assert (found["oper_up"], found["tx_capacity_bps"]) == (1, 100e6)


def test_no_rate_is_known_across_a_restart_of_the_agent_alone() -> None:
    """Many agents keep the counters themselves; whether this one does cannot be seen."""
    before, now = reading(BASE), later(LATER)
    before, now = (
        replace(at, clocks=replace(at.clocks, engine_boots=np.array([boots]))) for at, boots in ((before, 7), (now, 8))
    )
    assert nothing(measured(before, now), *TRAFFIC, "flaps")


def test_no_rate_is_known_across_a_counter_discontinuity() -> None:
    column = Column.IF_COUNTER_DISCONTINUITY_TIME
    found = measured(reading(BASE | {column: 0}), later(LATER | {column: 103_000}))
    assert nothing(found, *TRAFFIC)
    assert found["flaps"] == 0


def test_a_discontinuity_is_one_only_where_both_readings_name_it() -> None:
    named = {Column.IF_COUNTER_DISCONTINUITY_TIME: 5}
    for before, now in ((BASE, LATER | named), (BASE | named, LATER), (BASE | named, LATER | named)):
        assert measured(reading(before), later(now))["rx_bps"] == 10e6


def test_a_counter_that_was_reset_leaves_the_other_direction_known() -> None:
    found = measured(reading(BASE), later(LATER | {Column.IF_HC_IN_OCTETS: 5}))
    assert math.isnan(found["rx_bps"])
    assert found["tx_bps"] == 1e6


@pytest.mark.parametrize(("moment", "known"), [(14.9, False), (15.0, True), (150.0, True), (150.1, False)])
@pytest.mark.parametrize("uptime", [None, 100_000])
def test_readings_too_close_or_too_far_apart_give_no_rate(moment: float, known: bool, uptime: int | None) -> None:
    then = None if uptime is None else uptime + round(moment * 100)
    found = measured(reading(BASE, uptime=uptime), later(LATER, moment=moment, uptime=then))
    assert nothing(found, *TRAFFIC, "flaps") is not known


def test_slots_may_be_short() -> None:
    found = measured(
        reading(BASE), later(BASE | {Column.IF_HC_IN_OCTETS: 1_000_125}, moment=0.5, uptime=100_050), every=1
    )
    assert found["rx_bps"] == 2_000


@pytest.mark.parametrize("moment", [0.0, -1.0])
def test_no_time_gives_no_difference(moment: float) -> None:
    assert nothing(measured(reading(BASE), later(LATER, moment=moment), every=0.0), *TRAFFIC)


def test_the_agents_own_clock_divides_when_our_answer_was_late() -> None:
    assert measured(reading(BASE), later(LATER, moment=75.0))["rx_bps"] == 10e6


def test_our_clock_divides_when_the_agents_was_set() -> None:
    assert measured(reading(BASE), later(LATER, uptime=900_000))["rx_bps"] == 10e6


def test_a_64_bit_counter_that_fell_was_reset() -> None:
    assert math.isnan(rate(Column.IF_HC_IN_OCTETS, 10**12, 500, GIGABIT))


def test_differences_of_64_bits_are_exact() -> None:
    """As float64 both would be 2^63."""
    assert rate(Column.IF_HC_IN_OCTETS, 2**63 + 1, 2**63 + 16, GIGABIT) == 2
    assert rate(Column.IF_HC_IN_OCTETS, 2**64 - 1, 14, GIGABIT) == 2


def test_a_32_bit_counter_that_fell_farther_than_the_line_can_carry_was_reset() -> None:
    assert math.isnan(rate(Column.IF_IN_OCTETS, 3_000_000_000, 10, TEN_MEGABIT))


@pytest.mark.parametrize("column", [Column.IF_HC_IN_OCTETS, Column.IF_IN_OCTETS])
def test_more_than_the_interface_can_carry_is_not_a_rate(column: Column) -> None:
    # 65 s (60 and 5 of an agent's cache) at 1.25 MB/s are 81,250,000 octets: 10,833,333.3 bit/s in 60 s.
    assert rate(column, 0, 81_250_000, TEN_MEGABIT) == 10_833_333
    assert math.isnan(rate(column, 0, 81_250_001, TEN_MEGABIT))


def test_a_32_bit_counter_that_can_wrap_twice_in_the_interval_says_nothing() -> None:
    # At 1 Gbit/s 2^32 octets take 34.4 s.
    assert rate(Column.IF_IN_OCTETS, 0, 29_300, GIGABIT, seconds=29.3) == 8_000
    assert math.isnan(rate(Column.IF_IN_OCTETS, 0, 29_400, GIGABIT, seconds=29.4))
    # 64 s at 2^29 bit/s are 2^32 octets, which look like none at all.
    assert rate(Column.IF_IN_OCTETS, 7, 7, {Column.IF_SPEED: 2**29 - 1}, seconds=59) == 0
    assert math.isnan(rate(Column.IF_IN_OCTETS, 7, 7, {Column.IF_SPEED: 2**29}, seconds=59))


def test_a_rate_is_told_in_whole_bits() -> None:
    # 100 octets in 60 s are 13.33 bit/s, 70 octets 9.33, 5 octets 0.67.
    assert [rate(Column.IF_HC_IN_OCTETS, 0, octets, TEN_MEGABIT) for octets in (100, 70, 5)] == [13, 9, 1]


def test_a_32_bit_counter_without_a_known_speed_says_nothing() -> None:
    assert math.isnan(rate(Column.IF_IN_OCTETS, 0, 75_000, NO_SPEED))
    assert math.isnan(rate(Column.IF_IN_OCTETS, 0, 75_000, {}))


def test_a_64_bit_counter_without_a_known_speed_is_bounded_by_the_fastest_port() -> None:
    # 400 Gbit/s for 65 s are 3.25e12 octets: 433,333,333,333.3 bit/s in 60 s.
    assert rate(Column.IF_HC_IN_OCTETS, 0, 3_250_000_000_000, NO_SPEED) == 433_333_333_333
    assert math.isnan(rate(Column.IF_HC_IN_OCTETS, 0, 3_250_000_000_001, NO_SPEED))


def test_without_64_bit_counters_those_of_32_bits_serve_and_may_wrap() -> None:
    before = {Column.IF_IN_OCTETS: 2**32 - 1_000, Column.IF_OUT_OCTETS: 0} | TEN_MEGABIT
    now = {Column.IF_IN_OCTETS: 6_500, Column.IF_OUT_OCTETS: 75_000} | TEN_MEGABIT
    found = measured(reading(before), later(now))
    assert (found["rx_bps"], found["tx_bps"]) == (1_000, 10_000)


def test_a_64_bit_counter_comes_before_that_of_32_bits() -> None:
    narrow = {Column.IF_IN_OCTETS: 0, Column.IF_OUT_OCTETS: 0}
    assert measured(reading(BASE | narrow), later(LATER | narrow))["rx_bps"] == 10e6


@pytest.mark.parametrize("lost", ["before", "now"])
def test_a_64_bit_counter_that_was_answered_once_leaves_that_of_32_bits(lost: str) -> None:
    old, new = {Column.IF_IN_OCTETS: 0}, {Column.IF_IN_OCTETS: 750_000}
    (old if lost == "now" else new)[Column.IF_HC_IN_OCTETS] = 10**9
    found = measured(reading(old | TEN_MEGABIT), later(new | TEN_MEGABIT))
    assert found["rx_bps"] == 100_000
    assert math.isnan(found["tx_bps"])


@pytest.mark.parametrize("column", [Column.IF_HC_IN_OCTETS, Column.IF_IN_OCTETS, Column.IF_IN_ERRORS])
def test_a_counter_that_was_answered_once_gives_nothing(column: Column) -> None:
    for before, now in (({column: 7}, {}), ({}, {column: 7})):
        assert nothing(measured(reading(TEN_MEGABIT | before), later(TEN_MEGABIT | now)), *TRAFFIC)


@pytest.mark.parametrize(("before", "now"), [(2**32, 2**32 + 7), (2**32 - 1, 2**32 + 6), (2**32, 7)])
def test_a_value_that_does_not_fit_its_counter_says_nothing(before: int, now: int) -> None:
    assert math.isnan(rate(Column.IF_IN_OCTETS, before, now, TEN_MEGABIT))
    assert math.isnan(rate(Column.IF_IN_ERRORS, before, now, TEN_MEGABIT))


def test_a_fall_is_no_wrap_where_the_agent_has_no_clock() -> None:
    """It may have started again; a rise still stands, being no more than what was carried."""
    before = {Column.IF_IN_OCTETS: 2**32 - 1_000, Column.IF_OUT_OCTETS: 0} | TEN_MEGABIT
    now = {Column.IF_IN_OCTETS: 6_500, Column.IF_OUT_OCTETS: 75_000} | TEN_MEGABIT
    for uptime in (None, 100_000):
        found = measured(reading(before, uptime=uptime), later(now, uptime=uptime))
        assert math.isnan(found["rx_bps"])
        assert found["tx_bps"] == 10_000


@pytest.mark.parametrize(("status", "changed"), [(2, 500), (1, 9_000)])
def test_a_fall_is_no_wrap_where_the_interface_went_down_meanwhile(status: int, changed: int) -> None:
    """PPP and cellular interfaces are made anew and count from zero."""
    before = BASE | {Column.IF_IN_OCTETS: 2**32 - 1_000, Column.IF_OUT_OCTETS: 0} | TEN_MEGABIT
    now = before | {Column.IF_IN_OCTETS: 6_500, Column.IF_OUT_OCTETS: 75_000}
    for values in (before, now):
        for column in (Column.IF_HC_IN_OCTETS, Column.IF_HC_OUT_OCTETS, Column.IF_HIGH_SPEED):
            del values[column]
    assert measured(reading(before), later(now))["rx_bps"] == 1_000
    found = measured(reading(before), later(now | {Column.IF_OPER_STATUS: status, Column.IF_LAST_CHANGE: changed}))
    assert math.isnan(found["rx_bps"])
    assert found["tx_bps"] == 10_000


def test_more_errors_than_the_line_can_carry_packets_are_no_count() -> None:
    # 65 s at 10 Mbit/s and 160 bits a packet: 4,062,500.
    assert rate(Column.IF_IN_ERRORS, 0, 4_062_500, TEN_MEGABIT) == 4_062_500
    assert math.isnan(rate(Column.IF_IN_ERRORS, 0, 4_062_501, TEN_MEGABIT))
    assert rate(Column.IF_IN_ERRORS, 2**32 - 5, 5, TEN_MEGABIT) == 10


@pytest.mark.parametrize("speed", [NO_SPEED, {Column.IF_HIGH_SPEED: 100_000}])
def test_without_a_bound_a_rise_of_errors_counts_and_a_fall_says_nothing(speed: Values) -> None:
    assert rate(Column.IF_IN_ERRORS, 5, 7, speed) == 2
    assert rate(Column.IF_IN_ERRORS, 7, 7, speed) == 0
    assert rate(Column.IF_IN_ERRORS, 0, 2**32 - 1, speed) == 2**32 - 1
    assert math.isnan(rate(Column.IF_IN_ERRORS, 7, 5, speed))
    assert math.isnan(rate(Column.IF_IN_ERRORS, 2**32 - 1, 5, speed))


def test_a_rate_beyond_the_port_is_not_a_rate_unless_the_line_is_faster_than_its_router_says() -> None:
    slow = {Column.IF_HIGH_SPEED: 5}
    before, now = reading(BASE | slow), later(LATER | slow)
    assert math.isnan(measured(before, now)["rx_bps"])
    assert math.isnan(measured(before, now, committed_bps=4e6)["rx_bps"])
    assert measured(before, now, committed_bps=20e6)["rx_bps"] == 10e6


def test_what_is_committed_does_not_stand_for_an_unknown_speed() -> None:
    """The port may be faster, so that its 32-bit counters may have wrapped."""
    before, now = reading({Column.IF_IN_OCTETS: 0}), later({Column.IF_IN_OCTETS: 75_000})
    assert math.isnan(measured(before, now, committed_bps=20e6)["rx_bps"])


def test_a_port_that_changed_its_speed_is_bounded_by_the_faster() -> None:
    fast, slow = {Column.IF_HIGH_SPEED: 1_000}, {Column.IF_HIGH_SPEED: 5}
    assert measured(reading(BASE | fast), later(LATER | slow))["rx_bps"] == 10e6
    assert measured(reading(BASE | slow), later(LATER | fast))["rx_bps"] == 10e6
    old, new = {Column.IF_IN_OCTETS: 0}, {Column.IF_IN_OCTETS: 75_000}
    for first, second in ((fast, slow), (slow, fast), (slow, {}), ({}, slow)):
        assert math.isnan(measured(reading(old | first), later(new | second))["rx_bps"])
