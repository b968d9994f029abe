"""Numbers and times as people read them."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.model import FIELDS
from reports.formatting import (
    ABSENT,
    aligned,
    availability,
    bit_rate,
    byte_size,
    duration,
    local_span,
    local_time,
    month_bounds,
    number,
    percent,
    plain,
    quantity,
)

CHICAGO = ZoneInfo("America/Chicago")


@pytest.mark.parametrize("absent", [None, math.nan, math.inf])
def test_what_is_absent_is_never_a_number(absent: float | None) -> None:
    texts = {number(absent), percent(absent), bit_rate(absent), byte_size(absent)}
    texts |= {form(absent, unit) for unit in FIELDS.values() for form in (quantity, aligned)}
    assert texts == {ABSENT}
    assert availability(None) == ABSENT


@pytest.mark.parametrize(
    ("bps", "text"),
    [
        (0, "0 bit/s"),
        (950, "950 bit/s"),
        (48_200_000, "48.2 Mbit/s"),
        (999_700, "1 Mbit/s"),
        (2.5e9, "2.5 Gbit/s"),
        (200e6, "200 Mbit/s"),
    ],
)
def test_bit_rates_are_decimal_multiples(bps: float, text: str) -> None:
    assert bit_rate(bps) == text


def test_quantities_carry_their_unit_and_no_trailing_zeros() -> None:
    assert quantity(8.0, "%") == "8 %"
    assert quantity(12.5, "%") == "12.5 %"
    assert quantity(0.125, "%") == "0.125 %"
    assert quantity(140.4, "ms") == "140 ms"
    assert quantity(5, "") == "5"
    assert aligned(26.0, "ms") == "26.0 ms"


def test_a_value_below_zero_keeps_its_sign_and_zero_has_none() -> None:
    assert quantity(-71.0, "dBm") == "−71 dBm"
    assert number(-0.04, 1) == "0.0"


def test_availability_is_cut_and_never_rounded_up_to_a_hundred() -> None:
    assert availability(99.9996) == "99.999 %"
    assert availability(100.0) == "100.000 %"
    assert availability(99.953) == "99.953 %"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (45, "45 s"), (60, "1 min"), (4320, "1 h 12 min"), (183_600, "2 d 3 h"), (86_400, "1 d")],
)
def test_durations_name_their_two_largest_units(seconds: int, text: str) -> None:
    assert duration(seconds) == text


def test_times_are_local_with_the_zones_abbreviation() -> None:
    assert local_time(datetime(2026, 3, 3, 18, 30, tzinfo=UTC), CHICAGO) == "2026-03-03 12:30 CST"
    assert local_time(datetime(2026, 7, 3, 18, 30, 5, tzinfo=UTC), CHICAGO) == "2026-07-03 13:30:05 CDT"
    assert local_time(None, CHICAGO) == "not known"


def test_a_zone_without_an_abbreviation_is_named_by_its_offset() -> None:
    assert local_time(datetime(2026, 3, 3, tzinfo=UTC), ZoneInfo("Asia/Kathmandu")) == "2026-03-03 05:45 UTC+05:45"
    assert local_time(datetime(2026, 3, 3, tzinfo=UTC), ZoneInfo("Asia/Kolkata")) == "2026-03-03 05:30 IST"


def test_a_span_repeats_only_what_differs() -> None:
    start = datetime(2026, 3, 3, 18, 30, tzinfo=UTC)
    assert local_span(start, start + timedelta(minutes=40), CHICAGO) == "2026-03-03 12:30 – 13:10 CST"
    assert local_span(start, start + timedelta(hours=14), CHICAGO) == "2026-03-03 12:30 – 2026-03-04 02:30 CST"
    assert local_span(start, None, CHICAGO) == "since 2026-03-03 12:30 CST, still lasting"


def test_a_span_over_the_change_of_clocks_names_both_zones() -> None:
    start = datetime(2026, 3, 8, 7, 0, tzinfo=UTC)
    assert local_span(start, start + timedelta(hours=2), CHICAGO) == "2026-03-08 01:00 CST – 2026-03-08 04:00 CDT"


def test_a_month_has_the_length_that_the_clients_calendar_gives_it() -> None:
    start, end = month_bounds("2026-03", CHICAGO)
    assert (start, end) == (datetime(2026, 3, 1, 6, tzinfo=UTC), datetime(2026, 4, 1, 5, tzinfo=UTC))
    assert end - start == timedelta(days=31) - timedelta(hours=1)
    assert month_bounds("2026-12", ZoneInfo("UTC"))[1] == datetime(2027, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("wrong", ["2026-13", "2026-1", "March", "2026", "1026-01", ""])
def test_a_month_of_another_form_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match="form YYYY-MM"):
        month_bounds(wrong, CHICAGO)


def test_control_characters_and_direction_overrides_are_made_visible() -> None:
    assert plain("a\x00b\u202ec\td\r\ne") == "a�b�c d\ne"


@given(st.text())
def test_what_is_plain_stays_as_it_is(text: str) -> None:
    assert plain(plain(text)) == plain(text)
